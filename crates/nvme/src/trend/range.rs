//! From paces to dates: hardly before, likely, hardly after.

use super::pace::Paces;
use super::{Basis, Exhaustion, HORIZON_DAYS, MONTH_DAYS, date_of};

/// How many standard deviations the range spans to each side.
const DEVIATIONS: f64 = 2.0;
/// What the long pace is wrong by in any case, because drives do not count wear evenly: this much
/// after a month of history, less with the root of its length.
const MONTHS_ERROR: f64 = 0.3;
/// By how much the future differs from any stretch of the past, at least, and after 60 days of history
/// on top of that; less with the root of its length, never more than [`MOST_CHANGE`].
const LEAST_CHANGE: f64 = 0.08;
const SHORT_CHANGE: f64 = 0.4;
const MOST_CHANGE: f64 = 0.8;

/// When 100 % will be reached. The range spans what the whole history says with its own unevenness, and
/// what the fastest and the slowest stretch would lead to.
pub(super) fn exhaustion(paces: &Paces) -> Exhaustion {
    let long = paces.long();
    if long <= 0.0 {
        return Exhaustion::Distant { earliest: None };
    }
    let observed = paces.curve.days();
    let variance = paces.curve.variance_per_day(DEVIATIONS);
    let coarse = paces
        .coarse_steps
        .map_or(0.0, |steps| 1.0 / steps.max(1) as f64);
    let error = MONTHS_ERROR / (observed / MONTH_DAYS).sqrt() + paces.scale_error + coarse;
    // The part of an amount by which `t` days vary, and the observed days before them.
    let spread = |t: f64| {
        let share = (variance * (1.0 / t + 1.0 / observed)).sqrt();
        if share.is_finite() { share } else { 0.0 }
    };
    // What a host writes is never negative and its bursts reach upwards only, so the slow side
    // shrinks by a factor where the fast side grows by a sum.
    let fast = |t: f64| long * t * (1.0 + error + spread(t));
    let slow = |t: f64| long * t * (-error - spread(t)).exp();
    let change = (LEAST_CHANGE + SHORT_CHANGE * (60.0 / observed).sqrt()).min(MOST_CHANGE);
    let at = |pace: f64| Some(paces.left / pace).filter(|days| *days <= HORIZON_DAYS);
    let soonest = at(paces.fastest() * (1.0 + change + paces.scale_error));
    let last = at(paces.slowest() * (-change - paces.scale_error.min(0.4)).exp());

    let earliest = match (reaches(paces.left, fast), soonest) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    let latest = reaches(paces.left, slow).zip(last).map(|(a, b)| a.max(b));
    let date = |after: Option<f64>| after.and_then(|days| date_of(paces.now + days));
    let Some(likely) = at(likely_pace(paces)) else {
        return Exhaustion::Distant {
            earliest: date(earliest),
        };
    };
    let ordered = (
        date(Some(earliest.map_or(likely, |days| days.min(likely)))),
        date(Some(likely)),
    );
    match ordered {
        (Some(earliest), Some(likely_day)) => Exhaustion::Expected {
            earliest,
            likely: likely_day,
            latest: date(latest.map(|days| days.max(likely))),
            basis: Basis::History,
        },
        _ => Exhaustion::Distant { earliest: None },
    }
}

/// The recent pace; where it hardly differs from the long one, the mean of both.
fn likely_pace(paces: &Paces) -> f64 {
    let long = paces.long();
    match paces.recent() {
        Some(recent) if recent > long / 2.0 && recent < long * 2.0 => (recent * long).sqrt(),
        Some(recent) => recent,
        None => long,
    }
}

/// The first day at which `amount` reaches `goal`, within the horizon. `amount` starts at 0 and may
/// dip before it rises.
fn reaches(goal: f64, amount: impl Fn(f64) -> f64) -> Option<f64> {
    // A fixed number of halvings keeps this the same on every machine.
    let (mut below, mut above) = (0.0, HORIZON_DAYS);
    if amount(above) < goal {
        return None;
    }
    for _ in 0..60 {
        let middle = f64::midpoint(below, above);
        if amount(middle) < goal {
            below = middle;
        } else {
            above = middle;
        }
    }
    Some(above)
}
