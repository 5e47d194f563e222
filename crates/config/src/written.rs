//! The file as phoenix writes it: the modern form alone, its keys in the order of the guide.
//!
//! The counterpart of `file`, which reads every form that was ever in use. Owns names and order of
//! the keys. What stands in them is decided by who fills it in, and checked as every file is: by
//! [`load`](crate::load()).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

/// A whole file.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct File {
    /// Pools, datasets and the read cache.
    pub zfs: Zfs,
    /// Directories that NFS clients may mount.
    #[serde(skip_serializing_if = "Nfs::is_empty")]
    pub nfs: Nfs,
    /// Host directories that containers see.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bind_mounts: Vec<BindMount>,
}

impl File {
    /// The file as JSON text, with a newline at its end.
    ///
    /// # Errors
    /// Never, as far as anybody knows: every key is a string.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }
}

/// `zfs`
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Zfs {
    /// The limit of the read cache, as a size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arc_max: Option<String>,
    /// The pools.
    pub pools: Vec<Pool>,
    /// The datasets.
    pub datasets: Vec<Dataset>,
}

/// An item of `zfs.pools`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// The disks for data.
    #[serde(flatten, skip_serializing_if = "Data::is_unstated")]
    pub data: Data,
    /// Vdevs for metadata and small blocks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub special: Vec<VdevItem>,
    /// Vdevs for the intent log.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<VdevItem>,
    /// Read cache devices.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cache: Vec<String>,
    /// Hot spares.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub spares: Vec<String>,
    /// log2 of the smallest block in bytes; absent means phoenix's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ashift: Option<u8>,
    /// Pool properties.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: Properties,
    /// Properties of the root dataset.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub root_properties: Properties,
}

impl Pool {
    /// Whether it says which disks it is made of.
    pub fn states_layout(&self) -> bool {
        self.data != Data::Unstated
    }

    /// Leaves the pool with its name and its properties.
    pub fn leave_layout(&mut self) {
        self.data = Data::Unstated;
        self.special.clear();
        self.log.clear();
        self.cache.clear();
        self.spares.clear();
    }
}

/// Properties by name, in a spelling that ZFS takes.
pub type Properties = BTreeMap<String, String>;

/// The disks for data: one group of them, or several.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Data {
    /// `raid_level` and `disks`
    One(Vdev),
    /// `vdevs`
    Several {
        /// The groups.
        vdevs: Vec<Vdev>,
    },
    /// Nothing: the pool is declared by its name alone.
    Unstated,
}

impl Data {
    fn is_unstated(&self) -> bool {
        *self == Self::Unstated
    }
}

impl Default for Data {
    fn default() -> Self {
        Self::Several { vdevs: Vec::new() }
    }
}

/// A group of disks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Vdev {
    /// How they are arranged.
    pub raid_level: String,
    /// Their paths.
    pub disks: Vec<String>,
}

/// A group of disks, or one disk by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum VdevItem {
    /// The path of one disk.
    Disk(String),
    /// A group.
    Vdev(Vdev),
}

/// An item of `zfs.datasets`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Dataset {
    /// The pool.
    pub pool: String,
    /// The name below the pool.
    pub name: String,
    /// What a volume has besides.
    #[serde(flatten)]
    pub volume: Option<Volume>,
    /// A mountpoint of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mountpoint: Option<String>,
    /// Its own properties.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: Properties,
    /// Owner, group and mode of its directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Permissions>,
    /// The Proxmox storage on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,
}

/// That a dataset is a volume, and which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "volume")]
pub struct Volume {
    /// Its size.
    pub volsize: String,
    /// Whether no space is reserved for it.
    pub sparse: bool,
}

/// `permissions` of a dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Permissions {
    /// The owner's number on the host.
    pub owner: u32,
    /// The group's number on the host.
    pub group: u32,
    /// Octal digits.
    pub mode: String,
}

/// `storage` of a dataset.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Storage {
    /// Its id.
    pub id: String,
    /// `zfspool` or `dir`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What may be put on it.
    pub content: BTreeSet<String>,
    /// The nodes that have it; empty means all.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub nodes: BTreeSet<String>,
    /// All other members, by the file's names.
    #[serde(flatten)]
    pub options: Map<String, Value>,
}

/// `nfs`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Nfs {
    /// The exports.
    pub exports: Vec<Export>,
}

impl Nfs {
    fn is_empty(&self) -> bool {
        self.exports.is_empty()
    }
}

/// An item of `nfs.exports`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Export {
    /// The declared dataset whose mountpoint is exported; else there is a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// The exported directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Who may mount it.
    pub clients: Vec<String>,
    /// Export options.
    pub options: Vec<String>,
}

/// An item of `bind_mounts`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BindMount {
    /// The container's number.
    pub container: u32,
    /// The declared dataset whose mountpoint is shown; else there is a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// The directory on the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_path: Option<String>,
    /// The path inside the container.
    pub target: String,
    /// Mount options.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// Whether the container may only read.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// The backup flag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<bool>,
}
