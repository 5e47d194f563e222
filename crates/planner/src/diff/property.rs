//! The one rule for comparing properties: values as ZFS stores them, never as text, and never by
//! where they come from. A property that the file does not name is ignored.

use std::collections::BTreeMap;

use phoenix_config::model::{Properties, Property};
use phoenix_zfs::property::{Source, same_value};

use crate::observed::ObservedProperty;
use crate::plan::Change;

/// What ZFS prints for a property that is not set or does not apply.
const UNSET: &str = "-";

/// The property as a change, if the host has another value.
///
/// A `received` or inherited value that is equal is no difference: it is the value.
pub(super) fn difference(
    name: &str,
    wanted: &Property,
    observed: Option<&ObservedProperty>,
) -> Option<Change> {
    let same = observed.is_some_and(|live| same_value(name, &live.value, &wanted.stored));
    let live = observed.filter(|live| live.value != UNSET);
    (!same).then(|| Change {
        field: name.to_owned(),
        before: live.map(|live| live.value.clone()),
        after: wanted.stored.clone(),
        source: live
            .map(|live| live.source.clone())
            .filter(|source| *source != Source::None),
        default: wanted.default,
    })
}

/// Every property that the host has with another value, by name.
pub(super) fn differences(
    wanted: &Properties,
    observed: &BTreeMap<String, ObservedProperty>,
) -> Vec<Change> {
    wanted
        .iter()
        .filter_map(|(name, property)| difference(name, property, observed.get(name.as_ref())))
        .collect()
}

/// Every property of an object that does not exist yet, by name.
pub(super) fn new_properties(wanted: &Properties) -> Vec<Change> {
    differences(wanted, &BTreeMap::new())
}

/// The values to hand to ZFS, as it stores them.
pub(super) fn stored(wanted: &Properties) -> BTreeMap<String, String> {
    wanted
        .iter()
        .map(|(name, property)| (name.to_string(), property.stored.clone()))
        .collect()
}

/// The values that `changes` ask for, by field.
pub(super) fn after(changes: &[Change]) -> BTreeMap<String, String> {
    changes
        .iter()
        .map(|change| (change.field.clone(), change.after.clone()))
        .collect()
}
