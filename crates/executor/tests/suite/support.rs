//! What the tests share: a configuration with one object of every kind, and short ways to observe,
//! plan and apply.

use std::num::NonZeroUsize;
use std::time::Duration;

use phoenix_config::address::Address;
use phoenix_config::model::Config;
use phoenix_executor::event::{Event, Observer};
use phoenix_executor::options::{ApplyOptions, Freshness};
use phoenix_executor::report::{Report, StepOutcome};
use phoenix_executor::{apply, observe};
use phoenix_host::Host;
pub(crate) use phoenix_host::interposed::Interposed;
use phoenix_planner::observed::Observed;
use phoenix_planner::plan::Plan;
use phoenix_planner::{PlanOptions, wanted};

/// Two pools with everything that hangs on them: file systems, a volume, permissions, storages of
/// both kinds, exports, bind mounts, the ARC limit.
pub(crate) const EVERYTHING: &str = r#"{
  "zfs": {
    "pools": [
      {"name": "quickOS", "raid_level": "mirror", "disks": [
        "/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_2TB_SIM2TA0001",
        "/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_2TB_SIM2TB0002"]},
      {"name": "fastData", "raid_level": "single", "disks": [
        "/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_4TB_SIM4TC0003"]}
    ],
    "datasets": [
      {"pool": "quickOS", "name": "vm", "properties": {"compression": "zstd", "quota": "800G"},
       "storage": {"id": "quick-vm", "type": "zfspool", "content": ["images", "rootdir"]}},
      {"pool": "quickOS", "name": "data", "properties": {"recordsize": "16K", "sync": "always",
                                                           "acltype": "posixacl"},
       "permissions": {"owner": 100000, "group": 100000, "mode": "2775", "recursive": true,
                       "acl": ["group:1001:rwx", "default:group:1001:rwx"]}},
      {"pool": "quickOS", "name": "data/logs", "properties": {"quota": "100G"}},
      {"pool": "quickOS", "name": "swap", "type": "volume", "volsize": "8G",
       "properties": {"volblocksize": "16K"}},
      {"pool": "fastData", "name": "backups", "properties": {"quota": "1.4T"},
       "storage": {"id": "fast-backups", "type": "dir", "content": ["backup"]}},
      {"pool": "fastData", "name": "test", "properties": {"compression": "lz4"}}
    ],
    "arc_max": "30G"
  },
  "nfs": {"exports": [
    {"dataset": "quickOS/data", "clients": ["10.0.0.0/24"], "options": ["rw", "sync"]},
    {"dataset": "fastData/test", "clients": ["10.0.0.7", "10.0.0.8"], "options": ["ro"]}
  ]},
  "bind_mounts": [
    {"container": 101, "dataset": "quickOS/data", "target": "/mnt/data", "options": ["noatime"]},
    {"container": 101, "dataset": "fastData/test", "target": "/mnt/test", "read_only": true},
    {"container": 102, "dataset": "quickOS/data", "target": "/mnt/data"}
  ]
}"#;

/// The configuration in `text`, which must be valid.
pub(crate) fn config(text: &str) -> Config {
    let loaded = phoenix_config::load("test.json", text.as_bytes());
    match loaded.config() {
        Some(config) => config.clone(),
        None => panic!("the configuration is not valid: {:?}", loaded.diagnostics),
    }
}

/// What the host has of the configuration.
pub(crate) fn look(config: &Config, host: &dyn Host) -> Observed {
    observe(host, &wanted(config)).unwrap()
}

/// A plan for the host as it is.
pub(crate) fn plan(config: &Config, host: &dyn Host) -> Plan {
    plan_with(config, host, &PlanOptions::default())
}

/// A plan for the host as it is, with grants or targets.
pub(crate) fn plan_with(config: &Config, host: &dyn Host, options: &PlanOptions) -> Plan {
    phoenix_planner::plan(config, &look(config, host), options)
}

/// Options without pauses, for a plan that was just made.
pub(crate) fn options(jobs: usize) -> ApplyOptions {
    ApplyOptions {
        jobs: NonZeroUsize::new(jobs).unwrap(),
        retry_pause: Duration::ZERO,
        freshness: Freshness::Assumed,
        ..ApplyOptions::default()
    }
}

/// Applies a plan with one job.
pub(crate) fn run(plan: &Plan, host: &dyn Host) -> Report {
    apply(plan, host, &options(1), &mut ()).unwrap()
}

/// Plans and applies, which must succeed.
pub(crate) fn set_up(config: &Config, host: &dyn Host) {
    let report = run(&plan(config, host), host);
    assert!(
        report.is_success(),
        "{}",
        phoenix_executor::report::text(&report, &|_| None)
    );
}

/// The outcome of one object.
pub(crate) fn outcome<'a>(report: &'a Report, address: &str) -> &'a StepOutcome {
    let id: Address = address.parse().unwrap();
    match report.outcomes.get(&id) {
        Some(outcome) => outcome,
        None => panic!("the report does not know {address}"),
    }
}

/// Why an object failed.
pub(crate) fn message(report: &Report, address: &str) -> String {
    match &outcome(report, address).error {
        Some(error) => error.message.clone(),
        None => panic!("{address} did not fail: {:?}", outcome(report, address)),
    }
}

/// Every event, kept.
#[derive(Default)]
pub(crate) struct Events(pub(crate) Vec<Event>);

impl Observer for Events {
    fn event(&mut self, event: &Event) {
        self.0.push(event.clone());
    }
}
