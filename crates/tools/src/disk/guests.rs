//! The block devices that guests' files name: by path, by a link, or by their place on the PCI bus.
//!
//! What stands in such a file is read in [`pve`](crate::pve); here it is found among the devices.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use phoenix_host::Host;
use phoenix_host::command::{Command, Program};

use super::inventory::{Inventory, Use};
use crate::parse::ReadError;
use crate::pve::{GuestDevice, Named, guest_devices, parse_guest_devices};

const NODE_NAME: &str = "/proc/sys/kernel/hostname";

/// The devices that guests' files name, by paths that the inventory knows.
pub(super) fn named(
    host: &dyn Host,
    inventory: &Inventory,
) -> Result<Vec<(Utf8PathBuf, Use)>, ReadError> {
    let command = guest_devices();
    let output = host.run(&command)?;
    // 1: no such line. 2: one of the files is not there, as on a host without Proxmox or a node
    // without containers; anything else that cannot be read leaves open which disks are a guest's.
    let missing = |line: &str| line.ends_with("No such file or directory");
    let complete = match output.code {
        Some(0 | 1) => true,
        Some(2) => output.stderr.lines().all(missing),
        _ => false,
    };
    if !complete {
        output.check(&command)?;
    }
    if output.stdout.is_empty() {
        return Ok(Vec::new());
    }
    let node = host
        .read_file(Utf8Path::new(NODE_NAME))?
        .unwrap_or_default();
    let node = node.trim().split('.').next().unwrap_or_default();
    let devices = parse_guest_devices(&output.stdout, node);
    let links = foreign_links(host, inventory, &devices)?;
    let places = pci_places(host, &devices)?;
    let mut found = Vec::new();
    for device in devices {
        let paths: Vec<Utf8PathBuf> = match &device.device {
            Named::Path(path) => {
                let path = Utf8PathBuf::from(path);
                vec![links.get(&path).cloned().unwrap_or(path)]
            }
            Named::Pci(address) => at_address(address, inventory, &places),
        };
        let used = Use::Guest {
            guest: device.guest.to_string(),
            key: device.key,
        };
        found.extend(paths.into_iter().map(|path| (path, used.clone())));
    }
    Ok(found)
}

/// Links below `/dev` but outside of `/dev/disk` that guests' files name, with where they lead: those of
/// the user's own udev rules, and of LVM. Nothing elsewhere is touched: it may be on a pool that no
/// longer answers.
fn foreign_links(
    host: &dyn Host,
    inventory: &Inventory,
    devices: &[GuestDevice],
) -> Result<BTreeMap<Utf8PathBuf, Utf8PathBuf>, ReadError> {
    let unknown: BTreeSet<&str> = devices
        .iter()
        .filter_map(|device| match &device.device {
            Named::Path(path) => Some(path.as_str()),
            Named::Pci(_) => None,
        })
        .filter(|path| path.starts_with("/dev/") && inventory.find(Utf8Path::new(path)).is_none())
        .collect();
    if unknown.is_empty() {
        return Ok(BTreeMap::new());
    }
    let tests = ["-maxdepth", "0", "-type", "l", "-printf", "%p\\t%l\\n"];
    let command = Command::read(Program::Find, unknown.into_iter().chain(tests));
    // What does not exist is no link.
    let answer = host.run(&command)?.stdout;
    let leads = |line: &str| {
        let (link, target) = line.split_once('\t')?;
        let from = Utf8Path::new(link).parent()?;
        Some((Utf8PathBuf::from(link), normal(&from.join(target))))
    };
    Ok(answer.lines().filter_map(leads).collect())
}

/// A path without `..`, as far as its text says.
fn normal(path: &Utf8Path) -> Utf8PathBuf {
    let mut plain = Utf8PathBuf::new();
    for part in path.components() {
        if part.as_str() == ".." {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain
}

/// Where the kernel has its disks and NVMe controllers on the PCI bus; asked only if a guest has
/// something of that bus.
fn pci_places(
    host: &dyn Host,
    devices: &[GuestDevice],
) -> Result<BTreeMap<String, String>, ReadError> {
    let is_pci = |device: &GuestDevice| matches!(device.device, Named::Pci(_));
    if !devices.iter().any(is_pci) {
        return Ok(BTreeMap::new());
    }
    let args = [
        "/sys/block",
        "/sys/class/nvme",
        "-maxdepth",
        "1",
        "-type",
        "l",
        "-printf",
        "%f\\t%l\\n",
    ];
    // Without NVMe drives the second directory does not exist.
    let answer = host.run(&Command::read(Program::Find, args))?.stdout;
    let place = |line: &str| {
        let (name, place) = line.split_once('\t')?;
        Some((name.to_owned(), place.to_owned()))
    };
    Ok(answer.lines().filter_map(place).collect())
}

/// The whole disks behind a PCI address.
fn at_address(
    address: &str,
    inventory: &Inventory,
    places: &BTreeMap<String, String>,
) -> Vec<Utf8PathBuf> {
    // Without a function it is every function of the device.
    let is_at = |part: &str| match part.strip_prefix(address) {
        Some(rest) => rest.is_empty() || (rest.starts_with('.') && !address.contains('.')),
        None => false,
    };
    let behind = |name: &str| {
        let own = places.get(name);
        // With native multipath a namespace hangs on no bus, but its controller does.
        let controller = name
            .rsplit_once('n')
            .and_then(|(controller, _)| places.get(controller));
        let mut places = own.into_iter().chain(controller);
        places.any(|place| place.split('/').any(is_at))
    };
    inventory
        .whole_disks()
        .filter(|disk| behind(&disk.kernel_name))
        .map(|disk| Utf8PathBuf::from(&disk.path))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_as_the_kernel_would() {
        for (from, leads) in [
            ("/dev/../dev/sda", "/dev/sda"),
            ("/dev/disks/../disk/by-id/x", "/dev/disk/by-id/x"),
        ] {
            assert_eq!(normal(Utf8Path::new(from)), leads);
        }
    }
}
