//! The words of a verdict: how bad, which rule, in one sentence, with the way out.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

/// How bad it is. The order is the order in which several statuses are summed up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Nothing to do.
    #[default]
    Ok,
    /// It cannot be told.
    Unknown,
    /// Act within weeks.
    Warning,
    /// Act now.
    Critical,
}

impl Status {
    /// Every status, best first.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Unknown, Self::Warning, Self::Critical];

    /// The exit code of a monitoring plugin: 0 ok, 1 warning, 2 critical, 3 unknown.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }

    /// The word in lower case.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Which rule spoke. Stable: users match on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(
    missing_docs,
    reason = "docs/nvme.md explains each code; the names are the words there"
)]
pub enum Code {
    ReadOnly,
    SpareBelowThreshold,
    Unreliable,
    BackupFailed,
    MemoryRegion,
    SelfCheckFailed,
    SelfTestFailed,
    ControllerState,
    WearExhausted,
    WearHigh,
    WearForecast,
    WritesJumped,
    SpareLow,
    SpareFalls,
    MediaErrors,
    ErrorLog,
    TemperatureHigh,
    HeatTime,
    Throttled,
    UnsafeShutdowns,
    FirmwareKnownBad,
    FirmwareErrorMode,
    FirmwareUnexpected,
    FirmwareMismatch,
    FirmwareUpdate,
    NoWearData,
    Unreadable,
    PoolsUnreadable,
    MemberFailed,
    PoolHealth,
    WornTogether,
    AutotrimOff,
    AutotrimIdle,
    TrimUnsupported,
    BlockSize,
}

impl Code {
    /// The code as it is written everywhere: `wear-high`.
    pub fn word(self) -> String {
        // A variant without contents always serialises to its name.
        serde_json::to_value(self)
            .ok()
            .and_then(|value| value.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}

/// One thing that somebody should know about a drive or a pool.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Finding {
    /// How bad it is; [`Status::Ok`] is a remark.
    pub status: Status,
    /// Which rule spoke.
    pub code: Code,
    /// One sentence.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Finding {
    /// A finding without a way out.
    pub fn new(status: Status, code: Code, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            help: None,
        }
    }

    /// The same finding with a way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The worst status of `findings`, [`Status::Ok`] if there is none.
pub fn worst<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Status {
    findings
        .into_iter()
        .map(|finding| finding.status)
        .max()
        .unwrap_or_default()
}

/// Worst first, then by code, so that the same facts always print the same.
pub(crate) fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| b.status.cmp(&a.status).then_with(|| a.cmp(b)));
}
