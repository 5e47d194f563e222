//! Observes a host and walks a plan: scheduling, journal, report.
//!
//! Decides nothing about what should change; the plan has decided everything. [`observe()`] reads
//! what a plan depends on, [`apply()`] walks one, [`import`] describes a host as a file. All know the
//! host only through [`phoenix_host::Host`], print nothing, and read no environment.

mod action;
mod apply;
pub mod code;
mod context;
pub mod event;
pub mod import;
pub mod journal;
mod mutex;
mod observe;
pub mod options;
pub mod report;
mod shared;
mod walk;

pub use apply::{ApplyError, apply, is_stale};
pub use observe::{ObserveError, observe};
