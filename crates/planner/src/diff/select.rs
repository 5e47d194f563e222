//! `--target` and `--exclude`: which objects a plan is about.

use std::collections::BTreeSet;

use phoenix_config::address::Address;
use phoenix_config::model::Config;

use crate::graph::Graph;
use crate::object::objects;

/// The objects that a plan is about.
pub(super) struct Selection {
    /// `None` means every object.
    included: Option<BTreeSet<Address>>,
    excluded: BTreeSet<Address>,
}

impl Selection {
    /// The targets with everything that they need, without the excludes and everything that
    /// needs those. No target means everything.
    pub(super) fn new(graph: &Graph, targets: &[Address], excludes: &[Address]) -> Self {
        Self {
            included: (!targets.is_empty()).then(|| graph.with_dependencies(targets)),
            excluded: graph.with_dependents(excludes),
        }
    }

    pub(super) fn contains(&self, address: &Address) -> bool {
        let included = self.included.as_ref();
        included.is_none_or(|included| included.contains(address))
            && !self.excluded.contains(address)
    }
}

/// Those of `addresses` that `config` does not declare, each with the declared address that looks
/// most like it, if any looks like it at all.
pub fn unknown_addresses(
    config: &Config,
    addresses: &[Address],
) -> Vec<(Address, Option<Address>)> {
    let known = objects(config);
    addresses
        .iter()
        .filter(|address| !known.contains_key(address))
        .map(|address| (address.clone(), nearest(address, known.keys())))
        .collect()
}

/// The most similar address, the case of letters apart, if at least two thirds of it agree.
fn nearest<'a>(address: &Address, known: impl Iterator<Item = &'a Address>) -> Option<Address> {
    let text = address.to_string().to_lowercase();
    let similarity = |known: &Address| {
        strsim::normalized_damerau_levenshtein(&text, &known.to_string().to_lowercase())
    };
    known
        .map(|known| (similarity(known), known))
        .filter(|(similarity, _)| *similarity >= 2.0 / 3.0)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known.clone())
}
