//! Whether a step shows the reader what its operation does: all of it, and nothing else.
//!
//! What was there before is the host's own, and is not judged here.

use std::collections::BTreeMap;

use phoenix_zfs::property::Value;

use crate::boot_order;
use crate::diff::{ALL_NODES, CONTENTS, LIKE_THE_DIRECTORY, ROOT, acl_text, mode_text};
use crate::export::split;
use crate::plan::{
    CreateDataset, CreatePool, ImportPool, Operation, PlannedDisk, SetExport, SetPermissions,
    SetPool, Step,
};

/// A field with the value that it gets.
type Field = (String, Value);

/// What is done and not shown, or shown and not done, in words that follow "it".
pub(super) fn untrue(step: &Step) -> Option<String> {
    let changes = step.changes.iter();
    let mut shown: Vec<(&str, &Value)> = changes
        .map(|change| (change.field.as_str(), &change.after))
        .collect();
    for (field, after) in done(&step.operation) {
        let Some(at) = shown
            .iter()
            .position(|shown| *shown == (field.as_str(), &after))
        else {
            return Some(format!("does not show {field} {after}"));
        };
        shown.swap_remove(at);
    }
    shown
        .into_iter()
        .find(|(field, after)| !may_show(&step.operation, field, &after.text()))
        .map(|(field, after)| format!("shows {field} {after}, and does not do that"))
}

/// What the reader must be shown.
fn done(operation: &Operation) -> Vec<Field> {
    match operation {
        Operation::CreatePool(create) => pool_made(create),
        Operation::ImportPool(ImportPool {
            properties,
            root_properties,
            ..
        }) => {
            let mut fields = vec![field("imported", "yes")];
            fields.extend(pairs(properties, ""));
            fields.extend(pairs(root_properties, ROOT));
            fields
        }
        Operation::SetPool(SetPool {
            properties,
            root_properties,
            ..
        }) => pairs(properties, "")
            .chain(pairs(root_properties, ROOT))
            .collect(),
        Operation::CreateDataset(create) => dataset_made(create),
        Operation::SetDataset(set) => pairs(&set.properties, "").collect(),
        Operation::SetPermissions(set) => permissions(set),
        Operation::AddStorage(add) => std::iter::once(field("type", add.kind.as_str()))
            .chain(pairs(&add.options, ""))
            .collect(),
        Operation::SetStorage(set) => {
            let lifts = set.delete.iter().any(|name| name == "nodes");
            let lifted = lifts.then(|| field("nodes", ALL_NODES));
            pairs(&set.options, "").chain(lifted).collect()
        }
        Operation::SetExport(set) => set.clients.iter().filter_map(|line| client(line)).collect(),
        Operation::SetMount(set) => vec![field(&set.key, &set.value)],
        Operation::SetArc(set) => {
            let parts = [("now", set.runtime), ("next boot", set.persistent)];
            let parts = parts.into_iter().filter(|(_, is_set)| *is_set);
            parts
                .map(|(when, _)| (format!("zfs_arc_max ({when})"), set.max.into()))
                .collect()
        }
        Operation::SetBootOrder(_) => Vec::new(),
    }
}

/// What the reader may be shown beside that: facts about what is used, and steps on the way.
fn may_show(operation: &Operation, field: &str, after: &str) -> bool {
    match operation {
        Operation::CreatePool(create) => disks(create).any(|disk| {
            let about = after.strip_prefix(&disk.path);
            let accepted = field.strip_prefix("accept ") == Some(&disk.path);
            field == "disk" && about.is_some_and(|about| about.starts_with(", "))
                || accepted && after == "used all the same"
        }),
        Operation::SetDataset(set) => set.mount.is_some() && (field, after) == ("mounted", "yes"),
        Operation::SetExport(SetExport { clients, .. }) => {
            let stays = |line: &String| split(line).is_some_and(|(client, _)| client == field);
            after == "none" && !clients.iter().any(stays)
        }
        Operation::SetBootOrder(_) => {
            [("After", boot_order::AFTER), ("loaded", "yes")].contains(&(field, after))
        }
        _ => false,
    }
}

fn field(name: &str, after: impl Into<Value>) -> Field {
    (name.to_owned(), after.into())
}

fn pairs<'a, V: Clone + Into<Value>>(
    values: &'a BTreeMap<String, V>,
    before: &'a str,
) -> impl Iterator<Item = Field> + 'a {
    let values = values.iter();
    values.map(move |(name, value)| (format!("{before}{name}"), value.clone().into()))
}

fn disks(create: &CreatePool) -> impl Iterator<Item = &PlannedDisk> {
    create.vdevs.iter().flat_map(|vdev| &vdev.disks)
}

fn pool_made(create: &CreatePool) -> Vec<Field> {
    let vdevs = create.vdevs.iter();
    let vdevs = vdevs.map(|vdev| (vdev.class.to_string(), vdev.words().into()));
    let wiped = create.wiped_disks();
    let wiped = wiped.map(|disk| (format!("wipe {}", disk.path), "erased".into()));
    vdevs
        .chain(wiped)
        .chain(pairs(&create.properties, ""))
        .chain(pairs(&create.root_properties, ROOT))
        .collect()
}

fn dataset_made(create: &CreateDataset) -> Vec<Field> {
    let volume = create.volume.iter().flat_map(|volume| {
        let sparse = if volume.sparse { "yes" } else { "no" };
        [field("volsize", volume.size), field("sparse", sparse)]
    });
    volume.chain(pairs(&create.properties, "")).collect()
}

fn permissions(set: &SetPermissions) -> Vec<Field> {
    let number = |name: &str, id: Option<u32>| id.map(|id| field(name, u64::from(id)));
    let contents = set.recursive.then(|| field(CONTENTS, LIKE_THE_DIRECTORY));
    let acl = (!set.acl.is_empty()).then(|| field("acl", acl_text(set.acl.iter())));
    let mode = set.mode.map(|mode| field("mode", mode_text(mode)));
    [
        number("owner", set.uid),
        number("group", set.gid),
        mode,
        contents,
        acl,
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn client(line: &str) -> Option<Field> {
    let (client, options) = split(line)?;
    Some(field(client, options))
}
