//! What an imported pool is made of beside what the file says, and where the two differ.
//!
//! A pool is compared as the layout that it leads to: a disk that is being replaced counts as the one
//! that comes, and a hot spare in use as nothing. The order of disks and vdevs is no difference. What
//! comes of a difference is others' business.

use std::collections::BTreeMap;

use phoenix_config::model::{Disk, Pool};
use phoenix_zfs::vdev::VdevClass;

use super::super::facts::Facts;
use crate::observed::{MemberRole, ObservedMember, ObservedPool, ObservedVdev};

/// A top-level vdev of the file. Plain disks stand side by side, so each is one of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) class: VdevClass,
    /// ZFS's word: `mirror`, `raidz1`, `disk`.
    pub(super) kind: String,
    /// The file's paths by the name that a pool knows the disk by.
    pub(super) disks: BTreeMap<String, String>,
}

/// A top-level vdev of the pool, with the disks that it leads to by name.
#[derive(Debug, Clone)]
pub(super) struct Live<'a> {
    pub(super) vdev: &'a ObservedVdev,
    pub(super) disks: BTreeMap<&'a str, &'a ObservedMember>,
}

/// One difference between the file and the pool.
#[derive(Debug, Clone)]
pub(super) enum Difference<'a> {
    /// A vdev is of the same kind and has other disks, or more, or fewer; or one kind became the
    /// other that ZFS can make of it.
    Changed { has: Live<'a>, wants: Declared },
    /// The file has a vdev more.
    Missing(Declared),
    /// The pool has a vdev more.
    Extra(Live<'a>),
}

/// Where the file and the pool differ, in the order of the pool and then of the file.
pub(super) fn differences<'a>(
    facts: &Facts<'_>,
    pool: &Pool,
    live: &'a ObservedPool,
) -> Vec<Difference<'a>> {
    let mut has = live_vdevs(live);
    let mut wants = declared_vdevs(facts, pool);
    for wanted in &mut wants {
        finish_replacements(wanted, live);
    }
    // What is equal is out of the way before the rest is paired.
    wants.retain(
        |wanted| match has.iter().position(|has| is_same(has, wanted)) {
            Some(index) => {
                has.remove(index);
                false
            }
            None => true,
        },
    );
    let mut found = Vec::new();
    for has in has {
        match nearest(&has, &wants) {
            Some(index) => found.push(Difference::Changed {
                wants: wants.remove(index),
                has,
            }),
            None => found.push(Difference::Extra(has)),
        }
    }
    found.extend(wants.into_iter().map(Difference::Missing));
    found
}

/// The vdevs that the pool leads to. One that is being removed is none of them, nor is the entry of a
/// spare that has taken the place of a member for good.
fn live_vdevs(live: &ObservedPool) -> Vec<Live<'_>> {
    let in_place = |spare: &ObservedMember| {
        let others = live
            .vdevs
            .iter()
            .filter(|vdev| vdev.class != VdevClass::Spare);
        let mut members = others.flat_map(ObservedVdev::members);
        members.any(|member| member.name == spare.name)
    };
    let vdev =
        |vdev: &'_ ObservedVdev| vdev.class != VdevClass::Spare || !vdev.members().any(in_place);
    let all = live.vdevs.iter().filter(|found| vdev(found));
    let all = all.map(|vdev| Live {
        vdev,
        disks: vdev
            .members()
            .map(|disk| (disk.name.as_str(), disk))
            .collect(),
    });
    all.filter(|found| !found.disks.is_empty()).collect()
}

/// What the file declares.
fn declared_vdevs(facts: &Facts<'_>, pool: &Pool) -> Vec<Declared> {
    let named = |disk: &Disk| {
        let found = facts.observed.disks.get(&disk.path);
        let name = found.map_or_else(|| whole_disk(&disk.path), |found| found.member_name());
        (name.to_owned(), disk.path.clone())
    };
    let mut declared = Vec::new();
    let mut add = |class, kind: Option<String>, disks: &[Disk]| match kind {
        Some(kind) => declared.push(Declared {
            class,
            kind,
            disks: disks.iter().map(named).collect(),
        }),
        None => declared.extend(disks.iter().map(|disk| Declared {
            class,
            kind: "disk".to_owned(),
            disks: BTreeMap::from([named(disk)]),
        })),
    };
    for (class, vdevs) in [
        (VdevClass::Data, &pool.vdevs),
        (VdevClass::Special, &pool.special),
        (VdevClass::Log, &pool.log),
    ] {
        for vdev in vdevs {
            add(class, vdev.level.keyword(), &vdev.disks);
        }
    }
    add(VdevClass::Cache, None, &pool.cache);
    add(VdevClass::Spare, None, &pool.spares);
    declared
}

/// A file that still names the disk that goes means the place, which the disk that comes will have.
fn finish_replacements(wanted: &mut Declared, live: &ObservedPool) {
    for vdev in &live.vdevs {
        for (old, new) in replacements(vdev) {
            if wanted.disks.contains_key(&new.name) {
                continue;
            }
            if let Some(path) = wanted.disks.remove(&old.name) {
                wanted.disks.insert(new.name.clone(), path);
            }
        }
    }
}

/// Each disk that goes, with the one that takes its place.
pub(super) fn replacements(
    vdev: &ObservedVdev,
) -> impl Iterator<Item = (&ObservedMember, &ObservedMember)> {
    let going = vdev.disks.iter().enumerate();
    let going = going.filter(|(_, disk)| disk.role == MemberRole::Leaving);
    going.filter_map(|(index, old)| {
        let mut after = vdev.disks.iter().skip(index);
        let new = after.find(|disk| disk.role == MemberRole::Member)?;
        Some((old, new))
    })
}

fn is_same(has: &Live<'_>, wanted: &Declared) -> bool {
    has.vdev.class == wanted.class
        && kind(has) == wanted.kind
        && has
            .disks
            .keys()
            .copied()
            .eq(wanted.disks.keys().map(String::as_str))
}

/// ZFS's word for the kind of a vdev, as the file would imply it.
fn kind<'a>(has: &Live<'a>) -> &'a str {
    match has.vdev.kind.as_str() {
        "file" => "disk",
        kind => kind,
    }
}

/// The vdev of the file that `has` is meant to be: of its class, of a kind that ZFS can make of it, and
/// with the most disks in common. Caches and spares are only ever added and removed.
fn nearest(has: &Live<'_>, wants: &[Declared]) -> Option<usize> {
    let is_mirror = |kind: &str| matches!(kind, "disk" | "mirror");
    let becomes = |wanted: &Declared| {
        let (from, to) = (kind(has), wanted.kind.as_str());
        from == to || (is_mirror(from) && is_mirror(to))
    };
    let in_common = |wanted: &Declared| {
        let common = has
            .disks
            .keys()
            .filter(|name| wanted.disks.contains_key(**name));
        common.count()
    };
    let replaceable = !matches!(has.vdev.class, VdevClass::Cache | VdevClass::Spare);
    let candidates = wants.iter().enumerate().filter(|(_, wanted)| {
        replaceable
            && wanted.class == has.vdev.class
            && becomes(wanted)
            && (in_common(wanted) > 0 || kind(has) == wanted.kind)
    });
    // The first of several that are equally near, so that the same input gives the same plan.
    let best = candidates.rev().max_by_key(|(_, wanted)| in_common(wanted));
    best.map(|(index, _)| index)
}

/// A dead member is listed by path, without the partition that ZFS had made on it.
pub(super) fn whole_disk(path: &str) -> &str {
    path.strip_suffix("-part1").unwrap_or(path)
}
