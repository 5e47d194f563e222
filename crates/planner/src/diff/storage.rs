//! Proxmox storages. Only what the file states is compared, and as Proxmox means it: `content` and
//! `nodes` come back in random order, an absent `sparse` is 0.

use std::collections::{BTreeMap, BTreeSet};

use phoenix_config::code::Code;
use phoenix_config::diagnostic::Severity;
use phoenix_config::model::{Content, Dataset, Storage, StorageKind};
use phoenix_zfs::text::visible;

use super::facts::Facts;
use super::verdict::{Notes, Stop, Verdict, changed_field, create, new_field, refused, update};
use crate::observed::ObservedStorage;
use crate::plan::{AddStorage, Note, Operation, SetStorage};
use crate::refusal::RefusalCode;
use crate::storage::{effective, joined, same_value, stored, trimmed};

/// The option that Proxmox never changes besides the place (`DirPlugin.pm`, sub `options`).
const FIXED: &str = "snapshot-as-volume-chain";

pub(super) fn diff(
    facts: &Facts<'_>,
    dataset: &Dataset,
    storage: &Storage,
    notes: &mut Notes,
) -> Verdict {
    if let Some(reason) = &facts.observed.storages_unreadable {
        return Err(refused(
            RefusalCode::StoragesUnreadable,
            format!("Proxmox cannot list its storages: {}", visible(reason)),
            "mend /etc/pve/storage.cfg until pvesm status works, then run phoenix again",
        ));
    }
    let Some(storages) = &facts.observed.storages else {
        notes.add(no_proxmox());
        return Err(Stop::Waiting);
    };
    let wanted = Wanted::new(facts, dataset, storage)?;
    let live = storages.get(&storage.id);
    node_notes(facts, storage, live, notes);
    match live {
        None => {
            let options = wanted.options();
            let kind = new_field("type", storage.kind.as_str());
            let fields = options.iter().map(|(name, value)| new_field(name, value));
            let changes = std::iter::once(kind).chain(fields).collect();
            let operation = AddStorage {
                storage: storage.id.clone(),
                kind: storage.kind,
                options,
            };
            create(changes, Operation::AddStorage(operation))
        }
        Some(live) => existing(&wanted, live),
    }
}

/// The note for a host without Proxmox.
pub(super) fn no_proxmox() -> Note {
    Note {
        id: None,
        code: Code::StorageNoProxmox,
        severity: Severity::Warning,
        message: "this host has no Proxmox VE: its storages and bind mounts wait".to_owned(),
        help: Some("run phoenix on the Proxmox host to set them up".to_owned()),
    }
}

/// Says what the storage means to the other nodes of the cluster: Proxmox's list of storages is one
/// for all of them, and names nodes without looking whether they exist.
fn node_notes(
    facts: &Facts<'_>,
    storage: &Storage,
    live: Option<&ObservedStorage>,
    notes: &mut Notes,
) {
    let (here, all) = (&facts.observed.node, &facts.observed.nodes);
    let id = &storage.id;
    let mut note = |code, message, help: String| {
        notes.about(storage.address(), Severity::Warning, code, message, help);
    };
    let unknown: BTreeSet<_> = storage.nodes.difference(all).cloned().collect();
    if let (Some(unknown), Some(all)) = (listed(&unknown), listed(all)) {
        note(
            Code::StorageUnknownNode,
            format!("storage {id} is for {unknown}, which the cluster does not have"),
            format!("correct \"nodes\": the cluster's nodes are {all}"),
        );
    }
    let none = BTreeSet::new();
    let nodes = match live {
        Some(live) if storage.nodes.is_empty() => &live.nodes,
        _ => &storage.nodes,
    };
    if !nodes.is_empty() && !nodes.contains(here) {
        note(
            Code::StorageNotHere,
            format!(
                "storage {id} is not for this node ({here}), where its dataset is: Proxmox will not use it"
            ),
            format!("add \"{here}\" to \"nodes\""),
        );
    }
    let others = if nodes.is_empty() { all } else { &none };
    let others = others.iter().filter(|node| *node != here).cloned();
    if let Some(others) = listed(&others.collect()) {
        note(
            Code::StorageAllNodes,
            format!(
                "storage {id} is for every node, so {others} must have its pool and dataset too"
            ),
            format!(
                "state \"nodes\": [\"{here}\"]: a node without the pool tries to import it every ten \
                 seconds"
            ),
        );
    }
}

/// Names for people; `None` without names.
fn listed(names: &BTreeSet<String>) -> Option<String> {
    joined(names).map(|names| names.replace(',', ", "))
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
        let mut options = self.changeable();
        options.remove("mountpoint");
        options.insert((*fixed).to_owned(), value.clone());
        options.extend(self.chain().map(|chain| (FIXED.to_owned(), chain.clone())));
        options
    }

    /// The options that `pvesm set` can change, as far as the file states or implies them.
    fn changeable(&self) -> BTreeMap<String, String> {
        let mut options = self.storage.options.clone();
        options.remove(FIXED);
        let mut set = |name: &str, value: String| options.insert(name.to_owned(), value);
        set("content", joined(&self.content).unwrap_or_default());
        if let Some(nodes) = joined(&self.storage.nodes) {
            set("nodes", nodes);
        }
        if let Some(mountpoint) = self.mountpoint {
            // Proxmox notes it when the storage is added and never again (`ZFSPoolPlugin.pm`,
            // `on_add_hook`).
            set("mountpoint", mountpoint.to_owned());
        }
        if self.storage.kind == StorageKind::Dir {
            // Else Proxmox makes directories below a dataset that is not mounted.
            set("is_mountpoint", "yes".to_owned());
        }
        options
    }

    fn chain(&self) -> Option<&String> {
        self.storage.options.get(FIXED)
    }
}

fn existing(wanted: &Wanted<'_>, live: &ObservedStorage) -> Verdict {
    check_fixed(wanted, live)?;
    let options = wanted.changeable();
    let differing: BTreeMap<String, String> = options
        .into_iter()
        .filter(|(name, value)| differs(live, name, value))
        .collect();
    if differing.is_empty() {
        return Ok(None);
    }
    // Proxmox's old `mkdir` overrules `create-subdirs`.
    let makes_directories = differing.get("create-subdirs").map(String::as_str) == Some("1");
    let is_overruled = live.options.contains_key("mkdir") && makes_directories;
    let row = |(name, value): (&String, &String)| changed_field(name, stored(live, name), value);
    let changes = differing.iter().map(row).collect();
    let operation = SetStorage {
        storage: wanted.storage.id.clone(),
        options: differing,
        delete: is_overruled
            .then(|| "mkdir".to_owned())
            .into_iter()
            .collect(),
    };
    update(changes, Operation::SetStorage(operation))
}

fn differs(live: &ObservedStorage, name: &str, value: &str) -> bool {
    let is = effective(live, name);
    is.is_none_or(|is| !same_value(name, &is, value))
}

fn check_fixed(wanted: &Wanted<'_>, live: &ObservedStorage) -> Result<(), Stop> {
    let (id, kind) = (&wanted.storage.id, wanted.storage.kind.as_str());
    let options = wanted.options();
    let flags = options
        .iter()
        .map(|(name, value)| format!(" --{name} {value}"));
    let help = format!(
        "give the file's storage another id, or remove the entry, which keeps all data, and let \
         phoenix add it anew: pvesm remove {id}, then phoenix apply, which runs pvesm add {kind} {id}{}",
        flags.collect::<String>()
    );
    if live.kind != kind {
        let has = &live.kind;
        return Err(refused(
            RefusalCode::StorageOther,
            format!("storage {id} exists with type {has}, and the file declares {kind}"),
            help,
        ));
    }
    let (field, value) = &wanted.fixed;
    let fixed = [(*field, Some(value)), (FIXED, wanted.chain())];
    for (field, value) in fixed {
        let Some(value) = value else { continue };
        let has = effective(live, field).unwrap_or_else(|| "nothing".to_owned());
        if trimmed(&has) != trimmed(value) {
            let reason = format!(
                "storage {id} has {field} {has}, and the file implies {value}; Proxmox never \
                 changes that field"
            );
            return Err(refused(RefusalCode::StorageOther, reason, help));
        }
    }
    Ok(())
}
