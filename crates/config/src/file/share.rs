//! `nfs.exports` and `bind_mounts`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{List, Scalar, scalar};

/// A directory that NFS clients may mount.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Export {
    /// The declared dataset whose mountpoint is exported. Either this or `path`.
    #[schemars(extend("examples" = ["quickOS/shared-prod-data"]))]
    pub(crate) dataset: Option<String>,
    /// The exported directory: an absolute path. Either this or `dataset`.
    #[schemars(extend("examples" = ["/quickOS/shared-prod-data"]))]
    pub(crate) path: Option<String>,
    /// Who may mount it: addresses, networks, host names, wildcards or @netgroups.
    #[schemars(required, extend("examples" = [["10.0.0.0/24"]]))]
    pub(crate) clients: List<String>,
    /// Export options as exports(5) names them. `ro` and `sync` are the NFS server's defaults.
    #[schemars(extend("examples" = [["rw", "sync"]]))]
    pub(crate) options: List<String>,
    /// What a client mounts with. phoenix shows it in the fstab line for the client; it never
    /// becomes an export option.
    #[schemars(extend("examples" = [["noatime"]]))]
    pub(crate) client_options: List<String>,
}

/// A host directory that a container sees.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct BindMount {
    /// The container's id. A container that does not exist yet is skipped with a note.
    #[schemars(required, schema_with = "scalar::id_schema", extend("examples" = [101]))]
    pub(crate) container: Option<Scalar>,
    /// The declared dataset whose mountpoint the container sees. Either this or `host_path`.
    #[schemars(extend("examples" = ["quickOS/shared-prod-data"]))]
    pub(crate) dataset: Option<String>,
    /// The directory on the host: an absolute path. Either this or `dataset`.
    #[schemars(extend("examples" = ["/quickOS/shared-prod-data/models"]))]
    pub(crate) host_path: Option<String>,
    /// The absolute path inside the container.
    #[schemars(required, extend("examples" = ["/data"]))]
    pub(crate) target: Option<String>,
    /// Mount options: `noatime`, `nodev`, `noexec`, `nosuid`, `lazytime` or `discard`.
    #[schemars(extend("examples" = [["noatime"]]))]
    pub(crate) options: List<String>,
    /// Whether the container may only read. Default false.
    pub(crate) read_only: Option<bool>,
    /// The backup flag handed to Proxmox, which never backs up a bind mount.
    pub(crate) backup: Option<bool>,
}
