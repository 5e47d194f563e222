//! NFS exports and bind mounts.

use super::*;

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
