//! Pools in every state, from the text of `zpool status` to what a plan says about them.
//!
//! The texts in `fixtures/pool-states` are composed after OpenZFS's sources and public reports. The
//! file behind them is always the same: raidz2 of four disks and a spare.

use std::fmt::Write as _;
use std::fs;

use phoenix_host::command::{Command, Output};
use phoenix_planner::plan::Plan;
use phoenix_sim::SimHost;
use phoenix_sim::state::{Disk, State};

use crate::support::{Interposed, config, plan, set_up};

const FILE: &str = r#"{"zfs": {"pools": [{"name": "tank", "raid_level": "raidz2", "disks": [
    "/dev/disk/by-id/ata-HGST_HUS728T8_SIMX01", "/dev/disk/by-id/ata-HGST_HUS728T8_SIMX02",
    "/dev/disk/by-id/ata-HGST_HUS728T8_SIMX03", "/dev/disk/by-id/ata-HGST_HUS728T8_SIMX04"],
    "spares": ["/dev/disk/by-id/ata-HGST_HUS728T8_SIMX05"]}]}}"#;

/// Nine disks from `sdb` on, the first five of which the file names.
fn host() -> SimHost {
    let host = SimHost::fresh();
    host.edit(|state| state.disks.extend((1..=9).map(disk)))
        .unwrap();
    set_up(&config(FILE), &host);
    host
}

pub(crate) fn disk(number: u8) -> (String, Disk) {
    let kernel_name = format!("sd{}", char::from(b'a' + number));
    let disk = Disk {
        size: 4_000_787_030_016,
        model: Some("HGST HUS728T8".to_owned()),
        serial: Some(format!("SIMX{number:02}")),
        wwn: Some(format!("0x5000cca00000000{number}")),
        tran: Some("sas".to_owned()),
        links: [
            format!("ata-HGST_HUS728T8_SIMX{number:02}"),
            format!("wwn-0x5000cca00000000{number}"),
        ]
        .into(),
        ..Disk::default()
    };
    (kernel_name, disk)
}

/// The plan of a host whose ZFS prints `text` about the pool.
fn planned(text: &str) -> Plan {
    let host = host();
    let state = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("state: "));
    let health = |host: &mut State| {
        if let (Some(pool), Some(health)) = (host.pools.get_mut("tank"), state) {
            health.clone_into(&mut pool.health);
        }
    };
    host.edit(health).unwrap();
    let answering = Interposed {
        host: &host,
        answer: |command: &Command| match command.to_string().as_str() {
            "zpool status -P tank" => Some(Output::success(text)),
            "zpool status -g tank" => Some(Output::success(numbered(text))),
            _ => None,
        },
    };
    plan(&config(FILE), &answering)
}

/// The same table with the number of the row in place of every name.
fn numbered(text: &str) -> String {
    let mut numbers = 100..;
    let line = |line: &str| {
        let name = line.strip_prefix("\t  ").map(str::trim_start);
        let name = name.and_then(|rest| rest.split_once("  "));
        match name {
            Some((name, _)) => line.replacen(name, &numbers.next().unwrap().to_string(), 1),
            None => line.to_owned(),
        }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn told(plan: &Plan) -> String {
    let mut text = String::new();
    for step in &plan.steps {
        let _ = writeln!(text, "  step {}", step.id);
    }
    for refusal in &plan.refusals {
        let _ = writeln!(
            text,
            "  refused {} {}\n    {}",
            refusal.code, refusal.reason, refusal.help
        );
    }
    for note in &plan.notes {
        let help = note.help.as_deref().unwrap_or_default();
        let _ = writeln!(
            text,
            "  {:?} {} {}\n    {help}",
            note.severity, note.code, note.message
        );
    }
    text
}

#[test]
fn every_state_is_judged_by_the_layout_that_it_leads_to() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/pool-states");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let mut text = String::new();
    for path in paths {
        let plan = planned(&fs::read_to_string(&path).unwrap());
        let well = if plan.is_healthy() {
            "well"
        } else {
            "not well"
        };
        let name = path.file_stem().unwrap().to_str().unwrap();
        let _ = write!(text, "{name}: {well}\n{}", told(&plan));
    }
    insta::assert_snapshot!(text);
}
