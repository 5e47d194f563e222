//! Disks that carry data: refused, asked about, or granted by name; never erased otherwise.

use crate::scenario::{EXAMPLE, Scenario};

const DISK: &str = "nvme-Samsung_SSD_990_PRO_4TB_SIM4TC0003";
const SERIAL: &str = "SIM4TC0003";

/// A host whose 4 TB drive carries a file system.
fn scenario() -> Scenario {
    let scenario = Scenario::with_config(EXAMPLE);
    scenario
        .host("host.json")
        .add_signature(DISK, "ext4")
        .unwrap();
    scenario
}

/// Whether the drive still carries what it carried.
fn is_intact(scenario: &Scenario) -> bool {
    let disks = scenario
        .run("disks --host sim:host.json --format json")
        .expect_code(0)
        .json();
    let disks = disks["disks"].as_array().unwrap();
    let disk = disks.iter().find(|disk| disk["serial"] == SERIAL).unwrap();
    disk["signatures"].to_string().contains("ext4")
}

#[test]
fn a_disk_with_data_is_refused_and_the_rest_is_done() {
    let scenario = scenario();
    let run = scenario
        .run("apply --yes --host sim:host.json")
        .expect_code(6);
    assert!(run.stdout.contains("refused pool:fastData"), "{run:#?}");
    assert!(run.stdout.contains("ext4"), "{run:#?}");
    assert!(run.stderr.contains("created  pool:quickOS"), "{run:#?}");
    assert!(is_intact(&scenario));
    let again = scenario
        .run("apply --yes --host sim:host.json")
        .expect_code(6);
    assert!(!again.stderr.contains("created"), "{again:#?}");
}

#[test]
fn a_grant_holds_for_the_named_disk_only() {
    let other = "nvme-Samsung_SSD_990_PRO_2TB_SIM2TA0001";
    for (grant, code) in [(other, 6), (DISK, 0)] {
        let scenario = scenario();
        let run = scenario.run(&format!(
            "apply --yes --host sim:host.json --allow wipe:{grant}"
        ));
        let run = run.expect_code(code);
        assert_eq!(is_intact(&scenario), code != 0, "{run:#?}");
    }
}

#[test]
fn force_destructive_grants_the_disks_of_the_file() {
    let scenario = scenario();
    let run = scenario.run("apply --yes --host sim:host.json --mode force-destructive");
    run.expect_code(0);
    assert!(!is_intact(&scenario));
}

#[test]
fn the_question_names_the_disk_and_only_its_serial_is_a_yes() {
    for (answers, code, intact) in [
        ("SIM4TC0003\nyes\n", 0, false),
        ("\nyes\n", 6, true),
        ("yes\nyes\n", 6, true),
        ("SIM4TC0003\nno\n", 1, true),
        ("SIM4TC0003\n", 1, true),
        ("", 1, true),
    ] {
        let scenario = scenario();
        let args = "apply --host sim:host.json --mode interactive";
        let run = scenario.run_with_input(args, answers).expect_code(code);
        for part in [DISK, "serial SIM4TC0003", "4.00 TB (3.64 TiB)", "ext4"] {
            assert!(run.stderr.contains(part), "{part}: {run:#?}");
        }
        assert_eq!(is_intact(&scenario), intact, "{answers:?}: {run:#?}");
    }
}

#[test]
fn nobody_is_asked_about_a_disk_in_use() {
    let example = EXAMPLE.replace(&format!("/dev/disk/by-id/{DISK}"), "/dev/disk/by-id/SYSTEM");
    let scenario = scenario();
    let disks = scenario
        .run("disks --host sim:host.json --format json")
        .expect_code(0)
        .json();
    let disks = disks["disks"].as_array().unwrap();
    let used = disks
        .iter()
        .find(|disk| disk["uses"] != serde_json::json!([]))
        .unwrap();
    let path = used["path"].as_str().unwrap();
    scenario.write(
        "phoenix_hypervisor_config.json",
        example.replace("/dev/disk/by-id/SYSTEM", path),
    );
    let args = "apply --host sim:host.json --mode interactive";
    let run = scenario.run_with_input(args, "yes\n").expect_code(6);
    assert!(!run.stderr.contains("to erase it"), "{run:#?}");
    for mode in ["safe", "force-destructive"] {
        let args = format!("apply --yes --host sim:host.json --mode {mode} --allow wipe:{path}");
        scenario.run(&args).expect_code(6);
    }
}
