//! Compares phoenix's reading of property values with what OpenZFS 2.3.9 did with them.
//!
//! `data/README.md` says where the recordings come from.

use phoenix_zfs::property::{
    DatasetType, Value, dataset_property_names, same_value, stored_dataset_value, stored_pool_value,
};
use proptest::prelude::*;
use proptest::sample::select;

/// Values that OpenZFS 2.3.9 takes and phoenix refuses on purpose.
const STRICTER: [(&str, &str); 3] = [
    // ZFS stores a number that depends on the volume, so a declaration would never be met.
    ("refreservation", "auto"),
    // Names the user 0 by accident.
    ("userquota@", "1G"),
    // Read back under the full name only.
    ("recsize", "128K"),
];

/// Values that phoenix takes and OpenZFS 2.3.9 refused.
const LOOSER: [(&str, &str); 3] = [
    // Both since 2.4.
    ("defaultuserquota", "1G"),
    ("special_small_blocks", "1000"),
    // Only while a pool is created.
    ("feature@async_destroy", "disabled"),
];

#[test]
fn values_are_taken_and_stored_as_zfs_does() {
    let mut differences = Vec::new();
    let mut rows = 0;
    for row in include_str!("data/property-values.tsv").lines() {
        let cells: Vec<&str> = row.split('\t').collect();
        let (kind, name, value) = (cells[0], cells[1], cells[2]);
        let ours = match kind {
            "pool" => stored_pool_value(name, value),
            "volume" => stored_dataset_value(name, value, DatasetType::Volume),
            _ => stored_dataset_value(name, value, DatasetType::Filesystem),
        };
        let same = match (&ours, cells[3]) {
            (Ok(stored), "0") => same_value(name, stored, &cells[4].into()),
            (Err(_), "0") => STRICTER.contains(&(name, value)),
            (Ok(_), _) => LOOSER.contains(&(name, value)),
            (Err(_), _) => true,
        };
        if !same {
            differences.push(format!("{row} => {ours:?}"));
        }
        rows += 1;
    }
    assert!(rows > 500, "{rows} rows");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn recorded_spellings_of_sizes_and_words_are_read_alike() {
    let recordings = [
        ("quota", include_str!("data/quota-parse.tsv")),
        ("recordsize", include_str!("data/recordsize-parse.tsv")),
        ("compression", include_str!("data/compression-parse.tsv")),
        ("sync", include_str!("data/sync-parse.tsv")),
    ];
    for (name, recording) in recordings {
        for row in recording.lines() {
            let mut cells = row.split('\t');
            let value = cells.next().unwrap().trim_matches('\'');
            let taken = cells.next().unwrap() == "rc=0";
            let read_back = cells.next().unwrap();
            let ours = stored_dataset_value(name, value, DatasetType::Filesystem);
            let expected = taken.then(|| read_back.into());
            assert_eq!(ours.ok(), expected, "{name}={value}");
        }
    }
}

#[test]
fn values_that_only_look_different_are_the_same() {
    for (name, a, b) in [
        ("acltype", "posixacl", "posix"),
        ("acltype", "off", "noacl"),
        ("xattr", "sa", "on"),
        ("mountpoint", "/srv//data/", "/srv/data"),
        ("comment", "-", ""),
        ("feature@lz4_compress", "enabled", "active"),
        ("site:owner", "prod", "prod"),
    ] {
        let (a, b) = (Value::from(a), Value::from(b));
        assert!(
            same_value(name, &a, &b) && same_value(name, &b, &a),
            "{name}"
        );
    }
    for (name, a, b) in [
        ("compression", "zstd", "zstd-3"),
        ("compression", "on", "lz4"),
        ("xattr", "sa", "dir"),
        ("mountpoint", "none", "/none"),
        ("cachefile", "-", "none"),
        ("feature@lz4_compress", "enabled", "disabled"),
        ("site:owner", "posixacl", "posix"),
    ] {
        assert!(!same_value(name, &a.into(), &b.into()), "{name}");
    }
}

#[test]
fn a_refusal_says_why_and_what_to_do() {
    let filesystem = |name: &str, value: &str| {
        let error = stored_dataset_value(name, value, DatasetType::Filesystem).unwrap_err();
        format!("{error}; {}", error.help())
    };
    let cases = [
        (
            "recsize",
            "128K",
            "is unknown to ZFS; did you mean `recordsize`?",
        ),
        ("quotaa", "1G", "is unknown to ZFS; did you mean `quota`?"),
        (
            "used",
            "1",
            "is read-only; remove it: ZFS computes this property",
        ),
        (
            "volsize",
            "1G",
            "does not apply to a filesystem; remove it, or declare the dataset with \
             `\"type\": \"volume\"`",
        ),
        (
            "sync",
            "Always",
            "must be one of standard, always, disabled; did you mean `always`?",
        ),
        (
            "compression",
            "gzip-10",
            "must be one of on, off, lzjb, gzip, gzip-1 to gzip-9, zle, lz4, zstd, zstd-fast, \
             zstd-1 to zstd-19, zstd-fast-1 to zstd-fast-1000; did you mean `gzip-1`?",
        ),
        (
            "recordsize",
            "100K",
            "must be a power of two from 512B to 16M; use a power of two, such as 16K, 128K or 1M",
        ),
        (
            "quota",
            "0",
            "cannot be 0, because ZFS writes \"no limit\" as `none`; write `none`",
        ),
        (
            "quota",
            "1e3",
            "is written with an exponent; write the number out, or use a unit: 1000, 800G or \
             1.4T (E is exbibytes)",
        ),
        (
            "mountpoint",
            "srv/data",
            "must be an absolute path, none or legacy; write the whole path, such as /srv/data, \
             or none",
        ),
    ];
    for (name, value, text) in cases {
        assert_eq!(filesystem(name, value), text, "{name}={value}");
    }
}

proptest! {
    #[test]
    fn storing_what_is_stored_changes_nothing(
        name in select(dataset_property_names().collect::<Vec<_>>()),
        value in "none|auto|on|off|[0-9]{1,6}[KMGT]?|/[a-z/]{0,12}|[a-z0-9-]{1,8}",
        volume: bool,
    ) {
        let kind = if volume { DatasetType::Volume } else { DatasetType::Filesystem };
        if let Ok(stored) = stored_dataset_value(name, &value, kind) {
            // "no limit" is printed as 0 and written as none; for free text a 0 is just a 0.
            let no_limit = stored_dataset_value(name, "none", kind) == Ok(Value::Number(0));
            let written_again = if stored == "0" && no_limit { "none".into() } else { stored.text() };
            let again = stored_dataset_value(name, &written_again, kind);
            prop_assert_eq!(again, Ok(stored.clone()));
            prop_assert!(same_value(name, &stored, &stored));
        }
    }
}
