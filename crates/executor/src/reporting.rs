//! The host as a step sees it: every change passes through here and is told to the coordinator.

use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use phoenix_host::command::{Command, Effect, Output};
use phoenix_host::lock::HeldLock;
use phoenix_host::{Change, Host, HostError};

use crate::run::Message;
use crate::schedule::StepIndex;

/// A host that reports what a step changes on it.
pub(crate) struct Reporting<'a> {
    host: &'a dyn Host,
    step: StepIndex,
    sender: Sender<Message>,
}

impl<'a> Reporting<'a> {
    /// `host` as `step` sees it.
    pub(crate) fn new(host: &'a dyn Host, step: StepIndex, sender: Sender<Message>) -> Self {
        Self { host, step, sender }
    }

    fn tell(&self, argv: Vec<String>, code: Option<i32>, started: Instant) {
        let message = Message::Command {
            step: self.step,
            argv,
            code,
            milliseconds: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        // The coordinator listens until every started step has reported.
        let _ = self.sender.send(message);
    }
}

impl Host for Reporting<'_> {
    fn run(&self, command: &Command) -> Result<Output, HostError> {
        let started = Instant::now();
        let result = self.host.run(command);
        if command.effect == Effect::Write {
            let code = result.as_ref().ok().and_then(|output| output.code);
            self.tell(command.argv(), code, started);
        }
        result
    }

    fn read_file(&self, path: &Utf8Path) -> Result<Option<String>, HostError> {
        self.host.read_file(path)
    }

    fn change(&self, change: &Change) -> Result<(), HostError> {
        let started = Instant::now();
        let result = self.host.change(change);
        self.tell(change.words(), result.is_ok().then_some(0), started);
        result
    }

    /// A lock changes nothing, so nobody is told.
    fn lock(&self, path: &Utf8Path, wait: Duration) -> Result<HeldLock, HostError> {
        self.host.lock(path, wait)
    }
}
