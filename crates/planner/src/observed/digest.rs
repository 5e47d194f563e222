//! The digest that binds a plan to the facts that it was made from.
//!
//! Owns what of the facts counts. They are hashed as they are, without a copy: on a large host they
//! are the largest thing that phoenix holds.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};

use super::{
    Observed, ObservedArc, ObservedContainer, ObservedDataset, ObservedDirectory, ObservedDisk,
    ObservedExports, ObservedImportable, ObservedPool, ObservedStorage,
};
use crate::canonical;

/// SHA-256 over the facts, in hexadecimal: the same facts give the same digest.
///
/// Whether a directory is empty counts only where nothing is mounted on it yet, because that is
/// where a mount would hide something. In a mounted dataset users come and go with their files.
/// Whether a drive is unfit counts, its words do not: they hold numbers that grow by themselves.
/// So it is with the first of the entries that differ from their directory, and with how far a pool is
/// with what it does in the background, or how full it is.
pub fn digest(observed: &Observed) -> String {
    canonical::sha256(&Counting::of(observed))
}

/// The facts as they are written, with what does not count blanked.
#[derive(Serialize)]
struct Counting<'a> {
    node: &'a str,
    nodes: &'a BTreeSet<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quorate: &'a Option<bool>,
    memory: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    zfs: &'a Option<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    unknown_properties: &'a BTreeSet<String>,
    #[serde(serialize_with = "pools")]
    pools: &'a BTreeMap<String, ObservedPool>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    importable: &'a BTreeMap<String, ObservedImportable>,
    #[serde(serialize_with = "datasets")]
    datasets: &'a BTreeMap<String, ObservedDataset>,
    #[serde(serialize_with = "disks")]
    disks: &'a BTreeMap<String, ObservedDisk>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    key_files: &'a BTreeMap<String, u64>,
    directories: Directories<'a>,
    acls: &'a Option<BTreeMap<String, BTreeMap<String, String>>>,
    #[serde(serialize_with = "others_below")]
    others_below: &'a BTreeMap<String, String>,
    storages: &'a Option<BTreeMap<String, ObservedStorage>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    storages_unreadable: &'a Option<String>,
    exports: &'a ObservedExports,
    containers: &'a BTreeMap<u32, ObservedContainer>,
    users: &'a BTreeMap<String, u32>,
    groups: &'a BTreeMap<String, u32>,
    arc: &'a ObservedArc,
}

impl<'a> Counting<'a> {
    /// Every field: one that is added to the facts cannot be forgotten here.
    fn of(observed: &'a Observed) -> Self {
        let Observed {
            node,
            nodes,
            quorate,
            memory,
            zfs,
            unknown_properties,
            pools,
            importable,
            datasets,
            disks,
            key_files,
            directories,
            acls,
            others_below,
            storages,
            storages_unreadable,
            exports,
            containers,
            users,
            groups,
            arc,
        } = observed;
        Self {
            node,
            nodes,
            quorate,
            memory: *memory,
            zfs,
            unknown_properties,
            pools,
            importable,
            datasets,
            disks,
            key_files,
            directories: Directories {
                all: directories,
                mounted: mountpoints(datasets),
            },
            acls,
            others_below,
            storages,
            storages_unreadable,
            exports,
            containers,
            users,
            groups,
            arc,
        }
    }
}

/// Where something is mounted.
fn mountpoints(datasets: &BTreeMap<String, ObservedDataset>) -> BTreeSet<&str> {
    let mounted = datasets.values().filter(|dataset| dataset.mounted);
    let paths = mounted.filter_map(|dataset| dataset.properties.get("mountpoint"));
    paths.filter_map(|property| property.value.word()).collect()
}

struct Directories<'a> {
    all: &'a BTreeMap<String, ObservedDirectory>,
    mounted: BTreeSet<&'a str>,
}

impl Serialize for Directories<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.all.iter().map(|(path, directory)| {
            let counts = !self.mounted.contains(path.as_str());
            let empty = directory.empty && counts;
            let directory = ObservedDirectory {
                empty,
                ..directory.clone()
            };
            (path, directory)
        }))
    }
}

/// Without what changes by itself from one moment to the next.
fn pools<S: Serializer>(
    pools: &BTreeMap<String, ObservedPool>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pools.iter().map(|(name, pool)| {
        let mut pool = pool.clone();
        (pool.capacity, pool.lost) = (None, None);
        for activity in &mut pool.activities {
            (activity.done, activity.left) = (None, None);
        }
        for disk in pool.vdevs.iter_mut().flat_map(|vdev| &mut vdev.disks) {
            disk.errors = None;
            disk.remark.clear();
        }
        (name, pool)
    }))
}

/// Without how full they are, which changes from one moment to the next.
fn datasets<S: Serializer>(
    datasets: &BTreeMap<String, ObservedDataset>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    const FILLING: [&str; 2] = ["available", "used"];
    serializer.collect_map(datasets.iter().map(|(name, dataset)| {
        let mut dataset = Cow::Borrowed(dataset);
        for filling in FILLING {
            if dataset.properties.contains_key(filling) {
                dataset.to_mut().properties.remove(filling);
            }
        }
        (name, dataset)
    }))
}

fn disks<S: Serializer>(
    disks: &BTreeMap<String, ObservedDisk>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(disks.iter().map(|(path, disk)| {
        let mut disk = disk.clone();
        disk.unfit = disk.unfit.map(|_| String::new());
        (path, disk)
    }))
}

fn others_below<S: Serializer>(
    others: &BTreeMap<String, String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(others.keys().map(|path| (path, "")))
}
