//! The file as it is written: one field per key, nothing translated.
//!
//! The JSON Schema is generated from these types, so their comments are what an editor shows.
//! Every field is optional and every list item may be absent, because what the schema rejects is
//! taken out before reading, so that the rest can still be checked. Historic keys are here as
//! well, marked as deprecated; `normalize` translates them.

mod dataset;
mod historic;
mod pool;
mod scalar;
mod share;
mod storage;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) use dataset::{Dataset, DatasetType, Ids, Permissions, Properties};
pub(crate) use historic::{DatasetStorageType, LxcConfig, NfsShare, SharedVolume, ZfsSettings};
pub(crate) use pool::{Pool, Vdev, VdevItem};
pub(crate) use scalar::Scalar;
pub(crate) use share::{BindMount, Export};
pub(crate) use storage::{
    BandwidthLimit, ContentDirs, ContentType, PruneBackups, Storage, StorageType,
};

/// A list whose wrong items have been taken out without moving the others.
pub(crate) type List<T> = Option<Vec<Option<T>>>;

/// The storage of one Proxmox host. Top-level keys that phoenix does not know belong to other
/// tools and are left alone.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(title = "phoenix configuration")]
pub(crate) struct File {
    /// Where editors find this schema.
    #[serde(rename = "$schema")]
    #[expect(dead_code, reason = "allowed in the file, read by editors only")]
    pub(crate) schema: Option<String>,
    /// Pools, datasets and the read cache.
    pub(crate) zfs: Option<Zfs>,
    /// Directories that NFS clients may mount.
    pub(crate) nfs: Option<Nfs>,
    /// Host directories that containers see.
    pub(crate) bind_mounts: List<BindMount>,
    /// What counts as a healthy drive.
    pub(crate) nvme: Option<Nvme>,
    /// Historic: storage ids by `<pool>_<dataset with - as _>`. Write `storage.id` in the dataset.
    #[schemars(extend("deprecated" = true))]
    pub(crate) proxmox_storage_ids: Option<BTreeMap<String, Option<String>>>,
    /// Historic: bind mounts by name. Write `bind_mounts`.
    #[schemars(extend("deprecated" = true))]
    pub(crate) shared_volumes: Option<BTreeMap<String, Option<SharedVolume>>>,
    /// Historic: containers by id, of which only `mount_points` are read. Write `bind_mounts`.
    #[schemars(extend("deprecated" = true))]
    pub(crate) lxc_configs: Option<BTreeMap<String, Option<LxcConfig>>>,
}

/// Pools, datasets and the read cache.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Zfs {
    /// The pools. Each is created with exactly the disks listed, and never destroyed.
    pub(crate) pools: List<Pool>,
    /// The datasets, parents before or after their children. Absence from the list removes
    /// nothing.
    pub(crate) datasets: List<Dataset>,
    /// The most memory that the ZFS read cache (ARC) may take: bytes as a number, or text with a
    /// unit. At least 64 MiB.
    #[serde(default)]
    #[schemars(schema_with = "scalar::size_schema", extend("examples" = ["30G", 32212254720u64]))]
    pub(crate) arc_max: Option<Scalar>,
    /// The same as `arc_max`, in GiB (1024^3 bytes). Only one of the two may be present.
    #[schemars(range(min = 1), extend("examples" = [32]))]
    pub(crate) arc_max_gb: Option<u64>,
    /// Historic: Proxmox storages by dataset. Write `storage` in the dataset.
    #[schemars(extend("deprecated" = true))]
    pub(crate) dataset_storage_types: List<DatasetStorageType>,
    /// Historic: switches of the old scripts. phoenix does not read them: what may be wiped is
    /// granted for each run on the command line.
    #[schemars(extend("deprecated" = true))]
    pub(crate) settings: Option<ZfsSettings>,
}

/// Directories that NFS clients may mount.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Nfs {
    /// The exports. phoenix writes them to a file of its own and leaves /etc/exports alone.
    pub(crate) exports: List<Export>,
    /// Historic: exports with options as text and the clients of `network.default_subnet`. Write
    /// `exports`.
    #[schemars(extend("deprecated" = true))]
    pub(crate) shares: List<NfsShare>,
}

/// What counts as a healthy drive.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Nvme {
    /// Rated endurance used, in percent, from which a drive draws a warning.
    #[schemars(range(min = 1, max = 255), extend("examples" = [80]))]
    pub(crate) wear_warning_percent: Option<u8>,
    /// Rated endurance used, in percent, from which a drive is critical. Drives count beyond 100.
    #[schemars(range(min = 1, max = 255), extend("examples" = [90]))]
    pub(crate) wear_critical_percent: Option<u8>,
    /// Temperature in degrees Celsius from which a drive draws a warning. The default is the
    /// drive's own threshold.
    #[schemars(range(min = 1, max = 200), extend("examples" = [70]))]
    pub(crate) temperature_warning_celsius: Option<u16>,
    /// Expected firmware revision by drive model, as `phoenix nvme` prints both.
    #[schemars(extend("examples" = [{"Samsung SSD 990 PRO 2TB": "4B2QJXD7"}]))]
    pub(crate) firmware: Option<BTreeMap<String, Option<String>>>,
}
