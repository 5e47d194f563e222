//! Permission to use disks, disk by disk, and which disk a name in a grant means.
//!
//! A name that fits more than one disk of the host is no name: NVMe namespaces share the serial
//! number of their drive, and bridges invent one.

use std::collections::BTreeSet;

use phoenix_config::model::{Config, Pool};

use crate::observed::{Observed, ObservedDisk};

/// Permission to use disks that a plan refuses otherwise. A disk that is in use is never touched,
/// whatever is granted.
///
/// Disks are named by their path, by the last component of the path, or by their serial number if
/// no other disk of the host has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// Disks that may be erased.
    pub wipe: BTreeSet<String>,
    /// Every disk that the file names may be erased (the incumbent's `--mode force-destructive`).
    pub wipe_named: bool,
    /// Disks that a new pool may be made of though they are failing or their firmware is known to
    /// harm them.
    pub failing: BTreeSet<String>,
}

/// A grant that names no single disk of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantProblem {
    /// Nothing in the file or behind its paths is called so.
    Unknown {
        /// The name that was granted.
        name: String,
        /// A name of a disk of the file that looks like it.
        nearest: Option<String>,
    },
    /// It is the serial number of more than one disk of the host.
    Ambiguous {
        /// The name that was granted.
        name: String,
        /// The paths of these disks that lead to one of them only.
        disks: BTreeSet<String>,
    },
}

/// What is wrong with the names of disks in `grants`, in order.
pub fn grant_problems(config: &Config, observed: &Observed, grants: &Grants) -> Vec<GrantProblem> {
    let disks: Vec<(&str, Option<&ObservedDisk>)> = config
        .pools
        .iter()
        .flat_map(Pool::disks)
        .map(|disk| (disk.path.as_str(), observed.disks.get(&disk.path)))
        .collect();
    let names: BTreeSet<&String> = grants.wipe.iter().chain(&grants.failing).collect();
    names
        .into_iter()
        .filter_map(|name| problem(name, &disks))
        .collect()
}

fn problem(name: &str, disks: &[(&str, Option<&ObservedDisk>)]) -> Option<GrantProblem> {
    let paths = |(path, disk): &(&str, Option<&ObservedDisk>)| means(name, path, *disk);
    if disks.iter().any(paths) {
        return None;
    }
    let has_serial = |disk: &&ObservedDisk| disk.serial.as_deref() == Some(name);
    let seen = || disks.iter().filter_map(|(_, disk)| *disk);
    if let Some(disk) = seen().find(has_serial) {
        let own = std::iter::once(disk.stable_path.clone());
        return Some(GrantProblem::Ambiguous {
            name: name.to_owned(),
            disks: own.chain(disk.namesakes.iter().cloned()).collect(),
        });
    }
    let serials = seen().filter_map(|disk| disk.serial.as_deref());
    let known = disks
        .iter()
        .flat_map(|(path, _)| [*path, basename(path)])
        .chain(serials);
    Some(GrantProblem::Unknown {
        name: name.to_owned(),
        nearest: phoenix_config::suggest::nearest(name, known).map(str::to_owned),
    })
}

/// Whether one of the names is the disk's and no other's.
pub(super) fn is_named(grants: &BTreeSet<String>, path: &str, disk: &ObservedDisk) -> bool {
    grants.iter().any(|name| means(name, path, Some(disk)))
}

fn means(name: &str, path: &str, disk: Option<&ObservedDisk>) -> bool {
    let is_path = |path: &str| name == path || name == basename(path);
    let Some(disk) = disk else {
        return is_path(path);
    };
    let serial = disk.serial.as_deref().filter(|_| disk.namesakes.is_empty());
    (is_path(path) && !disk.shared_path)
        || (!disk.stable_path.is_empty() && is_path(&disk.stable_path))
        || serial == Some(name)
}

/// The shortest name of a disk that a grant takes.
pub(super) fn handle<'a>(path: &'a str, disk: &'a ObservedDisk) -> &'a str {
    match &disk.serial {
        Some(serial) if disk.namesakes.is_empty() => serial,
        _ if disk.shared_path => &disk.stable_path,
        _ => path,
    }
}

fn basename(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
