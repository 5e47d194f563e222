//! Walks a plan: one coordinator on the caller's thread, workers in a pool of their own.
//!
//! The coordinator alone owns the schedule and talks to the observer, so there is one order of
//! events and nothing to lock. A worker runs one step and reports; what a step does is `action`'s
//! business.

use std::any::Any;
use std::iter;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Instant;

use jiff::Timestamp;
use phoenix_host::Host;
use phoenix_planner::plan::{Plan, Refusal, Step};
use rayon::{Scope, ThreadPoolBuilder};

use crate::action::Done;
use crate::event::{self, Event, Failure, Observer, Outcome};
use crate::options::ApplyOptions;
use crate::report::{Report, StepOutcome};
use crate::reporting::Reporting;
use crate::schedule::{Blocked, Schedule, StepIndex};

/// What a worker tells the coordinator.
#[derive(Debug)]
pub(crate) enum Message {
    /// Something that may have changed the host was done.
    Command {
        /// The step that did it.
        step: StepIndex,
        /// See [`Event::StepCommand`].
        argv: Vec<String>,
        /// See [`Event::StepCommand`].
        code: Option<i32>,
        /// How long it took.
        milliseconds: u64,
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
pub(crate) type Perform<'a> = dyn Fn(&Step, &dyn Host) -> Result<Done, Failure> + Sync + 'a;

/// Walks a sound plan to its end.
///
/// # Errors
/// When the worker threads cannot be started; nothing has been done then.
pub(crate) fn walk(
    plan: &Plan,
    host: &dyn Host,
    options: &ApplyOptions,
    observer: &mut dyn Observer,
    perform: &Perform<'_>,
) -> Result<Report, rayon::ThreadPoolBuildError> {
    let workers = options.jobs.get().min(plan.steps.len()).max(1);
    let pool = ThreadPoolBuilder::new()
        .num_threads(workers)
        .thread_name(|number| format!("phoenix-step-{number}"))
        .build()?;
    let (sender, receiver) = mpsc::channel();
    let mut coordinator = Coordinator {
        plan,
        options,
        workers,
        schedule: Schedule::new(plan),
        observer: Watched::new(observer),
        report: Report::new(plan),
        started: Instant::now(),
    };
    coordinator.announce();
    pool.in_place_scope(|scope| {
        let spawn = |step: StepIndex| start(scope, plan, host, perform, step, sender.clone());
        coordinator.walk(&spawn, &receiver);
    });
    Ok(coordinator.finish())
}

fn start<'scope>(
    scope: &Scope<'scope>,
    plan: &'scope Plan,
    host: &'scope dyn Host,
    perform: &'scope Perform<'_>,
    index: StepIndex,
    sender: Sender<Message>,
) {
    let Some(step) = plan.steps.get(index) else {
        return;
    };
    scope.spawn(move |_| {
        let started = Instant::now();
        let reporting = Reporting::new(host, index, sender.clone());
        let attempt = catch_unwind(AssertUnwindSafe(|| perform(step, &reporting)));
        let result = attempt.unwrap_or_else(|panic| Err(panicked(&*panic)));
        let ended = Message::Ended {
            step: index,
            result,
            milliseconds: milliseconds(started),
        };
        // The coordinator listens until every started step has reported.
        let _ = sender.send(ended);
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
    fn walk(&mut self, spawn: &dyn Fn(StepIndex), messages: &Receiver<Message>) {
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
                ready.into_iter().for_each(spawn);
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
            Message::Command {
                step,
                argv,
                code,
                milliseconds,
            } => self.tell_command(step, argv, code, milliseconds),
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

    fn tell_command(
        &mut self,
        step: StepIndex,
        argv: Vec<String>,
        code: Option<i32>,
        milliseconds: u64,
    ) {
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
mod tests {
    use std::collections::BTreeSet;
    use std::num::NonZeroUsize;
    use std::sync::{Arc, Condvar, Mutex};
    use std::time::Duration;

    use phoenix_config::address::Address;
    use phoenix_host::command::{Command, Output, Program};
    use phoenix_host::lock::HeldLock;
    use phoenix_host::{HostError, PermissionChange};
    use phoenix_planner::plan::{
        Action, Class, ConfigSource, FORMAT, Operation, SetArc, Summary as PlanSummary,
    };
    use phoenix_planner::wanted::Wanted;

    use super::*;
    use crate::event::Summary;

    /// A host on which every command succeeds and nothing else works.
    struct Yes;

    impl Host for Yes {
        fn run(&self, _: &Command) -> Result<Output, HostError> {
            Ok(Output::success(""))
        }

        fn read_file(&self, _: &camino::Utf8Path) -> Result<Option<String>, HostError> {
            Ok(None)
        }

        fn write_file(&self, path: &camino::Utf8Path, _: &str) -> Result<(), HostError> {
            Err(HostError::ReadOnly {
                what: path.to_string(),
            })
        }

        fn write_parameter(&self, _: &camino::Utf8Path, _: &str) -> Result<(), HostError> {
            Ok(())
        }

        fn set_permissions(&self, _: &PermissionChange) -> Result<(), HostError> {
            Ok(())
        }

        fn lock(&self, _: &camino::Utf8Path, _: Duration) -> Result<HeldLock, HostError> {
            Ok(HeldLock::nothing())
        }
    }

    fn address(name: &str) -> Address {
        Address::Dataset(name.to_owned())
    }

    fn plan(steps: &[(&str, &[&str])], refusals: &[(&str, &[&str])]) -> Plan {
        let step = |(name, needs): &(&str, &[&str])| Step {
            id: address(name),
            action: Action::Create,
            class: Class::Additive,
            needs: needs.iter().map(|need| address(need)).collect(),
            lane: None,
            changes: Vec::new(),
            origin: String::new(),
            operation: Operation::SetArc(SetArc {
                max: 0,
                runtime: false,
                persistent: false,
            }),
        };
        let refusal = |(name, because): &(&str, &[&str])| Refusal {
            id: address(name),
            reason: format!("{name} is in the way"),
            help: "move it".to_owned(),
            because_of: because.iter().map(|cause| address(cause)).collect(),
            origin: String::new(),
        };
        Plan {
            format: FORMAT,
            id: "0123".to_owned(),
            created_by: String::new(),
            node: "pve".to_owned(),
            observed: String::new(),
            config: ConfigSource::default(),
            lxc_config: None,
            wanted: Wanted::default(),
            summary: PlanSummary::default(),
            steps: steps.iter().map(step).collect(),
            refusals: refusals.iter().map(refusal).collect(),
            notes: Vec::new(),
        }
    }

    fn jobs(jobs: usize) -> ApplyOptions {
        ApplyOptions {
            jobs: NonZeroUsize::new(jobs).unwrap(),
            ..ApplyOptions::default()
        }
    }

    /// One word per event, without times.
    #[derive(Default)]
    struct Words(Vec<String>);

    impl Observer for Words {
        fn event(&mut self, event: &Event) {
            self.0.push(match event {
                Event::ApplyStart { steps, .. } => format!("start {steps}"),
                Event::StepStart { id, .. } => format!("{id} starts"),
                Event::StepCommand { id, argv, code, .. } => {
                    format!("{id} ran {} -> {code:?}", argv.join(" "))
                }
                Event::StepFinished { id, outcome, .. } => format!("{id} {outcome:?}"),
                Event::ApplyFinished { summary, .. } => format!("end {}", summary.changed),
            });
        }
    }

    fn failure(message: &str) -> Failure {
        Failure {
            message: message.to_owned(),
            help: None,
            detail: None,
        }
    }

    /// The outcomes as `name=Outcome`, blocked ones with their causes.
    fn outcomes(report: &Report) -> Vec<String> {
        let word = |(id, step): (&Address, &StepOutcome)| {
            let causes: Vec<_> = step.blocked_by.iter().map(ToString::to_string).collect();
            format!("{id} {:?} {}", step.outcome, causes.join(" "))
                .trim_end()
                .to_owned()
        };
        report.outcomes.iter().map(word).collect()
    }

    #[test]
    fn one_job_tells_its_events_in_plan_order() {
        let plan = plan(&[("a", &[]), ("b", &["a"])], &[("c", &[])]);
        let mut words = Words::default();
        let perform = |step: &Step, host: &dyn Host| {
            let command = Command::write(Program::Zfs, ["set", &step.id.to_string()]);
            let look = Command::read(Program::Zfs, ["get"]);
            let _ = host.run(&look).and_then(|_| host.run(&command));
            let _ = host.write_file("/etc/x".into(), "");
            Ok(Done::Changed)
        };
        walk(&plan, &Yes, &jobs(1), &mut words, &perform).unwrap();
        let expected = [
            "start 2",
            "dataset:c Blocked",
            "dataset:a starts",
            "dataset:a ran zfs set dataset:a -> Some(0)",
            "dataset:a ran write-file /etc/x -> None",
            "dataset:a Changed",
            "dataset:b starts",
            "dataset:b ran zfs set dataset:b -> Some(0)",
            "dataset:b ran write-file /etc/x -> None",
            "dataset:b Changed",
            "end 2",
        ];
        assert_eq!(words.0, expected);
    }

    #[test]
    fn a_panic_is_a_failed_step_and_isolates_its_branch() {
        let plan = plan(
            &[("a", &[]), ("b", &[]), ("c", &["a"]), ("d", &["b", "c"])],
            &[("r", &[]), ("s", &["r"])],
        );
        let perform = |step: &Step, _: &dyn Host| {
            assert!(step.id != address("a"), "broken on purpose");
            Ok(Done::Unchanged)
        };
        for count in [1, 16] {
            let report = walk(&plan, &Yes, &jobs(count), &mut (), &perform).unwrap();
            let expected = [
                "dataset:a Failed",
                "dataset:b Unchanged",
                "dataset:c Blocked dataset:a",
                "dataset:d Blocked dataset:a",
                "dataset:r Blocked",
                "dataset:s Blocked dataset:r",
            ];
            assert_eq!(outcomes(&report), expected);
            let error = report.outcomes[&address("a")].error.clone().unwrap();
            assert!(error.message.contains("broken on purpose"), "{error:?}");
            assert_eq!(
                report.summary,
                Summary {
                    changed: 0,
                    unchanged: 1,
                    failed: 1,
                    blocked: 4,
                    not_started: 0
                }
            );
        }
    }

    #[test]
    fn steps_really_run_side_by_side() {
        let plan = plan(&[("a", &[]), ("b", &[]), ("c", &[])], &[]);
        let met = (Mutex::new(0), Condvar::new());
        let perform = |_: &Step, _: &dyn Host| {
            let mut count = met.0.lock().unwrap();
            *count += 1;
            met.1.notify_all();
            // Returns only once all three are here; with fewer workers it would wait forever.
            while *count < 3 {
                count = met.1.wait(count).unwrap();
            }
            Ok(Done::Changed)
        };
        let report = walk(&plan, &Yes, &jobs(3), &mut (), &perform).unwrap();
        assert_eq!(report.summary.changed, 3);
    }

    #[test]
    fn a_cancelled_walk_ends_what_runs_and_starts_nothing_more() {
        let plan = plan(&[("a", &[]), ("b", &[]), ("c", &["b"])], &[]);
        let options = jobs(1);
        let cancel = options.cancel.clone();
        let perform = |_: &Step, _: &dyn Host| {
            cancel.cancel();
            Ok(Done::Changed)
        };
        let report = walk(&plan, &Yes, &options, &mut (), &perform).unwrap();
        let expected = [
            "dataset:a Changed",
            "dataset:b NotStarted",
            "dataset:c NotStarted",
        ];
        assert_eq!(outcomes(&report), expected);
        assert!(report.interrupted);
    }

    #[test]
    fn a_cancel_that_comes_after_the_last_step_interrupts_nothing() {
        let plan = plan(&[("a", &[])], &[]);
        let options = jobs(1);
        let cancel = options.cancel.clone();
        let perform = |_: &Step, _: &dyn Host| {
            cancel.cancel();
            Ok(Done::Changed)
        };
        let report = walk(&plan, &Yes, &options, &mut (), &perform).unwrap();
        assert!(report.is_success());
        assert!(!report.interrupted);
    }

    #[test]
    fn fail_fast_stops_after_the_first_failure() {
        let plan = plan(&[("a", &[]), ("b", &["a"]), ("c", &[])], &[]);
        let options = ApplyOptions {
            fail_fast: true,
            ..jobs(1)
        };
        let perform = |_: &Step, _: &dyn Host| Err(failure("no"));
        let report = walk(&plan, &Yes, &options, &mut (), &perform).unwrap();
        let expected = [
            "dataset:a Failed",
            "dataset:b Blocked dataset:a",
            "dataset:c NotStarted",
        ];
        assert_eq!(outcomes(&report), expected);
        assert!(!report.interrupted, "the user did not stop it");
    }

    #[test]
    fn no_step_starts_before_its_announcement_is_synced() {
        #[derive(Default)]
        struct Announced {
            since_sync: Vec<String>,
            synced: Arc<Mutex<BTreeSet<String>>>,
            syncs: usize,
        }
        impl Observer for Announced {
            fn event(&mut self, event: &Event) {
                if let Event::StepStart { id, .. } = event {
                    self.since_sync.push(id.to_string());
                }
            }
            fn sync(&mut self) {
                let mut synced = self.synced.lock().unwrap();
                synced.extend(self.since_sync.drain(..));
                self.syncs += 1;
            }
        }
        let plan = plan(
            &[("a", &[]), ("b", &[]), ("c", &["a", "b"]), ("d", &[])],
            &[],
        );
        let mut observer = Announced::default();
        let synced = Arc::clone(&observer.synced);
        let perform = |step: &Step, _: &dyn Host| {
            let known = synced.lock().unwrap().contains(&step.id.to_string());
            assert!(known, "{} started unannounced", step.id);
            Ok(Done::Changed)
        };
        let report = walk(&plan, &Yes, &jobs(4), &mut observer, &perform).unwrap();
        assert_eq!(report.summary.changed, 4);
        // Together at the start, at most once for each end, and at the end.
        assert!(observer.syncs <= 6, "{} syncs", observer.syncs);
    }

    #[test]
    fn an_observer_that_panics_loses_no_step() {
        struct Broken;
        impl Observer for Broken {
            fn event(&mut self, event: &Event) {
                assert!(!matches!(event, Event::StepStart { .. }), "observer broke");
            }
        }
        let plan = plan(&[("a", &[]), ("b", &["a"])], &[]);
        let perform = |_: &Step, _: &dyn Host| Ok(Done::Changed);
        let report = walk(&plan, &Yes, &jobs(2), &mut Broken, &perform).unwrap();
        assert_eq!(report.summary.changed, 2);
        assert!(report.problems[0].contains("observer broke"));
    }
}
