//! Typed commands of the tools of a Proxmox host, and the parsers of their answers.
//!
//! Owns how each tool is asked and what its answer means. Runs nothing: a command goes through
//! [`phoenix_host::Host`]. The simulated host uses nothing of this crate, because the two are held
//! against each other.

pub mod acl;
pub mod arc;
pub mod disk;
pub mod drop_ins;
pub mod mounts;
pub mod nfs;
pub mod parallel;
pub mod parse;
pub mod pve;
pub mod system;
pub mod systemd;
pub mod tree;
pub mod zfs;
pub mod zpool;
