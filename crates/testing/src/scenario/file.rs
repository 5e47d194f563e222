//! Generated configurations: valid, with every kind of object, in small numbers.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use super::DRIVES;

/// The containers that generated files mention; the last one does not exist.
pub const CONTAINERS: [u32; 3] = [101, 102, 103];

/// The datasets that a file may declare, parents before their children.
const NAMES: [&str; 6] = ["one/a", "one/a/b", "one/c", "two/a", "two/a/b", "two/d"];

/// Which of [`NAMES`] needs which other.
const PARENTS: [(usize, usize); 2] = [(1, 0), (4, 3)];

/// What a dataset may have.
#[derive(Debug, Clone)]
struct Parts {
    volume: bool,
    quota: Option<&'static str>,
    compression: Option<&'static str>,
    atime: Option<bool>,
    mountpoint: bool,
    mode: Option<&'static str>,
    storage: Option<&'static str>,
    clients: Vec<&'static str>,
    read_only: bool,
    mounts: Vec<(u32, &'static str)>,
}

fn parts() -> impl Strategy<Value = Parts> {
    let [first, second, absent] = CONTAINERS;
    let targets = vec![
        (first, "/a"),
        (first, "/a/b"),
        (second, "/c"),
        (absent, "/d"),
    ];
    let sizes = (
        option::of(select(vec!["20G", "1.4T", "none"])),
        option::of(select(vec!["zstd", "off", "lz4"])),
        option::of(any::<bool>()),
    );
    let shares = (
        option::of(select(vec!["dir", "zfspool"])),
        subsequence(vec!["10.0.0.0/24", "10.0.1.5"], 0..=2),
        any::<bool>(),
        subsequence(targets, 0..=4),
    );
    let place = (
        proptest::bool::weighted(0.15),
        proptest::bool::weighted(0.3),
        option::of(select(vec!["0755", "2775"])),
    );
    (place, sizes, shares).prop_map(|(place, sizes, shares)| {
        let (volume, mountpoint, mode) = place;
        let (quota, compression, atime) = sizes;
        let (storage, clients, read_only, mounts) = shares;
        Parts {
            volume,
            quota,
            compression,
            atime,
            mountpoint,
            mode,
            storage,
            clients,
            read_only,
            mounts,
        }
    })
}

/// Any file.
pub fn file() -> impl Strategy<Value = Value> {
    (
        vec(option::weighted(0.7, parts()), NAMES.len()),
        any::<bool>(),
        option::of(select(vec!["1G", "8G", "30G"])),
    )
        .prop_map(|(mut parts, autotrim, arc)| {
            for (child, parent) in PARENTS {
                let volume = |parts: &Option<Parts>| parts.as_ref().is_none_or(|it| it.volume);
                if parts.get(parent).is_none_or(volume) {
                    parts
                        .iter_mut()
                        .skip(child)
                        .take(1)
                        .for_each(|child| *child = None);
                }
            }
            let chosen = NAMES.into_iter().zip(parts);
            let chosen = chosen.filter_map(|(name, parts)| Some((name, parts?)));
            as_file(&chosen.collect(), autotrim, arc)
        })
}

fn as_file(chosen: &BTreeMap<&str, Parts>, autotrim: bool, arc: Option<&str>) -> Value {
    let (mut datasets, mut exports, mut mounts) = (Vec::new(), Vec::new(), Vec::new());
    for (number, (full, parts)) in chosen.iter().enumerate() {
        datasets.push(dataset(number, full, parts));
        if parts.volume {
            continue;
        }
        if !parts.clients.is_empty() {
            let access = if parts.read_only { "ro" } else { "rw" };
            let options = [access, "sync"];
            exports.push(json!({"dataset": full, "clients": parts.clients, "options": options}));
        }
        for (container, target) in &parts.mounts {
            mounts.push(json!({
                "container": container, "dataset": full, "target": format!("/m{number}{target}"),
                "read_only": parts.read_only,
            }));
        }
    }
    let [a, b, c, _] = DRIVES.map(|(link, _)| format!("/dev/disk/by-id/{link}"));
    let mut file = json!({
        "zfs": {
            "pools": [
                {"name": "one", "raid_level": "mirror", "disks": [a, b],
                 "properties": {"autotrim": autotrim}},
                {"name": "two", "raid_level": "single", "disks": [c]},
            ],
            "datasets": datasets,
        },
        "nfs": {"exports": exports},
        "bind_mounts": mounts,
    });
    if let (Some(arc), Some(zfs)) = (arc, file.get_mut("zfs").and_then(Value::as_object_mut)) {
        zfs.insert("arc_max".to_owned(), json!(arc));
    }
    file
}

fn dataset(number: usize, full: &str, parts: &Parts) -> Value {
    let (pool, name) = full.split_once('/').unwrap_or((full, ""));
    let mut properties = BTreeMap::new();
    if let Some(compression) = parts.compression {
        properties.insert("compression", json!(compression));
    }
    let mut dataset = BTreeMap::from([("pool", json!(pool)), ("name", json!(name))]);
    if parts.volume {
        dataset.insert("type", json!("volume"));
        dataset.insert("volsize", json!("1G"));
    } else {
        if let Some(quota) = parts.quota {
            properties.insert("quota", json!(quota));
        }
        if let Some(atime) = parts.atime {
            properties.insert("atime", json!(atime));
        }
        if parts.mountpoint {
            dataset.insert("mountpoint", json!(format!("/srv/{number}")));
        }
        if let Some(mode) = parts.mode {
            dataset.insert("permissions", json!({"owner": 1000, "mode": mode}));
        }
        if let Some(kind) = parts.storage {
            let content = if kind == "dir" { "iso" } else { "images" };
            let id = format!("s-{}", full.replace('/', "-"));
            dataset.insert(
                "storage",
                json!({"id": id, "type": kind, "content": [content]}),
            );
        }
    }
    dataset.insert("properties", json!(properties));
    json!(dataset)
}
