//! The main job: a storage file goes in, a finished hypervisor comes out; run again, nothing
//! happens.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use phoenix::sim::{Fault, FaultKind};
use serde_json::Value;

use crate::scenario::{EXAMPLE, Run, Scenario};

const APPLY: &str = "apply --yes --host sim:host.json";

/// The addresses with an outcome in a stream of events.
fn outcomes(events: &[Value], outcome: &str) -> Vec<String> {
    let finished = events
        .iter()
        .filter(|event| event["type"] == "step_finished");
    let wanted = finished.filter(|event| event["outcome"] == outcome);
    wanted
        .map(|event| event["id"].as_str().unwrap().to_owned())
        .collect()
}

fn summary(run: &Run) -> Value {
    run.json_lines().pop().unwrap()["summary"].clone()
}

#[test]
fn the_example_is_applied_once_and_then_there_is_nothing_to_do() {
    let scenario = Scenario::with_config(EXAMPLE);
    let planned = scenario
        .run("plan --host sim:host.json --format json")
        .expect_code(0)
        .json();
    let planned = planned["summary"]["create"].as_u64().unwrap();
    assert!(planned > 20, "{planned}");

    let first = scenario.run(APPLY).expect_code(0);
    assert!(
        first
            .stdout
            .contains(&format!("Applied: {planned} changed")),
        "{first:#?}"
    );
    for id in [
        "pool:quickOS",
        "pool:fastData",
        "dataset:fastData/shared-iso",
        "host:arc",
    ] {
        assert!(first.stderr.contains(id), "{id}: {first:#?}");
    }

    let state = scenario.read("host.json");
    let second = scenario.run(APPLY).expect_code(0);
    assert!(
        second
            .stdout
            .contains("No changes. The host matches the file."),
        "{second:#?}"
    );
    assert_eq!(
        scenario.read("host.json"),
        state,
        "a run with nothing to do wrote to the host"
    );
    scenario.run("status --host sim:host.json").expect_code(0);
    scenario
        .run("plan --host sim:host.json --detailed-exitcode")
        .expect_code(0);
}

#[test]
fn one_changed_quota_is_one_step() {
    let scenario = Scenario::with_config(EXAMPLE);
    scenario.run(APPLY).expect_code(0);
    let changed = EXAMPLE.replacen("\"800G\"", "\"790G\"", 1);
    assert_ne!(changed, EXAMPLE);
    scenario.write("phoenix_hypervisor_config.json", &changed);

    let run = scenario
        .run("plan --host sim:host.json --detailed-exitcode")
        .expect_code(2);
    assert!(run.stdout.contains("1 to change"), "{run:#?}");
    let run = scenario.run("status --host sim:host.json").expect_code(2);
    assert!(
        run.stdout
            .contains("differs  dataset:quickOS/vm-disks  quota"),
        "{run:#?}"
    );

    let run = scenario
        .run("apply --yes --host sim:host.json --format json")
        .expect_code(0);
    let events = run.json_lines();
    assert_eq!(outcomes(&events, "changed"), ["dataset:quickOS/vm-disks"]);
    let commands: Vec<_> = events
        .iter()
        .filter(|event| event["type"] == "step_command")
        .collect();
    assert_eq!(commands.len(), 1, "{commands:#?}");
    assert_eq!(
        commands[0]["argv"],
        serde_json::json!(["zfs", "set", "quota=848256040960", "quickOS/vm-disks"])
    );
}

#[test]
fn a_failing_step_blocks_its_dependents_and_nothing_else() {
    let scenario = Scenario::with_config(EXAMPLE);
    let fault = Fault {
        pattern: "zfs create*quickOS/shared-prod-data".to_owned(),
        nth: 1,
        kind: FaultKind::Fail,
    };
    scenario.host("host.json").add_fault(fault).unwrap();

    let run = scenario
        .run("apply --yes --host sim:host.json --format json")
        .expect_code(1);
    let events = run.json_lines();
    let failed = outcomes(&events, "failed");
    assert_eq!(failed.len(), 1, "{run:#?}");
    assert!(
        failed[0].starts_with("dataset:quickOS/shared-prod-data"),
        "{failed:?}"
    );
    let blocked = events.iter().filter(|event| event["outcome"] == "blocked");
    for event in blocked.clone() {
        assert_eq!(
            event["blocked_by"],
            serde_json::json!([failed[0]]),
            "{event}"
        );
    }
    assert!(blocked.count() >= 3, "{run:#?}");
    let changed = outcomes(&events, "changed");
    for id in [
        "dataset:fastData/shared-bulk-data",
        "storage:fastData-shared-iso",
    ] {
        assert!(
            changed.iter().any(|changed| changed == id),
            "{id}: {changed:?}"
        );
    }

    let again = scenario
        .run("apply --yes --host sim:host.json --format json")
        .expect_code(0);
    assert_eq!(summary(&again)["failed"], 0);
    assert_ne!(summary(&again)["changed"], 0);
    scenario.run("status --host sim:host.json").expect_code(0);
}

#[test]
fn a_failure_is_told_with_the_tools_own_words() {
    let scenario = Scenario::with_config(EXAMPLE);
    let fault = Fault {
        pattern: "zpool create*fastData *".to_owned(),
        nth: 1,
        kind: FaultKind::Fail,
    };
    scenario.host("host.json").add_fault(fault).unwrap();
    let run = scenario.run(APPLY).expect_code(1);
    let file = "phoenix_hypervisor_config.json";
    // The object's brace stands on the line before its name, so the lines before the name count it.
    let before = EXAMPLE.split("\"name\": \"fastData\"").next().unwrap();
    let line = before.matches('\n').count();
    let place = format!("failed pool:fastData, which {file}:{line}:");
    assert!(run.stdout.contains(&place), "{place}: {run:#?}");
    assert!(
        run.stdout.contains("blocked by pool:fastData:\n"),
        "{run:#?}"
    );
    assert!(run.stderr.contains("failed  pool:fastData: "), "{run:#?}");
    assert!(
        run.stderr
            .contains("blocked  dataset:fastData/shared-iso by pool:fastData"),
        "{run:#?}"
    );
}

#[test]
fn a_saved_plan_is_applied_as_it_is_or_not_at_all() {
    let scenario = Scenario::with_config(EXAMPLE);
    scenario
        .run("plan --host sim:host.json --out plan.json")
        .expect_code(0);
    let mode = std::fs::metadata(scenario.path("plan.json"))
        .unwrap()
        .permissions();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777,
        0o600
    );
    scenario
        .run("apply plan.json --host sim:host.json --target host:arc")
        .expect_code(64);
    scenario
        .run("apply plan.json --host sim:host.json")
        .expect_code(0);
    scenario.run("status --host sim:host.json").expect_code(0);

    let state = scenario.read("host.json");
    let stale = scenario
        .run("apply plan.json --host sim:host.json")
        .expect_code(6);
    assert!(stale.stderr.contains("stale"), "{stale:#?}");
    assert_eq!(scenario.read("host.json"), state);

    let forged = scenario
        .read("plan.json")
        .replacen("858993459200", "858993459201", 1);
    scenario.write("forged.json", forged);
    let run = scenario
        .run("apply forged.json --host sim:host.json")
        .expect_code(3);
    assert!(run.stderr.contains("error: "), "{run:#?}");
}

#[test]
fn a_dry_run_changes_nothing() {
    let scenario = Scenario::with_config(EXAMPLE);
    scenario
        .host("host.json")
        .add_signature("nvme0n1", "ext4")
        .unwrap();
    let state = scenario.read("host.json");
    for (args, env) in [
        ("--yes --dry-run", &[][..]),
        ("--dry-run --mode force-destructive", &[]),
        ("--yes", &[("PHOENIX_DRY_RUN", "true")][..]),
    ] {
        let run = scenario
            .run_with_env(&format!("apply --host sim:host.json {args}"), env)
            .expect_code(0);
        assert!(
            run.stderr.contains("nothing was changed"),
            "{args}: {run:#?}"
        );
        assert_eq!(scenario.read("host.json"), state, "{args}");
    }
    let env = [("PHOENIX_DRY_RUN", "false")];
    scenario
        .run_with_env(&format!("{APPLY} --mode force-destructive"), &env)
        .expect_code(0);
    assert_ne!(scenario.read("host.json"), state);
}

#[test]
fn a_run_leaves_a_journal_that_says_what_was_done() {
    let scenario = Scenario::with_config(EXAMPLE);
    scenario.run(APPLY).expect_code(0);
    let journals: Vec<_> = std::fs::read_dir(scenario.path("host.json.runs"))
        .unwrap()
        .collect();
    assert_eq!(journals.len(), 1);
    let text = std::fs::read_to_string(journals[0].as_ref().unwrap().path()).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.first().unwrap()["argv"][1], "apply");
    assert_eq!(lines.last().unwrap()["type"], "apply_finished");
    assert!(text.contains("[\"zpool\",\"create\""), "{text}");

    scenario
        .run("apply --yes --host sim:other.json --journal-dir elsewhere")
        .expect_code(0);
    assert!(scenario.path("elsewhere").is_dir());
    assert!(!scenario.path("other.json.runs").exists());
}

#[test]
fn one_run_at_a_time() {
    let scenario = Scenario::with_config(EXAMPLE);
    let path = scenario.path("host.json.lock");
    let lock = phoenix::host::store::RunLock::acquire(
        path.as_path().try_into().unwrap(),
        "phoenix apply (the other one)",
        std::time::Duration::ZERO,
    )
    .unwrap();
    let run = scenario
        .run(&format!("{APPLY} --lock-timeout 0s"))
        .expect_code(7);
    assert!(run.stderr.contains("the other one"), "{run:#?}");
    scenario.run("plan --host sim:host.json").expect_code(0);
    drop(lock);
    scenario.run(APPLY).expect_code(0);
}

#[test]
fn only_a_part_is_applied_when_only_a_part_is_wanted() {
    let scenario = Scenario::with_config(EXAMPLE);
    let target =
        "apply --yes --host sim:host.json --format json --target dataset:fastData/shared-iso";
    let events = scenario.run(target).expect_code(0).json_lines();
    assert_eq!(
        outcomes(&events, "changed"),
        ["pool:fastData", "dataset:fastData/shared-iso"]
    );
    let exclude = "apply --yes --host sim:host.json --format json --exclude pool:quickOS";
    let events = scenario.run(exclude).expect_code(0).json_lines();
    let touched = outcomes(&events, "changed");
    assert!(
        touched.iter().all(|id| !id.contains("quickOS")),
        "{touched:?}"
    );
    assert!(
        touched.contains(&"storage:fastData-shared-iso".to_owned()),
        "{touched:?}"
    );
}

#[test]
fn events_are_the_only_data_of_a_json_run() {
    let scenario = Scenario::with_config(EXAMPLE);
    let events = scenario
        .run(&format!("{APPLY} --format json"))
        .expect_code(0)
        .json_lines();
    assert_eq!(events.first().unwrap()["type"], "apply_start");
    let last = events.last().unwrap();
    assert_eq!(last["type"], "apply_finished");
    for key in ["changed", "unchanged", "failed", "blocked"] {
        assert!(last["summary"][key].is_u64(), "{key}: {last}");
    }
    let again = scenario
        .run(&format!("{APPLY} --format json"))
        .expect_code(0)
        .json_lines();
    assert_eq!(again.len(), 2, "{again:#?}");
}

#[test]
fn a_listener_that_goes_away_does_not_stop_an_apply() {
    let scenario = Scenario::with_config(EXAMPLE);
    for format in ["text", "json"] {
        let (code, stderr) = scenario.run_unread(&format!(
            "apply --yes --host sim:{format}.json --format {format}"
        ));
        assert_eq!(code, Some(0), "{format}: {stderr}");
        scenario
            .run(&format!("status --host sim:{format}.json"))
            .expect_code(0);
    }
}

/// The pipe is made so small that phoenix cannot end before its events are read; so the signal
/// always arrives in the middle, however fast the machine is.
#[test]
fn an_interrupted_run_ends_in_order_and_the_next_one_goes_on() {
    use rustix::process::Signal;

    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let scenario = Scenario::with_config(EXAMPLE);
        let (reader, writer) = std::io::pipe().unwrap();
        rustix::pipe::fcntl_setpipe_size(&writer, 4096).unwrap();
        let mut child = scenario
            .plain_command("apply --yes -j 1 --host sim:host.json --format json")
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut events = BufReader::new(reader).lines();
        assert!(events.next().unwrap().unwrap().contains("apply_start"));
        let process = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(process, signal).unwrap();
        let mut talk = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(talk.any(|line| line.unwrap().starts_with("Stopping: ")));

        let last: Value = serde_json::from_str(&events.last().unwrap().unwrap()).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{signal:?}");
        assert_eq!(last["type"], "apply_finished");
        assert_eq!(last["interrupted"], true);
        assert_ne!(last["summary"]["not_started"], 0);
        let journal = scenario
            .run("journal show --host sim:host.json")
            .expect_code(0);
        assert!(
            journal.stdout.contains("ended    interrupted\n"),
            "{journal:#?}"
        );
        scenario.run(APPLY).expect_code(0);
        scenario.run("status --host sim:host.json").expect_code(0);
    }
}
