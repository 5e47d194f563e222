//! What happens during an apply, one event at a time.
//!
//! The same events go to the library's observer, to the journal and to `--format json`; their
//! schema is committed as `schema/event.v1.schema.json`.

use phoenix_config::address::Address;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::code::StepCode;

/// The version of the event format.
pub const FORMAT: u32 = 1;

/// One thing that happened. Times are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The first event: a plan is being applied.
    ApplyStart {
        /// The version of this format.
        format: u32,
        /// The plan's id.
        plan: String,
        /// The host's name.
        node: String,
        /// How many steps the plan has.
        steps: usize,
        /// When.
        time: String,
    },
    /// A step begins.
    StepStart {
        /// The object's address.
        id: Address,
        /// When.
        time: String,
    },
    /// A command of a step has ended. Only commands that may change the host are reported.
    StepCommand {
        /// The object's address.
        id: Address,
        /// Program and arguments. What phoenix does without a program is told in the same shape:
        /// `write-file PATH`, `write-parameter PATH VALUE`, `set-permissions PATH [uid=N] [gid=N]
        /// [mode=OCTAL]`.
        argv: Vec<String>,
        /// The exit code; `None` when it did not end by itself or could not be done.
        code: Option<i32>,
        /// How long it took, in milliseconds.
        milliseconds: u64,
    },
    /// A step has ended, or will not be done. Refused objects are told of right after the start.
    StepFinished {
        /// The object's address.
        id: Address,
        /// How it ended.
        outcome: Outcome,
        /// For a failed step and for a refused object: why, and the way out where one is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Failure>,
        /// For a blocked step: the failed or refused objects at the root of it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        blocked_by: Vec<Address>,
        /// How long it took, in milliseconds.
        milliseconds: u64,
    },
    /// The last event.
    ApplyFinished {
        /// What came of it.
        summary: Summary,
        /// Whether the user stopped it.
        interrupted: bool,
        /// How long everything took, in milliseconds.
        milliseconds: u64,
        /// When.
        time: String,
    },
}

/// How a step ended.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Changed,
    /// Somebody else had done it since the plan was made.
    Unchanged,
    /// It was tried and failed.
    Failed,
    /// Something that it needs failed or is refused.
    Blocked,
    /// The run was stopped before its turn.
    NotStarted,
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// Why, for programs. Runs from before there were codes have none.
    #[serde(default)]
    pub code: StepCode,
    /// One clear sentence.
    pub message: String,
    /// The way out, if phoenix knows one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// What the tool printed, word for word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// An apply in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Objects made or changed.
    pub changed: usize,
    /// Objects that already were as the file says.
    pub unchanged: usize,
    /// Objects that failed.
    pub failed: usize,
    /// Objects that wait for a failed or refused one, refused ones included.
    pub blocked: usize,
    /// Objects whose turn did not come before the run was stopped.
    pub not_started: usize,
}

impl Summary {
    /// Counts one object.
    pub(crate) fn count(&mut self, outcome: Outcome) {
        let count = match outcome {
            Outcome::Changed => &mut self.changed,
            Outcome::Unchanged => &mut self.unchanged,
            Outcome::Failed => &mut self.failed,
            Outcome::Blocked => &mut self.blocked,
            Outcome::NotStarted => &mut self.not_started,
        };
        *count += 1;
    }
}

/// Receives events in order, on the thread that called `apply`.
///
/// An observer that panics is not called again; the apply goes on without it and says so in its
/// report.
pub trait Observer {
    /// Something happened.
    fn event(&mut self, event: &Event);

    /// Steps that were announced are about to start: what was told so far has to be where it
    /// survives a power cut, if it is meant to. Called once for all events that came together, and
    /// at the end.
    fn sync(&mut self) {}

    /// What has kept the observer from doing its work, asked once at the end for the report.
    fn problem(&self) -> Option<String> {
        None
    }
}

/// Ignores everything.
impl Observer for () {
    fn event(&mut self, _: &Event) {}
}

/// Hands every event to two observers, one after the other.
#[derive(Debug)]
pub struct Tee<A, B>(pub A, pub B);

impl<A: Observer, B: Observer> Observer for Tee<A, B> {
    fn event(&mut self, event: &Event) {
        self.0.event(event);
        self.1.event(event);
    }

    fn sync(&mut self) {
        self.0.sync();
        self.1.sync();
    }

    fn problem(&self) -> Option<String> {
        match (self.0.problem(), self.1.problem()) {
            (Some(first), Some(second)) => Some(format!("{first}; {second}")),
            (first, second) => first.or(second),
        }
    }
}

/// An observer that is only lent.
impl<O: Observer + ?Sized> Observer for &mut O {
    fn event(&mut self, event: &Event) {
        (**self).event(event);
    }

    fn sync(&mut self) {
        (**self).sync();
    }

    fn problem(&self) -> Option<String> {
        (**self).problem()
    }
}

/// An observer that may be there.
impl<O: Observer> Observer for Option<O> {
    fn event(&mut self, event: &Event) {
        if let Some(observer) = self {
            observer.event(event);
        }
    }

    fn sync(&mut self) {
        if let Some(observer) = self {
            observer.sync();
        }
    }

    fn problem(&self) -> Option<String> {
        self.as_ref().and_then(Observer::problem)
    }
}

/// The JSON Schema of one event, committed as `schema/event.v1.schema.json`.
pub fn event_schema() -> serde_json::Value {
    schemars::schema_for!(Event).to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_is_that_of_the_types() {
        let committed = include_str!("../../../schema/event.v1.schema.json");
        let committed: serde_json::Value = serde_json::from_str(committed).unwrap();
        assert!(
            committed == event_schema(),
            "schema/event.v1.schema.json is old: run cargo xtask schema"
        );
    }

    #[test]
    fn two_observers_tell_both_of_their_problems() {
        struct Broken(Option<&'static str>);
        impl Observer for Broken {
            fn event(&mut self, _: &Event) {}
            fn problem(&self) -> Option<String> {
                self.0.map(str::to_owned)
            }
        }
        for (first, second, both) in [
            (None, None, None),
            (Some("a"), None, Some("a")),
            (None, Some("b"), Some("b")),
            (Some("a"), Some("b"), Some("a; b")),
        ] {
            let told = Tee(Broken(first), Some(Broken(second))).problem();
            assert_eq!(told.as_deref(), both);
        }
    }
}
