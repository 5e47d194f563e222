//! Which device a member of a pool is: a whole disk that ZFS has divided itself, or a partition that
//! was there before.
//!
//! `zpool status -P` prints both as partitions. ZFS divides a disk that it is given whole into a
//! partition for data and a reserved one (`zpool_label_disk`, `lib/libzfs/os/linux/libzfs_pool_os.c`).

use camino::Utf8Path;

use super::inventory::{Disk, Inventory};
use super::unfinished::RESERVED;

impl Inventory {
    /// The device that a pool has at `path`, as its owner would name it: the whole disk where ZFS has
    /// divided it, even if that was after the disks were looked at; else what the path leads to.
    pub fn member(&self, path: &Utf8Path) -> Option<&Disk> {
        let Some(device) = self.find(path) else {
            let first = path.as_str().ends_with('1');
            return self.whole_disk(path).filter(|_| first);
        };
        Some(self.divided_by_zfs(device).unwrap_or(device))
    }

    /// The disk that ZFS was given when it made this partition; `None` for a partition that somebody
    /// else has made, and for everything that is none.
    pub fn divided_by_zfs(&self, partition: &Disk) -> Option<&Disk> {
        let disk = self.devices.get(partition.parent.as_deref()?)?;
        let others = disk.partitions.iter();
        let others = others.filter(|name| **name != partition.kernel_name);
        let others: Vec<&Disk> = others.filter_map(|name| self.devices.get(name)).collect();
        let is_reserved = |other: &&Disk| other.part_type.as_deref() == Some(RESERVED);
        let [reserved] = others.as_slice() else {
            return None;
        };
        (partition.kind == "part" && is_reserved(reserved) && !is_reserved(&partition))
            .then_some(disk)
    }
}

/// `path` without the partition that ZFS makes on a whole disk: the name that a member keeps when its
/// disk is gone.
pub fn without_first_partition(path: &str) -> &str {
    path.strip_suffix("-part1").unwrap_or(path)
}
