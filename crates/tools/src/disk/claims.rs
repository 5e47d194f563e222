//! What speaks against writing to a disk that nothing on the host itself uses: a guest's file names
//! it, or a process has it open.
//!
//! Asked only about disks that would count as idle otherwise, and only looks.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use phoenix_host::command::{Command, Program};
use phoenix_host::{Host, HostError};

use super::holders::{holders, name_file, only_looks, parse_holders};
use super::inventory::{Inventory, Use};
use crate::parallel;
use crate::parse::ReadError;
use crate::pve::{GuestDevice, Named, guest_devices, parse_guest_devices};

const NODE_NAME: &str = "/proc/sys/kernel/hostname";

/// Marks the idle disks that a guest's file names or that a process has open.
pub(super) fn mark(host: &dyn Host, inventory: &mut Inventory) -> Result<(), ReadError> {
    let idle = inventory.idle().into_iter();
    let idle: Vec<String> = idle.flat_map(|(_, paths)| paths).collect();
    if idle.is_empty() {
        return Ok(());
    }
    let (named, open) = parallel::both(
        || named_by_guests(host, inventory),
        || open_for_processes(host, &idle),
    );
    for (path, used) in named?.into_iter().chain(open?) {
        // A partition may be gone, or not there yet, and its disk is meant all the same.
        let device = inventory
            .find(&path)
            .or_else(|| inventory.whole_disk(&path));
        if let Some(node) = device.map(|device| Utf8PathBuf::from(&device.path)) {
            inventory.mark(&node, used);
        }
    }
    inventory.raise();
    Ok(())
}

/// The devices that guests' files name, by paths that the inventory knows.
fn named_by_guests(
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

/// The idle devices that a process has open which does more than look.
fn open_for_processes(
    host: &dyn Host,
    idle: &[String],
) -> Result<Vec<(Utf8PathBuf, Use)>, ReadError> {
    let paths: Vec<&str> = idle.iter().map(String::as_str).collect();
    // Processes end meanwhile, and not every user may look at all: then find ends with 1.
    let answer = host.run(&holders(&paths))?.stdout;
    let mut found = Vec::new();
    for holder in parse_holders(&answer) {
        let file = name_file(holder.pid);
        let program = match host.read_file(Utf8Path::new(&file)) {
            Ok(Some(program)) => program.trim_end().to_owned(),
            // It has ended.
            Ok(None) | Err(HostError::File { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        if !only_looks(&program) {
            let used = Use::Open {
                program,
                pid: holder.pid,
            };
            found.push((Utf8PathBuf::from(holder.path), used));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use phoenix_host::local::LocalHost;

    use super::super::holders::Holder;
    use super::*;

    /// The real `find` on this machine, with a file in place of a device: the kernel shows both alike.
    #[test]
    fn the_real_find_shows_which_process_has_a_file_open() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().canonicalize().unwrap().join("open");
        let (path, other) = (path.to_str().unwrap(), "/dev/there-is-no-such-disk");
        let command = holders(&[other, path]);
        let seen = || {
            let answer = LocalHost::default().run(&command).unwrap();
            parse_holders(&answer.stdout)
        };
        let file = File::create(path).unwrap();
        let own = Holder {
            pid: std::process::id(),
            path: path.to_owned(),
        };
        assert_eq!(seen(), BTreeSet::from([own]));
        drop(file);
        assert_eq!(seen(), BTreeSet::new());
    }

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
