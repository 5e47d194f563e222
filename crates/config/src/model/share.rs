//! What leaves a dataset: NFS exports and bind mounts into containers.

use camino::Utf8PathBuf;

use crate::address::Address;
use crate::pointer::Pointer;

/// A directory that NFS clients may mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The object that declares the export.
    pub origin: Pointer,
    /// The exported directory.
    pub path: Utf8PathBuf,
    /// The declared dataset that `path` is the mountpoint of or lies in, if any.
    pub dataset: Option<String>,
    /// Who may mount it, in file order.
    pub clients: Vec<Client>,
    /// Export options as exportfs understands them, in file order.
    pub options: Vec<MountOption>,
    /// What a client mounts with, such as `noatime`. Shown to people, never exported.
    pub client_options: Vec<MountOption>,
}

impl Export {
    /// `export:/PATH`.
    pub fn address(&self) -> Address {
        Address::Export(self.path.to_string())
    }

    /// Whether `name` is among the export options.
    pub fn has_option(&self, name: &str) -> bool {
        self.options.iter().any(|option| option.text == name)
    }
}

/// One NFS client specification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Address, network, host name, wildcard or `@netgroup`, as exportfs reads it.
    pub text: String,
    /// Where the file says so.
    pub origin: Pointer,
}

/// One export or mount option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountOption {
    /// The option, with its value if it has one.
    pub text: String,
    /// Where the file says so.
    pub origin: Pointer,
}

/// A host directory that a container sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindMount {
    /// The object that declares the mount.
    pub origin: Pointer,
    /// The container's numeric id.
    pub container: u32,
    /// The declared dataset that the source is the mountpoint of or lies in, if any.
    pub dataset: Option<String>,
    /// The source directory on the host.
    pub host_path: Utf8PathBuf,
    /// The path inside the container.
    pub target: String,
    /// Mount options, in file order: `noatime`, `discard`, ...
    pub options: Vec<MountOption>,
    /// Whether the container may only read.
    pub read_only: bool,
    /// What the file says about backups. Proxmox never backs up a bind mount; the flag is only
    /// handed on.
    pub backup: Option<bool>,
}

impl BindMount {
    /// `mount:CONTAINER:/TARGET`.
    pub fn address(&self) -> Address {
        Address::Mount {
            container: self.container,
            target: self.target.clone(),
        }
    }
}
