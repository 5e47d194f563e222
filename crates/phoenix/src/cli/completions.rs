//! `phoenix completions`: a completion script, made from the command line's own definition.

use clap::CommandFactory as _;
use clap_complete::Shell;
use phoenix::ExitStatus;

use super::CommandResult;
use super::args::Cli;
use super::output::Terminal;

/// Runs the command.
///
/// # Errors
/// When the script cannot be written.
pub(crate) fn run(terminal: &Terminal, shell: Shell) -> CommandResult {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "phoenix", &mut script);
    terminal.data(&String::from_utf8_lossy(&script))?;
    Ok(ExitStatus::Done)
}
