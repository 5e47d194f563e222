//! Disks that carry data: refused, asked about, or granted by name; never erased otherwise.

use std::io::Read as _;

use crate::person::{CTRL_C, CTRL_D, Person};
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
fn a_grant_for_no_disk_of_the_file_is_an_error_with_the_nearest_name() {
    let scenario = scenario();
    let typo = SERIAL.replace('C', "D");
    let run = scenario
        .run(&format!(
            "apply --yes --host sim:host.json --allow wipe:{typo}"
        ))
        .expect_code(64);
    assert!(
        run.stderr.contains(&format!("did you mean {SERIAL}?")),
        "{run:#?}"
    );
    assert!(is_intact(&scenario));
}

#[test]
fn force_destructive_grants_the_disks_of_the_file() {
    let scenario = scenario();
    let run = scenario.run("apply --yes --host sim:host.json --mode force-destructive");
    run.expect_code(0);
    assert!(!is_intact(&scenario));
}

/// What phoenix asks about the disk.
const QUESTION: &str = "Erase it? Only \"yes\" does: ";
/// What it asks about the plan.
const APPLY: &str = "Apply these changes? Only \"yes\" does: ";

#[test]
fn a_person_is_asked_about_each_disk_and_only_yes_is_a_yes() {
    for (to_the_disk, to_the_plan, code, intact) in [
        ("yes\n", Some("yes\n"), 0, false),
        ("\n", Some("yes\n"), 6, true),
        ("no\n", Some("yes\n"), 6, true),
        ("y\n", Some("yes\n"), 6, true),
        ("yes\n", Some("no\n"), 1, true),
        ("yes\n", Some("\n"), 1, true),
        ("yes\n", Some(CTRL_D), 1, true),
        (CTRL_D, Some(CTRL_D), 1, true),
    ] {
        let scenario = scenario();
        let mut person = Person::starts(&scenario, "apply --host sim:host.json --mode interactive");
        person.sees(QUESTION);
        person.types(to_the_disk);
        if let Some(answer) = to_the_plan {
            person.sees(APPLY);
            person.types(answer);
        }
        let (ended, screen) = person.waits();
        let said = format!("{to_the_disk:?} {to_the_plan:?}: {screen}");
        assert_eq!(ended, Some(code), "{said}");
        for part in [
            DISK,
            "Samsung SSD 990 PRO 4TB",
            "serial SIM4TC0003",
            "4.00 TB (3.64 TiB)",
            "on it: ext4",
        ] {
            assert!(screen.contains(part), "{part}: {said}");
        }
        assert_eq!(is_intact(&scenario), intact, "{said}");
    }
}

#[test]
fn each_disk_has_its_own_answer() {
    let scenario = scenario();
    let other = "nvme-Samsung_SSD_990_PRO_2TB_SIM2TA0001";
    scenario
        .host("host.json")
        .add_signature(other, "LVM2_member")
        .unwrap();
    let args = "apply --yes --host sim:host.json --mode interactive";
    let mut person = Person::starts(&scenario, args);
    for (disk, answer) in [(other, "no\n"), (DISK, "yes\n")] {
        person.sees(disk);
        person.sees(QUESTION);
        person.types(answer);
    }
    let (code, screen) = person.waits();
    assert_eq!(code, Some(6), "{screen}");
    assert!(!is_intact(&scenario), "{screen}");
    let state = scenario.host("host.json").state();
    assert!(!state.disks["nvme0n1"].signatures.is_empty(), "{screen}");
    assert_eq!(Vec::from_iter(state.pools.keys()), ["fastData"]);
}

/// phoenix is held up between two questions by a standard output that nobody reads, until the
/// terminal has taken what was typed too early.
#[test]
fn what_was_typed_before_a_question_is_no_answer_to_it() {
    let scenario = scenario();
    let (mut reader, writer) = std::io::pipe().unwrap();
    rustix::pipe::fcntl_setpipe_size(&writer, 4096).unwrap();
    let args = "apply --host sim:host.json --mode interactive";
    let mut person = Person::starts_as(&scenario, args, |command| command.stdout(writer));
    person.sees(QUESTION);
    person.types("yes\n");
    person.sees("yes\r\n");
    person.types("yes\n");
    person.sees("yes\r\n");
    let mut plan = Vec::new();
    let reading = std::thread::spawn(move || reader.read_to_end(&mut plan).map(|_| plan));
    person.sees(APPLY);
    person.types(CTRL_D);
    let (code, screen) = person.waits();
    assert_eq!(code, Some(1), "{screen}");
    assert!(is_intact(&scenario), "{screen}");
    assert!(
        reading.join().unwrap().unwrap().len() > 4096,
        "the plan fits into the pipe"
    );
}

#[test]
fn ctrl_c_at_a_question_ends_phoenix_with_nothing_done() {
    for questions in [0, 1] {
        let scenario = scenario();
        let before = scenario.read("host.json");
        let mut person = Person::starts(&scenario, "apply --host sim:host.json --mode interactive");
        for _ in 0..questions {
            person.sees(QUESTION);
            person.types("yes\n");
        }
        person.sees("Only \"yes\" does: ");
        person.types(CTRL_C);
        let (code, screen) = person.waits();
        assert_eq!(code, Some(130), "{screen}");
        assert!(screen.contains("nothing was changed"), "{screen}");
        assert_eq!(scenario.read("host.json"), before);
        scenario
            .run("apply --yes --host sim:host.json --lock-timeout 0s")
            .expect_code(6);
    }
}

#[test]
fn nobody_at_a_terminal_is_told_so_instead_of_being_asked() {
    let scenario = scenario();
    let before = scenario.read("host.json");
    for (args, input) in [
        ("--mode interactive --yes", ""),
        ("--mode interactive --yes", "yes\nyes\n"),
        ("--mode interactive", "yes\nyes\n"),
        ("", "yes\n"),
    ] {
        let args = format!("apply --host sim:host.json {args}");
        let run = scenario.run_with_input(&args, input).expect_code(64);
        assert!(run.stderr.contains("phoenix has no terminal"), "{run:#?}");
        assert!(run.stderr.contains("help: "), "{run:#?}");
        assert_eq!(scenario.read("host.json"), before);
    }
}

#[test]
fn nobody_is_asked_about_a_disk_in_use() {
    let disks = scenario()
        .run("disks --host sim:host.json --format json")
        .expect_code(0)
        .json();
    let disks = disks["disks"].as_array().unwrap();
    let used = disks
        .iter()
        .find(|disk| disk["uses"] != serde_json::json!([]))
        .unwrap();
    let path = used["path"].as_str().unwrap();
    let scenario = scenario();
    scenario.write(
        "phoenix_hypervisor_config.json",
        EXAMPLE.replace(&format!("/dev/disk/by-id/{DISK}"), path),
    );
    let args = "apply --yes --host sim:host.json --mode interactive";
    let (code, screen) = Person::starts(&scenario, args).waits();
    assert_eq!(code, Some(6), "{screen}");
    assert!(!screen.contains("Erase it?"), "{screen}");
    for mode in ["safe", "force-destructive"] {
        let args = format!("apply --yes --host sim:host.json --mode {mode} --allow wipe:{path}");
        scenario.run(&args).expect_code(6);
    }
}
