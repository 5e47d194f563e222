//! Importing a pool that lies on the file's disks: what a power cut right after `zpool create`, or a
//! `zpool export`, leaves behind.
//!
//! An import destroys nothing, so it needs no grant. It is planned only where nothing is left to
//! judge: the pool has the file's name, is made of exactly the file's vdevs, is whole, and ZFS has
//! nothing to say about it. Everything else is a person's decision.

use phoenix_config::model::Pool;
use phoenix_zfs::property::is_create_only;

use super::super::facts::Facts;
use super::super::grants::is_named;
use super::super::property::{new_properties, stored};
use super::super::verdict::{Stop, Verdict, changed_field, refused, update};
use super::create::{identified, planned_vdevs, present};
use super::{of_root, topology};
use crate::observed::{ObservedImportable, ObservedPool};
use crate::plan::{ImportPool, Operation};
use crate::refusal::RefusalCode;
use crate::wanted::root_mountpoint;

/// The pool of this name that lies on the disks, unless the user has named one of the file's disks
/// to be erased: then a new pool is wanted.
pub(super) fn found<'a>(facts: &Facts<'a>, pool: &Pool) -> Option<&'a ObservedImportable> {
    let erased = pool.disks().any(|disk| {
        let seen = facts.observed.disks.get(&disk.path);
        seen.is_some_and(|seen| is_named(&facts.grants.wipe, &disk.path, seen))
    });
    let found = facts.observed.importable.get(&pool.name)?;
    (!erased && !pool.vdevs.is_empty()).then_some(found)
}

pub(super) fn diff(facts: &Facts<'_>, pool: &Pool, found: &ObservedImportable) -> Verdict {
    check(facts, pool, found)?;
    if let Some(path) = root_mountpoint(pool) {
        facts.check_nothing_hidden(&path)?;
    }
    let vdevs = planned_vdevs(pool, &|path| {
        Ok(identified(path, present(facts, path)?, false))
    })?;
    let mut root_properties = pool.root_properties.clone();
    // As with a pool that is imported already: defaults are for new pools only, and what can be
    // set only when a pool is made is a matter for the plan that sees it.
    root_properties.retain(|name, property| !property.default && !is_create_only(name));
    let mut changes = vec![changed_field("imported", Some("no".to_owned()), "yes")];
    changes.extend(new_properties(&pool.properties));
    changes.extend(of_root(new_properties(&root_properties)));
    let operation = Operation::ImportPool(ImportPool {
        pool: pool.name.clone(),
        guid: found.guid,
        properties: stored(&pool.properties),
        root_properties: stored(&root_properties),
        vdevs,
    });
    update(changes, operation)
}

fn check(facts: &Facts<'_>, pool: &Pool, found: &ObservedImportable) -> Result<(), Stop> {
    let (name, guid) = (&pool.name, found.guid);
    if let Some(why) = &found.unread {
        return Err(refused(
            RefusalCode::PoolUnreadable,
            format!(
                "pool {name} is on its disks and not imported, and phoenix cannot tell what it is made of: {why}"
            ),
            "import it yourself (zpool import -d /dev/disk/by-id shows its number), then run phoenix again",
        ));
    }
    let by_hand = format!("zpool import -d /dev/disk/by-id {guid}");
    if let Some(status) = &found.status {
        return Err(refused(
            RefusalCode::PoolNotImportable,
            format!("pool {name} is on its disks and not imported, and ZFS says: {status}"),
            format!("if it belongs to this host, import it yourself: {by_hand}"),
        ));
    }
    if found.health != "ONLINE" {
        return Err(refused(
            RefusalCode::PoolImportDegraded,
            format!(
                "pool {name} is on its disks and not imported, and would be {}",
                found.health
            ),
            format!("bring its missing disks back, or import it as it is: {by_hand}"),
        ));
    }
    let as_if_imported = ObservedPool {
        vdevs: found.vdevs.clone(),
        ..ObservedPool::default()
    };
    topology::check(facts, pool, &as_if_imported).map_err(|_| {
        refused(RefusalCode::PoolOtherDisks,
            format!(
                "pool {name} is on its disks and not imported, and is made of other disks than the file says"
            ),
            format!(
                "import it ({by_hand}) and correct the file; or, if its data may be destroyed, name \
                 its disks: --allow wipe:DISK"
            ),
        )
    })
}
