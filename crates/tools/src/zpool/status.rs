//! `zpool status -P`: what a pool is made of, and how it is.
//!
//! The text is the only form that every supported release has (JSON came with 2.3). Labels are
//! compared without the blanks before them, which differ by release.

use super::activity::{Activity, running};
use super::table::{self, VdevStatus};
use crate::parse::ParseError;

const WHAT: &str = "the output of zpool status";

/// What ZFS says below the table of a pool whose files are all whole.
const NO_ERRORS: &str = "No known data errors";

/// One pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolStatus {
    /// The pool.
    pub name: String,
    /// `ONLINE`, `DEGRADED`, `FAULTED`, `UNAVAIL`, `SUSPENDED` ...
    pub state: String,
    /// What ZFS finds wrong with it, in its own words; `None` for nothing.
    pub status: Option<String>,
    /// What it does in the background.
    pub activities: Vec<Activity>,
    /// Whether it has a checkpoint, which forbids most changes of the layout.
    pub checkpoint: bool,
    /// Its top-level vdevs, in the order of the table.
    pub vdevs: Vec<VdevStatus>,
    /// Which of its data are lost, in ZFS's words; `None` for none that it knows of.
    pub lost: Option<String>,
    /// How many rows the table has below the pool's own.
    rows: usize,
}

/// Reads the answer of [`status`](super::status()) for one pool.
///
/// # Errors
/// When a line of the table is neither a known kind of vdev nor a disk, or the table is missing.
pub fn parse_status(text: &str) -> Result<PoolStatus, ParseError> {
    let paragraphs = Paragraph::all(text);
    let find = |label: &str| paragraphs.iter().find(|found| found.label == label);
    let (Some(pool), Some(state)) = (find("pool"), find("state")) else {
        let first = text.lines().next().unwrap_or("");
        return Err(ParseError::new(WHAT, first, "it names no pool and state"));
    };
    let table = find("config").map(|config| config.below.as_slice());
    let rows: Vec<&str> = rows_below(table.unwrap_or_default(), pool.text)?.collect();
    let lost = find("errors").filter(|errors| errors.text != NO_ERRORS);
    Ok(PoolStatus {
        name: pool.text.to_owned(),
        state: state.text.to_owned(),
        status: find("status").map(Paragraph::sentence),
        activities: paragraphs
            .iter()
            .filter_map(|found| running(found.label, found.text, &found.below))
            .collect(),
        checkpoint: find("checkpoint").is_some(),
        rows: rows.len(),
        vdevs: table::vdevs(WHAT, rows.into_iter(), None)?,
        lost: lost.map(|errors| errors.text.to_owned()),
    })
}

impl PoolStatus {
    /// Adds the permanent numbers of vdevs and disks from the answer of
    /// [`status_by_number`](super::status_by_number). Nothing is added when the table has another
    /// shape: the pool has changed meanwhile.
    ///
    /// # Errors
    /// When the answer has no table of the pool.
    pub fn number(&mut self, text: &str) -> Result<(), ParseError> {
        let paragraphs = Paragraph::all(text);
        let table = paragraphs.iter().find(|found| found.label == "config");
        let table = table.map(|config| config.below.as_slice());
        let rows = rows_below(table.unwrap_or_default(), &self.name)?;
        let numbers = table::numbers(WHAT, rows)?;
        if numbers.len() != self.rows {
            return Ok(());
        }
        let number = |row: usize| numbers.get(row).copied().flatten();
        for vdev in &mut self.vdevs {
            vdev.guid = number(vdev.row);
            for disk in &mut vdev.disks {
                disk.guid = number(disk.row);
            }
        }
        Ok(())
    }
}

/// `label: text`, with the lines below it that begin with a tab, up to the first empty line behind
/// them.
pub(super) struct Paragraph<'a> {
    pub(super) label: &'a str,
    pub(super) text: &'a str,
    pub(super) below: Vec<&'a str>,
}

impl<'a> Paragraph<'a> {
    /// The paragraphs of a text. What is none is left out.
    pub(super) fn all(text: &'a str) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        let mut is_over = false;
        for line in text.lines() {
            if line.trim().is_empty() {
                is_over = found.last().is_some_and(|last| !last.below.is_empty());
            } else if line.starts_with('\t') {
                if let Some(last) = found.last_mut().filter(|_| !is_over) {
                    last.below.push(line);
                }
            } else if let Some((label, text)) = line.trim().split_once(':') {
                is_over = false;
                found.push(Self {
                    label,
                    text: text.trim(),
                    below: Vec::new(),
                });
            }
        }
        found
    }

    /// Its text in one line.
    pub(super) fn sentence(&self) -> String {
        let below = self.below.iter().map(|line| line.trim());
        let words = std::iter::once(self.text).chain(below);
        let words = words.flat_map(str::split_whitespace);
        words.collect::<Vec<_>>().join(" ")
    }
}

/// The rows of a table below the pool's own.
fn rows_below<'a>(
    table: &[&'a str],
    pool: &str,
) -> Result<impl Iterator<Item = &'a str>, ParseError> {
    let mut lines = table.iter().copied();
    let header = lines.next().unwrap_or("");
    if !header.trim_start().starts_with("NAME ") {
        let reason = "the table of disks is missing";
        return Err(ParseError::new(WHAT, header, reason));
    }
    let first = lines.next().unwrap_or("");
    if !table::is_of_pool(first, pool) {
        let reason = "the table does not begin with the pool";
        return Err(ParseError::new(WHAT, first, reason));
    }
    Ok(lines)
}
