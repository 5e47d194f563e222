//! The verdict on one drive: its health log, its controller, and how both changed.
//!
//! Only what a drive really says counts. Absent values and the zeros of virtual drives lead to
//! [`Status::Unknown`], never to an alarm and never to "ok".

mod evidence;

use jiff::{SignedDuration, Timestamp};
use phoenix_zfs::size::decimal;

use crate::drive::{Drive, Health};
use crate::finding::{Code, Finding, Status};
use crate::history::Past;
use crate::policy::Policy;
use crate::trend::{Exhaustion, Trend};

/// Errors that came within this many days are news.
const RECENT_DAYS: i64 = 30;
/// So many losses of power within [`RECENT_DAYS`] are no longer chance.
const POWER_LOSSES: u64 = 3;
/// A threshold of the spare from here on is no threshold.
const TRUSTED_THRESHOLD_PERCENT: u64 = 99;
/// Degrees below the drive's own limit from which it is called hot.
const HEAT_MARGIN_CELSIUS: i64 = 5;

/// Everything to say about one drive's health. `past` is its history before this reading.
pub fn judge(
    drive: &Drive,
    policy: &Policy,
    past: &Past,
    trend: Option<&Trend>,
    now: Timestamp,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(controller(drive));
    findings.extend(evidence::of_tests(drive));
    findings.extend(evidence::of_errors(drive));
    let Some(health) = &drive.health else {
        findings.push(unreadable(drive));
        return findings;
    };
    findings.extend(critical_warnings(health));
    findings.extend(temperature(drive, health, policy));
    findings.extend(evidence::of_heat(health, past, days_ago(now, RECENT_DAYS)));
    if !health.reports_wear() {
        let message = "it keeps no wear data: a virtual drive answers with zeros";
        findings.push(Finding::new(Status::Unknown, Code::NoWearData, message));
        return findings;
    }
    findings.extend(spare(health, policy));
    findings.extend(evidence::of_falling_spare(health, past, now));
    findings.extend(wear(health, policy));
    findings.extend(media_errors(drive, health, past, now));
    findings.extend(power_losses(health, past, now));
    findings.extend(trend.and_then(|trend| forecast(trend, policy, now)));
    findings.extend(trend.and_then(jump));
    findings
}

fn controller(drive: &Drive) -> Option<Finding> {
    let state = drive.controller_state.as_deref()?;
    let status = match state {
        "live" => return None,
        "dead" => Status::Critical,
        _ => Status::Warning,
    };
    let message = format!("the kernel calls its controller \"{state}\"");
    let help = "look at `dmesg`; a controller that stays so needs a power cycle or a new drive";
    Some(Finding::new(status, Code::ControllerState, message).help(help))
}

fn unreadable(drive: &Drive) -> Finding {
    let mut reasons = drive.gaps.join("; ");
    if reasons.is_empty() {
        "nobody answered".clone_into(&mut reasons);
    }
    let finding = Finding::new(
        Status::Unknown,
        Code::Unreadable,
        format!("its health could not be read: {reasons}"),
    );
    if reasons.contains("not installed") {
        return finding.help("apt install smartmontools");
    }
    finding
}

fn critical_warnings(health: &Health) -> Vec<Finding> {
    let warnings = health.warnings();
    let critical =
        |code, message: &str, help: &str| Finding::new(Status::Critical, code, message).help(help);
    let mut findings = Vec::new();
    if warnings.read_only() {
        findings.push(critical(
            Code::ReadOnly,
            "it has gone read-only and takes no more writes",
            "copy off what only it holds, then replace it",
        ));
    }
    if warnings.unreliable() {
        findings.push(critical(Code::Unreliable, unreliable(health), "replace it"));
    }
    if warnings.backup_failed() {
        findings.push(critical(
            Code::BackupFailed,
            "its power-loss protection has failed: a power cut can lose writes that it confirmed",
            "replace it; until then keep synchronous data on another drive",
        ));
    }
    if warnings.memory_region() {
        findings.push(critical(
            Code::MemoryRegion,
            "its persistent memory region has become unreliable",
            "replace it if anything uses that region",
        ));
    }
    findings
}

/// Several makers raise the bit when the rated endurance is used up, without any error
/// (smartmontools issue 537). It stays critical: two such drives died together.
fn unreliable(health: &Health) -> &'static str {
    let worn_out = health.percentage_used.is_some_and(|used| used >= 100);
    if worn_out && health.media_errors == Some(0) {
        "it calls itself unreliable; with no media errors so far, the used-up endurance is why"
    } else {
        "it calls itself unreliable after media or internal errors"
    }
}

fn temperature(drive: &Drive, health: &Health, policy: &Policy) -> Option<Finding> {
    let degrees = health.temperature_celsius;
    let over = |limit: Option<i64>| Some((degrees?, limit?)).filter(|(is, limit)| is >= limit);
    let own = drive
        .warning_celsius
        .map(|limit| limit.saturating_sub(HEAT_MARGIN_CELSIUS));
    let (status, message) = if let Some((is, limit)) = over(drive.critical_celsius) {
        (
            Status::Critical,
            format!("it is at {is} °C, the drive calls {limit} °C critical"),
        )
    } else if let Some((is, limit)) = over(policy.temperature_warning_celsius) {
        (
            Status::Warning,
            format!("it is at {is} °C, the configuration warns at {limit} °C"),
        )
    } else if let Some((is, _)) = over(own).filter(|_| policy.temperature_warning_celsius.is_none())
    {
        let limit = drive.warning_celsius.unwrap_or_default();
        (
            Status::Warning,
            format!("it is at {is} °C, close to its own limit of {limit} °C"),
        )
    } else if let Some((status, message)) = evidence::hot_sensor(drive) {
        (status, message)
    } else if health.warnings().temperature() {
        let message = "it reports a temperature outside its limits";
        (Status::Warning, message.to_owned())
    } else {
        return None;
    };
    let help = "look after air flow and heat sink: hot drives slow down and age faster";
    Some(Finding::new(status, Code::TemperatureHigh, message).help(help))
}

/// The drive's own threshold decides, not a fixed number: Optane has 0, consumer drives 5 or 10. From
/// [`TRUSTED_THRESHOLD_PERCENT`] on it is none that anybody could have meant (Apple and Kingston have
/// 99 and 100 on new drives, more is reserved): there only the drive's own warning counts.
fn spare(health: &Health, policy: &Policy) -> Option<Finding> {
    let complains = health.warnings().spare();
    let limit = health
        .available_spare_threshold_percent
        .filter(|limit| *limit < TRUSTED_THRESHOLD_PERCENT);
    let spare = health.available_spare_percent.filter(|spare| *spare <= 100);
    let both = spare.zip(limit);
    if complains || both.is_some_and(|(spare, limit)| spare < limit) {
        let message = match (spare, limit) {
            (Some(spare), Some(limit)) => {
                format!("{spare} % of its spare blocks are left, below its own limit of {limit} %")
            }
            _ => "it reports that its spare blocks have fallen below its own limit".to_owned(),
        };
        let help = "replace it now: the next step is read-only";
        return Some(Finding::new(Status::Critical, Code::SpareBelowThreshold, message).help(help));
    }
    let (spare, limit) = both?;
    let low = spare < 100 && spare <= limit.saturating_add(policy.spare_margin_percent);
    low.then(|| {
        let message =
            format!("{spare} % of its spare blocks are left, close to its own limit of {limit} %");
        Finding::new(Status::Warning, Code::SpareLow, message).help("order a replacement")
    })
}

fn wear(health: &Health, policy: &Policy) -> Option<Finding> {
    let used = health.percentage_used?;
    let status = if used >= policy.wear_critical_percent {
        Status::Critical
    } else if used >= policy.wear_warning_percent {
        Status::Warning
    } else {
        return None;
    };
    // The field is one byte: the drive cannot say more than 255.
    let or_more = if used >= 255 { " or more" } else { "" };
    let message = format!("{used} %{or_more} of its rated endurance is used");
    let code = if used >= 100 {
        Code::WearExhausted
    } else {
        Code::WearHigh
    };
    Some(Finding::new(status, code, message).help("replace it; this is wear, not how full it is"))
}

fn media_errors(drive: &Drive, health: &Health, past: &Past, now: Timestamp) -> Option<Finding> {
    let errors = health.media_errors.filter(|errors| *errors > 0)?;
    let acknowledged = past.acknowledged_media_errors().unwrap_or(0);
    let before = past.value_before(days_ago(now, RECENT_DAYS), |sample| sample.media_errors);
    let grown = before.map_or(0, |before| errors.saturating_sub(before.max(acknowledged)));
    if errors <= acknowledged {
        return None;
    }
    let name = drive.serial.as_deref().unwrap_or(&drive.name);
    let known = if acknowledged > 0 {
        format!(", {acknowledged} of them acknowledged")
    } else {
        String::new()
    };
    if grown > 0 || acknowledged > 0 {
        let message =
            format!("data could not be read back {errors} times{known}, and the number grows");
        let help = "run `zpool scrub`, see `zpool status -v`, and replace the drive";
        return Some(Finding::new(Status::Critical, Code::MediaErrors, message).help(help));
    }
    let times = if errors == 1 {
        "once".to_owned()
    } else {
        format!("{errors} times")
    };
    let message = format!("data could not be read back {times} so far");
    let help = format!(
        "run `zpool scrub`; if the number stays, accept it with `phoenix nvme --acknowledge {name}`"
    );
    Some(Finding::new(Status::Warning, Code::MediaErrors, message).help(help))
}

fn power_losses(health: &Health, past: &Past, now: Timestamp) -> Option<Finding> {
    let total = health.unsafe_shutdowns?;
    let before = past.value_before(days_ago(now, RECENT_DAYS), |sample| sample.unsafe_shutdowns)?;
    let grown = total.saturating_sub(before);
    (grown >= POWER_LOSSES).then(|| {
        let message = format!("it lost power without notice {grown} times within {RECENT_DAYS} days");
        let help = "look after power supply, slot and cable; without power-loss protection this costs data";
        Finding::new(Status::Warning, Code::UnsafeShutdowns, message).help(help)
    })
}

/// What the worse of the recent and the long pace leads to.
fn forecast(trend: &Trend, policy: &Policy, now: Timestamp) -> Option<Finding> {
    let end = trend.at_worse_pace?;
    let days = 24 * policy.forecast_warning_days;
    let horizon = now
        .checked_add(SignedDuration::from_hours(days))
        .ok()?
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    (end <= horizon).then(|| {
        let earliest = match &trend.exhaustion {
            Exhaustion::Expected { earliest, .. } if *earliest < end => {
                format!(", {earliest} at the earliest")
            }
            _ => String::new(),
        };
        let message = format!("at this pace its rated endurance is used up around {end}{earliest}");
        let help = "order a replacement, or move what writes most";
        Finding::new(Status::Warning, Code::WearForecast, message).help(help)
    })
}

fn jump(trend: &Trend) -> Option<Finding> {
    let jump = trend.jump?;
    let span = match jump.days {
        days if days <= 1.0 => "the last day".to_owned(),
        days => format!("the last {days:.0} days"),
    };
    let what = match jump.bytes_per_day {
        Some(bytes) => format!("{} a day were written to it in {span}", decimal(bytes)),
        None => format!("it wore far faster than before in {span}"),
    };
    let usual = match jump.times {
        Some(times) if times < 10_000.0 => format!(", {times:.0} times what was usual"),
        _ => ", and hardly anything before".to_owned(),
    };
    let help =
        "find out who writes: `zpool iostat -v 10` shows the pools, `iotop -ao` the programs";
    Some(
        Finding::new(
            Status::Warning,
            Code::WritesJumped,
            format!("{what}{usual}"),
        )
        .help(help),
    )
}

fn days_ago(now: Timestamp, days: i64) -> Timestamp {
    now.checked_sub(SignedDuration::from_hours(24 * days))
        .unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Sample;

    fn now() -> Timestamp {
        "2026-11-22T21:00:00Z".parse().unwrap()
    }

    fn healthy() -> Health {
        Health {
            critical_warning: Some(0),
            temperature_celsius: Some(40),
            available_spare_percent: Some(100),
            available_spare_threshold_percent: Some(10),
            percentage_used: Some(3),
            unsafe_shutdowns: Some(9),
            media_errors: Some(0),
            ..Health::default()
        }
    }

    fn drive(health: Health) -> Drive {
        Drive {
            warning_celsius: Some(82),
            critical_celsius: Some(85),
            controller_state: Some("live".to_owned()),
            health: Some(health),
            ..Drive::default()
        }
    }

    fn judged(drive: &Drive, policy: &Policy, past: &Past) -> Vec<(Status, Code)> {
        let findings = judge(drive, policy, past, None, now());
        findings
            .iter()
            .map(|finding| (finding.status, finding.code))
            .collect()
    }

    #[test]
    fn each_value_is_judged_at_its_limit() {
        use Code::*;
        use Status::*;
        let with = |change: fn(&mut Health)| {
            let mut health = healthy();
            change(&mut health);
            drive(health)
        };
        let cases: [(Drive, &[(Status, Code)]); 21] = [
            (with(|_| {}), &[]),
            (with(|h| h.percentage_used = Some(79)), &[]),
            (
                with(|h| h.percentage_used = Some(80)),
                &[(Warning, WearHigh)],
            ),
            (
                with(|h| h.percentage_used = Some(90)),
                &[(Critical, WearHigh)],
            ),
            (
                with(|h| h.percentage_used = Some(100)),
                &[(Critical, WearExhausted)],
            ),
            (
                with(|h| h.percentage_used = Some(255)),
                &[(Critical, WearExhausted)],
            ),
            (with(|h| h.available_spare_percent = Some(21)), &[]),
            (
                with(|h| h.available_spare_percent = Some(20)),
                &[(Warning, SpareLow)],
            ),
            (
                with(|h| h.available_spare_percent = Some(10)),
                &[(Warning, SpareLow)],
            ),
            (
                with(|h| h.available_spare_percent = Some(9)),
                &[(Critical, SpareBelowThreshold)],
            ),
            (with(|h| h.available_spare_percent = None), &[]),
            (with(|h| h.available_spare_threshold_percent = None), &[]),
            (with(|h| h.temperature_celsius = Some(76)), &[]),
            (
                with(|h| h.temperature_celsius = Some(77)),
                &[(Warning, TemperatureHigh)],
            ),
            (
                with(|h| h.temperature_celsius = Some(85)),
                &[(Critical, TemperatureHigh)],
            ),
            (
                with(|h| h.critical_warning = Some(0b01)),
                &[(Critical, SpareBelowThreshold)],
            ),
            (
                with(|h| h.critical_warning = Some(0b10)),
                &[(Warning, TemperatureHigh)],
            ),
            (
                with(|h| h.critical_warning = Some(0b10_0000)),
                &[(Critical, MemoryRegion)],
            ),
            // A bit that no specification defines yet is no alarm.
            (with(|h| h.critical_warning = Some(0b1000_0000)), &[]),
            (with(|h| h.critical_warning = None), &[]),
            (drive(Health::default()), &[(Unknown, NoWearData)]),
        ];
        for (drive, expected) in cases {
            let found = judged(&drive, &Policy::default(), &Past::default());
            assert_eq!(found, expected, "{:?}", drive.health);
        }
    }

    #[test]
    fn the_configured_temperature_replaces_the_drives_own() {
        let policy = |limit| Policy {
            temperature_warning_celsius: Some(limit),
            ..Policy::default()
        };
        let at = |degrees| {
            drive(Health {
                temperature_celsius: Some(degrees),
                ..healthy()
            })
        };
        let warm = [(Status::Warning, Code::TemperatureHigh)];
        assert_eq!(judged(&at(60), &policy(60), &Past::default()), warm);
        assert_eq!(judged(&at(80), &policy(90), &Past::default()), []);
    }

    #[test]
    fn the_state_of_the_controller_counts_also_without_an_answer() {
        let mut silent = Drive::default();
        let unreadable = (Status::Unknown, Code::Unreadable);
        let cases = [
            ("live", None),
            ("resetting", Some(Status::Warning)),
            ("dead", Some(Status::Critical)),
        ];
        for (state, status) in cases {
            silent.controller_state = Some(state.to_owned());
            let state = status.map(|status| (status, Code::ControllerState));
            let expected: Vec<_> = state.into_iter().chain([unreadable]).collect();
            assert_eq!(
                judged(&silent, &Policy::default(), &Past::default()),
                expected
            );
        }
    }

    #[test]
    fn repeated_losses_of_power_are_told_single_ones_are_not() {
        let past = |unsafe_shutdowns| Past {
            samples: vec![Sample {
                time: days_ago(now(), 10),
                serial: "S".to_owned(),
                percentage_used: 3,
                unsafe_shutdowns,
                ..Sample::default()
            }],
            acknowledged: vec![],
        };
        let told = [(Status::Warning, Code::UnsafeShutdowns)];
        let drive = drive(healthy());
        assert_eq!(judged(&drive, &Policy::default(), &past(Some(6))), told);
        assert_eq!(judged(&drive, &Policy::default(), &past(Some(7))), []);
        assert_eq!(judged(&drive, &Policy::default(), &past(None)), []);
        // Restarted counters are no losses.
        assert_eq!(judged(&drive, &Policy::default(), &past(Some(5000))), []);
    }
}
