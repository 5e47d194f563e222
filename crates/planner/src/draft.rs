//! A file that describes what a host has: the way back from facts to a configuration.
//!
//! Owns which of the facts a file states. Whether the file then says what the host is, is not
//! judged here: whoever writes one reads it and plans with it as with any other, and takes out with
//! [`faults`] what that finds.

mod dataset;
pub mod faults;
mod place;
mod pool;
mod share;
mod storage;
mod text;

use phoenix_config::written::File;
use phoenix_zfs::size;

use crate::observed::{Observed, ObservedArc};

/// A file, and what of the host is not in it.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// The file.
    pub file: File,
    /// What is not in it.
    pub left_out: Vec<LeftOut>,
}

/// Something of a host that a file does not state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// Its address, or a name for people.
    pub what: String,
    /// Why, as a sentence that goes on after a colon.
    pub why: String,
}

impl LeftOut {
    /// What, and why.
    pub fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            why: why.into(),
        }
    }
}

/// How much of a host is described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All of it.
    Host,
    /// The pools that were observed, and what stands on them.
    Pools,
}

/// Describes every pool, dataset, storage, export, mount and limit in `observed`.
///
/// A dataset states its own properties, not those that it inherits. Permissions are stated where
/// they are not those of a new directory.
pub fn draft(observed: &Observed, scope: Scope) -> Draft {
    let mut draft = Draft::default();
    draft.arc(&observed.arc);
    for (name, live) in &observed.pools {
        let root = observed.datasets.get(name);
        let pool = pool::describe(name, live, root, &observed.disks);
        draft.file.zfs.pools.push(pool);
    }
    let below_pools = observed
        .datasets
        .iter()
        .filter(|(name, _)| name.contains('/'));
    let datasets = below_pools.map(|(name, live)| dataset::describe(observed, name, live));
    draft.file.zfs.datasets = datasets.collect();
    let places = place::Places::new(observed, scope);
    storage::describe(observed, &places, &mut draft);
    share::exports(observed, &places, &mut draft);
    share::mounts(observed, &places, &mut draft);
    draft
}

impl Draft {
    fn arc(&mut self, arc: &ObservedArc) {
        match (arc.persistent, arc.c_max) {
            (None, _) => {}
            (Some(limit), Some(now)) if limit != now => self.left_out.push(LeftOut::new(
                "host:arc",
                format!(
                    "{} is in force and {} is set for the next boot",
                    size::human(now),
                    size::human(limit)
                ),
            )),
            (Some(limit), _) => self.file.zfs.arc_max = Some(text::size(limit)),
        }
    }
}
