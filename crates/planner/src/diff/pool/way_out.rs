//! How a pool that is made of other disks than the file says is told, and the commands by which a
//! person may change it.
//!
//! Disks of the pool are named by their number in commands: it is never taken for another. New ones
//! are named by the path of the file. ZFS takes some commands without a question that cost redundancy
//! for good (a lone disk beside a mirror), so no command is given where redundancy would differ.

use phoenix_config::model::Pool;
use phoenix_zfs::vdev::VdevClass;
use phoenix_zfs::version::Version;

use super::super::facts::Facts;
use super::super::release::release;
use super::super::verdict::{Stop, refused};
use super::layout::{Declared, Difference, Live};
use crate::observed::{MemberRole, ObservedMember, ObservedPool, ObservedVdev};
use crate::refusal::RefusalCode;

/// The refusal that tells what differs and what to do.
pub(super) fn refusal(
    facts: &Facts<'_>,
    pool: &Pool,
    live: &ObservedPool,
    found: &[Difference<'_>],
) -> Stop {
    let name = &pool.name;
    if let Some((reason, help)) = partition_meant(facts, pool, found) {
        return refused(RefusalCode::PoolOtherDisks, reason, help);
    }
    let known = spare_in_place(pool, found)
        .or_else(|| nowhere(name, found))
        .or_else(|| one_vdev(facts, name, live, found));
    if let Some((reason, help)) = known {
        return refused(RefusalCode::PoolOtherDisks, reason, help);
    }
    let (mut lacks, mut has) = (Vec::new(), Vec::new());
    for difference in found {
        match difference {
            Difference::Changed { has: live, wants } => {
                has.push(shown_live(live));
                lacks.push(shown_declared(wants));
            }
            Difference::Missing(wants) => lacks.push(shown_declared(wants)),
            Difference::Extra(live) => has.push(shown_live(live)),
        }
    }
    let (lacks, has) = (lacks.join(" and "), has.join(" and "));
    let reason = match (lacks.as_str(), has.as_str()) {
        (lacks, "") => format!("pool {name} lacks {lacks}"),
        ("", has) => format!("pool {name} also has {has}, which the file does not name"),
        (lacks, has) => format!("pool {name} has {has} where the file has {lacks}"),
    };
    let commands: Option<Vec<String>> = found
        .iter()
        .map(|found| command(facts, name, live, found))
        .collect();
    let help = match commands {
        // ZFS takes out no spare that stands in, and nobody should want it to.
        _ if found.iter().any(is_spare_in_use) => {
            "name the spares that are in use among the spares of the file: they are needed where they are"
                .to_owned()
        }
        Some(commands) => format!(
            "correct the file, or change the pool yourself, which may not be reversible: {}",
            commands.join("; ")
        ),
        None => {
            "correct the file to what zpool status -P shows: ZFS cannot make the one of the other, \
                 short of moving the data away and making the pool again"
                .to_owned()
        }
    };
    refused(RefusalCode::PoolOtherDisks, reason, help)
}

/// The file names the disk, and the pool has a partition of it that ZFS did not make: the disk carries
/// something else as well.
fn partition_meant(
    facts: &Facts<'_>,
    pool: &Pool,
    found: &[Difference<'_>],
) -> Option<(String, String)> {
    let disk_of = |member: &ObservedMember| {
        let disk = member.partition_of.as_ref()?;
        let mut declared = pool.disks();
        declared.find(|declared| {
            let seen = facts.observed.disks.get(&declared.path);
            seen.is_some_and(|seen| seen.kernel_name == *disk)
        })
    };
    let members = || found.iter().flat_map(live_disks);
    let mut pairs =
        members().filter_map(|member| Some((&disk_of(member)?.path, member.path.as_str())));
    let (disk, partition) = pairs.next()?;
    let all: Vec<&str> = members()
        .filter(|member| member.partition_of.is_some())
        .map(|member| member.path.as_str())
        .collect();
    Some((
        format!(
            "pool {} is on the partition {partition}, and the file names the whole disk {disk}",
            pool.name
        ),
        format!("name the partitions in the file: {}", all.join(", ")),
    ))
}

/// A hot spare of the file is a member now: somebody detached the disk that it stood in for.
fn spare_in_place(pool: &Pool, found: &[Difference<'_>]) -> Option<(String, String)> {
    let is_spare = |name: &str| {
        let missing = found.iter().find_map(|found| match found {
            Difference::Missing(wants) if wants.class == VdevClass::Spare => wants.disks.get(name),
            _ => None,
        });
        missing.cloned()
    };
    found.iter().find_map(|difference| {
        let Difference::Changed { has, wants } = difference else {
            return None;
        };
        let spare = has.disks.keys().find_map(|name| is_spare(name))?;
        let mut gone = wants.disks.iter();
        let (_, old) = gone.find(|(name, _)| !has.disks.contains_key(name.as_str()))?;
        let name = &pool.name;
        Some((
            format!("the spare {spare} of pool {name} has taken the place of {old} for good"),
            format!("name {spare} in its place in the file, and no longer among the spares"),
        ))
    })
}

/// ZFS works with a disk by a name that leads nowhere: which one of the file it is cannot be told, so
/// there is nothing to compare and no command to give.
fn nowhere(pool: &str, found: &[Difference<'_>]) -> Option<(String, String)> {
    let disks = found.iter().flat_map(live_disks);
    let lost: Vec<&str> = disks
        .filter(|member| member.name.starts_with('/'))
        .filter(|member| matches!(member.state.as_str(), "ONLINE" | "AVAIL" | "INUSE"))
        .map(|member| member.path.as_str())
        .collect();
    (!lost.is_empty()).then(|| {
        (
            format!(
                "pool {pool} has disks by names that lead nowhere, so phoenix cannot tell which ones they \
                 are: {}",
                lost.join(", ")
            ),
            format!(
                "let udev make the links again (udevadm trigger), or name the pool without its disks; \
                 zpool status -LP {pool} shows the devices"
            ),
        )
    })
}

/// One vdev of the file's kind with other disks: only those are told.
fn one_vdev(
    facts: &Facts<'_>,
    pool: &str,
    live: &ObservedPool,
    found: &[Difference<'_>],
) -> Option<(String, String)> {
    let [difference @ Difference::Changed { has, wants }] = found else {
        return None;
    };
    let of_pool = has.disks.iter();
    let new: Vec<String> = of_pool
        .filter(|(name, _)| !wants.disks.contains_key(**name))
        .map(|(_, member)| shown_member(member))
        .collect();
    let of_file = wants.disks.iter();
    let old: Vec<&str> = of_file
        .filter(|(name, _)| !has.disks.contains_key(name.as_str()))
        .map(|(_, path)| path.as_str())
        .collect();
    if has.vdev.kind != wants.kind {
        return None;
    }
    let (vdev, new, old) = (&has.vdev.name, new.join(", "), old.join(", "));
    let (reason, by_hand) = match (new.as_str(), old.as_str()) {
        (new, "") => (
            format!("{vdev} of pool {pool} also has {new}, which the file does not name"),
            format!("name {new} in the file"),
        ),
        ("", old) => (
            format!("{vdev} of pool {pool} lacks {old}"),
            format!("take {old} out of the file"),
        ),
        (new, old) => (
            format!("{vdev} of pool {pool} has {new} where the file has {old}"),
            format!("name {new} in its place in the file"),
        ),
    };
    let help = match command(facts, pool, live, difference) {
        Some(command) => format!("{by_hand}, or change the pool yourself: {command}"),
        None => format!("{by_hand}: ZFS has no command that makes the pool like the file"),
    };
    Some((reason, help))
}

fn live_disks<'d>(difference: &'d Difference<'_>) -> Vec<&'d ObservedMember> {
    match difference {
        Difference::Changed { has, .. } | Difference::Extra(has) => {
            has.disks.values().copied().collect()
        }
        Difference::Missing(_) => Vec::new(),
    }
}

/// The command that makes the pool like the file; `None` where ZFS has none, or one that would leave
/// the pool with less redundancy than the rest of it has.
fn command(
    facts: &Facts<'_>,
    pool: &str,
    live: &ObservedPool,
    difference: &Difference<'_>,
) -> Option<String> {
    if wanted_disks(difference).any(|(name, has)| is_taken(live, name, has)) {
        return None;
    }
    match difference {
        Difference::Changed { has, wants } => exchange(facts, pool, has, wants),
        Difference::Missing(wants) => {
            is_alike(live, wants).then(|| format!("zpool add {pool} {}", operands(wants)))
        }
        Difference::Extra(has) => {
            is_removable(live, has).then(|| format!("zpool remove {pool} {}", vdev_handle(has)))
        }
    }
}

/// The disks that the file gives to a vdev, each with the vdev that is meant to have it.
fn wanted_disks<'d, 'a>(
    difference: &'d Difference<'a>,
) -> impl Iterator<Item = (&'d str, Option<&'d Live<'a>>)> {
    let (wants, has) = match difference {
        Difference::Changed { has, wants } => (Some(wants), Some(has)),
        Difference::Missing(wants) => (Some(wants), None),
        Difference::Extra(_) => (None, None),
    };
    let disks = wants.into_iter().flat_map(|wants| wants.disks.keys());
    disks.map(move |name| (name.as_str(), has))
}

/// Whether a disk has another place in the pool than in the vdev `has`.
fn is_taken(live: &ObservedPool, name: &str, has: Option<&Live<'_>>) -> bool {
    let here = has.is_some_and(|has| has.disks.contains_key(name));
    let mut disks = live.vdevs.iter().flat_map(|vdev| &vdev.disks);
    !here && disks.any(|disk| disk.name == name)
}

/// The command that turns one vdev into another, where ZFS has one.
fn exchange(facts: &Facts<'_>, pool: &str, has: &Live<'_>, wants: &Declared) -> Option<String> {
    let come: Vec<&String> = wants
        .disks
        .iter()
        .filter(|(name, _)| !has.disks.contains_key(name.as_str()))
        .map(|(_, path)| path)
        .collect();
    let go: Vec<&ObservedMember> = has
        .disks
        .values()
        .copied()
        .filter(|member| !wants.disks.contains_key(&member.name))
        .collect();
    let stays = has
        .disks
        .values()
        .find(|member| wants.disks.contains_key(&member.name));
    let is_mirror = |kind: &str| matches!(kind, "disk" | "mirror");
    match (come.as_slice(), go.as_slice(), stays) {
        (come, go, _) if come.len() == go.len() && !come.is_empty() => {
            let pairs = go.iter().zip(come);
            let commands =
                pairs.map(|(old, new)| format!("zpool replace {pool} {} {new}", old.handle()));
            Some(commands.collect::<Vec<_>>().join("; "))
        }
        (come, [], Some(old)) if is_mirror(&wants.kind) => {
            let commands = come
                .iter()
                .map(|new| format!("zpool attach {pool} {} {new}", old.handle()));
            Some(commands.collect::<Vec<_>>().join("; "))
        }
        ([new], [], Some(_)) if wants.kind.starts_with("raidz") && expands_raidz(facts) => {
            Some(format!("zpool attach {pool} {} {new}", vdev_handle(has)))
        }
        ([], go, Some(_)) if is_mirror(&has.vdev.kind) => {
            let commands = go
                .iter()
                .map(|old| format!("zpool detach {pool} {}", old.handle()));
            Some(commands.collect::<Vec<_>>().join("; "))
        }
        _ => None,
    }
}

/// Whether this ZFS can make a raidz wider. One that cannot has divided the new disk before it says so.
fn expands_raidz(facts: &Facts<'_>) -> bool {
    const FIRST: Version = Version {
        major: 2,
        minor: 3,
        patch: 0,
    };
    release(facts.observed).is_some_and(|version| version >= FIRST)
}

/// Whether a new vdev is as safe as those that the pool has: a pool is lost with the weakest vdev that
/// holds data. ZFS itself takes a mirror beside a raidz without a question.
fn is_alike(live: &ObservedPool, wants: &Declared) -> bool {
    let data = || {
        live.vdevs
            .iter()
            .filter(|vdev| vdev.class == VdevClass::Data)
    };
    let width = |vdev: &ObservedVdev| vdev.members().count();
    let wanted = redundancy(&wants.kind, wants.disks.len());
    let as_safe = || data().all(|vdev| redundancy(&vdev.kind, width(vdev)) == wanted);
    match wants.class {
        VdevClass::Log | VdevClass::Cache | VdevClass::Spare => true,
        VdevClass::Special | VdevClass::Dedup => as_safe(),
        VdevClass::Data => {
            let mut vdevs = data();
            as_safe()
                && vdevs.all(|vdev| vdev.kind == wants.kind && width(vdev) <= wants.disks.len())
        }
    }
}

/// How many disks of a vdev may die without data loss.
pub(super) fn redundancy(kind: &str, disks: usize) -> usize {
    match kind {
        "mirror" => disks.saturating_sub(1),
        kind => kind
            .strip_prefix("raidz")
            .or_else(|| kind.strip_prefix("draid"))
            .and_then(|parity| parity.parse().ok())
            .unwrap_or(0),
    }
}

/// ZFS takes log, cache and spares out of every pool; the others only where nothing is raidz or draid.
fn is_removable(live: &ObservedPool, has: &Live<'_>) -> bool {
    let has_parity = || {
        let mut kinds = live.vdevs.iter().map(|vdev| vdev.kind.as_str());
        kinds.any(|kind| kind.starts_with("raidz") || kind.starts_with("draid"))
    };
    match has.vdev.class {
        VdevClass::Log | VdevClass::Cache | VdevClass::Spare => true,
        VdevClass::Special | VdevClass::Dedup => !has_parity(),
        VdevClass::Data => {
            let data = live
                .vdevs
                .iter()
                .filter(|vdev| vdev.class == VdevClass::Data);
            !has_parity() && data.count() > 1
        }
    }
}

/// What a command calls a vdev of the pool. A lone disk goes by its own number.
fn vdev_handle(has: &Live<'_>) -> String {
    let only = has.disks.values().next().filter(|_| has.disks.len() == 1);
    match (only, has.vdev.guid) {
        (Some(only), _) if has.vdev.kind == "disk" => only.handle(),
        (_, Some(guid)) => guid.to_string(),
        (_, None) => has.vdev.name.clone(),
    }
}

fn operands(wants: &Declared) -> String {
    let class = (wants.class != VdevClass::Data).then(|| wants.class.as_str());
    let kind = (wants.kind != "disk").then_some(wants.kind.as_str());
    let disks = wants.disks.values().map(String::as_str);
    let words = class.into_iter().chain(kind).chain(disks);
    words.collect::<Vec<_>>().join(" ")
}

fn shown_declared(wants: &Declared) -> String {
    let disks: Vec<&str> = wants.disks.values().map(String::as_str).collect();
    shown(wants.class, &wants.kind, &disks)
}

fn shown_live(has: &Live<'_>) -> String {
    let disks: Vec<String> = has.disks.values().map(|disk| shown_member(disk)).collect();
    let disks: Vec<&str> = disks.iter().map(String::as_str).collect();
    shown(has.vdev.class, &has.vdev.kind, &disks)
}

fn shown_member(member: &ObservedMember) -> String {
    match (member.role, member.state.as_str()) {
        (MemberRole::Member, "ONLINE" | "AVAIL" | "INUSE" | "") => member.path.clone(),
        (_, state) => format!("{} {state}", member.path),
    }
}

fn is_spare_in_use(difference: &Difference<'_>) -> bool {
    let Difference::Extra(has) = difference else {
        return false;
    };
    has.vdev.class == VdevClass::Spare && has.disks.values().any(|disk| disk.state == "INUSE")
}

fn shown(class: VdevClass, kind: &str, disks: &[&str]) -> String {
    let class = match class {
        VdevClass::Data => String::new(),
        class => format!("{} ", class.as_str()),
    };
    format!("{class}{kind} ({})", disks.join(", "))
}
