//! Storages of a cluster: what one host's file may change of an entry that serves others too.

use phoenix_planner::observed::Observed;
use serde_json::{Value, json};

use crate::setup::{Case, file_with, planned, run, settled};

/// A cluster of three, and the storage `tank-vm` for these nodes.
fn cluster(host: &mut Observed, nodes: &[&str]) {
    host.nodes.extend(["b".to_owned(), "c".to_owned()]);
    for (id, storage) in host.storages.iter_mut().flatten() {
        let nodes = if id == "tank-vm" { nodes } else { &["pve"] };
        storage.nodes = nodes.iter().map(|&node| node.to_owned()).collect();
    }
}

/// The nodes that the file names, those that the storage has, and what is done about them.
#[test]
fn nodes_are_merged() {
    for (stated, live, step) in [
        (json!(["pve"]), vec!["b"], "nodes b -> b,pve"),
        (json!(["pve"]), vec!["b", "pve"], ""),
        (json!(["b"]), vec!["b", "pve"], "nodes b,pve -> b"),
        (
            json!(["pve", "b", "c"]),
            vec!["b", "pve"],
            "nodes b,pve -> b,c,pve",
        ),
        (json!(["pve"]), vec!["gone", "pve"], ""),
        (json!([]), vec!["b", "pve"], "nodes b,pve -> all"),
        (json!([]), vec![], ""),
        // For all: nobody else's word is taken away.
        (json!(["pve"]), vec![], ""),
        (Value::Null, vec!["b", "pve"], ""),
    ] {
        let mut change = vec![("/zfs/datasets/1/storage/nodes", json!(["pve"]))];
        if !stated.is_null() {
            change.push(("/zfs/datasets/0/storage/nodes", stated.clone()));
        }
        let mut host = settled(&file_with(&change));
        cluster(&mut host, &live);
        let plan = planned(&file_with(&change), &host);
        let found = plan.steps.iter().flat_map(|step| &step.changes);
        let found: Vec<_> = found
            .map(|it| {
                format!(
                    "{} {} -> {}",
                    it.field,
                    it.before.clone().unwrap(),
                    it.after
                )
            })
            .collect();
        assert_eq!(found.join(", "), step, "{stated} {live:?}");
    }
    let exact = [
        ("/zfs/datasets/0/storage/nodes", json!(["pve"])),
        ("/zfs/datasets/0/storage/nodes_exact", json!(true)),
        ("/zfs/datasets/1/storage/nodes", json!(["pve"])),
    ];
    for live in [vec!["b", "pve"], vec![]] {
        let mut host = settled(&file_with(&exact));
        cluster(&mut host, &live);
        let plan = planned(&file_with(&exact), &host);
        assert_eq!(plan.steps[0].changes[0].after.to_string(), "pve");
    }
}

#[test]
fn what_holds_for_others_too_stays() {
    const NODES: (&str, &str) = ("/zfs/datasets/1/storage/nodes", r#"["pve"]"#);
    const SPARSE: (&str, &str) = ("/zfs/datasets/0/storage/sparse", "true");
    const OTHER: &str = "note storage:tank-vm: phoenix::storage::other-nodes";
    run(&[
        Case {
            name: "a file that names this host only",
            file: &[
                NODES,
                SPARSE,
                ("/zfs/datasets/0/storage/nodes", r#"["pve"]"#),
            ],
            host: |host| cluster(host, &["b"]),
            plan: &["update storage:tank-vm: nodes b -> b,pve", OTHER],
        },
        Case {
            name: "a file that speaks for them all",
            file: &[
                NODES,
                SPARSE,
                ("/zfs/datasets/0/storage/nodes", r#"["b", "pve"]"#),
            ],
            host: |host| cluster(host, &["b", "pve"]),
            plan: &["update storage:tank-vm: sparse 1"],
        },
        Case {
            name: "a file without nodes, and a list of them",
            file: &[NODES, SPARSE],
            host: |host| cluster(host, &["b", "pve"]),
            plan: &[OTHER],
        },
        Case {
            name: "the mountpoint of another node",
            file: &[NODES, ("/zfs/datasets/0/storage/nodes", r#"["b", "pve"]"#)],
            host: |host| {
                cluster(host, &["b", "pve"]);
                let storages = host.storages.as_mut().unwrap();
                let options = &mut storages.get_mut("tank-vm").unwrap().options;
                options.insert("mountpoint".to_owned(), "/srv/vm".to_owned());
            },
            plan: &[OTHER],
        },
        Case {
            name: "no quorum",
            file: &[SPARSE],
            host: |host| host.quorate = Some(false),
            plan: &[
                "update storage:tank-vm: sparse 1",
                "note host: phoenix::storage::no-quorum",
            ],
        },
        Case {
            name: "no quorum, and nothing to change",
            file: &[],
            host: |host| host.quorate = Some(false),
            plan: &[],
        },
    ]);
}

/// A dataset is not moved from under a storage that has its path.
#[test]
fn a_dataset_stays_where_a_storage_lies() {
    const REFUSED: &str = "refuse dataset:tank/data: tank/data would no longer be mounted at /tank/data, but storage \
                           tank-data lies at /tank/data, and Proxmox never changes that";
    run(&[
        Case {
            name: "its own",
            file: &[("/zfs/datasets/1/mountpoint", r#""/elsewhere""#)],
            host: |_| {},
            plan: &[
                REFUSED,
                "hold permissions:tank/data for dataset:tank/data",
                "refuse storage:tank-data: storage tank-data has path /tank/data, and the file implies /elsewhere; Proxmox never changes that field",
                "hold export:/elsewhere for dataset:tank/data, storage:tank-data",
                "hold mount:101:/data for dataset:tank/data, storage:tank-data",
                "note host: phoenix::export::left-over",
            ],
        },
        Case {
            name: "somebody else's in a directory of it",
            file: &[("/zfs/datasets/0/mountpoint", r#""/elsewhere""#)],
            host: |host| {
                let storages = host.storages.as_mut().unwrap();
                let mut isos = storages["tank-data"].clone();
                isos.options
                    .insert("path".to_owned(), "/tank/vm/isos".to_owned());
                storages.insert("isos".to_owned(), isos);
            },
            plan: &[
                "refuse dataset:tank/vm: tank/vm would no longer be mounted at /tank/vm, but storage isos lies at /tank/vm/isos, and Proxmox never changes that",
                "hold storage:tank-vm for dataset:tank/vm",
            ],
        },
    ]);
}
