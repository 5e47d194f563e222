//! Developer tasks, started with `cargo xtask TASK`.
//!
//! Owns the dispatch only; each task is a module of its own. Nothing here is shipped, and nothing
//! that a user needs may live here.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer tool talks to the terminal that started it"
)]

use std::process::ExitCode;

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Parser, Subcommand};

mod bench;
mod kills;
mod lab;
mod schema;
mod sim;
mod tidy;
mod validate;

/// Developer tasks of phoenix.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Check that the committed schemas are current, then validate configuration files.
    Validate {
        /// The files; without any, every file in schema/examples.
        files: Vec<Utf8PathBuf>,
    },
    /// Write schema/*.v1.schema.json from the Rust types.
    Schema {
        /// Write nothing; fail when a committed schema is not what the types say.
        #[arg(long)]
        check: bool,
    },
    /// Check layering, file sizes, module docs, lint tables and the documentation of diagnostics.
    Tidy,
    /// Prepare a simulated host and run one command on it, passing its output and exit code on.
    Sim(sim::Args),
    /// Kill phoenix at random points of an apply on simulated hosts, and compare how they end.
    Kills(kills::Args),
    /// Build, boot, use and test the virtual machine with real OpenZFS.
    #[command(subcommand)]
    Lab(lab::LabCommand),
    /// Measure: against the alternatives in the lab, or as files grow.
    #[command(subcommand)]
    Bench(bench::BenchCommand),
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                eprintln!("  because: {cause}");
                source = cause.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<ExitCode, Box<dyn std::error::Error>> {
    match task {
        Task::Validate { files } => {
            let stale = schema::stale(root())?;
            report(&stale)?;
            let files = if files.is_empty() {
                validate::examples(root())?
            } else {
                files
            };
            report(&validate::check(&files)?)
        }
        Task::Schema { check: true } => report(&schema::stale(root())?),
        Task::Schema { check: false } => {
            for path in schema::write(root())? {
                println!("wrote {path}");
            }
            Ok(ExitCode::SUCCESS)
        }
        Task::Tidy => report(&tidy::check(root())?),
        Task::Sim(args) => sim::run(&args),
        Task::Kills(args) => kills::run(&args),
        Task::Bench(command) => bench::run(&command),
        Task::Lab(command) => lab::run(&command),
    }
}

/// Prints what is wrong; nothing wrong is success.
fn report(problems: &[String]) -> Result<ExitCode, Box<dyn std::error::Error>> {
    for problem in problems {
        eprintln!("{problem}");
    }
    match problems.len() {
        0 => Ok(ExitCode::SUCCESS),
        1 => Err("1 problem".into()),
        count => Err(format!("{count} problems").into()),
    }
}

/// The workspace's directory.
fn root() -> &'static Utf8Path {
    let own = Utf8Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}
