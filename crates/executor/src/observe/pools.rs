//! Pools and datasets: health first, then properties of those pools that answer.

use std::collections::BTreeMap;

use phoenix_host::disk::Inventory;
use phoenix_host::parse::ReadError;
use phoenix_host::zfs::PropertyRow;
use phoenix_host::zpool::{ImportedPools, PoolStatus};
use phoenix_host::{Host, zfs, zpool};
use phoenix_planner::observed::{ObservedDataset, ObservedPool, ObservedProperty};
use phoenix_planner::wanted::Wanted;

use super::disks::observed_vdev;

/// The wanted pools that are imported.
#[derive(Debug, Default)]
pub(super) struct Pools {
    pools: BTreeMap<String, Pool>,
}

#[derive(Debug)]
struct Pool {
    health: String,
    size: u64,
    layout: Option<PoolStatus>,
}

impl Pool {
    /// Whether the pool can be asked anything: every other state may block whoever asks.
    fn answers(&self) -> bool {
        matches!(self.health.as_str(), "ONLINE" | "DEGRADED")
    }
}

impl Pools {
    fn answering(&self) -> impl Iterator<Item = &str> {
        self.pools
            .iter()
            .filter(|(_, pool)| pool.answers())
            .map(|(name, _)| name.as_str())
    }

    /// Whether `dataset` lies in a pool that is imported but does not answer.
    pub(super) fn is_silent(&self, dataset: &str) -> bool {
        self.pools
            .get(pool_of(dataset))
            .is_some_and(|pool| !pool.answers())
    }

    fn answers(&self, dataset: &str) -> bool {
        self.pools.get(pool_of(dataset)).is_some_and(Pool::answers)
    }
}

fn pool_of(dataset: &str) -> &str {
    dataset.split_once('/').map_or(dataset, |(pool, _)| pool)
}

/// Picks the wanted pools, with the health that the kernel tells without a lock: a suspended pool
/// must be recognised before anything else is asked.
pub(super) fn select(
    host: &dyn Host,
    wanted: &Wanted,
    imported: &ImportedPools,
) -> Result<Pools, ReadError> {
    let mut pools = BTreeMap::new();
    for name in &wanted.pools {
        let Some(row) = imported.pools.get(name) else {
            continue;
        };
        let state = host.read_file(&zpool::state_path(name))?;
        let pool = Pool {
            health: match state {
                Some(state) => state.trim().to_owned(),
                None => row.health.clone(),
            },
            size: row.size.unwrap_or(0),
            layout: imported.layouts.get(name).cloned(),
        };
        pools.insert(name.clone(), pool);
    }
    Ok(Pools { pools })
}

/// What ZFS says about pools and datasets.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) pools: BTreeMap<String, ObservedPool>,
    pub(super) datasets: BTreeMap<String, ObservedDataset>,
}

/// Reads the properties of all wanted pools in one command and of all wanted datasets in another.
pub(super) fn facts(host: &dyn Host, wanted: &Wanted, pools: &Pools) -> Result<Facts, ReadError> {
    let (pool_rows, dataset_rows) = rayon::join(
        || pool_properties(host, wanted, pools),
        || dataset_properties(host, wanted, pools),
    );
    let mut facts = Facts::default();
    for (name, pool) in &pools.pools {
        let size = if pool.answers() { pool.size } else { 0 };
        let observed = ObservedPool {
            health: pool.health.clone(),
            size,
            ..ObservedPool::default()
        };
        facts.pools.insert(name.clone(), observed);
    }
    for row in pool_rows? {
        if let Some(pool) = facts.pools.get_mut(&row.name) {
            pool.properties.extend(property(row));
        }
    }
    for row in dataset_rows? {
        let dataset = facts.datasets.entry(row.name.clone()).or_default();
        match row.property.as_str() {
            "type" => dataset.kind = row.value,
            "mounted" => dataset.mounted = row.value == "yes",
            _ => dataset.properties.extend(property(row)),
        }
    }
    Ok(facts)
}

impl Facts {
    /// Adds the layouts of the pools that answer.
    pub(super) fn add_layouts(&mut self, pools: &Pools, inventory: &Inventory) {
        for (name, pool) in &pools.pools {
            let layout = pool.layout.as_ref().filter(|_| pool.answers());
            if let (Some(observed), Some(layout)) = (self.pools.get_mut(name), layout) {
                let vdevs = layout.vdevs.iter();
                observed.vdevs = vdevs.map(|vdev| observed_vdev(vdev, inventory)).collect();
            }
        }
    }
}

fn pool_properties(
    host: &dyn Host,
    wanted: &Wanted,
    pools: &Pools,
) -> Result<Vec<PropertyRow>, ReadError> {
    let names: Vec<&str> = pools.answering().collect();
    let properties: Vec<&str> = wanted.pool_properties.iter().map(String::as_str).collect();
    if names.is_empty() || properties.is_empty() {
        return Ok(Vec::new());
    }
    let command = zpool::get(&properties, &names);
    let output = host.run(&command)?;
    Ok(zpool::parse_get(output.check(&command)?)?)
}

fn dataset_properties(
    host: &dyn Host,
    wanted: &Wanted,
    pools: &Pools,
) -> Result<Vec<PropertyRow>, ReadError> {
    let names: Vec<&str> = wanted
        .datasets
        .iter()
        .map(String::as_str)
        .filter(|name| pools.answers(name))
        .collect();
    let mut properties: Vec<&str> = wanted
        .dataset_properties
        .iter()
        .map(String::as_str)
        .chain(["canmount", "mounted", "mountpoint", "type"])
        .chain(["volblocksize", "volsize"])
        .collect();
    properties.sort_unstable();
    properties.dedup();
    zfs::read(host, &properties, &names)
}

/// A property, unless it does not apply to this kind of dataset or is not set at all.
fn property(row: PropertyRow) -> Option<(String, ObservedProperty)> {
    if row.value == "-" && row.source == "-" {
        return None;
    }
    let observed = ObservedProperty {
        value: row.value,
        source: row.source,
    };
    Some((row.property, observed))
}
