//! Forecasts from generated histories: a drive is written to until it is worn out, phoenix sees
//! only the first part, and the truth must lie within the range that it prints.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use phoenix_nvme::history::{Entry, History, Sample};
use phoenix_nvme::trend::{Exhaustion, trend};

use crate::random::Random;

/// What a host writes on one day, around 1 on average over the years.
type Load = fn(day: i64, random: &mut Random) -> f64;

fn steady(_: i64, random: &mut Random) -> f64 {
    0.8 + 0.4 * random.next()
}

/// A quiet host, and about once a month a few days of restoring backups.
fn bursty(day: i64, random: &mut Random) -> f64 {
    let noise = random.next();
    let burst = (day / 5) % 6 == 0 && Random((day / 5) as u64 * 77).next() < 0.8;
    if burst {
        5.0 + 4.0 * noise
    } else {
        0.1 + 0.2 * noise
    }
}

/// One day in twenty writes as much as all others.
fn rare_floods(_: i64, random: &mut Random) -> f64 {
    let ordinary = 0.5 * random.next();
    if random.next() < 0.05 {
        ordinary + 15.0
    } else {
        ordinary
    }
}

/// Busy and quiet quarters.
fn seasonal(day: i64, random: &mut Random) -> f64 {
    let busy = (day / 91) % 2 == 0;
    (if busy { 1.5 } else { 0.5 }) * (0.8 + 0.4 * random.next())
}

/// What happens to the drive's counters.
#[derive(Clone, Copy, PartialEq)]
enum Restart {
    Never,
    /// The count of bytes starts again after two fifths of the history.
    Written,
    /// The wear starts again there, as after a repair.
    Wear,
    /// The host was off for 40 days from there on.
    Off,
}

struct Case {
    load: Load,
    restart: Restart,
    /// Days until the drive is worn out, about.
    life: f64,
    seed: u64,
}

const START: &str = "2024-01-01T00:00:00Z";
const BYTES_PER_UNIT: f64 = 40e9;

#[expect(
    clippy::cast_possible_truncation,
    reason = "a drive reports whole percent and whole bytes, cut off"
)]
/// Samples of the first `seen` days, and the day on which the drive reports 100 %.
fn life(case: &Case, seen: i64) -> (Vec<Sample>, Date) {
    let mut random = Random(case.seed);
    let start: Timestamp = START.parse().unwrap();
    let event = seen * 2 / 5;
    let (mut wear, mut written) = (0.0, 0.0);
    let mut history = History::default();
    for day in 0.. {
        let off = case.restart == Restart::Off && (event..event + 40).contains(&day);
        let load = if off {
            0.0
        } else {
            (case.load)(day, &mut random)
        };
        if day == event && case.restart == Restart::Wear {
            wear = 0.0;
        }
        if day == event && case.restart == Restart::Written {
            written = 0.0;
        }
        wear += load * 100.0 / case.life;
        written += load * BYTES_PER_UNIT;
        let minute = (random.next() * 1440.0) as i64;
        let time = start + SignedDuration::from_mins(day * 1440 + minute);
        if wear >= 100.0 {
            let truth = time.to_zoned(TimeZone::UTC).date();
            let end = start + SignedDuration::from_hours(seen * 24);
            history.prune(end);
            return (history.of("S").samples, truth);
        }
        if day < seen && !off {
            history.push(Entry::Sample(Sample {
                time,
                serial: "S".to_owned(),
                percentage_used: wear as u64,
                written_bytes: Some(written as u64),
                available_spare_percent: None,
                media_errors: None,
                unsafe_shutdowns: None,
                power_on_hours: Some(day as u64 * 24),
                temperature_celsius: None,
                ..Sample::default()
            }));
        }
    }
    unreachable!("every drive wears out");
}

/// Whether the truth lies in the forecast, and the width of its range relative to the time that is
/// left. `None` when phoenix gives no forecast.
fn forecast(case: &Case, seen: i64) -> Option<(bool, f64)> {
    let (samples, truth) = life(case, seen);
    let Exhaustion::Expected {
        earliest,
        likely,
        latest,
        ..
    } = trend(&samples)?.exhaustion
    else {
        return None;
    };
    assert!(earliest <= likely && latest.is_none_or(|latest| likely <= latest));
    let right = earliest <= truth && latest.is_none_or(|latest| truth <= latest);
    let today = samples.last()?.time.to_zoned(TimeZone::UTC).date();
    let span = |from: Date, to: Date| f64::from((to - from).get_days());
    let width = latest.map_or(f64::INFINITY, |latest| {
        span(earliest, latest) / span(today, truth)
    });
    Some((right, width))
}

/// How many of the forecasts are right, how many there are, and the width of the middle one.
fn forecasts(load: Load, seen: i64) -> (usize, usize, f64) {
    let restarts = [
        Restart::Never,
        Restart::Written,
        Restart::Wear,
        Restart::Off,
    ];
    let mut outcomes = Vec::new();
    for restart in restarts {
        for life in [900.0, 1500.0, 3000.0] {
            let cases = (0..20).map(|seed| Case {
                load,
                restart,
                life,
                seed,
            });
            outcomes.extend(cases.filter_map(|case| forecast(&case, seen)));
        }
    }
    let right = outcomes.iter().filter(|(right, _)| *right).count();
    let mut widths: Vec<f64> = outcomes.iter().map(|(_, width)| *width).collect();
    widths.sort_by(f64::total_cmp);
    (right, outcomes.len(), widths[widths.len() / 2])
}

const LOADS: [(&str, Load); 4] = [
    ("steady", steady),
    ("bursty", bursty),
    ("rare floods", rare_floods),
    ("seasonal", seasonal),
];

#[test]
fn after_two_years_the_truth_lies_within_a_useful_range() {
    for (name, load) in LOADS {
        let (right, count, width) = forecasts(load, 730);
        // A flood inside the last weeks makes the recent pace far from the long one: a wide range, or
        // more than ten years, which have none.
        let (told, missed, useful) = match name {
            "steady" => (240, 0, 0.5),
            "bursty" => (240, 0, 1.8),
            "seasonal" => (240, 0, 1.95),
            _ => (210, 1, 4.4),
        };
        assert!(
            count >= told && right + missed >= count,
            "{name}: {right} of {count}"
        );
        assert!(width <= useful, "{name}: {width}");
    }
}

#[test]
fn after_half_a_year_nearly_all_forecasts_are_right() {
    for (name, load) in LOADS {
        let (right, count, _) = forecasts(load, 182);
        // Whoever has seen one busy quarter and one quiet one cannot know which is the rule.
        assert!(
            count >= 150 && right * 100 >= count * 90,
            "{name}: {right} of {count}"
        );
    }
}

fn sample(day: i64, percentage_used: u64, power_on_hours: u64) -> Sample {
    Sample {
        time: START.parse::<Timestamp>().unwrap() + SignedDuration::from_hours(24 * day),
        serial: "S".to_owned(),
        percentage_used,
        written_bytes: None,
        available_spare_percent: None,
        media_errors: None,
        unsafe_shutdowns: None,
        power_on_hours: Some(power_on_hours),
        temperature_celsius: None,
        ..Sample::default()
    }
}

fn end(samples: &[Sample]) -> String {
    match trend(samples).unwrap().exhaustion {
        Exhaustion::Reached => "reached".to_owned(),
        Exhaustion::Unknown { reason } => reason,
        Exhaustion::Distant { earliest } => match earliest {
            Some(earliest) => format!("distant, not before {earliest}"),
            None => "distant".to_owned(),
        },
        Exhaustion::Expected {
            earliest,
            likely,
            latest,
            basis,
        } => {
            let latest = latest.map_or("open".to_owned(), |date| date.to_string());
            format!("{earliest} {likely} {latest} {basis:?}")
        }
    }
}

#[test]
fn a_single_reading_speaks_by_the_age_of_the_drive() {
    assert_eq!(trend(&[]), None);
    assert_eq!(end(&[sample(0, 104, 9000)]), "reached");
    assert_eq!(end(&[sample(0, 0, 9000)]), "no wear so far");
    assert_eq!(end(&[sample(0, 5, 700)]), "the history is too short");
    // 30 % in 1,000 days: 2,333 days are left, give or take.
    assert_eq!(
        end(&[sample(0, 30, 24_000)]),
        "2027-02-03 2030-05-22 open Lifetime"
    );
    // 10 % in 1,000 days: 9,000 days are left, which is no forecast any more.
    assert_eq!(end(&[sample(0, 10, 24_000)]), "distant");
    assert_eq!(end(&[sample(0, 1, 24_000)]), "distant");
}

#[test]
fn wear_without_bytes_is_enough_for_a_forecast() {
    // 1 % in 20 days, for 400 days.
    let samples: Vec<Sample> = (0..400)
        .map(|day| sample(day, 10 + day as u64 / 20, 1))
        .collect();
    let trend = trend(&samples).unwrap();
    let pace = trend.wear_percent_per_month.unwrap();
    assert!((1.45..=1.6).contains(&pace), "{pace}");
    assert_eq!(trend.written_bytes_per_day, None);
    let Exhaustion::Expected { likely, .. } = trend.exhaustion else {
        panic!("{trend:?}")
    };
    // 70 % are left at 1 % in 20 days, from 2025-02-03 on.
    let days = likely - "2025-02-03".parse::<Date>().unwrap();
    assert!((1340..=1460).contains(&days.get_days()), "{likely}");
}

#[test]
fn a_drive_that_stops_wearing_is_not_forecast_by_its_past() {
    let busy = (0..200).map(|day| sample(day, 10 + day as u64 / 10, 1));
    let idle = (200..800).map(|day| sample(day, 29, 1));
    let samples: Vec<Sample> = busy.chain(idle).collect();
    let pace = trend(&samples).unwrap().wear_percent_per_month.unwrap();
    // 20 % in 800 days, and not 20 % in 200 days.
    assert!((0.7..0.8).contains(&pace), "{pace}");
}
