//! How much of a pool's disks can be used.
//!
//! Owns the arithmetic of labels, metaslabs, parity and slop space; the sizes of disks come from
//! outside. Every number was compared with OpenZFS 2.3.9: whole disks of 2 and 4 TiB as single disk
//! and mirror, and sparse files from 64 MiB to 14 TB as stripe, mirror, RAID-Z and dRAID (the
//! table in the tests). Whole disks with sectors of 4096 bytes lose 56 MiB more to the reserved
//! partition than is said here, and special and log vdevs are not counted.

use crate::layout::RaidLevel;

const MIB: u64 = 1 << 20;
/// Four labels and the boot block, per device (`VDEV_LABEL_START_SIZE`, `VDEV_LABEL_END_SIZE`).
const LABELS: u64 = 4 * MIB + MIB / 2;
/// Devices are used in multiples of one label (`vdev_open`).
const LABEL: u64 = 256 << 10;
/// The backup partition table at the end of a disk: 33 sectors.
const BACKUP_TABLE: u64 = 33 * 512;
/// The reserved partition 9 of a whole disk (`EFI_MIN_RESV_SIZE`, 16384 sectors).
const RESERVED_PARTITION: u64 = 8 * MIB;
/// `zfs_vdev_default_ms_shift`.
const DEFAULT_METASLAB_SHIFT: u32 = 29;
/// `zfs_vdev_min_ms_count` and `zfs_vdev_default_ms_count`.
const METASLAB_COUNTS: (u64, u64) = (16, 200);
/// `SPA_MAXBLOCKSHIFT` and `zfs_vdev_max_ms_shift`.
const METASLAB_SHIFTS: (u32, u32) = (24, 34);
/// `zfs_vdev_ms_count_limit`.
const METASLAB_COUNT_LIMIT: u64 = 1 << 17;
/// A vdev with more metaslabs than this gives one to the intent log (`zfs_embedded_slog_min_ms`).
const EMBEDDED_LOG_MIN_METASLABS: u64 = 64;
/// `spa_min_slop` and `spa_max_slop`.
const SLOP_RANGE: (u64, u64) = (128 * MIB, 128 << 30);
/// The block by which ZFS judges how much parity costs, in bytes.
const DEFLATE_BLOCK: u64 = 128 << 10;
/// Height of a dRAID row in bytes (`VDEV_DRAID_ROWHEIGHT`).
const DRAID_ROW: u64 = 16 * MIB;
/// Data disks of a dRAID group unless there are fewer (`VDEV_DRAID` default in `zpool create`).
const DRAID_DATA: u64 = 8;

/// One top-level data vdev, or for [`RaidLevel::Stripe`] several single disks and for
/// [`RaidLevel::Raid10`] several mirrors of two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataVdev {
    /// How the disks are arranged.
    pub level: RaidLevel,
    /// The sizes of the whole disks in bytes.
    pub disk_sizes: Vec<u64>,
}

/// The space of an empty pool, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Space {
    /// The sizes of all data disks together.
    pub raw: u64,
    /// SIZE of `zpool list`: without redundancy for mirrors, with parity for RAID-Z and dRAID.
    pub size: u64,
    /// `used` plus `available` of the root dataset: what datasets can share.
    pub usable: u64,
    /// What ZFS keeps back from datasets: a 32nd of the space, from 128 MiB to 128 GiB, one
    /// metaslab of each large vdev for the intent log included.
    pub slop: u64,
}

/// The space of a new pool on whole disks with blocks of at least 2^`ashift` bytes.
///
/// Disks too small for ZFS (64 MiB) count as nothing.
pub fn pool_space(vdevs: &[DataVdev], ashift: u8) -> Space {
    let raw = vdevs.iter().flat_map(|vdev| &vdev.disk_sizes).sum();
    let on_partitions: Vec<DataVdev> = vdevs
        .iter()
        .map(|vdev| DataVdev {
            level: vdev.level,
            disk_sizes: vdev.disk_sizes.iter().copied().map(partition).collect(),
        })
        .collect();
    Space {
        raw,
        ..device_space(&on_partitions, ashift)
    }
}

/// The size of the first partition that ZFS makes on a whole disk (`zpool_label_disk`).
fn partition(disk: u64) -> u64 {
    let end = disk.saturating_sub(BACKUP_TABLE + RESERVED_PARTITION + MIB);
    end / MIB * MIB
}

/// The space of a pool whose vdevs stand directly on devices of the given sizes.
fn device_space(vdevs: &[DataVdev], ashift: u8) -> Space {
    let tops: Vec<TopLevel> = vdevs
        .iter()
        .flat_map(|vdev| top_levels(vdev, ashift))
        .collect();
    let size = tops.iter().map(|top| top.size).sum();
    let normal: u64 = tops
        .iter()
        .map(|top| top.deflated(top.size - top.log))
        .sum();
    let log: u64 = tops.iter().map(|top| top.deflated(top.log)).sum();
    let (min_slop, max_slop) = SLOP_RANGE;
    // spa_get_slop_space(): the embedded log counts as part of what is kept back.
    let slop = (normal / 32).min(max_slop);
    let slop = (slop - log.min(slop / 2)).max(min_slop.min(normal / 2));
    Space {
        raw: vdevs.iter().flat_map(|vdev| &vdev.disk_sizes).sum(),
        size,
        usable: normal - slop,
        slop: slop + log,
    }
}

/// A top-level vdev as the allocator sees it, in bytes.
struct TopLevel {
    /// All metaslabs, parity included.
    size: u64,
    /// The metaslab that belongs to the intent log.
    log: u64,
    /// How many of 512 bytes of it hold data (`vdev_deflate_ratio`).
    deflate_ratio: u64,
}

impl TopLevel {
    fn deflated(&self, bytes: u64) -> u64 {
        (bytes >> 9) * self.deflate_ratio
    }
}

fn top_levels(vdev: &DataVdev, ashift: u8) -> Vec<TopLevel> {
    let sizes = &vdev.disk_sizes;
    let smallest = sizes.iter().copied().map(allocatable).min().unwrap_or(0);
    let disks = u64::try_from(sizes.len()).unwrap_or(u64::MAX);
    match vdev.level {
        RaidLevel::Single | RaidLevel::Stripe => {
            let one = |size: &u64| plain(allocatable(*size));
            sizes.iter().map(one).collect()
        }
        RaidLevel::Mirror => vec![plain(smallest)],
        RaidLevel::Raid10 => sizes
            .chunks(2)
            .map(|pair| plain(pair.iter().copied().map(allocatable).min().unwrap_or(0)))
            .collect(),
        RaidLevel::Raidz(parity) => {
            vec![raidz(smallest, disks, u64::from(parity), ashift)]
        }
        RaidLevel::Draid(parity) => {
            vec![draid(smallest, disks, u64::from(parity), ashift)]
        }
    }
}

/// What a device offers without its labels.
fn allocatable(device: u64) -> u64 {
    (device / LABEL * LABEL).saturating_sub(LABELS)
}

fn plain(asize: u64) -> TopLevel {
    let metaslab = 1_u64 << metaslab_shift(asize);
    let count = asize / metaslab;
    TopLevel {
        size: count * metaslab,
        log: embedded_log(count, metaslab),
        deflate_ratio: 512,
    }
}

/// `vdev_raidz_open` and `vdev_raidz_psize_to_asize`.
fn raidz(smallest: u64, disks: u64, parity: u64, ashift: u8) -> TopLevel {
    let sector = 1_u64 << ashift.min(16);
    let data = DEFLATE_BLOCK.div_ceil(sector);
    let with_parity = data + parity * data.div_ceil(disks.saturating_sub(parity).max(1));
    let sectors = with_parity.next_multiple_of(parity + 1);
    TopLevel {
        deflate_ratio: deflate_ratio(sectors * sector),
        ..plain(smallest.saturating_mul(disks))
    }
}

/// `vdev_draid_open`, `vdev_draid_metaslab_init` and `vdev_draid_psize_to_asize`, for the layout
/// that `draidN` means without further numbers: no spares, groups of up to eight data disks.
fn draid(smallest: u64, disks: u64, parity: u64, ashift: u8) -> TopLevel {
    let sector = 1_u64 << ashift.min(16);
    let data = disks.saturating_sub(parity).clamp(1, DRAID_DATA);
    let group = data + parity;
    let child = smallest.saturating_sub(2 * DRAID_ROW) / DRAID_ROW * DRAID_ROW;
    let group_bytes = group * DRAID_ROW;
    let asize = child.saturating_mul(disks) / group_bytes * group_bytes;
    let metaslab = 1_u64 << metaslab_shift(asize);
    let count = asize / metaslab;
    // Every metaslab begins and ends with a whole stripe of a group.
    let stripe = group * sector;
    let aligned = |index: u64| {
        let start = index * metaslab;
        let lost = start.next_multiple_of(stripe) - start;
        (metaslab - lost) / stripe * stripe
    };
    let rows = DEFLATE_BLOCK.div_ceil(data * sector);
    TopLevel {
        size: (0..count).map(aligned).sum(),
        // Of equally empty metaslabs the first one is taken.
        log: embedded_log(count, aligned(0)),
        deflate_ratio: deflate_ratio(rows * group * sector),
    }
}

fn embedded_log(count: u64, metaslab: u64) -> u64 {
    if count > EMBEDDED_LOG_MIN_METASLABS {
        metaslab
    } else {
        0
    }
}

/// How many of 512 bytes hold data when a block of 128 KiB takes `allocated` bytes.
fn deflate_ratio(allocated: u64) -> u64 {
    DEFLATE_BLOCK / (allocated >> 9).max(1)
}

/// log2 of the size of a vdev's metaslabs (`vdev_metaslab_set_size`).
fn metaslab_shift(asize: u64) -> u32 {
    let highbit = |value: u64| u64::BITS - value.leading_zeros();
    let (min_count, default_count) = METASLAB_COUNTS;
    let (min_shift, max_shift) = METASLAB_SHIFTS;
    let count = asize >> DEFAULT_METASLAB_SHIFT;
    let shift = if count < min_count {
        highbit(asize / min_count)
    } else if count > default_count {
        highbit(asize / default_count)
    } else {
        DEFAULT_METASLAB_SHIFT
    };
    if shift <= max_shift {
        return shift.max(min_shift);
    }
    if asize >> max_shift > METASLAB_COUNT_LIMIT {
        highbit(asize / METASLAB_COUNT_LIMIT)
    } else {
        max_shift
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn vdev(level: &str, disks: usize, size: u64) -> DataVdev {
        DataVdev {
            level: level.parse().unwrap(),
            disk_sizes: vec![size; disks],
        }
    }

    #[test]
    fn pools_on_files_have_the_space_that_openzfs_gave_them() {
        let table = include_str!("../tests/data/space.tsv");
        let mut rows = 0;
        for row in table.lines().filter(|row| !row.starts_with('#')) {
            let cells: Vec<&str> = row.split('\t').collect();
            let number = |index: usize| cells[index].parse::<u64>().unwrap();
            let disks = usize::try_from(number(1)).unwrap();
            let space = device_space(&[vdev(cells[0], disks, number(2))], 12);
            assert_eq!((space.size, space.usable), (number(3), number(4)), "{row}");
            rows += 1;
        }
        assert!(rows > 40, "{rows} rows");
    }

    #[test]
    fn pools_on_whole_disks_have_the_space_that_openzfs_gave_them() {
        let two_tib = 2_199_023_255_552;
        let four_tib = 4_398_046_511_104;
        assert_eq!(partition(two_tib), 2_199_012_769_792);
        assert_eq!(partition(four_tib), 4_398_036_025_344);
        let mirror = pool_space(&[vdev("mirror", 2, two_tib)], 12);
        assert_eq!(mirror.raw, 2 * two_tib);
        assert_eq!(mirror.size, 2_181_843_386_368);
        assert_eq!(mirror.usable, 2_114_197_651_456);
        assert_eq!(mirror.slop, mirror.size - mirror.usable);
        let single = pool_space(&[vdev("single", 1, four_tib)], 12);
        assert_eq!(single.size, 4_380_866_641_920);
        assert_eq!(single.usable, 4_244_501_430_272);
    }

    #[test]
    fn raid10_is_the_sum_of_its_mirrors_of_two() {
        let raid10 = DataVdev {
            level: RaidLevel::Raid10,
            disk_sizes: vec![1 << 40, 1 << 41, 1 << 40, 1 << 40],
        };
        let mirrors = [vdev("mirror", 2, 1 << 40), vdev("mirror", 2, 1 << 40)];
        assert_eq!(
            pool_space(&[raid10], 12).usable,
            pool_space(&mirrors, 12).usable
        );
    }

    proptest! {
        #[test]
        fn nothing_overflows_and_more_disk_is_never_less_space(
            level in proptest::sample::select(RaidLevel::NAMES.to_vec()),
            disks in 0_usize..20,
            size in 0_u64..1 << 55,
            ashift in 0_u8..30,
        ) {
            let space = pool_space(&[vdev(level, disks, size)], ashift);
            prop_assert!(space.usable <= space.size && space.size <= space.raw);
        }
    }
}
