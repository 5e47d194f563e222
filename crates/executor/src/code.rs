//! Why a step failed, as codes that a program can branch on.
//!
//! Every code has a section in `docs/refusals-and-failures.md`. Owns the names; `action/failure.rs`
//! decides which one fits.

use std::fmt;

use phoenix_planner::refusal::RefusalCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

phoenix_config::codes! {
    /// Why a step that was begun failed.
    FailureCode {
        Unexplained = "phoenix::failed::unexplained",
        MovedOn = "phoenix::failed::moved-on",
        NotInForce = "phoenix::failed::not-in-force",
        NotUnderstood = "phoenix::failed::not-understood",
        Panic = "phoenix::failed::panic",
        NotFound = "phoenix::failed::not-found",
        ParentMissing = "phoenix::failed::parent-missing",
        Exists = "phoenix::failed::exists",
        Busy = "phoenix::failed::busy",
        NoSpace = "phoenix::failed::no-space",
        BelowUsed = "phoenix::failed::below-used",
        AboveAvailable = "phoenix::failed::above-available",
        PoolSuspended = "phoenix::failed::pool-suspended",
        ReadOnly = "phoenix::failed::read-only",
        Permission = "phoenix::failed::permission",
        NotMounted = "phoenix::failed::not-mounted",
        Key = "phoenix::failed::key",
        DiskInUse = "phoenix::failed::disk-in-use",
        DiskMissing = "phoenix::failed::disk-missing",
        DiskNotEmpty = "phoenix::failed::disk-not-empty",
        DiskSlow = "phoenix::failed::disk-slow",
        DiskUnavailable = "phoenix::failed::disk-unavailable",
        MountpointOccupied = "phoenix::failed::mountpoint-occupied",
        NotADirectory = "phoenix::failed::not-a-directory",
        SymbolicLink = "phoenix::failed::symbolic-link",
        ModuleMissing = "phoenix::failed::module-missing",
        BadProperty = "phoenix::failed::bad-property",
        BadName = "phoenix::failed::bad-name",
        NeedsForce = "phoenix::failed::needs-force",
        BadOption = "phoenix::failed::bad-option",
        Locked = "phoenix::failed::locked",
        ChangedMeanwhile = "phoenix::failed::changed-meanwhile",
        NoQuorum = "phoenix::failed::no-quorum",
        Protected = "phoenix::failed::protected",
        ClusterSilent = "phoenix::failed::cluster-silent",
        ToolMissing = "phoenix::failed::tool-missing",
        TimedOut = "phoenix::failed::timed-out",
        Disconnected = "phoenix::failed::disconnected",
        HostError = "phoenix::failed::host-error",
    }
}

/// Why an object is not as the file says: it was refused when the plan was made, or its step failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum StepCode {
    /// The plan refuses the object.
    Refused(RefusalCode),
    /// The step failed.
    Failed(FailureCode),
}

impl Default for StepCode {
    /// What journals say of runs from before failures had codes.
    fn default() -> Self {
        Self::Failed(FailureCode::Unexplained)
    }
}

impl fmt::Display for StepCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(code) => code.fmt(f),
            Self::Failed(code) => code.fmt(f),
        }
    }
}
