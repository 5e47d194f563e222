//! The contract with the orchestrator: its calls work as they are, and the lines of
//! docs/orchestrator.md do what the guide says, run by a real shell.

use std::fs::File;
use std::os::unix::process::CommandExt as _;

use snapbox::cmd::Command;

use crate::scenario::{BINARY, EXAMPLE, Run, Scenario};

const GUIDE: &str = include_str!("../../../../docs/orchestrator.md");

/// The code block of the guide with this word behind its language.
fn block(word: &str) -> &'static str {
    let fence = format!("```bash {word}\n");
    let (_, block) = GUIDE.split_once(&fence).unwrap();
    block.split_once("```").unwrap().0
}

/// Where the `phoenix` lies that scripts under test find on their PATH.
const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/orchestrator");

/// Runs lines of shell in the scenario's directory. The simulated host is `host.json`.
fn shell(scenario: &Scenario, lines: &str, input: &str) -> Run {
    scenario.write("lines.sh", lines);
    let command = Command::new("/bin/bash")
        .arg("lines.sh")
        .current_dir(scenario.path(""))
        .env_clear()
        .env("PATH", format!("{PROGRAMS}:/usr/bin:/bin"))
        .env("PHOENIX_UNDER_TEST", BINARY)
        .env("SIMULATED_HOST", scenario.path("host.json"))
        .stdin(input.as_bytes().to_vec());
    scenario.finish(command)
}

/// What the scripts share and the guide uses.
const SHARED: &str = r#"
log_fatal() { echo "[FATAL] $1" >&2; exit 1; }
log_info() { echo "[INFO] $1" >&2; }
"#;

#[test]
fn the_old_calls_work_through_a_script_of_one_line() {
    for (calls, input) in [
        (
            "bash zfs.sh --config phoenix_hypervisor_config.json --mode safe",
            "",
        ),
        ("bash zfs.sh --config phoenix_hypervisor_config.json", ""),
        ("bash zfs.sh --config - --mode force-destructive", EXAMPLE),
        ("bash nfs.sh phoenix_hypervisor_config.json", ""),
        (
            "export HYPERVISOR_CONFIG_FILE=phoenix_hypervisor_config.json\nbash zfs.sh --mode safe",
            "",
        ),
    ] {
        let scenario = Scenario::with_config(EXAMPLE);
        for name in ["zfs.sh", "nfs.sh"] {
            scenario.write(name, block("script"));
        }
        shell(&scenario, calls, input).expect_code(0);
        let state = scenario.read("host.json");
        let again =
            shell(&scenario, "bash nfs.sh phoenix_hypervisor_config.json", "").expect_code(0);
        assert!(again.stdout.contains("No changes."), "{calls}: {again:#?}");
        assert_eq!(scenario.read("host.json"), state, "{calls}");
    }
}

#[test]
fn wrong_calls_are_failures_with_a_message() {
    let scenario = Scenario::with_config(EXAMPLE);
    scenario.write("zfs.sh", block("script"));
    scenario.write("broken.json", "{");
    for (call, says) in [
        ("--mode careless", "careless"),
        ("--nonsense", "--nonsense"),
        ("--config missing.json", "missing.json"),
        ("--config broken.json", "broken.json"),
    ] {
        let run = shell(&scenario, &format!("bash zfs.sh {call}"), "");
        assert_ne!(run.code, 0, "{call}: {run:#?}");
        assert!(run.stderr.contains(says), "{call}: {run:#?}");
    }
    assert!(!scenario.path("host.json").exists());
}

/// The function of the guide in the place that the guide shows, with what runs before and after it.
fn orchestrator(mode: &str) -> String {
    let function = block("function");
    format!(
        "set -e\nHYPERVISOR_CONFIG_FILE=phoenix_hypervisor_config.json\nmode={mode}\n{SHARED}{function}\n\
         log_info \"Hypervisor configuration validated successfully.\"\n\
         setup_storage \"$HYPERVISOR_CONFIG_FILE\" \"$mode\" || log_fatal \"Storage setup failed.\"\n\
         log_info \"Executing hypervisor setup feature scripts...\"\n"
    )
}

#[test]
fn the_guide_calls_setup_storage_as_its_test_does() {
    let call = "setup_storage \"$HYPERVISOR_CONFIG_FILE\" \"$mode\" || log_fatal \"Storage setup failed.\"";
    assert!(GUIDE.contains(&format!("+    {call}\n")));
    assert!(orchestrator("safe").contains(&format!("\n{call}\n")));
}

#[test]
fn the_orchestrator_goes_on_after_a_setup_and_stops_after_a_failure() {
    let scenario = Scenario::with_config(EXAMPLE);
    let run = shell(&scenario, &orchestrator("safe"), "").expect_code(0);
    assert!(run.stderr.contains("feature scripts"), "{run:#?}");

    for broken in [
        "{",
        r#"{"zfs": {"pools": [{"name": "tank", "raid_level": "raid7", "disks": []}]}}"#,
    ] {
        let scenario = Scenario::with_config(broken);
        let run = shell(&scenario, &orchestrator("safe"), "").expect_code(1);
        assert!(
            run.stderr.contains("[FATAL] Storage setup failed."),
            "{run:#?}"
        );
        assert!(!run.stderr.contains("feature scripts"), "{run:#?}");
        assert!(
            !scenario.path("host.json").exists(),
            "a broken file reached the host"
        );
    }

    let scenario = Scenario::with_config(EXAMPLE);
    scenario
        .host("host.json")
        .add_signature("nvme0n1", "ext4")
        .unwrap();
    let run = shell(&scenario, &orchestrator("safe"), "").expect_code(1);
    assert!(run.stdout.contains("ext4"), "{run:#?}");
    shell(&scenario, &orchestrator("force-destructive"), "").expect_code(0);
}

/// Section 7 of the plan: no pools, one warning, no ZFS, and everything else.
#[test]
fn a_file_without_pools_gets_one_warning_and_the_rest_is_set_up() {
    let scenario = Scenario::with_config(
        r#"{
            "zfs": {"pools": [], "datasets": [], "arc_max": "8G"},
            "nfs": {"exports": [{"path": "/srv", "clients": ["10.0.0.0/24"], "options": ["ro"]}]},
            "bind_mounts": [{"container": 101, "host_path": "/srv", "target": "/srv"}]
        }"#,
    );
    let run = shell(&scenario, &orchestrator("safe"), "").expect_code(0);
    let warned = run
        .stderr
        .lines()
        .filter(|line| line.contains("ZFS setup is skipped"));
    assert!(warned.count() >= 1, "{run:#?}");
    let validated = scenario.run("validate").expect_code(0);
    assert_eq!(
        validated.stdout.matches("phoenix::pool::none").count(),
        1,
        "{validated:#?}"
    );
    assert!(run.stderr.contains("feature scripts"), "{run:#?}");
    let state = scenario.host("host.json").state();
    assert!(state.pools.is_empty());
    assert_eq!(state.arc.parameter_max, 8 << 30);
    assert!(
        state
            .exports
            .unwrap()
            .iter()
            .any(|export| export.path == "/srv")
    );
    let container = &state.files[camino::Utf8Path::new("/etc/pve/lxc/101.conf")];
    assert!(
        format!("{container:?}").contains("mp0: /srv,mp=/srv"),
        "{container:?}"
    );
}

#[test]
fn the_log_file_gets_the_talk_and_the_caller_the_exit_code() {
    let scenario = Scenario::with_config(EXAMPLE);
    scenario
        .host("host.json")
        .add_signature("nvme0n1", "ext4")
        .unwrap();
    let lines = format!(
        "config=phoenix_hypervisor_config.json\nLOG_FILE=phoenix.log\n{}code=$?\nwait\nexit $code\n",
        block("log")
    );
    shell(&scenario, &lines, "").expect_code(6);
    let log = scenario.read("phoenix.log");
    assert!(log.contains("created  pool:fastData"), "{log}");
}

#[test]
fn a_dry_run_wins_over_every_mode() {
    let scenario = Scenario::with_config(EXAMPLE);
    scenario
        .host("host.json")
        .add_signature("nvme0n1", "ext4")
        .unwrap();
    let before = scenario.read("host.json");
    for mode in ["safe", "interactive", "force-destructive"] {
        let lines = format!("export PHOENIX_DRY_RUN=true\n{}", orchestrator(mode));
        let run = shell(&scenario, &lines, "").expect_code(0);
        assert!(
            run.stderr.contains("nothing was changed"),
            "{mode}: {run:#?}"
        );
        assert_eq!(scenario.read("host.json"), before, "{mode}");
    }
}

/// The binary is started as `/proc/self/fd/0`, because the user `nobody` need not be able to reach
/// the directory that it was built in.
#[test]
fn only_root_may_change_this_machine() {
    if !rustix::process::geteuid().is_root() {
        let scenario = Scenario::with_config(EXAMPLE);
        let run = scenario.run("apply --yes").expect_code(1);
        assert!(run.stderr.contains("must run as root"), "{run:#?}");
        return;
    }
    let nobody = |args: &str| {
        #[expect(
            clippy::disallowed_methods,
            reason = "starts the binary under test as another user, who may change nothing"
        )]
        let mut command = std::process::Command::new("/proc/self/fd/0");
        command
            .args(args.split_whitespace())
            .current_dir("/")
            .env_clear()
            .stdin(File::open(BINARY).unwrap())
            .uid(65534)
            .gid(65534);
        let output = command.output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), stderr)
    };
    for args in [
        "apply",
        "apply --yes --config /nonexistent",
        "apply --mode force-destructive",
    ] {
        let (code, stderr) = nobody(args);
        assert_eq!(code, Some(1), "{args}: {stderr}");
        assert!(stderr.contains("must run as root"), "{args}: {stderr}");
        assert!(stderr.contains("sudo"), "{args}: {stderr}");
    }
    for args in [
        "apply --dry-run --config /nonexistent",
        "apply --host sim --config /nonexistent",
    ] {
        let (code, stderr) = nobody(args);
        assert_eq!(code, Some(3), "{args}: {stderr}");
    }
}
