//! The datasets of the imported pools, with the sums over them that the space accounting asks for.
//!
//! Owns the sums: what the children of a dataset take from it, and which minor number a new volume
//! gets. Both follow a change in as many steps as the dataset has parents; counting anew at every
//! command made ten thousand of them take minutes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::OnceLock;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use super::{Dataset, Entry, Setting};

/// Each zvol has room for fifteen partitions.
const MINORS_PER_VOLUME: u32 = 16;

/// Datasets by full name. Reads as a [`BTreeMap`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Datasets {
    by_name: BTreeMap<String, Dataset>,
    /// Counted when somebody asks, kept up to date from then on, forgotten when a dataset is changed
    /// in a way that nobody looked at.
    #[serde(skip)]
    sums: OnceLock<Sums>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Sums {
    /// What the children of a dataset take from it, in bytes; wide enough to never overflow.
    below: BTreeMap<String, u128>,
    /// Minor numbers of volumes.
    minors: BTreeSet<u32>,
    /// No smaller minor number is free.
    first_free: u32,
}

impl Deref for Datasets {
    type Target = BTreeMap<String, Dataset>;

    fn deref(&self) -> &Self::Target {
        &self.by_name
    }
}

impl PartialEq for Datasets {
    fn eq(&self, other: &Self) -> bool {
        self.by_name == other.by_name
    }
}

impl Eq for Datasets {}

impl PartialEq<BTreeMap<String, Dataset>> for Datasets {
    fn eq(&self, other: &BTreeMap<String, Dataset>) -> bool {
        self.by_name == *other
    }
}

impl FromIterator<(String, Dataset)> for Datasets {
    fn from_iter<T: IntoIterator<Item = (String, Dataset)>>(datasets: T) -> Self {
        Self {
            by_name: datasets.into_iter().collect(),
            sums: OnceLock::new(),
        }
    }
}

impl<'a> IntoIterator for &'a Datasets {
    type Item = (&'a String, &'a Dataset);
    type IntoIter = std::collections::btree_map::Iter<'a, String, Dataset>;

    fn into_iter(self) -> Self::IntoIter {
        self.by_name.iter()
    }
}

impl Datasets {
    /// A dataset to be changed in any way.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Dataset> {
        self.sums.take();
        self.by_name.get_mut(name)
    }

    /// All of them, to be changed in any way.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Dataset> {
        self.sums.take();
        self.by_name.values_mut()
    }

    /// Puts a dataset in, in place of the one of that name.
    pub fn insert(&mut self, name: String, dataset: Dataset) -> Option<Dataset> {
        let minor = dataset.volume.as_ref().map(|volume| volume.minor);
        let mut old = None;
        self.update(&name, |by_name| {
            old = by_name.insert(name.clone(), dataset);
        });
        if let Some(sums) = self.sums.get_mut() {
            sums.give_back(old.as_ref());
            sums.minors.extend(minor);
        }
        old
    }

    /// Takes a dataset out.
    pub fn remove(&mut self, name: &str) -> Option<Dataset> {
        let mut old = None;
        self.update(name, |by_name| old = by_name.remove(name));
        if let Some(sums) = self.sums.get_mut() {
            sums.give_back(old.as_ref());
        }
        old
    }

    /// Gives a property a value of its own. Nothing happens when there is no such dataset.
    pub(crate) fn set(&mut self, name: &str, property: &str, setting: Setting) {
        let set = |by_name: &mut BTreeMap<String, Dataset>| {
            if let Some(dataset) = by_name.get_mut(name) {
                dataset.properties.insert(property.to_owned(), setting);
            }
        };
        if matches!(property, "reservation" | "refreservation") {
            self.update(name, set);
        } else {
            set(&mut self.by_name);
        }
    }

    /// What a file system holds, to be changed; files take no space here.
    pub(crate) fn files_mut(&mut self, name: &str) -> Option<&mut BTreeMap<Utf8PathBuf, Entry>> {
        self.by_name.get_mut(name).map(|dataset| &mut dataset.files)
    }

    /// A dataset's descendants by name, without itself, parents before children.
    pub(crate) fn below<'a>(
        &'a self,
        name: &str,
    ) -> impl Iterator<Item = (&'a String, &'a Dataset)> + use<'a> {
        let prefix = format!("{name}/");
        self.by_name
            .range(prefix.clone()..)
            .take_while(move |(name, _)| name.starts_with(&prefix))
    }

    /// Bytes that the children of a dataset take from it, their reservations included.
    pub(crate) fn used_by_children(&self, name: &str) -> u64 {
        let sums = self.sums.get_or_init(|| Sums::count(&self.by_name));
        clamp(sums.below.get(name).copied().unwrap_or(0))
    }

    /// The minor number that a new volume gets.
    pub(crate) fn free_minor(&mut self) -> u32 {
        self.sums.get_or_init(|| Sums::count(&self.by_name));
        let Some(sums) = self.sums.get_mut() else {
            return 0;
        };
        while sums.minors.contains(&sums.first_free) {
            sums.first_free += MINORS_PER_VOLUME;
        }
        sums.first_free
    }

    /// Changes one dataset and, if they were counted, the sums above it.
    fn update(&mut self, name: &str, change: impl FnOnce(&mut BTreeMap<String, Dataset>)) {
        let Some(sums) = self.sums.get_mut() else {
            return change(&mut self.by_name);
        };
        let mut before = sums.taken(&self.by_name, name);
        change(&mut self.by_name);
        let mut after = sums.taken(&self.by_name, name);
        let mut child = name;
        while let Some((parent, _)) = child.rsplit_once('/')
            && before != after
        {
            let parent_before = sums.taken(&self.by_name, parent);
            let below = sums.below.entry(parent.to_owned()).or_default();
            *below = (*below + after).saturating_sub(before);
            (before, after) = (parent_before, sums.taken(&self.by_name, parent));
            child = parent;
        }
    }
}

impl Sums {
    fn count(datasets: &BTreeMap<String, Dataset>) -> Self {
        let mut sums = Self::default();
        // Backwards, children come before their parents.
        for (name, dataset) in datasets.iter().rev() {
            sums.minors
                .extend(dataset.volume.as_ref().map(|volume| volume.minor));
            if let Some((parent, _)) = name.rsplit_once('/') {
                let taken = sums.taken(datasets, name);
                *sums.below.entry(parent.to_owned()).or_default() += taken;
            }
        }
        sums
    }

    /// The minor number of a volume that is gone can be given again.
    fn give_back(&mut self, old: Option<&Dataset>) {
        if let Some(volume) = old.and_then(|old| old.volume.as_ref()) {
            self.minors.remove(&volume.minor);
            self.first_free = self.first_free.min(volume.minor);
        }
    }

    /// What a dataset takes from its parent: what it uses, or what it has reserved.
    fn taken(&self, datasets: &BTreeMap<String, Dataset>, name: &str) -> u128 {
        let Some(dataset) = datasets.get(name) else {
            return 0;
        };
        let below = self.below.get(name).copied().unwrap_or(0);
        let own = u128::from(dataset.referenced) + u128::from(dataset.unused_refreservation());
        (own + below).max(u128::from(dataset.number("reservation")))
    }
}

fn clamp(bytes: u128) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Volume;
    use super::*;

    fn dataset(referenced: u64, minor: Option<u32>) -> Dataset {
        Dataset {
            guid: 1,
            volume: minor.map(|minor| Volume {
                block_size: 16384,
                minor: minor * MINORS_PER_VOLUME,
            }),
            properties: BTreeMap::new(),
            referenced,
            files: BTreeMap::new(),
        }
    }

    proptest! {
        #[test]
        fn sums_that_follow_are_those_that_are_counted_anew(
            changes in proptest::collection::vec((0..6_usize, 0..4_usize, 0..1000_u64), 1..60),
        ) {
            let names = ["p", "p/a", "p/a/b", "p/a/b/c", "p/d", "p/a-b"];
            let mut datasets = Datasets::default();
            datasets.free_minor();
            for (index, change, number) in changes {
                let name = names[index];
                let setting = Setting::local(number.to_string());
                match change {
                    0 => {
                        let minor = u32::try_from(index).ok().filter(|_| number % 2 == 0);
                        datasets.insert(name.to_owned(), dataset(number, minor));
                    }
                    1 => drop(datasets.remove(name)),
                    2 => datasets.set(name, "reservation", setting),
                    _ => datasets.set(name, "refreservation", setting),
                }
                let counted = Sums::count(&datasets.by_name);
                for name in names {
                    let counted = clamp(counted.below.get(name).copied().unwrap_or(0));
                    prop_assert_eq!(datasets.used_by_children(name), counted, "{}", name);
                }
                let taken: Vec<u32> = datasets
                    .values()
                    .filter_map(|dataset| Some(dataset.volume.as_ref()?.minor))
                    .collect();
                let free = (0..).step_by(16).find(|minor| !taken.contains(minor));
                prop_assert_eq!(Some(datasets.free_minor()), free);
            }
        }
    }
}
