//! Plans the difference between a configuration and a host.
//!
//! Pure: a configuration and observed facts go in, an immutable [`plan::Plan`] comes out. Nothing
//! here does I/O, starts a thread or can fail on a host.

mod canonical;
mod check;
mod diff;
mod object;

pub mod boot_order;
pub mod draft;
pub mod export;
pub mod graph;
pub mod observed;
pub mod plan;
pub mod refusal;
pub mod render;
pub mod storage;
pub mod wanted;

pub use check::check;
pub use diff::{GrantProblem, Grants, PlanOptions, grant_problems, plan, unknown_addresses};
pub use graph::{Graph, graph};
pub use wanted::{Wanted, wanted};
