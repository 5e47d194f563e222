//! A host made of canned answers, and the fixtures.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use phoenix_host::command::{Command, Effect, Output};
use phoenix_host::lock::HeldLock;
use phoenix_host::{Change, Host, HostError};
use phoenix_nvme::history::History;
use phoenix_nvme::pool::PoolFacts;
use phoenix_nvme::report::Facts;
use phoenix_nvme::{Drive, Policy, Report, assess, smartctl};

/// 2026-11-22, a day after every fixture was made.
pub(crate) fn now() -> Timestamp {
    "2026-11-22T21:00:00Z".parse().unwrap()
}

pub(crate) fn fixture(path: &str) -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    std::fs::read_to_string(format!("{root}/tests/fixtures/{path}")).unwrap()
}

/// A real drive's values, under a kernel name of our choice.
pub(crate) fn capture(name: &str, capture: &str) -> Drive {
    smartctl::parse(name, &fixture(&format!("captures/{capture}.json"))).unwrap()
}

pub(crate) fn report(drives: Vec<Drive>, pools: Vec<PoolFacts>, history: &History) -> Report {
    let policy = Policy::default();
    let facts = Facts {
        drives,
        pools,
        updates: vec![],
        gaps: vec![],
        history,
        policy: &policy,
        now: now(),
    };
    assess(facts)
}

/// Answers commands (as a person would type them) and files from tables; everything else is
/// missing. Refuses commands that are not reads.
#[derive(Default)]
pub(crate) struct CannedHost {
    pub(crate) answers: BTreeMap<String, Output>,
    pub(crate) files: Mutex<BTreeMap<Utf8PathBuf, String>>,
}

impl CannedHost {
    pub(crate) fn answer(mut self, command: &str, code: i32, stdout: &str) -> Self {
        let output = Output {
            code: Some(code),
            stdout: stdout.to_owned(),
            stderr: String::new(),
        };
        self.answers.insert(command.to_owned(), output);
        self
    }

    pub(crate) fn file(self, path: &str, contents: &str) -> Self {
        self.files
            .lock()
            .unwrap()
            .insert(path.into(), contents.to_owned());
        self
    }
}

impl Host for CannedHost {
    fn run(&self, command: &Command) -> Result<Output, HostError> {
        assert_eq!(command.effect, Effect::Read, "{command}");
        let program = || HostError::NotInstalled {
            program: command.program.name().to_owned(),
        };
        self.answers
            .get(&command.to_string())
            .cloned()
            .ok_or_else(program)
    }

    fn read_file(&self, path: &Utf8Path) -> Result<Option<String>, HostError> {
        Ok(self.files.lock().unwrap().get(path).cloned())
    }

    fn change(&self, change: &Change) -> Result<(), HostError> {
        match change {
            Change::WriteFile(path, contents) => {
                let mut files = self.files.lock().unwrap();
                files.insert(path.to_owned(), contents.to_owned());
                Ok(())
            }
            other => Err(HostError::ReadOnly {
                what: other.to_string(),
            }),
        }
    }

    fn lock(&self, path: &Utf8Path, _: Duration) -> Result<HeldLock, HostError> {
        Err(HostError::ReadOnly {
            what: path.to_string(),
        })
    }
}
