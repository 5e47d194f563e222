//! What is mounted where: the table of mounts with its indexes.
//!
//! Owns the order of mounts and finding them by target and by source. Which file system a path leads
//! to is `tree`'s; what a table looks like as text is `mount`'s.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::Mount;

/// Mounts, oldest first: a later one hides what is below its target.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Mount>", into = "Vec<Mount>")]
pub struct Mounts {
    by_age: BTreeMap<u64, Mount>,
    by_target: BTreeMap<Utf8PathBuf, BTreeSet<u64>>,
    by_source: BTreeMap<String, BTreeSet<u64>>,
}

impl From<Vec<Mount>> for Mounts {
    fn from(list: Vec<Mount>) -> Self {
        let mut mounts = Self::default();
        for mount in list {
            mounts.push(mount);
        }
        mounts
    }
}

impl From<Mounts> for Vec<Mount> {
    fn from(mounts: Mounts) -> Self {
        mounts.by_age.into_values().collect()
    }
}

impl PartialEq for Mounts {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Mounts {}

impl<'a> IntoIterator for &'a Mounts {
    type Item = &'a Mount;
    type IntoIter = std::collections::btree_map::Values<'a, u64, Mount>;

    fn into_iter(self) -> Self::IntoIter {
        self.by_age.values()
    }
}

impl Mounts {
    /// All mounts, oldest first.
    pub fn iter(&self) -> std::collections::btree_map::Values<'_, u64, Mount> {
        self.by_age.values()
    }

    /// Mounts something over all else.
    pub fn push(&mut self, mount: Mount) {
        let age = self.by_age.keys().next_back().map_or(0, |last| last + 1);
        let target = mount.target.clone();
        self.by_target.entry(target).or_default().insert(age);
        let source = mount.source.clone();
        self.by_source.entry(source).or_default().insert(age);
        self.by_age.insert(age, mount);
    }

    /// Changes the list by hand.
    pub fn edit(&mut self, change: impl FnOnce(&mut Vec<Mount>)) {
        let mut list = std::mem::take(self).into();
        change(&mut list);
        *self = list.into();
    }

    /// Keeps the mounts for which this holds.
    pub fn retain(&mut self, keep: impl FnMut(&Mount) -> bool) {
        self.edit(|list| list.retain(keep));
    }

    /// Takes away every mount of a file system; false if there was none.
    pub(crate) fn unmount(&mut self, dataset: &str) -> bool {
        let ages: Vec<u64> = self
            .of_source(dataset)
            .filter(|(_, mount)| mount.fstype == "zfs")
            .map(|(age, _)| age)
            .collect();
        for age in &ages {
            if let Some(mount) = self.by_age.remove(age) {
                forget(&mut self.by_target, &mount.target, *age);
                forget(&mut self.by_source, &mount.source, *age);
            }
        }
        !ages.is_empty()
    }

    /// The newest mount exactly here: the one that is seen.
    pub(crate) fn at(&self, target: &Utf8Path) -> Option<&Mount> {
        self.newest_at(target).map(|(_, mount)| mount)
    }

    /// The mount that a path leads into: the youngest one that contains it, because each hides all
    /// older ones below its target.
    pub(crate) fn containing(&self, path: &Utf8Path) -> Option<&Mount> {
        path.ancestors()
            .filter_map(|above| self.newest_at(above))
            .max_by_key(|(age, _)| *age)
            .map(|(_, mount)| mount)
    }

    /// Mounts of a device or dataset, oldest first.
    pub(crate) fn of<'a>(&'a self, source: &str) -> impl Iterator<Item = &'a Mount> + use<'a> {
        self.of_source(source).map(|(_, mount)| mount)
    }

    /// Whether a dataset or one below it is mounted.
    pub(crate) fn any_of_tree(&self, dataset: &str) -> bool {
        let below = format!("{dataset}/");
        let mut sources = self.by_source.range(below.clone()..);
        self.by_source.contains_key(dataset)
            || sources
                .next()
                .is_some_and(|(source, _)| source.starts_with(&below))
    }

    /// Targets below a directory, without itself.
    pub(crate) fn targets_below(&self, directory: &Utf8Path) -> Vec<Utf8PathBuf> {
        // Paths are ordered by their components, so everything below stands together.
        self.by_target
            .range(directory.to_owned()..)
            .map(|(target, _)| target)
            .take_while(|target| target.starts_with(directory))
            .filter(|target| *target != directory)
            .cloned()
            .collect()
    }

    fn newest_at(&self, target: &Utf8Path) -> Option<(u64, &Mount)> {
        let age = *self.by_target.get(target)?.last()?;
        Some((age, self.by_age.get(&age)?))
    }

    fn of_source<'a>(&'a self, source: &str) -> impl Iterator<Item = (u64, &'a Mount)> + use<'a> {
        let ages = self.by_source.get(source).into_iter().flatten();
        ages.filter_map(|age| Some((*age, self.by_age.get(age)?)))
    }
}

fn forget<K, Q: Ord + ?Sized>(index: &mut BTreeMap<K, BTreeSet<u64>>, key: &Q, age: u64)
where
    K: std::borrow::Borrow<Q> + Clone + Ord,
{
    if let Some(ages) = index.get_mut(key) {
        ages.remove(&age);
        if ages.is_empty() {
            index.remove(key);
        }
    }
}
