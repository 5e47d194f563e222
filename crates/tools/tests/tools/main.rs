//! The typed commands and their parsers, seen from outside, against what real programs printed.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

mod container_conf;
mod disk;
mod layout;
mod nfs;
mod pve;
mod system;
mod transcript;
mod tree;
mod zfs;
mod zpool;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use camino::Utf8Path;
use phoenix_host::command::{Command, Output};
use phoenix_host::lock::HeldLock;
use phoenix_host::{Change, Host, HostError};

/// A host that knows some commands and files by heart, remembers what it was asked, and fails the
/// test when it is asked anything else.
#[derive(Default)]
struct Scripted {
    outputs: BTreeMap<Vec<String>, Option<Output>>,
    beginnings: Vec<(&'static str, Output)>,
    files: BTreeMap<String, String>,
    asked: Mutex<Vec<String>>,
}

impl Scripted {
    fn answers(mut self, command: &str, output: Output) -> Self {
        self.outputs.insert(argv(command), Some(output));
        self
    }

    /// Answers all commands that begin like this and that nobody answers otherwise.
    fn answers_all(mut self, beginning: &'static str, output: Output) -> Self {
        self.beginnings.push((beginning, output));
        self
    }

    fn hangs(mut self, command: &str) -> Self {
        self.outputs.insert(argv(command), None);
        self
    }

    fn has_file(mut self, path: &str, contents: &str) -> Self {
        self.files.insert(path.to_owned(), contents.to_owned());
        self
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Host for Scripted {
    fn run(&self, command: &Command) -> Result<Output, HostError> {
        let typed = command.to_string();
        self.asked.lock().unwrap().push(typed.clone());
        match self.outputs.get(&command.argv()) {
            Some(Some(output)) => Ok(output.clone()),
            Some(None) => Err(HostError::TimedOut {
                command: typed,
                seconds: command.timeout_seconds,
            }),
            None => {
                let mut known = self.beginnings.iter();
                match known.find(|(beginning, _)| typed.starts_with(beginning)) {
                    Some((_, output)) => Ok(output.clone()),
                    None => panic!("unexpected command: {typed}"),
                }
            }
        }
    }

    fn read_file(&self, path: &Utf8Path) -> Result<Option<String>, HostError> {
        Ok(self.files.get(path.as_str()).cloned())
    }

    fn change(&self, change: &Change) -> Result<(), HostError> {
        panic!("unexpected: {change}")
    }

    fn lock(&self, path: &Utf8Path, _: Duration) -> Result<HeldLock, HostError> {
        panic!("unexpected lock of {path}")
    }
}

/// The words of a command as a shell would split them.
fn argv(typed: &str) -> Vec<String> {
    shlex::split(typed).unwrap()
}

/// Properties of ZFS or options of Proxmox.
fn properties<V: for<'a> From<&'a str>, const N: usize>(
    pairs: [(&str, &str); N],
) -> BTreeMap<String, V> {
    let own = |(key, value): (&str, &str)| (key.to_owned(), value.into());
    pairs.into_iter().map(own).collect()
}
