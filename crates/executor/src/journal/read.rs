//! Reads journals back: whole ones, torn ones, and what is left of damaged ones.

use std::fs::File;
use std::io::{self, Read as _};

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use super::{FORMAT, FirstLine, JournalHeader};
use crate::event::Event;

/// The largest journal that is read, in bytes: some hundred thousand steps.
const LIMIT: u64 = 64 * 1024 * 1024;

/// A journal read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The first line.
    pub header: JournalHeader,
    /// When it was begun, RFC 3339 in UTC.
    pub time: String,
    /// The events, in order.
    pub events: Vec<Event>,
    /// Lines that are no events; they are left out.
    pub unreadable: Vec<Unreadable>,
    /// Whether the last line was torn by an interruption; it is left out then.
    pub torn: bool,
}

/// A line of a journal that is no event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// Counted from 1.
    pub line: usize,
    /// Why.
    pub reason: String,
}

/// A journal that cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadJournalError {
    /// The file could not be read.
    #[error("it cannot be read")]
    File(#[source] io::Error),
    /// It is no journal that phoenix would have written.
    #[error("it is larger than {LIMIT} bytes")]
    TooLarge,
    /// Not even the first line is whole.
    #[error("it is empty or torn in its first line")]
    Empty,
    /// The first line is not that of a journal.
    #[error("its first line is not that of a journal")]
    FirstLine(#[source] serde_json::Error),
    /// Another version of phoenix wrote it.
    #[error("it has format {0}, and this phoenix reads format {FORMAT}")]
    Format(u32),
}

/// Reads a journal.
///
/// # Errors
/// When the file cannot be read, or [`parse`] finds no journal in it.
pub fn read(path: &Utf8Path) -> Result<Recording, ReadJournalError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LIMIT + 1).read_to_end(&mut bytes))
        .map_err(ReadJournalError::File)?;
    if bytes.len() as u64 > LIMIT {
        return Err(ReadJournalError::TooLarge);
    }
    parse(&String::from_utf8_lossy(&bytes))
}

/// Reads the text of a journal. A torn last line, which a power cut leaves, is tolerated; a line in
/// the middle that is no event is named and left out.
///
/// # Errors
/// When the first line is not that of a journal of this format.
pub fn parse(text: &str) -> Result<Recording, ReadJournalError> {
    let (whole, rest) = match text.rfind('\n') {
        Some(end) => text.split_at(end + 1),
        None => ("", text),
    };
    let mut lines = whole.lines();
    let first = lines.next().ok_or(ReadJournalError::Empty)?;
    let first: FirstLine = serde_json::from_str(first).map_err(ReadJournalError::FirstLine)?;
    if first.journal != FORMAT {
        return Err(ReadJournalError::Format(first.journal));
    }
    let mut events = Vec::new();
    let mut unreadable = Vec::new();
    for (line, text) in (2..).zip(lines) {
        match serde_json::from_str(text) {
            Ok(event) => events.push(event),
            Err(error) => unreadable.push(Unreadable {
                line,
                reason: error.to_string(),
            }),
        }
    }
    Ok(Recording {
        header: first.header,
        time: first.time,
        events,
        unreadable,
        torn: !rest.is_empty(),
    })
}

/// The journals in `directory`, oldest first: by the number of the run, and by name those that are
/// from before runs had numbers. A directory that does not exist has none.
///
/// # Errors
/// When the directory cannot be read.
pub fn list(directory: &Utf8Path) -> io::Result<Vec<Utf8PathBuf>> {
    let entries = match directory.read_dir_utf8() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut journals = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_file() && is_journal(entry.file_name()) {
            journals.push(entry.into_path());
        }
    }
    journals.sort_by_cached_key(|path| (number(path), path.clone()));
    Ok(journals)
}

/// The number of a directory's next run.
///
/// # Errors
/// When the directory cannot be read.
pub(super) fn next_number(directory: &Utf8Path) -> io::Result<u64> {
    let last = list(directory)?.last().and_then(|path| number(path));
    Ok(last.map_or(1, |last| (last + 1).min(LAST_NUMBER)))
}

/// The highest number of a run, of [`NUMBER_DIGITS`].
const LAST_NUMBER: u64 = 9_999_999_999;

const NUMBER_DIGITS: usize = 10;

/// The number in the name of a journal.
fn number(path: &Utf8Path) -> Option<u64> {
    let (_, number) = path.file_stem()?.rsplit_once('-')?;
    let is_number = number.len() <= NUMBER_DIGITS && path.file_stem()?.matches('-').count() == 2;
    is_number.then(|| number.parse().ok()).flatten()
}

/// Whether a file is called as `Journal::create` calls them, or has called them before runs had
/// numbers: `20260101T000000.000Z-0123456789ab-1.jsonl`.
fn is_journal(name: &str) -> bool {
    let Some((time, plan)) = name
        .strip_suffix(".jsonl")
        .and_then(|name| name.split_once('-'))
    else {
        return false;
    };
    let (plan, number) = plan.split_once('-').unwrap_or((plan, "0"));
    if !(1..=NUMBER_DIGITS).contains(&number.len()) || !number.bytes().all(|c| c.is_ascii_digit()) {
        return false;
    }
    let time = time.as_bytes();
    let digit_or = |(index, byte): (usize, &u8)| match index {
        8 => *byte == b'T',
        15 => *byte == b'.',
        19 => *byte == b'Z',
        _ => byte.is_ascii_digit(),
    };
    time.len() == 20
        && time.iter().enumerate().all(digit_or)
        && (1..=12).contains(&plan.len())
        && plan.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = r#"{"journal":1,"phoenix":"","argv":[],"plan":"","node":"","time":""}"#;
    const START: &str = r#"{"type":"step_start","id":"host:arc","time":""}"#;

    #[test]
    fn a_broken_line_in_the_middle_is_named_and_the_rest_is_read() {
        let recording = parse(&format!("{FIRST}\n{START}\nnonsense\n{START}\n{{\"ty")).unwrap();
        assert_eq!(recording.events.len(), 2);
        assert_eq!(recording.unreadable.len(), 1);
        assert_eq!(recording.unreadable[0].line, 3);
        assert!(recording.torn);
    }

    #[test]
    fn what_is_no_journal_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "it is empty or torn in its first line"),
            (FIRST, "it is empty or torn in its first line"),
            ("nonsense\n", "its first line is not that of a journal"),
            (START, "it is empty or torn in its first line"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), reason, "{text}");
        }
        let newer = FIRST.replace(":1,", ":2,") + "\n";
        assert!(matches!(parse(&newer), Err(ReadJournalError::Format(2))));
    }

    #[test]
    fn any_bytes_and_any_size_are_survived() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap().join("x");
        let mut bytes = format!("{FIRST}\n").into_bytes();
        bytes.extend(b"\xff\x00\xfe\n");
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(read(&path).unwrap().unreadable.len(), 1);
        File::create(&path).unwrap().set_len(LIMIT + 1).unwrap();
        assert!(matches!(read(&path), Err(ReadJournalError::TooLarge)));
        assert!(matches!(
            read(&path.join("none")),
            Err(ReadJournalError::File(_))
        ));
    }

    #[test]
    fn only_names_that_phoenix_gives_are_journals() {
        assert!(is_journal("20260101T000000.000Z-0123456789ab.jsonl"));
        assert!(is_journal("20260101T000000.000Z-0123456789ab-12.jsonl"));
        for name in [
            "20260101T000000.000Z-.jsonl",
            "20260101T000000.000Z-0123456789ab.json",
            "20260101T000000.000Z-0123456789abc.jsonl",
            "20260101T000000.000Z-../../x.jsonl",
            "20260101T000000.000Z-0123456789ab-.jsonl",
            "20260101T000000.000Z-0123456789ab-x.jsonl",
            "20260101T000000.000Z-0123456789ab-1-2.jsonl",
            "20260101T000000.000Z-0123456789ab-12345678901.jsonl",
            "2026-01-01T00:00:00Z-0123456789ab.jsonl",
            "x20260101T000000.000Z-0123456789ab.jsonl",
            "history.jsonl",
        ] {
            assert!(!is_journal(name), "{name}");
        }
    }
}
