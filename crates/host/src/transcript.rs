//! Recordings of a host: what was asked and what came back, one JSON object a line.
//!
//! A recording of a real machine becomes a host for tests. It holds whatever the commands and
//! files held, so it is as private as the machine.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::command::{Command, Output};
use crate::lock::HeldLock;
use crate::{Change, Host, HostError};

/// One line of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    request: Request,
    answer: Answer,
}

/// What a host was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Run(Command),
    ReadFile(Utf8PathBuf),
    Change(Change),
    Lock(Utf8PathBuf),
    HoldDisks(Vec<String>),
    FirstLinks(Vec<String>),
}

/// What a host answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Output(Output),
    Contents(Option<String>),
    Links(Vec<Option<Utf8PathBuf>>),
    Done,
    Failed(Failure),
}

/// A [`HostError`] that can be written down. Those that callers tell apart keep their kind; of
/// the others the words stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Failure {
    NotInstalled,
    TimedOut,
    NotMounted,
    Other(String),
}

impl Request {
    fn hold(disks: &[&str]) -> Self {
        Self::HoldDisks(disks.iter().map(|disk| (*disk).to_owned()).collect())
    }

    fn links(paths: &[&str]) -> Self {
        Self::FirstLinks(paths.iter().map(|path| (*path).to_owned()).collect())
    }

    /// The request in words, for a message.
    fn describe(&self) -> String {
        match self {
            Self::Run(command) => command.to_string(),
            Self::ReadFile(path) => format!("read {path}"),
            Self::Change(change) => change.to_string(),
            Self::Lock(path) => format!("lock {path}"),
            Self::HoldDisks(disks) => format!("hold {}", disks.join(" ")),
            Self::FirstLinks(paths) => format!("look for links on the way to {}", paths.join(" ")),
        }
    }

    /// The recorded failure as the error that it was.
    fn error(&self, failure: Failure) -> HostError {
        match (failure, self) {
            (Failure::NotInstalled, Self::Run(command)) => HostError::NotInstalled {
                program: command.program.name().to_owned(),
            },
            (Failure::TimedOut, Self::Run(command)) => HostError::TimedOut {
                command: command.to_string(),
                seconds: command.timeout_seconds,
            },
            (Failure::NotMounted, Self::Change(Change::SetPermissions(change))) => {
                HostError::NotMounted {
                    path: change.path.clone(),
                    dataset: change.dataset.clone(),
                }
            }
            (Failure::Other(words), request) => HostError::Spawn {
                command: request.describe(),
                source: io::Error::other(words),
            },
            (_, request) => HostError::NotRecorded {
                what: request.describe(),
            },
        }
    }
}

impl Failure {
    fn of(error: &HostError) -> Self {
        match error {
            HostError::NotInstalled { .. } => Self::NotInstalled,
            HostError::TimedOut { .. } => Self::TimedOut,
            HostError::NotMounted { .. } => Self::NotMounted,
            HostError::Spawn { source, .. } | HostError::File { source, .. } => {
                Self::Other(source.to_string())
            }
            other => Self::Other(other.to_string()),
        }
    }
}

/// Passes everything on to another host and writes down what it answers.
#[derive(Debug)]
pub struct RecordHost<H, W> {
    host: H,
    state: Mutex<Recording<W>>,
}

#[derive(Debug)]
struct Recording<W> {
    writer: W,
    /// The first failure to write. It must not stop the host, and must not be forgotten.
    failed: Option<io::Error>,
}

impl<H: Host, W: Write + Send> RecordHost<H, W> {
    /// Records `host` into `writer`.
    pub fn new(host: H, writer: W) -> Self {
        let state = Recording {
            writer,
            failed: None,
        };
        Self {
            host,
            state: Mutex::new(state),
        }
    }

    /// Ends the recording and gives the writer back.
    ///
    /// # Errors
    /// When the recording is incomplete because it could not be written.
    pub fn finish(self) -> io::Result<W> {
        let mut recording = self
            .state
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        match recording.failed {
            Some(error) => Err(error),
            None => recording.writer.flush().map(|()| recording.writer),
        }
    }

    fn record<T>(
        &self,
        request: Request,
        result: Result<T, HostError>,
        answer: impl FnOnce(&T) -> Answer,
    ) -> Result<T, HostError> {
        let answer = match &result {
            Ok(value) => answer(value),
            Err(error) => Answer::Failed(Failure::of(error)),
        };
        let entry = Entry { request, answer };
        let mut recording = lock(&self.state);
        if recording.failed.is_none() {
            let written = serde_json::to_string(&entry)
                .map_err(io::Error::from)
                .and_then(|line| writeln!(recording.writer, "{line}"));
            recording.failed = written.err();
        }
        result
    }
}

/// A panic elsewhere does not make a list of lines wrong.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<H: Host, W: Write + Send> Host for RecordHost<H, W> {
    fn run(&self, command: &Command) -> Result<Output, HostError> {
        let request = Request::Run(command.clone());
        let result = self.host.run(command);
        self.record(request, result, |output| Answer::Output(output.clone()))
    }

    fn read_file(&self, path: &Utf8Path) -> Result<Option<String>, HostError> {
        let request = Request::ReadFile(path.to_owned());
        let result = self.host.read_file(path);
        self.record(request, result, |text| Answer::Contents(text.clone()))
    }

    fn read_foreign(&self, path: &Utf8Path) -> Result<Option<String>, HostError> {
        let request = Request::ReadFile(path.to_owned());
        let result = self.host.read_foreign(path);
        self.record(request, result, |text| Answer::Contents(text.clone()))
    }

    fn change(&self, change: &Change) -> Result<(), HostError> {
        let request = Request::Change(change.clone());
        let result = self.host.change(change);
        self.record(request, result, |()| Answer::Done)
    }

    fn lock(&self, path: &Utf8Path, wait: Duration) -> Result<HeldLock, HostError> {
        let request = Request::Lock(path.to_owned());
        let result = self.host.lock(path, wait);
        self.record(request, result, |_| Answer::Done)
    }

    fn first_links(&self, paths: &[&str]) -> Result<Vec<Option<Utf8PathBuf>>, HostError> {
        let request = Request::links(paths);
        let result = self.host.first_links(paths);
        self.record(request, result, |links| Answer::Links(links.clone()))
    }

    fn hold_disks(&self, disks: &[&str]) -> Result<Vec<HeldLock>, HostError> {
        let request = Request::hold(disks);
        let result = self.host.hold_disks(disks);
        self.record(request, result, |_| Answer::Done)
    }
}

/// A recording cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("line {line} of the recording is not an entry")]
pub struct TranscriptError {
    /// The line, counted from 1.
    pub line: usize,
    /// Why.
    #[source]
    pub source: serde_json::Error,
}

/// Answers from a recording: equal requests in the order in which they were recorded, whatever
/// happened between them, so that a parallel run can be replayed.
#[derive(Debug)]
pub struct ReplayHost {
    answers: Mutex<BTreeMap<String, VecDeque<Answer>>>,
}

impl ReplayHost {
    /// Reads a recording.
    ///
    /// # Errors
    /// When a line is not an entry of a recording.
    pub fn parse(text: &str) -> Result<Self, TranscriptError> {
        let mut answers: BTreeMap<_, VecDeque<_>> = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let failed = |source| TranscriptError {
                line: index + 1,
                source,
            };
            let entry: Entry = serde_json::from_str(line).map_err(failed)?;
            let key = serde_json::to_string(&entry.request).map_err(failed)?;
            answers.entry(key).or_default().push_back(entry.answer);
        }
        let answers = Mutex::new(answers);
        Ok(Self { answers })
    }

    /// The next answer to a request, if `expected` can make sense of it.
    fn answer<T>(
        &self,
        request: &Request,
        expected: impl FnOnce(Answer) -> Option<T>,
    ) -> Result<T, HostError> {
        let unknown = || HostError::NotRecorded {
            what: request.describe(),
        };
        let key = serde_json::to_string(request).map_err(|_| unknown())?;
        let answer = lock(&self.answers)
            .get_mut(&key)
            .and_then(VecDeque::pop_front)
            .ok_or_else(unknown)?;
        match answer {
            Answer::Failed(failure) => Err(request.error(failure)),
            answer => expected(answer).ok_or_else(unknown),
        }
    }

    fn done(&self, request: &Request) -> Result<(), HostError> {
        self.answer(request, |answer| (answer == Answer::Done).then_some(()))
    }
}

impl Host for ReplayHost {
    fn run(&self, command: &Command) -> Result<Output, HostError> {
        let request = Request::Run(command.clone());
        self.answer(&request, |answer| match answer {
            Answer::Output(output) => Some(output),
            _ => None,
        })
    }

    fn read_file(&self, path: &Utf8Path) -> Result<Option<String>, HostError> {
        let request = Request::ReadFile(path.to_owned());
        self.answer(&request, |answer| match answer {
            Answer::Contents(contents) => Some(contents),
            _ => None,
        })
    }

    fn change(&self, change: &Change) -> Result<(), HostError> {
        self.done(&Request::Change(change.clone()))
    }

    fn lock(&self, path: &Utf8Path, _wait: Duration) -> Result<HeldLock, HostError> {
        self.done(&Request::Lock(path.to_owned()))?;
        Ok(HeldLock::nothing())
    }

    fn first_links(&self, paths: &[&str]) -> Result<Vec<Option<Utf8PathBuf>>, HostError> {
        self.answer(&Request::links(paths), |answer| match answer {
            Answer::Links(links) => Some(links),
            _ => None,
        })
    }

    fn hold_disks(&self, disks: &[&str]) -> Result<Vec<HeldLock>, HostError> {
        self.done(&Request::hold(disks))?;
        Ok(disks.iter().map(|_| HeldLock::nothing()).collect())
    }
}
