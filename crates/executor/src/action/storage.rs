//! Adds and changes Proxmox storages.
//!
//! Only through `pvesm`: the file belongs to Proxmox and its cluster lock. Values are compared as
//! Proxmox stores them, lists as sets, because it prints them in random order.

use std::collections::{BTreeMap, BTreeSet};

use phoenix_host::Host;
use phoenix_host::pve::{self, StorageRow};
use phoenix_planner::plan::{AddStorage, SetStorage};

use super::Done;
use super::failure::Goal;
use crate::event::Failure;

/// Adds a storage. One that exists already is compared, never changed.
///
/// `pvesm add` itself is the question whether the storage exists: looking before would cost a
/// second more, and would not be safer against a cluster node that adds it in between.
pub(super) fn add(operation: &AddStorage, host: &dyn Host) -> Result<Done, Failure> {
    let AddStorage {
        storage,
        kind,
        options,
    } = operation;
    let goal = format!("cannot add storage \"{storage}\"");
    let goal = Goal(&goal);
    let command = pve::add_storage(kind, storage, options);
    let output = host.run(&command).map_err(|error| goal.host(&error))?;
    let done = match output.check(&command) {
        Ok(_) => Done::Changed,
        Err(failed) if failed.stderr.contains("already defined") => Done::Unchanged,
        Err(failed) => return Err(goal.command(&failed)),
    };
    let there = read(goal, host, storage)?
        .ok_or_else(|| goal.not_in_force("pvesm add succeeded, but the storage is not there"))?;
    if there.kind != *kind {
        let reason = format!(
            "there is a storage of that id with type {}, not {kind}",
            there.kind
        );
        return Err(goal.because(
            reason,
            "choose another id in the file, or remove the storage",
        ));
    }
    let left = differing(&there, options, &[]);
    if left.is_empty() {
        return Ok(done);
    }
    let reason = format!("the storage is there, but {}", left.join(", "));
    Err(goal.not_in_force(reason))
}

/// Changes options of a storage.
pub(super) fn set(operation: &SetStorage, host: &dyn Host) -> Result<Done, Failure> {
    let SetStorage {
        storage,
        options,
        delete,
    } = operation;
    let goal = format!("cannot change storage \"{storage}\"");
    let goal = Goal(&goal);
    let gone = || goal.moved_on("the storage has disappeared");
    let before = read(goal, host, storage)?.ok_or_else(gone)?;
    if differing(&before, options, delete).is_empty() {
        return Ok(Done::Unchanged);
    }
    goal.run(host, &pve::set_storage(storage, options, delete))?;
    let after = read(goal, host, storage)?.ok_or_else(gone)?;
    let left = differing(&after, options, delete);
    if left.is_empty() {
        return Ok(Done::Changed);
    }
    let reason = format!("pvesm set succeeded, but {}", left.join(", "));
    Err(goal.not_in_force(reason))
}

fn read(goal: Goal<'_>, host: &dyn Host, storage: &str) -> Result<Option<StorageRow>, Failure> {
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
    let set = options.iter().filter_map(|(name, wanted)| {
        let is = shown(there, name);
        (!same(is.as_deref(), wanted)).then(|| {
            let is = is.unwrap_or_else(|| "not set".to_owned());
            format!("{name} is {is} instead of {wanted}")
        })
    });
    let kept = delete.iter().filter_map(|name| {
        let is = shown(there, name).filter(|is| !is.is_empty())?;
        Some(format!("{name} is still {is}"))
    });
    set.chain(kept).collect()
}

fn shown(there: &StorageRow, name: &str) -> Option<String> {
    match name {
        "content" => Some(joined(&there.content)),
        "nodes" => Some(joined(&there.nodes)),
        _ => there.options.get(name).cloned(),
    }
}

fn joined(words: &BTreeSet<String>) -> String {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    words.join(",")
}

/// Whether an option is as wanted. A boolean that is off is often not stored at all, and `yes` and
/// `1` are one value to Proxmox (pve-common `PVE/JSONSchema.pm`, `parse_boolean`).
fn same(is: Option<&str>, wanted: &str) -> bool {
    let words = |text: &str| text.split(',').map(str::to_owned).collect::<BTreeSet<_>>();
    match (is, boolean(wanted)) {
        (None, wanted) => wanted == Some(false),
        (Some(is), Some(wanted)) => boolean(is) == Some(wanted),
        (Some(is), None) => words(is) == words(wanted),
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "yes" | "on" | "true" => Some(true),
        "0" | "no" | "off" | "false" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn options_are_compared_by_what_they_mean() {
        for (is, wanted, equal) in [
            (Some("images,rootdir"), "rootdir,images", true),
            (Some("images"), "images,rootdir", false),
            (Some("1"), "yes", true),
            (Some("0"), "1", false),
            (None, "0", true),
            (None, "1", false),
            (None, "16k", false),
            (Some("16k"), "16k", true),
        ] {
            assert_eq!(same(is, wanted), equal, "{is:?} {wanted}");
        }
    }
}
