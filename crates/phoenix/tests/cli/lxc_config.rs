//! `--lxc-config`: a second file adds the mounts of containers.

use crate::scenario::Scenario;

const MAIN: &str = r#"{"zfs": {
    "pools": [{"name": "tank", "raid_level": "single",
               "disks": ["/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_4TB_SIM4TC0003"]}],
    "datasets": [{"pool": "tank", "name": "ssl"}]
}}"#;

const LXC: &str = r#"{"lxc_configs": {
    "101": {"name": "step-ca", "mount_points": [
        {"host_path": "/tank/ssl", "container_path": "/etc/ssl"}
    ]}
}}"#;

fn scenario(lxc: &str) -> Scenario {
    let scenario = Scenario::with_config(MAIN);
    scenario.write("lxc.json", lxc);
    scenario
}

#[test]
fn its_mounts_are_checked_drawn_planned_and_applied() {
    let scenario = scenario(LXC);
    let valid = scenario
        .run("validate --lxc-config lxc.json")
        .expect_code(0);
    assert!(valid.stdout.contains("lxc.json is valid"), "{valid:#?}");
    let graph = scenario
        .run("apply --graph=json --lxc-config lxc.json")
        .expect_code(0);
    assert!(graph.stdout.contains("mount:101:/etc/ssl"), "{graph:#?}");
    let drift = scenario
        .run("status --host sim:host.json --lxc-config lxc.json")
        .expect_code(2);
    assert!(drift.stdout.contains("mount:101:/etc/ssl"), "{drift:#?}");

    let apply = "apply --yes --host sim:host.json --lxc-config lxc.json";
    scenario.run(apply).expect_code(0);
    let conf = scenario.host("host.json").state();
    let conf = &conf.files[camino::Utf8Path::new("/etc/pve/lxc/101.conf")];
    assert!(format!("{conf:?}").contains("mp0: /tank/ssl,mp=/etc/ssl"));
    let again = scenario.run(apply).expect_code(0);
    assert!(again.stdout.contains("No changes."), "{again:#?}");
    // Without the second file its mounts are nobody's business, and stay.
    scenario.run("status --host sim:host.json").expect_code(0);
}

#[test]
fn each_diagnostic_names_its_file() {
    let both = scenario(&LXC.replace("101", "99"));
    let args = "validate --lxc-config lxc.json";
    let text = both.run(args).expect_code(3);
    assert!(text.stdout.contains("lxc.json:3:"), "{text:#?}");
    let json = both
        .run(&format!("{args} --format json"))
        .expect_code(3)
        .json();
    assert_eq!(json["valid"], false);
    assert_eq!(json["error_count"], 1);
    let errors: Vec<_> = json["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|found| found["severity"] == "error")
        .collect();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0]["file"], "lxc.json");
    assert_eq!(errors[0]["code"], "phoenix::mount::invalid-container");
    // Nothing is planned with half of what the user gave.
    let plan = both
        .run("plan --host sim --lxc-config lxc.json")
        .expect_code(3);
    assert_eq!(plan.stdout, "");

    let broken = scenario(LXC);
    broken.write("phoenix_hypervisor_config.json", r#"{"zfs": 7}"#);
    let run = broken.run(args).expect_code(3);
    assert!(run.stderr.contains("lxc.json was not checked"), "{run:#?}");
    broken
        .run("validate --lxc-config missing.json")
        .expect_code(3);
}

#[test]
fn what_fails_is_shown_in_the_file_that_asks_for_it() {
    let scenario = scenario(LXC);
    scenario.run("status --host sim:host.json").expect_code(2);
    let host = scenario.host("host.json");
    let fault = phoenix::sim::Fault {
        pattern: "pct set".to_owned(),
        nth: 1,
        kind: phoenix::sim::FaultKind::Fail,
    };
    host.add_fault(fault).unwrap();
    let run = scenario
        .run("apply --yes --host sim:host.json --lxc-config lxc.json")
        .expect_code(1);
    assert!(run.stdout.contains("lxc.json:3:"), "{run:#?}");
}

#[test]
fn a_saved_plan_knows_both_files() {
    let scenario = scenario(LXC);
    scenario
        .run("plan --host sim:host.json --lxc-config lxc.json --out plan.json")
        .expect_code(0);
    let plan: serde_json::Value = serde_json::from_str(&scenario.read("plan.json")).unwrap();
    assert_eq!(plan["config"]["name"], "phoenix_hypervisor_config.json");
    assert_eq!(plan["lxc_config"]["name"], "lxc.json");
    assert_ne!(plan["config"]["sha256"], plan["lxc_config"]["sha256"]);
    let again = "apply plan.json --yes --host sim:host.json";
    scenario
        .run(&format!("{again} --lxc-config lxc.json"))
        .expect_code(64);
    let run = scenario.run(again).expect_code(0);
    assert!(run.stdout.contains("changed"), "{run:#?}");
    scenario
        .run("status --host sim:host.json --lxc-config lxc.json")
        .expect_code(0);
}
