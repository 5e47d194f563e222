//! Does one step: look again, act, read back.
//!
//! One file per kind of object. A step trusts nothing that the plan saw: it reads what it is about
//! to change, does nothing if the goal is already met, and believes its own success only after
//! reading it back. Nothing here decides what the goal is; the plan has.

mod arc;
mod boot_order;
mod dataset;
mod disks;
mod export;
mod failure;
mod mount;
mod mounted;
mod permissions;
mod pool;
mod properties;
mod storage;

use std::time::Duration;

use phoenix_planner::plan::{Operation, Step};

use crate::context::StepContext;
use crate::event::Failure;

/// How a step that succeeded left the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    /// It changed the host.
    Changed,
    /// The host already was as the plan wants it.
    Unchanged,
}

/// Does `step` on `host`.
///
/// # Errors
/// What kept the step from reaching its goal, for the reader of the report.
pub(crate) fn perform(
    step: &Step,
    host: &StepContext<'_>,
    retry_pause: Duration,
) -> Result<Done, Failure> {
    match &step.operation {
        Operation::CreatePool(operation) => pool::create(operation, host, retry_pause),
        Operation::ImportPool(operation) => pool::import(operation, host, retry_pause),
        Operation::SetPool(operation) => pool::set(operation, host, retry_pause),
        Operation::CreateDataset(operation) => dataset::create(operation, host, retry_pause),
        Operation::SetDataset(operation) => dataset::set(operation, host, retry_pause),
        Operation::SetPermissions(operation) => permissions::set(operation, host),
        Operation::AddStorage(operation) => storage::add(operation, host, retry_pause),
        Operation::SetStorage(operation) => storage::set(operation, host, retry_pause),
        Operation::SetExport(operation) => export::set(operation, host),
        Operation::SetBootOrder(operation) => boot_order::set(operation, host),
        Operation::SetMount(operation) => mount::set(operation, host),
        Operation::SetArc(operation) => arc::set(operation, host),
    }
}
