//! The health of drives: what is printed for whom, the history, saved outputs of smartctl, and what
//! a bad drive means to a plan.

use phoenix::sim::state::DriveHealth;
use phoenix::sim::{Fault, FaultKind};

use crate::scenario::{EXAMPLE, Run, Scenario};

const DISK: &str = "nvme-Samsung_SSD_990_PRO_4TB_SIM4TC0003";
const SERIAL: &str = "SIM4TC0003";
const HISTORY: &str = "host.json.nvme.jsonl";

/// A simulated host whose 4 TB drive is as `change` makes it, and the example as its file.
fn scenario(change: impl FnOnce(&mut DriveHealth)) -> Scenario {
    let scenario = Scenario::with_config(EXAMPLE);
    change_drive(&scenario, change);
    scenario
}

fn change_drive(scenario: &Scenario, change: impl FnOnce(&mut DriveHealth)) {
    scenario
        .host("host.json")
        .edit(|state| change(&mut state.disks.get_mut("nvme2n1").unwrap().health))
        .unwrap();
}

fn nvme(scenario: &Scenario, args: &str) -> Run {
    scenario.run(&format!("nvme --host sim:host.json {args}"))
}

/// A real drive's saved answer to smartctl, out of the tests of the crate that judges them.
fn capture(name: &str) -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    format!("{root}/../nvme/tests/fixtures/{name}.json")
}

#[test]
fn every_format_speaks_of_every_drive() {
    let scenario = scenario(|drive| drive.percentage_used = 104);
    let json = nvme(&scenario, "--format json").expect_code(0).json();
    assert_eq!(json["format"], 1);
    assert_eq!(json["status"], "critical");
    assert_eq!(json["drives"].as_array().unwrap().len(), 3);
    assert_eq!(json["drives"][2]["serial"], SERIAL);
    let text = nvme(&scenario, "").expect_code(0).stdout;
    for part in ["POOL", "nvme0n1", "nvme1n1", "104 %", "critical"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let metrics = nvme(&scenario, "--format prometheus").expect_code(0).stdout;
    let wear = format!("phoenix_nvme_wear_ratio{{drive=\"{SERIAL}\"}} 1.04\n");
    assert!(metrics.contains(&wear), "{metrics}");
    let picture = nvme(&scenario, "--format svg").expect_code(0).stdout;
    assert!(picture.starts_with("<svg"), "{picture}");
}

#[test]
fn drives_are_shown_by_the_pool_that_they_serve() {
    let scenario = Scenario::with_config(EXAMPLE);
    scenario
        .run("apply --yes --host sim:host.json")
        .expect_code(0);
    let json = nvme(&scenario, "--format json").expect_code(0).json();
    assert_eq!(json["pools"][1]["name"], "quickOS");
    let service = &json["drives"][2]["serves"][0];
    assert_eq!(
        (&service["pool"], &service["loss"]["kind"]),
        (&"fastData".into(), &"pool".into())
    );
}

#[test]
fn the_check_is_one_line_and_the_exit_code_of_a_monitoring_plugin() {
    type Change = fn(&mut DriveHealth);
    let cases: [(Change, i32, &str); 4] = [
        (|_| {}, 0, "NVME OK - 3 drives healthy |"),
        (
            |drive| drive.percentage_used = 85,
            1,
            "NVME WARNING - nvme2n1: 85 %",
        ),
        (
            |drive| drive.critical_warning = 8,
            2,
            "NVME CRITICAL - nvme2n1: ",
        ),
        (
            |drive| (drive.available_spare, drive.percentage_used) = (0, 0),
            3,
            "NVME UNKNOWN - nvme2n1: ",
        ),
    ];
    for (change, code, start) in cases {
        let scenario = scenario(change);
        let run = nvme(&scenario, "--check").expect_code(code);
        assert!(run.stdout.starts_with(start), "{run:#?}");
        assert_eq!(run.stdout.lines().count(), 1, "{run:#?}");
        assert_eq!(run.stderr, "", "{run:#?}");
        // Without --check the answer was given, whatever it is.
        nvme(&scenario, "").expect_code(0);
    }
}

#[test]
fn a_check_that_cannot_be_made_is_unknown() {
    let scenario = Scenario::empty();
    scenario.write("broken.json", "{");
    scenario.write("torn", "not a state");
    for args in [
        "nvme broken.json --host sim --check",
        "nvme missing.json --host sim --check",
        "nvme --host sim:torn --check",
        "nvme --host sim --check --record",
        "nvme --from missing --check",
        "nvme --from broken.json --check",
    ] {
        let run = scenario.run(args).expect_code(3);
        assert!(
            run.stdout.starts_with("NVME UNKNOWN - "),
            "{args}: {run:#?}"
        );
        assert_eq!(run.stdout.lines().count(), 1, "{args}: {run:#?}");
    }
}

#[test]
fn thresholds_and_firmware_come_from_the_file() {
    let config = r#"{"nvme": {"wear_warning_percent": 2, "wear_critical_percent": 200,
        "temperature_warning_celsius": 30, "firmware": {"Samsung SSD 990 PRO*": ">=9B2QJXD7"}}}"#;
    let with_file = Scenario::with_config(config);
    let json = with_file
        .run("nvme --host sim --format json")
        .expect_code(0)
        .json();
    let codes = |report: &serde_json::Value| {
        let findings = report["drives"][0]["findings"].as_array().unwrap();
        findings
            .iter()
            .map(|finding| finding["code"].to_string())
            .collect::<Vec<_>>()
    };
    let expected = [
        "\"wear-high\"",
        "\"temperature-high\"",
        "\"firmware-unexpected\"",
    ];
    assert_eq!(codes(&json), expected, "{json:#}");
    assert_eq!(json["status"], "warning");
    let without = Scenario::empty();
    let json = without
        .run("nvme --host sim --format json")
        .expect_code(0)
        .json();
    assert_eq!(codes(&json), [""; 0]);
    with_file.write("named.json", "{}");
    with_file
        .run("nvme named.json --host sim --check")
        .expect_code(0);
    without.run("nvme missing.json --host sim").expect_code(3);
}

#[test]
fn saved_outputs_are_judged_without_a_host() {
    let scenario = Scenario::empty();
    for (files, code, word) in [
        (&["captures/healthy-970-evo-plus"][..], 0, "healthy"),
        (
            &["captures/worn-micron-69", "captures/worn-out-mirror-a"],
            2,
            "130 %",
        ),
        (&["captures/failing-unreliable-pm9a1"], 2, "CRITICAL"),
        (&["lab/smartctl-nvme1n1"], 3, "no wear data"),
    ] {
        let files: Vec<String> = files.iter().map(|file| capture(file)).collect();
        let run = scenario.run(&format!("nvme --check --from {}", files.join(" ")));
        let run = run.expect_code(code);
        assert!(run.stdout.contains(word), "{run:#?}");
    }
    // A file is called by its name, namesakes by their paths.
    let files = ["a/drive.json", "b/drive.json", "d/c.json"];
    for (file, name) in
        files
            .iter()
            .zip(["worn-out-mirror-a", "worn-out-mirror-b", "healthy-p4510"])
    {
        let file = scenario.path(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::copy(capture(&format!("captures/{name}")), file).unwrap();
    }
    let run = scenario.run(&format!("nvme --format json --from {}", files.join(" ")));
    let names = |report: &serde_json::Value| {
        let drives = report["drives"].as_array().unwrap().iter();
        drives
            .map(|drive| drive["name"].to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(&run.expect_code(0).json()),
        ["\"a/drive.json\"", "\"b/drive.json\"", "\"c.json\""]
    );
    scenario.write("other.json", "{}");
    let run = scenario.run("nvme --from other.json").expect_code(1);
    assert!(run.stderr.contains("cannot judge other.json"), "{run:#?}");
    let run = scenario.run("nvme --from missing").expect_code(1);
    assert!(run.stderr.contains("there is no file missing"), "{run:#?}");
}

#[test]
fn arguments_that_contradict_each_other_are_wrong_usage() {
    let scenario = Scenario::empty();
    for args in [
        "nvme --from a --host sim",
        "nvme --from a --record",
        "nvme --from a --acknowledge nvme0n1",
        "nvme --from",
        "nvme --check --format json",
        "nvme --check --output a",
        "nvme --host sim --record",
        "nvme --host sim:host.json --acknowledge nvme9n1",
    ] {
        scenario.run(args).expect_code(64);
    }
}

#[test]
fn samples_are_kept_when_asked_for() {
    let scenario = scenario(|_| {});
    nvme(&scenario, "").expect_code(0);
    assert!(!scenario.path(HISTORY).exists());
    for runs in 1..=2 {
        nvme(&scenario, "--record").expect_code(0);
        assert_eq!(scenario.read(HISTORY).lines().count(), 3 * runs);
    }
    nvme(&scenario, "--record --history a/b/c.jsonl").expect_code(0);
    let lines = scenario.read("a/b/c.jsonl");
    assert!(
        lines.contains(&format!("\"serial\":\"{SERIAL}\"")),
        "{lines}"
    );
    // What is in the history counts: errors that were not there a moment ago are new.
    change_drive(&scenario, |drive| drive.media_errors = 7);
    let run = nvme(&scenario, "--check").expect_code(2);
    assert!(run.stdout.contains("the number grows"), "{run:#?}");
    nvme(&scenario, "--check --history a/b/none.jsonl").expect_code(1);
}

#[test]
fn accepted_media_errors_are_silent_until_there_are_more() {
    for name in ["nvme2n1", "/dev/nvme2n1", SERIAL] {
        let scenario = scenario(|drive| drive.media_errors = 7);
        nvme(&scenario, "--check").expect_code(1);
        let run = nvme(&scenario, &format!("--acknowledge {name}")).expect_code(0);
        assert_eq!(run.stderr, "Accepted: nvme2n1 has 7 media errors.\n");
        nvme(&scenario, "--check").expect_code(0);
        change_drive(&scenario, |drive| drive.media_errors = 8);
        nvme(&scenario, "--check").expect_code(2);
    }
}

#[test]
fn the_answer_replaces_a_file() {
    let scenario = scenario(|_| {});
    scenario.write("drives.prom", "old");
    let args = "--record --format prometheus --output drives.prom --color always";
    let run = nvme(&scenario, args).expect_code(0);
    assert_eq!(run.stdout, "");
    let metrics = scenario.read("drives.prom");
    assert!(
        metrics.contains("phoenix_nvme_survey_timestamp_seconds"),
        "{metrics}"
    );
    nvme(&scenario, "--output drives.txt --color always").expect_code(0);
    assert!(!scenario.read("drives.txt").contains('\u{1b}'));
    nvme(&scenario, "--output no/such/place").expect_code(1);
}

#[test]
fn the_service_uses_flags_that_exist() {
    let root = env!("CARGO_MANIFEST_DIR");
    let unit = format!("{root}/../../packaging/systemd/phoenix-nvme.service");
    let unit = std::fs::read_to_string(unit).unwrap();
    let start = unit
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart=/usr/bin/phoenix "))
        .unwrap();
    let (args, output) = start.rsplit_once(' ').unwrap();
    let file = output.rsplit('/').next().unwrap();
    let scenario = scenario(|_| {});
    scenario
        .run(&format!("{args} {file} --host sim:host.json"))
        .expect_code(0);
    assert!(scenario.read(file).contains("phoenix_nvme_info"));
    assert_eq!(scenario.read(HISTORY).lines().count(), 3);
}

#[test]
fn a_new_pool_on_a_failing_drive_is_refused_and_the_rest_is_done() {
    for change in [
        (|drive| drive.percentage_used = 104) as fn(&mut DriveHealth),
        |drive| drive.critical_warning = 8,
        |drive| drive.firmware = "0B2QJXD7".to_owned(),
    ] {
        let scenario = scenario(change);
        let run = scenario
            .run("apply --yes --host sim:host.json")
            .expect_code(6);
        assert!(run.stdout.contains("refused pool:fastData"), "{run:#?}");
        assert!(run.stdout.contains("is not fit for a new pool"), "{run:#?}");
        assert!(
            run.stdout.contains(&format!("--allow failing:{SERIAL}")),
            "{run:#?}"
        );
        assert!(run.stderr.contains("created  pool:quickOS"), "{run:#?}");
        assert!(!run.stderr.contains("created  pool:fastData"), "{run:#?}");
    }
}

#[test]
fn the_refusal_is_overruled_by_the_name_of_the_drive_alone() {
    let other = "nvme-Samsung_SSD_990_PRO_2TB_SIM2TA0001";
    for (grant, code) in [
        (format!("--allow failing:{other}"), 6),
        (format!("--allow wipe:{DISK}"), 6),
        ("--mode force-destructive".to_owned(), 6),
        (format!("--allow failing:{DISK}"), 0),
        (format!("--allow failing:{SERIAL}"), 0),
        (format!("--allow failing:/dev/disk/by-id/{DISK}"), 0),
    ] {
        let scenario = scenario(|drive| drive.percentage_used = 104);
        let run = scenario.run(&format!("apply --yes --host sim:host.json {grant}"));
        let run = run.expect_code(code);
        let created = run.stderr.contains("created  pool:fastData");
        assert_eq!(created, code == 0, "{grant}: {run:#?}");
        if created {
            // The pool is there now: nothing is refused any more.
            scenario.run("status --host sim:host.json").expect_code(0);
        }
    }
}

#[test]
fn a_saved_plan_keeps_what_was_granted() {
    let scenario = scenario(|drive| drive.percentage_used = 104);
    scenario
        .run(&format!(
            "plan --host sim:host.json --allow failing:{SERIAL} --out plan.json"
        ))
        .expect_code(0);
    // It wears on, and is no other drive for that.
    change_drive(&scenario, |drive| drive.percentage_used = 105);
    scenario
        .run("apply plan.json --yes --host sim:host.json")
        .expect_code(0);
}

#[test]
fn a_read_only_drive_is_told_whatever_pools_and_disk_tools_do() {
    let programs = [
        "zpool list",
        "zpool status",
        "zpool get",
        "wipefs",
        "lsblk",
        "find /dev/disk",
        "fwupdmgr",
        "nvme id-ctrl",
        "nvme id-ns",
    ];
    for program in programs {
        for kind in [FaultKind::Fail, FaultKind::Hang] {
            let scenario = Scenario::with_config(EXAMPLE);
            scenario
                .run("apply --yes --host sim:host.json")
                .expect_code(0);
            change_drive(&scenario, |drive| drive.critical_warning = 8);
            let host = scenario.host("host.json");
            for _ in 0..8 {
                host.add_fault(Fault {
                    pattern: format!("{program}*"),
                    nth: 1,
                    kind,
                })
                .unwrap();
            }
            let run = nvme(&scenario, "--check").expect_code(2);
            let expected = "read-only";
            assert!(
                run.stdout.contains(expected),
                "{program} {kind:?}: {run:#?}"
            );
            let told = run.stdout.contains("not fully known");
            let asks_for_pools =
                matches!(program, "zpool list" | "zpool status" | "find /dev/disk");
            assert_eq!(told, asks_for_pools, "{program} {kind:?}: {run:#?}");
        }
    }
}

#[test]
fn metrics_of_a_run_that_failed_replace_those_of_the_last_one() {
    let scenario = scenario(|_| {});
    let args = "--format prometheus --output drives.prom";
    nvme(&scenario, args).expect_code(0);
    let metrics = scenario.read("drives.prom");
    assert!(
        metrics.contains("phoenix_nvme_survey_success 1\n"),
        "{metrics}"
    );
    let fault = Fault {
        pattern: "find /sys/block*".to_owned(),
        nth: 1,
        kind: FaultKind::Hang,
    };
    scenario.host("host.json").add_fault(fault).unwrap();
    nvme(&scenario, args).expect_code(1);
    let metrics = scenario.read("drives.prom");
    assert!(
        metrics.contains("phoenix_nvme_survey_success 0\n"),
        "{metrics}"
    );
    assert!(
        metrics.contains("phoenix_nvme_survey_timestamp_seconds"),
        "{metrics}"
    );
    assert!(!metrics.contains("phoenix_nvme_wear_ratio"), "{metrics}");
}

#[test]
fn one_drive_is_shown_whole() {
    let scenario = scenario(|drive| drive.percentage_used = 85);
    for wanted in ["nvme2n1", "/dev/nvme2n1", SERIAL] {
        let run = nvme(&scenario, wanted).expect_code(0);
        for part in [
            SERIAL,
            "85 % of the rated endurance",
            "4.00 TB",
            "hours on",
            "self-test",
            "used up",
            "no pool",
        ] {
            assert!(run.stdout.contains(part), "{part}: {run:#?}");
        }
        assert!(!run.stdout.contains("nvme0n1"), "{run:#?}");
    }
    nvme(&scenario, "nvme9n1").expect_code(64);
}

#[test]
fn one_bad_file_of_many_hides_no_drive() {
    let scenario = Scenario::empty();
    scenario.write("bad.json", "{");
    let nvme_cli = r#"{"critical_warning":8,"temperature":313,"avail_spare":100,"spare_thresh":10,"percent_used":4}"#;
    scenario.write("cli.json", format!("\u{feff}{nvme_cli}"));
    scenario.write(
        "line.json",
        format!("sudo: unable to resolve host x\n{nvme_cli}"),
    );
    let healthy = capture("captures/healthy-970-evo-plus");
    let files = format!("bad.json cli.json line.json {healthy}");
    let run = scenario
        .run(&format!("nvme --format json --from {files}"))
        .expect_code(1);
    assert!(run.stderr.contains("cannot judge bad.json"), "{run:#?}");
    let report = run.json();
    let status = |name: &str| {
        let drives = report["drives"].as_array().unwrap().iter();
        let drive = drives.clone().find(|it| it["name"] == name);
        drive.map(|it| it["status"].clone()).unwrap_or_default()
    };
    assert_eq!(status("bad.json"), "unknown");
    assert_eq!(status("cli.json"), "critical");
    assert_eq!(status("line.json"), "critical");
    assert_eq!(status("healthy-970-evo-plus.json"), "ok");
    scenario
        .run(&format!("nvme --check --from {files}"))
        .expect_code(2);
}
