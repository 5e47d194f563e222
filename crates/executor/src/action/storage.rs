//! Adds and changes Proxmox storages.
//!
//! Only through `pvesm`: the file belongs to Proxmox and its cluster lock. Values are compared as
//! Proxmox means them, lists as sets, because it prints them in random order.

use std::collections::BTreeMap;
use std::time::Duration;

use phoenix_host::command::{Command, CommandFailed};
use phoenix_planner::plan::{AddStorage, SetStorage};
use phoenix_planner::storage::{effective, same_value, stored};
use phoenix_tools::pve::{self, StorageRow};

use super::Done;
use super::failure::{Attempt, Goal, is_pvesm_busy, while_busy};
use crate::code::FailureCode;
use crate::context::StepContext;
use crate::event::Failure;

/// Adds a storage. One that exists already is compared, never changed.
///
/// `pvesm add` itself is the question whether the storage exists: looking before would cost a
/// second more, and would not be safer against a cluster node that adds it in between.
pub(super) fn add(
    operation: &AddStorage,
    host: &StepContext<'_>,
    retry_pause: Duration,
) -> Result<Done, Failure> {
    let AddStorage {
        storage,
        kind,
        options,
    } = operation;
    let goal = format!("cannot add storage \"{storage}\"");
    let goal = Goal(&goal);
    let command = pve::add_storage(kind.as_str(), storage, options);
    let done = match run(goal, host, &command, retry_pause)? {
        Ok(()) => Done::Changed,
        Err(failed) if failed.stderr.contains("already defined") => Done::Unchanged,
        Err(failed) => return Err(goal.command(&failed)),
    };
    let there = read(goal, host, storage)?
        .ok_or_else(|| goal.not_in_force("pvesm add succeeded, but the storage is not there"))?;
    if there.kind != kind.as_str() {
        let reason = format!(
            "there is a storage of that id with type {}, not {}",
            there.kind,
            kind.as_str()
        );
        return Err(goal.because(FailureCode::Exists, reason, "choose another id in the file"));
    }
    let left = differing(&there, options, &[]);
    if left.is_empty() {
        return Ok(done);
    }
    let reason = format!("the storage is there, but {}", left.join(", "));
    Err(goal.not_in_force(reason))
}

/// Changes options of a storage.
///
/// Proxmox is told which state of its file phoenix has looked at, and refuses the change when
/// somebody else has written since. Then phoenix looks once more, and goes on if it was another
/// storage that they changed.
pub(super) fn set(
    operation: &SetStorage,
    host: &StepContext<'_>,
    retry_pause: Duration,
) -> Result<Done, Failure> {
    let SetStorage {
        storage,
        options,
        delete,
    } = operation;
    let goal = format!("cannot change storage \"{storage}\"");
    let goal = Goal(&goal);
    let look = || {
        let there = read(goal, host, storage)?;
        there.ok_or_else(|| goal.moved_on("the storage has disappeared"))
    };
    let change = |seen: &StorageRow| {
        let command = pve::set_storage(storage, options, delete, seen.digest.as_deref());
        run(goal, host, &command, retry_pause)
    };
    let before = look()?;
    if differing(&before, options, delete).is_empty() {
        return Ok(Done::Unchanged);
    }
    let mut result = change(&before)?;
    if result.as_ref().is_err_and(has_moved) {
        let now = look()?;
        if !same_row(&before, &now) {
            return Err(goal.moved_on("somebody else has changed the storage"));
        }
        result = change(&now)?;
    }
    result.map_err(|failed| goal.command(&failed))?;
    let left = differing(&look()?, options, delete);
    if left.is_empty() {
        return Ok(Done::Changed);
    }
    let reason = format!("pvesm set succeeded, but {}", left.join(", "));
    Err(goal.not_in_force(reason))
}

/// Runs `pvesm`, again while it is busy. It gives its lock ten seconds by itself.
fn run(
    goal: Goal<'_>,
    host: &StepContext<'_>,
    command: &Command,
    retry_pause: Duration,
) -> Result<Result<(), CommandFailed>, Failure> {
    while_busy(retry_pause, || {
        let output = host
            .run(command)
            .map_err(|error| Attempt::Failed(goal.host(&error)))?;
        match output.check(command) {
            Ok(_) => Ok(Ok(())),
            Err(failed) if is_pvesm_busy(&failed) => Err(Attempt::Busy(goal.command(&failed))),
            Err(failed) => Ok(Err(failed)),
        }
    })
}

fn has_moved(failed: &CommandFailed) -> bool {
    failed.stderr.contains("detected modified configuration")
}

/// Whether a storage is the same but for the state of the file around it.
fn same_row(one: &StorageRow, other: &StorageRow) -> bool {
    let bare = |row: &StorageRow| StorageRow {
        digest: None,
        ..row.clone()
    };
    bare(one) == bare(other)
}

fn read(
    goal: Goal<'_>,
    host: &StepContext<'_>,
    storage: &str,
) -> Result<Option<StorageRow>, Failure> {
    let text = goal.run(host, &pve::storages())?;
    let mut storages = pve::parse_storages(&text).map_err(|error| goal.parse(&error))?;
    Ok(storages.remove(storage))
}

/// What differs, one clause each.
fn differing(
    there: &StorageRow,
    options: &BTreeMap<String, String>,
    delete: &[String],
) -> Vec<String> {
    let there = crate::observe::storage(there.clone());
    let set = options.iter().filter_map(|(name, wanted)| {
        let is = effective(&there, name);
        let same = is.as_ref().is_some_and(|is| same_value(name, is, wanted));
        (!same).then(|| {
            let is = is.unwrap_or_else(|| "not set".to_owned());
            format!("{name} is {is} instead of {wanted}")
        })
    });
    let kept = delete.iter().filter_map(|name| {
        let is = stored(&there, name)?;
        Some(format!("{name} is still {is}"))
    });
    set.chain(kept).collect()
}
