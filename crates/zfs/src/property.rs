//! Properties of datasets and pools: which exist, which values ZFS takes, and how it stores them.
//!
//! Owns the translation from what people write (`1.4T`, `gzip-6`, `on`) to what `zfs get -p`
//! prints (`1539316278886`, `gzip`, `aes-256-gcm`), so that a difference is a difference. It does
//! not know what any dataset has; rules that need several properties or a host are elsewhere.

mod error;
mod source;
mod stored;
mod table;
mod value;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

pub use error::PropertyError;
pub use source::{Source, UnknownSource};
pub use table::{Kind, Property};
pub use value::Value;

use table::{DATASET, POOL, Table};

use crate::version::Version;

/// Since when `special_small_blocks` may be any size, and set on volumes (zfsprops(7)).
const ANY_SMALL_BLOCK: Version = Version {
    major: 2,
    minor: 4,
    patch: 0,
};

/// The two types of dataset that can be declared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum DatasetType {
    /// A file system.
    #[default]
    Filesystem,
    /// A block device (zvol).
    Volume,
}

/// A word that is no type of dataset that can be declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither `filesystem` nor `volume`")]
pub struct UnknownType;

crate::as_text!(DatasetType);

impl DatasetType {
    /// ZFS's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Filesystem => "filesystem",
            Self::Volume => "volume",
        }
    }
}

impl FromStr for DatasetType {
    type Err = UnknownType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "filesystem" => Ok(Self::Filesystem),
            "volume" => Ok(Self::Volume),
            _ => Err(UnknownType),
        }
    }
}

impl fmt::Display for DatasetType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Names that `zfs get` knows and nobody can set (zfsprops(7)).
const READ_ONLY_DATASET: [&str; 26] = [
    "available",
    "clones",
    "compressratio",
    "createtxg",
    "creation",
    "defer_destroy",
    "encryptionroot",
    "filesystem_count",
    "guid",
    "keystatus",
    "logicalreferenced",
    "logicalused",
    "mounted",
    "name",
    "objsetid",
    "origin",
    "receive_resume_token",
    "redact_snaps",
    "refcompressratio",
    "referenced",
    "snapshot_count",
    "snapshots_changed",
    "type",
    "used",
    "userrefs",
    "written",
];

/// Names that `zpool get` knows and nobody can set (zpoolprops(7)).
const READ_ONLY_POOL: [&str; 21] = [
    "allocated",
    "available",
    "bcloneratio",
    "bclonesaved",
    "bcloneused",
    "capacity",
    "checkpoint",
    "dedup_table_size",
    "dedupratio",
    "expandsize",
    "fragmentation",
    "free",
    "freeing",
    "guid",
    "health",
    "last_scrubbed_txg",
    "leaked",
    "load_guid",
    "size",
    "usable",
    "used",
];

/// Pool properties that cannot be part of a lasting declaration, and why.
const PASSING_POOL: [(&str, &str); 5] = [
    ("altroot", "lasts only until the pool is exported"),
    ("dedupditto", "has no effect any more"),
    ("readonly", "can be set only while a pool is imported"),
    ("tname", "lasts only until the pool is exported"),
    ("version", "would switch off feature flags for good"),
];

/// Short names that ZFS accepts for columns of `zfs list` but never prints.
const SHORT_NAMES: [(&str, &str); 8] = [
    ("compress", "compression"),
    ("crypt", "encryption"),
    ("listsnaps", "listsnapshots"),
    ("rdonly", "readonly"),
    ("recsize", "recordsize"),
    ("refreserv", "refreservation"),
    ("reserv", "reservation"),
    ("volblock", "volblocksize"),
];

/// Limits of one user, group or project: `userquota@alice`.
const PRINCIPAL_LIMITS: [&str; 6] = [
    "groupobjquota",
    "groupquota",
    "projectobjquota",
    "projectquota",
    "userobjquota",
    "userquota",
];

/// What `zfs get -p` prints after `name` has been set to `value` on a dataset of type `kind`.
///
/// Follows OpenZFS 2.3. `xattr=on` stays as it is: releases mean different things by it. Which features
/// a pool has, and what the dataset already holds, is not considered.
pub fn stored_dataset_value(
    name: &str,
    value: &str,
    kind: DatasetType,
) -> Result<Value, PropertyError> {
    if name.contains(':') {
        return stored::user(name, value);
    }
    if let Some((family, who)) = name.split_once('@') {
        return principal_limit(family, who, value, kind);
    }
    let Some(property) = DATASET.get(name) else {
        return Err(no_such(name, &DATASET, &READ_ONLY_DATASET));
    };
    let applies = match kind {
        DatasetType::Filesystem => property.filesystem,
        DatasetType::Volume => property.volume,
    };
    if !applies {
        return Err(PropertyError::WrongType { kind });
    }
    if (name, value) == ("xattr", "on") {
        return Ok(value.into());
    }
    stored::stored(property, value)
}

/// What `zpool get -p` prints after the pool property `name` has been set to `value`.
///
/// Feature flags (`feature@NAME`) are `enabled` or `disabled`; a live `active` is [`same_value`]
/// as `enabled`.
pub fn stored_pool_value(name: &str, value: &str) -> Result<Value, PropertyError> {
    if name.contains(':') {
        return stored::user(name, value);
    }
    if let Some(property) = POOL.get(name) {
        return stored::stored(property, value);
    }
    match PASSING_POOL.iter().find(|(passing, _)| *passing == name) {
        Some((_, reason)) => Err(PropertyError::invalid(
            *reason,
            "remove it from the declaration",
        )),
        None => Err(no_such(name, &POOL, &READ_ONLY_POOL)),
    }
}

/// The first release of OpenZFS that takes the stored `value` for the dataset property `name` on a
/// dataset of type `kind`; `None` for what 2.1 took.
pub fn dataset_value_since(name: &str, value: &Value, kind: DatasetType) -> Option<Version> {
    let property = DATASET.get(name)?;
    let by_rule = (name == "special_small_blocks" && !is_old_small_block(value, kind))
        .then_some(ANY_SMALL_BLOCK);
    [value_since(property, value), by_rule].into_iter().max()?
}

/// The first release of OpenZFS that takes the stored `value` for the pool property `name`; `None` for
/// what 2.1 took.
pub fn pool_value_since(name: &str, value: &Value) -> Option<Version> {
    value_since(POOL.get(name)?, value)
}

fn value_since(property: &Property, value: &Value) -> Option<Version> {
    let mut words = property.later_words.iter();
    let word = words.find(|(word, _)| value == word);
    property.since.max(word.map(|(_, since)| *since))
}

/// What `special_small_blocks` had to be before it could be anything, on volumes too.
fn is_old_small_block(value: &Value, kind: DatasetType) -> bool {
    let bytes = value.number().unwrap_or(0);
    let fits = bytes == 0 || (bytes.is_power_of_two() && (512..=1 << 20).contains(&bytes));
    fits && kind == DatasetType::Filesystem
}

/// Whether two stored values of a dataset or pool property mean the same, although versions of
/// ZFS print them differently: aliases (`posixacl` and `posix`), slashes in paths, an empty comment,
/// features that are `enabled` and already `active`.
///
/// `xattr=on` is taken for `sa`, as OpenZFS 2.3 and later mean and print it. Whoever asks an older one
/// has to put `dir` in its place before.
pub fn same_value(name: &str, a: &Value, b: &Value) -> bool {
    a == b || canonical(name, a) == canonical(name, b)
}

/// What to write after `NAME=` for `zfs set`, `zfs create -o` and their `zpool` twins, so that ZFS
/// stores `stored`. ZFS does not take everything that it prints: a quota of 0 must be `none`, and
/// an empty comment is printed as `-`.
///
/// ```
/// use phoenix_zfs::property::{Value, argument};
/// assert_eq!(argument("quota", &Value::Number(0)), "none");
/// assert_eq!(argument("quota", &Value::Number(1 << 30)), "1073741824");
/// assert_eq!(argument("comment", &Value::from("-")), "");
/// assert_eq!(argument("special_small_blocks", &Value::Number(0)), "0");
/// ```
pub fn argument<'a>(name: &str, stored: &'a Value) -> Cow<'a, str> {
    let kind = DATASET
        .get(name)
        .or_else(|| POOL.get(name))
        .map(|property| property.kind);
    match kind {
        Some(Kind::Limit) if *stored == Value::Number(0) => "none".into(),
        Some(Kind::Text) if *stored == "-" => "".into(),
        _ => stored.text(),
    }
}

/// Whether the dataset property is fixed when the dataset is created.
pub fn is_create_only(name: &str) -> bool {
    DATASET
        .get(name)
        .is_some_and(|property| property.create_only)
}

/// Whether `name` is a property of the user's own, such as `site:owner`: lower-case letters,
/// digits and `._:-` with at least one colon, shorter than 256 bytes, not beginning with `-`.
pub fn is_user_property(name: &str) -> bool {
    let allowed = |byte: u8| {
        byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || matches!(byte, b'.' | b'_' | b':' | b'-')
    };
    name.contains(':') && !name.starts_with('-') && name.len() < 256 && name.bytes().all(allowed)
}

/// The settable property of datasets called `name`, `userquota@...` and user properties apart.
pub fn dataset_property(name: &str) -> Option<&'static Property> {
    DATASET.get(name)
}

/// The settable property of pools called `name`, user properties apart.
pub fn pool_property(name: &str) -> Option<&'static Property> {
    POOL.get(name)
}

/// Every settable property of datasets by name, `userquota@...` and user properties apart.
pub fn dataset_property_names() -> impl Iterator<Item = &'static str> {
    DATASET.keys().copied()
}

/// Every settable property of pools by name, feature flags (`feature@...`) included.
pub fn pool_property_names() -> impl Iterator<Item = &'static str> {
    POOL.keys().copied()
}

/// One spelling for everything that means the same.
fn canonical<'a>(name: &str, stored: &'a Value) -> Cow<'a, str> {
    let text = stored.text();
    match name {
        "mountpoint" => return stored::normalise_path(&text).into(),
        "comment" if text == "-" => return "".into(),
        _ => {}
    }
    let spelling = DATASET
        .get(name)
        .and_then(|property| property.stored_spelling(&text))
        .or_else(|| POOL.get(name)?.stored_spelling(&text));
    spelling.map_or(text, Cow::Borrowed)
}

fn principal_limit(
    family: &str,
    who: &str,
    value: &str,
    kind: DatasetType,
) -> Result<Value, PropertyError> {
    if matches!(family, "written") || family.ends_with("used") {
        return Err(PropertyError::ReadOnly);
    }
    if !PRINCIPAL_LIMITS.contains(&family) {
        return Err(PropertyError::Unknown {
            suggestion: nearest(family, PRINCIPAL_LIMITS.into_iter())
                .map(|family| format!("{family}@{who}")),
        });
    }
    if kind == DatasetType::Volume {
        return Err(PropertyError::WrongType { kind });
    }
    if who.is_empty() {
        return Err(PropertyError::invalid(
            "names nobody after the @",
            format!("write {family}@NAME or {family}@ID"),
        ));
    }
    stored::size_or_none(value, Value::Number(0))
}

/// Why `name` is in none of the tables.
fn no_such(name: &str, table: &'static Table, read_only: &[&str]) -> PropertyError {
    if read_only.contains(&name) || name.starts_with("usedby") {
        return PropertyError::ReadOnly;
    }
    let short = SHORT_NAMES.iter().find(|(short, _)| *short == name);
    let suggestion = short
        .map(|(_, full)| *full)
        .filter(|full| table.contains_key(full))
        .or_else(|| nearest(name, table.keys().copied()));
    PropertyError::Unknown {
        suggestion: suggestion.map(str::to_owned),
    }
}

/// The most similar word, if any is near enough to be a slip of the pen.
fn nearest<'a>(word: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.len() / 3).max(1);
    words
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}
