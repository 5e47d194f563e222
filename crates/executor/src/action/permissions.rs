//! Sets owner, group, mode and ACL of a dataset's root directory, and of everything in it.

use camino::Utf8Path;
use phoenix_host::{Change, PermissionChange};
use phoenix_planner::plan::SetPermissions;
use phoenix_tools::acl::{self, Acl};
use phoenix_tools::mounts::{MOUNTS_FILE, parse_mounts};
use phoenix_tools::system::DirectoryRow;
use phoenix_tools::tree::{self, Common};

use super::Done;
use super::failure::Goal;
use super::mounted::{directory, must_be_served};
use crate::code::FailureCode;
use crate::context::StepContext;
use crate::event::Failure;

/// Sets what differs. The host itself makes sure that the directory is the mounted dataset.
pub(super) fn set(operation: &SetPermissions, host: &StepContext<'_>) -> Result<Done, Failure> {
    let SetPermissions { dataset, path, .. } = operation;
    let goal = format!("cannot set the permissions of {path}");
    let goal = Goal(&goal);
    must_be_served(goal, host, path, Some(dataset))?;
    let ids_and_mode = differing(goal, operation, host)?;
    let acl = differing_acl(goal, operation, host)?;
    if ids_and_mode.is_empty() && acl.is_empty() {
        return Ok(Done::Unchanged);
    }
    let differs = !ids_and_mode.is_empty();
    let change = PermissionChange {
        dataset: dataset.clone(),
        path: path.into(),
        uid: operation.uid.filter(|_| differs),
        gid: operation.gid.filter(|_| differs),
        mode: operation.mode.filter(|_| differs),
        recursive: operation.recursive && differs,
        acl: operation.acl.clone(),
    };
    host.change(&Change::SetPermissions(change))
        .map_err(|error| goal.host(&error))?;
    let mut left = differing(goal, operation, host)?;
    left.extend(differing_acl(goal, operation, host)?);
    if left.is_empty() {
        Ok(Done::Changed)
    } else {
        Err(goal.not_in_force(left.join(", ")))
    }
}

fn differing(
    goal: Goal<'_>,
    operation: &SetPermissions,
    host: &StepContext<'_>,
) -> Result<Vec<String>, Failure> {
    let Some(there) = directory(goal, host, &operation.path)? else {
        return Ok(vec!["the directory is gone".to_owned()]);
    };
    let mut left = differing_root(operation, &there);
    if operation.recursive {
        let other = first_other(goal, operation, host)?;
        left.extend(other.map(|path| format!("{path} differs")));
    }
    Ok(left)
}

fn differing_root(operation: &SetPermissions, there: &DirectoryRow) -> Vec<String> {
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

fn first_other(
    goal: Goal<'_>,
    operation: &SetPermissions,
    host: &StepContext<'_>,
) -> Result<Option<String>, Failure> {
    let text = host
        .read_file(Utf8Path::new(MOUNTS_FILE))
        .map_err(|error| goal.host(&error))?
        .unwrap_or_default();
    let mounts = parse_mounts(&text).map_err(|error| goal.parse(&error))?;
    let common = Common {
        uid: operation.uid,
        gid: operation.gid,
        mode: operation.mode,
    };
    tree::read_other(host.reader(), &operation.path, &common, &mounts)
        .map_err(|error| goal.read(&error))
}

fn differing_acl(
    goal: Goal<'_>,
    operation: &SetPermissions,
    host: &StepContext<'_>,
) -> Result<Vec<String>, Failure> {
    if operation.acl.is_empty() {
        return Ok(Vec::new());
    }
    let path = operation.path.as_str();
    let acls = acl::read(host.reader(), &[path]).map_err(|error| goal.read(&error))?;
    let Some(mut acls) = acls else {
        return Err(goal.because(
            FailureCode::ToolMissing,
            "the host has no getfacl and setfacl",
            format!(
                "install them (apt install {}), then run phoenix again",
                acl::PACKAGE
            ),
        ));
    };
    let there: Acl = acls.remove(Utf8Path::new(path)).unwrap_or_default();
    let wanted = operation.acl.iter();
    let differs = wanted.filter(|(who, permissions)| there.get(*who) != Some(permissions));
    Ok(differs
        .map(|(who, permissions)| format!("the ACL has no entry {who}{permissions}"))
        .collect())
}
