//! A drive that is suddenly written to far more than ever before.

use schemars::JsonSchema;
use serde::Serialize;

use crate::history::Sample;

use super::activity::{Activity, whole};
use super::{days, percent};

/// Stretches of days that end now, and how many times more than usual makes a jump of them.
const STRETCHES: [(f64, f64); 3] = [(1.0, 20.0), (7.0, 8.0), (21.0, 5.0)];
/// So many days of usual life must be known before them.
const LEAST_BEFORE_DAYS: f64 = 14.0;
/// Less than this a day is nothing for any drive.
const LEAST_BYTES_PER_DAY: f64 = 100e9;
/// Without bytes: percent of the endurance within three weeks that is much.
const LEAST_PERCENT: f64 = 5.0;

/// Much more was written lately than before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Jump {
    /// Over so many days up to now.
    pub days: f64,
    /// Bytes a day in these days; `None` when only the wear is known.
    pub bytes_per_day: Option<u64>,
    /// So many times what was usual before; `None` when that was nothing.
    pub times: Option<f64>,
}

impl Jump {
    pub(super) fn of(run: &[Sample], bytes: Option<&Activity>) -> Option<Self> {
        match bytes {
            Some(bytes) => STRETCHES
                .iter()
                .rev()
                .find_map(|(span, factor)| by_bytes(bytes, *span, *factor)),
            None => by_wear(run),
        }
    }
}

fn by_bytes(bytes: &Activity, span: f64, factor: f64) -> Option<Jump> {
    let before = bytes.days() - span;
    if before < LEAST_BEFORE_DAYS {
        return None;
    }
    let now = bytes.amount(span, 0.0) / span;
    let usual = bytes.amount(before, span) / before;
    // A host that has its floods now and then has had one of this size before.
    let mut largest = 0.0_f64;
    let mut back = span;
    while back + span <= bytes.days() {
        largest = largest.max(bytes.amount(span, back) / span);
        back += span;
    }
    let jumped = now >= LEAST_BYTES_PER_DAY && now >= usual * factor && now >= largest * 2.0;
    jumped.then(|| Jump {
        days: span,
        bytes_per_day: whole(now),
        times: (usual > 0.0).then(|| (now / usual).round()),
    })
}

fn by_wear(run: &[Sample]) -> Option<Jump> {
    let (span, factor) = STRETCHES.last().copied()?;
    let (first, last) = (run.first()?, run.last()?);
    let now = days(last.time);
    let before = now - span - days(first.time);
    if before < LEAST_BEFORE_DAYS {
        return None;
    }
    let then = run
        .iter()
        .rev()
        .find(|sample| days(sample.time) <= now - span)?;
    let lately = percent(last.percentage_used.saturating_sub(then.percentage_used)) / span;
    let usual = percent(then.percentage_used.saturating_sub(first.percentage_used)) / before;
    let jumped = lately * span >= LEAST_PERCENT && lately >= usual * factor;
    jumped.then(|| Jump {
        days: span,
        bytes_per_day: None,
        times: (usual > 0.0).then(|| (lately / usual).round()),
    })
}
