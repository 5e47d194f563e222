//! Evidence that a drive is dying which its health byte does not hold: failed self-tests, its own check,
//! errors of reads and writes, spare blocks that go, and heat.

use jiff::Timestamp;

use super::days_ago;
use crate::drive::{Drive, ErrorEntry, Health};
use crate::finding::{Code, Finding, Status};
use crate::history::Past;

/// Status types of an error: general, and media and data integrity.
const GENERAL: u64 = 0;
const MEDIA: u64 = 2;
/// General statuses of a command that its sender took back, or that was stopped with its queue.
const TAKEN_BACK: std::ops::RangeInclusive<u64> = 0x07..=0x0a;
/// Media statuses that speak of what was asked and not of the flash: a comparison that was unequal,
/// access denied, a block that nobody has written.
const NOT_THE_FLASH: [u64; 3] = [0x85, 0x86, 0x87];

/// So many percent of the spare that went within a month, or within a year, are no chance.
const SPARE_IN_A_MONTH: u64 = 2;
const SPARE_IN_A_YEAR: u64 = 5;

/// Minutes over the warning temperature within a month that are worth a word; over the critical one
/// every minute is.
const MINUTES_HOT: u64 = 10;
/// Seconds of throttling within a month that are worth a word.
const SECONDS_THROTTLED: u64 = 60;

/// Self-tests, and the drive's own check of its health.
pub(super) fn of_tests(drive: &Drive) -> Vec<Finding> {
    let mut findings = Vec::new();
    // The byte with the reasons is judged bit by bit elsewhere.
    let has_reasons = drive
        .health
        .as_ref()
        .is_some_and(|health| health.warnings().0 & 0x3f != 0);
    if drive.passed == Some(false) && !has_reasons {
        let message = "it fails its own check of its health, without saying why";
        let finding = Finding::new(Status::Critical, Code::SelfCheckFailed, message);
        findings.push(finding.help("copy off what only it holds, then replace it"));
    }
    if let Some(test) = drive.last_self_test().filter(|test| test.has_failed()) {
        let how = match test.result {
            5 => "a fatal error stopped it",
            6 => "a part of the drive failed",
            _ => "parts of the drive failed",
        };
        let message = format!("its last self-test failed: {how} (result {})", test.result);
        let finding = Finding::new(Status::Critical, Code::SelfTestFailed, message);
        findings.push(finding.help("replace it; `smartctl -t long` tests it once more"));
    }
    findings
}

/// Errors of reads and writes. What a drive notes of commands for its administration that it does not
/// know is no sign of anything; healthy drives have thousands.
pub(super) fn of_errors(drive: &Drive) -> Option<Finding> {
    let counted = drive
        .health
        .as_ref()
        .and_then(|health| health.media_errors)
        .is_some_and(|errors| errors > 0);
    // Data that could not be read is judged by its counter, where there is one and until it is accepted.
    let tells = |error: &&ErrorEntry| is_of_data(error) && !(counted && is_of_media(error));
    let entries: Vec<&ErrorEntry> = drive.errors.iter().filter(tells).collect();
    let newest = entries.first()?;
    let times = match entries.len() {
        1 => "one read or write failed".to_owned(),
        many => format!("{many} reads or writes failed"),
    };
    let status = match (newest.status_type, newest.status) {
        (Some(kind), Some(status)) => format!(", status {kind:x}h/{status:02x}h"),
        _ => String::new(),
    };
    let message = format!(
        "by its error log {times}, the last one is number {}{status}",
        newest.count
    );
    let help =
        "see `nvme error-log` and `dmesg`, run `zpool scrub`; replace the drive if there are more";
    Some(Finding::new(Status::Warning, Code::ErrorLog, message).help(help))
}

fn is_of_media(error: &ErrorEntry) -> bool {
    error.status_type == Some(MEDIA)
        && error
            .status
            .is_none_or(|status| !NOT_THE_FLASH.contains(&status))
}

fn is_of_data(error: &ErrorEntry) -> bool {
    if is_of_media(error) {
        return true;
    }
    let by_queue = error.queue.is_some_and(|queue| queue > 0);
    match error.status_type {
        Some(GENERAL) => {
            let harmless = |status| status == 0 || TAKEN_BACK.contains(&status);
            by_queue && !error.status.is_some_and(harmless)
        }
        // What the host gave up on its way to the drive, or asked in vain, is not the drive's fault.
        Some(1 | MEDIA | 3) => false,
        _ => by_queue,
    }
}

/// Spare blocks that go: each replaced one that failed.
pub(super) fn of_falling_spare(health: &Health, past: &Past, now: Timestamp) -> Option<Finding> {
    let spare = health.available_spare_percent?;
    let fell = |days: i64| {
        let before =
            past.value_since(days_ago(now, days), |sample| sample.available_spare_percent)?;
        Some((before, before.saturating_sub(spare)))
    };
    let month = fell(30).filter(|(_, fell)| *fell >= SPARE_IN_A_MONTH);
    let year = fell(365).filter(|(_, fell)| *fell >= SPARE_IN_A_YEAR);
    let ((before, _), span) = match (month, year) {
        (Some(month), _) => (month, "a month"),
        (None, year) => (year?, "a year"),
    };
    let message = format!(
        "its spare blocks go: from {before} % to {spare} % within {span}; each replaced one that failed"
    );
    let help = "order a replacement; run `zpool scrub`";
    Some(Finding::new(Status::Warning, Code::SpareFalls, message).help(help))
}

/// Time over its limits, and time in which it slowed itself down, since a moment.
pub(super) fn of_heat(health: &Health, past: &Past, since: Timestamp) -> Vec<Finding> {
    let grown = |now: Option<u64>, value: fn(&crate::history::Sample) -> Option<u64>| {
        Some(now?.saturating_sub(past.value_since(since, value)?))
    };
    let warm = grown(health.warning_temperature_minutes, |s| {
        s.warning_temperature_minutes
    });
    let hot = grown(health.critical_temperature_minutes, |s| {
        s.critical_temperature_minutes
    });
    let slowed = grown(health.throttled_seconds, |s| s.throttled_seconds);
    let help = "look after air flow and heat sink: hot drives slow down and age faster";
    let warn = |code, message: String| Finding::new(Status::Warning, code, message).help(help);
    let mut findings = Vec::new();
    if let Some(minutes) = hot.filter(|minutes| *minutes > 0) {
        let message =
            format!("it was over its critical temperature for {minutes} min within 30 days");
        findings.push(warn(Code::HeatTime, message));
    } else if let Some(minutes) = warm.filter(|minutes| *minutes >= MINUTES_HOT) {
        let message =
            format!("it was over its warning temperature for {minutes} min within 30 days");
        findings.push(warn(Code::HeatTime, message));
    }
    if let Some(seconds) = slowed.filter(|seconds| *seconds >= SECONDS_THROTTLED) {
        let message =
            format!("it slowed itself down because of heat for {seconds} s within 30 days");
        findings.push(warn(Code::Throttled, message));
    }
    findings
}

/// The worst of the sensors that are at their own limit.
pub(super) fn hot_sensor(drive: &Drive) -> Option<(Status, String)> {
    let judged = drive.sensors.iter().filter_map(|sensor| {
        let is = sensor.celsius;
        let over = |limit: Option<i64>| limit.filter(|limit| is >= *limit);
        let name = &sensor.name;
        if let Some(limit) = over(sensor.critical_celsius) {
            let message = format!("its sensor \"{name}\" is at {is} °C, {limit} °C is critical");
            return Some((Status::Critical, message));
        }
        let limit = over(sensor.warning_celsius)?;
        let message = format!("its sensor \"{name}\" is at {is} °C, its limit is {limit} °C");
        Some((Status::Warning, message))
    });
    judged.max_by_key(|(status, _)| *status)
}
