//! Reads properties back and compares them with what a plan wants.

use std::collections::BTreeMap;

use phoenix_tools::zfs::PropertyRow;
use phoenix_zfs::property::{Value, same_value};

use super::failure::Goal;
use crate::context::StepContext;
use crate::event::Failure;

/// What a dataset looks like: its properties by name, `type` and `mounted` included.
pub(super) type Live = BTreeMap<String, Value>;

/// Reads the properties that `wanted` names, and whether the dataset is mounted, in one command.
/// `None` when there is no such dataset.
pub(super) fn read(
    goal: Goal<'_>,
    host: &StepContext<'_>,
    dataset: &str,
    wanted: &BTreeMap<String, Value>,
) -> Result<Option<Live>, Failure> {
    let always = ["mounted", "mountpoint", "type", "volsize"];
    let mut names: Vec<&str> = wanted.keys().map(String::as_str).chain(always).collect();
    names.sort_unstable();
    names.dedup();
    let rows = host.reads.dataset(dataset, &names);
    let rows = rows.map_err(|error| goal.read(&error))?;
    Ok(rows.map(|rows| by_name(rows, dataset)))
}

/// The rows about one dataset or pool as a map.
pub(super) fn by_name(rows: Vec<PropertyRow>, name: &str) -> Live {
    rows.into_iter()
        .filter(|row| row.name == name)
        .map(|row| (row.property, row.value))
        .collect()
}

/// Whether a dataset is mounted at `mountpoint`.
pub(super) fn is_mounted_at(live: &Live, mountpoint: &str) -> bool {
    is_mounted(live) && live.get("mountpoint").is_some_and(|at| *at == *mountpoint)
}

/// Whether a dataset is mounted.
pub(super) fn is_mounted(live: &Live) -> bool {
    live.get("mounted").is_some_and(|mounted| *mounted == "yes")
}

/// The wanted properties that differ from what is there.
pub(super) fn differing(wanted: &BTreeMap<String, Value>, live: &Live) -> BTreeMap<String, Value> {
    let differs = |(name, value): &(&String, &Value)| {
        live.get(*name)
            .is_none_or(|there| !same_value(name, value, there))
    };
    wanted
        .iter()
        .filter(differs)
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// `quota is 10 instead of 20, atime is on instead of off`.
pub(super) fn describe(differing: &BTreeMap<String, Value>, live: &Live) -> String {
    let one = |(name, wanted): (&String, &Value)| match live.get(name) {
        Some(there) => format!("{name} is {there} instead of {wanted}"),
        None => format!("{name} is not {wanted}"),
    };
    let all: Vec<String> = differing.iter().map(one).collect();
    all.join(", ")
}
