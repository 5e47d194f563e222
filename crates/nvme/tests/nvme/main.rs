//! The crate through its public seams: real outputs in, verdicts and texts out.

mod captures;
mod forecast;
mod history;
mod pools;
mod renders;
mod support;
mod survey;
