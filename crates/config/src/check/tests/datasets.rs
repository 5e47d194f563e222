//! Datasets, their permissions and ACLs.

use super::*;

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
