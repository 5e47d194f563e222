//! Bind mounts into containers. Which `mpN` each one gets is `placement`'s business.

use phoenix_config::code::Code;
use phoenix_config::diagnostic::Severity;
use phoenix_config::model::BindMount;
use phoenix_zfs::text::visible;

use super::export::at;
use super::facts::Facts;
use super::mount_value::MountValue;
use super::placement::{MOUNT_POINTS, Placement};
use super::storage::no_proxmox;
use super::verdict::{Notes, Stop, Verdict, changed_field, create, new_field, refused, update};
use crate::observed::ObservedContainer;
use crate::plan::{Operation, SetMount};
use crate::refusal::RefusalCode;

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
        Placement::Unusable { key } => Err(unusable(id, container, key)),
        Placement::Raw(raw) => Err(refused(
            RefusalCode::ContainerMountTaken,
            format!(
                "line {} of {} mounts {} at {} of container {id} by itself (lxc.mount.entry), past Proxmox",
                raw.line,
                raw.file,
                visible(&raw.source),
                mount.target
            ),
            "choose another target; or take that line out of the file by hand, run phoenix again, and restart the container",
        )),
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

/// Proxmox mounts no such value, and refuses to replace it: only a person with an editor can.
fn unusable(id: u32, container: &ObservedContainer, key: &str) -> Stop {
    let line = container.unusable.get(key);
    let (described, place) = line.map_or_else(
        || (key.to_owned(), format!("/etc/pve/lxc/{id}.conf")),
        |line| (line.described(), line.place()),
    );
    refused(
        RefusalCode::ContainerMountUnusable,
        format!(
            "Proxmox cannot use {key} of container {id}, so it is not mounted, and pct set does not replace it: {described}"
        ),
        format!("mend or remove {place} with an editor, then run phoenix again"),
    )
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
    if let Some(link) = facts.link_to(path.as_str()) {
        let way = if link == path { "is" } else { "leads through" };
        return Err(refused(
            RefusalCode::SymbolicLink,
            format!(
                "{path} {way} a symbolic link{}, and a container with such a mount does not start",
                at(link, path.as_str())
            ),
            "name a directory by its real path, without symbolic links",
        ));
    }
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
