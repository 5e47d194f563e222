//! The committed schemas: generated from the Rust types, compared or written.
//!
//! Owns which schema is which file; what is in them is the business of the crates that own the types.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

/// Says which committed schemas are not what the types say, one sentence each.
pub(crate) fn stale(root: &Utf8Path) -> io::Result<Vec<String>> {
    let mut problems = Vec::new();
    for (path, wanted) in wanted(root)? {
        let committed = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        if committed != wanted {
            problems.push(format!(
                "{path} is not what the types say; run `cargo xtask schema`"
            ));
        }
    }
    Ok(problems)
}

/// Writes every schema that differs and returns which were written.
pub(crate) fn write(root: &Utf8Path) -> io::Result<Vec<Utf8PathBuf>> {
    let mut written = Vec::new();
    for (path, wanted) in wanted(root)? {
        if std::fs::read_to_string(&path).ok().as_ref() != Some(&wanted) {
            std::fs::write(&path, wanted)?;
            written.push(path);
        }
    }
    Ok(written)
}

fn wanted(root: &Utf8Path) -> io::Result<Vec<(Utf8PathBuf, String)>> {
    let schemas = [
        ("phoenix", phoenix_config::schema::generate()),
        ("plan", phoenix_planner::plan::plan_schema()),
        ("event", phoenix_executor::event::event_schema()),
        ("nvme", phoenix::nvme::report::schema()),
    ];
    schemas
        .into_iter()
        .map(|(name, schema)| {
            let path = root.join("schema").join(format!("{name}.v1.schema.json"));
            Ok((path, pretty(&schema)?))
        })
        .collect()
}

/// The committed form: two spaces, one newline at the end.
fn pretty(schema: &Value) -> io::Result<String> {
    let mut text = serde_json::to_string_pretty(schema)?;
    text.push('\n');
    Ok(text)
}
