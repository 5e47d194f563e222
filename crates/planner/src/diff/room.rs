//! Whether the pool has what a dataset reserves. ZFS refuses it when the dataset is made or changed, in
//! the middle of a run; this is known before.
//!
//! Each object is judged for itself, and only what cannot fit whatever else happens is refused.

use phoenix_config::model::{Dataset, DatasetKind};
use phoenix_zfs::property::Value;
use phoenix_zfs::size;

use super::facts::{Facts, value};
use super::verdict::{Stop, refused};
use crate::observed::ObservedDataset;
use crate::refusal::RefusalCode;

/// Nothing to do if what the dataset reserves beyond what it has is there.
///
/// # Errors
///
/// A refusal that names both sizes.
pub(super) fn check(
    facts: &Facts<'_>,
    dataset: &Dataset,
    live: Option<&ObservedDataset>,
) -> Result<(), Stop> {
    let wants = reserved(dataset, live);
    let live_number = |name| live.and_then(|live| number(live, name)).unwrap_or(0);
    let holds = ["used", "reservation", "refreservation"].map(live_number);
    let more = wants.saturating_sub(holds.into_iter().max().unwrap_or(0));
    let Some((above, left)) = room_above(facts, &dataset.name).filter(|(_, left)| more > *left)
    else {
        return Ok(());
    };
    let name = &dataset.name;
    let (wants, left) = (size::human(wants), size::human(left));
    Err(refused(
        RefusalCode::NoRoom,
        format!("{name} would reserve {wants}, and {above} has {left} left"),
        match dataset.kind {
            DatasetKind::Volume { .. } => {
                "make room, declare a smaller volsize, or let the volume be sparse"
            }
            DatasetKind::Filesystem => "make room, or declare a smaller reservation",
        },
    ))
}

/// Bytes that are kept for the dataset alone once the plan is done.
fn reserved(dataset: &Dataset, live: Option<&ObservedDataset>) -> u64 {
    let declared = |name| dataset.properties.get(name)?.stored.number();
    let stated = declared("reservation").max(declared("refreservation"));
    let whole = match dataset.kind {
        DatasetKind::Volume { size, sparse } if !states_reservation(dataset) => {
            // Only a volume that was made whole stays so when it grows.
            let is_whole = live.map_or(!sparse, |live| number(live, "refreservation") > Some(0));
            is_whole.then_some(size)
        }
        _ => None,
    };
    stated.max(whole).unwrap_or(0)
}

/// Whether the file itself says how much a volume reserves.
fn states_reservation(dataset: &Dataset) -> bool {
    dataset.properties.contains_key("refreservation")
}

/// The nearest dataset above that exists, with the bytes that may still be taken in it.
fn room_above<'a>(facts: &Facts<'a>, name: &str) -> Option<(&'a str, u64)> {
    let mut above = name;
    loop {
        above = above.rsplit_once('/')?.0;
        if let Some((name, live)) = facts.observed.datasets.get_key_value(above) {
            return Some((name, number(live, "available")?));
        }
    }
}

fn number(live: &ObservedDataset, name: &str) -> Option<u64> {
    value(live, name).and_then(Value::number)
}
