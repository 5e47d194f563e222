//! The host as one step sees it.
//!
//! Owns which way a request of a step goes: what others ask at the same time is asked through what
//! they share, every change is counted there and told to the coordinator, and the rest goes to the
//! host as it is. What a step asks for, and why, is `action`'s business.

use std::sync::Arc;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use phoenix_host::command::{Command, Effect, Output};
use phoenix_host::lock::HeldLock;
use phoenix_host::{Change, Host, HostError};

use crate::shared::Shared;

/// Something that may have changed the host.
#[derive(Debug)]
pub(crate) struct Told {
    /// See [`Event::StepCommand`](crate::event::Event::StepCommand).
    pub(crate) argv: Vec<String>,
    /// See [`Event::StepCommand`](crate::event::Event::StepCommand).
    pub(crate) code: Option<i32>,
    /// How long it took.
    pub(crate) milliseconds: u64,
}

/// What a step has of the host.
pub(crate) struct StepContext<'a> {
    /// What other steps may ask at the same time.
    pub(crate) reads: &'a Shared<'a>,
    tell: &'a (dyn Fn(Told) + Sync),
}

impl<'a> StepContext<'a> {
    /// What one step has of the host that is `shared` by all; `tell` hears of what it changes.
    pub(crate) fn new(shared: &'a Shared<'a>, tell: &'a (dyn Fn(Told) + Sync)) -> Self {
        Self {
            reads: shared,
            tell,
        }
    }

    /// The host for what no other step asks at the same time. It cannot be changed through this.
    pub(crate) fn reader(&self) -> &dyn Host {
        self.reads.reader()
    }

    /// See [`Host::read_file`].
    pub(crate) fn read_file(&self, path: &Utf8Path) -> Result<Option<String>, HostError> {
        self.reader().read_file(path)
    }

    /// Runs the command that makes `dataset`: who reads a dataset of its pool back waits a little for
    /// this one.
    pub(crate) fn create(&self, dataset: &str, command: &Command) -> Result<Output, HostError> {
        self.reads.changes.making(dataset, || self.run(command))
    }

    /// See [`Host::run`].
    pub(crate) fn run(&self, command: &Command) -> Result<Output, HostError> {
        if command.effect == Effect::Read {
            return self.reader().run(command);
        }
        let code = |output: &Output| output.code;
        self.tell_change(command.argv(), code, |host| host.run(command))
    }

    /// See [`Host::change`].
    pub(crate) fn change(&self, change: &Change) -> Result<(), HostError> {
        self.tell_change(change.words(), |()| Some(0), |host| host.change(change))
    }

    /// See [`Host::write_file`].
    pub(crate) fn write_file(&self, path: &Utf8Path, contents: &str) -> Result<(), HostError> {
        self.change(&Change::WriteFile(path.to_owned(), contents.to_owned()))
    }

    /// See [`Host::write_parameter`].
    pub(crate) fn write_parameter(&self, path: &Utf8Path, value: &str) -> Result<(), HostError> {
        self.change(&Change::WriteParameter(path.to_owned(), value.to_owned()))
    }

    /// Takes a lock of another program together with the steps that want it too. It changes nothing,
    /// so nobody is told. See [`Host::lock`].
    pub(crate) fn lock(&self, path: &Utf8Path, wait: Duration) -> Result<HeldLock, Arc<HostError>> {
        self.reads.lock(path, wait)
    }

    /// Opens disks for phoenix alone. It writes nothing, so nobody is told. See [`Host::hold_disks`].
    pub(crate) fn hold_disks(&self, disks: &[&str]) -> Result<Vec<HeldLock>, HostError> {
        self.reads.change(|host| host.hold_disks(disks))
    }

    fn tell_change<T>(
        &self,
        argv: Vec<String>,
        code: impl Fn(&T) -> Option<i32>,
        change: impl FnOnce(&dyn Host) -> Result<T, HostError>,
    ) -> Result<T, HostError> {
        let started = Instant::now();
        let changed = self.reads.change(change);
        (self.tell)(Told {
            argv,
            code: changed.as_ref().ok().and_then(code),
            milliseconds: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        changed
    }
}
