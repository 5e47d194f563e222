//! Whom a storage is for. Proxmox's list of storages is one for all nodes of the cluster, so an entry
//! may serve others than this host: they keep their place in it, and what it says for them.

use std::collections::{BTreeMap, BTreeSet};

use phoenix_config::code::Code;
use phoenix_config::diagnostic::Severity;
use phoenix_config::model::Storage;

use super::facts::Facts;
use super::verdict::Notes;
use crate::observed::ObservedStorage;
use crate::storage::{joined, stored};

/// The nodes that the storage is to have, empty for all; `None` where they stay as they are.
pub(super) fn after(
    facts: &Facts<'_>,
    storage: &Storage,
    live: &ObservedStorage,
) -> Option<BTreeSet<String>> {
    let stated = storage.nodes.as_ref()?;
    let here = &facts.observed.node;
    let for_all = live.nodes.is_empty();
    if storage.nodes_exact || stated.is_empty() || for_all && others(facts, live).is_empty() {
        return Some(stated.clone());
    }
    if for_all {
        // To restrict it would take it from nodes that other files may speak for.
        return None;
    }
    let mut merged: BTreeSet<String> = live.nodes.union(stated).cloned().collect();
    if !stated.contains(here) {
        merged.remove(here);
    }
    // Proxmox takes an empty list for all nodes.
    Some(if merged.is_empty() {
        stated.clone()
    } else {
        merged
    })
}

/// Takes out what may only be changed together with nodes that the file does not speak for, and says
/// what stays as it is. Where a zfspool is mounted is told by no file but by this host alone, so it
/// stays as soon as anybody else is served.
pub(super) fn keep_what_others_have(
    facts: &Facts<'_>,
    storage: &Storage,
    live: &ObservedStorage,
    differing: &mut BTreeMap<String, String>,
    notes: &mut Notes,
) {
    let others = others(facts, live);
    if others.is_empty() || storage.nodes_exact {
        return;
    }
    let speaks = match &storage.nodes {
        None => live.nodes.is_empty(),
        Some(stated) => stated.is_empty() || others.is_subset(stated),
    };
    let is_kept = |name: &str| !speaks || name == "mountpoint";
    let kept: Vec<String> = differing
        .iter()
        .filter(|(name, _)| is_kept(name))
        .map(|(name, value)| {
            let has = stored(live, name).unwrap_or_else(|| "its default".to_owned());
            format!("{name} stays {has} and is not {value}")
        })
        .collect();
    differing.retain(|name, _| !is_kept(name));
    let Some(others) = listed(&others).filter(|_| !kept.is_empty()) else {
        return;
    };
    notes.about(
        storage.address(),
        Severity::Warning,
        Code::StorageOtherNodes,
        format!(
            "storage {} serves {others} too, so {}",
            storage.id,
            kept.join(", ")
        ),
        "state what it is; or say \"nodes_exact\": true in the one file that decides for all its nodes",
    );
}

/// The nodes beside this one that have the storage.
fn others(facts: &Facts<'_>, live: &ObservedStorage) -> BTreeSet<String> {
    let (here, all) = (&facts.observed.node, &facts.observed.nodes);
    let serves = if live.nodes.is_empty() {
        all
    } else {
        &live.nodes
    };
    serves
        .iter()
        .filter(|node| *node != here)
        .cloned()
        .collect()
}

/// Says what the storage means to the other nodes of the cluster: Proxmox's list of storages is one
/// for all of them, and names nodes without looking whether they exist.
pub(super) fn notes(
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
    let stated = storage.nodes.clone().unwrap_or_default();
    // Nobody knows the nodes while the cluster does not tell.
    let unknown: BTreeSet<_> = stated.difference(all).cloned().collect();
    let unknown = if all.is_empty() {
        BTreeSet::new()
    } else {
        unknown
    };
    if let (Some(unknown), Some(all)) = (listed(&unknown), listed(all)) {
        note(
            Code::StorageUnknownNode,
            format!("storage {id} is for {unknown}, which the cluster does not have"),
            format!("correct \"nodes\": the cluster's nodes are {all}"),
        );
    }
    let nodes = match live {
        Some(live) => after(facts, storage, live).unwrap_or_else(|| live.nodes.clone()),
        None => stated,
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
    let others = all.iter().filter(|node| *node != here).cloned();
    let others: BTreeSet<_> = others.filter(|_| nodes.is_empty()).collect();
    let lifted = storage.nodes.as_ref().is_some_and(BTreeSet::is_empty);
    if let Some(others) = listed(&others).filter(|_| !lifted) {
        note(
            Code::StorageAllNodes,
            format!(
                "storage {id} is for every node, so {others} must have its pool and dataset too"
            ),
            format!(
                "state \"nodes\": [\"{here}\"], \"nodes_exact\": true if no other node has it: a node without \
                 the pool tries to import it every ten seconds"
            ),
        );
    }
}

/// Names for people; `None` without names.
fn listed(names: &BTreeSet<String>) -> Option<String> {
    joined(names).map(|names| names.replace(',', ", "))
}
