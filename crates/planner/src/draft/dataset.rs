//! Datasets: what is set on them, and whose their directories are.

use phoenix_config::written::{Dataset, Permissions, Properties, Volume};
use phoenix_zfs::property::{
    DatasetType, Value, dataset_property, is_create_only, stored_dataset_value,
};
use phoenix_zfs::size;

use super::text::{own, spelled};
use crate::observed::{Observed, ObservedDataset, ObservedDirectory};

/// Properties that a file states elsewhere than among the properties, or leaves to ZFS:
/// a volume's reservation follows from its size.
const ELSEWHERE: [&str; 2] = ["mountpoint", "volsize"];
const VOLUME_ELSEWHERE: [&str; 3] = ["mountpoint", "refreservation", "volsize"];

/// What encryption consists of. Only where it begins may a file state it: children inherit it, and
/// ZFS takes it for them together with a key of their own only.
const ENCRYPTION: [&str; 3] = ["encryption", "keyformat", "pbkdf2iters"];

/// The dataset called `full` as a file declares it.
pub(super) fn describe(observed: &Observed, full: &str, live: &ObservedDataset) -> Dataset {
    let (pool, name) = full.split_once('/').unwrap_or((full, ""));
    let parent = full.rsplit_once('/').map(|(parent, _)| parent);
    let parent = parent.and_then(|parent| observed.datasets.get(parent));
    let volume = (live.kind == DatasetType::Volume).then(|| volume(live));
    let (kind, elsewhere) = match volume {
        Some(_) => (DatasetType::Volume, &VOLUME_ELSEWHERE[..]),
        None => (DatasetType::Filesystem, &ELSEWHERE[..]),
    };
    let stored = |name: &str, value: &str| stored_dataset_value(name, value, kind).ok();
    let mut properties = own(&live.properties, elsewhere, stored);
    properties.extend(fixed(full, live, parent, stored));
    let mountpoint = live.properties.get("mountpoint");
    let mounted = mountpoint.filter(|_| live.mounted);
    Dataset {
        pool: pool.to_owned(),
        name: name.to_owned(),
        mountpoint: mountpoint
            .filter(|path| path.source.is_own())
            .map(|path| path.value.to_string()),
        properties,
        permissions: mounted
            .and_then(|path| observed.directories.get(path.value.word()?))
            .and_then(permissions),
        storage: None,
        volume,
    }
}

fn volume(live: &ObservedDataset) -> Volume {
    let value = |name| live.properties.get(name).map(|has| &has.value);
    let bytes = value("volsize").and_then(Value::number);
    Volume {
        volsize: size::exact(bytes.unwrap_or(0)),
        sparse: matches!(
            value("refreservation"),
            None | Some(Value::Number(0) | Value::None)
        ),
    }
}

/// What was decided when the dataset was made, where that is not what ZFS does by itself: what the
/// parent has (`zfs_fill_zplprops_impl` of `zfs_ioctl.c`), or its default. ZFS names no source for it.
pub(super) fn fixed(
    full: &str,
    live: &ObservedDataset,
    parent: Option<&ObservedDataset>,
    stored: impl Fn(&str, &str) -> Option<Value>,
) -> Properties {
    let begins = live.properties.get("encryptionroot");
    let begins = begins.is_some_and(|root| root.value == *full);
    let is_stated = |name: &str, value: &Value| {
        let is_key = ENCRYPTION.contains(&name);
        let of_parent = parent.and_then(|parent| parent.properties.get(name));
        let of_parent = of_parent.filter(|_| !is_key).map(|has| has.value.clone());
        let default = || dataset_property(name).map(|property| property.default.into());
        let usual = of_parent.or_else(default);
        is_create_only(name) && (begins || !is_key) && usual.is_some_and(|usual| usual != *value)
    };
    let stated = live.properties.iter();
    let stated = stated.filter(|(name, has)| is_stated(name, &has.value));
    stated
        .map(|(name, has)| (name.clone(), spelled(name, &has.value, &stored)))
        .collect()
}

/// Nothing for what every new directory has.
fn permissions(directory: &ObservedDirectory) -> Option<Permissions> {
    let ObservedDirectory { uid, gid, mode, .. } = *directory;
    ((uid, gid, mode) != (0, 0, 0o755)).then(|| Permissions {
        owner: uid,
        group: gid,
        mode: format!("{mode:04o}"),
    })
}
