//! What may be changed in a mounted directory.
//!
//! Owns what is asked for; the hosts do it.

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

/// See [`Host::set_permissions`](crate::Host::set_permissions).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PermissionChange {
    /// The dataset that must be mounted at `path`.
    pub dataset: String,
    /// The mountpoint.
    pub path: Utf8PathBuf,
    /// New owner.
    pub uid: Option<u32>,
    /// New group.
    pub gid: Option<u32>,
    /// New permission bits, set-id and sticky included.
    pub mode: Option<u32>,
    /// Whether everything below the directory changes as well: on its own file system only, without
    /// following a symbolic link, files with the mode that [`file_mode`] gives.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recursive: bool,
}

/// The mode of a file in a tree whose directories have `directory`: without set-id and sticky
/// bits, which mean something else there, and executable only if it was executable for somebody
/// before (chmod's `X`).
pub fn file_mode(directory: u32, was: u32) -> u32 {
    if was & 0o111 == 0 {
        directory & 0o666
    } else {
        directory & 0o777
    }
}
