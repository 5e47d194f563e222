//! How an imported pool is, beside the word that ZFS has for it: what failed, what counted errors, what
//! is going on, and which command mends it.
//!
//! ZFS's own advice is never passed on: of a pool with an unplugged disk it says that the pool be made
//! again from a backup.

use std::fmt::Write as _;

use phoenix_config::code::Code;
use phoenix_config::diagnostic::Severity;
use phoenix_config::model::Pool;
use phoenix_zfs::vdev::VdevClass;

use super::super::facts::Facts;
use super::super::verdict::Notes;
use super::layout::{replacements, whole_disk};
use crate::observed::{
    MemberRole, ObservedActivity, ObservedActivityKind, ObservedMember, ObservedPool,
};

/// Percent of a pool from which on ZFS has trouble to find room.
const NEARLY_FULL: u8 = 80;

/// States in which a disk does its work, or waits for some.
const WELL: [&str; 4] = ["ONLINE", "AVAIL", "INUSE", ""];

pub(super) fn notes(facts: &Facts<'_>, pool: &Pool, live: &ObservedPool, notes: &mut Notes) {
    let mut warn = |code, message: String, help: String| {
        notes.about(pool.address(), Severity::Warning, code, message, help);
    };
    let name = &pool.name;
    // A lost cache and a disk that was split off leave a pool ONLINE.
    if live.health == "DEGRADED" || members(live).any(|member| !is_well(member)) {
        let (message, help) = degraded(name, live);
        warn(Code::PoolDegraded, message, help);
    }
    if let Some((message, help)) = failed_spares(name, live) {
        warn(Code::PoolSpareFailed, message, help);
    }
    if let Some((message, help)) = counted_errors(name, live) {
        warn(Code::PoolErrors, message, help);
    }
    if let Some(lost) = &live.lost {
        warn(
            Code::PoolDataLost,
            format!("data of pool {name} are lost: {lost}"),
            format!("zpool status -v {name} names the files; bring them back from a backup"),
        );
    }
    if let Some(percent) = live.capacity.filter(|percent| *percent >= NEARLY_FULL) {
        warn(
            Code::PoolNearlyFull,
            format!("pool {name} is nearly full: {percent} % are taken"),
            "delete old snapshots and data, or give the pool more disks".to_owned(),
        );
    }
    if let Some((message, help)) = old_name(facts, pool, live) {
        warn(Code::PoolReplacing, message, help);
    }
    if !live.activities.is_empty() {
        let only_scrubs = live
            .activities
            .iter()
            .all(|activity| activity.kind == ObservedActivityKind::Scrub);
        let severity = if only_scrubs {
            Severity::Note
        } else {
            Severity::Warning
        };
        let told: Vec<String> = live.activities.iter().map(activity).collect();
        notes.about(
            pool.address(),
            severity,
            Code::PoolActivity,
            format!("pool {name} {}", told.join(" and ")),
            format!("wait until it is done; zpool status {name} shows the progress"),
        );
    }
}

/// Every disk of the pool, with what each of them is for. The entries of spares are left out.
fn members(live: &ObservedPool) -> impl Iterator<Item = &ObservedMember> {
    let vdevs = live
        .vdevs
        .iter()
        .filter(|vdev| vdev.class != VdevClass::Spare);
    vdevs.flat_map(|vdev| &vdev.disks)
}

/// ZFS replaces no disk of a cache: it holds nothing that is not elsewhere.
fn is_cache(live: &ObservedPool, member: &ObservedMember) -> bool {
    let mut caches = live
        .vdevs
        .iter()
        .filter(|vdev| vdev.class == VdevClass::Cache);
    caches.any(|vdev| vdev.disks.contains(member))
}

fn is_well(member: &ObservedMember) -> bool {
    WELL.contains(&member.state.as_str())
}

fn degraded(name: &str, live: &ObservedPool) -> (String, String) {
    let failed: Vec<&ObservedMember> = members(live).filter(|member| !is_well(member)).collect();
    let told: Vec<String> = failed.iter().map(|member| told(member)).collect();
    let spares: Vec<&str> = members(live)
        .filter(|member| member.role == MemberRole::StandIn && is_well(member))
        .map(|member| member.path.as_str())
        .collect();
    let mut message = format!("pool {name} is {}", live.health);
    if !told.is_empty() {
        let _ = write!(message, ": {}", told.join(" and "));
    }
    if !spares.is_empty() {
        let _ = write!(message, "; {} stands in", spares.join(" and "));
    }
    let help = match failed
        .iter()
        .find(|member| member.role == MemberRole::Member)
    {
        None => format!("zpool status {name} shows what is missing; wait for what is going on"),
        Some(member) => {
            let handle = member.handle();
            match member.state.as_str() {
                "OFFLINE" => format!("take it back: zpool online {name} {handle}"),
                _ if is_cache(live, member) => format!(
                    "bring it back, or take it out (zpool remove {name} {handle}) and name another disk \
                     in the cache of the file"
                ),
                "REMOVED" => format!(
                    "plug it in again, and ZFS takes it back by itself; or replace it: zpool replace \
                     {name} {handle} NEW_DISK, and name the new disk in the file"
                ),
                _ => format!(
                    "bring it back, or replace it: zpool replace {name} {handle} NEW_DISK, and name the \
                     new disk in the file"
                ),
            }
        }
    };
    (message, help)
}

/// `/dev/disk/by-id/X is FAULTED (too many errors)`
fn told(member: &ObservedMember) -> String {
    let remark = match member.remark.as_str() {
        "" => String::new(),
        remark => format!(" ({remark})"),
    };
    format!("{} is {}{remark}", member.path, member.state)
}

fn failed_spares(name: &str, live: &ObservedPool) -> Option<(String, String)> {
    let spares = live
        .vdevs
        .iter()
        .filter(|vdev| vdev.class == VdevClass::Spare);
    let failed: Vec<&ObservedMember> = spares
        .flat_map(|vdev| &vdev.disks)
        .filter(|spare| !is_well(spare))
        .collect();
    let first = failed.first()?;
    let told: Vec<String> = failed.iter().map(|spare| told(spare)).collect();
    Some((
        format!(
            "a spare of pool {name} cannot be used: {}",
            told.join(" and ")
        ),
        format!(
            "take it out (zpool remove {name} {}) and name another disk among the spares",
            first.handle()
        ),
    ))
}

fn counted_errors(name: &str, live: &ObservedPool) -> Option<(String, String)> {
    let all = live.vdevs.iter().flat_map(|vdev| &vdev.disks);
    let counted: Vec<(&ObservedMember, &String)> = all
        .filter_map(|member| Some((member, member.errors.as_ref()?)))
        .collect();
    let (first, _) = counted.first()?;
    let told = counted
        .iter()
        .map(|(member, errors)| format!("{} ({errors})", member.path));
    Some((
        format!(
            "ZFS has counted errors in pool {name}: {}",
            told.collect::<Vec<_>>().join(" and ")
        ),
        format!(
            "look at the disk and its cable; then zpool clear {name} {} and zpool scrub {name}",
            first.handle()
        ),
    ))
}

/// The file names a disk that goes.
fn old_name(facts: &Facts<'_>, pool: &Pool, live: &ObservedPool) -> Option<(String, String)> {
    let name_of = |path: &str| {
        let found = facts.observed.disks.get(path);
        found.map_or_else(
            || whole_disk(path).to_owned(),
            |found| found.member_name().to_owned(),
        )
    };
    let declared: Vec<String> = pool.disks().map(|disk| name_of(&disk.path)).collect();
    let pairs = live.vdevs.iter().flat_map(replacements);
    let mut pairs =
        pairs.filter(|(old, new)| declared.contains(&old.name) && !declared.contains(&new.name));
    let (old, new) = pairs.next()?;
    let message = format!(
        "{} of pool {} is being replaced by {}",
        old.path, pool.name, new.path
    );
    Some((
        message,
        format!("name {} in its place in the file", new.path),
    ))
}

fn activity(activity: &ObservedActivity) -> String {
    let what = match activity.kind {
        ObservedActivityKind::Resilver => "copies data to a disk (resilver)",
        ObservedActivityKind::Scrub => "reads all its data (scrub)",
        ObservedActivityKind::Expansion => "moves a raidz vdev over to one disk more",
        ObservedActivityKind::Removal => "moves data off a vdev that is being taken out",
    };
    let done = activity.done.as_ref().map(|done| format!("{done} done"));
    let left = match (&activity.left, activity.paused) {
        (_, true) => "paused".to_owned(),
        (Some(left), false) => format!("{left} to go"),
        (None, false) => "ZFS does not know yet how long it takes".to_owned(),
    };
    let facts: Vec<String> = done.into_iter().chain([left]).collect();
    format!("{what}: {}", facts.join(", "))
}
