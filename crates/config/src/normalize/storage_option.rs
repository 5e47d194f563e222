//! The options of a Proxmox storage, from the file's typed members to Proxmox's names and values.

use std::collections::BTreeMap;

use crate::file::{BandwidthLimit, ContentDirs, PruneBackups, Storage};

/// The options that the file states beside content and nodes, as Proxmox stores them.
pub(super) fn stated(declared: &mut Storage) -> BTreeMap<String, String> {
    let options = [
        ("blocksize", declared.blocksize.take()),
        ("bwlimit", declared.bwlimit.as_ref().map(bandwidth)),
        (
            "content-dirs",
            declared.content_dirs.take().map(directories),
        ),
        ("create-base-path", declared.create_base_path.map(boolean)),
        ("create-subdirs", declared.create_subdirs.map(boolean)),
        ("disable", declared.disable.map(boolean)),
        (
            "format",
            declared.format.map(|format| format.as_str().to_owned()),
        ),
        (
            "max-protected-backups",
            declared.max_protected_backups.map(|max| max.to_string()),
        ),
        (
            "preallocation",
            declared.preallocation.map(|mode| mode.as_str().to_owned()),
        ),
        ("prune-backups", declared.prune_backups.as_ref().map(prune)),
        ("shared", declared.shared.map(boolean)),
        (
            "snapshot-as-volume-chain",
            declared.snapshot_as_volume_chain.map(boolean),
        ),
        ("sparse", declared.sparse.map(boolean)),
    ];
    let stated = options.into_iter();
    stated
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

fn boolean(value: bool) -> String {
    u8::from(value).to_string()
}

fn bandwidth(limit: &BandwidthLimit) -> String {
    joined([
        ("clone", limit.clone),
        ("default", limit.default),
        ("migration", limit.migration),
        ("move", limit.move_disk),
        ("restore", limit.restore),
    ])
}

fn directories(directories: ContentDirs) -> String {
    joined([
        ("backup", directories.backup),
        ("images", directories.images),
        ("import", directories.import),
        ("iso", directories.iso),
        ("rootdir", directories.rootdir),
        ("snippets", directories.snippets),
        ("vztmpl", directories.vztmpl),
    ])
}

/// Without any number Proxmox keeps all (`Plugin.pm`, `validate_prune_backups`).
fn prune(keep: &PruneBackups) -> String {
    let positive = |number: Option<u64>| number.filter(|number| *number > 0);
    let numbers = [
        ("keep-all", keep.keep_all.filter(|all| *all).map(u64::from)),
        ("keep-last", positive(keep.keep_last)),
        ("keep-hourly", positive(keep.keep_hourly)),
        ("keep-daily", positive(keep.keep_daily)),
        ("keep-weekly", positive(keep.keep_weekly)),
        ("keep-monthly", positive(keep.keep_monthly)),
        ("keep-yearly", positive(keep.keep_yearly)),
    ];
    match joined(numbers) {
        none if none.is_empty() => "keep-all=1".to_owned(),
        numbers => numbers,
    }
}

fn joined<const N: usize>(pairs: [(&str, Option<impl ToString>); N]) -> String {
    let stated = pairs.into_iter();
    let words: Vec<_> = stated
        .filter_map(|(key, value)| Some(format!("{key}={}", value?.to_string())))
        .collect();
    words.join(",")
}
