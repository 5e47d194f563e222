//! Looks at disks again right before they are written, and erases what the user has granted.

use std::collections::BTreeSet;

use camino::Utf8Path;
use phoenix_host::HostError;
use phoenix_host::lock::HeldLock;
use phoenix_planner::observed::Obstacle;
use phoenix_planner::plan::PlannedDisk;
use phoenix_tools::disk::{Disk, Inventory, LOCK_FILE, LOCK_WAIT, erase};
use phoenix_tools::zpool::ImportedPools;

use super::failure::Goal;
use crate::code::FailureCode;
use crate::context::StepContext;
use crate::event::Failure;
use crate::observe::{obstacles, signatures};

/// What the disks were like under Proxmox's lock, which keeps Proxmox's own tools away from them
/// until this is gone: from the last look until what was made of the disks was read back.
#[derive(Debug)]
pub(super) struct Look {
    /// Every imported pool.
    pub(super) pools: ImportedPools,
    /// Every block device.
    pub(super) inventory: Inventory,
    _lock: HeldLock,
}

/// Takes the lock and looks at all disks.
pub(super) fn look(goal: Goal<'_>, host: &StepContext<'_>) -> Result<Look, Failure> {
    let lock = host
        .lock(Utf8Path::new(LOCK_FILE), LOCK_WAIT)
        .map_err(|error| goal.host(&error))?;
    let (pools, inventory) = host.reads.disks().map_err(|error| goal.read(&error))?;
    Ok(Look {
        pools,
        inventory,
        _lock: lock,
    })
}

/// Makes every disk ready to be written: all are compared with the plan, `ask` agrees to the paths of
/// those that are to be erased, and all are held by phoenix alone, before the first of them is erased.
/// All must be blank afterwards. Adds each disk to `erased` before it is touched. Returns how the disks
/// are then, if any was erased.
pub(super) fn prepare(
    goal: Goal<'_>,
    host: &StepContext<'_>,
    before: &Look,
    disks: &[&PlannedDisk],
    erased: &mut Vec<String>,
    ask: &dyn Fn(&[&str]) -> Result<(), Failure>,
) -> Result<Option<Inventory>, Failure> {
    let before = &before.inventory;
    let mut looked_at = Vec::new();
    for planned in disks {
        let disk = same_disk(goal, before, planned)?;
        let path = must_be_erased(goal, disk, planned)?.then_some(planned.path.as_str());
        looked_at.push((disk, path));
    }
    let paths: Vec<&str> = looked_at.iter().filter_map(|(_, path)| *path).collect();
    if paths.is_empty() {
        return Ok(None);
    }
    // ZFS opens the disks for itself to answer, so they are held only afterwards.
    ask(&paths)?;
    let all: Vec<&Disk> = looked_at.iter().map(|(disk, _)| *disk).collect();
    let held = hold(goal, host, before, &all)?;
    let mut kept = Vec::new();
    for ((disk, path), held) in looked_at.into_iter().zip(held) {
        let Some(path) = path else {
            kept.push(held);
            continue;
        };
        // wipefs takes the disk for itself as well; the ones behind it are held until then.
        drop(held);
        erased.push(path.to_owned());
        erase_disk(goal, host, before, disk)?;
    }
    drop(kept);
    let (_, after) = host.reads.disks().map_err(|error| goal.read(&error))?;
    for planned in disks {
        let disk = same_disk(goal, &after, planned)?;
        if let Some(left) = obstacles(disk).first() {
            let reason = format!(
                "after erasing, {} still carries {}",
                planned.path,
                text(left)
            );
            return Err(goal.not_in_force(reason));
        }
    }
    Ok(Some(after))
}

/// Holds all disks of a step at once. The kernel has a partition or its disk for one alone, never both,
/// and a disk only while nobody has a partition of it: each partition is tried by itself, so that
/// the one that is in use is named, and then the disks are held.
fn hold(
    goal: Goal<'_>,
    host: &StepContext<'_>,
    inventory: &Inventory,
    disks: &[&Disk],
) -> Result<Vec<HeldLock>, Failure> {
    const HELP: &str = "find out what uses it (mounts of containers and services, \
                        btrfs filesystem show, fuser -v) and end that, or name another disk in the file";
    let in_use = |error: HostError| match &error {
        HostError::InUse { .. } => {
            let reason = format!("{error}; no disk was erased");
            goal.because(FailureCode::DiskInUse, reason, HELP)
        }
        _ => goal.host(&error),
    };
    for disk in disks {
        let partitions: Vec<&str> = partitions(inventory, disk).collect();
        drop(host.hold_disks(&partitions).map_err(in_use)?);
    }
    let disks: Vec<&str> = disks.iter().map(|disk| disk.path.as_str()).collect();
    host.hold_disks(&disks).map_err(in_use)
}

fn partitions<'a>(inventory: &'a Inventory, disk: &'a Disk) -> impl Iterator<Item = &'a str> {
    let partitions = disk.partitions.iter();
    partitions
        .filter_map(|name| inventory.devices.get(name))
        .map(|partition| partition.path.as_str())
}

/// Adds to a failure which disks had been erased before it, and takes away the advice to grant more:
/// what was on them is lost, and another grant would only widen that.
pub(super) fn after_erasing(failure: Failure, erased: &[String]) -> Failure {
    if erased.is_empty() {
        return failure;
    }
    let help = failure.help.filter(|help| !help.contains("--allow"));
    let help = help.map_or(String::new(), |help| format!("{help}; "));
    Failure {
        message: format!(
            "{}; by then phoenix had begun to erase {}",
            failure.message,
            erased.join(", ")
        ),
        help: Some(format!(
            "{help}what was on the erased disks is gone, and no further grant is needed for them: once \
             the reason is mended, run phoenix again"
        )),
        ..failure
    }
}

/// Confirms that every disk is still the one that the plan saw.
pub(super) fn identify(goal: Goal<'_>, look: &Look, disks: &[&PlannedDisk]) -> Result<(), Failure> {
    let mut disks = disks.iter();
    disks.try_for_each(|planned| same_disk(goal, &look.inventory, planned).map(drop))
}

/// The disk that the path leads to, if it is the one that the plan saw.
fn same_disk<'a>(
    goal: Goal<'_>,
    inventory: &'a Inventory,
    planned: &PlannedDisk,
) -> Result<&'a Disk, Failure> {
    let PlannedDisk {
        path,
        kernel_name,
        serial,
        wwn,
        size,
        ..
    } = planned;
    let disk = inventory
        .find(Utf8Path::new(path))
        .ok_or_else(|| goal.moved_on(format!("disk {path} has disappeared")))?;
    let same = disk.serial == *serial && disk.size == *size && disk.wwn == *wwn;
    if same && disk.kernel_name == *kernel_name {
        return Ok(disk);
    }
    let name = |name: &Option<String>| name.clone().unwrap_or_else(|| "none".to_owned());
    Err(goal.moved_on(format!(
        "{path} leads to another disk ({}, serial {}, WWN {}, {} bytes instead of {kernel_name}, \
         serial {}, WWN {}, {size} bytes)",
        disk.kernel_name,
        name(&disk.serial),
        name(&disk.wwn),
        disk.size,
        name(serial),
        name(wwn),
    )))
}

/// Whether there is something on the disk that has to go and may go.
fn must_be_erased(goal: Goal<'_>, disk: &Disk, planned: &PlannedDisk) -> Result<bool, Failure> {
    let obstacles = obstacles(disk);
    let absolute = |obstacle: &&Obstacle| !matches!(obstacle, Obstacle::Signature { .. });
    if let Some(obstacle) = obstacles.iter().find(absolute) {
        return Err(goal.because(
            FailureCode::DiskInUse,
            format!("disk {} is {}", planned.path, text(obstacle)),
            "phoenix never writes to such a disk; free it or name another one in the file",
        ));
    }
    if obstacles.is_empty() {
        return Ok(false);
    }
    if planned.wipe {
        return same_contents(goal, disk, planned).map(|()| true);
    }
    let found: Vec<String> = obstacles.iter().map(text).collect();
    Err(goal.because(
        FailureCode::DiskNotEmpty,
        format!(
            "disk {} carries {}, and erasing it was not granted",
            planned.path,
            found.join(", ")
        ),
        "make sure that nothing on it is needed, then grant it by name: --allow wipe:DISK",
    ))
}

/// A grant is for what was shown: something else on the same disk was never agreed to.
fn same_contents(goal: Goal<'_>, disk: &Disk, planned: &PlannedDisk) -> Result<(), Failure> {
    let found = signatures(disk);
    if found == planned.signatures {
        return Ok(());
    }
    let new: BTreeSet<String> = found
        .difference(&planned.signatures)
        .chain(planned.signatures.difference(&found))
        .map(|signature| match &signature.uuid {
            Some(uuid) => format!("{} {uuid} on {}", signature.kind, signature.device),
            None => format!("{} on {}", signature.kind, signature.device),
        })
        .collect();
    let new = Vec::from_iter(new).join(", ");
    Err(goal.moved_on(format!(
        "disk {} does not carry what the plan showed (different: {new})",
        planned.path
    )))
}

fn text(obstacle: &Obstacle) -> String {
    match obstacle {
        Obstacle::InUse { by } => format!("in use: {by}"),
        Obstacle::Signature { what } => what.clone(),
        Obstacle::NotADisk { kind } => format!("no whole disk but a {kind}"),
    }
}

/// Erases the partitions before the table that leads to them.
fn erase_disk(
    goal: Goal<'_>,
    host: &StepContext<'_>,
    inventory: &Inventory,
    disk: &Disk,
) -> Result<(), Failure> {
    let partitions: Vec<&str> = partitions(inventory, disk).collect();
    if !partitions.is_empty() {
        goal.run(host, &erase(&partitions))?;
    }
    goal.run(host, &erase(&[&disk.path]))?;
    Ok(())
}
