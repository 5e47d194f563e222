//! Proxmox storages on datasets.

use std::collections::BTreeMap;

use super::index::Index;
use super::storage_option;
use crate::code::Code;
use crate::diagnostic::Finding;
use crate::model::{Content, Dataset, Storage, StorageKind};
use crate::pointer::Pointer;

/// Ids that Proxmox defines by itself.
const RESERVED_IDS: [&str; 2] = ["local", "local-lvm"];

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    let mut seen: BTreeMap<&str, &Storage> = BTreeMap::new();
    for dataset in &index.config.datasets {
        let Some(storage) = &dataset.storage else {
            continue;
        };
        findings.extend(id(storage));
        if let Some(first) = seen.get(storage.id.as_str()) {
            findings.push(duplicate(first, storage));
        } else {
            seen.insert(&storage.id, storage);
        }
        findings.extend(no_directory(dataset, storage));
        findings.extend(invalid_path(dataset, storage));
        impossible_content(storage, findings);
        storage_option::check(storage, findings);
        nodes(storage, findings);
        findings.extend(recordsize_unused(dataset, storage));
        findings.extend(backup_without_redundancy(index, dataset, storage));
    }
}

fn id(storage: &Storage) -> Option<Finding> {
    let at = storage.origin.key("id");
    let id = &storage.id;
    if RESERVED_IDS.contains(&id.as_str()) {
        return Some(
            Finding::error(
                Code::StorageReservedId,
                format!("the storage id \"{id}\" belongs to Proxmox itself"),
            )
            .help("choose another id, such as POOL-NAME")
            .at(&at, "reserved"),
        );
    }
    if is_id(id) {
        return None;
    }
    Some(
        Finding::error(
            Code::StorageInvalidId,
            format!("Proxmox refuses the storage id \"{id}\""),
        )
        .help(
            "use at least two letters, digits, -, _ or ., beginning with a letter and ending with \
             a letter or digit",
        )
        .at(&at, "not a storage id"),
    )
}

/// `^[a-z][a-z0-9\-_.]*[a-z0-9]$` in any case (pve-storage `PVE/Storage/Plugin.pm`).
fn is_id(id: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    id.len() >= 2
        && id.chars().all(inner)
        && id.starts_with(|c: char| c.is_ascii_alphabetic())
        && id.ends_with(|c: char| c.is_ascii_alphanumeric())
}

fn duplicate(first: &Storage, second: &Storage) -> Finding {
    let message = format!("the storage id \"{}\" is used twice", second.id);
    Finding::error(Code::StorageDuplicateId, message)
        .help("give each storage an `id` of its own")
        .at(&second.origin.key("id"), "used again here")
        .at(&first.origin.key("id"), "first used here")
}

fn no_directory(dataset: &Dataset, storage: &Storage) -> Option<Finding> {
    let (why, help) = if dataset.is_volume() {
        (
            "is a volume",
            "put the storage on a file system; Proxmox makes its volumes there by itself",
        )
    } else if storage.kind == StorageKind::Dir && dataset.mountpoint.is_none() {
        (
            "is not mounted by ZFS",
            "give the dataset a mountpoint and `canmount` on, or use `\"type\": \"zfspool\"`",
        )
    } else {
        return None;
    };
    let message = format!(
        "the storage \"{}\" of type `{}` cannot stand on dataset \"{}\", which {why}",
        storage.id,
        storage.kind.as_str(),
        dataset.name
    );
    Some(
        Finding::error(Code::StorageNoDirectory, message)
            .help(help)
            .at_key(&storage.origin, "declared here"),
    )
}

/// Paths as Proxmox takes them (pve-storage `DirPlugin.pm`, `check_config`, and `Plugin.pm`,
/// `verify_path`).
fn invalid_path(dataset: &Dataset, storage: &Storage) -> Option<Finding> {
    let path = dataset.mountpoint.as_ref()?.as_str();
    let is_valid = match storage.kind {
        StorageKind::Dir => path
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-/_.@".contains(c)),
        StorageKind::ZfsPool => !path.contains([';', '(', ')']),
    };
    // A blank in the pool's name is a finding of its own.
    if is_valid && path.len() > 1 || dataset.pool.contains(' ') {
        return None;
    }
    let message = format!(
        "Proxmox takes no storage of type `{}` at \"{path}\"",
        storage.kind.as_str()
    );
    Some(
        Finding::error(Code::StorageInvalidPath, message)
            .help(
                "give the dataset a `mountpoint` of letters, digits, -, _, ., @ and / below the root \
                 directory",
            )
            .at_key(&storage.origin, "stands there"),
    )
}

fn impossible_content(storage: &Storage, findings: &mut Vec<Finding>) {
    let possible = storage.kind.possible_content();
    for content in storage.content.iter().filter(|it| !possible.contains(it)) {
        let kind = storage.kind.as_str();
        let words: Vec<_> = possible.iter().map(|it| it.as_str()).collect();
        let message = format!(
            "the storage \"{}\" of type `{kind}` cannot hold `{}`",
            storage.id,
            content.as_str()
        );
        let help = match storage.kind {
            StorageKind::ZfsPool => format!(
                "use `\"type\": \"dir\"` for files such as backups and ISO images; a zfspool \
                 holds {}",
                words.join(" and ")
            ),
            StorageKind::Dir => format!("a dir storage holds {}", words.join(", ")),
        };
        findings.push(
            Finding::error(Code::StorageImpossibleContent, message)
                .help(help)
                .within(
                    &content_place(storage),
                    content.as_str(),
                    format!("not on a {kind}"),
                ),
        );
    }
}

/// The member that lists the content, in whatever shape the file has.
fn content_place(storage: &Storage) -> Pointer {
    let origin = storage.origin.text();
    let key = if origin.ends_with("/storage") {
        "content"
    } else if origin.contains("/dataset_storage_types/") {
        "storage_type"
    } else {
        "proxmox_content_type"
    };
    storage.origin.key(key)
}

fn nodes(storage: &Storage, findings: &mut Vec<Finding>) {
    if storage.nodes_exact && storage.nodes.is_none() {
        findings.push(
            Finding::error(
                Code::StorageInvalidOption,
                format!(
                    "the storage \"{}\" has an exact list of nodes that is not there",
                    storage.id
                ),
            )
            .help("state `nodes`, or remove `nodes_exact`")
            .at(&storage.origin.key("nodes_exact"), "of which nodes?"),
        );
    }
    let named = storage.nodes.iter().flatten();
    for node in named.filter(|node| !is_node(node)) {
        findings.push(
            Finding::error(
                Code::StorageInvalidOption,
                format!("\"{node}\" is no name of a Proxmox node"),
            )
            .help("write the node's short host name: letters, digits and -")
            .within(&storage.origin.key("nodes"), node, "not a node"),
        );
    }
}

fn is_node(name: &str) -> bool {
    let edge = |c: char| c.is_ascii_alphanumeric();
    name.starts_with(edge)
        && name.ends_with(edge)
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// Volumes have `volblocksize`; `recordsize` is for files.
fn recordsize_unused(dataset: &Dataset, storage: &Storage) -> Option<Finding> {
    let only_images = storage.kind == StorageKind::ZfsPool
        && storage.content.contains(&Content::Images)
        && !storage.content.contains(&Content::Rootdir);
    let recordsize = dataset.properties.get("recordsize")?;
    if !only_images {
        return None;
    }
    let help = match storage.options.get("blocksize") {
        Some(_) => "remove it: the storage's `blocksize` is what counts",
        None => {
            "remove it, and state the volumes' block size: `\"blocksize\": \"16k\"` in `storage`"
        }
    };
    let message = format!(
        "`recordsize` does nothing for the VM disks in \"{}\", which are volumes",
        dataset.name
    );
    Some(
        Finding::warning(Code::StorageRecordsizeUnused, message)
            .help(help)
            .at(&recordsize.origin, "only files have records")
            .at_key(&storage.origin, "holds only VM disks"),
    )
}

fn backup_without_redundancy(
    index: &Index<'_>,
    dataset: &Dataset,
    storage: &Storage,
) -> Option<Finding> {
    let pool = index.pool(&dataset.pool)?;
    let is_weak = !pool.vdevs.is_empty() && pool.redundancy() == 0;
    if !is_weak || !storage.content.contains(&Content::Backup) {
        return None;
    }
    let message = format!(
        "the backups in \"{}\" are lost with one disk: the pool \"{}\" has no redundancy",
        dataset.name, pool.name
    );
    Some(
        Finding::warning(Code::StorageBackupWithoutRedundancy, message)
            .help("make the pool a mirror, or keep a second copy of the backups elsewhere")
            .within(&content_place(storage), "backup", "backups go here")
            .at(&pool.origin.key("raid_level"), "one disk holds all"),
    )
}
