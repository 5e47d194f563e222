//! Lines in files of others that have no effect: told in one note, and in nobody's way.

use phoenix_config::code::Code;
use phoenix_config::diagnostic::Severity;

use crate::observed::{Observed, UnreadLine};
use crate::plan::Note;

/// How many lines are shown. A file of another kind put at a wrong place has thousands.
const SHOWN: usize = 20;

pub(super) fn note(observed: &Observed) -> Option<Note> {
    let lines = lines(observed);
    if lines.is_empty() {
        return None;
    }
    let shown = lines.iter().take(SHOWN).map(|line| line.described());
    let more = lines.len().saturating_sub(SHOWN);
    let more = (more > 0).then(|| format!("and {more} more"));
    let shown = shown.chain(more).collect::<Vec<_>>().join("; ");
    let message = match lines.len() {
        1 => format!("one line has no effect: {shown}"),
        count => format!("{count} lines have no effect: {shown}"),
    };
    Some(Note {
        id: None,
        code: Code::HostUnreadLine,
        severity: Severity::Warning,
        message,
        help: Some(
            "mend or remove them: phoenix goes on without them, as the programs do whose files these are"
                .to_owned(),
        ),
    })
}

/// The lines of all files that were read, in the order of files and numbers.
pub(crate) fn lines(observed: &Observed) -> Vec<&UnreadLine> {
    let containers = observed.containers.values();
    let of_containers = containers.flat_map(|container| &container.unread);
    let mut lines: Vec<_> = of_containers.chain(&observed.exports.unread).collect();
    lines.sort();
    lines
}
