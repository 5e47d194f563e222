//! Datasets: making, changing and mounting them.

use phoenix_planner::observed::{Observed, ObservedDirectory};
use phoenix_planner::plan::Operation;
use phoenix_planner::refusal::RefusalCode;
use phoenix_zfs::property::DatasetType;
use serde_json::json;

use crate::setup::{
    Case, as_it_is, file, file_with, fresh, lines, planned, run, run_fresh, set, settled,
};

#[test]
fn a_missing_dataset_is_made_where_it_hides_nothing() {
    run_fresh(
        "dataset:tank/vm",
        &[
            Case {
                name: "declared properties, as ZFS stores them",
                file: &[(
                    "/zfs/datasets/0/properties",
                    r#"{"quota": "1.4T", "atime": false}"#,
                )],
                host: as_it_is,
                plan: &["create dataset:tank/vm: atime off; quota 1539316278886"],
            },
            Case {
                name: "files in the way",
                file: &[],
                host: |host| {
                    host.directories
                        .insert("/tank/vm".into(), ObservedDirectory::default());
                },
                plan: &[
                    "refuse dataset:tank/vm: the directory /tank/vm is not empty: ZFS would mount \
                     over it and hide what is in it",
                ],
            },
            Case {
                name: "an empty directory is in nobody's way",
                file: &[],
                host: |host| {
                    let empty = ObservedDirectory {
                        empty: true,
                        ..ObservedDirectory::default()
                    };
                    host.directories.insert("/tank/vm".into(), empty);
                },
                plan: &["create dataset:tank/vm: quota 858993459200"],
            },
            Case {
                name: "a symbolic link in the way",
                file: &[],
                host: |host| {
                    let link = ObservedDirectory {
                        empty: true,
                        not_a_directory: true,
                        ..ObservedDirectory::default()
                    };
                    host.directories.insert("/tank/vm".into(), link);
                },
                plan: &[
                    "refuse dataset:tank/vm: /tank/vm exists and is not a directory, so nothing \
                     can be mounted there",
                ],
            },
        ],
    );
}

#[test]
fn only_what_differs_is_set() {
    run(&[
        Case {
            name: "quota",
            file: &[("/zfs/datasets/0/properties/quota", "\"700G\"")],
            host: as_it_is,
            plan: &["update dataset:tank/vm: quota 858993459200 -> 751619276800"],
        },
        Case {
            name: "another way to write the same",
            file: &[("/zfs/datasets/0/properties/quota", "\"819200M\"")],
            host: as_it_is,
            plan: &[],
        },
        Case {
            name: "quota none, judged by value",
            file: &[("/zfs/datasets/0/properties/quota", "\"none\"")],
            host: |host| set(host, "tank/vm", "quota", "0", "local"),
            plan: &[],
        },
        Case {
            name: "received and inherited values are values",
            file: &[(
                "/zfs/datasets/0/properties",
                r#"{"recordsize": "16K", "sync": "always"}"#,
            )],
            host: |host| {
                set(host, "tank/vm", "recordsize", "16384", "received");
                set(host, "tank/vm", "sync", "always", "inherited from tank");
            },
            plan: &[],
        },
        Case {
            name: "several properties are one step",
            file: &[(
                "/zfs/datasets/0/properties",
                r#"{"recordsize": "16K", "quota": "1G"}"#,
            )],
            host: |host| set(host, "tank/vm", "recordsize", "131072", "default"),
            plan: &[
                "update dataset:tank/vm: quota 858993459200 -> 1073741824; recordsize 131072 \
                     -> 16384",
            ],
        },
        Case {
            name: "what the file does not name stays",
            file: &[("/zfs/datasets/0/properties", "{}")],
            host: as_it_is,
            plan: &[],
        },
        Case {
            name: "unset user property",
            file: &[("/zfs/datasets/0/properties", r#"{"site:owner": "ops"}"#)],
            host: |host| set(host, "tank/vm", "site:owner", "-", "-"),
            plan: &["update dataset:tank/vm: site:owner ops"],
        },
        Case {
            name: "fixed at creation",
            file: &[(
                "/zfs/datasets/0/properties",
                r#"{"utf8only": "on", "quota": "1G"}"#,
            )],
            host: |host| set(host, "tank/vm", "utf8only", "off", "-"),
            plan: &[
                "refuse dataset:tank/vm: tank/vm: utf8only is off and not on; ZFS fixes that \
                     when a dataset is made",
            ],
        },
        Case {
            name: "another type",
            file: &[],
            host: |host| host.datasets.get_mut("tank/vm").unwrap().kind = DatasetType::Volume,
            plan: &[
                "refuse dataset:tank/vm: tank/vm is a volume, and the file declares a \
                     filesystem",
            ],
        },
    ]);
}

/// Of `tank/vm`, `tank/vm/a` and `tank/vm/a/leaf` the first and the last declare the property.
#[test]
fn a_value_that_is_about_to_change_above_is_set_below() {
    let leaf = json!({"pool": "tank", "name": "vm/a/leaf", "properties": {"sync": "standard"}});
    let with = |sync: &str| {
        file_with(&[
            ("/zfs/datasets/0/properties", json!({ "sync": sync })),
            ("/zfs/datasets/2", json!({"pool": "tank", "name": "vm/a"})),
            ("/zfs/datasets/3", leaf.clone()),
        ])
    };
    let parent = "update dataset:tank/vm: sync standard -> always";
    let child = "update dataset:tank/vm/a/leaf: sync standard -> standard";
    for (source, plan) in [
        ("local", vec![parent]),
        ("inherited from tank/vm", vec![parent, child]),
        // Only a value above this one changes.
        ("inherited from tank/vm/a", vec![parent]),
    ] {
        let mut host = settled(&with("standard"));
        set(&mut host, "tank/vm/a/leaf", "sync", "standard", source);
        assert_eq!(lines(&planned(&with("always"), &host)), plan, "{source}");
    }
}

#[test]
fn what_should_be_mounted_is_mounted_unless_that_hides_files() {
    run(&[
        Case {
            name: "unmounted",
            file: &[],
            host: |host| host.datasets.get_mut("tank/vm").unwrap().mounted = false,
            plan: &["update dataset:tank/vm: mounted no -> yes"],
        },
        Case {
            name: "unmounted, and somebody wrote below it",
            file: &[],
            host: |host| {
                host.datasets.get_mut("tank/vm").unwrap().mounted = false;
                host.directories.get_mut("/tank/vm").unwrap().empty = false;
            },
            plan: &[
                "refuse dataset:tank/vm: the directory /tank/vm is not empty: ZFS would mount \
                     over it and hide what is in it",
            ],
        },
        Case {
            name: "moved to where files are",
            file: &[("/zfs/datasets/0/mountpoint", "\"/srv/vm\"")],
            host: |host| {
                let full = ObservedDirectory::default();
                host.directories.insert("/srv/vm".into(), full);
            },
            plan: &[
                "refuse dataset:tank/vm: the directory /srv/vm is not empty: ZFS would mount over \
                 it and hide what is in it",
                "hold storage:tank-vm for dataset:tank/vm",
            ],
        },
        Case {
            name: "a mounted dataset may hold files",
            file: &[],
            host: |host| host.directories.get_mut("/tank/vm").unwrap().empty = false,
            plan: &[],
        },
        Case {
            name: "canmount=noauto on the host and not declared",
            file: &[],
            host: |host| {
                set(host, "tank/data", "canmount", "noauto", "local");
                host.datasets.get_mut("tank/data").unwrap().mounted = false;
            },
            plan: &[
                "refuse permissions:tank/data: dataset tank/data has canmount=noauto on the host, \
                 so it is not mounted by itself",
                "refuse storage:tank-data: dataset tank/data has canmount=noauto on the host, so \
                 it is not mounted by itself",
                "refuse export:/tank/data: dataset tank/data has canmount=noauto on the host, so \
                 it is not mounted by itself",
                "refuse mount:101:/data: dataset tank/data has canmount=noauto on the host, so it \
                 is not mounted by itself",
            ],
        },
        Case {
            name: "key not loaded",
            file: &[
                ("/bind_mounts", "[]"),
                ("/nfs/exports", "[]"),
                ("/zfs/datasets/1/permissions", "{}"),
            ],
            host: |host| {
                host.exports.file.clear();
                set(host, "tank/data", "keystatus", "unavailable", "-");
                host.datasets.get_mut("tank/data").unwrap().mounted = false;
            },
            plan: &[
                "refuse permissions:tank/data: dataset tank/data is encrypted and its key is not \
                 loaded, so it is not mounted",
                "refuse storage:tank-data: dataset tank/data is encrypted and its key is not \
                 loaded, so it is not mounted",
                "note dataset:tank/data: phoenix::dataset::key-not-loaded",
            ],
        },
    ]);
}

#[test]
fn nothing_points_at_a_dataset_that_is_mounted_elsewhere() {
    run(&[
        Case {
            name: "moved on the host, not stated in the file",
            file: &[("/nfs/exports", "[]"), ("/bind_mounts", "[]")],
            host: |host| {
                set(host, "tank/data", "mountpoint", "/srv/data", "local");
                host.exports.file.clear();
            },
            plan: &[
                "refuse permissions:tank/data: dataset tank/data is mounted at /srv/data, but the \
                 file implies /tank/data",
                "refuse storage:tank-data: dataset tank/data is mounted at /srv/data, but the file \
                 implies /tank/data",
            ],
        },
        Case {
            name: "stated, it is moved back and everything else stays",
            file: &[("/zfs/datasets/1/mountpoint", "\"/tank/data\"")],
            host: |host| {
                set(host, "tank/data", "mountpoint", "/srv/data", "local");
                host.directories.remove("/tank/data");
            },
            plan: &[
                "update dataset:tank/data: mountpoint /srv/data -> /tank/data",
                // The directory cannot be seen before the dataset has moved.
                "update permissions:tank/data: owner 100000; group 100000; mode 2775",
            ],
        },
        Case {
            name: "moved by a declared parent in the same plan",
            file: &[
                ("/zfs/pools/0/root_properties", r#"{"mountpoint": "/srv"}"#),
                (
                    "/zfs/datasets",
                    r#"[{"pool": "tank", "name": "vm",
                    "permissions": {"mode": "0700"}}]"#,
                ),
                ("/nfs/exports", "[]"),
                ("/bind_mounts", "[]"),
            ],
            host: |host| host.exports.file.clear(),
            plan: &[
                "update pool:tank: root_properties.mountpoint /tank -> /srv",
                "update permissions:tank/vm: mode 0700",
            ],
        },
    ]);
}

#[test]
fn volumes_grow_and_never_shrink() {
    let volume = |size: &str| {
        file_with(&[(
            "/zfs/datasets/2",
            json!({"pool": "tank", "name": "disk", "type": "volume", "volsize": size}),
        )])
    };
    let created = planned(&volume("100M"), &settled(&file()));
    assert_eq!(
        lines(&created),
        ["create dataset:tank/disk: volsize 104857600; sparse no"]
    );
    let host = settled(&volume("100M"));
    for (size, plan) in [
        ("100M", vec![]),
        // ZFS rounds up to the block size.
        ("104857599", vec![]),
        (
            "104857601",
            vec!["update dataset:tank/disk: volsize 104857600 -> 104873984"],
        ),
        (
            "200M",
            vec!["update dataset:tank/disk: volsize 104857600 -> 209715200"],
        ),
        (
            "50M",
            vec![
                "refuse dataset:tank/disk: volume tank/disk has 100M, and shrinking it to 50M \
                  would cut off data",
            ],
        ),
    ] {
        assert_eq!(lines(&planned(&volume(size), &host)), plan, "{size}");
    }
    for unknown in ["volsize", "volblocksize"] {
        let mut host = host.clone();
        set(&mut host, "tank/disk", unknown, "-", "-");
        let plan = planned(&volume("200M"), &host);
        assert_eq!(plan.steps, [], "{unknown}");
        let codes: Vec<_> = plan.refusals.iter().map(|refusal| refusal.code).collect();
        assert_eq!(codes, [RefusalCode::VolumeSizeUnknown], "{unknown}");
    }
}

#[test]
fn a_dataset_without_a_mountpoint_is_not_expected_to_be_mounted() {
    let file = file_with(&[("/zfs/datasets/0/mountpoint", json!("none"))]);
    let plan = planned(&file, &fresh());
    let step = plan
        .steps
        .iter()
        .find(|step| step.id.to_string() == "dataset:tank/vm")
        .unwrap();
    let Operation::CreateDataset(create) = &step.operation else {
        panic!("{step:?}")
    };
    assert_eq!(create.mountpoint, None);
    assert_eq!(create.properties["mountpoint"], "none");
}

/// What the host has decided and the file does not state holds for what comes below it as well.
#[test]
fn a_new_dataset_is_mounted_below_its_parent_wherever_that_is() {
    let below = json!({"pool": "tank", "name": "data/logs"});
    let file = file_with(&[("/zfs/datasets/9", below)]);
    let mut host = settled(&crate::setup::file());
    set(&mut host, "tank/data", "mountpoint", "/srv/data", "local");
    let plan = planned(&file, &host);
    let Some(Operation::CreateDataset(create)) = plan
        .steps
        .iter()
        .find(|step| step.id.to_string() == "dataset:tank/data/logs")
        .map(|step| &step.operation)
    else {
        panic!("{:?}", lines(&plan));
    };
    assert_eq!(create.mountpoint.as_deref(), Some("/srv/data/logs"));
}

#[test]
fn no_dataset_is_mounted_over_another_one() {
    let file = file_with(&[("/zfs/datasets/0/mountpoint", json!("/srv/data"))]);
    let mut host = settled(&crate::setup::file());
    set(&mut host, "tank/data", "mountpoint", "/srv/data", "local");
    let assert_refused = |host: &Observed, name: &str, other: &str| {
        let refusal = format!(
            "refuse dataset:{name}: dataset {other} has the mountpoint /srv/data, where {name} is \
             to be mounted"
        );
        let lines = lines(&planned(&file, host));
        assert!(lines.contains(&refusal), "{lines:#?}");
    };
    assert_refused(&host, "tank/vm", "tank/data");
    host.datasets.remove("tank/vm");
    assert_refused(&host, "tank/vm", "tank/data");
    // Neither is there yet, and both would be mounted by the same plan.
    host.datasets.get_mut("tank/data").unwrap().mounted = false;
    assert_refused(&host, "tank/vm", "tank/data");
    assert_refused(&host, "tank/data", "tank/vm");
}
