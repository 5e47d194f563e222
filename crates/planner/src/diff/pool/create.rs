//! Making a pool: every disk must be there, be a whole disk, be free, and not be failing.

use std::collections::BTreeSet;

use phoenix_config::model::{Disk, Pool, Vdev};
use phoenix_zfs::size;
use phoenix_zfs::vdev::VdevClass;

use super::super::facts::Facts;
use super::super::property::{new_properties, stored};
use super::super::verdict::{Stop, Verdict, changed_field, create, new_field, refused};
use super::of_root;
use crate::observed::{ObservedDisk, Obstacle};
use crate::plan::{Change, CreatePool, Operation, PlannedDisk, PlannedVdev};
use crate::refusal::RefusalCode;
use crate::wanted::root_mountpoint;

/// How much the disks of one vdev may differ in bytes before `zpool create` wants `-f`
/// (`ZPOOL_FUZZ`, `cmd/zpool/zpool_vdev.c`).
const SIZE_TOLERANCE: u64 = 16 << 20;

pub(super) fn diff(facts: &Facts<'_>, pool: &Pool) -> Verdict {
    let name = &pool.name;
    if pool.vdevs.is_empty() {
        return Err(refused(
            RefusalCode::PoolNotDescribed,
            format!(
                "the host has no pool {name}, and the file does not say which disks it is made of"
            ),
            format!(
                "import it (zpool import -d /dev/disk/by-id {name}), or give raid_level and disks"
            ),
        ));
    }
    let vdevs = planned_vdevs(pool, &|path| planned_disk(facts, pool, path))?;
    // Plain disks of cache and spares come last and may have any size.
    let declared = pool.vdevs.iter().chain(&pool.special).chain(&pool.log);
    for (vdev, planned) in declared.zip(&vdevs) {
        check_sizes(vdev, &planned.disks)?;
    }
    if let Some(path) = root_mountpoint(pool) {
        facts.check_nothing_hidden(&path)?;
    }
    let mut properties = stored(&pool.properties);
    properties.insert("ashift".to_owned(), u64::from(pool.ashift).into());
    let operation = CreatePool {
        pool: name.clone(),
        properties,
        root_properties: stored(&pool.root_properties),
        vdevs,
    };
    create(
        changes(facts, pool, &operation),
        Operation::CreatePool(operation),
    )
}

/// The vdevs in the order of `zpool create`'s grammar, with each path looked up by `disk`.
pub(super) fn planned_vdevs(
    pool: &Pool,
    disk: &dyn Fn(&str) -> Result<PlannedDisk, Stop>,
) -> Result<Vec<PlannedVdev>, Stop> {
    let planned_disks = |disks: &[Disk]| -> Result<Vec<PlannedDisk>, Stop> {
        disks.iter().map(|declared| disk(&declared.path)).collect()
    };
    let mut planned = Vec::new();
    for (class, vdevs) in [
        (VdevClass::Data, &pool.vdevs),
        (VdevClass::Special, &pool.special),
        (VdevClass::Log, &pool.log),
    ] {
        for vdev in vdevs {
            let disks = planned_disks(&vdev.disks)?;
            planned.push(PlannedVdev {
                class,
                keyword: vdev.level.keyword(),
                disks,
            });
        }
    }
    for (class, disks) in [
        (VdevClass::Cache, &pool.cache),
        (VdevClass::Spare, &pool.spares),
    ] {
        if !disks.is_empty() {
            planned.push(PlannedVdev {
                class,
                keyword: None,
                disks: planned_disks(disks)?,
            });
        }
    }
    Ok(planned)
}

fn planned_disk(facts: &Facts<'_>, pool: &Pool, path: &str) -> Result<PlannedDisk, Stop> {
    let disk = present(facts, path)?;
    let wipe = check_obstacles(facts, pool, path, disk)?;
    check_fitness(facts, path, disk)?;
    Ok(identified(path, disk, wipe))
}

/// The disk as it is known again right before it is touched.
pub(super) fn identified(path: &str, disk: &ObservedDisk, wipe: bool) -> PlannedDisk {
    PlannedDisk {
        path: path.to_owned(),
        serial: disk.serial.clone(),
        size: disk.size,
        wipe,
    }
}

/// The disk that the path leads to, and no other path of the file.
pub(super) fn present<'a>(facts: &Facts<'a>, path: &str) -> Result<&'a ObservedDisk, Stop> {
    let Some(disk) = facts.observed.disks.get(path) else {
        return Err(refused(
            RefusalCode::DiskMissing,
            format!("there is no disk {path}"),
            "phoenix disks lists the disks of this host with their by-id names",
        ));
    };
    if let Some(other) = facts.other_paths(path).first() {
        return Err(refused(
            RefusalCode::DiskNamedTwice,
            format!("{path} and {other} lead to one and the same disk"),
            "name each disk once, by one of its names",
        ));
    }
    Ok(disk)
}

/// Whether the disk has to be erased, which the user must have granted.
fn check_obstacles(
    facts: &Facts<'_>,
    pool: &Pool,
    path: &str,
    disk: &ObservedDisk,
) -> Result<bool, Stop> {
    let mut found = Vec::new();
    for obstacle in &disk.obstacles {
        match obstacle {
            Obstacle::NotADisk { kind } => {
                return Err(refused(
                    RefusalCode::DiskNotWhole,
                    format!("{path} is not a whole disk but a {kind}"),
                    "give ZFS whole disks: phoenix disks lists them",
                ));
            }
            Obstacle::InUse { by } => {
                return Err(refused(
                    RefusalCode::DiskInUse,
                    format!("{path} is in use: {by}"),
                    "name another disk, or end that use yourself; phoenix never takes a disk that is in use",
                ));
            }
            Obstacle::Signature { what } => found.push(what.as_str()),
        }
    }
    let name = &pool.name;
    let handle = handle(path, disk);
    let granted = is_named(&facts.grants.wipe, path, disk);
    let own_label = format!("zfs_member \"{name}\"");
    if found.iter().any(|what| what.starts_with(&own_label)) && !granted {
        return Err(refused(
            RefusalCode::DiskHoldsPool,
            format!("{path} already belongs to a pool called {name} that is not imported"),
            format!(
                "import it: zpool import -d /dev/disk/by-id {name}; or, if its data may be \
                 destroyed: --allow wipe:{handle}"
            ),
        ));
    }
    if found.is_empty() || facts.grants.wipe_named || granted {
        return Ok(!found.is_empty());
    }
    Err(refused(
        RefusalCode::DiskNotEmpty,
        format!("{path} is not empty: it carries {}", found.join(", ")),
        format!("if what is on it may be destroyed: --allow wipe:{handle}"),
    ))
}

/// A drive that is failing, or whose firmware is known to harm it, gets a new pool only when the
/// user names it for that.
fn check_fitness(facts: &Facts<'_>, path: &str, disk: &ObservedDisk) -> Result<(), Stop> {
    let Some(why) = &disk.unfit else {
        return Ok(());
    };
    if is_named(&facts.grants.failing, path, disk) {
        return Ok(());
    }
    let handle = handle(path, disk);
    Err(refused(
        RefusalCode::DiskUnfit,
        format!("{path} is not fit for a new pool: {why}"),
        format!(
            "name another disk (phoenix nvme says more about this one); to use it all the same: \
             --allow failing:{handle}"
        ),
    ))
}

/// The shortest name of a disk that a grant takes.
fn handle<'a>(path: &'a str, disk: &'a ObservedDisk) -> &'a str {
    disk.serial.as_deref().unwrap_or(path)
}

pub(super) fn is_named(grants: &BTreeSet<String>, path: &str, disk: &ObservedDisk) -> bool {
    let basename = path.rsplit('/').next();
    let names = [Some(path), basename, disk.serial.as_deref()];
    names
        .into_iter()
        .flatten()
        .any(|name| grants.contains(name))
}

/// `zpool create` refuses redundant vdevs of unequal disks without `-f`, which phoenix never uses.
fn check_sizes(vdev: &Vdev, disks: &[PlannedDisk]) -> Result<(), Stop> {
    let smallest = disks.iter().min_by_key(|disk| disk.size);
    let largest = disks.iter().max_by_key(|disk| disk.size);
    let (Some(smallest), Some(largest)) = (smallest, largest) else {
        return Ok(());
    };
    let redundant = vdev.level.redundancy(disks.len()) > 0;
    if !redundant || largest.size - smallest.size <= SIZE_TOLERANCE {
        return Ok(());
    }
    let show =
        |disk: &PlannedDisk| format!("{} ({})", disk.path, size::decimal_and_binary(disk.size));
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

fn changes(facts: &Facts<'_>, pool: &Pool, operation: &CreatePool) -> Vec<Change> {
    let mut changes: Vec<_> = operation.vdevs.iter().map(vdev_change).collect();
    let disks = operation.vdevs.iter().flat_map(|vdev| &vdev.disks);
    let seen: Vec<(&str, &ObservedDisk)> = disks
        .filter_map(|disk| {
            let seen = facts.observed.disks.get(&disk.path)?;
            Some((disk.path.as_str(), seen))
        })
        .collect();
    changes.extend(seen.iter().map(|(path, disk)| disk_change(path, disk)));
    for (path, disk) in seen {
        if let Some(why) = disk.unfit.clone() {
            changes.push(changed_field(
                format!("accept {path}"),
                Some(why),
                "used all the same",
            ));
        }
    }
    for disk in operation.wiped_disks() {
        changes.push(changed_field(
            format!("wipe {}", disk.path),
            facts
                .observed
                .disks
                .get(&disk.path)
                .map(ObservedDisk::contents),
            "erased",
        ));
    }
    let mut ashift = new_field("ashift", u64::from(pool.ashift));
    ashift.default = pool.ashift_default;
    changes.push(ashift);
    changes.extend(new_properties(&pool.properties));
    changes.extend(of_root(new_properties(&pool.root_properties)));
    changes
}

fn vdev_change(vdev: &PlannedVdev) -> Change {
    new_field(vdev.class.as_str(), vdev.words())
}

/// Which drive a path leads to and what is on it, for the reader who knows his drives by their
/// labels.
fn disk_change(path: &str, disk: &ObservedDisk) -> Change {
    let contents = disk.contents();
    let state = if contents.is_empty() {
        "blank".to_owned()
    } else {
        format!("carries {contents}")
    };
    new_field("disk", format!("{path}, {}, {state}", disk.identity()))
}
