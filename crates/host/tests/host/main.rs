//! The real and the remote host, seen from outside.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

mod links;
mod local;
mod loops;
mod ssh;
mod ssh_lock;
#[path = "../support/sshd.rs"]
mod sshd;
mod store;
