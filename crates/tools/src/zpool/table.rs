//! The table of vdevs in `zpool status` and `zpool import`.
//!
//! It is indented by depth, two blanks a level: pool, vdev, disk. A disk whose place something else
//! takes stands below `replacing-N` (the disks that go, and last the one that comes) or `spare-N`
//! (the disk, and then the spares that stand in for it). ZFS puts either inside the other, to any
//! depth, so a place is a tree and not a slot. Nothing here knows the lines around the table.

use phoenix_zfs::vdev::VdevClass;

use crate::parse::ParseError;

/// A top-level vdev.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VdevStatus {
    /// ZFS's name: `mirror-0`, `draid1:2d:4c:1s-0`; for a plain disk its path.
    pub name: String,
    /// What it is for.
    pub class: VdevClass,
    /// `disk`, `mirror`, `raidz1`, `draid1`: the name without number and geometry.
    pub kind: String,
    /// How a draid vdev is divided, as ZFS spells it: `2d:4c:1s`.
    pub geometry: Option<String>,
    /// `ONLINE`, `DEGRADED`, `AVAIL`, `INUSE` ...; empty for a cache or log that says nothing.
    pub state: String,
    /// What ZFS adds: `(removing)`, `insufficient replicas`; empty for nothing.
    pub remark: String,
    /// Its permanent number, where ZFS told it: the one name that commands never take for another.
    pub guid: Option<u64>,
    /// Every disk, those that go or stand in included.
    pub disks: Vec<DiskStatus>,
    /// Its row of the table.
    pub(super) row: usize,
}

/// A member of a vdev.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskStatus {
    /// Full path of the disk or, where ZFS has partitioned it, of its first partition; for a disk
    /// that is gone the path that it had, or its number if ZFS does not know one.
    pub path: String,
    /// Its permanent number, where ZFS told it. A disk that is gone is named by it alone.
    pub guid: Option<u64>,
    /// `ONLINE`, `OFFLINE`, `UNAVAIL`, `REMOVED`, `FAULTED` ...
    pub state: String,
    /// Errors counted since the last `zpool clear`; `None` for a spare, which has no counters.
    pub errors: Option<ErrorCounts>,
    /// What ZFS adds: `too many errors`, `(resilvering)`, `block size: 512B configured, 4096B
    /// native`; empty for nothing.
    pub remark: String,
    /// What it is to the layout.
    pub role: Role,
    /// Its row of the table.
    pub(super) row: usize,
}

/// What a disk is to the layout of its pool. Those that are members make up the layout that the
/// pool has once nothing is in between any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It belongs to the layout.
    Member,
    /// It goes as soon as the disk that replaces it, or what is left of the pool, holds everything.
    Leaving,
    /// A hot spare that stands in for a member.
    StandIn,
}

/// Errors of a device as ZFS counts them: `3.4K` is rounded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorCounts {
    /// Reads that failed.
    pub read: String,
    /// Writes that failed.
    pub write: String,
    /// Data that was not what had been written.
    pub checksum: String,
}

impl ErrorCounts {
    /// Whether there was none.
    pub fn is_zero(&self) -> bool {
        [&self.read, &self.write, &self.checksum]
            .into_iter()
            .all(|count| count == "0")
    }
}

/// Reads the lines of the table below the pool's own, in the output `what`. `folder` is where disks
/// lie that are listed without it, as `zpool import` does.
pub(super) fn vdevs<'a>(
    what: &'static str,
    lines: impl Iterator<Item = &'a str>,
    folder: Option<&str>,
) -> Result<Vec<VdevStatus>, ParseError> {
    let rows = rows(what, lines)?;
    let mut class = VdevClass::Data;
    let mut vdevs = Vec::new();
    let mut rest = rows.as_slice();
    while let [row, after @ ..] = rest {
        if row.depth == 0 {
            class = section(row.name).ok_or_else(|| row.refused("it is no class of vdevs"))?;
            rest = after;
            continue;
        }
        let (top, after) = split_family(rest);
        rest = after;
        let reader = Reader { class, folder };
        vdevs.extend(reader.top_level(row, top)?);
    }
    Ok(vdevs)
}

/// The number that each row of a table of numbers bears, `zpool status -g`.
pub(super) fn numbers<'a>(
    what: &'static str,
    lines: impl Iterator<Item = &'a str>,
) -> Result<Vec<Option<u64>>, ParseError> {
    let rows = rows(what, lines)?;
    Ok(rows.iter().map(|row| row.name.parse().ok()).collect())
}

fn rows<'a>(
    what: &'static str,
    lines: impl Iterator<Item = &'a str>,
) -> Result<Vec<Row<'a>>, ParseError> {
    let rows = lines.enumerate();
    rows.map(|(number, line)| Row::read(what, number, line))
        .collect()
}

/// The first row with everything that hangs below it, and the others.
fn split_family<'r, 'a>(rows: &'r [Row<'a>]) -> (&'r [Row<'a>], &'r [Row<'a>]) {
    let depth = rows.first().map_or(0, |row| row.depth);
    let below = rows.iter().skip(1).take_while(|row| row.depth > depth);
    let end = (1 + below.count()).min(rows.len());
    rows.split_at(end)
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

/// What holds for every row of one section.
struct Reader<'f> {
    class: VdevClass,
    folder: Option<&'f str>,
}

impl Reader<'_> {
    /// The vdev of `row`, which `family` begins with; `None` for one that is no more.
    fn top_level(
        &self,
        row: &Row<'_>,
        family: &[Row<'_>],
    ) -> Result<Option<VdevStatus>, ParseError> {
        if row.depth != 1 {
            return Err(row.refused("it belongs to no vdev"));
        }
        let mut vdev = VdevStatus {
            name: row.name.to_owned(),
            class: self.class,
            kind: "disk".to_owned(),
            geometry: None,
            state: row.state.to_owned(),
            remark: row.remark.to_owned(),
            guid: None,
            disks: Vec::new(),
            row: row.number,
        };
        let role = if row.remark.contains("(removing)") {
            Role::Leaving
        } else {
            Role::Member
        };
        match self.name(row)? {
            Name::Removed => return Ok(None),
            // Spare space inside a draid vdev is listed among the spares, too.
            Name::DistributedSpare => return Ok(None),
            Name::Group { kind, geometry } => {
                kind.clone_into(&mut vdev.kind);
                vdev.geometry = geometry.map(str::to_owned);
                let mut below = family.get(1..).unwrap_or_default();
                while !below.is_empty() {
                    let (place, after) = split_family(below);
                    self.place(place, 2, role, &mut vdev.disks)?;
                    below = after;
                }
            }
            Name::Replacing | Name::Spare | Name::Disk { .. } => {
                self.place(family, 1, role, &mut vdev.disks)?;
            }
        }
        Ok(Some(vdev))
    }

    /// One place in a vdev: a disk, or the disks that share the place for now. `role` is what the
    /// place is to the layout.
    fn place(
        &self,
        family: &[Row<'_>],
        depth: usize,
        role: Role,
        disks: &mut Vec<DiskStatus>,
    ) -> Result<(), ParseError> {
        let [row, below @ ..] = family else {
            return Ok(());
        };
        if row.depth != depth {
            return Err(row.refused("it is indented too far"));
        }
        let is_replacing = match self.name(row)? {
            Name::Disk { path, guid } => {
                if let [child, ..] = below {
                    return Err(child.refused("it hangs below a disk"));
                }
                disks.push(row.disk(path, guid, role));
                return Ok(());
            }
            Name::DistributedSpare | Name::Removed => return Ok(()),
            Name::Group { .. } => return Err(row.refused("ZFS has no vdev inside a vdev")),
            Name::Replacing => true,
            Name::Spare => false,
        };
        let mut children = Vec::new();
        let mut rest = below;
        while !rest.is_empty() {
            let (child, after) = split_family(rest);
            children.push(child);
            rest = after;
        }
        let last = children.len().saturating_sub(1);
        for (index, child) in children.into_iter().enumerate() {
            // What the outermost of them says holds for everything inside.
            let inside = match (role, is_replacing) {
                (Role::Member, true) if index != last => Role::Leaving,
                (Role::Member, false) if index != 0 => Role::StandIn,
                (role, _) => role,
            };
            self.place(child, depth + 1, inside, disks)?;
        }
        Ok(())
    }

    fn name<'a>(&self, row: &Row<'a>) -> Result<Name<'a>, ParseError> {
        let name = Name::read(row);
        let in_folder = || self.folder.map(|folder| format!("{folder}/{}", row.name));
        let bare = || in_folder().map(|path| Name::Disk { path, guid: None });
        name.or_else(bare)
            .ok_or_else(|| row.refused("it is no disk and no kind of vdev"))
    }
}

/// One line of the table.
struct Row<'a> {
    what: &'static str,
    line: &'a str,
    number: usize,
    depth: usize,
    name: &'a str,
    state: &'a str,
    errors: Option<ErrorCounts>,
    /// What follows the counters: `was /dev/...`, `currently in use`, `(resilvering)`.
    remark: &'a str,
}

impl<'a> Row<'a> {
    fn read(what: &'static str, number: usize, line: &'a str) -> Result<Self, ParseError> {
        let inner = line
            .strip_prefix('\t')
            .ok_or_else(|| ParseError::new(what, line, "it is not part of the table"))?;
        let text = inner.trim_start_matches(' ');
        let depth = (inner.len() - text.len()) / 2;
        // Two blanks end the name, so that a file with a blank in its name stays whole.
        let (name, rest) = text.split_once("  ").unwrap_or((text, ""));
        let (state, rest) = word(rest);
        let (errors, remark) = counters(rest);
        Ok(Self {
            what,
            line,
            number,
            depth,
            name: name.trim_end(),
            state,
            errors,
            remark: remark.trim(),
        })
    }

    fn refused(&self, reason: &str) -> ParseError {
        ParseError::new(self.what, self.line, reason)
    }

    fn disk(&self, path: String, guid: Option<u64>, role: Role) -> DiskStatus {
        // That name is in the path already.
        let remark = if guid.is_some() && self.remark == format!("was {path}") {
            ""
        } else {
            self.remark
        };
        DiskStatus {
            path,
            guid,
            state: self.state.to_owned(),
            errors: self.errors.clone(),
            remark: remark.to_owned(),
            role,
            row: self.number,
        }
    }
}

/// Whether `line` is the pool's own, which the table begins with.
pub(super) fn is_of_pool(line: &str, pool: &str) -> bool {
    let rest = line.strip_prefix('\t');
    let rest = rest.and_then(|rest| rest.strip_prefix(pool));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// The three counters, if they are there, and what follows them.
fn counters(text: &str) -> (Option<ErrorCounts>, &str) {
    let (read, rest) = word(text);
    let (write, rest) = word(rest);
    let (checksum, rest) = word(rest);
    let is_count = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_digit())
            && word
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
    };
    if [read, write, checksum].into_iter().all(is_count) {
        let counts = ErrorCounts {
            read: read.to_owned(),
            write: write.to_owned(),
            checksum: checksum.to_owned(),
        };
        (Some(counts), rest)
    } else {
        (None, text)
    }
}

fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    text.split_once([' ', '\t']).unwrap_or((text, ""))
}

/// What a name of the table stands for.
enum Name<'a> {
    /// A vdev with members of its own.
    Group {
        kind: &'a str,
        geometry: Option<&'a str>,
    },
    /// `replacing-1`: disks that go, and last the one that comes.
    Replacing,
    /// `spare-1`: a disk, and then what stands in for it.
    Spare,
    /// A disk.
    Disk { path: String, guid: Option<u64> },
    /// Spare space inside a draid vdev, `draid1-0-0`: no disk of its own.
    DistributedSpare,
    /// `indirect-1`, `hole-2`, `missing-3`: the place of a vdev that was removed.
    Removed,
}

impl<'a> Name<'a> {
    fn read(row: &Row<'a>) -> Option<Self> {
        let name = row.name;
        if name.starts_with('/') {
            return Some(Self::disk(name, None));
        }
        // A disk that is gone is named by its number, with the path that it had as a remark.
        if let Ok(guid) = name.parse::<u64>() {
            let path = row.remark.strip_prefix("was ").unwrap_or(name);
            return Some(Self::disk(path, Some(guid)));
        }
        let (front, number) = name.rsplit_once('-')?;
        number.parse::<u32>().ok()?;
        match front {
            "mirror" | "raidz1" | "raidz2" | "raidz3" => {
                return Some(Self::Group {
                    kind: front,
                    geometry: None,
                });
            }
            "replacing" => return Some(Self::Replacing),
            "spare" => return Some(Self::Spare),
            "indirect" | "hole" | "missing" => return Some(Self::Removed),
            _ => {}
        }
        // `draid1:2d:4c:1s-0` is a vdev, `draid1-0-0` a spare inside of one.
        let (kind, geometry) = match front.split_once(':') {
            Some((kind, geometry)) => (kind, Some(geometry)),
            None => (front.split_once('-')?.0, None),
        };
        match (kind, geometry) {
            ("draid1" | "draid2" | "draid3", None) => Some(Self::DistributedSpare),
            ("draid1" | "draid2" | "draid3", geometry) => Some(Self::Group { kind, geometry }),
            _ => None,
        }
    }

    fn disk(path: &str, guid: Option<u64>) -> Self {
        Self::Disk {
            path: path.to_owned(),
            guid,
        }
    }
}
