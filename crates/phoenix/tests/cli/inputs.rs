//! Files of every kind, most of them hostile: a clear error, an exit code of the table, no panic,
//! no change.

use std::fs::File;

use crate::scenario::{EXAMPLE, Scenario};

/// Validates bytes and returns standard output; the file must be refused.
#[track_caller]
fn refused(bytes: &[u8]) -> String {
    let scenario = Scenario::empty();
    scenario.write("a.json", bytes);
    let run = scenario.run("validate a.json").expect_code(3);
    // Nothing that refuses to validate may be applied.
    let apply = scenario
        .run("apply a.json --yes --host sim:host.json")
        .expect_code(3);
    assert!(apply.stderr.contains("error"), "{apply:#?}");
    assert!(
        !scenario.path("host.json").exists(),
        "a host was opened for an invalid file"
    );
    run.stdout
}

#[test]
fn broken_files_are_refused_with_a_code() {
    let deep = "[".repeat(200_000);
    let wrong_types = br#"{"zfs":{"pools":7,"datasets":[1,"x",null,{}],"arc_max":[]},
        "nfs":"x","bind_mounts":{},"nvme":3}"#;
    for (name, bytes, code) in [
        ("empty", &b""[..], "phoenix::syntax::json"),
        ("blank", b" \n", "phoenix::syntax::json"),
        ("binary", b"\x00\x01\xff\xfe", "phoenix::syntax::"),
        (
            "not UTF-8",
            b"{\"zfs\": \"\xff\"}",
            "phoenix::syntax::encoding",
        ),
        (
            "cut in half",
            b"{\"zfs\": {\"pools\": [",
            "phoenix::syntax::json",
        ),
        ("two documents", b"{} {}", "phoenix::syntax::json"),
        ("deep", deep.as_bytes(), "phoenix::syntax::json"),
        ("no object", b"[]", "phoenix::schema::wrong-type"),
        ("wrong types", wrong_types, "phoenix::schema::wrong-type"),
    ] {
        let stdout = refused(bytes);
        assert!(stdout.contains(code), "{name}: {stdout}");
    }
}

#[test]
fn a_file_of_300_megabytes_is_refused_without_being_read_whole() {
    let scenario = Scenario::empty();
    let file = File::create(scenario.path("huge.json")).unwrap();
    file.set_len(300 * 1024 * 1024).unwrap();
    let run = scenario.run("validate huge.json").expect_code(3);
    assert!(
        run.stdout.contains("phoenix::syntax::too-large"),
        "{run:#?}"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_the_reason() {
    let scenario = Scenario::empty();
    for (args, reason) in [
        (
            "validate missing.json",
            "cannot read missing.json: it does not exist",
        ),
        ("validate .", "cannot read .: it is a directory"),
        ("validate", "there is no configuration file"),
        (
            "plan --host sim missing.json",
            "cannot read missing.json: it does not exist",
        ),
        (
            "apply --host sim missing.json",
            "cannot read missing.json: it does not exist",
        ),
        (
            "status --host sim missing.json",
            "cannot read missing.json: it does not exist",
        ),
        (
            "apply --graph missing.json",
            "cannot read missing.json: it does not exist",
        ),
    ] {
        let run = scenario.run(args).expect_code(3);
        assert!(run.stderr.contains(reason), "{args}: {run:#?}");
        assert!(run.stderr.contains("help: "), "{args}: {run:#?}");
        assert_eq!(run.stdout, "", "{args}");
    }
}

/// Root may read everything, so the file is made unreadable in a way that holds for root as well.
#[test]
fn a_file_that_may_not_be_read_is_an_error() {
    let scenario = Scenario::empty();
    let run = scenario.run("validate /proc/self/mem").expect_code(3);
    assert!(
        run.stderr.contains("cannot read /proc/self/mem"),
        "{run:#?}"
    );
}

#[test]
fn the_file_is_found_in_the_documented_order() {
    let scenario = Scenario::with_config("{}");
    for (name, quota) in [
        ("argument.json", "1e1"),
        ("flag.json", "1e2"),
        ("env.json", "1e3"),
    ] {
        scenario.write(
            name,
            format!(
                r#"{{"zfs":{{"pools":[{{"name":"tank"}}],
                    "datasets":[{{"pool":"tank","name":"a","properties":{{"quota":"{quota}"}}}}]}}}}"#
            ),
        );
    }
    let env = [
        ("PHOENIX_CONFIG", "env.json"),
        ("HYPERVISOR_CONFIG_FILE", "flag.json"),
    ];
    for (args, env, file) in [
        ("validate argument.json", &env[..], "argument.json"),
        ("validate --config flag.json", &env[..], "flag.json"),
        ("validate", &env[..], "env.json"),
        ("validate", &env[1..], "flag.json"),
    ] {
        let run = scenario.run_with_env(args, env).expect_code(3);
        assert!(run.stdout.contains(file), "{args}: {run:#?}");
    }
    let run = scenario.run("validate").expect_code(0);
    assert!(
        run.stdout.contains("phoenix_hypervisor_config.json"),
        "{run:#?}"
    );
    let run = scenario.run_with_input("validate -", "{").expect_code(3);
    assert!(run.stdout.contains("<stdin>"), "{run:#?}");
    scenario
        .run("validate argument.json --config flag.json")
        .expect_code(64);
}

#[test]
fn a_thousand_problems_are_all_told_and_the_first_ones_drawn() {
    let dataset = |number| format!(r#"{{"pool":"nowhere","name":"d{number}"}}"#);
    let datasets = Vec::from_iter((0..1000).map(dataset)).join(",\n");
    let scenario = Scenario::with_config(&format!(
        r#"{{"zfs":{{"pools":[{{"name":"tank"}}],"datasets":[{datasets}]}}}}"#
    ));
    let run = scenario.run("validate").expect_code(3);
    for number in [0, 50, 500, 999] {
        assert!(
            run.stdout.contains(&format!("nowhere/d{number}\"")),
            "{number}"
        );
    }
    let drawn = run.stdout.matches("╰────").count();
    assert_eq!(drawn, 100, "the others get a line each");
}

/// A file of somebody else's declares nothing, and nothing differs from the host.
#[test]
fn a_host_never_matches_a_file_that_declares_nothing() {
    let scenario = Scenario::with_config(EXAMPLE);
    scenario
        .run("plan --host sim:host.json --out saved.json")
        .expect_code(0);
    for (name, text, code) in [
        ("empty.json", "{}", 3),
        ("package.json", r#"{"name": "x", "version": "1.0.0"}"#, 3),
        ("misnamed.json", r#"{"exports": [], "mounts": []}"#, 3),
        ("no-pools.json", r#"{"zfs": {"pools": []}}"#, 0),
        ("saved.json", "", 3),
    ] {
        if !text.is_empty() {
            scenario.write(name, text);
        }
        let run = scenario
            .run(&format!("status {name} --host sim:host.json"))
            .expect_code(code);
        assert!(!run.stdout.contains("matches"), "{name}: {run:#?}");
        let plan = scenario.run(&format!("plan {name} --host sim:host.json"));
        assert!(!plan.stdout.contains("matches"), "{name}: {plan:#?}");
    }
}

#[test]
fn what_of_a_file_is_left_to_others_is_told() {
    let scenario = Scenario::empty();
    let file = r#"{"zfs": {"arc_max": "1G", "pools": []}, "users": [], "exports\n": []}"#;
    scenario.write("mine.json", file);
    scenario
        .run("apply mine.json --yes --host sim:host.json")
        .expect_code(0);
    let status = scenario
        .run("status mine.json --host sim:host.json")
        .expect_code(0);
    assert_eq!(
        status.stdout,
        "pve-sim: the host matches the file.\nNot read: exports\\n, users.\n"
    );
    let plan = scenario
        .run("plan mine.json --host sim:host.json")
        .expect_code(0);
    assert!(
        plan.stdout
            .ends_with("No changes. The host matches the file.\nNot read: exports\\n, users.\n"),
        "{plan:#?}"
    );
}

const SOUND: &str = r#"{"zfs": {"arc_max": "1G",
  "pools": [{"name": "tank", "raid_level": "single", "disks": ["nvme-x"]}]}}"#;
const WARNED: &str = r#"{"zfs": {"arc_max": "1G", "pools": []}}"#;
const WRONG: &str = r#"{"zfs": {
  "pools": [{"name": "ta,nk", "raid_level": "single", "disks": ["nvme-x"]}]}}"#;

#[test]
fn many_files_are_checked_in_one_run() {
    let scenario = Scenario::empty();
    for (name, text) in [("a.json", SOUND), ("b.json", WRONG), ("c.json", WARNED)] {
        scenario.write(name, text);
    }
    let run = scenario
        .run("validate a.json b.json missing.json c.json")
        .expect_code(3);
    for said in [
        "a.json is valid.",
        "b.json is invalid: 1 error",
        "c.json is valid, with 1 warning",
    ] {
        assert!(run.stdout.contains(said), "{said}: {run:#?}");
    }
    assert!(run.stderr.contains("missing.json"), "{run:#?}");
    let json = scenario
        .run("validate --format json a.json b.json c.json")
        .expect_code(3)
        .json();
    assert_eq!(
        (&json["error_count"], &json["warning_count"]),
        (&1.into(), &1.into())
    );
    scenario
        .run("validate a.json b.json --lxc-config c.json")
        .expect_code(64);
}

#[test]
fn a_build_may_want_no_warnings() {
    let scenario = Scenario::empty();
    for (name, text, code) in [("sound.json", SOUND, 0), ("warned.json", WARNED, 3)] {
        scenario.write(name, text);
        for command in [
            "validate",
            "plan --host sim:h.json",
            "apply --yes --host sim:h.json",
        ] {
            let run = scenario.run(&format!("{command} {name} --deny-warnings"));
            let is_refused = run.code == 3;
            assert_eq!(is_refused, code == 3, "{command}: {run:#?}");
            let said = format!("{}{}", run.stdout, run.stderr);
            assert_eq!(
                said.contains("with 1 warning"),
                is_refused,
                "{command}: {run:#?}"
            );
        }
        scenario.run(&format!("validate {name}")).expect_code(0);
    }
}

#[test]
fn what_is_wrong_comes_in_the_forms_of_continuous_integration() {
    let scenario = Scenario::empty();
    scenario.write("a,b.json", WRONG);
    let run = scenario
        .run("validate a,b.json --format github")
        .expect_code(3);
    let line = run.stdout.lines().next().unwrap_or_default();
    assert!(
        line.starts_with(
            "::error file=a%2Cb.json,line=2,col=22,title=phoenix%3A%3Apool%3A%3Ainvalid-name::the pool name"
        ),
        "{line}"
    );
    assert_eq!(run.stdout.lines().count(), 1, "{run:#?}");
    let log = scenario
        .run("validate a,b.json --format sarif")
        .expect_code(3)
        .json();
    let result = &log["runs"][0]["results"][0];
    assert_eq!(log["version"], "2.1.0");
    assert_eq!(result["level"], "error");
    assert_eq!(result["ruleId"], "phoenix::pool::invalid-name");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a,b.json");
    assert_eq!(place["region"]["startLine"], 2);
    assert_eq!(
        log["runs"][0]["tool"]["driver"]["rules"][0]["id"],
        result["ruleId"]
    );
}
