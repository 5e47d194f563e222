//! Validates configuration files: by default the examples, which must be free of errors.
//!
//! Owns the choice of files; what is an error is `phoenix_config`'s business.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use phoenix_config::diagnostic::Severity;

/// Every example, sorted by name.
pub(crate) fn examples(root: &Utf8Path) -> io::Result<Vec<Utf8PathBuf>> {
    let mut files = Vec::new();
    for entry in root.join("schema/examples").read_dir_utf8()? {
        let path = entry?.into_path();
        if path.extension() == Some("json") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Says what is wrong with the files, one line per error.
pub(crate) fn check(files: &[Utf8PathBuf]) -> io::Result<Vec<String>> {
    let mut problems = Vec::new();
    for file in files {
        let text = std::fs::read(file)?;
        let loaded = phoenix_config::load(file.as_str(), &text);
        for diagnostic in &loaded.diagnostics {
            if diagnostic.severity != Severity::Error {
                continue;
            }
            let place = diagnostic
                .labels
                .first()
                .map(|label| format!(":{}:{}", label.line, label.column))
                .unwrap_or_default();
            problems.push(format!(
                "{file}{place}: {}: {}",
                diagnostic.code, diagnostic.message
            ));
        }
        println!(
            "{file}: {} errors, {} warnings",
            loaded.error_count(),
            loaded.warning_count()
        );
    }
    Ok(problems)
}
