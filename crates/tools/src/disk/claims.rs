//! What speaks against writing to a disk that nothing on the host itself uses: a guest's file names
//! it, or a process has it open.
//!
//! Asked only about disks that would count as idle otherwise.

use camino::Utf8PathBuf;
use phoenix_host::Host;

use super::inventory::Inventory;
use super::{guests, holders};
use crate::parallel;
use crate::parse::ReadError;

/// Marks the idle disks that a guest's file names or that a process has open.
pub(super) fn mark(host: &dyn Host, inventory: &mut Inventory) -> Result<(), ReadError> {
    let idle = inventory.idle().into_iter();
    let idle: Vec<String> = idle.flat_map(|(_, paths)| paths).collect();
    if idle.is_empty() {
        return Ok(());
    }
    let (named, open) = parallel::both(
        || guests::named(host, inventory),
        || holders::open(host, &idle),
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
