//! The value of a container's mount point: `SOURCE,mp=TARGET,key=value...`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::parse::ParseError;

/// A mount point, compared by what it means and printed as Proxmox itself writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountValue {
    /// A directory of the host, a device, or `STORAGE:VOLUME`.
    pub volume: String,
    /// Where it is mounted in the container.
    pub target: String,
    /// All other keys: booleans as `0` and `1`, `mountoptions` sorted.
    pub options: BTreeMap<String, String>,
}

impl MountValue {
    /// Whether it is mounted at this place of the container: Proxmox keeps doubled and trailing
    /// slashes, and takes targets without a leading one.
    pub fn is_at(&self, target: &str) -> bool {
        parts(&self.target).eq(parts(target))
    }

    /// Whether both mean the same mount.
    pub fn means(&self, other: &Self) -> bool {
        let same_source = self.volume.starts_with('/') == other.volume.starts_with('/')
            && parts(&self.volume).eq(parts(&other.volume));
        same_source && self.is_at(&other.target) && self.options == other.options
    }
}

fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

/// Keys whose values are booleans (pve-container `PVE/LXC/Config.pm`, `$mp_desc`).
const BOOLEANS: [&str; 7] = [
    "acl",
    "backup",
    "keepattrs",
    "quota",
    "replicate",
    "ro",
    "shared",
];

/// What `mountoptions` can be made of (`$mount_option`).
const MOUNT_OPTIONS: [&str; 6] = [
    "discard", "lazytime", "noatime", "nodev", "noexec", "nosuid",
];

/// Reads a value as Proxmox does (pve-common `PVE/JSONSchema.pm`, `parse_property_string`). There is
/// no quoting: a comma always ends a key, so a source with a comma cannot be expressed.
///
/// # Errors
/// When Proxmox cannot use it: source or target is missing, a key is unknown, stands twice or has no
/// value, or a value is none of its kind.
pub fn parse_mount(text: &str) -> Result<MountValue, ParseError> {
    let wrong = |reason: String| ParseError::new("a mount point of a container", text, reason);
    let mut values: BTreeMap<&str, String> = BTreeMap::new();
    for part in text.split(',').filter(|part| !part.trim().is_empty()) {
        let (key, value) = match part.split_once('=') {
            None => ("volume", part),
            Some((key, value)) if key.is_empty() || value.is_empty() => {
                return Err(wrong(format!("`{part}` has no key or no value")));
            }
            Some(found) => found,
        };
        let value = canonical(key, value).map_err(wrong)?;
        if values.insert(key, value).is_some() {
            return Err(wrong(format!("`{key}` stands twice")));
        }
    }
    match (values.remove("volume"), values.remove("mp")) {
        (Some(volume), Some(target)) => {
            let options = values.into_iter();
            Ok(MountValue {
                volume,
                target,
                options: options
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect(),
            })
        }
        _ => Err(wrong("it needs a source and `mp=`TARGET".to_owned())),
    }
}

/// Proxmox's words for true and false (`parse_boolean`).
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "on" | "yes" | "true" => Some(true),
        "0" | "off" | "no" | "false" => Some(false),
        _ => None,
    }
}

/// The value as Proxmox writes it, or why it takes none such.
fn canonical(key: &str, value: &str) -> Result<String, String> {
    match key {
        _ if BOOLEANS.contains(&key) => boolean(value)
            .map(|value| u8::from(value).to_string())
            .ok_or_else(|| format!("`{key}` is neither true nor false, but `{value}`")),
        "volume" | "mp" if climbs(value) => Err(format!("`{value}` has a component `.` or `..`")),
        "mountoptions" => mount_options(value),
        "size" if !is_size(value) => Err(format!("`{value}` is no size")),
        "idmap" if !is_id_map(value) => Err(format!("`{value}` is no id map")),
        "volume" | "mp" | "size" | "idmap" => Ok(value.to_owned()),
        _ => Err(format!("`{key}` is no option of a mount point")),
    }
}

/// `pve-lxc-mp-string`.
fn climbs(path: &str) -> bool {
    let mut components = path.split('/');
    let first = components.next();
    first == Some("..") || components.any(|component| matches!(component, "." | ".."))
}

fn mount_options(value: &str) -> Result<String, String> {
    let words: BTreeSet<_> = value.split(';').collect();
    match words.iter().find(|word| !MOUNT_OPTIONS.contains(word)) {
        Some(word) => Err(format!("`{word}` is no mount option")),
        None => Ok(Vec::from_iter(words).join(";")),
    }
}

/// `^(\d+(\.\d+)?)([KMGT])?$` (`parse_size`).
fn is_size(value: &str) -> bool {
    let number = value.strip_suffix(['K', 'M', 'G', 'T']).unwrap_or(value);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match number.split_once('.') {
        Some((whole, part)) => digits(whole) && digits(part),
        None => digits(number),
    }
}

/// `passthrough`, or `u:CONTAINER:DISK:COUNT` and the same with `g`, between semicolons (Proxmox VE 9).
fn is_id_map(value: &str) -> bool {
    let piece = |piece: &str| {
        let mut fields = piece.split(':');
        matches!(fields.next(), Some("u" | "g"))
            && fields.clone().count() == 3
            && fields.all(|field| field.parse::<u32>().is_ok())
    };
    value == "passthrough" || value.split(';').all(piece)
}

/// Source, target, then the other keys sorted, as `pct set` writes them back.
impl fmt::Display for MountValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without its key such a source is no source; Proxmox itself forgets that.
        let key = if self.volume.contains('=') {
            "volume="
        } else {
            ""
        };
        write!(f, "{key}{},mp={}", self.volume, self.target)?;
        self.options
            .iter()
            .try_for_each(|(key, value)| write!(f, ",{key}={value}"))
    }
}
