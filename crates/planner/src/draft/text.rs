//! Values in the spelling that people write.

use std::collections::BTreeMap;

use phoenix_config::written::Properties;
use phoenix_zfs::property::{Value, argument};
use phoenix_zfs::size;

use crate::observed::ObservedProperty;

/// The properties that are set here and not inherited, but for those in `besides`. `stored` is what ZFS makes of a property's spelling.
pub(super) fn own(
    live: &BTreeMap<String, ObservedProperty>,
    besides: &[&str],
    stored: impl Fn(&str, &str) -> Option<Value>,
) -> Properties {
    let own = live
        .iter()
        .filter(|(name, property)| property.source.is_own() && !besides.contains(&name.as_str()));
    own.map(|(name, property)| (name.clone(), spelled(name, &property.value, &stored)))
        .collect()
}

/// A spelling that ZFS takes for the stored `value`: with a unit, if it means the same then.
pub(super) fn spelled(
    name: &str,
    value: &Value,
    stored: impl Fn(&str, &str) -> Option<Value>,
) -> String {
    let plain = argument(name, value);
    let with_unit = value.number().map(size::exact);
    let same = with_unit.filter(|short| stored(name, short).as_ref() == Some(value));
    same.unwrap_or_else(|| plain.into_owned())
}
