//! Bind mounts into containers, and which `mpN` each one gets.
//!
//! Proxmox mounts by number, so a mount whose target lies above another's needs the lower number,
//! else it hides the other. Numbers are given to all declared mounts, targets or not, so that
//! they do not depend on how a host is brought up piece by piece.

use std::collections::BTreeMap;

use phoenix_config::address::Address;
use phoenix_config::code::Code;
use phoenix_config::diagnostic::Severity;
use phoenix_config::model::BindMount;

use super::facts::Facts;
use super::mount_value::{MountValue, normal_path};
use super::storage::no_proxmox;
use super::verdict::{Notes, Stop, Verdict, changed_field, create, new_field, refused, update};
use crate::observed::{Observed, ObservedContainer};
use crate::plan::{Operation, SetMount};
use crate::refusal::RefusalCode;

/// How many mount points a container can have: `mp0` to `mp255`
/// (pve-container `MAX_MOUNT_POINTS`).
const MOUNT_POINTS: u32 = 256;

/// Where a declared mount goes.
#[derive(Debug)]
pub(super) enum Placement {
    /// The container has a mount on the same target.
    Existing { key: String, value: MountValue },
    /// The target is free.
    New { key: String },
    /// Every number is taken.
    Full,
    /// The mount would have to come before one that has the lowest possible number already.
    Below { key: String, target: String },
}

/// Places every declared mount whose container is on this node.
pub(super) fn place(mounts: &[BindMount], observed: &Observed) -> BTreeMap<Address, Placement> {
    let mut by_container: BTreeMap<u32, BTreeMap<String, &BindMount>> = BTreeMap::new();
    for mount in mounts {
        let targets = by_container.entry(mount.container).or_default();
        targets.insert(normal_path(&mount.target), mount);
    }
    let mut placements = BTreeMap::new();
    for (id, targets) in by_container {
        if let Some(container) = observed.containers.get(&id) {
            let mut taken = numbered(container);
            // Sorted by target, parents come before what lies below them.
            for (target, mount) in targets {
                let placement = place_one(&target, mount, &mut taken);
                placements.insert(mount.address(), placement);
            }
        }
    }
    placements
}

/// The container's mounts by number. What cannot be read keeps its number taken.
fn numbered(container: &ObservedContainer) -> BTreeMap<u32, Option<MountValue>> {
    container
        .mounts
        .iter()
        .filter_map(|(key, text)| {
            Some((
                key.strip_prefix("mp")?.parse().ok()?,
                MountValue::parse(text),
            ))
        })
        .collect()
}

fn place_one(
    target: &str,
    mount: &BindMount,
    taken: &mut BTreeMap<u32, Option<MountValue>>,
) -> Placement {
    let values = || {
        taken
            .iter()
            .filter_map(|(number, value)| Some((*number, value.as_ref()?)))
    };
    if let Some((number, value)) = values().find(|(_, value)| value.target == target) {
        return Placement::Existing {
            key: key(number),
            value: value.clone(),
        };
    }
    let after_parents = values()
        .filter(|(_, value)| lies_below(target, &value.target))
        .map(|(number, _)| number + 1)
        .max()
        .unwrap_or(0);
    let first_below = values().find(|(_, value)| lies_below(&value.target, target));
    let free = (after_parents..MOUNT_POINTS).find(|number| !taken.contains_key(number));
    match (free, first_below) {
        (Some(free), Some((number, value))) if free > number => Placement::Below {
            key: key(number),
            target: value.target.clone(),
        },
        (None, _) => Placement::Full,
        (Some(free), _) => {
            taken.insert(free, Some(MountValue::declared(mount, None)));
            Placement::New { key: key(free) }
        }
    }
}

fn key(number: u32) -> String {
    format!("mp{number}")
}

fn lies_below(path: &str, parent: &str) -> bool {
    let rest = path.strip_prefix(parent.trim_end_matches('/'));
    path != parent && rest.is_some_and(|rest| rest.starts_with('/'))
}

pub(super) fn diff(facts: &Facts<'_>, mount: &BindMount, notes: &mut Notes) -> Verdict {
    let id = mount.container;
    let (Some(container), Some(placement)) =
        (facts.observed.containers.get(&id), facts.placement(mount))
    else {
        note_missing_container(facts, mount, notes);
        return Err(Stop::Waiting);
    };
    check_source(facts, mount, notes)?;
    match placement {
        Placement::New { key } => {
            let value = MountValue::declared(mount, None).to_string();
            create(vec![new_field(key, &value)], operation(mount, key, value))
        }
        Placement::Existing { key, value } => existing(mount, container, key, value, notes),
        Placement::Full => Err(refused(
            RefusalCode::ContainerFull,
            format!("container {id} has no mount point left: all {MOUNT_POINTS} are taken"),
            "remove mount points that it does not need",
        )),
        Placement::Below { key, target } => Err(refused(
            RefusalCode::ContainerFull,
            format!(
                "{} has to be mounted before {target}, which is {key} of container {id}, and no lower number is free",
                mount.target
            ),
            format!(
                "give {target} a higher number: pct set {id} --delete {key}, then run phoenix again, or add it again as another mpN"
            ),
        )),
    }
}

fn existing(
    mount: &BindMount,
    container: &ObservedContainer,
    key: &str,
    live: &MountValue,
    notes: &mut Notes,
) -> Verdict {
    let id = mount.container;
    if !live.is_bind() {
        return Err(refused(
            RefusalCode::ContainerMountTaken,
            format!(
                "container {id} has {} at {} ({key}), which would be detached",
                live.source, live.target
            ),
            format!("choose another target, or remove {key} yourself: pct set {id} --delete {key}"),
        ));
    }
    let wanted = MountValue::declared(mount, Some(live));
    let same = wanted.means(live);
    if container.running && (!same || container.pending.contains(key)) {
        notes.about(
            mount.address(),
            Severity::Note,
            Code::MountRestartNeeded,
            format!("container {id} is running: {key} changes only when it is restarted"),
            format!("restart it when it suits: pct reboot {id}"),
        );
    }
    if same {
        return Ok(None);
    }
    let (before, after) = (live.to_string(), wanted.to_string());
    let change = changed_field(key, Some(before), &after);
    update(vec![change], operation(mount, key, after))
}

fn operation(mount: &BindMount, key: &str, value: String) -> Operation {
    Operation::SetMount(SetMount {
        container: mount.container,
        key: key.to_owned(),
        value,
        dataset: mount.dataset.clone(),
    })
}

fn note_missing_container(facts: &Facts<'_>, mount: &BindMount, notes: &mut Notes) {
    if facts.proxmox_is_absent {
        notes.add(no_proxmox());
        return;
    }
    let id = mount.container;
    notes.about(
        mount.address(),
        Severity::Warning,
        Code::MountContainerMissing,
        format!("container {id} is not on this node: the mount waits for it"),
        "make the container, or take the mount out of the file",
    );
}

/// A container does not start when the source of a bind mount is missing or has a symbolic link
/// in it, and `pct set` does not look.
fn check_source(facts: &Facts<'_>, mount: &BindMount, notes: &mut Notes) -> Result<(), Stop> {
    let path = &mount.host_path;
    if let Some(dataset) = &mount.dataset
        && facts.mounted_at(dataset)? == *path
    {
        return Ok(());
    }
    match facts.observed.directories.get(path.as_str()) {
        Some(found) if found.not_a_directory => Err(refused(
            RefusalCode::NotADirectory,
            format!("{path} is not a directory, and a container with such a mount does not start"),
            "name a directory by its real path, without symbolic links",
        )),
        Some(_) => Ok(()),
        None => {
            notes.about(
                mount.address(),
                Severity::Warning,
                Code::MountSourceMissing,
                format!("the directory {path} does not exist: the mount waits for it"),
                "make the directory, or take the mount out of the file",
            );
            Err(Stop::Waiting)
        }
    }
}
