//! Disks: paths that name one drive for good.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::index::Index;
use crate::code::Code;
use crate::diagnostic::Finding;
use crate::model::{Disk, Pool};

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    let mut seen: BTreeMap<&str, (&Pool, &Disk)> = BTreeMap::new();
    for pool in &index.config.pools {
        for disk in pool.disks() {
            if is_placeholder(&disk.path) {
                findings.push(placeholder(disk));
                continue;
            }
            findings.extend(unstable(disk));
            let path = disk.path.as_str();
            if let Some((owner, first)) = seen.get(path) {
                findings.push(used_twice(owner, first, pool, disk));
            } else {
                seen.insert(path, (pool, disk));
            }
        }
    }
}

/// Whether the path is a gap that somebody forgot to fill, such as `__DISK_ID_1__`.
fn is_placeholder(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let upper = name.to_ascii_uppercase();
    let words = [
        "DISK_ID",
        "PLACEHOLDER",
        "CHANGEME",
        "CHANGE_ME",
        "REPLACE_ME",
        "YOUR_DISK",
    ];
    name.is_empty()
        || name.contains(['<', '>', '$', '{', '}'])
        || (name.starts_with("__") && name.ends_with("__"))
        || words.iter().any(|word| upper.contains(word))
}

fn placeholder(disk: &Disk) -> Finding {
    let message = format!("\"{}\" is a placeholder, not a disk", disk.path);
    Finding::error(Code::DiskPlaceholder, message)
        .help(
            "write the disk's link from /dev/disk/by-id/; `phoenix disks` lists the free ones with \
             model, size and serial number",
        )
        .at(&disk.origin, "fill in a disk")
}

fn unstable(disk: &Disk) -> Option<Finding> {
    let path = Utf8Path::new(&disk.path);
    let (code, message, label) = if !path.is_absolute() {
        (
            Code::DiskNotAPath,
            format!("\"{path}\" is not an absolute path"),
            "does not begin with /",
        )
    } else if path.parent() == Some(Utf8Path::new("/dev")) {
        (
            Code::DiskUnstablePath,
            format!("\"{path}\" can name another drive after the next boot"),
            "the kernel hands these names out anew",
        )
    } else {
        return None;
    };
    Some(
        Finding::error(code, message)
            .help(
                "use the disk's link from /dev/disk/by-id/, which holds model and serial number; \
                 `phoenix disks` lists them",
            )
            .at(&disk.origin, label),
    )
}

fn used_twice(owner: &Pool, first: &Disk, pool: &Pool, second: &Disk) -> Finding {
    let place = if owner.name == pool.name {
        format!("twice in pool \"{}\"", pool.name)
    } else {
        format!("by the pools \"{}\" and \"{}\"", owner.name, pool.name)
    };
    Finding::error(
        Code::DiskUsedTwice,
        format!("the disk \"{}\" is used {place}", second.path),
    )
    .help("each disk can have one place only; `phoenix disks` lists the others")
    .at(&second.origin, "used again here")
    .at(&first.origin, "first used here")
}
