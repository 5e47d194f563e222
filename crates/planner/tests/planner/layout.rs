//! Pools that exist: what they are made of beside what the file says, and what is advised.

use phoenix_planner::observed::{MemberRole, Observed, ObservedDisk, ObservedMember};
use serde_json::json;

use crate::ideal::member;
use crate::setup::{disk, file, file_with, lines, planned, settled};

#[test]
fn another_topology_is_refused_with_the_command_that_a_person_may_run() {
    let host = settled(&file());
    let by_id = |names: &[&str]| -> Vec<String> {
        names
            .iter()
            .map(|name| format!("/dev/disk/by-id/nvme-{name}"))
            .collect()
    };
    for (pool, command) in [
        (
            json!({"raid_level": "mirror", "disks": by_id(&["A", "B", "C"])}),
            "zpool attach tank /dev/disk/by-id/nvme0n1 /dev/disk/by-id/nvme-C",
        ),
        (
            json!({"raid_level": "mirror", "disks": by_id(&["A", "C"])}),
            "zpool replace tank /dev/disk/by-id/nvme1n1 /dev/disk/by-id/nvme-C",
        ),
        (
            json!({"raid_level": "single", "disks": by_id(&["A"])}),
            "zpool detach tank /dev/disk/by-id/nvme1n1",
        ),
        (
            json!({"raid_level": "raidz1", "disks": by_id(&["A", "B", "C"])}),
            "ZFS cannot make the one of the other",
        ),
        (
            json!({"raid_level": "mirror", "disks": by_id(&["A", "B"]), "spares": by_id(&["C"])}),
            "zpool add tank spare /dev/disk/by-id/nvme-C",
        ),
        (
            json!({"raid_level": "mirror", "disks": by_id(&["A", "B"]), "cache": by_id(&["C"])}),
            "zpool add tank cache /dev/disk/by-id/nvme-C",
        ),
    ] {
        let mut declared = pool.clone();
        declared["name"] = json!("tank");
        let plan = planned(&file_with(&[("/zfs/pools/0", declared)]), &host);
        let refusal = &plan.refusals[0];
        assert_eq!(refusal.id.to_string(), "pool:tank", "{pool}");
        assert!(refusal.help.contains(command), "{pool}: {}", refusal.help);
    }
}

/// The pool as the Proxmox installer makes it: on the third partition of each disk.
fn on_partitions(host: &mut Observed) {
    for (name, kernel) in [("A", "nvme0n1"), ("B", "nvme1n1")] {
        let whole = disk(host, name).clone();
        let part = ObservedDisk {
            kernel_name: format!("{kernel}p3"),
            partition_of: Some(kernel.to_owned()),
            ..whole
        };
        let path = format!("/dev/disk/by-id/nvme-{name}-part3");
        host.disks.insert(path, part);
    }
    let member = |(name, kernel): (&str, &str)| ObservedMember {
        name: format!("{kernel}p3"),
        partition_of: Some(kernel.to_owned()),
        path: format!("/dev/disk/by-id/nvme-{name}-part3"),
        ..member(kernel)
    };
    host.pools.get_mut("tank").unwrap().vdevs[0].disks =
        [("A", "nvme0n1"), ("B", "nvme1n1")].map(member).into();
}

#[test]
fn a_partition_is_a_member_and_its_disk_is_another_thing() {
    let mut host = settled(&file());
    on_partitions(&mut host);
    let disks = json!(["nvme-A-part3", "nvme-B-part3"]);
    let plan = planned(&file_with(&[("/zfs/pools/0/disks", disks)]), &host);
    assert_eq!(lines(&plan), Vec::<String>::new());

    let plan = planned(&file(), &host);
    assert_eq!(
        plan.refusals[0].reason,
        "pool tank is on the partition /dev/disk/by-id/nvme-A-part3, and the file names the whole \
         disk /dev/disk/by-id/nvme-A"
    );
    assert!(
        !plan.refusals[0].help.contains("zpool"),
        "{}",
        plan.refusals[0].help
    );

    // The partition that ZFS makes on a whole disk is another name for the disk.
    let mut host = settled(&file());
    for (name, kernel) in [("A", "nvme0n1"), ("B", "nvme1n1")] {
        let part = ObservedDisk {
            kernel_name: format!("{kernel}p1"),
            partition_of: Some(kernel.to_owned()),
            stands_for_disk: true,
            ..disk(&mut host, name).clone()
        };
        host.disks
            .insert(format!("/dev/disk/by-id/nvme-{name}-part1"), part);
    }
    let disks = json!(["nvme-A-part1", "nvme-B-part1"]);
    let plan = planned(&file_with(&[("/zfs/pools/0/disks", disks)]), &host);
    assert_eq!(lines(&plan), Vec::<String>::new());
}

/// What the pool is made of while something is in between, and what the file names.
#[test]
fn a_pool_is_compared_as_the_layout_that_it_leads_to() {
    use MemberRole::{Leaving, Member, StandIn};
    let in_role = |name: &str, role| ObservedMember {
        role,
        ..member(name)
    };
    for (disks, named, same) in [
        (
            vec![
                ("nvme0n1", Member),
                ("nvme1n1", Leaving),
                ("nvme2n1", Member),
            ],
            ["A", "C"],
            true,
        ),
        // Who still names the disk that goes means its place.
        (
            vec![
                ("nvme0n1", Member),
                ("nvme1n1", Leaving),
                ("nvme2n1", Member),
            ],
            ["A", "B"],
            true,
        ),
        (
            vec![
                ("nvme0n1", Member),
                ("nvme1n1", Member),
                ("nvme2n1", StandIn),
            ],
            ["A", "B"],
            true,
        ),
        (
            vec![
                ("nvme0n1", Member),
                ("nvme1n1", Member),
                ("nvme2n1", StandIn),
            ],
            ["A", "C"],
            false,
        ),
        (
            vec![
                ("nvme0n1", Member),
                ("nvme1n1", Leaving),
                ("nvme2n1", Member),
                ("nvme3n1", StandIn),
            ],
            ["A", "C"],
            true,
        ),
    ] {
        let mut host = settled(&file());
        let pool = host.pools.get_mut("tank").unwrap();
        pool.vdevs[0].disks = disks
            .iter()
            .map(|(name, role)| in_role(name, *role))
            .collect();
        let named = named.map(|name| format!("/dev/disk/by-id/nvme-{name}"));
        let plan = planned(&file_with(&[("/zfs/pools/0/disks", json!(named))]), &host);
        assert_eq!(
            plan.refusals.is_empty(),
            same,
            "{disks:?} {named:?}: {:?}",
            plan.refusals
        );
    }
}

/// ZFS takes these without a question or with -f, and none of them is ever advised.
#[test]
fn what_would_cost_redundancy_is_never_advised() {
    const A: &str = "/dev/disk/by-id/nvme-A";
    const B: &str = "/dev/disk/by-id/nvme-B";
    const C: &str = "/dev/disk/by-id/nvme-C";
    let host = settled(&file());
    for (key, value) in [
        (
            "/zfs/pools/0/vdevs",
            json!([
                {"raid_level": "mirror", "disks": [A, B]},
                {"raid_level": "single", "disks": [C]}
            ]),
        ),
        ("/zfs/pools/0/special", json!([C])),
    ] {
        let mut pool = json!({"name": "tank", "raid_level": "mirror", "disks": [A, B]});
        let name = key.rsplit('/').next().unwrap();
        if name == "vdevs" {
            pool = json!({"name": "tank"});
        }
        pool[name] = value;
        let text = file_with(&[("/zfs/pools/0", pool)]);
        let plan = planned(&text, &host);
        let help = &plan.refusals[0].help;
        assert!(!help.contains("zpool add"), "{name}: {help}");
    }
}

/// The order of disks in the file and other names of the same disks are no difference.
#[test]
fn disks_are_compared_as_a_set() {
    let mut host = settled(&file());
    let twin = disk(&mut host, "A").clone();
    host.disks
        .insert("/dev/disk/by-id/nvme-eui.1".to_owned(), twin);
    let disks = json!(["/dev/disk/by-id/nvme-B", "/dev/disk/by-id/nvme-eui.1"]);
    let plan = planned(&file_with(&[("/zfs/pools/0/disks", disks)]), &host);
    assert_eq!(lines(&plan), Vec::<String>::new());
}

/// A release that cannot widen a raidz has divided the new disk before it says so.
#[test]
fn a_wider_raidz_is_advised_only_where_zfs_can_make_it() {
    let raidz = |names: &[&str]| {
        let disks = names
            .iter()
            .map(|name| format!("/dev/disk/by-id/nvme-{name}"));
        let disks: Vec<String> = disks.collect();
        let pool = json!({"name": "tank", "raid_level": "raidz1", "disks": disks});
        file_with(&[("/zfs/pools/0", pool)])
    };
    for (release, advised) in [
        (Some("2.4.0-pve1"), true),
        (Some("2.3.0"), true),
        (Some("2.2.7"), false),
        (None, false),
    ] {
        let mut host = settled(&file());
        let vdev = &mut host.pools.get_mut("tank").unwrap().vdevs[0];
        vdev.kind = "raidz1".to_owned();
        vdev.disks = ["nvme0n1", "nvme1n1", "nvme2n1"].map(member).into();
        host.zfs = release.map(str::to_owned);
        let plan = planned(&raidz(&["A", "B", "C", "D"]), &host);
        let help = &plan.refusals[0].help;
        assert_eq!(
            help.contains("zpool attach"),
            advised,
            "{release:?}: {help}"
        );
    }
}
