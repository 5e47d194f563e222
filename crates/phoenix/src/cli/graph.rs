//! `phoenix apply --graph`: the dependency graph of a file. Needs no host and changes nothing.

use phoenix::ExitStatus;
use phoenix::planner::{self, render};

use super::CommandResult;
use super::args::{FileArgs, GraphFormat, LxcConfigArgs};
use super::output::Terminal;
use super::prepare::ValidFile;

/// Runs the command.
///
/// # Errors
/// When the file is unusable or the graph cannot be written.
pub(crate) fn run(
    terminal: &Terminal,
    file: &FileArgs,
    lxc: &LxcConfigArgs,
    format: GraphFormat,
) -> CommandResult {
    let file = ValidFile::read(terminal, file, lxc)?;
    let graph = planner::graph(file.config()?);
    let text = match format {
        GraphFormat::Tree => render::graph::tree(&graph),
        GraphFormat::Dot => render::graph::dot(&graph),
        GraphFormat::Mermaid => render::graph::mermaid(&graph),
        GraphFormat::Json => render::graph::json(&graph),
    };
    terminal.data(&text)?;
    Ok(ExitStatus::Done)
}
