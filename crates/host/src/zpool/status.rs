//! `zpool status -P`: which disks a pool is made of.
//!
//! The text is the only form that every supported release has (JSON came with 2.3). Its table is
//! indented by depth, two blanks a level: pool, vdev, disk. While a disk is being replaced there
//! is one level more, whose disks both belong to the vdev.

use super::VdevClass;
use crate::parse::ParseError;

const WHAT: &str = "the output of zpool status";

/// The layout of one pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolStatus {
    /// The pool.
    pub name: String,
    /// `ONLINE`, `DEGRADED`, `FAULTED`, `UNAVAIL`, `SUSPENDED` ...
    pub state: String,
    /// Its top-level vdevs, in the order of the table.
    pub vdevs: Vec<VdevStatus>,
}

/// A top-level vdev.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VdevStatus {
    /// ZFS's name: `mirror-0`, `draid1:2d:4c:1s-0`; for a plain disk its path.
    pub name: String,
    /// What it is for.
    pub class: VdevClass,
    /// `disk`, `mirror`, `raidz1`, `draid1`: the name without number and geometry.
    pub kind: String,
    /// `ONLINE`, `DEGRADED`, `AVAIL`, `INUSE` ...; empty for a cache or log that says nothing.
    pub state: String,
    /// Every disk, those that are being replaced included.
    pub disks: Vec<DiskStatus>,
}

/// A member of a vdev.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskStatus {
    /// Full path of the disk or, where ZFS has partitioned it, of its first partition; for a disk
    /// that is gone the path that it had, or its number if ZFS does not know one.
    pub path: String,
    /// `ONLINE`, `OFFLINE`, `UNAVAIL`, `REMOVED`, `FAULTED` ...
    pub state: String,
}

/// Reads the answer of [`status`](super::status()) for one pool.
///
/// # Errors
/// When a line of the table is neither a known kind of vdev nor a disk, or the table is missing.
pub fn parse_status(text: &str) -> Result<PoolStatus, ParseError> {
    let mut name = None;
    let mut state = None;
    let mut lines = text.lines();
    // Everything before the table is `key: text`, with longer texts continued below a tab.
    for line in lines.by_ref() {
        let trimmed = line.trim_start();
        if line.starts_with("config:") {
            break;
        } else if line.starts_with('\t') {
            continue;
        } else if let Some(pool) = trimmed.strip_prefix("pool: ") {
            name = Some(pool.trim().to_owned());
        } else if let Some(word) = trimmed.strip_prefix("state: ") {
            state = Some(word.trim().to_owned());
        }
    }
    let (Some(name), Some(state)) = (name, state) else {
        let first = text.lines().next().unwrap_or("");
        return Err(ParseError::new(WHAT, first, "it names no pool and state"));
    };
    let rows = lines
        .skip_while(|line| line.trim().is_empty())
        .take_while(|line| !line.trim().is_empty());
    let vdevs = table(rows, &name)?;
    Ok(PoolStatus { name, state, vdevs })
}

fn table<'a>(
    mut lines: impl Iterator<Item = &'a str>,
    pool: &str,
) -> Result<Vec<VdevStatus>, ParseError> {
    let header = lines.next().unwrap_or("");
    if !header.trim_start().starts_with("NAME ") {
        return Err(ParseError::new(
            WHAT,
            header,
            "the table of disks is missing",
        ));
    }
    let first = lines.next().unwrap_or("");
    if Row::read(first)?.name != pool {
        return Err(ParseError::new(
            WHAT,
            first,
            "the table does not begin with the pool",
        ));
    }
    let mut class = VdevClass::Data;
    let mut vdevs: Vec<VdevStatus> = Vec::new();
    for line in lines {
        let row = Row::read(line)?;
        match (row.depth, Member::read(&row)) {
            (0, _) => class = section(row.name, line)?,
            (_, Some(Member::DistributedSpare)) => {}
            (1, Some(Member::Group(kind))) => vdevs.push(row.vdev(class, kind, Vec::new())),
            (1, Some(Member::Disk(path))) => {
                let disk = row.disk(path);
                vdevs.push(row.vdev(class, "disk", vec![disk]));
            }
            (_, Some(Member::Disk(path))) => match vdevs.last_mut() {
                Some(vdev) => vdev.disks.push(row.disk(path)),
                None => return Err(ParseError::new(WHAT, line, "it belongs to no vdev")),
            },
            // `replacing-1` or `spare-1` below a vdev: only its disks matter.
            (_, Some(Member::Group(_))) => {}
            (_, None) => {
                let reason = "it is neither a disk nor a kind of vdev that phoenix knows";
                return Err(ParseError::new(WHAT, line, reason));
            }
        }
    }
    Ok(vdevs)
}

/// The heading that the vdevs below it belong to.
fn section(word: &str, line: &str) -> Result<VdevClass, ParseError> {
    match word {
        "special" => Ok(VdevClass::Special),
        "dedup" => Ok(VdevClass::Dedup),
        "logs" => Ok(VdevClass::Log),
        "cache" => Ok(VdevClass::Cache),
        "spares" => Ok(VdevClass::Spare),
        _ => Err(ParseError::new(
            WHAT,
            line,
            "it is no class of vdevs that phoenix knows",
        )),
    }
}

/// One line of the table.
struct Row<'a> {
    depth: usize,
    name: &'a str,
    state: &'a str,
    /// What follows the counters: `was /dev/...`, `currently in use`, `(resilvering)`.
    remark: &'a str,
}

impl<'a> Row<'a> {
    fn read(line: &'a str) -> Result<Self, ParseError> {
        let inner = line
            .strip_prefix('\t')
            .ok_or_else(|| ParseError::new(WHAT, line, "it is not part of the table"))?;
        let text = inner.trim_start_matches(' ');
        let depth = (inner.len() - text.len()) / 2;
        // Two blanks end the name, so that a file with a blank in its name stays whole.
        let (name, rest) = text.split_once("  ").unwrap_or((text, ""));
        let (state, rest) = word(rest);
        let remark = ["READ", "WRITE", "CKSUM"].iter().fold(rest, |rest, _| {
            let (first, after) = word(rest);
            let counter = first.starts_with(|c: char| c.is_ascii_digit());
            if counter { after } else { rest }
        });
        Ok(Self {
            depth,
            name: name.trim_end(),
            state,
            remark: remark.trim(),
        })
    }

    fn vdev(&self, class: VdevClass, kind: &str, disks: Vec<DiskStatus>) -> VdevStatus {
        VdevStatus {
            name: self.name.to_owned(),
            class,
            kind: kind.to_owned(),
            state: self.state.to_owned(),
            disks,
        }
    }

    fn disk(&self, path: &str) -> DiskStatus {
        DiskStatus {
            path: path.to_owned(),
            state: self.state.to_owned(),
        }
    }
}

fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    text.split_once([' ', '\t']).unwrap_or((text, ""))
}

/// What a name of the table stands for.
enum Member<'a> {
    /// A vdev with members of its own; its kind.
    Group(&'a str),
    /// A disk; its path.
    Disk(&'a str),
    /// Spare space inside a draid vdev, `draid1-0-0`: no disk of its own.
    DistributedSpare,
}

impl<'a> Member<'a> {
    fn read(row: &Row<'a>) -> Option<Self> {
        let name = row.name;
        if name.starts_with('/') {
            return Some(Self::Disk(name));
        }
        // A disk that is gone is named by its number, with the path that it had as a remark.
        if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(Self::Disk(row.remark.strip_prefix("was ").unwrap_or(name)));
        }
        let (front, number) = name.rsplit_once('-')?;
        number.parse::<u32>().ok()?;
        match front {
            "mirror" | "raidz1" | "raidz2" | "raidz3" | "replacing" | "spare" => {
                Some(Self::Group(front))
            }
            _ => {
                let (kind, geometry) = front
                    .split_once(':')
                    .map_or((front, None), |(k, g)| (k, Some(g)));
                let draid = |kind: &str| matches!(kind, "draid1" | "draid2" | "draid3");
                if draid(kind) && geometry.is_some() {
                    return Some(Self::Group(kind));
                }
                let (kind, _) = front.split_once('-')?;
                draid(kind).then_some(Self::DistributedSpare)
            }
        }
    }
}
