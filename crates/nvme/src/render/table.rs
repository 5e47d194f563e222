//! The report for a terminal: one line per drive and place, then what to know, worst first.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use phoenix_zfs::size::decimal;

use super::percent;
use crate::drive::Drive;
use crate::finding::{Finding, Status};
use crate::render::sparkline::sparkline;
use crate::report::{DriveReport, Report};
use crate::trend::{Exhaustion, HORIZON_YEARS, Trend};

const HEADING: [&str; 11] = [
    "POOL", "VDEV", "DRIVE", "MODEL", "WEAR", "SPARE", "TEMP", "WRITTEN", "PER DAY", "USED UP",
    "STATUS",
];

/// The report as text. With `color` the status words are coloured; the words stay the same.
pub fn render(report: &Report, color: bool) -> String {
    let mut text = String::new();
    table(&mut text, report, color);
    for finding in &report.findings {
        explain(&mut text, "pools", finding, None, color);
    }
    for pool in &report.pools {
        for finding in &pool.findings {
            explain(&mut text, &pool.name, finding, None, color);
        }
    }
    for drive in &report.drives {
        explain_drive(&mut text, drive, color);
    }
    text
}

/// What to know about a drive, worst first.
pub(super) fn explain_drive(text: &mut String, drive: &DriveReport, color: bool) {
    for finding in &drive.findings {
        explain(text, &subject(drive), finding, consequence(drive), color);
    }
}

fn table(text: &mut String, report: &Report, color: bool) {
    let mut rows: Vec<([String; 11], Status)> = Vec::new();
    // Drives are in their natural order, and stay so within a pool.
    for drive in &report.drives {
        if drive.serves.is_empty() {
            rows.push((row(drive, "-", "-"), drive.status));
        }
        for service in &drive.serves {
            rows.push((row(drive, &service.pool, &service.vdev), drive.status));
        }
    }
    rows.sort_by(|([pool_a, vdev_a, ..], _), ([pool_b, vdev_b, ..], _)| {
        (pool_a, vdev_a).cmp(&(pool_b, vdev_b))
    });
    let width = |column: usize| {
        let cells = rows
            .iter()
            .filter_map(|(row, _)| row.get(column))
            .map(|cell| cell.chars().count());
        cells
            .chain(HEADING.get(column).map(|heading| heading.len()))
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..HEADING.len()).map(width).collect();
    line(text, HEADING.map(str::to_owned), &widths, |status| status);
    for (cells, status) in rows {
        line(text, cells, &widths, |word| painted(&word, status, color));
    }
}

fn line(text: &mut String, cells: [String; 11], widths: &[usize], last: impl Fn(String) -> String) {
    let mut cells: Vec<String> = cells
        .into_iter()
        .zip(widths)
        .map(|(cell, width)| format!("{cell:<width$}"))
        .collect();
    if let Some(status) = cells.pop() {
        cells.push(last(status.trim_end().to_owned()));
    }
    let _infallible = writeln!(text, "{}", cells.join("  "));
}

fn row(report: &DriveReport, pool: &str, vdev: &str) -> [String; 11] {
    let drive = &report.drive;
    let health = drive.health.as_ref();
    let wearing = health.filter(|health| health.reports_wear());
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        pool.to_owned(),
        vdev.to_owned(),
        drive.name.clone(),
        or_dash(drive.model.clone()),
        percent(wearing.and_then(|health| health.percentage_used)),
        percent(wearing.and_then(|health| health.available_spare_percent)),
        or_dash(
            health
                .and_then(|health| health.temperature_celsius)
                .map(|t| format!("{t} °C")),
        ),
        or_dash(wearing.and_then(|health| health.written_bytes).map(decimal)),
        or_dash(report.trend.as_ref().and_then(per_day)),
        report
            .trend
            .as_ref()
            .map_or_else(|| "-".to_owned(), used_up),
        report.status.to_string(),
    ]
}

/// Such as `12.1 GB ▃▃▅█ max 95.2 GB/wk`: the average day, and the last weeks with their highest.
fn per_day(trend: &Trend) -> Option<String> {
    let day = decimal(trend.written_bytes_per_day?);
    let weeks = &trend.written_bytes_by_week;
    let scale = weeks.iter().max().filter(|most| **most > 0);
    let scale = scale.map_or(String::new(), |most| format!(" max {}/wk", decimal(*most)));
    Some(
        format!("{day} {}{scale}", sparkline(weeks))
            .trim_end()
            .to_owned(),
    )
}

fn used_up(trend: &Trend) -> String {
    match &trend.exhaustion {
        Exhaustion::Reached => "reached".to_owned(),
        Exhaustion::Unknown { .. } => "-".to_owned(),
        Exhaustion::Distant { .. } => format!("> {HORIZON_YEARS} years"),
        Exhaustion::Expected {
            earliest,
            likely,
            latest,
            ..
        } => {
            let month = |date: &jiff::civil::Date| date.strftime("%Y-%m").to_string();
            let latest = latest
                .as_ref()
                .map_or_else(|| format!("> {HORIZON_YEARS} years"), month);
            format!("{} ({}..{latest})", month(likely), month(earliest))
        }
    }
}

fn subject(report: &DriveReport) -> String {
    let Drive { name, serial, .. } = &report.drive;
    match serial {
        Some(serial) => format!("{name} (serial {serial})"),
        None => name.clone(),
    }
}

/// What a failing drive would cost. Of several places the worst counts.
fn consequence(report: &DriveReport) -> Option<String> {
    let service = report.serves.iter().max_by_key(|service| service.loss)?;
    Some(service.loss.sentence(&service.pool))
}

fn explain(
    text: &mut String,
    subject: &str,
    finding: &Finding,
    consequence: Option<String>,
    color: bool,
) {
    let word = if finding.status == Status::Ok {
        "note"
    } else {
        finding.status.word()
    };
    let word = painted(&format!("{word:<8}"), finding.status, color);
    let _infallible = writeln!(text, "\n{word}  {subject}: {}", finding.message);
    if let Some(help) = &finding.help {
        let _infallible = writeln!(text, "          help: {help}");
    }
    if let Some(consequence) = consequence.filter(|_| finding.status >= Status::Warning) {
        let _infallible = writeln!(text, "          if it dies: {consequence}");
    }
}

fn painted(word: &str, status: Status, color: bool) -> String {
    if !color {
        return word.to_owned();
    }
    let color = match status {
        Status::Ok => AnsiColor::Green,
        Status::Unknown => AnsiColor::Cyan,
        Status::Warning => AnsiColor::Yellow,
        Status::Critical => AnsiColor::Red,
    };
    let style = Style::new().fg_color(Some(color.into()));
    format!("{style}{word}{style:#}")
}
