//! Walks a plan: one coordinator on the caller's thread, workers on a pool of this walk's
//! own.
//!
//! The coordinator alone owns the schedule and talks to the observer, so there is one order of
//! events and nothing to lock. A worker runs one step and reports; what a step does is `action`'s
//! business.

mod schedule;
mod threads;

use std::any::Any;
use std::iter;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Instant;

use jiff::Timestamp;
use phoenix_planner::plan::{Plan, Refusal, Step};

use crate::action::Done;
use crate::code::{FailureCode, StepCode};
use crate::context::{StepContext, Told};
use crate::event::{self, Event, Failure, Observer, Outcome};
use crate::options::ApplyOptions;
use crate::report::{Report, StepOutcome};
use crate::shared::Shared;
use schedule::{Blocked, Schedule, StepIndex};

/// What a worker tells the coordinator.
#[derive(Debug)]
enum Message {
    /// Something that may have changed the host was done.
    Command {
        /// The step that did it.
        step: StepIndex,
        /// What it was.
        told: Told,
    },
    /// The step is over.
    Ended {
        /// Which step.
        step: StepIndex,
        /// What came of it.
        result: Result<Done, Failure>,
        /// How long it took.
        milliseconds: u64,
    },
}

/// Does one step on a host.
pub(crate) type Perform<'a> = dyn Fn(&Step, &StepContext<'_>) -> Result<Done, Failure> + Sync + 'a;

/// Walks a sound plan to its end.
pub(crate) fn walk(
    plan: &Plan,
    shared: &Shared<'_>,
    options: &ApplyOptions,
    observer: &mut dyn Observer,
    perform: &Perform<'_>,
) -> Report {
    let jobs = options.jobs.get().min(plan.steps.len()).max(1);
    let (sender, receiver) = mpsc::channel();
    let mut coordinator = Coordinator {
        plan,
        options,
        workers: jobs,
        schedule: Schedule::new(plan),
        observer: Watched::new(observer),
        report: Report::new(plan),
        started: Instant::now(),
    };
    let job = |step| run(plan, shared, perform, step, &sender);
    threads::with(jobs, &job, |workers, give| {
        coordinator.workers = workers;
        coordinator.announce();
        coordinator.walk(give, &receiver);
    });
    coordinator.finish()
}

/// Does one step and tells the coordinator what came of it, even of a panic.
fn run(
    plan: &Plan,
    shared: &Shared<'_>,
    perform: &Perform<'_>,
    index: StepIndex,
    sender: &Sender<Message>,
) {
    let Some(step) = plan.steps.get(index) else {
        return;
    };
    let started = Instant::now();
    // The coordinator listens until every started step has reported.
    let tell = |message| drop(sender.send(message));
    let tell_change = |told| tell(Message::Command { step: index, told });
    let context = StepContext::new(shared, &tell_change);
    let attempt = catch_unwind(AssertUnwindSafe(|| perform(step, &context)));
    let result = attempt.unwrap_or_else(|panic| Err(panicked(&*panic)));
    tell(Message::Ended {
        step: index,
        result,
        milliseconds: milliseconds(started),
    });
}

struct Coordinator<'a> {
    plan: &'a Plan,
    options: &'a ApplyOptions,
    workers: usize,
    schedule: Schedule,
    observer: Watched<'a>,
    report: Report,
    started: Instant,
}

impl Coordinator<'_> {
    fn announce(&mut self) {
        self.observer.event(&Event::ApplyStart {
            format: event::FORMAT,
            plan: self.plan.id.clone(),
            node: self.plan.node.clone(),
            steps: self.plan.steps.len(),
            time: now(),
        });
        for refusal in &self.plan.refusals {
            self.settle(&refusal.id, refused(refusal));
        }
    }

    /// Runs until no step is running and none may start. Nothing may leave this loop early: a step
    /// in flight would be forgotten.
    fn walk(&mut self, give: &dyn Fn(StepIndex), messages: &Receiver<Message>) {
        let mut running = 0;
        loop {
            if !self.stopped() {
                let ready = self.schedule.next_ready(self.workers - running);
                for step in &ready {
                    self.tell_start(*step);
                }
                // What is announced must not be unknown after a power cut; nor what has led to it.
                self.observer.sync();
                running += ready.len();
                ready.into_iter().for_each(give);
            }
            if running == 0 {
                break;
            }
            // Unreachable while the coordinator keeps a sender; the report then shows the missing
            // steps as not started.
            let Ok(first) = messages.recv() else { break };
            // All that came meanwhile belongs to the same round.
            for message in iter::once(first).chain(messages.try_iter()) {
                running -= usize::from(matches!(message, Message::Ended { .. }));
                self.note(message);
            }
        }
    }

    fn note(&mut self, message: Message) {
        match message {
            Message::Command { step, told } => self.tell_command(step, told),
            Message::Ended {
                step,
                result,
                milliseconds,
            } => self.record(step, result, milliseconds),
        }
    }

    fn finish(mut self) -> Report {
        let leftover = self.schedule.leftover();
        for blocked in leftover.blocked {
            self.give_up(&blocked);
        }
        self.report.interrupted =
            self.options.cancel.is_cancelled() && !leftover.not_started.is_empty();
        for step in leftover.not_started {
            self.settle_step(step, StepOutcome::plain(Outcome::NotStarted));
        }
        self.report.milliseconds = milliseconds(self.started);
        self.observer.event(&Event::ApplyFinished {
            summary: self.report.summary,
            interrupted: self.report.interrupted,
            milliseconds: self.report.milliseconds,
            time: now(),
        });
        self.observer.sync();
        self.report.problems = self.observer.problems();
        self.report
    }

    fn stopped(&self) -> bool {
        self.options.cancel.is_cancelled()
            || (self.options.fail_fast && self.report.summary.failed > 0)
    }

    fn tell_start(&mut self, step: StepIndex) {
        if let Some(step) = self.plan.steps.get(step) {
            self.observer.event(&Event::StepStart {
                id: step.id.clone(),
                time: now(),
            });
        }
    }

    fn tell_command(&mut self, step: StepIndex, told: Told) {
        let Told {
            argv,
            code,
            milliseconds,
        } = told;
        if let Some(step) = self.plan.steps.get(step) {
            self.observer.event(&Event::StepCommand {
                id: step.id.clone(),
                argv,
                code,
                milliseconds,
            });
        }
    }

    fn record(&mut self, step: StepIndex, result: Result<Done, Failure>, milliseconds: u64) {
        let succeeded = result.is_ok();
        let (outcome, error) = match result {
            Ok(Done::Changed) => (Outcome::Changed, None),
            Ok(Done::Unchanged) => (Outcome::Unchanged, None),
            Err(failure) => (Outcome::Failed, Some(failure)),
        };
        let outcome = StepOutcome {
            outcome,
            error,
            blocked_by: Vec::new(),
            milliseconds,
        };
        self.settle_step(step, outcome);
        for blocked in self.schedule.finished(step, succeeded) {
            self.give_up(&blocked);
        }
    }

    fn give_up(&mut self, blocked: &Blocked) {
        let address = |step: &StepIndex| self.plan.steps.get(*step).map(|step| step.id.clone());
        let outcome = StepOutcome {
            blocked_by: blocked.by.iter().filter_map(address).collect(),
            ..StepOutcome::plain(Outcome::Blocked)
        };
        self.settle_step(blocked.step, outcome);
    }

    fn settle_step(&mut self, step: StepIndex, outcome: StepOutcome) {
        let plan = self.plan;
        if let Some(step) = plan.steps.get(step) {
            self.settle(&step.id, outcome);
        }
    }

    fn settle(&mut self, id: &phoenix_config::address::Address, outcome: StepOutcome) {
        self.observer.event(&Event::StepFinished {
            id: id.clone(),
            outcome: outcome.outcome,
            error: outcome.error.clone(),
            blocked_by: outcome.blocked_by.clone(),
            milliseconds: outcome.milliseconds,
        });
        self.report.record(id.clone(), outcome);
    }
}

/// An observer that may panic without taking the apply with it.
struct Watched<'a> {
    observer: &'a mut dyn Observer,
    panic: Option<String>,
}

impl<'a> Watched<'a> {
    fn new(observer: &'a mut dyn Observer) -> Self {
        Self {
            observer,
            panic: None,
        }
    }

    fn event(&mut self, event: &Event) {
        self.ask(|observer| observer.event(event));
    }

    fn sync(&mut self) {
        self.ask(|observer| observer.sync());
    }

    fn ask(&mut self, what: impl FnOnce(&mut dyn Observer)) {
        if self.panic.is_some() {
            return;
        }
        let observer = &mut *self.observer;
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| what(observer))) {
            self.panic = Some(panic_text(&*panic));
        }
    }

    fn problems(&self) -> Vec<String> {
        if let Some(panic) = &self.panic {
            return vec![format!(
                "the observer stopped with a panic ({panic}) and missed the rest"
            )];
        }
        let ask = || self.observer.problem();
        match catch_unwind(AssertUnwindSafe(ask)) {
            Ok(problem) => problem.into_iter().collect(),
            Err(panic) => vec![format!("the observer panicked: {}", panic_text(&*panic))],
        }
    }
}

fn refused(refusal: &Refusal) -> StepOutcome {
    StepOutcome {
        error: Some(Failure {
            code: StepCode::Refused(refusal.code),
            message: refusal.reason.clone(),
            help: Some(refusal.help.clone()),
            detail: None,
        }),
        blocked_by: refusal.because_of.clone(),
        ..StepOutcome::plain(Outcome::Blocked)
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Failure {
    Failure {
        code: StepCode::Failed(FailureCode::Panic),
        message: format!("phoenix itself broke in this step: {}", panic_text(panic)),
        help: Some(
            "this is a bug in phoenix, please report it; running phoenix again is safe, it looks \
             at the host anew"
                .to_owned(),
        ),
        detail: None,
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

fn now() -> String {
    format!("{:.3}", Timestamp::now())
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
