//! Pools: names, and how their disks are arranged.

use std::collections::BTreeMap;

use phoenix_zfs::creation::{go_together, property_conflict};
use phoenix_zfs::layout::RaidLevel;
use phoenix_zfs::name;

use super::index::Index;
use crate::code::Code;
use crate::diagnostic::Finding;
use crate::model::{Pool, Properties, Vdev};
use crate::pointer::Pointer;

/// Legal names that look like something else in the output of `zpool status`.
const CONFUSING_NAMES: [&str; 3] = ["cache", "dedup", "special"];

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    let pools = &index.config.pools;
    if pools.is_empty() {
        findings.push(no_pools());
    }
    let mut seen: BTreeMap<&str, &Pool> = BTreeMap::new();
    for pool in pools {
        findings.extend(name(pool));
        if let Some(first) = seen.get(pool.name.as_str()) {
            findings.push(duplicate(first, pool));
        } else {
            seen.insert(&pool.name, pool);
        }
        for vdev in pool.vdevs.iter().chain(&pool.special).chain(&pool.log) {
            findings.extend(disk_count(pool, vdev));
        }
        findings.extend(mixed_redundancy(pool).or_else(|| uneven_width(pool)));
        findings.extend(cannot_be_made(pool));
        findings.extend(log_layout(pool));
    }
}

fn no_pools() -> Finding {
    Finding::warning(
        Code::PoolNone,
        "no ZFS pools are defined, so ZFS setup is skipped",
    )
    .help("declare them in `zfs.pools`, or ignore this if the host is not to have ZFS")
    .at_key(&Pointer::root().key("zfs"), "no pools here")
}

fn name(pool: &Pool) -> Option<Finding> {
    let at = pool.origin.key("name");
    if let Err(error) = name::check_pool(&pool.name) {
        let message = format!("the pool name \"{}\" {error}", pool.name);
        return Some(
            Finding::error(Code::PoolInvalidName, message)
                .help(error.help())
                .at(&at, "not a pool name"),
        );
    }
    CONFUSING_NAMES.contains(&pool.name.as_str()).then(|| {
        let message = format!(
            "a pool called \"{}\" is easily taken for a kind of vdev",
            pool.name
        );
        Finding::warning(Code::PoolConfusingName, message)
            .help("choose another name while the pool does not exist yet")
            .at(&at, "also a word of `zpool create`")
    })
}

fn duplicate(first: &Pool, second: &Pool) -> Finding {
    let message = format!("the pool \"{}\" is declared twice", second.name);
    Finding::error(Code::PoolDuplicate, message)
        .help("keep one of them, or rename one")
        .at(&second.origin.key("name"), "declared again here")
        .at(&first.origin.key("name"), "first declared here")
}

fn disk_count(pool: &Pool, vdev: &Vdev) -> Option<Finding> {
    let (count, level) = (vdev.disks.len(), vdev.level);
    let minimum = level.minimum_disks();
    let (rule, help) = match level {
        RaidLevel::Single if count != 1 => (
            "exactly one disk".to_owned(),
            "use \"mirror\" for redundancy, or \"stripe\" for space without redundancy".to_owned(),
        ),
        RaidLevel::Raid10 if count < minimum || !count.is_multiple_of(2) => (
            format!("an even number of disks, at least {minimum}"),
            "each two disks make a mirror; add or remove one, or use \"mirror\"".to_owned(),
        ),
        _ if count < minimum => (
            match minimum {
                1 => "at least one disk".to_owned(),
                _ => format!("at least {minimum} disks"),
            },
            match count {
                1 => "add disks, or use \"single\" for one disk without redundancy".to_owned(),
                _ => format!("add {} more, or choose another level", minimum - count),
            },
        ),
        _ => return None,
    };
    let message = format!(
        "`{level}` in pool \"{}\" takes {rule}, and {count} {} given",
        pool.name,
        if count == 1 { "is" } else { "are" }
    );
    Some(
        Finding::error(Code::PoolDiskCount, message)
            .help(help)
            .at(&vdev.origin, format!("{count} here")),
    )
}

/// How a vdev is arranged.
fn shape(vdev: &Vdev) -> (RaidLevel, usize) {
    (vdev.level, vdev.disks.len())
}

/// `zpool create` refuses data and special vdevs of different redundancy unless it is forced
/// (`check_replication` in OpenZFS `cmd/zpool/zpool_vdev.c`), and phoenix never forces. A pool that
/// exists may be made so all the same: whether it does, only a plan can tell, which refuses then.
fn mixed_redundancy(pool: &Pool) -> Option<Finding> {
    let redundancy = |vdev: &Vdev| vdev.level.redundancy(vdev.disks.len());
    let mut vdevs = pool.vdevs.iter().chain(&pool.special);
    let first = vdevs.next()?;
    let other = vdevs.find(|vdev| !go_together(shape(first), shape(vdev)))?;
    let losses = |vdev: &Vdev| match redundancy(vdev) {
        0 => "survives no lost disk".to_owned(),
        1 => "survives one lost disk".to_owned(),
        many => format!("survives {many} lost disks"),
    };
    let message = format!(
        "the vdevs of pool \"{}\" differ in redundancy, which `zpool create` refuses for a new pool",
        pool.name
    );
    Some(
        Finding::warning(Code::PoolMixedRedundancy, message)
            .help(
                "the pool is lost with its weakest vdev: give all data and special vdevs the \
                 same redundancy",
            )
            .at(&other.origin, losses(other))
            .at(&first.origin, losses(first)),
    )
}

/// ZFS takes RAID-Z vdevs of one parity and any width (OpenZFS 2.1 and later), but fills them
/// unevenly.
fn uneven_width(pool: &Pool) -> Option<Finding> {
    let is_parity = |vdev: &&Vdev| matches!(vdev.level, RaidLevel::Raidz(_) | RaidLevel::Draid(_));
    let mut vdevs = pool.vdevs.iter().filter(is_parity);
    let first = vdevs.next()?;
    let other = vdevs.find(|vdev| vdev.disks.len() != first.disks.len())?;
    let width = |vdev: &Vdev| format!("{} disks", vdev.disks.len());
    let message = format!("the vdevs of pool \"{}\" differ in width", pool.name);
    Some(
        Finding::warning(Code::PoolUnevenWidth, message)
            .help("ZFS takes it, but use equal widths for equal space, speed and risk")
            .at(&other.origin, width(other))
            .at(&first.origin, width(first)),
    )
}

/// What a plan would refuse if the pool is not there.
fn cannot_be_made(pool: &Pool) -> Option<Finding> {
    let stored = |properties: &Properties| {
        let pairs = properties.iter();
        pairs
            .map(|(name, property)| (name.to_string(), property.stored.clone()))
            .collect()
    };
    let (own, root) = (stored(&pool.properties), stored(&pool.root_properties));
    let found = property_conflict(&own, &root, !pool.special.is_empty())?;
    let mut places = [&pool.root_properties, &pool.properties].into_iter();
    let place = places.find_map(|properties| properties.get(&*found.property));
    let message = format!(
        "a new pool \"{}\" cannot be made: {}",
        pool.name, found.reason
    );
    let finding = Finding::warning(Code::PoolCannotBeMade, message).help(found.help);
    Some(match place.filter(|property| !property.default) {
        Some(property) => finding.at(&property.origin, "`zpool create` refuses this"),
        None => finding.at_key(&pool.origin.key("name"), "`zpool create` refuses this pool"),
    })
}

fn log_layout(pool: &Pool) -> Option<Finding> {
    let is_parity = |vdev: &&Vdev| matches!(vdev.level, RaidLevel::Raidz(_) | RaidLevel::Draid(_));
    let vdev = pool.log.iter().find(is_parity)?;
    let message = format!(
        "the log of pool \"{}\" cannot be `{}`: ZFS takes single disks and mirrors",
        pool.name, vdev.level
    );
    Some(
        Finding::error(Code::PoolLogLayout, message)
            .help("use \"mirror\"")
            .at(&vdev.origin, "log vdev"),
    )
}
