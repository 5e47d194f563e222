//! The host as the steps of one apply see it: questions asked at the same time are answered
//! together, and a lock of another program is held once for all who want it.
//!
//! Owns which request goes where; everything that changes something goes to the host as it is.

use std::num::NonZeroUsize;
use std::time::Duration;

use camino::Utf8Path;
use phoenix_host::command::{Command, Effect, Output};
use phoenix_host::lock::HeldLock;
use phoenix_host::{Change, Host, HostError};

use crate::shared_commands::SharedCommands;
use crate::shared_locks::SharedLocks;
use crate::shared_reads::SharedReads;

/// A host for the steps of one apply.
pub(crate) struct SharedHost<'a> {
    host: &'a dyn Host,
    pub(crate) reads: SharedReads,
    pub(crate) commands: SharedCommands,
    locks: SharedLocks,
}

impl<'a> SharedHost<'a> {
    /// `host`, for one apply of up to `jobs` steps at once.
    pub(crate) fn new(host: &'a dyn Host, jobs: NonZeroUsize) -> Self {
        Self {
            host,
            reads: SharedReads::new(jobs),
            commands: SharedCommands::default(),
            locks: SharedLocks::default(),
        }
    }
}

impl Host for SharedHost<'_> {
    fn run(&self, command: &Command) -> Result<Output, HostError> {
        if command.effect == Effect::Write {
            let run = || self.commands.change(|| self.host.run(command));
            return self.reads.creating.during(command, run);
        }
        match self.reads.answer(self.host, command) {
            Some(output) => Ok(output),
            None => self.commands.read(self.host, command),
        }
    }

    fn read_file(&self, path: &Utf8Path) -> Result<Option<String>, HostError> {
        self.host.read_file(path)
    }

    fn change(&self, change: &Change) -> Result<(), HostError> {
        self.commands.change(|| self.host.change(change))
    }

    fn lock(&self, path: &Utf8Path, wait: Duration) -> Result<HeldLock, HostError> {
        self.locks.take(self.host, path, wait)
    }
}
