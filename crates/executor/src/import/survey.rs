//! What a host has, by name: which pools, disks, datasets and containers, and which properties
//! somebody has set. The facts themselves are then read as for any file.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use phoenix_config::address::Address;
use phoenix_config::model::DEFAULT_ROOT_PROPERTIES;
use phoenix_host::Host;
use phoenix_planner::Wanted;
use phoenix_planner::draft::LeftOut;
use phoenix_tools::disk::{self, Inventory};
use phoenix_tools::parse::ReadError;
use phoenix_tools::zfs::PropertyRow;
use phoenix_tools::zpool::{self, ImportedPools};
use phoenix_tools::{pve, zfs};
use phoenix_zfs::property::{dataset_property, is_create_only, is_user_property};

use super::ImportError;
use crate::observe::{about, answers, ask};

/// What can be set on a pool for good, in every release of OpenZFS since 2.1 (zpoolprops(7)). Of a
/// name that it does not know, `zpool get` makes an error for all.
const POOL_PROPERTIES: [&str; 10] = [
    "ashift",
    "autoexpand",
    "autoreplace",
    "autotrim",
    "comment",
    "compatibility",
    "delegation",
    "failmode",
    "listsnapshots",
    "multihost",
];

/// Read whatever is set, beside those that phoenix has a default of its own for: where encryption
/// begins, and what a volume reserves.
const DATASET_PROPERTIES: [&str; 2] = ["encryptionroot", "refreservation"];

/// What there is to be read.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) wanted: Wanted,
    /// What is not even looked at.
    pub(super) left_out: Vec<LeftOut>,
}

/// Finds out what there is on the named pools, or on all.
pub(super) fn survey(host: &dyn Host, only: &BTreeSet<String>) -> Result<Survey, ImportError> {
    let mut survey = Survey::default();
    let (imported, devices) = disk::list(host).map_err(about("the ZFS pools and disks"))?;
    survey.pools(&imported, devices.found(), only)?;
    if only.is_empty() {
        let found = importable(host, &imported, devices.found());
        survey.left_out.extend(found.map_err(about("the disks"))?);
    }
    let datasets = about("the ZFS datasets");
    survey.datasets(host).map_err(datasets)?;
    survey.containers(host).map_err(about("the containers"))?;
    survey.wanted.storages = true;
    survey.wanted.exports = true;
    survey.wanted.arc = only.is_empty();
    Ok(survey)
}

impl Survey {
    /// The pools that answer, with the disks that they are made of.
    fn pools(
        &mut self,
        imported: &ImportedPools,
        inventory: &Inventory,
        only: &BTreeSet<String>,
    ) -> Result<(), ImportError> {
        if let Some(pool) = only.iter().find(|pool| !imported.pools.contains_key(*pool)) {
            return Err(ImportError::NoPool {
                pool: pool.clone(),
                has: imported.pools.keys().cloned().collect(),
            });
        }
        for (name, row) in &imported.pools {
            if !only.is_empty() && !only.contains(name) {
                continue;
            }
            if !answers(&row.health) || imported.silent.contains(name) {
                let why = format!("it is {} and does not answer", row.health);
                let pool = Address::Pool(name.clone()).to_string();
                self.left_out.push(LeftOut::new(pool, why));
                continue;
            }
            self.wanted.pools.insert(name.clone());
            let layout = imported.layouts.get(name);
            let vdevs = layout.into_iter().flat_map(|layout| &layout.vdevs);
            let members = vdevs.flat_map(|vdev| &vdev.disks);
            let disks = members.filter_map(|disk| inventory.member(Utf8Path::new(&disk.path)));
            let paths = disks.map(|disk| (disk.stable_path().to_owned(), name.clone()));
            self.wanted.disks.extend(paths);
        }
        let properties = POOL_PROPERTIES.map(str::to_owned);
        self.wanted.pool_properties.extend(properties);
        Ok(())
    }

    /// The datasets of these pools, but for those that Proxmox makes for its guests.
    fn datasets(&mut self, host: &dyn Host) -> Result<(), ReadError> {
        let pools: Vec<&str> = self.wanted.pools.iter().map(String::as_str).collect();
        if pools.is_empty() {
            return Ok(());
        }
        let command = zfs::list(&pools);
        let output = host.run(&command)?;
        let mut of_guests: BTreeMap<String, usize> = BTreeMap::new();
        let mut names = Vec::new();
        for name in zfs::parse_list(output.check(&command)?) {
            match guests_place(&name) {
                Some(place) => *of_guests.entry(place.to_owned()).or_default() += 1,
                None => names.push(name),
            }
        }
        for (place, count) in of_guests {
            let what = format!("{count} of guests' volumes in {place}");
            let why = "Proxmox makes and removes them with its guests";
            self.left_out.push(LeftOut::new(what, why));
        }
        let asked: Vec<&str> = names.iter().map(String::as_str).collect();
        let rows = zfs::read(host, &["all"], &asked)?;
        let set = rows.iter().filter(|row| is_stated(row));
        let properties = set.map(|row| row.property.clone());
        self.wanted.dataset_properties = properties.collect();
        let defaults = DEFAULT_ROOT_PROPERTIES.map(|(name, _)| name);
        let always = DATASET_PROPERTIES.into_iter().chain(defaults);
        let always = always.map(str::to_owned);
        self.wanted.dataset_properties.extend(always);
        self.wanted.directories = mountpoints(&rows);
        self.wanted.datasets = names.into_iter().collect();
        Ok(())
    }

    /// The containers of this node.
    fn containers(&mut self, host: &dyn Host) -> Result<(), ReadError> {
        let Some(text) = ask(host, &pve::containers())? else {
            return Ok(());
        };
        let rows = pve::parse_containers(&text)?;
        self.wanted.containers = rows.into_iter().map(|row| row.id).collect();
        Ok(())
    }
}

/// The pools that lie on the disks and are not imported. ZFS is asked only when a label says that there
/// is one: it searches every disk.
fn importable(
    host: &dyn Host,
    imported: &ImportedPools,
    inventory: &Inventory,
) -> Result<Vec<LeftOut>, ReadError> {
    let mut labels = inventory
        .devices
        .values()
        .flat_map(|device| &device.signatures);
    let is_strange = |label: &String| !imported.pools.contains_key(label);
    if !labels
        .any(|found| found.kind == "zfs_member" && found.label.as_ref().is_none_or(is_strange))
    {
        return Ok(Vec::new());
    }
    let found = zpool::read_importable(host)?;
    let read = found.pools.into_iter().map(|pool| {
        let (guid, state) = (pool.guid, &pool.state);
        let why = format!("it lies on its disks ({state}, number {guid}) and is not imported");
        LeftOut::new(Address::Pool(pool.name).to_string(), why)
    });
    let unread = found.unread.into_iter().map(|(name, error)| {
        let why = format!("it lies on its disks and is not imported: {error}");
        LeftOut::new(Address::Pool(name).to_string(), why)
    });
    Ok(read.chain(unread).collect())
}

/// The dataset that a guest's volume lies in; `None` for any other dataset. The names are those
/// that pve-storage gives (`ZFSPoolPlugin.pm`, `parse_volname`), and what lies below such a volume
/// is the guest's as well.
fn guests_place(name: &str) -> Option<&str> {
    let mut end = 0;
    for component in name.split('/') {
        if end > 0 && is_guests(component) {
            return name.get(..end - 1);
        }
        end += component.len() + 1;
    }
    None
}

fn is_guests(component: &str) -> bool {
    let kinds = ["basevol-", "base-", "subvol-", "vm-"];
    let rest = kinds.iter().find_map(|kind| component.strip_prefix(kind));
    let numbered = rest.and_then(|rest| rest.split_once('-'));
    numbered.is_some_and(|(number, rest)| {
        !rest.is_empty() && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Whether a file may have to state the property: somebody has set it, or chose it when the dataset
/// was made.
fn is_stated(row: &PropertyRow) -> bool {
    let settable = dataset_property(&row.property).is_some() || is_user_property(&row.property);
    (row.source.is_own() && settable) || is_create_only(&row.property)
}

/// Where the datasets are mounted right now.
fn mountpoints(rows: &[PropertyRow]) -> BTreeSet<String> {
    let of = |property: &'static str| rows.iter().filter(move |row| row.property == property);
    let mounted: BTreeSet<&str> = of("mounted")
        .filter(|row| row.value == "yes")
        .map(|row| row.name.as_str())
        .collect();
    let paths = of("mountpoint").filter(|row| mounted.contains(row.name.as_str()));
    paths
        .filter_map(|row| row.value.path().map(str::to_owned))
        .collect()
}
