//! The record of one apply, line by line on disk.
//!
//! One JSON object a line: first the header, then every event as it happens, each line on the disk
//! before the next one is written. So after a power cut the journal says what was done, and only
//! its last line may be torn. Nothing here decides where journals are kept.

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use phoenix_host::store::AppendFile;
use serde::{Deserialize, Serialize};

use crate::event::{Event, Observer};

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
}

impl Journal {
    /// Begins a new file in `directory`, called `<UTC time>-<start of the plan's id>.jsonl`.
    ///
    /// # Errors
    /// When the file cannot be made or its first line not be written.
    pub fn create(directory: &Utf8Path, header: &JournalHeader) -> Result<Self, JournalError> {
        let now = Timestamp::now();
        let id: String = header.plan.chars().take(12).collect();
        let name = format!("{}-{id}.jsonl", now.strftime("%Y%m%dT%H%M%S%.3fZ"));
        let path = directory.join(name);
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
        append(&mut file, &first).map_err(failed)?;
        Ok(Self {
            path,
            file,
            error: None,
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

    fn problem(&self) -> Option<String> {
        let error = self.error.as_ref()?;
        Some(format!("the journal {} is incomplete: {error}", self.path))
    }
}

fn append(file: &mut AppendFile, line: &impl Serialize) -> std::io::Result<()> {
    file.append_line(&serde_json::to_string(line)?)
}

/// A journal read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The first line.
    pub header: JournalHeader,
    /// When it was begun, RFC 3339 in UTC.
    pub time: String,
    /// The events, in order.
    pub events: Vec<Event>,
    /// Whether the last line was torn by an interruption; it is left out then.
    pub torn: bool,
}

/// A journal that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadJournalError {
    /// Not even the first line is whole.
    #[error("the journal is empty or torn in its first line")]
    Empty,
    /// A line in the middle is no event.
    #[error("line {line} of the journal is not understood")]
    Line {
        /// Counted from 1.
        line: usize,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Another version of phoenix wrote it.
    #[error("the journal has format {0}, this phoenix reads format {FORMAT}")]
    Format(u32),
}

/// Reads the text of a journal. A torn last line, which a power cut leaves, is tolerated.
///
/// # Errors
/// When the first line or a line in the middle is not understood.
pub fn parse(text: &str) -> Result<Recording, ReadJournalError> {
    let (whole, rest) = match text.rfind('\n') {
        Some(end) => text.split_at(end + 1),
        None => ("", text),
    };
    let mut lines = whole.lines().enumerate();
    let at = |index: usize| {
        move |source| ReadJournalError::Line {
            line: index + 1,
            source,
        }
    };
    let (index, first) = lines.next().ok_or(ReadJournalError::Empty)?;
    let first: FirstLine = serde_json::from_str(first).map_err(at(index))?;
    if first.journal != FORMAT {
        return Err(ReadJournalError::Format(first.journal));
    }
    let events = lines
        .map(|(index, line)| serde_json::from_str(line).map_err(at(index)))
        .collect::<Result<_, _>>()?;
    Ok(Recording {
        header: first.header,
        time: first.time,
        events,
        torn: !rest.is_empty(),
    })
}

/// The journals in `directory`, oldest first. A directory that does not exist has none.
///
/// # Errors
/// When the directory cannot be read.
pub fn list(directory: &Utf8Path) -> std::io::Result<Vec<Utf8PathBuf>> {
    let entries = match directory.read_dir_utf8() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut journals = Vec::new();
    for entry in entries {
        let path = entry?.into_path();
        if path.extension() == Some("jsonl") {
            journals.push(path);
        }
    }
    journals.sort_unstable();
    Ok(journals)
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
        assert!(name.ends_with("Z-0123456789ab.jsonl"), "{name}");

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
    fn a_broken_line_in_the_middle_and_another_format_are_refused() {
        let first = r#"{"journal":1,"phoenix":"","argv":[],"plan":"","node":"","time":""}"#;
        let error = parse(&format!("{first}\nnonsense\n{{}}\n")).unwrap_err();
        assert!(
            matches!(error, ReadJournalError::Line { line: 2, .. }),
            "{error}"
        );
        let newer = first.replace(":1,", ":2,");
        assert!(matches!(
            parse(&format!("{newer}\n")),
            Err(ReadJournalError::Format(2))
        ));
    }
}
