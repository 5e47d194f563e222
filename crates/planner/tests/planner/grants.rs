//! Disks that a pool may be made of only because somebody said so by name.

use phoenix_planner::observed::{Obstacle, digest};
use phoenix_planner::plan::{Class, Operation};
use phoenix_planner::{Grants, PlanOptions};

use crate::pool::{CREATE, left_behind, signature};
use crate::setup::{disk, file, fresh, lines, planned_with};

#[test]
fn only_a_grant_by_name_makes_a_new_pool_in_place_of_one_that_can_be_imported() {
    let mut host = fresh();
    left_behind(&mut host);
    for (wipe, wipe_named, creates) in [
        (&[][..], false, false),
        (&[], true, false),
        (&["nvme-A", "nvme-B"], false, true),
    ] {
        let options = PlanOptions {
            grants: Grants {
                wipe: wipe.iter().map(ToString::to_string).collect(),
                wipe_named,
                ..Grants::default()
            },
            ..PlanOptions::default()
        };
        let plan = planned_with(&file(), &host, &options);
        let step = plan
            .steps
            .iter()
            .find(|step| step.id.to_string() == "pool:tank");
        let operation = &step.expect("a step for the pool").operation;
        assert_eq!(
            matches!(operation, Operation::CreatePool(_)),
            creates,
            "{wipe:?}"
        );
        assert_eq!(
            matches!(operation, Operation::ImportPool(_)),
            !creates,
            "{wipe:?}"
        );
    }
}

/// Which grant lets a disk with which obstacle be erased.
#[test]
fn only_a_grant_by_name_erases_a_disk() {
    let path = "/dev/disk/by-id/nvme-A";
    let label = "zfs_member \"tank\" (guid 7) on nvme0n1p1";
    let in_use = Obstacle::InUse {
        by: "swap".to_owned(),
    };
    for (grant, named, obstacle, wiped) in [
        (path, false, signature("ext4"), true),
        ("nvme-A", false, signature("ext4"), true),
        ("SN-nvme0n1", false, signature("ext4"), true),
        ("", true, signature("ext4"), true),
        ("nvme-B", false, signature("ext4"), false),
        ("nvme0n1", false, signature("ext4"), false),
        ("", false, signature("ext4"), false),
        ("nvme-A", false, signature(label), true),
        ("", true, signature(label), false),
        ("nvme-A", true, in_use, false),
    ] {
        let mut host = fresh();
        disk(&mut host, "A").obstacles = vec![obstacle.clone()];
        let grants = Grants {
            wipe: [grant.to_owned()].into(),
            wipe_named: named,
            ..Grants::default()
        };
        let options = PlanOptions {
            grants,
            ..PlanOptions::default()
        };
        let plan = planned_with(&file(), &host, &options);
        let row = format!("{grant} {named} {obstacle:?}");
        let Some(step) = plan
            .steps
            .iter()
            .find(|step| step.id.to_string() == "pool:tank")
        else {
            assert!(!wiped, "{row}");
            continue;
        };
        assert!(wiped, "{row}");
        assert_eq!(step.class, Class::Destructive, "{row}");
        let Operation::CreatePool(create) = &step.operation else {
            panic!("{row}")
        };
        let erased: Vec<_> = create
            .wiped_disks()
            .map(|disk| disk.path.as_str())
            .collect();
        assert_eq!(erased, [path], "{row}");
        let shown = step
            .changes
            .iter()
            .find(|change| change.field == format!("wipe {path}"));
        assert!(shown.is_some_and(|change| change.before.is_some()), "{row}");
    }
}

/// Which grant lets a failing disk be used. That the file names it is not one.
#[test]
fn only_a_grant_by_name_uses_a_failing_disk() {
    let path = "/dev/disk/by-id/nvme-A";
    let failing = |name: &str| Grants {
        failing: [name.to_owned()].into(),
        ..Grants::default()
    };
    let wipe_all = Grants {
        wipe: [path.to_owned()].into(),
        wipe_named: true,
        ..Grants::default()
    };
    for (grants, used) in [
        (failing(path), true),
        (failing("nvme-A"), true),
        (failing("SN-nvme0n1"), true),
        (failing("nvme-B"), false),
        (wipe_all, false),
    ] {
        let mut host = fresh();
        disk(&mut host, "A").unfit = Some("104 % is used".to_owned());
        let row = format!("{grants:?}");
        let options = PlanOptions {
            grants,
            ..PlanOptions::default()
        };
        let plan = planned_with(&file(), &host, &options);
        let line = lines(&plan)
            .into_iter()
            .find(|line| line.contains("pool:tank"))
            .unwrap();
        let wanted = if used {
            CREATE.replace(
                "; ashift",
                "; accept /dev/disk/by-id/nvme-A 104 % is used -> used all the same; ashift",
            )
        } else {
            "refuse pool:tank: /dev/disk/by-id/nvme-A is not fit for a new pool: 104 % is used"
                .to_owned()
        };
        assert_eq!(line, wanted, "{row}");
    }
}

#[test]
fn a_grant_to_use_a_failing_disk_does_not_erase_it() {
    let mut host = fresh();
    let failing = disk(&mut host, "A");
    failing.unfit = Some("104 % is used".to_owned());
    failing.obstacles = vec![signature("ext4")];
    let options = PlanOptions {
        grants: Grants {
            failing: ["nvme-A".to_owned()].into(),
            ..Grants::default()
        },
        ..PlanOptions::default()
    };
    let plan = planned_with(&file(), &host, &options);
    assert!(plan.refusals[0].reason.contains("ext4"), "{plan:?}");
}

/// A drive that is unfit wears on between a plan and its apply; only another verdict makes a saved
/// plan stale.
#[test]
fn the_digest_knows_that_a_disk_is_unfit_and_not_why() {
    let with = |words: Option<&str>| {
        let mut host = fresh();
        disk(&mut host, "A").unfit = words.map(str::to_owned);
        digest(&host)
    };
    assert_eq!(with(Some("104 % is used")), with(Some("105 % is used")));
    assert_ne!(with(Some("104 % is used")), with(None));
}
