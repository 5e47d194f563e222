//! `cargo xtask bench`: what phoenix costs.
//!
//! Owns the dispatch; `lab` compares with the alternatives on real OpenZFS, `scale` looks at how
//! cost grows with the size of a file.

use std::process::ExitCode;

mod lab;
mod scale;

/// What to measure.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum BenchCommand {
    /// phoenix against shell loops, xargs and Ansible, in a virtual machine with real OpenZFS.
    Lab(lab::Args),
    /// Validate and plan at growing sizes, beside ajv and disko-zfs where they are installed.
    Scale(scale::Args),
}

/// Runs one benchmark.
pub(crate) fn run(command: &BenchCommand) -> Result<ExitCode, Box<dyn std::error::Error>> {
    match command {
        BenchCommand::Lab(args) => lab::run(args),
        BenchCommand::Scale(args) => scale::run(crate::root(), args),
    }
}
