//! What an operation may say, whoever wrote the plan: words, paths and texts that a file could have
//! led to.
//!
//! A saved plan is a file like any other, and root applies it. Whatever reaches a program's arguments or
//! a file of the host is judged here by its form; whether it fits the host is the steps' own business.

use std::collections::BTreeMap;

use phoenix_config::check::{is_export_client, is_export_option};
use phoenix_config::model::StorageKind;
use phoenix_zfs::name::{check_dataset, check_pool};
use phoenix_zfs::property::{Value, dataset_property, is_user_property, pool_property};

use crate::boot_order;
use crate::diff::MountValue;
use crate::export::split;
use crate::plan::{CreateDataset, Operation, PlannedVdev, SetExport, SetMount, SetPermissions};

/// The one option that phoenix ever removes, in favour of `create-subdirs`.
const OLD_MKDIR: &str = "mkdir";

/// Why no file could have led to the operation, in words that follow "it".
pub(super) fn impossible(operation: &Operation) -> Option<String> {
    match operation {
        Operation::CreatePool(create) => {
            pool(&create.pool, &create.properties, &create.root_properties)
                .or_else(|| vdevs(&create.vdevs))
        }
        Operation::ImportPool(import) => {
            pool(&import.pool, &import.properties, &import.root_properties)
                .or_else(|| vdevs(&import.vdevs))
        }
        Operation::SetPool(set) => pool(&set.pool, &set.properties, &set.root_properties),
        Operation::CreateDataset(create) => dataset_created(create),
        Operation::SetDataset(set) => dataset(&set.dataset, &set.properties)
            .or_else(|| set.mount.as_deref().and_then(directory)),
        Operation::SetPermissions(set) => permissions(set),
        Operation::AddStorage(add) => word(&add.storage).or_else(|| storage_options(&add.options)),
        Operation::SetStorage(set) => word(&set.storage)
            .or_else(|| storage_options(&set.options))
            .or_else(|| {
                let may_go = [OLD_MKDIR, "nodes"];
                let other = set
                    .delete
                    .iter()
                    .find(|name| !may_go.contains(&name.as_str()))?;
                Some(format!("removes the storage's option \"{other}\""))
            }),
        Operation::SetExport(set) => export(set),
        Operation::SetBootOrder(set) => unless(
            set.path == boot_order::PATH && set.text == boot_order::text(),
            || format!("writes {}, or a text that is not phoenix's own", set.path),
        ),
        Operation::SetMount(set) => mount(set),
        Operation::SetArc(_) => None,
    }
}

fn unless(holds: bool, otherwise: impl FnOnce() -> String) -> Option<String> {
    (!holds).then(otherwise)
}

fn pool(
    name: &str,
    properties: &BTreeMap<String, Value>,
    root_properties: &BTreeMap<String, Value>,
) -> Option<String> {
    let of_pool = |name: &str| pool_property(name).is_some() || is_user_property(name);
    unless(check_pool(name).is_ok(), || {
        format!("names a pool \"{name}\"")
    })
    .or_else(|| settings(properties, &of_pool))
    .or_else(|| settings(root_properties, &of_dataset))
}

fn dataset(name: &str, properties: &BTreeMap<String, Value>) -> Option<String> {
    unless(check_dataset(name).is_ok(), || {
        format!("names a dataset \"{name}\"")
    })
    .or_else(|| settings(properties, &of_dataset))
}

fn of_dataset(name: &str) -> bool {
    let per_user = |prefix: &str| name.starts_with(prefix);
    dataset_property(name).is_some()
        || is_user_property(name)
        || ["userquota@", "groupquota@", "projectquota@"]
            .into_iter()
            .any(per_user)
        || ["userobjquota@", "groupobjquota@", "projectobjquota@"]
            .into_iter()
            .any(per_user)
}

fn settings(
    properties: &BTreeMap<String, Value>,
    is_known: &dyn Fn(&str) -> bool,
) -> Option<String> {
    properties.iter().find_map(|(name, value)| {
        unless(is_known(name), || format!("sets the property \"{name}\""))
            .or_else(|| plain(&value.text()))
    })
}

fn vdevs(vdevs: &[PlannedVdev]) -> Option<String> {
    vdevs.iter().find_map(|vdev| {
        let keyword = vdev.keyword.as_deref();
        unless(keyword.is_none_or(is_keyword), || {
            format!("has a vdev of type \"{}\"", keyword.unwrap_or_default())
        })
        .or_else(|| vdev.disks.iter().find_map(|disk| directory(&disk.path)))
    })
}

/// `mirror`, `raidz`, `raidz2`, `draid2:4d:11c:1s`.
fn is_keyword(keyword: &str) -> bool {
    let mut parts = keyword.split(':');
    let kind = parts.next().unwrap_or_default();
    let level = |rest: &str| matches!(rest, "" | "1" | "2" | "3");
    let is_draid = kind.strip_prefix("draid").is_some_and(level);
    let is_kind = kind == "mirror" || kind.strip_prefix("raidz").is_some_and(level) || is_draid;
    let is_size = |part: &str| {
        let number = part.strip_suffix(['d', 'c', 's']).unwrap_or_default();
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    is_kind && parts.all(|part| is_draid && is_size(part))
}

fn dataset_created(create: &CreateDataset) -> Option<String> {
    dataset(&create.dataset, &create.properties)
        .or_else(|| create.mountpoint.as_deref().and_then(directory))
}

fn permissions(set: &SetPermissions) -> Option<String> {
    let mode = set.mode.unwrap_or_default();
    dataset(&set.dataset, &BTreeMap::new())
        .or_else(|| directory(&set.path))
        .or_else(|| unless(mode <= 0o7777, || format!("sets the mode {mode:o}")))
        .or_else(|| {
            let wrong = set.acl.iter().find(|(who, what)| !is_acl_entry(who, what));
            wrong.map(|(who, what)| format!("sets the ACL entry \"{who}{what}\""))
        })
}

/// `default:group:1001:` and `rwx`.
fn is_acl_entry(who: &str, permissions: &str) -> bool {
    let who = who.strip_prefix("default:").unwrap_or(who);
    let mut parts = who.split(':');
    let kind = parts.next().unwrap_or_default();
    let id = parts.next().unwrap_or("no number");
    let is_end = parts.next() == Some("") && parts.next().is_none();
    let letters = permissions.chars().zip("rwx".chars());
    ["user", "group", "mask", "other"].contains(&kind)
        && id.bytes().all(|byte| byte.is_ascii_digit())
        && is_end
        && permissions.len() == 3
        && letters
            .into_iter()
            .all(|(has, letter)| has == '-' || has == letter)
}

fn storage_options(options: &BTreeMap<String, String>) -> Option<String> {
    options
        .iter()
        .find_map(|(name, value)| storage_option(name).or_else(|| word(value)))
}

fn storage_option(name: &str) -> Option<String> {
    const ALWAYS: [&str; 7] = [
        "content",
        "is_mountpoint",
        "mkdir",
        "mountpoint",
        "nodes",
        "path",
        "pool",
    ];
    let mut possible = [StorageKind::Dir, StorageKind::ZfsPool]
        .into_iter()
        .flat_map(StorageKind::possible_options);
    let known = ALWAYS.contains(&name) || possible.any(|option| *option == name);
    unless(known, || format!("sets the storage's option \"{name}\""))
}

fn export(set: &SetExport) -> Option<String> {
    let named = set.dataset.as_deref();
    let wrong = |line: &&String| {
        let split = split(line);
        !split.is_some_and(|(client, options)| {
            is_export_client(client) && options.split(',').all(is_export_option)
        })
    };
    directory(&set.path)
        .or_else(|| named.and_then(|name| dataset(name, &BTreeMap::new())))
        .or_else(|| {
            let wrong = set.clients.iter().find(wrong)?;
            Some(format!("exports to \"{}\"", wrong.escape_debug()))
        })
}

fn mount(set: &SetMount) -> Option<String> {
    let key = set
        .key
        .strip_prefix("mp")
        .and_then(|n| n.parse::<u8>().ok());
    let named = set.dataset.as_deref();
    let value = MountValue::parse(&set.value);
    unless(key.is_some(), || {
        format!("sets \"{}\" of a container", set.key)
    })
    .or_else(|| named.and_then(|name| dataset(name, &BTreeMap::new())))
    .or_else(|| plain(&set.value))
    .or_else(|| match &value {
        Some(value) => directory(&value.source).or_else(|| directory(&value.target)),
        None => Some(format!("sets a mount point to \"{}\"", set.value)),
    })
}

/// An absolute path without detours.
fn directory(path: &str) -> Option<String> {
    let is_straight = path.starts_with('/') && !path.split('/').any(|part| part == "..");
    plain(path).or_else(|| unless(is_straight, || format!("names the path \"{path}\"")))
}

/// What can be an argument of its own, and no option; a number may be less than 0.
fn word(text: &str) -> Option<String> {
    let is_option = text
        .strip_prefix('-')
        .is_some_and(|rest| rest.is_empty() || !rest.bytes().all(|byte| byte.is_ascii_digit()));
    unless(!is_option, || format!("says \"{text}\"")).or_else(|| plain(text))
}

/// One line without anything that a terminal would act on.
fn plain(text: &str) -> Option<String> {
    unless(!text.chars().any(char::is_control), || {
        format!("says \"{}\"", text.escape_debug())
    })
}
