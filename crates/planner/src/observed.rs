//! What a host really has, as plain data.
//!
//! The executor fills it from a host and the planner compares it with a configuration; nothing
//! here reads anything. Only what the configuration names is in it, so that its size, and the
//! digest that binds a saved plan to it, depend on the file and not on the host.

mod digest;

use std::collections::{BTreeMap, BTreeSet};

use phoenix_zfs::property::{DatasetType, Source, Value};
use phoenix_zfs::size;
use phoenix_zfs::text::visible;
use phoenix_zfs::vdev::VdevClass;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use digest::digest;

/// The facts about one host that a plan depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Observed {
    /// The host's own name, which is also its Proxmox node name.
    pub node: String,
    /// Every node of the Proxmox cluster, this one included; empty when that is not known.
    #[serde(default)]
    pub nodes: BTreeSet<String>,
    /// Whether Proxmox lets its files be changed now: enough nodes of the cluster are there. `None`
    /// without a cluster file system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quorate: Option<bool>,
    /// Installed memory in bytes.
    pub memory: u64,
    /// The release of the host's ZFS, `2.3.9`; `None` where the host does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zfs: Option<String>,
    /// Names of dataset and pool properties that the configuration uses and the host does not know.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unknown_properties: BTreeSet<String>,
    /// Every imported pool, by name.
    pub pools: BTreeMap<String, ObservedPool>,
    /// Pools that the configuration names and that lie on its disks without being imported, by
    /// name. A name that two such pools bear is absent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub importable: BTreeMap<String, ObservedImportable>,
    /// The datasets that the configuration names and the host has, by full name.
    pub datasets: BTreeMap<String, ObservedDataset>,
    /// The disks that the configuration names, by the path that the configuration uses. A path
    /// that leads nowhere is absent.
    pub disks: BTreeMap<String, ObservedDisk>,
    /// Sizes in bytes of the files that hold the keys of encrypted pools, by path. What is not there
    /// or no file is absent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub key_files: BTreeMap<String, u64>,
    /// The directories that a mount would hide or a permission would change, by path. Absent
    /// directories are absent.
    pub directories: BTreeMap<String, ObservedDirectory>,
    /// ACLs of the directories that are to have one, by path, as `getfacl -n` prints them:
    /// permissions by who has them (`group:1001:`). `None` when the host has no such tools.
    pub acls: Option<BTreeMap<String, BTreeMap<String, String>>>,
    /// For each directory whose contents are to be like itself and are not: the first entry below
    /// it that differs.
    pub others_below: BTreeMap<String, String>,
    /// Every Proxmox storage, by id. `None` when the host has no Proxmox tools.
    pub storages: Option<BTreeMap<String, ObservedStorage>>,
    /// Why Proxmox cannot list its storages, where it is installed and fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storages_unreadable: Option<String>,
    /// The NFS exports.
    pub exports: ObservedExports,
    /// The containers that the configuration names and this node has.
    pub containers: BTreeMap<u32, ObservedContainer>,
    /// Numeric ids of the user names that the configuration uses and the host knows.
    pub users: BTreeMap<String, u32>,
    /// Numeric ids of the group names that the configuration uses and the host knows.
    pub groups: BTreeMap<String, u32>,
    /// The ZFS read cache.
    pub arc: ObservedArc,
}

/// An imported pool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObservedPool {
    /// ZFS's word for its health: `ONLINE`, `DEGRADED`, `SUSPENDED`, ...
    pub health: String,
    /// Raw size in bytes as `zpool list -p` prints it: what data vdevs hold, parity included.
    pub size: u64,
    /// Every top-level vdev.
    pub vdevs: Vec<ObservedVdev>,
    /// What 2 is raised to for the sectors of each top-level vdev, by the vdev's name, where it was
    /// asked for and ZFS told it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ashifts: BTreeMap<String, u64>,
    /// Why phoenix does not know its vdevs, when it does not although the pool answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
    /// What it does in the background.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub activities: Vec<ObservedActivity>,
    /// Which of its data are lost, in ZFS's words; `None` for none that it knows of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<String>,
    /// How much of it is taken, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u8>,
    /// Pool properties that the configuration names, by name.
    pub properties: BTreeMap<String, ObservedProperty>,
}

/// A pool that is on its disks and not imported.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObservedImportable {
    /// The pool's permanent number.
    pub guid: u64,
    /// ZFS's word for the health that it would have: `ONLINE`, `DEGRADED`, `UNAVAIL`, `FAULTED`.
    pub health: String,
    /// What ZFS has to say about it, in its own words: that another system used it last, for
    /// example. `None` when ZFS would import it without ado.
    pub status: Option<String>,
    /// Every top-level vdev.
    pub vdevs: Vec<ObservedVdev>,
    /// Why phoenix does not know what it is made of, when it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
}

/// A top-level vdev of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObservedVdev {
    /// ZFS's name for it, `mirror-0`; for a plain disk its path.
    pub name: String,
    /// Its permanent number, where ZFS told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guid: Option<u64>,
    /// What the vdev is for.
    pub class: VdevClass,
    /// `disk`, `mirror`, `raidz1` ...: the part of ZFS's vdev name before the number.
    pub kind: String,
    /// How a draid vdev is divided, as ZFS spells it: `2d:4c:1s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geometry: Option<String>,
    /// Its disks in ZFS's order, those that go or stand in included.
    pub disks: Vec<ObservedMember>,
}

impl ObservedVdev {
    /// The disks that the vdev is made of once nothing is in between any more.
    pub fn members(&self) -> impl Iterator<Item = &ObservedMember> {
        let disks = self.disks.iter();
        disks.filter(|disk| disk.role == MemberRole::Member)
    }
}

/// A disk of a pool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObservedMember {
    /// The kernel's name of the disk (`nvme0n1`) or, where the pool has a partition that ZFS did not
    /// make itself, of the partition. One that is gone has the path that ZFS remembers, without the
    /// partition that ZFS makes on a whole disk.
    pub name: String,
    /// For a partition that ZFS did not make itself, the kernel's name of the disk that it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_of: Option<String>,
    /// How a file names it: its link below `/dev/disk/by-id`; what ZFS lists for one that is gone.
    pub path: String,
    /// Its permanent number, where ZFS told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guid: Option<u64>,
    /// `ONLINE`, `FAULTED`, `UNAVAIL` ...; for a spare `AVAIL` or `INUSE`.
    pub state: String,
    /// What it is to the layout.
    pub role: MemberRole,
    /// Errors that ZFS has counted, in words; `None` for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<String>,
    /// What ZFS says about it: `too many errors`, `(resilvering)`; empty for nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remark: String,
}

impl ObservedMember {
    /// What a command calls it: its number, which is never taken for another's, or else its path.
    pub fn handle(&self) -> String {
        match self.guid {
            Some(guid) => guid.to_string(),
            None => self.path.clone(),
        }
    }
}

/// Something that a pool does in the background.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObservedActivity {
    /// What it does.
    pub kind: ObservedActivityKind,
    /// Whether somebody has paused it.
    pub paused: bool,
    /// How much is done, as ZFS prints it: `1.36%`.
    pub done: Option<String>,
    /// The time that it still takes, as ZFS prints it: `04:59:16`; `None` while ZFS does not know.
    pub left: Option<String>,
}

/// What a pool does in the background.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ObservedActivityKind {
    /// It copies data to a disk that is new, came back or stands in.
    Resilver,
    /// It reads everything and compares it with its checksums.
    Scrub,
    /// It moves a raidz vdev over to one disk more.
    Expansion,
    /// It moves the data of a vdev to the others, to take the vdev out.
    Removal,
}

/// What a disk is to the layout of its pool.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum MemberRole {
    /// It belongs to the layout.
    #[default]
    Member,
    /// It goes as soon as the disk that replaces it holds everything.
    Leaving,
    /// A hot spare that stands in for a member.
    StandIn,
}

/// A property as `zfs get -p` or `zpool get -p` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObservedProperty {
    /// The stored value.
    pub value: Value,
    /// Where the value comes from.
    pub source: Source,
}

/// A dataset that exists.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObservedDataset {
    /// File system or volume.
    pub kind: DatasetType,
    /// The properties that the configuration names, by name; always `mountpoint` and `canmount`
    /// for file systems, `volsize` and `volblocksize` for volumes.
    pub properties: BTreeMap<String, ObservedProperty>,
    /// Whether it is mounted.
    pub mounted: bool,
}

/// A disk that one of the configuration's paths leads to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObservedDisk {
    /// The kernel's name, such as `nvme0n1`. Not stable across boots: it identifies the disk
    /// inside one observation only.
    pub kernel_name: String,
    /// For a partition, the kernel's name of the disk that it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_of: Option<String>,
    /// Whether it is the partition that ZFS makes when it is given the whole disk: both names mean
    /// the same then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stands_for_disk: bool,
    /// Bytes.
    pub size: u64,
    /// Serial number, if the drive has one.
    pub serial: Option<String>,
    /// Model, if the drive has one.
    pub model: Option<String>,
    /// World-wide name, if the drive has one: every namespace of an NVMe drive has its own.
    #[serde(default)]
    pub wwn: Option<String>,
    /// The path that belongs into a configuration: one that leads to no other disk of the host.
    #[serde(default)]
    pub stable_path: String,
    /// Whether the path that the configuration uses may lead to another disk tomorrow.
    #[serde(default)]
    pub shared_path: bool,
    /// The other disks of the host with this serial number, by their stable paths.
    #[serde(default)]
    pub namesakes: BTreeSet<String>,
    /// Everything that `wipefs` finds on it and its partitions, to tell it again by.
    #[serde(default)]
    pub signatures: BTreeSet<ObservedSignature>,
    /// Everything that speaks against writing to it, worst first. Empty means blank and idle.
    pub obstacles: Vec<Obstacle>,
    /// What speaks against a new pool on the drive, in words: it is failing, or its firmware is
    /// known to harm it. Known only of disks of pools that are not imported; `None` also when the
    /// drive does not say.
    pub unfit: Option<String>,
}

impl ObservedDisk {
    /// The name by which a pool knows it, see [`ObservedMember::name`].
    pub fn member_name(&self) -> &str {
        let disk = self.partition_of.as_ref();
        disk.filter(|_| self.stands_for_disk)
            .unwrap_or(&self.kernel_name)
    }

    /// What its owner knows it by: model, serial number, size.
    pub fn identity(&self) -> String {
        let serial = self
            .serial
            .as_ref()
            .map(|serial| format!("serial {serial}"));
        let size = size::decimal_and_binary(self.size);
        let parts = [self.model.clone(), serial, Some(size)];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// What is on it, partitions included; empty for nothing.
    pub fn contents(&self) -> String {
        let found = self.obstacles.iter().filter_map(|obstacle| match obstacle {
            Obstacle::Signature { what } => Some(what.as_str()),
            Obstacle::InUse { .. } | Obstacle::NotADisk { .. } => None,
        });
        found.collect::<Vec<_>>().join(", ")
    }
}

/// A signature on a disk or on a partition of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObservedSignature {
    /// The kernel name of the disk or partition.
    pub device: String,
    /// `ext4`, `zfs_member`, `gpt`, `partition` ...
    pub kind: String,
    /// Its label, for `zfs_member` the pool.
    pub label: Option<String>,
    /// Its number, for `zfs_member` that of the pool.
    pub uuid: Option<String>,
    /// Where on the device it begins, in bytes.
    pub offset: Option<u64>,
}

/// A reason not to write to a disk.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Obstacle {
    /// The disk or a part of it is in use right now; no grant overrules that.
    InUse {
        /// By what, in words: `mounted at /`, `member of imported pool "rpool"`, `swap`.
        by: String,
    },
    /// The disk carries a signature, a partition table or partitions.
    Signature {
        /// What was found, as `wipefs` and `lsblk` call it, with its partition: `gpt`,
        /// `partition sda1`, `ext4 on sda1`, `zfs_member "old" (guid 7) on sda2`.
        what: String,
    },
    /// The path is not a whole disk.
    NotADisk {
        /// `lsblk`'s type: `part`, `loop`, `rom` ...
        kind: String,
    },
}

/// A directory that exists.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObservedDirectory {
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permission bits, set-id and sticky included.
    pub mode: u32,
    /// Whether it has no entries.
    pub empty: bool,
    /// Whether the path is something else than a directory, a symbolic link included.
    pub not_a_directory: bool,
    /// The first symbolic link on the way to it, or itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// A Proxmox storage with its effective options.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObservedStorage {
    /// Proxmox's type: `zfspool`, `dir`, `nfs` ...
    pub kind: String,
    /// What may be put on it, as a set: Proxmox prints it in random order.
    pub content: BTreeSet<String>,
    /// The nodes that have it, as a set; empty means all.
    pub nodes: BTreeSet<String>,
    /// All other options as text, booleans as `0` and `1`.
    pub options: BTreeMap<String, String>,
}

/// The state of the NFS server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObservedExports {
    /// Whether `exportfs` is there.
    pub available: bool,
    /// The lines of phoenix's own exports file, by path: `CLIENT(OPTIONS)` each.
    pub file: BTreeMap<String, Vec<String>>,
    /// What the NFS server really exports, by path and then client: sorted options.
    pub active: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    /// What files other than phoenix's export, by path, in the order in which the server reads it.
    pub foreign: BTreeMap<String, Vec<ForeignExport>>,
    /// Lines of all these files that the server cannot use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<UnreadLine>,
    /// When the server starts; `None` on a machine that systemd does not run.
    #[serde(default)]
    pub boot_order: Option<ObservedBootOrder>,
}

/// Phoenix's drop-in for the unit of the NFS server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObservedBootOrder {
    /// Where it is, or would be.
    pub path: String,
    /// What it says; `None` when it is not there.
    pub text: Option<String>,
    /// Whether systemd has read it as it is.
    pub loaded: bool,
}

/// An export to one client by a file that is not phoenix's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForeignExport {
    /// The file.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The client as the file writes it.
    pub client: String,
}

/// A container of this node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObservedContainer {
    /// Whether it runs.
    pub running: bool,
    /// Whether its user ids are shifted.
    pub unprivileged: bool,
    /// Mount points by key (`mp0`): the configured values, pending changes applied.
    pub mounts: BTreeMap<String, String>,
    /// Those of them that Proxmox cannot use, by key: they are not mounted and cannot be changed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unusable: BTreeMap<String, UnreadLine>,
    /// What LXC mounts by itself, past Proxmox (`lxc.mount.entry`), by the path in the container.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub raw_mounts: BTreeMap<String, ObservedRawMount>,
    /// Keys whose value differs from what the running container has.
    pub pending: BTreeSet<String>,
    /// How its user ids become the host's, piece by piece. An id in no piece has no number on the
    /// host.
    pub uids: Vec<IdRange>,
    /// How its group ids become the host's.
    pub gids: Vec<IdRange>,
    /// The first line of its id map that is none: the container does not start with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken_id_map: Option<UnreadLine>,
    /// Lines of its file without effect, those above included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<UnreadLine>,
}

/// A mount that LXC makes past Proxmox.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObservedRawMount {
    /// What is mounted.
    pub source: String,
    /// The file that says so.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
}

/// A line in a file of others that has no effect: the program that reads the file goes on without
/// it.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct UnreadLine {
    /// The file.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The line as it came.
    pub text: String,
    /// Why it has no effect.
    pub reason: String,
}

impl UnreadLine {
    /// Where it stands, what it says and why it has no effect.
    pub fn described(&self) -> String {
        let text = visible(self.text.trim());
        let reason = visible(&self.reason);
        format!("{} (\"{text}\": {reason})", self.place())
    }

    /// Where it stands.
    pub fn place(&self) -> String {
        format!("line {} of {}", self.line, self.file)
    }
}

/// A piece of a container's id map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdRange {
    /// First id inside the container.
    pub container: u32,
    /// First id on the host.
    pub host: u32,
    /// How many.
    pub count: u32,
}

impl IdRange {
    /// The host's number for an id of the container; `None` if the piece does not hold it.
    pub fn on_host(&self, id: u32) -> Option<u32> {
        let distance = id.checked_sub(self.container)?;
        let host = self.host.checked_add(distance)?;
        // 2^32 - 1 is no id: chown(2) reads it as "leave alone".
        (distance < self.count && host != u32::MAX).then_some(host)
    }
}

/// The ZFS read cache.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObservedArc {
    /// The limit in force in bytes (`c_max` of arcstats); `None` while the ZFS module is absent.
    pub c_max: Option<u64>,
    /// The floor in force in bytes (`c_min` of arcstats).
    pub c_min: Option<u64>,
    /// The limit for the next boot: the last of all files in `/etc/modprobe.d` and the kernel's
    /// command line.
    pub persistent: Option<u64>,
    /// The file that sets it, where it wins over `/etc/modprobe.d/zfs.conf`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overruled_by: Option<String>,
}
