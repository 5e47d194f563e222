//! Observes a host and walks a plan: scheduling, journal, report.
//!
//! Decides nothing about what should change; the plan has decided everything.

pub mod event;
