//! One table: a sound configuration, one change to it, and what that change draws.

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
fn pools() {
    let name = "/zfs/pools/1/name";
    let disks = "/zfs/pools/0/disks";
    let by_id = |names: &[&str]| json!(names);
    table(&[
        (
            "/zfs/pools/0/raid_level",
            json!("single"),
            &["pool::disk-count | [\"/dev/disk/by-id/nvme-A\",\"/dev/disk/by-id/nvme-B\"]"],
        ),
        ("/zfs/pools/0/raid_level", json!("stripe"), &[]),
        (
            "/zfs/pools/0/raid_level",
            json!("raidz1"),
            &["pool::disk-count | [\"/dev/disk/by-id/nvme-A\",\"/dev/disk/by-id/nvme-B\"]"],
        ),
        (
            disks,
            by_id(&["nvme-A"]),
            &["pool::disk-count | [\"nvme-A\"]"],
        ),
        (disks, by_id(&[]), &["pool::disk-count | []"]),
        (disks, by_id(&["nvme-A", "nvme-B", "nvme-D"]), &[]),
        (
            disks,
            json!(["__DISK_ID_1__", "nvme-B"]),
            &["disk::placeholder | __DISK_ID_1__"],
        ),
        (
            disks,
            json!(["/dev/disk/by-id/<disk>", "nvme-B"]),
            &["disk::placeholder | /dev/disk/by-id/<disk>"],
        ),
        (
            disks,
            json!(["/dev/sda", "nvme-B"]),
            &["disk::unstable-path | /dev/sda"],
        ),
        (
            disks,
            json!(["/dev/nvme0n1", "nvme-B"]),
            &["disk::unstable-path | /dev/nvme0n1"],
        ),
        (disks, json!(["sda", "nvme-B"]), &["disk::not-a-path | sda"]),
        (
            disks,
            json!(["/dev/disk/by-path/pci-0", "/dev/mapper/x"]),
            &[],
        ),
        (
            disks,
            by_id(&["nvme-A", "nvme-A"]),
            &["disk::used-twice | nvme-A | nvme-A"],
        ),
        (
            disks,
            by_id(&["nvme-A", "nvme-C"]),
            &["disk::used-twice | /dev/disk/by-id/nvme-C | nvme-C"],
        ),
        (
            "/zfs/pools/0/spares",
            json!(["nvme-L"]),
            &["disk::used-twice | nvme-L | /dev/disk/by-id/nvme-L"],
        ),
        (
            "/zfs/pools/0/special",
            json!(["nvme-S"]),
            &[
                "pool::mixed-redundancy | nvme-S | [\"/dev/disk/by-id/nvme-A\",\"/dev/disk/by-id/nvme-B\"]",
            ],
        ),
        (
            "/zfs/pools/0/special",
            json!([{"raid_level": "mirror", "disks": ["nvme-S", "nvme-T"]}]),
            &[],
        ),
        (
            "/zfs/pools/0/special",
            json!([{"raid_level": "raidz1", "disks": ["nvme-S", "nvme-T", "nvme-U"]}]),
            &[],
        ),
        (
            "/zfs/pools/0/log",
            json!([{"raid_level": "mirror", "disks": ["nvme-S", "nvme-T"]}]),
            &[],
        ),
        (
            "/zfs/pools",
            json!([]),
            &[
                "pool::none | zfs",
                "dataset::unknown-pool | tank",
                "dataset::unknown-pool | tank",
                "dataset::unknown-pool | tank",
                "dataset::unknown-pool | solo",
                "dataset::unknown-pool | solo",
            ],
        ),
    ]);
    let log = json!([{"raid_level": "raidz1", "disks": ["nvme-S", "nvme-T", "nvme-U"]}]);
    assert_eq!(
        drawn(&[("/zfs/pools/0/log", log)])[0].split(' ').next(),
        Some("pool::log-layout")
    );
    let raid10 = |count: usize| {
        let disks: Vec<_> = (0..count).map(|disk| format!("nvme-{disk}")).collect();
        let changes = [
            ("/zfs/pools/0/raid_level", json!("raid10")),
            (disks_pointer(), json!(disks)),
        ];
        drawn(&changes).len()
    };
    assert_eq!([2, 3, 4, 5, 6].map(raid10), [1, 1, 0, 1, 0]);

    let renamed = |text: &str| {
        drawn(&[
            (name, json!(text)),
            ("/zfs/datasets/3/pool", json!(text)),
            ("/zfs/datasets/4/pool", json!(text)),
        ])
    };
    assert_eq!(renamed("mirrored"), ["pool::invalid-name | mirrored"]);
    assert_eq!(renamed("1st"), ["pool::invalid-name | 1st"]);
    assert_eq!(renamed("my pool"), ["pool::invalid-name | my pool"]);
    assert_eq!(renamed("special"), ["pool::confusing-name | special"]);
    assert_eq!(renamed("rpool"), Vec::<String>::new());
    assert_eq!(renamed("tank"), ["pool::duplicate | tank | tank"]);
}

fn disks_pointer() -> &'static str {
    "/zfs/pools/0/disks"
}

#[test]
fn special_vdevs_survive_as_much_as_data_does() {
    let special = |count: usize| {
        let disks: Vec<_> = (0..count).map(|disk| format!("nvme-S{disk}")).collect();
        let vdev = json!([{"raid_level": "mirror", "disks": disks}]);
        drawn(&[("/zfs/pools/0/special", vdev)]).len()
    };
    assert_eq!([2, 3].map(special), [0, 1]);
}

#[test]
fn a_neighbour_with_a_longer_name_is_not_below() {
    let declare = |name: &str| ("/zfs/datasets/-", json!({"pool": "tank", "name": name}));
    let no_export = ("/nfs", json!({}));
    assert_eq!(drawn(&[declare("data-old")]), Vec::<String>::new());
    assert_eq!(
        drawn(&[declare("data-old"), declare("data/sub"), no_export]),
        ["share::hidden-children | tank/data | {"]
    );
}

#[test]
fn containers_use_records_even_beside_vm_disks() {
    let recordsize = ("/zfs/datasets/1/properties/recordsize", json!("16K"));
    for content in [json!(["rootdir"]), json!(["images", "rootdir"])] {
        let content = ("/zfs/datasets/1/storage/content", content);
        assert_eq!(drawn(&[content, recordsize.clone()]), Vec::<String>::new());
    }
}

#[test]
fn root_is_another_word_for_file_system_id_0() {
    let export = json!({"dataset": "solo/iso", "clients": ["10.0.0.5"], "options": ["fsid=root"]});
    let changes = [
        ("/nfs/exports/0/options", json!(["fsid=0"])),
        ("/nfs/exports/-", export),
    ];
    assert_eq!(
        drawn(&changes),
        ["export::duplicate-fsid | fsid=root | fsid=0"]
    );
}

#[test]
fn datasets() {
    let name = "/zfs/datasets/4/name";
    let new = "/zfs/datasets/-";
    table(&[
        (
            "/zfs/datasets/4/pool",
            json!("sole"),
            &["dataset::unknown-pool | sole"],
        ),
        (
            name,
            json!("bad name"),
            &["dataset::invalid-name | bad name"],
        ),
        (name, json!("a@b"), &["dataset::invalid-name | a@b"]),
        (name, json!("iso"), &["dataset::duplicate | iso | iso"]),
        (name, json!("a/b"), &["dataset::missing-parent | a/b"]),
        (name, json!("iso/sub"), &[]),
        (
            new,
            json!({"pool": "tank", "name": "disk0/x"}),
            &["dataset::below-volume | disk0/x | {"],
        ),
        (
            new,
            json!({"pool": "tank", "name": "x", "mountpoint": "/tank/data"}),
            &["dataset::mountpoint-taken | /tank/data | data"],
        ),
        (
            new,
            json!({"pool": "tank", "name": "x", "mountpoint": "/solo/"}),
            &["dataset::mountpoint-taken | /solo/"],
        ),
        (
            new,
            json!({"pool": "tank", "name": "x", "mountpoint": "none"}),
            &[],
        ),
        (
            "/zfs/datasets/0/properties/reservation",
            json!("801G"),
            &["dataset::reservation-above-quota | 801G | 800G"],
        ),
        (
            "/zfs/datasets/0/properties/refreservation",
            json!("1T"),
            &["dataset::reservation-above-quota | 1T | 800G"],
        ),
        ("/zfs/datasets/0/properties/quota", json!("none"), &[]),
        (
            "/zfs/datasets/0/properties/quota",
            json!("0"),
            &["property::invalid-value | 0"],
        ),
        (
            "/zfs/datasets/0/properties/special_small_blocks",
            json!("1M"),
            &[],
        ),
    ]);
    let special = json!([{"raid_level": "mirror", "disks": ["nvme-S", "nvme-T"]}]);
    let small = |bytes: &str| {
        drawn(&[
            ("/zfs/pools/0/special", special.clone()),
            (
                "/zfs/datasets/0/properties/special_small_blocks",
                json!(bytes),
            ),
            ("/zfs/pools/0/root_properties/recordsize", json!("64K")),
        ])
    };
    assert_eq!(small("64K"), ["dataset::special-small-blocks | 64K | 64K"]);
    assert_eq!(small("32K"), Vec::<String>::new());
}

#[test]
fn permissions() {
    let declared = json!({"owner": 0});
    table(&[
        (
            "/zfs/datasets/2/permissions",
            declared.clone(),
            &["permissions::no-directory | permissions"],
        ),
        (
            "/zfs/datasets/4/permissions",
            declared.clone(),
            &["permissions::no-directory | permissions"],
        ),
        ("/zfs/datasets/3/permissions", declared, &[]),
        ("/zfs/datasets/0/permissions/ids", json!("container"), &[]),
        (
            "/zfs/datasets/3/permissions",
            json!({"owner": 0, "ids": "container"}),
            &["permissions::no-container | container"],
        ),
        (
            "/zfs/datasets/3/permissions",
            json!({"owner": 0, "ids": "container", "container": 101}),
            &[],
        ),
        (
            "/zfs/datasets/3/permissions",
            json!({"owner": 0, "container": 101}),
            &["permissions::container-unused | container"],
        ),
        (
            "/zfs/datasets/0/permissions",
            json!({"owner": "www-data", "group": "backup", "ids": "container"}),
            &["permissions::container-name | www-data | backup"],
        ),
        (
            "/zfs/datasets/0/permissions",
            json!({"owner": 1, "recursive": true}),
            &[],
        ),
        (
            "/zfs/datasets/0/permissions",
            json!({"recursive": true}),
            &["permissions::recursive-nothing | recursive"],
        ),
    ]);
}

#[test]
fn acls() {
    let posix = || ("/zfs/datasets/0/properties/acltype", json!("posixacl"));
    let with = |mode: &str, acl: Value| {
        let permissions = json!({"mode": mode, "acl": acl});
        ("/zfs/datasets/0/permissions", permissions)
    };
    for (acl, expected) in [
        (json!(["group:1001:rwx", "default:group:1001:rwx"]), vec![]),
        (
            json!(["u:33:rx", "d:u:33:r-x", "d:o::---", "d:m::rwx"]),
            vec![],
        ),
        (json!(["group:backup:-"]), vec![]),
        (
            json!(["group:1001"]),
            vec!["schema::invalid-value | group:1001"],
        ),
        (
            json!(["group:1001:rwq"]),
            vec!["schema::invalid-value | group:1001:rwq"],
        ),
        (
            json!(["group:1001:rr"]),
            vec!["schema::invalid-value | group:1001:rr"],
        ),
        (
            json!(["group:1001:"]),
            vec!["schema::invalid-value | group:1001:"],
        ),
        (
            json!(["mask:1001:rwx"]),
            vec!["schema::invalid-value | mask:1001:rwx"],
        ),
        (
            json!(["group:4294967295:rwx"]),
            vec!["schema::invalid-value | group:4294967295:rwx"],
        ),
        (json!(["other::r"]), vec!["schema::conflict | other::r"]),
        (
            json!(["u:33:r", "user:33:rw"]),
            vec!["schema::conflict | user:33:rw | u:33:r"],
        ),
    ] {
        let drawn = drawn(&[posix(), with("2770", acl.clone())]);
        assert_eq!(drawn, expected, "{acl}");
    }
    let entry = || json!(["group:1001:rwx"]);
    assert_eq!(
        drawn(&[with("2770", entry())]),
        ["permissions::acl-not-enabled | acl"]
    );
    let inherited = ("/zfs/pools/0/root_properties", json!({"acltype": "posix"}));
    assert_eq!(
        drawn(&[inherited, with("2770", entry())]),
        Vec::<String>::new()
    );
    let off = ("/zfs/datasets/0/properties/acltype", json!("off"));
    assert_eq!(
        drawn(&[off, with("2770", entry())]),
        ["permissions::acl-not-enabled | acl | off"]
    );
    assert_eq!(
        drawn(&[posix(), with("2750", entry())]),
        ["permissions::acl-beyond-mask | group:1001:rwx | 2750"]
    );
    let without_mode = ("/zfs/datasets/0/permissions", json!({"acl": entry()}));
    assert_eq!(
        drawn(&[posix(), without_mode]),
        ["permissions::acl-without-mode | acl"]
    );
    let inside = ("/zfs/datasets/0/permissions/ids", json!("container"));
    assert_eq!(
        drawn(&[posix(), with("2770", json!(["group:www-data:rwx"])), inside]),
        ["permissions::container-name | group:www-data:rwx"]
    );
}

#[test]
fn storages() {
    let id = "/zfs/datasets/1/storage/id";
    let content = "/zfs/datasets/1/storage/content";
    table(&[
        (id, json!("local"), &["storage::reserved-id | local"]),
        (
            id,
            json!("local-lvm"),
            &["storage::reserved-id | local-lvm"],
        ),
        (id, json!("local-zfs"), &[]),
        (id, json!("x"), &["storage::invalid-id | x"]),
        (id, json!("1x"), &["storage::invalid-id | 1x"]),
        (id, json!("x-"), &["storage::invalid-id | x-"]),
        (id, json!("x y"), &["storage::invalid-id | x y"]),
        (
            id,
            json!("solo.iso_1"),
            &["storage::duplicate-id | solo.iso_1 | solo.iso_1"],
        ),
        (
            content,
            json!(["images", "backup"]),
            &["storage::impossible-content | backup"],
        ),
        (
            content,
            json!(["iso", "vztmpl"]),
            &[
                "storage::impossible-content | iso",
                "storage::impossible-content | vztmpl",
            ],
        ),
        (content, json!(["rootdir", "images"]), &[]),
        (
            "/zfs/datasets/1/storage/blocksize",
            json!("12k"),
            &["storage::invalid-option | 12k"],
        ),
        (
            "/zfs/datasets/1/storage/blocksize",
            json!("16KiB"),
            &["storage::invalid-option | 16KiB"],
        ),
        (
            "/zfs/datasets/1/storage/blocksize",
            json!("32m"),
            &["storage::invalid-option | 32m"],
        ),
        ("/zfs/datasets/1/storage/blocksize", json!("1M"), &[]),
        (
            "/zfs/datasets/1/storage/nodes",
            json!(["pve.1"]),
            &["storage::invalid-option | pve.1"],
        ),
        (
            "/zfs/datasets/3/storage/sparse",
            json!(true),
            &["storage::invalid-option | sparse"],
        ),
        (
            "/zfs/datasets/1/storage/prune_backups",
            json!({"keep_last": 3}),
            &["storage::invalid-option | prune_backups"],
        ),
        (
            "/zfs/datasets/1/storage/bwlimit",
            json!({"default": 1024}),
            &[],
        ),
        ("/zfs/datasets/1/storage/disable", json!(true), &[]),
        (
            "/zfs/datasets/3/storage/prune_backups",
            json!({"keep_all": true, "keep_last": 0}),
            &[],
        ),
        (
            "/zfs/datasets/3/storage/prune_backups",
            json!({"keep_all": true, "keep_last": 3}),
            &["storage::invalid-option | keep_all | prune_backups"],
        ),
        (
            "/zfs/datasets/3/storage/prune_backups",
            json!({"keep-last": 3}),
            &["schema::unknown-key | keep-last"],
        ),
        (
            "/zfs/datasets/3/storage/max_protected_backups",
            json!(-2),
            &["schema::invalid-value | -2"],
        ),
        (
            "/zfs/datasets/3/storage/max_protected_backups",
            json!(-1),
            &[],
        ),
        (
            "/zfs/datasets/3/storage/content_dirs",
            json!({"iso": "isos/x86.64", "vztmpl": "t"}),
            &[],
        ),
        (
            "/zfs/datasets/3/storage/content_dirs",
            json!({"iso": "../x"}),
            &["schema::invalid-value | ../x"],
        ),
        (
            "/zfs/datasets/3/storage/content_dirs",
            json!({"iso": "a,b"}),
            &["schema::invalid-value | a,b"],
        ),
        (
            "/zfs/datasets/3/storage/content_dirs",
            json!({"iso": "/srv"}),
            &["schema::invalid-value | /srv"],
        ),
        (
            "/zfs/datasets/3/storage/format",
            json!("qed"),
            &["schema::invalid-value | qed"],
        ),
        ("/zfs/datasets/3/storage/shared", json!(false), &[]),
        (
            "/zfs/datasets/3/mountpoint",
            json!("/srv/my isos"),
            &["storage::invalid-path | storage"],
        ),
        ("/zfs/datasets/3/mountpoint", json!("/srv/isos@x"), &[]),
        ("/zfs/datasets/1/mountpoint", json!("/srv/my vm"), &[]),
        (
            "/zfs/datasets/1/mountpoint",
            json!("/srv/vm;1"),
            &["storage::invalid-path | storage"],
        ),
        (
            "/zfs/datasets/3/storage/shared",
            json!(true),
            &["storage::shared | true"],
        ),
        (
            "/zfs/datasets/2/storage",
            json!({"type": "zfspool"}),
            &["storage::no-directory | storage"],
        ),
        (
            "/zfs/datasets/2/storage",
            json!({"type": "dir", "content": ["iso"]}),
            &["storage::no-directory | storage"],
        ),
        (
            "/zfs/datasets/4/storage",
            json!({"type": "dir", "content": ["iso"]}),
            &["storage::no-directory | storage"],
        ),
        ("/zfs/datasets/4/storage", json!({"type": "zfspool"}), &[]),
        (
            "/zfs/datasets/1/properties/recordsize",
            json!("128K"),
            &["storage::recordsize-unused | 128K | storage"],
        ),
        (
            "/zfs/datasets/3/storage/content",
            json!(["backup"]),
            &["storage::backup-without-redundancy | backup | single"],
        ),
        (
            "/zfs/datasets/0/storage",
            json!({"type": "dir", "content": ["backup"]}),
            &[],
        ),
    ]);
}

#[test]
fn exports() {
    let options = "/nfs/exports/0/options";
    let clients = "/nfs/exports/0/clients";
    let new = "/nfs/exports/-";
    let to = |dataset: &str, options: &[&str]| json!({"dataset": dataset, "clients": ["10.0.0.5"], "options": options});
    let by_path = |path: &str| json!({"path": path, "clients": ["10.0.0.5"]});
    table(&[
        (
            options,
            json!(["rw", "noatime"]),
            &["export::client-option | noatime"],
        ),
        (
            options,
            json!(["rw", "vers=4.2"]),
            &["export::client-option | vers=4.2"],
        ),
        (
            options,
            json!(["rw", "no_rootsquash"]),
            &["export::unknown-option | no_rootsquash"],
        ),
        (
            options,
            json!(["anonuid=root"]),
            &["export::invalid-option | anonuid=root"],
        ),
        (
            options,
            json!(["rw", "ro"]),
            &["export::contradiction | ro | rw"],
        ),
        (
            options,
            json!(["sync", "async"]),
            &["export::contradiction | async | sync"],
        ),
        (
            options,
            json!(["anonuid=1", "anonuid=2"]),
            &["export::contradiction | anonuid=2 | anonuid=1"],
        ),
        (
            options,
            json!(["rw", "rw", "crossmnt", "mp=/tank/data"]),
            &[],
        ),
        (options, json!(["sec=krb5", "rw", "sec=sys", "ro"]), &[]),
        (options, json!(["rw", "async"]), &["export::async | async"]),
        (options, json!(["ro", "async"]), &[]),
        (options, json!(["async"]), &[]),
        (
            options,
            json!(["no_root_squash"]),
            &["export::no-root-squash | no_root_squash"],
        ),
        (
            options,
            json!(["subtree_check"]),
            &["export::subtree-check | subtree_check"],
        ),
        (options, json!([]), &[]),
        (clients, json!([]), &["export::no-clients | []"]),
        (
            "/nfs/exports/0/clients",
            json!(["10.0.0.0/24", "fd00::/64", "10.0.0.9/24"]),
            &["export::duplicate-client | 10.0.0.9/24 | 10.0.0.0/24"],
        ),
        (
            clients,
            json!(["10.0.0.300"]),
            &["export::invalid-client | 10.0.0.300"],
        ),
        (
            clients,
            json!(["10.0.0.5 (rw)"]),
            &["export::invalid-client | 10.0.0.5 (rw)"],
        ),
        (clients, json!(["*"]), &["export::world | *"]),
        (clients, json!(["*.example.com", "@hosts"]), &[]),
        (new, to("tank/data", &[]), &["export::duplicate | { | {"]),
        (
            new,
            to("solo/iso", &["fsid=7"]),
            &["export::duplicate-fsid | fsid=7 | fsid=7"],
        ),
        (new, to("solo/iso", &["fsid=8"]), &[]),
        (
            new,
            to("tank/disk0", &[]),
            &["reference::not-mounted | tank/disk0 | {"],
        ),
        (new, by_path("/srv/x"), &["share::undeclared | /srv/x"]),
        (
            new,
            by_path("/mnt/pve/solo/iso/x"),
            &["share::undeclared | /mnt/pve/solo/iso/x"],
        ),
        (new, by_path("/solo/iso/x"), &[]),
        (
            new,
            by_path("/solo/iso/../x"),
            &["export::invalid-path | /solo/iso/../x"],
        ),
        (
            "/zfs/datasets/0/properties/sharenfs",
            json!("on"),
            &["export::sharenfs | tank/data | on"],
        ),
        ("/zfs/datasets/0/properties/sharenfs", json!("off"), &[]),
        (
            "/zfs/pools/0/root_properties/sharenfs",
            json!("on"),
            &["export::sharenfs | tank/data | on"],
        ),
        (
            "/zfs/datasets/0/properties/sync",
            json!("disabled"),
            &["export::sync-disabled | disabled | tank/data"],
        ),
        ("/zfs/datasets/0/properties/sync", json!("always"), &[]),
        (
            "/zfs/datasets/-",
            json!({"pool": "tank", "name": "data/sub"}),
            &[
                "share::hidden-children | tank/data | {",
                "share::hidden-children | tank/data | {",
            ],
        ),
    ]);
    let child = (
        "/zfs/datasets/-",
        json!({"pool": "tank", "name": "data/sub"}),
    );
    let crossmnt = (options, json!(["crossmnt"]));
    let no_mount = ("/bind_mounts", json!([]));
    assert_eq!(
        drawn(&[child.clone(), crossmnt, no_mount.clone()]),
        Vec::<String>::new()
    );
    assert_eq!(
        drawn(&[child, (new, to("tank/data/sub", &[])), no_mount]),
        Vec::<String>::new()
    );
    let always = ("/zfs/datasets/0/properties/sync", json!("always"));
    assert_eq!(
        drawn(&[always, (options, json!(["rw", "async"]))]),
        ["export::async-on-sync-always | async | always"]
    );
    let long = format!("mp=/{}", "x".repeat(480));
    assert_eq!(
        drawn(&[(options, json!([long])), (clients, json!(["10.0.0.5"]))])[0]
            .split(' ')
            .next(),
        Some("export::too-long")
    );
    let fits = format!("mp=/{}", "x".repeat(440));
    assert_eq!(
        drawn(&[(options, json!([fits])), (clients, json!(["10.0.0.5"]))]),
        Vec::<String>::new()
    );
}

#[test]
fn bind_mounts() {
    let target = "/bind_mounts/0/target";
    let options = "/bind_mounts/0/options";
    let new = "/bind_mounts/-";
    let from = |path: &str| json!({"container": 102, "host_path": path, "target": "/x"});
    table(&[
        (
            "/bind_mounts/0/container",
            json!(99),
            &["mount::invalid-container | 99"],
        ),
        (
            "/bind_mounts/0/container",
            json!(1_000_000_000),
            &["mount::invalid-container | 1000000000"],
        ),
        ("/bind_mounts/0/container", json!("999999999"), &[]),
        (target, json!("data"), &["mount::invalid-target | data"]),
        (target, json!("/"), &["mount::invalid-target | /"]),
        (
            target,
            json!("/a/../b"),
            &["mount::invalid-target | /a/../b"],
        ),
        (
            target,
            json!("/a,ro=1"),
            &["mount::invalid-target | /a,ro=1"],
        ),
        (target, json!("/a b"), &[]),
        (options, json!(["sync"]), &["mount::unknown-option | sync"]),
        (options, json!(["ro"]), &["mount::unknown-option | ro"]),
        (
            options,
            json!(["discard", "noatime"]),
            &["mount::ineffective-option | discard"],
        ),
        (
            options,
            json!(["lazytime"]),
            &["mount::ineffective-option | lazytime"],
        ),
        (options, json!(["nodev", "noexec"]), &[]),
        (
            new,
            json!({"container": 101, "dataset": "solo/iso", "target": "/data/"}),
            &["mount::duplicate-target | /data/ | /data"],
        ),
        (
            new,
            json!({"container": 102, "dataset": "tank/data", "target": "/data"}),
            &[],
        ),
        (
            new,
            json!({"container": 102, "dataset": "solo/raw", "target": "/x"}),
            &["reference::not-mounted | solo/raw | {"],
        ),
        (new, from("/etc"), &["mount::system-directory | /etc"]),
        (new, from("/"), &["mount::system-directory | /"]),
        (
            new,
            from("/dev/sda"),
            &["mount::system-directory | /dev/sda"],
        ),
        (
            new,
            from("/tank/data/a=b"),
            &["mount::invalid-source | /tank/data/a=b"],
        ),
        (
            new,
            from("/tank/data/a,b"),
            &["mount::invalid-source | /tank/data/a,b"],
        ),
        (
            new,
            from("/usr/local/nginx"),
            &["share::undeclared | /usr/local/nginx"],
        ),
        (new, from("/tank/data/models"), &[]),
        (new, from("/tank"), &["share::hidden-children | /tank | {"]),
    ]);
    let child = (
        "/zfs/datasets/-",
        json!({"pool": "tank", "name": "data/sub"}),
    );
    let both = (
        new,
        json!({"container": 101, "dataset": "tank/data/sub", "target": "/data/sub"}),
    );
    assert_eq!(
        drawn(&[child, both, ("/nfs", json!({}))]),
        Vec::<String>::new()
    );
}

#[test]
fn an_option_without_effect_is_said_once_for_all_mounts() {
    let second =
        json!({"container": 102, "dataset": "tank/data", "target": "/x", "options": ["discard"]});
    assert_eq!(
        drawn(&[
            ("/bind_mounts/0/options", json!(["noatime", "discard"])),
            ("/bind_mounts/-", second)
        ]),
        ["mount::ineffective-option | discard | discard"]
    );
}

#[test]
fn read_cache() {
    table(&[
        ("/zfs/arc_max", json!("63M"), &["arc::too-small | 63M"]),
        ("/zfs/arc_max", json!("64M"), &[]),
    ]);
}

#[test]
fn capacity_is_judged_by_what_the_file_tells_of_the_disks() {
    let disks = |size: &str| {
        let names = ["X", "Y"].map(|serial| format!("/dev/disk/by-id/nvme-Drive_{size}_{serial}"));
        ("/zfs/pools/0/disks", json!(names))
    };
    let quota = |quota: &str| ("/zfs/datasets/0/properties/quota", json!(quota));
    assert_eq!(drawn(&[disks("2TB"), quota("1.7T")]), Vec::<String>::new());
    assert_eq!(
        drawn(&[disks("990_PRO"), quota("99T")]),
        Vec::<String>::new()
    );
    // The volume of 32G takes part.
    assert_eq!(
        drawn(&[disks("2TB"), quota("1.73T")]),
        ["capacity::overcommitted | 1.73T | 32G"]
    );
    // A quota covers what lies below.
    let child = json!({"pool": "tank", "name": "data/sub", "properties": {"quota": "99T"}});
    let changes = [
        disks("2TB"),
        quota("1.7T"),
        ("/zfs/datasets/-", child),
        ("/nfs", json!({})),
        ("/bind_mounts", json!([])),
    ];
    assert_eq!(drawn(&changes), Vec::<String>::new());
    assert_eq!(
        drawn(&[("/zfs/pools/1/disk_size", json!("2T"))]),
        ["capacity::overcommitted | 3T"]
    );
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
