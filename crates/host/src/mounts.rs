//! `/proc/self/mounts`: what is mounted where.

use camino::{Utf8Path, Utf8PathBuf};

use crate::parse::{ParseError, unescape_octal};

/// The kernel's table of mounts.
pub const MOUNTS_FILE: &str = "/proc/self/mounts";

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// What is mounted; for ZFS the dataset's name.
    pub source: String,
    /// Where.
    pub target: Utf8PathBuf,
    /// The file system's type: `zfs`, `ext4`, `nfs4` ...
    pub fstype: String,
}

/// Reads [`MOUNTS_FILE`], oldest mount first.
///
/// # Errors
/// When a line has no source, target and type.
pub fn parse_mounts(text: &str) -> Result<Vec<Mount>, ParseError> {
    let mount = |line: &str| {
        let mut fields = line.split(' ');
        Some(Mount {
            source: unescape_octal(fields.next()?),
            target: unescape_octal(fields.next()?).into(),
            fstype: unescape_octal(fields.next()?),
        })
    };
    let reason = "it is not source, target and type";
    text.lines()
        .map(|line| mount(line).ok_or_else(|| ParseError::new(MOUNTS_FILE, line, reason)))
        .collect()
}

/// The mount whose root directory stands at a path. Of several on top of each other the last one
/// is the one that can be seen.
pub fn mounted_at<'a>(mounts: &'a [Mount], path: &Utf8Path) -> Option<&'a Mount> {
    mounts.iter().rfind(|mount| mount.target == path)
}

/// The mount that a path lies on: the one with the longest target above it.
pub fn mount_of<'a>(mounts: &'a [Mount], path: &Utf8Path) -> Option<&'a Mount> {
    path.ancestors().find_map(|above| mounted_at(mounts, above))
}
