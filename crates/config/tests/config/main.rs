//! Whole files through `load`: what they mean, and what is said about the wrong ones.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

mod examples;
mod historic;
mod hostile;
mod invalid;
mod laws;
mod rendering;
mod schema;
mod sections;
mod syntax;

use std::fmt::Write;
use std::path::PathBuf;

use phoenix_config::diagnostic::Severity;
use phoenix_config::{Loaded, load};

/// The path of a file below this package.
fn path(below: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(below)
}

/// Reads a file below this package.
fn load_file(below: &str) -> Loaded {
    load(below, &std::fs::read(path(below)).unwrap())
}

/// Everything that was found, one block per diagnostic, with the exact bytes of every label.
fn listing(loaded: &Loaded) -> String {
    let mut text = String::new();
    for diagnostic in &loaded.diagnostics {
        let severity = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        assert!(!diagnostic.help.is_empty(), "no help: {diagnostic:?}");
        writeln!(text, "{severity} {}", diagnostic.code).unwrap();
        writeln!(text, "  {}", diagnostic.message).unwrap();
        writeln!(text, "  help: {}", diagnostic.help).unwrap();
        for label in &diagnostic.labels {
            let end = label.offset + label.length;
            let bytes = loaded.source.text().get(label.offset..end).unwrap();
            writeln!(
                text,
                "  {}:{} {}+{} {} {bytes:?} {}",
                label.line, label.column, label.offset, label.length, label.pointer, label.message
            )
            .unwrap();
        }
    }
    text
}

/// The codes of everything that was found, in order.
fn codes(loaded: &Loaded) -> Vec<&'static str> {
    let codes = loaded.diagnostics.iter().map(|one| one.code.as_str());
    codes.collect()
}

/// The codes of the errors among what was found, in order.
fn codes_of_errors(loaded: &Loaded) -> Vec<&'static str> {
    let errors = loaded
        .diagnostics
        .iter()
        .filter(|one| one.severity == Severity::Error);
    errors.map(|one| one.code.as_str()).collect()
}
