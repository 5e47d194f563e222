//! Finds the configuration file and reads it, never more than phoenix is ready to check.

use std::fs::File;
use std::io::{self, Read};

use camino::{Utf8Path, Utf8PathBuf};
use phoenix::ExitStatus;

use super::failure::Failure;

/// Looked at in this order when neither the command line nor the environment names a file. The
/// second one is where the scripts that phoenix replaces keep it.
const DEFAULTS: [&str; 2] = [
    "phoenix_hypervisor_config.json",
    "/usr/local/phoenix_hypervisor/etc/phoenix_hypervisor_config.json",
];

/// Environment variables that name the file. The second one is set by the existing orchestrator.
const VARIABLES: [&str; 2] = ["PHOENIX_CONFIG", "HYPERVISOR_CONFIG_FILE"];

/// A file with its contents.
#[derive(Debug)]
pub(crate) struct Input {
    /// The name as the user gave it; `<stdin>` for standard input.
    pub(crate) name: String,
    /// At most one byte more than the largest file that phoenix accepts.
    pub(crate) bytes: Vec<u8>,
}

/// Reads the file that the command line, the environment or the defaults name.
///
/// # Errors
/// When there is none, or it cannot be read.
pub(crate) fn read(named: Option<&Utf8Path>) -> Result<Input, Failure> {
    read_if_any(named)?.ok_or_else(|| {
        let message = format!(
            "there is no configuration file; looked for {}",
            DEFAULTS.join(" and ")
        );
        Failure::new(ExitStatus::ConfigInvalid, message)
            .help("name the file as the last argument, or in $PHOENIX_CONFIG")
    })
}

/// As [`read`], for a command that can do without: `None` when nobody names a file and there is
/// none by default.
///
/// # Errors
/// When a file that is named or that exists cannot be read.
pub(crate) fn read_if_any(named: Option<&Utf8Path>) -> Result<Option<Input>, Failure> {
    let found = match named {
        Some(path) => Some(path.to_owned()),
        None => find()?,
    };
    found.map(read_path).transpose()
}

fn read_path(path: Utf8PathBuf) -> Result<Input, Failure> {
    if path == "-" {
        let bytes = read_bounded(io::stdin().lock())
            .map_err(|error| unreadable("standard input", &error))?;
        return Ok(Input {
            name: "<stdin>".to_owned(),
            bytes,
        });
    }
    let bytes = File::open(&path)
        .and_then(read_bounded)
        .map_err(|error| unreadable(path.as_str(), &error))?;
    Ok(Input {
        name: path.into_string(),
        bytes,
    })
}

fn find() -> Result<Option<Utf8PathBuf>, Failure> {
    for variable in VARIABLES {
        match std::env::var_os(variable) {
            Some(value) if !value.is_empty() => {
                return Utf8PathBuf::from_os_string(value).map(Some).map_err(|_| {
                    Failure::new(
                        ExitStatus::ConfigInvalid,
                        format!("${variable} names a file whose name is not UTF-8"),
                    )
                });
            }
            _ => {}
        }
    }
    let existing = DEFAULTS
        .into_iter()
        .find(|path| Utf8Path::new(path).exists());
    Ok(existing.map(Utf8PathBuf::from))
}

/// Stops one byte after the limit: enough for the loader to say that the file is too large.
fn read_bounded(source: impl Read) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(phoenix::config::MAX_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    source
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(name: &str, error: &io::Error) -> Failure {
    let (reason, help) = match error.kind() {
        io::ErrorKind::NotFound => (
            "it does not exist".to_owned(),
            "check the path, or make the file; `phoenix schema` prints what may stand in it",
        ),
        io::ErrorKind::IsADirectory => (
            "it is a directory".to_owned(),
            "name the configuration file itself",
        ),
        io::ErrorKind::PermissionDenied => (
            "permission denied".to_owned(),
            "run phoenix as a user who may read the file",
        ),
        _ => (error.to_string(), "check the path and the disk it is on"),
    };
    Failure::new(
        ExitStatus::ConfigInvalid,
        format!("cannot read {name}: {reason}"),
    )
    .help(help)
}
