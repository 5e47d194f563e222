//! The coordinator with hosts and steps that do what a test needs.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use phoenix_config::address::Address;
use phoenix_host::command::{Command, Output, Program};
use phoenix_host::lock::HeldLock;
use phoenix_host::{Change, Host, HostError};
use phoenix_planner::plan::{
    Action, Class, ConfigSource, FORMAT, Operation, SetArc, Summary as PlanSummary,
};
use phoenix_planner::refusal::RefusalCode;
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

    fn change(&self, change: &Change) -> Result<(), HostError> {
        match change {
            Change::WriteFile(path, _) => Err(HostError::ReadOnly {
                what: path.to_string(),
            }),
            _ => Ok(()),
        }
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
        code: RefusalCode::DiskNotEmpty,
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

/// The report of a walk on a host where everything succeeds.
fn walked(
    plan: &Plan,
    options: &ApplyOptions,
    observer: &mut dyn Observer,
    perform: &Perform<'_>,
) -> Report {
    walk(
        plan,
        &Shared::new(&Yes, options.jobs),
        options,
        observer,
        perform,
    )
}

fn failure(message: &str) -> Failure {
    Failure {
        code: StepCode::Failed(FailureCode::Busy),
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
    let perform = |step: &Step, host: &StepContext<'_>| {
        let command = Command::write(Program::Zfs, ["set", &step.id.to_string()]);
        let look = Command::read(Program::Zfs, ["get"]);
        let _ = host.run(&look).and_then(|_| host.run(&command));
        let _ = host.write_file("/etc/x".into(), "");
        Ok(Done::Changed)
    };
    walked(&plan, &jobs(1), &mut words, &perform);
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
    let perform = |step: &Step, _: &StepContext<'_>| {
        assert!(step.id != address("a"), "broken on purpose");
        Ok(Done::Unchanged)
    };
    for count in [1, 16] {
        let report = walked(&plan, &jobs(count), &mut (), &perform);
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
    let perform = |_: &Step, _: &StepContext<'_>| {
        let mut count = met.0.lock().unwrap();
        *count += 1;
        met.1.notify_all();
        // Returns only once all three are here; with fewer workers it would wait forever.
        while *count < 3 {
            count = met.1.wait(count).unwrap();
        }
        Ok(Done::Changed)
    };
    let report = walked(&plan, &jobs(3), &mut (), &perform);
    assert_eq!(report.summary.changed, 3);
}

#[test]
fn a_cancelled_walk_ends_what_runs_and_starts_nothing_more() {
    let plan = plan(&[("a", &[]), ("b", &[]), ("c", &["b"])], &[]);
    let options = jobs(1);
    let cancel = options.cancel.clone();
    let perform = |_: &Step, _: &StepContext<'_>| {
        cancel.cancel();
        Ok(Done::Changed)
    };
    let report = walked(&plan, &options, &mut (), &perform);
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
    let perform = |_: &Step, _: &StepContext<'_>| {
        cancel.cancel();
        Ok(Done::Changed)
    };
    let report = walked(&plan, &options, &mut (), &perform);
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
    let perform = |_: &Step, _: &StepContext<'_>| Err(failure("no"));
    let report = walked(&plan, &options, &mut (), &perform);
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
    let perform = |step: &Step, _: &StepContext<'_>| {
        let known = synced.lock().unwrap().contains(&step.id.to_string());
        assert!(known, "{} started unannounced", step.id);
        Ok(Done::Changed)
    };
    let report = walked(&plan, &jobs(4), &mut observer, &perform);
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
    let perform = |_: &Step, _: &StepContext<'_>| Ok(Done::Changed);
    let report = walked(&plan, &jobs(2), &mut Broken, &perform);
    assert_eq!(report.summary.changed, 2);
    assert!(report.problems[0].contains("observer broke"));
}
