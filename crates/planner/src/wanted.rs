//! Which facts a configuration needs from a host.
//!
//! The only thing that the executor's observation takes, so that it reads what the file names and
//! nothing else: a pool with ten thousand datasets costs what the file's eight cost.

use std::collections::{BTreeMap, BTreeSet};

use phoenix_config::model::{AclWho, Config, Dataset, DatasetKind, Permissions, Pool, Principal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The names of everything to be looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Pools.
    pub pools: BTreeSet<String>,
    /// Properties to read of each pool.
    pub pool_properties: BTreeSet<String>,
    /// Datasets by full name, root datasets included.
    pub datasets: BTreeSet<String>,
    /// Pools of which the file states the size of sectors, which only their vdevs have.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub ashifts: BTreeSet<String>,
    /// Properties to read of each dataset.
    pub dataset_properties: BTreeSet<String>,
    /// The pool that each disk is for, by the path that the file uses for the disk.
    pub disks: BTreeMap<String, String>,
    /// Rated endurance used, in percent, from which on a drive counts as failing; absent means
    /// phoenix's default.
    pub wear_critical_percent: Option<u8>,
    /// Files that hold the keys of pools.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub key_files: BTreeSet<String>,
    /// Directories to look at.
    pub directories: BTreeSet<String>,
    /// Directories whose ACL is looked at.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub acls: BTreeSet<String>,
    /// Directories whose contents are compared with themselves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub trees: BTreeMap<String, Compared>,
    /// Containers.
    pub containers: BTreeSet<u32>,
    /// User names to resolve.
    pub users: BTreeSet<String>,
    /// Group names to resolve.
    pub groups: BTreeSet<String>,
    /// Whether to look at Proxmox's storages.
    pub storages: bool,
    /// Whether to look at the NFS server.
    pub exports: bool,
    /// Whether to look at the ZFS read cache.
    pub arc: bool,
}

/// In what everything below a directory should be like the directory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compared {
    /// The owner.
    pub owner: bool,
    /// The group.
    pub group: bool,
    /// The mode, as far as files have it.
    pub mode: bool,
}

/// Pool properties that are read whatever the file says.
const POOL_PROPERTIES: [&str; 1] = ["ashift"];

/// Dataset properties that are read whatever the file says, because they decide whether what
/// hangs on a dataset points at the dataset.
const DATASET_PROPERTIES: [&str; 6] = [
    "canmount",
    "encryptionroot",
    "keystatus",
    "mountpoint",
    "volblocksize",
    "volsize",
];

/// Dataset properties that are read where the file reserves something.
const ROOM: [&str; 4] = ["available", "refreservation", "reservation", "used"];

/// Whether space is kept for the dataset alone.
fn reserves(dataset: &Dataset) -> bool {
    let mut names = ["reservation", "refreservation"].into_iter();
    let is_whole = matches!(dataset.kind, DatasetKind::Volume { sparse: false, .. });
    is_whole || names.any(|name| dataset.properties.contains_key(name))
}

/// The facts that a plan for `config` depends on.
pub fn wanted(config: &Config) -> Wanted {
    let mut wanted = Wanted {
        storages: config
            .datasets
            .iter()
            .any(|dataset| dataset.storage.is_some()),
        exports: !config.exports.is_empty(),
        arc: config.arc.is_some(),
        wear_critical_percent: config.nvme.wear_critical_percent,
        ..Wanted::default()
    };
    for pool in &config.pools {
        wanted.add_pool(pool);
    }
    for dataset in &config.datasets {
        wanted.add_dataset(dataset);
    }
    if !wanted.datasets.is_empty() {
        add_names(&mut wanted.dataset_properties, DATASET_PROPERTIES);
    }
    if config.datasets.iter().any(reserves) {
        add_names(&mut wanted.dataset_properties, ROOM);
    }
    if wanted.exports && !config.datasets.is_empty() {
        // ZFS may export the same directories by itself.
        wanted.dataset_properties.insert("sharenfs".to_owned());
    }
    let exported = config.exports.iter().map(|export| export.path.to_string());
    let mounted = config
        .mounts
        .iter()
        .map(|mount| mount.host_path.to_string());
    wanted.directories.extend(exported.chain(mounted));
    let mounting = config.mounts.iter().map(|mount| mount.container);
    wanted.containers.extend(mounting);
    wanted
}

impl Wanted {
    fn add_pool(&mut self, pool: &Pool) {
        self.pools.insert(pool.name.clone());
        add_names(&mut self.pool_properties, POOL_PROPERTIES);
        let names = pool.properties.keys().map(AsRef::as_ref);
        add_names(&mut self.pool_properties, names);
        if !pool.ashift_default {
            self.ashifts.insert(pool.name.clone());
        }
        self.datasets.insert(pool.name.clone());
        let names = pool.root_properties.keys().map(AsRef::as_ref);
        add_names(&mut self.dataset_properties, names);
        let disks = pool.disks();
        self.disks
            .extend(disks.map(|disk| (disk.path.clone(), pool.name.clone())));
        self.directories.extend(root_mountpoint(pool));
        let key = pool.root_properties.get("keylocation");
        let key = key.and_then(|place| place.stored.word()?.strip_prefix("file://"));
        self.key_files.extend(key.map(str::to_owned));
    }

    fn add_dataset(&mut self, dataset: &Dataset) {
        add_names(&mut self.pools, [dataset.pool.as_str()]);
        self.datasets.insert(dataset.name.clone());
        let names = dataset.properties.keys().map(AsRef::as_ref);
        add_names(&mut self.dataset_properties, names);
        self.directories
            .extend(dataset.mountpoint.as_ref().map(ToString::to_string));
        if let Some(permissions) = &dataset.permissions {
            self.add_permissions(
                permissions,
                dataset.mountpoint.as_ref().map(ToString::to_string),
            );
        }
    }

    fn add_permissions(&mut self, permissions: &Permissions, path: Option<String>) {
        if let Some(Principal::Name(name)) = &permissions.owner {
            self.users.insert(name.clone());
        }
        if let Some(Principal::Name(name)) = &permissions.group {
            self.groups.insert(name.clone());
        }
        for entry in &permissions.acl {
            match &entry.who {
                AclWho::User(Principal::Name(name)) => self.users.insert(name.clone()),
                AclWho::Group(Principal::Name(name)) => self.groups.insert(name.clone()),
                _ => continue,
            };
        }
        self.containers.extend(permissions.container);
        let Some(path) = path else {
            return;
        };
        if permissions.recursive {
            let compared = Compared {
                owner: permissions.owner.is_some(),
                group: permissions.group.is_some(),
                mode: permissions.mode.is_some(),
            };
            self.trees.insert(path.clone(), compared);
        }
        if !permissions.acl.is_empty() {
            self.acls.insert(path);
        }
    }
}

/// Adds names, most of which are there already: many objects have the same few properties.
fn add_names<'a>(to: &mut BTreeSet<String>, names: impl IntoIterator<Item = &'a str>) {
    for name in names {
        if !to.contains(name) {
            to.insert(name.to_owned());
        }
    }
}

/// Where a new pool's root dataset is mounted: the file's word, else `/NAME`. `None` when it is
/// not mounted by ZFS.
pub(crate) fn root_mountpoint(pool: &Pool) -> Option<String> {
    let stored = |name: &str| {
        pool.root_properties
            .get(name)
            .map(|property| &property.stored)
    };
    if stored("canmount").is_some_and(|value| *value != "on") {
        return None;
    }
    match stored("mountpoint") {
        Some(value) => value.path().map(str::to_owned),
        None => Some(format!("/{}", pool.name)),
    }
}
