//! One table: a sound configuration, one change to it, and what that change draws.

mod datasets;
mod pools;
mod shares;
mod storages;

use serde_json::{Value, json};

use crate::load;

/// A configuration that draws nothing at all. Every rule has something here that it must let pass.
fn sound() -> Value {
    json!({
        "zfs": {
            "pools": [
                {
                    "name": "tank",
                    "raid_level": "mirror",
                    "disks": ["/dev/disk/by-id/nvme-A", "/dev/disk/by-id/nvme-B"],
                    "log": ["/dev/disk/by-id/nvme-L"],
                    "cache": ["/dev/mapper/cache"],
                },
                {
                    "name": "solo",
                    "raid_level": "single",
                    "disks": ["/dev/disk/by-id/nvme-C"],
                    "disk_size": "4T",
                },
            ],
            "datasets": [
                {
                    "pool": "tank",
                    "name": "data",
                    "properties": {"quota": "800G", "reservation": "10G", "sync": "standard"},
                    "permissions": {"owner": 100000, "group": 1000, "mode": "2775"},
                },
                {
                    "pool": "tank",
                    "name": "vm",
                    "storage": {"id": "tank-vm", "type": "zfspool", "content": ["images"],
                                "blocksize": "16k", "sparse": true, "nodes": ["pve-1"]},
                },
                {"pool": "tank", "name": "disk0", "type": "volume", "volsize": "32G"},
                {
                    "pool": "solo",
                    "name": "iso",
                    "properties": {"recordsize": "1M", "quota": "3T"},
                    "storage": {"id": "solo.iso_1", "type": "dir", "content": ["iso", "vztmpl"]},
                },
                {"pool": "solo", "name": "raw", "mountpoint": "none"},
            ],
            "arc_max": "64M",
        },
        "nfs": {
            "exports": [{
                "dataset": "tank/data",
                "clients": ["10.0.0.0/24", "fd00::/64", "nas.example.com"],
                "options": ["rw", "sync", "fsid=7"],
                "client_options": ["noatime"],
            }],
        },
        "bind_mounts": [{
            "container": 101,
            "dataset": "tank/data",
            "target": "/data",
            "options": ["noatime", "nosuid"],
        }],
    })
}

/// Replaces the value at a JSON pointer, or adds it: `-` appends to a list.
fn put(document: &mut Value, pointer: &str, value: Value) {
    let mut place = document;
    for segment in pointer.split('/').skip(1) {
        place = match place {
            Value::Array(items) => {
                let index = segment.parse().unwrap_or(items.len());
                if index == items.len() {
                    items.push(Value::Null);
                }
                &mut items[index]
            }
            other => &mut other[segment],
        };
    }
    *place = value;
}

/// Every diagnostic as `code | first label | second label ..`, labels by the bytes they cover.
fn drawn(changes: &[(&str, Value)]) -> Vec<String> {
    let mut document = sound();
    for (pointer, value) in changes {
        put(&mut document, pointer, value.clone());
    }
    let text = document.to_string();
    let loaded = load("test.json", text.as_bytes());
    let line = |diagnostic: &crate::diagnostic::Diagnostic| {
        assert!(!diagnostic.help.is_empty(), "{}", diagnostic.code);
        let mut words = vec![diagnostic.code.as_str().replace("phoenix::", "")];
        words.extend(diagnostic.labels.iter().map(|label| {
            let bytes = &text[label.offset..label.offset + label.length];
            bytes.trim_matches('"').to_owned()
        }));
        words.join(" | ")
    };
    loaded.diagnostics.iter().map(line).collect()
}

/// The message and help of the only diagnostic.
fn words(changes: &[(&str, Value)]) -> (String, String) {
    let mut document = sound();
    for (pointer, value) in changes {
        put(&mut document, pointer, value.clone());
    }
    let loaded = load("test.json", document.to_string().as_bytes());
    assert_eq!(loaded.diagnostics.len(), 1, "{:?}", loaded.diagnostics);
    let only = &loaded.diagnostics[0];
    (only.message.clone(), only.help.clone())
}

/// Checks rows of (pointer, new value, expected lines).
fn table(rows: &[(&str, Value, &[&str])]) {
    for (pointer, value, expected) in rows {
        let drawn = drawn(&[(pointer, value.clone())]);
        assert_eq!(&drawn, expected, "{pointer} = {value}");
    }
}

#[test]
fn a_sound_configuration_draws_nothing() {
    assert_eq!(drawn(&[]), Vec::<String>::new());
}

#[test]
fn messages_read_well() {
    let export = |path: &str| json!({"path": path, "clients": ["10.0.0.5"]});
    let child = json!({"pool": "tank", "name": "vm/sub", "mountpoint": "/tank/data/x"});
    let cases: &[&[(&str, Value)]] = &[
        &[
            (
                "/zfs/pools/0/disks",
                json!(["nvme-X_2TB_1", "nvme-X_2TB_2"]),
            ),
            ("/zfs/datasets/0/properties/quota", json!("1868G")),
        ],
        &[("/zfs/pools/0/raid_level", json!("single"))],
        &[("/zfs/pools/0/raid_level", json!("raidz2"))],
        &[("/zfs/pools/0/disks/0", json!("__DISK_ID_1__"))],
        &[("/zfs/pools/0/disks/0", json!("/dev/sda"))],
        &[("/zfs/pools/0/special", json!(["nvme-S"]))],
        &[("/zfs/datasets/4/pool", json!("sole"))],
        &[("/zfs/datasets/4/name", json!("a/b"))],
        &[("/zfs/datasets/1/storage/content", json!(["backup"]))],
        &[("/zfs/datasets/1/properties/recordsize", json!("128K"))],
        &[("/zfs/datasets/3/storage/content", json!(["backup"]))],
        &[("/nfs/exports/0/options/-", json!("noatime"))],
        &[("/nfs/exports/0/options", json!(["rw", "async"]))],
        &[("/nfs/exports/0/clients/-", json!("10.0.0.5 (rw)"))],
        &[("/nfs/exports/-", export("/mnt/pve/solo/iso/x"))],
        &[("/nfs/exports/-", export("/srv/x"))],
        &[("/zfs/datasets/-", child), ("/nfs", json!({}))],
        &[("/bind_mounts/0/options/-", json!("discard"))],
        &[("/bind_mounts/0/options/-", json!("ro"))],
        &[("/zfs/arc_max", json!("32M"))],
    ];
    let texts = cases.iter().map(|changes| {
        let (message, help) = words(changes);
        format!("{message}\n    {help}\n")
    });
    insta::assert_snapshot!(texts.collect::<String>());
}
