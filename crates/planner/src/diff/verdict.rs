//! What the comparison of one object with the host comes to.

use std::collections::BTreeMap;

use phoenix_config::address::Address;
use phoenix_config::code::Code;
use phoenix_config::diagnostic::Severity;
use phoenix_config::pointer::Pointer;
use phoenix_zfs::property::Value;

use crate::plan::{Action, Change, Note, Operation};
use crate::refusal::RefusalCode;

/// `Ok(None)`: the object is as the file says. `Ok(Some(_))`: it is to be made or changed.
pub(super) type Verdict = Result<Option<Box<Draft>>, Stop>;

/// A step before it has its place in a plan.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) action: Action,
    pub(super) changes: Vec<Change>,
    pub(super) operation: Operation,
}

/// Why an object can have no step.
#[derive(Debug)]
pub(super) enum Stop {
    /// It must not be done.
    Refused {
        /// Why, for programs.
        code: RefusalCode,
        /// Why, in one sentence.
        reason: String,
        /// The way out, in one sentence.
        help: String,
        /// The place in the file, where it is not the whole object.
        at: Option<Pointer>,
    },
    /// It cannot be done yet, and that is no fault; a note says why.
    Waiting,
}

/// The verdict that the object is to be made.
pub(super) fn create(changes: Vec<Change>, operation: Operation) -> Verdict {
    to_do(Action::Create, changes, operation)
}

/// The verdict that the object is to be changed.
pub(super) fn update(changes: Vec<Change>, operation: Operation) -> Verdict {
    to_do(Action::Update, changes, operation)
}

/// The verdict that something is to be done.
pub(super) fn to_do(action: Action, changes: Vec<Change>, operation: Operation) -> Verdict {
    Ok(Some(Box::new(Draft {
        action,
        changes,
        operation,
    })))
}

/// The reason not to do something.
pub(super) fn refused(
    code: RefusalCode,
    reason: impl Into<String>,
    help: impl Into<String>,
) -> Stop {
    stop(None, code, reason.into(), help.into())
}

/// The reason not to do something, which stands at one place of the object.
pub(super) fn refused_at(
    at: &Pointer,
    code: RefusalCode,
    reason: impl Into<String>,
    help: impl Into<String>,
) -> Stop {
    stop(Some(at.clone()), code, reason.into(), help.into())
}

fn stop(at: Option<Pointer>, code: RefusalCode, reason: String, help: String) -> Stop {
    Stop::Refused {
        code,
        reason,
        help,
        at,
    }
}

/// A field that the object gets when it is made.
pub(super) fn new_field(field: impl Into<String>, after: impl Into<Value>) -> Change {
    changed_field(field, None::<Value>, after)
}

/// A field that differs.
pub(super) fn changed_field(
    field: impl Into<String>,
    before: Option<impl Into<Value>>,
    after: impl Into<Value>,
) -> Change {
    Change {
        field: field.into(),
        before: before.map(Into::into),
        after: after.into(),
        source: None,
        default: false,
    }
}

/// The notes of a plan: at most one for an object and a code.
#[derive(Debug, Default)]
pub(super) struct Notes(BTreeMap<(Option<Address>, &'static str), Note>);

impl Notes {
    /// Adds a note. One about no object in particular may be added again and again.
    pub(super) fn add(&mut self, note: Note) {
        self.0.insert((note.id.clone(), note.code.as_str()), note);
    }

    /// Adds a note about `address`.
    pub(super) fn about(
        &mut self,
        address: Address,
        severity: Severity,
        code: Code,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.add(Note {
            id: Some(address),
            code,
            severity,
            message: message.into(),
            help: Some(help.into()),
        });
    }

    /// The notes, those about the whole host first, then by address.
    pub(super) fn sorted(self) -> Vec<Note> {
        self.0.into_values().collect()
    }
}
