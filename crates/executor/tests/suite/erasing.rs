//! A grant erases what was shown, and nothing is erased for a pool that could not be made.

use phoenix_config::model::Config;
use phoenix_planner::{Grants, PlanOptions};
use phoenix_sim::SimHost;
use phoenix_sim::state::{Disk, Signature, State};

use crate::support::{config, message, plan, plan_with, run};

const MIRROR: &str = r#"{"zfs": {"pools": [{"name": "tank", "raid_level": "mirror",
    "disks": ["nvme-D_S1", "nvme-D_S2"]}]}}"#;

const SIZE: u64 = 1 << 30;

/// A host with drives `nvme-D_S1`, `nvme-D_S2` ... of one size, the first of which carry ext4.
fn host(drives: usize, carrying: usize) -> SimHost {
    let names: Vec<String> = (1..=drives).map(|at| format!("nvme-D_S{at}")).collect();
    let drives: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), SIZE)).collect();
    let host = SimHost::with_drives(&drives);
    host.edit(|state| {
        for at in 0..carrying {
            first(state, at).signatures = vec![ext4(&format!("uuid-{at}"))];
        }
    })
    .unwrap();
    host
}

fn first(state: &mut State, at: usize) -> &mut Disk {
    state.disks.get_mut(&format!("nvme{at}n1")).unwrap()
}

fn ext4(uuid: &str) -> Signature {
    Signature {
        kind: "ext4".to_owned(),
        offset: 1080,
        uuid: Some(uuid.to_owned()),
        label: None,
    }
}

fn granted() -> PlanOptions {
    PlanOptions {
        grants: Grants {
            wipe_named: true,
            ..Grants::default()
        },
        ..PlanOptions::default()
    }
}

/// What the run says of the pool; every disk must be as it was before.
fn refused(config: &Config, host: &SimHost, change: fn(&mut State)) -> String {
    let plan = plan_with(config, host, &granted());
    assert_eq!(plan.refusals, []);
    host.edit(change).unwrap();
    let before = host.state().disks;
    let report = run(&plan, host);
    assert_eq!(host.state().disks, before);
    message(&report, "pool:tank")
}

#[test]
fn a_grant_erases_what_was_shown_and_nothing_else() {
    type Meanwhile = fn(&mut State);
    let cases: [(&str, Meanwhile, &str); 5] = [
        (
            "another file system of the same kind",
            |state| first(state, 0).signatures = vec![ext4("precious")],
            "does not carry what the plan showed",
        ),
        (
            "the same one at another place",
            |state| first(state, 0).signatures[0].offset = 4096,
            "does not carry what the plan showed",
        ),
        (
            "one more partition",
            |state| {
                first(state, 1).table = Some("gpt".to_owned());
            },
            "does not carry what the plan showed",
        ),
        (
            "links that changed places, of drives without numbers",
            |state| {
                let links = first(state, 0).links.clone();
                let others = std::mem::replace(&mut first(state, 1).links, links);
                first(state, 0).links = others;
            },
            "leads to another disk",
        ),
        (
            "another namespace",
            |state| first(state, 0).wwn = Some("eui.ff".to_owned()),
            "leads to another disk",
        ),
    ];
    for (name, change, said) in cases {
        let host = host(2, 2);
        host.edit(|state| {
            for at in 0..2 {
                let disk = first(state, at);
                (disk.serial, disk.wwn) = (None, None);
            }
        })
        .unwrap();
        let message = refused(&config(MIRROR), &host, change);
        assert!(message.contains(said), "{name}: {message}");
    }
}

#[test]
fn zpool_create_is_asked_before_a_disk_is_erased() {
    // OpenZFS takes a special vdev of RAID-Z from 2.4 on; the simulated one is 2.3.
    let file = r#"{"zfs": {"pools": [{"name": "tank", "raid_level": "raidz1",
        "disks": ["nvme-D_S1", "nvme-D_S2", "nvme-D_S3"],
        "special": [{"raid_level": "raidz1",
                     "disks": ["nvme-D_S4", "nvme-D_S5", "nvme-D_S6"]}]}]}}"#;
    let message = refused(&config(file), &host(6, 6), |_| {});
    assert!(
        message.contains("unsupported 'special' device"),
        "{message}"
    );
    assert!(message.contains("no disk was erased"), "{message}");
}

#[test]
fn single_disks_of_a_log_stay_single_beside_its_mirror() {
    let file = r#"{"zfs": {"pools": [{"name": "tank", "raid_level": "mirror",
        "disks": ["nvme-D_S1", "nvme-D_S2"],
        "log": [{"raid_level": "mirror", "disks": ["nvme-D_S3", "nvme-D_S4"]}, "nvme-D_S5"]}]}}"#;
    let (config, host) = (config(file), host(5, 0));
    let report = run(&plan(&config, &host), &host);
    assert!(report.is_success(), "{:?}", report.outcomes);
    let pool = host.state().pools["tank"].clone();
    let shapes: Vec<_> = pool
        .vdevs
        .iter()
        .map(|vdev| (vdev.kind.as_str(), vdev.members.len()))
        .collect();
    assert_eq!(shapes, [("mirror", 2), ("disk", 1), ("mirror", 2)]);
    let again = plan(&config, &host);
    assert!(
        again.steps.is_empty() && again.refusals.is_empty(),
        "{again:?}"
    );
}
