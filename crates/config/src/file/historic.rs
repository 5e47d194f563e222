//! Shapes that files of 2025 use and new ones should not. Keys that nothing ever read are allowed
//! here and ignored.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::List;

/// Historic: the Proxmox storage of one dataset.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, extend("deprecated" = true))]
pub(crate) struct DatasetStorageType {
    /// The dataset's full name.
    #[schemars(required)]
    pub(crate) dataset: Option<String>,
    /// The storage's type and content, such as `zfspool:images,rootdir`.
    #[schemars(required)]
    pub(crate) storage_type: Option<String>,
}

/// Historic: switches of the old scripts.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(extend("deprecated" = true))]
pub(crate) struct ZfsSettings {}

/// Historic: an export with options as text.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, extend("deprecated" = true))]
pub(crate) struct NfsShare {
    /// A dataset's full name, or an absolute path.
    #[schemars(required)]
    pub(crate) path: Option<String>,
    /// Export and mount options, separated by commas.
    pub(crate) options: Option<String>,
}

/// Historic: a host directory and the containers that see it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(extend("deprecated" = true))]
pub(crate) struct SharedVolume {
    /// The directory on the host.
    pub(crate) host_path: Option<String>,
    /// The path inside each container, by container id.
    pub(crate) mounts: Option<BTreeMap<String, Option<String>>>,
}

/// Historic: a container.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(extend("deprecated" = true))]
pub(crate) struct LxcConfig {
    /// The bind mounts of the container.
    pub(crate) mount_points: List<GuestMountPoint>,
}

/// Historic: a bind mount of a container.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, extend("deprecated" = true))]
pub(crate) struct GuestMountPoint {
    /// The directory on the host.
    #[schemars(required)]
    pub(crate) host_path: Option<String>,
    /// The path inside the container.
    #[schemars(required)]
    pub(crate) container_path: Option<String>,
    /// The owner inside the container; not applied.
    pub(crate) owner_uid: Option<u32>,
    /// The group inside the container; not applied.
    pub(crate) owner_gid: Option<u32>,
}
