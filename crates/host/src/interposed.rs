//! A host some of whose commands somebody else answers.
//!
//! For tests of what phoenix makes of an answer: everything that is not answered here goes to the
//! host behind it.

use std::fmt;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::command::{Command, Output};
use crate::lock::HeldLock;
use crate::{Change, Host, HostError};

/// A host before which `answer` stands. `None` leaves the command to the host.
pub struct Interposed<H, F> {
    /// Who answers everything else.
    pub host: H,
    /// Who is asked first.
    pub answer: F,
}

impl<H: fmt::Debug, F> fmt::Debug for Interposed<H, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interposed")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

impl<H, F> Host for Interposed<H, F>
where
    H: Host,
    F: Fn(&Command) -> Option<Output> + Send + Sync,
{
    fn run(&self, command: &Command) -> Result<Output, HostError> {
        match (self.answer)(command) {
            Some(output) => Ok(output),
            None => self.host.run(command),
        }
    }

    fn read_file(&self, path: &Utf8Path) -> Result<Option<String>, HostError> {
        self.host.read_file(path)
    }

    fn read_foreign(&self, path: &Utf8Path) -> Result<Option<String>, HostError> {
        self.host.read_foreign(path)
    }

    fn change(&self, change: &Change) -> Result<(), HostError> {
        self.host.change(change)
    }

    fn first_links(&self, paths: &[&str]) -> Result<Vec<Option<Utf8PathBuf>>, HostError> {
        self.host.first_links(paths)
    }

    fn hold_disks(&self, disks: &[&str]) -> Result<Vec<HeldLock>, HostError> {
        self.host.hold_disks(disks)
    }

    fn lock(&self, path: &Utf8Path, wait: Duration) -> Result<HeldLock, HostError> {
        self.host.lock(path, wait)
    }
}
