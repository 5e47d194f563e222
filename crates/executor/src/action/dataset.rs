//! Makes and changes file systems and volumes.

use std::collections::BTreeMap;
use std::time::Duration;

use phoenix_host::command::Command;
use phoenix_planner::plan::{CreateDataset, SetDataset};
use phoenix_tools::zfs::{self, ZfsFailure, classify, was_made};
use phoenix_zfs::property::{DatasetType, Value};

use super::Done;
use super::failure::{Goal, run_while_busy};
use super::mounted::must_hide_nothing;
use super::properties::{self, Live, describe, differing, is_mounted, is_mounted_at};
use crate::code::FailureCode;
use crate::context::StepContext;
use crate::event::Failure;

/// Makes a dataset. One that exists already is compared, never changed.
pub(super) fn create(
    operation: &CreateDataset,
    host: &StepContext<'_>,
    retry_pause: Duration,
) -> Result<Done, Failure> {
    let CreateDataset {
        dataset,
        mountpoint,
        ..
    } = operation;
    let goal = format!("cannot create dataset \"{dataset}\"");
    let goal = Goal(&goal);
    if let Some(mountpoint) = mountpoint
        && let Err(in_the_way) = must_hide_nothing(goal, host, mountpoint)
    {
        // Another run may have made and mounted the very dataset in the meantime.
        return match compare(operation, goal, host) {
            Ok(()) => Ok(Done::Unchanged),
            Err(_) => Err(in_the_way),
        };
    }
    let command = create_command(operation);
    let output = host
        .create(dataset, &command)
        .map_err(|error| goal.host(&error))?;
    if let Err(failed) = output.check(&command) {
        match (classify(&failed), mountpoint) {
            (ZfsFailure::Exists, _) => {
                return compare(operation, goal, host).map(|()| Done::Unchanged);
            }
            (ZfsFailure::Busy, Some(mountpoint)) if was_made(&failed) => {
                mount_at(dataset, mountpoint, host, retry_pause)?;
            }
            _ => return Err(goal.command(&failed)),
        }
    }
    compare(operation, goal, host)
        .map(|()| Done::Changed)
        .map_err(|failure| with_words(failure, &output.stderr))
}

/// Since OpenZFS 2.4 `zfs create` succeeds although the mount failed: only its words say why.
fn with_words(failure: Failure, stderr: &str) -> Failure {
    let words = stderr.trim();
    if words.is_empty() || failure.detail.is_some() {
        return failure;
    }
    Failure {
        detail: Some(words.to_owned()),
        ..failure
    }
}

fn create_command(operation: &CreateDataset) -> Command {
    let CreateDataset {
        dataset,
        properties,
        ..
    } = operation;
    match operation.volume {
        None => zfs::create_filesystem(dataset, properties),
        Some(volume) => zfs::create_volume(dataset, volume.size, volume.sparse, properties),
    }
}

/// Confirms that the dataset is there and is what the plan wants.
fn compare(
    operation: &CreateDataset,
    goal: Goal<'_>,
    host: &StepContext<'_>,
) -> Result<(), Failure> {
    let dataset = &operation.dataset;
    let mut wanted = operation.properties.clone();
    let kind = match operation.volume {
        None => DatasetType::Filesystem,
        Some(volume) => {
            wanted.insert("volsize".to_owned(), Value::Number(volume.size));
            DatasetType::Volume
        }
    };
    let Some(live) = properties::read(goal, host, dataset, &wanted)? else {
        return Err(goal.not_in_force("zfs create succeeded, but the dataset is not there"));
    };
    if let Some(there) = live.get("type").filter(|there| **there != *kind.as_str()) {
        let reason = format!("there is a {there} of that name, not a {kind}");
        return Err(goal.because(
            FailureCode::Exists,
            reason,
            "rename one of the two; phoenix destroys nothing",
        ));
    }
    let differing = differing(&wanted, &live);
    if !differing.is_empty() {
        let reason = format!("the dataset is there, but {}", describe(&differing, &live));
        return Err(goal.not_in_force(reason));
    }
    match &operation.mountpoint {
        Some(mountpoint) => must_be_mounted(goal, &live, mountpoint),
        None => Ok(()),
    }
}

/// Sets properties, then mounts, as far as either is needed.
pub(super) fn set(
    operation: &SetDataset,
    host: &StepContext<'_>,
    retry_pause: Duration,
) -> Result<Done, Failure> {
    let SetDataset {
        dataset,
        properties,
        mount,
    } = operation;
    let goal = format!("cannot change dataset \"{dataset}\"");
    let goal = Goal(&goal);
    let changed = set_properties(goal, host, dataset, properties, retry_pause)?;
    let mounted = match mount {
        Some(mountpoint) => mount_at(dataset, mountpoint, host, retry_pause)?,
        None => Done::Unchanged,
    };
    Ok(if mounted == Done::Changed {
        Done::Changed
    } else {
        changed
    })
}

/// Sets those of `wanted` that differ, in one command, and reads them back.
///
/// `zfs set` of several properties is not atomic: when the kernel refuses one, the others may have
/// taken effect. So a failure says which ones did.
pub(super) fn set_properties(
    goal: Goal<'_>,
    host: &StepContext<'_>,
    dataset: &str,
    wanted: &BTreeMap<String, Value>,
    retry_pause: Duration,
) -> Result<Done, Failure> {
    if wanted.is_empty() {
        return Ok(Done::Unchanged);
    }
    let before = must_exist(goal, host, dataset, wanted)?;
    let pending = differing(wanted, &before);
    if pending.is_empty() {
        return Ok(Done::Unchanged);
    }
    let command = zfs::set(dataset, &pending);
    let result = run_while_busy(goal, host, &command, retry_pause);
    if let Err(failure) = result {
        return Err(with_what_took_effect(
            failure, goal, host, dataset, &pending,
        ));
    }
    let after = must_exist(goal, host, dataset, wanted)?;
    let left = differing(wanted, &after);
    if !left.is_empty() {
        let reason = format!("zfs set succeeded, but {}", describe(&left, &after));
        return Err(goal.not_in_force(reason));
    }
    // Since OpenZFS 2.2 a new mountpoint may leave the dataset unmounted with exit code 0.
    if is_mounted(&before) && pending.contains_key("mountpoint") && !is_mounted(&after) {
        return Err(goal.not_in_force("zfs set left the dataset unmounted"));
    }
    Ok(Done::Changed)
}

fn must_exist(
    goal: Goal<'_>,
    host: &StepContext<'_>,
    dataset: &str,
    wanted: &BTreeMap<String, Value>,
) -> Result<Live, Failure> {
    properties::read(goal, host, dataset, wanted)?
        .ok_or_else(|| goal.moved_on("the dataset has disappeared"))
}

fn with_what_took_effect(
    failure: Failure,
    goal: Goal<'_>,
    host: &StepContext<'_>,
    dataset: &str,
    pending: &BTreeMap<String, Value>,
) -> Failure {
    // The first failure is the one to tell; a second one while looking adds nothing.
    let Ok(Some(live)) = properties::read(goal, host, dataset, pending) else {
        return failure;
    };
    let left = differing(pending, &live);
    let took: Vec<&str> = pending
        .keys()
        .filter(|name| !left.contains_key(*name))
        .map(String::as_str)
        .collect();
    if took.is_empty() {
        return failure;
    }
    let message = format!(
        "{}; {} took effect all the same, and {}",
        failure.message,
        took.join(", "),
        describe(&left, &live)
    );
    Failure { message, ..failure }
}

/// Mounts a dataset that should be mounted at `mountpoint` and is not.
///
/// Somebody else may mount it at any moment: Proxmox runs `zfs mount -a` whenever it activates a
/// ZFS storage of which nothing is mounted (pve-storage, `PVE/Storage/ZFSPoolPlugin.pm`,
/// `activate_storage`), and its status daemon does that every ten seconds.
pub(super) fn mount_at(
    dataset: &str,
    mountpoint: &str,
    host: &StepContext<'_>,
    retry_pause: Duration,
) -> Result<Done, Failure> {
    let goal = format!("cannot mount dataset \"{dataset}\" at {mountpoint}");
    let goal = Goal(&goal);
    let look = || must_exist(goal, host, dataset, &BTreeMap::new());
    if is_mounted_at(&look()?, mountpoint) {
        return Ok(Done::Unchanged);
    }
    let mounted = must_hide_nothing(goal, host, mountpoint)
        .and_then(|()| run_while_busy(goal, host, &zfs::mount(dataset), retry_pause));
    match mounted {
        Ok(()) => must_be_mounted(goal, &look()?, mountpoint).map(|()| Done::Changed),
        Err(_) if look().is_ok_and(|live| is_mounted_at(&live, mountpoint)) => Ok(Done::Unchanged),
        Err(failure) => Err(failure),
    }
}

fn must_be_mounted(goal: Goal<'_>, live: &Live, mountpoint: &str) -> Result<(), Failure> {
    if is_mounted_at(live, mountpoint) {
        return Ok(());
    }
    let reason = if is_mounted(live) {
        let there = live.get("mountpoint").and_then(Value::word);
        let there = there.unwrap_or("elsewhere");
        format!("it is mounted at {there} instead of {mountpoint}")
    } else {
        format!("it is there, but not mounted at {mountpoint}")
    };
    Err(goal.not_in_force(reason))
}
