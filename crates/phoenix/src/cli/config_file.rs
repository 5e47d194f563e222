//! Finds the configuration file and reads it, never more than phoenix is ready to check.

use std::fs::File;
use std::io::{self, Read};

use camino::{Utf8Path, Utf8PathBuf};
use phoenix::code::EndCode;

use super::failure::Failure;
use super::output::Terminal;
use super::trust;

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

/// Reads the file that the command line, the environment or the defaults name. As root: a file that
/// somebody else could have written is told of when the command line names it, and else refused.
///
/// # Errors
/// When there is none, it cannot be read, or it must not be believed.
pub(crate) fn read(terminal: &Terminal, named: Option<&Utf8Path>) -> Result<Input, Failure> {
    read_if_any(terminal, named)?.ok_or_else(none)
}

/// As [`read`], for a command that only checks: whoever wrote the file.
///
/// # Errors
/// When there is none, or it cannot be read.
pub(crate) fn read_anybodys(named: Option<&Utf8Path>) -> Result<Input, Failure> {
    match named {
        Some(path) => read_path(path.to_owned(), &|_| Ok(())),
        None => read_path(find()?.ok_or_else(none)?, &|_| Ok(())),
    }
}

fn none() -> Failure {
    let message = format!(
        "there is no configuration file; looked for {}",
        DEFAULTS.join(" and ")
    );
    Failure::new(EndCode::ConfigUnreadable, message)
        .help("name the file as the last argument, or in $PHOENIX_CONFIG")
}

/// As [`read`], for a command that can do without: `None` when nobody names a file and there is
/// none by default.
///
/// # Errors
/// When a file that is named or that exists cannot be read.
pub(crate) fn read_if_any(
    terminal: &Terminal,
    named: Option<&Utf8Path>,
) -> Result<Option<Input>, Failure> {
    if let Some(path) = named {
        let warn = |file: &File| {
            if let Some(doubt) = trust::doubt(path, file) {
                terminal.talk(&format!("warning: {doubt}, and phoenix runs as root\n"));
            }
            Ok(())
        };
        return read_path(path.to_owned(), &warn).map(Some);
    }
    let Some(path) = find()? else { return Ok(None) };
    let refuse = |file: &File| {
        let Some(doubt) = trust::doubt(&path, file) else {
            return Ok(());
        };
        let message = format!("{doubt}, and phoenix, which runs as root, was not told to read it");
        let help = format!(
            "read it first; then name it (the last argument: {path}), or give it to root (chown \
             root, chmod go-w) in a directory of root's"
        );
        Err(Failure::new(EndCode::FileUntrusted, message).help(help))
    };
    read_path(path.clone(), &refuse).map(Some)
}

/// Reads a file that `judge` lets pass.
fn read_path(
    path: Utf8PathBuf,
    judge: &dyn Fn(&File) -> Result<(), Failure>,
) -> Result<Input, Failure> {
    if path == "-" {
        let bytes = read_bounded(io::stdin().lock())
            .map_err(|error| unreadable("standard input", &error))?;
        return Ok(Input {
            name: "<stdin>".to_owned(),
            bytes,
        });
    }
    let unreadable = |error| unreadable(path.as_str(), &error);
    let file = File::open(&path).map_err(unreadable)?;
    judge(&file)?;
    let bytes = read_bounded(file).map_err(unreadable)?;
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
                        EndCode::ConfigUnreadable,
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
        EndCode::ConfigUnreadable,
        format!("cannot read {name}: {reason}"),
    )
    .help(help)
}
