//! Owner, group and mode of mounted directories.

use std::collections::BTreeSet;

use super::acl;
use super::index::Index;
use crate::code::Code;
use crate::diagnostic::Finding;
use crate::model::{Dataset, IdSpace, Permissions, Principal};

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    let config = index.config;
    let shared: BTreeSet<&str> = config
        .mounts
        .iter()
        .filter_map(|mount| mount.dataset.as_deref())
        .collect();
    for dataset in &config.datasets {
        let Some(permissions) = &dataset.permissions else {
            continue;
        };
        findings.extend(match permissions.ids {
            IdSpace::Host => container_unused(permissions),
            IdSpace::Container => container_name(permissions),
        });
        findings.extend(recursive_nothing(permissions));
        if dataset.mountpoint.is_none() {
            findings.push(no_directory(dataset, permissions));
            continue;
        }
        acl::check(index, dataset, permissions, findings);
        if permissions.ids == IdSpace::Container
            && permissions.container.is_none()
            && !shared.contains(dataset.name.as_str())
        {
            findings.push(no_container(dataset, permissions));
        }
    }
}

/// A container is named, and nothing is counted in its ids.
fn container_unused(permissions: &Permissions) -> Option<Finding> {
    let container = permissions.container?;
    let finding = Finding::error(
        Code::PermissionsContainerUnused,
        format!("container {container} is named, but the ids are the host's"),
    )
    .help("add \"ids\": \"container\", or remove `container`");
    Some(finding.at_key(&permissions.origin.key("container"), "has no effect"))
}

fn recursive_nothing(permissions: &Permissions) -> Option<Finding> {
    let is_something =
        permissions.owner.is_some() || permissions.group.is_some() || permissions.mode.is_some();
    if !permissions.recursive || is_something {
        return None;
    }
    let finding = Finding::error(
        Code::PermissionsRecursiveNothing,
        "`recursive` says nothing here: neither owner, group nor mode is declared",
    )
    .help("declare what everything in the directory should have, or remove `recursive`");
    Some(finding.at_key(&permissions.origin.key("recursive"), "has no effect"))
}

/// Only the container's own user database knows its names.
fn container_name(permissions: &Permissions) -> Option<Finding> {
    let origin = &permissions.origin;
    let owner = (origin.key("owner"), permissions.owner.as_ref());
    let group = (origin.key("group"), permissions.group.as_ref());
    let entries = permissions.acl.iter();
    let entries = entries.map(|entry| (entry.origin.clone(), entry.principal()));
    let mut names = [owner, group]
        .into_iter()
        .chain(entries)
        .filter_map(|(at, principal)| match principal {
            Some(Principal::Name(name)) => Some((at, name)),
            _ => None,
        })
        .peekable();
    let (_, name) = names.peek()?;
    let finding = Finding::error(
        Code::PermissionsContainerName,
        format!("\"{name}\" cannot be looked up on the host: the ids are a container's"),
    )
    .help("write the number that `id` shows inside the container");
    Some(names.fold(finding, |finding, (at, _)| {
        finding.at(&at, "a name of the container")
    }))
}

fn no_directory(dataset: &Dataset, permissions: &Permissions) -> Finding {
    let (why, help) = if dataset.is_volume() {
        (
            "is a volume, a block device without files",
            "remove the permissions, or make it a file system",
        )
    } else {
        (
            "is not mounted by ZFS",
            "remove the permissions, or give the dataset a mountpoint and `canmount` on",
        )
    };
    let message = format!(
        "the dataset \"{}\" has no directory for permissions: it {why}",
        dataset.name
    );
    Finding::error(Code::PermissionsNoDirectory, message)
        .help(help)
        .at_key(&permissions.origin, "nothing to set them on")
}

/// Numbers inside a container mean something only through a container that sees the directory.
fn no_container(dataset: &Dataset, permissions: &Permissions) -> Finding {
    let message = format!(
        "the permissions of dataset \"{}\" count in container ids, but no bind mount gives it to \
         a container",
        dataset.name
    );
    Finding::error(Code::PermissionsNoContainer, message)
        .help(
            "declare the bind mount, or write the host's numbers (for an unprivileged container \
             100000 more) with `\"ids\": \"host\"`",
        )
        .at(&permissions.origin.key("ids"), "whose ids?")
}
