//! Diagnostics in the forms that others take: miette for people, JSON for programs, and what continuous
//! integration shows beside the code.
//!
//! Owns the translation only. Colours, width and where the text goes are the caller's decision,
//! who passes a [`Report`] to a handler of miette.

mod ci;

use std::fmt;

use miette::{
    LabeledSpan, MietteError, MietteSpanContents, Severity as MietteSeverity, SourceCode,
    SourceSpan, SpanContents,
};
use serde::Serialize;
use serde_json::{Value, json};

pub use ci::{github, sarif};

use crate::Loaded;
use crate::diagnostic::{Diagnostic, Severity};
use crate::pointer::Pointer;
use crate::source::SourceFile;

/// How many places of one diagnostic are drawn. A finding about every dataset of a large file has
/// thousands; a reader looks at a few, and drawing costs the square of their number.
const DRAWN_LABELS: usize = 12;

/// One diagnostic with the file that it is about.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    diagnostic: &'a Diagnostic,
    source: &'a SourceFile,
}

impl<'a> Report<'a> {
    /// Pairs a diagnostic with its file.
    pub fn new(diagnostic: &'a Diagnostic, source: &'a SourceFile) -> Self {
        Self { diagnostic, source }
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        Some(Box::new(self.diagnostic.code))
    }

    fn severity(&self) -> Option<MietteSeverity> {
        Some(match self.diagnostic.severity {
            Severity::Error => MietteSeverity::Error,
            Severity::Warning => MietteSeverity::Warning,
            Severity::Note => MietteSeverity::Advice,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        Some(Box::new(&self.diagnostic.help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        (!self.diagnostic.labels.is_empty()).then_some(self.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        if self.diagnostic.labels.is_empty() {
            return None;
        }
        let more = self.diagnostic.labels.len().saturating_sub(DRAWN_LABELS);
        let labels = self.diagnostic.labels.iter().take(DRAWN_LABELS).enumerate();
        Some(Box::new(labels.map(move |(index, label)| {
            let span = SourceSpan::new(label.offset.into(), label.length);
            let text = Some(if more > 0 && index + 1 == DRAWN_LABELS {
                format!("{} (and {more} more places)", label.message)
            } else {
                label.message.clone()
            });
            if index == 0 {
                LabeledSpan::new_primary_with_span(text, span)
            } else {
                LabeledSpan::new_with_span(text, span)
            }
        })))
    }
}

impl SourceCode for SourceFile {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        context_lines_before: usize,
        context_lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        // Without context, only the place itself is asked for.
        if context_lines_before + context_lines_after > 0
            && let Some(excerpt) = self.excerpt(span)
        {
            return Ok(excerpt);
        }
        let contents = self
            .text()
            .read_span(span, context_lines_before, context_lines_after)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.name().to_owned(),
            contents.data(),
            *contents.span(),
            contents.line(),
            contents.column(),
            contents.line_count(),
        )))
    }
}

/// The longest line that is shown whole, in bytes. Files written by programs are often one line.
const LONG_LINE: usize = 400;

/// How many bytes of a long line are shown on either side of the place in question.
const MARGIN: usize = 60;

impl SourceFile {
    /// The surroundings of `span` in a line that is too long to be shown; `None` for normal lines.
    fn excerpt<'a>(&'a self, span: &SourceSpan) -> Option<Box<dyn SpanContents<'a> + 'a>> {
        let text = self.text();
        let (start, end) = (span.offset(), span.offset() + span.len());
        let before = text.get(..start)?;
        let after = text.get(end..)?;
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line_end = end + after.find('\n').unwrap_or(after.len());
        if line_end - line_start <= LONG_LINE || text.get(start..end)?.contains('\n') {
            return None;
        }
        let from = text.ceil_char_boundary(start.saturating_sub(MARGIN).max(line_start));
        let to = text.floor_char_boundary((end + MARGIN).min(line_end));
        let excerpt = self.label(Pointer::root(), from..to, "");
        Some(Box::new(MietteSpanContents::new_named(
            self.name().to_owned(),
            text.get(from..to)?.as_bytes(),
            SourceSpan::new(from.into(), to - from),
            excerpt.line - 1,
            excerpt.column - 1,
            1,
        )))
    }
}

/// Everything that is known about some files, as `phoenix validate --format json` prints it.
pub fn to_json(files: &[Loaded]) -> Value {
    let diagnostics = files.iter().flat_map(|loaded| {
        let file = loaded.source.name();
        let of_file = loaded.diagnostics.iter();
        of_file.map(move |diagnostic| Located { file, diagnostic })
    });
    json!({
        "valid": files.iter().all(Loaded::is_valid),
        "error_count": files.iter().map(Loaded::error_count).sum::<usize>(),
        "warning_count": files.iter().map(Loaded::warning_count).sum::<usize>(),
        "diagnostics": diagnostics.collect::<Vec<_>>(),
    })
}

/// A diagnostic with the name of its file.
#[derive(Serialize)]
struct Located<'a> {
    file: &'a str,
    #[serde(flatten)]
    diagnostic: &'a Diagnostic,
}
