//! The exit codes of the binary, for whoever starts it.

/// How a run of the `phoenix` binary ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitStatus {
    /// Done, or nothing to do.
    Done = 0,
    /// Something failed; the message or the report says what.
    Failed = 1,
    /// The host differs from the file. Only where that was asked for: `status`, and `plan` with
    /// `--detailed-exitcode`.
    Changes = 2,
    /// The file cannot be used: it is missing, unreadable or invalid.
    ConfigInvalid = 3,
    /// Nothing failed, but something was left undone because phoenix refuses to do it.
    Refused = 6,
    /// Another run holds the lock of this host; try again later.
    Busy = 7,
    /// The command line is wrong. The number is that of `sysexits.h`, so that 2 keeps its meaning.
    Usage = 64,
    /// The user stopped the run. What was done is in the journal; running again continues.
    Interrupted = 130,
}

impl ExitStatus {
    /// The number that the process ends with.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<ExitStatus> for std::process::ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}
