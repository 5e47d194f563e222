//! Making a pool: every disk must be there, be a whole disk, be free, and not be failing.

use std::collections::BTreeSet;

use phoenix_config::model::{Disk, Pool};
use phoenix_zfs::vdev::VdevClass;

use super::super::facts::Facts;
use super::super::grants::{handle, is_named};
use super::super::property::{new_properties, stored};
use super::super::verdict::{Stop, Verdict, changed_field, create, new_field, refused};
use super::creatable::{self, SizedDisks};
use super::of_root;
use crate::observed::{ObservedDisk, Obstacle};
use crate::plan::{Change, CreatePool, Operation, PlannedDisk, PlannedVdev};
use crate::refusal::RefusalCode;
use crate::wanted::root_mountpoint;

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
    // First what no grant mends: nobody is to agree to lose a disk in vain.
    creatable::check_file(facts, pool)?;
    creatable::check_sizes(pool, &sizes(facts, pool))?;
    let vdevs = planned_vdevs(pool, &|path| planned_disk(facts, pool, path))?;
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

/// The sizes in bytes of the disks that are there, vdev by vdev; what is not there is refused by
/// itself.
fn sizes<'a>(facts: &Facts<'_>, pool: &'a Pool) -> Vec<SizedDisks<'a>> {
    let of = |disks: &'a [Disk]| {
        let seen = disks.iter().filter_map(|disk| {
            let seen = facts.observed.disks.get(&disk.path)?;
            Some((disk.path.as_str(), seen.size))
        });
        seen.collect::<Vec<_>>()
    };
    let vdevs = pool.vdevs.iter().chain(&pool.special).chain(&pool.log);
    let vdevs = vdevs.map(|vdev| SizedDisks {
        vdev: Some(vdev),
        disks: of(&vdev.disks),
    });
    let others = [&pool.cache, &pool.spares].map(|disks| SizedDisks {
        vdev: None,
        disks: of(disks),
    });
    vdevs.chain(others).collect()
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
    check_name(path, disk)?;
    let wipe = check_obstacles(facts, pool, path, disk)?;
    check_fitness(facts, path, disk)?;
    Ok(identified(path, disk, wipe))
}

/// The disk as it is known again right before it is touched.
pub(super) fn identified(path: &str, disk: &ObservedDisk, wipe: bool) -> PlannedDisk {
    PlannedDisk {
        path: path.to_owned(),
        kernel_name: disk.kernel_name.clone(),
        serial: disk.serial.clone(),
        wwn: disk.wwn.clone(),
        size: disk.size,
        wipe,
        signatures: if wipe {
            disk.signatures.clone()
        } else {
            BTreeSet::new()
        },
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

/// A link that udev may let lead to another disk after the next boot names neither of them.
fn check_name(path: &str, disk: &ObservedDisk) -> Result<(), Stop> {
    if !disk.shared_path {
        return Ok(());
    }
    let others: Vec<&str> = disk.namesakes.iter().map(String::as_str).collect();
    let others = match others.as_slice() {
        [] => "another disk of this host says the same of itself".to_owned(),
        others => format!("{} has the same serial number", others.join(", ")),
    };
    Err(refused(
        RefusalCode::DiskNameAmbiguous,
        format!("{path} may lead to another disk after the next boot: {others}"),
        match disk.stable_path.strip_prefix("/dev/disk/") {
            Some(_) => format!("name the disk by {}", disk.stable_path),
            None => {
                "no link leads to this disk alone: attach the two where udev tells them apart, \
                     or use another disk"
                    .to_owned()
            }
        },
    ))
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
