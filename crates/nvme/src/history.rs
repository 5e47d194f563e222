//! What drives said in the past: one line of JSON per drive and run, appended, thinned with age.
//!
//! Owns the file's format. Lines are kept by serial number, so a drive keeps its history when the
//! kernel renames it or it moves to another slot. A line that cannot be read (written by a later
//! version, say) is carried along unchanged; a torn last line is dropped.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use jiff::Timestamp;
use phoenix_host::{Host, HostError};
use serde::{Deserialize, Serialize};

use crate::drive::Drive;

/// Where the history lives unless the caller says otherwise.
pub const HISTORY_FILE: &str = "/var/lib/phoenix/nvme/history.jsonl";

const DAY_SECONDS: i64 = 86_400;
/// Younger samples are all kept.
const KEEP_ALL_DAYS: i64 = 60;
/// Younger samples are kept once a day, older ones once in [`OLD_STEP_DAYS`].
const KEEP_DAILY_DAYS: i64 = 730;
const OLD_STEP_DAYS: i64 = 30;
/// Older samples are dropped.
const KEEP_DAYS: i64 = 3650;

/// One reading of one drive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// When.
    pub time: Timestamp,
    /// Which drive: its [`Drive::key`].
    pub serial: String,
    /// Rated endurance used, in percent.
    pub percentage_used: u64,
    /// Bytes that the host had written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_bytes: Option<u64>,
    /// Spare capacity left, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available_spare_percent: Option<u64>,
    /// Times that data could not be recovered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_errors: Option<u64>,
    /// Times that power went away without notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsafe_shutdowns: Option<u64>,
    /// Hours that the drive was on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_on_hours: Option<u64>,
    /// Composite temperature in degrees Celsius.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature_celsius: Option<i64>,
    /// Minutes spent above the warning temperature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning_temperature_minutes: Option<u64>,
    /// Minutes spent above the critical temperature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critical_temperature_minutes: Option<u64>,
    /// Seconds in which the drive slowed itself down because of heat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttled_seconds: Option<u64>,
}

impl Sample {
    /// The sample of a drive that was just read; `None` without serial number or wear data.
    pub fn of(drive: &Drive, time: Timestamp) -> Option<Self> {
        let health = drive
            .health
            .as_ref()
            .filter(|health| health.reports_wear())?;
        Some(Self {
            time,
            serial: drive.key()?.to_owned(),
            percentage_used: health.percentage_used?,
            written_bytes: health.written_bytes,
            available_spare_percent: health.available_spare_percent,
            media_errors: health.media_errors,
            unsafe_shutdowns: health.unsafe_shutdowns,
            power_on_hours: health.power_on_hours,
            temperature_celsius: health.temperature_celsius,
            warning_temperature_minutes: health.warning_temperature_minutes,
            critical_temperature_minutes: health.critical_temperature_minutes,
            throttled_seconds: health.throttled_seconds,
        })
    }
}

/// Somebody has looked at the media errors of a drive and accepts them up to this number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// When.
    pub time: Timestamp,
    /// Which drive.
    pub serial: String,
    /// The accepted number of media errors.
    pub media_errors: u64,
}

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Entry {
    /// A reading.
    Sample(Sample),
    /// An accepted number of media errors.
    Acknowledgement(Acknowledgement),
}

impl Entry {
    fn time(&self) -> Timestamp {
        match self {
            Self::Sample(sample) => sample.time,
            Self::Acknowledgement(acknowledgement) => acknowledgement.time,
        }
    }
}

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Line {
    Entry(Entry),
    Foreign(String),
}

impl History {
    /// Reads the file's text.
    pub fn parse(text: &str) -> Self {
        let torn = !text.is_empty() && !text.ends_with('\n');
        // A carriage return belongs to the line that somebody else wrote, and stays there.
        let count = text.split_terminator('\n').count();
        let lines = text
            .split_terminator('\n')
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
            .filter_map(|(index, line)| match serde_json::from_str(line) {
                Ok(entry) => Some(Line::Entry(entry)),
                Err(_) if torn && index + 1 == count => None,
                Err(_) => Some(Line::Foreign(line.to_owned())),
            })
            .collect();
        Self { lines }
    }

    /// The file's text.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            match line {
                Line::Foreign(line) => text.push_str(line),
                // A struct of numbers and texts always serialises.
                Line::Entry(entry) => {
                    text.push_str(&serde_json::to_string(entry).unwrap_or_default());
                }
            }
            text.push('\n');
        }
        text
    }

    /// Adds a line at the end.
    pub fn push(&mut self, entry: Entry) {
        self.lines.push(Line::Entry(entry));
    }

    /// How many lines could not be read.
    pub fn foreign_lines(&self) -> usize {
        self.lines
            .iter()
            .filter(|line| matches!(line, Line::Foreign(_)))
            .count()
    }

    /// The past of one drive, oldest first.
    pub fn of(&self, serial: &str) -> Past {
        let mut past = Past::default();
        for entry in self.entries() {
            match entry {
                Entry::Sample(sample) if sample.serial == serial => {
                    past.samples.push(sample.clone());
                }
                Entry::Acknowledgement(acknowledgement) if acknowledgement.serial == serial => {
                    past.acknowledged.push(acknowledgement.clone());
                }
                _ => {}
            }
        }
        past.samples.sort_by_key(|sample| sample.time);
        past.samples.dedup_by_key(|sample| sample.time);
        past.acknowledged
            .sort_by_key(|acknowledgement| acknowledgement.time);
        past
    }

    /// Drops what is too old or too dense to matter: all of the last 60 days stay, then one sample
    /// a day for two years, then one in 30 days for ten years. Acknowledgements stay.
    pub fn prune(&mut self, now: Timestamp) {
        let mut kept: BTreeSet<(String, i64, i64)> = BTreeSet::new();
        let mut by_age: Vec<(Timestamp, usize)> = self
            .lines
            .iter()
            .enumerate()
            .filter_map(|(index, line)| match line {
                Line::Entry(Entry::Sample(sample)) => Some((sample.time, index)),
                _ => None,
            })
            .collect();
        by_age.sort_unstable();
        let mut dropped = BTreeSet::new();
        for (time, index) in by_age {
            let Some(Line::Entry(Entry::Sample(sample))) = self.lines.get(index) else {
                continue;
            };
            let keep = match bucket(now, time) {
                Bucket::All => true,
                Bucket::One(step, number) => kept.insert((sample.serial.clone(), step, number)),
                Bucket::None => false,
            };
            if !keep {
                dropped.insert(index);
            }
        }
        let mut index = 0;
        self.lines.retain(|_| {
            index += 1;
            !dropped.contains(&(index - 1))
        });
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.lines.iter().filter_map(|line| match line {
            Line::Entry(entry) => Some(entry),
            Line::Foreign(_) => None,
        })
    }

    /// Every drive that it knows.
    pub fn keys(&self) -> BTreeSet<&str> {
        self.entries()
            .filter_map(|entry| match entry {
                Entry::Sample(sample) => Some(sample.serial.as_str()),
                Entry::Acknowledgement(_) => None,
            })
            .collect()
    }

    /// When the newest line was written.
    pub fn newest(&self) -> Option<Timestamp> {
        self.entries().map(Entry::time).max()
    }
}

enum Bucket {
    All,
    /// Step in days, number of the step since 1970.
    One(i64, i64),
    None,
}

fn bucket(now: Timestamp, time: Timestamp) -> Bucket {
    let age_days = (now.as_second() - time.as_second()) / DAY_SECONDS;
    let step = |days: i64| Bucket::One(days, time.as_second().div_euclid(DAY_SECONDS * days));
    match age_days {
        ..KEEP_ALL_DAYS => Bucket::All,
        KEEP_ALL_DAYS..KEEP_DAILY_DAYS => step(1),
        KEEP_DAILY_DAYS..KEEP_DAYS => step(OLD_STEP_DAYS),
        _ => Bucket::None,
    }
}

/// The past of one drive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    /// Its samples, oldest first.
    pub samples: Vec<Sample>,
    /// Its acknowledgements, oldest first.
    pub acknowledged: Vec<Acknowledgement>,
}

impl Past {
    /// The number of media errors that somebody has accepted last.
    pub fn acknowledged_media_errors(&self) -> Option<u64> {
        self.acknowledged
            .last()
            .map(|acknowledgement| acknowledgement.media_errors)
    }

    /// A value as it stood at `time`: from the last sample before it, else from the first one
    /// after it.
    pub fn value_before(
        &self,
        time: Timestamp,
        value: impl Fn(&Sample) -> Option<u64>,
    ) -> Option<u64> {
        let split = self.samples.partition_point(|sample| sample.time <= time);
        let (before, after) = self.samples.split_at_checked(split)?;
        before.iter().rev().chain(after).find_map(value)
    }

    /// A value as it stood in the first sample since `time`. Unlike [`Self::value_before`] it never goes
    /// back further, so what has grown since then has grown within that time.
    pub fn value_since(
        &self,
        time: Timestamp,
        value: impl Fn(&Sample) -> Option<u64>,
    ) -> Option<u64> {
        let split = self.samples.partition_point(|sample| sample.time < time);
        self.samples.get(split..)?.iter().find_map(value)
    }
}

/// Reads the history; empty when there is none yet.
///
/// # Errors
/// When the file exists and cannot be read.
pub fn load(host: &dyn Host, path: &Utf8Path) -> Result<History, HostError> {
    Ok(host
        .read_file(path)?
        .map(|text| History::parse(&text))
        .unwrap_or_default())
}

/// Adds one sample per drive, prunes, and replaces the file atomically.
///
/// # Errors
/// When the file cannot be read or written.
pub fn record(
    host: &dyn Host,
    path: &Utf8Path,
    drives: &[Drive],
    now: Timestamp,
) -> Result<History, HostError> {
    let mut history = load(host, path)?;
    // One sample for each drive, whatever it is called.
    let samples: BTreeMap<String, Sample> = drives
        .iter()
        .filter_map(|drive| Sample::of(drive, now))
        .map(|sample| (sample.serial.clone(), sample))
        .collect();
    for sample in samples.into_values() {
        history.push(Entry::Sample(sample));
    }
    history.prune(now);
    host.write_file(path, &history.to_text())?;
    Ok(history)
}

/// Accepts the media errors that `drive` has now. Answers with their number.
///
/// # Errors
/// When the drive cannot be acknowledged, or the file cannot be read or written.
pub fn acknowledge(
    host: &dyn Host,
    path: &Utf8Path,
    drive: &Drive,
    now: Timestamp,
) -> Result<u64, AcknowledgeError> {
    let errors = drive.health.as_ref().and_then(|health| health.media_errors);
    let (Some(serial), Some(media_errors)) = (drive.key().map(str::to_owned), errors) else {
        return Err(AcknowledgeError::NothingToAccept {
            drive: drive.name.clone(),
        });
    };
    let mut history = load(host, path)?;
    history.push(Entry::Acknowledgement(Acknowledgement {
        time: now,
        serial,
        media_errors,
    }));
    host.write_file(path, &history.to_text())?;
    Ok(media_errors)
}

/// Media errors could not be acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum AcknowledgeError {
    /// The drive tells no serial number or no media errors.
    #[error("{drive} reports no serial number or no media errors, so there is nothing to accept")]
    NothingToAccept {
        /// The drive's name.
        drive: String,
    },
    /// The history cannot be read or written.
    #[error("the history of the drives cannot be kept")]
    History(#[from] HostError),
}
