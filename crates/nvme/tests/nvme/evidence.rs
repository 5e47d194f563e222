//! What shows that a drive is dying although its health byte is silent, and what must show nothing.

use jiff::SignedDuration;
use phoenix_nvme::drive::Sensor;
use phoenix_nvme::history::{Entry, History, Sample};
use phoenix_nvme::{Code, Drive, Status, smartctl};
use serde_json::{Value, json};

use crate::support::{now, report};

/// A healthy drive's answer with `change` made to it, as a drive.
fn drive(change: impl FnOnce(&mut Value)) -> Drive {
    let mut answer = json!({
        "smartctl": {"version": [7, 4], "exit_status": 0},
        "device": {"name": "/dev/nvme0n1", "protocol": "NVMe"},
        "model_name": "X", "serial_number": "S1", "firmware_version": "1",
        "smart_status": {"passed": true, "nvme": {"value": 0}},
        "nvme_smart_health_information_log": {
            "critical_warning": 0, "temperature": 40, "available_spare": 100,
            "available_spare_threshold": 10, "percentage_used": 3, "data_units_written": 1000,
            "power_on_hours": 5000, "unsafe_shutdowns": 3, "media_errors": 0,
            "num_err_log_entries": 0, "warning_temp_time": 0, "critical_comp_time": 0},
    });
    change(&mut answer);
    smartctl::parse("nvme0n1", &answer.to_string()).unwrap()
}

fn log(answer: &mut Value) -> &mut Value {
    &mut answer["nvme_smart_health_information_log"]
}

fn verdict(drive: Drive, history: &History) -> Vec<(Status, Code)> {
    let report = report(vec![drive], vec![], history);
    let findings = report.drives[0].findings.iter();
    findings.map(|it| (it.status, it.code)).collect()
}

fn alone(drive: Drive) -> Vec<(Status, Code)> {
    verdict(drive, &History::default())
}

#[test]
fn the_newest_self_test_that_came_to_an_end_counts() {
    let failed = vec![(Status::Critical, Code::SelfTestFailed)];
    let test = |result: u64| json!({"self_test_code": {"value": 1}, "self_test_result": {"value": result}, "power_on_hours": 100});
    let table = |results: &[Option<u64>]| -> Value {
        let rows = results.iter().map(|it| it.map_or(Value::Null, test));
        json!({"current_self_test_operation": {"value": 0}, "table": rows.collect::<Vec<_>>()})
    };
    let cases = [
        (table(&[Some(5)]), true),
        (table(&[Some(6)]), true),
        (table(&[Some(7)]), true),
        (table(&[Some(1), Some(7)]), true),
        (table(&[None, Some(7), Some(0)]), true),
        (table(&[Some(0), Some(7)]), false),
        (table(&[Some(0), Some(0), None, Some(5)]), false),
        (table(&[Some(1)]), false),
        (table(&[Some(4)]), false),
        (table(&[Some(8)]), false),
        (table(&[Some(9)]), false),
        (table(&[Some(15)]), false),
        (table(&[]), false),
        (json!({}), false),
        (json!(null), false),
        (json!({"table": null}), false),
    ];
    for (log, fails) in cases {
        let drive = drive(|answer| answer["nvme_self_test_log"] = log.clone());
        let expected = if fails { failed.clone() } else { vec![] };
        assert_eq!(alone(drive), expected, "{log}");
    }
}

#[test]
fn a_failed_own_check_counts_whatever_else_is_said() {
    use Code::{BackupFailed, SelfCheckFailed, TemperatureHigh, Unreadable};
    use Status::{Critical, Unknown, Warning};
    let cases: [(Value, Vec<(Status, Code)>); 5] = [
        (json!(0), vec![(Critical, SelfCheckFailed)]),
        // A bit that nobody knows yet.
        (json!(64), vec![(Critical, SelfCheckFailed)]),
        (json!(null), vec![(Critical, SelfCheckFailed)]),
        // The byte says why, and how bad it is.
        (json!(16), vec![(Critical, BackupFailed)]),
        (json!(2), vec![(Warning, TemperatureHigh)]),
    ];
    for (byte, expected) in cases {
        let drive = drive(|answer| {
            answer["smart_status"] = json!({"passed": false});
            log(answer)["critical_warning"] = byte.clone();
        });
        assert_eq!(alone(drive), expected, "{byte}");
    }
    let silent = drive(|answer| {
        answer["smart_status"] = json!({"passed": false});
        *log(answer) = json!({});
    });
    let expected = [(Critical, SelfCheckFailed), (Unknown, Unreadable)];
    assert_eq!(alone(silent), expected);
}

#[test]
fn errors_of_reads_and_writes_count_and_refused_questions_do_not() {
    let entry = |queue: Option<u64>, status: u64| {
        let mut entry = json!({"error_count": 77, "status_field": {"value": status, "status_code_type": status >> 8 & 7, "status_code": status & 0xff}});
        if let Some(queue) = queue {
            entry["submission_queue_id"] = json!(queue);
        }
        entry
    };
    let cases = [
        // Unrecovered read error, write fault, failed protection check.
        (entry(None, 0x281), 0, true),
        (entry(Some(3), 0x280), 0, true),
        (entry(Some(3), 0x282), 0, true),
        // Internal error of a read or write.
        (entry(Some(3), 0x4006), 0, true),
        // The counter of media errors tells already, and can be acknowledged.
        (entry(Some(3), 0x281), 5, false),
        // Administration: invalid field, invalid log page.
        (entry(Some(0), 0x4002), 0, false),
        (entry(None, 0x4002), 0, false),
        (entry(Some(0), 0x4109), 0, false),
        // A read that was taken back, a comparison that was unequal.
        (entry(Some(3), 0x07), 0, false),
        (entry(Some(3), 0x285), 0, false),
        (json!({"error_count": 0}), 0, false),
        (json!(null), 0, false),
    ];
    for (entry, media_errors, tells) in cases {
        let drive = drive(|answer| {
            answer["nvme_error_information_log"] = json!({"table": [entry]});
            log(answer)["media_errors"] = json!(media_errors);
            log(answer)["num_err_log_entries"] = json!(77);
        });
        let said = alone(drive).contains(&(Status::Warning, Code::ErrorLog));
        assert_eq!(said, tells, "{entry}");
    }
}

#[test]
fn a_threshold_that_nobody_can_have_meant_alarms_nobody() {
    // Apple and Kingston's drives for makers of computers have 99 and 100; more is reserved.
    let cases = [
        (100, 99, 0, None),
        (100, 100, 0, None),
        (100, 101, 0, None),
        (100, 255, 0, None),
        (98, 99, 0, None),
        (100, 95, 0, None),
        (100, 50, 0, None),
        (55, 50, 0, Some((Status::Warning, Code::SpareLow))),
        (
            49,
            50,
            0,
            Some((Status::Critical, Code::SpareBelowThreshold)),
        ),
        (
            9,
            10,
            0,
            Some((Status::Critical, Code::SpareBelowThreshold)),
        ),
        (
            90,
            99,
            1,
            Some((Status::Critical, Code::SpareBelowThreshold)),
        ),
        (255, 10, 0, None),
    ];
    for (spare, threshold, byte, expected) in cases {
        let drive = drive(|answer| {
            log(answer)["available_spare"] = json!(spare);
            log(answer)["available_spare_threshold"] = json!(threshold);
            log(answer)["critical_warning"] = json!(byte);
        });
        let expected: Vec<_> = expected.into_iter().collect();
        assert_eq!(alone(drive), expected, "{spare} of {threshold}");
    }
}

#[test]
fn nonsense_alarms_nobody() {
    for (key, value) in [
        ("temperature", json!(11_759)),
        ("media_errors", json!("18446744073709551615")),
        ("media_errors", json!(18_446_744_073_709_551_615_u64)),
        ("power_on_hours", json!(109_951_162_777_600_u64)),
        ("num_err_log_entries", json!(8_000_000)),
        ("unsafe_shutdowns", json!(30_000)),
    ] {
        let mut drive = drive(|answer| log(answer)[key] = value);
        drive.critical_celsius = Some(85);
        assert_eq!(alone(drive), [], "{key}");
    }
}

/// A history of one sample, so many days ago, of the healthy drive with `change` made to it.
fn past(days: i64, change: impl FnOnce(&mut Sample)) -> History {
    let mut sample = Sample::of(
        &drive(|_| {}),
        now() - SignedDuration::from_hours(24 * days),
    )
    .unwrap();
    change(&mut sample);
    let mut history = History::default();
    history.push(Entry::Sample(sample));
    history
}

#[test]
fn what_grows_is_told_and_what_stays_is_not() {
    let spare = |now: u64| drive(move |answer| log(answer)["available_spare"] = json!(now));
    let times = |warm: u64, hot: u64, slowed: u64| {
        drive(move |answer| {
            log(answer)["warning_temp_time"] = json!(warm);
            log(answer)["critical_comp_time"] = json!(hot);
            log(answer)["thermal_mgmt_temperature_1_total_time"] = json!(slowed);
        })
    };
    let falls = vec![(Status::Warning, Code::SpareFalls)];
    let heat = vec![(Status::Warning, Code::HeatTime)];
    let slowed = vec![(Status::Warning, Code::Throttled)];
    let cases = [
        (spare(97), past(20, |_| {}), falls.clone()),
        (spare(94), past(300, |_| {}), falls),
        (spare(97), past(300, |_| {}), vec![]),
        (
            spare(97),
            past(20, |it| it.available_spare_percent = Some(97)),
            vec![],
        ),
        (times(500, 0, 0), past(20, |_| {}), heat.clone()),
        (
            times(500, 0, 0),
            past(20, |it| it.warning_temperature_minutes = Some(495)),
            vec![],
        ),
        (times(500, 0, 0), History::default(), vec![]),
        (times(0, 3, 0), past(20, |_| {}), heat),
        (
            times(0, 0, 600),
            past(20, |it| it.throttled_seconds = Some(0)),
            slowed,
        ),
        (
            times(0, 0, 600),
            past(20, |it| it.throttled_seconds = Some(590)),
            vec![],
        ),
    ];
    for (index, (drive, history, expected)) in cases.into_iter().enumerate() {
        assert_eq!(verdict(drive, &history), expected, "case {index}");
    }
}

#[test]
fn a_sensor_at_its_own_limit_is_told() {
    let sensor = |celsius| Sensor {
        name: "Sensor 2".to_owned(),
        celsius,
        warning_celsius: Some(90),
        critical_celsius: Some(100),
    };
    for (celsius, expected) in [
        (89, None),
        (90, Some(Status::Warning)),
        (100, Some(Status::Critical)),
    ] {
        let mut drive = drive(|_| {});
        drive.sensors = vec![sensor(celsius)];
        let expected: Vec<_> = expected
            .map(|it| (it, Code::TemperatureHigh))
            .into_iter()
            .collect();
        assert_eq!(alone(drive), expected, "{celsius} °C");
    }
}

#[test]
fn a_mark_or_a_line_before_the_json_is_no_hindrance() {
    let text = r#"{"smartctl": {"exit_status": 0}, "model_name": "X", "nvme_smart_health_information_log": {"percentage_used": 7, "available_spare": 100}}"#;
    for before in [
        "\u{feff}",
        "sudo: unable to resolve host x\n",
        "\u{feff}a\nb\n",
        "\n\n",
    ] {
        let drive = smartctl::parse("x", &format!("{before}{text}")).unwrap();
        assert_eq!(drive.health.unwrap().percentage_used, Some(7), "{before:?}");
    }
}
