//! The devices that configuration files of this node's guests name, whether a guest runs or not.
//!
//! Reads no more of a file than that: what a container mounts is in [`container`](super::container).

use std::fmt;

use phoenix_host::command::{Command, Program};

/// The guests' files of this node, and the names that a cluster gives to PCI devices.
const FILES: [&str; 3] = [
    "/etc/pve/qemu-server",
    "/etc/pve/lxc",
    "/etc/pve/mapping/pci.cfg",
];

/// `grep`: every line of a guest's file that may name a device, and the file of PCI names. One command
/// for all guests; it answers with 2 where Proxmox is not installed or has no such file.
pub fn guest_devices() -> Command {
    let pattern = ["-r", "-H", "-a", "-E", "/|hostpci|^pci:|path="];
    Command::read(Program::Grep, pattern.into_iter().chain(FILES))
}

/// A guest of this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guest {
    /// A virtual machine, by its number.
    Machine(u32),
    /// A container, by its number.
    Container(u32),
}

impl fmt::Display for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine(id) => write!(f, "virtual machine {id}"),
            Self::Container(id) => write!(f, "container {id}"),
        }
    }
}

/// How a guest's file names a device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Named {
    /// By an absolute path, which may lead to no device at all.
    Path(String),
    /// By its address on the PCI bus: `0000:01:00.0`, or `0000:01:00` for all its functions.
    Pci(String),
}

/// A device that a guest's file names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GuestDevice {
    /// Whose file it is.
    pub guest: Guest,
    /// The key of the line: `scsi1`, `mp0`, `hostpci0`, `lxc.mount.entry` ...
    pub key: String,
    /// The device.
    pub device: Named,
}

/// Reads the answer of [`guest_devices`]. `node` is this node's name, for PCI devices that go by a
/// name. Snapshots and pending changes count as well: a rollback brings back what they name.
pub fn parse_guest_devices(text: &str, node: &str) -> Vec<GuestDevice> {
    let lines: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .collect();
    let mapped = mapped(&lines, node);
    let mut devices = Vec::new();
    for (file, line) in lines {
        let Some(guest) = guest(file) else {
            continue;
        };
        // A line with # is the guest's description.
        let Some((key, value)) = line
            .split_once([':', '='])
            .filter(|_| !line.starts_with('#'))
        else {
            continue;
        };
        let key = key.trim();
        let found: Vec<Named> = if key.starts_with("hostpci") {
            pci_addresses(value, &mapped)
        } else {
            paths(value)
        };
        devices.extend(found.into_iter().map(|device| GuestDevice {
            guest,
            key: key.to_owned(),
            device,
        }));
    }
    devices
}

/// `/etc/pve/qemu-server/200.conf`
fn guest(file: &str) -> Option<Guest> {
    let (directory, name) = file.rsplit_once('/')?;
    let id = name.strip_suffix(".conf")?.parse().ok()?;
    match directory {
        "/etc/pve/qemu-server" => Some(Guest::Machine(id)),
        "/etc/pve/lxc" => Some(Guest::Container(id)),
        _ => None,
    }
}

/// The absolute paths of a value, wherever they stand in it: `/dev/sdb,size=4T`, `file=/dev/sdb`,
/// `-drive file=/dev/sdb,if=none`, `/dev/sdb mnt none bind`. `mp=` names a place in the container.
fn paths(value: &str) -> Vec<Named> {
    let ends = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\'');
    let path = |word: &str| {
        let (name, path) = word.split_once('=').unwrap_or(("", word));
        let is_path = path.starts_with('/') && name != "mp";
        is_path.then(|| Named::Path(path.to_owned()))
    };
    value.split(ends).filter_map(path).collect()
}

/// The addresses of a `hostpci` value: `01:00.0;02:00,pcie=1`, `host=...`, `mapping=NAME`
/// (qemu-server `PVE/QemuServer/PCI.pm`). A domain that is not stated is 0000.
fn pci_addresses(value: &str, mapped: &[(&str, Vec<Named>)]) -> Vec<Named> {
    let mut found = Vec::new();
    for part in value.trim().split(',') {
        match part.split_once('=') {
            None => found.extend(part.split(';').filter_map(address)),
            Some(("host", addresses)) => found.extend(addresses.split(';').filter_map(address)),
            Some(("mapping", name)) => {
                let named = mapped.iter().filter(|(known, _)| *known == name);
                found.extend(named.flat_map(|(_, devices)| devices.clone()));
            }
            Some(_) => {}
        }
    }
    found
}

fn address(text: &str) -> Option<Named> {
    let text = text.trim().to_ascii_lowercase();
    match text.matches(':').count() {
        1 => Some(Named::Pci(format!("0000:{text}"))),
        2 => Some(Named::Pci(text)),
        _ => None,
    }
}

/// What the names of PCI devices mean on this node: sections `pci: NAME` with lines
/// `map id=...,node=NODE,path=ADDRESS` (pve-guest-common `PVE/Mapping/PCI.pm`).
fn mapped<'a>(lines: &[(&'a str, &'a str)], node: &str) -> Vec<(&'a str, Vec<Named>)> {
    let mut sections: Vec<(&str, Vec<Named>)> = Vec::new();
    for (_, line) in lines.iter().filter(|(file, _)| file.ends_with("/pci.cfg")) {
        if let Some(name) = line.strip_prefix("pci:") {
            sections.push((name.trim(), Vec::new()));
            continue;
        }
        let fields: Vec<(&str, &str)> = line
            .trim()
            .trim_start_matches("map ")
            .split(',')
            .filter_map(|field| field.split_once('='))
            .collect();
        let here = fields.contains(&("node", node));
        let paths = fields.iter().filter(|(key, _)| here && *key == "path");
        let addresses = paths
            .flat_map(|(_, path)| path.split(';'))
            .filter_map(address);
        if let Some((_, devices)) = sections.last_mut() {
            devices.extend(addresses);
        }
    }
    sections
}
