//! Proxmox storages. Only what the file states is compared, and as Proxmox means it: `content` and
//! `nodes` come back in random order, an absent `sparse` is 0.

use std::collections::{BTreeMap, BTreeSet};

use phoenix_config::code::Code;
use phoenix_config::diagnostic::Severity;
use phoenix_config::model::{Content, Dataset, Storage, StorageKind};
use phoenix_zfs::size;

use super::facts::Facts;
use super::verdict::{Notes, Stop, Verdict, changed_field, create, new_field, refused, update};
use crate::observed::ObservedStorage;
use crate::plan::{AddStorage, Change, Note, Operation, SetStorage};

pub(super) fn diff(
    facts: &Facts<'_>,
    dataset: &Dataset,
    storage: &Storage,
    notes: &mut Notes,
) -> Verdict {
    let Some(storages) = &facts.observed.storages else {
        notes.add(no_proxmox());
        return Err(Stop::Waiting);
    };
    let wanted = Wanted::new(facts, dataset, storage)?;
    match storages.get(&storage.id) {
        None => {
            let options = wanted.options();
            let kind = new_field("type", storage.kind.as_str());
            let fields = options.iter().map(|(name, value)| new_field(name, value));
            let changes = std::iter::once(kind).chain(fields).collect();
            let operation = AddStorage {
                storage: storage.id.clone(),
                kind: storage.kind.as_str().to_owned(),
                options,
            };
            create(changes, Operation::AddStorage(operation))
        }
        Some(live) => existing(storage, &wanted, live),
    }
}

/// The note for a host without Proxmox.
pub(super) fn no_proxmox() -> Note {
    Note {
        id: None,
        code: Code::StorageNoProxmox.to_string(),
        severity: Severity::Warning,
        message: "this host has no Proxmox VE: its storages and bind mounts wait".to_owned(),
        help: Some("run phoenix on the Proxmox host to set them up".to_owned()),
    }
}

/// What a storage must be, in Proxmox's words.
struct Wanted<'a> {
    storage: &'a Storage,
    /// The option that Proxmox never changes: `pool` or `path`.
    fixed: (&'static str, String),
    content: BTreeSet<String>,
    /// Where Proxmox must look for a zfspool's container volumes.
    mountpoint: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    fn new(facts: &'a Facts<'_>, dataset: &Dataset, storage: &'a Storage) -> Result<Self, Stop> {
        let (fixed, mountpoint) = match storage.kind {
            StorageKind::ZfsPool => (
                ("pool", dataset.name.clone()),
                facts.mountpoint(&dataset.name),
            ),
            StorageKind::Dir => (("path", facts.mounted_at(&dataset.name)?), None),
        };
        let content = storage
            .content
            .iter()
            .copied()
            .map(Content::as_str)
            .map(str::to_owned);
        Ok(Self {
            storage,
            fixed,
            content: content.collect(),
            mountpoint,
        })
    }

    /// The options for `pvesm add`. A zfspool's `mountpoint` is found out by Proxmox itself then.
    fn options(&self) -> BTreeMap<String, String> {
        let (fixed, value) = &self.fixed;
        let mut options = BTreeMap::from([
            ((*fixed).to_owned(), value.clone()),
            ("content".to_owned(), join(&self.content)),
        ]);
        let mut set = |name: &str, value: String| options.insert(name.to_owned(), value);
        if !self.storage.nodes.is_empty() {
            set("nodes", join(&self.storage.nodes));
        }
        if self.storage.kind == StorageKind::Dir {
            // Else Proxmox makes directories below a dataset that is not mounted.
            set("is_mountpoint", "yes".to_owned());
        }
        if let Some(sparse) = self.storage.sparse {
            set("sparse", boolean(sparse));
        }
        if let Some(blocksize) = &self.storage.blocksize {
            set("blocksize", blocksize.clone());
        }
        options
    }
}

fn existing(storage: &Storage, wanted: &Wanted<'_>, live: &ObservedStorage) -> Verdict {
    check_fixed(storage, wanted, live)?;
    let changes: Vec<_> = [
        set_change("content", &live.content, &wanted.content),
        set_change("nodes", &live.nodes, &storage.nodes).filter(|_| !storage.nodes.is_empty()),
        sparse_change(storage, live),
        blocksize_change(storage, live),
        mountpoint_change(wanted, live),
        is_mountpoint_change(wanted, live),
    ]
    .into_iter()
    .flatten()
    .collect();
    if changes.is_empty() {
        return Ok(None);
    }
    let operation = SetStorage {
        storage: storage.id.clone(),
        options: super::property::after(&changes),
        delete: Vec::new(),
    };
    update(changes, Operation::SetStorage(operation))
}

fn check_fixed(storage: &Storage, wanted: &Wanted<'_>, live: &ObservedStorage) -> Result<(), Stop> {
    let (id, kind) = (&storage.id, storage.kind.as_str());
    let help = format!(
        "give the file's storage another id, or remove the old one, which keeps its data, and run \
         phoenix again: pvesm remove {id}"
    );
    if live.kind != kind {
        let has = &live.kind;
        return Err(refused(
            format!("storage {id} exists with type {has}, and the file declares {kind}"),
            help,
        ));
    }
    let (field, value) = &wanted.fixed;
    let has = live.options.get(*field).map_or("nothing", String::as_str);
    if trimmed(has) == trimmed(value) {
        return Ok(());
    }
    Err(refused(
        format!(
            "storage {id} has {field} {has}, and the file implies {value}; Proxmox never changes that field"
        ),
        help,
    ))
}

fn trimmed(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" => path,
        trimmed => trimmed,
    }
}

fn set_change(field: &str, has: &BTreeSet<String>, wanted: &BTreeSet<String>) -> Option<Change> {
    (has != wanted).then(|| {
        let before = (!has.is_empty()).then(|| join(has));
        changed_field(field, before, join(wanted))
    })
}

fn sparse_change(storage: &Storage, live: &ObservedStorage) -> Option<Change> {
    let wanted = storage.sparse?;
    let has = live.options.get("sparse");
    let is_sparse = has.is_some_and(|value| value == "1");
    (is_sparse != wanted).then(|| changed_field("sparse", has.cloned(), boolean(wanted)))
}

fn blocksize_change(storage: &Storage, live: &ObservedStorage) -> Option<Change> {
    let wanted = storage.blocksize.as_ref()?;
    let has = live.options.get("blocksize");
    let same = has.is_some_and(|has| has == wanted || size::parse(has) == size::parse(wanted));
    (!same).then(|| changed_field("blocksize", has.cloned(), wanted))
}

/// Proxmox notes a zfspool's mountpoint when the storage is added and never again
/// (`ZFSPoolPlugin.pm`, `on_add_hook`); without a note it takes `/POOL`.
fn mountpoint_change(wanted: &Wanted<'_>, live: &ObservedStorage) -> Option<Change> {
    let mountpoint = wanted.mountpoint?;
    let has = live.options.get("mountpoint");
    let usual = format!("/{}", wanted.fixed.1);
    let effective = has.map_or(usual.as_str(), String::as_str);
    (trimmed(effective) != mountpoint)
        .then(|| changed_field("mountpoint", has.cloned(), mountpoint))
}

/// A path in `is_mountpoint` names another directory that must be mounted; only the storage's own
/// will do.
fn is_mountpoint_change(wanted: &Wanted<'_>, live: &ObservedStorage) -> Option<Change> {
    if wanted.storage.kind != StorageKind::Dir {
        return None;
    }
    let has = live.options.get("is_mountpoint");
    let checked = has.is_some_and(|has| {
        matches!(has.as_str(), "1" | "yes" | "on" | "true") || trimmed(has) == wanted.fixed.1
    });
    (!checked).then(|| changed_field("is_mountpoint", has.cloned(), "yes"))
}

fn join(values: &BTreeSet<String>) -> String {
    values
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(",")
}

fn boolean(value: bool) -> String {
    u8::from(value).to_string()
}
