//! What a plan tells about how pools are, and what the host's release of ZFS knows.

use phoenix_planner::observed::{
    MemberRole, Observed, ObservedActivity, ObservedActivityKind, ObservedMember, ObservedPool,
    ObservedVdev, digest,
};
use phoenix_planner::plan::Plan;
use phoenix_zfs::vdev::VdevClass;
use serde_json::json;

use crate::ideal::member;
use crate::setup::{file, file_with, planned, settled};

fn tank(host: &mut Observed) -> &mut ObservedPool {
    host.pools.get_mut("tank").unwrap()
}

fn activity(kind: ObservedActivityKind, left: Option<&str>) -> ObservedActivity {
    ObservedActivity {
        kind,
        paused: false,
        done: Some("1.36%".to_owned()),
        left: left.map(str::to_owned),
    }
}

fn told(plan: &Plan) -> Vec<String> {
    let line = |note: &phoenix_planner::plan::Note| {
        let help = note.help.clone().unwrap_or_default();
        format!("{}: {} | {help}", note.code, note.message)
    };
    plan.health().map(line).collect()
}

#[test]
fn what_is_wrong_with_a_pool_is_told_with_the_command_that_mends_it() {
    type Case = (fn(&mut ObservedPool), bool, &'static [&'static str]);
    let cases: [Case; 7] = [
        (|_| (), true, &[]),
        (
            |pool| {
                pool.health = "DEGRADED".to_owned();
                let failed = &mut pool.vdevs[0].disks[1];
                (failed.state, failed.guid) = ("FAULTED".to_owned(), Some(42));
                failed.remark = "too many errors".to_owned();
                failed.errors = Some("12 reading, 3.4K writing, 0 wrong checksums".to_owned());
            },
            false,
            &[
                "phoenix::pool::degraded: pool tank is DEGRADED: /dev/disk/by-id/nvme1n1 is FAULTED \
                 (too many errors) | bring it back, or replace it: zpool replace tank 42 NEW_DISK, and \
                 name the new disk in the file",
                "phoenix::pool::errors: ZFS has counted errors in pool tank: /dev/disk/by-id/nvme1n1 \
                 (12 reading, 3.4K writing, 0 wrong checksums) | look at the disk and its cable; then \
                 zpool clear tank 42 and zpool scrub tank",
            ],
        ),
        (
            |pool| {
                pool.health = "DEGRADED".to_owned();
                pool.vdevs[0].disks[1].state = "OFFLINE".to_owned();
                pool.vdevs[0].disks.push(ObservedMember {
                    role: MemberRole::StandIn,
                    ..member("nvme2n1")
                });
            },
            false,
            &[
                "phoenix::pool::degraded: pool tank is DEGRADED: /dev/disk/by-id/nvme1n1 is OFFLINE; \
               /dev/disk/by-id/nvme2n1 stands in | take it back: zpool online tank \
               /dev/disk/by-id/nvme1n1",
            ],
        ),
        (
            |pool| {
                pool.activities = vec![activity(ObservedActivityKind::Resilver, Some("04:59:16"))];
            },
            false,
            &[
                "phoenix::pool::activity: pool tank copies data to a disk (resilver): 1.36% done, \
               04:59:16 to go | wait until it is done; zpool status tank shows the progress",
            ],
        ),
        (
            |pool| pool.activities = vec![activity(ObservedActivityKind::Scrub, None)],
            true,
            &[
                "phoenix::pool::activity: pool tank reads all its data (scrub): 1.36% done, ZFS does \
               not know yet how long it takes | wait until it is done; zpool status tank shows the \
               progress",
            ],
        ),
        (
            |pool| {
                pool.vdevs.push(ObservedVdev {
                    name: "/d/s".to_owned(),
                    guid: None,
                    class: VdevClass::Spare,
                    kind: "disk".to_owned(),
                    geometry: None,
                    disks: vec![ObservedMember {
                        state: "FAULTED".to_owned(),
                        guid: Some(7),
                        ..member("nvme0n1")
                    }],
                });
            },
            false,
            &[
                "phoenix::pool::spare-failed: a spare of pool tank cannot be used: \
               /dev/disk/by-id/nvme0n1 is FAULTED | take it out (zpool remove tank 7) and name \
               another disk among the spares",
            ],
        ),
        (
            |pool| (pool.capacity, pool.lost) = (Some(91), Some("3 data errors".to_owned())),
            false,
            &[
                "phoenix::pool::data-lost: data of pool tank are lost: 3 data errors | zpool status \
                 -v tank names the files; bring them back from a backup",
                "phoenix::pool::nearly-full: pool tank is nearly full: 91 % are taken | delete old \
                 snapshots and data, or give the pool more disks",
            ],
        ),
    ];
    for (change, healthy, expected) in cases {
        let mut host = settled(&file());
        change(tank(&mut host));
        let plan = planned(&file(), &host);
        assert_eq!(told(&plan), expected);
        assert_eq!(plan.is_healthy(), healthy, "{expected:?}");
    }
}

/// A saved plan does not become stale because a resilver goes on.
#[test]
fn progress_is_no_change_of_the_facts() {
    let mut host = settled(&file());
    tank(&mut host).activities = vec![activity(ObservedActivityKind::Resilver, Some("1:00"))];
    let before = digest(&host);
    tank(&mut host).activities = vec![activity(ObservedActivityKind::Resilver, None)];
    tank(&mut host).capacity = Some(12);
    assert_eq!(digest(&host), before);
    tank(&mut host).activities.clear();
    assert_ne!(digest(&host), before);
}

#[test]
fn what_the_release_of_zfs_does_not_know_costs_its_dataset_and_no_other() {
    for (release, unknown, name, value, reason) in [
        (
            Some("2.3.9"),
            true,
            "defaultuserquota",
            "1G",
            "OpenZFS 2.3.9 has no property defaultuserquota",
        ),
        (
            None,
            true,
            "longname",
            "on",
            "this host's OpenZFS has no property longname",
        ),
        (
            Some("2.2.2"),
            false,
            "snapdir",
            "disabled",
            "OpenZFS 2.2.2 does not take snapdir=disabled",
        ),
        (
            Some("2.1.11"),
            false,
            "checksum",
            "blake3",
            "OpenZFS 2.1.11 does not take checksum=blake3",
        ),
    ] {
        let properties = json!({name: value});
        let text = file_with(&[("/zfs/datasets/0/properties", properties)]);
        let mut host = settled(&file());
        host.zfs = release.map(str::to_owned);
        if unknown {
            host.unknown_properties.insert(name.to_owned());
        }
        let plan = planned(&text, &host);
        let roots = plan
            .refusals
            .iter()
            .filter(|refusal| refusal.because_of.is_empty());
        let roots: Vec<_> = roots.collect();
        assert_eq!(roots.len(), 1, "{name}");
        assert!(roots[0].reason.contains(reason), "{}", roots[0].reason);
        assert_eq!(
            roots[0].origin,
            format!("/zfs/datasets/0/properties/{name}")
        );
    }
}

#[test]
fn xattr_on_means_what_the_release_makes_of_it() {
    for (release, live, same) in [
        (Some("2.2.2"), "dir", true),
        (Some("2.2.2"), "sa", false),
        (Some("2.3.9"), "sa", true),
        (Some("2.3.9"), "dir", false),
        (None, "sa", true),
    ] {
        let text = file_with(&[("/zfs/datasets/0/properties", json!({"xattr": "on"}))]);
        let mut host = settled(&text);
        host.zfs = release.map(str::to_owned);
        let name = host
            .datasets
            .keys()
            .find(|name| name.contains('/'))
            .unwrap()
            .clone();
        for dataset in host.datasets.values_mut() {
            if let Some(xattr) = dataset.properties.get_mut("xattr") {
                xattr.value = live.into();
            }
        }
        let plan = planned(&text, &host);
        assert_eq!(plan.steps.is_empty(), same, "{name} {release:?} {live}");
    }
}
