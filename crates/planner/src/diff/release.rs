//! What the host's release of ZFS makes of a file: names and values that it does not know, and a value
//! that means something else in it.

use std::borrow::Cow;

use phoenix_config::model::{Config, Properties, Property};
use phoenix_zfs::property::{DatasetType, Value, dataset_value_since, pool_value_since};
use phoenix_zfs::version::{Version, meaning_of_xattr_on};

use super::verdict::{Stop, refused_at};
use crate::object::Object;
use crate::observed::Observed;
use crate::refusal::RefusalCode;

/// Nothing to do if the host's ZFS knows every property of the object and its value.
///
/// # Errors
///
/// A refusal at the first one that it does not know. One unknown word costs its object and no other.
pub(super) fn check(object: Object<'_>, observed: &Observed) -> Result<(), Stop> {
    let on_dataset = |kind| move |name: &str, value: &Value| dataset_value_since(name, value, kind);
    match object {
        Object::Pool(pool) => {
            check_all(observed, &pool.properties, pool_value_since)?;
            let of_root = on_dataset(DatasetType::Filesystem);
            check_all(observed, &pool.root_properties, of_root)
        }
        Object::Dataset(dataset) => {
            let kind = if dataset.is_volume() {
                DatasetType::Volume
            } else {
                DatasetType::Filesystem
            };
            check_all(observed, &dataset.properties, on_dataset(kind))
        }
        _ => Ok(()),
    }
}

fn check_all(
    observed: &Observed,
    properties: &Properties,
    since: impl Fn(&str, &Value) -> Option<Version>,
) -> Result<(), Stop> {
    let has = release(observed);
    for (name, property) in properties {
        let since = since(name, &property.stored);
        let is_too_new = since.zip(has).is_some_and(|(since, has)| since > has);
        if is_too_new || observed.unknown_properties.contains(name.as_ref()) {
            return Err(refusal(observed, name, property, since));
        }
    }
    Ok(())
}

fn refusal(observed: &Observed, name: &str, property: &Property, since: Option<Version>) -> Stop {
    let has = match &observed.zfs {
        Some(version) => format!("this host's OpenZFS {version}"),
        None => "this host's OpenZFS".to_owned(),
    };
    let is_name_unknown = observed.unknown_properties.contains(name);
    let reason = if is_name_unknown {
        format!("{has} has no property {name}")
    } else {
        format!("{has} does not take {name}={}", property.stored)
    };
    let help = match since {
        Some(since) => format!("remove it, or run OpenZFS {since} or later on this host"),
        None => "remove it, or run a later OpenZFS on this host".to_owned(),
    };
    refused_at(&property.origin, RefusalCode::PropertyUnknown, reason, help)
}

/// The host's release of ZFS, where it is known.
pub(super) fn release(observed: &Observed) -> Option<Version> {
    observed.zfs.as_ref()?.parse().ok()
}

/// The file with what its `xattr=on` means on this host.
pub(super) fn meant<'a>(config: &'a Config, observed: &Observed) -> Cow<'a, Config> {
    let meaning = meaning_of_xattr_on(release(observed));
    let is_on = |properties: &Properties| {
        let xattr = properties.get("xattr");
        xattr.is_some_and(|property| property.stored == "on")
    };
    let mut all = config
        .pools
        .iter()
        .map(|pool| &pool.root_properties)
        .chain(config.datasets.iter().map(|dataset| &dataset.properties));
    if !all.any(is_on) {
        return Cow::Borrowed(config);
    }
    let mut config = config.clone();
    let pools = config
        .pools
        .iter_mut()
        .map(|pool| &mut pool.root_properties);
    let datasets = config
        .datasets
        .iter_mut()
        .map(|dataset| &mut dataset.properties);
    for properties in pools.chain(datasets) {
        if let Some(xattr) = properties
            .get_mut("xattr")
            .filter(|xattr| xattr.stored == "on")
        {
            xattr.stored = meaning.into();
        }
    }
    Cow::Owned(config)
}
