//! Dataset properties as a simulated `zfs` shows them: effective value, source, and the words in
//! which libzfs refuses a value.
//!
//! Which properties exist and how values are stored is `phoenix_zfs::property`'s; computed
//! properties such as `used` are `space`'s.

use std::collections::BTreeSet;

use phoenix_zfs::property::{
    DatasetType, PropertyError, dataset_property, is_user_property, stored_dataset_value,
};
use phoenix_zfs::size::SizeError;

use super::state::{Class, Dataset, State};

/// The order of `zfs get all` for file systems and volumes (OpenZFS 2.3.9).
pub(super) const ALL: [&str; 78] = [
    "type",
    "creation",
    "used",
    "available",
    "referenced",
    "compressratio",
    "mounted",
    "quota",
    "reservation",
    "volsize",
    "volblocksize",
    "recordsize",
    "mountpoint",
    "sharenfs",
    "checksum",
    "compression",
    "atime",
    "devices",
    "exec",
    "setuid",
    "readonly",
    "zoned",
    "snapdir",
    "aclmode",
    "aclinherit",
    "createtxg",
    "canmount",
    "xattr",
    "copies",
    "version",
    "utf8only",
    "normalization",
    "casesensitivity",
    "vscan",
    "nbmand",
    "sharesmb",
    "refquota",
    "refreservation",
    "guid",
    "primarycache",
    "secondarycache",
    "usedbysnapshots",
    "usedbydataset",
    "usedbychildren",
    "usedbyrefreservation",
    "logbias",
    "objsetid",
    "dedup",
    "mlslabel",
    "sync",
    "dnodesize",
    "refcompressratio",
    "written",
    "logicalused",
    "logicalreferenced",
    "volmode",
    "filesystem_limit",
    "snapshot_limit",
    "filesystem_count",
    "snapshot_count",
    "snapdev",
    "acltype",
    "context",
    "fscontext",
    "defcontext",
    "rootcontext",
    "relatime",
    "redundant_metadata",
    "overlay",
    "encryption",
    "keylocation",
    "keyformat",
    "pbkdf2iters",
    "special_small_blocks",
    "prefetch",
    "direct",
    "longname",
    "volthreading",
];

/// Properties that exist, are computed, and are not in [`ALL`] because most datasets lack them.
const RARE: [&str; 11] = [
    "clones",
    "defer_destroy",
    "encryptionroot",
    "keystatus",
    "name",
    "origin",
    "receive_resume_token",
    "redact_snaps",
    "snapshots_changed",
    "snapshots_changed_nsecs",
    "userrefs",
];

/// What libzfs says after "must be one of", where it is more than the words joined by bars.
const VALUES: [(&str, &str); 21] = [
    (
        "aclinherit",
        "discard | noallow | restricted | passthrough | passthrough-x",
    ),
    ("aclmode", "discard | groupmask | passthrough | restricted"),
    ("acltype", "off | nfsv4 | posix"),
    ("canmount", "on | off | noauto"),
    (
        "checksum",
        "on | off | fletcher2 | fletcher4 | sha256 | sha512 | skein | edonr | blake3",
    ),
    (
        "compression",
        "on | off | lzjb | gzip | gzip-[1-9] | zle | lz4 | zstd | zstd-[1-19] | zstd-fast | \
         zstd-fast-[1-10,20,30,40,50,60,70,80,90,100,500,1000]",
    ),
    ("copies", "1 | 2 | 3"),
    (
        "dedup",
        "on | off | verify | sha256[,verify] | sha512[,verify] | skein[,verify] | edonr,verify | \
         blake3[,verify]",
    ),
    ("direct", "disabled | standard | always"),
    ("dnodesize", "legacy | auto | 1k | 2k | 4k | 8k | 16k"),
    ("logbias", "latency | throughput"),
    ("normalization", "none | formC | formD | formKC | formKD"),
    ("prefetch", "none | metadata | all"),
    ("primarycache", "all | none | metadata"),
    ("redundant_metadata", "all | most | some | none"),
    ("secondarycache", "all | none | metadata"),
    ("snapdev", "hidden | visible"),
    ("snapdir", "disabled | hidden | visible"),
    ("sync", "standard | always | disabled"),
    ("volmode", "default | full | geom | dev | none"),
    ("xattr", "on | off | dir | sa"),
];

/// A value with the words that `zfs get` prints in the column SOURCE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) value: String,
    pub(super) source: String,
}

impl Shown {
    pub(super) fn new(value: impl Into<String>, source: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            source: source.into(),
        }
    }

    /// A value that has no source.
    pub(super) fn computed(value: impl Into<String>) -> Self {
        Self::new(value, "-")
    }

    fn default(value: impl Into<String>) -> Self {
        Self::new(value, "default")
    }
}

/// Whether `zfs get` knows the name at all.
pub(super) fn exists(name: &str) -> bool {
    ALL.contains(&name)
        || RARE.contains(&name)
        || is_user_property(name)
        || name.split_once('@').is_some_and(|(family, who)| {
            !who.is_empty() && (family.ends_with("quota") || family.ends_with("used"))
        })
}

/// The type of a dataset.
pub(super) fn dataset_type(dataset: &Dataset) -> DatasetType {
    match dataset.volume {
        Some(_) => DatasetType::Volume,
        None => DatasetType::Filesystem,
    }
}

/// The effective value and source of a property that is not computed.
pub(super) fn shown(state: &State, name: &str, dataset: &Dataset, property: &str) -> Shown {
    if is_user_property(property) {
        return inherited(state, name, property).unwrap_or_else(|| Shown::computed("-"));
    }
    if property.contains('@') {
        return own(dataset, property).unwrap_or_else(|| Shown::new("0", "local"));
    }
    let Some(rule) = dataset_property(property) else {
        return Shown::computed("-");
    };
    let applies = match dataset.volume {
        // Volumes have had `special_small_blocks` only since OpenZFS 2.4.
        Some(_) => rule.volume && property != "special_small_blocks",
        None => rule.filesystem,
    };
    if !applies {
        return Shown::computed("-");
    }
    match property {
        "mountpoint" => mountpoint(state, name),
        "volblocksize" => block_size(dataset),
        "casesensitivity" | "normalization" | "utf8only" | "version" => Shown::computed(
            inherited(state, name, property).map_or(rule.default.to_owned(), |shown| shown.value),
        ),
        "encryption" | "keyformat" => match inherited(state, name, property) {
            Some(shown) if !matches!(shown.value.as_str(), "off" | "none") => {
                Shown::computed(shown.value)
            }
            _ => Shown::default(rule.default),
        },
        _ if rule.inheritable => inherited(state, name, property)
            .map(as_printed(property))
            .unwrap_or_else(|| Shown::default(default(rule.name, rule.default))),
        _ => own(dataset, property)
            .unwrap_or_else(|| Shown::default(default(rule.name, rule.default))),
    }
}

/// The effective value alone.
pub(super) fn value(state: &State, name: &str, property: &str) -> String {
    match state.datasets.get(name) {
        Some(dataset) => shown(state, name, dataset, property).value,
        None => String::new(),
    }
}

/// The stored form of a value, or what libzfs says after `cannot create 'x': `.
pub(super) fn check(property: &str, written: &str, kind: DatasetType) -> Result<String, String> {
    if property == "refreservation" && written == "auto" && kind == DatasetType::Volume {
        return Ok(written.to_owned());
    }
    stored_dataset_value(property, written, kind)
        .map(|stored| stored.to_string())
        .map_err(|error| words(property, written, &error))
}

/// What libzfs says about a property that it takes all the same.
pub(super) fn warning(state: &State, dataset: &str, property: &str) -> &'static str {
    let has_special_vdev = state.pool_of(dataset).is_some_and(|pool| {
        pool.vdevs
            .iter()
            .any(|vdev| matches!(vdev.class, Class::Special | Class::Dedup))
    });
    if property == "special_small_blocks" && !has_special_vdev {
        "special_small_blocks: property requires a special device in the pool\n"
    } else {
        ""
    }
}

/// The nearest value on the way up to the pool's root dataset.
fn inherited(state: &State, name: &str, property: &str) -> Option<Shown> {
    let mut above = name;
    loop {
        if let Some(shown) = state
            .datasets
            .get(above)
            .and_then(|dataset| own(dataset, property))
        {
            let source = if above == name {
                shown.source
            } else {
                format!("inherited from {above}")
            };
            return Some(Shown::new(shown.value, source));
        }
        above = above.rsplit_once('/')?.0;
    }
}

/// The user properties that a dataset has or inherits; `zfs get all` prints them after all others.
pub(super) fn user_properties<'a>(state: &'a State, name: &str) -> BTreeSet<&'a str> {
    let chain = std::iter::successors(Some(name), |above| Some(above.rsplit_once('/')?.0));
    let datasets = chain.filter_map(|above| state.datasets.get(above));
    let set = datasets.flat_map(|dataset| dataset.properties.keys());
    set.map(String::as_str)
        .filter(|property| is_user_property(property))
        .collect()
}

fn own(dataset: &Dataset, property: &str) -> Option<Shown> {
    let setting = dataset.properties.get(property)?;
    let source = if setting.received {
        "received"
    } else {
        "local"
    };
    Some(Shown::new(setting.value.clone(), source))
}

/// A child of a dataset with a mountpoint of its own is mounted below it.
fn mountpoint(state: &State, name: &str) -> Shown {
    let Some(shown) = inherited(state, name, "mountpoint") else {
        return Shown::default(format!("/{name}"));
    };
    let inside = shown
        .source
        .strip_prefix("inherited from ")
        .and_then(|base| name.strip_prefix(base));
    match inside {
        Some(inside) if shown.value == "/" => Shown::new(inside, shown.source),
        Some(inside) if shown.value.starts_with('/') => {
            Shown::new(format!("{}{inside}", shown.value), shown.source)
        }
        _ => shown,
    }
}

/// The kernel remembers no source for it, and calls only the usual size a default.
fn block_size(dataset: &Dataset) -> Shown {
    match dataset.volume.as_ref().map(|volume| volume.block_size) {
        Some(16384) => Shown::default("16384"),
        Some(other) => Shown::computed(other.to_string()),
        None => Shown::computed("-"),
    }
}

/// OpenZFS 2.3 prints `on` where `sa` is stored.
fn as_printed(property: &str) -> impl Fn(Shown) -> Shown {
    let is_xattr = property == "xattr";
    move |shown| {
        if is_xattr && shown.value == "sa" {
            Shown::new("on", shown.source)
        } else {
            shown
        }
    }
}

fn default<'a>(property: &str, default: &'a str) -> &'a str {
    match property {
        "xattr" => "on",
        _ => default,
    }
}

/// libzfs's own words for a refusal.
fn words(property: &str, written: &str, error: &PropertyError) -> String {
    match error {
        PropertyError::Unknown { .. } => format!("invalid property '{property}'"),
        PropertyError::ReadOnly => format!("'{property}' is readonly"),
        PropertyError::WrongType { .. } => {
            format!("'{property}' does not apply to datasets of this type")
        }
        PropertyError::NotAllowed { allowed, .. } => {
            let joined = || match allowed.as_slice() {
                ["off", "on"] => "on | off".to_owned(),
                words => words.join(" | "),
            };
            let listed = VALUES.iter().find(|(name, _)| *name == property);
            let listed = listed.map_or_else(joined, |(_, words)| (*words).to_owned());
            format!("'{property}' must be one of '{listed}'")
        }
        PropertyError::Size(error) => size_words(written, error),
        PropertyError::NotPowerOfTwo { .. } => {
            format!("'{property}' must be power of 2 from 512B to 16M")
        }
        PropertyError::UseNone => "use 'none' to disable quota/refquota".to_owned(),
        PropertyError::Invalid { reason, .. } => match property {
            "mountpoint" => "'mountpoint' must be an absolute path, 'none', or 'legacy'".to_owned(),
            "volsize" => "'volsize' cannot be zero".to_owned(),
            "sharenfs" | "sharesmb" => {
                format!("'{property}' cannot be set to invalid options")
            }
            _ if property.contains(':') && !is_user_property(property) => {
                format!("invalid property '{property}'")
            }
            _ => format!("'{property}' {reason}"),
        },
    }
}

pub(super) fn size_words(written: &str, error: &SizeError) -> String {
    match error {
        SizeError::TooLarge => "numeric value is too large".to_owned(),
        SizeError::Suffix(suffix) => format!("invalid numeric suffix '{suffix}'"),
        SizeError::Exponent => {
            let suffix = written.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
            format!("invalid numeric suffix '{suffix}'")
        }
        SizeError::Empty | SizeError::NotANumber => format!("bad numeric value '{written}'"),
    }
}
