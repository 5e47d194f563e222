//! A file that describes what a host has: the way back from facts to a configuration.
//!
//! Owns which of the facts a file states. Whether the file then says what the host is, is not
//! judged here: whoever writes one reads it and plans with it as with any other, and takes out with
//! [`faults`] what that finds.

mod dataset;
pub mod faults;
mod left_out;
mod place;
mod pool;
mod share;
mod storage;
mod text;

use phoenix_config::address::Address;
use phoenix_config::written::File;
use phoenix_zfs::size;

use crate::observed::{Observed, ObservedArc};

pub use left_out::LeftOut;
pub use place::Scope;

/// A file, and what of the host is not in it.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// The file.
    pub file: File,
    /// What is not in it.
    pub left_out: Vec<LeftOut>,
}

/// Describes every pool, dataset, storage, export, mount and limit in `observed`.
///
/// A dataset states its own properties, not those that it inherits. Permissions are stated where
/// they are not those of a new directory.
pub fn draft(observed: &Observed, scope: Scope) -> Draft {
    let places = place::Places::new(observed, scope);
    let pools = observed.pools.iter().map(|(name, live)| {
        let root = observed.datasets.get(name);
        pool::describe(name, live, root)
    });
    let below_pools = observed
        .datasets
        .iter()
        .filter(|(name, _)| name.contains('/'));
    let datasets = below_pools.map(|(name, live)| dataset::describe(observed, name, live));
    let mut draft = Draft::default();
    draft.file.zfs.pools = pools.collect();
    draft.file.zfs.datasets = datasets.collect();
    (draft.file.nfs.exports, draft.left_out) = share::exports(observed, &places);
    draft.file.bind_mounts = share::mounts(observed, &places);
    draft.left_out.extend(unread_pools(observed));
    let foreign = share::foreign_exports(observed, &places);
    draft.left_out.extend(foreign);
    draft.left_out.extend(share::raw_mounts(observed, &places));
    draft.left_out.extend(share::unread(observed));
    let storages = storage::add(observed, &places, &mut draft.file.zfs.datasets);
    draft.left_out.extend(storages);
    if let Some(reason) = &observed.storages_unreadable {
        let why = format!("Proxmox cannot list its storages: {reason}");
        draft
            .left_out
            .push(LeftOut::new("the Proxmox storages", why));
    }
    match arc_limit(&observed.arc) {
        Ok(limit) => draft.file.zfs.arc_max = limit,
        Err(left_out) => draft.left_out.push(left_out),
    }
    draft
}

/// The pools that are in the file by their names alone.
fn unread_pools(observed: &Observed) -> impl Iterator<Item = LeftOut> {
    let unread = observed
        .pools
        .iter()
        .filter_map(|(name, live)| Some((name, live.unread.as_ref()?)));
    unread.map(|(name, why)| LeftOut::new(format!("the disks of pool:{name}"), why))
}

/// The limit for the next boot, which must be the one in force.
fn arc_limit(arc: &ObservedArc) -> Result<Option<String>, LeftOut> {
    match (arc.persistent, arc.c_max) {
        (Some(limit), Some(now)) if limit != now => {
            let (limit, now) = (size::human(limit), size::human(now));
            let why = format!("{now} is in force and {limit} is set for the next boot");
            Err(LeftOut::new(Address::Arc.to_string(), why))
        }
        (limit, _) => Ok(limit.map(size::exact)),
    }
}
