//! How fast a drive wears and when its rated endurance will be used up, with an honest range. Pure.
//!
//! A drive reports its wear in whole percent, so a single reading says little. The bytes that it was
//! written to refine that: how many of them made one percent is known from its own past. The pace of
//! the last weeks stands beside the pace of all of the history: the range spans both, and the worse of
//! them decides whether to warn. Days on which nothing changed are evidence like all others, and
//! everything is counted from the present reading.

mod activity;
mod jump;
mod pace;
mod range;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use crate::history::Sample;

use activity::Activity;
pub use jump::Jump;
use pace::Paces;

const DAY_SECONDS: f64 = 86_400.0;
/// The mean length of a month in days.
const MONTH_DAYS: f64 = 30.44;
/// Without history the drive's own age must be at least this.
const LEAST_HOURS: u64 = 720;
/// More hours than any drive can have been on: a counter that holds garbage.
const MOST_HOURS: u64 = 1_000_000;
/// Without history, the future may be this many times faster or slower than the past.
const LIFETIME_FACTOR: f64 = 2.0;
/// A date further away than this is no forecast.
pub const HORIZON_YEARS: u32 = 10;
const HORIZON_DAYS: f64 = 3652.5;

/// How a drive wears.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Trend {
    /// The oldest sample that was used.
    #[schemars(with = "String")]
    pub since: Timestamp,
    /// Percent of the rated endurance used per month; `None` when the history is too short.
    pub wear_percent_per_month: Option<f64>,
    /// The same over the last 30 days, as far as it can be told.
    pub recent_percent_per_month: Option<f64>,
    /// When the endurance would be used up if the worse of the recent and the long pace went on.
    #[schemars(with = "Option<String>")]
    pub at_worse_pace: Option<Date>,
    /// The drive is suddenly written to far more than before.
    pub jump: Option<Jump>,
    /// Bytes written per day over the last 30 days (or the history, if shorter).
    pub written_bytes_per_day: Option<u64>,
    /// Bytes written in each of the last weeks, oldest first; at most 12.
    pub written_bytes_by_week: Vec<u64>,
    /// When the rated endurance will be used up.
    pub exhaustion: Exhaustion,
}

/// When 100 % of the rated endurance will be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Exhaustion {
    /// It is used up already.
    Reached,
    /// Expected within a range.
    Expected {
        /// Hardly before this day.
        #[schemars(with = "String")]
        earliest: Date,
        /// The most likely day.
        #[schemars(with = "String")]
        likely: Date,
        /// Hardly after this day; `None` when that is more than ten years away.
        #[schemars(with = "Option<String>")]
        latest: Option<Date>,
        /// What the forecast rests on.
        basis: Basis,
    },
    /// Not within ten years, most likely.
    Distant {
        /// Hardly before this day; `None` when that is more than ten years away as well.
        #[schemars(with = "Option<String>")]
        earliest: Option<Date>,
    },
    /// It cannot be told.
    Unknown {
        /// Why not.
        reason: String,
    },
}

/// What a forecast rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// The recorded history.
    History,
    /// The drive's own age: a wide range, until there is a history.
    Lifetime,
}

/// The trend of one drive. `samples` are its own, oldest first, the present reading last.
pub fn trend(samples: &[Sample]) -> Option<Trend> {
    let (first, last) = (samples.first()?, samples.last()?);
    let run = last_run(samples);
    let activity = Activity::of(samples);
    let paces = Paces::of(run, run.len() == samples.len());
    let (exhaustion, at_worse_pace) = match &paces {
        _ if last.percentage_used >= 100 => (Exhaustion::Reached, None),
        Some(paces) => (range::exhaustion(paces), date_of(paces.worse_end())),
        // After a restart the drive's age says nothing about its wear any more.
        None if run.len() < samples.len() => (unknown("the history is too short"), None),
        None => by_age(last, days(last.time) - days(first.time) >= pace::LEAST_DAYS),
    };
    let month = |per_day: f64| rounded(per_day * MONTH_DAYS);
    Some(Trend {
        since: run.first().map_or(first.time, |sample| sample.time),
        wear_percent_per_month: paces.as_ref().map(|paces| month(paces.long())),
        recent_percent_per_month: paces.as_ref().and_then(Paces::recent).map(month),
        at_worse_pace,
        jump: Jump::of(run, activity.as_ref()),
        written_bytes_per_day: activity
            .as_ref()
            .and_then(|activity| activity.per_day(30.0)),
        written_bytes_by_week: activity
            .map(|activity| activity.by_week(12))
            .unwrap_or_default(),
        exhaustion,
    })
}

/// The samples since the wear was last set back (a sanitised or repaired drive starts again). One
/// percent back is rounding and no restart.
fn last_run(samples: &[Sample]) -> &[Sample] {
    let mut start = 0;
    let mut highest = 0;
    for (index, sample) in samples.iter().enumerate() {
        if sample.percentage_used.saturating_add(1) < highest {
            start = index;
            highest = 0;
        }
        highest = highest.max(sample.percentage_used);
    }
    samples.get(start..).unwrap_or_default()
}

/// Without a history: the drive's whole life so far, with a wide range. When nothing has changed in a
/// history of some length, which is evidence of its own, the range has no end.
fn by_age(last: &Sample, is_still: bool) -> (Exhaustion, Option<Date>) {
    let hours = last
        .power_on_hours
        .filter(|hours| (LEAST_HOURS..MOST_HOURS).contains(hours));
    let Some(hours) = hours else {
        return (unknown("the history is too short"), None);
    };
    if last.percentage_used == 0 {
        return (unknown("no wear so far"), None);
    }
    let age_days = count(hours) / 24.0;
    let used = percent(last.percentage_used);
    let today = days(last.time);
    let remaining = 100.0 - used;
    // The number is rounded: the true wear is up to 1 % less or more.
    let after = |used: f64, factor: f64| {
        let per_day = used * factor / age_days;
        let left = (per_day > 0.0).then(|| remaining / per_day);
        left.filter(|days| *days <= HORIZON_DAYS)
    };
    let date = |days: Option<f64>| days.and_then(|days| date_of(today + days));
    let earliest = date(after(used + 1.0, LIFETIME_FACTOR));
    let likely = date(after(used, 1.0));
    let exhaustion = match (earliest, likely) {
        (Some(earliest), Some(likely)) => Exhaustion::Expected {
            earliest,
            likely,
            latest: date(after(used - 1.0, 1.0 / LIFETIME_FACTOR)).filter(|_| !is_still),
            basis: Basis::Lifetime,
        },
        (earliest, _) => Exhaustion::Distant { earliest },
    };
    (exhaustion, likely)
}

fn unknown(reason: &str) -> Exhaustion {
    Exhaustion::Unknown {
        reason: reason.to_owned(),
    }
}

fn days(time: Timestamp) -> f64 {
    time.as_duration().as_secs_f64() / DAY_SECONDS
}

fn date_of(days: f64) -> Option<Date> {
    let days = days.is_finite().then_some(days)?;
    let since_1970 = SignedDuration::try_from_secs_f64(days * DAY_SECONDS).ok()?;
    let time = Timestamp::UNIX_EPOCH.checked_add(since_1970).ok()?;
    Some(time.to_zoned(TimeZone::UTC).date())
}

fn percent(value: u64) -> f64 {
    count(value)
}

/// Counters stay far below 2^53, where a float is still exact to the unit.
fn count(value: u64) -> f64 {
    value as f64
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
