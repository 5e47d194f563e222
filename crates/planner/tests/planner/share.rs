//! NFS exports and bind mounts.

use phoenix_planner::observed::{ForeignExport, Observed, ObservedBootOrder, ObservedDirectory};
use phoenix_planner::plan::Operation;
use serde_json::{Value, json};

use crate::setup::{
    Case, as_it_is, file, file_with, fresh, lines, planned, run, run_fresh, set, settled,
};

/// Lets the server export `/tank/data` to one more client, with the options of the first.
fn also_active(host: &mut Observed, client: &str) {
    let clients = host.exports.active.get_mut("/tank/data").unwrap();
    let options = clients.values().next().unwrap().clone();
    clients.insert(client.to_owned(), options);
}

/// Somebody else exports `/tank/data` to `client`.
fn foreign(host: &mut Observed, file: &str, client: &str) {
    let export = ForeignExport {
        file: file.to_owned(),
        line: 7,
        client: client.to_owned(),
    };
    host.exports
        .foreign
        .insert("/tank/data".to_owned(), vec![export]);
}

#[test]
fn export_lines_say_everything_that_matters_for_safety() {
    for (path, options, line) in [
        (
            "",
            json!([]),
            "10.0.0.0/24(ro,sync,no_subtree_check,mountpoint)",
        ),
        (
            "",
            json!(["rw"]),
            "10.0.0.0/24(rw,sync,no_subtree_check,mountpoint)",
        ),
        (
            "",
            json!(["no_root_squash", "async", "rw", "crossmnt"]),
            "10.0.0.0/24(rw,async,no_subtree_check,mountpoint,no_root_squash,crossmnt)",
        ),
        (
            "",
            json!(["no_subtree_check", "mp", "sync"]),
            "10.0.0.0/24(ro,sync,no_subtree_check,mp)",
        ),
        (
            "/sub",
            json!(["rw"]),
            "10.0.0.0/24(rw,sync,no_subtree_check,mountpoint=/tank/data)",
        ),
    ] {
        let export = json!({
            "path": format!("/tank/data{path}"), "clients": ["10.0.0.0/24"], "options": options,
        });
        let file = file_with(&[("/nfs/exports/0", export)]);
        let mut host = settled(&crate::setup::file());
        host.exports.file.clear();
        host.exports.active.clear();
        host.directories
            .insert("/tank/data/sub".to_owned(), ObservedDirectory::default());
        let plan = planned(&file, &host);
        let [step] = plan.steps.as_slice() else {
            panic!("{:?}", lines(&plan))
        };
        let Operation::SetExport(set) = &step.operation else {
            panic!("{step:?}")
        };
        assert_eq!(set.clients, [line]);
        // What the NFS server makes of it is no difference.
        crate::ideal::apply(&plan, &mut host);
        assert_eq!(
            lines(&planned(&file, &host)),
            Vec::<String>::new(),
            "{line}"
        );
    }
}

#[test]
fn exports_are_compared_by_meaning_in_the_file_and_in_the_server() {
    run(&[
        Case {
            name: "another order of options",
            file: &[],
            host: |host| {
                let line = "10.0.0.0/24(no_subtree_check,mp,sync,rw)".to_owned();
                host.exports
                    .file
                    .insert("/tank/data".to_owned(), vec![line]);
            },
            plan: &[],
        },
        Case {
            name: "not exported although the file says so",
            file: &[],
            host: |host| host.exports.active.clear(),
            plan: &["update export:/tank/data: 10.0.0.0/24 not active -> \
                     rw,sync,no_subtree_check,mountpoint"],
        },
        Case {
            name: "exported otherwise",
            file: &[],
            host: |host| {
                let clients = host.exports.active.get_mut("/tank/data").unwrap();
                let options = clients.get_mut("10.0.0.0/24").unwrap();
                options.remove("root_squash");
                options.insert("no_root_squash".to_owned());
            },
            plan: &["update export:/tank/data: 10.0.0.0/24 not active -> \
                     rw,sync,no_subtree_check,mountpoint"],
        },
        Case {
            name: "still exported to a client that no file names any more",
            file: &[],
            host: |host| also_active(host, "10.0.7.0/24"),
            plan: &[
                "update export:/tank/data: 10.0.0.0/24 still rw,sync,no_subtree_check,mountpoint; \
                 10.0.7.0/24 active, though in no file -> none",
            ],
        },
        Case {
            name: "really exported to another client by somebody else",
            file: &[],
            host: |host| {
                foreign(host, "/etc/exports", "10.0.7.0/255.255.255.0");
                also_active(host, "10.0.7.0/24");
            },
            plan: &[],
        },
        Case {
            name: "one client more, one less",
            file: &[("/nfs/exports/0/clients", r#"["10.0.1.5"]"#)],
            host: as_it_is,
            plan: &[
                "update export:/tank/data: 10.0.1.5 rw,sync,no_subtree_check,mountpoint; \
                     10.0.0.0/24 rw,sync,no_subtree_check,mountpoint -> none",
            ],
        },
        Case {
            name: "a host name that the server completes",
            file: &[("/nfs/exports/0/clients", r#"["vm1"]"#)],
            host: |host| {
                let line = "vm1(rw,sync,no_subtree_check,mountpoint)".to_owned();
                host.exports
                    .file
                    .insert("/tank/data".to_owned(), vec![line]);
                let clients = host.exports.active.get_mut("/tank/data").unwrap();
                let options = clients.remove("10.0.0.0/24").unwrap();
                clients.insert("vm1.example.org".to_owned(), options);
            },
            plan: &[],
        },
        Case {
            name: "exported to the same client by somebody else",
            file: &[],
            host: |host| foreign(host, "/etc/exports", "10.0.0.9/255.255.255.0"),
            plan: &[
                "refuse export:/tank/data: /tank/data is exported to 10.0.0.0/24 already, by line 7 \
                 of /etc/exports",
            ],
        },
        Case {
            name: "exported to another client by somebody else",
            file: &[],
            host: |host| foreign(host, "/etc/exports", "10.0.1.0/24"),
            plan: &[],
        },
        Case {
            name: "exported by ZFS on the host",
            file: &[],
            host: |host| {
                set(host, "tank/data", "sharenfs", "rw", "local");
                foreign(host, "/etc/exports.d/zfs.exports", "*");
            },
            plan: &[
                "refuse export:/tank/data: /tank/data is exported by ZFS already: dataset tank/data \
                 has sharenfs=rw on the host",
            ],
        },
        Case {
            name: "exported by ZFS until the plan ends that",
            file: &[(
                "/zfs/datasets/1/properties",
                r#"{"quota": "400G", "sharenfs": "off"}"#,
            )],
            host: |host| {
                set(host, "tank/data", "sharenfs", "rw=@10.0.0.0/24", "local");
                foreign(host, "/etc/exports.d/zfs.exports", "10.0.0.0/24");
            },
            plan: &["update dataset:tank/data: sharenfs rw=@10.0.0.0/24 -> off"],
        },
        Case {
            name: "exported by ZFS because a pool says so",
            file: &[],
            host: |host| {
                set(host, "tank", "sharenfs", "on", "local");
                set(host, "tank/data", "sharenfs", "on", "inherited from tank");
            },
            plan: &[
                "refuse export:/tank/data: /tank/data is exported by ZFS already: dataset tank/data \
                 has sharenfs=on on the host",
            ],
        },
        Case {
            name: "client options are for the clients",
            file: &[("/nfs/exports/0/client_options", r#"["noatime"]"#)],
            host: |host| host.exports.active.clear(),
            plan: &[
                "update export:/tank/data: 10.0.0.0/24 not active -> \
                 rw,sync,no_subtree_check,mountpoint",
                "note export:/tank/data: phoenix::export::client-mount",
            ],
        },
        Case {
            name: "client options of an export that is as it should be",
            file: &[("/nfs/exports/0/client_options", r#"["noatime"]"#)],
            host: as_it_is,
            plan: &[],
        },
        Case {
            name: "no NFS server",
            file: &[],
            host: |host| host.exports.available = false,
            plan: &["note host: phoenix::export::no-server"],
        },
        Case {
            name: "directory that is not there",
            file: &[(
                "/nfs/exports/0",
                r#"{"path": "/tank/data/x", "clients": ["10.0.1.5"]}"#,
            )],
            host: as_it_is,
            plan: &[
                "note host: phoenix::export::left-over",
                "note export:/tank/data/x: phoenix::export::path-missing",
            ],
        },
    ]);
}

fn with_mounts(mounts: &[(u32, &str)]) -> Value {
    let mounts: Vec<_> = mounts
        .iter()
        .map(|(id, target)| json!({"container": id, "dataset": "tank/data", "target": target}))
        .collect();
    file_with(&[("/bind_mounts", json!(mounts))])
}

fn with_existing(host: &mut Observed, mounts: &[(&str, &str)]) {
    let container = host.containers.get_mut(&101).unwrap();
    container.mounts = mounts
        .iter()
        .map(|(key, value)| ((*key).into(), (*value).into()))
        .collect();
}

/// Declared targets, the container's mounts, and the key of each declared target or `-` when
/// there is no step for it.
#[test]
fn parents_get_lower_numbers_than_what_lies_below_them() {
    for (declared, existing, keys) in [
        (vec!["/data"], vec![], vec!["mp0"]),
        (
            vec!["/a/b", "/a", "/a-b"],
            vec![],
            vec!["mp2", "mp0", "mp1"],
        ),
        (
            vec!["/a"],
            vec![("mp0", "/x,mp=/y"), ("mp2", "/x,mp=/z")],
            vec!["mp1"],
        ),
        (vec!["/a/b"], vec![("mp3", "/x,mp=/a")], vec!["mp4"]),
        (vec!["/a"], vec![("mp3", "/x,mp=/a/b")], vec!["mp0"]),
        (vec!["/a"], vec![("mp0", "/x,mp=/a/b")], vec!["-"]),
        (
            vec!["/a", "/a/b"],
            vec![("mp0", "/tank/data,mp=/a/b")],
            vec!["-", "-"],
        ),
    ] {
        let mounts: Vec<_> = declared.iter().map(|target| (101, *target)).collect();
        let mut host = settled(&file_with(&[("/bind_mounts", json!([]))]));
        with_existing(&mut host, &existing);
        let plan = planned(&with_mounts(&mounts), &host);
        let key = |target: &&str| {
            let id = format!("mount:101:{target}");
            let step = plan.steps.iter().find(|step| step.id.to_string() == id);
            match step.map(|step| &step.operation) {
                Some(Operation::SetMount(set)) => set.key.clone(),
                _ => "-".to_owned(),
            }
        };
        let found: Vec<_> = declared.iter().map(key).collect();
        assert_eq!(found, keys, "{declared:?} {existing:?}");
    }
}

#[test]
fn numbers_do_not_depend_on_other_containers() {
    let plan = planned(
        &with_mounts(&[(102, "/b"), (101, "/a"), (102, "/a")]),
        &fresh(),
    );
    let mounts: Vec<_> = lines(&plan)
        .into_iter()
        .filter(|line| line.contains("mount:"))
        .collect();
    assert_eq!(
        mounts,
        [
            "create mount:101:/a: mp0 /tank/data,mp=/a",
            "create mount:102:/a: mp0 /tank/data,mp=/a",
            "create mount:102:/b: mp1 /tank/data,mp=/b",
        ]
    );
}

/// The mount point that container 101 has, and the plan for the usual file.
#[test]
fn mount_points_are_compared_by_meaning() {
    for (existing, plan) in [
        ("/tank/data,mp=/data,mountoptions=noatime", vec![]),
        (
            "mp=/data/,mountoptions=noatime,ro=0,volume=/tank//data",
            vec![],
        ),
        // What the file does not speak of stays.
        (
            "/tank/data,mp=/data,mountoptions=noatime,shared=1,backup=0",
            vec![],
        ),
        (
            "/tank/data,mp=/data,ro=1,shared=1",
            vec![
                "update mount:101:/data: mp5 /tank/data,mp=/data,ro=1,shared=1 -> \
                  /tank/data,mp=/data,mountoptions=noatime,shared=1",
            ],
        ),
        (
            "/old,mp=/data,mountoptions=noatime",
            vec![
                "update mount:101:/data: mp5 /old,mp=/data,mountoptions=noatime -> \
                  /tank/data,mp=/data,mountoptions=noatime",
            ],
        ),
        (
            "local-zfs:subvol-101-disk-1,mp=/data,size=8G",
            vec![
                "refuse mount:101:/data: container 101 has local-zfs:subvol-101-disk-1 at /data \
                  (mp5), which would be detached",
            ],
        ),
        (
            "/dev/sdb1,mp=/data",
            vec![
                "refuse mount:101:/data: container 101 has /dev/sdb1 at /data (mp5), which would \
                  be detached",
            ],
        ),
    ] {
        let mut host = settled(&file());
        with_existing(&mut host, &[("mp5", existing)]);
        assert_eq!(lines(&planned(&file(), &host)), plan, "{existing}");
    }
}

#[test]
fn mounts_wait_for_what_is_not_there_yet() {
    run(&[
        Case {
            name: "container of another node",
            file: &[],
            host: |host| {
                host.containers.remove(&101);
            },
            plan: &["note mount:101:/data: phoenix::mount::container-missing"],
        },
        Case {
            name: "directory that is not there",
            file: &[(
                "/bind_mounts/0",
                r#"{"container": 101, "host_path": "/tank/data/x", "target": "/data"}"#,
            )],
            host: as_it_is,
            plan: &["note mount:101:/data: phoenix::mount::source-missing"],
        },
        Case {
            name: "directory below a dataset",
            file: &[(
                "/bind_mounts/0",
                r#"{"container": 101, "host_path": "/tank/data/x", "target": "/x"}"#,
            )],
            host: |host| {
                host.directories
                    .insert("/tank/data/x".into(), ObservedDirectory::default());
            },
            plan: &["create mount:101:/x: mp1 /tank/data/x,mp=/x"],
        },
        Case {
            name: "symbolic link",
            file: &[(
                "/bind_mounts/0",
                r#"{"container": 101, "host_path": "/tank/data/x", "target": "/x"}"#,
            )],
            host: |host| {
                let link = ObservedDirectory {
                    not_a_directory: true,
                    ..ObservedDirectory::default()
                };
                host.directories.insert("/tank/data/x".into(), link);
            },
            plan: &[
                "refuse mount:101:/x: /tank/data/x is not a directory, and a container with \
                     such a mount does not start",
            ],
        },
        Case {
            name: "symbolic link on the way",
            file: &[(
                "/bind_mounts/0",
                r#"{"container": 101, "host_path": "/tank/data/x", "target": "/x"}"#,
            )],
            host: |host| {
                let below = ObservedDirectory {
                    link: Some("/tank/data".to_owned()),
                    ..ObservedDirectory::default()
                };
                host.directories.insert("/tank/data/x".into(), below);
            },
            plan: &[
                "refuse mount:101:/x: /tank/data/x leads through a symbolic link (/tank/data), and a \
                 container with such a mount does not start",
            ],
        },
        Case {
            name: "running container, changed mount point",
            file: &[("/bind_mounts/0/read_only", "true")],
            host: |host| host.containers.get_mut(&101).unwrap().running = true,
            plan: &[
                "update mount:101:/data: mp0 /tank/data,mp=/data,mountoptions=noatime -> \
                 /tank/data,mp=/data,mountoptions=noatime,ro=1",
                "note mount:101:/data: phoenix::mount::restart-needed",
            ],
        },
        Case {
            name: "running container, change already pending",
            file: &[],
            host: |host| {
                let container = host.containers.get_mut(&101).unwrap();
                container.running = true;
                container.pending.insert("mp0".to_owned());
            },
            plan: &["note mount:101:/data: phoenix::mount::restart-needed"],
        },
        Case {
            name: "running container, new mount point",
            file: &[],
            host: |host| {
                let container = host.containers.get_mut(&101).unwrap();
                container.running = true;
                container.mounts.clear();
            },
            plan: &["create mount:101:/data: mp0 /tank/data,mp=/data,mountoptions=noatime"],
        },
    ]);
}

#[test]
fn a_container_has_256_mount_points() {
    let mut host = settled(&file_with(&[("/bind_mounts", json!([]))]));
    let container = host.containers.get_mut(&101).unwrap();
    for number in 0..256 {
        container
            .mounts
            .insert(format!("mp{number}"), format!("/x,mp=/m{number}"));
    }
    assert_eq!(
        lines(&planned(&file(), &host)),
        ["refuse mount:101:/data: container 101 has no mount point left: all 256 are taken",]
    );
}

fn boot_order(host: &mut Observed) -> &mut ObservedBootOrder {
    host.exports.boot_order.as_mut().unwrap()
}

#[test]
fn the_server_starts_after_the_mounts() {
    run_fresh(
        "host:nfs",
        &[
            Case {
                name: "exports are declared",
                file: &[],
                host: as_it_is,
                plan: &["create host:nfs: After zfs-import.target zfs-mount.service"],
            },
            Case {
                name: "no exports",
                file: &[("/nfs/exports", "[]")],
                host: as_it_is,
                plan: &[],
            },
            Case {
                name: "no systemd",
                file: &[],
                host: |host| host.exports.boot_order = None,
                plan: &[],
            },
            Case {
                name: "no server",
                file: &[],
                host: |host| host.exports.available = false,
                plan: &[],
            },
        ],
    );
    run(&[
        Case {
            name: "changed by hand",
            file: &[],
            host: |host| {
                let text = boot_order(host).text.as_mut().unwrap();
                *text = text.replace("zfs-import.target ", "");
            },
            plan: &[
                "update host:nfs: After zfs-mount.service -> zfs-import.target zfs-mount.service",
            ],
        },
        Case {
            name: "there, but not read",
            file: &[],
            host: |host| boot_order(host).loaded = false,
            plan: &["update host:nfs: loaded no -> yes"],
        },
        Case {
            name: "from somebody else, which holds up nothing",
            file: &[("/nfs/exports/0/clients", r#"["10.0.1.5"]"#)],
            host: |host| {
                boot_order(host).text = Some("[Unit]\nAfter=zfs-mount.service\n".to_owned());
            },
            plan: &[
                "update export:/tank/data: 10.0.1.5 rw,sync,no_subtree_check,mountpoint; \
                 10.0.0.0/24 rw,sync,no_subtree_check,mountpoint -> none",
                "refuse host:nfs: /etc/systemd/system/nfs-server.service.d/phoenix.conf exists and \
                 is not from phoenix",
            ],
        },
    ]);
}
