//! Which disks an imported pool is made of, compared with the file as sets.
//!
//! phoenix never attaches, adds, replaces or removes a disk of an existing pool: most of it cannot
//! be undone. It says what differs and which command a person may run.

use std::collections::{BTreeMap, BTreeSet};

use phoenix_config::model::{Disk, Pool};
use phoenix_zfs::vdev::VdevClass;

use super::super::facts::Facts;
use super::super::verdict::{Stop, refused};
use crate::observed::ObservedPool;
use crate::refusal::RefusalCode;

/// One top-level vdev: its class, ZFS's word for its kind, and the identities of its disks.
/// Plain disks stand side by side, so each is a group of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    class: VdevClass,
    kind: String,
    disks: BTreeSet<String>,
}

/// Nothing to do if the pool is made of what the file says.
///
/// # Errors
///
/// A refusal that explains the difference.
pub(super) fn check(facts: &Facts<'_>, pool: &Pool, live: &ObservedPool) -> Result<(), Stop> {
    if pool.vdevs.is_empty() {
        return Ok(());
    }
    let has = live_groups(live);
    check_paths(facts, pool, &has)?;
    let (wants, paths) = declared_groups(facts, pool);
    if has == wants {
        return Ok(());
    }
    let name = &pool.name;
    let missing: Vec<_> = wants.difference(&has).collect();
    let extra: Vec<_> = has.difference(&wants).collect();
    let reason = match (missing.as_slice(), extra.as_slice()) {
        (missing, []) => format!("pool {name} lacks {}", list(missing)),
        ([], extra) => format!(
            "pool {name} also has {}, which the file does not name",
            list(extra)
        ),
        (missing, extra) => format!(
            "pool {name} has {} where the file has {}",
            list(extra),
            list(missing)
        ),
    };
    Err(refused(
        RefusalCode::PoolOtherDisks,
        reason,
        way_out(name, &missing, &extra, &paths),
    ))
}

/// A path that leads nowhere is a dead member only if the pool still lists it under that path.
fn check_paths(facts: &Facts<'_>, pool: &Pool, has: &BTreeSet<Group>) -> Result<(), Stop> {
    let known = |path: &str| {
        facts.observed.disks.contains_key(path)
            || has.iter().any(|group| group.disks.contains(path))
    };
    match pool.disks().find(|disk| !known(&disk.path)) {
        None => Ok(()),
        Some(disk) => Err(refused(
            RefusalCode::DiskMissing,
            format!(
                "the file gives pool {} the disk {}, which is not there",
                pool.name, disk.path
            ),
            format!(
                "zpool status -P {} shows its disks: correct the path, or bring the disk back",
                pool.name
            ),
        )),
    }
}

fn live_groups(live: &ObservedPool) -> BTreeSet<Group> {
    let mut groups = BTreeSet::new();
    for vdev in &live.vdevs {
        // `draid1:4d:6c:1s` carries its geometry.
        let kind = vdev.kind.split(':').next().unwrap_or_default();
        let disks: BTreeSet<_> = vdev.disks.iter().map(|disk| whole_disk(disk)).collect();
        add(&mut groups, vdev.class, kind, disks);
    }
    groups
}

/// What the file declares, with the file's path to each disk.
fn declared_groups(facts: &Facts<'_>, pool: &Pool) -> (BTreeSet<Group>, BTreeMap<String, String>) {
    let mut groups = BTreeSet::new();
    let mut paths = BTreeMap::new();
    let mut identify = |disks: &[Disk]| -> BTreeSet<String> {
        let identify = |disk: &Disk| {
            let found = facts.observed.disks.get(&disk.path);
            let identity = found.map_or(&disk.path, |found| &found.kernel_name).clone();
            paths.insert(identity.clone(), disk.path.clone());
            identity
        };
        disks.iter().map(identify).collect()
    };
    for (class, vdevs) in [
        (VdevClass::Data, &pool.vdevs),
        (VdevClass::Special, &pool.special),
        (VdevClass::Log, &pool.log),
    ] {
        for vdev in vdevs {
            let kind = vdev.level.keyword().unwrap_or_else(|| "disk".to_owned());
            add(&mut groups, class, &kind, identify(&vdev.disks));
        }
    }
    add(&mut groups, VdevClass::Cache, "disk", identify(&pool.cache));
    add(
        &mut groups,
        VdevClass::Spare,
        "disk",
        identify(&pool.spares),
    );
    (groups, paths)
}

fn add(groups: &mut BTreeSet<Group>, class: VdevClass, kind: &str, disks: BTreeSet<String>) {
    let mut insert = |disks| {
        groups.insert(Group {
            class,
            kind: kind.to_owned(),
            disks,
        });
    };
    if matches!(kind, "disk" | "file") {
        disks
            .into_iter()
            .for_each(|disk| insert(BTreeSet::from([disk])));
    } else {
        insert(disks);
    }
}

/// A dead member is listed by path, with the partition that ZFS had made on it.
pub(crate) fn whole_disk(member: &str) -> String {
    match member.rsplit_once("-part") {
        Some((disk, part)) if member.starts_with('/') && part.parse::<u32>().is_ok() => {
            disk.to_owned()
        }
        _ => member.to_owned(),
    }
}

fn list(groups: &[&Group]) -> String {
    let show = |group: &&Group| {
        let disks: Vec<_> = group.disks.iter().map(String::as_str).collect();
        let class = match group.class {
            VdevClass::Data => String::new(),
            class => format!("{} ", class.as_str()),
        };
        format!("{class}{} ({})", group.kind, disks.join(", "))
    };
    groups.iter().map(show).collect::<Vec<_>>().join(" and ")
}

fn way_out(
    pool: &str,
    missing: &[&Group],
    extra: &[&Group],
    paths: &BTreeMap<String, String>,
) -> String {
    let path = |disk: &String| paths.get(disk).unwrap_or(disk).clone();
    let command = match (missing, extra) {
        ([want], [has]) if want.class == has.class => exchange(pool, want, has, &path),
        ([want], []) => Some(format!("zpool add {pool} {}", operands(want, &path))),
        ([], _) => return "name the pool's disks in the file as they are".to_owned(),
        _ => None,
    };
    match command {
        Some(command) => format!(
            "correct the file, or change the pool yourself, which may not be reversible: {command}"
        ),
        None => "correct the file, or move the data away and make the pool again: phoenix never rebuilds a pool".to_owned(),
    }
}

/// The command that turns one vdev into another, where ZFS has one.
fn exchange(
    pool: &str,
    want: &Group,
    has: &Group,
    path: &dyn Fn(&String) -> String,
) -> Option<String> {
    let come: Vec<_> = want.disks.difference(&has.disks).collect();
    let go: Vec<_> = has.disks.difference(&want.disks).collect();
    let stays = has.disks.intersection(&want.disks).next();
    match (come.as_slice(), go.as_slice(), stays) {
        ([new], [old], _) if want.kind == has.kind => {
            Some(format!("zpool replace {pool} {} {}", path(old), path(new)))
        }
        ([new], [], Some(old)) if want.kind == "mirror" => {
            Some(format!("zpool attach {pool} {} {}", path(old), path(new)))
        }
        ([], [old], Some(_)) if has.kind == "mirror" => {
            Some(format!("zpool detach {pool} {}", path(old)))
        }
        _ => None,
    }
}

fn operands(group: &Group, path: &dyn Fn(&String) -> String) -> String {
    let class = (group.class != VdevClass::Data).then(|| group.class.as_str().to_owned());
    let kind = (group.kind != "disk").then(|| group.kind.clone());
    let disks = group.disks.iter().map(path);
    class
        .into_iter()
        .chain(kind)
        .chain(disks)
        .collect::<Vec<_>>()
        .join(" ")
}
