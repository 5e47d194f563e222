//! The value of a container's `mpN`: `SOURCE,mp=TARGET[,KEY=VALUE...]` in any order.
//!
//! Owns reading, comparing and writing such values; which key a mount gets is `placement`'s business.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use phoenix_config::model::BindMount;

use crate::storage::boolean;

/// Options that phoenix knows how to state. Everything else in a value is left as it is.
const READ_ONLY: &str = "ro";
const MOUNT_OPTIONS: &str = "mountoptions";
const BACKUP: &str = "backup";
/// Ids of this mount alone. phoenix never writes it.
const ID_MAP: &str = "idmap";

/// One mount point of a container. Prints as Proxmox does: source, target, sorted options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MountValue {
    /// A host directory, a device or a storage's volume.
    pub(crate) source: String,
    /// The path inside the container, normalised.
    pub(crate) target: String,
    options: BTreeMap<String, String>,
}

impl MountValue {
    /// Reads a value as `pct` prints it; `None` if it has no source or no target. Whether Proxmox can
    /// use it was judged when the host was read.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut source = None;
        let mut target = None;
        let mut options = BTreeMap::new();
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            match part.split_once('=') {
                None => source = Some(part),
                Some(("volume", value)) => source = Some(value),
                Some(("mp", value)) => target = Some(value),
                Some((key, value)) => {
                    options.insert(key.to_owned(), value.to_owned());
                }
            }
        }
        Some(Self {
            source: source?.to_owned(),
            target: normal_path(target?),
            options,
        })
    }

    /// What the file declares, on top of what the file does not speak of in `live`.
    pub(super) fn declared(mount: &BindMount, live: Option<&Self>) -> Self {
        let mut options = live.map(|live| live.options.clone()).unwrap_or_default();
        let mut set = |key: &str, value: Option<String>| {
            options.remove(key);
            options.extend(value.map(|value| (key.to_owned(), value)));
        };
        set(READ_ONLY, mount.read_only.then(|| "1".to_owned()));
        set(MOUNT_OPTIONS, joined(mount));
        if let Some(backup) = mount.backup {
            set(BACKUP, Some(u8::from(backup).to_string()));
        }
        Self {
            source: mount.host_path.to_string(),
            target: normal_path(&mount.target),
            options,
        }
    }

    /// Whether it is mounted at this place of the container, however that is spelt.
    pub(crate) fn is_at(&self, target: &str) -> bool {
        self.target == normal_path(target)
    }

    /// Whether both mean the same mount.
    pub(super) fn means(&self, other: &Self) -> bool {
        self.meaning() == other.meaning()
    }

    /// Whether the source is a directory of the host, not a device or a volume of a storage.
    pub(crate) fn is_bind(&self) -> bool {
        self.source.starts_with('/') && !self.source.starts_with("/dev/")
    }

    /// Whether the container may only read.
    pub(crate) fn read_only(&self) -> bool {
        self.meant(READ_ONLY).is_some()
    }

    /// The backup flag, where the value has one.
    pub(crate) fn backup(&self) -> Option<bool> {
        Some(self.meant(BACKUP)?.contains("1"))
    }

    /// The mount options, sorted.
    pub(crate) fn mount_options(&self) -> Vec<String> {
        let words = self.meant(MOUNT_OPTIONS).into_iter().flatten();
        words.map(str::to_owned).collect()
    }

    fn meant(&self, key: &str) -> Option<BTreeSet<&str>> {
        option_meaning(key, self.options.get(key)?)
    }

    /// The id map that the mount has in place of its container's.
    pub(super) fn id_map(&self) -> Option<&str> {
        self.options.get(ID_MAP).map(String::as_str)
    }

    fn meaning(&self) -> (String, &str, BTreeMap<&str, BTreeSet<&str>>) {
        let options = self.options.iter();
        let meant =
            options.filter_map(|(key, value)| Some((key.as_str(), option_meaning(key, value)?)));
        (normal_path(&self.source), &self.target, meant.collect())
    }
}

impl fmt::Display for MountValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},mp={}", self.source, self.target)?;
        for (key, value) in &self.options {
            write!(f, ",{key}={value}")?;
        }
        Ok(())
    }
}

/// `None` for an option that says what Proxmox assumes anyway.
fn option_meaning<'a>(key: &str, value: &'a str) -> Option<BTreeSet<&'a str>> {
    match (key, boolean(value)) {
        (READ_ONLY, Some(false)) => None,
        (READ_ONLY | BACKUP, Some(true)) => Some(BTreeSet::from(["1"])),
        (BACKUP, Some(false)) => Some(BTreeSet::from(["0"])),
        (MOUNT_OPTIONS, _) => Some(value.split(';').collect()),
        _ => Some(BTreeSet::from([value])),
    }
}

fn joined(mount: &BindMount) -> Option<String> {
    let mut words: Vec<&str> = Vec::new();
    for option in &mount.options {
        if !words.contains(&option.text.as_str()) {
            words.push(&option.text);
        }
    }
    (!words.is_empty()).then(|| words.join(";"))
}

/// One spelling of a path: Proxmox keeps doubled and trailing slashes and accepts targets without
/// a leading one.
pub(super) fn normal_path(path: &str) -> String {
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    format!("/{}", parts.join("/"))
}
