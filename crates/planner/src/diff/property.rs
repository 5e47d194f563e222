//! The one rule for comparing properties: values as ZFS stores them, never as text, and never by
//! where they come from. A property that the file does not name is ignored.

use std::collections::BTreeMap;

use phoenix_config::model::{Properties, Property};
use phoenix_zfs::property::{Source, Value, same_value};

use crate::observed::ObservedProperty;
use crate::plan::Change;

/// What ZFS prints for a property that is not set or does not apply.
const UNSET: &str = "-";

/// A property that the host has with another value than the file, or not at all. What is to be done
/// and what readers see are both made of it.
#[derive(Debug, Clone)]
pub(super) struct Difference {
    /// The property.
    pub(super) name: String,
    /// The value that it must get.
    pub(super) value: Value,
    /// What the host has; `None` where it is not set or does not exist yet.
    pub(super) live: Option<ObservedProperty>,
    /// Whether phoenix supplied the value because the file is silent.
    pub(super) default: bool,
}

impl Difference {
    /// From what the host has to what the file says.
    pub(super) fn new(name: &str, wanted: &Property, live: Option<&ObservedProperty>) -> Self {
        Self {
            name: name.to_owned(),
            value: wanted.stored.clone(),
            live: live.filter(|live| live.value != UNSET).cloned(),
            default: wanted.default,
        }
    }

    /// What the host has, for a sentence; `unset` where that is nothing.
    pub(super) fn before(&self, unset: &'static str) -> String {
        let live = self.live.as_ref();
        live.map_or_else(|| unset.to_owned(), |live| live.value.to_string())
    }
}

impl From<Difference> for Change {
    fn from(difference: Difference) -> Self {
        let (before, source) = match difference.live {
            Some(live) => (Some(live.value), Some(live.source)),
            None => (None, None),
        };
        Self {
            field: difference.name,
            before,
            after: difference.value,
            source: source.filter(|source| *source != Source::None),
            default: difference.default,
        }
    }
}

/// The property as a difference, if the host has another value.
///
/// A `received` or inherited value that is equal is no difference: it is the value.
pub(super) fn difference(
    name: &str,
    wanted: &Property,
    observed: Option<&ObservedProperty>,
) -> Option<Difference> {
    let same = observed.is_some_and(|live| same_value(name, &live.value, &wanted.stored));
    (!same).then(|| Difference::new(name, wanted, observed))
}

/// Every property that the host has with another value, by name.
pub(super) fn differences(
    wanted: &Properties,
    observed: &BTreeMap<String, ObservedProperty>,
) -> Vec<Difference> {
    wanted
        .iter()
        .filter_map(|(name, property)| difference(name, property, observed.get(name.as_ref())))
        .collect()
}

/// The rows of an object that does not exist yet, by name.
pub(super) fn new_properties(wanted: &Properties) -> impl Iterator<Item = Change> {
    rows(differences(wanted, &BTreeMap::new()))
}

/// The values to hand to ZFS when an object is made, by property.
pub(super) fn stored(wanted: &Properties) -> BTreeMap<String, Value> {
    wanted
        .iter()
        .map(|(name, property)| (name.to_string(), property.stored.clone()))
        .collect()
}

/// The values to hand to ZFS where an object differs, by property.
pub(super) fn values(differences: &[Difference]) -> BTreeMap<String, Value> {
    differences
        .iter()
        .map(|difference| (difference.name.clone(), difference.value.clone()))
        .collect()
}

/// The rows that readers see, in the same order.
pub(super) fn rows(differences: Vec<Difference>) -> impl Iterator<Item = Change> {
    differences.into_iter().map(Change::from)
}
