//! `phoenix status`: does the host still look as the file says, and are its pools well? Terse, for cron.

use std::fmt::Write as _;

use phoenix::code::EndCode;
use phoenix::planner::plan::Action;
use phoenix::planner::render;
use phoenix::{ExitStatus, Plan};

use super::args::{Format, StatusArgs};
use super::diagnostics::counted;
use super::failure::Failure;
use super::output::Terminal;
use super::prepare::{self, ValidFile};
use super::{CommandResult, host};

/// Runs the command.
///
/// # Errors
/// When the file is unusable or the host gives no answer.
pub(crate) fn run(terminal: &Terminal, args: &StatusArgs) -> CommandResult {
    let file = ValidFile::read(terminal, &args.file, &args.lxc)?;
    if !file.has_sections() {
        let message = "the file has none of phoenix's sections, so there is nothing to compare";
        return Err(Failure::new(EndCode::ConfigInvalid, message)
            .help("phoenix reads zfs, nfs, bind_mounts and nvme; is it the right file?"));
    }
    let host = host::open(&args.host)?.host;
    let plan = prepare::plan(&file, &*host, &args.scope, None)?;
    match args.format.format {
        Format::Json => terminal.pieces(|to| plan.write_json(to))?,
        Format::Text if terminal.quiet && plan.is_empty() && plan.is_healthy() => {}
        Format::Text => terminal.data(&format!("{}{}", text(&plan), render::not_read(&plan)))?,
    }
    Ok(if plan.is_empty() && plan.is_healthy() {
        ExitStatus::Done
    } else {
        ExitStatus::Changes
    })
}

fn text(plan: &Plan) -> String {
    let differing = plan.steps.len() + plan.refusals.len();
    let compared = plan.summary.unchanged + plan.summary.waiting > 0;
    let mut text = match differing {
        0 if compared => format!("{}: the host matches the file.\n", plan.node),
        0 => format!(
            "{}: the file declares nothing that could be compared.\n",
            plan.node
        ),
        count => format!("{}: {} from the file.\n", plan.node, differs(count)),
    };
    for step in &plan.steps {
        let word = match step.action {
            Action::Create => "missing",
            Action::Update => "differs",
        };
        let fields: Vec<&str> = match step.action {
            Action::Create => Vec::new(),
            Action::Update => step
                .changes
                .iter()
                .filter(|change| !change.is_kept())
                .map(|change| change.field.as_str())
                .collect(),
        };
        let line = format!("  {word}  {}  {}", step.id, fields.join(", "));
        let _ = writeln!(text, "{}", line.trim_end());
    }
    for refusal in &plan.refusals {
        let _ = writeln!(text, "  refused  {}  {}", refusal.id, refusal.reason);
        if refusal.because_of.is_empty() {
            let _ = writeln!(text, "           {}", refusal.help);
        }
    }
    for note in plan.health() {
        let _ = writeln!(text, "  health   {}", note.message);
        if let Some(help) = &note.help {
            let _ = writeln!(text, "           {help}");
        }
    }
    text
}

fn differs(count: usize) -> String {
    let verb = if count == 1 { "differs" } else { "differ" };
    format!("{} {verb}", counted(count, "object"))
}
