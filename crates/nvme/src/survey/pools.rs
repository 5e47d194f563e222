//! Which drives a host has and which pools they serve, out of what ZFS and the kernel say.

use std::collections::BTreeMap;

use camino::Utf8Path;
use phoenix_host::Host;
use phoenix_tools::disk::{Inventory, look};
use phoenix_tools::parse::ReadError;
use phoenix_tools::zpool::{self, ImportedPools, PoolStatus};

use crate::commands;
use crate::pool::{Member, PoolFacts, VdevFacts};
use crate::trim::{self, Trim};

/// What there is to survey.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// The NVMe drives, by kernel name.
    pub drives: Vec<String>,
    /// The imported pools, by name.
    pub pools: Vec<PoolFacts>,
}

/// Reads which drives and pools a host has.
///
/// # Errors
/// When the pools or the block devices cannot be read.
pub fn scope(host: &dyn Host) -> Result<Scope, ReadError> {
    let (imported, inventory) = look(host)?;
    Ok(Scope {
        drives: nvme_drives(&inventory),
        pools: pools(host, &imported, &inventory),
    })
}

/// The whole NVMe disks, by kernel name.
pub fn nvme_drives(inventory: &Inventory) -> Vec<String> {
    let disks = inventory.whole_disks().filter(|disk| {
        disk.tran.as_deref() == Some("nvme") || disk.kernel_name.starts_with("nvme")
    });
    disks.map(|disk| disk.kernel_name.clone()).collect()
}

/// The imported pools, their members resolved to whole disks. Properties and TRIM remarks that
/// cannot be read stay unknown.
pub fn pools(host: &dyn Host, imported: &ImportedPools, inventory: &Inventory) -> Vec<PoolFacts> {
    let answering: Vec<&str> = imported.layouts.keys().map(String::as_str).collect();
    let properties = properties(host, &answering);
    let property = |pool: &str, name: &str| properties.get(&(pool.to_owned(), name.to_owned()));
    imported
        .pools
        .values()
        .map(|row| {
            let layout = imported.layouts.get(&row.name);
            let on = property(&row.name, "autotrim").map(|value| value == "on");
            let ashift = property(&row.name, "ashift").and_then(|value| value.parse().ok());
            PoolFacts {
                name: row.name.clone(),
                health: row.health.clone(),
                autotrim: on,
                // 0 means that ZFS chose per vdev.
                ashift: ashift.filter(|ashift| *ashift > 0),
                vdevs: layout
                    .map(|layout| vdevs(host, layout, inventory))
                    .unwrap_or_default(),
            }
        })
        .collect()
}

/// Values by pool and property.
fn properties(host: &dyn Host, pools: &[&str]) -> BTreeMap<(String, String), String> {
    if pools.is_empty() {
        return BTreeMap::new();
    }
    let output = host.run(&zpool::get(&["autotrim", "ashift"], pools)).ok();
    let rows = output
        .and_then(|output| zpool::parse_get(&output.stdout).ok())
        .unwrap_or_default();
    rows.into_iter()
        .map(|row| ((row.name, row.property), row.value))
        .collect()
}

fn vdevs(host: &dyn Host, layout: &PoolStatus, inventory: &Inventory) -> Vec<VdevFacts> {
    let output = host.run(&commands::trim_status(&layout.name)).ok();
    let trims = output
        .map(|output| trim::parse_status(&output.stdout))
        .unwrap_or_default();
    let member = |disk: &zpool::DiskStatus| member(disk, inventory, &trims);
    layout
        .vdevs
        .iter()
        .map(|vdev| {
            let members: Vec<Member> = vdev.disks.iter().map(member).collect();
            // A single disk is its own vdev: its short name says more than its path.
            let alone = members.first().filter(|_| vdev.name.starts_with('/'));
            VdevFacts {
                class: vdev.class,
                kind: vdev.kind.clone(),
                name: alone.map_or_else(|| vdev.name.clone(), |member| member.disk.clone()),
                members,
            }
        })
        .collect()
}

fn member(
    disk: &zpool::DiskStatus,
    inventory: &Inventory,
    trims: &BTreeMap<String, Trim>,
) -> Member {
    let path = Utf8Path::new(&disk.path);
    let whole = inventory
        .whole_disk(path)
        .map(|disk| disk.kernel_name.clone());
    Member {
        // A disk that is gone keeps the last part of the name that ZFS prints.
        disk: whole.unwrap_or_else(|| path.file_name().unwrap_or(&disk.path).to_owned()),
        state: disk.state.clone(),
        trim: trims.get(&disk.path).copied(),
    }
}
