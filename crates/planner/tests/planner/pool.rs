//! Pools: making them, importing them, comparing them.

use phoenix_planner::observed::{
    Observed, ObservedDirectory, ObservedImportable, ObservedProperty, ObservedVdev, Obstacle,
};
use phoenix_zfs::property::{Source, Value};
use phoenix_zfs::vdev::VdevClass;
use serde_json::json;

use crate::ideal::member;
use crate::setup::{
    Case, as_it_is, disk, file, file_with, fresh, lines, planned, run, run_fresh, set, settled,
};

pub(crate) fn signature(what: &str) -> Obstacle {
    Obstacle::Signature {
        what: what.to_owned(),
    }
}

pub(crate) const CREATE: &str = "create pool:tank: data mirror /dev/disk/by-id/nvme-A /dev/disk/by-id/nvme-B; \
                      disk /dev/disk/by-id/nvme-A, serial SN-nvme0n1, 2.00 TB (1.82 TiB), blank; \
                      disk /dev/disk/by-id/nvme-B, serial SN-nvme1n1, 2.00 TB (1.82 TiB), blank; \
                      ashift 12; autotrim on; root_properties.atime off; \
                      root_properties.compression lz4";

#[test]
fn a_missing_pool_is_made_of_free_disks_only() {
    run_fresh(
        "pool:",
        &[
            Case {
                name: "blank disks",
                file: &[],
                host: as_it_is,
                plan: &[CREATE],
            },
            Case {
                name: "disk is not there",
                file: &[],
                host: |host| {
                    host.disks.remove("/dev/disk/by-id/nvme-B");
                },
                plan: &["refuse pool:tank: there is no disk /dev/disk/by-id/nvme-B"],
            },
            Case {
                name: "partition",
                file: &[],
                host: |host| {
                    disk(host, "B").obstacles = vec![Obstacle::NotADisk {
                        kind: "part".into(),
                    }];
                },
                plan: &["refuse pool:tank: /dev/disk/by-id/nvme-B is not a whole disk but a part"],
            },
            Case {
                name: "mounted disk",
                file: &[],
                host: |host| {
                    disk(host, "A").obstacles = vec![Obstacle::InUse {
                        by: "mounted at /".into(),
                    }];
                },
                plan: &["refuse pool:tank: /dev/disk/by-id/nvme-A is in use: mounted at /"],
            },
            Case {
                name: "signature without a grant",
                file: &[],
                host: |host| disk(host, "A").obstacles = vec![signature("ext4"), signature("gpt")],
                plan: &[
                    "refuse pool:tank: /dev/disk/by-id/nvme-A is not empty: it carries ext4, gpt",
                ],
            },
            Case {
                name: "exported pool of this name",
                file: &[],
                host: |host| {
                    disk(host, "A").obstacles =
                        vec![signature("zfs_member \"tank\" (guid 7) on nvme0n1p1")];
                },
                plan: &[
                    "refuse pool:tank: /dev/disk/by-id/nvme-A already belongs to a pool called tank \
                     that is not imported",
                ],
            },
            Case {
                name: "failing disk without a grant",
                file: &[],
                host: |host| disk(host, "A").unfit = Some("104 % is used".into()),
                plan: &[
                    "refuse pool:tank: /dev/disk/by-id/nvme-A is not fit for a new pool: 104 % is \
                     used",
                ],
            },
            Case {
                name: "two paths, one disk",
                file: &[],
                host: |host| disk(host, "B").kernel_name = "nvme0n1".into(),
                plan: &[
                    "refuse pool:tank: /dev/disk/by-id/nvme-A and /dev/disk/by-id/nvme-B lead to \
                     one and the same disk",
                ],
            },
            Case {
                name: "mirror of unequal disks",
                file: &[("/zfs/pools/0/disks/1", "\"/dev/disk/by-id/nvme-C\"")],
                host: as_it_is,
                plan: &["refuse pool:tank: the disks of one mirror differ in size: \
                     /dev/disk/by-id/nvme-A (2.00 TB (1.82 TiB)) and /dev/disk/by-id/nvme-C (4.00 \
                     TB (3.64 TiB))"],
            },
            Case {
                name: "mirror of disks that differ by 16 MiB",
                file: &[],
                host: |host| disk(host, "B").size += 16 << 20,
                plan: &[CREATE],
            },
            Case {
                name: "mirror of disks that differ by a byte more",
                file: &[],
                host: |host| disk(host, "B").size += (16 << 20) + 1,
                plan: &["refuse pool:tank: the disks of one mirror differ in size: \
                     /dev/disk/by-id/nvme-A (2.00 TB (1.82 TiB)) and /dev/disk/by-id/nvme-B (2.00 \
                     TB (1.82 TiB))"],
            },
            Case {
                name: "files where the pool would be mounted",
                file: &[],
                host: |host| {
                    host.directories
                        .insert("/tank".into(), ObservedDirectory::default());
                },
                plan: &[
                    "refuse pool:tank: the directory /tank is not empty: ZFS would mount over it \
                     and hide what is in it",
                ],
            },
        ],
    );
}

/// The pool of the file as a power cut leaves it: on its disks, whole, and not imported.
pub(crate) fn left_behind(host: &mut Observed) -> &mut ObservedImportable {
    for name in ["A", "B"] {
        disk(host, name).obstacles = vec![signature("gpt"), signature("zfs_member \"tank\"")];
    }
    let found = ObservedImportable {
        guid: 77,
        health: "ONLINE".to_owned(),
        vdevs: vec![ObservedVdev {
            name: "mirror-0".to_owned(),
            guid: None,
            class: VdevClass::Data,
            kind: "mirror".to_owned(),
            geometry: None,
            disks: ["nvme0n1", "nvme1n1"].map(member).into(),
        }],
        ..ObservedImportable::default()
    };
    host.importable.entry("tank".to_owned()).or_insert(found)
}

pub(crate) const IMPORT: &str = "update pool:tank: imported no -> yes; autotrim on";

#[test]
fn a_pool_on_exactly_the_files_disks_is_imported_and_any_other_refused() {
    const OTHER: &str = "refuse pool:tank: pool tank is on its disks and not imported, and is made \
                         of other disks than the file says";
    run_fresh(
        "pool:",
        &[
            Case {
                name: "left behind",
                file: &[],
                host: |host| {
                    left_behind(host);
                },
                plan: &[IMPORT],
            },
            Case {
                name: "used by another system",
                file: &[],
                host: |host| left_behind(host).status = Some("Last used elsewhere.".to_owned()),
                plan: &[
                    "refuse pool:tank: pool tank is on its disks and not imported, and ZFS says: \
                     Last used elsewhere.",
                ],
            },
            Case {
                name: "not whole",
                file: &[],
                host: |host| left_behind(host).health = "DEGRADED".to_owned(),
                plan: &[
                    "refuse pool:tank: pool tank is on its disks and not imported, and would be \
                     DEGRADED",
                ],
            },
            Case {
                name: "a disk more",
                file: &[],
                host: |host| {
                    let found = left_behind(host);
                    found.vdevs[0].disks.push(member("nvme2n1"));
                },
                plan: &[OTHER],
            },
            Case {
                name: "a stripe",
                file: &[],
                host: |host| left_behind(host).vdevs[0].kind = "disk".to_owned(),
                plan: &[OTHER],
            },
            Case {
                name: "files where it would be mounted",
                file: &[],
                host: |host| {
                    left_behind(host);
                    host.directories
                        .insert("/tank".into(), ObservedDirectory::default());
                },
                plan: &[
                    "refuse pool:tank: the directory /tank is not empty: ZFS would mount over it \
                     and hide what is in it",
                ],
            },
        ],
    );
}

#[test]
fn a_refused_pool_holds_up_what_stands_on_it_and_nothing_else() {
    let mut host = fresh();
    disk(&mut host, "A").obstacles = vec![signature("ext4")];
    let plan = planned(
        &file_with(&[(
            "/zfs/pools/1",
            json!({"name": "fast", "raid_level": "single", "disks": ["/dev/disk/by-id/nvme-C"]}),
        )]),
        &host,
    );
    let ids: Vec<_> = plan.steps.iter().map(|step| step.id.to_string()).collect();
    assert_eq!(ids, ["host:arc", "host:nfs", "pool:fast"]);
    assert_eq!(
        lines(&plan)[3..],
        [
            "refuse pool:tank: /dev/disk/by-id/nvme-A is not empty: it carries ext4",
            "hold dataset:tank/data for pool:tank",
            "hold dataset:tank/vm for pool:tank",
            "hold permissions:tank/data for pool:tank",
            "hold storage:tank-data for pool:tank",
            "hold storage:tank-vm for pool:tank",
            "hold export:/tank/data for pool:tank",
            "hold mount:101:/data for pool:tank",
        ]
    );
}

#[test]
fn an_imported_pool_keeps_its_disks_and_gets_its_properties() {
    run(&[
        Case {
            name: "as declared",
            file: &[],
            host: as_it_is,
            plan: &[],
        },
        Case {
            name: "autotrim off",
            file: &[],
            host: |host| {
                let pool = host.pools.get_mut("tank").unwrap();
                pool.properties.get_mut("autotrim").unwrap().value = Value::Switch(false);
            },
            plan: &["note pool:tank: phoenix::pool::root-default"],
        },
        Case {
            name: "equal values, whatever their source",
            file: &[(
                "/zfs/pools/0/root_properties",
                r#"{"compression": "lz4", "quota": "none"}"#,
            )],
            host: |host| {
                set(host, "tank", "compression", "lz4", "received");
                set(host, "tank", "quota", "0", "default");
            },
            plan: &[],
        },
        Case {
            name: "default of a new pool differs",
            file: &[],
            host: |host| set(host, "tank", "compression", "zstd", "local"),
            plan: &["note pool:tank: phoenix::pool::root-default"],
        },
        Case {
            name: "stated root property differs",
            file: &[("/zfs/pools/0/root_properties", r#"{"compression": "lz4"}"#)],
            host: |host| set(host, "tank", "compression", "zstd", "local"),
            plan: &["update pool:tank: root_properties.compression zstd -> lz4"],
        },
        Case {
            name: "root property that is fixed",
            file: &[(
                "/zfs/pools/0/root_properties",
                r#"{"casesensitivity": "mixed"}"#,
            )],
            host: |host| set(host, "tank", "casesensitivity", "sensitive", "-"),
            plan: &[
                "refuse pool:tank: casesensitivity of pool tank's root dataset is sensitive, \
                     and ZFS sets it only when the pool is made",
            ],
        },
        Case {
            name: "stated ashift differs",
            file: &[("/zfs/pools/0/ashift", "13")],
            host: as_it_is,
            plan: &["note pool:tank: phoenix::pool::ashift"],
        },
        Case {
            name: "feature cannot be disabled",
            file: &[(
                "/zfs/pools/0/properties",
                r#"{"feature@blake3": "disabled"}"#,
            )],
            host: |host| {
                let live = ObservedProperty {
                    value: "active".into(),
                    source: Source::Local,
                };
                let pool = host.pools.get_mut("tank").unwrap();
                pool.properties.insert("feature@blake3".into(), live);
            },
            plan: &[
                "refuse pool:tank: feature@blake3 of pool tank is enabled, and no feature can \
                     be disabled again",
            ],
        },
        Case {
            name: "degraded, a dead disk still listed by its path",
            file: &[],
            host: |host| {
                host.disks.remove("/dev/disk/by-id/nvme-B");
                let pool = host.pools.get_mut("tank").unwrap();
                pool.health = "DEGRADED".to_owned();
                pool.vdevs[0].disks = ["nvme0n1", "/dev/disk/by-id/nvme-B"].map(member).into();
            },
            plan: &["note pool:tank: phoenix::pool::degraded"],
        },
        Case {
            name: "faulted",
            file: &[],
            host: |host| host.pools.get_mut("tank").unwrap().health = "FAULTED".to_owned(),
            plan: &["refuse pool:tank: pool tank is FAULTED and cannot be changed"],
        },
        Case {
            name: "disk of the file is not there and no member",
            file: &[],
            host: |host| {
                host.disks.remove("/dev/disk/by-id/nvme-B");
            },
            plan: &[
                "refuse pool:tank: the file gives pool tank the disk /dev/disk/by-id/nvme-B, \
                     which is not there",
            ],
        },
    ]);
}

/// A suspended pool is asked nothing, so everything on it looks as if it were missing.
#[test]
fn a_suspended_pool_holds_up_its_datasets() {
    let mut host = settled(&file());
    host.pools.get_mut("tank").unwrap().health = "SUSPENDED".to_owned();
    host.datasets.clear();
    let plan = planned(&file(), &host);
    assert_eq!(plan.steps, []);
    assert!(
        plan.refusals
            .iter()
            .all(|refusal| refusal.id.to_string() == "pool:tank" || refusal.because_of.len() == 1)
    );
}

/// What the file says about the disks, and the command that the help names.
#[test]
fn a_pool_without_disks_in_the_file_must_exist() {
    let declared = json!({"name": "tank"});
    let file = file_with(&[("/zfs/pools/0", declared)]);
    let plan = planned(&file, &fresh());
    assert_eq!(
        plan.refusals[0].reason,
        "the host has no pool tank, and the file does not say which disks it is made of"
    );
    let host = settled(&crate::setup::file());
    assert_eq!(lines(&planned(&file, &host)), Vec::<String>::new());
}
