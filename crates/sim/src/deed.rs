//! What was done to a simulated host, as a value that can be kept and done again.
//!
//! Owns the line of the journal. The simulator has no clock and no chance in it, so that the same
//! deeds on the same state always end in the same state.

use phoenix_host::Change;
use phoenix_host::command::Command;
use serde::{Deserialize, Serialize};

use super::fault;
use super::state::State;

/// See the module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Deed {
    /// A command was run.
    Run(Command),
    /// Something that is no command was changed.
    Change(Change),
    /// Faults that wait for such a command have counted it.
    Fault(String),
}

impl Deed {
    /// Does it to a state. What came of it was told when it was done for the first time.
    pub(super) fn again(&self, state: &mut State) {
        match self {
            Self::Run(command) => {
                let _ = super::act(state, command);
            }
            Self::Change(change) => {
                let _ = super::make(state, change);
            }
            Self::Fault(typed) => {
                fault::take(&mut state.faults, typed);
            }
        }
    }
}
