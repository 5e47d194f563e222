//! The record of one apply, line by line on disk.
//!
//! One JSON object a line: first the header, then every event as it happens. Before a step starts,
//! the disk has the line that announces it and all lines before; lines that come together are
//! waited for together, as waiting for each cost a tenth of a large run on real ZFS. So after a
//! power cut the journal names every step that may have begun, and only its last line may be torn.
//! A directory keeps the journals of the newest [`KEPT`] runs. Nothing here decides where that
//! directory is.

mod read;
mod run;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use phoenix_host::store::AppendFile;
use serde::{Deserialize, Serialize};

use crate::event::{Event, Observer};

pub use read::{ReadJournalError, Recording, Unreadable, list, parse, read};
pub use run::{Ending, Run, RunCommand, RunStep};

/// How many runs a directory keeps. A run that changes something writes some kilobytes, one that
/// has nothing to do writes none.
pub const KEPT: usize = 100;

/// The version of the journal format.
pub const FORMAT: u32 = 1;

/// The first line: who does what to which host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalHeader {
    /// The version of phoenix.
    pub phoenix: String,
    /// How phoenix was called.
    pub argv: Vec<String>,
    /// The plan's id.
    pub plan: String,
    /// The host's name.
    pub node: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct FirstLine {
    journal: u32,
    #[serde(flatten)]
    header: JournalHeader,
    time: String,
}

/// The journal could not be begun.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the journal {path}")]
pub struct JournalError {
    /// The file.
    pub path: Utf8PathBuf,
    /// Why.
    #[source]
    pub source: std::io::Error,
}

/// An observer that appends every event to a file.
///
/// When the disk is full the apply goes on: a host that is half done is worse than a journal that
/// is. The report then says where the journal ends.
#[derive(Debug)]
pub struct Journal {
    path: Utf8PathBuf,
    file: AppendFile,
    error: Option<std::io::Error>,
    /// Why old journals could not be removed.
    untidy: Option<String>,
}

impl Journal {
    /// Begins a new file in `directory`, called `<UTC time>-<start of the plan's id>-<number>.jsonl`,
    /// and removes the oldest ones there until [`KEPT`] are left. The number is one more than any
    /// there: which run was later does not depend on a clock that may have been set back.
    ///
    /// # Errors
    /// When the file cannot be made or its first line not be written. No file is left behind then.
    pub fn create(directory: &Utf8Path, header: &JournalHeader) -> Result<Self, JournalError> {
        let now = Timestamp::now();
        let id: String = header.plan.chars().take(12).collect();
        let number = read::next_number(directory).map_err(|source| JournalError {
            path: directory.to_owned(),
            source,
        })?;
        let time = now.strftime("%Y%m%dT%H%M%S%.3fZ");
        let path = directory.join(format!("{time}-{id}-{number}.jsonl"));
        let failed = |source| JournalError {
            path: path.clone(),
            source,
        };
        let mut file = AppendFile::create(&path).map_err(failed)?;
        let first = FirstLine {
            journal: FORMAT,
            header: header.clone(),
            time: format!("{now:.3}"),
        };
        if let Err(error) = append(&mut file, &first).and_then(|()| file.sync()) {
            // The full disk is what to tell; an empty file that stays is no harm.
            let _ = std::fs::remove_file(&path);
            return Err(failed(error));
        }
        let untidy = remove_oldest(directory, &path).err().map(|error| {
            format!("journals of old runs could not be removed from {directory}: {error}")
        });
        Ok(Self {
            path,
            file,
            error: None,
            untidy,
        })
    }

    /// The file.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }
}

impl Observer for Journal {
    fn event(&mut self, event: &Event) {
        if self.error.is_none() {
            self.error = append(&mut self.file, event).err();
        }
    }

    fn sync(&mut self) {
        if self.error.is_none() {
            self.error = self.file.sync().err();
        }
    }

    fn problem(&self) -> Option<String> {
        let incomplete = self
            .error
            .as_ref()
            .map(|error| format!("the journal {} is incomplete: {error}", self.path));
        incomplete.or_else(|| self.untidy.clone())
    }
}

/// Removes the oldest journals of a directory until [`KEPT`] are left, never the one of this run.
/// Touches nothing whose name phoenix would not have given.
fn remove_oldest(directory: &Utf8Path, own: &Utf8Path) -> std::io::Result<()> {
    let journals = list(directory)?;
    let surplus = journals.len().saturating_sub(KEPT);
    journals
        .iter()
        .filter(|path| *path != own)
        .take(surplus)
        .try_for_each(std::fs::remove_file)
}

fn append(file: &mut AppendFile, line: &impl Serialize) -> std::io::Result<()> {
    file.append_line(&serde_json::to_string(line)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Outcome;

    fn header() -> JournalHeader {
        JournalHeader {
            phoenix: "0.1.0".to_owned(),
            argv: vec!["phoenix".to_owned(), "apply".to_owned()],
            plan: "0123456789abcdef".to_owned(),
            node: "pve".to_owned(),
        }
    }

    fn events() -> Vec<Event> {
        let id = phoenix_config::address::Address::Pool("tank".to_owned());
        vec![
            Event::StepStart {
                id: id.clone(),
                time: "2026-01-01T00:00:00.000Z".to_owned(),
            },
            Event::StepFinished {
                id,
                outcome: Outcome::Changed,
                error: None,
                blocked_by: Vec::new(),
                milliseconds: 7,
            },
        ]
    }

    #[test]
    fn a_journal_reads_back_whole_and_torn() {
        let directory = tempfile::tempdir().unwrap();
        let runs = Utf8Path::from_path(directory.path()).unwrap().join("runs");
        assert_eq!(list(&runs).unwrap(), [] as [Utf8PathBuf; 0]);
        let mut journal = Journal::create(&runs, &header()).unwrap();
        for event in events() {
            journal.event(&event);
        }
        assert_eq!(journal.problem(), None);
        assert_eq!(list(&runs).unwrap(), [journal.path().to_owned()]);
        let name = journal.path().file_name().unwrap();
        assert!(name.ends_with("Z-0123456789ab-1.jsonl"), "{name}");

        let text = std::fs::read_to_string(journal.path()).unwrap();
        let recording = parse(&text).unwrap();
        assert_eq!(recording.header, header());
        assert_eq!(recording.events, events());
        assert!(!recording.torn);

        // Whatever the byte at which a power cut ends the file, the whole lines before it count.
        let starts: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        for cut in 0..text.len() {
            let whole = starts.iter().filter(|start| **start <= cut).count();
            match parse(&text[..cut]) {
                Ok(recording) => {
                    assert_eq!(recording.events.len(), whole - 1, "cut at {cut}");
                    assert_eq!(recording.torn, !starts.contains(&cut), "cut at {cut}");
                }
                Err(error) => assert!(
                    whole == 0 && matches!(error, ReadJournalError::Empty),
                    "cut at {cut}: {error}"
                ),
            }
        }
    }

    #[test]
    fn a_full_disk_ends_the_journal_and_is_told() {
        let mut journal = Journal {
            path: "/var/lib/phoenix/runs/x.jsonl".into(),
            file: AppendFile::create(Utf8Path::new("/dev/full")).unwrap(),
            error: None,
            untidy: None,
        };
        for event in events() {
            journal.event(&event);
        }
        let problem = journal.problem().unwrap();
        assert!(
            problem
                .starts_with("the journal /var/lib/phoenix/runs/x.jsonl is incomplete: No space"),
            "{problem}"
        );
    }

    #[test]
    fn the_newest_runs_are_kept_and_nothing_else_is_touched() {
        let directory = tempfile::tempdir().unwrap();
        let runs = Utf8Path::from_path(directory.path()).unwrap();
        let old =
            |number: usize| runs.join(format!("20250101T000000.{number:03}Z-0123456789ab.jsonl"));
        for number in 0..KEPT + 2 {
            std::fs::write(old(number), "").unwrap();
        }
        // None of these is a name that phoenix gives, or no file.
        let foreign = [
            "0.jsonl",
            "history.jsonl",
            "20250101T000000.000Z-0123456789ab.json",
        ];
        for name in foreign {
            std::fs::write(runs.join(name), "precious").unwrap();
        }
        let subdirectory = runs.join("20240101T000000.000Z-0123456789ab.jsonl");
        std::fs::create_dir(&subdirectory).unwrap();

        let journal = Journal::create(runs, &header()).unwrap();
        let left = list(runs).unwrap();
        assert_eq!(left.len(), KEPT);
        assert_eq!(left.first(), Some(&old(3)));
        assert_eq!(left.last().map(Utf8PathBuf::as_path), Some(journal.path()));
        assert_eq!(journal.problem(), None);
        assert!(subdirectory.is_dir());
        assert!(foreign.iter().all(|name| runs.join(name).is_file()));
    }

    /// The battery of a board's clock is empty, and the run begins in 1970.
    #[test]
    fn a_clock_that_was_set_back_removes_no_newer_run() {
        let directory = tempfile::tempdir().unwrap();
        let runs = Utf8Path::from_path(directory.path()).unwrap();
        let future =
            |number: usize| runs.join(format!("29990101T000000.000Z-0123456789ab-{number}.jsonl"));
        for number in 1..=KEPT {
            std::fs::write(future(number), "").unwrap();
        }
        let before = runs.join("29990101T000000.000Z-0123456789ab.jsonl");
        std::fs::write(&before, "").unwrap();

        let one = Journal::create(runs, &header()).unwrap();
        let two = Journal::create(runs, &header()).unwrap();
        let left = list(runs).unwrap();
        assert_eq!(left.len(), KEPT);
        assert_eq!(left[0], future(3));
        assert_eq!(left[KEPT - 2..], [one.path(), two.path()]);

        // Beyond the last number there is, names do not tell; the run's own journal stays.
        for number in 0..=KEPT {
            let last = format!("29990101T000000.{number:03}Z-0123456789ab-9999999999.jsonl");
            std::fs::write(runs.join(last), "").unwrap();
        }
        let own = Journal::create(runs, &header()).unwrap();
        assert!(own.path().exists());
        assert_eq!(list(runs).unwrap().len(), KEPT);
    }
}
