//! Every block device of a host, joined from lsblk, udev's links, swap, pools and signatures.
//!
//! This is where phoenix decides that a disk is in use or carries something. When facts
//! disagree, the one that speaks against writing counts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};
use phoenix_zfs::text::visible;

use super::lsblk::BlockDevice;
use super::{parse_wipefs, wipefs};
use crate::parse::ReadError;
use crate::zpool::ImportedPools;
use phoenix_host::{Host, HostError};

/// One block device with everything known about it and what is on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disk {
    /// The kernel's name, such as `nvme0n1`. Not the same after the next boot.
    pub kernel_name: String,
    /// Its node below `/dev`.
    pub path: String,
    /// `disk` for a whole disk, else `part`, `loop`, `rom`, `lvm` ...
    pub kind: String,
    /// The device that a partition is part of, or that this one is built on first.
    pub parent: Option<String>,
    /// Bytes.
    pub size: u64,
    /// Serial number, if the drive has one.
    pub serial: Option<String>,
    /// Model, if the drive has one.
    pub model: Option<String>,
    /// World-wide name, if the drive has one.
    pub wwn: Option<String>,
    /// How it is attached: `nvme`, `sata`, `usb` ...
    pub tran: Option<String>,
    /// The links that lead to it, sorted.
    pub links: Vec<Utf8PathBuf>,
    /// Those of its links that would fit another disk of this host as well, so that udev may let
    /// them lead to that one tomorrow.
    pub shared_links: BTreeSet<Utf8PathBuf>,
    /// The kernel names of the other whole disks with the same serial number: namespaces of one
    /// drive, or drives behind bridges that invent one.
    pub namesakes: BTreeSet<String>,
    /// For a partition of a GPT, the GUID of its type.
    pub part_type: Option<String>,
    /// The kernel names of its partitions.
    pub partitions: BTreeSet<String>,
    /// What uses it or a part of it right now. While there is any, nothing may write to it.
    pub uses: BTreeSet<Use>,
    /// What is on it and on its partitions. Not looked for on a disk that is in use.
    pub signatures: BTreeSet<Signature>,
}

impl Disk {
    /// Whether nothing uses it and nothing is on it.
    pub fn is_blank(&self) -> bool {
        self.uses.is_empty() && self.signatures.is_empty()
    }
}

/// Something that uses a disk right now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// It belongs to an imported pool.
    Pool(String),
    /// Its label bears the number of an imported pool, which does not list it: a copy of a member,
    /// or a former one.
    Labelled(String),
    /// It is mounted there.
    Mounted(String),
    /// It is swapped to.
    Swap,
    /// Another block device is built on it.
    Holder {
        /// lsblk's type: `lvm`, `crypt`, `raid1`, `mpath` ...
        kind: String,
        /// Its name.
        name: String,
    },
    /// It is itself a volume of an imported pool.
    Zvol,
    /// A guest's file names it, whether the guest runs or not.
    Guest {
        /// `virtual machine 200`, `container 300`.
        guest: String,
        /// The key of the line: `scsi1`, `mp0`, `hostpci0` ...
        key: String,
    },
    /// A process has it open.
    Open {
        /// The name of its program.
        program: String,
        /// Its number.
        pid: u32,
    },
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pool(pool) => write!(f, "member of imported pool \"{pool}\""),
            Self::Labelled(pool) => write!(
                f,
                "labelled as a member of imported pool \"{pool}\" (zpool labelclear frees a former one)"
            ),
            Self::Mounted(target) => write!(f, "mounted at {}", visible(target)),
            Self::Swap => f.write_str("swap"),
            Self::Holder { kind, name } => write!(f, "held by {kind} device {}", visible(name)),
            Self::Zvol => f.write_str("volume of an imported pool"),
            Self::Guest { guest, key } => write!(f, "given to {guest} ({})", visible(key)),
            Self::Open { program, pid } => {
                write!(f, "open for {} (process {pid})", visible(program))
            }
        }
    }
}

/// Something that is on a disk.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signature {
    /// The kernel name of the disk or partition.
    pub device: String,
    /// `ext4`, `zfs_member`, `gpt`, `partition`, or `unreadable`.
    pub kind: String,
    /// Its label, for `zfs_member` the pool.
    pub label: Option<String>,
    /// Its number, where the disk itself was asked: for `zfs_member` the permanent number of the
    /// pool.
    pub uuid: Option<String>,
    /// Where on the device it begins, in bytes, where the disk itself was asked.
    pub offset: Option<u64>,
}

impl Signature {
    /// The permanent number of the pool whose member the device is.
    pub fn pool_guid(&self) -> Option<u64> {
        let uuid = self.uuid.as_ref().filter(|_| self.kind == "zfs_member");
        uuid.and_then(|uuid| uuid.parse().ok())
    }

    /// What it is, without where: `zfs_member "oldpool" (guid 1529892785564888122)`.
    pub fn what(&self) -> String {
        // Whoever had the disk before chose the label: it must not pass for more than a label.
        let label = self.label.iter().map(|label| format!(" {label:?}"));
        let guid = self.pool_guid();
        let guid = guid.iter().map(|guid| format!(" (guid {guid})"));
        std::iter::once(self.kind.clone())
            .chain(label)
            .chain(guid)
            .collect()
    }
}

/// `zfs_member "oldpool" (guid 1529892785564888122) on nvme0n1p1`
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.what(), self.device)
    }
}

/// All block devices of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Whole disks, partitions and everything else, by kernel name.
    pub devices: BTreeMap<String, Disk>,
    pub(super) links: BTreeMap<Utf8PathBuf, String>,
}

impl Inventory {
    /// The device that a path leads to: a link below `/dev/disk` or a node below `/dev`.
    pub fn find(&self, path: &Utf8Path) -> Option<&Disk> {
        match self.links.get(path) {
            Some(name) => self.devices.get(name),
            None => self.devices.values().find(|device| device.path == path),
        }
    }

    /// The whole disk that a path leads to, also from one of its partitions, even one that was made
    /// after the disk was looked at.
    pub fn whole_disk(&self, path: &Utf8Path) -> Option<&Disk> {
        let Some(mut device) = self.find(path) else {
            let disk = self.find(disk_of_partition(path)?)?;
            return (disk.kind == "disk").then_some(disk);
        };
        // Each step leads to another device, so there are no more steps than devices.
        for _ in 0..self.devices.len() {
            if device.kind != "part" {
                break;
            }
            device = self.devices.get(device.parent.as_deref()?)?;
        }
        Some(device)
    }

    /// Whether a guest or a process has the device or its disk, so that nothing may be done with what
    /// is on it.
    pub fn is_claimed(&self, path: &Utf8Path) -> bool {
        let devices = self.find(path).into_iter().chain(self.whole_disk(path));
        let mut uses = devices.flat_map(|device| &device.uses);
        uses.any(|used| matches!(used, Use::Guest { .. } | Use::Open { .. }))
    }

    /// The whole disks, sorted by kernel name.
    pub fn whole_disks(&self) -> impl Iterator<Item = &Disk> {
        self.devices.values().filter(|device| device.kind == "disk")
    }
}

/// The disk that a partition's name speaks of: `-part1` behind a link (systemd's
/// `60-persistent-storage.rules`), a number behind the kernel's name, after a `p` where that ends in
/// a digit itself (Linux `block/genhd.c`, `disk_name`).
fn disk_of_partition(path: &Utf8Path) -> Option<&Utf8Path> {
    let digit = |c: char| c.is_ascii_digit();
    let stem = path.as_str().trim_end_matches(digit);
    let disk = if path.starts_with("/dev/disk") {
        stem.strip_suffix("-part")?
    } else {
        let before_p = stem.strip_suffix('p').filter(|disk| disk.ends_with(digit));
        before_p.unwrap_or(stem)
    };
    (stem.len() < path.as_str().len()).then_some(Utf8Path::new(disk))
}

impl Inventory {
    /// Takes over a device and, below it, what is built on it.
    pub(super) fn add(&mut self, found: &BlockDevice, parent: Option<&BlockDevice>) {
        let device = self.devices.entry(found.kname.clone()).or_default();
        if device.kernel_name.is_empty() {
            *device = plain(found, parent);
        }
        for child in &found.children {
            if child.kind == "part" {
                device.partitions.insert(child.kname.clone());
            } else {
                device.uses.insert(Use::Holder {
                    kind: child.kind.clone(),
                    name: child.name.clone(),
                });
            }
        }
        for child in &found.children {
            self.add(child, Some(found));
        }
    }

    /// Whether there is such a device.
    pub(super) fn mark(&mut self, path: &Utf8Path, used: Use) -> bool {
        let name = self.find(path).map(|device| device.kernel_name.clone());
        match name.and_then(|name| self.devices.get_mut(&name)) {
            Some(device) => {
                device.uses.insert(used);
                true
            }
            None => false,
        }
    }

    /// Marks the members of imported pools. Returns the pools with a member whose path leads
    /// nowhere: the disk may be gone, or only its link.
    pub(super) fn mark_pools(&mut self, pools: &ImportedPools) -> BTreeSet<String> {
        let mut unsure = BTreeSet::new();
        for layout in pools.layouts.values() {
            for disk in layout.vdevs.iter().flat_map(|vdev| &vdev.disks) {
                let used = Use::Pool(layout.name.clone());
                if !self.mark(Utf8Path::new(&disk.path), used) {
                    unsure.insert(layout.name.clone());
                }
            }
        }
        unsure
    }

    /// Who belongs to a pool that does not answer, or that names a member by a path that leads
    /// nowhere, is known from the labels only.
    pub(super) fn mark_labelled(&mut self, silent: &BTreeSet<String>) {
        for device in self.devices.values_mut() {
            let labels = device
                .signatures
                .iter()
                .filter(|signature| signature.kind == "zfs_member")
                .filter_map(|signature| signature.label.as_ref());
            let pools = labels.filter(|label| silent.contains(*label)).cloned();
            device.uses.extend(pools.map(Use::Pool));
        }
    }

    /// Names can be shared, numbers cannot: a label with the number of an imported pool speaks against
    /// writing, wherever the pool says that its members are.
    pub(super) fn mark_numbered(&mut self, pools: &ImportedPools) {
        for device in self
            .devices
            .values_mut()
            .filter(|device| device.uses.is_empty())
        {
            let guids: BTreeSet<u64> = device
                .signatures
                .iter()
                .filter_map(Signature::pool_guid)
                .collect();
            let known = pools
                .pools
                .values()
                .filter(|pool| guids.contains(&pool.guid));
            device
                .uses
                .extend(known.map(|pool| Use::Labelled(pool.name.clone())));
        }
    }

    /// Lets every disk know what uses its partitions and what is on them.
    pub(super) fn raise(&mut self) {
        let partitions: Vec<_> = self
            .devices
            .values()
            .filter(|device| device.kind == "part")
            .filter_map(|part| {
                Some((
                    part.parent.clone()?,
                    part.uses.clone(),
                    part.signatures.clone(),
                ))
            })
            .collect();
        for (parent, uses, signatures) in partitions {
            if let Some(disk) = self.devices.get_mut(&parent) {
                disk.uses.extend(uses);
                disk.signatures.extend(signatures);
            }
        }
    }

    /// The idle disks by kernel name, each with its own node and those of its partitions.
    pub(super) fn idle(&self) -> Vec<(String, Vec<String>)> {
        let idle = |disk: &&Disk| disk.uses.is_empty() && disk.size > 0;
        let with_parts = |disk: &Disk| {
            let parts = disk.partitions.iter();
            let parts = parts.filter_map(|name| self.devices.get(name));
            let paths = std::iter::once(disk)
                .chain(parts)
                .map(|device| device.path.clone());
            (disk.kernel_name.clone(), paths.collect())
        };
        self.whole_disks().filter(idle).map(with_parts).collect()
    }

    /// Looks at the idle disks themselves: what udev remembers may be older than what is there.
    pub(super) fn probe(&mut self, host: &dyn Host) -> Result<(), ReadError> {
        let groups = self.idle();
        let all: Vec<&str> = groups
            .iter()
            .flat_map(|(_, paths)| paths)
            .map(String::as_str)
            .collect();
        if all.is_empty() {
            return Ok(());
        }
        if let Some(found) = signatures(host, &all)? {
            for (disk, paths) in &groups {
                let names: BTreeSet<_> = paths
                    .iter()
                    .filter_map(|path| path.rsplit('/').next())
                    .collect();
                let here = found
                    .iter()
                    .filter(|signature| names.contains(signature.device.as_str()));
                self.carry(disk, here.cloned());
            }
            return Ok(());
        }
        // wipefs stops at the first device that it cannot read: find out which one it is.
        for (disk, paths) in &groups {
            let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            let found = signatures(host, &paths)?.unwrap_or_else(|| vec![unreadable(disk)]);
            self.carry(disk, found);
        }
        Ok(())
    }

    fn carry(&mut self, disk: &str, found: impl IntoIterator<Item = Signature>) {
        let Some(device) = self.devices.get_mut(disk) else {
            return;
        };
        for signature in found {
            // What udev remembers of the same label has neither number nor place.
            device.signatures.remove(&Signature {
                uuid: None,
                offset: None,
                ..signature.clone()
            });
            device.signatures.insert(signature);
        }
    }
}

/// What `wipefs` finds; `None` when it cannot read one of the devices.
fn signatures(host: &dyn Host, paths: &[&str]) -> Result<Option<Vec<Signature>>, ReadError> {
    let output = match host.run(&wipefs(paths)) {
        // A dying drive may not answer at all.
        Err(HostError::TimedOut { .. }) => return Ok(None),
        output => output?,
    };
    if output.code != Some(0) {
        return Ok(None);
    }
    // Older versions print nothing at all for devices without signatures.
    if output.stdout.trim().is_empty() {
        return Ok(Some(Vec::new()));
    }
    let rows = parse_wipefs(&output.stdout)?.into_iter();
    let signature = rows.map(|row| Signature {
        offset: offset(&row.offset),
        device: row.device,
        kind: row.kind,
        label: row.label,
        uuid: row.uuid,
    });
    Ok(Some(signature.collect()))
}

fn offset(hexadecimal: &str) -> Option<u64> {
    u64::from_str_radix(hexadecimal.strip_prefix("0x")?, 16).ok()
}

fn unreadable(disk: &str) -> Signature {
    Signature {
        device: disk.to_owned(),
        kind: "unreadable".to_owned(),
        label: None,
        uuid: None,
        offset: None,
    }
}

/// A device with what lsblk says about itself alone. A partition has the serial number and model of its
/// disk.
fn plain(found: &BlockDevice, parent: Option<&BlockDevice>) -> Disk {
    let of_disk = |own: &Option<String>, disk: fn(&BlockDevice) -> &Option<String>| {
        let parent = parent.filter(|_| found.kind == "part");
        trimmed(own.as_deref()).or_else(|| trimmed(disk(parent?).as_deref()))
    };
    let mut disk = Disk {
        kernel_name: found.kname.clone(),
        path: found.path.clone(),
        kind: kind(found),
        parent: parent.map(|parent| parent.kname.clone()),
        size: found.size,
        serial: of_disk(&found.serial, |disk| &disk.serial),
        model: of_disk(&found.model, |disk| &disk.model),
        wwn: found.wwn.clone(),
        tran: found.tran.clone(),
        part_type: found.parttype.clone(),
        ..Disk::default()
    };
    for target in found.mountpoints.iter().flatten() {
        disk.uses.insert(match target.as_str() {
            "[SWAP]" => Use::Swap,
            target => Use::Mounted(target.to_owned()),
        });
    }
    // zd0, zd16 ...: the kernel names of ZFS volumes (OpenZFS `module/os/linux/zfs/zvol_os.c`).
    let number = disk.kernel_name.strip_prefix("zd");
    if number.is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit())) {
        disk.uses.insert(Use::Zvol);
    }
    let mut carries = |kind: &str, label: Option<&String>| {
        disk.signatures.insert(Signature {
            device: found.kname.clone(),
            kind: kind.to_owned(),
            label: label.cloned(),
            uuid: None,
            offset: None,
        });
    };
    if let Some(fstype) = &found.fstype {
        carries(fstype, found.label.as_ref());
    }
    if found.kind == "part" {
        carries("partition", None);
    } else if let Some(table) = &found.pttype {
        carries(table, None);
    }
    disk
}

/// What a device is. `lsblk` calls a few things a disk that keep nothing, or that are somebody's volume:
/// compressed memory (Linux `drivers/block/zram`), floppies, the boot areas of eMMC, ROM, volumes of a
/// network.
fn kind(found: &BlockDevice) -> String {
    const NO_DISKS: [(&str, &str); 8] = [
        ("zram", "compressed RAM disk"),
        ("ram", "RAM disk"),
        ("loop", "loop"),
        ("fd", "floppy"),
        ("sr", "rom"),
        ("mtdblock", "flash ROM"),
        ("nbd", "network block device"),
        ("rbd", "network block device"),
    ];
    let numbered = |prefix: &str| {
        let number = found.kname.strip_prefix(prefix);
        number.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let boot_area = found.kname.starts_with("mmcblk") && found.kname.contains("boot");
    let other = NO_DISKS.iter().find(|(prefix, _)| numbered(prefix));
    match other {
        _ if found.kind != "disk" => found.kind.clone(),
        Some((_, kind)) => (*kind).to_owned(),
        None if boot_area => "boot area".to_owned(),
        None => found.kind.clone(),
    }
}

fn trimmed(text: Option<&str>) -> Option<String> {
    text.map(str::trim)
        .filter(|text| !text.is_empty())
        .map(visible)
}
