//! Where each dataset will be mounted, own mountpoint or inherited.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::properties::stored_value;
use crate::model::{Dataset, Pool, Properties};

/// Fills [`Dataset::mountpoint`] of every dataset.
///
/// A dataset inherits `mountpoint` from its parent and adds its own name (zfsprops(7)); `none` and
/// `legacy` are inherited as they are. `canmount` is not inherited, so below a dataset with
/// `canmount=off` others are mounted.
pub(super) fn fill(pools: &[Pool], datasets: &mut [Dataset]) {
    let mut bases: BTreeMap<String, Option<Utf8PathBuf>> = BTreeMap::new();
    for pool in pools {
        let own = own(&pool.root_properties);
        let base = own.unwrap_or_else(|| Some(Utf8Path::new("/").join(&pool.name)));
        bases.insert(pool.name.clone(), base);
    }
    let mut order: Vec<&mut Dataset> = datasets.iter_mut().collect();
    // Parents sort before their children.
    order.sort_by(|a, b| a.name.cmp(&b.name));
    for dataset in order {
        let base = match own(&dataset.properties) {
            Some(own) => own,
            None => inherited(&bases, &dataset.name),
        };
        let is_mounted = !dataset.is_volume()
            && !matches!(
                stored_value(&dataset.properties, "canmount"),
                Some("off" | "noauto")
            );
        dataset.mountpoint = base.clone().filter(|_| is_mounted);
        bases.insert(dataset.name.clone(), base);
    }
}

/// The mountpoint that the properties set; `Some(None)` for `none` and `legacy`.
fn own(properties: &Properties) -> Option<Option<Utf8PathBuf>> {
    let value = stored_value(properties, "mountpoint")?;
    Some(match value {
        "none" | "legacy" => None,
        path => Some(Utf8PathBuf::from(path)),
    })
}

/// The mountpoint from the nearest declared ancestor, or from the pool's name if not even the pool
/// is declared.
fn inherited(bases: &BTreeMap<String, Option<Utf8PathBuf>>, name: &str) -> Option<Utf8PathBuf> {
    let mut ancestor = name;
    while let Some((parent, _)) = ancestor.rsplit_once('/') {
        if let Some(base) = bases.get(parent) {
            let rest = name.strip_prefix(parent).unwrap_or_default();
            return base
                .as_ref()
                .map(|base| base.join(rest.trim_start_matches('/')));
        }
        ancestor = parent;
    }
    Some(Utf8Path::new("/").join(name))
}
