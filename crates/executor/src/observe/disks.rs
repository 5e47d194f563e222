//! Disks as the planner sees them: identity and everything that speaks against writing.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use phoenix_host::Host;
use phoenix_planner::observed::{
    MemberRole, ObservedActivity, ObservedActivityKind, ObservedDisk, ObservedImportable,
    ObservedMember, ObservedSignature, ObservedVdev, Obstacle,
};
use phoenix_planner::wanted::Wanted;
use phoenix_tools::disk::{Disk, Inventory, Signature, without_first_partition};
use phoenix_tools::parse::ReadError;
use phoenix_tools::zpool::{
    self, Activity, ActivityKind, DiskStatus, ErrorCounts, ImportablePool, ImportedPools, Role,
    VdevStatus,
};

/// The wanted disks that exist, by the path that the configuration uses. `unfit` says what speaks
/// against a drive, by its kernel name.
pub(super) fn observed(
    inventory: &Inventory,
    wanted: &Wanted,
    unfit: &BTreeMap<String, String>,
) -> BTreeMap<String, ObservedDisk> {
    let found = |path: &String| {
        let disk = inventory.find(Utf8Path::new(path))?;
        Some((path.clone(), observed_disk(inventory, path, disk, unfit)))
    };
    wanted.disks.keys().filter_map(found).collect()
}

/// The wanted pools that lie on their disks and are not imported. ZFS is asked only when a label
/// on one of these disks says so: it would search every disk of the host. A pool on a disk that a guest
/// or a process has is theirs: imported here as well, it would be destroyed.
pub(super) fn importable(
    host: &dyn Host,
    wanted: &Wanted,
    imported: &ImportedPools,
    inventory: &Inventory,
) -> Result<BTreeMap<String, ObservedImportable>, ReadError> {
    let labelled = wanted.disks.iter().any(|(path, pool)| {
        let path = Utf8Path::new(path);
        let disk = inventory.find(path).filter(|_| !inventory.is_claimed(path));
        let mut signatures = disk.into_iter().flat_map(|disk| &disk.signatures);
        !imported.pools.contains_key(pool)
            && signatures
                .any(|found| found.kind == "zfs_member" && found.label.as_ref() == Some(pool))
    });
    if !labelled {
        return Ok(BTreeMap::new());
    }
    let mut found = BTreeMap::new();
    let mut twice = BTreeSet::new();
    let answer = zpool::read_importable(host)?;
    let unread = answer.unread.into_iter().map(|(name, error)| {
        let unread = ObservedImportable {
            unread: Some(error.to_string()),
            ..ObservedImportable::default()
        };
        (name, unread)
    });
    let ours = answer
        .pools
        .into_iter()
        .filter(|pool| !is_claimed(&pool.vdevs, inventory));
    let read = ours.map(|pool| {
        let name = pool.name.clone();
        (name, observed_importable(pool, inventory))
    });
    let here = |name: &String| wanted.pools.contains(name) && !imported.pools.contains_key(name);
    for (name, pool) in read.chain(unread).filter(|(name, _)| here(name)) {
        if found.insert(name.clone(), pool).is_some() {
            twice.insert(name);
        }
    }
    found.retain(|name, _| !twice.contains(name));
    Ok(found)
}

/// Whether one of the members belongs to a guest or a process.
pub(crate) fn is_claimed(vdevs: &[VdevStatus], inventory: &Inventory) -> bool {
    let mut disks = vdevs.iter().flat_map(|vdev| &vdev.disks);
    disks.any(|disk| inventory.is_claimed(Utf8Path::new(&disk.path)))
}

fn observed_importable(pool: ImportablePool, inventory: &Inventory) -> ObservedImportable {
    let vdevs = pool.vdevs.iter();
    let more = "ZFS knows that it has more disks than it lists";
    ObservedImportable {
        guid: pool.guid,
        health: pool.state,
        status: pool.status,
        vdevs: vdevs.map(|vdev| observed_vdev(vdev, inventory)).collect(),
        unread: pool.more_disks.then(|| more.to_owned()),
    }
}

fn observed_disk(
    inventory: &Inventory,
    path: &str,
    disk: &Disk,
    unfit: &BTreeMap<String, String>,
) -> ObservedDisk {
    let others = disk.namesakes.iter();
    let others = others.filter_map(|name| inventory.devices.get(name));
    let parent = disk.parent.clone().filter(|_| disk.kind == "part");
    ObservedDisk {
        partition_of: parent,
        stands_for_disk: inventory.divided_by_zfs(disk).is_some(),
        kernel_name: disk.kernel_name.clone(),
        size: disk.size,
        serial: disk.serial.clone(),
        model: disk.model.clone(),
        wwn: disk.wwn.clone(),
        stable_path: disk.stable_path().to_owned(),
        shared_path: disk.is_shared(Utf8Path::new(path)),
        namesakes: others.map(|other| other.stable_path().to_owned()).collect(),
        signatures: signatures(disk),
        obstacles: obstacles(disk),
        unfit: unfit.get(&disk.kernel_name).cloned(),
    }
}

/// Everything that speaks against writing to `disk`, worst first and each thing once.
pub(crate) fn obstacles(disk: &Disk) -> Vec<Obstacle> {
    let not_a_disk = (disk.kind != "disk").then(|| Obstacle::NotADisk {
        kind: disk.kind.clone(),
    });
    let uses = disk.uses.iter().map(|used| Obstacle::InUse {
        by: used.to_string(),
    });
    let signatures: BTreeSet<String> = disk
        .signatures
        .iter()
        .map(|signature| what(disk, signature))
        .collect();
    let signatures = signatures
        .into_iter()
        .map(|what| Obstacle::Signature { what });
    uses.chain(not_a_disk).chain(signatures).collect()
}

/// What is on the disk and its partitions, to be told again right before it is erased.
pub(crate) fn signatures(disk: &Disk) -> BTreeSet<ObservedSignature> {
    let one = |found: &Signature| ObservedSignature {
        device: found.device.clone(),
        kind: found.kind.clone(),
        label: found.label.clone(),
        uuid: found.uuid.clone(),
        offset: found.offset,
    };
    disk.signatures.iter().map(one).collect()
}

/// The signature, with the partition that it is on: `gpt`, `partition nvme0n1p1`, `ext4 on nvme0n1p1`.
fn what(disk: &Disk, signature: &Signature) -> String {
    let what = signature.what();
    if signature.device == disk.kernel_name {
        what
    } else if signature.kind == "partition" {
        format!("{what} {}", signature.device)
    } else {
        format!("{what} on {}", signature.device)
    }
}

/// A vdev as `zpool status` shows it, with its disks' kernel names.
pub(crate) fn observed_vdev(vdev: &VdevStatus, inventory: &Inventory) -> ObservedVdev {
    let disks = vdev.disks.iter();
    ObservedVdev {
        name: vdev.name.clone(),
        guid: vdev.guid,
        class: vdev.class,
        kind: vdev.kind.clone(),
        geometry: vdev.geometry.clone(),
        disks: disks.map(|disk| observed_member(disk, inventory)).collect(),
    }
}

fn observed_member(disk: &DiskStatus, inventory: &Inventory) -> ObservedMember {
    let device = inventory.member(Utf8Path::new(&disk.path));
    let gone = || without_first_partition(&disk.path).to_owned();
    let partition = device.filter(|device| device.kind == "part");
    ObservedMember {
        name: device.map_or_else(gone, |device| device.kernel_name.clone()),
        partition_of: partition.and_then(|device| device.parent.clone()),
        path: device.map_or_else(gone, |device| device.stable_path().to_owned()),
        guid: disk.guid,
        state: disk.state.clone(),
        role: match disk.role {
            Role::Member => MemberRole::Member,
            Role::Leaving => MemberRole::Leaving,
            Role::StandIn => MemberRole::StandIn,
        },
        errors: disk.errors.as_ref().and_then(counted),
        remark: disk.remark.clone(),
    }
}

/// The errors in words; `None` for none.
fn counted(errors: &ErrorCounts) -> Option<String> {
    let ErrorCounts {
        read,
        write,
        checksum,
    } = errors;
    (!errors.is_zero())
        .then(|| format!("{read} reading, {write} writing, {checksum} wrong checksums"))
}

/// What the pool does in the background.
pub(super) fn observed_activity(activity: &Activity) -> ObservedActivity {
    ObservedActivity {
        kind: match activity.kind {
            ActivityKind::Resilver => ObservedActivityKind::Resilver,
            ActivityKind::Scrub => ObservedActivityKind::Scrub,
            ActivityKind::Expansion => ObservedActivityKind::Expansion,
            ActivityKind::Removal => ObservedActivityKind::Removal,
        },
        paused: activity.paused,
        done: activity.done.clone(),
        left: activity.left.clone(),
    }
}

#[cfg(test)]
mod tests {
    use phoenix_tools::disk::Use;

    use super::*;

    #[test]
    fn the_worst_obstacle_comes_first_and_each_thing_says_where_it_is() {
        let signature = |device: &str, kind: &str, label: Option<&str>| Signature {
            device: device.to_owned(),
            kind: kind.to_owned(),
            label: label.map(str::to_owned),
            uuid: label.map(|_| "7".to_owned()),
            offset: None,
        };
        let disk = Disk {
            kernel_name: "sda".to_owned(),
            kind: "disk".to_owned(),
            uses: BTreeSet::from([Use::Swap]),
            signatures: BTreeSet::from([
                signature("sda", "gpt", None),
                signature("sda1", "partition", None),
                signature("sda1", "zfs_member", Some("old")),
                signature("sda2", "ext4", None),
            ]),
            ..Disk::default()
        };
        let signature = |what: &str| Obstacle::Signature {
            what: what.to_owned(),
        };
        let expected = [
            Obstacle::InUse {
                by: "swap".to_owned(),
            },
            signature("ext4 on sda2"),
            signature("gpt"),
            signature("partition sda1"),
            signature("zfs_member \"old\" (guid 7) on sda1"),
        ];
        assert_eq!(obstacles(&disk), expected);
    }
}
