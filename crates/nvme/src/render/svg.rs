//! The history of wear as a picture: one line per drive, dashed from today to its forecast.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::history::History;
use crate::report::{DriveReport, Report};
use crate::trend::Exhaustion;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 220.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 40.0;
/// Told apart also without colour: by the order of the legend, and by a dash pattern each.
const COLORS: [&str; 6] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
];
const DASHES: [&str; 3] = ["none", "6 2", "2 2"];

/// The picture. It spans the history and as much of the future, at least a year of both.
pub fn render(report: &Report, history: &History) -> String {
    let lines: Vec<Line<'_>> = report
        .drives
        .iter()
        .filter_map(|drive| Line::of(drive, history, report.time))
        .collect();
    let scale = Scale::of(&lines, report.time);
    let mut svg = String::new();
    let _infallible = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\" role=\"img\">\n\
         <title>Rated endurance used, by drive</title>\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>"
    );
    axes(&mut svg, &scale, report.time);
    // Many drives share the height.
    let row = (HEIGHT - TOP - BOTTOM) / lines.len().max(9) as f64;
    for (index, line) in lines.iter().enumerate() {
        draw(&mut svg, &scale, row, index, line);
    }
    if lines.is_empty() {
        text(&mut svg, LEFT + 12.0, HEIGHT / 2.0, "no drive reports wear");
    }
    svg.push_str("</svg>\n");
    svg
}

struct Line<'a> {
    name: &'a str,
    place: String,
    /// Seconds since 1970 against percent.
    points: Vec<(i64, f64)>,
    /// When it reaches 100 %: earliest, likely, latest.
    end: Option<(i64, i64, Option<i64>)>,
}

impl<'a> Line<'a> {
    fn of(drive: &'a DriveReport, history: &History, now: Timestamp) -> Option<Self> {
        let health = drive
            .drive
            .health
            .as_ref()
            .filter(|health| health.reports_wear())?;
        let past = drive
            .drive
            .serial
            .as_deref()
            .map(|serial| history.of(serial))
            .unwrap_or_default();
        let mut points: Vec<(i64, f64)> = past
            .samples
            .iter()
            .filter(|sample| sample.time < now)
            .map(|sample| (sample.time.as_second(), sample.percentage_used as f64))
            .collect();
        points.push((now.as_second(), health.percentage_used? as f64));
        let end = match drive.trend.as_ref().map(|trend| &trend.exhaustion) {
            Some(Exhaustion::Expected {
                earliest,
                likely,
                latest,
                ..
            }) => Some((
                seconds(*earliest)?,
                seconds(*likely)?,
                latest.and_then(seconds),
            )),
            _ => None,
        };
        let place = drive
            .serves
            .first()
            .map(|s| format!(" {}", s.pool))
            .unwrap_or_default();
        Some(Self {
            name: &drive.drive.name,
            place,
            points,
            end,
        })
    }

    fn last(&self) -> Option<(i64, f64)> {
        self.points.last().copied()
    }
}

struct Scale {
    from: i64,
    to: i64,
    top: f64,
}

impl Scale {
    fn of(lines: &[Line<'_>], now: Timestamp) -> Self {
        const YEAR: i64 = 365 * 86_400;
        let now = now.as_second();
        let first = lines
            .iter()
            .filter_map(|line| line.points.first())
            .map(|(time, _)| *time)
            .min();
        let span = (now - first.unwrap_or(now)).max(YEAR / 2);
        let highest = lines
            .iter()
            .flat_map(|line| &line.points)
            .map(|(_, used)| *used)
            .fold(0.0, f64::max);
        Self {
            from: now - span,
            to: now + span,
            top: (highest * 1.1).max(110.0),
        }
    }

    fn x(&self, time: i64) -> f64 {
        let share = (time - self.from) as f64 / (self.to - self.from) as f64;
        LEFT + share * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, percent: f64) -> f64 {
        let share = (percent / self.top).min(1.0);
        HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
    }
}

fn axes(svg: &mut String, scale: &Scale, now: Timestamp) {
    let right = WIDTH - RIGHT;
    for percent in [0.0, 25.0, 50.0, 75.0, 100.0] {
        let y = scale.y(percent);
        let color = if percent >= 100.0 {
            "#d00000"
        } else {
            "#dddddd"
        };
        let _infallible = writeln!(
            svg,
            "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"{color}\"/>"
        );
        text(svg, 8.0, y + 4.0, &format!("{percent:.0} %"));
    }
    let today = scale.x(now.as_second());
    let (top, bottom) = (TOP, HEIGHT - BOTTOM);
    let _infallible = writeln!(
        svg,
        "<line x1=\"{today:.1}\" y1=\"{top}\" x2=\"{today:.1}\" y2=\"{bottom}\" stroke=\"#888888\" stroke-dasharray=\"2 3\"/>"
    );
    for time in [scale.from, now.as_second(), scale.to] {
        text(svg, scale.x(time) - 34.0, bottom + 20.0, &day(time));
    }
}

/// `row` is the height of a line of the legend.
fn draw(svg: &mut String, scale: &Scale, row: f64, index: usize, line: &Line<'_>) {
    let color = COLORS
        .get(index % COLORS.len())
        .copied()
        .unwrap_or("#000000");
    let dash = DASHES
        .get(index / COLORS.len() % DASHES.len())
        .copied()
        .unwrap_or("none");
    let points: Vec<String> = line
        .points
        .iter()
        .map(|(t, used)| format!("{:.1},{:.1}", scale.x(*t), scale.y(*used)))
        .collect();
    let _infallible = writeln!(
        svg,
        "<polyline fill=\"none\" stroke=\"{color}\" stroke-width=\"2\" stroke-dasharray=\"{dash}\" points=\"{}\"/>",
        points.join(" ")
    );
    if let Some((time, used)) = line.last() {
        let (x, y) = (scale.x(time), scale.y(used));
        let _infallible = writeln!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{color}\"/>"
        );
    }
    if let (Some(last), Some(end)) = (line.last(), line.end) {
        forecast(svg, scale, color, last, end);
    }
    let y = TOP + 14.0 + row * index as f64;
    let x = WIDTH - RIGHT + 16.0;
    let _infallible = writeln!(
        svg,
        "<line x1=\"{x}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\" stroke=\"{color}\" stroke-width=\"2\" stroke-dasharray=\"{dash}\"/>",
        x + 18.0
    );
    let used = line.last().map_or(0.0, |(_, used)| used);
    text(
        svg,
        x + 24.0,
        y + 4.0,
        &format!("{}{} {used:.0} %", line.name, line.place),
    );
    if let Some((_, likely, _)) = line.end {
        text(svg, x + 24.0, y + 18.0, &format!("used up {}", day(likely)));
    }
}

/// The likely line, and the cone between the earliest and the latest one, cut off at the right
/// edge.
fn forecast(
    svg: &mut String,
    scale: &Scale,
    color: &str,
    from: (i64, f64),
    end: (i64, i64, Option<i64>),
) {
    let (earliest, likely, latest) = end;
    let at = |goal: Option<i64>| match goal {
        Some(goal) if goal <= scale.to => (goal, 100.0),
        Some(goal) => {
            let share = (scale.to - from.0) as f64 / (goal - from.0) as f64;
            (scale.to, from.1 + (100.0 - from.1) * share)
        }
        None => (scale.to, from.1),
    };
    let xy = |(time, used): (i64, f64)| format!("{:.1},{:.1}", scale.x(time), scale.y(used));
    let _infallible = writeln!(
        svg,
        "<polygon fill=\"{color}\" fill-opacity=\"0.12\" points=\"{} {} {}\"/>\n\
         <polyline fill=\"none\" stroke=\"{color}\" stroke-dasharray=\"4 4\" points=\"{} {}\"/>",
        xy(from),
        xy(at(Some(earliest))),
        xy(at(latest)),
        xy(from),
        xy(at(Some(likely))),
    );
}

fn text(svg: &mut String, x: f64, y: f64, words: &str) {
    let words = words
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let _infallible = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" fill=\"#333333\">{words}</text>"
    );
}

fn day(seconds: i64) -> String {
    let since_1970 = SignedDuration::from_secs(seconds);
    Timestamp::UNIX_EPOCH
        .checked_add(since_1970)
        .map(|time| time.to_zoned(TimeZone::UTC).date().to_string())
        .unwrap_or_default()
}

fn seconds(date: jiff::civil::Date) -> Option<i64> {
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}
