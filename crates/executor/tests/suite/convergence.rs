//! However a run goes, the next one brings the host to the same end.

use phoenix_executor::apply;
use phoenix_executor::event::{Event, Observer, Outcome};
use phoenix_executor::journal::{self, Journal, JournalHeader};
use phoenix_executor::options::Cancel;
use phoenix_executor::report::text;
use phoenix_host::Host;
use phoenix_host::command::{Command, Effect, Output};
use phoenix_planner::observed::Observed;
use phoenix_sim::{Fault, FaultKind, SimHost};

use crate::support::{
    EVERYTHING, Events, Interposed, config, look, options, outcome, plan, run, set_up,
};

/// The end state of an undisturbed run.
fn ideal() -> Observed {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    set_up(&config, &host);
    look(&config, &host)
}

#[test]
fn the_first_run_makes_everything_and_the_second_has_nothing_to_do() {
    let config = config(EVERYTHING);
    for jobs in [1, 16] {
        let host = SimHost::fresh();
        let first = plan(&config, &host);
        let report = apply(&first, &host, &options(jobs), &mut ()).unwrap();
        assert!(report.is_success(), "{:#?}", report.outcomes);
        assert_eq!(report.summary.changed, first.steps.len());
        let writes = host.writes().len();
        let second = plan(&config, &host);
        assert_eq!(
            (&second.steps[..], &second.refusals[..]),
            (&[][..], &[][..])
        );
        assert_eq!(look(&config, &host), ideal(), "{jobs} jobs");
        assert_eq!(host.writes().len(), writes, "looking changes nothing");
    }
}

#[test]
fn a_step_that_somebody_else_has_done_changes_nothing() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    let first = plan(&config, &host);
    run(&first, &host);
    let (state, writes) = (host.state(), host.writes().len());
    let report = run(&first, &host);
    for (id, step) in &report.outcomes {
        assert_eq!(step.outcome, Outcome::Unchanged, "{id}: {:?}", step.error);
    }
    assert_eq!(host.state(), state);
    // The creating command itself is the question whether the object exists.
    let asks = |write: &&String| write.starts_with("zfs create") || write.starts_with("pvesm add");
    assert_eq!(
        host.writes()[writes..].iter().find(|write| !asks(write)),
        None
    );
}

/// Proxmox runs `zfs mount -a` whenever it looks at a ZFS storage: what was just made is busy then,
/// and mounted a moment later by somebody else, or not.
#[test]
fn somebody_else_may_mount_what_was_just_made() {
    for everybody_is_faster in [true, false] {
        let (config, host) = (config(EVERYTHING), SimHost::fresh());
        let racing = Interposed {
            host: &host,
            answer: |command: &Command| {
                let typed = command.to_string();
                let reasons = [
                    (
                        "zfs create",
                        "dataset is busy\nfilesystem successfully created, but not mounted",
                    ),
                    ("zpool create", "dataset is busy"),
                    ("zfs mount", "filesystem already mounted"),
                ];
                let is_it = |(words, _): &(&str, _)| typed.starts_with(words);
                let (words, reason) = reasons.into_iter().find(is_it)?;
                let before = host.state().mounts;
                let answer = host.run(command).unwrap();
                if host.state().mounts == before {
                    return Some(answer);
                }
                if words != "zfs mount" && !everybody_is_faster {
                    host.edit(|state| state.mounts = before).unwrap();
                }
                Some(Output::failure(1, format!("cannot mount 'x': {reason}\n")))
            },
        };
        let report = run(&plan(&config, &host), &racing);
        assert_eq!(report.summary.failed, 0, "{}", text(&report, &|_| None));
        assert_eq!(look(&config, &host), ideal());
    }
}

#[test]
fn a_power_cut_after_any_write_is_made_good_by_the_next_run() {
    let (config, ideal) = (config(EVERYTHING), ideal());
    let undisturbed = SimHost::fresh();
    set_up(&config, &undisturbed);
    let writes = undisturbed.writes().len() as u64;
    for jobs in [1, 4] {
        for cut in 0..writes {
            let host = SimHost::fresh();
            let first = plan(&config, &host);
            host.fail_after(cut);
            let report = apply(&first, &host, &options(jobs), &mut ()).unwrap();
            assert!(
                !report.is_success(),
                "the plug was pulled after {cut} writes"
            );
            host.fail_after(u64::MAX);
            set_up(&config, &host);
            assert_eq!(
                look(&config, &host),
                ideal,
                "cut after {cut} writes, {jobs} jobs"
            );
        }
    }
}

#[test]
fn a_command_that_never_answers_is_made_good_by_the_next_run() {
    let (config, ideal) = (config(EVERYTHING), ideal());
    let undisturbed = SimHost::fresh();
    set_up(&config, &undisturbed);
    for kind in [FaultKind::Fail, FaultKind::Hang, FaultKind::Late] {
        for pattern in undisturbed.writes() {
            let host = SimHost::fresh();
            let fault = Fault {
                pattern: pattern.clone(),
                nth: 1,
                kind,
            };
            host.add_fault(fault).unwrap();
            let first = plan(&config, &host);
            run(&first, &host);
            host.edit(|state| state.faults.clear()).unwrap();
            set_up(&config, &host);
            assert_eq!(look(&config, &host), ideal, "{kind:?} of {pattern}");
        }
    }
}

/// Throws the switch when the first step has ended.
struct StopAfterFirst(Cancel);

impl Observer for StopAfterFirst {
    fn event(&mut self, event: &Event) {
        if matches!(event, Event::StepFinished { .. }) {
            self.0.cancel();
        }
    }
}

#[test]
fn a_cancelled_run_stops_between_steps_and_the_next_run_ends_it() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    let first = plan(&config, &host);
    let options = options(1);
    let mut observer = StopAfterFirst(options.cancel.clone());
    let report = apply(&first, &host, &options, &mut observer).unwrap();
    assert!(report.interrupted);
    assert_eq!(report.summary.changed, 1);
    assert_eq!(report.summary.not_started, first.steps.len() - 1);
    set_up(&config, &host);
    assert_eq!(look(&config, &host), ideal());
}

#[test]
fn one_changed_property_is_one_command() {
    let host = SimHost::fresh();
    set_up(&config(EVERYTHING), &host);
    let config = config(&EVERYTHING.replace("800G", "900G"));
    let writes = host.writes().len();
    let report = run(&plan(&config, &host), &host);
    assert_eq!(
        outcome(&report, "dataset:quickOS/vm").outcome,
        Outcome::Changed
    );
    let quotes_aside: Vec<String> = host.writes()[writes..]
        .iter()
        .map(|write| write.replace('\'', ""))
        .collect();
    assert_eq!(quotes_aside, ["zfs set quota=966367641600 quickOS/vm"]);
}

#[test]
fn the_journal_holds_every_write_of_the_run() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    let directory = tempfile::tempdir().unwrap();
    let directory = camino::Utf8Path::from_path(directory.path()).unwrap();
    let first = plan(&config, &host);
    let header = JournalHeader {
        phoenix: "0.1.0".to_owned(),
        argv: vec!["phoenix".to_owned()],
        plan: first.id.clone(),
        node: first.node.clone(),
    };
    let mut journal = Journal::create(directory, &header).unwrap();
    let mut events = Events::default();
    let mut both = phoenix_executor::event::Tee(&mut journal, &mut events);
    apply(&first, &host, &options(1), &mut both).unwrap();
    let text = std::fs::read_to_string(journal.path()).unwrap();
    let recording = journal::parse(&text).unwrap();
    assert_eq!(recording.unreadable, []);
    assert_eq!(recording.events, events.0);
    let own = ["write-file", "write-parameter", "set-permissions"];
    let journalled: Vec<Vec<String>> = recording
        .events
        .into_iter()
        .filter_map(|event| match event {
            Event::StepCommand {
                argv,
                code: Some(0),
                ..
            } => Some(argv),
            _ => None,
        })
        .collect();
    let (ours, programs): (Vec<_>, Vec<_>) = journalled
        .into_iter()
        .partition(|argv| own.contains(&argv[0].as_str()));
    let is_write = |command: &Command| command.effect == Effect::Write;
    let run: Vec<Vec<String>> = host
        .commands()
        .iter()
        .filter(|command| is_write(command))
        .map(Command::argv)
        .collect();
    assert_eq!(programs, run);
    assert_eq!(ours.len() + run.len(), host.writes().len());
}
