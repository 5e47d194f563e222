//! Diagnostics in the forms that continuous integration shows beside the code: workflow commands of
//! GitHub, and SARIF.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::Loaded;
use crate::diagnostic::{Diagnostic, Severity};

/// One workflow command a diagnostic, with a final newline: `::error file=a.json,line=1,col=2,...::text`
/// (GitHub Docs, "Workflow commands for GitHub Actions").
pub fn github(files: &[Loaded]) -> String {
    let mut text = String::new();
    for (name, one) in located(files) {
        let level = match one.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        let place = match one.labels.first() {
            Some(label) => format!(",line={},col={}", label.line, label.column),
            None => String::new(),
        };
        let message = format!("{}\n{}", one.message, one.help);
        // Writing to a text cannot fail.
        let _ = writeln!(
            text,
            "::{level} file={}{place},title={}::{}",
            property(name),
            property(one.code.as_str()),
            data(message.trim_end()),
        );
    }
    text
}

/// A value in which nothing ends the command.
fn data(text: &str) -> String {
    let text = text.replace('%', "%25");
    text.replace('\r', "%0D").replace('\n', "%0A")
}

/// A value in which nothing ends the property either.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// A log of SARIF 2.1.0 (OASIS) with one run. Columns count characters, as everywhere in phoenix.
pub fn sarif(files: &[Loaded]) -> Value {
    let rules: BTreeSet<&str> = located(files).map(|(_, one)| one.code.as_str()).collect();
    let results: Vec<Value> = located(files)
        .map(|(name, one)| result(name, one))
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "phoenix",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(|code| json!({"id": code})).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(name: &str, one: &Diagnostic) -> Value {
    let level = match one.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let locations: Vec<Value> = one
        .labels
        .iter()
        .map(|label| {
            json!({
                "physicalLocation": {
                    "artifactLocation": {"uri": name},
                    "region": {
                        "startLine": label.line,
                        "startColumn": label.column,
                        "byteOffset": label.offset,
                        "byteLength": label.length,
                    },
                },
                "message": {"text": label.message},
            })
        })
        .collect();
    let text = format!("{}\n{}", one.message, one.help);
    json!({
        "ruleId": one.code.as_str(),
        "level": level,
        "message": {"text": text.trim_end()},
        "locations": locations,
    })
}

fn located(files: &[Loaded]) -> impl Iterator<Item = (&str, &Diagnostic)> {
    files.iter().flat_map(|file| {
        let name = file.source.name();
        file.diagnostics.iter().map(move |one| (name, one))
    })
}
