//! `phoenix plan`: what apply would do, without doing it.

use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use camino::Utf8Path;
use phoenix::planner::render::{self, Style};
use phoenix::{ExitStatus, Plan};

use super::args::{Format, PlanArgs};
use super::failure::Failure;
use super::output::Terminal;
use super::prepare::{self, ValidFile};
use super::{CommandResult, host};

/// Runs the command.
///
/// # Errors
/// When the file is unusable, the host gives no answer, or the plan cannot be saved.
pub(crate) fn run(terminal: &Terminal, args: &PlanArgs) -> CommandResult {
    let file = ValidFile::read(terminal, &args.file, &args.lxc)?;
    file.tell_warnings(terminal);
    let host = host::open(&args.host)?.host;
    let plan = prepare::plan(&file, &*host, &args.scope, Some(&args.consent))?;
    match args.format.format {
        Format::Json => terminal.data(&plan.to_json())?,
        Format::Text => terminal.data(&text(terminal, &plan))?,
    }
    if let Some(path) = &args.out {
        save(path, &plan.to_json()).map_err(|error| {
            Failure::new(
                ExitStatus::Failed,
                format!("cannot save the plan as {path}: {error}"),
            )
        })?;
        terminal.talk(&format!(
            "Saved as {path}; `phoenix apply {path}` does exactly this.\n"
        ));
    }
    Ok(if args.detailed_exitcode && !plan.is_empty() {
        ExitStatus::Changes
    } else {
        ExitStatus::Done
    })
}

/// A plan for people, on standard output.
pub(crate) fn text(terminal: &Terminal, plan: &Plan) -> String {
    let style = Style {
        color: terminal.stdout_color,
    };
    render::plan(plan, &style)
}

/// Writes a file that is whole or not there at all, and that only its owner may read.
fn save(path: &Utf8Path, contents: &str) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_str().is_empty() => parent,
        _ => Utf8Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.as_file()
        .set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(contents.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(directory)?.sync_all()
}
