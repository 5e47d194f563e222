//! The simulated `pvesh get /storage`, `pvesm add` and `pvesm set` (pve-storage 9.1).

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Map, Value, json};

use phoenix_host::command::Output;

use super::mount;
use super::pct::boolean;
use super::props;
use super::state::{State, Storage};

const ADD_USAGE: &str = "pvesm add <type> <storage> [OPTIONS]\n";
const SET_USAGE: &str = "pvesm set <storage> [OPTIONS]\n";
/// Every type of storage that pve-storage 9 knows.
const KINDS: &str = "btrfs, cephfs, cifs, dir, esxi, iscsi, iscsidirect, lvm, lvmthin, nfs, pbs, \
                     rbd, zfs, zfspool";
/// Every kind of content.
const CONTENTS: [&str; 8] = [
    "backup", "images", "import", "iso", "none", "rootdir", "snippets", "vztmpl",
];
const BOOLEANS: [&str; 7] = [
    "create-base-path",
    "create-subdirs",
    "disable",
    "mkdir",
    "shared",
    "snapshot-as-volume-chain",
    "sparse",
];
const ZFSPOOL: [&str; 8] = [
    "blocksize",
    "bwlimit",
    "content",
    "disable",
    "mountpoint",
    "nodes",
    "pool",
    "sparse",
];
const DIR: [&str; 16] = [
    "bwlimit",
    "content",
    "content-dirs",
    "create-base-path",
    "create-subdirs",
    "disable",
    "format",
    "is_mountpoint",
    "max-protected-backups",
    "mkdir",
    "nodes",
    "path",
    "preallocation",
    "prune-backups",
    "shared",
    "snapshot-as-volume-chain",
];
/// What `pvesm set` takes beside the options of storages.
const SET_ONLY: [&str; 2] = ["delete", "digest"];

/// A refusal: its exit code and text.
type Refusal = (i32, String);

fn invalid(usage: &str, key: &str, reason: &str) -> Refusal {
    let text = format!("400 Parameter verification failed.\n{key}: {reason}\n\n{usage}");
    (255, text)
}

fn failed(text: impl Into<String>) -> Refusal {
    (255, format!("{}\n", text.into()))
}

fn answer(result: Result<String, Refusal>) -> Output {
    match result {
        Ok(stderr) => Output {
            stderr,
            ..Output::success("")
        },
        Err((code, stderr)) => Output::failure(code, stderr),
    }
}

/// `pvesh get /storage --output-format json`
pub(super) fn get(storages: &BTreeMap<String, Storage>, args: &[String]) -> Output {
    match super::words(args)[..] {
        ["/storage", "--output-format", "json"] => {}
        [path, "--output-format", "json"] => {
            return Output::failure(1, format!("No 'get' handler defined for '{path}'\n"));
        }
        _ => {
            let text = "the simulated pvesh takes get PATH --output-format json only\n";
            return Output::failure(255, text);
        }
    }
    let digest = digest(storages);
    let items: Vec<Value> = storages
        .iter()
        .map(|(id, storage)| {
            let mut item: Map<String, Value> = storage
                .options
                .iter()
                .map(|(key, value)| (key.clone(), typed(key, value)))
                .collect();
            item.entry("content").or_insert(json!("images,rootdir"));
            item.insert("digest".to_owned(), json!(digest));
            item.insert("storage".to_owned(), json!(id));
            item.insert("type".to_owned(), json!(storage.kind));
            Value::Object(item)
        })
        .collect();
    Output::success(format!("{}\n", Value::Array(items)))
}

/// Booleans and counts are numbers in Proxmox's JSON, directories are an object.
fn typed(key: &str, value: &str) -> Value {
    if key == "content-dirs" {
        let pairs = value.split(',').filter_map(|pair| pair.split_once('='));
        return pairs.collect::<BTreeMap<_, _>>().into_iter().collect();
    }
    let number = BOOLEANS.contains(&key) || key == "max-protected-backups";
    match value.parse::<i64>() {
        Ok(n) if number => json!(n),
        _ => json!(value),
    }
}

/// Forty hexadecimal digits that change with the configuration, as the real digest does.
fn digest(storages: &BTreeMap<String, Storage>) -> String {
    let text = format!("{storages:?}");
    let hash = |seed: u64| {
        text.bytes().fold(seed, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    };
    let (a, b) = (hash(0xcbf2_9ce4_8422_2325), hash(0x6c62_272e_07bb_0142));
    format!("{a:016x}{b:016x}{:08x}", (a ^ b) >> 32)
}

/// `pvesm add TYPE ID --KEY VALUE ..`
pub(super) fn add(state: &mut State, args: &[String]) -> Output {
    answer(try_add(state, args))
}

fn try_add(state: &mut State, args: &[String]) -> Result<String, Refusal> {
    let [kind, id, rest @ ..] = args else {
        return Err((255, format!("400 not enough arguments\n{ADD_USAGE}")));
    };
    if !KINDS.split(", ").any(|known| known == kind) {
        let text = format!(
            "400 Parameter verification failed.\ntype: value '{kind}' does not have a value in \
             the enumeration '{KINDS}'\n{ADD_USAGE}"
        );
        return Err((255, text));
    }
    let known = match kind.as_str() {
        "zfspool" => &ZFSPOOL[..],
        "dir" => &DIR[..],
        other => {
            return Err(failed(format!(
                "the simulated pvesm cannot add type '{other}'"
            )));
        }
    };
    let mut options = parse(rest, ADD_USAGE)?;
    check_id(id)?;
    check_formats(&mut options, ADD_USAGE)?;
    if let Some(key) = SET_ONLY.into_iter().find(|key| options.contains_key(*key)) {
        let text = format!("Unknown option: {key}\n400 unable to parse option\n{ADD_USAGE}");
        return Err((255, text));
    }
    if let Some(key) = options.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(failed(format!("unexpected property '{key}'")));
    }
    let required = if kind == "dir" { "path" } else { "pool" };
    if !options.contains_key(required) {
        return Err(failed(format!(
            "missing value for required option '{required}'"
        )));
    }
    let mut stderr = restrict_content(kind, &mut options)?;
    let storages = state.storages.as_ref();
    if storages.is_some_and(|storages| storages.contains_key(id)) {
        let text = format!("create storage failed: storage ID '{id}' already defined");
        return Err(failed(text));
    }
    if kind == "zfspool" {
        stderr += &capture_mountpoint(state, id, &mut options);
    }
    let here = options
        .get("nodes")
        .is_none_or(|nodes| nodes.split(',').any(|node| node == state.node));
    if here && options.get("disable").is_none_or(|value| value == "0") {
        activate(state, kind, id, &options)?;
    }
    let storage = Storage {
        kind: kind.clone(),
        options,
    };
    if let Some(storages) = &mut state.storages {
        storages.insert(id.clone(), storage);
    }
    Ok(stderr)
}

/// `pvesm set ID --KEY VALUE .. --delete KEY,KEY`
pub(super) fn set(state: &mut State, args: &[String]) -> Output {
    answer(try_set(state, args))
}

fn try_set(state: &mut State, args: &[String]) -> Result<String, Refusal> {
    let Some((id, rest)) = args.split_first() else {
        return Err((255, format!("400 not enough arguments\n{SET_USAGE}")));
    };
    let mut options = parse(rest, SET_USAGE)?;
    let deletions: BTreeSet<String> = options
        .remove("delete")
        .map(|list| split(&list).into_iter().collect())
        .unwrap_or_default();
    let seen = options.remove("digest");
    if let Some(key) = options.keys().find(|key| *key == "path") {
        let text = format!("Unknown option: {key}\n400 unable to parse option\n{SET_USAGE}");
        return Err((255, text));
    }
    check_formats(&mut options, SET_USAGE)?;
    if seen.is_some() && seen != state.storages.as_ref().map(digest) {
        return Err(failed(
            "update storage failed: detected modified configuration - file changed by other user? \
             Try again.",
        ));
    }
    let storages = state.storages.as_mut();
    let Some(storage) = storages.and_then(|storages| storages.get_mut(id)) else {
        return Err(failed(format!(
            "update storage failed: storage '{id}' does not exist"
        )));
    };
    let known = match storage.kind.as_str() {
        "zfspool" => &ZFSPOOL[..],
        _ => &DIR[..],
    };
    if let Some(key) = options.keys().find(|key| !known.contains(&key.as_str())) {
        let text = format!("update storage failed: unexpected property '{key}'");
        return Err(failed(text));
    }
    if let Some(key) = options.keys().find(|key| deletions.contains(*key)) {
        let text = format!("update storage failed: unable to set and delete '{key}' at once");
        return Err(failed(text));
    }
    for key in &deletions {
        if matches!(key.as_str(), "pool" | "path") {
            let text = format!("update storage failed: unable to delete required option '{key}'");
            return Err(failed(text));
        }
    }
    for fixed in ["pool", "snapshot-as-volume-chain"] {
        let new = options.get(fixed);
        if new.is_some() && new != storage.options.get(fixed) {
            let text =
                format!("update storage failed: can't change value of fixed parameter '{fixed}'");
            return Err(failed(text));
        }
    }
    let stderr = restrict_content(&storage.kind.clone(), &mut options)?;
    storage.options.retain(|key, _| !deletions.contains(key));
    storage.options.extend(options);
    // An empty set of nodes is not written: it means all of them.
    storage
        .options
        .retain(|key, value| key != "nodes" || !value.is_empty());
    Ok(stderr)
}

fn parse(words: &[String], usage: &str) -> Result<BTreeMap<String, String>, Refusal> {
    let mut options = BTreeMap::new();
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        let key = word.trim_start_matches('-');
        let known = [&ZFSPOOL[..], &DIR, &SET_ONLY]
            .iter()
            .any(|keys| keys.contains(&key));
        if key == word || !known {
            let text = format!("Unknown option: {key}\n400 unable to parse option\n{usage}");
            return Err((255, text));
        }
        if BOOLEANS.contains(&key) {
            // `--sparse` alone means yes.
            let value = words.next_if(|next| !next.starts_with("--"));
            let Some(value) = value.map_or(Some("1"), |value| boolean(value)) else {
                return Err((255, format!("400 unable to parse boolean option\n{usage}")));
            };
            options.insert(key.to_owned(), value.to_owned());
            continue;
        }
        let Some(value) = words.next() else {
            let text =
                format!("Option {key} requires an argument\n400 unable to parse option\n{usage}");
            return Err((255, text));
        };
        options.insert(key.to_owned(), value.clone());
    }
    Ok(options)
}

/// Proxmox separates lists by commas, semicolons or blanks.
fn split(list: &str) -> Vec<String> {
    list.split([',', ';', ' ', '\t'])
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn check_id(id: &str) -> Result<(), Refusal> {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let well_formed = id.starts_with(|c: char| c.is_ascii_alphabetic())
        && id.ends_with(|c: char| c.is_ascii_alphanumeric())
        && id.chars().all(inner);
    let reason = match (id.len() < 2, well_formed) {
        (true, _) => "cannot be shorter than 2 characters",
        (false, false) => "contains illegal characters",
        (false, true) => return Ok(()),
    };
    let reason = format!("invalid format - storage ID '{id}' {reason}");
    Err(invalid(ADD_USAGE, "storage", &reason))
}

/// What the schema checks, with lists brought into order as `pvesh` here always shows them.
fn check_formats(options: &mut BTreeMap<String, String>, usage: &str) -> Result<(), Refusal> {
    for (key, value) in options.iter_mut() {
        match key.as_str() {
            "content" => {
                let words: BTreeSet<String> = split(value).into_iter().collect();
                if let Some(bad) = words.iter().find(|word| !CONTENTS.contains(&word.as_str())) {
                    let reason = format!("invalid format - invalid content type '{bad}'");
                    return Err(invalid(usage, key, &reason));
                }
                *value = join(words);
            }
            "nodes" => {
                let words: BTreeSet<String> = split(value).into_iter().collect();
                let valid = |name: &String| {
                    name.starts_with(|c: char| c.is_ascii_alphanumeric())
                        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
                        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                };
                if !words.iter().all(valid) {
                    let reason = "invalid format - value does not look like a valid node name";
                    return Err(invalid(usage, key, reason));
                }
                *value = join(words);
            }
            "path" | "mountpoint" => {
                let plain = |c: char| c.is_ascii_alphanumeric() || "-/_.@".contains(c);
                if !value.starts_with('/') || (key == "path" && !value.chars().all(plain)) {
                    let reason = "invalid format - value does not look like a valid absolute path";
                    return Err(invalid(usage, key, reason));
                }
                let path: Utf8PathBuf = Utf8Path::new(value.as_str()).components().collect();
                *value = path.into_string();
            }
            "blocksize" if !is_block_size(value) => {
                let reason = format!(
                    "invalid format - value '{value}' is not a valid ZFS blocksize. Must be a \
                     power of 2 between 512B and 16MiB (e.g., 4k, 8k, 16k, 64k, 1m)."
                );
                return Err(invalid(usage, key, &reason));
            }
            _ => {}
        }
    }
    Ok(())
}

fn join(words: BTreeSet<String>) -> String {
    words.into_iter().collect::<Vec<_>>().join(",")
}

/// A power of two from 512 to 16 MiB with the suffix `k` or `m`.
fn is_block_size(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let (digits, unit) = match (lower.strip_suffix('k'), lower.strip_suffix('m')) {
        (Some(digits), _) => (digits, 1 << 10),
        (None, Some(digits)) => (digits, 1 << 20),
        (None, None) => (lower.as_str(), 1),
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit))
        .is_some_and(|bytes| bytes.is_power_of_two() && (512..=16 << 20).contains(&bytes))
}

/// Content that the type cannot hold is dropped with a warning; nothing left is an error.
fn restrict_content(kind: &str, options: &mut BTreeMap<String, String>) -> Result<String, Refusal> {
    let Some(content) = options.get_mut("content") else {
        return Ok(String::new());
    };
    let (kept, dropped): (Vec<String>, Vec<String>) = split(content)
        .into_iter()
        .partition(|word| kind == "dir" || matches!(word.as_str(), "images" | "rootdir"));
    let mut warnings: String = dropped
        .iter()
        .map(|word| format!("storage does not support content type '{word}'\n"))
        .collect();
    if kept.is_empty() && kind != "dir" {
        warnings += "storage does not support content type 'none'\n";
        return Err((255, warnings));
    }
    *content = if kept.is_empty() {
        "none".to_owned()
    } else {
        kept.join(",")
    };
    Ok(warnings)
}

/// The mountpoint of the dataset at the time of adding is written down; another one that was asked
/// for is kept, with a warning (`ZFSPoolPlugin.pm`, `on_add_hook`).
fn capture_mountpoint(state: &State, id: &str, options: &mut BTreeMap<String, String>) -> String {
    let pool = options.get("pool").cloned().unwrap_or_default();
    let found = props::value(state, &pool, "mountpoint");
    if !found.starts_with('/') {
        return String::new();
    }
    let given = options
        .entry("mountpoint".to_owned())
        .or_insert(found.clone());
    if *given == found {
        return String::new();
    }
    format!("warning for {id} - mountpoint: {given} does not match current mount point: {found}\n")
}

fn activate(
    state: &mut State,
    kind: &str,
    id: &str,
    options: &BTreeMap<String, String>,
) -> Result<(), Refusal> {
    match kind {
        "zfspool" => activate_pool(state, id, options),
        _ => activate_directory(state, id, options),
    }
}

/// Whether the dataset exists is not looked at; when neither it nor a child is mounted, everything
/// on the host is mounted.
fn activate_pool(
    state: &mut State,
    id: &str,
    options: &BTreeMap<String, String>,
) -> Result<(), Refusal> {
    let dataset = options.get("pool").cloned().unwrap_or_default();
    let pool = dataset.split('/').next().unwrap_or_default();
    if state.mounts.any_of_tree(&dataset) {
        return Ok(());
    }
    if !state.pools.contains_key(pool) {
        let missing = format!("zfs error: cannot open '{pool}': no such pool\n\n");
        let text = format!(
            "{missing}{missing}create storage failed: could not activate storage '{id}', zfs \
             error: cannot import '{pool}': no such pool available\n\n"
        );
        return Err((1, text));
    }
    let names: Vec<String> = state.datasets.keys().cloned().collect();
    for name in names {
        let by_itself = props::value(state, &name, "canmount") == "on";
        if by_itself
            && state
                .datasets
                .get(&name)
                .is_some_and(|found| found.volume.is_none())
        {
            // `zfs mount -a` goes on after a failure, and Proxmox does not look at it.
            let _ = mount::mount(state, &name);
        }
    }
    Ok(())
}

fn activate_directory(
    state: &mut State,
    id: &str,
    options: &BTreeMap<String, String>,
) -> Result<(), Refusal> {
    let path: Utf8PathBuf = options.get("path").cloned().unwrap_or_default().into();
    let is_on = |key: &str| options.get(key).is_none_or(|value| value == "1");
    let refuse = |reason: String| {
        failed(format!(
            "create storage failed: unable to activate storage '{id}' - {reason}"
        ))
    };
    let mount_point = match options.get("is_mountpoint").map(String::as_str) {
        None => None,
        Some(word) => match boolean(word) {
            Some("1") => Some(path.clone()),
            Some(_) => None,
            None => Some(word.into()),
        },
    };
    if let Some(expected) = mount_point
        && !state.is_mount_point(&expected)
    {
        let reason = "directory is expected to be a mount point but is not mounted";
        return Err(refuse(format!("{reason}: '{expected}'")));
    }
    if options
        .get("content")
        .is_some_and(|content| content == "none")
    {
        return Err(failed("create storage failed: unknown vtype 'none'"));
    }
    if is_on("create-base-path") && is_on("mkdir") {
        // A failure shows in the next check.
        let _ = state.make_directories(&path);
    }
    if !mount::is_directory(state, &path) {
        return Err(refuse(format!(
            "directory '{path}' does not exist or is unreachable"
        )));
    }
    if is_on("create-subdirs") && is_on("mkdir") {
        let content = options
            .get("content")
            .map_or("images,rootdir", String::as_str);
        for kind in content.split(',') {
            for directory in subdirectories(kind) {
                let _ = state.make_directories(&path.join(directory));
            }
        }
    }
    Ok(())
}

fn subdirectories(content: &str) -> &'static [&'static str] {
    match content {
        "images" => &["images"],
        "rootdir" => &["private", "dump"],
        "vztmpl" => &["template/cache"],
        "iso" => &["template/iso"],
        "backup" => &["dump"],
        "snippets" => &["snippets"],
        "import" => &["import"],
        _ => &[],
    }
}
