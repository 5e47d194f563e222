//! Forecasts against known futures: histories of ten kinds of use, and 248 changes of use.
//!
//! Every history goes on as its kind does until the drive is worn out, so the true end is known.

#![expect(
    clippy::cast_possible_truncation,
    reason = "a drive reports whole percent and whole bytes, and days are whole, cut off"
)]

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use phoenix_nvme::history::{Entry, History, Sample};
use phoenix_nvme::report::Facts;
use phoenix_nvme::trend::{Exhaustion, trend};
use phoenix_nvme::{Code, Drive, Health, Policy, assess};

use crate::random::Random;

const SEED: u64 = 20_261_128;
const BYTES_PER_PERCENT: f64 = 12e12;
/// No date is given beyond ten years.
const HORIZON: i64 = 3652;

fn start() -> Timestamp {
    "2024-01-01T00:00:00Z".parse().unwrap()
}

fn sample(day: f64, used: f64, written: Option<f64>, hours: i64) -> Sample {
    Sample {
        time: start() + SignedDuration::from_secs((day * 86_400.0) as i64),
        serial: "S".to_owned(),
        percentage_used: used as u64,
        written_bytes: written.map(|bytes| bytes as u64),
        power_on_hours: Some(hours as u64),
        ..Sample::default()
    }
}

/// How a forecast stands to the true number of days that are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Inside,
    /// The drive was worn out before the earliest day.
    Early,
    /// It was after the latest one.
    Late,
    /// "Any day now", and more than a year was left; or a day in the past, or beyond ten years.
    Absurd,
    /// No forecast.
    None,
}

fn outcome(samples: &[Sample], left: i64) -> Outcome {
    let Some(now) = samples.last().map(|it| it.time) else {
        return Outcome::None;
    };
    let today = now.to_zoned(TimeZone::UTC).date();
    let until = |date: jiff::civil::Date| i64::from((date - today).get_days());
    match trend(samples).unwrap().exhaustion {
        Exhaustion::Expected {
            earliest,
            likely,
            latest,
            ..
        } => {
            let (early, likely) = (until(earliest), until(likely));
            let late = latest.map(until);
            let impossible = early < 0 || likely < early || late.is_some_and(|late| late < likely);
            let beyond = likely > HORIZON + 1 || late.is_some_and(|late| late > HORIZON + 1);
            if impossible || beyond || (likely < 14 && left > 365) {
                Outcome::Absurd
            } else if left < early - 1 {
                Outcome::Early
            } else if late.is_some_and(|late| left > late + 1) {
                Outcome::Late
            } else {
                Outcome::Inside
            }
        }
        Exhaustion::Distant { earliest } => {
            let early = earliest.map_or(HORIZON, until);
            if left >= early - 1 {
                Outcome::Inside
            } else {
                Outcome::Early
            }
        }
        Exhaustion::Reached => Outcome::Absurd,
        Exhaustion::Unknown { .. } => Outcome::None,
    }
}

const KINDS: [&str; 10] = [
    "steady",
    "bursty",
    "floods",
    "seasons",
    "faster",
    "slower",
    "idle",
    "off",
    "restarted",
    "growing",
];

/// What a history of a kind is made with.
struct Make {
    kind: &'static str,
    /// Days that phoenix sees.
    seen: i64,
    /// Days that a drive lives under the mean load.
    life: f64,
    /// The day of a change, a factor, and an offset of regular things.
    change: i64,
    factor: f64,
    offset: i64,
    has_bytes: bool,
}

impl Make {
    /// What the host writes on a day; 1 is the mean.
    fn load(&self, day: i64, random: &mut Random) -> f64 {
        let even = 0.8 + 0.4 * random.next();
        let chance = random.next();
        match self.kind {
            "bursty" if (day / 5 + self.offset) % 6 == 0 && chance < 0.8 => 5.0 * even,
            "bursty" => 0.2 * even,
            "floods" => 0.3 * even + if chance < 0.05 { 15.0 } else { 0.0 },
            "seasons" if (day / 91) % 2 == 0 => 1.5 * even,
            "seasons" => 0.5 * even,
            "faster" if day < self.change => 0.3 * even,
            "faster" => 0.3 * self.factor * even,
            "slower" if day >= self.change => even / self.factor,
            "idle" => 0.02 * even,
            "off" if (self.seen * 2 / 5..self.seen * 3 / 5).contains(&day) => 0.0,
            "growing" => even * (day as f64 * 0.0007).exp(),
            _ => even,
        }
    }

    /// The samples, and the days that are left after them.
    fn live(&self, random: &mut Random, first: f64) -> Option<(Vec<Sample>, i64)> {
        let (mut used, mut written) = (first, first * BYTES_PER_PERCENT);
        let mut samples = Vec::new();
        for day in 0..self.seen + HORIZON + 2 {
            let load = self.load(day, random) * 100.0 / self.life;
            if self.kind == "restarted" && day == self.seen * 2 / 5 {
                match self.offset % 2 {
                    0 => used = 0.0,
                    _ => written = 0.0,
                }
            }
            used += load;
            written += load * BYTES_PER_PERCENT;
            if used >= 100.0 {
                return (day > self.seen).then_some((samples, day - self.seen));
            }
            let off = self.kind == "off" && load == 0.0;
            if day <= self.seen && !off {
                let at = day as f64 + random.next() * 0.9;
                let bytes = self.has_bytes.then_some(written);
                samples.push(sample(at, used, bytes, day * 24 + (first * 200.0) as i64));
            }
        }
        Some((samples, HORIZON + 10))
    }
}

#[test]
fn of_two_thousand_histories_the_truth_lies_in_nearly_all_ranges_and_none_is_absurd() {
    let mut random = Random(SEED);
    let mut all: BTreeMap<Outcome, usize> = BTreeMap::new();
    let mut table = vec![format!("seed {SEED}")];
    for kind in KINDS {
        let mut counts: BTreeMap<Outcome, usize> = BTreeMap::new();
        let mut made = 0;
        while made < 220 {
            let seen = random.one_of([45, 90, 180, 365, 730]);
            let make = Make {
                kind,
                seen,
                life: random.one_of([300, 900, 1500, 3000]) as f64,
                change: seen - 20 - (random.next() * (seen - 30).min(180) as f64) as i64,
                factor: 2.0 + 8.0 * random.next(),
                offset: random.one_of([0, 1, 2, 3, 4, 5]),
                has_bytes: random.next() < 0.8,
            };
            let first = random.one_of([0, 5, 30, 60, 75]) as f64;
            let Some((samples, left)) = make.live(&mut random, first) else {
                continue;
            };
            made += 1;
            let outcome = outcome(&samples, left);
            *counts.entry(outcome).or_default() += 1;
            *all.entry(outcome).or_default() += 1;
        }
        table.push(format!("{kind:<10} {counts:?}"));
    }
    table.push(format!("all        {all:?}"));
    let table = table.join("\n");
    let count = |outcome| all.get(&outcome).copied().unwrap_or(0);
    let told: usize = all.values().sum::<usize>() - count(Outcome::None);
    assert_eq!(all.values().sum::<usize>(), 2200, "{table}");
    assert_eq!(count(Outcome::Absurd), 0, "{table}");
    assert!(told >= 2000, "{table}");
    assert!(count(Outcome::Inside) * 100 >= told * 92, "{table}");
}

/// A drive at the end of a history, as the report sees it.
fn warned(samples: &[Sample]) -> bool {
    let mut history = History::default();
    let Some((last, before)) = samples.split_last() else {
        return false;
    };
    for sample in before {
        history.push(Entry::Sample(sample.clone()));
    }
    let drive = Drive {
        name: "nvme0n1".to_owned(),
        serial: Some("S".to_owned()),
        health: Some(Health {
            percentage_used: Some(last.percentage_used),
            available_spare_percent: Some(100),
            written_bytes: last.written_bytes,
            power_on_hours: last.power_on_hours,
            ..Health::default()
        }),
        ..Drive::default()
    };
    let policy = Policy::default();
    let report = assess(Facts {
        drives: vec![drive],
        pools: vec![],
        updates: vec![],
        gaps: vec![],
        history: &history,
        policy: &policy,
        now: last.time,
    });
    let mut findings = report.drives[0].findings.iter();
    findings.any(|it| {
        matches!(
            it.code,
            Code::WearForecast | Code::WearHigh | Code::WearExhausted
        )
    })
}

#[test]
fn after_a_change_of_use_the_truth_lies_in_the_range_and_the_worse_pace_warns() {
    let (mut count, mut inside, mut silent, mut false_alarms) = (0, 0, 0, 0);
    let mut outside = Vec::new();
    for days in [120, 365, 730] {
        for old in [0.005, 0.02, 0.05, 0.1] {
            for new in [0.002, 0.005, 0.02, 0.05, 0.1, 0.3, 1.0] {
                for since in [20, 45, 90, 180] {
                    if since >= days || old == new {
                        continue;
                    }
                    let mut used = 5.0;
                    let mut samples = Vec::new();
                    for day in 0..=days {
                        samples.push(sample(
                            f64::from(day),
                            used,
                            Some(used * BYTES_PER_PERCENT),
                            2000 + 24 * i64::from(day),
                        ));
                        if day < days {
                            used += if day < days - since { old } else { new };
                        }
                    }
                    if used >= 100.0 {
                        continue;
                    }
                    let left = ((100.0 - used) / new) as i64;
                    count += 1;
                    match outcome(&samples, left) {
                        Outcome::Inside => inside += 1,
                        other => outside.push((days, old, new, since, other)),
                    }
                    let warned = warned(&samples);
                    silent += usize::from(left < 175 && !warned);
                    false_alarms += usize::from(left > 1000 && warned);
                }
            }
        }
    }
    let told = format!(
        "{count} changes of use: {inside} inside, {silent} silent, {false_alarms} warned with years left; outside: {outside:?}"
    );
    assert!(count >= 240, "{told}");
    assert!(inside * 100 >= count * 98, "{told}");
    assert!(silent * 100 <= count, "{told}");
    assert_eq!(false_alarms, 0, "{told}");
}

#[test]
fn a_jump_of_what_is_written_is_told_and_the_usual_flood_is_not() {
    let history = |bytes_a_day: &dyn Fn(i64) -> f64| -> Vec<Sample> {
        let mut written = 0.0;
        (0..=200)
            .map(|day| {
                if day > 0 {
                    written += bytes_a_day(day);
                }
                sample(
                    day as f64,
                    written / BYTES_PER_PERCENT,
                    Some(written),
                    day * 24,
                )
            })
            .collect()
    };
    let jumps = |bytes_a_day: &dyn Fn(i64) -> f64| {
        trend(&history(bytes_a_day)).unwrap().jump.map(|it| it.days)
    };
    // 20 TB in a day after 5 GB a day; 1 % a day for three weeks.
    assert_eq!(
        jumps(&|day| if day == 200 { 20e12 } else { 5e9 }),
        Some(21.0)
    );
    assert_eq!(
        jumps(&|day| if day > 179 { 12e12 } else { 12e10 }),
        Some(21.0)
    );
    assert_eq!(
        jumps(&|day| if day == 200 { 500e9 } else { 20e9 }),
        Some(1.0)
    );
    assert_eq!(jumps(&|_| 50e9), None);
    assert_eq!(jumps(&|day| if day == 200 { 20e9 } else { 0.0 }), None);
    // A backup of the whole pool on every tenth day.
    assert_eq!(jumps(&|day| if day % 10 == 0 { 2e12 } else { 5e9 }), None);
    // Only the wear is known: 1 % a day for three weeks.
    let wear: Vec<Sample> = (0..=200)
        .map(|day| sample(day as f64, 10.0 + (day - 179).max(0) as f64, None, day * 24))
        .collect();
    assert_eq!(trend(&wear).unwrap().jump.map(|it| it.days), Some(21.0));
}
