//! `phoenix journal`: which runs there were, and what one of them did.
//!
//! Reads journals and shows them; what they mean is the executor's business. Changes nothing.

use std::fmt::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use phoenix::code::EndCode;
use phoenix::executor::journal::{self, Ending, Run, RunCommand, RunStep};
use phoenix::host::command::typed;
use phoenix::{ExitStatus, Outcome};
use serde_json::{Value, json};

use super::args::{Format, JournalArgs, JournalCommand};
use super::failure::{Failure, with_causes};
use super::output::Terminal;
use super::table::aligned;
use super::{CommandResult, host};

/// Runs the command.
///
/// # Errors
/// When the journals cannot be read, or there is no such run.
pub(crate) fn run(terminal: &Terminal, args: &JournalArgs) -> CommandResult {
    let directory = match &args.journal_dir {
        Some(directory) => Some(directory.clone()),
        None => host::journals(&args.host)?,
    };
    let directory = directory.ok_or_else(|| {
        Failure::new(
            EndCode::Usage,
            "a simulated host in memory keeps no journals",
        )
        .help("name the host's state, as in --host sim:STATE.json, or a --journal-dir")
    })?;
    let journals = journal::list(&directory).map_err(|error| {
        Failure::from_error(EndCode::FileUnreadable, &error)
            .of(format!("cannot read the journals in {directory}"))
            .help("journals are for root's eyes only: run phoenix as root")
    })?;
    match &args.command {
        None | Some(JournalCommand::List) => list(terminal, args.format, &directory, &journals),
        Some(JournalCommand::Show { run }) => {
            let path = choose(&directory, &journals, run)?;
            show(terminal, args.format, path)
        }
    }
}

fn list(
    terminal: &Terminal,
    format: Format,
    directory: &Utf8Path,
    journals: &[Utf8PathBuf],
) -> CommandResult {
    let mut runs = Vec::new();
    let mut unreadable = Vec::new();
    for path in journals {
        match journal::read(path) {
            Ok(recording) => runs.push((path, Run::new(recording))),
            Err(error) => unreadable.push((path, with_causes(&error))),
        }
    }
    if format == Format::Json {
        let runs: Vec<Value> = runs
            .iter()
            .map(|(path, run)| line_json(path, run))
            .collect();
        let unreadable: Vec<Value> = unreadable
            .iter()
            .map(|(path, reason)| json!({ "path": path, "reason": reason }))
            .collect();
        terminal.json(&json!({ "runs": runs, "unreadable": unreadable }))?;
        return Ok(ExitStatus::Done);
    }
    if runs.is_empty() {
        terminal.data(&format!("There are no journals in {directory}.\n"))?;
    } else {
        terminal.data(&table(&runs))?;
    }
    for (path, reason) in unreadable {
        terminal.say(&format!("warning: {path} is left out: {reason}\n"));
    }
    Ok(ExitStatus::Done)
}

fn table(runs: &[(&Utf8PathBuf, Run)]) -> String {
    let mut rows = vec![
        [
            "RUN",
            "BEGAN",
            "ENDED",
            "CHANGED",
            "UNCHANGED",
            "FAILED",
            "BLOCKED",
            "NOT STARTED",
        ]
        .map(str::to_owned),
    ];
    for (path, run) in runs {
        let summary = run.summary;
        rows.push([
            name(path).to_owned(),
            to_the_second(&run.time),
            run.ending.as_str().to_owned(),
            summary.changed.to_string(),
            summary.unchanged.to_string(),
            summary.failed.to_string(),
            summary.blocked.to_string(),
            summary.not_started.to_string(),
        ]);
    }
    aligned(&rows)
}

/// What a run is called: its file without the ending.
fn name(path: &Utf8Path) -> &str {
    path.file_stem().unwrap_or(path.as_str())
}

/// `2026-01-31 12:00:00Z`. What is no time is shown as it stands.
fn to_the_second(time: &str) -> String {
    time.parse::<Timestamp>().map_or_else(
        |_| time.to_owned(),
        |time| time.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
    )
}

/// The one journal that the user means.
fn choose<'a>(
    directory: &Utf8Path,
    journals: &'a [Utf8PathBuf],
    wanted: &str,
) -> Result<&'a Utf8Path, Failure> {
    let help = "`phoenix journal` lists the runs that are kept";
    if wanted == "last" {
        let none = || {
            Failure::new(
                EndCode::NotFound,
                format!("there are no journals in {directory}"),
            )
        };
        return journals.last().map(Utf8PathBuf::as_path).ok_or_else(none);
    }
    let means = |path: &&Utf8PathBuf| {
        let name = name(path);
        let plan = name.split('-').nth(1).unwrap_or(name);
        name.starts_with(wanted) || plan.starts_with(wanted) || wanted.starts_with(plan)
    };
    let found: Vec<_> = journals.iter().filter(means).collect();
    match found.as_slice() {
        [path] => Ok(path.as_path()),
        [] => Err(Failure::new(
            EndCode::NotFound,
            format!("there is no run {wanted} in {directory}"),
        )
        .help(help)),
        several => {
            let names: Vec<&str> = several.iter().map(|path| name(path)).collect();
            Err(Failure::new(
                EndCode::Usage,
                format!("{wanted} may mean {}", names.join(" or ")),
            )
            .help("name one of them"))
        }
    }
}

fn show(terminal: &Terminal, format: Format, path: &Utf8Path) -> CommandResult {
    let recording = journal::read(path).map_err(|error| {
        Failure::from_error(EndCode::FileUnreadable, &error).of(format!("cannot understand {path}"))
    })?;
    let run = Run::new(recording);
    match format {
        Format::Json => terminal.json(&run_json(path, &run))?,
        Format::Text => terminal.data(&text(path, &run))?,
    }
    for line in &run.unreadable {
        terminal.say(&format!(
            "warning: line {} of {path} is no event and is left out: {}\n",
            line.line, line.reason
        ));
    }
    if run.torn {
        terminal.say(&format!(
            "warning: the last line of {path} is torn, as a power cut or a full disk leaves it\n"
        ));
    }
    Ok(ExitStatus::Done)
}

/// Everything about a run.
fn run_json(path: &Utf8Path, run: &Run) -> Value {
    let mut value = json!(run);
    if let Value::Object(fields) = &mut value {
        fields.insert("run".to_owned(), json!(name(path)));
        fields.insert("path".to_owned(), json!(path));
    }
    value
}

/// A run without its steps.
fn line_json(path: &Utf8Path, run: &Run) -> Value {
    let mut value = run_json(path, run);
    if let Value::Object(fields) = &mut value {
        fields.remove("steps");
    }
    value
}

fn text(path: &Utf8Path, run: &Run) -> String {
    let mut text = String::new();
    let ended = match run.ending {
        Ending::Unfinished => "unfinished: it still goes on, or was killed, or power went",
        ending => ending.as_str(),
    };
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "run      {}\nbegan    {}\nended    {ended}\nhost     {}\ncommand  {}\nplan     {}\nphoenix  {}\n",
        name(path),
        run.time,
        run.node,
        typed(&run.argv),
        run.plan,
        run.phoenix,
    );
    for step in &run.steps {
        step_text(&mut text, step);
    }
    let summary = run.summary;
    let _ = writeln!(
        text,
        "{} changed, {} unchanged, {} failed, {} blocked, {} not started{}.",
        summary.changed,
        summary.unchanged,
        summary.failed,
        summary.blocked,
        summary.not_started,
        run.milliseconds
            .map_or(String::new(), |took| format!(", in {}", seconds(took))),
    );
    text
}

fn step_text(text: &mut String, step: &RunStep) {
    let id = &step.id;
    let _ = match step.outcome {
        Some(Outcome::Changed | Outcome::Unchanged | Outcome::Failed) => {
            writeln!(text, "{id}  {}, {}", word(step), seconds(step.milliseconds))
        }
        _ => writeln!(text, "{id}  {}", word(step)),
    };
    for RunCommand {
        argv,
        code,
        milliseconds,
    } in &step.commands
    {
        let ended = match code {
            Some(0) => seconds(*milliseconds),
            Some(code) => format!("exit code {code}, {}", seconds(*milliseconds)),
            None => format!("did not end by itself, {}", seconds(*milliseconds)),
        };
        let _ = writeln!(text, "  ran {}  ({ended})", typed(argv));
    }
    if let Some(error) = &step.error {
        let _ = writeln!(text, "  {} [{}]", error.message, error.code);
        for line in error.detail.iter().flat_map(|detail| detail.lines()) {
            let _ = writeln!(text, "  | {line}");
        }
        if let Some(help) = &error.help {
            let _ = writeln!(text, "  help: {help}");
        }
    }
    text.push('\n');
}

fn word(step: &RunStep) -> String {
    match step.outcome {
        Some(Outcome::Changed) => "changed".to_owned(),
        Some(Outcome::Unchanged) => "unchanged".to_owned(),
        Some(Outcome::Failed) => "failed".to_owned(),
        Some(Outcome::Blocked) if step.blocked_by.is_empty() => "refused".to_owned(),
        Some(Outcome::Blocked) => {
            let causes: Vec<String> = step.blocked_by.iter().map(ToString::to_string).collect();
            format!("blocked by {}", causes.join(", "))
        }
        Some(Outcome::NotStarted) => "not started".to_owned(),
        None => "begun, and the journal does not say how it ended; the next run looks".to_owned(),
    }
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:03} s", milliseconds / 1000, milliseconds % 1000)
}
