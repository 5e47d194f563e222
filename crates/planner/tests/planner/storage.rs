//! Proxmox storages, and the limit of the read cache.

use phoenix_planner::observed::Observed;

use crate::setup::{Case, as_it_is, file, fresh, planned, run, run_fresh, set};

fn option(host: &mut Observed, storage: &str, name: &str, value: &str) {
    let storages = host.storages.as_mut().unwrap();
    let options = &mut storages.get_mut(storage).unwrap().options;
    options.insert(name.to_owned(), value.to_owned());
}

#[test]
fn missing_storages_are_added_complete() {
    run_fresh(
        "storage:",
        &[
            Case {
                name: "both kinds",
                file: &[
                    ("/zfs/datasets/0/storage/sparse", "true"),
                    ("/zfs/datasets/0/storage/blocksize", "\"16k\""),
                    (
                        "/zfs/datasets/0/storage/content",
                        r#"["rootdir", "images"]"#,
                    ),
                    ("/zfs/datasets/1/storage/nodes", r#"["pve"]"#),
                ],
                host: as_it_is,
                plan: &[
                    "create storage:tank-data: type dir; content backup; is_mountpoint yes; nodes pve; path \
                 /tank/data",
                    "create storage:tank-vm: type zfspool; blocksize 16k; content images,rootdir; pool tank/vm; \
                 sparse 1",
                ],
            },
            Case {
                name: "no Proxmox",
                file: &[],
                host: |host| host.storages = None,
                plan: &[],
            },
        ],
    );
    let mut host = fresh();
    host.storages = None;
    host.containers.clear();
    let plan = planned(&file(), &host);
    assert_eq!(plan.summary.waiting, 3);
    let codes: Vec<_> = plan.notes.iter().map(|note| note.code.as_str()).collect();
    assert_eq!(codes, ["phoenix::storage::no-proxmox"]);
}

#[test]
fn storages_are_compared_as_proxmox_means_them() {
    run(&[
        Case {
            name: "absent sparse is 0, any case of a block size",
            file: &[
                ("/zfs/datasets/0/storage/sparse", "false"),
                ("/zfs/datasets/0/storage/blocksize", "\"16k\""),
            ],
            host: |host| option(host, "tank-vm", "blocksize", "16K"),
            plan: &[],
        },
        Case {
            name: "sparse",
            file: &[("/zfs/datasets/0/storage/sparse", "true")],
            host: |host| option(host, "tank-vm", "sparse", "0"),
            plan: &["update storage:tank-vm: sparse 0 -> 1"],
        },
        Case {
            name: "content is a set",
            file: &[(
                "/zfs/datasets/0/storage/content",
                r#"["rootdir", "images"]"#,
            )],
            host: as_it_is,
            plan: &["update storage:tank-vm: content images -> images,rootdir"],
        },
        Case {
            name: "nodes only when stated",
            file: &[],
            host: |host| {
                let storages = host.storages.as_mut().unwrap();
                storages.get_mut("tank-vm").unwrap().nodes = ["other".to_owned()].into();
            },
            plan: &[],
        },
        Case {
            name: "options that the file does not speak of",
            file: &[],
            host: |host| option(host, "tank-data", "prune-backups", "keep-last=3"),
            plan: &[],
        },
        Case {
            name: "stale mountpoint",
            file: &[],
            host: |host| option(host, "tank-vm", "mountpoint", "/old"),
            plan: &["update storage:tank-vm: mountpoint /old -> /tank/vm"],
        },
        Case {
            name: "directory that is not watched",
            file: &[],
            host: |host| option(host, "tank-data", "is_mountpoint", "0"),
            plan: &["update storage:tank-data: is_mountpoint 0 -> yes"],
        },
        Case {
            name: "other words for being watched",
            file: &[],
            host: |host| option(host, "tank-data", "is_mountpoint", "1"),
            plan: &[],
        },
        Case {
            name: "another pool",
            file: &[],
            host: |host| option(host, "tank-vm", "pool", "rpool/data"),
            plan: &[
                "refuse storage:tank-vm: storage tank-vm has pool rpool/data, and the file \
                     implies tank/vm; Proxmox never changes that field",
            ],
        },
        Case {
            name: "another type, and what depends on it",
            file: &[("/nfs/exports/0/clients", r#"["10.0.0.0/24", "10.0.1.5"]"#)],
            host: |host| {
                let storages = host.storages.as_mut().unwrap();
                storages.get_mut("tank-data").unwrap().kind = "nfs".to_owned();
            },
            plan: &[
                "refuse storage:tank-data: storage tank-data exists with type nfs, and the file \
                 declares dir",
                "hold export:/tank/data for storage:tank-data",
            ],
        },
        Case {
            name: "a moved dataset moves its zfspool's mountpoint",
            file: &[("/zfs/datasets/0/mountpoint", "\"/vm\"")],
            host: as_it_is,
            plan: &[
                "update dataset:tank/vm: mountpoint /tank/vm -> /vm",
                "update storage:tank-vm: mountpoint /tank/vm -> /vm",
            ],
        },
        Case {
            name: "a child of the storage's dataset is no business of it",
            file: &[],
            host: |host| set(host, "tank/vm", "atime", "on", "local"),
            plan: &[],
        },
    ]);
}

#[test]
fn the_read_cache_is_limited_now_and_for_the_next_boot() {
    run(&[
        Case {
            name: "in force only",
            file: &[],
            host: |host| host.arc.c_max = Some(1 << 30),
            plan: &["update host:arc: zfs_arc_max (now) 1073741824 -> 8589934592"],
        },
        Case {
            name: "next boot only",
            file: &[],
            host: |host| host.arc.persistent = None,
            plan: &["create host:arc: zfs_arc_max (next boot) 8589934592"],
        },
        Case {
            name: "module not loaded",
            file: &[("/zfs/arc_max", "17179869184")],
            host: |host| host.arc.c_max = None,
            plan: &["update host:arc: zfs_arc_max (next boot) 8589934592 -> 17179869184"],
        },
        Case {
            name: "more than half of the memory",
            file: &[("/zfs/arc_max", "42949672960")],
            host: as_it_is,
            plan: &[
                "update host:arc: zfs_arc_max (now) 8589934592 -> 42949672960; zfs_arc_max (next \
                 boot) 8589934592 -> 42949672960",
                "note host:arc: phoenix::arc::above-half-of-memory",
            ],
        },
        Case {
            name: "all of the memory",
            file: &[("/zfs/arc_max", "68719476736")],
            host: as_it_is,
            plan: &[
                "refuse host:arc: arc_max is 64G, but the host has 64G of memory, and ZFS \
                     ignores a limit that is not below it",
            ],
        },
    ]);
}
