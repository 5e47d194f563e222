//! Numbers, names and property values as people write them.

use phoenix_zfs::name::{check_dataset, check_pool};
use phoenix_zfs::property::stored_pool_value;
use phoenix_zfs::property::{DatasetType, argument, same_value, stored_dataset_value};
use phoenix_zfs::size as sizes;

use super::read;

/// What is shown for a size can be typed, and means nearly the same: three digits are kept.
pub(super) fn size(text: &str) {
    if text.len() > LONGEST_VALUE {
        return;
    }
    if let Some(bytes) = read(text, sizes::parse) {
        let shown = sizes::human(bytes);
        let back = sizes::parse(&shown);
        let near = back.is_ok_and(|back| back.abs_diff(bytes) <= bytes / 100);
        assert!(near || shown == "16.0E", "{bytes} is shown as {shown}");
        assert!(!sizes::decimal_and_binary(bytes).is_empty());
    }
}

/// Longer values are no values, and messages repeat them as they came: OpenZFS keeps at most 8192
/// bytes of a user property and 256 of a name.
const LONGEST_VALUE: usize = 1000;

pub(super) fn names(text: &str) {
    if text.len() > LONGEST_VALUE {
        return;
    }
    read(text, check_pool);
    read(text, check_dataset);
}

/// `NAME=VALUE`: what is stored is stored again as it is, on file systems and on volumes.
pub(super) fn dataset_value(text: &str) {
    if text.len() > LONGEST_VALUE {
        return;
    }
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    for kind in [DatasetType::Filesystem, DatasetType::Volume] {
        if let Some(stored) = read(value, |value| stored_dataset_value(name, value, kind)) {
            assert!(same_value(name, &stored, &stored));
            let typed = argument(name, &stored);
            let again = stored_dataset_value(name, &typed, kind);
            assert_eq!(again.as_ref(), Ok(&stored), "{name}={typed}");
        }
    }
}

/// The same for a pool.
pub(super) fn pool_value(text: &str) {
    if text.len() > LONGEST_VALUE {
        return;
    }
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    if let Some(stored) = read(value, |value| stored_pool_value(name, value)) {
        let typed = argument(name, &stored);
        let again = stored_pool_value(name, &typed);
        assert_eq!(again.as_ref(), Ok(&stored), "{name}={typed}");
    }
}
