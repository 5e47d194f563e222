//! What the file promises against what the disks of this host really hold.

use phoenix_config::address::Address;
use phoenix_config::check::capacity;
use phoenix_config::diagnostic::Finding;
use phoenix_config::model::Config;

use crate::observed::Observed;
use crate::plan::Note;

/// A note for each pool whose datasets may together take more than it has, with the pool.
///
/// Sizes come from the disks, so they are known for pools that are still to be made, too.
pub(super) fn notes(config: &Config, observed: &Observed) -> Vec<(Address, Note)> {
    let size_of = |path: &str| observed.disks.get(path).map(|disk| disk.size);
    let overcommitted = capacity::check(config, &size_of).into_iter();
    overcommitted
        .map(|found| {
            let pool = Address::Pool(found.pool.name.clone());
            (pool.clone(), note(pool, found.finding))
        })
        .collect()
}

fn note(pool: Address, finding: Finding) -> Note {
    Note {
        id: Some(pool),
        code: finding.code,
        severity: finding.severity,
        message: finding.message,
        help: Some(finding.help).filter(|help| !help.is_empty()),
    }
}
