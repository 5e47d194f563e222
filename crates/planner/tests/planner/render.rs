//! What people see of plans and graphs.

use phoenix_planner::observed::Obstacle;
use phoenix_planner::render::{self, Style};
use phoenix_planner::{Grants, PlanOptions, graph};
use phoenix_zfs::property::DatasetType;
use serde_json::{Value, json};

use crate::setup::{config, disk, file, file_with, fresh, planned, planned_with, set, settled};

fn plain(file: &Value, host: &phoenix_planner::observed::Observed) -> String {
    render::plan(&planned(file, host), &Style::default())
}

#[test]
fn first_run() {
    insta::assert_snapshot!(plain(&file(), &fresh()));
}

#[test]
fn changes_refusals_and_notes() {
    let file = file_with(&[
        ("/zfs/datasets/0/properties/quota", json!("none")),
        ("/zfs/datasets/0/properties/recordsize", json!("16K")),
    ]);
    let mut host = settled(&crate::setup::file());
    set(&mut host, "tank/vm", "recordsize", "131072", "default");
    host.datasets.get_mut("tank/data").unwrap().kind = DatasetType::Volume;
    host.exports.active.clear();
    host.containers.clear();
    insta::assert_snapshot!(plain(&file, &host));
}

#[test]
fn what_somebody_else_set_cannot_draw_on_the_terminal() {
    let note = r#"{"site:note": "ours"}"#;
    let file = file_with(&[(
        "/zfs/datasets/0/properties",
        serde_json::from_str(note).unwrap(),
    )]);
    let mut host = settled(&file);
    set(
        &mut host,
        "tank/vm",
        "site:note",
        "\u{1b}[2Jfree\nNo changes.",
        "local",
    );
    let text = plain(&file, &host);
    assert!(
        text.contains("site:note  \\u{1b}[2Jfree\\nNo changes. -> ours"),
        "{text}"
    );
}

#[test]
fn nothing_to_do() {
    assert_eq!(
        plain(&file(), &settled(&file())),
        "No changes. The host matches the file.\n"
    );
    let mut host = settled(&file());
    host.containers.clear();
    assert!(plain(&file(), &host).ends_with("\nNo changes. 1 waiting, 9 unchanged.\n"));
}

#[test]
fn an_erased_disk_cannot_be_overlooked() {
    let mut host = fresh();
    disk(&mut host, "A").obstacles = vec![Obstacle::Signature {
        what: "ext4".to_owned(),
    }];
    let grants = Grants {
        wipe: ["nvme-A".to_owned()].into(),
        ..Grants::default()
    };
    let options = PlanOptions {
        grants,
        ..PlanOptions::default()
    };
    let text = render::plan(&planned_with(&file(), &host, &options), &Style::default());
    assert!(
        text.contains("+ pool:tank  create, erases disks\n"),
        "{text}"
    );
    assert!(
        text.contains("wipe /dev/disk/by-id/nvme-A  ext4 -> erased\n"),
        "{text}"
    );
}

/// Whoever agrees to a plan must be able to compare it with the label on the drive.
#[test]
fn a_new_pool_names_every_drive_by_all_that_it_is_known_by() {
    let mut host = fresh();
    disk(&mut host, "A").model = Some("Samsung SSD 990 PRO".to_owned());
    let text = plain(&file(), &host);
    let line = "disk  /dev/disk/by-id/nvme-A, Samsung SSD 990 PRO, serial SN-nvme0n1, ";
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    assert!(text.contains(&line.replace("  ", " ")), "{text}");
    assert!(text.contains(" TiB), blank "), "{text}");
}

/// Colour is on top of the text: without it nothing is lost.
#[test]
fn colour_says_nothing_that_words_do_not_say() {
    let plan = planned(&file(), &fresh());
    let coloured = render::plan(&plan, &Style { color: true });
    assert!(coloured.contains("\u{1b}[32m+ pool:tank\u{1b}[0m"));
    let mut stripped = coloured;
    for sgr in ["0", "2", "31", "32", "33"] {
        stripped = stripped.replace(&format!("\u{1b}[{sgr}m"), "");
    }
    assert_eq!(stripped, render::plan(&plan, &Style::default()));
}

#[test]
fn graph_as_tree() {
    let file = file_with(&[(
        "/nfs/exports/1",
        json!({"path": "/tank/data/x", "clients": ["10.0.0.0/24"]}),
    )]);
    insta::assert_snapshot!(render::graph::tree(&graph(&config(&file))), @r#"
    host:arc
    host:nfs
    pool:tank
    ├── dataset:tank/data
    │   └── permissions:tank/data
    │       └── storage:tank-data
    │           ├── export:/tank/data
    │           │   └── mount:101:/data
    │           └── export:/tank/data/x
    │               └── mount:101:/data (see above)
    └── dataset:tank/vm
        └── storage:tank-vm
    "#);
}

#[test]
fn graph_as_dot() {
    insta::assert_snapshot!(render::graph::dot(&graph(&config(&file()))), @r#"
    digraph phoenix {
        rankdir=LR;
        node [shape=box];
        "host:arc";
        "host:nfs";
        "pool:tank";
        "dataset:tank/data";
        "dataset:tank/vm";
        "permissions:tank/data";
        "storage:tank-data";
        "storage:tank-vm";
        "export:/tank/data";
        "mount:101:/data";
        "pool:tank" -> "dataset:tank/data";
        "pool:tank" -> "dataset:tank/vm";
        "dataset:tank/data" -> "permissions:tank/data";
        "dataset:tank/vm" -> "storage:tank-vm";
        "permissions:tank/data" -> "storage:tank-data";
        "storage:tank-data" -> "export:/tank/data";
        "export:/tank/data" -> "mount:101:/data";
    }
    "#);
}

#[test]
fn graph_as_mermaid() {
    insta::assert_snapshot!(render::graph::mermaid(&graph(&config(&file()))), @r#"
    graph LR
        n0["host:arc"]
        n1["host:nfs"]
        n2["pool:tank"]
        n3["dataset:tank/data"]
        n4["dataset:tank/vm"]
        n5["permissions:tank/data"]
        n6["storage:tank-data"]
        n7["storage:tank-vm"]
        n8["export:/tank/data"]
        n9["mount:101:/data"]
        n2 --> n3
        n2 --> n4
        n3 --> n5
        n4 --> n7
        n5 --> n6
        n6 --> n8
        n8 --> n9
    "#);
}

#[test]
fn graph_as_json() {
    let graph = graph(&config(&file()));
    let value: Value = serde_json::from_str(&render::graph::json(&graph)).unwrap();
    assert_eq!(value["nodes"][0], json!({"id": "host:arc", "kind": "host"}));
    assert_eq!(value["nodes"].as_array().unwrap().len(), 10);
    assert_eq!(
        value["edges"][0],
        json!({"from": "pool:tank", "to": "dataset:tank/data"})
    );
    assert_eq!(value["edges"].as_array().unwrap().len(), 7);
}
