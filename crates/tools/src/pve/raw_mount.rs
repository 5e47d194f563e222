//! `lxc.mount.entry` of a container: a line of fstab(5) that LXC mounts by itself, past Proxmox.

use phoenix_host::octal::unescape_octal;

/// A mount that LXC makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawMount {
    /// The line of the container's file, counted from 1.
    pub line: usize,
    /// What is mounted: a directory of the host for a bind mount, else anything.
    pub source: String,
    /// Where, as an absolute path inside the container.
    pub target: String,
    /// Whether it shows a directory of the host.
    pub bind: bool,
}

/// Reads the value of a line; `None` for one that mounts nothing. LXC ignores an absolute target
/// outside the container's root (`mount_entry_on_absolute_rootfs`).
pub(super) fn raw_mount(line: usize, value: &str) -> Option<RawMount> {
    let mut fields = value.split_whitespace().map(unescape_octal);
    let (source, target) = (fields.next()?, fields.next()?);
    let options = fields.nth(1).unwrap_or_default();
    let inside = match target.split_once("/rootfs/") {
        Some((_, inside)) if target.starts_with('/') => inside,
        _ if target.starts_with('/') => return None,
        _ => target.as_str(),
    };
    Some(RawMount {
        line,
        source,
        target: format!("/{}", inside.trim_matches('/')),
        bind: options
            .split(',')
            .any(|option| matches!(option, "bind" | "rbind")),
    })
}
