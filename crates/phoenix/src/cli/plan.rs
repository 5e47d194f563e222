//! `phoenix plan`: what apply would do, without doing it.

use std::fs::{File, Permissions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use camino::Utf8Path;
use phoenix::code::EndCode;
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
    file.tell_warnings(terminal, args.strict)?;
    let host = host::open(&args.host)?.host;
    let plan = prepare::plan(&file, &*host, &args.scope, Some(&args.consent))?;
    match args.format.format {
        Format::Json => terminal.pieces(|to| plan.write_json(to))?,
        Format::Text => show(terminal, &plan)?,
    }
    if let Some(path) = &args.out {
        save(path, &plan).map_err(|error| {
            Failure::new(
                EndCode::FileUnwritable,
                format!("cannot save the plan as {path}: {error}"),
            )
        })?;
        terminal.talk(&format!(
            "Saved as {path}; `phoenix apply {path}` does exactly this.\n"
        ));
    }
    let status = if args.detailed_exitcode && !plan.is_empty() {
        ExitStatus::Changes
    } else {
        ExitStatus::Done
    };
    // The process ends: the system takes memory back faster than it could be taken apart.
    std::mem::forget((plan, file));
    Ok(status)
}

/// Shows a plan to people, on standard output.
///
/// # Errors
/// As [`Terminal::data`].
pub(crate) fn show(terminal: &Terminal, plan: &Plan) -> Result<(), Failure> {
    let style = Style {
        color: terminal.stdout_color,
    };
    terminal.pieces(|to| {
        render::plan_pieces(plan, style).try_for_each(|piece| to.write_all(piece.as_bytes()))
    })
}

/// Writes a file that is whole or not there at all, and that only its owner may read.
fn save(path: &Utf8Path, plan: &Plan) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_str().is_empty() => parent,
        _ => Utf8Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.as_file()
        .set_permissions(Permissions::from_mode(0o600))?;
    let mut writer = BufWriter::new(&mut file);
    plan.write_json(&mut writer)?;
    writer.flush()?;
    drop(writer);
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(directory)?.sync_all()
}
