//! Proxmox storages, and the limit of the read cache.

use phoenix_planner::observed::Observed;
use phoenix_planner::plan::Operation;

use crate::ideal::apply;
use crate::setup::{Case, as_it_is, file, file_with, fresh, planned, run, run_fresh, set, settled};

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
            plan: &["note storage:tank-vm: phoenix::storage::not-here"],
        },
        Case {
            name: "options that the file does not speak of",
            file: &[],
            host: |host| option(host, "tank-data", "prune-backups", "keep-last=3"),
            plan: &[],
        },
        Case {
            name: "every option of a directory, spelled otherwise",
            file: &[(
                "/zfs/datasets/1/storage",
                r#"{"id": "tank-data", "type": "dir", "content": ["backup"], "disable": false,
                    "prune_backups": {"keep_daily": 7, "keep_last": 3}, "shared": false,
                    "max_protected_backups": 5, "bwlimit": {"restore": 1, "default": 2},
                    "content_dirs": {"backup": "b", "iso": "i"}, "create_base_path": true,
                    "create_subdirs": true, "format": "raw", "preallocation": "metadata",
                    "snapshot_as_volume_chain": false}"#,
            )],
            host: |host| {
                option(
                    host,
                    "tank-data",
                    "prune-backups",
                    "keep-last=3,keep-daily=7,keep-yearly=0",
                );
                option(host, "tank-data", "max-protected-backups", "5");
                option(host, "tank-data", "bwlimit", "restore=1,default=2");
                option(host, "tank-data", "content-dirs", "iso=i,backup=b");
            },
            plan: &[],
        },
        Case {
            name: "options that differ, absent ones from their default",
            file: &[(
                "/zfs/datasets/1/storage",
                r#"{"id": "tank-data", "type": "dir", "content": ["backup"], "disable": true,
                    "prune_backups": {"keep_last": 2}, "max_protected_backups": -1,
                    "format": "qcow2", "create_subdirs": false}"#,
            )],
            host: |host| option(host, "tank-data", "prune-backups", "keep-all=1"),
            plan: &[
                "update storage:tank-data: create-subdirs 0; disable 1; format qcow2; \
                 max-protected-backups -1; prune-backups keep-all=1 -> keep-last=2",
            ],
        },
        Case {
            name: "snapshots that cannot be changed",
            file: &[("/zfs/datasets/1/storage/snapshot_as_volume_chain", "true")],
            host: as_it_is,
            plan: &[
                "refuse storage:tank-data: storage tank-data has snapshot-as-volume-chain 0, and \
                 the file implies 1; Proxmox never changes that field",
            ],
        },
        Case {
            name: "a cluster in which all nodes are expected to have the pool",
            file: &[("/zfs/datasets/1/storage/nodes", r#"["pve"]"#)],
            host: |host| {
                host.nodes.insert("pve2".to_owned());
                let storages = host.storages.as_mut().unwrap();
                storages.get_mut("tank-data").unwrap().nodes = ["pve".to_owned()].into();
            },
            plan: &["note storage:tank-vm: phoenix::storage::all-nodes"],
        },
        Case {
            name: "a node that the cluster does not have",
            file: &[("/zfs/datasets/1/storage/nodes", r#"["pve", "pvv"]"#)],
            host: |host| {
                let storages = host.storages.as_mut().unwrap();
                storages.get_mut("tank-data").unwrap().nodes =
                    ["pve".to_owned(), "pvv".to_owned()].into();
            },
            plan: &["note storage:tank-data: phoenix::storage::unknown-node"],
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
fn a_directory_that_another_option_overrules_is_set_by_taking_that_back() {
    let mut host = settled(&file());
    option(&mut host, "tank-data", "mkdir", "0");
    let file = file_with(&[("/zfs/datasets/1/storage/create_subdirs", true.into())]);
    let plan = planned(&file, &host);
    let [step] = &plan.steps[..] else {
        panic!("{:?}", plan.steps);
    };
    let Operation::SetStorage(set) = &step.operation else {
        panic!("{step:?}");
    };
    assert_eq!(set.delete, ["mkdir"]);
    apply(&plan, &mut host);
    assert_eq!(planned(&file, &host).steps, []);
}

/// No advice may lose anything: only an entry that is made anew at the same place is removed.
#[test]
fn a_refused_storage_is_never_advised_to_be_removed_from_something_else() {
    const OTHER_PLACE: &str =
        "give the file's storage another id: guests and backups find what they have in ";
    for (storage, option, value, help) in [
        (
            "tank-data",
            "path",
            "/srv",
            format!("{OTHER_PLACE}/srv through this one"),
        ),
        (
            "tank-vm",
            "pool",
            "tank",
            format!("{OTHER_PLACE}tank through this one"),
        ),
    ] {
        let mut host = settled(&file());
        self::option(&mut host, storage, option, value);
        let plan = planned(&file(), &host);
        assert_eq!(plan.refusals[0].help, help);
    }
    let mut host = settled(&file());
    let storages = host.storages.as_mut().unwrap();
    storages.get_mut("tank-data").unwrap().kind = "pbs".to_owned();
    let plan = planned(&file(), &host);
    assert!(!plan.refusals[0].help.contains("pvesm remove"));
    assert!(plan.refusals[0].help.contains("passwords and keys"));
    let chain = (
        "/zfs/datasets/1/storage/snapshot_as_volume_chain",
        true.into(),
    );
    let plan = planned(&file_with(&[chain]), &settled(&file()));
    assert_eq!(
        plan.refusals[0].help,
        "state it as it is; or remove the entry, which keeps all data, and let phoenix add it anew: pvesm \
         remove tank-data, then phoenix apply, which runs pvesm add dir tank-data --content backup \
         --is_mountpoint yes --path /tank/data --snapshot-as-volume-chain 1"
    );
}

#[test]
fn the_nodes_that_lack_the_pool_are_named() {
    let mut host = fresh();
    host.nodes.extend(["pve3".to_owned(), "pve2".to_owned()]);
    let plan = planned(&file(), &host);
    let note = plan
        .notes
        .iter()
        .find(|note| note.code.as_str().ends_with("all-nodes"))
        .unwrap();
    assert_eq!(
        note.message,
        "storage tank-data is for every node, so pve2, pve3 must have its pool and dataset too"
    );
    assert_eq!(
        note.help.as_deref(),
        Some(
            "state \"nodes\": [\"pve\"], \"nodes_exact\": true if no other node has it: a node without the \
             pool tries to import it every ten seconds"
        )
    );
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
