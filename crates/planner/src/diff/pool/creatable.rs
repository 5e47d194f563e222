//! What `zpool create` would refuse, judged before a disk is erased for it.
//!
//! These rules are for a pool that is to be made: a pool that lives may be made of anything.

use phoenix_config::model::{Pool, Vdev};
use phoenix_zfs::creation::{
    Conflict, SMALLEST_DISK, go_together, key_bytes, odd_size, property_conflict,
};
use phoenix_zfs::size;
use phoenix_zfs::space::{DataVdev, pool_space};

use super::super::facts::Facts;
use super::super::property::stored;
use super::super::verdict::{Stop, refused};
use crate::refusal::RefusalCode;

/// What the file alone tells.
pub(super) fn check_file(facts: &Facts<'_>, pool: &Pool) -> Result<(), Stop> {
    check_replication(pool)?;
    let (properties, root) = (stored(&pool.properties), stored(&pool.root_properties));
    let found = property_conflict(&properties, &root, !pool.special.is_empty());
    found.map_or(Ok(()), |found| Err(conflicting(pool, found)))?;
    check_key_file(facts, pool)
}

fn conflicting(pool: &Pool, found: Conflict) -> Stop {
    refused(
        RefusalCode::PoolCannotBeMade,
        format!("pool {} cannot be made: {}", pool.name, found.reason),
        found.help,
    )
}

/// The data and special vdevs of a pool.
fn compared(pool: &Pool) -> impl Iterator<Item = &Vdev> {
    pool.vdevs.iter().chain(&pool.special)
}

fn check_replication(pool: &Pool) -> Result<(), Stop> {
    let shape = |vdev: &Vdev| (vdev.level, vdev.disks.len());
    let Some(first) = compared(pool).next() else {
        return Ok(());
    };
    let Some(other) = compared(pool).find(|vdev| !go_together(shape(first), shape(vdev))) else {
        return Ok(());
    };
    let losses = |vdev: &Vdev| vdev.level.redundancy(vdev.disks.len());
    Err(refused(
        RefusalCode::PoolCannotBeMade,
        format!(
            "pool {} cannot be made: a {} of {} that survives {} lost disks does not go with a {} \
             of {} that survives {}",
            pool.name,
            first.level,
            first.disks.len(),
            losses(first),
            other.level,
            other.disks.len(),
            losses(other),
        ),
        "give all data and special vdevs the same redundancy: the pool is lost with its weakest",
    ))
}

/// The key must be there before anything is erased for the pool that it opens.
fn check_key_file(facts: &Facts<'_>, pool: &Pool) -> Result<(), Stop> {
    let value = |name: &str| {
        let property = pool.root_properties.get(name);
        property.and_then(|property| property.stored.word())
    };
    let Some(path) = value("keylocation").and_then(|place| place.strip_prefix("file://")) else {
        return Ok(());
    };
    let format = value("keyformat").unwrap_or_default();
    let wanted = key_bytes(format);
    let reason = match facts.observed.key_files.get(path) {
        None => format!("there is no key file {path}"),
        Some(bytes) if wanted.contains(bytes) => return Ok(()),
        Some(bytes) => format!(
            "the key file {path} holds {bytes} bytes, and a {format} key has {}{}",
            if wanted.end() == wanted.start() {
                ""
            } else {
                "at least "
            },
            wanted.start(),
        ),
    };
    Err(refused(
        RefusalCode::PoolCannotBeMade,
        format!("pool {} cannot be made: {reason}", pool.name),
        format!("keylocation must name a file with the {format} key, which only root can read"),
    ))
}

/// Disks that go into a pool together, as far as the host has them.
pub(super) struct SizedDisks<'a> {
    /// The vdev that they make; cache devices and spares make none.
    pub(super) vdev: Option<&'a Vdev>,
    /// Path and size in bytes.
    pub(super) disks: Vec<(&'a str, u64)>,
}

/// What the disks tell: `groups` are in the order of data, special and log vdevs, cache and spares.
pub(super) fn check_sizes(pool: &Pool, groups: &[SizedDisks<'_>]) -> Result<(), Stop> {
    for (path, bytes) in groups.iter().flat_map(|group| &group.disks) {
        if *bytes < SMALLEST_DISK {
            return Err(refused(
                RefusalCode::DiskTooSmall,
                format!(
                    "{path} is too small: it has {}, and ZFS wants {} of a disk",
                    size::decimal_and_binary(*bytes),
                    size::decimal_and_binary(SMALLEST_DISK),
                ),
                "name a larger disk",
            ));
        }
    }
    for SizedDisks { vdev, disks } in groups.iter().take(compared(pool).count()) {
        if let Some(vdev) = vdev.filter(|vdev| vdev.level.redundancy(disks.len()) > 0) {
            check_even(vdev, disks)?;
        }
    }
    check_reservations(pool, groups)
}

/// `zpool create` refuses redundant vdevs of unequal disks without `-f`, which phoenix never uses.
/// It does not ask it of the disks of a log.
fn check_even(vdev: &Vdev, disks: &[(&str, u64)]) -> Result<(), Stop> {
    let sizes: Vec<u64> = disks.iter().map(|(_, bytes)| *bytes).collect();
    if odd_size(&sizes).is_none() {
        return Ok(());
    }
    let by_size = |disk: &&(&str, u64)| disk.1;
    let (smallest, largest) = (
        disks.iter().min_by_key(by_size),
        disks.iter().max_by_key(by_size),
    );
    let (Some(smallest), Some(largest)) = (smallest, largest) else {
        return Ok(());
    };
    let show =
        |(path, bytes): &(&str, u64)| format!("{path} ({})", size::decimal_and_binary(*bytes));
    Err(refused(
        RefusalCode::DiskSizesDiffer,
        format!(
            "the disks of one {} differ in size: {} and {}",
            vdev.level,
            show(smallest),
            show(largest)
        ),
        "put disks of one size together: the larger ones would lose the difference",
    ))
}

/// What a new root dataset reserves must be there, and a limit must not be below what it takes itself.
fn check_reservations(pool: &Pool, groups: &[SizedDisks<'_>]) -> Result<(), Stop> {
    /// More than an empty root dataset takes, in bytes.
    const SMALLEST_LIMIT: u64 = 1 << 20;
    let value = |name: &str| {
        let property = pool.root_properties.get(name)?;
        property.stored.number().filter(|bytes| *bytes > 0)
    };
    let data: Vec<DataVdev> = groups
        .iter()
        .take(pool.vdevs.len())
        .filter_map(|SizedDisks { vdev, disks }| {
            Some(DataVdev {
                level: (*vdev)?.level,
                disk_sizes: disks.iter().map(|(_, bytes)| *bytes).collect(),
            })
        })
        .collect();
    let usable = pool_space(&data, pool.ashift).usable;
    for name in ["reservation", "refreservation"] {
        if let Some(bytes) = value(name).filter(|bytes| *bytes > usable) {
            return Err(refused(
                RefusalCode::PoolCannotBeMade,
                format!(
                    "pool {} cannot be made: {name} is {}, and the pool will have {}",
                    pool.name,
                    size::decimal_and_binary(bytes),
                    size::decimal_and_binary(usable),
                ),
                format!("lower {name} in root_properties"),
            ));
        }
    }
    for name in ["quota", "refquota"] {
        if let Some(bytes) = value(name).filter(|bytes| *bytes < SMALLEST_LIMIT) {
            return Err(refused(
                RefusalCode::PoolCannotBeMade,
                format!(
                    "pool {} cannot be made: {name} is {bytes} bytes, less than an empty dataset takes",
                    pool.name
                ),
                format!("raise {name} in root_properties, or set it to none"),
            ));
        }
    }
    Ok(())
}
