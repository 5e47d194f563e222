//! Proxmox storages. Only what the file states is compared, and as Proxmox means it: `content` and
//! `nodes` come back in random order, an absent `sparse` is 0.

use std::collections::{BTreeMap, BTreeSet};

use phoenix_config::code::Code;
use phoenix_config::diagnostic::Severity;
use phoenix_config::model::{Content, Dataset, Storage, StorageKind};
use phoenix_zfs::text::visible;

use super::facts::Facts;
use super::storage_nodes as nodes;
use super::verdict::{Notes, Stop, Verdict, changed_field, create, new_field, refused, update};
use crate::observed::ObservedStorage;
use crate::plan::{AddStorage, Note, Operation, SetStorage};
use crate::refusal::RefusalCode;
use crate::storage::{effective, joined, same_value, stored, trimmed};

/// The option that Proxmox never changes besides the place (`DirPlugin.pm`, sub `options`).
const FIXED: &str = "snapshot-as-volume-chain";

/// What a plan shows for a storage that is for every node.
pub(crate) const ALL_NODES: &str = "all";

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
    nodes::notes(facts, storage, live, notes);
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
        Some(live) => existing(facts, &wanted, live, notes),
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
        let nodes = self.storage.nodes.as_ref().and_then(joined);
        options.extend(nodes.map(|nodes| ("nodes".to_owned(), nodes)));
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

fn existing(
    facts: &Facts<'_>,
    wanted: &Wanted<'_>,
    live: &ObservedStorage,
    notes: &mut Notes,
) -> Verdict {
    check_fixed(wanted, live)?;
    let mut differing: BTreeMap<String, String> = wanted
        .changeable()
        .into_iter()
        .filter(|(name, value)| differs(live, name, value))
        .collect();
    nodes::keep_what_others_have(facts, wanted.storage, live, &mut differing, notes);
    // Proxmox's old `mkdir` overrules `create-subdirs`.
    let makes_directories = differing.get("create-subdirs").map(String::as_str) == Some("1");
    let is_overruled = live.options.contains_key("mkdir") && makes_directories;
    let mut delete: Vec<String> = is_overruled
        .then(|| "mkdir".to_owned())
        .into_iter()
        .collect();
    let row = |(name, value): (&String, &String)| changed_field(name, stored(live, name), value);
    let mut changes: Vec<_> = differing.iter().map(row).collect();
    let members = nodes::after(facts, wanted.storage, live);
    if let Some(members) = members.filter(|members| *members != live.nodes) {
        let before = stored(live, "nodes").unwrap_or_else(|| ALL_NODES.to_owned());
        let after = joined(&members);
        let shown = after.clone().unwrap_or_else(|| ALL_NODES.to_owned());
        changes.push(changed_field("nodes", Some(before), &shown));
        match after {
            Some(after) => drop(differing.insert("nodes".to_owned(), after)),
            None => delete.push("nodes".to_owned()),
        }
    }
    if changes.is_empty() {
        return Ok(None);
    }
    let operation = SetStorage {
        storage: wanted.storage.id.clone(),
        options: differing,
        delete,
    };
    update(changes, Operation::SetStorage(operation))
}

fn differs(live: &ObservedStorage, name: &str, value: &str) -> bool {
    let is = effective(live, name);
    is.is_none_or(|is| !same_value(name, &is, value))
}

fn check_fixed(wanted: &Wanted<'_>, live: &ObservedStorage) -> Result<(), Stop> {
    let (id, kind) = (&wanted.storage.id, wanted.storage.kind.as_str());
    if live.kind != kind {
        let has = &live.kind;
        return Err(refused(
            RefusalCode::StorageOther,
            format!("storage {id} exists with type {has}, and the file declares {kind}"),
            "give the file's storage another id: this one belongs to something else, and with its entry \
             Proxmox deletes the passwords and keys that it keeps for it",
        ));
    }
    let (field, value) = &wanted.fixed;
    check_field(wanted, live, field, value, || {
        format!(
            "give the file's storage another id: guests and backups find what they have in {} through this one",
            effective(live, field).unwrap_or_default()
        )
    })?;
    let Some(chain) = wanted.chain() else {
        return Ok(());
    };
    check_field(wanted, live, FIXED, chain, || {
        let options = wanted.options();
        let flags = options.iter();
        let flags = flags.map(|(name, value)| format!(" --{name} {value}"));
        format!(
            "state it as it is; or remove the entry, which keeps all data, and let phoenix add it anew: pvesm \
             remove {id}, then phoenix apply, which runs pvesm add {kind} {id}{}",
            flags.collect::<String>()
        )
    })
}

/// A field that Proxmox never changes.
fn check_field(
    wanted: &Wanted<'_>,
    live: &ObservedStorage,
    field: &str,
    value: &str,
    help: impl Fn() -> String,
) -> Result<(), Stop> {
    let has = effective(live, field).unwrap_or_else(|| "nothing".to_owned());
    if trimmed(&has) == trimmed(value) {
        return Ok(());
    }
    let id = &wanted.storage.id;
    let reason = format!(
        "storage {id} has {field} {has}, and the file implies {value}; Proxmox never changes that field"
    );
    Err(refused(RefusalCode::StorageOther, reason, help()))
}
