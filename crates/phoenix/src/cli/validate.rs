//! `phoenix validate`: everything that is wrong with a file, without any host.

use phoenix::config::{load_lxc_configs, load_owned, report};
use phoenix::{ExitStatus, Loaded};

use super::args::{Format, ValidateArgs};
use super::failure::Failure;
use super::output::Terminal;
use super::{CommandResult, config_file, diagnostics};

/// Runs the command.
///
/// # Errors
/// When the file cannot be read or the answer not be written.
pub(crate) fn run(terminal: &Terminal, args: &ValidateArgs) -> CommandResult {
    let files = load(terminal, args)?;
    let is_valid = files.iter().all(Loaded::is_valid);
    match args.format.format {
        Format::Json => terminal.json(&report::to_json(&files))?,
        Format::Text => {
            for loaded in &files {
                let mut text = diagnostics::drawn(loaded, terminal.stdout_color, terminal.width);
                if !terminal.quiet || !loaded.is_valid() {
                    text.push_str(&diagnostics::summary(loaded));
                }
                terminal.data(&text)?;
            }
        }
    }
    // The process ends: the system takes memory back faster than it could be taken apart.
    std::mem::forget(files);
    Ok(if is_valid {
        ExitStatus::Done
    } else {
        ExitStatus::ConfigInvalid
    })
}

/// The file, and the second one if it is named. What the second means depends on the datasets of
/// the first, so it is not looked at while the first has errors.
fn load(terminal: &Terminal, args: &ValidateArgs) -> Result<Vec<Loaded>, Failure> {
    let input = config_file::read_anybodys(args.file.path())?;
    let main = load_owned(&input.name, input.bytes);
    let Some(path) = &args.lxc.lxc_config else {
        return Ok(vec![main]);
    };
    let input = config_file::read_anybodys(Some(path))?;
    let Some(config) = main.config() else {
        terminal.say(&format!(
            "{path} was not checked, because it builds on {}, which has errors.\n",
            main.source.name()
        ));
        return Ok(vec![main]);
    };
    let lxc = load_lxc_configs(&input.name, &input.bytes, config);
    Ok(vec![main, lxc])
}
