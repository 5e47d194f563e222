//! The command line: parses, dispatches, and turns the result into an exit code.
//!
//! The only part of phoenix that prints, asks, and reads the environment. No rule about storage
//! lives here: each command is a few calls into the library and a way to show what came of them.

mod apply;
mod args;
mod ask;
mod completions;
mod config_file;
mod diagnostics;
mod disks;
mod explain;
mod failure;
mod graph;
mod host;
mod import;
mod interrupt;
mod journal;
mod man;
mod nvme;
mod output;
mod plan;
mod prepare;
mod progress;
mod schema;
mod show;
mod status;
mod table;
mod trust;
mod validate;

use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;
use phoenix::ExitStatus;

use args::{Cli, Command, ShowCommand};
use failure::Failure;
use output::Terminal;

/// What a command ends with.
type CommandResult = Result<ExitStatus, Failure>;

/// Runs the binary.
pub(crate) fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error).into(),
    };
    let terminal = Terminal::new(&cli.talk);
    dispatch(&terminal, cli.command).unwrap_or_else(|failure| {
        terminal.complain(&failure);
        failure.code.status().into()
    })
}

fn dispatch(terminal: &Terminal, command: Command) -> Result<ExitCode, Failure> {
    let status = match command {
        Command::Validate(args) => validate::run(terminal, &args),
        Command::Plan(args) => plan::run(terminal, &args),
        Command::Apply(args) => apply::run(terminal, &args),
        Command::Import(args) => import::run(terminal, &args),
        Command::Status(args) => status::run(terminal, &args),
        Command::Disks(args) => disks::run(terminal, &args),
        // A monitoring plugin has exit codes of its own.
        Command::Nvme(args) => return nvme::run(terminal, &args),
        Command::Journal(args) => journal::run(terminal, &args),
        Command::Show(ShowCommand::Clients(args)) => show::clients(terminal, &args),
        Command::Schema(args) => schema::run(terminal, &args),
        Command::Explain(args) => explain::run(terminal, &args),
        Command::Completions { shell } => completions::run(terminal, shell),
        Command::Man => man::run(terminal),
    }?;
    Ok(status.into())
}

/// Help and version are answers; everything else that clap reports is wrong usage.
fn refuse(error: &clap::Error) -> ExitStatus {
    // A closed terminal is no reason for another exit code.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitStatus::Done,
        _ => ExitStatus::Usage,
    }
}
