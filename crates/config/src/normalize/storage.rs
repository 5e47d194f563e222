//! Proxmox storages, in the modern form and three historic ones.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::context::{self, Context, items};
use super::storage_option;
use crate::code::Code;
use crate::diagnostic::Finding;
use crate::file::{self, ContentType, DatasetStorageType, List, StorageType};
use crate::model::{Content, Dataset, Storage, StorageKind};
use crate::pointer::Pointer;
use crate::suggest;

/// The historic map `proxmox_storage_ids`.
///
/// Its key is `<pool>_<name>` with `_` for every `-` of the name, and its value replaces the
/// default id (incumbent `hypervisor_feature_setup_zfs.sh`:302). Most keys of real files match
/// nothing.
#[derive(Debug)]
pub(super) struct Ids {
    map: BTreeMap<String, String>,
    at: Pointer,
    /// The dataset of each key that has matched.
    matched: RefCell<BTreeMap<String, String>>,
}

impl Ids {
    pub(super) fn new(map: Option<BTreeMap<String, Option<String>>>, at: &Pointer) -> Self {
        let entries = map.unwrap_or_default().into_iter();
        Self {
            map: entries.filter_map(|(key, id)| Some((key, id?))).collect(),
            at: at.clone(),
            matched: RefCell::default(),
        }
    }

    /// The id of the storage on `dataset`, and the place that says so.
    fn of(&self, dataset: &str) -> Option<&str> {
        let (pool, name) = dataset.split_once('/')?;
        let key = format!("{pool}_{}", name.replace('-', "_"));
        let id = self.map.get(&key)?;
        self.matched.borrow_mut().insert(key, dataset.to_owned());
        Some(id)
    }

    /// Warns about the map, key by key.
    pub(super) fn report(self, context: &mut Context) {
        let matched = self.matched.into_inner();
        for (key, id) in &self.map {
            let place = match matched.get(key) {
                Some(dataset) => format!("names the storage of {dataset}"),
                None => "matches no dataset with a storage".to_owned(),
            };
            context.historic(
                Code::HistoricStorageIds,
                context::key(&self.at.key(key), place),
                || {
                    format!(
                        "write \"storage\": {{\"id\": \"{id}\", ..}} in the dataset; without an id it is POOL-NAME"
                    )
                },
            );
        }
    }
}

/// The storage that a dataset declares, in the modern form or in flat fields.
pub(super) fn storage(
    context: &mut Context,
    dataset: &mut file::Dataset,
    name: &str,
    at: &Pointer,
    ids: &Ids,
) -> Option<Storage> {
    if dataset.storage_class.is_some() {
        let place = context::key(&at.key("storage_class"), "read by nothing");
        context.historic(Code::HistoricStorageClass, place, || {
            "remove it; a dataset without `storage` gets no Proxmox storage".to_owned()
        });
    }
    let flat = flat(context, dataset, name, at, ids);
    let declared = dataset.storage.take();
    match (declared, flat) {
        (Some(_), Some(_)) => {
            context.push(
                Finding::error(
                    Code::SchemaConflict,
                    format!("the dataset \"{name}\" has its Proxmox storage in two forms"),
                )
                .help("keep `storage`, remove `proxmox_storage_type` and `proxmox_content_type`")
                .at_key(&at.key("storage"), "one way")
                .at_key(&at.key("proxmox_storage_type"), "the other way"),
            );
            None
        }
        (Some(declared), None) => modern(context, declared, name, &at.key("storage"), ids),
        (None, flat) => flat,
    }
}

fn modern(
    context: &mut Context,
    mut declared: file::Storage,
    name: &str,
    at: &Pointer,
    ids: &Ids,
) -> Option<Storage> {
    let kind = match declared.kind? {
        StorageType::Zfspool => StorageKind::ZfsPool,
        StorageType::Dir => StorageKind::Dir,
    };
    let content_at = at.key("content");
    let options = storage_option::stated(&mut declared);
    let is_stated = declared.content.is_some() || context.is_removed(&content_at);
    if declared.content.as_ref().is_some_and(Vec::is_empty) {
        context.push(no_content(&content_at));
    }
    let mut content: BTreeSet<_> = items(declared.content, &content_at)
        .map(|(_, content)| content_type(content))
        .collect();
    if !is_stated {
        content = default_content(context, kind, name, at, "content");
    }
    let nodes_at = at.key("nodes");
    let states_nodes = declared.nodes.is_some();
    let nodes = items(declared.nodes, &nodes_at).map(|(_, node)| node);
    let nodes = nodes.collect();
    Some(Storage {
        id: declared.id.unwrap_or_else(|| default_id(name, ids)),
        origin: at.clone(),
        kind,
        content,
        options,
        nodes: states_nodes.then_some(nodes),
        nodes_exact: declared.nodes_exact.unwrap_or_default(),
    })
}

/// Proxmox would write `none`, and a storage that has that can never be activated again
/// (pve-storage 9.1 `Plugin.pm`, `vtype_subdirs`).
fn no_content(at: &Pointer) -> Finding {
    Finding::error(
        Code::StorageImpossibleContent,
        "a Proxmox storage cannot hold nothing at all",
    )
    .help("name what Proxmox may put on it; to switch a storage off, say `\"disable\": true`")
    .at(at, "empty")
}

/// The historic fields `proxmox_storage_type` and `proxmox_content_type`.
fn flat(
    context: &mut Context,
    dataset: &file::Dataset,
    name: &str,
    at: &Pointer,
    ids: &Ids,
) -> Option<Storage> {
    let (kind_at, content_at) = (
        at.key("proxmox_storage_type"),
        at.key("proxmox_content_type"),
    );
    let content = dataset.proxmox_content_type.as_deref();
    let Some(kind) = dataset.proxmox_storage_type.as_deref() else {
        if content.is_some() && !context.is_removed(&kind_at) {
            let place = context::key(&content_at, "no storage type beside it: ignored");
            context.historic(Code::HistoricStorageFields, place, || {
                "write \"storage\": {\"type\": .., \"content\": [..]}".to_owned()
            });
        }
        return None;
    };
    let kind = known_kind(context, kind, &kind_at, kind)?;
    context.historic(
        Code::HistoricStorageFields,
        context::key(&kind_at, "old flat field"),
        || modern_form(kind, content),
    );
    let content = match content {
        Some(text) => contents(context, text, &content_at),
        None => default_content(context, kind, name, at, "proxmox_content_type"),
    };
    Some(historic_storage(name, kind, content, at, ids))
}

/// The historic list `zfs.dataset_storage_types`.
pub(super) fn historic_types(
    context: &mut Context,
    list: List<DatasetStorageType>,
    at: &Pointer,
    datasets: &mut [Dataset],
    ids: &Ids,
) {
    let names: BTreeMap<String, usize> = datasets
        .iter()
        .enumerate()
        .map(|(index, dataset)| (dataset.name.clone(), index))
        .collect();
    for (at, entry) in items(list, at) {
        let (Some(name), Some(text)) = (entry.dataset, entry.storage_type) else {
            continue;
        };
        let Some(dataset) = names.get(&name).and_then(|index| datasets.get_mut(*index)) else {
            let known = names.keys().map(String::as_str);
            context.unknown_dataset(&name, known, &at.key("dataset"));
            continue;
        };
        let type_at = at.key("storage_type");
        let (kind, content) = match text.split_once(':') {
            Some((kind, content)) => (kind, Some(content)),
            None => (text.as_str(), None),
        };
        let Some(kind) = known_kind(context, kind, &type_at, &text) else {
            continue;
        };
        context.historic(
            Code::HistoricStorageTypes,
            context::value(&type_at, format!("the storage of {name}")),
            || modern_form(kind, content),
        );
        let content = match content {
            Some(text) => contents(context, text, &type_at),
            None => default_content(context, kind, &name, &at, "storage_type"),
        };
        if let Some(first) = &dataset.storage {
            context.push(
                Finding::error(
                    Code::SchemaConflict,
                    format!("the dataset \"{name}\" has two Proxmox storages"),
                )
                .help("keep `storage` in the dataset, remove it from `dataset_storage_types`")
                .at_key(&at, "one way")
                .at_key(&first.origin, "the other way"),
            );
            continue;
        }
        dataset.storage = Some(historic_storage(&name, kind, content, &at, ids));
    }
}

fn historic_storage(
    dataset: &str,
    kind: StorageKind,
    content: BTreeSet<Content>,
    at: &Pointer,
    ids: &Ids,
) -> Storage {
    Storage {
        id: default_id(dataset, ids),
        origin: at.clone(),
        kind,
        content,
        options: BTreeMap::new(),
        nodes: None,
        nodes_exact: false,
    }
}

fn default_id(dataset: &str, ids: &Ids) -> String {
    match ids.of(dataset) {
        Some(id) => id.to_owned(),
        None => dataset.replace('/', "-"),
    }
}

/// The kind of storage that a historic file calls `word`; others (`cifs`, `nfs`) are skipped.
fn known_kind(
    context: &mut Context,
    word: &str,
    at: &Pointer,
    written: &str,
) -> Option<StorageKind> {
    match word {
        "zfspool" => Some(StorageKind::ZfsPool),
        "dir" => Some(StorageKind::Dir),
        _ => {
            let place = context::value(at, format!("\"{written}\" is skipped"));
            context.historic(Code::HistoricStorageSkipped, place, || {
                "remove it, or use zfspool or dir; share a directory with `nfs.exports`".to_owned()
            });
            None
        }
    }
}

/// The content types in a historic comma list.
fn contents(context: &mut Context, text: &str, at: &Pointer) -> BTreeSet<Content> {
    let mut contents = BTreeSet::new();
    let words = text
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty());
    for word in words {
        let known = Content::ALL.map(Content::as_str);
        match Content::ALL.into_iter().find(|one| one.as_str() == word) {
            Some(content) => {
                contents.insert(content);
            }
            None => context.push(
                Finding::error(
                    Code::SchemaInvalidValue,
                    format!("Proxmox knows no content \"{word}\""),
                )
                .help(match suggest::nearest(word, known) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => format!("allowed here: {}", known.join(", ")),
                })
                .within(at, word, "unknown content"),
            ),
        }
    }
    contents
}

/// What Proxmox would put on a storage of this kind if the file does not say. A directory must
/// say it: Proxmox would take it for guest disks, which nobody wants there.
fn default_content(
    context: &mut Context,
    kind: StorageKind,
    dataset: &str,
    at: &Pointer,
    key: &str,
) -> BTreeSet<Content> {
    if kind == StorageKind::Dir {
        context.missing(
            at,
            key,
            &format!("the dir storage on \"{dataset}\""),
            "say what Proxmox may put there, for example \"content\": [\"iso\", \"vztmpl\"]",
        );
    }
    [Content::Images, Content::Rootdir].into()
}

fn content_type(content: ContentType) -> Content {
    match content {
        ContentType::Images => Content::Images,
        ContentType::Rootdir => Content::Rootdir,
        ContentType::Vztmpl => Content::Vztmpl,
        ContentType::Iso => Content::Iso,
        ContentType::Backup => Content::Backup,
        ContentType::Snippets => Content::Snippets,
        ContentType::Import => Content::Import,
    }
}

fn modern_form(kind: StorageKind, content: Option<&str>) -> String {
    let words = content.unwrap_or_default().split(',').map(str::trim);
    let words: Vec<_> = words
        .filter(|word| !word.is_empty())
        .map(|word| format!("\"{word}\""))
        .collect();
    format!(
        "write \"storage\": {{\"type\": \"{}\", \"content\": [{}]}} in the dataset",
        kind.as_str(),
        words.join(", ")
    )
}
