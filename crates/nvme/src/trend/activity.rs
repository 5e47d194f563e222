//! How much a drive was written to over time, and how unevenly.

use crate::history::Sample;

use super::{count, days};

/// Into how many equal stretches a history is cut to compare them. Fewer know too little of their
/// own variance; with more, what lasts longer than a stretch (a busy quarter) goes unseen, and what
/// comes regularly (a monthly backup) looks like chance.
const STRETCHES: [u32; 3] = [8, 12, 16];

/// A growing curve: days since 1970 against an amount.
pub(super) struct Activity {
    points: Vec<(f64, f64)>,
}

impl Activity {
    /// The bytes written, without the falls of a counter that was restarted. `None` when a sample
    /// does not tell, or there is no stretch of time.
    pub(super) fn of(samples: &[Sample]) -> Option<Self> {
        let mut total = 0.0;
        let mut before: Option<u64> = None;
        let mut points = Vec::with_capacity(samples.len());
        for sample in samples {
            let now = sample.written_bytes?;
            total += match before {
                None => 0.0,
                Some(before) if now >= before => count(now - before),
                // The counter was restarted: everything on it is new.
                Some(_) => count(now),
            };
            before = Some(now);
            points.push((days(sample.time), total));
        }
        let activity = Self { points };
        (activity.days() > 0.0).then_some(activity)
    }

    pub(super) fn from_points(points: Vec<(f64, f64)>) -> Self {
        Self { points }
    }

    /// The same curve in another unit, of which one of ours has `factor`.
    pub(super) fn scaled(self, factor: f64) -> Self {
        let points = self.points.into_iter();
        Self {
            points: points.map(|(day, amount)| (day, amount * factor)).collect(),
        }
    }

    /// The amount of the last `span` days before `before` days ago.
    pub(super) fn amount(&self, span: f64, before: f64) -> f64 {
        let to = self.end() - before;
        self.at(to) - self.at(to - span)
    }

    /// The amount since a day.
    pub(super) fn since(&self, day: f64) -> f64 {
        self.at(self.end()) - self.at(day)
    }

    /// The amount between two days.
    pub(super) fn between(&self, from: f64, to: f64) -> f64 {
        self.at(to) - self.at(from)
    }

    /// The length of the curve in days.
    pub(super) fn days(&self) -> f64 {
        self.end() - self.start()
    }

    /// The amount at the end of the curve, counted from its start.
    pub(super) fn total(&self) -> f64 {
        self.at(self.end()) - self.at(self.start())
    }

    /// Amount per day over the last `span` days, or the whole curve if that is shorter.
    pub(super) fn per_day(&self, span: f64) -> Option<u64> {
        let from = (self.end() - span).max(self.start());
        let length = self.end() - from;
        whole((self.at(self.end()) - self.at(from)) / length)
    }

    /// The amount of each of the last full weeks, oldest first.
    pub(super) fn by_week(&self, most: u32) -> Vec<u64> {
        let amount = |week: u32| {
            let to = self.end() - 7.0 * f64::from(week);
            let from = to - 7.0;
            (from >= self.start()).then(|| whole(self.at(to) - self.at(from)))?
        };
        let mut weeks: Vec<u64> = (0..most).map_while(amount).collect();
        weeks.reverse();
        weeks
    }

    /// The variance per day of the amount, relative to its mean and multiplied with `deviations`
    /// squared: the range of `t` days is the root of `t` times this.
    ///
    /// The largest answer of several cuts counts. The last factor is what Student's distribution
    /// asks for, because so few stretches know their own variance badly.
    pub(super) fn variance_per_day(&self, deviations: f64) -> f64 {
        let variance = |stretches: u32| {
            let degrees = f64::from(stretches - 1);
            let length = self.days() / f64::from(stretches);
            let mean = self.total() / f64::from(stretches);
            let square = |index: u32| {
                let from = self.start() + length * f64::from(index);
                let amount = self.at(from + length) - self.at(from);
                (amount / mean - 1.0).powi(2)
            };
            let sum: f64 = (0..stretches).map(square).sum();
            let few = 1.0 + 2.5 / degrees;
            sum / degrees * length * (few * deviations).powi(2)
        };
        let sum: f64 = STRETCHES.into_iter().map(variance).sum();
        sum / count(STRETCHES.len() as u64)
    }

    /// The amount on a day, between two points on the line that joins them.
    fn at(&self, day: f64) -> f64 {
        let after = self.points.partition_point(|(d, _)| *d < day);
        let right = self.points.get(after).or(self.points.last());
        let left = after
            .checked_sub(1)
            .and_then(|index| self.points.get(index))
            .or(right);
        match (left, right) {
            (Some((from, low)), Some((to, high))) if to > from => {
                low + (high - low) * ((day - from) / (to - from)).clamp(0.0, 1.0)
            }
            (_, Some((_, amount))) => *amount,
            _ => 0.0,
        }
    }

    fn start(&self) -> f64 {
        self.points.first().map_or(0.0, |(day, _)| *day)
    }

    fn end(&self) -> f64 {
        self.points.last().map_or(0.0, |(day, _)| *day)
    }
}

/// To a whole number; amounts are never negative.
pub(super) fn whole(amount: f64) -> Option<u64> {
    let amount = amount.round();
    if !(0.0..1.8e19).contains(&amount) {
        return None;
    }
    format!("{amount:.0}").parse().ok()
}
