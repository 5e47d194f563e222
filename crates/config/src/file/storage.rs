//! `storage` of a dataset: a Proxmox storage with its options.
//!
//! Names, words and defaults are Proxmox's (pve-storage 9.1 `Plugin.pm`, `ZFSPoolPlugin.pm`,
//! `DirPlugin.pm`), with `_` for `-`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::List;

/// A Proxmox storage that stands on a dataset.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Storage {
    /// The storage id, unique in the cluster. Default: POOL-NAME, with - for /.
    #[schemars(extend("examples" = ["quickOS-vm-disks"]))]
    pub(crate) id: Option<String>,
    /// `zfspool` for guest disks as child datasets and volumes, `dir` for files in the dataset.
    /// It cannot be changed later.
    #[serde(rename = "type")]
    #[schemars(required)]
    pub(crate) kind: Option<StorageType>,
    /// What Proxmox may put on it. `zfspool` can hold images and rootdir, which is its default;
    /// `dir` can hold everything and has no default.
    #[schemars(extend("examples" = [["images", "rootdir"]]))]
    pub(crate) content: List<ContentType>,
    /// The cluster nodes that have the storage. They are added to those that it has, and only this
    /// host is taken away; an empty list means all nodes. Default for a new storage: all.
    #[schemars(extend("examples" = [["pve1"]]))]
    pub(crate) nodes: List<String>,
    /// Whether `nodes` is the whole list, and this file decides about the storage for all of them.
    /// Default false.
    pub(crate) nodes_exact: Option<bool>,
    /// Whether Proxmox leaves the storage alone. Default false.
    pub(crate) disable: Option<bool>,
    /// How fast Proxmox may copy to and from the storage.
    #[schemars(extend("examples" = [{"default": 102400, "restore": 51200}]))]
    pub(crate) bwlimit: Option<BandwidthLimit>,
    /// Block size of new volumes (`zfspool` only). Proxmox's default is 16k.
    #[schemars(extend("examples" = ["16k"]))]
    pub(crate) blocksize: Option<String>,
    /// Whether new volumes reserve no space (`zfspool` only). Proxmox's default is false.
    pub(crate) sparse: Option<bool>,
    /// Which backups are kept when Proxmox prunes (`dir` only). Proxmox's default is all.
    #[schemars(extend("examples" = [{"keep_last": 3, "keep_daily": 7}]))]
    pub(crate) prune_backups: Option<PruneBackups>,
    /// How many backups of one guest may be protected from pruning (`dir` only); -1 for any
    /// number.
    #[serde(default)]
    #[schemars(schema_with = "protected_schema", extend("examples" = [5]))]
    pub(crate) max_protected_backups: Option<i64>,
    /// Where in the directory each content goes (`dir` only), as relative paths. Proxmox's
    /// default is `dump` for backups, `template/iso` for ISO images and so on.
    #[schemars(extend("examples" = [{"backup": "nightly"}]))]
    pub(crate) content_dirs: Option<ContentDirs>,
    /// Whether Proxmox makes the directory (`dir` only). It is the dataset's own, so it is always
    /// there; Proxmox's default is true.
    pub(crate) create_base_path: Option<bool>,
    /// Whether Proxmox makes the directories for the content (`dir` only). Its default is true.
    pub(crate) create_subdirs: Option<bool>,
    /// The format of new disk images (`dir` only). Proxmox's default is raw.
    pub(crate) format: Option<ImageFormat>,
    /// How new raw and qcow2 images are allocated (`dir` only). Proxmox's default is metadata.
    pub(crate) preallocation: Option<Preallocation>,
    /// Tells Proxmox that all nodes see the same files (`dir` only). It shares nothing by itself.
    /// Proxmox's default is false.
    pub(crate) shared: Option<bool>,
    /// Whether snapshots of images are chains of volumes (`dir` only, Proxmox VE 9). It cannot be
    /// changed later. Proxmox's default is false.
    pub(crate) snapshot_as_volume_chain: Option<bool>,
}

/// Limits in KiB per second, by what Proxmox does.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct BandwidthLimit {
    /// Everything that has no limit of its own.
    #[schemars(range(min = 0))]
    pub(crate) default: Option<f64>,
    /// Cloning a guest's disk.
    #[schemars(range(min = 0))]
    pub(crate) clone: Option<f64>,
    /// Migrating a guest's disks.
    #[schemars(range(min = 0))]
    pub(crate) migration: Option<f64>,
    /// Moving a guest's disk to another storage.
    #[serde(rename = "move")]
    #[schemars(range(min = 0))]
    pub(crate) move_disk: Option<f64>,
    /// Restoring a backup.
    #[schemars(range(min = 0))]
    pub(crate) restore: Option<f64>,
}

/// Which backups are kept. Short intervals come first, and a backup that is kept by one counts for
/// no other.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct PruneBackups {
    /// All of them; not together with another number.
    pub(crate) keep_all: Option<bool>,
    /// The last so many.
    pub(crate) keep_last: Option<u64>,
    /// The last of each of the last so many hours with backups.
    pub(crate) keep_hourly: Option<u64>,
    /// The last of each of the last so many days with backups.
    pub(crate) keep_daily: Option<u64>,
    /// The last of each of the last so many weeks with backups.
    pub(crate) keep_weekly: Option<u64>,
    /// The last of each of the last so many months with backups.
    pub(crate) keep_monthly: Option<u64>,
    /// The last of each of the last so many years with backups.
    pub(crate) keep_yearly: Option<u64>,
}

/// Relative paths by content.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ContentDirs {
    /// Disks of virtual machines.
    #[serde(default)]
    #[schemars(schema_with = "directory_schema")]
    pub(crate) images: Option<String>,
    /// Root file systems of containers.
    #[serde(default)]
    #[schemars(schema_with = "directory_schema")]
    pub(crate) rootdir: Option<String>,
    /// Container templates.
    #[serde(default)]
    #[schemars(schema_with = "directory_schema")]
    pub(crate) vztmpl: Option<String>,
    /// ISO images.
    #[serde(default)]
    #[schemars(schema_with = "directory_schema")]
    pub(crate) iso: Option<String>,
    /// Backups.
    #[serde(default)]
    #[schemars(schema_with = "directory_schema")]
    pub(crate) backup: Option<String>,
    /// Hook scripts and cloud-init files.
    #[serde(default)]
    #[schemars(schema_with = "directory_schema")]
    pub(crate) snippets: Option<String>,
    /// Disk images to import.
    #[serde(default)]
    #[schemars(schema_with = "directory_schema")]
    pub(crate) import: Option<String>,
}

/// Formats of disk images that a directory can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ImageFormat {
    /// The bare contents.
    Raw,
    /// QEMU's format, with snapshots.
    Qcow2,
    /// VMware's format.
    Vmdk,
    /// A directory, for containers.
    Subvol,
}

impl ImageFormat {
    /// Proxmox's word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
            Self::Vmdk => "vmdk",
            Self::Subvol => "subvol",
        }
    }
}

/// How much of a new image is allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Preallocation {
    /// Nothing.
    Off,
    /// The tables of a qcow2 image.
    Metadata,
    /// All of it, without writing.
    Falloc,
    /// All of it, written.
    Full,
}

impl Preallocation {
    /// Proxmox's word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Metadata => "metadata",
            Self::Falloc => "falloc",
            Self::Full => "full",
        }
    }
}

/// Narrower than Proxmox where its list would be split, or a path would lead out of the storage
/// (pve-storage `Plugin.pm`, `verify_dir_override`: no component of 255 bytes or more).
fn directory_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "pattern": "^[-A-Za-z0-9_@]+([./][-A-Za-z0-9_@]+)*$",
        "maxLength": 254,
        "errorMessage": "write a path inside the storage, such as \"nightly\" or \"dump/nightly\": \
                         letters, digits, -, _, @, single dots and slashes",
    })
}

fn protected_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "integer", "minimum": -1})
}

/// Types of Proxmox storage that phoenix manages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StorageType {
    /// Guest disks as child datasets and volumes.
    Zfspool,
    /// Files in the mounted dataset.
    Dir,
}

/// What Proxmox puts on a storage, in its own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ContentType {
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
    /// Hook scripts and cloud-init files.
    Snippets,
    /// Disk images to import.
    Import,
}
