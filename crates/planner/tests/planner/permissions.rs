//! Who may use a dataset's directory: owners, modes, ACLs.

use std::collections::BTreeMap;

use phoenix_planner::observed::{IdRange, Observed};
use phoenix_planner::plan::Operation;
use serde_json::json;

use crate::setup::{Case, as_it_is, file_with, fresh, lines, planned, run, settled};

fn ids(container: u32, host: u32, count: u32) -> IdRange {
    IdRange {
        container,
        host,
        count,
    }
}

#[test]
fn permissions_are_in_the_hosts_numbers() {
    run(&[
        Case {
            name: "only what differs",
            file: &[],
            host: |host| host.directories.get_mut("/tank/data").unwrap().gid = 0,
            plan: &["update permissions:tank/data: group 0 -> 100000"],
        },
        Case {
            name: "names",
            file: &[(
                "/zfs/datasets/1/permissions",
                r#"{"owner": "backup", "group": "backup"}"#,
            )],
            host: as_it_is,
            plan: &["update permissions:tank/data: owner 100000 -> 34; group 100000 -> 34"],
        },
        Case {
            name: "what lies below an unmounted dataset does not count",
            file: &[],
            host: |host| host.datasets.get_mut("tank/data").unwrap().mounted = false,
            plan: &[
                "update dataset:tank/data: mounted no -> yes",
                "update permissions:tank/data: owner 100000; group 100000; mode 2775",
            ],
        },
        Case {
            name: "unknown name",
            file: &[("/zfs/datasets/1/permissions", r#"{"owner": "nobody-here"}"#)],
            host: as_it_is,
            plan: &["refuse permissions:tank/data: the host has no user nobody-here"],
        },
        Case {
            name: "numbers of the container",
            file: &[(
                "/zfs/datasets/1/permissions",
                r#"{"owner": 33, "ids": "container"}"#,
            )],
            host: as_it_is,
            plan: &["update permissions:tank/data: owner 100000 -> 100033"],
        },
        Case {
            name: "containers that differ",
            file: &[
                (
                    "/zfs/datasets/1/permissions",
                    r#"{"owner": 33, "ids": "container"}"#,
                ),
                (
                    "/bind_mounts/1",
                    r#"{"container": 102, "dataset": "tank/data", "target": "/data"}"#,
                ),
            ],
            host: |host| {
                host.containers.get_mut(&102).unwrap().uids = vec![ids(0, 0, u32::MAX)];
                let mount = "/tank/data,mp=/data".to_owned();
                host.containers
                    .get_mut(&102)
                    .unwrap()
                    .mounts
                    .insert("mp0".into(), mount);
            },
            plan: &[
                "refuse permissions:tank/data: user 33 is 33 on the host for container 102 and \
                 100033 for container 101, and tank/data can have only one",
            ],
        },
        Case {
            name: "containers that differ where it does not matter",
            file: &[
                (
                    "/zfs/datasets/1/permissions",
                    r#"{"owner": 33, "ids": "container"}"#,
                ),
                (
                    "/bind_mounts/1",
                    r#"{"container": 102, "dataset": "tank/data", "target": "/data"}"#,
                ),
            ],
            host: |host| {
                let container = host.containers.get_mut(&102).unwrap();
                container.uids = vec![ids(0, 200_000, 33), ids(33, 100_033, 1)];
                container.gids.clear();
                let mount = "/tank/data,mp=/data".to_owned();
                container.mounts.insert("mp0".to_owned(), mount);
            },
            plan: &["update permissions:tank/data: owner 100000 -> 100033"],
        },
        Case {
            name: "containers that differ, one of them named",
            file: &[
                (
                    "/zfs/datasets/1/permissions",
                    r#"{"owner": 33, "ids": "container", "container": 101}"#,
                ),
                (
                    "/bind_mounts/1",
                    r#"{"container": 102, "dataset": "tank/data", "target": "/data"}"#,
                ),
            ],
            host: |host| {
                let container = host.containers.get_mut(&102).unwrap();
                container.uids = vec![ids(0, 0, u32::MAX)];
                let mount = "/tank/data,mp=/data".to_owned();
                container.mounts.insert("mp0".to_owned(), mount);
            },
            plan: &["update permissions:tank/data: owner 100000 -> 100033"],
        },
        Case {
            name: "a map in pieces, users and groups apart",
            file: &[(
                "/zfs/datasets/1/permissions",
                r#"{"owner": 1000, "group": 1001, "ids": "container"}"#,
            )],
            host: |host| {
                let container = host.containers.get_mut(&101).unwrap();
                container.uids = vec![
                    ids(0, 100_000, 1000),
                    ids(1000, 1000, 1),
                    ids(1001, 101_001, 64_535),
                ];
                container.gids = vec![ids(0, 300_000, 65_536)];
            },
            plan: &["update permissions:tank/data: owner 100000 -> 1000; group 100000 -> 301001"],
        },
        Case {
            name: "an id in no piece",
            file: &[(
                "/zfs/datasets/1/permissions",
                r#"{"owner": 1000, "ids": "container"}"#,
            )],
            host: |host| {
                host.containers.get_mut(&101).unwrap().uids =
                    vec![ids(0, 100_000, 1000), ids(1001, 101_001, 64_535)];
            },
            plan: &[
                "refuse permissions:tank/data: user 1000 of container 101 has no number on the \
                 host: its maps are \"u 0 100000 1000\", \"u 1001 101001 64535\"",
            ],
        },
        Case {
            name: "one beyond the end",
            file: &[(
                "/zfs/datasets/1/permissions",
                r#"{"group": 65536, "ids": "container"}"#,
            )],
            host: as_it_is,
            plan: &[
                "refuse permissions:tank/data: group 65536 of container 101 has no number on the \
                 host: its only map is \"g 0 100000 65536\"",
            ],
        },
        Case {
            name: "lines for users only",
            file: &[(
                "/zfs/datasets/1/permissions",
                r#"{"group": 0, "ids": "container"}"#,
            )],
            host: |host| host.containers.get_mut(&101).unwrap().gids.clear(),
            plan: &[
                "refuse permissions:tank/data: group 0 of container 101 has no number on the host: \
                 its lxc.idmap lines map no groups",
            ],
        },
        Case {
            name: "a mount with a map of its own",
            file: &[(
                "/zfs/datasets/1/permissions",
                r#"{"owner": 33, "ids": "container"}"#,
            )],
            host: |host| {
                let container = host.containers.get_mut(&101).unwrap();
                let mount = "/tank/data,mp=/data,idmap=passthrough,mountoptions=noatime";
                container.mounts.insert("mp0".to_owned(), mount.to_owned());
            },
            plan: &[
                "refuse permissions:tank/data: mp0 of container 101 mounts /tank/data with an id \
                 map of its own (idmap=passthrough), which phoenix does not work out",
            ],
        },
        Case {
            name: "container that is not here",
            file: &[(
                "/zfs/datasets/1/permissions",
                r#"{"owner": 33, "ids": "container"}"#,
            )],
            host: |host| {
                host.containers.remove(&101);
            },
            plan: &[
                "refuse permissions:tank/data: none of the containers that mount tank/data is on \
                 this node, so their id maps are unknown",
                "note mount:101:/data: phoenix::mount::container-missing",
            ],
        },
    ]);
}

#[test]
fn an_acl_is_whole_and_in_the_hosts_numbers() {
    let permissions = json!({"mode": "2770", "ids": "container", "acl":
        ["group:1001:rwx", "user:33:rx", "default:group:1001:rwx", "default:other::-"]});
    let file = file_with(&[
        ("/zfs/datasets/1/properties/acltype", json!("posixacl")),
        ("/zfs/datasets/1/permissions", permissions),
    ]);
    let acl = "default:group:101001:rwx,default:group::rwx,default:mask::rwx,default:other::---,\
               default:user::rwx,group:101001:rwx,group::rwx,mask::rwx,other::---,user:100033:r-x,\
               user::rwx";
    let of_permissions = |host: &Observed| {
        let mut lines = lines(&planned(&file, host));
        lines.retain(|line| line.contains("permissions:tank/data:"));
        lines
    };
    let step = |what: &str| {
        vec![format!(
            "{what} permissions:tank/data: mode 2770; acl {acl}"
        )]
    };
    assert_eq!(of_permissions(&fresh()), step("create"));

    let mut host = settled(&file);
    assert_eq!(planned(&file, &host).steps, []);
    let live = host.acls.as_mut().unwrap().get_mut("/tank/data").unwrap();
    live.insert("mask::".to_owned(), "r-x".to_owned());
    live.insert("user:7:".to_owned(), "rwx".to_owned());
    let before = acl.replace("mask::rwx,other", "mask::r-x,other");
    assert_eq!(
        of_permissions(&host),
        [format!(
            "update permissions:tank/data: acl {before} -> {acl}"
        )]
    );
    host.acls = None;
    assert_eq!(
        of_permissions(&host),
        [
            "refuse permissions:tank/data: the ACL of /tank/data cannot be set: the host has no \
             getfacl and setfacl"
        ]
    );
    host.datasets.get_mut("tank/data").unwrap().mounted = false;
    host.acls = Some(BTreeMap::new());
    assert_eq!(of_permissions(&host), step("update"));
}

#[test]
fn a_whole_tree_is_gone_through_only_where_it_has_to_be() {
    const RECURSIVE: (&str, &str) = ("/zfs/datasets/1/permissions/recursive", "true");
    run(&[
        Case {
            name: "all alike",
            file: &[RECURSIVE],
            host: as_it_is,
            plan: &[],
        },
        Case {
            name: "one is not",
            file: &[RECURSIVE],
            host: |host| {
                let first = ("/tank/data".to_owned(), "/tank/data/a".to_owned());
                host.others_below.extend([first]);
            },
            plan: &[
                "update permissions:tank/data: owner still 100000; group still 100000; mode still \
                 2775; contents others, such as /tank/data/a -> like the directory",
            ],
        },
        Case {
            name: "the directory is not",
            file: &[RECURSIVE],
            host: |host| host.directories.get_mut("/tank/data").unwrap().gid = 0,
            plan: &[
                "update permissions:tank/data: owner still 100000; group 0 -> 100000; mode still \
                 2775; contents like the directory",
            ],
        },
        Case {
            name: "not asked for",
            file: &[],
            host: |host| {
                let first = ("/tank/data".to_owned(), "/tank/data/a".to_owned());
                host.others_below.extend([first]);
            },
            plan: &[],
        },
    ]);
    // A step sets everything that is declared, not only what the directory itself lacks.
    let file = file_with(&[("/zfs/datasets/1/permissions/recursive", json!(true))]);
    let mut host = settled(&file);
    host.directories.get_mut("/tank/data").unwrap().gid = 0;
    let plan = planned(&file, &host);
    let Operation::SetPermissions(set) = &plan.steps[0].operation else {
        panic!("{:?}", plan.steps);
    };
    assert_eq!(
        (set.uid, set.gid, set.mode, set.recursive),
        (Some(100_000), Some(100_000), Some(0o2775), true)
    );
    let fresh = planned(&file, &fresh());
    let steps = serde_json::to_string(&fresh.steps).unwrap();
    assert!(!steps.contains("recursive"), "{steps}");
}

/// ZFS makes root directories as root:root 0755, so asking for that is no step.
#[test]
fn a_new_dataset_already_has_the_usual_permissions() {
    let usual = json!({"owner": 0, "group": 0, "mode": "0755"});
    let plan = planned(
        &file_with(&[("/zfs/datasets/1/permissions", usual)]),
        &fresh(),
    );
    assert_eq!(plan.summary.unchanged, 1);
    assert!(
        !lines(&plan)
            .iter()
            .any(|line| line.contains("permissions:"))
    );
}
