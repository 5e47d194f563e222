//! Pools: which disks they are made of, and what is set on them.

use std::collections::BTreeMap;

use phoenix_config::model::{DEFAULT_ASHIFT, DEFAULT_PROPERTIES, DEFAULT_ROOT_PROPERTIES};
use phoenix_config::written::{Data, Pool, Properties, Vdev, VdevItem};
use phoenix_zfs::property::{DatasetType, Value, stored_dataset_value, stored_pool_value};
use phoenix_zfs::vdev::VdevClass;

use super::dataset::fixed;
use super::text::{own, spelled};
use crate::observed::{ObservedDataset, ObservedPool, ObservedProperty, ObservedVdev};

/// The pool as a file declares it.
pub(super) fn describe(name: &str, live: &ObservedPool, root: Option<&ObservedDataset>) -> Pool {
    let of = |class| -> Vec<Vdev> {
        let vdevs = live.vdevs.iter().filter(|vdev| vdev.class == class);
        vdevs.map(group).collect()
    };
    let flat = |class| of(class).into_iter().flat_map(|vdev| vdev.disks).collect();
    let ashift = live.properties.get("ashift");
    let ashift = ashift.and_then(|ashift| u8::try_from(ashift.value.number()?).ok());
    let mut properties = own(&live.properties, &["ashift"], stored_pool);
    let defaults = &DEFAULT_PROPERTIES;
    properties.extend(unusual(&live.properties, defaults, stored_pool));
    let mut root_properties = Properties::new();
    if let Some(root) = root {
        let defaults = &DEFAULT_ROOT_PROPERTIES;
        root_properties.extend(own(&root.properties, &[], stored_on_root));
        root_properties.extend(fixed(name, root, None, stored_on_root));
        root_properties.extend(unusual(&root.properties, defaults, stored_on_root));
    }
    Pool {
        name: name.to_owned(),
        data: match live.unread {
            Some(_) => Data::Unstated,
            None => data(of(VdevClass::Data)),
        },
        special: of(VdevClass::Special).into_iter().map(item).collect(),
        log: of(VdevClass::Log).into_iter().map(item).collect(),
        cache: flat(VdevClass::Cache),
        spares: flat(VdevClass::Spare),
        // 0 means that every vdev took its own.
        ashift: ashift.filter(|ashift| !matches!(*ashift, 0 | DEFAULT_ASHIFT)),
        properties,
        root_properties,
    }
}

/// What is not as phoenix would make it where the file is silent: that is said in the open.
fn unusual(
    live: &BTreeMap<String, ObservedProperty>,
    defaults: &[(&str, &str)],
    stored: impl Fn(&str, &str) -> Option<Value>,
) -> Properties {
    let live = defaults.iter().filter_map(|(name, usual)| {
        let has = &live.get(*name)?.value;
        (has != usual).then(|| ((*name).to_owned(), spelled(name, has, &stored)))
    });
    live.collect()
}

fn stored_pool(name: &str, value: &str) -> Option<Value> {
    stored_pool_value(name, value).ok()
}

fn stored_on_root(name: &str, value: &str) -> Option<Value> {
    stored_dataset_value(name, value, DatasetType::Filesystem).ok()
}

/// A vdev with the paths that a file uses. A disk that is gone keeps the path that it had.
fn group(vdev: &ObservedVdev) -> Vdev {
    Vdev {
        raid_level: level(&vdev.kind).to_owned(),
        disks: vdev.members().map(|member| member.path.clone()).collect(),
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
