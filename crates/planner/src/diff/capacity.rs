//! What the file promises against what the disks of this host really hold.

use std::collections::BTreeMap;

use phoenix_config::address::Address;
use phoenix_config::check::capacity;
use phoenix_config::diagnostic::Finding;
use phoenix_config::model::{Config, Dataset};
use phoenix_config::pointer::Pointer;

use crate::observed::Observed;
use crate::plan::Note;

/// A note for each pool whose datasets may together take more than it has, with the pool.
///
/// Sizes come from the disks, so they are known for pools that are still to be made, too.
pub(super) fn notes(config: &Config, observed: &Observed) -> Vec<(Address, Note)> {
    let size_of = |path: &str| observed.disks.get(path).map(|disk| disk.size);
    let datasets = config.datasets.iter();
    let datasets: BTreeMap<_, _> = datasets.map(|dataset| (&dataset.origin, dataset)).collect();
    capacity::check(config, &size_of)
        .into_iter()
        .filter_map(|finding| {
            let pool = pool_of(&finding, &datasets)?;
            Some((pool.clone(), note(pool, finding)))
        })
        .collect()
}

/// The pool of the dataset that the finding points at.
fn pool_of(finding: &Finding, datasets: &BTreeMap<&Pointer, &Dataset>) -> Option<Address> {
    let mut place = finding.places.first()?.pointer.clone();
    loop {
        if let Some(dataset) = datasets.get(&place) {
            return Some(Address::Pool(dataset.pool.clone()));
        }
        place = place.parent()?;
    }
}

fn note(pool: Address, finding: Finding) -> Note {
    Note {
        id: Some(pool),
        code: finding.code.to_string(),
        severity: finding.severity,
        message: finding.message,
        help: Some(finding.help).filter(|help| !help.is_empty()),
    }
}
