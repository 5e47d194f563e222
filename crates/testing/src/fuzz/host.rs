//! What the tools and files of a host say.

use std::collections::BTreeMap;
use std::convert::Infallible;

use phoenix_tools::{arc, disk, drop_ins, mounts as mount_table, nfs, pve, system, zfs, zpool};

use super::read;

pub(super) fn zfs_get(text: &str) {
    read(text, zfs::parse_get);
}

pub(super) fn zpool_get(text: &str) {
    read(text, zpool::parse_get);
}

pub(super) fn zpool_list(text: &str) {
    read(text, zpool::parse_list);
}

pub(super) fn zpool_status(text: &str) {
    read(text, zpool::parse_status);
}

pub(super) fn zpool_import(text: &str) {
    read(text, zpool::parse_importable);
}

/// No partition is empty, and their numbers rise.
pub(super) fn partition_table(text: &str) {
    let table = read(text, |text| Ok::<_, Infallible>(disk::parse_table(text)));
    let entries = table.flatten().unwrap_or_default();
    let rising = entries.is_sorted_by(|a, b| a.number < b.number);
    assert!(rising, "{entries:?}");
    assert!(entries.iter().all(|entry| entry.size > 0), "{entries:?}");
}

pub(super) fn lsblk(text: &str) {
    read(text, disk::parse_lsblk);
}

pub(super) fn wipefs(text: &str) {
    read(text, disk::parse_wipefs);
}

pub(super) fn disk_links(text: &str) {
    read(text, disk::parse_links);
}

pub(super) fn swaps(text: &str) {
    if let Some(swaps) = read(text, disk::parse_swaps) {
        assert!(swaps.iter().all(|path| path.starts_with('/')));
    }
}

pub(super) fn mounts(text: &str) {
    let Some(mounts) = read(text, mount_table::parse_mounts) else {
        return;
    };
    for target in mounts.targets() {
        let on_top = mounts.at(target);
        assert!(on_top.is_some(), "nothing is mounted at {target}");
        assert_eq!(mounts.of(target), on_top);
    }
}

/// An exports file that phoenix writes is read back as what it was made from.
pub(super) fn exports_file(text: &str) {
    if let Some(exports) = read(text, nfs::parse_exports) {
        let written = nfs::format_exports(&exports);
        let again = nfs::parse_exports(&written);
        assert_eq!(again.as_ref(), Ok(&exports), "written as {written:?}");
    }
}

pub(super) fn exports_files(text: &str) {
    read(text, |text| {
        Ok::<_, Infallible>(drop_ins::parse_files(text))
    });
}

pub(super) fn exports_list(text: &str) {
    read(text, nfs::parse_list);
}

pub(super) fn ids(text: &str) {
    read(text, system::parse_ids);
}

pub(super) fn directories(text: &str) {
    read(text, system::parse_directories);
}

pub(super) fn meminfo(text: &str) {
    read(text, system::parse_meminfo);
}

pub(super) fn hostname(text: &str) {
    read(text, |text| {
        Ok::<_, Infallible>(system::parse_hostname(text).to_owned())
    });
}

pub(super) fn arcstats(text: &str) {
    read(text, arc::parse_arcstats);
}

/// After the limit was written it is the limit that is read, and writing it again changes nothing.
pub(super) fn modprobe(text: &str) {
    const LIMIT: u64 = 32_212_254_720;
    read(text, |text| Ok::<_, Infallible>(arc::modprobe_limit(text)));
    let written = arc::with_modprobe_limit(text, LIMIT);
    assert_eq!(arc::modprobe_limit(&written), Some(LIMIT), "{written:?}");
    assert_eq!(arc::with_modprobe_limit(&written, LIMIT), written);
    let comments = |text: &str| text.lines().filter(|line| line.starts_with('#')).count();
    assert!(
        comments(&written) >= comments(text),
        "a comment is gone from {written:?}"
    );
}

pub(super) fn containers(text: &str) {
    read(text, pve::parse_containers);
}

pub(super) fn container_conf(text: &str) {
    let conf = pve::parse_container(text);
    for key in conf.config.keys() {
        let value = conf.effective(key);
        assert!(
            value.is_some() || conf.delete.contains(key),
            "{key} is lost"
        );
    }
    let lines = text.lines().count();
    assert!(
        conf.unread
            .iter()
            .all(|line| (1..=lines).contains(&line.number))
    );
    assert!(
        conf.unusable
            .keys()
            .all(|key| conf.mounts().contains_key(key))
    );
}

/// A mount point that is written back is the same mount point.
pub(super) fn mount_value(text: &str) {
    if let Some(value) = read(text, pve::parse_mount) {
        let written = value.to_string();
        assert_eq!(
            pve::parse_mount(&written),
            Ok(value),
            "written as {written:?}"
        );
    }
}

pub(super) fn storages(text: &str) {
    if let Some(storages) = read(text, pve::parse_storages) {
        let kinds: BTreeMap<_, _> = storages.iter().map(|(id, row)| (id, &row.kind)).collect();
        assert!(
            kinds
                .iter()
                .all(|(id, kind)| !id.is_empty() && !kind.is_empty()),
            "{kinds:?}"
        );
    }
}
