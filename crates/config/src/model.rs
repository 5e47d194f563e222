//! The configuration after reading: one shape, whatever era the file was written in.
//!
//! Plain data with no rules of its own. Historic spellings are translated into it by `normalize`,
//! rules that need several objects are checked over it by `check`, and the planner reads nothing
//! else. Everything knows its origin, so that later stages can still point at the file.

mod acl;
mod dataset;
mod pool;
mod share;
mod storage;

use std::borrow::Cow;
use std::collections::BTreeMap;

use litemap::LiteMap;
use phoenix_zfs::property::Value;
use serde::Serialize;

use crate::pointer::Pointer;

pub use acl::{AclEntry, AclWho};
pub use dataset::{Dataset, DatasetKind, IdSpace, Permissions, Principal};
pub use pool::{DEFAULT_ASHIFT, DEFAULT_PROPERTIES, DEFAULT_ROOT_PROPERTIES, Disk, Pool, Vdev};
pub use share::{BindMount, Client, Export, MountOption};
pub use storage::{Content, Storage, StorageKind};

/// What the storage of a host must look like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// The pools, in file order.
    pub pools: Vec<Pool>,
    /// The datasets, in file order.
    pub datasets: Vec<Dataset>,
    /// The limit of the ZFS read cache, if the file sets one.
    pub arc: Option<ArcLimit>,
    /// The NFS exports, in file order.
    pub exports: Vec<Export>,
    /// The bind mounts into containers, in file order.
    pub mounts: Vec<BindMount>,
    /// What counts as a healthy drive.
    pub nvme: NvmePolicy,
}

impl Config {
    /// The pool called `name`.
    pub fn pool(&self, name: &str) -> Option<&Pool> {
        self.pools.iter().find(|pool| pool.name == name)
    }

    /// The dataset whose full name is `name`, such as `quickOS/vm-disks`. Walks the list: build a
    /// map where many are looked up.
    pub fn dataset(&self, name: &str) -> Option<&Dataset> {
        self.datasets.iter().find(|dataset| dataset.name == name)
    }
}

/// A ZFS property with the value that it must have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Property {
    /// The value as the file (or phoenix's default) spells it, such as `1.4T`.
    pub written: String,
    /// The value as ZFS stores it and `zfs get -p` prints it, such as `1539316278886`.
    pub stored: Value,
    /// Where the file says so; for a default, the object that it applies to.
    pub origin: Pointer,
    /// Whether phoenix supplied the value because the file is silent. Defaults are shown as such.
    pub default: bool,
}

/// Properties by name, with ZFS's full property names. Most objects have a few, so they lie side by
/// side; a node of a tree would have room for eleven.
pub type Properties = LiteMap<Cow<'static, str>, Property>;

/// The most memory that the ZFS read cache (ARC) may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArcLimit {
    /// Bytes.
    pub max: u64,
    /// Where the file says so.
    pub origin: Pointer,
}

/// Thresholds and firmware expectations for drives. Absent values mean phoenix's defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NvmePolicy {
    /// Rated endurance used, in percent, from which a drive draws a warning.
    pub wear_warning_percent: Option<u8>,
    /// Rated endurance used, in percent, from which a drive is critical.
    pub wear_critical_percent: Option<u8>,
    /// Temperature in degrees Celsius from which a drive draws a warning; absent means the drive's own.
    pub temperature_warning_celsius: Option<u16>,
    /// Expected firmware revision by drive model.
    pub firmware: BTreeMap<String, String>,
}
