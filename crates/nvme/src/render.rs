//! A report in the shapes that people and programs read. Pure: text out, nothing printed.

pub mod nagios;
pub mod one;
pub mod prometheus;
pub mod sparkline;
pub mod svg;
pub mod table;

pub(crate) mod units;

use crate::report::Report;

/// The report as JSON, described by [`crate::report::schema`].
pub fn json(report: &Report) -> String {
    // A report is plain data with text keys: it always serialises.
    let mut text = serde_json::to_string_pretty(report).unwrap_or_default();
    text.push('\n');
    text
}
