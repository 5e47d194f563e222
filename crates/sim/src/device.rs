//! Block devices: which one a path leads to, who has it open, what is written on it.

use super::state::{Disk, Partition, Signature, State};

/// ZFS takes no smaller device (`SPA_MINDEVSIZE`).
pub(super) const SMALLEST_VDEV: u64 = 64 << 20;
const SECTOR: u64 = 512;
const ZFS_PARTITION: &str = "6a898cc3-1dd2-11b2-99a6-080020736631";
const RESERVED_PARTITION: &str = "6a945a3b-1dd2-11b2-99a6-080020736631";
const RESERVED_NUMBER: u32 = 9;

/// A disk or partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Device {
    /// `nvme0n1` or `nvme0n1p1`.
    pub(super) kernel_name: String,
    /// Bytes.
    pub(super) size: u64,
    /// Kernel name of the disk.
    pub(super) disk: String,
    /// The partition's number, if it is one.
    pub(super) partition: Option<u32>,
}

impl State {
    /// The device behind `/dev/NAME` or `/dev/disk/by-id/LINK`.
    pub(super) fn device(&self, path: &str) -> Option<Device> {
        self.disks.iter().find_map(|(name, disk)| {
            let whole = Device {
                kernel_name: name.clone(),
                size: disk.size,
                disk: name.clone(),
                partition: None,
            };
            if names(disk, name, None).any(|known| known == path) {
                return Some(whole);
            }
            let (number, partition) = disk
                .partitions
                .iter()
                .find(|(number, _)| names(disk, name, Some(**number)).any(|known| known == path))?;
            Some(Device {
                kernel_name: partition_name(name, *number),
                size: partition.size,
                partition: Some(*number),
                ..whole
            })
        })
    }

    /// What a whole disk that the kernel has open contains: a file system's type, or `unknown`.
    /// Partitions are not opened exclusively by `zpool create`.
    pub(super) fn open_by_somebody(&self, device: &Device) -> Option<String> {
        if device.partition.is_some() || !self.is_busy(device) {
            return None;
        }
        let own = self.disks.get(&device.disk)?.signatures.first();
        Some(
            own.map_or("unknown", |signature| &signature.kind)
                .to_owned(),
        )
    }

    /// Whether the device or a part of it is mounted, swapped to, a member of an imported pool,
    /// or held by a device-mapper or MD device.
    pub(super) fn is_busy(&self, device: &Device) -> bool {
        let Some(disk) = self.disks.get(&device.disk) else {
            return false;
        };
        let part = |number: &u32| device.partition.is_none_or(|own| own == *number);
        let mut kernel_names = vec![device.kernel_name.clone()];
        kernel_names.extend(
            disk.partitions
                .keys()
                .filter(|number| part(number))
                .map(|number| partition_name(&device.disk, *number)),
        );
        let paths: Vec<String> = kernel_names
            .iter()
            .map(|name| format!("/dev/{name}"))
            .collect();
        let held = disk.held
            || !disk.holders.is_empty()
            || disk.partitions.iter().any(|(number, partition)| {
                part(number) && (partition.held || !partition.holders.is_empty())
            });
        held || paths
            .iter()
            .any(|path| self.mounts.of(path).next().is_some())
            || self.swaps.iter().any(|path| paths.contains(path))
            || self
                .pools
                .values()
                .flat_map(|pool| &pool.vdevs)
                .flat_map(|vdev| &vdev.members)
                .any(|member| kernel_names.contains(&member.device))
    }

    /// Signatures with the path to say: the device's own, or those on a disk's partitions.
    pub(super) fn signatures(&self, device: &Device, path: &str) -> Vec<(String, &Signature)> {
        let Some(disk) = self.disks.get(&device.disk) else {
            return Vec::new();
        };
        let of = |number: u32, path: String| {
            let partition = disk.partitions.get(&number);
            partition
                .and_then(|partition| partition.signatures.first())
                .map(|signature| (path, signature))
        };
        if let Some(number) = device.partition {
            return of(number, path.to_owned()).into_iter().collect();
        }
        let own = disk.signatures.first().map(|own| (path.to_owned(), own));
        let inside = disk
            .partitions
            .keys()
            .filter_map(|number| of(*number, partition_path(path, *number)));
        own.into_iter().chain(inside).collect()
    }

    /// Makes a device a member of a pool: a whole disk gets zpool's two partitions. Returns the
    /// path that the pool remembers and the kernel name of the member.
    pub(super) fn label(
        &mut self,
        device: &Device,
        path: &str,
        pool: &str,
        guid: u64,
    ) -> (String, String) {
        let Some(disk) = self.disks.get_mut(&device.disk) else {
            return (path.to_owned(), device.kernel_name.clone());
        };
        if let Some(number) = device.partition {
            if let Some(partition) = disk.partitions.get_mut(&number) {
                partition.signatures = zfs_labels(partition.size, pool, guid);
            }
            return (path.to_owned(), device.kernel_name.clone());
        }
        let size = first_partition_size(disk.size);
        disk.table = Some("gpt".to_owned());
        disk.half_table = None;
        disk.signatures.clear();
        disk.partitions.clear();
        let member = Partition {
            size,
            kind: ZFS_PARTITION.to_owned(),
            signatures: zfs_labels(size, pool, guid),
            ..Partition::default()
        };
        let reserved = Partition {
            size: 8 << 20,
            kind: RESERVED_PARTITION.to_owned(),
            ..Partition::default()
        };
        disk.partitions.insert(1, member);
        disk.partitions.insert(RESERVED_NUMBER, reserved);
        (partition_path(path, 1), partition_name(&device.disk, 1))
    }
}

/// Every path of a disk, or of one of its partitions.
fn names(disk: &Disk, name: &str, partition: Option<u32>) -> impl Iterator<Item = String> {
    let links = disk
        .links
        .iter()
        .map(|link| format!("/dev/disk/by-id/{link}"));
    std::iter::once(format!("/dev/{name}"))
        .chain(links.collect::<Vec<_>>())
        .map(move |path| match partition {
            Some(number) => partition_path(&path, number),
            None => path,
        })
}

/// `nvme0n1p1`, `sda1`.
pub(super) fn partition_name(disk: &str, number: u32) -> String {
    if disk.ends_with(|c: char| c.is_ascii_digit()) {
        format!("{disk}p{number}")
    } else {
        format!("{disk}{number}")
    }
}

/// The path of a partition beside the path of its disk, as zpool and udev build it.
pub(super) fn partition_path(path: &str, number: u32) -> String {
    if path.starts_with("/dev/disk/") {
        format!("{path}-part{number}")
    } else {
        partition_name(path, number)
    }
}

/// zpool puts the first partition at 1 MiB and the reserved one of 8 MiB behind it, both aligned
/// to 1 MiB (`lib/libefi`, `zpool_label_disk`).
pub(super) fn first_partition_size(disk: u64) -> u64 {
    const ALIGNMENT: u64 = 2048;
    const RESERVED: u64 = 16_384;
    const BACKUP_TABLE: u64 = 34;
    let end = (disk / SECTOR).saturating_sub(BACKUP_TABLE + RESERVED);
    (end - end % ALIGNMENT).saturating_sub(ALIGNMENT) * SECTOR
}

/// The four labels that `wipefs` finds on a member.
pub(super) fn zfs_labels(size: u64, pool: &str, guid: u64) -> Vec<Signature> {
    const LABEL: u64 = 256 << 10;
    const INSIDE: u64 = 0x4000;
    let end = size - size % LABEL;
    [
        0,
        LABEL,
        end.saturating_sub(2 * LABEL),
        end.saturating_sub(LABEL),
    ]
    .into_iter()
    .map(|start| Signature {
        kind: "zfs_member".to_owned(),
        offset: start + INSIDE,
        uuid: Some(guid.to_string()),
        label: Some(pool.to_owned()),
    })
    .collect()
}

/// Puts a foreign signature onto a disk: a partition table, a member of an exported pool in its
/// usual partition, or anything else on the bare disk.
pub(super) fn add_signature(disk: &mut Disk, kind: &str, guid: u64) {
    match kind {
        "gpt" | "dos" => disk.table = Some(kind.to_owned()),
        "zfs_member" => {
            let size = first_partition_size(disk.size);
            disk.table = Some("gpt".to_owned());
            let partition = Partition {
                size,
                kind: ZFS_PARTITION.to_owned(),
                signatures: zfs_labels(size, "oldpool", guid),
                ..Partition::default()
            };
            disk.partitions.insert(1, partition);
        }
        _ => disk.signatures.push(Signature {
            kind: kind.to_owned(),
            offset: match kind {
                "ext2" | "ext3" | "ext4" => 0x438,
                "LVM2_member" => 0x218,
                "btrfs" => 0x10040,
                "swap" => 0xff6,
                _ => 0,
            },
            uuid: Some(uuid(guid)),
            label: None,
        }),
    }
}

/// A UUID of version 4 that is the same in every run.
fn uuid(seed: u64) -> String {
    let low = seed.wrapping_mul(0x2545_F491_4F6C_DD1D);
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        seed >> 32,
        (seed >> 16) & 0xffff,
        seed & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    )
}
