//! Storages: what Proxmox may keep where.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::parse::ParseError;
use phoenix_host::command::{Command, Program};

/// A storage with its effective options.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StorageRow {
    /// Proxmox's type: `zfspool`, `dir`, `nfs` ...
    pub kind: String,
    /// What may be put on it. A set: Proxmox prints it in another order every time.
    pub content: BTreeSet<String>,
    /// The nodes that have it; empty means all. A set for the same reason.
    pub nodes: BTreeSet<String>,
    /// All other options as text, booleans as `0` and `1`, objects as `key=value,...`.
    pub options: BTreeMap<String, String>,
    /// A checksum over Proxmox's whole file, the same for all storages. It changes with every
    /// write, even of another storage: the order of words does.
    pub digest: Option<String>,
}

/// `pvesh get /storage`: every storage with its defaults filled in. Takes about a second.
pub fn storages() -> Command {
    Command::read(
        Program::Pvesh,
        ["get", "/storage", "--output-format", "json"],
    )
    .timeout(60)
}

/// Reads the answer of [`storages`], by id.
///
/// # Errors
/// When it is not JSON of that shape.
pub fn parse_storages(text: &str) -> Result<BTreeMap<String, StorageRow>, ParseError> {
    let what = "the output of pvesh get /storage";
    let entries: Vec<Map<String, Value>> =
        serde_json::from_str(text).map_err(|error| ParseError::json(what, text, &error))?;
    entries
        .iter()
        .map(|entry| {
            storage(entry).map_err(|reason| {
                ParseError::new(what, &Value::Object(entry.clone()).to_string(), reason)
            })
        })
        .collect()
}

fn storage(entry: &Map<String, Value>) -> Result<(String, StorageRow), String> {
    let mut id = None;
    let mut row = StorageRow::default();
    for (key, value) in entry {
        let text = text_of(value).ok_or_else(|| format!("option {key} has an unexpected form"))?;
        match key.as_str() {
            "storage" => id = Some(text),
            "type" => row.kind = text,
            "content" => row.content = list_of(&text),
            "nodes" => row.nodes = list_of(&text),
            "digest" => row.digest = Some(text),
            _ => {
                row.options.insert(key.clone(), text);
            }
        }
    }
    match id {
        Some(id) if !row.kind.is_empty() => Ok((id, row)),
        _ => Err("it has no storage id and type".to_owned()),
    }
}

/// Proxmox prints booleans and numbers as JSON numbers, and `content-dirs` as an object.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(u8::from(*flag).to_string()),
        Value::Object(entries) => {
            let pair = |(key, value)| Some(format!("{key}={}", text_of(value)?));
            let pairs: Option<BTreeSet<_>> = entries.iter().map(pair).collect();
            Some(Vec::from_iter(pairs?).join(","))
        }
        Value::Null | Value::Array(_) => None,
    }
}

fn list_of(text: &str) -> BTreeSet<String> {
    let words = text.split([',', ';', ' ']).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// `pvesm add`: a new storage. Proxmox activates it, and keeps nothing if that fails.
pub fn add_storage(kind: &str, id: &str, options: &BTreeMap<String, String>) -> Command {
    let args = ["add", kind, id].map(str::to_owned).into_iter();
    Command::write(Program::Pvesm, args.chain(flags(options)))
}

/// `pvesm set`: options to set, and options to take back to their default. Proxmox refuses it when
/// its file is not the one of `digest` any more (that of a [`StorageRow`]), and neither activates nor verifies the storage.
pub fn set_storage(
    id: &str,
    options: &BTreeMap<String, String>,
    delete: &[String],
    digest: Option<&str>,
) -> Command {
    let args = ["set", id].map(str::to_owned).into_iter();
    let args = args.chain(flags(options));
    let delete = (!delete.is_empty()).then(|| ["--delete".to_owned(), delete.join(",")]);
    let digest = digest.map(|digest| ["--digest", digest].map(str::to_owned));
    Command::write(
        Program::Pvesm,
        args.chain(delete.into_iter().flatten())
            .chain(digest.into_iter().flatten()),
    )
}

fn flags(options: &BTreeMap<String, String>) -> impl Iterator<Item = String> {
    let pairs = options.iter();
    pairs.flat_map(|(key, value)| [format!("--{key}"), value.clone()])
}
