//! `phoenix status`: does the host still look as the file says? Terse, for cron.

use std::fmt::Write as _;

use phoenix::planner::plan::Action;
use phoenix::{ExitStatus, Plan};

use super::args::{Format, StatusArgs};
use super::diagnostics::counted;
use super::output::Terminal;
use super::prepare::{self, ValidFile};
use super::{CommandResult, host};

/// Runs the command.
///
/// # Errors
/// When the file is unusable or the host gives no answer.
pub(crate) fn run(terminal: &Terminal, args: &StatusArgs) -> CommandResult {
    let file = ValidFile::read(terminal, &args.file, &args.lxc)?;
    let host = host::open(&args.host)?.host;
    let plan = prepare::plan(&file, &*host, &args.scope, None)?;
    match args.format.format {
        Format::Json => terminal.pieces(|to| plan.write_json(to))?,
        Format::Text if terminal.quiet && plan.is_empty() => {}
        Format::Text => terminal.data(&text(&plan))?,
    }
    Ok(if plan.is_empty() {
        ExitStatus::Done
    } else {
        ExitStatus::Changes
    })
}

fn text(plan: &Plan) -> String {
    if plan.is_empty() {
        return format!("{}: the host matches the file.\n", plan.node);
    }
    let differing = plan.steps.len() + plan.refusals.len();
    let mut text = format!("{}: {} from the file.\n", plan.node, differs(differing));
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
    }
    text
}

fn differs(count: usize) -> String {
    let verb = if count == 1 { "differs" } else { "differ" };
    format!("{} {verb}", counted(count, "object"))
}
