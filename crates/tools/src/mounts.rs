//! `/proc/self/mounts`: what is mounted where.

use std::collections::BTreeMap;

use camino::Utf8Path;

use crate::parse::ParseError;
use phoenix_host::octal::unescape_octal;

/// The kernel's table of mounts.
pub const MOUNTS_FILE: &str = "/proc/self/mounts";

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// What is mounted; for ZFS the dataset's name.
    pub source: String,
    /// The file system's type: `zfs`, `ext4`, `nfs4` ...
    pub fstype: String,
}

/// A table of mounts. A thousand datasets are a thousand mounts, each of which is looked up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mounts {
    /// The mount that can be seen at each target: of several on top of each other, the last one.
    /// By text, because paths are compared component by component, which costs ten times more.
    seen: BTreeMap<String, Mount>,
}

/// Reads [`MOUNTS_FILE`], which has the oldest mount first.
///
/// # Errors
/// When a line has no source, target and type.
pub fn parse_mounts(text: &str) -> Result<Mounts, ParseError> {
    let mount = |line: &str| {
        let mut fields = line.split(' ');
        let source = unescape_octal(fields.next()?);
        let target = unescape_octal(fields.next()?);
        let fstype = unescape_octal(fields.next()?);
        Some((target, Mount { source, fstype }))
    };
    let reason = "it is not source, target and type";
    let mut seen = BTreeMap::new();
    for line in text.lines() {
        let (target, mount) =
            mount(line).ok_or_else(|| ParseError::new(MOUNTS_FILE, line, reason))?;
        seen.insert(target, mount);
    }
    Ok(Mounts { seen })
}

impl Mounts {
    /// The mount whose root directory stands at a path.
    pub fn at(&self, path: &Utf8Path) -> Option<&Mount> {
        let text = path.as_str();
        match text.strip_suffix('/') {
            Some(text) if !text.is_empty() => self.seen.get(text),
            _ => self.seen.get(text),
        }
    }

    /// The mount that a path lies on: the one with the longest target above it.
    pub fn of(&self, path: &Utf8Path) -> Option<&Mount> {
        path.ancestors().find_map(|above| self.at(above))
    }

    /// Where something is mounted, sorted.
    pub fn targets(&self) -> impl Iterator<Item = &Utf8Path> {
        self.seen.keys().map(Utf8Path::new)
    }
}
