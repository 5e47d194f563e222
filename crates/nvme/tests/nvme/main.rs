//! The crate through its public seams: real outputs in, verdicts and texts out.

#[cfg(test)]
mod captures;
#[cfg(test)]
mod evidence;
#[cfg(test)]
mod forecast;
#[cfg(test)]
mod futures;
#[cfg(test)]
mod history;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod pools;
#[cfg(test)]
mod random;
#[cfg(test)]
mod renders;
#[cfg(test)]
mod support;
#[cfg(test)]
mod survey;
