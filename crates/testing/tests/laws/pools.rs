//! phoenix's judgement of new pools, held against the simulated `zpool create`.

use std::collections::BTreeMap;

use phoenix_host::Host;
use phoenix_planner::plan::{CreatePool, Operation};
use phoenix_planner::{Grants, PlanOptions};
use phoenix_sim::SimHost;
use phoenix_testing::pools::{Case, case, observed};
use phoenix_testing::scenario::{plan, run};
use phoenix_tools::zpool::{self, PoolSpec, VdevSpec};

const CASES: u64 = 10_000;
/// Every so many of them are applied to disks that carry something.
const APPLIED: u64 = 50;

fn host(case: &Case) -> SimHost {
    let drives = case.drives.iter();
    let drives: Vec<_> = drives
        .map(|(name, bytes)| (name.as_str(), *bytes))
        .collect();
    SimHost::with_drives(&drives)
}

fn spec(create: &CreatePool) -> PoolSpec {
    let vdevs = create.vdevs.iter().map(|vdev| VdevSpec {
        class: vdev.class,
        keyword: vdev.keyword.clone(),
        disks: vdev.disks.iter().map(|disk| disk.path.clone()).collect(),
    });
    PoolSpec {
        name: create.pool.clone(),
        properties: create.properties.clone(),
        root_properties: create.root_properties.clone(),
        vdevs: vdevs.collect(),
    }
}

/// One number a verdict.
#[derive(Debug, Default)]
struct Counts {
    invalid: u64,
    refused: BTreeMap<String, u64>,
    asked: u64,
    made: u64,
}

#[test]
fn what_a_plan_makes_zpool_create_takes() {
    let mut counts = Counts::default();
    for number in 0..CASES {
        let case = case(number);
        let loaded = phoenix_config::load("pools.json", case.file.to_string().as_bytes());
        let Some(config) = loaded.config() else {
            counts.invalid += 1;
            continue;
        };
        let plan = phoenix_planner::plan(config, &observed(&case), &PlanOptions::default());
        if let Some(refusal) = plan.refusals.first() {
            let words: Vec<_> = refusal.reason.split(' ').take(6).collect();
            *counts.refused.entry(words.join(" ")).or_default() += 1;
            continue;
        }
        let Operation::CreatePool(create) = &plan.steps[0].operation else {
            panic!("{number}: {plan:?}");
        };
        let (host, spec) = (host(&case), spec(create));
        let asked = host.run(&zpool::would_create(&spec)).unwrap();
        if asked.code != Some(0) {
            // Kinds of vdevs that this ZFS does not have are found by asking, still before an erase.
            assert!(asked.stderr.contains("unsupported"), "{}", asked.stderr);
            counts.asked += 1;
            continue;
        }
        let command = zpool::create(&spec);
        let answer = host.run(&command).unwrap();
        assert_eq!(
            answer.code,
            Some(0),
            "{number}: {command}\n{}",
            answer.stderr
        );
        counts.made += 1;
    }
    // The generator is worth something only while it makes enough of each.
    let refused: u64 = counts.refused.values().sum();
    assert!(counts.made > CASES / 6, "{counts:?}");
    assert!(refused > CASES / 5, "{counts:?}");
}

#[test]
fn no_disk_is_erased_for_a_pool_that_is_not_made_then() {
    let granted = PlanOptions {
        grants: Grants {
            wipe_named: true,
            ..Grants::default()
        },
        ..PlanOptions::default()
    };
    let (mut made, mut kept) = (0, 0);
    for number in (0..CASES).step_by(usize::try_from(APPLIED).unwrap()) {
        let case = case(number);
        let loaded = phoenix_config::load("pools.json", case.file.to_string().as_bytes());
        let Some(config) = loaded.config() else {
            continue;
        };
        let host = host(&case);
        for (name, _) in &case.drives {
            host.add_signature(name, "ext4").unwrap();
        }
        let before = host.state().disks;
        let plan = plan(config, &host, &granted);
        run(&plan, &host, 1);
        let after = host.state();
        if after.pools.contains_key("tank") {
            made += 1;
        } else {
            assert_eq!(after.disks, before, "{number}: {plan:?}");
            kept += 1;
        }
    }
    assert!(made > 20 && kept > 20, "{made} made, {kept} kept");
}
