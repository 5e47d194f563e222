//! What a disk is called for good: which of its links can lead to no other disk.
//!
//! udev builds links from what drives say about themselves (systemd's
//! `60-persistent-storage.rules`). Where two say the same, a link leads to the one that came last,
//! and to the other one after the next boot. Nothing here knows what is on a disk.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::inventory::Disk;

const BY_ID: &str = "/dev/disk/by-id/";
const BY_PATH: &str = "/dev/disk/by-path/";

/// What links begin with that hold a number and nothing that stands on the drive's label.
const NUMBERS: [&str; 4] = ["wwn-", "nvme-eui.", "nvme-nvme.", "dm-"];

impl Disk {
    /// The path that belongs into a configuration: the by-id link that names model and serial, not
    /// a number, and no link that may lead to another disk tomorrow. Then the place at which the
    /// disk is attached; the kernel's name where there is no link at all.
    pub fn stable_path(&self) -> &str {
        let own = || {
            let links = self.links.iter();
            links.filter(|link| !self.shared_links.contains(*link))
        };
        let by_id = own().filter_map(|link| {
            let name = link.as_str().strip_prefix(BY_ID)?;
            let number = NUMBERS.iter().any(|prefix| name.starts_with(prefix));
            Some((number, name.len(), link.as_str()))
        });
        let mut by_path = own()
            .map(|link| link.as_str())
            .filter(|link| link.starts_with(BY_PATH));
        by_id
            .min()
            .map(|(_, _, link)| link)
            .or_else(|| by_path.next())
            .unwrap_or(&self.path)
    }

    /// Whether the path is a link that may lead to another disk of this host tomorrow.
    pub fn is_shared(&self, path: &Utf8Path) -> bool {
        self.shared_links.contains(path)
    }
}

/// Finds the disks that say the same about themselves, and those of their links that fit both.
pub(super) fn mark_shared(devices: &mut BTreeMap<String, Disk>) {
    let disks: Vec<Disk> = devices
        .values()
        .filter(|device| device.kind == "disk")
        .cloned()
        .collect();
    for disk in &disks {
        let others = || {
            let others = disks.iter();
            others.filter(|other| other.kernel_name != disk.kernel_name)
        };
        let same = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
        let namesakes: Vec<&Disk> = others()
            .filter(|other| same(&other.serial, &disk.serial))
            .collect();
        let same_number = others().any(|other| same(&other.wwn, &disk.wwn));
        let shared = |link: &&Utf8PathBuf| {
            let number = disk.wwn.as_deref().filter(|_| same_number);
            number.is_some_and(|number| link.as_str().ends_with(&in_a_link(number)))
                || fits_a_namesake(link, disk, &namesakes)
        };
        let shared_links: BTreeSet<Utf8PathBuf> =
            disk.links.iter().filter(shared).cloned().collect();
        if let Some(device) = devices.get_mut(&disk.kernel_name) {
            device.shared_links = shared_links;
            device.namesakes = namesakes
                .iter()
                .map(|other| other.kernel_name.clone())
                .collect();
        }
    }
}

/// Whether the link holds the serial number and nothing behind it that tells the disk from its
/// namesakes: a namespace (`_2`) or a unit (`-0:1`), of which each of them then has its own.
fn fits_a_namesake(link: &Utf8Path, disk: &Disk, namesakes: &[&Disk]) -> bool {
    let Some(serial) = disk.serial.as_deref().filter(|_| !namesakes.is_empty()) else {
        return false;
    };
    let serial = in_a_link(serial);
    let Some(at) = link.as_str().rfind(&serial) else {
        return false;
    };
    let (stem, suffix) = link.as_str().split_at(at + serial.len());
    let has_its_own = |other: &&Disk| {
        let mut links = other.links.iter().map(|link| link.as_str());
        links.any(|other| other.starts_with(stem) && other.len() > stem.len())
    };
    suffix.is_empty() || !namesakes.iter().all(has_its_own)
}

/// How udev writes a value into the name of a link.
fn in_a_link(value: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "#+-.:=@_".contains(c);
    value
        .trim()
        .chars()
        .map(|c| if allowed(c) { c } else { '_' })
        .collect()
}
