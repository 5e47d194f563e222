//! Reads from a host what a plan depends on, and nothing else.
//!
//! Owns which questions are asked, in which order, and what an absent tool means; the questions
//! and the parsers belong to `phoenix_host`. Nothing here compares or decides, and the host
//! lets every command only look.

mod access;
mod disks;
mod health;
mod pools;
mod shares;
mod system;

use std::collections::BTreeMap;

pub(crate) use disks::{is_claimed, observed_vdev, obstacles, signatures};
use phoenix_host::Host;
use phoenix_host::readonly::ReadOnly;
use phoenix_planner::observed::{Observed, ObservedDirectory, ObservedDisk, ObservedImportable};
use phoenix_planner::wanted::Wanted;
use phoenix_tools::disk;
use phoenix_tools::disk::Inventory;
use phoenix_tools::parallel::{self, both};
use phoenix_tools::parse::ReadError;
use phoenix_tools::zfs;
use phoenix_tools::zpool::{self, ImportedPools};
use phoenix_zfs::version::Version;
pub(crate) use pools::answers;
pub(crate) use shares::{ask, storage};

/// Stands at the end of `/etc/modprobe.d/zfs.conf` while the file is newer than the copy of it in
/// the initramfs. Until it is gone, the limit counts as not yet set for the next boot.
pub(crate) const INITRAMFS_PENDING: &str =
    "# phoenix: update-initramfs has not yet taken this file over\n";

/// Facts could not be read, so nothing can be planned.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// One group of facts.
    #[error("cannot read {what} of this host")]
    Read {
        /// Which facts: `the ZFS pools`, `the NFS exports` ...
        what: &'static str,
        /// Why.
        #[source]
        source: ReadError,
    },
    /// A pool came or went while the host was read.
    #[error("the pool \"{pool}\" was imported or exported while phoenix looked at this host")]
    Moved {
        /// Which one.
        pool: String,
    },
}

/// Reads everything that `wanted` names, side by side where the questions are independent:
/// Proxmox's tools alone take about a second.
///
/// The number of commands depends on the number of pools, not of datasets; no pool is ever read
/// recursively, drives are asked for their health only where a pool is to be made of them, and their
/// labels are searched for pools only where one of them bears a wanted pool's name. A
/// pool that is neither `ONLINE` nor `DEGRADED` is asked nothing beyond that, so that its dead disks
/// hold up nobody. What a missing ZFS module, Proxmox or NFS server would know is absent, as
/// [`Observed`] says.
///
/// # Errors
/// When a tool that is there fails, does not answer in time, or answers nonsense.
pub fn observe(host: &dyn Host, wanted: &Wanted) -> Result<Observed, ObserveError> {
    // A look must not be able to change anything, whoever asks for it.
    let host: &dyn Host = &ReadOnly(host);
    let machine = || {
        both(
            || read_storage(host, wanted),
            || system::basics(host, wanted),
        )
    };
    let proxmox = || {
        both(
            || shares::storages(host, wanted),
            || shares::cluster(host, wanted),
        )
    };
    let users = || {
        both(
            || shares::containers(host, wanted),
            || shares::exports(host, wanted),
        )
    };
    let (machine, (proxmox, users)) = both(machine, || both(proxmox, users));
    let ((storage, basics), (storages, cluster), (containers, exports)) = (machine, proxmox, users);
    // In a fixed order, so that the same trouble always gives the same message.
    let basics = basics.map_err(about("names, memory and limits"))?;
    let storage = storage?;
    let storages = storages.map_err(about("the Proxmox storages"))?;
    let cluster = cluster.map_err(about("the Proxmox cluster"))?;
    Ok(Observed {
        node: basics.node,
        quorate: cluster.as_ref().map(|cluster| cluster.quorate),
        nodes: cluster.map(|cluster| cluster.nodes).unwrap_or_default(),
        memory: basics.memory,
        zfs: storage.zfs.map(|version| version.to_string()),
        unknown_properties: storage.facts.unknown_properties,
        pools: storage.facts.pools,
        importable: storage.importable,
        datasets: storage.facts.datasets,
        disks: storage.disks,
        key_files: basics.key_files,
        directories: storage.directories,
        acls: storage.access.acls,
        others_below: storage.access.others_below,
        storages: storages.list,
        storages_unreadable: storages.unreadable,
        exports: exports.map_err(about("the NFS exports"))?,
        containers: containers.map_err(about("the containers"))?,
        users: basics.users,
        groups: basics.groups,
        arc: basics.arc,
    })
}

/// What hangs on ZFS and the disks.
#[derive(Debug)]
struct Storage {
    zfs: Option<Version>,
    facts: pools::Facts,
    importable: BTreeMap<String, ObservedImportable>,
    disks: BTreeMap<String, ObservedDisk>,
    directories: BTreeMap<String, ObservedDirectory>,
    access: access::Access,
}

/// Asks the disks and the pools side by side: with a thousand mounted datasets `lsblk` and
/// `zfs get` take equally long.
fn read_storage(host: &dyn Host, wanted: &Wanted) -> Result<Storage, ObserveError> {
    let (drives, contents) = both(|| read_drives(host, wanted), || read_contents(host, wanted));
    let (drives, contents) = (drives?, contents?);
    let zfs = if wanted.pools.is_empty() {
        None
    } else {
        zfs::version(host).map_err(about("the release of ZFS"))?
    };
    let mut facts = contents.facts;
    facts.complete(host, wanted, &drives.imported, &drives.inventory)?;
    Ok(Storage {
        zfs,
        facts,
        importable: drives.importable,
        disks: disks::observed(&drives.inventory, wanted, &drives.unfit),
        directories: contents.directories,
        access: contents.access,
    })
}

/// The disks, what is on them and who uses them.
#[derive(Debug, Default)]
struct Drives {
    imported: ImportedPools,
    inventory: Inventory,
    unfit: BTreeMap<String, String>,
    importable: BTreeMap<String, ObservedImportable>,
}

fn read_drives(host: &dyn Host, wanted: &Wanted) -> Result<Drives, ObserveError> {
    if wanted.pools.is_empty() && wanted.disks.is_empty() {
        return Ok(Drives::default());
    }
    let of_disks = about("the ZFS pools and disks");
    let (mut imported, devices) = disk::list(host).map_err(&of_disks)?;
    number(host, wanted, &mut imported);
    let (unfit, inventory) = both(
        || health::unfit(host, wanted, &imported, devices.found()),
        || devices.clone().judge(host, &imported),
    );
    let inventory = inventory.map_err(&of_disks)?;
    let importable =
        disks::importable(host, wanted, &imported, &inventory).map_err(about("the disks"))?;
    Ok(Drives {
        imported,
        inventory,
        unfit,
        importable,
    })
}

/// Adds the permanent numbers of disks to the layouts that will be compared: commands about a disk that
/// is there already take them. A pool that does not tell is asked for nothing else.
fn number(host: &dyn Host, wanted: &Wanted, imported: &mut ImportedPools) {
    let is_declared = |pool: &&String| wanted.disks.values().any(|of| of == *pool);
    let pools: Vec<String> = imported
        .layouts
        .keys()
        .filter(is_declared)
        .cloned()
        .collect();
    let texts = parallel::each(&pools, |pool| host.run(&zpool::status_by_number(pool)));
    for (pool, text) in pools.iter().zip(texts) {
        let text = text.ok().filter(|output| output.code == Some(0));
        if let (Some(layout), Some(output)) = (imported.layouts.get_mut(pool), text) {
            // Without numbers the disks are named by their paths.
            let _ = layout.number(&output.stdout);
        }
    }
}

/// What is in the pools that are imported.
#[derive(Debug)]
struct Contents {
    facts: pools::Facts,
    directories: BTreeMap<String, ObservedDirectory>,
    access: access::Access,
}

fn read_contents(host: &dyn Host, wanted: &Wanted) -> Result<Contents, ObserveError> {
    let pools = pools::select(host, wanted).map_err(about("the ZFS pools"))?;
    let (facts, directories) = both(
        || pools::facts(host, wanted, &pools),
        || system::directories(host, wanted, &pools),
    );
    let facts = facts.map_err(about("the ZFS pools and datasets"))?;
    let directories = directories.map_err(about("the directories"))?;
    let access =
        access::read(host, wanted, &pools, &directories).map_err(about("the permissions"))?;
    Ok(Contents {
        facts,
        directories,
        access,
    })
}

/// Names the facts that could not be read.
pub(crate) fn about(what: &'static str) -> impl Fn(ReadError) -> ObserveError {
    move |source| ObserveError::Read { what, source }
}
