//! Proxmox storages that stand on datasets, in Proxmox's own words.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::pointer::Pointer;

/// A Proxmox storage that stands on a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// The storage id, unique in the cluster.
    pub id: String,
    /// The object (or, in historic files, the dataset) that declares the storage.
    pub origin: Pointer,
    /// What the storage is.
    pub kind: StorageKind,
    /// What Proxmox may put on it.
    pub content: BTreeSet<Content>,
    /// The cluster nodes that have it, if the file says so; empty means all.
    pub nodes: Option<BTreeSet<String>>,
    /// Whether those are all that have it, and the file decides for them.
    pub nodes_exact: bool,
    /// The other options that the file states, by Proxmox's name and as Proxmox stores them:
    /// booleans as `0` and `1`, lists as `key=value,...`.
    pub options: BTreeMap<String, String>,
}

impl Storage {
    /// `storage:ID`.
    pub fn address(&self) -> Address {
        Address::Storage(self.id.clone())
    }

    /// The place in the file that states an option of [`Self::options`].
    pub fn option_origin(&self, name: &str) -> Pointer {
        self.origin.key(&name.replace('-', "_"))
    }
}

/// The kinds of Proxmox storage that phoenix manages.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum StorageKind {
    /// Guest disks as child datasets and volumes: Proxmox type `zfspool`.
    ZfsPool,
    /// Files in the mounted dataset: Proxmox type `dir`.
    Dir,
}

impl StorageKind {
    /// Proxmox's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ZfsPool => "zfspool",
            Self::Dir => "dir",
        }
    }

    /// The options besides content, nodes and place that Proxmox has for such a storage (pve-storage
    /// 9.1 `ZFSPoolPlugin.pm`, `DirPlugin.pm`, sub `options`). `mountpoint` and `is_mountpoint` are
    /// not here: phoenix derives them from the dataset. Neither is `mkdir`, which Proxmox has
    /// replaced by the two `create-` options.
    pub fn possible_options(self) -> &'static [&'static str] {
        match self {
            Self::ZfsPool => &["blocksize", "bwlimit", "disable", "sparse"],
            Self::Dir => &[
                "bwlimit",
                "content-dirs",
                "create-base-path",
                "create-subdirs",
                "disable",
                "format",
                "max-protected-backups",
                "preallocation",
                "prune-backups",
                "shared",
                "snapshot-as-volume-chain",
            ],
        }
    }

    /// What Proxmox can put on such a storage (pve-storage `ZFSPoolPlugin.pm`, `DirPlugin.pm`).
    pub fn possible_content(self) -> &'static [Content] {
        match self {
            Self::ZfsPool => &[Content::Images, Content::Rootdir],
            Self::Dir => &[
                Content::Images,
                Content::Rootdir,
                Content::Vztmpl,
                Content::Iso,
                Content::Backup,
                Content::Snippets,
                Content::Import,
            ],
        }
    }
}

/// What Proxmox puts on a storage, in its own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Content {
    /// Disks of virtual machines.
    Images,
    /// Root file systems and volumes of containers.
    Rootdir,
    /// Container templates.
    Vztmpl,
    /// ISO images.
    Iso,
    /// Backups.
    Backup,
    /// Snippets: hook scripts and cloud-init files.
    Snippets,
    /// Disk images to import.
    Import,
}

impl Content {
    /// Every content type.
    pub const ALL: [Self; 7] = [
        Self::Images,
        Self::Rootdir,
        Self::Vztmpl,
        Self::Iso,
        Self::Backup,
        Self::Snippets,
        Self::Import,
    ];

    /// Proxmox's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Rootdir => "rootdir",
            Self::Vztmpl => "vztmpl",
            Self::Iso => "iso",
            Self::Backup => "backup",
            Self::Snippets => "snippets",
            Self::Import => "import",
        }
    }
}
