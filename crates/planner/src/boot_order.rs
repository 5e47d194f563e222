//! When the NFS server starts: after the datasets that it exports are mounted.
//!
//! Debian's units say so only by way of local-fs.target, and only where zfs-mount.service is enabled
//! (OpenZFS `zfs-mount.service`: Before=local-fs.target; nfs-utils `nfs-server.service`: after it). The
//! drop-in says it outright and wants the service. An export with `mountpoint` is left out when its
//! dataset comes late, until somebody runs `exportfs -ra`.

/// The first line of a drop-in that phoenix has written.
const HEADING: &str = "# Written by phoenix. Changes are undone.";

/// The drop-in.
pub const PATH: &str = "/etc/systemd/system/nfs-server.service.d/phoenix.conf";

/// The units that the NFS server comes after. Not zfs-share.service: before OpenZFS 2.2 it
/// comes after the NFS server by itself, and the two would wait for each other.
pub(crate) const AFTER: &str = "zfs-import.target zfs-mount.service";

/// What phoenix's drop-in says.
pub fn text() -> String {
    format!(
        "{HEADING}\n# The NFS server starts after the datasets that it exports are mounted.\n[Unit]\n\
         Wants=zfs-mount.service\nAfter={AFTER}\n"
    )
}

/// Whether phoenix has written a drop-in, in whatever state it is now.
pub fn is_ours(text: &str) -> bool {
    text.starts_with(HEADING)
}

/// The units that a drop-in puts before the server, for people.
pub(crate) fn after(text: &str) -> String {
    let orders = text.lines().filter_map(|line| line.strip_prefix("After="));
    Vec::from_iter(orders).join(" ")
}
