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

pub(crate) use disks::{observed_vdev, obstacles};
use phoenix_host::parse::ReadError;
use phoenix_host::readonly::ReadOnly;
use phoenix_host::{Host, disk};
use phoenix_planner::observed::{
    Observed, ObservedDirectory, ObservedDisk, ObservedExports, ObservedImportable,
};
use phoenix_planner::wanted::Wanted;
use rayon::ThreadPoolBuilder;
pub(crate) use shares::{container_mounts, storage};

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
    /// The threads that read side by side could not be started.
    #[error("cannot start the threads that read this host")]
    Threads(#[from] rayon::ThreadPoolBuildError),
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
    // As many as there are independent questions; they wait, they do not compute.
    let threads = ThreadPoolBuilder::new().num_threads(8).build()?;
    let mut storages = Ok(None);
    let mut nodes = Ok(Default::default());
    let mut containers = Ok(Default::default());
    let mut exports = Ok(ObservedExports::default());
    let mut basics = Ok(system::Basics::default());
    let mut storage = Ok(Storage::default());
    threads.scope(|scope| {
        scope.spawn(|_| storages = shares::storages(host, wanted));
        scope.spawn(|_| nodes = shares::nodes(host, wanted));
        scope.spawn(|_| containers = shares::containers(host, wanted));
        scope.spawn(|_| exports = shares::exports(host, wanted));
        scope.spawn(|_| basics = system::basics(host, wanted));
        scope.spawn(|_| storage = read_storage(host, wanted));
    });
    // In a fixed order, so that the same trouble always gives the same message.
    let basics = basics.map_err(about("names, memory and limits"))?;
    let storage = storage?;
    Ok(Observed {
        node: basics.node,
        nodes: nodes.map_err(about("the Proxmox cluster"))?,
        memory: basics.memory,
        pools: storage.facts.pools,
        importable: storage.importable,
        datasets: storage.facts.datasets,
        disks: storage.disks,
        directories: storage.directories,
        acls: storage.access.acls,
        others_below: storage.access.others_below,
        storages: storages.map_err(about("the Proxmox storages"))?,
        exports: exports.map_err(about("the NFS exports"))?,
        containers: containers.map_err(about("the containers"))?,
        users: basics.users,
        groups: basics.groups,
        arc: basics.arc,
    })
}

/// What hangs on ZFS and the disks.
#[derive(Debug, Default)]
struct Storage {
    facts: pools::Facts,
    importable: BTreeMap<String, ObservedImportable>,
    disks: BTreeMap<String, ObservedDisk>,
    directories: BTreeMap<String, ObservedDirectory>,
    access: access::Access,
}

fn read_storage(host: &dyn Host, wanted: &Wanted) -> Result<Storage, ObserveError> {
    let asks_zfs = !(wanted.pools.is_empty() && wanted.disks.is_empty());
    let (imported, inventory) = if asks_zfs {
        disk::look(host).map_err(about("the ZFS pools and disks"))?
    } else {
        Default::default()
    };
    let pools = pools::select(host, wanted, &imported).map_err(about("the ZFS pools"))?;
    let new_pools = || {
        let unfit = health::unfit(host, wanted, &imported, &inventory);
        let importable = disks::importable(host, wanted, &imported, &inventory)?;
        Ok((unfit, importable))
    };
    let (new_pools, (facts, directories)) = rayon::join(new_pools, || {
        rayon::join(
            || pools::facts(host, wanted, &pools),
            || system::directories(host, wanted, &pools),
        )
    });
    let (unfit, importable) = new_pools.map_err(about("the disks"))?;
    let mut facts = facts.map_err(about("the ZFS pools and datasets"))?;
    facts.add_layouts(&pools, &inventory);
    let directories = directories.map_err(about("the directories"))?;
    let access =
        access::read(host, wanted, &pools, &directories).map_err(about("the permissions"))?;
    Ok(Storage {
        facts,
        importable,
        disks: disks::observed(&inventory, wanted, &unfit),
        directories,
        access,
    })
}

fn about(what: &'static str) -> impl Fn(ReadError) -> ObserveError {
    move |source| ObserveError::Read { what, source }
}
