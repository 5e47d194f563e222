//! Records what the real tools answer to a script of commands.
//!
//! The scripts and the recordings lie in `crates/host/tests/conformance`. There an ordinary test
//! holds the simulated host to the recordings; here, with a guest, they are made and checked.

use std::fs;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::LabError;
use crate::remote::Remote;

/// One command and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// Program and arguments; `write-file PATH CONTENTS` writes a file instead.
    pub argv: Vec<String>,
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// The folder of scripts and recordings.
pub fn folder() -> Utf8PathBuf {
    Utf8PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../crates/host/tests/conformance"
    ))
}

/// The names of all scripts, sorted.
///
/// # Errors
/// When the folder cannot be read.
pub fn scripts() -> Result<Vec<String>, LabError> {
    let folder = folder();
    let entries = fs::read_dir(&folder).map_err(LabError::file(&folder))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".script").map(str::to_owned))
        .collect();
    names.sort();
    Ok(names)
}

/// Runs every command of the script `name` in a guest with empty drives.
///
/// # Errors
/// When the script cannot be read or the guest cannot be reached.
pub fn record(remote: &Remote, name: &str) -> Result<Vec<Exchange>, LabError> {
    let path = folder().join(format!("{name}.script"));
    let script = fs::read_to_string(&path).map_err(LabError::file(&path))?;
    let lines = script
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| exchange(remote, line)).collect()
}

fn exchange(remote: &Remote, line: &str) -> Result<Exchange, LabError> {
    let argv = shlex::split(line).ok_or_else(|| LabError::Failed {
        what: format!("reading `{line}`"),
        detail: "its quotes do not match".to_owned(),
    })?;
    if let [program, path, contents] = argv.as_slice()
        && program == "write-file"
    {
        remote.write(path, contents.replace("\\n", "\n").as_bytes(), 0o644)?;
        return Ok(Exchange {
            argv,
            code: 0,
            stdout: String::new(),
            stderr: String::new(),
        });
    }
    let ended = remote.shell(&format!("LC_ALL=C.UTF-8 {line}"))?;
    Ok(Exchange {
        argv,
        code: ended.code,
        stdout: ended.stdout,
        stderr: ended.stderr,
    })
}

/// A recording as text: one exchange a line.
pub fn to_lines(exchanges: &[Exchange]) -> String {
    let line = |exchange: &Exchange| serde_json::to_string(exchange).unwrap_or_default() + "\n";
    exchanges.iter().map(line).collect()
}
