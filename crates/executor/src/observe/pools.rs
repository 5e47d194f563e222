//! Pools and datasets: health first, then properties of those pools that answer.

use std::collections::{BTreeMap, BTreeSet};

use phoenix_host::Host;
use phoenix_planner::observed::{ObservedDataset, ObservedPool, ObservedProperty};
use phoenix_planner::wanted::Wanted;
use phoenix_tools::disk::{Inventory, without_first_partition};
use phoenix_tools::parallel::both;
use phoenix_tools::parse::{ParseError, ReadError};
use phoenix_tools::zfs::PropertyRow;
use phoenix_tools::zpool::{ImportedPools, PoolStatus, VdevStatus};
use phoenix_tools::{zfs, zpool};
use phoenix_zfs::name::pool_of;
use phoenix_zfs::property::{Source, UnknownType};
use phoenix_zfs::vdev::VdevClass;

use super::ObserveError;
use super::disks::{observed_activity, observed_vdev};

/// Pools with the health that the kernel tells: `ONLINE`, `DEGRADED`, `SUSPENDED` ...
#[derive(Debug, Default)]
pub(super) struct Pools(BTreeMap<String, String>);

/// Whether a pool can be asked anything: every other state may block whoever asks.
pub(crate) fn answers(health: &str) -> bool {
    matches!(health, "ONLINE" | "DEGRADED")
}

impl Pools {
    fn answering(&self) -> impl Iterator<Item = &str> {
        let answering = self.0.iter().filter(|(_, health)| answers(health));
        answering.map(|(name, _)| name.as_str())
    }

    fn answers(&self, dataset: &str) -> bool {
        self.0
            .get(pool_of(dataset))
            .is_some_and(|health| answers(health))
    }

    /// Whether `dataset` lies in a pool that is imported but does not answer.
    pub(super) fn is_silent(&self, dataset: &str) -> bool {
        self.0
            .get(pool_of(dataset))
            .is_some_and(|health| !answers(health))
    }
}

/// Picks the wanted pools that are imported. The kernel tells without a lock and without a command:
/// a suspended pool must be recognised before anything else is asked.
pub(super) fn select(host: &dyn Host, wanted: &Wanted) -> Result<Pools, ReadError> {
    let mut pools = BTreeMap::new();
    for name in &wanted.pools {
        if let Some(state) = host.read_file(&zpool::state_path(name))? {
            pools.insert(name.clone(), state.trim().to_owned());
        }
    }
    Ok(Pools(pools))
}

/// What ZFS says about pools and datasets.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) pools: BTreeMap<String, ObservedPool>,
    pub(super) datasets: BTreeMap<String, ObservedDataset>,
    pub(super) unknown_properties: BTreeSet<String>,
}

/// Reads the properties of all wanted pools in one command and of all wanted datasets in another.
pub(super) fn facts(host: &dyn Host, wanted: &Wanted, pools: &Pools) -> Result<Facts, ReadError> {
    let (pool_rows, dataset_rows) = both(
        || pool_properties(host, wanted, pools),
        || dataset_properties(host, wanted, pools),
    );
    let ((pool_rows, unknown_of_pools), (dataset_rows, unknown)) = (pool_rows?, dataset_rows?);
    let mut facts = Facts {
        unknown_properties: unknown.into_iter().chain(unknown_of_pools).collect(),
        ..Facts::default()
    };
    for (name, health) in &pools.0 {
        let observed = ObservedPool {
            health: health.clone(),
            ..ObservedPool::default()
        };
        facts.pools.insert(name.clone(), observed);
    }
    for row in pool_rows {
        let Some(pool) = facts.pools.get_mut(&row.name) else {
            continue;
        };
        match row.property.as_str() {
            CAPACITY => {
                let percent = row.value.number();
                pool.capacity = percent.and_then(|percent| percent.try_into().ok());
            }
            _ => pool.properties.extend(property(row)),
        }
    }
    let mut rows = dataset_rows.into_iter().peekable();
    // ZFS prints a dataset's rows one after the other.
    while let Some(first) = rows.next() {
        let name = first.name.clone();
        let dataset = facts.datasets.entry(name.clone()).or_default();
        add_row(dataset, first)?;
        while let Some(row) = rows.next_if(|row| row.name == name) {
            add_row(dataset, row)?;
        }
    }
    Ok(facts)
}

impl Facts {
    /// Adds the sizes and layouts of the pools that answer, as `zpool` tells them.
    ///
    /// # Errors
    /// When `zpool` and the kernel do not name the same pools: one came or went meanwhile.
    pub(super) fn complete(
        &mut self,
        host: &dyn Host,
        wanted: &Wanted,
        imported: &ImportedPools,
        inventory: &Inventory,
    ) -> Result<(), ObserveError> {
        for name in &wanted.pools {
            let (listed, observed) = match (imported.pools.get(name), self.pools.get_mut(name)) {
                (Some(listed), Some(observed)) => (listed, observed),
                (None, None) => continue,
                _ => return Err(ObserveError::Moved { pool: name.clone() }),
            };
            if !answers(&observed.health) {
                continue;
            }
            observed.size = listed.size.unwrap_or(0);
            observed.unread = imported.unread.get(name).cloned();
            let layout = imported.layouts.get(name);
            let vdevs = layout.into_iter().flat_map(|layout| &layout.vdevs);
            observed.vdevs = vdevs.map(|vdev| observed_vdev(vdev, inventory)).collect();
            observed.ashifts = match layout {
                Some(layout) if wanted.ashifts.contains(name) => ashifts(host, layout),
                _ => BTreeMap::new(),
            };
            if let Some(layout) = layout {
                let activities = layout.activities.iter();
                observed.activities = activities.map(observed_activity).collect();
                observed.lost.clone_from(&layout.lost);
            }
        }
        Ok(())
    }
}

/// The ashift of every top-level vdev by its name; of none where ZFS does not tell, before 2.2.
fn ashifts(host: &dyn Host, layout: &PoolStatus) -> BTreeMap<String, u64> {
    let command = zpool::get_of_vdevs("ashift", &layout.name);
    let output = host
        .run(&command)
        .ok()
        .filter(|output| output.code == Some(0));
    let rows = output.and_then(|output| zpool::parse_get(&output.stdout).ok());
    let told: BTreeMap<String, u64> = rows
        .unwrap_or_default()
        .into_iter()
        .filter_map(|row| Some((row.name, row.value.number()?)))
        .collect();
    // A disk goes by the last part of its path, and a whole one without its partition.
    let of = |vdev: &VdevStatus| {
        let short = vdev.name.rsplit('/').next()?;
        let found = told
            .get(short)
            .or_else(|| told.get(without_first_partition(short)))?;
        Some((vdev.name.clone(), *found))
    };
    let data = |vdev: &&VdevStatus| !matches!(vdev.class, VdevClass::Cache | VdevClass::Spare);
    layout.vdevs.iter().filter(data).filter_map(of).collect()
}

/// How much of a pool is taken, in percent: read whatever the file says.
const CAPACITY: &str = "capacity";

/// Rows, and the names that the host does not know.
type Known = (Vec<PropertyRow>, BTreeSet<String>);

fn pool_properties(host: &dyn Host, wanted: &Wanted, pools: &Pools) -> Result<Known, ReadError> {
    let names: Vec<&str> = pools.answering().collect();
    let properties = wanted.pool_properties.iter().map(String::as_str);
    let properties: Vec<&str> = properties.chain([CAPACITY]).collect();
    if names.is_empty() || properties.is_empty() {
        return Ok(Known::default());
    }
    zfs::ask_for_known(&properties, |properties| {
        let command = zpool::get(properties, &names);
        let output = host.run(&command)?;
        Ok(zpool::parse_get(output.check(&command)?)?)
    })
}

fn dataset_properties(host: &dyn Host, wanted: &Wanted, pools: &Pools) -> Result<Known, ReadError> {
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
    zfs::ask_for_known(&properties, |properties| {
        zfs::read(host, properties, &names)
    })
}

fn add_row(dataset: &mut ObservedDataset, row: PropertyRow) -> Result<(), ParseError> {
    match row.property.as_str() {
        "type" => {
            let unknown = |error: UnknownType| {
                let reason = format!("the type of {} is {error}", row.name);
                ParseError::new("the output of zfs get", &row.value.text(), reason)
            };
            dataset.kind = row.value.text().parse().map_err(unknown)?;
        }
        "mounted" => dataset.mounted = row.value == "yes",
        _ => dataset.properties.extend(property(row)),
    }
    Ok(())
}

/// A property, unless it does not apply to this kind of dataset or is not set at all.
fn property(row: PropertyRow) -> Option<(String, ObservedProperty)> {
    if row.value == "-" && row.source == Source::None {
        return None;
    }
    let observed = ObservedProperty {
        value: row.value,
        source: row.source,
    };
    Some((row.property, observed))
}
