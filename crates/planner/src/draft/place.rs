//! Which dataset a directory of the host is, and whether it belongs to what is described.

use std::collections::BTreeMap;

use crate::observed::Observed;

/// How much of a host is described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All of it.
    Host,
    /// The pools that were observed, and what stands on them.
    Pools,
}

/// The mounted datasets by the directory that they are mounted at.
pub(super) struct Places<'a> {
    observed: &'a Observed,
    datasets: BTreeMap<&'a str, &'a str>,
    scope: Scope,
}

impl<'a> Places<'a> {
    pub(super) fn new(observed: &'a Observed, scope: Scope) -> Self {
        let mounted = observed.datasets.iter().filter(|(_, live)| live.mounted);
        let datasets = mounted.filter_map(|(name, live)| {
            let mountpoint = live.properties.get("mountpoint")?;
            Some((mountpoint.value.word()?, name.as_str()))
        });
        Self {
            observed,
            datasets: datasets.collect(),
            scope,
        }
    }

    /// The dataset, below a pool, that is mounted at `path`.
    pub(super) fn dataset(&self, path: &str) -> Option<&'a str> {
        let dataset = self.datasets.get(path).copied();
        dataset.filter(|dataset| dataset.contains('/'))
    }

    /// Whether what uses the directory `path` is to be described.
    pub(super) fn counts(&self, path: &str) -> bool {
        self.scope == Scope::Host || self.hold(path)
    }

    /// Whether the directory `path` is one of these or lies below. The root directory of the host
    /// says nothing: everything lies below it.
    pub(super) fn hold(&self, path: &str) -> bool {
        let mut above = path;
        while !self.datasets.contains_key(above) {
            match above.rsplit_once('/') {
                Some((parent, _)) if !parent.is_empty() => above = parent,
                _ => return false,
            }
        }
        true
    }

    /// Whether the dataset `name`, or the pool, is to be described.
    pub(super) fn counts_dataset(&self, name: &str) -> bool {
        let pool = name.split('/').next().unwrap_or(name);
        self.scope == Scope::Host || self.observed.pools.contains_key(pool)
    }
}
