//! Owner, group and mode of mounted directories.

use std::collections::BTreeSet;

use super::index::Index;
use crate::code::Code;
use crate::diagnostic::Finding;
use crate::model::{Dataset, IdSpace, Permissions};

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
        if dataset.mountpoint.is_none() {
            findings.push(no_directory(dataset, permissions));
        } else if permissions.ids == IdSpace::Container && !shared.contains(dataset.name.as_str()) {
            findings.push(no_container(dataset, permissions));
        }
    }
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
