//! `phoenix import`: writes down what a host has, as a file that changes nothing on it.

use std::fmt::Write as _;

use phoenix::code::EndCode;
use phoenix::executor::import::Imported;
use phoenix::{ExitStatus, ImportError};

use super::args::ImportArgs;
use super::diagnostics::counted;
use super::failure::Failure;
use super::output::Terminal;
use super::{CommandResult, host};

/// Runs the command.
///
/// # Errors
/// When the host gives no answer, or has no such pool.
pub(crate) fn run(terminal: &Terminal, args: &ImportArgs) -> CommandResult {
    let host = host::open(&args.host)?.host;
    let pools = args.pool.iter().cloned().collect();
    let imported = phoenix::import(&*host, &pools).map_err(|error| failed(&error))?;
    terminal.data(&imported.text)?;
    terminal.talk(&summary(&imported));
    Ok(ExitStatus::Done)
}

fn failed(error: &ImportError) -> Failure {
    let code = match error {
        ImportError::NoPool { .. } => EndCode::NotFound,
        ImportError::Unusable { .. } | ImportError::Write(_) => EndCode::Bug,
        ImportError::Observe(_) => EndCode::HostUnclear,
    };
    let failure = Failure::from_error(code, error);
    match error {
        ImportError::NoPool { .. } => {
            failure.help("name one of these, or none to describe them all")
        }
        ImportError::Unusable { .. } | ImportError::Write(_) => {
            failure.help("this is a bug in phoenix: please report it with the output of zpool status -P and zfs get all")
        }
        ImportError::Observe(_) => failure,
    }
}

fn summary(imported: &Imported) -> String {
    let summary = imported.plan.summary;
    let objects = counted(summary.unchanged + summary.waiting, "object");
    let mut text = format!("Described {objects}; a plan for this file changes nothing.\n");
    if !imported.left_out.is_empty() {
        text.push_str("Not in the file:\n");
    }
    for left_out in &imported.left_out {
        let _ = writeln!(text, "  {}: {}", left_out.what, left_out.why);
    }
    text
}
