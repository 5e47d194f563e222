//! What the options of a Proxmox storage mean, so that two spellings of one value are equal.
//!
//! The planner compares with it before an apply, the executor after one. Options come back as
//! Proxmox stores them: lists in random order, defaults often not at all.

use std::collections::BTreeSet;

use phoenix_zfs::size;

use crate::observed::ObservedStorage;

/// What holds when an option is not stored (pve-storage 9.1 `Plugin.pm`, `DirPlugin.pm`,
/// `ZFSPoolPlugin.pm`; defaults differ between versions for those that are not here).
const DEFAULTS: [(&str, &str); 9] = [
    ("create-base-path", "1"),
    ("create-subdirs", "1"),
    ("disable", "0"),
    ("format", "raw"),
    ("preallocation", "metadata"),
    ("prune-backups", "keep-all=1"),
    ("shared", "0"),
    ("snapshot-as-volume-chain", "0"),
    ("sparse", "0"),
];

/// The value that is in force, stored or not.
pub fn effective(storage: &ObservedStorage, name: &str) -> Option<String> {
    if let Some(stored) = stored(storage, name) {
        return Some(match name {
            // The path that must be mounted may be written out, and mean the same.
            "is_mountpoint" if trimmed(&stored) == trimmed(path(storage)) => "1".to_owned(),
            "create-subdirs" if is_off(storage, "mkdir") => "0".to_owned(),
            _ => stored,
        });
    }
    match name {
        // The old name of both (`Plugin.pm`, `config_aware_base_mkdir` and `activate_storage`).
        "create-base-path" | "create-subdirs" if is_off(storage, "mkdir") => Some("0".to_owned()),
        // `ZFSPoolPlugin.pm`, `path`.
        "mountpoint" => storage.options.get("pool").map(|pool| format!("/{pool}")),
        _ => {
            let default = DEFAULTS.iter().find(|(option, _)| *option == name);
            default.map(|(_, value)| (*value).to_owned())
        }
    }
}

/// The value that is stored, lists sorted.
pub fn stored(storage: &ObservedStorage, name: &str) -> Option<String> {
    match name {
        "content" => joined(&storage.content),
        "nodes" => joined(&storage.nodes),
        _ => storage.options.get(name).cloned(),
    }
}

/// Words as Proxmox takes a list; `None` without words.
pub(crate) fn joined(words: &BTreeSet<String>) -> Option<String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    (!words.is_empty()).then(|| words.join(","))
}

fn path(storage: &ObservedStorage) -> &str {
    storage.options.get("path").map_or("", String::as_str)
}

fn is_off(storage: &ObservedStorage, name: &str) -> bool {
    let value = storage.options.get(name);
    value.and_then(|value| boolean(value)) == Some(false)
}

/// Whether two values of the option `name` are one to Proxmox.
pub fn same_value(name: &str, one: &str, other: &str) -> bool {
    one == other || meaning(name, one) == meaning(name, other)
}

#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    Boolean(bool),
    Bytes(u64),
    Words(BTreeSet<String>),
    Text(String),
}

fn meaning(name: &str, value: &str) -> Meaning {
    let text = || Meaning::Text(value.to_owned());
    match name {
        "bwlimit" => Meaning::Words(words(value).iter().map(|word| limit(word)).collect()),
        "content" | "nodes" | "content-dirs" => Meaning::Words(words(value)),
        "prune-backups" => Meaning::Words(kept(value)),
        "blocksize" => size::parse(value).map_or_else(|_| text(), Meaning::Bytes),
        "path" | "mountpoint" | "pool" => Meaning::Text(trimmed(value).to_owned()),
        _ => boolean(value).map_or_else(text, Meaning::Boolean),
    }
}

/// `restore=10.50` is `restore=10.5`.
fn limit(word: &str) -> String {
    let number = |(key, number): (&str, &str)| {
        let number: f64 = number.parse().ok()?;
        Some(format!("{key}={number}"))
    };
    let same = word.split_once('=').and_then(number);
    same.unwrap_or_else(|| word.to_owned())
}

fn words(list: &str) -> BTreeSet<String> {
    let words = list.split(',').filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// A number that is 0 counts for nothing, and nothing is everything (`Plugin.pm`,
/// `validate_prune_backups`).
fn kept(list: &str) -> BTreeSet<String> {
    let mut words = words(list);
    words.retain(|word| match word.split_once('=') {
        Some(("keep-all", _)) => false,
        Some((_, number)) => number != "0",
        None => true,
    });
    words
}

/// A boolean as pve-common reads it (`PVE/JSONSchema.pm`, `parse_boolean`).
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "yes" | "on" | "true" => Some(true),
        "0" | "no" | "off" | "false" => Some(false),
        _ => None,
    }
}

/// A path without slashes at its end.
pub(crate) fn trimmed(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" => path,
        trimmed => trimmed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_compared_by_what_they_mean() {
        for (name, one, other, same) in [
            ("content", "images,rootdir", "rootdir,images", true),
            ("content", "images", "images,rootdir", false),
            ("nodes", "b,a", "a,b", true),
            ("sparse", "1", "yes", true),
            ("sparse", "0", "1", false),
            ("blocksize", "16K", "16k", true),
            ("blocksize", "1m", "1024k", true),
            ("blocksize", "16k", "32k", false),
            ("path", "/a/", "/a", true),
            (
                "prune-backups",
                "keep-last=3,keep-daily=7",
                "keep-daily=7,keep-last=3",
                true,
            ),
            (
                "prune-backups",
                "keep-last=3,keep-daily=0",
                "keep-last=3",
                true,
            ),
            ("prune-backups", "keep-all=1", "keep-last=0", true),
            ("prune-backups", "keep-all=1", "keep-last=1", false),
            ("bwlimit", "default=1,move=2", "move=2,default=1", true),
            ("bwlimit", "restore=10.50", "restore=10.5", true),
            ("bwlimit", "restore=10.5", "restore=10", false),
            ("content-dirs", "iso=a", "iso=b", false),
            ("max-protected-backups", "5", "5", true),
            ("max-protected-backups", "5", "-1", false),
            ("format", "qcow2", "raw", false),
            ("is_mountpoint", "yes", "1", true),
            ("is_mountpoint", "yes", "/tank/a", false),
        ] {
            assert_eq!(same_value(name, one, other), same, "{name} {one} {other}");
        }
    }

    #[test]
    fn what_is_not_stored_has_a_default_and_an_old_name_counts() {
        let storage = |pairs: &[(&str, &str)]| ObservedStorage {
            options: pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..ObservedStorage::default()
        };
        for (options, name, value) in [
            (&[][..], "sparse", Some("0")),
            (&[("sparse", "1")], "sparse", Some("1")),
            (&[], "create-subdirs", Some("1")),
            (&[("mkdir", "0")], "create-subdirs", Some("0")),
            (
                &[("mkdir", "0"), ("create-base-path", "1")],
                "create-base-path",
                Some("1"),
            ),
            (
                &[("mkdir", "0"), ("create-subdirs", "1")],
                "create-subdirs",
                Some("0"),
            ),
            (&[("pool", "tank/a")], "mountpoint", Some("/tank/a")),
            (
                &[("path", "/a"), ("is_mountpoint", "/a/")],
                "is_mountpoint",
                Some("1"),
            ),
            (
                &[("path", "/a"), ("is_mountpoint", "/")],
                "is_mountpoint",
                Some("/"),
            ),
            (&[], "blocksize", None),
            (&[], "nodes", None),
        ] {
            let found = effective(&storage(options), name);
            assert_eq!(found.as_deref(), value, "{options:?} {name}");
        }
    }
}
