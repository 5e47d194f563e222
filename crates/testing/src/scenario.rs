//! Generated configurations, and generated hosts that somebody has used before.
//!
//! A host begins fresh, may have been set up by another configuration, and then has things done to
//! it that happen to hosts: foreign objects, changed properties, signatures on disks, containers
//! that run or are gone. Everything goes through the commands of the simulated host or its state;
//! nothing here judges what phoenix makes of it.

mod dirt;
mod file;

use std::num::NonZeroUsize;
use std::time::Duration;

use phoenix_config::model::Config;
use phoenix_executor::event::Observer;
use phoenix_executor::options::{ApplyOptions, Freshness};
use phoenix_executor::report::Report;
use phoenix_executor::{apply, observe};
use phoenix_host::Host;
use phoenix_planner::plan::Plan;
use phoenix_planner::{Grants, PlanOptions, wanted};
use phoenix_sim::SimHost;
use phoenix_sim::state::State;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;

pub use dirt::Dirt;
pub use file::{CONTAINERS, file};

/// The drives of a generated host by their names below `/dev/disk/by-id`, with their sizes in
/// bytes. Configurations name the first three.
pub const DRIVES: [(&str, u64); 4] = [
    ("nvme-GEN_2TB_A", 2_000_398_934_016),
    ("nvme-GEN_2TB_B", 2_000_398_934_016),
    ("nvme-GEN_4TB_C", 4_000_787_030_016),
    ("nvme-GEN_4TB_D", 4_000_787_030_016),
];

/// A configuration and the host that it is for.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The file.
    pub file: Value,
    /// The file that somebody set the host up with before.
    pub earlier: Option<Value>,
    /// What happened to the host since.
    pub dirt: Vec<Dirt>,
    /// Whether the disks that the file names may be erased.
    pub wipe: bool,
}

/// Any scenario.
pub fn scenario() -> impl Strategy<Value = Scenario> {
    (
        file(),
        proptest::option::weighted(0.6, file()),
        vec(dirt::dirt(), 0..8),
        proptest::bool::weighted(0.3),
    )
        .prop_map(|(file, earlier, dirt, wipe)| Scenario {
            file,
            earlier,
            dirt,
            wipe,
        })
}

/// The value of a seed, the same in every run.
pub fn seeded<S: Strategy>(strategy: S, seed: u64) -> S::Value {
    let mut bytes = [0; 32];
    for (place, byte) in bytes.iter_mut().zip(seed.to_le_bytes().into_iter().cycle()) {
        *place = byte;
    }
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(ProptestConfig::default(), rng);
    match strategy.new_tree(&mut runner) {
        Ok(tree) => tree.current(),
        Err(reason) => panic!("no value for seed {seed}: {reason}"),
    }
}

impl Scenario {
    /// The host, in memory.
    pub fn host(&self) -> SimHost {
        let host = SimHost::with_drives(&DRIVES);
        if let Some(earlier) = &self.earlier {
            let report = run(
                &plan(&config(earlier), &host, &PlanOptions::default()),
                &host,
                16,
            );
            let text = phoenix_executor::report::text(&report, &|_| None);
            assert!(report.is_success(), "{text}");
        }
        for dirt in &self.dirt {
            dirt.apply(&host);
        }
        self::host(host.state())
    }

    /// The file, read.
    pub fn config(&self) -> Config {
        config(&self.file)
    }

    /// How it is planned.
    pub fn options(&self) -> PlanOptions {
        PlanOptions {
            grants: Grants {
                wipe_named: self.wipe,
                ..Grants::default()
            },
            ..PlanOptions::default()
        }
    }
}

/// A host in memory with this state, which nobody has asked anything yet.
pub fn host(state: State) -> SimHost {
    let host = SimHost::fresh();
    match host.edit(|fresh| *fresh = state) {
        Ok(()) => host,
        Err(error) => panic!("a host in memory has no file: {error}"),
    }
}

/// A generated file as a configuration; generated files are valid.
pub fn config(file: &Value) -> Config {
    let loaded = phoenix_config::load("generated.json", file.to_string().as_bytes());
    match loaded.config() {
        Some(config) => config.clone(),
        None => panic!("{:#?}\n{file:#}", loaded.diagnostics),
    }
}

/// A plan for the host as it is.
pub fn plan(config: &Config, host: &dyn Host, options: &PlanOptions) -> Plan {
    match observe(host, &wanted(config)) {
        Ok(observed) => phoenix_planner::plan(config, &observed, options),
        Err(error) => panic!("the host cannot be read: {error:?}"),
    }
}

/// Applies a plan that was just made, without pauses.
pub fn run(plan: &Plan, host: &dyn Host, jobs: usize) -> Report {
    run_watched(plan, host, jobs, &mut ())
}

/// The same with an observer.
pub fn run_watched(
    plan: &Plan,
    host: &dyn Host,
    jobs: usize,
    observer: &mut dyn Observer,
) -> Report {
    let options = ApplyOptions {
        jobs: NonZeroUsize::new(jobs).unwrap_or(NonZeroUsize::MIN),
        retry_pause: Duration::ZERO,
        freshness: Freshness::Assumed,
        ..ApplyOptions::default()
    };
    match apply(plan, host, &options, observer) {
        Ok(report) => report,
        Err(error) => panic!("the plan was refused: {error:?}"),
    }
}

/// What two hosts must have in common to count as the same: the state without what depends on the
/// order in which objects came into being, which is guids, minor numbers and the order of tables,
/// and without faults that have not fired.
pub fn comparable(state: &State) -> State {
    let mut state = state.clone();
    state.made = 0;
    state.faults.clear();
    for pool in state.pools.values_mut() {
        pool.guid = 0;
    }
    for dataset in state.datasets.values_mut() {
        dataset.guid = 0;
        if let Some(volume) = &mut dataset.volume {
            volume.minor = 0;
        }
    }
    let disks = state.disks.values_mut();
    for disk in disks {
        let partitions = disk.partitions.values_mut();
        let within = partitions.flat_map(|partition| &mut partition.signatures);
        for signature in disk.signatures.iter_mut().chain(within) {
            signature.uuid = None;
        }
    }
    state
        .mounts
        .edit(|list| list.sort_by(|a, b| (&a.target, &a.source).cmp(&(&b.target, &b.source))));
    if let Some(exports) = &mut state.exports {
        exports.sort_by(|a, b| (&a.path, &a.client).cmp(&(&b.path, &b.client)));
    }
    state
}
