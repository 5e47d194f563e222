//! Reads the block devices of a host, and in which order what speaks against writing is added.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::inventory::{Inventory, Use};
use super::lsblk::{lsblk, parse_lsblk};
use super::{SWAPS_FILE, claims, links, naming, parse_links, parse_swaps, unfinished};
use crate::parallel;
use crate::parse::ReadError;
use crate::zpool::{self, ImportedPools};
use phoenix_host::Host;

/// Block devices of which nobody has asked yet what is on them.
#[derive(Debug, Clone)]
pub struct Devices(Inventory);

impl Devices {
    /// The devices, for finding them. What speaks against writing to them is not complete.
    pub fn found(&self) -> &Inventory {
        &self.0
    }

    /// Adds what speaks against writing: imported pools, and what is on the disks themselves.
    ///
    /// # Errors
    /// When a command fails or answers nonsense.
    pub fn judge(self, host: &dyn Host, pools: &ImportedPools) -> Result<Inventory, ReadError> {
        let Self(mut inventory) = self;
        let mut unsure = pools.silent.clone();
        unsure.extend(pools.unread.keys().cloned());
        unsure.extend(inventory.mark_pools(pools));
        inventory.raise();
        claims::mark(host, &mut inventory)?;
        inventory.probe(host)?;
        inventory.mark_labelled(&unsure);
        inventory.mark_numbered(pools);
        unfinished::forget(host, &mut inventory.devices);
        Ok(inventory)
    }
}

/// Reads every imported pool and every block device, but not yet what is on the devices.
///
/// # Errors
/// When a command fails or answers nonsense.
pub fn list(host: &dyn Host) -> Result<(ImportedPools, Devices), ReadError> {
    let (pools, devices) = parallel::both(|| zpool::imported(host), || devices(host));
    Ok((pools?, devices?))
}

/// Reads every imported pool, and every block device with what uses it and what is on it.
///
/// # Errors
/// When a command fails or answers nonsense.
pub fn look(host: &dyn Host) -> Result<(ImportedPools, Inventory), ReadError> {
    let (pools, devices) = list(host)?;
    let inventory = devices.judge(host, &pools)?;
    Ok((pools, inventory))
}

/// Reads the block devices, their links and what is swapped to.
///
/// # Errors
/// When a command fails or answers nonsense.
pub fn devices(host: &dyn Host) -> Result<Devices, ReadError> {
    let read_tree = || {
        let command = lsblk();
        let output = host.run(&command)?;
        Ok::<_, ReadError>(parse_lsblk(output.check(&command)?)?)
    };
    let (tree, links) = parallel::both(read_tree, || read_links(host));
    let swaps = host.read_file(Utf8Path::new(SWAPS_FILE))?;
    let swaps = parse_swaps(swaps.as_deref().unwrap_or(""))?;
    let mut inventory = Inventory {
        devices: BTreeMap::new(),
        links: links?,
    };
    for device in &tree? {
        inventory.add(device, None);
    }
    for (link, name) in &inventory.links {
        if let Some(device) = inventory.devices.get_mut(name) {
            device.links.push(link.clone());
        }
    }
    naming::mark_shared(&mut inventory.devices);
    for swap in &swaps {
        inventory.mark(Utf8Path::new(swap), Use::Swap);
    }
    Ok(Devices(inventory))
}

/// What udev links to which device. Without udev there is no `/dev/disk`, and so no link.
fn read_links(host: &dyn Host) -> Result<BTreeMap<Utf8PathBuf, String>, ReadError> {
    let command = links();
    let output = host.run(&command)?;
    if output.code == Some(1) && output.stderr.contains("No such file or directory") {
        return Ok(parse_links(&output.stdout)?);
    }
    let text = output.check(&command).map_err(ReadError::from)?;
    Ok(parse_links(text)?)
}
