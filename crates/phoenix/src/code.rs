//! Why a command of the binary ends early, as codes that a program can branch on.
//!
//! Every code has a section in `docs/refusals-and-failures.md`, and one exit code.

use crate::ExitStatus;

phoenix_config::codes! {
    /// Why a command ends early.
    EndCode {
        Usage = "phoenix::ended::usage",
        NobodyToAsk = "phoenix::ended::nobody-to-ask",
        NotFound = "phoenix::ended::not-found",
        ConfigUnreadable = "phoenix::ended::config-unreadable",
        ConfigInvalid = "phoenix::ended::config-invalid",
        GrantAmbiguous = "phoenix::ended::grant-ambiguous",
        PlanUnusable = "phoenix::ended::plan-unusable",
        PlanStale = "phoenix::ended::plan-stale",
        PlanUnsound = "phoenix::ended::plan-unsound",
        FileUntrusted = "phoenix::ended::file-untrusted",
        FileUnreadable = "phoenix::ended::file-unreadable",
        FileUnwritable = "phoenix::ended::file-unwritable",
        NotRoot = "phoenix::ended::not-root",
        HostUnreachable = "phoenix::ended::host-unreachable",
        HostUnclear = "phoenix::ended::host-unclear",
        Busy = "phoenix::ended::busy",
        Interrupted = "phoenix::ended::interrupted",
        System = "phoenix::ended::system",
        Bug = "phoenix::ended::bug",
    }
}

impl EndCode {
    /// What the process ends with.
    pub fn status(self) -> ExitStatus {
        match self {
            Self::Usage | Self::NobodyToAsk => ExitStatus::Usage,
            Self::ConfigUnreadable | Self::ConfigInvalid | Self::PlanUnusable => {
                ExitStatus::ConfigInvalid
            }
            Self::GrantAmbiguous | Self::PlanStale | Self::FileUntrusted => ExitStatus::Refused,
            Self::Busy => ExitStatus::Busy,
            Self::Interrupted => ExitStatus::Interrupted,
            Self::NotFound
            | Self::PlanUnsound
            | Self::FileUnreadable
            | Self::FileUnwritable
            | Self::NotRoot
            | Self::HostUnreachable
            | Self::HostUnclear
            | Self::System
            | Self::Bug => ExitStatus::Failed,
        }
    }
}
