//! Which `mpN` each declared bind mount gets.
//!
//! Proxmox mounts by number, so a mount whose target lies above another's needs the lower number,
//! else it hides the other. Numbers are given to all declared mounts, targets or not, so that
//! they do not depend on how a host is brought up piece by piece.

use std::collections::BTreeMap;

use phoenix_config::address::Address;
use phoenix_config::model::BindMount;

use super::mount_value::{MountValue, normal_path};
use crate::observed::{Observed, ObservedContainer, ObservedRawMount};

/// How many mount points a container can have: `mp0` to `mp255`
/// (pve-container `MAX_MOUNT_POINTS`).
pub(super) const MOUNT_POINTS: u32 = 256;

/// Where a declared mount goes.
#[derive(Debug)]
pub(super) enum Placement {
    /// The container has a mount on the same target.
    Existing { key: String, value: MountValue },
    /// The container has a mount on the same target that Proxmox cannot use.
    Unusable { key: String },
    /// LXC mounts something there by itself.
    Raw(ObservedRawMount),
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
                let placement = occupied(&target, container)
                    .unwrap_or_else(|| place_one(&target, mount, &mut taken));
                placements.insert(mount.address(), placement);
            }
        }
    }
    placements
}

/// The target belongs to something that phoenix cannot change.
fn occupied(target: &str, container: &ObservedContainer) -> Option<Placement> {
    if let Some(raw) = container.raw_mounts.get(target) {
        return Some(Placement::Raw(raw.clone()));
    }
    let at_target = |key: &&String| {
        let text = container.mounts.get(*key);
        text.and_then(|text| MountValue::parse(text))
            .is_some_and(|value| value.target == target)
    };
    let key = container.unusable.keys().find(at_target)?.clone();
    Some(Placement::Unusable { key })
}

/// The container's mounts by number. What cannot be used keeps its number taken.
fn numbered(container: &ObservedContainer) -> BTreeMap<u32, Option<MountValue>> {
    let value = |key: &String, text: &String| {
        let usable = !container.unusable.contains_key(key);
        usable.then(|| MountValue::parse(text)).flatten()
    };
    let mounts = container.mounts.iter();
    mounts
        .filter_map(|(key, text)| {
            let number = key.strip_prefix("mp")?.parse().ok()?;
            Some((number, value(key, text)))
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
