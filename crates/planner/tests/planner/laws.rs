//! Laws over generated files.

use std::collections::BTreeMap;

use phoenix_planner::graph;
use phoenix_planner::observed::Observed;
use phoenix_planner::plan::Plan;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use crate::ideal::apply;
use crate::setup::{config, fresh, planned};

/// What a generated dataset may have.
#[derive(Debug, Clone)]
struct Parts {
    quota: Option<&'static str>,
    atime: Option<bool>,
    mountpoint: bool,
    mode: Option<&'static str>,
    storage: Option<&'static str>,
    export: Vec<&'static str>,
    mounts: Vec<(u32, &'static str)>,
}

fn parts() -> impl Strategy<Value = Parts> {
    let storage = select(vec![None, Some("dir"), Some("zfspool")]);
    let export = subsequence(vec!["10.0.0.0/24", "10.0.1.5"], 0..=2);
    let mounts = subsequence(
        vec![(101, "/a"), (101, "/a/b"), (102, "/c"), (103, "/d")],
        0..=4,
    );
    (
        proptest::option::of(select(vec!["1G", "1.4T", "none"])),
        proptest::option::of(any::<bool>()),
        any::<bool>(),
        proptest::option::of(select(vec!["0755", "2775"])),
        storage,
        export,
        mounts,
    )
        .prop_map(
            |(quota, atime, mountpoint, mode, storage, export, mounts)| Parts {
                quota,
                atime,
                mountpoint,
                mode,
                storage,
                export,
                mounts,
            },
        )
}

const NAMES: [&str; 5] = ["one/a", "one/a/b", "one/c", "two/a", "two/a/b"];

fn generated() -> impl Strategy<Value = Value> {
    (
        vec(proptest::option::weighted(0.7, parts()), NAMES.len()),
        any::<bool>(),
    )
        .prop_map(|(mut parts, autotrim)| {
            // A child needs its parent.
            for (child, parent) in [(1, 0), (4, 3)] {
                if parts[parent].is_none() {
                    parts[child] = None;
                }
            }
            let chosen: BTreeMap<_, _> = NAMES
                .into_iter()
                .zip(parts)
                .filter_map(|(name, parts)| Some((name, parts?)))
                .collect();
            as_file(&chosen, autotrim)
        })
}

fn as_file(chosen: &BTreeMap<&str, Parts>, autotrim: bool) -> Value {
    let mut datasets = Vec::new();
    let mut exports = Vec::new();
    let mut mounts = Vec::new();
    for (number, (full, parts)) in chosen.iter().enumerate() {
        let (pool, name) = full.split_once('/').unwrap();
        let mut dataset = json!({"pool": pool, "name": name, "properties": {}});
        if let Some(quota) = parts.quota {
            dataset["properties"]["quota"] = json!(quota);
        }
        if let Some(atime) = parts.atime {
            dataset["properties"]["atime"] = json!(atime);
        }
        if parts.mountpoint {
            dataset["mountpoint"] = json!(format!("/srv/{number}"));
        }
        if let Some(mode) = parts.mode {
            dataset["permissions"] = json!({"owner": 1000, "mode": mode});
        }
        if let Some(kind) = parts.storage {
            let content = if kind == "dir" { "iso" } else { "images" };
            let id = format!("s-{}", full.replace('/', "-"));
            dataset["storage"] = json!({"id": id, "type": kind, "content": [content]});
        }
        if !parts.export.is_empty() {
            exports.push(json!({"dataset": full, "clients": parts.export, "options": ["rw"]}));
        }
        for (container, target) in &parts.mounts {
            let target = format!("/m{number}{target}");
            mounts.push(json!({"container": container, "dataset": full, "target": target}));
        }
        datasets.push(dataset);
    }
    json!({
        "zfs": {
            "pools": [
                {"name": "one", "raid_level": "mirror", "properties": {"autotrim": autotrim},
                 "disks": ["/dev/disk/by-id/nvme-A", "/dev/disk/by-id/nvme-B"]},
                {"name": "two", "raid_level": "single", "disks": ["/dev/disk/by-id/nvme-C"]},
            ],
            "datasets": datasets,
        },
        "nfs": {"exports": exports},
        "bind_mounts": mounts,
    })
}

/// What the plan does, without where the file asks for it.
fn operations(plan: &Plan) -> Vec<Value> {
    let steps = plan.steps.iter();
    steps
        .map(|step| {
            json!([
                step.id,
                step.action,
                step.needs,
                step.changes,
                step.operation
            ])
        })
        .collect()
}

fn reversed(file: &Value) -> Value {
    let mut file = file.clone();
    for list in [
        "/zfs/pools",
        "/zfs/datasets",
        "/nfs/exports",
        "/bind_mounts",
    ] {
        file.pointer_mut(list)
            .unwrap()
            .as_array_mut()
            .unwrap()
            .reverse();
    }
    file
}

fn carried_out(file: &Value, host: &Observed) -> Observed {
    let mut host = host.clone();
    apply(&planned(file, &host), &mut host);
    host
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn after_a_plan_nothing_is_left_to_do(first in generated(), second in generated()) {
        let host = carried_out(&first, &fresh());
        let again = planned(&first, &host);
        prop_assert_eq!(&again.steps, &[]);
        prop_assert_eq!(&again.refusals, &[]);

        // The same from a host that another file has made, where something may be refused.
        let refused = planned(&second, &host).refusals;
        let host = carried_out(&second, &host);
        let again = planned(&second, &host);
        prop_assert_eq!(&again.steps, &[]);
        prop_assert!(again.refusals.len() <= refused.len());
    }

    #[test]
    fn the_same_input_gives_the_same_bytes(file in generated()) {
        let text = planned(&file, &fresh()).to_json();
        prop_assert_eq!(planned(&file, &fresh()).to_json(), text);
    }

    #[test]
    fn the_order_of_lists_does_not_matter(file in generated()) {
        let plan = planned(&file, &fresh());
        prop_assert_eq!(operations(&planned(&reversed(&file), &fresh())), operations(&plan));
    }

    #[test]
    fn steps_need_exactly_what_the_graph_says_on_a_fresh_host(file in generated()) {
        let graph = graph(&config(&file));
        let plan = planned(&file, &fresh());
        let made: Vec<_> = plan.steps.iter().map(|step| &step.id).collect();
        for step in &plan.steps {
            let needed = graph.dependencies(&step.id);
            let direct: Vec<_> = needed.into_iter().filter(|need| made.contains(need)).collect();
            prop_assert!(direct.iter().all(|need| step.needs.contains(need)));
        }
        for (from, to) in graph.edges() {
            let pool = |text: String| ["one", "two"].into_iter().find(|pool| text.contains(pool));
            if let (Some(from), Some(to)) = (pool(from.to_string()), pool(to.to_string())) {
                prop_assert_eq!(from, to);
            }
        }
    }
}
