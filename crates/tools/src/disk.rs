//! Disks: what there is, what it is called, and what speaks against writing to it.

mod claims;
mod gpt;
mod guests;
mod holders;
mod inventory;
mod look;
mod lsblk;
mod member;
mod naming;
mod unfinished;

use std::collections::BTreeMap;
use std::time::Duration;

use camino::Utf8PathBuf;
use serde::Deserialize;

pub use gpt::{PartitionEntry, parse_table};
pub use inventory::{Disk, Inventory, Signature, Use};
pub use look::{Devices, devices, list, look};
pub use lsblk::{BlockDevice, lsblk, parse_lsblk};
pub use member::without_first_partition;

use crate::parse::ParseError;
use phoenix_host::command::{Command, Program};
use phoenix_host::octal::unescape_octal;

/// The lock under which Proxmox's own tools look at disks and write to them (pve-storage
/// `PVE/Diskmanage.pm`, `locked_disk_action`).
pub const LOCK_FILE: &str = "/run/lock/pve-diskmanage.lck";

/// How long [`LOCK_FILE`] is waited for. Proxmox holds it while it formats a disk or makes a pool.
pub const LOCK_WAIT: Duration = Duration::from_secs(60);

/// What is used for swapping.
pub const SWAPS_FILE: &str = "/proc/swaps";

/// `find /dev/disk`: every link that udev has made, with what it points to.
pub fn links() -> Command {
    Command::read(
        Program::Find,
        ["/dev/disk", "-type", "l", "-printf", "%p\\t%l\\n"],
    )
}

/// Reads the answer of [`links`]: kernel names by link.
///
/// # Errors
/// When a line is not a link and its target.
pub fn parse_links(text: &str) -> Result<BTreeMap<Utf8PathBuf, String>, ParseError> {
    let link = |line: &str| {
        let (link, target) = line.split_once('\t')?;
        let name = target.rsplit('/').next().filter(|name| !name.is_empty())?;
        Some((Utf8PathBuf::from(link), name.to_owned()))
    };
    let (what, reason) = ("the output of find", "it is not a link and its target");
    text.lines()
        .map(|line| link(line).ok_or_else(|| ParseError::new(what, line, reason)))
        .collect()
}

/// Reads [`SWAPS_FILE`]: the paths of devices and files.
///
/// # Errors
/// When a line does not begin with a path.
pub fn parse_swaps(text: &str) -> Result<Vec<String>, ParseError> {
    let path = |line: &str| {
        let path = line.split_whitespace().next()?;
        path.starts_with('/').then(|| unescape_octal(path))
    };
    text.lines()
        .skip(1)
        .map(|line| {
            path(line).ok_or_else(|| ParseError::new(SWAPS_FILE, line, "it begins with no path"))
        })
        .collect()
}

/// `wipefs -J`: the signatures on the named devices. Gives up at the first device that it cannot
/// read.
pub fn wipefs(paths: &[&str]) -> Command {
    Command::read(Program::Wipefs, ["-J"].iter().chain(paths).copied()).timeout(60)
}

/// One signature as `wipefs` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WipefsRow {
    /// The device, without its directory.
    pub device: String,
    /// Where it begins, in bytes, as a hexadecimal number behind `0x`.
    pub offset: String,
    /// `ext4`, `zfs_member`, `gpt`, `LVM2_member` ...
    #[serde(rename = "type")]
    pub kind: String,
    /// Its number, for `zfs_member` that of the pool.
    pub uuid: Option<String>,
    /// The label, for `zfs_member` the pool.
    pub label: Option<String>,
}

/// Reads the answer of [`wipefs`].
///
/// # Errors
/// When it is not JSON of that shape.
pub fn parse_wipefs(text: &str) -> Result<Vec<WipefsRow>, ParseError> {
    #[derive(Deserialize)]
    struct Answer {
        signatures: Vec<WipefsRow>,
    }
    let answer: Answer = serde_json::from_str(text)
        .map_err(|error| ParseError::json("the output of wipefs -J", text, &error))?;
    Ok(answer.signatures)
}

/// `wipefs -a`: erases every signature on the named devices. It refuses what is in use.
pub fn erase(paths: &[&str]) -> Command {
    Command::write(Program::Wipefs, ["-a"].iter().chain(paths).copied())
}
