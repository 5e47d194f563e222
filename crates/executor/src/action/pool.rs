//! Makes pools, imports them and sets their properties.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use camino::Utf8Path;
use phoenix_host::command::{Command, CommandFailed};
use phoenix_planner::observed::ObservedVdev;
use phoenix_planner::plan::{CreatePool, ImportPool, PlannedVdev, SetPool};
use phoenix_tools::disk::Inventory;
use phoenix_tools::zfs::{ZfsFailure, classify};
use phoenix_tools::zpool::{self, PoolSpec, VdevSpec, VdevStatus};
use phoenix_tools::{parallel, system};
use phoenix_zfs::property::Value;
use phoenix_zfs::vdev::VdevClass;

use super::failure::Goal;
use super::properties::{self, Live, by_name, describe, differing};
use super::{Done, dataset, disks};
use crate::context::StepContext;
use crate::event::Failure;
use crate::observe::{is_claimed, observed_vdev};

/// How often `zpool create` is tried while udev lags behind.
const CREATE_ATTEMPTS: u32 = 3;

/// Makes a pool on disks that are looked at again first, under Proxmox's own lock. Never with `-f`. A
/// pool of that name that exists already is compared, never changed.
pub(super) fn create(
    operation: &CreatePool,
    host: &StepContext<'_>,
    retry_pause: Duration,
) -> Result<Done, Failure> {
    let pool = &operation.pool;
    let goal = format!("cannot create pool \"{pool}\"");
    let goal = Goal(&goal);
    let look = disks::look(goal, host)?;
    if look.pools.pools.contains_key(pool) {
        return compare(operation, goal, host, &look.inventory).map(|()| Done::Unchanged);
    }
    let mut erased = Vec::new();
    create_on(operation, goal, host, retry_pause, &look, &mut erased)
        .map_err(|failure| disks::after_erasing(failure, &erased))
}

/// Makes a pool that does not exist. Adds each disk to `erased` before it is touched.
fn create_on(
    operation: &CreatePool,
    goal: Goal<'_>,
    host: &StepContext<'_>,
    retry_pause: Duration,
    look: &disks::Look,
    erased: &mut Vec<String>,
) -> Result<Done, Failure> {
    let pool = &operation.pool;
    let disks: Vec<_> = operation
        .vdevs
        .iter()
        .flat_map(|vdev| &vdev.disks)
        .collect();
    let spec = spec(operation);
    let ask = |paths: &[&str]| would_be_made(goal, host, &spec, paths);
    let after = disks::prepare(goal, host, look, &disks, erased, &ask)?;
    let command = zpool::create(&spec);
    match create_despite_udev(goal, host, &command, retry_pause)? {
        // Made, and somebody else mounts its root dataset just now.
        Some(failed) if classify(&failed) == ZfsFailure::Busy && exists(goal, host, pool)? => {
            mount_root(goal, host, pool, retry_pause)?;
        }
        Some(failed) => return Err(explain(goal, host, pool, &failed)),
        None => {}
    }
    // What was erased must not be taken for what ZFS has made in its place.
    let inventory = after.as_ref().unwrap_or(&look.inventory);
    compare(operation, goal, host, inventory).map(|()| Done::Changed)
}

/// Asks ZFS itself before a disk is erased, with the very arguments. What is on the disks that go
/// may speak against it, and nothing else; what this question cannot see, docs/safety.md lists.
fn would_be_made(
    goal: Goal<'_>,
    host: &StepContext<'_>,
    spec: &PoolSpec,
    erased: &[&str],
) -> Result<(), Failure> {
    let Some(failed) = try_run(goal, host, &zpool::would_create(spec))? else {
        return Ok(());
    };
    if zpool::only_contents(&failed.stderr, erased) {
        return Ok(());
    }
    let failure = goal.command(&failed);
    Err(Failure {
        message: format!("{}; no disk was erased for it", failure.message),
        ..failure
    })
}

/// Runs `zpool create` again while the nodes of a disk's partitions lag behind, because the disk was
/// just freed or udev is busy with another pool's. The disks may carry ZFS's own partitions by then;
/// what else is on them, ZFS refuses without -f.
fn create_despite_udev(
    goal: Goal<'_>,
    host: &StepContext<'_>,
    command: &Command,
    retry_pause: Duration,
) -> Result<Option<CommandFailed>, Failure> {
    let lags = |failed: &CommandFailed| {
        matches!(
            classify(failed),
            ZfsFailure::DeviceRace | ZfsFailure::DeviceUnavailable
        )
    };
    let mut failed = try_run(goal, host, command)?;
    for _ in 1..CREATE_ATTEMPTS {
        if !failed.as_ref().is_some_and(lags) {
            break;
        }
        std::thread::sleep(retry_pause);
        goal.run(host, &system::settle())?;
        failed = try_run(goal, host, command)?;
    }
    Ok(failed)
}

/// Mounts the root dataset where it says that it belongs, if it does anywhere.
fn mount_root(
    goal: Goal<'_>,
    host: &StepContext<'_>,
    pool: &str,
    retry_pause: Duration,
) -> Result<(), Failure> {
    let asked = BTreeMap::from([("canmount".to_owned(), Value::from("on"))]);
    let root = properties::read(goal, host, pool, &asked)?.unwrap_or_default();
    let mounts = root
        .get("canmount")
        .is_none_or(|canmount| *canmount == "on");
    let mountpoint = root.get("mountpoint").and_then(Value::path);
    match mountpoint.filter(|_| mounts) {
        Some(mountpoint) => dataset::mount_at(pool, mountpoint, host, retry_pause).map(drop),
        None => Ok(()),
    }
}

fn spec(operation: &CreatePool) -> PoolSpec {
    let vdev = |vdev: &PlannedVdev| VdevSpec {
        class: vdev.class,
        keyword: vdev.keyword.clone(),
        disks: vdev.disks.iter().map(|disk| disk.path.clone()).collect(),
    };
    PoolSpec {
        name: operation.pool.clone(),
        properties: operation.properties.clone(),
        root_properties: operation.root_properties.clone(),
        vdevs: operation.vdevs.iter().map(vdev).collect(),
    }
}

fn exists(goal: Goal<'_>, host: &StepContext<'_>, pool: &str) -> Result<bool, Failure> {
    let text = goal.run(host, &zpool::list())?;
    let rows = zpool::parse_list(&text).map_err(|error| goal.parse(&error))?;
    Ok(rows.iter().any(|row| row.name == pool))
}

fn try_run(
    goal: Goal<'_>,
    host: &StepContext<'_>,
    command: &Command,
) -> Result<Option<CommandFailed>, Failure> {
    let output = host.run(command).map_err(|error| goal.host(&error))?;
    Ok(output.check(command).err())
}

/// `zpool create` may fail after the pool exists: then its root dataset could not be mounted.
fn explain(goal: Goal<'_>, host: &StepContext<'_>, pool: &str, failed: &CommandFailed) -> Failure {
    let failure = goal.command(failed);
    // The first failure is the one to tell; a second one while looking adds nothing.
    if !exists(goal, host, pool).unwrap_or(false) {
        return failure;
    }
    Failure {
        message: format!("{}; the pool exists all the same", failure.message),
        ..failure
    }
}

/// Confirms that the pool is there and is what the plan wants: its disks, its properties and those
/// of its root dataset.
fn compare(
    operation: &CreatePool,
    goal: Goal<'_>,
    host: &StepContext<'_>,
    inventory: &Inventory,
) -> Result<(), Failure> {
    let pool = &operation.pool;
    let wanted = &operation.root_properties;
    let read_status = || goal.run(host, &zpool::status(pool));
    let read_pool = || read(goal, host, pool, &operation.properties);
    let read_root = || properties::read(goal, host, pool, wanted);
    let (text, (live, root)) = parallel::both(read_status, || parallel::both(read_pool, read_root));
    let (text, live, root) = (text?, live?, root?.unwrap_or_default());
    let status = zpool::parse_status(&text).map_err(|error| goal.parse(&error))?;
    if layout(&status.vdevs, inventory) != wanted_layout(&operation.vdevs, inventory) {
        return Err(other_vdevs(goal, text));
    }
    let left = differing(&operation.properties, &live);
    if !left.is_empty() {
        let reason = format!("the pool is there, but {}", describe(&left, &live));
        return Err(goal.not_in_force(reason));
    }
    let left = differing(wanted, &root);
    if !left.is_empty() {
        let reason = format!(
            "the pool is there, but of its root dataset {}",
            describe(&left, &root)
        );
        return Err(goal.not_in_force(reason));
    }
    Ok(())
}

fn other_vdevs(goal: Goal<'_>, status: String) -> Failure {
    Failure {
        detail: Some(status),
        ..goal.not_in_force("the pool is there, but it is made of other vdevs")
    }
}

/// The vdevs of a pool, in no order.
type Layout = BTreeSet<(VdevClass, String, BTreeSet<String>)>;

fn layout(vdevs: &[VdevStatus], inventory: &Inventory) -> Layout {
    let parts = |vdev: ObservedVdev| {
        let disks = vdev.members().map(|member| member.name.clone()).collect();
        (vdev.class, vdev.kind, disks)
    };
    vdevs
        .iter()
        .map(|vdev| parts(observed_vdev(vdev, inventory)))
        .collect()
}

fn wanted_layout(vdevs: &[PlannedVdev], inventory: &Inventory) -> Layout {
    let name = |path: &str| match inventory.member(Utf8Path::new(path)) {
        Some(disk) => disk.kernel_name.clone(),
        None => path.to_owned(),
    };
    let mut layout = Layout::new();
    for vdev in vdevs {
        let disks: BTreeSet<String> = vdev.disks.iter().map(|disk| name(&disk.path)).collect();
        match &vdev.keyword {
            Some(kind) => {
                layout.insert((vdev.class, kind.clone(), disks));
            }
            // Plain disks are a vdev each.
            None => layout.extend(
                disks
                    .into_iter()
                    .map(|disk| (vdev.class, "disk".to_owned(), BTreeSet::from([disk]))),
            ),
        }
    }
    layout
}

/// Imports the pool if it is still what the plan saw, by its number and never with `-f`; then sets
/// what the file states and the pool has otherwise.
pub(super) fn import(
    operation: &ImportPool,
    host: &StepContext<'_>,
    retry_pause: Duration,
) -> Result<Done, Failure> {
    let pool = &operation.pool;
    let goal = format!("cannot import pool \"{pool}\"");
    let goal = Goal(&goal);
    let vdevs = &operation.vdevs;
    let disks: Vec<_> = vdevs.iter().flat_map(|vdev| &vdev.disks).collect();
    let look = disks::look(goal, host)?;
    disks::identify(goal, &look, &disks)?;
    let inventory = &look.inventory;
    let wanted = wanted_layout(vdevs, inventory);
    let imported = !look.pools.pools.contains_key(pool);
    if imported {
        let text = goal.run(host, &zpool::importable())?;
        let found = zpool::parse_importable(&text).map_err(|error| goal.parse(&error))?;
        let same = found.pools.iter().any(|found| {
            found.guid == operation.guid
                && found.name == *pool
                && found.state == "ONLINE"
                && found.status.is_none()
                && !is_claimed(&found.vdevs, inventory)
                && !found.more_disks
                && layout(&found.vdevs, inventory) == wanted
        });
        if !same {
            return Err(goal.moved_on("the pool on its disks has changed"));
        }
        let command = zpool::import(operation.guid);
        if let Some(failed) = try_run(goal, host, &command)? {
            // Imported, and somebody else mounts what is in it just now.
            if classify(&failed) != ZfsFailure::Busy || !exists(goal, host, pool)? {
                return Err(goal.command(&failed));
            }
        }
    }
    let text = goal.run(host, &zpool::status(pool))?;
    let status = zpool::parse_status(&text).map_err(|error| goal.parse(&error))?;
    if layout(&status.vdevs, inventory) != wanted {
        return Err(other_vdevs(goal, text));
    }
    let properties = SetPool {
        pool: pool.clone(),
        properties: operation.properties.clone(),
        root_properties: operation.root_properties.clone(),
    };
    let set = set(&properties, host, retry_pause)?;
    Ok(if imported { Done::Changed } else { set })
}

/// Sets pool properties one by one, as `zpool set` demands, then those of the root dataset.
pub(super) fn set(
    operation: &SetPool,
    host: &StepContext<'_>,
    retry_pause: Duration,
) -> Result<Done, Failure> {
    let SetPool {
        pool,
        properties,
        root_properties,
    } = operation;
    let goal = format!("cannot change pool \"{pool}\"");
    let goal = Goal(&goal);
    let live = read(goal, host, pool, properties)?;
    let pending = differing(properties, &live);
    for (name, value) in &pending {
        goal.run(host, &zpool::set(pool, name, value))?;
    }
    if !pending.is_empty() {
        let live = read(goal, host, pool, properties)?;
        let left = differing(properties, &live);
        if !left.is_empty() {
            let reason = format!("zpool set succeeded, but {}", describe(&left, &live));
            return Err(goal.not_in_force(reason));
        }
    }
    let root = dataset::set_properties(goal, host, pool, root_properties, retry_pause)?;
    Ok(if pending.is_empty() {
        root
    } else {
        Done::Changed
    })
}

fn read(
    goal: Goal<'_>,
    host: &StepContext<'_>,
    pool: &str,
    wanted: &BTreeMap<String, Value>,
) -> Result<Live, Failure> {
    let names: Vec<&str> = wanted.keys().map(String::as_str).collect();
    if names.is_empty() {
        return Ok(Live::new());
    }
    let text = goal.run(host, &zpool::get(&names, &[pool]))?;
    let rows = zpool::parse_get(&text).map_err(|error| goal.parse(&error))?;
    Ok(by_name(rows, pool))
}
