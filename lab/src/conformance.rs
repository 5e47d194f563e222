//! Records what the real tools answer to a script of commands.
//!
//! The scripts and the recordings lie in `crates/sim/tests/conformance`. There an ordinary test
//! holds the simulated host to the recordings; here, with a guest, they are made and checked.

use std::fs;
use std::io::Write as _;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::LabError;
use crate::remote::Remote;

/// Runs in the guest.
const DRIVER: &str = include_str!("conformance/driver.py");

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
        "/../crates/sim/tests/conformance"
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

/// Runs every command of the script `name` in a guest with empty drives, over one connection:
/// hundreds of them would cost more than the commands.
///
/// # Errors
/// When the script cannot be read or the guest cannot be reached.
pub fn record(remote: &Remote, name: &str) -> Result<Vec<Exchange>, LabError> {
    let path = folder().join(format!("{name}.script"));
    let script = fs::read_to_string(&path).map_err(LabError::file(&path))?;
    let lines: Vec<&str> = script
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let argvs: Vec<Vec<String>> = lines
        .iter()
        .map(|line| words(line))
        .collect::<Result<_, _>>()?;
    let jobs = argvs.iter().zip(&lines).map(|(argv, line)| job(argv, line));
    let jobs: Vec<Value> = jobs.collect();
    remote.write("/root/conformance.py", DRIVER.as_bytes(), 0o700)?;
    let ended = remote.feed(
        "python3 /root/conformance.py",
        Value::Array(jobs).to_string().as_bytes(),
    )?;
    let failed = |detail: String| LabError::Failed {
        what: format!("running the script {name} in the guest"),
        detail,
    };
    if ended.code != 0 {
        return Err(failed(ended.stderr));
    }
    // What the driver tried again. Not with a macro: the test harness would keep that to itself when
    // the test passes.
    std::io::stderr()
        .write_all(ended.stderr.as_bytes())
        .map_err(LabError::file("standard error"))?;
    let answers: Vec<(i32, String, String)> =
        serde_json::from_str(&ended.stdout).map_err(|error| failed(error.to_string()))?;
    let exchange = |(argv, (code, stdout, stderr))| Exchange {
        argv,
        code,
        stdout,
        stderr,
    };
    Ok(argvs.into_iter().zip(answers).map(exchange).collect())
}

fn words(line: &str) -> Result<Vec<String>, LabError> {
    shlex::split(line).ok_or_else(|| LabError::Failed {
        what: format!("reading `{line}`"),
        detail: "its quotes do not match".to_owned(),
    })
}

/// One line of a script as the driver takes it.
fn job(argv: &[String], line: &str) -> Value {
    match argv {
        [program, path, contents] if program == "write-file" => {
            json!({ "path": path, "contents": contents.replace("\\n", "\n") })
        }
        _ => json!({ "line": format!("LC_ALL=C.UTF-8 {line}") }),
    }
}

/// A recording as text: one exchange a line.
pub fn to_lines(exchanges: &[Exchange]) -> String {
    let line = |exchange: &Exchange| serde_json::to_string(exchange).unwrap_or_default() + "\n";
    exchanges.iter().map(line).collect()
}
