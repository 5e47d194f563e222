//! Datasets: names, volumes, permissions.

use phoenix_zfs::property::DatasetType;

use super::acl;
use super::context::{self, Context, items};
use super::principal::principal;
use super::properties::{Owner, properties, set};
use super::storage;
use crate::code::Code;
use crate::diagnostic::Finding;
use crate::file::{self, List, Scalar};
use crate::model::{Dataset, DatasetKind, IdSpace, Permissions};
use crate::pointer::Pointer;

pub(super) fn datasets(
    context: &mut Context,
    list: List<file::Dataset>,
    at: &Pointer,
    ids: &storage::Ids,
) -> Vec<Dataset> {
    items(list, at)
        .filter_map(|(at, dataset)| one(context, dataset, &at, ids))
        .collect()
}

pub(super) fn one(
    context: &mut Context,
    mut dataset: file::Dataset,
    at: &Pointer,
    ids: &storage::Ids,
) -> Option<Dataset> {
    let (pool, name) = full_name(context, &mut dataset, at)?;
    let kind = kind(context, &dataset, &name, at);
    let owner = Owner::Dataset(match kind {
        DatasetKind::Filesystem => DatasetType::Filesystem,
        DatasetKind::Volume { .. } => DatasetType::Volume,
    });
    let mut properties = properties(
        context,
        dataset.properties.take(),
        &at.key("properties"),
        owner,
    );
    if let Some(volsize) = properties.remove("volsize") {
        context.push(
            Finding::error(
                Code::SchemaConflict,
                "`volsize` belongs beside `properties`, not into them",
            )
            .help(format!(
                "write \"type\": \"volume\", \"volsize\": \"{}\" in the dataset",
                volsize.written
            ))
            .at_key(&volsize.origin, "the size of the volume"),
        );
    }
    if let Some(mountpoint) = dataset.mountpoint.take() {
        set(
            context,
            &mut properties,
            "mountpoint",
            mountpoint,
            at,
            owner,
        );
    }
    Some(Dataset {
        storage: storage::storage(context, &mut dataset, &name, at, ids),
        permissions: dataset
            .permissions
            .map(|it| permissions(context, it, &at.key("permissions"))),
        description: dataset.description,
        mountpoint: None,
        origin: at.clone(),
        kind,
        properties,
        pool,
        name,
    })
}

/// The pool and the full name. Files of 2025-09 write both into `name`.
fn full_name(
    context: &mut Context,
    dataset: &mut file::Dataset,
    at: &Pointer,
) -> Option<(String, String)> {
    let name = dataset.name.take()?;
    if let Some(pool) = dataset.pool.take() {
        let full = format!("{pool}/{name}");
        return Some((pool, full));
    }
    match name.split_once('/') {
        Some((pool, rest)) if !context.is_removed(&at.key("pool")) => {
            context.historic(
                Code::HistoricDatasetName,
                context::value(&at.key("name"), format!("the pool is \"{pool}\"")),
                || format!("write \"pool\": \"{pool}\", \"name\": \"{rest}\""),
            );
            Some((pool.to_owned(), name.clone()))
        }
        _ => {
            context.missing(
                at,
                "pool",
                &format!("the dataset \"{name}\""),
                "add \"pool\" with the name of the pool that holds it",
            );
            None
        }
    }
}

fn kind(context: &mut Context, dataset: &file::Dataset, name: &str, at: &Pointer) -> DatasetKind {
    if dataset.kind != Some(file::DatasetType::Volume) {
        let members = [
            ("volsize", dataset.volsize.is_some()),
            ("sparse", dataset.sparse.is_some()),
        ];
        for (key, _) in members.iter().filter(|(_, present)| *present) {
            if !context.is_removed(&at.key("type")) {
                context.push(
                    Finding::error(
                        Code::SchemaConflict,
                        format!("the file system \"{name}\" cannot have `{key}`"),
                    )
                    .help(format!("remove `{key}`, or add \"type\": \"volume\""))
                    .at_key(&at.key(key), "only volumes have this"),
                );
            }
        }
        return DatasetKind::Filesystem;
    }
    let at_size = at.key("volsize");
    let size = match &dataset.volsize {
        Some(size) => context.bytes(size, &at_size, "volsize"),
        None => {
            let what = format!("the volume \"{name}\"");
            context.missing(
                at,
                "volsize",
                &what,
                "add its size, for example \"volsize\": \"32G\"",
            );
            None
        }
    };
    if size == Some(0) {
        context.push(
            Finding::error(Code::SchemaInvalidValue, "`volsize` cannot be 0")
                .help("write the size of the volume, for example \"32G\"")
                .at(&at_size, "no size"),
        );
    }
    DatasetKind::Volume {
        size: size.unwrap_or_default(),
        sparse: dataset.sparse.unwrap_or_default(),
    }
}

fn permissions(context: &mut Context, declared: file::Permissions, at: &Pointer) -> Permissions {
    let mut id = |value: Option<Scalar>, key: &str| {
        value.and_then(|value| principal(context, &value, &at.key(key), key))
    };
    let (owner, group) = (id(declared.owner, "owner"), id(declared.group, "group"));
    let acl = acl::entries(context, declared.acl, &at.key("acl"));
    Permissions {
        owner,
        group,
        // The schema has let only octal digits pass.
        mode: declared
            .mode
            .and_then(|text| u32::from_str_radix(&text, 8).ok()),
        ids: match declared.ids {
            Some(file::Ids::Container) => IdSpace::Container,
            Some(file::Ids::Host) | None => IdSpace::Host,
        },
        container: declared.container,
        recursive: declared.recursive.unwrap_or_default(),
        acl,
        origin: at.clone(),
    }
}
