//! When the NFS server starts: phoenix's drop-in for its unit, and whether systemd has read it.

use super::export::no_server;
use super::facts::Facts;
use super::verdict::{Notes, Stop, Verdict, changed_field, refused, to_do};
use crate::boot_order::{AFTER, after, is_ours, text};
use crate::plan::{Action, Operation, SetBootOrder};
use crate::refusal::RefusalCode;

pub(super) fn diff(facts: &Facts<'_>, notes: &mut Notes) -> Verdict {
    let exports = &facts.observed.exports;
    if !exports.available {
        notes.add(no_server());
        return Err(Stop::Waiting);
    }
    let Some(live) = &exports.boot_order else {
        // A machine without systemd starts the server in a way that phoenix does not know.
        return Ok(None);
    };
    let path = &live.path;
    let wanted = text();
    let (action, before) = match &live.text {
        None => (Action::Create, None),
        Some(found) if is_ours(found) => (Action::Update, Some(after(found))),
        Some(_) => {
            return Err(refused(
                RefusalCode::FileOfOthers,
                format!("{path} exists and is not from phoenix"),
                format!(
                    "move it away, or put what it says into another file beside it: phoenix writes \
                     After={AFTER} there"
                ),
            ));
        }
    };
    let mut changes = Vec::new();
    if live.text.as_ref() != Some(&wanted) {
        changes.push(changed_field("After", before, AFTER));
    }
    if changes.is_empty() && !live.loaded {
        changes.push(changed_field("loaded", Some("no".to_owned()), "yes"));
    }
    if changes.is_empty() {
        return Ok(None);
    }
    let operation = SetBootOrder {
        path: path.clone(),
        text: wanted,
    };
    to_do(action, changes, Operation::SetBootOrder(operation))
}
