//! Partitions that an unfinished `zpool create` leaves behind, and that hold nothing.
//!
//! `zpool create` first divides every disk into a data partition and a reserved one of 8 MiB, waits
//! for udev, and only then writes a label (OpenZFS `lib/libzfs/os/linux/libzfs_pool_os.c`,
//! `zpool_label_disk`). Power that goes in between leaves a disk that ZFS itself divided and never
//! wrote to. Such a disk counts as blank, so that the next run can go on; `zpool create` takes it
//! without `-f` (seen on OpenZFS 2.3.9).
//!
//! The protective MBR is written last (`lib/libefi/rdwr_efi.c`, `efi_write`). Without it the kernel
//! shows no partitions (Linux `block/partitions/efi.c`), so the table is read from the disk itself. A power cut
//! in the lab has left such a disk. Sectors of other than 512 bytes are not understood: such a disk is
//! refused until somebody grants that it is erased.

use std::collections::{BTreeMap, BTreeSet};

use super::gpt::{self, PartitionEntry};
use super::inventory::Disk;
use phoenix_host::Host;

/// The partition type that `zpool create` gives to data: Solaris /usr, Apple ZFS.
const DATA: &str = "6a898cc3-1dd2-11b2-99a6-080020736631";
/// The partition type that `zpool create` gives to the reserved partition.
pub(super) const RESERVED: &str = "6a945a3b-1dd2-11b2-99a6-080020736631";
/// The size of the reserved partition in bytes: 16,384 sectors of 512.
const RESERVED_BYTES: u64 = 8 * 1024 * 1024;

/// Signatures that a partition table alone consists of, as `lsblk` and `wipefs` call them.
const TABLE_ONLY: [&str; 3] = ["gpt", "PMBR", "partition"];

/// Lets idle disks that hold nothing but such partitions count as blank. What cannot be read speaks
/// against it.
pub(super) fn forget(host: &dyn Host, devices: &mut BTreeMap<String, Disk>) {
    let unfinished: Vec<String> = devices
        .values()
        .filter(|disk| is_unfinished(disk, devices) || is_barely_begun(host, disk))
        .map(|disk| disk.kernel_name.clone())
        .collect();
    for disk in unfinished {
        if let Some(disk) = devices.get_mut(&disk) {
            disk.signatures = BTreeSet::new();
        }
    }
}

fn is_unfinished(disk: &Disk, devices: &BTreeMap<String, Disk>) -> bool {
    let partitions: Vec<&Disk> = disk
        .partitions
        .iter()
        .filter_map(|name| devices.get(name))
        .collect();
    let [first, last] = partitions.as_slice() else {
        return false;
    };
    let (data, reserved) = if first.size < last.size {
        (last, first)
    } else {
        (first, last)
    };
    disk.kind == "disk"
        && disk.uses.is_empty()
        && data.part_type.as_deref() == Some(DATA)
        && reserved.part_type.as_deref() == Some(RESERVED)
        && reserved.size == RESERVED_BYTES
        && disk
            .signatures
            .iter()
            .all(|signature| TABLE_ONLY.contains(&signature.kind.as_str()))
}

/// Whether there is a table of two such partitions that the kernel does not see, and nothing where the
/// first of them begins.
fn is_barely_begun(host: &dyn Host, disk: &Disk) -> bool {
    let only_a_table = !disk.signatures.is_empty()
        && disk
            .signatures
            .iter()
            .all(|signature| signature.kind == "gpt");
    if disk.kind != "disk" || !disk.uses.is_empty() || !disk.partitions.is_empty() || !only_a_table
    {
        return false;
    }
    let read = gpt::table(&disk.path);
    let answer = host.run(&read).ok().filter(|read| read.code == Some(0));
    let entries = answer.and_then(|answer| gpt::parse_table(&answer.stdout));
    let entries = entries.unwrap_or_default();
    let Some(data) = data_of_zfs(&entries) else {
        return false;
    };
    let Ok(found) = host.run(&gpt::contents(&disk.path, data)) else {
        return false;
    };
    found.code == Some(2) && found.stdout.is_empty() && found.stderr.is_empty()
}

/// The data partition of a table that consists of what `zpool create` makes.
fn data_of_zfs(entries: &[PartitionEntry]) -> Option<&PartitionEntry> {
    let [data, reserved] = entries else {
        return None;
    };
    let is_zfs = (data.number, reserved.number) == (1, 9)
        && data.kind == DATA
        && reserved.kind == RESERVED
        && reserved.size == RESERVED_BYTES;
    is_zfs.then_some(data)
}

#[cfg(test)]
mod tests {
    use super::super::inventory::{Signature, Use};
    use super::*;
    use phoenix_sim::SimHost;

    /// A disk with two partitions and the signatures `kinds`; `change` damages it.
    fn forgotten(kinds: &[&str], change: fn(&mut BTreeMap<String, Disk>)) -> bool {
        let disk = |name: &str, kind: &str, size, part_type: Option<&str>| Disk {
            kernel_name: name.to_owned(),
            kind: kind.to_owned(),
            size,
            part_type: part_type.map(str::to_owned),
            ..Disk::default()
        };
        let mut whole = disk("nvme0n1", "disk", 2_000_398_934_016, None);
        whole.partitions = BTreeSet::from(["nvme0n1p1".to_owned(), "nvme0n1p9".to_owned()]);
        whole.signatures = kinds
            .iter()
            .map(|kind| Signature {
                device: "nvme0n1".to_owned(),
                kind: (*kind).to_owned(),
                label: None,
                uuid: None,
                offset: None,
            })
            .collect();
        let data = disk("nvme0n1p1", "part", 2_000_388_358_144, Some(DATA));
        let reserved = disk("nvme0n1p9", "part", RESERVED_BYTES, Some(RESERVED));
        let mut devices: BTreeMap<String, Disk> = [whole, data, reserved]
            .map(|disk| (disk.kernel_name.clone(), disk))
            .into();
        change(&mut devices);
        forget(&SimHost::fresh(), &mut devices);
        devices["nvme0n1"].signatures.is_empty()
    }

    #[test]
    fn only_partitions_that_zfs_made_and_never_wrote_to_are_forgotten() {
        let table = ["gpt", "PMBR", "partition"];
        assert!(forgotten(&table, |_| ()));
        for found in ["zfs_member", "ext4", "LVM2_member", "unreadable", "dos"] {
            assert!(!forgotten(&[found, "gpt", "partition"], |_| ()), "{found}");
        }
        let damages: [fn(&mut BTreeMap<String, Disk>); 5] = [
            |devices| devices.get_mut("nvme0n1p9").unwrap().size += 1,
            |devices| devices.get_mut("nvme0n1p1").unwrap().part_type = None,
            |devices| devices.get_mut("nvme0n1p9").unwrap().part_type = Some(DATA.to_owned()),
            |devices| {
                let third = "nvme0n1p2".to_owned();
                let disk = devices.get_mut("nvme0n1").unwrap();
                disk.partitions.insert(third.clone());
                devices.insert(third, Disk::default());
            },
            |devices| {
                let disk = devices.get_mut("nvme0n1").unwrap();
                disk.uses.insert(Use::Swap);
            },
        ];
        for (number, damage) in damages.into_iter().enumerate() {
            assert!(!forgotten(&table, damage), "damage {number}");
        }
    }
}
