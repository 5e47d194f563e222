//! The objects of a configuration by name and by path, built once for all rules.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::{Config, Dataset, Pool, Property};

/// Finds objects without walking lists. Of several objects with one name the first counts.
#[derive(Debug)]
pub(super) struct Index<'a> {
    pub(super) config: &'a Config,
    pools: BTreeMap<&'a str, &'a Pool>,
    datasets: BTreeMap<&'a str, &'a Dataset>,
    // Paths are kept as text, which compares many times faster than path components do.
    mounted: BTreeMap<&'a str, &'a Dataset>,
    roots: BTreeMap<Utf8PathBuf, &'a Pool>,
    exported: BTreeSet<&'a str>,
}

impl<'a> Index<'a> {
    pub(super) fn new(config: &'a Config) -> Self {
        // Later entries of a map win, so the lists are read from the end.
        let datasets = || config.datasets.iter().rev();
        Self {
            config,
            pools: config
                .pools
                .iter()
                .rev()
                .map(|pool| (pool.name.as_str(), pool))
                .collect(),
            datasets: datasets()
                .map(|dataset| (dataset.name.as_str(), dataset))
                .collect(),
            mounted: datasets()
                .filter_map(|dataset| Some((dataset.mountpoint.as_deref()?.as_str(), dataset)))
                .collect(),
            roots: config
                .pools
                .iter()
                .rev()
                .filter_map(|pool| Some((root_mountpoint(pool)?, pool)))
                .collect(),
            exported: config
                .exports
                .iter()
                .map(|export| export.path.as_str())
                .collect(),
        }
    }

    pub(super) fn pool(&self, name: &str) -> Option<&'a Pool> {
        self.pools.get(name).copied()
    }

    pub(super) fn pool_names(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.pools.keys().copied()
    }

    pub(super) fn dataset(&self, name: &str) -> Option<&'a Dataset> {
        self.datasets.get(name).copied()
    }

    /// The dataset that is mounted at `path` exactly.
    pub(super) fn mounted_at(&self, path: &Utf8Path) -> Option<&'a Dataset> {
        self.mounted.get(path.as_str()).copied()
    }

    /// The pool whose root dataset is mounted at `path` exactly.
    pub(super) fn root_at(&self, path: &Utf8Path) -> Option<&'a Pool> {
        self.roots.get(path).copied()
    }

    /// The datasets that are mounted somewhere below `path`.
    pub(super) fn mounted_below(&self, path: &Utf8Path) -> impl Iterator<Item = &'a Dataset> {
        // With the slash, everything below stands together in the order of text.
        let prefix = format!("{}/", path.as_str().trim_end_matches('/'));
        let from = (Bound::Excluded(prefix.as_str()), Bound::Unbounded);
        self.mounted
            .range::<str, _>(from)
            .take_while(move |(mountpoint, _)| mountpoint.starts_with(&prefix))
            .map(|(_, dataset)| *dataset)
    }

    /// Whether an export of exactly `path` is declared.
    pub(super) fn is_exported(&self, path: &Utf8Path) -> bool {
        self.exported.contains(path.as_str())
    }

    /// The inheritable property `name` as it will hold for `dataset`: its own, or the one of the
    /// nearest declared ancestor, or the one of the pool's root dataset.
    pub(super) fn effective(&self, dataset: &'a Dataset, name: &str) -> Option<&'a Property> {
        if let Some(own) = dataset.properties.get(name) {
            return Some(own);
        }
        let inherited = ancestors(&dataset.name)
            .filter_map(|ancestor| self.dataset(ancestor))
            .find_map(|ancestor| ancestor.properties.get(name));
        inherited.or_else(|| self.pool(&dataset.pool)?.root_properties.get(name))
    }
}

/// The names of the datasets above `name`, nearest first, the pool last.
pub(super) fn ancestors(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(parent(name), |name| parent(name))
}

/// The name of the dataset above `name`; `None` for a pool.
pub(super) fn parent(name: &str) -> Option<&str> {
    name.rsplit_once('/').map(|(parent, _)| parent)
}

/// Where the pool's root dataset is mounted, if it is.
pub(super) fn root_mountpoint(pool: &Pool) -> Option<Utf8PathBuf> {
    let stored = |name: &str| pool.root_properties.get(name)?.stored.word();
    if matches!(stored("canmount"), Some("off" | "noauto")) {
        return None;
    }
    match stored("mountpoint") {
        Some("none" | "legacy") => None,
        Some(path) => Some(Utf8PathBuf::from(path)),
        None => Some(Utf8Path::new("/").join(&pool.name)),
    }
}
