//! Whether an imported pool is made of what the file says.
//!
//! `layout` compares, `way_out` tells what to do about a difference.

use std::collections::BTreeSet;

use phoenix_config::model::Pool;

use super::super::facts::Facts;
use super::super::verdict::{Stop, refused};
use super::layout::{differences, whole_disk};
use super::way_out;
use crate::observed::ObservedPool;
use crate::refusal::RefusalCode;

/// Nothing to do if the pool is made of what the file says.
///
/// # Errors
///
/// A refusal that explains the difference.
pub(super) fn check(facts: &Facts<'_>, pool: &Pool, live: &ObservedPool) -> Result<(), Stop> {
    if pool.vdevs.is_empty() {
        return Ok(());
    }
    if let Some(why) = &live.unread {
        return Err(refused(
            RefusalCode::PoolUnreadable,
            format!(
                "phoenix cannot tell what pool {} is made of: {why}",
                pool.name
            ),
            format!(
                "report it with the output of zpool status -P {}; until then name the pool without its \
                 disks",
                pool.name
            ),
        ));
    }
    let found = differences(facts, pool, live);
    if found.is_empty() {
        return Ok(());
    }
    check_paths(facts, pool, live)?;
    Err(way_out::refusal(facts, pool, live, &found))
}

/// A path that leads nowhere is a dead member only if the pool still lists it under that path.
fn check_paths(facts: &Facts<'_>, pool: &Pool, live: &ObservedPool) -> Result<(), Stop> {
    let disks = live.vdevs.iter().flat_map(|vdev| &vdev.disks);
    let names: BTreeSet<&str> = disks.map(|disk| disk.name.as_str()).collect();
    let known =
        |path: &str| facts.observed.disks.contains_key(path) || names.contains(whole_disk(path));
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
