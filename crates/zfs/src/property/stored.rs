//! What ZFS takes for a property, and what it stores for it.

use crate::size;

use super::error::PropertyError;
use super::table::{Kind, Property};
use super::value::Value;
use super::{is_user_property, nearest};

/// The smallest and largest block in bytes (`SPA_MINBLOCKSIZE`, `SPA_MAXBLOCKSIZE`).
const BLOCK_RANGE: (u64, u64) = (512, 16 << 20);
/// Values of user properties are shorter than this (`ZAP_MAXVALUELEN`).
const MAX_USER_VALUE_BYTES: usize = 8191;
/// The fewest iterations for a passphrase (`MIN_PBKDF2_ITERATIONS`).
const MIN_PBKDF2_ITERATIONS: u64 = 100_000;
/// The longest comment of a pool in bytes (`ZPROP_MAX_COMMENT`).
const MAX_COMMENT_BYTES: usize = 32;
/// Components of a mountpoint are shorter than this (zfsprops(7)).
const MAX_COMPONENT_BYTES: usize = 255;

/// What ZFS stores when `property` is set to `written`.
pub(super) fn stored(property: &Property, written: &str) -> Result<Value, PropertyError> {
    check_printable(written)?;
    match property.kind {
        Kind::Index => index(property, written),
        Kind::Count => size_or_none(written, Value::None),
        Kind::Limit => limit(property, written),
        Kind::Size => sized(property, written),
        Kind::Block => block(written),
        Kind::Ashift => ashift(written),
        Kind::Text => text(property.name, written),
    }
}

/// What ZFS stores when the user property `name` is set to `written`.
pub(super) fn user(name: &str, written: &str) -> Result<Value, PropertyError> {
    if !is_user_property(name) {
        return Err(PropertyError::invalid(
            "is no valid name for a property of your own",
            "use lower-case letters, digits and . _ : - with at least one colon, not beginning \
             with -, such as site:owner",
        ));
    }
    check_printable(written)?;
    if written.len() > MAX_USER_VALUE_BYTES {
        return Err(PropertyError::invalid(
            format!("is longer than the {MAX_USER_VALUE_BYTES} bytes that ZFS can store"),
            "shorten the value",
        ));
    }
    Ok(written.into())
}

/// A size in bytes, where `none` is stored as `stored_none`.
pub(super) fn size_or_none(written: &str, stored_none: Value) -> Result<Value, PropertyError> {
    if written == "none" {
        return Ok(stored_none);
    }
    let number = size::parse(written).map_err(PropertyError::Size)?;
    // ZFS keeps "no limit" for counts as the largest number and prints it as `none`.
    if number == u64::MAX && stored_none == Value::None {
        return Ok(stored_none);
    }
    Ok(Value::Number(number))
}

/// A path without doubled and trailing slashes, which ZFS stores verbatim.
pub(super) fn normalise_path(path: &str) -> String {
    if !path.starts_with('/') {
        return path.to_owned();
    }
    let components: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    format!("/{}", components.join("/"))
}

fn index(property: &Property, written: &str) -> Result<Value, PropertyError> {
    if let Some(stored) = property.stored_spelling(written) {
        return Ok(stored.into());
    }
    let words = || property.spellings.iter().map(|(spelling, _)| *spelling);
    Err(PropertyError::NotAllowed {
        allowed: words().collect(),
        suggestion: words()
            .find(|word| word.eq_ignore_ascii_case(written))
            .or_else(|| nearest(written, words())),
    })
}

fn limit(property: &Property, written: &str) -> Result<Value, PropertyError> {
    if property.name == "dedup_table_quota" && written == "auto" {
        return Ok(written.into());
    }
    if written != "none" && size::parse(written) == Ok(0) {
        return Err(PropertyError::UseNone);
    }
    size_or_none(written, Value::Number(0))
}

fn sized(property: &Property, written: &str) -> Result<Value, PropertyError> {
    if property.name == "refreservation" && written == "auto" {
        return Err(PropertyError::invalid(
            "cannot be declared as auto, because ZFS replaces it by a number",
            "remove it: a volume that is not sparse reserves its whole size by itself",
        ));
    }
    let stored = size_or_none(written, Value::Number(0))?;
    let number = stored.number().unwrap_or(0);
    match property.name {
        "volsize" if number == 0 => Err(PropertyError::invalid(
            "cannot be 0",
            "give the volume a size, such as 32G",
        )),
        "pbkdf2iters" if number < MIN_PBKDF2_ITERATIONS => Err(PropertyError::invalid(
            format!("must be at least {MIN_PBKDF2_ITERATIONS}"),
            "raise it, or remove it for ZFS's own default of 350000",
        )),
        "special_small_blocks" if number > BLOCK_RANGE.1 => Err(PropertyError::invalid(
            "must be at most 16M",
            "use a size below the dataset's recordsize, such as 16K",
        )),
        _ => Ok(stored),
    }
}

fn block(written: &str) -> Result<Value, PropertyError> {
    let (min, max) = BLOCK_RANGE;
    let bytes = match written {
        "none" => 0,
        _ => size::parse(written).map_err(PropertyError::Size)?,
    };
    if bytes.is_power_of_two() && (min..=max).contains(&bytes) {
        Ok(Value::Number(bytes))
    } else {
        Err(PropertyError::NotPowerOfTwo { min, max })
    }
}

fn ashift(written: &str) -> Result<Value, PropertyError> {
    let number = size::parse(written).map_err(PropertyError::Size)?;
    if number == 0 || (9..=16).contains(&number) {
        Ok(Value::Number(number))
    } else {
        Err(PropertyError::invalid(
            "must be 0 or a number from 9 to 16",
            "use 12 (sectors of 4096 bytes) unless the drives' maker says otherwise",
        ))
    }
}

fn text(name: &str, written: &str) -> Result<Value, PropertyError> {
    match name {
        "mountpoint" => mountpoint(written),
        "keylocation" => keylocation(written),
        "sharenfs" if !share_is_valid(written) => Err(PropertyError::invalid(
            "must be on, off or options of an NFS share, in small letters",
            "leave it out: `nfs.exports` of the file says who may mount what",
        )),
        "sharesmb" if !matches!(written, "on" | "off") => Err(PropertyError::invalid(
            "must be on or off, in small letters",
            "write off, or remove it",
        )),
        "mlslabel" => Err(PropertyError::invalid(
            "is unsupported on Linux",
            "remove it",
        )),
        "comment" if written.len() > MAX_COMMENT_BYTES || !written.is_ascii() => {
            Err(PropertyError::invalid(
                format!("must be at most {MAX_COMMENT_BYTES} printable ASCII characters"),
                "shorten the comment",
            ))
        }
        "cachefile" if !matches!(written, "" | "none") && !written.starts_with('/') => {
            Err(PropertyError::invalid(
                "must be an absolute path or none",
                "remove it for the usual /etc/zfs/zpool.cache",
            ))
        }
        "cachefile" | "bootfs" if written.is_empty() => Ok("-".into()),
        // ZFS keeps nothing for the usual place (`spa_config.c`, `spa_config_path`).
        "cachefile" if written == "/etc/zfs/zpool.cache" => Ok("-".into()),
        _ => Ok(written.into()),
    }
}

/// What libshare takes (`lib/libshare/os/linux/nfs.c`, `get_linux_shareopts_cb`).
fn share_is_valid(written: &str) -> bool {
    const KEYS: [&str; 34] = [
        "all_squash",
        "anon",
        "anongid",
        "anonuid",
        "async",
        "auth_nlm",
        "crossmnt",
        "fsid",
        "fsuid",
        "hide",
        "insecure",
        "insecure_locks",
        "mountpoint",
        "mp",
        "no_acl",
        "no_all_squash",
        "no_auth_nlm",
        "no_root_squash",
        "no_subtree_check",
        "no_wdelay",
        "nohide",
        "nosub",
        "refer",
        "replicas",
        "ro",
        "root_mapping",
        "root_squash",
        "rw",
        "sec",
        "secure",
        "secure_locks",
        "subtree_check",
        "sync",
        "wdelay",
    ];
    let known = |option: &str| {
        let key = option.split_once('=').map_or(option, |(key, _)| key);
        option.is_empty() || KEYS.contains(&key)
    };
    matches!(written, "on" | "off") || written.split(',').all(known)
}

fn mountpoint(written: &str) -> Result<Value, PropertyError> {
    if matches!(written, "none" | "legacy") {
        return Ok(written.into());
    }
    let reason = if !written.starts_with('/') {
        "must be an absolute path, none or legacy"
    } else if written.split('/').any(|part| matches!(part, "." | "..")) {
        "must not have a component `.` or `..`"
    } else if written
        .split('/')
        .any(|part| part.len() > MAX_COMPONENT_BYTES)
    {
        "has a component that is longer than 255 bytes"
    } else {
        return Ok(normalise_path(written).into());
    };
    Err(PropertyError::invalid(
        reason,
        "write the whole path, such as /srv/data, or none",
    ))
}

fn keylocation(written: &str) -> Result<Value, PropertyError> {
    let known = matches!(written, "none" | "prompt")
        || ["file:///", "https://", "http://"]
            .iter()
            .any(|scheme| written.starts_with(scheme));
    if known {
        Ok(written.into())
    } else {
        Err(PropertyError::invalid(
            "must be file:///PATH, https://URL, http://URL, prompt or none",
            "a key in a file is written file:///etc/zfs/keys/pool.key",
        ))
    }
}

/// Control characters would break the tables that `zfs get -H` prints.
fn check_printable(written: &str) -> Result<(), PropertyError> {
    if written.chars().any(char::is_control) {
        return Err(PropertyError::invalid(
            "contains a control character, such as a tab or a line break",
            "remove it",
        ));
    }
    Ok(())
}
