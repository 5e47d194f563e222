//! Pools: what an imported pool lacks, and what speaks against using it.
//!
//! Making a pool is `create`'s business, what would be refused then `creatable`'s, importing one that
//! lies on its disks `import`'s; which disks an imported pool is made of is `topology`'s, the
//! comparison `layout`'s, and what to do about a difference `way_out`'s.

mod creatable;
mod create;
mod health;
mod import;
mod layout;
mod topology;
mod way_out;

use std::collections::BTreeMap;

use phoenix_config::code::Code;
use phoenix_config::diagnostic::Severity;
use phoenix_config::model::Pool;
use phoenix_zfs::property::{Value, is_create_only};

use super::facts::Facts;
use super::property::{Difference, difference, differences, rows, values};
use super::verdict::{Notes, Stop, Verdict, refused, update};
use crate::observed::ObservedPool;
use crate::plan::{Change, Operation, SetPool};
use crate::refusal::RefusalCode;

/// Prefix of the fields that belong to a pool's root dataset, as the file calls them.
pub(crate) const ROOT: &str = "root_properties.";

pub(super) fn diff(facts: &Facts<'_>, pool: &Pool, notes: &mut Notes) -> Verdict {
    note_one_drive(facts, pool, notes);
    match facts.observed.pools.get(&pool.name) {
        None => match import::found(facts, pool) {
            Some(found) => import::diff(facts, pool, found),
            None => create::diff(facts, pool),
        },
        Some(live) => existing(facts, pool, live, notes),
    }
}

fn existing(facts: &Facts<'_>, pool: &Pool, live: &ObservedPool, notes: &mut Notes) -> Verdict {
    check_health(pool, live)?;
    health::notes(facts, pool, live, notes);
    topology::check(facts, pool, live)?;
    note_ashift(pool, live, notes);
    let (defaults, properties): (Vec<_>, Vec<_>) = differences(&pool.properties, &live.properties)
        .into_iter()
        .partition(|change| change.default);
    check_features(pool, &properties)?;
    let root_properties = root_differences(facts, pool, defaults, notes)?;
    if properties.is_empty() && root_properties.is_empty() {
        return Ok(None);
    }
    let operation = Operation::SetPool(SetPool {
        pool: pool.name.clone(),
        properties: values(&properties),
        root_properties: values(&root_properties),
    });
    let changes = rows(properties).chain(of_root(rows(root_properties)));
    update(changes.collect(), operation)
}

/// The rows of a root dataset's properties, named as the file does.
fn of_root(rows: impl Iterator<Item = Change>) -> impl Iterator<Item = Change> {
    rows.map(|mut row| {
        row.field.insert_str(0, ROOT);
        row
    })
}

fn check_health(pool: &Pool, live: &ObservedPool) -> Result<(), Stop> {
    let name = &pool.name;
    match live.health.as_str() {
        "ONLINE" | "DEGRADED" => Ok(()),
        "SUSPENDED" => Err(refused(
            RefusalCode::PoolSuspended,
            format!(
                "pool {name} is SUSPENDED: ZFS has lost too many of its disks and stopped writing"
            ),
            format!("bring the disks back, run zpool clear {name}, then run phoenix again"),
        )),
        health => Err(refused(
            RefusalCode::PoolUnusable,
            format!("pool {name} is {health} and cannot be changed"),
            format!("repair it first: zpool status -v {name} says what is wrong"),
        )),
    }
}

/// A mirror of two namespaces of one drive is lost with the drive.
fn note_one_drive(facts: &Facts<'_>, pool: &Pool, notes: &mut Notes) {
    let vdevs = pool.vdevs.iter().chain(&pool.special).chain(&pool.log);
    for vdev in vdevs.filter(|vdev| vdev.level.redundancy(vdev.disks.len()) > 0) {
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        for disk in &vdev.disks {
            let found = facts.observed.disks.get(&disk.path);
            let Some(serial) = found.and_then(|found| found.serial.as_deref()) else {
                continue;
            };
            let Some(first) = seen.insert(serial, &disk.path) else {
                continue;
            };
            notes.about(
                pool.address(),
                Severity::Warning,
                Code::PoolOneDrive,
                format!(
                    "a {} of pool {} has two disks with the serial number {serial}: {first} and {}",
                    vdev.level, pool.name, disk.path
                ),
                "namespaces of one drive fail together: give each vdev disks of different drives",
            );
        }
    }
}

/// The vdevs whose sectors are not of the size that the file states.
fn note_ashift(pool: &Pool, live: &ObservedPool, notes: &mut Notes) {
    let wanted = u64::from(pool.ashift);
    if pool.ashift_default || live.ashifts.is_empty() {
        note_ashift_of_pool(pool, live, notes);
        return;
    }
    let other: Vec<String> = live
        .ashifts
        .iter()
        .filter(|(_, ashift)| **ashift != wanted)
        .map(|(vdev, ashift)| format!("{vdev} has ashift={ashift}"))
        .collect();
    if other.is_empty() {
        return;
    }
    let name = &pool.name;
    notes.about(
        pool.address(),
        Severity::Warning,
        Code::PoolAshift,
        format!(
            "the file states ashift={wanted} for pool {name}, which no vdev that exists can get any more: {}",
            other.join(", ")
        ),
        "state what the vdevs have, or leave ashift out",
    );
}

/// The same by the pool's property, which is all that ZFS tells before 2.2.
fn note_ashift_of_pool(pool: &Pool, live: &ObservedPool, notes: &mut Notes) {
    let live = live
        .properties
        .get("ashift")
        .map_or(&Value::Number(0), |property| &property.value);
    // 0 means that every vdev took its own; the property never tells what the vdevs have.
    let said = [0, u64::from(pool.ashift)].map(Value::Number);
    if pool.ashift_default || said.contains(live) {
        return;
    }
    let (name, ashift) = (&pool.name, pool.ashift);
    notes.about(
        pool.address(),
        Severity::Warning,
        Code::PoolAshift,
        format!("pool {name} was made with ashift={live}; the file's {ashift} cannot be given to it any more"),
        format!("state \"ashift\": {live}, or move the data away and make the pool again"),
    );
}

/// A feature that is enabled cannot be disabled (zpool-features(7)).
fn check_features(pool: &Pool, differing: &[Difference]) -> Result<(), Stop> {
    let disabled = |one: &&Difference| {
        one.name.starts_with("feature@") && one.value == "disabled" && one.live.is_some()
    };
    match differing.iter().find(disabled) {
        None => Ok(()),
        Some(Difference { name, .. }) => Err(refused(
            RefusalCode::PoolPropertyFixed,
            format!(
                "{name} of pool {} is enabled, and no feature can be disabled again",
                pool.name
            ),
            format!("remove {name} from the pool's properties"),
        )),
    }
}

/// What the file states for the root dataset is enforced. Phoenix's own defaults are for new pools
/// only: they would change how every undeclared dataset below behaves. `defaults` are those of the
/// pool itself.
fn root_differences(
    facts: &Facts<'_>,
    pool: &Pool,
    mut defaults: Vec<Difference>,
    notes: &mut Notes,
) -> Result<Vec<Difference>, Stop> {
    let live = facts.observed.datasets.get(&pool.name);
    let mut stated = Vec::new();
    for (name, property) in &pool.root_properties {
        let live = live.and_then(|live| live.properties.get(name.as_ref()));
        match difference(name, property, live) {
            Some(one) if property.default => defaults.push(one),
            Some(one) => stated.push(one),
            None => {}
        }
    }
    note_root_defaults(pool, &defaults, notes);
    match stated.iter().find(|one| is_create_only(&one.name)) {
        None => Ok(stated),
        Some(one) => Err(refused(
            RefusalCode::PoolPropertyFixed,
            format!(
                "{} of pool {}'s root dataset is {}, and ZFS sets it only when the pool is made",
                one.name,
                pool.name,
                one.before("not set"),
            ),
            format!(
                "remove {} from root_properties, or move the data away and make the pool again",
                one.name
            ),
        )),
    }
}

fn note_root_defaults(pool: &Pool, defaults: &[Difference], notes: &mut Notes) {
    if defaults.is_empty() {
        return;
    }
    let list = |value: fn(&Difference) -> String| {
        let pairs = defaults
            .iter()
            .map(|one| format!("{}={}", one.name, value(one)));
        pairs.collect::<Vec<_>>().join(" ")
    };
    let live = list(|one| one.before("(unset)"));
    let usual = list(|one| one.value.to_string());
    notes.about(
        pool.address(),
        Severity::Note,
        Code::PoolRootDefault,
        format!("pool {} has {live}, where phoenix makes new pools with {usual}; it is left alone", pool.name),
        "state the values in the pool's properties (autotrim) and root_properties to have them enforced",
    );
}
