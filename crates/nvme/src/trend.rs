//! How fast a drive wears and when its rated endurance will be used up, with an honest range. Pure.
//!
//! A drive reports its wear in whole percent, so a single reading says little, but the moments at
//! which the number changed are exact: between two of them a known amount of endurance was used.
//! The rate comes from those; the width of the range comes from how unevenly the drive was written
//! to.

mod activity;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use crate::history::Sample;

use activity::Activity;

const DAY_SECONDS: f64 = 86_400.0;
/// The mean length of a month in days.
const MONTH_DAYS: f64 = 30.44;
/// A history shorter than this says nothing about the pace.
const LEAST_DAYS: f64 = 28.0;
/// Nor do fewer steps of the wear than this.
const LEAST_STEPS: f64 = 2.0;
/// Without history the drive's own age must be at least this.
const LEAST_HOURS: u64 = 720;
/// Without history, the future may be this many times faster or slower than the past.
const LIFETIME_FACTOR: f64 = 2.0;
/// How many standard deviations the range spans to each side: about 99 of 100 cases.
const DEVIATIONS: f64 = 2.6;
/// What the rate is wrong by in any case, because drives do not count wear evenly: this much after
/// a month of history, less with the root of its length.
const MONTHS_ERROR: f64 = 0.3;
/// A date further away than this is no forecast.
const HORIZON_DAYS: f64 = 50.0 * 365.25;

/// How a drive wears.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Trend {
    /// The oldest sample that was used.
    #[schemars(with = "String")]
    pub since: Timestamp,
    /// Percent of the rated endurance used per month; `None` when the history is too short.
    pub wear_percent_per_month: Option<f64>,
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
        /// Hardly after this day; `None` when no end can be given.
        #[schemars(with = "Option<String>")]
        latest: Option<Date>,
        /// What the forecast rests on.
        basis: Basis,
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
    let pace = Pace::of(run);
    let exhaustion = match &pace {
        _ if last.percentage_used >= 100 => Exhaustion::Reached,
        Some(pace) => pace.exhaustion(last),
        // After a restart the drive's age says nothing about its wear any more.
        None if run.len() < samples.len() => unknown("the history is too short"),
        None => by_age(last),
    };
    Some(Trend {
        since: run.first().map_or(first.time, |sample| sample.time),
        wear_percent_per_month: pace.map(|pace| rounded(pace.per_day * MONTH_DAYS)),
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

/// The pace of wear in one uninterrupted run of samples.
struct Pace {
    /// Percent per day.
    per_day: f64,
    /// Relative error of `per_day` that comes from not knowing when exactly the number changed.
    error: f64,
    /// How unevenly the drive is written to: the mean of `t` days varies by `variance / t`,
    /// relative to the mean of all.
    variance: f64,
    /// Days that the pace was observed over.
    observed_days: f64,
    /// When the wear last changed, in days since 1970, and to what.
    last_step: (f64, f64),
    /// How long before or after `last_step` the number may have changed, in days.
    last_step_error: f64,
}

impl Pace {
    fn of(run: &[Sample]) -> Option<Self> {
        let steps = steps(run);
        let (first, last) = (steps.first()?, steps.last()?);
        let end = days(run.last()?.time);
        let days_between = last.day - first.day;
        if last.percent - first.percent < LEAST_STEPS || days_between < LEAST_DAYS {
            return None;
        }
        // A long wait for the next step means that the drive has slowed down.
        let seen = (last.percent - first.percent) / days_between;
        let upper = (last.percent - first.percent + 1.0) / (end - first.day);
        let per_day = seen.min(upper);
        let curve = Activity::of(run)
            .filter(|activity| activity.total() > 0.0)
            .unwrap_or_else(|| {
                Activity::from_points(steps.iter().map(|s| (s.day, s.percent)).collect())
            });
        Some(Self {
            per_day,
            error: MONTHS_ERROR / (days_between / MONTH_DAYS).sqrt()
                + (first.error + last.error) / days_between,
            variance: curve.variance_per_day(DEVIATIONS),
            observed_days: curve.days(),
            last_step: (last.day, last.percent),
            last_step_error: last.error,
        })
    }

    fn exhaustion(&self, last: &Sample) -> Exhaustion {
        let (step_day, percent) = self.last_step;
        let remaining = 100.0 - percent;
        let today = days(last.time);
        // The part of an amount by which `t` days vary, and the observed days before them.
        let spread = |t: f64| {
            let share = (self.variance * (1.0 / t + 1.0 / self.observed_days)).sqrt();
            if share.is_finite() { share } else { 0.0 }
        };
        // What a host writes is never negative and its bursts reach upwards only, so the slow side
        // shrinks by a factor where the fast side grows by a sum.
        let fast = |t: f64| self.per_day * t * (1.0 + self.error + spread(t));
        let slow = |t: f64| self.per_day * t * (-self.error - spread(t)).exp();
        let earliest = reaches(remaining, fast).map(|t| t - self.last_step_error);
        let latest = reaches(remaining, slow).map(|t| t + self.last_step_error);
        let date = |t: f64| date_of((step_day + t).max(today));
        let likely = date(remaining / self.per_day);
        match (earliest.and_then(date), likely) {
            (Some(earliest), Some(likely)) => Exhaustion::Expected {
                earliest,
                likely,
                latest: latest.and_then(date),
                basis: Basis::History,
            },
            _ => far_away(),
        }
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

/// A change of the reported wear.
struct Step {
    /// Days since 1970, in the middle between the samples around the change.
    day: f64,
    /// Half the time between those samples, in days.
    error: f64,
    /// What the wear changed to, in percent.
    percent: f64,
}

fn steps(run: &[Sample]) -> Vec<Step> {
    let mut highest = run.first().map_or(0, |sample| sample.percentage_used);
    let mut steps = Vec::new();
    for pair in run.windows(2) {
        let [before, after] = pair else { continue };
        if after.percentage_used > highest {
            highest = after.percentage_used;
            let (from, to) = (days(before.time), days(after.time));
            steps.push(Step {
                day: f64::midpoint(from, to),
                error: (to - from) / 2.0,
                percent: percent(highest),
            });
        }
    }
    steps
}

/// Without a history: the drive's whole life so far, with a wide range.
fn by_age(last: &Sample) -> Exhaustion {
    let Some(hours) = last.power_on_hours.filter(|hours| *hours >= LEAST_HOURS) else {
        return unknown("the history is too short");
    };
    if last.percentage_used == 0 {
        return unknown("no wear so far");
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
    match (
        date(after(used + 1.0, LIFETIME_FACTOR)),
        date(after(used, 1.0)),
    ) {
        (Some(earliest), Some(likely)) => Exhaustion::Expected {
            earliest,
            likely,
            latest: date(after(used - 1.0, 1.0 / LIFETIME_FACTOR)),
            basis: Basis::Lifetime,
        },
        _ => far_away(),
    }
}

fn far_away() -> Exhaustion {
    unknown("more than 50 years away")
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
    let today_limit = days.is_finite().then_some(days)?;
    let since_1970 = SignedDuration::try_from_secs_f64(today_limit * DAY_SECONDS).ok()?;
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
