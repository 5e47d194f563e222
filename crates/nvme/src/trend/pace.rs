//! How fast a drive wore: its wear as a curve finer than whole percents, and the pace of several
//! stretches of it that end now.

use crate::history::Sample;

use super::activity::Activity;
use super::{count, days, percent};

/// A history shorter than this says nothing about the pace.
pub(super) const LEAST_DAYS: f64 = 14.0;
/// The stretches that are looked at, in days, beside the whole history.
const STRETCHES: [f64; 5] = [14.0, 30.0, 60.0, 120.0, 240.0];
/// The present pace is that of the shortest stretch of at least this many days.
const RECENT_DAYS: f64 = 30.0;
/// So many steps of the wear make one percent known in bytes.
const LEAST_STEPS: usize = 3;
/// Without enough steps, the drive's own bytes per percent count from this wear on.
const LEAST_PERCENT: u64 = 2;

/// The paces of one uninterrupted run of samples.
pub(super) struct Paces {
    /// The wear, in percent from an arbitrary start.
    pub(super) curve: Activity,
    /// Now, in days since 1970.
    pub(super) now: f64,
    /// Percent that are left, now.
    pub(super) left: f64,
    /// Relative error of what is known of one percent in bytes; 0 where bytes are not used.
    pub(super) scale_error: f64,
    /// How many times the wear has changed, when only that is known.
    pub(super) coarse_steps: Option<usize>,
    /// Shortest first; the last is the whole run.
    stretches: Vec<Stretch>,
}

/// A stretch of time that ends now.
struct Stretch {
    days: f64,
    /// Percent per day.
    per_day: f64,
    /// Whether the pace rests on more than the absence of a change.
    is_measured: bool,
}

impl Paces {
    /// `None` when the run tells no pace. `is_whole_life` when the wear was never set back.
    pub(super) fn of(run: &[Sample], is_whole_life: bool) -> Option<Self> {
        let (first, last) = (run.first()?, run.last()?);
        let now = days(last.time);
        let length = now - days(first.time);
        if length < LEAST_DAYS {
            return None;
        }
        let steps = steps(run);
        let bytes = Activity::of(run).filter(|activity| activity.total() > 0.0);
        let scale = bytes
            .as_ref()
            .and_then(|bytes| scale(bytes, &steps, last, is_whole_life));
        let (curve, since_step, scale_error) = match (bytes, scale) {
            (Some(bytes), Some((per_byte, error))) => {
                let since = steps.last().map(|step| bytes.since(step.day) * per_byte);
                (
                    bytes.scaled(per_byte),
                    since.unwrap_or(0.5).min(0.999),
                    error,
                )
            }
            _ => {
                let (curve, since_step) = coarse(run, &steps, now)?;
                (curve, since_step, 0.0)
            }
        };
        let is_fine = scale.is_some();
        let shorter = STRETCHES.into_iter().filter(|span| *span < length * 0.9);
        let stretches = shorter
            .chain([length])
            .map(|span| Stretch::of(&curve, &steps, now, span, is_fine))
            .collect();
        Some(Self {
            curve,
            now,
            left: 100.0 - percent(last.percentage_used) - since_step,
            scale_error,
            coarse_steps: (!is_fine).then_some(steps.len()),
            stretches,
        })
    }

    /// The pace of the whole run, in percent per day.
    pub(super) fn long(&self) -> f64 {
        self.stretches.last().map_or(0.0, |stretch| stretch.per_day)
    }

    /// The pace of the last weeks, where it is known.
    pub(super) fn recent(&self) -> Option<f64> {
        let mut measured = self.stretches.iter().filter(|stretch| stretch.is_measured);
        measured
            .find(|stretch| stretch.days >= RECENT_DAYS)
            .map(|stretch| stretch.per_day)
    }

    /// The fastest pace that was measured.
    pub(super) fn fastest(&self) -> f64 {
        let measured = self.stretches.iter().filter(|stretch| stretch.is_measured);
        let fastest = measured.map(|stretch| stretch.per_day).reduce(f64::max);
        fastest.unwrap_or_else(|| self.long())
    }

    /// The slowest pace: days without a change are evidence.
    pub(super) fn slowest(&self) -> f64 {
        let all = self.stretches.iter().map(|stretch| stretch.per_day);
        all.reduce(f64::min).unwrap_or(0.0)
    }

    /// When the wear would reach 100 % at the worse of the recent and the long pace, in days since
    /// 1970.
    pub(super) fn worse_end(&self) -> f64 {
        let worse = self.recent().unwrap_or(0.0).max(self.long());
        self.now + self.left / worse
    }
}

impl Stretch {
    fn of(curve: &Activity, steps: &[Step], now: f64, days: f64, is_fine: bool) -> Self {
        let seen: f64 = steps
            .iter()
            .filter(|step| step.day > now - days)
            .map(|step| step.grown)
            .sum();
        // Whatever bytes say, so many whole percents were seen.
        let (least, most) = ((seen - 1.0).max(0.0) / days, (seen + 1.0) / days);
        Self {
            days,
            per_day: (curve.since(now - days) / days).clamp(least, most),
            is_measured: is_fine || seen >= 2.0,
        }
    }
}

/// Percent per byte, and its relative error.
fn scale(
    bytes: &Activity,
    steps: &[Step],
    last: &Sample,
    is_whole_life: bool,
) -> Option<(f64, f64)> {
    if let (Some(from), Some(to)) = (steps.first(), steps.last())
        && steps.len() >= LEAST_STEPS
    {
        let grown = to.percent - from.percent;
        let written = bytes.between(from.day, to.day);
        if written > 0.0 && grown > 0.0 {
            return Some((grown / written, 0.5 / grown));
        }
    }
    let written = count(last.written_bytes?);
    let used = percent(last.percentage_used);
    let trusted = is_whole_life
        && last.percentage_used >= LEAST_PERCENT
        // A counter that was restarted holds less than was seen to be written.
        && written >= bytes.total() * 0.99;
    trusted.then(|| ((used + 0.5) / written, 0.5 / used))
}

/// The wear as its steps alone tell it, up to now, and what has come since the last one.
fn coarse(run: &[Sample], steps: &[Step], now: f64) -> Option<(Activity, f64)> {
    let [first, .., last] = steps else {
        return None;
    };
    let pace = (last.percent - first.percent) / (last.day - first.day);
    let since = ((now - last.day) * pace).clamp(0.0, 0.9);
    let start = run.first()?;
    let mut points = Vec::new();
    if first.day > days(start.time) {
        points.push((days(start.time), first.percent - first.grown / 2.0));
    }
    points.extend(steps.iter().map(|step| (step.day, step.percent)));
    points.push((now, last.percent + since));
    Some((Activity::from_points(points), since))
}

/// A change of the reported wear.
struct Step {
    /// Days since 1970, in the middle between the samples around the change.
    day: f64,
    /// What the wear changed to, in percent.
    percent: f64,
    /// By how much, in percent.
    grown: f64,
}

fn steps(run: &[Sample]) -> Vec<Step> {
    let mut highest = run.first().map_or(0, |sample| sample.percentage_used);
    let mut steps = Vec::new();
    for pair in run.windows(2) {
        let [before, after] = pair else { continue };
        if after.percentage_used > highest {
            steps.push(Step {
                day: f64::midpoint(days(before.time), days(after.time)),
                percent: percent(after.percentage_used),
                grown: percent(after.percentage_used - highest),
            });
            highest = after.percentage_used;
        }
    }
    steps
}
