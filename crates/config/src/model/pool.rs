//! Pools and the disks that they are made of.

use phoenix_zfs::layout::RaidLevel;

use super::Properties;
use crate::address::Address;
use crate::pointer::Pointer;

/// log2 of 4096 bytes, which suits every drive of today; ZFS would trust the 512 bytes that many
/// of them report.
pub const DEFAULT_ASHIFT: u8 = 12;

/// What a new pool gets where the file is silent.
pub const DEFAULT_PROPERTIES: [(&str, &str); 1] = [("autotrim", "on")];

/// What the root dataset of a new pool gets where the file is silent.
pub const DEFAULT_ROOT_PROPERTIES: [(&str, &str); 2] = [("atime", "off"), ("compression", "lz4")];

/// A ZFS pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// The pool's name.
    pub name: String,
    /// The object that declares the pool.
    pub origin: Pointer,
    /// The data vdevs. Empty for a pool that is declared by its name alone: it must exist, is never
    /// created, and its layout is left alone.
    pub vdevs: Vec<Vdev>,
    /// Vdevs for metadata and small blocks.
    pub special: Vec<Vdev>,
    /// Vdevs for the intent log.
    pub log: Vec<Vdev>,
    /// Read cache devices.
    pub cache: Vec<Disk>,
    /// Hot spares.
    pub spares: Vec<Disk>,
    /// log2 of the smallest block that the pool writes, in bytes: 12 means 4096.
    pub ashift: u8,
    /// Whether `ashift` is phoenix's default rather than the file's word.
    pub ashift_default: bool,
    /// Pool properties, `zpool set`'s kind.
    pub properties: Properties,
    /// Properties of the pool's root dataset.
    pub root_properties: Properties,
    /// Size in bytes of each data disk as the file states it, for checks without a host.
    pub disk_size: Option<u64>,
}

impl Pool {
    /// `pool:NAME`.
    pub fn address(&self) -> Address {
        Address::Pool(self.name.clone())
    }

    /// Every disk that the file gives to this pool, whatever its role.
    pub fn disks(&self) -> impl Iterator<Item = &Disk> {
        [&self.vdevs, &self.special, &self.log]
            .into_iter()
            .flatten()
            .flat_map(|vdev| &vdev.disks)
            .chain(&self.cache)
            .chain(&self.spares)
    }

    /// How many disks of the worst-protected data vdev may die without data loss.
    pub fn redundancy(&self) -> usize {
        let one = |vdev: &Vdev| vdev.level.redundancy(vdev.disks.len());
        self.vdevs.iter().map(one).min().unwrap_or(0)
    }
}

/// A group of disks. `raid10` has been split into its mirrors; `stripe` stays one group of
/// several top-level disks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vdev {
    /// How the disks are arranged.
    pub level: RaidLevel,
    /// The disks, in file order.
    pub disks: Vec<Disk>,
    /// The array or object that lists the disks.
    pub origin: Pointer,
}

/// One disk by the path that the file gives, normally a `/dev/disk/by-id/` link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// Absolute path. A bare by-id name in the file has been completed.
    pub path: String,
    /// Where the file names it.
    pub origin: Pointer,
}
