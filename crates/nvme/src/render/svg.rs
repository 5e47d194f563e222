//! The history of wear as a picture: one line per drive, dashed from today to its forecast.
//!
//! Owns what is drawn; where it goes is `scale`'s.

mod scale;

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::history::History;
use crate::report::{DriveReport, Report};
use crate::trend::{Exhaustion, HORIZON_YEARS};

use scale::{LEFT, RIGHT, Scale, TOP, WIDTH};

/// Told apart also without colour: by a dash pattern, and by the mark of today.
const COLORS: [&str; 6] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b38600", "#56b4e9",
];
const DASHES: [&str; 3] = ["none", "6 2", "2 2"];
/// The height of a drive in the legend.
const ROW: f64 = 34.0;

/// The picture. It spans the history and as much of the future, at least half a year of both.
pub fn render(report: &Report, history: &History) -> String {
    let lines: Vec<Line<'_>> = report
        .drives
        .iter()
        .filter_map(|drive| Line::of(drive, history, report.time))
        .collect();
    let legend = TOP + ROW * lines.len() as f64;
    let scale = Scale::of(&lines, report.time, legend);
    let mut svg = String::new();
    let height = scale.height;
    let _infallible = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\" role=\"img\">\n\
         <title>Rated endurance used, by drive</title>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>"
    );
    text(&mut svg, LEFT, 16.0, "Rated endurance used, in percent");
    axes(&mut svg, &scale, report.time);
    for (index, line) in lines.iter().enumerate() {
        forecast(&mut svg, &scale, index, line);
    }
    for (index, line) in lines.iter().enumerate() {
        past(&mut svg, &scale, index, line);
        legend_row(&mut svg, index, line);
    }
    if lines.is_empty() {
        text(&mut svg, LEFT + 12.0, height / 2.0, "no drive reports wear");
    }
    svg.push_str("</svg>\n");
    svg
}

struct Line<'a> {
    name: &'a str,
    place: String,
    /// Seconds since 1970 against percent.
    points: Vec<(i64, f64)>,
    end: End,
}

/// When it reaches 100 %, in seconds since 1970.
enum End {
    Unknown,
    Reached,
    /// Not within the years that are looked at; hardly before a day.
    Distant(Option<i64>),
    Expected {
        earliest: i64,
        likely: i64,
        latest: Option<i64>,
    },
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
            .key()
            .map(|key| history.of(key))
            .unwrap_or_default();
        let mut points: Vec<(i64, f64)> = past
            .samples
            .iter()
            .filter(|sample| sample.time < now)
            .map(|sample| (sample.time.as_second(), sample.percentage_used as f64))
            .collect();
        points.push((now.as_second(), health.percentage_used? as f64));
        let place = drive
            .serves
            .first()
            .map(|s| format!(" {}", s.pool))
            .unwrap_or_default();
        Some(Self {
            name: &drive.drive.name,
            place,
            points,
            end: end(drive),
        })
    }

    fn last(&self) -> Option<(i64, f64)> {
        self.points.last().copied()
    }
}

fn end(drive: &DriveReport) -> End {
    match drive.trend.as_ref().map(|trend| &trend.exhaustion) {
        Some(Exhaustion::Reached) => End::Reached,
        Some(Exhaustion::Distant { earliest }) => End::Distant(earliest.and_then(seconds)),
        Some(Exhaustion::Expected {
            earliest,
            likely,
            latest,
            ..
        }) => match (seconds(*earliest), seconds(*likely)) {
            (Some(earliest), Some(likely)) => End::Expected {
                earliest,
                likely,
                latest: latest.and_then(seconds),
            },
            _ => End::Unknown,
        },
        _ => End::Unknown,
    }
}

fn axes(svg: &mut String, scale: &Scale, now: Timestamp) {
    let right = WIDTH - RIGHT;
    for percent in scale.marks() {
        let y = scale.y(percent);
        let color = if percent == 100.0 {
            "#d00000"
        } else {
            "#dddddd"
        };
        let _infallible = writeln!(
            svg,
            "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"{color}\"/>"
        );
        label(svg, LEFT - 6.0, y + 4.0, "end", &format!("{percent:.0} %"));
    }
    let bottom = scale.bottom();
    let (from, to, today) = (scale.from, scale.to, now.as_second());
    let x = scale.x(today);
    let _infallible = writeln!(
        svg,
        "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"#888888\" stroke-dasharray=\"2 3\"/>"
    );
    let quarter = (to - from) / 4;
    for (time, anchor) in [
        (from, "start"),
        (from + quarter, "middle"),
        (today, "middle"),
        (to - quarter, "middle"),
        (to, "end"),
    ] {
        let x = scale.x(time);
        let _infallible = writeln!(
            svg,
            "<line x1=\"{x:.1}\" y1=\"{bottom}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"#888888\"/>",
            bottom + 5.0
        );
        label(svg, x, bottom + 20.0, anchor, &day(time));
    }
    label(svg, x, bottom + 34.0, "middle", "today");
}

fn color(index: usize) -> &'static str {
    COLORS
        .get(index % COLORS.len())
        .copied()
        .unwrap_or("#000000")
}

fn dash(index: usize) -> &'static str {
    let pattern = index / COLORS.len() % DASHES.len();
    DASHES.get(pattern).copied().unwrap_or("none")
}

fn past(svg: &mut String, scale: &Scale, index: usize, line: &Line<'_>) {
    let (color, dash) = (color(index), dash(index));
    let points: Vec<String> = line
        .points
        .iter()
        .map(|(t, used)| format!("{:.1},{:.1}", scale.x(*t), scale.y(*used)))
        .collect();
    // Of drives that wear alike the first line is the widest, so that each is seen beside the others.
    let width = 2.0 + 3.0 * scale.likes_before(index) as f64;
    let opacity = if width > 2.0 { 0.7 } else { 1.0 };
    let _infallible = writeln!(
        svg,
        "<polyline fill=\"none\" stroke=\"{color}\" stroke-width=\"{width}\" stroke-opacity=\"{opacity}\" stroke-dasharray=\"{dash}\" points=\"{}\"/>",
        points.join(" ")
    );
    if let Some((time, used)) = line.last() {
        let (x, y) = (scale.x(time), scale.y(used));
        let radius = 3.0 + 2.0 * scale.likes_before(index) as f64;
        let _infallible = writeln!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"1.5\"/>"
        );
    }
}

fn legend_row(svg: &mut String, index: usize, line: &Line<'_>) {
    let (color, dash) = (color(index), dash(index));
    let y = TOP + 10.0 + ROW * index as f64;
    let x = WIDTH - RIGHT + 16.0;
    let _infallible = writeln!(
        svg,
        "<line x1=\"{x}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\" stroke=\"{color}\" stroke-width=\"2\" stroke-dasharray=\"{dash}\"/>",
        x + 18.0
    );
    let used = line.last().map_or(0.0, |(_, used)| used);
    let words = format!("{}{} {used:.0} %", line.name, line.place);
    text(svg, x + 24.0, y + 4.0, &shortened(&words));
    let end = match &line.end {
        End::Unknown => "no forecast yet".to_owned(),
        End::Reached => "used up".to_owned(),
        End::Distant(_) => format!("used up in > {HORIZON_YEARS} years"),
        End::Expected { likely, .. } => format!("used up {}", day(*likely)),
    };
    text(svg, x + 24.0, y + 18.0, &end);
}

/// As much as fits into the legend.
fn shortened(words: &str) -> String {
    const MOST: usize = 30;
    if words.chars().count() <= MOST {
        return words.to_owned();
    }
    let tail: Vec<char> = words.chars().rev().take(6).collect();
    let head: String = words.chars().take(MOST - 7).collect();
    format!("{head}…{}", tail.into_iter().rev().collect::<String>())
}

/// The likely line, and the cone between the earliest and the latest one, cut off at the right
/// edge. Wear never falls, so no side of the cone does.
fn forecast(svg: &mut String, scale: &Scale, index: usize, line: &Line<'_>) {
    let Some(from) = line.last().filter(|(_, used)| *used < 100.0) else {
        return;
    };
    let (earliest, likely, latest) = match line.end {
        End::Expected {
            earliest,
            likely,
            latest,
        } => (Some(earliest), Some(likely), latest),
        End::Distant(earliest) => (earliest, None, None),
        End::Unknown | End::Reached => return,
    };
    let color = color(index);
    let xy = |(time, used): (i64, f64)| format!("{:.1},{:.1}", scale.x(time), scale.y(used));
    let upper = scale.towards(from, earliest);
    let lower = scale.towards(from, latest);
    // A side that reaches 100 % goes on along it.
    let mut corners = vec![from, upper];
    if upper.0 < lower.0 {
        corners.push((lower.0, upper.1));
    }
    corners.push(lower);
    let corners: Vec<String> = corners.into_iter().map(xy).collect();
    let _infallible = writeln!(
        svg,
        "<polygon fill=\"{color}\" fill-opacity=\"0.10\" points=\"{}\"/>",
        corners.join(" ")
    );
    if likely.is_some() {
        let _infallible = writeln!(
            svg,
            "<polyline fill=\"none\" stroke=\"{color}\" stroke-dasharray=\"4 4\" points=\"{} {}\"/>",
            xy(from),
            xy(scale.towards(from, likely)),
        );
    }
}

fn text(svg: &mut String, x: f64, y: f64, words: &str) {
    label(svg, x, y, "start", words);
}

fn label(svg: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    let words = words
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let _infallible = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"#333333\">{words}</text>"
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
