//! The history file: format, thinning, acknowledged errors.

use camino::Utf8Path;
use jiff::{SignedDuration, Timestamp};
use phoenix_nvme::history::{Entry, History, Sample, acknowledge, load, record};
use phoenix_nvme::{Code, Status};
use proptest::prelude::*;

use crate::support::{CannedHost, capture, now, report};

const FILE: &str = "/var/lib/phoenix/nvme/history.jsonl";

fn sample(serial: &str, hours_ago: i64, media_errors: u64) -> Sample {
    Sample {
        time: now() - SignedDuration::from_hours(hours_ago),
        serial: serial.to_owned(),
        percentage_used: 3,
        written_bytes: Some(1000),
        available_spare_percent: None,
        media_errors: Some(media_errors),
        unsafe_shutdowns: None,
        power_on_hours: None,
        temperature_celsius: None,
        ..Sample::default()
    }
}

#[test]
fn a_line_reads_as_documented() {
    let host = CannedHost::default();
    let drive = capture("nvme0n1", "healthy-970-evo-plus");
    record(&host, Utf8Path::new(FILE), &[drive], now()).unwrap();
    let files = host.files.lock().unwrap();
    insta::assert_snapshot!(files[Utf8Path::new(FILE)], @r#"{"kind":"sample","time":"2026-11-22T21:00:00Z","serial":"CAPTURE01","percentage_used":0,"written_bytes":1008363008000,"available_spare_percent":100,"media_errors":0,"unsafe_shutdowns":12,"power_on_hours":3149,"temperature_celsius":35,"warning_temperature_minutes":0,"critical_temperature_minutes":0}"#);
}

#[test]
fn drives_without_wear_data_or_serial_are_not_recorded() {
    let mut nameless = capture("nvme0n1", "healthy-970-evo-plus");
    nameless.serial = None;
    assert_eq!(Sample::of(&nameless, now()), None);
    assert_eq!(
        Sample::of(&capture("x", "partial-info-only-kcd6"), now()),
        None
    );
}

#[test]
fn a_torn_last_line_is_dropped_and_foreign_lines_are_kept() {
    let mut history = History::default();
    history.push(Entry::Sample(sample("A", 1, 0)));
    let good = history.to_text();
    let foreign = "{\"kind\":\"of-a-later-version\"}\n";
    let text = format!("{good}{foreign}{}", &good[..20]);
    let read = History::parse(&text);
    assert_eq!(read.to_text(), format!("{good}{foreign}"));
    assert_eq!(read.foreign_lines(), 1);
}

#[test]
fn media_errors_are_news_when_they_grow_and_peace_when_accepted() {
    let mut drive = capture("nvme0n1", "media-errors-three-old");
    let serial = drive.serial.clone().unwrap();
    let judge = |drive: &phoenix_nvme::Drive, history: &History| {
        let report = report(vec![drive.clone()], vec![], history);
        report.drives[0]
            .findings
            .iter()
            .map(|f| (f.status, f.code))
            .collect::<Vec<_>>()
    };
    const OLD: (Status, Code) = (Status::Warning, Code::MediaErrors);
    const NEW: (Status, Code) = (Status::Critical, Code::MediaErrors);

    let mut steady = History::default();
    steady.push(Entry::Sample(sample(&serial, 24 * 40, 3)));
    assert_eq!(judge(&drive, &steady), [OLD]);

    let mut grown = History::default();
    grown.push(Entry::Sample(sample(&serial, 24 * 40, 1)));
    assert_eq!(judge(&drive, &grown), [NEW]);

    // Growth that is over for a month is old.
    grown.push(Entry::Sample(sample(&serial, 24 * 35, 3)));
    assert_eq!(judge(&drive, &grown), [OLD]);

    let host = CannedHost::default().file(FILE, &grown.to_text());
    assert_eq!(
        acknowledge(&host, Utf8Path::new(FILE), &drive, now()).unwrap(),
        3
    );
    let accepted = load(&host, Utf8Path::new(FILE)).unwrap();
    assert_eq!(judge(&drive, &accepted), []);

    drive.health.as_mut().unwrap().media_errors = Some(4);
    assert_eq!(judge(&drive, &accepted), [NEW]);
}

fn any_history() -> impl Strategy<Value = Vec<(u8, i64)>> {
    prop::collection::vec((0..3_u8, 0..24 * 5000_i64), 0..200)
}

fn history_of(samples: &[(u8, i64)]) -> History {
    let mut history = History::default();
    for (drive, hours_ago) in samples {
        history.push(Entry::Sample(sample(&drive.to_string(), *hours_ago, 0)));
    }
    history
}

proptest! {
    #[test]
    fn text_and_back_changes_nothing(samples in any_history()) {
        let history = history_of(&samples);
        prop_assert_eq!(History::parse(&history.to_text()), history);
    }

    #[test]
    fn thinning_is_stable_and_spares_what_is_recent(samples in any_history()) {
        let mut once = history_of(&samples);
        once.prune(now());
        let mut twice = once.clone();
        twice.prune(now());
        prop_assert_eq!(&once, &twice);
        for drive in 0..3_u8 {
            let recent = |past: Vec<Sample>| -> Vec<Timestamp> {
                let limit = now() - SignedDuration::from_hours(24 * 60);
                past.into_iter().map(|s| s.time).filter(|time| *time > limit).collect()
            };
            let before = recent(history_of(&samples).of(&drive.to_string()).samples);
            prop_assert_eq!(recent(once.of(&drive.to_string()).samples), before);
        }
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in "\\PC{0,200}") {
        let _ = History::parse(&text);
        let _ = phoenix_nvme::smartctl::parse("x", &text);
        let _ = phoenix_nvme::trim::parse_status(&text);
    }
}

#[test]
fn hourly_samples_of_ten_years_stay_few() {
    let mut history = History::default();
    for hour in 0..24 * 3650 {
        history.push(Entry::Sample(sample("A", hour, 0)));
    }
    history.prune(now());
    let (hours, days, months) = (60 * 24, 730 - 60, (3650 - 730) / 30);
    // One more day and two more months, because the edges cut them in two.
    assert_eq!(history.of("A").samples.len(), hours + days + 1 + months + 2);
}
