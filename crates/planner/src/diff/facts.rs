//! Facts that the comparisons of several kinds of objects share, each worked out once.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use phoenix_config::address::Address;
use phoenix_config::model::{BindMount, Config, Dataset, Pool};
use phoenix_zfs::property::Value;

use super::Grants;
use super::placement::{Placement, place};
use super::verdict::{Stop, refused};
use crate::observed::{Observed, ObservedDataset};
use crate::refusal::RefusalCode;

/// One configuration and one host, with what follows from the two.
pub(super) struct Facts<'a> {
    /// The host.
    pub(super) observed: &'a Observed,
    /// Which disks may be used that are refused otherwise.
    pub(super) grants: &'a Grants,
    pools: BTreeMap<&'a str, &'a Pool>,
    datasets: BTreeMap<&'a str, &'a Dataset>,
    /// Where each declared dataset would be mounted once the plan is done: `None` for `none` and
    /// `legacy`. Whether it may be mounted (`canmount`) is another matter.
    mountpoints: BTreeMap<&'a str, Option<Rc<str>>>,
    /// The same the other way round: each mountpoint with a dataset that has it, sorted.
    places: Vec<(Rc<str>, &'a str)>,
    /// The containers that mount each dataset.
    containers: BTreeMap<&'a str, BTreeSet<u32>>,
    /// The file's paths to each disk, by kernel name.
    disk_paths: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// Where each declared bind mount goes.
    placements: BTreeMap<Address, Placement>,
    /// Whether the file declares Proxmox storages and the host has no Proxmox.
    pub(super) proxmox_is_absent: bool,
}

impl<'a> Facts<'a> {
    pub(super) fn new(config: &'a Config, observed: &'a Observed, grants: &'a Grants) -> Self {
        let datasets: BTreeMap<_, _> = config
            .datasets
            .iter()
            .map(|dataset| (dataset.name.as_str(), dataset))
            .collect();
        let mut containers: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
        for mount in &config.mounts {
            if let Some(dataset) = &mount.dataset {
                containers
                    .entry(dataset)
                    .or_default()
                    .insert(mount.container);
            }
        }
        let mountpoints = mountpoints(config, observed, &datasets);
        let places = mountpoints.iter();
        let places =
            places.filter_map(|(dataset, path)| Some((Rc::clone(path.as_ref()?), *dataset)));
        let mut places: Vec<_> = places.collect();
        places.sort_unstable();
        let declares_storages = datasets.values().any(|dataset| dataset.storage.is_some());
        Self {
            observed,
            grants,
            pools: config
                .pools
                .iter()
                .map(|pool| (pool.name.as_str(), pool))
                .collect(),
            mountpoints,
            places,
            datasets,
            containers,
            disk_paths: disk_paths(config, observed),
            placements: place(&config.mounts, observed),
            proxmox_is_absent: observed.storages.is_none() && declares_storages,
        }
    }

    /// Where the dataset would be mounted once the plan is done, its `canmount` apart.
    pub(super) fn mountpoint(&self, dataset: &str) -> Option<&str> {
        self.mountpoints.get(dataset)?.as_deref()
    }

    /// The containers that mount the dataset.
    pub(super) fn containers(&self, dataset: &str) -> impl Iterator<Item = u32> {
        self.containers.get(dataset).into_iter().flatten().copied()
    }

    /// The other paths of the file that lead to the same disk as `path`.
    pub(super) fn other_paths(&self, path: &str) -> Vec<&'a str> {
        let disk = self.observed.disks.get(path);
        let paths = disk.and_then(|disk| self.disk_paths.get(disk.kernel_name.as_str()));
        let others = paths.into_iter().flatten().copied();
        others.filter(|other| *other != path).collect()
    }

    /// Where a declared bind mount goes; `None` while its container is not on this node.
    pub(super) fn placement(&self, mount: &BindMount) -> Option<&Placement> {
        self.placements.get(&mount.address())
    }

    /// The directory at which the dataset is mounted when its turn has come.
    ///
    /// Whatever points at a dataset by path asks here first, so that nothing ever points at the
    /// empty directory below an unmounted dataset.
    ///
    /// # Errors
    ///
    /// A refusal if the dataset will not be mounted there.
    pub(super) fn mounted_at(&self, dataset: &str) -> Result<String, Stop> {
        let declared = self
            .datasets
            .get(dataset)
            .and_then(|found| found.mountpoint.as_ref());
        let Some(declared) = declared.map(ToString::to_string) else {
            return Err(refused(
                RefusalCode::DatasetNotMounted,
                format!("dataset {dataset} is not mounted anywhere"),
                "give the dataset a mountpoint and canmount=on",
            ));
        };
        match self.mountpoint(dataset) {
            Some(live) if live == declared => {}
            Some(live) => {
                return Err(refused(
                    RefusalCode::MountpointUndeclared,
                    format!(
                        "dataset {dataset} is mounted at {live}, but the file implies {declared}"
                    ),
                    format!(
                        "state the dataset's mountpoint in the file: {live} to keep it, or {declared} to move it"
                    ),
                ));
            }
            None => {
                return Err(refused(
                    RefusalCode::MountpointUndeclared,
                    format!(
                        "dataset {dataset} has no mountpoint on the host, but the file implies {declared}"
                    ),
                    format!("state \"mountpoint\": \"{declared}\" for the dataset"),
                ));
            }
        }
        let Some(live) = self.observed.datasets.get(dataset) else {
            return Ok(declared);
        };
        if self.can_mount(dataset) != "on" {
            return Err(refused(
                RefusalCode::DatasetNotMounted,
                format!(
                    "dataset {dataset} has canmount={} on the host, so it is not mounted by itself",
                    self.can_mount(dataset)
                ),
                "state \"canmount\": \"on\" in the dataset's properties",
            ));
        }
        if is_locked(live) {
            return Err(refused(
                RefusalCode::DatasetNotMounted,
                format!(
                    "dataset {dataset} is encrypted and its key is not loaded, so it is not mounted"
                ),
                format!(
                    "load the key (zfs load-key {}) and run phoenix again",
                    encryption_root(dataset, live)
                ),
            ));
        }
        Ok(declared)
    }

    /// Nothing to do if a mount at `path` would hide nothing. ZFS mounts over directories that are
    /// not empty without a word (`overlay=on` is its default since 2.0).
    ///
    /// # Errors
    ///
    /// A refusal that says what is in the way.
    pub(super) fn check_nothing_hidden(&self, path: &str) -> Result<(), Stop> {
        match self.observed.directories.get(path) {
            Some(found) if found.not_a_directory => Err(refused(
                RefusalCode::MountpointOccupied,
                format!("{path} exists and is not a directory, so nothing can be mounted there"),
                "move it away, or choose another mountpoint",
            )),
            Some(found) if !found.empty => Err(refused(
                RefusalCode::MountpointOccupied,
                format!(
                    "the directory {path} is not empty: ZFS would mount over it and hide what is in it"
                ),
                "move its contents away, or choose another mountpoint",
            )),
            _ => Ok(()),
        }
    }

    /// Nothing to do if no other dataset of the file belongs at `path` once the plan is done. The
    /// file alone cannot tell: a mountpoint that it does not state is left as it is on the host.
    ///
    /// # Errors
    ///
    /// A refusal that names the other dataset.
    pub(super) fn check_place_is_free(&self, dataset: &str, path: &str) -> Result<(), Stop> {
        let belongs_there =
            |name: &str| name != dataset && !self.is_volume(name) && self.can_mount(name) == "on";
        let from = self.places.partition_point(|(place, _)| &**place < path);
        let there = self.places.iter().skip(from);
        let mut there = there.take_while(|(place, _)| &**place == path);
        match there.find(|(_, name)| belongs_there(name)) {
            Some((_, other)) => Err(refused(
                RefusalCode::MountpointTaken,
                format!(
                    "dataset {other} has the mountpoint {path}, where {dataset} is to be mounted"
                ),
                format!("state another mountpoint for {other} or for {dataset}"),
            )),
            None => Ok(()),
        }
    }

    fn is_volume(&self, dataset: &str) -> bool {
        let declared = self.datasets.get(dataset);
        declared.is_some_and(|declared| declared.is_volume())
    }

    /// The first symbolic link on the way to a directory.
    pub(super) fn link_to(&self, path: &str) -> Option<&'a str> {
        self.observed.directories.get(path)?.link.as_deref()
    }

    /// An inheritable property of a dataset once the plan is done; `None` where nothing sets it.
    pub(super) fn inheritable(&self, dataset: &'a str, name: &str) -> Option<&Value> {
        let mut at = dataset;
        loop {
            let declared = self.datasets.get(at).map(|found| &found.properties);
            let declared =
                declared.or_else(|| self.pools.get(at).map(|pool| &pool.root_properties));
            if let Some(property) = declared.and_then(|declared| declared.get(name)) {
                return Some(&property.stored);
            }
            let live = self.observed.datasets.get(at);
            let live = live.and_then(|live| live.properties.get(name));
            if let Some(own) = live.filter(|live| live.source.is_own()) {
                return Some(&own.value);
            }
            match at.rsplit_once('/') {
                Some((above, _)) => at = above,
                None => return None,
            }
        }
    }

    /// What the file itself says of an inheritable property at `dataset` or nearest above it, up to
    /// `origin`, which has a value of its own now. The defaults of a pool's root are not among it:
    /// they are for new pools only.
    pub(super) fn declared_between(
        &self,
        dataset: &'a str,
        origin: &str,
        name: &str,
    ) -> Option<&Value> {
        let mut at = Some(dataset);
        while let Some(dataset) = at {
            let own = self.datasets.get(dataset).map(|found| &found.properties);
            let root = || self.pools.get(dataset).map(|pool| &pool.root_properties);
            let declared = own.or_else(root).and_then(|declared| declared.get(name));
            if let Some(property) = declared.filter(|property| !property.default) {
                return Some(&property.stored);
            }
            let above = dataset.rsplit_once('/').map(|(above, _)| above);
            at = above.filter(|_| dataset != origin);
        }
        None
    }

    /// The dataset's `canmount` once the plan is done.
    pub(super) fn can_mount(&self, dataset: &str) -> &str {
        let declared = self
            .datasets
            .get(dataset)
            .and_then(|found| found.properties.get("canmount"));
        let declared = declared.map(|declared| &declared.stored);
        let live = || value(self.observed.datasets.get(dataset)?, "canmount");
        let value = declared.or_else(live).and_then(Value::word);
        value.unwrap_or("on")
    }
}

/// The dataset whose key opens this one: only of that can a key be loaded.
pub(super) fn encryption_root<'a>(name: &'a str, dataset: &'a ObservedDataset) -> &'a str {
    let root = value(dataset, "encryptionroot").and_then(Value::word);
    root.filter(|root| *root != "-").unwrap_or(name)
}

/// Whether the dataset cannot be mounted because its key is not loaded.
pub(super) fn is_locked(dataset: &ObservedDataset) -> bool {
    !dataset.mounted && value(dataset, "keystatus").is_some_and(|status| *status == "unavailable")
}

/// A property's value as ZFS stores it.
pub(super) fn value<'a>(dataset: &'a ObservedDataset, name: &str) -> Option<&'a Value> {
    let property = dataset.properties.get(name);
    property.map(|property| &property.value)
}

fn disk_paths<'a>(
    config: &'a Config,
    observed: &'a Observed,
) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut paths: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for disk in config.pools.iter().flat_map(Pool::disks) {
        if let Some(found) = observed.disks.get(&disk.path) {
            paths
                .entry(&found.kernel_name)
                .or_default()
                .insert(&disk.path);
        }
    }
    paths
}

/// Walks the datasets with parents before children, because a child without a mountpoint of its
/// own follows its parent.
fn mountpoints<'a>(
    config: &'a Config,
    observed: &'a Observed,
    datasets: &BTreeMap<&'a str, &'a Dataset>,
) -> BTreeMap<&'a str, Option<Rc<str>>> {
    let mut found: BTreeMap<&str, Option<Rc<str>>> = BTreeMap::new();
    for pool in &config.pools {
        let path = root_after(pool, observed);
        found.insert(&pool.name, path.map(Rc::from));
    }
    for (name, dataset) in datasets {
        let own = own_mountpoint(dataset, observed.datasets.get(*name));
        let path = match own {
            Some(own) => own.path().map(str::to_owned),
            None => inherited(name, &found),
        };
        found.insert(name, path.map(Rc::from));
    }
    found
}

/// Where a pool's root dataset will be mounted. Phoenix enforces on an existing pool only what
/// the file states.
fn root_after(pool: &Pool, observed: &Observed) -> Option<String> {
    let stated = pool.root_properties.get("mountpoint");
    let live = observed
        .datasets
        .get(&pool.name)
        .and_then(|live| value(live, "mountpoint"));
    match (stated, live) {
        (Some(stated), _) => stated.stored.path().map(str::to_owned),
        (None, Some(live)) => live.path().map(str::to_owned),
        (None, None) => Some(format!("/{}", pool.name)),
    }
}

/// The mountpoint that the dataset does not get from its parent, if it has one.
fn own_mountpoint<'a>(
    dataset: &'a Dataset,
    live: Option<&'a ObservedDataset>,
) -> Option<&'a Value> {
    if let Some(declared) = dataset.properties.get("mountpoint") {
        return Some(&declared.stored);
    }
    let live = live?.properties.get("mountpoint")?;
    live.source.is_own().then_some(&live.value)
}

fn inherited(name: &str, found: &BTreeMap<&str, Option<Rc<str>>>) -> Option<String> {
    let mut above = name;
    while let Some((parent, _)) = above.rsplit_once('/') {
        if let Some(path) = found.get(parent) {
            let rest = name.get(parent.len()..)?;
            let path = path.as_ref()?.trim_end_matches('/');
            return Some(format!("{path}{rest}"));
        }
        above = parent;
    }
    Some(format!("/{name}"))
}
