//! Sets one mount point of a container.

use phoenix_planner::plan::SetMount;
use phoenix_tools::pve::{self, ContainerConf, MountValue};

use super::Done;
use super::failure::Goal;
use super::mounted::must_be_served;
use crate::context::StepContext;
use crate::event::Failure;
use crate::observe::container_mounts;

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
        .read_file(&pve::container_conf_path(container))
        .map_err(|error| goal.host(&error))?
        .ok_or_else(|| goal.moved_on("the container has left this node"))?;
    pve::parse_container(&text).map_err(|error| goal.parse(&error))
}

fn is_set(conf: &ContainerConf, key: &str, wanted: &MountValue) -> bool {
    let value = conf.effective(key).map(pve::parse_mount);
    matches!(value, Some(Ok(value)) if value == *wanted)
}

/// Confirms that `key` is free or a bind mount at the same target, and that no other key has the
/// target.
fn must_be_ours(
    goal: Goal<'_>,
    conf: &ContainerConf,
    key: &str,
    wanted: &MountValue,
) -> Result<(), Failure> {
    for (other, value) in container_mounts(conf) {
        let there = pve::parse_mount(&value).map_err(|error| goal.parse(&error))?;
        let is_bind = there.volume.starts_with('/');
        let same_target = there.target == wanted.target;
        if other == key && !(is_bind && same_target) {
            return Err(goal.moved_on(format!("{key} has become {value}")));
        }
        if other != key && same_target {
            let target = &wanted.target;
            return Err(goal.moved_on(format!("{other} has taken the target {target}")));
        }
    }
    Ok(())
}
