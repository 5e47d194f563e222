//! Sets owner, group and mode of a dataset's root directory.

use phoenix_host::system::DirectoryRow;
use phoenix_host::{Host, PermissionChange};
use phoenix_planner::plan::SetPermissions;

use super::Done;
use super::failure::Goal;
use super::mounted::{directory, must_be_served};
use crate::event::Failure;

/// Sets what differs. The host itself makes sure that the directory is the mounted dataset.
pub(super) fn set(operation: &SetPermissions, host: &dyn Host) -> Result<Done, Failure> {
    let SetPermissions { dataset, path, .. } = operation;
    let goal = format!("cannot set the permissions of {path}");
    let goal = Goal(&goal);
    must_be_served(goal, host, path, Some(dataset))?;
    if differing(operation, directory(goal, host, path)?).is_empty() {
        return Ok(Done::Unchanged);
    }
    let change = PermissionChange {
        dataset: dataset.clone(),
        path: path.into(),
        uid: operation.uid,
        gid: operation.gid,
        mode: operation.mode,
    };
    host.set_permissions(&change)
        .map_err(|error| goal.host(&error))?;
    let left = differing(operation, directory(goal, host, path)?);
    if left.is_empty() {
        Ok(Done::Changed)
    } else {
        Err(goal.not_in_force(left.join(", ")))
    }
}

fn differing(operation: &SetPermissions, there: Option<DirectoryRow>) -> Vec<String> {
    let Some(there) = there else {
        return vec!["the directory is gone".to_owned()];
    };
    let id = |what: &str, wanted: Option<u32>, is: u32| {
        let wanted = wanted.filter(|wanted| *wanted != is)?;
        Some(format!("the {what} is {is} instead of {wanted}"))
    };
    let mode = operation
        .mode
        .filter(|wanted| *wanted != there.mode)
        .map(|wanted| format!("the mode is {:04o} instead of {wanted:04o}", there.mode));
    [
        id("owner", operation.uid, there.uid),
        id("group", operation.gid, there.gid),
        mode,
    ]
    .into_iter()
    .flatten()
    .collect()
}
