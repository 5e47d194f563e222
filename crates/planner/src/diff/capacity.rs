//! What the file promises against what the disks of this host hold.

use phoenix_config::address::Address;
use phoenix_config::model::Config;

use crate::observed::Observed;
use crate::plan::Note;

/// A note for each pool whose datasets may together grow beyond it, judged by the disks' real sizes.
pub(super) fn notes(_config: &Config, _observed: &Observed) -> Vec<(Address, Note)> {
    Vec::new()
}
