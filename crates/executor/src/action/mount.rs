//! Sets one mount point of a container.

use phoenix_planner::plan::SetMount;
use phoenix_tools::pve::{self, ContainerConf, MountValue};

use super::Done;
use super::failure::Goal;
use super::mounted::must_be_served;
use crate::context::StepContext;
use crate::event::Failure;

/// Sets the mount point, after making sure that it takes nothing away: neither a mount point of
/// somebody else under that key, nor a volume with data.
pub(super) fn set(operation: &SetMount, host: &StepContext<'_>) -> Result<Done, Failure> {
    let SetMount {
        container,
        key,
        value,
        dataset,
    } = operation;
    let goal = format!("cannot set {key} of container {container}");
    let goal = Goal(&goal);
    let wanted = pve::parse_mount(value).map_err(|error| goal.parse(&error))?;
    must_be_served(goal, host, &wanted.volume, dataset.as_deref())?;
    let before = read(goal, host, *container)?;
    if is_set(&before, key, &wanted) {
        return Ok(Done::Unchanged);
    }
    must_be_ours(goal, &before, key, &wanted)?;
    goal.run(host, &pve::set_mount(*container, key, value))?;
    if is_set(&read(goal, host, *container)?, key, &wanted) {
        return Ok(Done::Changed);
    }
    let reason = format!("pct set succeeded, but the configuration does not say {value}");
    Err(goal.not_in_force(reason))
}

fn read(goal: Goal<'_>, host: &StepContext<'_>, container: u32) -> Result<ContainerConf, Failure> {
    let text = host
        .reader()
        .read_foreign(&pve::container_conf_path(container))
        .map_err(|error| goal.host(&error))?
        .ok_or_else(|| goal.moved_on("the container has left this node"))?;
    Ok(pve::parse_container(&text))
}

fn is_set(conf: &ContainerConf, key: &str, wanted: &MountValue) -> bool {
    let value = conf.effective(key).map(pve::parse_mount);
    matches!(value, Some(Ok(value)) if value.means(wanted))
}

/// Confirms that `key` is free or a bind mount at the same target, and that no other key has the
/// target, nor a line of LXC's. A value that Proxmox cannot use is not mounted, and in nobody's way
/// but that of its own key.
fn must_be_ours(
    goal: Goal<'_>,
    conf: &ContainerConf,
    key: &str,
    wanted: &MountValue,
) -> Result<(), Failure> {
    let target = &wanted.target;
    if let Some(raw) = conf.raw_mounts.iter().find(|raw| wanted.is_at(&raw.target)) {
        let line = raw.line;
        return Err(goal.moved_on(format!(
            "line {line} of the container's file (lxc.mount.entry) has taken the target {target}"
        )));
    }
    for (other, value) in conf.mounts() {
        let Ok(there) = pve::parse_mount(&value) else {
            if other == key {
                return Err(goal.moved_on(format!("{key} has become {value}")));
            }
            continue;
        };
        let is_bind = there.volume.starts_with('/');
        let same_target = there.is_at(target);
        if other == key && !(is_bind && same_target) {
            return Err(goal.moved_on(format!("{key} has become {value}")));
        }
        if other != key && same_target {
            return Err(goal.moved_on(format!("{other} has taken the target {target}")));
        }
    }
    Ok(())
}
