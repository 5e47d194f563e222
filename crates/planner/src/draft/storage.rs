//! Proxmox storages, each at the dataset that it stands on.

use std::collections::BTreeMap;

use phoenix_config::address::Address;
use phoenix_config::model::StorageKind;
use phoenix_config::written::{Dataset, Storage};
use serde_json::{Map, Value};

use super::left_out::LeftOut;
use super::place::Places;
use crate::observed::{Observed, ObservedStorage};
use crate::storage::{boolean, trimmed};

/// Adds every storage of a kind that phoenix manages to its dataset, and says which have none.
pub(super) fn add(
    observed: &Observed,
    places: &Places<'_>,
    datasets: &mut [Dataset],
) -> Vec<LeftOut> {
    let mut left_out = Vec::new();
    let mut datasets: BTreeMap<_, _> = datasets
        .iter_mut()
        .map(|dataset| {
            (
                format!("{}/{}", dataset.pool, dataset.name),
                &mut dataset.storage,
            )
        })
        .collect();
    for (id, live) in observed.storages.iter().flatten() {
        let Some(kind) = kind(&live.kind) else {
            continue;
        };
        let ground = match (kind, live.options.get("pool"), live.options.get("path")) {
            (StorageKind::ZfsPool, Some(pool), _) => pool,
            (StorageKind::Dir, _, Some(path)) => {
                let path = trimmed(path);
                match places.dataset(path) {
                    Some(dataset) => dataset,
                    None if places.hold(path) => path,
                    // It has nothing to do with ZFS.
                    None => continue,
                }
            }
            _ => continue,
        };
        if kind == StorageKind::ZfsPool && !places.counts_dataset(ground) {
            continue;
        }
        let why = match datasets.get_mut(ground) {
            Some(storage) if storage.is_none() => {
                **storage = Some(stated(id, kind, live));
                continue;
            }
            Some(_) => format!(
                "{ground} carries another one already, and a file has one storage for a dataset"
            ),
            None => format!("it stands on {ground}, which the file does not declare as a dataset"),
        };
        left_out.push(LeftOut::new(Address::Storage(id.clone()).to_string(), why));
    }
    left_out
}

fn kind(word: &str) -> Option<StorageKind> {
    let mut kinds = [StorageKind::ZfsPool, StorageKind::Dir].into_iter();
    kinds.find(|kind| kind.as_str() == word)
}

fn stated(id: &str, kind: StorageKind, live: &ObservedStorage) -> Storage {
    let known = live.options.iter();
    let known = known.filter(|(name, _)| kind.possible_options().contains(&name.as_str()));
    Storage {
        id: id.to_owned(),
        kind: kind.as_str().to_owned(),
        content: live.content.clone(),
        nodes: live.nodes.clone(),
        options: known
            .map(|(name, value)| (in_file(name), member(name, value)))
            .collect(),
    }
}

/// The file has `_` where Proxmox has `-`.
fn in_file(name: &str) -> String {
    name.replace('-', "_")
}

/// An option as the file states it.
fn member(name: &str, value: &str) -> Value {
    match name {
        "bwlimit" | "content-dirs" | "prune-backups" => {
            let pairs = value.split(',').filter_map(|pair| pair.split_once('='));
            let members = pairs.map(|(key, value)| match key {
                "keep-all" => (in_file(key), Value::Bool(boolean(value) == Some(true))),
                _ => (in_file(key), number_or_text(value)),
            });
            Value::Object(members.collect::<Map<_, _>>())
        }
        "max-protected-backups" => number_or_text(value),
        "blocksize" | "format" | "preallocation" => Value::String(value.to_owned()),
        _ => boolean(value).map_or_else(|| Value::String(value.to_owned()), Value::Bool),
    }
}

fn number_or_text(value: &str) -> Value {
    let whole = value.parse::<i64>().ok().map(Value::from);
    let fraction = || value.parse::<f64>().ok().map(Value::from);
    whole
        .or_else(fraction)
        .unwrap_or_else(|| Value::String(value.to_owned()))
}
