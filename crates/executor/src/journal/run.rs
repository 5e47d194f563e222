//! What a journal says about its run: how it ended, and what became of each object.
//!
//! Plain data for the reader, made from the events alone; how it is shown is the caller's business.

use std::collections::BTreeMap;

use phoenix_config::address::Address;
use serde::Serialize;

use super::{Recording, Unreadable};
use crate::event::{Event, Failure, Outcome, Summary};

/// One run, as its journal tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    /// When it began, RFC 3339 in UTC.
    pub time: String,
    /// The host's name.
    pub node: String,
    /// The version of phoenix.
    pub phoenix: String,
    /// How phoenix was called.
    pub argv: Vec<String>,
    /// The plan's id.
    pub plan: String,
    /// How it ended.
    pub ending: Ending,
    /// What came of it; of an unfinished run, what had come of it so far.
    pub summary: Summary,
    /// How long it took, in milliseconds; absent for an unfinished run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u64>,
    /// Every object with an event, in the order of their first ones.
    pub steps: Vec<RunStep>,
    /// Lines that could not be understood and are left out.
    pub unreadable: Vec<Unreadable>,
    /// Whether the last line is torn, and left out.
    pub torn: bool,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Everything was done.
    Done,
    /// Nothing failed, and something was refused.
    Refused,
    /// Something failed.
    Failed,
    /// The user stopped it.
    Interrupted,
    /// The journal has no end: the run still goes on, or it was killed, or power went.
    Unfinished,
}

impl Ending {
    /// The ending in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Unfinished => "unfinished",
        }
    }
}

/// One object of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunStep {
    /// The object's address.
    pub id: Address,
    /// How it ended; `null` when the journal ends before: what its last command did is unknown.
    pub outcome: Option<Outcome>,
    /// When it was begun; absent for what never was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
    /// What was run that may have changed the host.
    pub commands: Vec<RunCommand>,
    /// Why it failed or was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// What it waited for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blocked_by: Vec<Address>,
}

/// See [`Event::StepCommand`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are those of the event")]
pub struct RunCommand {
    pub argv: Vec<String>,
    pub code: Option<i32>,
    pub milliseconds: u64,
}

impl Run {
    /// What a recording says.
    pub fn new(recording: Recording) -> Self {
        let Recording {
            header,
            time,
            events,
            unreadable,
            torn,
        } = recording;
        let mut story = Story::default();
        for event in events {
            story.add(event);
        }
        Self {
            time,
            node: header.node,
            phoenix: header.phoenix,
            argv: header.argv,
            plan: header.plan,
            ending: story.ending(),
            summary: story.summary,
            milliseconds: story.end.map(|end| end.milliseconds),
            steps: story.steps(),
            unreadable,
            torn,
        }
    }
}

/// What the events up to now say.
#[derive(Default)]
struct Story {
    steps: BTreeMap<Address, RunStep>,
    /// The objects in the order of their first events.
    order: Vec<Address>,
    summary: Summary,
    end: Option<End>,
}

#[derive(Clone, Copy)]
struct End {
    interrupted: bool,
    milliseconds: u64,
}

impl Story {
    fn add(&mut self, event: Event) {
        match event {
            Event::ApplyStart { .. } => {}
            Event::StepStart { id, time } => self.step(&id).time = Some(time),
            Event::StepCommand {
                id,
                argv,
                code,
                milliseconds,
            } => self.step(&id).commands.push(RunCommand {
                argv,
                code,
                milliseconds,
            }),
            Event::StepFinished {
                id,
                outcome,
                error,
                blocked_by,
                milliseconds,
            } => {
                self.summary.count(outcome);
                let step = self.step(&id);
                step.outcome = Some(outcome);
                step.error = error;
                step.blocked_by = blocked_by;
                step.milliseconds = milliseconds;
            }
            Event::ApplyFinished {
                summary,
                interrupted,
                milliseconds,
                ..
            } => {
                self.summary = summary;
                self.end = Some(End {
                    interrupted,
                    milliseconds,
                });
            }
        }
    }

    fn step(&mut self, id: &Address) -> &mut RunStep {
        self.steps.entry(id.clone()).or_insert_with(|| {
            self.order.push(id.clone());
            RunStep {
                id: id.clone(),
                outcome: None,
                time: None,
                milliseconds: 0,
                commands: Vec::new(),
                error: None,
                blocked_by: Vec::new(),
            }
        })
    }

    fn steps(mut self) -> Vec<RunStep> {
        let order = std::mem::take(&mut self.order);
        order
            .iter()
            .filter_map(|id| self.steps.remove(id))
            .collect()
    }

    fn ending(&self) -> Ending {
        match self.end {
            None => Ending::Unfinished,
            Some(end) if end.interrupted => Ending::Interrupted,
            Some(_) if self.summary.failed > 0 => Ending::Failed,
            Some(_) if self.summary.not_started > 0 => Ending::Interrupted,
            Some(_) if self.summary.blocked > 0 => Ending::Refused,
            Some(_) => Ending::Done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::parse;

    const FIRST: &str = r#"{"journal":1,"phoenix":"0.1.0","argv":["phoenix","apply"],"plan":"ab","node":"pve","time":"2026-01-01T00:00:00Z"}"#;
    const COMMAND: &str = r#"{"type":"step_command","id":"dataset:t/a","argv":["zfs","create","t/a"],"code":0,"milliseconds":3}"#;

    fn finished(id: &str, outcome: &str) -> String {
        format!(r#"{{"type":"step_finished","id":"{id}","outcome":"{outcome}","milliseconds":9}}"#)
    }

    fn end(failed: usize, blocked: usize, interrupted: bool) -> String {
        format!(
            r#"{{"type":"apply_finished","summary":{{"changed":1,"unchanged":0,"failed":{failed},"blocked":{blocked},"not_started":0}},"interrupted":{interrupted},"milliseconds":12,"time":""}}"#
        )
    }

    fn run(lines: &[String]) -> Run {
        let text = format!("{FIRST}\n{}\n", lines.join("\n"));
        Run::new(parse(&text).unwrap())
    }

    #[test]
    fn the_ending_is_told_by_the_last_event() {
        for (last, ending) in [
            (end(0, 0, false), Ending::Done),
            (end(0, 2, false), Ending::Refused),
            (end(1, 2, false), Ending::Failed),
            (end(1, 2, true), Ending::Interrupted),
            (finished("dataset:t/b", "failed"), Ending::Unfinished),
        ] {
            let run = run(&[COMMAND.to_owned(), last]);
            assert_eq!(run.ending, ending);
        }
    }

    #[test]
    fn a_run_that_was_cut_off_says_what_was_done_and_what_is_unknown() {
        let run = run(&[
            COMMAND.to_owned(),
            finished("pool:t", "unchanged"),
            r#"{"type":"step_start","id":"dataset:t/b","time":"now"}"#.to_owned(),
            finished("dataset:t/a", "changed"),
        ]);
        assert_eq!((run.summary.changed, run.summary.unchanged), (1, 1));
        assert_eq!(run.milliseconds, None);
        let steps: Vec<_> = run
            .steps
            .iter()
            .map(|step| (step.id.to_string(), step.outcome, step.commands.len()))
            .collect();
        let expected = [
            ("dataset:t/a".to_owned(), Some(Outcome::Changed), 1),
            ("pool:t".to_owned(), Some(Outcome::Unchanged), 0),
            ("dataset:t/b".to_owned(), None, 0),
        ];
        assert_eq!(steps, expected);
    }
}
