//! Which facts a configuration needs from a host.
//!
//! The only thing that the executor's observation takes, so that it reads what the file names and
//! nothing else: a pool with ten thousand datasets costs what the file's eight cost.

use std::collections::BTreeSet;

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
    /// Properties to read of each dataset.
    pub dataset_properties: BTreeSet<String>,
    /// Disks by the path that the file uses.
    pub disks: BTreeSet<String>,
    /// Directories to look at.
    pub directories: BTreeSet<String>,
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
