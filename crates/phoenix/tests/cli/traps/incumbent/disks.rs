//! Bugs that cost disks, or hid that they were dying.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};

use phoenix::PlanOptions;
use phoenix::planner::Grants;
use phoenix::sim::SimHost;
use phoenix::sim::state::DriveHealth;

use super::{APPLY, DATA};
use crate::person::Person;
use crate::scenario::{EXAMPLE, Scenario};
use crate::traps::{DISK, apply, config, file, is_refused, note, plan, refusal, set_up, writes};

/// "Unknown raid_level silently makes an unredundant stripe"; only `mirror` and `RAIDZ1`, spelled
/// so, were known.
#[test]
fn bug_03_a_raid_level_is_obeyed_or_refused() {
    let file = |level: &str, disks: usize| {
        let disks: Vec<_> = (0..disks)
            .map(|n| format!("\"/dev/disk/by-id/nvme-D_S{n}\""))
            .collect();
        format!(
            r#"{{"zfs": {{"pools": [{{"name": "tank", "raid_level": "{level}", "disks": [{}]}}]}}}}"#,
            disks.join(",")
        )
    };
    let drives = ["nvme-D_S0", "nvme-D_S1", "nvme-D_S2", "nvme-D_S3"];
    let drives = drives.map(|link| (link, 2_000_398_934_016));
    for (level, disks, vdevs) in [
        ("raidz1", 3, "raidz1 "),
        ("RAIDZ1", 3, "raidz1 "),
        ("raidz2", 4, "raidz2 "),
        ("Mirror", 2, "mirror "),
        ("raid10", 4, "mirror "),
        ("single", 1, "tank /dev"),
    ] {
        let host = SimHost::with_drives(&drives);
        set_up(&file(level, disks), &host);
        let created = writes(&host, "zpool create");
        assert!(created[0].contains(vdevs), "{level}: {created:?}");
        let mirrors = if level == "raid10" { 2 } else { 1 };
        assert_eq!(
            created[0].matches(vdevs).count(),
            mirrors,
            "{level}: {created:?}"
        );
    }
    for (level, disks) in [
        ("", 3),
        ("raid5", 3),
        ("mirrored", 2),
        ("mirror", 1),
        ("raidz2", 2),
    ] {
        let loaded = phoenix::load("test.json", file(level, disks).as_bytes());
        assert!(!loaded.is_valid(), "{level} {disks}");
    }
}

/// "`safe` mode wipes anything that is not `zfs_member`: ext4, LVM2_member, crypto_LUKS,
/// linux_raid_member, gpt."
#[test]
fn bug_04_safe_mode_erases_nothing() {
    for kind in [
        "ext4",
        "LVM2_member",
        "crypto_LUKS",
        "linux_raid_member",
        "gpt",
        "zfs_member",
    ] {
        let host = SimHost::fresh();
        host.add_signature(DISK, kind).unwrap();
        let before = host.state().disks;
        let report = apply(&file(DATA, ""), &host);
        assert!(!report.is_success(), "{kind}");
        assert_eq!(host.state().disks, before, "{kind}");
        assert_eq!(host.writes(), [""; 0], "{kind}");
    }
}

/// "`phoenix setup --dry-run --wipe-disks` really runs."
#[test]
fn bug_05_a_dry_run_wins_over_every_mode() {
    let scenario = Scenario::with_config(EXAMPLE);
    scenario
        .host("host.json")
        .add_signature("nvme0n1", "ext4")
        .unwrap();
    let before = scenario.read("host.json");
    let args = "apply --yes --host sim:host.json --mode force-destructive --allow wipe:SIM2TA0001";
    for (dry, env) in [
        (" --dry-run", &[][..]),
        ("", &[("PHOENIX_DRY_RUN", "true")][..]),
        ("", &[("PHOENIX_DRY_RUN", "1")][..]),
    ] {
        let run = scenario
            .run_with_env(&format!("{args}{dry}"), env)
            .expect_code(0);
        assert!(run.stderr.contains("nothing was changed"), "{run:#?}");
        assert_eq!(scenario.read("host.json"), before);
    }
}

/// "The disk-in-use check never matches": an imported pool's disk, a mounted one, and one that is
/// named twice.
#[test]
fn bug_06_a_disk_in_use_is_never_taken() {
    let host = SimHost::fresh();
    set_up(&file(DATA, ""), &host);
    let other = file(DATA, "").replace("tank", "other");
    let granted = PlanOptions {
        grants: Grants {
            wipe: BTreeSet::from([DISK.to_owned()]),
            wipe_named: true,
            ..Grants::default()
        },
        ..PlanOptions::default()
    };
    let config = config(&other);
    let plan = phoenix::plan(
        &config,
        &phoenix::observe(&config, &host).unwrap(),
        &granted,
    );
    let reason = refusal(&plan, "pool:other");
    assert!(reason.contains("tank"), "{reason}");
    assert!(plan.steps.is_empty());

    let alias = DISK.replace("SIM4TC0003", "SIM4TC0003_1");
    let twice = file(DATA, "").replace("\"disks\": [", &format!("\"disks\": [\"{alias}\", "));
    let twice = twice.replace("single", "mirror");
    let fresh = SimHost::fresh();
    let reason = refusal(&crate::traps::plan(&twice, &fresh), "pool:tank");
    assert!(reason.contains("same disk"), "{reason}");
    let same = file(DATA, "").replace(&format!("\"{DISK}\""), &format!("\"{DISK}\", \"{DISK}\""));
    assert!(is_refused(
        &same.replace("single", "mirror"),
        "phoenix::disk::used-twice"
    ));
}

/// "NVMe monitoring reports nothing": not `FAILED!`, not Critical Warning 0x04, 104 % used, 3 %
/// spare; and where it found something, no dataset was created.
#[test]
fn bug_12_a_dying_drive_is_reported_and_stops_no_dataset() {
    let scenario = Scenario::with_config(EXAMPLE);
    scenario
        .run(&format!(
            "{APPLY} --target pool:quickOS --target pool:fastData"
        ))
        .expect_code(0);
    scenario
        .host("host.json")
        .edit(|state| {
            state.disks.get_mut("nvme2n1").unwrap().health = DriveHealth {
                critical_warning: 4,
                available_spare: 3,
                percentage_used: 104,
                ..DriveHealth::default()
            };
        })
        .unwrap();
    let run = scenario
        .run("nvme --host sim:host.json --check")
        .expect_code(2);
    assert!(
        run.stdout.contains("SIM4TC0003") || run.stdout.contains("nvme2"),
        "{run:#?}"
    );
    let table = scenario.run("nvme --host sim:host.json");
    for fact in ["104", "3 %"] {
        assert!(table.stdout.contains(fact), "{fact}: {table:#?}");
    }
    scenario.run(APPLY).expect_code(0);
    let state = scenario.host("host.json").state();
    assert!(state.datasets.contains_key("fastData/shared-iso"));
}

/// "Interactive mode cannot be answered": `read -p` inside `while read` took the next pool's line.
#[test]
fn bug_13_a_question_is_answered_by_a_person_and_not_by_standard_input() {
    let scenario = Scenario::with_config(EXAMPLE);
    scenario
        .host("host.json")
        .add_signature(DISK, "ext4")
        .unwrap();
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"no\nthe next line of a loop\n").unwrap();
    drop(writer);
    let args = "apply --host sim:host.json --mode interactive";
    let input = reader.try_clone().unwrap();
    let mut person = Person::starts_as(&scenario, args, |command| command.stdin(input));
    person.sees("Erase it?");
    person.types("yes\n");
    person.sees("Apply these changes?");
    person.types("yes\n");
    let (code, screen) = person.waits();
    assert_eq!(code, Some(0), "{screen}");
    let mut left = String::new();
    reader.read_to_string(&mut left).unwrap();
    assert_eq!(left, "no\nthe next line of a loop\n");
    let pools = scenario.host("host.json").state().pools;
    assert!(pools.contains_key("fastData"), "{screen}");
}

/// "Quotas over-commit: sizes were computed from nominal capacity."
#[test]
fn bug_22_quotas_that_exceed_the_pool_draw_a_warning_with_the_sum() {
    let quota = |quota: &str| {
        file(
            &format!(
                r#"{{"pool": "tank", "name": "a", "properties": {{"quota": "{quota}"}}}},
                   {{"pool": "tank", "name": "b", "properties": {{"quota": "1.4T"}}}}"#
            ),
            "",
        )
    };
    let code = "phoenix::capacity::overcommitted";
    let told = note(&plan(&quota("2.2T"), &SimHost::fresh()), code);
    assert!(told.contains("2.2T + 1.4T = 3.96 TB (3.60 TiB)"), "{told}");
    // 2.1T + 1.4T fit: the drive leaves 3.51 TiB.
    let plan = plan(&quota("2.1T"), &SimHost::fresh());
    assert!(
        plan.notes.iter().all(|note| note.code.as_str() != code),
        "{plan:#?}"
    );
}
