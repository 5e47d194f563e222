//! Plans as files, digests, and the committed schema.

use phoenix_planner::observed::digest;
use phoenix_planner::plan::{Plan, PlanFileError, plan_schema};
use serde_json::Value;

use crate::setup::{disk, file, fresh, planned, settled};

#[test]
fn a_plan_reads_back_as_it_was_made() {
    let plan = planned(&file(), &fresh());
    let text = plan.to_json();
    assert!(text.ends_with("}\n"));
    assert_eq!(Plan::from_json(&text).unwrap(), plan);
}

/// An edit of a plan file and the beginning of what is said about it.
#[test]
fn an_edited_plan_is_not_read() {
    let good = planned(&file(), &fresh()).to_json();
    let edited = |edit: fn(&mut Value)| {
        let mut value: Value = serde_json::from_str(&good).unwrap();
        edit(&mut value);
        value.to_string()
    };
    for (text, message) in [
        (String::new(), "this is not a plan file"),
        ("[]".to_owned(), "this is not a plan file"),
        ("{}".to_owned(), "this is not a plan file"),
        (good[..good.len() / 2].to_owned(), "this is not a plan file"),
        (
            edited(|plan| plan["format"] = 2.into()),
            "the plan has format 2",
        ),
        (
            edited(|plan| plan["surprise"] = 1.into()),
            "the plan file is damaged",
        ),
        (
            edited(|plan| plan["steps"][0]["class"] = "harmless".into()),
            "the plan file is damaged",
        ),
        (
            edited(|plan| {
                plan.as_object_mut().unwrap().remove("notes");
            }),
            "the plan file is damaged",
        ),
        (
            edited(|plan| plan["steps"][0]["needs"] = Value::Array(vec![])),
            "",
        ),
        (
            edited(|plan| plan["steps"][0]["origin"] = "/x".into()),
            "the plan file was changed",
        ),
        (
            edited(|plan| plan["node"] = "other".into()),
            "the plan file was changed",
        ),
        (
            edited(|plan| plan["id"] = "0".into()),
            "the plan file was changed",
        ),
    ] {
        let said = Plan::from_json(&text)
            .err()
            .map(|error: PlanFileError| error.to_string());
        let said = said.unwrap_or_default();
        assert!(
            said.starts_with(message) && said.is_empty() == message.is_empty(),
            "{said}: {text}"
        );
    }
}

#[test]
fn a_digest_changes_with_the_facts_that_a_plan_stands_on() {
    let host = settled(&file());
    let before = digest(&host);
    assert_eq!(before.len(), 64);

    let mut other = host.clone();
    disk(&mut other, "C").size += 1;
    assert_ne!(digest(&other), before);

    // Files come and go in a mounted dataset; below an unmounted one they would be hidden.
    let mut written = host.clone();
    written.directories.get_mut("/tank/data").unwrap().empty = false;
    assert_eq!(digest(&written), before);
    let mut unmounted = host.clone();
    unmounted.datasets.get_mut("tank/data").unwrap().mounted = false;
    let empty = digest(&unmounted);
    unmounted.directories.get_mut("/tank/data").unwrap().empty = false;
    assert_ne!(digest(&unmounted), empty);
}

/// `UPDATE_SCHEMA=1 cargo test -p phoenix-planner` writes it, and so does `cargo xtask schema`.
#[test]
fn the_committed_schema_is_current() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../schema/plan.v1.schema.json"
    );
    let current = format!("{:#}\n", plan_schema());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, &current).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == current,
        "schema/plan.v1.schema.json is old: run cargo xtask schema"
    );
}
