//! The crate through its public seams: real outputs in, verdicts and texts out.

#[cfg(test)]
mod captures;
#[cfg(test)]
mod forecast;
#[cfg(test)]
mod history;
#[cfg(test)]
mod pools;
#[cfg(test)]
mod renders;
#[cfg(test)]
mod support;
#[cfg(test)]
mod survey;
