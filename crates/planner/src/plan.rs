//! The plan: what would be done, in order, with nothing left to decide.
//!
//! Plain, versioned, serialisable data. `diff` makes plans, the executor walks them, `check`
//! states what is true of every plan. Nothing here decides anything.

mod file;
mod lane;

use std::collections::{BTreeMap, BTreeSet};

use phoenix_config::address::Address;
use phoenix_config::code::Code;
use phoenix_config::diagnostic::Severity;
use phoenix_config::model::StorageKind;
use phoenix_zfs::property::{Source, Value};
use phoenix_zfs::vdev::VdevClass;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::observed::ObservedSignature;
use crate::refusal::RefusalCode;
use crate::wanted::Wanted;

pub use file::{PlanFileError, plan_schema};
pub use lane::{Lane, UnknownLane};

/// The version of the plan format that this phoenix writes and the only one that it reads.
pub const FORMAT: u32 = 1;

/// Everything that an apply would do to one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The version of this format.
    pub format: u32,
    /// SHA-256 over everything else in the plan, in hexadecimal.
    pub id: String,
    /// The phoenix that made the plan.
    pub created_by: String,
    /// The host that the plan is for.
    pub node: String,
    /// SHA-256 over the facts that the plan was made from, in hexadecimal.
    pub observed: String,
    /// The file that the plan was made from.
    pub config: ConfigSource,
    /// The second file, if the mounts of containers were declared in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lxc_config: Option<ConfigSource>,
    /// Which facts the plan was made from, so that they can be read again before it is applied.
    pub wanted: Wanted,
    /// What the steps amount to.
    pub summary: Summary,
    /// What is to be done; every step comes after the steps that it needs.
    pub steps: Vec<Step>,
    /// What must not be done, and what depends on it.
    pub refusals: Vec<Refusal>,
    /// What the reader should know.
    pub notes: Vec<Note>,
}

/// A file that a plan was made from. Its text stays out: it may hold other tools' secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigSource {
    /// The file's name as it was given.
    pub name: String,
    /// SHA-256 of the file's bytes in hexadecimal.
    pub sha256: String,
    /// Its top-level keys that phoenix does not read, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_read: Vec<String>,
}

/// The plan in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Objects that will be made.
    pub create: usize,
    /// Objects that will be changed.
    pub update: usize,
    /// Objects that will be removed. Always 0: absence from the file never removes anything.
    pub delete: usize,
    /// Objects that phoenix refuses to touch, with their dependents.
    pub refused: usize,
    /// Objects that already are as the file says.
    pub unchanged: usize,
    /// Objects that cannot be looked at or made yet, because what they stand on is not on this
    /// host: a container of another node, a host without Proxmox. A note says which.
    pub waiting: usize,
}

/// One object to be made or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The object's address.
    pub id: Address,
    /// What happens to the object.
    pub action: Action,
    /// How dangerous it is.
    pub class: Class,
    /// Steps that must have succeeded before.
    pub needs: Vec<Address>,
    /// Steps in one lane run one after the other, because the host itself locks there.
    pub lane: Option<Lane>,
    /// Field by field, for the reader.
    pub changes: Vec<Change>,
    /// JSON pointer to the place in the file that asks for it.
    pub origin: String,
    /// What to do, complete.
    pub operation: Operation,
}

/// What happens to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is made.
    Create,
    /// It is changed in place.
    Update,
}

/// How dangerous a step is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Makes something new on space that nothing uses.
    Additive,
    /// Changes something that exists; it can be changed back.
    Modify,
    /// Erases something. Only ever with a grant by name.
    Destructive,
}

/// One field of an object that is set: it differs, or is set again with others as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The field, in the words of the tool that owns it: `quota`, `autotrim`, `content`.
    pub field: String,
    /// The value on the host; `None` when there is none yet.
    pub before: Option<Value>,
    /// The value that the file asks for.
    pub after: Value,
    /// Where the host's value comes from (`default`, `inherited from quickOS`), where ZFS says so.
    pub source: Option<Source>,
    /// Whether the value is phoenix's default because the file is silent.
    pub default: bool,
}

impl Change {
    /// Whether the host has the value already, and it is shown because it is set with others. One
    /// that comes from elsewhere (`source`) changes at least in that.
    pub fn is_kept(&self) -> bool {
        self.source.is_none() && self.before.as_ref() == Some(&self.after)
    }
}

/// An object that phoenix will not touch as the file and the host stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// The object's address.
    pub id: Address,
    /// Why, for programs.
    pub code: RefusalCode,
    /// Why, in one sentence.
    pub reason: String,
    /// The way out, in one sentence.
    pub help: String,
    /// For an object that is only held up by others: the refused objects at the root of it.
    pub because_of: Vec<Address>,
    /// JSON pointer to the place in the file.
    pub origin: String,
}

/// Something the reader should know that stops nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// The object that it is about, if it is about one.
    pub id: Option<Address>,
    /// Which rule, for programs.
    pub code: Code,
    /// How serious it is.
    pub severity: Severity,
    /// One sentence.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// What a step does, with everything that it takes.
///
/// Values are as the owning tool stores them (bytes, canonical words), never as the file spells
/// them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Operation {
    /// Makes a pool.
    CreatePool(CreatePool),
    /// Imports a pool that lies on the file's disks.
    ImportPool(ImportPool),
    /// Sets pool properties and root dataset properties.
    SetPool(SetPool),
    /// Makes a file system or a volume.
    CreateDataset(CreateDataset),
    /// Sets properties of a dataset, mounts it, or both.
    SetDataset(SetDataset),
    /// Sets owner, group, mode and ACL of a mounted dataset's root directory, or of everything in
    /// it.
    SetPermissions(SetPermissions),
    /// Adds a Proxmox storage.
    AddStorage(AddStorage),
    /// Changes options of a Proxmox storage.
    SetStorage(SetStorage),
    /// Makes one path's lines in phoenix's exports file, and the NFS server, say this.
    SetExport(SetExport),
    /// Makes the NFS server start after the datasets are mounted.
    SetBootOrder(SetBootOrder),
    /// Sets one mount point of a container.
    SetMount(SetMount),
    /// Limits the ZFS read cache, now and for the next boot.
    SetArc(SetArc),
}

impl Operation {
    /// How dangerous the operation is when it does `action` to its object.
    pub fn class(&self, action: Action) -> Class {
        match (self, action) {
            (Self::CreatePool(create), _) if create.wiped_disks().next().is_some() => {
                Class::Destructive
            }
            (Self::SetArc(_), _) | (_, Action::Update) => Class::Modify,
            (_, Action::Create) => Class::Additive,
        }
    }

    /// Where the host itself would lock, so that two such steps never run at once: Proxmox's
    /// `storage.cfg`, one container's configuration, the one exports file, systemd, the one module
    /// file. Pools have no disk in common.
    pub fn lane(&self) -> Option<Lane> {
        match self {
            Self::AddStorage(_) | Self::SetStorage(_) => Some(Lane::Storages),
            Self::SetExport(_) => Some(Lane::Exports),
            Self::SetBootOrder(_) => Some(Lane::Systemd),
            Self::SetMount(set) => Some(Lane::Container(set.container)),
            Self::SetArc(_) => Some(Lane::Modprobe),
            Self::CreatePool(_)
            | Self::ImportPool(_)
            | Self::SetPool(_)
            | Self::CreateDataset(_)
            | Self::SetDataset(_)
            | Self::SetPermissions(_) => None,
        }
    }
}

/// See [`Operation::CreatePool`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreatePool {
    /// The pool's name.
    pub pool: String,
    /// `zpool create -o`, `ashift` included.
    pub properties: BTreeMap<String, Value>,
    /// `zpool create -O`.
    pub root_properties: BTreeMap<String, Value>,
    /// The vdevs in the order in which `zpool create` takes them.
    pub vdevs: Vec<PlannedVdev>,
}

impl CreatePool {
    /// The disks that are erased first.
    pub fn wiped_disks(&self) -> impl Iterator<Item = &PlannedDisk> {
        let disks = self.vdevs.iter().flat_map(|vdev| &vdev.disks);
        disks.filter(|disk| disk.wipe)
    }
}

/// See [`Operation::ImportPool`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportPool {
    /// The pool's name.
    pub pool: String,
    /// The pool's permanent number: names may be taken twice.
    pub guid: u64,
    /// `zpool set` after the import, where the pool has other values.
    pub properties: BTreeMap<String, Value>,
    /// `zfs set` on the root dataset after the import, where it has other values.
    pub root_properties: BTreeMap<String, Value>,
    /// What the pool must be made of, before and after.
    pub vdevs: Vec<PlannedVdev>,
}

/// A vdev of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedVdev {
    /// What the vdev is for.
    pub class: VdevClass,
    /// `mirror`, `raidz2`, ...; `None` for plain disks.
    pub keyword: Option<String>,
    /// The disks.
    pub disks: Vec<PlannedDisk>,
}

impl PlannedVdev {
    /// Its keyword and its disks, as `zpool create` takes them.
    pub(crate) fn words(&self) -> String {
        let disks = self.disks.iter().map(|disk| disk.path.as_str());
        let words: Vec<_> = self.keyword.as_deref().into_iter().chain(disks).collect();
        words.join(" ")
    }
}

/// A disk as it was when the plan was made. It is compared again right before it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedDisk {
    /// The path that the file gives.
    pub path: String,
    /// The kernel's name for it: two disks that say the same of themselves may have changed links.
    pub kernel_name: String,
    /// Serial number seen.
    pub serial: Option<String>,
    /// World-wide name seen: that of the namespace, for an NVMe drive.
    pub wwn: Option<String>,
    /// Size seen, in bytes.
    pub size: u64,
    /// Whether the user granted by name that what is on it may be erased.
    pub wipe: bool,
    /// What is on it if it may be erased: this and nothing else is.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub signatures: BTreeSet<ObservedSignature>,
}

/// See [`Operation::SetPool`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPool {
    /// The pool's name.
    pub pool: String,
    /// `zpool set`, one by one.
    pub properties: BTreeMap<String, Value>,
    /// `zfs set` on the root dataset, in one command.
    pub root_properties: BTreeMap<String, Value>,
}

/// See [`Operation::CreateDataset`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateDataset {
    /// Full name.
    pub dataset: String,
    /// Size and kind of a volume; `None` for a file system.
    pub volume: Option<PlannedVolume>,
    /// `zfs create -o`.
    pub properties: BTreeMap<String, Value>,
    /// Where it must be mounted afterwards; `None` when it must not be.
    pub mountpoint: Option<String>,
}

/// The volume part of [`CreateDataset`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedVolume {
    /// Bytes, a multiple of the volume block size.
    pub size: u64,
    /// Whether no space is reserved.
    pub sparse: bool,
}

/// See [`Operation::SetDataset`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetDataset {
    /// Full name.
    pub dataset: String,
    /// `zfs set`, in one command.
    pub properties: BTreeMap<String, Value>,
    /// Where it must be mounted afterwards if it is not; `None` leaves the mount alone.
    pub mount: Option<String>,
}

/// See [`Operation::SetPermissions`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPermissions {
    /// The dataset that must be mounted at `path`.
    pub dataset: String,
    /// Its root directory.
    pub path: String,
    /// Owner to set.
    pub uid: Option<u32>,
    /// Group to set.
    pub gid: Option<u32>,
    /// Mode to set.
    pub mode: Option<u32>,
    /// Whether everything below the directory is set as well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recursive: bool,
    /// Entries of the ACL to set: permissions such as `rwx`, by who has them (`group:1001:`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub acl: BTreeMap<String, String>,
}

/// See [`Operation::AddStorage`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddStorage {
    /// Storage id.
    pub storage: String,
    /// Proxmox's type.
    pub kind: StorageKind,
    /// Options by Proxmox's names; lists comma-separated and sorted.
    pub options: BTreeMap<String, String>,
}

/// See [`Operation::SetStorage`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetStorage {
    /// Storage id.
    pub storage: String,
    /// Options to set; lists comma-separated and sorted.
    pub options: BTreeMap<String, String>,
    /// Options to remove, back to Proxmox's default.
    pub delete: Vec<String>,
}

/// See [`Operation::SetExport`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetExport {
    /// The exported path.
    pub path: String,
    /// The dataset that must be mounted there or above, if the file says so.
    pub dataset: Option<String>,
    /// `CLIENT(OPTIONS)` per client, in file order.
    pub clients: Vec<String>,
}

/// See [`Operation::SetBootOrder`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetBootOrder {
    /// The drop-in of the server's unit.
    pub path: String,
    /// What it must say.
    pub text: String,
}

/// See [`Operation::SetMount`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetMount {
    /// The container's id.
    pub container: u32,
    /// `mp0` to `mp255`.
    pub key: String,
    /// The value in Proxmox's canonical form.
    pub value: String,
    /// The dataset that must be mounted at or above the source, if the file says so.
    pub dataset: Option<String>,
}

/// See [`Operation::SetArc`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetArc {
    /// Bytes.
    pub max: u64,
    /// Whether the running module must be told.
    pub runtime: bool,
    /// Whether `/etc/modprobe.d/zfs.conf` must be told.
    pub persistent: bool,
}
