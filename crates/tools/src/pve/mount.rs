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

/// Reads a value. There is no quoting: a comma always ends a key, so a source with a comma
/// cannot be expressed.
///
/// # Errors
/// When source or target is missing, a key stands twice, or a boolean is none.
pub fn parse_mount(text: &str) -> Result<MountValue, ParseError> {
    let wrong = |reason: &str| ParseError::new("a mount point of a container", text, reason);
    let mut volume = None;
    let mut target = None;
    let mut options = BTreeMap::new();
    for part in text.split(',') {
        let (key, value) = part.split_once('=').unwrap_or(("volume", part));
        let earlier = match key {
            "volume" => volume.replace(value.to_owned()),
            "mp" => target.replace(value.to_owned()),
            _ => {
                let value = canonical(key, value).ok_or_else(|| wrong("a boolean is neither"))?;
                options.insert(key.to_owned(), value)
            }
        };
        if earlier.is_some() {
            return Err(wrong("a key stands twice"));
        }
    }
    match (volume, target) {
        (Some(volume), Some(target)) if !volume.is_empty() && !target.is_empty() => {
            Ok(MountValue {
                volume,
                target,
                options,
            })
        }
        _ => Err(wrong("it needs a source and mp=TARGET")),
    }
}

fn canonical(key: &str, value: &str) -> Option<String> {
    if BOOLEANS.contains(&key) {
        return match value.to_ascii_lowercase().as_str() {
            "1" | "on" | "yes" | "true" => Some("1".to_owned()),
            "0" | "off" | "no" | "false" => Some("0".to_owned()),
            _ => None,
        };
    }
    if key == "mountoptions" {
        let words: BTreeSet<_> = value.split(';').filter(|word| !word.is_empty()).collect();
        return Some(Vec::from_iter(words).join(";"));
    }
    Some(value.to_owned())
}

/// Source, target, then the other keys sorted, as `pct set` writes them back.
impl fmt::Display for MountValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},mp={}", self.volume, self.target)?;
        self.options
            .iter()
            .try_for_each(|(key, value)| write!(f, ",{key}={value}"))
    }
}
