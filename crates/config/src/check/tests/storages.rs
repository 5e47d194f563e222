//! Proxmox storages.

use super::*;

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
            "/zfs/datasets/3/storage/content",
            json!([]),
            &["storage::impossible-content | []"],
        ),
        ("/zfs/datasets/1/storage/nodes", json!([]), &[]),
        (
            "/zfs/datasets/0/storage",
            json!({"type": "zfspool", "nodes_exact": true}),
            &["storage::invalid-option | true"],
        ),
        (
            "/zfs/datasets/1/storage/blocksize",
            json!("04k"),
            &["storage::invalid-option | 04k"],
        ),
        (
            "/zfs/datasets/3/storage/bwlimit",
            json!({"restore": 10.5, "default": 102_400}),
            &[],
        ),
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
