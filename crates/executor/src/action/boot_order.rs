//! Makes the NFS server start after the datasets are mounted.

use camino::Utf8Path;
use phoenix_planner::boot_order::is_ours;
use phoenix_planner::plan::SetBootOrder;
use phoenix_tools::systemd::{self, NFS_SERVER};

use super::Done;
use super::failure::Goal;
use crate::context::StepContext;
use crate::event::Failure;

const GOAL: Goal<'_> = Goal("cannot make the NFS server start after the datasets are mounted");

/// Writes the drop-in and makes systemd read it. No unit is started or stopped.
pub(super) fn set(operation: &SetBootOrder, host: &StepContext<'_>) -> Result<Done, Failure> {
    let SetBootOrder { path, text } = operation;
    let file = Utf8Path::new(path);
    let found = host.read_file(file).map_err(|error| GOAL.host(&error))?;
    if found.as_ref().is_some_and(|found| !is_ours(found)) {
        return Err(GOAL.moved_on(format!("somebody else has written {path}")));
    }
    let is_there = found.as_ref() == Some(text);
    if is_there && is_loaded(host, path)? {
        return Ok(Done::Unchanged);
    }
    if !is_there {
        host.write_file(file, text)
            .map_err(|error| GOAL.host(&error))?;
    }
    GOAL.run(host, &systemd::reload())?;
    if is_loaded(host, path)? {
        return Ok(Done::Changed);
    }
    Err(GOAL.not_in_force(format!("systemd does not read {path}")))
}

fn is_loaded(host: &StepContext<'_>, path: &str) -> Result<bool, Failure> {
    let text = GOAL.run(host, &systemd::show(NFS_SERVER))?;
    let unit = systemd::parse_show(&text).map_err(|error| GOAL.parse(&error))?;
    Ok(unit.drop_ins.contains(path) && !unit.needs_reload)
}
