//! The graph, and what `--target` and `--exclude` keep of it.

use phoenix_config::address::Address;
use phoenix_planner::{Graph, PlanOptions, graph, unknown_addresses};
use serde_json::json;

use crate::setup::{config, file, file_with, fresh, planned_with};

fn edges(graph: &Graph) -> Vec<String> {
    graph
        .edges()
        .map(|(from, to)| format!("{from} -> {to}"))
        .collect()
}

#[test]
fn every_link_of_the_chain_needs_the_one_before_it_that_exists() {
    assert_eq!(
        edges(&graph(&config(&file()))),
        [
            "pool:tank -> dataset:tank/data",
            "pool:tank -> dataset:tank/vm",
            "dataset:tank/data -> permissions:tank/data",
            "dataset:tank/vm -> storage:tank-vm",
            "permissions:tank/data -> storage:tank-data",
            "storage:tank-data -> export:/tank/data",
            "export:/tank/data -> mount:101:/data",
        ]
    );
}

/// Which links the dataset has, and what its bind mount needs.
#[test]
fn a_mount_needs_the_last_link_before_it() {
    for (edits, needs) in [
        (vec![], vec!["export:/tank/data"]),
        (vec![("/nfs/exports", json!([]))], vec!["storage:tank-data"]),
        (
            vec![
                ("/nfs/exports", json!([])),
                (
                    "/zfs/datasets/1",
                    json!({
                        "pool": "tank", "name": "data", "permissions": {"mode": "0770"},
                    }),
                ),
            ],
            vec!["permissions:tank/data"],
        ),
        (
            vec![
                ("/nfs/exports", json!([])),
                ("/zfs/datasets/1", json!({"pool": "tank", "name": "data"})),
            ],
            vec!["dataset:tank/data"],
        ),
        (
            vec![(
                "/nfs/exports/1",
                json!({"path": "/tank/data/x", "clients": ["10.0.0.0/24"]}),
            )],
            vec!["export:/tank/data", "export:/tank/data/x"],
        ),
    ] {
        let graph = graph(&config(&file_with(&edits)));
        let mount: Address = "mount:101:/data".parse().unwrap();
        let found: Vec<_> = graph
            .dependencies(&mount)
            .into_iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found, needs, "{edits:?}");
    }
}

#[test]
fn a_child_needs_its_parent_and_two_pools_share_nothing() {
    let file = json!({"zfs": {
        "pools": [
            {"name": "a", "raid_level": "single", "disks": ["/dev/disk/by-id/nvme-A"]},
            {"name": "b", "raid_level": "single", "disks": ["/dev/disk/by-id/nvme-B"]},
        ],
        "datasets": [
            {"pool": "a", "name": "x/y"}, {"pool": "a", "name": "x"}, {"pool": "b", "name": "x"},
            {"pool": "a", "name": "x-y"},
        ],
        "arc_max": "8G",
    }});
    assert_eq!(
        edges(&graph(&config(&file))),
        [
            "pool:a -> dataset:a/x",
            "pool:a -> dataset:a/x-y",
            "pool:b -> dataset:b/x",
            "dataset:a/x -> dataset:a/x/y",
        ]
    );
}

/// Targets, excludes, and the steps that are left of a fresh host's plan.
#[test]
fn targets_bring_what_they_need_and_excludes_take_what_needs_them() {
    let all = [
        "host:arc",
        "host:nfs",
        "pool:tank",
        "dataset:tank/data",
        "dataset:tank/vm",
        "permissions:tank/data",
        "storage:tank-data",
        "storage:tank-vm",
        "export:/tank/data",
        "mount:101:/data",
    ];
    for (targets, excludes, steps) in [
        (vec![], vec![], all.to_vec()),
        (vec!["host:arc"], vec![], vec!["host:arc"]),
        (
            vec!["storage:tank-vm"],
            vec![],
            vec!["pool:tank", "dataset:tank/vm", "storage:tank-vm"],
        ),
        (
            vec![],
            vec!["dataset:tank/data", "host:arc", "host:nfs"],
            vec!["pool:tank", "dataset:tank/vm", "storage:tank-vm"],
        ),
        (
            vec!["export:/tank/data"],
            vec!["storage:tank-data"],
            vec!["pool:tank", "dataset:tank/data", "permissions:tank/data"],
        ),
        (vec!["pool:none"], vec![], vec![]),
    ] {
        let parse = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let options = PlanOptions {
            targets: parse(&targets),
            excludes: parse(&excludes),
            ..PlanOptions::default()
        };
        let plan = planned_with(&file(), &fresh(), &options);
        let found: Vec<_> = plan.steps.iter().map(|step| step.id.to_string()).collect();
        assert_eq!(found, steps, "{targets:?} {excludes:?}");
    }
}

#[test]
fn an_unknown_address_comes_with_the_nearest_known_one() {
    let config = config(&file());
    for (address, nearest) in [
        ("dataset:tank/dat", Some("dataset:tank/data")),
        ("dataset:tank/DATA", Some("dataset:tank/data")),
        ("mount:102:/data", Some("mount:101:/data")),
        ("storage:quite-another", None),
    ] {
        let address: Address = address.parse().unwrap();
        let nearest = nearest.map(|text| text.parse().unwrap());
        assert_eq!(
            unknown_addresses(&config, std::slice::from_ref(&address)),
            [(address, nearest)]
        );
    }
    assert_eq!(
        unknown_addresses(&config, &["pool:tank".parse().unwrap()]),
        []
    );
}
