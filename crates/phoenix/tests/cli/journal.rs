//! `phoenix journal`: runs are listed and told, also those that were cut off or damaged.

use std::path::PathBuf;

use phoenix::sim::{Fault, FaultKind};
use serde_json::json;

use crate::scenario::{EXAMPLE, Scenario};

const APPLY: &str = "apply --yes --host sim:host.json";
const LIST: &str = "journal --host sim:host.json";
const SHOW: &str = "journal show --host sim:host.json";

/// A host with two runs: one with a failed dataset, and the one that mended it.
fn scenario() -> Scenario {
    let scenario = Scenario::with_config(EXAMPLE);
    let fault = Fault {
        pattern: "zfs create*quickOS/shared-prod-data".to_owned(),
        nth: 1,
        kind: FaultKind::Fail,
    };
    scenario.host("host.json").add_fault(fault).unwrap();
    scenario.run(APPLY).expect_code(1);
    scenario.run(APPLY).expect_code(0);
    scenario
}

/// The journals, oldest first.
fn journals(scenario: &Scenario) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(scenario.path("host.json.runs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

fn name(path: &std::path::Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn runs_are_listed_oldest_first() {
    let scenario = scenario();
    let run = scenario.run(LIST).expect_code(0);
    let lines: Vec<Vec<&str>> = run
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let files = journals(&scenario);
    assert_eq!(lines.len(), 3, "{run:#?}");
    assert_eq!(
        (lines[1][0], lines[1][3]),
        (name(&files[0]).as_str(), "failed")
    );
    assert_eq!(
        (lines[2][0], lines[2][3]),
        (name(&files[1]).as_str(), "done")
    );

    let listed = scenario
        .run(&format!("{LIST} --format json"))
        .expect_code(0)
        .json();
    assert_eq!(listed["unreadable"], json!([]));
    let runs = listed["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[0]["ending"], "failed");
    assert_eq!(runs[0]["summary"]["failed"], 1);
    assert_eq!(runs[1]["argv"][1], "apply");
    assert_eq!(runs[1]["run"], name(&files[1]));
    assert!(runs[1].get("steps").is_none());
}

#[test]
fn a_run_is_shown_object_by_object_with_every_command() {
    let scenario = scenario();
    let files = journals(&scenario);
    let failed = scenario
        .run(&format!("{SHOW} {}", name(&files[0])))
        .expect_code(0);
    for part in [
        "ended    failed\n",
        "command  ",
        "dataset:quickOS/shared-prod-data  failed, 0.",
        "  ran zfs create ",
        "(exit code 1, ",
        "  | simulated failure\n",
        "permissions:quickOS/shared-prod-data  blocked by dataset:quickOS/shared-prod-data\n",
        "pool:quickOS  changed, 0.",
        " 1 failed, ",
    ] {
        assert!(failed.stdout.contains(part), "{part}: {failed:#?}");
    }
    let last = scenario.run(SHOW).expect_code(0);
    assert!(last.stdout.contains("ended    done\n"), "{last:#?}");
    assert_eq!(last.stdout, scenario.run(&format!("{SHOW} last")).stdout);

    let shown = scenario
        .run(&format!("{SHOW} last --format json"))
        .expect_code(0)
        .json();
    let step = &shown["steps"][0];
    assert_eq!(step["id"], "dataset:quickOS/shared-prod-data");
    assert_eq!(step["outcome"], "changed");
    assert_eq!(step["commands"][0]["argv"][0], "zfs");
    assert_eq!(step["commands"][0]["code"], 0);
}

#[test]
fn a_run_is_found_by_the_start_of_its_name_or_plan() {
    let scenario = scenario();
    let files = journals(&scenario);
    let name = name(&files[0]);
    let plan = name.split('-').nth(1).unwrap();
    for wanted in [&name[..], &name[..19], plan] {
        let run = scenario.run(&format!("{SHOW} {wanted}")).expect_code(0);
        assert!(
            run.stdout.starts_with(&format!("run      {name}\n")),
            "{run:#?}"
        );
    }
    let several = scenario.run(&format!("{SHOW} 2")).expect_code(64);
    assert!(several.stderr.contains(" or "), "{several:#?}");
    let none = scenario.run(&format!("{SHOW} nonsense")).expect_code(1);
    assert!(none.stderr.contains("no run nonsense"), "{none:#?}");
}

#[test]
fn a_run_that_was_cut_off_is_told_as_far_as_it_got() {
    let scenario = scenario();
    let path = journals(&scenario).pop().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let until = text.find("\"step_finished\"").unwrap();
    std::fs::write(&path, &text[..until]).unwrap();
    let run = scenario.run(SHOW).expect_code(0);
    assert!(run.stdout.contains("ended    unfinished: "), "{run:#?}");
    assert!(
        run.stdout.contains("  begun, and the journal does not say"),
        "{run:#?}"
    );
    assert!(run.stdout.contains("  ran zfs create "), "{run:#?}");
    assert!(
        run.stderr.contains("the last line of host.json.runs/"),
        "{run:#?}"
    );
    let shown = scenario.run(&format!("{SHOW} --format json")).json();
    assert_eq!(shown["ending"], "unfinished");
    assert_eq!(shown["torn"], true);
    assert_eq!(shown["steps"][0]["outcome"], json!(null));
}

#[test]
fn damaged_journals_are_named_and_the_others_are_shown() {
    let scenario = scenario();
    let files = journals(&scenario);
    let text = std::fs::read_to_string(&files[1]).unwrap();
    let damaged = text.replacen("{\"type\":\"step_start\"", "\u{0}garbage", 1);
    assert_ne!(damaged, text);
    std::fs::write(&files[1], damaged).unwrap();
    let run = scenario.run(SHOW).expect_code(0);
    assert!(run.stdout.contains("ended    done\n"), "{run:#?}");
    assert!(run.stderr.contains("warning: line 3 of "), "{run:#?}");

    std::fs::write(&files[0], "garbage\n").unwrap();
    let run = scenario.run(LIST).expect_code(0);
    assert_eq!(run.stdout.lines().count(), 2, "{run:#?}");
    assert!(
        run.stderr.contains("is left out: its first line is not"),
        "{run:#?}"
    );
    let run = scenario
        .run(&format!("{SHOW} {}", name(&files[0])))
        .expect_code(1);
    assert!(run.stderr.contains("error: cannot understand "), "{run:#?}");
}

#[test]
fn where_nothing_ran_nothing_is_listed_and_nothing_is_made() {
    let scenario = Scenario::empty();
    let run = scenario.run("journal --host sim:none.json").expect_code(0);
    assert!(
        run.stdout.starts_with("There are no journals in "),
        "{run:#?}"
    );
    scenario
        .run("journal show --host sim:none.json")
        .expect_code(1);
    assert!(!scenario.path("none.json").exists());
    scenario.run("journal --host sim").expect_code(64);
    scenario.write("file", "");
    let run = scenario.run("journal --journal-dir file").expect_code(1);
    assert!(
        run.stderr.contains("cannot read the journals in file: "),
        "{run:#?}"
    );
}

/// A host is not changed when nobody could say afterwards what was done to it.
#[test]
fn nothing_is_applied_without_a_journal() {
    let scenario = Scenario::with_config(EXAMPLE);
    scenario.run("plan --host sim:host.json").expect_code(0);
    let state = scenario.read("host.json");
    scenario.write("file", "");
    let run = scenario
        .run(&format!("{APPLY} --journal-dir file/runs"))
        .expect_code(1);
    assert!(
        run.stderr
            .contains("error: cannot write the journal file/runs: "),
        "{run:#?}"
    );
    assert!(
        run.stderr.contains("changes nothing without a journal"),
        "{run:#?}"
    );
    assert_eq!(scenario.read("host.json"), state);
}
