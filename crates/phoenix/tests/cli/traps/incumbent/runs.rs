//! Bugs of a run as a whole: what it read, what it set, in which order, and what it gave away.

use phoenix::sim::{Fault, FaultKind, SimHost};
use phoenix::{ApplyOptions, Event, Host as _, Observer, PlanOptions};

use super::{APPLY, add_foreign_storages};
use crate::scenario::{EXAMPLE, Scenario};
use crate::traps::{DISK, config, file, plan, refusal, set_option, set_up, steps, writes};

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

/// "A broken or zfs-less config deletes storage definitions and exits 0."
#[test]
fn bug_01_a_broken_or_empty_file_removes_nothing() {
    let snippet = include_str!("../../../../../config/tests/data/seed/wrapped.json");
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
