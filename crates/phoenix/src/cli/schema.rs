//! `phoenix schema`: the JSON Schemas of everything that phoenix reads and writes.

use phoenix::ExitStatus;
use phoenix::executor::event::event_schema;
use phoenix::planner::plan::plan_schema;

use super::CommandResult;
use super::args::{SchemaArgs, SchemaChoice};
use super::output::Terminal;

/// Runs the command.
///
/// # Errors
/// When the schema cannot be written.
pub(crate) fn run(terminal: &Terminal, args: &SchemaArgs) -> CommandResult {
    match args.of {
        // What files are checked against is the committed text itself.
        SchemaChoice::Config => terminal.data(phoenix::config::schema::COMMITTED)?,
        SchemaChoice::Plan => terminal.json(&plan_schema())?,
        SchemaChoice::Event => terminal.json(&event_schema())?,
        SchemaChoice::Nvme => terminal.json(&phoenix::nvme::report::schema())?,
    }
    Ok(ExitStatus::Done)
}
