//! What came of an apply: the outcome of every object, as data and as text.
//!
//! Filled by the coordinator in `run`; decides nothing about exit codes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use phoenix_config::address::Address;
use phoenix_planner::plan::Plan;
use serde::Serialize;

use crate::event::{Failure, Outcome, Summary};

/// The result of an apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The plan's id.
    pub plan: String,
    /// The outcome of every step and of every refused object.
    pub outcomes: BTreeMap<Address, StepOutcome>,
    /// The outcomes in numbers.
    pub summary: Summary,
    /// Whether the caller's cancel switch kept steps from starting.
    pub interrupted: bool,
    /// How long everything took.
    pub milliseconds: u64,
    /// What kept observers from doing their work, such as a journal on a full disk. The host is
    /// not affected by it.
    pub problems: Vec<String>,
}

/// What came of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepOutcome {
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed or is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// What it waits for: the failed or refused objects at the root of it. Empty for an object that
    /// is refused itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blocked_by: Vec<Address>,
    /// How long it took.
    pub milliseconds: u64,
}

impl StepOutcome {
    /// An outcome without a story.
    pub(crate) fn plain(outcome: Outcome) -> Self {
        Self {
            outcome,
            error: None,
            blocked_by: Vec::new(),
            milliseconds: 0,
        }
    }
}

impl Report {
    /// An empty report on `plan`.
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            plan: plan.id.clone(),
            outcomes: BTreeMap::new(),
            summary: Summary::default(),
            interrupted: false,
            milliseconds: 0,
            problems: Vec::new(),
        }
    }

    /// Adds the outcome of one object.
    pub(crate) fn record(&mut self, id: Address, outcome: StepOutcome) {
        self.summary.count(outcome.outcome);
        self.outcomes.insert(id, outcome);
    }

    /// Whether every step was done and nothing was refused.
    pub fn is_success(&self) -> bool {
        let Summary {
            failed,
            blocked,
            not_started,
            ..
        } = self.summary;
        failed + blocked + not_started == 0
    }

    /// The objects that ended as `outcome`, by address.
    pub fn with_outcome(&self, outcome: Outcome) -> impl Iterator<Item = (&Address, &StepOutcome)> {
        self.outcomes
            .iter()
            .filter(move |(_, step)| step.outcome == outcome)
    }

    /// Objects that wait, grouped by what they wait for.
    pub fn blocked_by_cause(&self) -> BTreeMap<&[Address], Vec<&Address>> {
        let mut groups: BTreeMap<&[Address], Vec<&Address>> = BTreeMap::new();
        for (id, step) in self.with_outcome(Outcome::Blocked) {
            if !step.blocked_by.is_empty() {
                groups.entry(&step.blocked_by).or_default().push(id);
            }
        }
        groups
    }
}

/// The report as plain text for people: failures first with what the tools said, then what is
/// refused and what waits for whom, then the numbers. `place` says where the file asks for an
/// object, as `FILE:LINE:COLUMN`, if the caller knows.
pub fn text(report: &Report, place: &dyn Fn(&Address) -> Option<String>) -> String {
    let mut out = String::new();
    for (id, step) in report.with_outcome(Outcome::Failed) {
        story(&mut out, "failed", id, step, place(id));
    }
    for (id, step) in report.with_outcome(Outcome::Blocked) {
        if step.blocked_by.is_empty() {
            story(&mut out, "refused", id, step, place(id));
        }
    }
    for (causes, waiting) in report.blocked_by_cause() {
        let _ = writeln!(out, "blocked by {}:", list(causes.iter()));
        for id in waiting {
            let _ = writeln!(out, "  {id}");
        }
    }
    let not_started: Vec<_> = report.with_outcome(Outcome::NotStarted).collect();
    if !not_started.is_empty() {
        let _ = writeln!(out, "not started:");
        for (id, _) in not_started {
            let _ = writeln!(out, "  {id}");
        }
    }
    for problem in &report.problems {
        let _ = writeln!(out, "warning: {problem}");
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out.push_str(&totals(report));
    out
}

fn story(out: &mut String, word: &str, id: &Address, step: &StepOutcome, place: Option<String>) {
    let _ = match place {
        Some(place) => writeln!(out, "{word} {id}, which {place} asks for"),
        None => writeln!(out, "{word} {id}"),
    };
    let Some(error) = &step.error else {
        return;
    };
    let _ = writeln!(out, "  {} [{}]", error.message, error.code);
    for line in error.detail.iter().flat_map(|detail| detail.lines()) {
        let _ = writeln!(out, "  | {line}");
    }
    if let Some(help) = &error.help {
        let _ = writeln!(out, "  help: {help}");
    }
}

fn totals(report: &Report) -> String {
    let Summary {
        changed,
        unchanged,
        failed,
        blocked,
        not_started,
    } = report.summary;
    let word = if report.interrupted {
        "Interrupted"
    } else {
        "Applied"
    };
    let mut line = format!("{word}: {changed} changed, {unchanged} unchanged, {failed} failed");
    let _ = write!(line, ", {blocked} blocked");
    if not_started > 0 {
        let _ = write!(line, ", {not_started} not started");
    }
    line.push_str(".\n");
    line
}

fn list<'a>(ids: impl Iterator<Item = &'a Address>) -> String {
    let texts: Vec<String> = ids.map(ToString::to_string).collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use phoenix_planner::refusal::RefusalCode;

    use super::*;
    use crate::code::{FailureCode, StepCode};

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn failures_come_first_and_what_waits_is_grouped_by_cause() {
        let mut report = Report {
            plan: "p".to_owned(),
            outcomes: BTreeMap::new(),
            summary: Summary::default(),
            interrupted: false,
            milliseconds: 0,
            problems: vec!["the journal stopped".to_owned()],
        };
        let error = |code: StepCode, message: &str, detail: Option<&str>| StepOutcome {
            error: Some(Failure {
                code,
                message: message.to_owned(),
                help: Some("free some space".to_owned()),
                detail: detail.map(ToOwned::to_owned),
            }),
            ..StepOutcome::plain(Outcome::Failed)
        };
        let blocked = |by: &[&str]| StepOutcome {
            blocked_by: by.iter().map(|id| address(id)).collect(),
            ..StepOutcome::plain(Outcome::Blocked)
        };
        report.record(address("pool:a"), StepOutcome::plain(Outcome::Changed));
        report.record(address("storage:y"), blocked(&["dataset:a/y"]));
        report.record(address("export:/a/y"), blocked(&["dataset:a/y"]));
        report.record(
            address("pool:b"),
            StepOutcome {
                outcome: Outcome::Blocked,
                ..error(
                    StepCode::Refused(RefusalCode::DiskNotEmpty),
                    "pool \"b\" is in the way",
                    None,
                )
            },
        );
        report.record(
            address("dataset:a/y"),
            error(
                StepCode::Failed(FailureCode::NoSpace),
                "cannot make a/y",
                Some("line 1\nline 2\n"),
            ),
        );
        report.record(
            address("dataset:a/z"),
            StepOutcome::plain(Outcome::NotStarted),
        );
        let expected = "\
failed dataset:a/y, which host.json:7:3 asks for
  cannot make a/y [phoenix::failed::no-space]
  | line 1
  | line 2
  help: free some space
refused pool:b
  pool \"b\" is in the way [phoenix::refused::disk-not-empty]
  help: free some space
blocked by dataset:a/y:
  storage:y
  export:/a/y
not started:
  dataset:a/z
warning: the journal stopped

Applied: 1 changed, 0 unchanged, 1 failed, 3 blocked, 1 not started.
";
        let place = |id: &Address| (id == &address("dataset:a/y")).then(|| "host.json:7:3".into());
        assert_eq!(text(&report, &place), expected);
        assert!(!report.is_success());
    }
}
