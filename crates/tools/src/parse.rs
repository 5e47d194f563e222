//! What all parsers share: their error, and how many names one command takes.
//!
//! A parser takes the text of one tool and gives plain data back. A line that it cannot read is
//! an error that names the line: a fact that phoenix does not understand must never look like a
//! fact that is not there.

use phoenix_host::HostError;
use phoenix_host::command::CommandFailed;

/// A tool or a file said something that phoenix does not understand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot understand {what}: {}, at \"{}\"", in_one_line(.reason), shown(.line))]
pub struct ParseError {
    /// Whose text it is: `the output of zfs get`, `/proc/swaps`.
    pub what: &'static str,
    /// The line as it came.
    pub line: String,
    /// What is wrong with it.
    pub reason: String,
}

impl ParseError {
    /// Why `line`, a part of `what`, cannot be read.
    pub fn new(what: &'static str, line: &str, reason: impl Into<String>) -> Self {
        Self {
            what,
            line: line.to_owned(),
            reason: reason.into(),
        }
    }

    /// An error of `serde_json`, with the line of the text that it points to.
    pub(crate) fn json(what: &'static str, text: &str, error: &serde_json::Error) -> Self {
        let line = text
            .lines()
            .nth(error.line().saturating_sub(1))
            .unwrap_or("");
        Self::new(what, line, format!("it is not the expected JSON ({error})"))
    }
}

/// A line of a file that the program whose file it is goes on without: it costs itself and nothing
/// else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnreadLine {
    /// Counted from 1.
    pub number: usize,
    /// The line as it came.
    pub text: String,
    /// Why it has no effect.
    pub reason: String,
}

impl UnreadLine {
    /// Why the line is not read.
    pub(crate) fn new(number: usize, text: &str, reason: impl Into<String>) -> Self {
        Self {
            number,
            text: text.to_owned(),
            reason: reason.into(),
        }
    }
}

/// Facts could not be read from a host.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The host could not do what it was asked.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The command failed.
    #[error(transparent)]
    Failed(#[from] CommandFailed),
    /// The answer makes no sense.
    #[error(transparent)]
    Parse(#[from] ParseError),
}

/// The longest part of a line that an error message repeats, in characters.
const SHOWN: usize = 200;

/// A reason with what a terminal would obey escaped: the errors of `serde_json` quote the names of
/// unknown members as they came, at any length.
fn in_one_line(reason: &str) -> String {
    const LONGEST: usize = 1000;
    let mut text = String::new();
    for character in reason.chars().take(LONGEST) {
        if character.is_control() {
            text.extend(character.escape_debug());
        } else {
            text.push(character);
        }
    }
    if reason.chars().nth(LONGEST).is_some() {
        text.push_str("...");
    }
    text
}

fn shown(line: &str) -> String {
    let visible: String = line
        .chars()
        .take(SHOWN)
        .flat_map(char::escape_debug)
        .collect();
    if line.chars().nth(SHOWN).is_some() {
        format!("{visible}...")
    } else {
        visible
    }
}

/// How many bytes of names one command may carry: half of the 128 KiB that Linux takes as one
/// argument and far below what it takes in all (`execve(2)`, `MAX_ARG_STRLEN`).
pub(crate) const ARGV_BYTES: usize = 64 * 1024;

/// Splits names into groups that each fit into one command line.
pub(crate) fn chunks<'a, 'b>(names: &'a [&'b str]) -> impl Iterator<Item = &'a [&'b str]> {
    let mut rest = names;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fitting = rest
            .iter()
            .take_while(|name| {
                bytes += name.len() + 1;
                bytes <= ARGV_BYTES
            })
            .count();
        // A name that is too long on its own still goes out: the kernel's refusal says so.
        let (chunk, tail) = rest.split_at_checked(fitting.max(1))?;
        rest = tail;
        Some(chunk)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_keep_every_name_in_order_and_fit() {
        let long = "x".repeat(ARGV_BYTES / 3);
        let names = [long.as_str(), &long, &long, "y", &long];
        let chunked: Vec<_> = chunks(&names).collect();
        assert_eq!(chunked.concat(), names);
        assert_eq!(chunked.len(), 2);
        for chunk in chunked {
            assert!(chunk.iter().map(|name| name.len() + 1).sum::<usize>() <= ARGV_BYTES);
        }
        assert_eq!(chunks(&[]).count(), 0);
    }

    #[test]
    fn a_long_line_is_cut_in_messages_only() {
        let error = ParseError::new("/proc/swaps", &"a\t".repeat(300), "it has no size");
        assert_eq!(error.line.len(), 600);
        let message = error.to_string();
        assert!(
            message.starts_with("cannot understand /proc/swaps: it has no size, at \"a\\ta\\t")
        );
        assert!(message.ends_with("...\""));
    }
}
