//! What `zpool create` refuses though every word of it is right: properties that do not go together,
//! and vdevs that do not.
//!
//! These rules are for a pool that is to be made and for no other: what lives has its own history.
//! They follow `zpool_create`, `zfs_valid_proplist` and `zfs_crypto_create` in OpenZFS's libzfs and
//! `get_replication` in its `cmd/zpool/zpool_vdev.c`. Nothing here knows a host.

use std::collections::BTreeMap;

use crate::layout::RaidLevel;
use crate::property::Value;

/// How much a disk of a redundant vdev may differ in bytes from the disk before it (`ZPOOL_FUZZ`).
pub const SIZE_TOLERANCE: u64 = 16 << 20;

/// The smallest device that ZFS takes, in bytes (`SPA_MINDEVSIZE`).
pub const SMALLEST_DEVICE: u64 = 64 << 20;

/// The smallest whole disk that ZFS takes, in bytes: behind 1 MiB for the table it makes a partition
/// of [`SMALLEST_DEVICE`], rounded to MiB, and behind that one of 8 MiB and the second table
/// (`zpool_label_disk`).
pub const SMALLEST_DISK: u64 = ((1 + 64 + 8) << 20) + 34 * 512;

/// Properties by name, as ZFS stores them.
pub type Stored = BTreeMap<String, Value>;

/// Why a pool cannot be made so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The property that has to change.
    pub property: String,
    /// One clause, without the pool.
    pub reason: String,
    /// The way out.
    pub help: String,
}

fn conflict(property: &str, reason: impl Into<String>, help: impl Into<String>) -> Conflict {
    Conflict {
        property: property.to_owned(),
        reason: reason.into(),
        help: help.into(),
    }
}

/// The first thing that `zpool create` would refuse in the properties of a new pool and its root
/// dataset, if there is any. `special` says whether the pool gets a special vdev.
pub fn property_conflict(pool: &Stored, root: &Stored, special: bool) -> Option<Conflict> {
    pool_conflict(pool)
        .or_else(|| encryption_conflict(root))
        .or_else(|| name_conflict(root))
        .or_else(|| zone_conflict(root))
        .or_else(|| small_blocks_conflict(root, special))
        .or_else(|| feature_conflict(pool, root, special))
}

/// The word that a property has; `None` for a number as well.
fn get<'a>(properties: &'a Stored, name: &str) -> Option<&'a str> {
    properties.get(name).and_then(Value::word)
}

fn number(properties: &Stored, name: &str) -> Option<u64> {
    properties.get(name).and_then(Value::number)
}

/// What `zpool set` takes and `zpool create -o` does not.
fn pool_conflict(pool: &Stored) -> Option<Conflict> {
    let later = "make the pool without it first, then add it: a pool that exists takes it";
    let own = pool.keys().find(|name| name.contains(':'));
    if let Some(name) = own {
        let reason = format!("`zpool create` takes no property of your own such as {name}");
        return Some(conflict(name, reason, later));
    }
    get(pool, "bootfs").filter(|value| *value != "-").map(|_| {
        let reason = "bootfs cannot be set before the pool exists";
        conflict("bootfs", reason, later)
    })
}

/// The key that a key file has to hold, in bytes.
pub fn key_bytes(keyformat: &str) -> std::ops::RangeInclusive<u64> {
    match keyformat {
        "raw" => 32..=32,
        // Only the first line counts, so that no file is too long.
        "hex" => 64..=u64::MAX,
        _ => 8..=u64::MAX,
    }
}

fn encryption_conflict(root: &Stored) -> Option<Conflict> {
    let encrypted = get(root, "encryption").is_some_and(|value| value != "off");
    let (format, location) = (get(root, "keyformat"), get(root, "keylocation"));
    if !encrypted {
        let stray = ["keyformat", "keylocation", "pbkdf2iters"].into_iter();
        let stray = stray
            .filter(|name| root.contains_key(*name))
            .find(|name| *name != "keylocation" || location != Some("none"));
        return stray.map(|name| {
            let reason = format!("{name} is set, and encryption is not turned on");
            conflict(
                name,
                reason,
                format!("add \"encryption\": \"on\", or remove {name}"),
            )
        });
    }
    let Some(format) = format.filter(|format| *format != "none") else {
        let reason = "encryption is turned on without a keyformat";
        let help = "add \"keyformat\": \"passphrase\" (or raw, or hex) and a keylocation";
        return Some(conflict("encryption", reason, help));
    };
    match location {
        None | Some("prompt") => {
            let reason = "the key would be asked for at a terminal, and phoenix gives ZFS none";
            let help = "put the key into a file that only root can read and name it: \
                        \"keylocation\": \"file:///etc/zfs/keys/POOL.key\"";
            return Some(conflict("keylocation", reason, help));
        }
        Some("none") => {
            let reason = "an encrypted dataset cannot have keylocation none";
            let help = "name the file with the key: \"keylocation\": \"file:///PATH\"";
            return Some(conflict("keylocation", reason, help));
        }
        Some(_) => {}
    }
    if format != "passphrase" && root.contains_key("pbkdf2iters") {
        let reason = format!("pbkdf2iters goes with a passphrase, and keyformat is {format}");
        return Some(conflict("pbkdf2iters", reason, "remove pbkdf2iters"));
    }
    None
}

fn name_conflict(root: &Stored) -> Option<Conflict> {
    let normal = get(root, "normalization").filter(|value| *value != "none")?;
    (get(root, "utf8only") == Some("off")).then(|| {
        let reason = format!("normalization={normal} needs utf8only=on");
        conflict(
            "utf8only",
            reason,
            "remove utf8only, or set normalization to none",
        )
    })
}

/// Properties that ZFS sets on no dataset that belongs to a zone.
fn zone_conflict(root: &Stored) -> Option<Conflict> {
    if get(root, "zoned") != Some("on") {
        return None;
    }
    let names = ["mountpoint", "sharenfs", "sharesmb"].into_iter();
    let path = |name: &&str| !matches!(get(root, name), None | Some("none" | "legacy"));
    names.into_iter().find(path).map(|name| {
        let reason = format!("{name} cannot be set on a dataset with zoned=on");
        conflict(name, reason, format!("remove {name} or zoned"))
    })
}

/// Before OpenZFS 2.4 only powers of two up to the record size are taken.
fn small_blocks_conflict(root: &Stored, special: bool) -> Option<Conflict> {
    const PROPERTY: &str = "special_small_blocks";
    const DEFAULT_RECORD: u64 = 128 << 10;
    let bytes = number(root, PROPERTY)?;
    if !special {
        let reason = format!("{PROPERTY} is set, and the pool gets no special vdev");
        let help = format!("remove {PROPERTY}, or give the pool `special` disks");
        return Some(conflict(PROPERTY, reason, help));
    }
    let most = number(root, "recordsize").unwrap_or(DEFAULT_RECORD);
    let fits = bytes == 0 || (bytes.is_power_of_two() && (512..=most).contains(&bytes));
    (!fits).then(|| {
        let reason = format!("{PROPERTY} must be 0 or a power of two from 512 to {most} bytes");
        conflict(PROPERTY, reason, "choose such a value, for example 16K")
    })
}

/// What needs a feature that the file itself disables.
fn feature_conflict(pool: &Stored, root: &Stored, special: bool) -> Option<Conflict> {
    let is = |name: &str, words: &[&str]| {
        let value = get(root, name).unwrap_or_default();
        words.iter().any(|word| value.starts_with(word))
    };
    let hash = |word: &str| is("checksum", &[word]) || is("dedup", &[word]);
    let encrypted = get(root, "encryption").is_some_and(|value| value != "off");
    let big = number(root, "recordsize").is_some_and(|bytes| bytes > 128 << 10);
    let dnode = get(root, "dnodesize").is_some_and(|value| value != "legacy");
    let limits = ["filesystem_limit", "snapshot_limit"];
    let needs = [
        ("encryption", "encryption", encrypted),
        ("large_blocks", "recordsize", big),
        ("large_dnode", "dnodesize", dnode),
        ("zstd_compress", "compression", is("compression", &["zstd"])),
        ("lz4_compress", "compression", is("compression", &["lz4"])),
        ("sha512", "checksum", hash("sha512")),
        ("skein", "checksum", hash("skein")),
        ("edonr", "checksum", hash("edonr")),
        ("blake3", "checksum", hash("blake3")),
        ("longname", "longname", is("longname", &["on"])),
        (
            "filesystem_limits",
            "a limit",
            limits.iter().any(|name| number(root, name).is_some()),
        ),
        ("allocation_classes", "a special vdev", special),
    ];
    let off = |feature: &str| get(pool, &format!("feature@{feature}")) == Some("disabled");
    let (feature, property, _) = needs
        .into_iter()
        .find(|(feature, _, needed)| *needed && off(feature))?;
    let name = format!("feature@{feature}");
    let reason = format!("{property} needs {name}, which is disabled");
    let help = format!("remove {name}, which is enabled by default");
    Some(conflict(&name, reason, help))
}

/// Whether `zpool create` takes the two side by side, as data or special vdevs of one pool. RAID-Z
/// vdevs of one parity may be of any width since OpenZFS 2.1, and a mirror goes with them if it
/// survives as many lost disks.
pub fn go_together(first: (RaidLevel, usize), second: (RaidLevel, usize)) -> bool {
    let redundancy = |(level, disks): (RaidLevel, usize)| level.redundancy(disks);
    redundancy(first) == redundancy(second)
}

/// The first disk of a redundant vdev whose size is too far from that of the disk before it, by its
/// place among `sizes`, in bytes. Neighbours alone are compared, as `zpool create` does it.
pub fn odd_size(sizes: &[u64]) -> Option<usize> {
    let far = |pair: &[u64]| matches!(pair, [a, b] if a.abs_diff(*b) > SIZE_TOLERANCE);
    sizes.windows(2).position(far).map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(pairs: &str) -> Stored {
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap();
            (name.to_owned(), Value::from(value))
        };
        pairs.split_whitespace().map(pair).collect()
    }

    /// Pool properties, those of the root dataset, whether there is a special vdev, and the property
    /// that speaks against it.
    #[test]
    fn properties_that_do_not_go_together_are_found_and_no_others() {
        const KEY: &str = "keylocation=file:///k";
        for (pool, root, special, wanted) in [
            ("", "", false, ""),
            (
                "autotrim=on comment=x",
                "atime=off compression=lz4",
                false,
                "",
            ),
            ("site:owner=me", "", false, "site:owner"),
            ("bootfs=tank/root", "", false, "bootfs"),
            ("bootfs=-", "", false, ""),
            ("", "encryption=off", false, ""),
            ("", "encryption=off keylocation=none", false, ""),
            ("", "keyformat=raw", false, "keyformat"),
            ("", "encryption=off keyformat=raw", false, "keyformat"),
            ("", KEY, false, "keylocation"),
            ("", "pbkdf2iters=400000", false, "pbkdf2iters"),
            ("", "encryption=aes-256-gcm", false, "encryption"),
            (
                "",
                "encryption=aes-256-gcm keyformat=none",
                false,
                "encryption",
            ),
            (
                "",
                "encryption=aes-256-gcm keyformat=raw",
                false,
                "keylocation",
            ),
            (
                "",
                "encryption=aes-256-gcm keyformat=raw keylocation=prompt",
                false,
                "keylocation",
            ),
            (
                "",
                "encryption=aes-256-gcm keyformat=raw keylocation=none",
                false,
                "keylocation",
            ),
            (
                "",
                "encryption=aes-256-gcm keyformat=raw keylocation=file:///k",
                false,
                "",
            ),
            (
                "",
                "encryption=aes-256-gcm keyformat=hex keylocation=https://k",
                false,
                "",
            ),
            (
                "",
                "encryption=aes-128-ccm keyformat=passphrase pbkdf2iters=400000 keylocation=file:///k",
                false,
                "",
            ),
            (
                "",
                "encryption=aes-128-ccm keyformat=raw pbkdf2iters=400000 keylocation=file:///k",
                false,
                "pbkdf2iters",
            ),
            ("", "utf8only=off", false, ""),
            ("", "utf8only=off normalization=none", false, ""),
            ("", "utf8only=on normalization=formD", false, ""),
            ("", "utf8only=off normalization=formD", false, "utf8only"),
            ("", "zoned=on", false, ""),
            ("", "zoned=on mountpoint=none", false, ""),
            ("", "zoned=on mountpoint=/srv", false, "mountpoint"),
            ("", "zoned=on sharenfs=off", false, "sharenfs"),
            ("", "special_small_blocks=0", false, "special_small_blocks"),
            ("", "special_small_blocks=16384", true, ""),
            ("", "special_small_blocks=0", true, ""),
            (
                "",
                "special_small_blocks=3072",
                true,
                "special_small_blocks",
            ),
            (
                "",
                "special_small_blocks=262144",
                true,
                "special_small_blocks",
            ),
            (
                "",
                "special_small_blocks=262144 recordsize=1048576",
                true,
                "",
            ),
            (
                "feature@lz4_compress=disabled",
                "compression=lz4",
                false,
                "feature@lz4_compress",
            ),
            (
                "feature@lz4_compress=disabled",
                "compression=zle",
                false,
                "",
            ),
            (
                "feature@large_blocks=disabled",
                "recordsize=131072",
                false,
                "",
            ),
            (
                "feature@large_blocks=disabled",
                "recordsize=262144",
                false,
                "feature@large_blocks",
            ),
            (
                "feature@allocation_classes=disabled",
                "",
                true,
                "feature@allocation_classes",
            ),
        ] {
            let found = property_conflict(&stored(pool), &stored(root), special);
            let found = found.map_or_else(String::new, |found| found.property);
            assert_eq!(found, wanted, "{pool} / {root}");
        }
    }

    #[test]
    fn vdevs_go_together_as_zpool_create_takes_them() {
        use RaidLevel::{Draid, Mirror, Raidz, Single};
        for (first, second, together) in [
            ((Single, 1), (Single, 1), true),
            ((Single, 1), (Mirror, 2), false),
            ((Mirror, 2), (Mirror, 2), true),
            ((Mirror, 2), (Mirror, 3), false),
            ((Raidz(1), 3), (Raidz(1), 4), true),
            ((Raidz(1), 4), (Raidz(2), 4), false),
            ((Raidz(1), 3), (Mirror, 2), true),
            ((Raidz(2), 4), (Mirror, 3), true),
            ((Raidz(2), 4), (Mirror, 2), false),
            ((Draid(1), 4), (Raidz(1), 3), true),
            ((Draid(1), 4), (Draid(1), 5), true),
        ] {
            assert_eq!(go_together(first, second), together, "{first:?} {second:?}");
            assert_eq!(go_together(second, first), together, "{second:?} {first:?}");
        }
    }

    #[test]
    fn only_neighbours_are_compared_in_size() {
        const MIB: u64 = 1 << 20;
        for (sizes, odd) in [
            (vec![], None),
            (vec![100], None),
            (vec![100, 116], None),
            (vec![100, 117], Some(1)),
            (vec![100, 116, 132], None),
            (vec![100, 132, 116], Some(1)),
            (vec![132, 116, 100, 50], Some(3)),
        ] {
            let bytes: Vec<u64> = sizes.iter().map(|mib| mib * MIB).collect();
            assert_eq!(odd_size(&bytes), odd, "{sizes:?}");
        }
    }
}
