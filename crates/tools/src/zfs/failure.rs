//! What the messages of `zfs` and `zpool` mean.
//!
//! Exit codes say nothing (1 for nearly everything, 255 for any failed `zfs set`), so the words
//! do, under `LC_ALL=C.UTF-8`. The wordings are those of OpenZFS 2.1 to 2.4
//! (`lib/libzfs/libzfs_util.c`, `cmd/zpool/os/linux/zpool_vdev_os.c`). The raw text always stays
//! with the error.

use phoenix_host::command::CommandFailed;

/// Why `zfs` or `zpool` refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ZfsFailure {
    /// The dataset or pool does not exist.
    NotFound,
    /// The parent of the dataset does not exist.
    ParentMissing,
    /// There is one of that name already.
    Exists,
    /// Something holds the dataset or pool.
    Busy,
    /// The pool or a quota has no room.
    NoSpace,
    /// A quota or size would be smaller than what is used or reserved.
    BelowUsed,
    /// A reservation would be larger than what is available.
    AboveAvailable,
    /// The pool has stopped all input and output.
    Suspended,
    /// The pool or dataset is read-only.
    ReadOnly,
    /// The caller is not allowed to.
    Permission,
    /// The dataset was made and could not be mounted or shared.
    NotMounted,
    /// A property is unknown, read-only, does not apply, or its value is refused.
    BadProperty {
        /// ZFS's words.
        reason: String,
    },
    /// The name is refused, or its place below a volume.
    BadName {
        /// ZFS's words.
        reason: String,
    },
    /// The encryption key is missing or could not be used.
    Key,
    /// The disk is in use right now.
    DeviceInUse,
    /// The disk carries data that only `-f` would override, or the vdevs do not match.
    NeedsForce {
        /// ZFS's words, without its advice to use `-f`.
        reason: String,
    },
    /// The disk does not exist.
    DeviceMissing,
    /// The disk's partitions had not appeared yet: udev was slower than ZFS.
    DeviceRace,
    /// The kernel could not open a disk, for good or because udev was just making its nodes anew.
    DeviceUnavailable,
    /// The directory where the pool would be mounted is not empty.
    DirectoryNotEmpty,
    /// The ZFS kernel module is not loaded.
    ModuleMissing,
    /// None of these.
    Other,
}

/// Whether `zfs create` has made the dataset all the same: only what comes after that failed.
pub fn was_made(failed: &CommandFailed) -> bool {
    failed.stderr.contains(" successfully created, but not ")
}

/// Says what a failure of `zfs` or `zpool` was about.
pub fn classify(failed: &CommandFailed) -> ZfsFailure {
    let found = failed.stderr.lines().find_map(|line| meaning(line.trim()));
    if let Some(meaning) = found {
        return meaning;
    }
    match overridable(&failed.stderr) {
        Some(reason) => ZfsFailure::NeedsForce { reason },
        None => ZfsFailure::Other,
    }
}

/// The first table row whose words the line ends with (or, for sentences that go on, holds).
fn meaning(line: &str) -> Option<ZfsFailure> {
    if let Some((_, failure)) = ENDINGS.iter().find(|(words, _)| line.ends_with(words)) {
        return Some(failure.clone());
    }
    if let Some((_, failure)) = PHRASES.iter().find(|(words, _)| line.contains(words)) {
        return Some(failure.clone());
    }
    let reason = || reason_of(line).to_owned();
    if NAME_PHRASES.iter().any(|words| line.ends_with(words)) {
        return Some(ZfsFailure::BadName { reason: reason() });
    }
    if PROPERTY_PHRASES.iter().any(|words| line.contains(words)) {
        return Some(ZfsFailure::BadProperty { reason: reason() });
    }
    None
}

/// Words that end a message.
const ENDINGS: &[(&str, ZfsFailure)] = &[
    ("': dataset does not exist", ZfsFailure::NotFound),
    ("': no such pool", ZfsFailure::NotFound),
    ("': no such pool or dataset", ZfsFailure::DeviceRace),
    ("': is not a pool", ZfsFailure::NotFound),
    ("': no such pool available", ZfsFailure::NotFound),
    (": no such pool available.", ZfsFailure::NotFound),
    ("': parent does not exist", ZfsFailure::ParentMissing),
    ("': dataset already exists", ZfsFailure::Exists),
    ("': pool already exists", ZfsFailure::Exists),
    ("pool or dataset is busy", ZfsFailure::Busy),
    ("dataset is busy", ZfsFailure::Busy),
    ("': pool is busy", ZfsFailure::Busy),
    ("': out of space", ZfsFailure::NoSpace),
    (
        "size is less than current used or reserved space",
        ZfsFailure::BelowUsed,
    ),
    (
        "size is greater than available space",
        ZfsFailure::AboveAvailable,
    ),
    ("pool I/O is currently suspended", ZfsFailure::Suspended),
    ("pool is read-only", ZfsFailure::ReadOnly),
    ("dataset is read-only", ZfsFailure::ReadOnly),
    ("permission denied", ZfsFailure::Permission),
    ("must be run as root.", ZfsFailure::Permission),
    (
        "successfully created, but not mounted",
        ZfsFailure::NotMounted,
    ),
    (
        "successfully created, but not shared",
        ZfsFailure::NotMounted,
    ),
    ("encryption key not loaded", ZfsFailure::Key),
    ("': encryption failure", ZfsFailure::Key),
    ("exists and is not empty", ZfsFailure::DirectoryNotEmpty),
    ("directory is not empty", ZfsFailure::DirectoryNotEmpty),
    ("no such device in /dev", ZfsFailure::DeviceMissing),
    // ENXIO (`lib/libzfs/libzfs_util.c`, `zpool_standard_error_fmt`).
    (
        "one or more devices is currently unavailable",
        ZfsFailure::DeviceUnavailable,
    ),
    ("The ZFS modules are not loaded.", ZfsFailure::ModuleMissing),
    (
        "/dev/zfs and /proc/self/mounts are required.",
        ZfsFailure::ModuleMissing,
    ),
];

/// Words that stand inside a message.
const PHRASES: &[(&str, ZfsFailure)] = &[
    ("': no such pool '", ZfsFailure::NotFound),
    // `zpool get` of several pools, one of which is none.
    ("Expected a list of vdevs in \"", ZfsFailure::NotFound),
    (" is in use and contains a ", ZfsFailure::DeviceInUse),
    (" is part of active pool '", ZfsFailure::DeviceInUse),
    (
        "one or more vdevs refer to the same device, or one of",
        ZfsFailure::DeviceInUse,
    ),
    ("cannot resolve path '/dev/", ZfsFailure::DeviceMissing),
    ("missing link: ", ZfsFailure::DeviceRace),
    ("failed to detect device partitions", ZfsFailure::DeviceRace),
];

/// Words that end a message about a name.
const NAME_PHRASES: &[&str] = &[
    "name must begin with a letter",
    "name is reserved",
    "name is too long",
    "trailing slash in name",
    "parent is not a filesystem",
    "' is not expected here",
    "delimiter in name",
    "' in name",
];

/// Words that stand inside a message about a property or its value.
const PROPERTY_PHRASES: &[&str] = &[
    "invalid property '",
    "' must be one of '",
    "' must be power of 2 ",
    "' is readonly",
    "' does not apply to datasets of this type",
    "' must be an absolute path",
    "bad numeric value '",
    "invalid numeric suffix '",
    "numeric value is too large",
    "must be upgraded to set this property or value",
    "' specified multiple times",
    "is not a valid pool or vdev property",
    "is not a valid filesystem property",
    "' cannot be set to invalid options",
    "' must be a multiple of volume block size",
    "use 'none' to disable ",
    "volume size cannot be zero",
    "bad property list: ",
    "' property: ",
    "property value too long",
];

/// The part of a message after `cannot ... 'name': `, which is what ZFS has against it.
fn reason_of(line: &str) -> &str {
    match line.split_once("': ") {
        Some((before, reason)) if before.starts_with("cannot ") => reason,
        _ => line,
    }
}

/// The complaints below `use '-f' to override the following errors:`.
fn overridable(stderr: &str) -> Option<String> {
    let (_, complaints) = stderr.split_once("use '-f' to override the following errors:")?;
    let lines: Vec<_> = complaints.lines().map(str::trim).collect();
    Some(lines.join("; ").trim_matches([' ', ';']).to_owned())
}
