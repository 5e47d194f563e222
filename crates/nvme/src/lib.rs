//! Judges the health of NVMe drives, alone and as members of ZFS pools, now and over time.
//!
//! Reading ([`mod@survey`], [`smartctl`], [`nvme_cli`]) turns what a host answers into a [`drive::Drive`];
//! [`report::assess`] turns drives, pools and history into a [`report::Report`]; [`render`] prints
//! one. Judging is pure: nothing below `assess` runs a program, reads a clock or prints. Nothing in
//! this crate changes a drive.

mod json;

pub mod commands;
pub mod drive;
pub mod finding;
pub mod firmware;
pub mod history;
pub mod identity;
pub mod nvme_cli;
pub mod policy;
pub mod pool;
pub mod render;
pub mod report;
pub mod smartctl;
pub mod survey;
pub mod trend;
pub mod trim;
pub mod verdict;

pub use drive::{Drive, Health};
pub use finding::{Code, Finding, Status};
pub use policy::Policy;
pub use report::{Report, assess};
pub use survey::survey;
