//! The twenty-four proven bugs of the scripts that phoenix replaces. Each test does what set the
//! bug off, and would fail if phoenix did the same.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};

use phoenix::planner::Grants;
use phoenix::sim::state::{DriveHealth, Entry};
use phoenix::sim::{Fault, FaultKind, SimHost};
use phoenix::{ApplyOptions, Event, Host as _, Observer, Outcome, PlanOptions};

use super::{
    DISK, add_storage, apply, codes, config, container, file, is_refused, note, plan, refusal,
    set_option, set_up, steps, writes,
};
use crate::person::Person;
use crate::scenario::{EXAMPLE, Scenario};

const DATA: &str = r#"{"pool": "tank", "name": "data"}"#;
const APPLY: &str = "apply --yes --host sim:host.json";

/// An export of tank/data with these options.
fn export(options: &str) -> String {
    format!(
        r#", "nfs": {{"exports": [{{"dataset": "tank/data", "clients": ["10.0.0.0/24"],
             "options": [{options}]}}]}}"#
    )
}

/// Storages that somebody else made.
fn add_foreign_storages(host: &SimHost) {
    host.edit(|state| {
        add_storage(
            state,
            "pbs-offsite",
            "pbs",
            &[("server", "192.0.2.9"), ("datastore", "d")],
        );
        add_storage(
            state,
            "nas-backup",
            "nfs",
            &[("server", "192.0.2.8"), ("export", "/b")],
        );
        add_storage(state, "ceph-rbd", "rbd", &[("pool", "rbd")]);
    })
    .unwrap();
}

/// "A broken or zfs-less config deletes storage definitions and exits 0."
#[test]
fn bug_01_a_broken_or_empty_file_removes_nothing() {
    let snippet = include_str!("../../../../config/tests/data/seed/wrapped.json");
    for (text, code) in [
        (snippet, 3),
        ("", 3),
        ("{}", 0),
        (r#"{"network": {"default_subnet": "10.0.0.0/24"}}"#, 0),
        (r#"{"zfs": {"pools": [], "datasets": []}}"#, 0),
    ] {
        let scenario = Scenario::with_config(EXAMPLE);
        add_foreign_storages(&scenario.host("host.json"));
        scenario.run(APPLY).expect_code(0);
        let before = scenario.read("host.json");
        scenario.write("phoenix_hypervisor_config.json", text);
        scenario.run(APPLY).expect_code(code);
        assert_eq!(scenario.read("host.json"), before, "{text}");
    }
}

/// "Removes storage it does not own, in `safe` mode, without a prompt", and what NFS had added, so
/// that no run ever found the host as it should be.
#[test]
fn bug_02_storages_of_others_stay_and_the_second_run_does_nothing() {
    let host = SimHost::fresh();
    add_foreign_storages(&host);
    let foreign = host.state().storages.unwrap();
    set_up(EXAMPLE, &host);
    let after = host.state().storages.unwrap();
    for (id, storage) in foreign {
        assert_eq!(after[&id], storage);
    }
    assert_eq!(writes(&host, "pvesm remove"), [""; 0]);
    let done = host.writes().len();
    set_up(EXAMPLE, &host);
    assert_eq!(host.writes().len(), done);
}

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
    let args = "apply --yes --host sim:host.json --mode force-destructive --allow wipe:nvme0n1";
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
    let reason = refusal(&super::plan(&twice, &fresh), "pool:tank");
    assert!(reason.contains("same disk"), "{reason}");
    let same = file(DATA, "").replace(&format!("\"{DISK}\""), &format!("\"{DISK}\", \"{DISK}\""));
    assert!(is_refused(
        &same.replace("single", "mirror"),
        "phoenix::disk::used-twice"
    ));
}

/// "Prefix match hides missing storage": `shared-sync` exists, so `shared` was never created.
#[test]
fn bug_07_names_are_matched_whole() {
    let dataset = |name: &str| {
        format!(r#"{{"pool": "tank", "name": "{name}", "storage": {{"type": "zfspool"}}}}"#)
    };
    let host = SimHost::fresh();
    set_up(&file(&dataset("shared-sync"), ""), &host);
    let both = file(
        &format!("{}, {}", dataset("shared"), dataset("shared-sync")),
        "",
    );
    assert_eq!(
        steps(&plan(&both, &host)),
        ["dataset:tank/shared", "storage:tank-shared"]
    );
    set_up(&both, &host);
    assert!(host.state().storages.unwrap().contains_key("tank-shared"));
}

/// "LXC mounts are not idempotent": after three runs container 101 had nine mounts for three.
#[test]
fn bug_08_three_runs_make_as_many_mounts_as_one() {
    let mounts = r#", "bind_mounts": [
        {"container": 101, "dataset": "tank/data", "target": "/a"},
        {"container": 101, "dataset": "tank/data", "target": "/b"},
        {"container": 101, "dataset": "tank/data", "target": "/c"}]"#;
    let (text, host) = (file(DATA, mounts), SimHost::fresh());
    for _ in 0..3 {
        set_up(&text, &host);
        assert_eq!(container(&host).matches("\nmp").count(), 3);
    }
    assert_eq!(writes(&host, "pct set").len(), 3);
}

/// "Bind-mount data lands on the root filesystem": paths below /mnt/pve while the dataset is
/// mounted elsewhere, and `mkdir -p` for whatever is missing.
#[test]
fn bug_09_nothing_is_shared_from_below_a_dataset_that_is_not_mounted_there() {
    let elsewhere = r#", "bind_mounts": [
        {"container": 101, "host_path": "/mnt/pve/tank/data/ssl", "target": "/ssl"}]"#;
    let (text, host) = (file(DATA, elsewhere), SimHost::fresh());
    assert!(codes(&text).contains(&"phoenix::share::undeclared"));
    assert!(apply(&text, &host).is_success());
    note(&plan(&text, &host), "phoenix::mount::source-missing");
    assert!(
        !host
            .state()
            .files
            .keys()
            .any(|path| path.starts_with("/mnt/pve"))
    );
    assert_eq!(writes(&host, "pct"), [""; 0]);

    let shares = format!(
        "{}{}",
        export("\"rw\""),
        r#", "bind_mounts": [{"container": 101, "dataset": "tank/data", "target": "/data"}]"#
    );
    let host = SimHost::fresh();
    set_up(&file(DATA, ""), &host);
    // Nobody can mount it: something lies in the way.
    host.edit(|state| {
        state.mounts.retain(|mount| mount.source != "tank/data");
        let root = state.datasets.get_mut("tank").unwrap();
        root.files.insert("data".into(), Entry::directory());
        root.files.insert("data/stray".into(), Entry::file("x"));
    })
    .unwrap();
    let report = apply(&file(DATA, &shares), &host);
    assert!(!report.is_success(), "{report:#?}");
    assert_eq!(writes(&host, "pct"), [""; 0]);
    assert_eq!(writes(&host, "exportfs"), [""; 0]);
}

/// "/etc/exports is truncated before new content is validated."
#[test]
fn bug_10_exports_of_others_stay_and_a_bad_option_changes_nothing() {
    let theirs = "/srv 192.0.2.1(ro,sync,no_subtree_check)\n";
    let host = SimHost::fresh();
    host.edit(|state| {
        state
            .files
            .insert("/etc/exports".into(), Entry::file(theirs));
    })
    .unwrap();
    let exports = || host.read_file("/etc/exports".into()).unwrap().unwrap();
    set_up(&file(DATA, &export("\"rw\"")), &host);
    assert_eq!(exports(), theirs);
    set_up(&file(DATA, r#", "nfs": {"exports": []}"#), &host);
    assert_eq!(exports(), theirs);
    let exported = host.state().exports.unwrap();
    let exported: BTreeSet<_> = exported.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(exported, BTreeSet::from(["/srv", "/tank/data"]));

    let client_option = file(DATA, &export("\"rw\", \"noatime\""));
    assert!(is_refused(&client_option, "phoenix::export::client-option"));
    let unknown = file(DATA, &export("\"rw\", \"fast\""));
    assert!(is_refused(&unknown, "phoenix::export::unknown-option"));
    let old = r#", "network": {"default_subnet": "192.0.2.0/24"},
        "nfs": {"shares": [{"path": "tank/data", "options": "rw,noatime"}]}"#;
    let plan = plan(&file(DATA, old), &host);
    assert_eq!(steps(&plan), ["export:/tank/data"]);
    assert!(
        !serde_json::to_string(&plan.steps)
            .unwrap()
            .contains("noatime"),
        "a client's option became the server's"
    );
}

/// "World-writable + no_root_squash": chmod 777 on every export, every run.
#[test]
fn bug_11_nobody_gets_more_rights_than_the_file_says() {
    let host = SimHost::fresh();
    let text = file(DATA, &export("\"rw\", \"no_root_squash\""));
    assert!(codes(&text).contains(&"phoenix::export::no-root-squash"));
    set_up(&text, &host);
    let root = &host.state().datasets["tank/data"].files;
    assert!(
        root.values()
            .all(|entry| entry.mode == 0o755 && entry.uid == 0),
        "{root:?}"
    );
    assert_eq!(writes(&host, "set-permissions"), [""; 0]);
    let plain = file(DATA, &export("\"rw\""));
    assert!(
        !plan(&plain, &SimHost::fresh())
            .to_json()
            .contains("no_root_squash")
    );
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

/// "ARC: a missing limit, the seed's `arc_max`, or `\"lots\"` writes 0; `-1` a negative number;
/// not persistent."
#[test]
fn bug_14_the_arc_limit_is_a_size_or_left_alone_and_outlives_a_reboot() {
    let zfs = |limit: &str| format!(r#"{{"zfs": {{"pools": []{limit}}}}}"#);
    for bad in ["\"lots\"", "-1", "0", "\"\"", "33554432"] {
        let text = zfs(&format!(r#", "arc_max": {bad}"#));
        assert!(
            !phoenix::load("test.json", text.as_bytes()).is_valid(),
            "{bad}"
        );
    }
    for bad in ["32.5", "-1", "0", "\"lots\""] {
        let text = zfs(&format!(r#", "arc_max_gb": {bad}"#));
        assert!(
            !phoenix::load("test.json", text.as_bytes()).is_valid(),
            "{bad}"
        );
    }
    for (limit, bytes) in [
        (r#", "arc_max": "32212254720""#, 32_212_254_720),
        (r#", "arc_max": 32212254720"#, 32_212_254_720),
        (r#", "arc_max": "30G""#, 32_212_254_720),
        (r#", "arc_max_gb": 32"#, 34_359_738_368),
    ] {
        let host = SimHost::fresh();
        set_up(&zfs(limit), &host);
        assert_eq!(host.state().arc.c_max, bytes, "{limit}");
        let kept = host
            .read_file("/etc/modprobe.d/zfs.conf".into())
            .unwrap()
            .unwrap();
        assert!(kept.contains(&format!("zfs_arc_max={bytes}\n")), "{kept}");
    }
    let host = SimHost::fresh();
    set_up(&zfs(""), &host);
    assert_eq!(host.writes(), [""; 0]);
}

/// "Seed-shape properties: only the first line of the pretty-printed object reached `zfs create`."
#[test]
fn bug_15_properties_in_an_object_are_all_set() {
    let object = r#"{"pool": "tank", "name": "data", "properties": {
        "recordsize": "128K",
        "compression": "lz4",
        "sync": "standard",
        "quota": "1.4T",
        "org.example:note": "a, b"
    }}"#;
    let host = SimHost::fresh();
    set_up(&file(object, ""), &host);
    let properties = &host.state().datasets["tank/data"].properties;
    for (name, value) in [
        ("recordsize", "131072"),
        ("compression", "lz4"),
        ("sync", "standard"),
        ("quota", "1539316278886"),
        ("org.example:note", "a, b"),
    ] {
        assert_eq!(properties[name].value, value, "{name}");
    }
    assert_eq!(
        host.state().storages.unwrap().len(),
        1,
        "a storage that nobody asked for"
    );
}

/// "No reconciliation": topology, storage type and content, properties and mountpoints that exist
/// were never compared.
#[test]
fn bug_16_what_exists_is_compared_and_mended_or_refused() {
    let dataset = |content: &str, quota: &str| {
        format!(
            r#"{{"pool": "tank", "name": "vm", "properties": {{"quota": "{quota}"}},
                "storage": {{"id": "vm", "type": "zfspool", "content": [{content}]}}}}"#
        )
    };
    let host = SimHost::fresh();
    set_up(&file(&dataset("\"images\"", "1G"), ""), &host);
    let changed = file(&dataset("\"images\", \"rootdir\"", "2G"), "");
    assert_eq!(
        steps(&plan(&changed, &host)),
        ["dataset:tank/vm", "storage:vm"]
    );
    set_up(&changed, &host);
    assert_eq!(writes(&host, "zfs set").len(), 1);

    let second = "/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_2TB_SIM2TA0001";
    let mirror = changed
        .replace("single", "mirror")
        .replace(&format!("\"{DISK}\""), &format!("\"{DISK}\", \"{second}\""));
    refusal(&plan(&mirror, &host), "pool:tank");
    let as_directory = file(&dataset("\"iso\"", "2G").replace("zfspool", "dir"), "");
    let reason = refusal(&plan(&as_directory, &host), "storage:vm");
    assert!(reason.contains("exists with type zfspool"), "{reason}");
    set_option(&host, "vm", "pool", "tank");
    let reason = refusal(&plan(&changed, &host), "storage:vm");
    assert!(reason.contains("has pool tank"), "{reason}");
}

/// "Fatal on first failure, no resume info": sixteen scripts in sequence, no lock, no state.
#[test]
fn bug_17_a_failure_stops_what_needs_it_and_the_next_run_goes_on() {
    let scenario = Scenario::with_config(EXAMPLE);
    let fault = Fault {
        pattern: "zpool create*fastData *".to_owned(),
        nth: 1,
        kind: FaultKind::Fail,
    };
    scenario.host("host.json").add_fault(fault).unwrap();
    // One by one, the pool that fails comes before the other one.
    scenario.run(&format!("{APPLY} -j 1")).expect_code(1);
    let state = scenario.host("host.json").state();
    assert!(state.datasets.contains_key("quickOS/vm-disks"));
    assert!(!state.pools.contains_key("fastData"));
    let journals = std::fs::read_dir(scenario.path("host.json.runs")).unwrap();
    let journal = journals.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
    let journal: String = journal.collect();
    assert!(journal.contains("simulated failure"), "{journal}");
    scenario.run(APPLY).expect_code(0);
    scenario.run("status --host sim:host.json").expect_code(0);
}

/// "The NFS readiness wait does not wait", and matched prefixes of paths: phoenix asks the server
/// what it exports, path by path, and a server that hangs fails its own steps only.
#[test]
fn bug_18_an_export_is_what_the_server_says_and_a_hung_server_is_no_hung_run() {
    let datasets = format!("{DATA}, {}", r#"{"pool": "tank", "name": "data-sync"}"#);
    let both = format!(
        r#", "nfs": {{"exports": [{}, {}]}}"#,
        r#"{"dataset": "tank/data", "clients": ["10.0.0.0/24"], "options": ["ro"]}"#,
        r#"{"dataset": "tank/data-sync", "clients": ["10.0.0.0/24"], "options": ["ro"]}"#
    );
    let (text, host) = (file(&datasets, &both), SimHost::fresh());
    set_up(&text, &host);
    // The server forgets one of them; the other one's path begins with the same letters.
    let forget = |host: &SimHost| {
        host.edit(|state| {
            let exports = state.exports.as_mut().unwrap();
            exports.retain(|export| export.path != "/tank/data");
        })
        .unwrap();
    };
    forget(&host);
    assert_eq!(steps(&plan(&text, &host)), ["export:/tank/data"]);
    host.add_fault(Fault {
        pattern: "exportfs -ra".to_owned(),
        nth: 1,
        kind: FaultKind::Hang,
    })
    .unwrap();
    let report = apply(&text, &host);
    let outcome = &report.outcomes[&"export:/tank/data".parse().unwrap()];
    assert_eq!(outcome.outcome, Outcome::Failed, "{report:#?}");
    set_up(&text, &host);
}

/// The order in which steps begin and end.
#[derive(Default)]
struct Order(Vec<String>);

impl Observer for Order {
    fn event(&mut self, event: &Event) {
        match event {
            Event::StepStart { id, .. } => self.0.push(format!("start {id}")),
            Event::StepFinished { id, .. } => self.0.push(format!("end {id}")),
            _ => {}
        }
    }
}

/// "Order hazards": NFS ran before ZFS, its mkdir made `zpool create` fail, and the export pointed
/// at the root file system.
#[test]
fn bug_19_nothing_begins_before_what_it_needs_has_ended() {
    let host = SimHost::fresh();
    let config = config(EXAMPLE);
    let plan = phoenix::plan(
        &config,
        &phoenix::observe(&config, &host).unwrap(),
        &PlanOptions::default(),
    );
    let mut order = Order::default();
    let report = phoenix::apply(&plan, &host, &ApplyOptions::default(), &mut order).unwrap();
    assert!(report.is_success(), "{report:#?}");
    let at = |line: String| order.0.iter().position(|seen| *seen == line).unwrap();
    let mut checked = 0;
    for step in &plan.steps {
        for need in &step.needs {
            if plan.steps.iter().any(|step| step.id == *need) {
                let (ended, began) = (at(format!("end {need}")), at(format!("start {}", step.id)));
                assert!(ended < began, "{need} before {}: {:#?}", step.id, order.0);
                checked += 1;
            }
        }
    }
    assert!(checked > 20, "{checked}");
    let export = "export:/quickOS/shared-prod-data".parse().unwrap();
    let export = plan.steps.iter().find(|step| step.id == export).unwrap();
    assert!(!export.needs.is_empty());
}

/// "Word-splitting: an export path with a space was silently dropped; of two exports with one
/// basename the second was never added."
#[test]
fn bug_20_a_path_is_one_word_whatever_is_in_it() {
    let datasets = r#"{"pool": "tank", "name": "a/iso"}, {"pool": "tank", "name": "a"},
        {"pool": "tank", "name": "iso"},
        {"pool": "tank", "name": "films", "mountpoint": "/srv/my films; rm -rf $HOME"}"#;
    let exports = ["tank/a/iso", "tank/iso", "tank/films"].map(|dataset| {
        format!(r#"{{"dataset": "{dataset}", "clients": ["10.0.0.7"], "options": ["ro"]}}"#)
    });
    let text = file(
        datasets,
        &format!(r#", "nfs": {{"exports": [{}]}}"#, exports.join(",")),
    );
    let host = SimHost::fresh();
    set_up(&text, &host);
    let exported: BTreeSet<_> = host
        .state()
        .exports
        .unwrap()
        .into_iter()
        .map(|it| it.path)
        .collect();
    let wanted = ["/srv/my films; rm -rf $HOME", "/tank/a/iso", "/tank/iso"];
    assert_eq!(exported, BTreeSet::from(wanted.map(str::to_owned)));
}

/// "`browsable: false` is impossible": jq's `//` turned every false into the default.
#[test]
fn bug_21_false_is_a_value() {
    let text = |sparse: bool, mount: &str| {
        let dataset = format!(
            r#"{{"pool": "tank", "name": "vm",
                "storage": {{"id": "vm", "type": "zfspool", "sparse": {sparse}}}}}"#
        );
        let mount = format!(r#""container": 101, "dataset": "tank/vm", "target": "/a", {mount}"#);
        file(&dataset, &format!(r#", "bind_mounts": [{{{mount}}}]"#))
    };
    let host = SimHost::fresh();
    set_up(&text(true, r#""read_only": true, "backup": true"#), &host);
    let conf = container(&host);
    assert!(conf.contains("mp=/a,backup=1,ro=1\n"), "{conf}");
    set_up(
        &text(false, r#""read_only": false, "backup": false"#),
        &host,
    );
    assert_eq!(host.state().storages.unwrap()["vm"].options["sparse"], "0");
    let conf = container(&host);
    assert!(conf.contains("mp=/a,backup=0\n"), "{conf}");
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

/// "Cross-file drift: mounts into containers that no longer exist, paths on datasets that never
/// existed."
#[test]
fn bug_23_what_is_gone_is_named_and_holds_nothing_up() {
    let mounts = r#", "bind_mounts": [
        {"container": 955, "dataset": "tank/data", "target": "/a"},
        {"container": 101, "dataset": "tank/data", "target": "/a"}]"#;
    let (text, host) = (file(DATA, mounts), SimHost::fresh());
    set_up(&text, &host);
    let missing = note(&plan(&text, &host), "phoenix::mount::container-missing");
    assert!(missing.contains("955"), "{missing}");
    assert!(container(&host).contains("mp0: /tank/data,mp=/a"));
    let unknown = mounts.replace("tank/data", "tank/qdrant");
    assert!(is_refused(
        &file(DATA, &unknown),
        "phoenix::reference::unknown-dataset"
    ));
}

/// "Packaging: one log, shared by everything; passwords in clear text": what other tools keep in
/// the file never leaves it.
#[test]
fn bug_24_the_secrets_of_other_sections_are_in_no_output_and_no_file() {
    let text = EXAMPLE.replacen(
        '{',
        r#"{"portainer_api": {"admin_password": "hunter2"}, "samba": {"password": "hunter2"},"#,
        1,
    );
    let scenario = Scenario::with_config(&text);
    for args in [
        "validate --format json",
        "plan --host sim:host.json --out plan.json --format json",
        "apply --graph=json",
        "apply --yes -v --host sim:host.json --format json",
        "status --host sim:host.json --format json",
    ] {
        let run = scenario.run(args).expect_code(0);
        assert!(!format!("{run:?}").contains("hunter2"), "{args}: {run:#?}");
    }
    for name in ["plan.json", "host.json"] {
        assert!(!scenario.read(name).contains("hunter2"), "{name}");
    }
    for journal in std::fs::read_dir(scenario.path("host.json.runs")).unwrap() {
        let text = std::fs::read_to_string(journal.unwrap().path()).unwrap();
        assert!(text.contains("apply_finished") && !text.contains("hunter2"));
    }
}
