//! `phoenix man`: one manual page with every command, made from the command line's own definition.

use std::io;

use clap::CommandFactory as _;
use clap_mangen::Man;
use phoenix::ExitStatus;
use phoenix::code::EndCode;

use super::CommandResult;
use super::args::Cli;
use super::failure::Failure;
use super::output::Terminal;

/// Runs the command.
///
/// # Errors
/// When the page cannot be written.
pub(crate) fn run(terminal: &Terminal) -> CommandResult {
    let page = page().map_err(|error| Failure::from_error(EndCode::System, &error))?;
    terminal.data(&String::from_utf8_lossy(&page))?;
    Ok(ExitStatus::Done)
}

/// The page of the whole program, followed by the description and options of every command.
fn page() -> io::Result<Vec<u8>> {
    let mut root = Cli::command();
    root.build();
    let mut page = Vec::new();
    Man::new(root.clone()).render(&mut page)?;
    for command in root
        .get_subcommands()
        .filter(|command| command.get_name() != "help")
    {
        let heading = format!(".SH \"PHOENIX {}\"\n", command.get_name().to_uppercase());
        page.extend_from_slice(heading.as_bytes());
        let man = Man::new(command.clone());
        man.render_synopsis_section(&mut page)?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
    }
    Ok(page)
}
