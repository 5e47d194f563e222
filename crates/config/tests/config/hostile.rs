//! Names, paths and options that try to be more than that: each is refused with a code, or is a plain
//! value. The columns of tools are the prize: another argument, another line, another option.

use phoenix_config::load;
use serde_json::{Value, json};

/// A file with one object of every kind.
fn file() -> Value {
    json!({
        "zfs": {
            "pools": [{
                "name": "tank",
                "raid_level": "single",
                "disks": ["/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_4TB_SIM4TC0003"]
            }],
            "datasets": [{
                "pool": "tank",
                "name": "data",
                "mountpoint": "/srv/data",
                "properties": {"compression": "lz4", "phoenix:note": "x"},
                "permissions": {"owner": 0, "group": 0, "mode": "0755"},
                "storage": {"id": "data", "type": "dir", "content": ["backup"], "nodes": ["pve"]}
            }],
            "arc_max": "30G"
        },
        "nfs": {"exports": [
            {"dataset": "tank/data", "clients": ["10.0.0.7"], "options": ["ro", "sync"]}
        ]},
        "bind_mounts": [
            {"container": 101, "dataset": "tank/data", "target": "/data", "options": ["noatime"]}
        ]
    })
}

/// The codes of the errors of [`file`] with another value at `pointer`, those left out that only
/// follow from a wrong name, or from a path that is sound but where Proxmox takes no directory
/// storage.
fn errors(pointer: &str, value: &Value) -> Vec<&'static str> {
    const FOLLOW: [&str; 3] = [
        "phoenix::dataset::unknown-pool",
        "phoenix::reference::unknown-dataset",
        "phoenix::storage::invalid-path",
    ];
    let mut file = file();
    *file.pointer_mut(pointer).unwrap() = value.clone();
    let loaded = load("test.json", file.to_string().as_bytes());
    let mut codes = super::codes_of_errors(&loaded);
    codes.retain(|code| !FOLLOW.contains(code));
    codes.dedup();
    codes
}

#[test]
fn tricks_are_refused_with_a_code() {
    assert_eq!(errors("/zfs/arc_max", &json!("30G")), [] as [&str; 0]);
    for (pointer, code, values) in refused() {
        for value in values.as_array().unwrap() {
            let wanted = format!("phoenix::{code}");
            assert_eq!(errors(pointer, value), [wanted], "{pointer}: {value}");
        }
    }
}

fn refused() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        (
            "/zfs/pools/0/name",
            "pool::invalid-name",
            json!([
                "tank; reboot",
                "$(reboot)",
                "`id`",
                "-f",
                "a b",
                "tank\nx",
                "tank/x",
                "../tank",
                "tank@x",
                "mirror",
                "log",
                "",
                ".",
                "tank\u{0}",
                "tänk"
            ]),
        ),
        (
            "/zfs/pools/0/disks/0",
            "disk::not-a-path",
            json!(["-f", "sda; reboot"]),
        ),
        (
            "/zfs/pools/0/disks/0",
            "disk::placeholder",
            json!(["/dev/disk/by-id/$(id)"]),
        ),
        (
            "/zfs/datasets/0/name",
            "dataset::invalid-name",
            json!([
                "../x", "a/../b", "a//b", "/a", "a/", "a@b", "a#b", "a\nb", "a\tb", "a;b", "$(id)",
                "a,b", "a=b", "a%b", "a b"
            ]),
        ),
        (
            "/zfs/datasets/0/mountpoint",
            "property::invalid-value",
            json!(["relative", "/srv/../etc", "/srv/a\nb", "/srv/a\tb"]),
        ),
        (
            "/zfs/datasets/0/mountpoint",
            "mount::system-directory",
            json!(["/", "/etc"]),
        ),
        (
            "/zfs/datasets/0/mountpoint",
            "mount::invalid-source",
            json!(["/srv/a,b", "/srv/a=b"]),
        ),
        (
            "/zfs/datasets/0/properties/compression",
            "property::invalid-value",
            json!(["lz4\nquota=1G", "lz4; reboot", "-o", "lz4,quota=1"]),
        ),
        (
            "/zfs/datasets/0/properties/phoenix:note",
            "property::invalid-value",
            json!(["a\nb", "\u{1b}[31m"]),
        ),
        (
            "/zfs/datasets/0/properties",
            "property::unknown",
            json!([{"-o": "x"}, {"quota=1G,x": "1"}]),
        ),
        (
            "/zfs/datasets/0/properties",
            "property::invalid-value",
            json!([{"a:b=c": "1"}, {"exec": "on; x"}, {"a:b\n": "1"}]),
        ),
        (
            "/zfs/datasets/0/properties",
            "export::sharenfs",
            json!([{"sharenfs": "rw=*"}]),
        ),
        (
            "/zfs/datasets/0/permissions/owner",
            "schema::invalid-value",
            json!([
                "root; reboot",
                "-1",
                "root\n",
                "$(id)",
                -1,
                4_294_967_295_u32,
                "--help"
            ]),
        ),
        (
            "/zfs/datasets/0/permissions/mode",
            "schema::invalid-value",
            json!(["0777; reboot", "9999", "a+rwx", "-1", "77777"]),
        ),
        (
            "/zfs/datasets/0/storage/id",
            "storage::invalid-id",
            json!(["-x", "a b", "a;b", "a\nb", "../a", "$(id)", "a:b", "a,b"]),
        ),
        (
            "/zfs/datasets/0/storage/id",
            "storage::reserved-id",
            json!(["local"]),
        ),
        (
            "/zfs/datasets/0/storage/content",
            "schema::invalid-value",
            json!([["backup;reboot"], ["backup,images"], ["-x"]]),
        ),
        (
            "/zfs/datasets/0/storage/nodes",
            "storage::invalid-option",
            json!([["pve;reboot"], ["-x"], ["a,b"], ["a b"]]),
        ),
        (
            "/zfs/arc_max",
            "schema::invalid-value",
            json!([
                "30G; reboot",
                "-1",
                "0x10",
                "1e99",
                "99999999999999999999999"
            ]),
        ),
        (
            "/nfs/exports/0/clients/0",
            "export::invalid-client",
            json!([
                "10.0.0.7(rw,no_root_squash)",
                "* (rw)",
                "10.0.0.7 *(rw)",
                "a\n/ *(rw)",
                "a,b",
                "-o",
                "$(id)",
                "\"a\"",
                "a#b",
                "a\\040b"
            ]),
        ),
        (
            "/nfs/exports/0/options",
            "export::unknown-option",
            json!([
                ["rw)\n/ *(rw"],
                ["rw,no_root_squash"],
                ["rw no_root_squash"],
                ["ro", "-x"]
            ]),
        ),
        (
            "/nfs/exports/0/options",
            "export::invalid-option",
            json!([["fsid=0,rw"], ["anonuid=0;x"]]),
        ),
        (
            "/nfs/exports/0",
            "export::invalid-path",
            json!([{"path": "/srv/a\n/ *(rw)", "clients": ["10.0.0.7"], "options": ["ro"]}, {"path": "/srv/../etc", "clients": ["10.0.0.7"], "options": ["ro"]}]),
        ),
        (
            "/nfs/exports/0",
            "schema::invalid-value",
            json!([{"path": "relative", "clients": ["10.0.0.7"], "options": ["ro"]}, {"path": "-a", "clients": ["10.0.0.7"], "options": ["ro"]}]),
        ),
        (
            "/bind_mounts/0/target",
            "mount::invalid-target",
            json!([
                "relative",
                "/a/../../etc",
                "/data,ro=0",
                "/data\nmp1: /",
                "-x",
                "/"
            ]),
        ),
        (
            "/bind_mounts/0/options",
            "mount::unknown-option",
            json!([["noatime;exec"], ["noatime,ro=0"], ["suid"], ["-o"]]),
        ),
        (
            "/bind_mounts/0/container",
            "schema::invalid-value",
            json!([
                "101; reboot",
                "-1",
                -1,
                10_000_000_000_u64,
                "101/../102",
                "101\n"
            ]),
        ),
        (
            "/bind_mounts/0/container",
            "mount::invalid-container",
            json!([99]),
        ),
        (
            "/bind_mounts/0",
            "mount::invalid-source",
            json!([{"container": 101, "host_path": "/srv/../etc", "target": "/d"}, {"container": 101, "host_path": "/srv/a,mp=/x", "target": "/d"}, {"container": 101, "host_path": "/srv/a\nb", "target": "/d"}]),
        ),
        (
            "/bind_mounts/0",
            "schema::invalid-value",
            json!([{"container": 101, "host_path": "relative", "target": "/d"}, {"container": 101, "host_path": "tank:subvol-1", "target": "/d"}]),
        ),
        (
            "/bind_mounts/0",
            "mount::system-directory",
            json!([{"container": 101, "host_path": "/", "target": "/d"}, {"container": 101, "host_path": "/etc", "target": "/d"}]),
        ),
    ]
}

/// What is odd and harmless must work: no shell ever sees it.
#[test]
fn odd_values_that_mean_themselves_are_let_through() {
    for (pointer, values) in [
        (
            "/zfs/datasets/0/mountpoint",
            json!([
                "/srv/a b",
                "/srv/a;reboot",
                "/srv/$(id)",
                "/srv/a\\040b",
                "/srv/\"a\"",
                "/srv//a",
                "/srv/a/"
            ]),
        ),
        (
            "/zfs/datasets/0/properties/phoenix:note",
            json!(["a;b", "$(id)", "-r", "a=b,c"]),
        ),
        ("/nfs/exports/0/options", json!([["refer=/@evil"]])),
        (
            "/nfs/exports/0",
            json!([{"path": "/srv/a b", "clients": ["10.0.0.7"], "options": ["ro"]}, {"path": "/srv/a\"b", "clients": ["10.0.0.7"], "options": ["ro"]}, {"path": "/srv/a\\b", "clients": ["10.0.0.7"], "options": ["ro"]}, {"path": "/srv/#b", "clients": ["10.0.0.7"], "options": ["ro"]}]),
        ),
        (
            "/bind_mounts/0/target",
            json!(["/a=b", "/data;x", "/data b"]),
        ),
        (
            "/bind_mounts/0",
            json!([{"container": 101, "host_path": "/srv/a b", "target": "/d"}]),
        ),
    ] {
        for value in values.as_array().unwrap() {
            assert_eq!(
                errors(pointer, value),
                [] as [&str; 0],
                "{pointer}: {value}"
            );
        }
    }
}
