//! What may be changed on a host without a command.
//!
//! Owns what is asked for, and its words for the journal, recordings and guards; the hosts do it.

use std::collections::BTreeMap;
use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::command::{Command, Program};

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Replaces a file: temporary file beside it, fsync, rename. An existing file keeps its mode
    /// and owner; a new one gets mode 0644. The file's directory is made if only that is missing:
    /// Debian ships no `/etc/exports.d`. A path that is a link is refused.
    WriteFile(Utf8PathBuf, String),
    /// Writes a kernel parameter below `/sys` or `/proc` in place.
    WriteParameter(Utf8PathBuf, String),
    /// Changes who may use a mounted directory.
    SetPermissions(PermissionChange),
}

impl Change {
    /// The file or directory that changes.
    pub fn path(&self) -> &Utf8Path {
        match self {
            Self::WriteFile(path, _) | Self::WriteParameter(path, _) => path,
            Self::SetPermissions(change) => &change.path,
        }
    }

    /// The change as the journal has it, like the words of a command: `write-file PATH`,
    /// `write-parameter PATH VALUE`, `set-permissions PATH [uid=N] [gid=N] [mode=OCTAL]
    /// [acl=ENTRY]..`. The contents of a file are not in it.
    pub fn words(&self) -> Vec<String> {
        let path = self.path().to_string();
        match self {
            Self::WriteFile(..) => vec!["write-file".to_owned(), path],
            Self::WriteParameter(_, value) => {
                vec!["write-parameter".to_owned(), path, value.clone()]
            }
            Self::SetPermissions(change) => {
                let fields = [
                    change.uid.map(|uid| format!("uid={uid}")),
                    change.gid.map(|gid| format!("gid={gid}")),
                    change.mode.map(|mode| format!("mode={mode:04o}")),
                ];
                let acl = change.acl.iter();
                let acl = acl.map(|(who, permissions)| format!("acl={who}{permissions}"));
                ["set-permissions".to_owned(), path]
                    .into_iter()
                    .chain(fields.into_iter().flatten())
                    .chain(acl)
                    .collect()
            }
        }
    }

    /// What a host does here, for [`HostError::File`](crate::HostError::File).
    pub fn verb(&self) -> &'static str {
        match self {
            Self::WriteFile(..) | Self::WriteParameter(..) => "write",
            Self::SetPermissions(_) => "change",
        }
    }
}

/// For a sentence: `writing /etc/exports`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WriteFile(path, _) | Self::WriteParameter(path, _) => write!(f, "writing {path}"),
            Self::SetPermissions(change) => {
                write!(f, "changing the permissions of {}", change.path)
            }
        }
    }
}

/// Changes owner, group, mode or ACL of the root directory of a mounted dataset, and of everything
/// below it if that is asked for, through the opened directory, so that a mount that goes away in
/// between is never confused with the empty directory below it.
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
    /// Entries of the directory's POSIX ACL to be set, permissions such as `r-x` by who has them, such
    /// as `group:1001:`; all others stay. Set last: a mask would take the mode for its own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub acl: BTreeMap<String, String>,
    /// Whether everything below the directory changes as well: on its own file system only, without
    /// following a symbolic link, files with the mode that [`file_mode`] gives.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recursive: bool,
}

impl PermissionChange {
    /// `setfacl -n -m`: sets the entries and leaves all others alone. `-n`: the mask is set only by
    /// an entry of its own, never worked out from the others.
    pub(crate) fn setfacl(&self, path: &str) -> Command {
        let entries = self.acl.iter();
        let entries: Vec<String> = entries
            .map(|(who, permissions)| format!("{who}{permissions}"))
            .collect();
        Command::write(Program::Setfacl, ["-n", "-m", &entries.join(","), path])
    }
}

/// The bits that a mode is compared by.
pub(crate) const MODE_BITS: u32 = 0o7777;

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
