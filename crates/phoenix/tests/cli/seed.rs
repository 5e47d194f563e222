//! The user's own storage plan: as it was first written, typo included, and completed.

use phoenix::sim::run_argv;

use crate::scenario::{EXAMPLE, Scenario};

/// The JSON snippet of the plan, word for word; it stands in an object to be a document.
const SNIPPET: &str = include_str!("../../../config/tests/data/seed/wrapped.json");

#[test]
fn the_stray_dot_of_the_snippet_is_shown_where_it_stands() {
    let scenario = Scenario::empty();
    scenario.write("seed.json", SNIPPET);
    let run = scenario.run("validate seed.json").expect_code(3);
    snapbox::assert_data_eq!(run.stdout, snapbox::file!["seed/snippet.term.txt"]);
    let answer = scenario
        .run("validate seed.json --format json")
        .expect_code(3)
        .json();
    let label = &answer["diagnostics"][0]["labels"][0];
    assert_eq!(label["offset"], SNIPPET.find(". {").unwrap());
    assert_eq!(label["length"], 1);
}

#[test]
fn the_mended_snippet_is_refused_at_each_placeholder() {
    let mended = SNIPPET.replacen(". {", " {", 1);
    let scenario = Scenario::empty();
    scenario.write("seed.json", &mended);
    let answer = scenario
        .run("validate seed.json --format json")
        .expect_code(3)
        .json();
    assert_eq!(answer["error_count"], 3);
    let diagnostics = answer["diagnostics"].as_array().unwrap();
    let errors = diagnostics
        .iter()
        .filter(|found| found["severity"] == "error");
    for (error, number) in errors.zip(1..) {
        let offset = error["labels"][0]["offset"].as_u64().unwrap();
        let wanted = mended.find(&format!("__DISK_ID_{number}__")).unwrap() as u64;
        assert!((wanted - 1..=wanted).contains(&offset), "{error:#}");
    }
    assert!(
        diagnostics
            .iter()
            .any(|found| found["code"] == "phoenix::historic::arc-max-text")
    );
}

#[test]
fn the_completed_plan_draws_every_warning_it_deserves() {
    let scenario = Scenario::with_config(EXAMPLE);
    let answer = scenario.run("validate --format json").expect_code(0).json();
    let diagnostics = answer["diagnostics"].as_array().unwrap();
    let drawn = |code: &str| diagnostics.iter().any(|found| found["code"] == code);
    for code in [
        "phoenix::capacity::overcommitted",
        "phoenix::storage::recordsize-unused",
        "phoenix::mount::ineffective-option",
        "phoenix::export::async",
        "phoenix::storage::backup-without-redundancy",
        "phoenix::historic::arc-max-text",
    ] {
        assert!(drawn(code), "{code}: {answer:#}");
    }
    let plan = scenario.run("plan --host sim").expect_code(0);
    for pool in ["quickOS", "fastData"] {
        let warning = format!("warning[phoenix::capacity::overcommitted] pool:{pool}");
        assert!(plan.stdout.contains(&warning), "{plan:#?}");
    }
    scenario.write("empty.json", "{}");
    let run = scenario.run("validate empty.json").expect_code(0);
    assert!(run.stdout.contains("phoenix::pool::none"), "{run:#?}");
}

#[test]
fn graphs_of_the_example_are_stable() {
    let scenario = Scenario::with_config(EXAMPLE);
    let run = |format| {
        scenario
            .run(&format!("apply --graph={format}"))
            .expect_code(0)
            .stdout
    };
    snapbox::assert_data_eq!(run("tree"), snapbox::file!["seed/graph.tree.txt"]);
    snapbox::assert_data_eq!(run("dot"), snapbox::file!["seed/graph.dot"].raw());
    snapbox::assert_data_eq!(run("mermaid"), snapbox::file!["seed/graph.mmd"].raw());
}

/// The lab holds real OpenZFS to the same rows (lab/tests/e2e/plan.rs): name, recordsize,
/// compression, sync, quota.
#[test]
fn the_completed_plan_ends_as_it_does_on_real_zfs() {
    let rows = include_str!("../../../../lab/quickos-fastdata.tsv");
    let scenario = Scenario::with_config(EXAMPLE);
    scenario
        .run("apply --yes --host sim:host.json")
        .expect_code(0);
    let host = scenario.host("host.json");
    let mut compared = 0;
    for row in rows.lines() {
        let (dataset, wanted) = row.split_once('\t').unwrap();
        let argv = "zfs get -Hp -o name,property,value,source recordsize,compression,sync,quota";
        let argv = argv.split(' ').chain([dataset]).map(str::to_owned);
        let answer = run_argv(&host, &Vec::from_iter(argv));
        let values = answer
            .stdout
            .lines()
            .map(|line| line.split('\t').nth(2).unwrap());
        assert_eq!(Vec::from_iter(values).join("\t"), wanted, "{dataset}");
        compared += 1;
    }
    // Every dataset of the plan is compared.
    assert_eq!(host.state().datasets.len(), 2 + compared);
}
