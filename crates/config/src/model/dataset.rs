//! Datasets, and the permissions that the file attaches to them.

use std::fmt;

use camino::Utf8PathBuf;

use super::{AclEntry, Properties, Storage};
use crate::address::Address;
use crate::pointer::Pointer;

/// A ZFS file system or volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Full name with the pool, such as `quickOS/vm-disks`.
    pub name: String,
    /// The pool's name: the first component of `name`.
    pub pool: String,
    /// The object that declares the dataset.
    pub origin: Pointer,
    /// File system or volume.
    pub kind: DatasetKind,
    /// Declared properties, `mountpoint` included when the file sets it, `volsize` not.
    pub properties: Properties,
    /// Where the dataset will be mounted: its own mountpoint or the one that it inherits.
    /// `None` for volumes and for `none`, `legacy` or `canmount=off`.
    pub mountpoint: Option<Utf8PathBuf>,
    /// Free text for people.
    pub description: Option<String>,
    /// Owner, group and mode of the mounted root directory.
    pub permissions: Option<Permissions>,
    /// The Proxmox storage that stands on the dataset.
    pub storage: Option<Storage>,
}

impl Dataset {
    /// `dataset:POOL/NAME`.
    pub fn address(&self) -> Address {
        Address::Dataset(self.name.clone())
    }

    /// `permissions:POOL/NAME`.
    pub fn permissions_address(&self) -> Address {
        Address::Permissions(self.name.clone())
    }

    /// Whether the dataset is a volume (zvol).
    pub fn is_volume(&self) -> bool {
        matches!(self.kind, DatasetKind::Volume { .. })
    }
}

/// What a dataset is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatasetKind {
    /// A file system.
    Filesystem,
    /// A block device.
    Volume {
        /// Size in bytes as the file says; ZFS rounds it up to a multiple of `volblocksize`.
        size: u64,
        /// Whether no space is reserved for it (`zfs create -s`).
        sparse: bool,
    },
}

/// Owner, group and mode of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    /// The object that declares them.
    pub origin: Pointer,
    /// The owner; `None` leaves it alone.
    pub owner: Option<Principal>,
    /// The group; `None` leaves it alone.
    pub group: Option<Principal>,
    /// The permission bits, set-id and sticky included (`mode & 0o7777`); `None` leaves them alone.
    pub mode: Option<u32>,
    /// Whose numbers owner and group are.
    pub ids: IdSpace,
    /// The container whose numbers they are with [`IdSpace::Container`]; `None` means all that
    /// mount the dataset.
    pub container: Option<u32>,
    /// Whether everything below the directory, in the same dataset, gets the same.
    pub recursive: bool,
    /// Entries that the directory's ACL must have, in file order. Others are left alone.
    pub acl: Vec<AclEntry>,
}

/// A user or a group, by number or by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Principal {
    /// A numeric id.
    Id(u32),
    /// A name, resolved on the host.
    Name(String),
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Whose user and group numbers are meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IdSpace {
    /// The host's.
    #[default]
    Host,
    /// Those seen inside the containers that mount the dataset, mapped to the host's.
    Container,
}
