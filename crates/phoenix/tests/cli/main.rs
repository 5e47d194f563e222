//! The binary as users meet it: arguments and files in; standard output, standard error and an exit
//! code out. Everything runs on simulated hosts in directories of its own.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod apply;
mod consent;
mod historic;
mod inputs;
mod journal;
mod kills;
mod lxc_config;
mod nvme;
mod orchestrator;
mod person;
mod remote;
mod scenario;
mod seed;
#[path = "../../../host/tests/support/sshd.rs"]
mod sshd;
mod status;
mod surface;
mod traps;
mod trust;
