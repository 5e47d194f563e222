//! The simulated host as plain data: everything that a command can see or change.
//!
//! Owns the types and their file format, nothing else. Values are kept as the kernel keeps them
//! (bytes, canonical property values); how they are printed belongs to the commands.

mod datasets;
mod mounts;

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use super::Fault;
pub use datasets::Datasets;
pub use mounts::Mounts;
use phoenix_host::command::Program;

/// The version of the state file that this build reads and writes.
pub const FORMAT: u32 = 1;

/// A whole simulated host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Always [`FORMAT`].
    pub format: u32,
    /// The host's own name, which is also its Proxmox node name.
    pub node: String,
    /// Installed memory in bytes.
    pub memory: u64,
    /// The release of ZFS that its module tells, `2.3.9-0+deb13u1`; `None` where it tells nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zfs_version: Option<String>,
    /// Disks by kernel name (`nvme0n1`).
    pub disks: BTreeMap<String, Disk>,
    /// Imported pools by name.
    pub pools: BTreeMap<String, Pool>,
    /// Pools that lie on disks and are not imported, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exported: BTreeMap<String, Exported>,
    /// Datasets of the imported pools by full name.
    pub datasets: Datasets,
    /// What is mounted where, oldest first: a later one hides what is below its target.
    pub mounts: Mounts,
    /// Paths of the devices that hold swap space in use.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub swaps: BTreeSet<String>,
    /// What processes have open that are no part of phoenix, such as running virtual machines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<OpenDevice>,
    /// The root file system: absolute paths.
    pub files: BTreeMap<Utf8PathBuf, Entry>,
    /// Where symbolic links lead, by their absolute paths. Those that stand in no other place lead
    /// nowhere.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub links: BTreeMap<Utf8PathBuf, Utf8PathBuf>,
    /// Users by name.
    pub users: BTreeMap<String, u32>,
    /// Groups by name.
    pub groups: BTreeMap<String, u32>,
    /// Proxmox storages by id; `None` when the host has no Proxmox tools.
    pub storages: Option<BTreeMap<String, Storage>>,
    /// Containers that run now. Their configurations are files below `/etc/pve/lxc`.
    pub running: BTreeSet<u32>,
    /// What the NFS server exports, in the order in which it learned it; `None` without a server.
    pub exports: Option<Vec<Export>>,
    /// The drop-ins that systemd has read, with their text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub units: BTreeMap<Utf8PathBuf, String>,
    /// The ZFS read cache.
    pub arc: Arc,
    /// Programs that somebody has removed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub removed: BTreeSet<Program>,
    /// Faults that have not fired yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// How many pools and datasets were ever made: guids and transaction groups derive from it.
    pub made: u64,
}

/// A device node that a process has open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenDevice {
    /// The node, as the kernel calls it: `/dev/sdb1`.
    pub path: String,
    /// The process.
    pub pid: u32,
    /// The name of its program.
    pub program: String,
}

/// A disk with what is written on it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// Bytes.
    pub size: u64,
    /// The drive's model.
    pub model: Option<String>,
    /// The drive's serial number.
    pub serial: Option<String>,
    /// World-wide name as `lsblk` prints it.
    pub wwn: Option<String>,
    /// `nvme`, `sata` ...
    pub tran: Option<String>,
    /// Names below `/dev/disk/by-id`.
    pub links: BTreeSet<String>,
    /// `gpt` or `dos`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// The table that `zpool create` had written when it was cut off, before the protective MBR
    /// without which the kernel sees no partitions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_table: Option<HalfTable>,
    /// Partitions by number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub partitions: BTreeMap<u32, Partition>,
    /// Signatures on the whole disk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<Signature>,
    /// Device-mapper and MD devices built on the whole disk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<Holder>,
    /// Open for somebody alone of whom `lsblk` shows nothing: a mount of another namespace.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// What an NVMe drive says about itself.
    #[serde(default, skip_serializing_if = "DriveHealth::is_default")]
    pub health: DriveHealth,
}

/// See [`Disk::half_table`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HalfTable {
    /// The type of what is where the data partition would be, such as `zfs_member`.
    pub contents: Option<String>,
}

/// What a simulated NVMe drive reports where drives differ. The default is a healthy drive, a
/// little worn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DriveHealth {
    /// Firmware revision.
    pub firmware: String,
    /// The Critical Warning byte of the health log.
    pub critical_warning: u64,
    /// Spare capacity left, in percent; the drive's own limit is 10.
    pub available_spare: u64,
    /// Rated endurance used, in percent; more than 100 is legal.
    pub percentage_used: u64,
    /// Times that data could not be recovered.
    pub media_errors: u64,
}

impl Default for DriveHealth {
    fn default() -> Self {
        Self {
            firmware: "4B2QJXD7".to_owned(),
            critical_warning: 0,
            available_spare: 100,
            percentage_used: 3,
            media_errors: 0,
        }
    }
}

impl DriveHealth {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A partition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// Bytes.
    pub size: u64,
    /// Partition type GUID.
    pub kind: String,
    /// Signatures on the partition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<Signature>,
    /// Device-mapper and MD devices built on the partition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<Holder>,
    /// As [`Disk::held`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
}

/// A block device that is built on another one and keeps it open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// Kernel name: `dm-0`, `md127`.
    pub kernel_name: String,
    /// Shown name: `pve-root`.
    pub name: String,
    /// `lsblk`'s type: `lvm`, `crypt`, `raid1` ...
    pub kind: String,
    /// Bytes.
    pub size: u64,
}

/// What `wipefs` finds on a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// `ext4`, `zfs_member`, `LVM2_member` ...
    pub kind: String,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// UUID, or the pool's guid.
    pub uuid: Option<String>,
    /// Label, or the pool's name.
    pub label: Option<String>,
}

/// An imported pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// The pool's guid.
    pub guid: u64,
    /// What `zpool list` prints as SIZE, in bytes.
    pub size: u64,
    /// What the root dataset may use, its own use included, in bytes.
    pub usable: u64,
    /// `ONLINE` unless told otherwise: `SUSPENDED`, `DEGRADED` ...
    pub health: String,
    /// Top-level vdevs in the order of creation.
    pub vdevs: Vec<Vdev>,
    /// Pool properties that were set, as stored.
    pub properties: BTreeMap<String, String>,
}

/// A pool that was exported, with its datasets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exported {
    /// The pool.
    pub pool: Pool,
    /// Its datasets by full name.
    pub datasets: BTreeMap<String, Dataset>,
}

/// A top-level vdev, or a cache or spare device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vdev {
    /// What it is for.
    pub class: Class,
    /// `disk`, `mirror`, `raidz1` ... as in the vdev's name, without the number.
    pub kind: String,
    /// Member devices.
    pub members: Vec<Member>,
}

/// What a vdev is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "each variant is the word that zpool create knows"
)]
pub enum Class {
    Data,
    Dedup,
    Special,
    Log,
    Cache,
    Spare,
}

/// A device of a vdev.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// The path that the pool remembers, with the partition's suffix.
    pub path: String,
    /// Kernel name of the partition or disk.
    pub device: String,
    /// `ONLINE`, `OFFLINE`, `FAULTED` ...
    pub state: String,
}

/// A file system or volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// The dataset's guid.
    pub guid: u64,
    /// Set for volumes only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<Volume>,
    /// Properties with a value of their own.
    pub properties: BTreeMap<String, Setting>,
    /// Bytes that its own data take.
    pub referenced: u64,
    /// What a file system holds: paths relative to its root, which is the empty path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<Utf8PathBuf, Entry>,
}

/// What only a volume has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// Bytes of one block.
    pub block_size: u64,
    /// Minor number: `/dev/zdN`.
    pub minor: u32,
}

/// A property value of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// The stored value.
    pub value: String,
    /// Whether it came with `zfs receive` rather than being set here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub received: bool,
}

/// One line of `/proc/self/mounts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// Dataset name or device path.
    pub source: String,
    /// Where.
    pub target: Utf8PathBuf,
    /// `zfs`, `ext4` ...
    pub fstype: String,
}

/// A directory, file or link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What it is.
    pub kind: EntryKind,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permission bits. With named entries in the ACL the group's bits are the mask.
    pub mode: u32,
    /// The ACL's entries that the mode does not hold, by who they are about (`group:1001:`,
    /// `default:other::`); `group::` only beside named entries.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub acl: BTreeMap<String, String>,
}

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A file with its text.
    File(String),
}

/// A Proxmox storage.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// `zfspool`, `dir` ...
    pub kind: String,
    /// Options as text, booleans as `0` and `1`.
    pub options: BTreeMap<String, String>,
}

/// One line of `exportfs -s`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// The directory.
    pub path: String,
    /// Host, network or `*`.
    pub client: String,
    /// The options as `exportfs -s` prints them.
    pub options: String,
}

/// The ZFS read cache: what was asked for, and what holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arc {
    /// The module parameter `zfs_arc_max`.
    pub parameter_max: u64,
    /// The module parameter `zfs_arc_min`.
    pub parameter_min: u64,
    /// The limit in force.
    pub c_max: u64,
    /// The floor in force.
    pub c_min: u64,
}

impl Entry {
    /// A directory of root's with mode 0755.
    pub fn directory() -> Self {
        Self {
            kind: EntryKind::Directory,
            uid: 0,
            gid: 0,
            mode: 0o755,
            acl: BTreeMap::new(),
        }
    }

    /// A file of root's with mode 0644.
    pub fn file(text: impl Into<String>) -> Self {
        Self {
            kind: EntryKind::File(text.into()),
            uid: 0,
            gid: 0,
            mode: 0o644,
            acl: BTreeMap::new(),
        }
    }
}

impl Setting {
    /// A value that was set here.
    pub fn local(value: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            received: false,
        }
    }
}

impl State {
    /// A guid, transaction group or UUID seed that no other object has, the same in every run.
    pub(super) fn next_guid(&mut self) -> u64 {
        self.made += 1;
        // Multiplying by an odd constant is a bijection: distinct numbers stay distinct.
        self.made.wrapping_mul(0x9E37_79B9_7F4A_7C15) | (1 << 62)
    }

    /// The pool that a dataset belongs to.
    pub(super) fn pool_of(&self, dataset: &str) -> Option<&Pool> {
        self.pools
            .get(dataset.split('/').next().unwrap_or_default())
    }

    /// Where a dataset is mounted.
    pub(super) fn mounted_at(&self, dataset: &str) -> Option<&Mount> {
        self.mounts
            .of(dataset)
            .filter(|mount| mount.fstype == "zfs")
            .last()
    }

    /// A dataset's descendants, without itself, parents before children.
    pub(super) fn descendants(&self, name: &str) -> Vec<String> {
        let below = self.datasets.below(name);
        below.map(|(name, _)| name.clone()).collect()
    }
}
