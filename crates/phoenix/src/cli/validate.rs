//! `phoenix validate`: everything that is wrong with a file, without any host.

use phoenix::ExitStatus;
use phoenix::config::report;

use super::args::{Format, ValidateArgs};
use super::output::Terminal;
use super::{CommandResult, config_file, diagnostics};

/// Runs the command.
///
/// # Errors
/// When the file cannot be read or the answer not be written.
pub(crate) fn run(terminal: &Terminal, args: &ValidateArgs) -> CommandResult {
    let input = config_file::read(args.file.path())?;
    let loaded = phoenix::load(&input.name, &input.bytes);
    match args.format.format {
        Format::Json => terminal.json(&report::to_json(&loaded))?,
        Format::Text => {
            let mut text = diagnostics::drawn(&loaded, terminal.stdout_color, terminal.width);
            if !terminal.quiet || !loaded.is_valid() {
                text.push_str(&diagnostics::summary(&loaded));
            }
            terminal.data(&text)?;
        }
    }
    Ok(if loaded.is_valid() {
        ExitStatus::Done
    } else {
        ExitStatus::ConfigInvalid
    })
}
