//! `phoenix apply`: plan, show, ask, do, report.
//!
//! Owns the order of these and the exit code. The run lock is held from before the host is read
//! until the report, so that what is applied is what was seen.

use std::time::Duration;

use phoenix::config::address::Address;
use phoenix::executor::event::Tee;
use phoenix::executor::journal::{Journal, JournalHeader};
use phoenix::executor::report;
use phoenix::host::store::{LockError, RunLock};
use phoenix::{ApplyError, ApplyOptions, ExitStatus, Freshness, Host, Observer, Plan, Report};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::args::{ApplyArgs, Format, Mode};
use super::config_file::{self, Input};
use super::failure::Failure;
use super::host::{self, OpenHost};
use super::output::Terminal;
use super::prepare::{self, ValidFile};
use super::progress::{JsonLines, Narrator, Speaker};
use super::{CommandResult, ask, graph, plan};

/// Runs the command.
///
/// # Errors
/// When the file is unusable, the host gives no answer, another run is busy, or nobody agreed.
pub(crate) fn run(terminal: &Terminal, args: &ApplyArgs) -> CommandResult {
    if let Some(format) = args.graph {
        return graph::run(terminal, &args.file, &args.lxc, format);
    }
    let input = config_file::read(args.file.path())?;
    let wanted = Wanted::from_input(terminal, args, &input)?;
    let open = host::open(&args.host.host)?;
    if args.dry_run {
        return dry_run(terminal, args, &wanted.plan(terminal, args, &*open.host)?);
    }
    let _lock = lock(&open, args.lock_timeout)?;
    let plan = wanted.plan(terminal, args, &*open.host)?;
    let text = args.format.format == Format::Text;
    if text && !(terminal.quiet && args.yes) {
        terminal.data(&plan::text(terminal, &plan))?;
    }
    if text && plan.steps.is_empty() {
        return Ok(undone(&plan));
    }
    if !plan.steps.is_empty() && !agreed(terminal, args, &wanted)? {
        terminal.say("Nothing was changed.\n");
        return Ok(ExitStatus::Failed);
    }
    let report = apply(terminal, args, &open, &wanted, &plan)?;
    let silent = terminal.quiet && report.is_success() && report.problems.is_empty();
    if text && !silent {
        terminal.data(&report::text(&report, &|id| wanted.place(&plan, id)))?;
    }
    if !text {
        for problem in &report.problems {
            terminal.say(&format!("warning: {problem}\n"));
        }
    }
    Ok(status(&plan, &report))
}

/// What the user wants applied.
enum Wanted {
    /// What a file says; planned against the host as it is now.
    File(ValidFile),
    /// A plan that was saved; applied as it is or not at all.
    Saved(Plan),
}

impl Wanted {
    fn from_input(terminal: &Terminal, args: &ApplyArgs, input: &Input) -> Result<Self, Failure> {
        if !is_plan(&input.bytes) {
            let file = ValidFile::check(terminal, input)?.with_lxc_config(terminal, &args.lxc)?;
            file.tell_warnings(terminal);
            return Ok(Self::File(file));
        }
        let scoped = !args.scope.target.is_empty() || !args.scope.exclude.is_empty();
        let granting = !args.consent.allow.is_empty() || args.consent.mode != Mode::Safe;
        if scoped || granting || args.lxc.lxc_config.is_some() {
            return Err(Failure::new(
                ExitStatus::Usage,
                format!("{} is a saved plan, which is applied as it is", input.name),
            )
            .help("give --target, --exclude, --mode, --allow and --lxc-config to `phoenix plan --out`"));
        }
        let text = String::from_utf8_lossy(&input.bytes);
        Plan::from_json(&text).map(Self::Saved).map_err(|error| {
            Failure::from_error(ExitStatus::ConfigInvalid, &error)
                .help("make the plan again with `phoenix plan --out`")
        })
    }

    /// Where the file asks for an object of the plan. A saved plan has left its file behind.
    fn place(&self, plan: &Plan, id: &Address) -> Option<String> {
        let Self::File(file) = self else {
            return None;
        };
        if let Some(step) = plan.steps.iter().find(|step| &step.id == id) {
            let field = match step.changes.as_slice() {
                [change] => Some(change.field.as_str()),
                _ => None,
            };
            return Some(file.place(id, &step.origin, field));
        }
        let refusal = plan.refusals.iter().find(|refusal| &refusal.id == id)?;
        Some(file.place(id, &refusal.origin, None))
    }

    fn plan(
        &self,
        terminal: &Terminal,
        args: &ApplyArgs,
        host: &dyn Host,
    ) -> Result<Plan, Failure> {
        match self {
            Self::Saved(plan) => Ok(plan.clone()),
            Self::File(file) if args.consent.mode == Mode::Interactive && !args.dry_run => {
                plan_with_questions(terminal, args, file, host)
            }
            Self::File(file) => prepare::plan(file, host, &args.scope, Some(&args.consent)),
        }
    }
}

/// Whether the text is a saved plan rather than a configuration, by the keys that only a plan has.
fn is_plan(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Probe {
        format: Option<IgnoredAny>,
        steps: Option<IgnoredAny>,
    }
    serde_json::from_slice::<Probe>(bytes)
        .is_ok_and(|probe| probe.format.is_some() && probe.steps.is_some())
}

fn dry_run(terminal: &Terminal, args: &ApplyArgs, plan: &Plan) -> CommandResult {
    match args.format.format {
        Format::Json => terminal.data(&plan.to_json())?,
        Format::Text => terminal.data(&plan::text(terminal, plan))?,
    }
    terminal.talk("Dry run: nothing was changed.\n");
    Ok(ExitStatus::Done)
}

/// Plans, asks about disks that carry data, and plans again with the answers.
fn plan_with_questions(
    terminal: &Terminal,
    args: &ApplyArgs,
    file: &ValidFile,
    host: &dyn Host,
) -> Result<Plan, Failure> {
    let config = file.config()?;
    let observed = prepare::observe(config, host)?;
    let mut options = file.options(&args.scope, Some(&args.consent))?;
    let plan = phoenix::plan(config, &observed, &options);
    let granted = ask::which_disks_to_erase(terminal, config, &observed, &plan)?;
    if granted.is_empty() {
        return Ok(plan);
    }
    options.grants.wipe.extend(granted);
    Ok(phoenix::plan(config, &observed, &options))
}

/// Whether the plan may be applied. A saved plan was agreed to when it was saved.
fn agreed(terminal: &Terminal, args: &ApplyArgs, wanted: &Wanted) -> Result<bool, Failure> {
    if args.yes || matches!(wanted, Wanted::Saved(_)) {
        return Ok(true);
    }
    if args.consent.mode == Mode::Interactive || ask::somebody_is_there() {
        return ask::whether_to_apply(terminal);
    }
    Err(Failure::new(
        ExitStatus::Usage,
        "nobody is there to agree to the changes: standard input is no terminal",
    )
    .help(
        "agree beforehand with --yes, or save a plan with `phoenix plan --out PLAN` and apply that",
    ))
}

fn lock(open: &OpenHost, wait: Duration) -> Result<Option<RunLock>, Failure> {
    let Some(path) = &open.lock else {
        return Ok(None);
    };
    let command: Vec<String> = std::env::args().collect();
    match RunLock::acquire(path, &command.join(" "), wait) {
        Ok(lock) => Ok(Some(lock)),
        Err(error) => {
            let status = match error {
                LockError::Busy { .. } => ExitStatus::Busy,
                _ => ExitStatus::Failed,
            };
            Err(Failure::from_error(status, &error))
        }
    }
}

fn apply(
    terminal: &Terminal,
    args: &ApplyArgs,
    open: &OpenHost,
    wanted: &Wanted,
    plan: &Plan,
) -> Result<Report, Failure> {
    let options = ApplyOptions {
        jobs: args.jobs,
        fail_fast: args.fail_fast,
        freshness: match wanted {
            Wanted::File(_) => Freshness::Assumed,
            Wanted::Saved(_) => Freshness::Check,
        },
        ..ApplyOptions::default()
    };
    let (mut display, speaker): (Box<dyn Observer + '_>, Speaker) = match args.format.format {
        Format::Json => (Box::<JsonLines>::default(), Speaker::default()),
        Format::Text => {
            let narrator = Narrator::new(terminal, plan);
            let speaker = narrator.speaker();
            (Box::new(narrator), speaker)
        }
    };
    let cancel = options.cancel.clone();
    // Only one handler can be set in a process, and this is the only place that sets one.
    let _ = ctrlc::set_handler(move || {
        cancel.cancel();
        speaker.say("Stopping: running steps end, nothing new starts.");
    });
    let result = match journal(args, open, plan)? {
        Some(journal) => phoenix::apply(
            plan,
            &*open.host,
            &options,
            &mut Tee(journal, &mut *display),
        ),
        None => phoenix::apply(plan, &*open.host, &options, &mut *display),
    };
    result.map_err(|error| {
        let status = match error {
            ApplyError::Stale { .. } => ExitStatus::Refused,
            _ => ExitStatus::Failed,
        };
        Failure::from_error(status, &error)
    })
}

fn journal(args: &ApplyArgs, open: &OpenHost, plan: &Plan) -> Result<Option<Journal>, Failure> {
    let Some(directory) = args.journal_dir.as_ref().or(open.journals.as_ref()) else {
        return Ok(None);
    };
    let header = JournalHeader {
        phoenix: env!("CARGO_PKG_VERSION").to_owned(),
        argv: std::env::args().collect(),
        plan: plan.id.clone(),
        node: plan.node.clone(),
    };
    Journal::create(directory, &header)
        .map(Some)
        .map_err(|error| {
            Failure::from_error(ExitStatus::Failed, &error).help(
                "phoenix changes nothing without a journal; name another place with --journal-dir",
            )
        })
}

/// The exit code of a run that had nothing to do.
fn undone(plan: &Plan) -> ExitStatus {
    if plan.refusals.is_empty() {
        ExitStatus::Done
    } else {
        ExitStatus::Refused
    }
}

fn status(plan: &Plan, report: &Report) -> ExitStatus {
    if report.interrupted {
        ExitStatus::Interrupted
    } else if report.summary.failed > 0 {
        ExitStatus::Failed
    } else {
        undone(plan)
    }
}
