//! Pools: which disks they are made of, and what is set on them.

use std::collections::BTreeMap;

use phoenix_config::written::{Data, Pool, Vdev, VdevItem};
use phoenix_zfs::property::{DatasetType, stored_dataset_value, stored_pool_value};

use super::dataset::fixed;
use super::text::{own, spelled};
use crate::diff::whole_disk;
use crate::observed::{ObservedDataset, ObservedDisk, ObservedPool, ObservedVdev, VdevClass};

/// log2 of the block size that a file means when it is silent.
const DEFAULT_ASHIFT: &str = "12";

/// What phoenix gives a new pool when the file is silent. A host that has something else is
/// described in the open.
const POOL_DEFAULTS: [(&str, &str); 1] = [("autotrim", "on")];
const ROOT_DEFAULTS: [(&str, &str); 2] = [("atime", "off"), ("compression", "lz4")];

/// The pool as a file declares it. `disks` are the host's by the path that a file uses.
pub(super) fn describe(
    name: &str,
    live: &ObservedPool,
    root: Option<&ObservedDataset>,
    disks: &BTreeMap<String, ObservedDisk>,
) -> Pool {
    let of = |class| -> Vec<Vdev> {
        let vdevs = live.vdevs.iter().filter(|vdev| vdev.class == class);
        vdevs.map(|vdev| group(vdev, disks)).collect()
    };
    let flat = |class| of(class).into_iter().flat_map(|vdev| vdev.disks).collect();
    let ashift = live.properties.get("ashift").map(|ashift| &ashift.value);
    let ashift = ashift.filter(|ashift| !matches!(ashift.as_str(), "0" | DEFAULT_ASHIFT));
    let mut properties = own(&live.properties, &["ashift"], stored_pool);
    for (name, usual) in POOL_DEFAULTS {
        if let Some(has) = live.properties.get(name).filter(|has| has.value != usual) {
            properties.insert(name.to_owned(), spelled(name, &has.value, stored_pool));
        }
    }
    let root_properties = root.map(|root| {
        let mut properties = own(&root.properties, &[], stored_on_root);
        properties.extend(fixed(name, root, None, stored_on_root));
        for (name, usual) in ROOT_DEFAULTS {
            if let Some(has) = root.properties.get(name).filter(|has| has.value != usual) {
                properties.insert(name.to_owned(), spelled(name, &has.value, stored_on_root));
            }
        }
        properties
    });
    Pool {
        name: name.to_owned(),
        data: data(of(VdevClass::Data)),
        special: of(VdevClass::Special).into_iter().map(item).collect(),
        log: of(VdevClass::Log).into_iter().map(item).collect(),
        cache: flat(VdevClass::Cache),
        spares: flat(VdevClass::Spare),
        ashift: ashift.and_then(|ashift| ashift.parse().ok()),
        properties,
        root_properties: root_properties.unwrap_or_default(),
    }
}

fn stored_pool(name: &str, value: &str) -> Option<String> {
    stored_pool_value(name, value).ok()
}

fn stored_on_root(name: &str, value: &str) -> Option<String> {
    stored_dataset_value(name, value, DatasetType::Filesystem).ok()
}

/// A vdev with the paths that a file uses. A disk that is gone keeps the path that it had.
fn group(vdev: &ObservedVdev, disks: &BTreeMap<String, ObservedDisk>) -> Vdev {
    let path = |member: &String| {
        let mut known = disks.iter();
        match known.find(|(_, disk)| disk.kernel_name == *member) {
            Some((path, _)) => path.clone(),
            None => whole_disk(member),
        }
    };
    Vdev {
        raid_level: level(&vdev.kind).to_owned(),
        disks: vdev.disks.iter().map(path).collect(),
    }
}

/// The file's word for a kind of vdev.
fn level(kind: &str) -> &str {
    match kind.split(':').next().unwrap_or(kind) {
        "disk" | "file" => "single",
        level => level,
    }
}

/// The shortest way to write the data vdevs.
fn data(mut vdevs: Vec<Vdev>) -> Data {
    let all = |level: &str| vdevs.iter().all(|vdev| vdev.raid_level == level);
    let pairs = || vdevs.iter().all(|vdev| vdev.disks.len() == 2);
    let as_one = match vdevs.len() {
        0 => None,
        1 => return Data::One(vdevs.remove(0)),
        _ if all("single") => Some("stripe"),
        _ if all("mirror") && pairs() => Some("raid10"),
        _ => None,
    };
    match as_one {
        Some(level) => Data::One(Vdev {
            raid_level: level.to_owned(),
            disks: vdevs.into_iter().flat_map(|vdev| vdev.disks).collect(),
        }),
        None => Data::Several { vdevs },
    }
}

fn item(mut vdev: Vdev) -> VdevItem {
    match (vdev.raid_level.as_str(), vdev.disks.pop()) {
        ("single", Some(disk)) => VdevItem::Disk(disk),
        (_, last) => {
            vdev.disks.extend(last);
            VdevItem::Vdev(vdev)
        }
    }
}
