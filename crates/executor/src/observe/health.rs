//! The health of the drives that a new pool would be made of.
//!
//! Asks `phoenix_nvme`, which judges; nothing is decided here. What a drive does not say, or nobody
//! can ask, speaks against nothing.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use jiff::Timestamp;
use phoenix_host::Host;
use phoenix_nvme::history::History;
use phoenix_nvme::report::Facts;
use phoenix_nvme::survey::nvme_drives;
use phoenix_nvme::{Policy, assess, survey};
use phoenix_planner::wanted::Wanted;
use phoenix_tools::disk::Inventory;
use phoenix_tools::zpool::ImportedPools;

/// What speaks against a new pool on a drive, in words, by kernel name. Drives of pools that are
/// imported are not asked.
pub(super) fn unfit(
    host: &dyn Host,
    wanted: &Wanted,
    imported: &ImportedPools,
    inventory: &Inventory,
) -> BTreeMap<String, String> {
    let for_new_pools = wanted
        .disks
        .iter()
        .filter(|(_, pool)| !imported.pools.contains_key(*pool))
        .filter_map(|(path, _)| inventory.find(Utf8Path::new(path)))
        .map(|disk| disk.kernel_name.as_str())
        .collect::<BTreeSet<_>>();
    let mut drives = nvme_drives(inventory);
    drives.retain(|name| for_new_pools.contains(name.as_str()));
    if drives.is_empty() {
        return BTreeMap::new();
    }
    let mut policy = Policy::default();
    if let Some(percent) = wanted.wear_critical_percent {
        policy.wear_critical_percent = percent.into();
    }
    let report = assess(Facts {
        drives: survey::health(host, &drives),
        pools: Vec::new(),
        updates: Vec::new(),
        gaps: Vec::new(),
        history: &History::default(),
        policy: &policy,
        now: Timestamp::now(),
    });
    let reason = |drive: &phoenix_nvme::report::DriveReport| {
        let finding = drive.unfit()?;
        Some((drive.drive.name.clone(), finding.message.clone()))
    };
    report.drives.iter().filter_map(reason).collect()
}
