//! A host for tests of what several steps ask, or hold, at the same time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use camino::Utf8Path;
use phoenix_host::command::{Command, Output, Program};
use phoenix_host::lock::HeldLock;
use phoenix_host::{Change, Host, HostError};

use crate::mutex::lock;

/// Answers `zfs get` and `find` about everything but what is called `missing`, or `denied`; the
/// first command, or lock, waits to be let go, and fails when nobody will.
pub(crate) struct Slow {
    started: Sender<()>,
    go: Mutex<Option<Receiver<()>>>,
    asked: Mutex<Vec<Vec<String>>>,
    locks_asked: AtomicUsize,
    locks_held: Arc<AtomicUsize>,
}

/// One lock that is held while this lives.
struct Key(Arc<AtomicUsize>);

impl Drop for Key {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Slow {
    pub(crate) fn new() -> (Self, Receiver<()>, Sender<()>) {
        let (started, is_started) = channel();
        let (let_go, go) = channel();
        let host = Self {
            started,
            go: Mutex::new(Some(go)),
            asked: Mutex::default(),
            locks_asked: AtomicUsize::default(),
            locks_held: Arc::default(),
        };
        (host, is_started, let_go)
    }

    /// The datasets of each command, in the order of the commands.
    pub(crate) fn asked(&self) -> Vec<Vec<String>> {
        lock(&self.asked).clone()
    }

    /// How often a lock was asked for, and how many are held.
    pub(crate) fn locks(&self) -> (usize, usize) {
        let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
        (count(&self.locks_asked), count(&self.locks_held))
    }

    /// Keeps the first caller until it is let go. Whether it was.
    fn is_let_go(&self) -> bool {
        let Some(go) = lock(&self.go).take() else {
            return true;
        };
        self.started.send(()).unwrap();
        go.recv().is_ok()
    }
}

impl Host for Slow {
    fn run(&self, command: &Command) -> Result<Output, HostError> {
        let is_name = |word: &&String| ["tank", "other"].iter().any(|&pool| word.contains(pool));
        let names: Vec<String> = command.args.iter().filter(is_name).cloned().collect();
        lock(&self.asked).push(names.clone());
        if !self.is_let_go() {
            return Err(HostError::NotInstalled {
                program: command.program.name().to_owned(),
            });
        }
        let (bad, good): (Vec<_>, Vec<_>) = names
            .iter()
            .partition(|name| name.ends_with("missing") || name.ends_with("denied"));
        let row = |name: &&String| match command.program {
            Program::Find => format!("e\t0\t0\t755\td\t{name}\n"),
            _ => format!("{name}\tquota\t7\tlocal\n"),
        };
        let complaint = |name: &&String| match (command.program, name.ends_with("missing")) {
            (Program::Find, true) => format!("find: ‘{name}’: No such file or directory\n"),
            (Program::Find, false) => format!("find: ‘{name}’: Permission denied\n"),
            (_, true) => format!("cannot open '{name}': dataset does not exist\n"),
            (_, false) => format!("cannot open '{name}': permission denied\n"),
        };
        Ok(Output {
            code: Some(i32::from(!bad.is_empty())),
            stdout: good.iter().map(row).collect(),
            stderr: bad.iter().map(complaint).collect(),
        })
    }

    fn read_file(&self, _: &Utf8Path) -> Result<Option<String>, HostError> {
        Ok(None)
    }

    fn change(&self, _: &Change) -> Result<(), HostError> {
        Ok(())
    }

    fn lock(&self, path: &Utf8Path, wait: Duration) -> Result<HeldLock, HostError> {
        self.locks_asked.fetch_add(1, Ordering::SeqCst);
        if !self.is_let_go() {
            return Err(HostError::Locked {
                path: path.to_owned(),
                seconds: wait.as_secs(),
            });
        }
        self.locks_held.fetch_add(1, Ordering::SeqCst);
        Ok(HeldLock::new(Key(Arc::clone(&self.locks_held))))
    }
}
