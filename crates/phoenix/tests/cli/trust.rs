//! Run by root, phoenix believes root's own files only.

use std::os::unix::fs::{PermissionsExt, chown, symlink};

use crate::scenario::{EXAMPLE, Run, Scenario};

const NAME: &str = "phoenix_hypervisor_config.json";

/// Makes a file, or the directory that it is in, somebody else's.
type Give = fn(&Scenario);

const DOUBTFUL: [(&str, Give, &str); 7] = [
    (
        "of another user",
        |scenario| chown(scenario.path(NAME), Some(1000), None).unwrap(),
        "belongs to user 1000",
    ),
    (
        "that everybody writes",
        |scenario| set_mode(scenario, NAME, 0o646),
        "can be written by everybody",
    ),
    (
        "that a group writes",
        |scenario| {
            chown(scenario.path(NAME), None, Some(1000)).unwrap();
            set_mode(scenario, NAME, 0o664);
        },
        "can be written by group 1000",
    ),
    (
        "in another user's directory",
        |scenario| chown(scenario.path(""), Some(1000), None).unwrap(),
        "can be replaced",
    ),
    (
        "that a link in another user's directory leads to",
        |scenario| {
            std::fs::rename(scenario.path(NAME), scenario.path("real.json")).unwrap();
            symlink("real.json", scenario.path(NAME)).unwrap();
            chown(scenario.path(""), Some(1000), None).unwrap();
        },
        "can be replaced",
    ),
    (
        "that a link leads to through another user's directory",
        |scenario| {
            for (directory, owner) in [("theirs", 1000), ("ours", 0)] {
                std::fs::create_dir(scenario.path(directory)).unwrap();
                chown(scenario.path(directory), Some(owner), None).unwrap();
            }
            std::fs::rename(scenario.path(NAME), scenario.path("ours/real.json")).unwrap();
            symlink("../ours/real.json", scenario.path("theirs/link")).unwrap();
            symlink("theirs/link", scenario.path(NAME)).unwrap();
        },
        "/theirs belongs to user 1000",
    ),
    (
        "behind another user's link",
        |scenario| {
            std::fs::rename(scenario.path(NAME), scenario.path("real.json")).unwrap();
            symlink("real.json", scenario.path(NAME)).unwrap();
            std::os::unix::fs::lchown(scenario.path(NAME), Some(1000), None).unwrap();
        },
        "a link, belongs to user 1000",
    ),
];

fn set_mode(scenario: &Scenario, name: &str, mode: u32) {
    std::fs::set_permissions(scenario.path(name), PermissionsExt::from_mode(mode)).unwrap();
}

fn plan(scenario: &Scenario, file: &str) -> Run {
    scenario.run(&format!("plan {file} --host sim:host.json"))
}

#[test]
#[ignore = "needs root, who can give files away"]
fn a_file_that_nobody_named_is_roots_own_or_refused() {
    for (what, give, reason) in DOUBTFUL {
        let scenario = Scenario::with_config(EXAMPLE);
        plan(&scenario, "").expect_code(0);
        give(&scenario);
        for run in [
            plan(&scenario, ""),
            scenario.run("apply --yes --host sim:host.json"),
            scenario.run_with_env("status --host sim:host.json", &[("PHOENIX_CONFIG", NAME)]),
        ] {
            let run = run.expect_code(6);
            assert!(run.stderr.contains(reason), "{what}: {run:#?}");
        }
        // Named, it is taken, and told of.
        let named = plan(&scenario, NAME).expect_code(0);
        assert!(named.stderr.contains("warning: "), "{what}: {named:#?}");
        assert!(named.stderr.contains(reason), "{what}: {named:#?}");
        // Whoever only checks a file runs no risk.
        let checked = scenario.run("validate").expect_code(0);
        assert!(!checked.stderr.contains(reason), "{what}: {checked:#?}");
    }
}

#[test]
#[ignore = "needs root, who can give files away"]
fn a_second_file_and_a_saved_plan_are_told_of() {
    let scenario = Scenario::with_config(EXAMPLE);
    scenario.write("lxc.json", r#"{"lxc_configs": {}}"#);
    plan(&scenario, "--out saved.json").expect_code(0);
    for name in ["lxc.json", "saved.json"] {
        chown(scenario.path(name), Some(1000), None).unwrap();
    }
    for args in [
        "plan --lxc-config lxc.json --host sim:host.json",
        "apply saved.json --host sim:host.json",
    ] {
        let run = scenario.run(args).expect_code(0);
        assert!(run.stderr.contains("json belongs to user 1000"), "{run:#?}");
    }
}
