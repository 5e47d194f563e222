//! `zpool status -P`: which disks a pool is made of.
//!
//! The text is the only form that every supported release has (JSON came with 2.3). Its table is
//! indented by depth, two blanks a level: pool, vdev, disk. While a disk is being replaced there
//! is one level more, and a lone disk has `replacing-0` in its place.

use phoenix_zfs::vdev::VdevClass;

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
    /// Whether it stands in for the disk before it: a hot spare in use, or the new disk of a
    /// replacement that is not finished. Without these the layout is the one that was made.
    pub substitute: bool,
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
    if Row::read(WHAT, first)?.name != pool {
        return Err(ParseError::new(
            WHAT,
            first,
            "the table does not begin with the pool",
        ));
    }
    members(WHAT, lines, None)
}

/// The lines of the table below the pool's own, in the output `what`. `folder` is where disks lie
/// that are listed without it, as `zpool import` does.
pub(super) fn members<'a>(
    what: &'static str,
    lines: impl Iterator<Item = &'a str>,
    folder: Option<&str>,
) -> Result<Vec<VdevStatus>, ParseError> {
    let mut class = VdevClass::Data;
    let mut vdevs: Vec<VdevStatus> = Vec::new();
    // The depth of the `replacing-N` or `spare-N` that the next disks stand under, and whether
    // the disk that is replaced has been seen.
    let mut replacement: Option<(usize, bool)> = None;
    for line in lines {
        let row = Row::read(what, line)?;
        replacement = replacement.filter(|(depth, _)| row.depth > *depth);
        let unknown = |reason: &str| ParseError::new(what, line, reason);
        if row.depth == 0 {
            class = section(row.name).ok_or_else(|| unknown("it is no class of vdevs"))?;
            continue;
        }
        let member = Member::read(&row).or(folder.map(|_| Member::Disk(row.name)));
        match member.ok_or_else(|| unknown("it is no disk and no kind of vdev"))? {
            Member::DistributedSpare => {}
            Member::Replacement => {
                replacement = Some((row.depth, false));
                if row.depth == 1 {
                    vdevs.push(row.vdev(class, "disk"));
                }
            }
            Member::Group(kind) if row.depth == 1 => vdevs.push(row.vdev(class, kind)),
            Member::Group(_) => return Err(unknown("ZFS has no vdev inside a vdev")),
            Member::Disk(path) => {
                if row.depth == 1 {
                    vdevs.push(row.vdev(class, "disk"));
                }
                let vdev = vdevs.last_mut();
                let vdev = vdev.ok_or_else(|| unknown("it belongs to no vdev"))?;
                let substitute = replacement.is_some_and(|(_, replaced)| replaced);
                let path = match folder {
                    Some(folder) if !path.starts_with('/') => format!("{folder}/{path}"),
                    _ => path.to_owned(),
                };
                vdev.disks.push(row.disk(path, substitute));
                replacement = replacement.map(|(depth, _)| (depth, true));
            }
        }
    }
    Ok(vdevs)
}

/// The heading that the vdevs below it belong to.
fn section(word: &str) -> Option<VdevClass> {
    match word {
        "special" => Some(VdevClass::Special),
        "dedup" => Some(VdevClass::Dedup),
        "logs" => Some(VdevClass::Log),
        "cache" => Some(VdevClass::Cache),
        "spares" => Some(VdevClass::Spare),
        _ => None,
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
    fn read(what: &'static str, line: &'a str) -> Result<Self, ParseError> {
        let inner = line
            .strip_prefix('\t')
            .ok_or_else(|| ParseError::new(what, line, "it is not part of the table"))?;
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

    fn vdev(&self, class: VdevClass, kind: &str) -> VdevStatus {
        VdevStatus {
            name: self.name.to_owned(),
            class,
            kind: kind.to_owned(),
            state: self.state.to_owned(),
            disks: Vec::new(),
        }
    }

    fn disk(&self, path: String, substitute: bool) -> DiskStatus {
        DiskStatus {
            path,
            state: self.state.to_owned(),
            substitute,
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
    /// `replacing-1` or `spare-1`: a disk together with those that stand in for it.
    Replacement,
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
            "mirror" | "raidz1" | "raidz2" | "raidz3" => return Some(Self::Group(front)),
            "replacing" | "spare" => return Some(Self::Replacement),
            _ => {}
        }
        // `draid1:2d:4c:1s-0` is a vdev, `draid1-0-0` a spare inside of one.
        let (kind, is_vdev) = match front.split_once(':') {
            Some((kind, _)) => (kind, true),
            None => (front.split_once('-')?.0, false),
        };
        match (kind, is_vdev) {
            ("draid1" | "draid2" | "draid3", true) => Some(Self::Group(kind)),
            ("draid1" | "draid2" | "draid3", false) => Some(Self::DistributedSpare),
            _ => None,
        }
    }
}
