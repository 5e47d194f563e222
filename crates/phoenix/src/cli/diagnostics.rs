//! Shows diagnostics of a file: with the text they are about, or one line each.

use anstyle::AnsiColor;
use miette::{GraphicalReportHandler, GraphicalTheme};
use phoenix::Loaded;
use phoenix::config::code::Code;
use phoenix::config::diagnostic::{Diagnostic, Severity};
use phoenix::config::report::Report;

use super::output::Terminal;

/// How many diagnostics are drawn; the rest get a line each. Drawing one reads the file up to its
/// place, so that drawing thousands would take hours for a large file.
const DRAWN: usize = 100;

/// Every diagnostic, the first ones with the lines that they are about.
pub(crate) fn drawn(loaded: &Loaded, color: bool, width: usize) -> String {
    let theme = if color {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(width)
        .with_links(false)
        .with_context_lines(1);
    let mut text = String::new();
    for (index, diagnostic) in loaded.diagnostics.iter().enumerate() {
        let report = Report::new(diagnostic, &loaded.source);
        if index >= DRAWN {
            text.push_str(&severity_line(loaded, diagnostic));
            continue;
        }
        if handler.render_report(&mut text, &report).is_err() {
            // Drawing needs the text; a diagnostic must not be lost because it cannot be drawn.
            text.push_str(&severity_line(loaded, diagnostic));
        }
        text.push('\n');
    }
    text
}

/// Warnings in one line each, for commands that show a plan. Capacity is left out: the plan itself
/// speaks about it, with the sizes that the disks really have.
pub(crate) fn warnings(loaded: &Loaded, terminal: &Terminal) -> String {
    let warning = terminal.paint("warning", AnsiColor::Yellow);
    let told = |diagnostic: &&Diagnostic| {
        diagnostic.severity == Severity::Warning && diagnostic.code != Code::CapacityOvercommitted
    };
    let lines = loaded.diagnostics.iter().filter(told);
    lines
        .map(|diagnostic| format!("{warning}: {}", line(loaded, diagnostic)))
        .collect()
}

/// How many there are of each kind.
pub(crate) fn summary(loaded: &Loaded) -> String {
    let name = loaded.source.name();
    match (loaded.error_count(), loaded.warning_count()) {
        (0, 0) => format!("{name} is valid.\n"),
        (0, warnings) => format!("{name} is valid, with {}.\n", counted(warnings, "warning")),
        (errors, 0) => format!("{name} is invalid: {}.\n", counted(errors, "error")),
        (errors, warnings) => format!(
            "{name} is invalid: {}, {}.\n",
            counted(errors, "error"),
            counted(warnings, "warning")
        ),
    }
}

/// `1 step`, `2 steps`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

fn severity_line(loaded: &Loaded, diagnostic: &Diagnostic) -> String {
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    format!("{severity}: {}", line(loaded, diagnostic))
}

fn line(loaded: &Loaded, diagnostic: &Diagnostic) -> String {
    let name = loaded.source.name();
    let place = match diagnostic.labels.first() {
        Some(label) => format!("{name}:{}:{}", label.line, label.column),
        None => name.to_owned(),
    };
    format!("{place}: {} [{}]\n", diagnostic.message, diagnostic.code)
}
