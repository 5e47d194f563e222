//! A report in the shapes that people and programs read. Pure: text out, nothing printed.

pub mod nagios;
pub mod one;
pub mod prometheus;
pub mod sparkline;
pub mod svg;
pub mod table;

use crate::report::Report;

/// The report as JSON, described by [`crate::report::schema`].
pub fn json(report: &Report) -> String {
    // A report is plain data with text keys: it always serialises.
    let mut text = serde_json::to_string_pretty(report).unwrap_or_default();
    text.push('\n');
    text
}

/// `12 %`, or `-` when it is not known.
fn percent(value: Option<u64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value} %"))
}
