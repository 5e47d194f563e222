//! `phoenix apply`: plan, show, ask, do, report.
//!
//! Owns the order of these and the exit code. The run lock is held from before the host is read
//! until the report, so that what is applied is what was seen.

use std::time::Duration;

use phoenix::code::EndCode;
use phoenix::config::address::Address;
use phoenix::executor::event::Tee;
use phoenix::executor::journal::{Journal, JournalHeader};
use phoenix::executor::report;
use phoenix::host::lock::HeldLock;
use phoenix::host::store::LockError;
use phoenix::{
    ApplyError, ApplyOptions, ExitStatus, Freshness, Host, Observed, Observer, Plan, Report,
};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::args::{ApplyArgs, Format, Mode};
use super::ask::Person;
use super::config_file::{self, Input};
use super::failure::Failure;
use super::host::{self, OpenHost};
use super::interrupt::Interrupt;
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
    if !args.dry_run {
        host::require_root(&args.host.host)?;
    }
    let input = config_file::read(terminal, args.file.path())?;
    let wanted = Wanted::from_input(terminal, args, input)?;
    let open = host::open(&args.host)?;
    if args.dry_run {
        return dry_run(terminal, args, &wanted.plan(args, &*open.host)?.plan);
    }
    let _lock = lock(terminal, &open, args.lock_timeout)?;
    let planned = wanted.plan(args, &*open.host)?;
    let interrupt = Interrupt::catch()?;
    let person = Person::at_the_terminal(&interrupt);
    let plan = wanted.plan_with_consent(args, planned, person.as_ref())?;
    let text = args.format.format == Format::Text;
    if text && !(terminal.quiet && args.yes) {
        plan::show(terminal, &plan)?;
    }
    if text && plan.steps.is_empty() {
        return Ok(undone(&plan));
    }
    if !plan.steps.is_empty() && !agreed(args, &wanted, person.as_ref())? {
        terminal.say("Nothing was changed.\n");
        return Ok(ExitStatus::Failed);
    }
    let report = apply(terminal, args, &open, &wanted, &plan, &interrupt)?;
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
    File(Box<ValidFile>),
    /// A plan that was saved; applied as it is or not at all.
    Saved(Box<Plan>),
}

impl Wanted {
    fn from_input(terminal: &Terminal, args: &ApplyArgs, input: Input) -> Result<Self, Failure> {
        if !is_plan(&input.bytes) {
            let file = ValidFile::check(terminal, input)?.with_lxc_config(terminal, &args.lxc)?;
            file.tell_warnings(terminal, args.strict)?;
            return Ok(Self::File(Box::new(file)));
        }
        let scoped = !args.scope.target.is_empty() || !args.scope.exclude.is_empty();
        let granting = !args.consent.allow.is_empty() || args.consent.mode != Mode::Safe;
        if scoped || granting || args.lxc.lxc_config.is_some() {
            return Err(Failure::new(
                EndCode::Usage,
                format!("{} is a saved plan, which is applied as it is", input.name),
            )
            .help("give --target, --exclude, --mode, --allow and --lxc-config to `phoenix plan --out`"));
        }
        let text = String::from_utf8_lossy(&input.bytes);
        Plan::from_json(&text)
            .map(|plan| Self::Saved(Box::new(plan)))
            .map_err(|error| {
                Failure::from_error(EndCode::PlanUnusable, &error)
                    .help("make the plan again with `phoenix plan --out`")
            })
    }

    /// Where the file asks for an object of the plan. A saved plan has left its file behind.
    fn place(&self, plan: &Plan, id: &Address) -> Option<String> {
        let Self::File(file) = self else {
            return None;
        };
        if let Some(step) = plan.steps.iter().find(|step| &step.id == id) {
            let mut differing = step.changes.iter().filter(|change| !change.is_kept());
            let field = match (differing.next(), differing.next()) {
                (Some(change), None) => Some(change.field.as_str()),
                _ => None,
            };
            return Some(file.place(id, &step.origin, field));
        }
        let refusal = plan.refusals.iter().find(|refusal| &refusal.id == id)?;
        Some(file.place(id, &refusal.origin, None))
    }

    fn plan(&self, args: &ApplyArgs, host: &dyn Host) -> Result<Planned, Failure> {
        let file = match self {
            Self::Saved(plan) => return Ok(Planned::from_saved(plan)),
            Self::File(file) => file,
        };
        let config = file.config()?;
        let options = file.options(&args.scope, Some(&args.consent))?;
        let observed = prepare::observe(config, host)?;
        prepare::check_grants(config, &observed, &options.grants)?;
        Ok(Planned {
            plan: phoenix::plan(config, &observed, &options),
            observed: Some(observed),
        })
    }

    /// The plan as it is, or with the disks erased that the user agrees to lose one by one.
    fn plan_with_consent(
        &self,
        args: &ApplyArgs,
        planned: Planned,
        person: Option<&Person<'_>>,
    ) -> Result<Plan, Failure> {
        let Planned { plan, observed } = planned;
        let (Self::File(file), Some(observed), Mode::Interactive) =
            (self, observed, args.consent.mode)
        else {
            return Ok(plan);
        };
        let config = file.config()?;
        let disks = ask::disks_in_question(config, &observed, &plan);
        if disks.is_empty() {
            return Ok(plan);
        }
        let granted = person.ok_or_else(nobody_to_ask)?.which_to_erase(&disks)?;
        let mut options = file.options(&args.scope, Some(&args.consent))?;
        options.grants.wipe.extend(granted);
        Ok(phoenix::plan(config, &observed, &options))
    }
}

/// A plan with what it was made from; a saved plan has left that behind.
struct Planned {
    plan: Plan,
    observed: Option<Observed>,
}

impl Planned {
    fn from_saved(plan: &Plan) -> Self {
        Self {
            plan: plan.clone(),
            observed: None,
        }
    }
}

fn nobody_to_ask() -> Failure {
    Failure::new(
        EndCode::NobodyToAsk,
        "nobody is there to be asked about disks that carry data: phoenix has no terminal",
    )
    .help("run it in a terminal, or name each disk that may be erased with --allow wipe:DISK")
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
        Format::Json => terminal.pieces(|to| plan.write_json(to))?,
        Format::Text => plan::show(terminal, plan)?,
    }
    terminal.talk("Dry run: nothing was changed.\n");
    Ok(ExitStatus::Done)
}

/// Whether the plan may be applied. A saved plan was agreed to when it was saved.
fn agreed(args: &ApplyArgs, wanted: &Wanted, person: Option<&Person<'_>>) -> Result<bool, Failure> {
    if args.yes || matches!(wanted, Wanted::Saved(_)) {
        return Ok(true);
    }
    let nobody = || {
        Failure::new(
            EndCode::NobodyToAsk,
            "nobody is there to agree to the changes: phoenix has no terminal",
        )
        .help(
            "agree beforehand with --yes, or save a plan with `phoenix plan --out PLAN` and apply that",
        )
    };
    person.ok_or_else(nobody)?.whether_to_apply()
}

/// Takes the lock of the host, and says whom it is waiting for meanwhile.
fn lock(terminal: &Terminal, open: &OpenHost, wait: Duration) -> Result<Option<HeldLock>, Failure> {
    let command: Vec<String> = std::env::args().collect();
    let command = command.join(" ");
    let mut taken = open.lock(&command, Duration::ZERO);
    if let Err(busy @ LockError::Busy { .. }) = &taken
        && !wait.is_zero()
    {
        terminal.talk(&format!("Waiting, {} s at most: {busy}\n", wait.as_secs()));
        taken = open.lock(&command, wait);
    }
    taken.map_err(|error| {
        let code = match error {
            LockError::Busy { .. } => EndCode::Busy,
            LockError::File { .. } => EndCode::FileUnwritable,
        };
        Failure::from_error(code, &error)
    })
}

fn apply(
    terminal: &Terminal,
    args: &ApplyArgs,
    open: &OpenHost,
    wanted: &Wanted,
    plan: &Plan,
    interrupt: &Interrupt,
) -> Result<Report, Failure> {
    let options = ApplyOptions {
        cancel: interrupt.cancel.clone(),
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
    interrupt.answer_through(speaker);
    let result = match journal(args, plan)? {
        Some(journal) => phoenix::apply(
            plan,
            &*open.host,
            &options,
            &mut Tee(journal, &mut *display),
        ),
        None => phoenix::apply(plan, &*open.host, &options, &mut *display),
    };
    result.map_err(|error| {
        let code = match error {
            ApplyError::Stale { .. } => EndCode::PlanStale,
            ApplyError::Unsound { .. } => EndCode::PlanUnsound,
            ApplyError::Observe(_) => EndCode::HostUnclear,
        };
        Failure::from_error(code, &error)
    })
}

fn journal(args: &ApplyArgs, plan: &Plan) -> Result<Option<Journal>, Failure> {
    let directory = match &args.journal_dir {
        Some(directory) => Some(directory.clone()),
        None => host::journals(&args.host.host)?,
    };
    let Some(directory) = directory else {
        return Ok(None);
    };
    let header = JournalHeader {
        phoenix: env!("CARGO_PKG_VERSION").to_owned(),
        argv: std::env::args().collect(),
        plan: plan.id.clone(),
        node: plan.node.clone(),
    };
    Journal::create(&directory, &header)
        .map(Some)
        .map_err(|error| {
            Failure::from_error(EndCode::FileUnwritable, &error).help(
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
