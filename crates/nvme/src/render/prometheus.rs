//! The report as metrics for node_exporter's textfile collector.
//!
//! Names follow Prometheus' conventions: base units, `_total` on counters, `_ratio` from 0 to 1.
//! The label `drive` is the serial number, because the kernel's names change between boots;
//! `phoenix_nvme_info` joins it with name, model, firmware and place. A value that a drive does
//! not report has no line.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::drive::{Drive, Health};
use crate::finding::Status;
use crate::report::{DriveReport, PoolReport, Report};
use crate::trend::Exhaustion;

/// The metrics of a report. Write them to `NAME.prom` by renaming a finished file.
pub fn render(report: &Report) -> String {
    let mut text = String::new();
    identity(&mut text, report);
    gauges(&mut text, report);
    facts(&mut text, report);
    counters(&mut text, report);
    forecast(&mut text, report);
    pools(&mut text, report);
    survey(&mut text, report.time, true);
    text
}

/// The metrics of a run that could not read the drives: nothing but that.
pub fn failed(now: Timestamp) -> String {
    let mut text = String::new();
    survey(&mut text, now, false);
    text
}

fn survey(text: &mut String, time: Timestamp, success: bool) {
    let mut family = Family::new(
        text,
        "phoenix_nvme_survey_success",
        "gauge",
        "1 if the last run could read the drives, 0 if not.",
    );
    family.sample(&[], u8::from(success));
    let mut family = Family::new(
        text,
        "phoenix_nvme_survey_timestamp_seconds",
        "gauge",
        "When the last run was, in seconds since 1970.",
    );
    family.sample(&[], time.as_second());
}

/// Metrics of one name. Its head is written with its first sample, so that an empty family leaves
/// no trace.
struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    started: bool,
}

impl<'a> Family<'a> {
    fn new(
        text: &'a mut String,
        name: &'static str,
        kind: &'static str,
        help: &'static str,
    ) -> Self {
        Self {
            text,
            name,
            kind,
            help,
            started: false,
        }
    }

    fn sample(&mut self, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let Self {
            name, kind, help, ..
        } = self;
        if !self.started {
            let _infallible = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            self.started = true;
        }
        let labels: Vec<String> = labels
            .iter()
            .map(|(key, value)| format!("{key}=\"{}\"", escaped(value)))
            .collect();
        let labels = labels.join(",");
        let _infallible = if labels.is_empty() {
            writeln!(self.text, "{name} {value}")
        } else {
            writeln!(self.text, "{name}{{{labels}}} {value}")
        };
    }
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// What identifies a drive over time.
fn drive(report: &DriveReport) -> &str {
    report.drive.key().unwrap_or(&report.drive.name)
}

fn identity(text: &mut String, report: &Report) {
    let mut info = Family::new(
        text,
        "phoenix_nvme_info",
        "gauge",
        "What the drive is and where it is in use.",
    );
    for each in &report.drives {
        let known = |text: &Option<String>| text.clone().unwrap_or_default();
        let (model, firmware) = (known(&each.drive.model), known(&each.drive.firmware));
        let place = each.serves.first();
        let labels = [
            ("drive", drive(each)),
            ("device", &each.drive.name),
            ("model", &model),
            ("firmware", &firmware),
            ("pool", place.map_or("", |place| &place.pool)),
            ("vdev", place.map_or("", |place| &place.vdev)),
        ];
        info.sample(&labels, 1);
    }
    let mut status = Family::new(
        text,
        "phoenix_nvme_status",
        "gauge",
        "1 for the verdict on the drive, 0 for the others.",
    );
    for each in &report.drives {
        for one in Status::ALL {
            let labels = [("drive", drive(each)), ("status", one.word())];
            status.sample(&labels, u8::from(each.status == one));
        }
    }
    let mut findings = Family::new(
        text,
        "phoenix_nvme_finding",
        "gauge",
        "1 for each finding that is no remark.",
    );
    for each in &report.drives {
        let told = each.findings.iter().filter(|it| it.status != Status::Ok);
        let told: BTreeSet<_> = told.map(|it| (it.code.word(), it.status.word())).collect();
        for (code, status) in told {
            let labels = [("drive", drive(each)), ("code", &code), ("status", status)];
            findings.sample(&labels, 1);
        }
    }
    let mut bad = Family::new(
        text,
        "phoenix_nvme_firmware_known_bad",
        "gauge",
        "1 if the firmware is known to harm drives or data.",
    );
    for each in &report.drives {
        let known_bad = crate::firmware::known_bad(&each.drive).is_some();
        bad.sample(&[("drive", drive(each))], u8::from(known_bad));
    }
}

fn gauges(text: &mut String, report: &Report) {
    /// A value of the health log that only counts when the drive keeps wear data.
    fn wearing(health: &Health, value: Option<u64>) -> Option<f64> {
        value
            .filter(|_| health.reports_wear())
            .map(|percent| percent as f64 / 100.0)
    }
    type Read = fn(&Health) -> Option<f64>;
    let families: [(&'static str, &'static str, Read); 5] = [
        (
            "phoenix_nvme_wear_ratio",
            "Rated endurance used; 1 is all of it, more is possible.",
            |health| wearing(health, health.percentage_used),
        ),
        ("phoenix_nvme_spare_ratio", "Spare blocks left.", |health| {
            wearing(health, health.available_spare_percent)
        }),
        (
            "phoenix_nvme_spare_threshold_ratio",
            "Spare blocks below which the drive warns.",
            |health| wearing(health, health.available_spare_threshold_percent),
        ),
        (
            "phoenix_nvme_temperature_celsius",
            "Composite temperature.",
            |health| health.temperature_celsius.map(|degrees| degrees as f64),
        ),
        (
            "phoenix_nvme_critical_warning",
            "The Critical Warning byte of the health log; 0 is none.",
            |health| health.critical_warning.map(|byte| byte as f64),
        ),
    ];
    for (name, help, read) in families {
        let mut family = Family::new(text, name, "gauge", help);
        for each in &report.drives {
            if let Some(value) = each.drive.health.as_ref().and_then(read) {
                family.sample(&[("drive", drive(each))], value);
            }
        }
    }
}

/// What a drive is, and what it says beside its health log.
fn facts(text: &mut String, report: &Report) {
    type Read = fn(&Drive) -> Option<i64>;
    let families: [(&'static str, &'static str, Read); 5] = [
        (
            "phoenix_nvme_capacity_bytes",
            "Size of the drive.",
            |drive| drive.capacity_bytes.and_then(|bytes| bytes.try_into().ok()),
        ),
        (
            "phoenix_nvme_warning_temperature_celsius",
            "Composite temperature from which the drive warns.",
            |drive| drive.warning_celsius,
        ),
        (
            "phoenix_nvme_critical_temperature_celsius",
            "Composite temperature that the drive calls critical.",
            |drive| drive.critical_celsius,
        ),
        (
            "phoenix_nvme_self_test_failed",
            "1 if the last self-test that came to an end failed, 0 if it went well.",
            |drive| {
                drive
                    .last_self_test()
                    .map(|test| i64::from(test.has_failed()))
            },
        ),
        (
            "phoenix_nvme_self_check_passed",
            "1 if the drive passes its own check of its health.",
            |drive| drive.passed.map(i64::from),
        ),
    ];
    for (name, help, read) in families {
        let mut family = Family::new(text, name, "gauge", help);
        for each in &report.drives {
            if let Some(value) = read(&each.drive) {
                family.sample(&[("drive", drive(each))], value);
            }
        }
    }
    let mut sensors = Family::new(
        text,
        "phoenix_nvme_sensor_celsius",
        "gauge",
        "Temperature of each sensor, by the kernel.",
    );
    for each in &report.drives {
        for sensor in &each.drive.sensors {
            let labels = [("drive", drive(each)), ("sensor", &sensor.name)];
            sensors.sample(&labels, sensor.celsius);
        }
    }
}

fn counters(text: &mut String, report: &Report) {
    type Read = fn(&Health) -> Option<u64>;
    let families: [(&'static str, &'static str, u64, Read); 11] = [
        (
            "phoenix_nvme_written_bytes_total",
            "Bytes written by the host.",
            1,
            |h| h.written_bytes,
        ),
        (
            "phoenix_nvme_read_bytes_total",
            "Bytes read by the host.",
            1,
            |h| h.read_bytes,
        ),
        (
            "phoenix_nvme_busy_seconds_total",
            "Time that the controller was busy.",
            60,
            |h| h.busy_minutes,
        ),
        (
            "phoenix_nvme_power_on_seconds_total",
            "Time that the drive was on.",
            3600,
            |h| h.power_on_hours,
        ),
        (
            "phoenix_nvme_power_cycles_total",
            "Times that the drive was switched on.",
            1,
            |h| h.power_cycles,
        ),
        (
            "phoenix_nvme_unsafe_shutdowns_total",
            "Times that power went away without notice.",
            1,
            |h| h.unsafe_shutdowns,
        ),
        (
            "phoenix_nvme_media_errors_total",
            "Times that data could not be recovered.",
            1,
            |h| h.media_errors,
        ),
        (
            "phoenix_nvme_error_log_entries_total",
            "Entries of the error log; grows on healthy drives, too.",
            1,
            |h| h.error_log_entries,
        ),
        (
            "phoenix_nvme_warning_temperature_seconds_total",
            "Time spent above the warning temperature.",
            60,
            |h| h.warning_temperature_minutes,
        ),
        (
            "phoenix_nvme_critical_temperature_seconds_total",
            "Time spent above the critical temperature.",
            60,
            |h| h.critical_temperature_minutes,
        ),
        (
            "phoenix_nvme_throttled_seconds_total",
            "Time in which the drive slowed itself down because of heat.",
            1,
            |h| h.throttled_seconds,
        ),
    ];
    for (name, help, factor, read) in families {
        let mut family = Family::new(text, name, "counter", help);
        for each in &report.drives {
            if let Some(value) = each.drive.health.as_ref().and_then(read) {
                family.sample(&[("drive", drive(each))], value.saturating_mul(factor));
            }
        }
    }
}

fn forecast(text: &mut String, report: &Report) {
    let mut family = Family::new(
        text,
        "phoenix_nvme_endurance_end_timestamp_seconds",
        "gauge",
        "When the rated endurance is expected to be used up.",
    );
    for each in &report.drives {
        let Some(Exhaustion::Expected {
            earliest,
            likely,
            latest,
            ..
        }) = each.trend.as_ref().map(|t| &t.exhaustion)
        else {
            continue;
        };
        let estimates = [
            ("earliest", Some(*earliest)),
            ("likely", Some(*likely)),
            ("latest", *latest),
        ];
        for (estimate, date) in estimates {
            if let Some(seconds) = date.and_then(seconds) {
                family.sample(&[("drive", drive(each)), ("estimate", estimate)], seconds);
            }
        }
    }
}

fn trims(text: &mut String, report: &Report) {
    let mut on = Family::new(
        text,
        "phoenix_nvme_pool_autotrim",
        "gauge",
        "1 if autotrim is on.",
    );
    for pool in &report.pools {
        if let Some(value) = pool.autotrim {
            on.sample(&[("pool", &pool.name)], u8::from(value));
        }
    }
    let mut bytes = Family::new(
        text,
        "phoenix_nvme_pool_trimmed_bytes_total",
        "counter",
        "Bytes trimmed since the pool was imported, by autotrim or by hand.",
    );
    for pool in &report.pools {
        let Some(trimmed) = pool.trimmed else {
            continue;
        };
        for (by, value) in [
            ("autotrim", trimmed.automatic_bytes),
            ("hand", trimmed.by_hand_bytes),
        ] {
            bytes.sample(&[("pool", &pool.name), ("by", by)], value);
        }
    }
    let mut last = Family::new(
        text,
        "phoenix_nvme_pool_last_trim_timestamp_seconds",
        "gauge",
        "When the last trim by hand ended; the host's local time, taken as UTC.",
    );
    for pool in &report.pools {
        let time = pool
            .last_trim
            .and_then(|time| time.to_zoned(TimeZone::UTC).ok());
        if let Some(time) = time {
            last.sample(&[("pool", &pool.name)], time.timestamp().as_second());
        }
    }
}

fn seconds(date: Date) -> Option<i64> {
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

fn pools(text: &mut String, report: &Report) {
    let mut status = Family::new(
        text,
        "phoenix_nvme_pool_status",
        "gauge",
        "1 for the verdict on the pool and its drives, 0 for the others.",
    );
    for PoolReport {
        name, status: is, ..
    } in &report.pools
    {
        for one in Status::ALL {
            status.sample(
                &[("pool", name), ("status", one.word())],
                u8::from(*is == one),
            );
        }
    }
    trims(text, report);
    let mut readable = Family::new(
        text,
        "phoenix_nvme_pools_readable",
        "gauge",
        "1 if everything was read of the pools, 0 if something did not answer.",
    );
    readable.sample(&[], u8::from(report.findings.is_empty()));
    let mut survives = Family::new(
        text,
        "phoenix_nvme_vdev_survivable_failures",
        "gauge",
        "How many more drives of the vdev may die without harm.",
    );
    for pool in &report.pools {
        for vdev in &pool.vdevs {
            survives.sample(&[("pool", &pool.name), ("vdev", &vdev.name)], vdev.survives);
        }
    }
}
