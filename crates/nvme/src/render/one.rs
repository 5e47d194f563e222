//! One drive, whole: everything that is known of it, for a terminal.

use std::fmt::Write as _;

use phoenix_zfs::size::decimal;

use super::percent;
use crate::drive::{Drive, Health};
use crate::history::History;
use crate::render::sparkline::sparkline;
use crate::render::table;
use crate::report::DriveReport;
use crate::trend::{Exhaustion, HORIZON_YEARS, Trend};

/// The drive as lines of a name and a value. What it does not tell has no line.
pub fn render(report: &DriveReport, history: &History, color: bool) -> String {
    let mut rows: Vec<(&str, String)> = Vec::new();
    let drive = &report.drive;
    identity(&mut rows, drive);
    place(&mut rows, report);
    if let Some(health) = &drive.health {
        wear(&mut rows, health);
        errors(&mut rows, drive, health);
        heat(&mut rows, drive, health);
    }
    if let Some(trend) = &report.trend {
        forecast(&mut rows, trend);
    }
    let samples = drive.key().map_or(0, |key| history.of(key).samples.len());
    rows.push(("history", format!("{samples} samples")));
    rows.push(("status", report.status.to_string()));
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, value) in rows {
        let _infallible = writeln!(text, "{name:<width$}  {value}");
    }
    table::explain_drive(&mut text, report, color);
    text
}

fn identity(rows: &mut Vec<(&str, String)>, drive: &Drive) {
    rows.push(("drive", drive.name.clone()));
    let texts = [
        ("model", &drive.model),
        ("serial", &drive.serial),
        ("known as", &drive.identity),
        ("number", &drive.eui),
        ("firmware", &drive.firmware),
        ("plugged in at", &drive.place),
        ("controller", &drive.controller_state),
    ];
    for (name, text) in texts {
        let is_repeated = name == "known as" && drive.identity == drive.serial;
        if let Some(text) = text.as_ref().filter(|_| !is_repeated) {
            rows.push((name, text.clone()));
        }
    }
    if let Some(bytes) = drive.capacity_bytes {
        let blocks = drive.logical_block_bytes;
        let blocks = blocks.map_or(String::new(), |bytes| format!(", blocks of {bytes} bytes"));
        rows.push(("size", format!("{}{blocks}", decimal(bytes))));
    }
}

fn place(rows: &mut Vec<(&str, String)>, report: &DriveReport) {
    if report.serves.is_empty() {
        rows.push(("in use by", "no pool".to_owned()));
    }
    for service in &report.serves {
        let loss = service.loss.sentence(&service.pool);
        let (pool, vdev, class) = (&service.pool, &service.vdev, &service.class);
        rows.push((
            "in use by",
            format!("{pool}, {vdev} ({class}); if it dies: {loss}"),
        ));
    }
}

fn wear(rows: &mut Vec<(&str, String)>, health: &Health) {
    if health.reports_wear() {
        rows.push((
            "wear",
            format!("{} of the rated endurance", percent(health.percentage_used)),
        ));
        let limit = health.available_spare_threshold_percent;
        let limit = limit.map_or(String::new(), |limit| {
            format!(", its own limit is {limit} %")
        });
        rows.push((
            "spare",
            format!("{}{limit}", percent(health.available_spare_percent)),
        ));
    }
    let bytes = [
        ("written", health.written_bytes),
        ("read", health.read_bytes),
    ];
    for (name, value) in bytes {
        rows.extend(value.map(|bytes| (name, decimal(bytes))));
    }
    if let Some(hours) = health.power_on_hours {
        rows.push(("hours on", format!("{hours} ({} days)", hours / 24)));
    }
    let cycles = health.power_cycles.map(|cycles| format!("{cycles}"));
    let losses = health.unsafe_shutdowns;
    let losses = losses.map_or(String::new(), |losses| format!(", {losses} without notice"));
    rows.extend(cycles.map(|cycles| ("switched on", format!("{cycles} times{losses}"))));
}

fn errors(rows: &mut Vec<(&str, String)>, drive: &Drive, health: &Health) {
    rows.extend(
        health
            .media_errors
            .map(|errors| ("media errors", errors.to_string())),
    );
    if let Some(entries) = health.error_log_entries {
        rows.push((
            "error log",
            format!("{entries} entries ever, {} to be read", drive.errors.len()),
        ));
    }
    if let Some(passed) = drive.passed {
        rows.push((
            "own check",
            if passed { "passed" } else { "failed" }.to_owned(),
        ));
    }
    let test = drive.last_self_test().map(|test| {
        let how = if test.has_failed() {
            "failed"
        } else {
            "went well"
        };
        let hours = test.power_on_hours.filter(|hours| *hours < 1_000_000);
        hours.map_or(how.to_owned(), |hours| {
            format!("{how}, at {hours} hours on")
        })
    });
    rows.push((
        "self-test",
        test.unwrap_or_else(|| "none that came to an end".to_owned()),
    ));
}

fn heat(rows: &mut Vec<(&str, String)>, drive: &Drive, health: &Health) {
    let degrees = |value: Option<i64>| value.map(|degrees| format!("{degrees} °C"));
    if let Some(now) = degrees(health.temperature_celsius) {
        let limits = [
            degrees(drive.warning_celsius).map(|limit| format!("warns at {limit}")),
            degrees(drive.critical_celsius).map(|limit| format!("critical at {limit}")),
        ];
        let all: Vec<String> = std::iter::once(now)
            .chain(limits.into_iter().flatten())
            .collect();
        rows.push(("temperature", all.join(", ")));
    }
    for sensor in drive
        .sensors
        .iter()
        .filter(|sensor| sensor.name != "Composite")
    {
        rows.push(("sensor", format!("{}: {} °C", sensor.name, sensor.celsius)));
    }
    let times = [
        ("too warm", health.warning_temperature_minutes, "min"),
        ("too hot", health.critical_temperature_minutes, "min"),
        ("slowed down", health.throttled_seconds, "s"),
    ];
    for (name, value, unit) in times {
        rows.extend(value.map(|value| (name, format!("{value} {unit} in its life"))));
    }
}

fn forecast(rows: &mut Vec<(&str, String)>, trend: &Trend) {
    let weeks = &trend.written_bytes_by_week;
    if let Some(day) = trend.written_bytes_per_day {
        rows.push(("written a day", decimal(day)));
    }
    if let Some(most) = weeks.iter().max() {
        let bars = sparkline(weeks);
        rows.push((
            "by week",
            format!(
                "{bars}  {} weeks, the highest {}",
                weeks.len(),
                decimal(*most)
            ),
        ));
    }
    let paces = [
        ("pace", trend.wear_percent_per_month),
        ("pace of late", trend.recent_percent_per_month),
    ];
    for (name, pace) in paces {
        rows.extend(pace.map(|pace| (name, format!("{pace:.2} % a month"))));
    }
    let end = match &trend.exhaustion {
        Exhaustion::Reached => "reached".to_owned(),
        Exhaustion::Unknown { reason } => format!("not known: {reason}"),
        Exhaustion::Distant { earliest: None } => format!("in more than {HORIZON_YEARS} years"),
        Exhaustion::Distant {
            earliest: Some(day),
        } => {
            format!("most likely in more than {HORIZON_YEARS} years, {day} at the earliest")
        }
        Exhaustion::Expected {
            earliest,
            likely,
            latest,
            ..
        } => {
            let latest = latest.map_or(format!("more than {HORIZON_YEARS} years"), |day| {
                day.to_string()
            });
            format!("{likely}, between {earliest} and {latest}")
        }
    };
    rows.push(("used up", end));
}
