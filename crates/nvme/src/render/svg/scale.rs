//! Where a moment and a wear are in the picture.

use jiff::{SignedDuration, Timestamp};

use super::Line;

pub(super) const WIDTH: f64 = 900.0;
pub(super) const LEFT: f64 = 56.0;
pub(super) const RIGHT: f64 = 260.0;
pub(super) const TOP: f64 = 28.0;
const BOTTOM: f64 = 44.0;
/// A picture of few drives is this high; the legend of many needs more.
const LEAST_HEIGHT: f64 = 360.0;
const HALF_A_YEAR: i64 = 183 * 86_400;

/// The axes of one picture.
pub(super) struct Scale {
    /// Seconds since 1970 at the left edge.
    pub(super) from: i64,
    /// Seconds since 1970 at the right edge.
    pub(super) to: i64,
    pub(super) height: f64,
    /// Percent at the upper edge.
    top: f64,
    /// By drive, how many drives after it end where it does.
    likes: Vec<usize>,
}

impl Scale {
    pub(super) fn of(lines: &[Line<'_>], now: Timestamp, legend: f64) -> Self {
        let now = now.as_second();
        let firsts = lines.iter().filter_map(|line| line.points.first());
        let first = firsts.map(|(time, _)| *time).min();
        let span = (now - first.unwrap_or(now)).max(HALF_A_YEAR);
        let to = now + span;
        let mut scale = Self {
            from: now - span,
            to,
            height: LEAST_HEIGHT.max(legend + BOTTOM),
            top: 100.0,
            likes: lines
                .iter()
                .enumerate()
                .map(|(index, line)| {
                    let after = lines.iter().skip(index + 1);
                    after.filter(|other| other.last() == line.last()).count()
                })
                .collect(),
        };
        let highest = lines
            .iter()
            .flat_map(|line| {
                let past = line.points.iter().map(|(_, used)| *used);
                past.chain(line.likely_at(&scale))
            })
            .fold(0.0, f64::max);
        // The axis ends a little above what there is to see, at a round number.
        scale.top = match highest {
            used if used <= 8.0 => 10.0,
            used if used <= 20.0 => 25.0,
            used if used <= 42.0 => 50.0,
            used if used <= 92.0 => 100.0,
            used => (used * 1.08).max(110.0),
        };
        scale
    }

    /// The percents that have a line across the picture.
    pub(super) fn marks(&self) -> Vec<f64> {
        let step = match self.top {
            top if top <= 10.0 => 2.0,
            top if top <= 25.0 => 5.0,
            top if top <= 50.0 => 10.0,
            _ => 25.0,
        };
        let lines = std::iter::successors(Some(0.0), |mark| Some(mark + step));
        lines.take_while(|mark| *mark <= self.top).collect()
    }

    /// How many drives are drawn after this one and end where it does.
    pub(super) fn likes_before(&self, index: usize) -> usize {
        self.likes.get(index).copied().unwrap_or(0)
    }

    pub(super) fn bottom(&self) -> f64 {
        self.height - BOTTOM
    }

    pub(super) fn x(&self, time: i64) -> f64 {
        let share = (time - self.from) as f64 / (self.to - self.from) as f64;
        LEFT + share * (WIDTH - LEFT - RIGHT)
    }

    pub(super) fn y(&self, percent: f64) -> f64 {
        let share = (percent / self.top).clamp(0.0, 1.0);
        self.bottom() - share * (self.bottom() - TOP)
    }

    /// The point on the way from a point to 100 % at which the picture ends: at 100 %, at its upper
    /// edge, or at its right one.
    pub(super) fn towards(&self, from: (i64, f64), goal: Option<i64>) -> (i64, f64) {
        let Some(goal) = goal else {
            return (self.to, from.1);
        };
        let left = 100.0 - from.1;
        let most = (self.top.min(100.0) - from.1) / left;
        let seconds = (goal - from.0).max(1) as f64;
        let until_edge = ((self.to - from.0) as f64 / seconds).min(1.0);
        let share = until_edge.min(most).max(0.0);
        let way = SignedDuration::try_from_secs_f64(seconds * share);
        let way = way.map_or(0, |way| way.as_secs());
        (from.0 + way, from.1 + left * share)
    }
}

impl Line<'_> {
    /// The likely wear at the right edge.
    fn likely_at(&self, scale: &Scale) -> Option<f64> {
        let super::End::Expected { likely, .. } = self.end else {
            return None;
        };
        self.last().map(|from| scale.towards(from, Some(likely)).1)
    }
}
