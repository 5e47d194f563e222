//! The tables of properties, read once from `data/*.tsv`.
//!
//! Owns what the columns mean; how a value is checked against a row is `value`'s business.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::version::Version;

/// What a property's values look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One word out of [`Property::spellings`].
    Index,
    /// A number of bytes; `none` is stored as 0.
    Size,
    /// A number of bytes; "no limit" must be written `none`, because ZFS refuses 0.
    Limit,
    /// A number of things; `none` is stored as `none`.
    Count,
    /// A block size: a power of two from 512 bytes to 16 MiB.
    Block,
    /// 0, or the log2 of a sector size from 9 to 16.
    Ashift,
    /// Free text, for some properties with rules of its own.
    Text,
}

/// One property that can be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// The full name.
    pub name: &'static str,
    /// What its values look like.
    pub kind: Kind,
    /// For [`Kind::Index`]: every accepted spelling with the form that ZFS stores and prints.
    pub spellings: Vec<(&'static str, &'static str)>,
    /// What `zfs get -p` (OpenZFS 2.3) prints when nobody has set it; empty where ZFS computes it.
    pub default: &'static str,
    /// Whether child datasets inherit it. False for pool properties.
    pub inheritable: bool,
    /// Whether it is fixed when the dataset is created. False for pool properties.
    pub create_only: bool,
    /// Whether file systems have it. False for pool properties.
    pub filesystem: bool,
    /// Whether volumes have it. False for pool properties.
    pub volume: bool,
    /// The first release that knows it; `None` for what OpenZFS 2.1 knew.
    pub since: Option<Version>,
    /// For [`Kind::Index`]: the words that only later releases know.
    pub later_words: Vec<(&'static str, Version)>,
}

impl Property {
    /// The stored form of an accepted spelling of an index value.
    pub fn stored_spelling(&self, written: &str) -> Option<&'static str> {
        self.spellings
            .iter()
            .find(|(spelling, _)| *spelling == written)
            .map(|(_, stored)| *stored)
    }
}

/// Properties by name.
pub(super) type Table = BTreeMap<&'static str, Property>;

/// What can be set on datasets, `userquota@...` and user properties apart.
pub(super) static DATASET: LazyLock<Table> =
    LazyLock::new(|| read(include_str!("../../data/dataset-properties.tsv")));

/// What can be set on pools, user properties apart.
pub(super) static POOL: LazyLock<Table> =
    LazyLock::new(|| read(include_str!("../../data/pool-properties.tsv")));

/// Rows that do not parse are left out; a test proves that there are none.
fn read(text: &'static str) -> Table {
    rows(text)
        .filter_map(parse_row)
        .map(|property| (property.name, property))
        .collect()
}

fn rows(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().skip(1)
}

fn parse_row(row: &'static str) -> Option<Property> {
    let mut cells = row.split('\t');
    let (name, kind, values, default) =
        (cells.next()?, cells.next()?, cells.next()?, cells.next()?);
    // The last column says since when; those before it say what only datasets have.
    let since = cells.next_back()?;
    let (inheritable, create_only, types) = (
        cells.next().unwrap_or("no"),
        cells.next().unwrap_or("no"),
        cells.next().unwrap_or_default(),
    );
    let words = || values.split('|').filter(|value| !value.is_empty());
    let plain = |word: &'static str| word.split_once('@').map_or(word, |(plain, _)| plain);
    let spellings = words()
        .map(plain)
        .map(|value| value.split_once('=').unwrap_or((value, value)))
        .collect();
    let later = |word: &'static str| {
        let (plain, since) = word.split_once('@')?;
        Some((plain, since.parse::<Version>().ok()?))
    };
    Some(Property {
        name,
        kind: parse_kind(kind)?,
        spellings,
        default,
        inheritable: inheritable == "yes",
        create_only: create_only == "yes",
        filesystem: types.split(',').any(|kind| kind == "filesystem"),
        volume: types.split(',').any(|kind| kind == "volume"),
        since: since.parse().ok(),
        later_words: words().filter_map(later).collect(),
    })
}

fn parse_kind(text: &str) -> Option<Kind> {
    Some(match text {
        "index" => Kind::Index,
        "size" => Kind::Size,
        "limit" => Kind::Limit,
        "count" => Kind::Count,
        "block" => Kind::Block,
        "ashift" => Kind::Ashift,
        "string" => Kind::Text,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_parses_once_and_makes_sense() {
        for (text, table, columns) in [
            (
                include_str!("../../data/dataset-properties.tsv"),
                &DATASET,
                8,
            ),
            (include_str!("../../data/pool-properties.tsv"), &POOL, 5),
        ] {
            for row in rows(text) {
                assert_eq!(row.split('\t').count(), columns, "{row}");
                let property = parse_row(row).unwrap_or_else(|| panic!("{row}"));
                let is_index = property.kind == Kind::Index;
                assert_eq!(is_index, !property.spellings.is_empty(), "{row}");
                if is_index {
                    assert!(
                        property.stored_spelling(property.default).is_some(),
                        "{row}"
                    );
                }
                for (_, stored) in &property.spellings {
                    assert_eq!(property.stored_spelling(stored), Some(*stored), "{row}");
                }
                let since = row.rsplit('\t').next().unwrap_or("");
                assert_eq!(property.since.is_some(), !since.is_empty(), "{row}");
                let later = row.matches('@').count() - row.matches("feature@").count();
                assert_eq!(property.later_words.len(), later, "{row}");
                if columns == 8 {
                    assert!(property.filesystem || property.volume, "{row}");
                }
            }
            assert_eq!(table.len(), rows(text).count());
        }
    }
}
