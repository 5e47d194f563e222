//! End-to-end tests on real OpenZFS and a real NFS server. Proxmox's tools are stand-ins.
//!
//! `cargo xtask lab test` builds phoenix, boots a pristine guest for each test and runs them one
//! after the other. Every file is one story; `host` is the way into the guest.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test is told its binary by the environment, says what it counted, and stops at the first surprise"
)]

mod broken_runs;
mod conformance;
mod disks;
mod drift;
mod erasing;
mod errors;
mod host;
mod plan;
