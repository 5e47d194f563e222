//! `zpool import`: pools that lie on the disks and are not imported.
//!
//! Never with `-f`, which would take a pool away from another system.

use super::status::Paragraph;
use super::table::{self, VdevStatus};
use crate::parse::{ParseError, ReadError};
use phoenix_host::Host;
use phoenix_host::command::{Command, Program};

/// Where the disks are looked for. With it ZFS remembers every disk by the name that the file uses,
/// too; without it, by whatever name udev made last.
const FOLDER: &str = "/dev/disk/by-id";

const WHAT: &str = "the output of zpool import";

/// Stands below the table of a pool of which ZFS cannot tell all disks (`show_import`,
/// `cmd/zpool/zpool_main.c`).
const MORE_DISKS: &str = "\tAdditional devices are known to be part of this pool";

/// The pools that lie on the disks and are not imported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Importable {
    /// Those that were understood.
    pub pools: Vec<ImportablePool>,
    /// Why the others were not, each with its name.
    pub unread: Vec<(String, ParseError)>,
}

/// A pool that could be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportablePool {
    /// Its name.
    pub name: String,
    /// Its permanent number; names may be taken twice.
    pub guid: u64,
    /// `ONLINE`, `DEGRADED`, `UNAVAIL` or `FAULTED`.
    pub state: String,
    /// What ZFS has to say about it, in its own words; `None` when it would import it without ado.
    /// A pool that another system used last always has one. What ZFS advises to do is left out: of a
    /// pool with an unplugged disk it says that it be destroyed.
    pub status: Option<String>,
    /// Whether ZFS knows that there are more disks than it lists.
    pub more_disks: bool,
    /// Its top-level vdevs; disks below `/dev/disk/by-id`.
    pub vdevs: Vec<VdevStatus>,
}

/// `zpool import`: every pool that lies on the disks and is not imported. It reads the labels of
/// all disks, so it may take a while.
pub fn importable() -> Command {
    Command::read(Program::Zpool, ["import", "-d", FOLDER]).timeout(120)
}

/// `zpool import GUID`: imports that pool and mounts its datasets.
pub fn import(guid: u64) -> Command {
    let guid = guid.to_string();
    Command::write(Program::Zpool, ["import", "-d", FOLDER, guid.as_str()]).timeout(300)
}

/// Reads the answer of [`importable`]. Its labels stand behind one blank more up to OpenZFS 2.2, and
/// from 2.3 on in the paragraphs of pools that have a comment. What cannot be read costs the pool that
/// it is about.
///
/// # Errors
/// When the text names no pool at all.
pub fn parse_importable(text: &str) -> Result<Importable, ParseError> {
    let mut importable = Importable::default();
    for text in texts(text)? {
        match parse_one(text) {
            Ok(pool) => importable.pools.push(pool),
            Err(unread) => importable.unread.push(unread),
        }
    }
    Ok(importable)
}

/// The pools that lie on the disks and are not imported.
///
/// # Errors
/// When the command fails, or its answer names no pool at all.
pub fn read_importable(host: &dyn Host) -> Result<Importable, ReadError> {
    let command = importable();
    let output = host.run(&command)?;
    // That there is none is a failure in some releases.
    if output.stdout.trim().is_empty() && output.stderr.contains("no pools available to import") {
        return Ok(Importable::default());
    }
    Ok(parse_importable(output.check(&command)?)?)
}

/// The text about each pool.
fn texts(text: &str) -> Result<Vec<&str>, ParseError> {
    let mut starts = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if is_start(line) {
            starts.push(at);
        } else if starts.is_empty() && !line.trim().is_empty() {
            return Err(ParseError::new(WHAT, line, "it does not begin with a pool"));
        }
        at += line.len();
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    let spans = starts.iter().zip(ends);
    Ok(spans
        .filter_map(|(&start, end)| text.get(start..end))
        .collect())
}

fn is_start(line: &str) -> bool {
    line.starts_with(' ') && line.trim_start().starts_with("pool: ")
}

fn parse_one(text: &str) -> Result<ImportablePool, (String, ParseError)> {
    let paragraphs = Paragraph::all(text);
    let find = |label: &str| paragraphs.iter().find(|found| found.label == label);
    let name = find("pool").map_or("", |pool| pool.text);
    let unread = |line: &str, reason: &str| (name.to_owned(), ParseError::new(WHAT, line, reason));
    let guid = find("id").and_then(|id| id.text.parse().ok());
    let (Some(guid), Some(state)) = (guid, find("state")) else {
        let first = text.lines().next().unwrap_or("");
        return Err(unread(first, "the pool has no number or no state"));
    };
    let table = find("config").map(|config| config.below.as_slice());
    let table = table.unwrap_or_default();
    let own = table.first().copied().unwrap_or_default();
    if !table::is_of_pool(own, name) {
        return Err(unread(own, "the pool has no table of disks"));
    }
    let rows = table.iter().skip(1).copied();
    let vdevs = table::vdevs(WHAT, rows, Some(FOLDER)).map_err(|error| (name.to_owned(), error))?;
    Ok(ImportablePool {
        name: name.to_owned(),
        guid,
        state: state.text.to_owned(),
        status: find("status").map(Paragraph::sentence),
        more_disks: text.contains(MORE_DISKS),
        vdevs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// OpenZFS 2.3.9: the single disk and the foreign pool as recorded; the mirror stands between
    /// them, as it does after a power cut.
    const TEXT: &str = "  pool: oldpool
    id: 10026826308072242012
 state: ONLINE
action: The pool can be imported using its name or numeric identifier.
config:

\toldpool                         ONLINE
\t  nvme-QEMU_NVMe_Ctrl_PHX4TC03  ONLINE

  pool: quickOS
    id: 7744447469041795894
 state: ONLINE
action: The pool can be imported using its name or numeric identifier.
config:

\tquickOS                           ONLINE
\t  mirror-0                        ONLINE
\t    nvme-QEMU_NVMe_Ctrl_PHX2TA01  ONLINE
\t    nvme-QEMU_NVMe_Ctrl_PHX2TB02  ONLINE

  pool: foreign
    id: 7744447469041795893
 state: ONLINE
status: The pool was last accessed by another system.
action: The pool can be imported using its name or numeric identifier and
\tthe '-f' flag.
   see: https://openzfs.github.io/openzfs-docs/msg/ZFS-8000-EY
config:

\tforeign     ONLINE
\t  loop0     ONLINE
";

    #[test]
    fn every_pool_is_read_with_its_disks_and_with_what_zfs_says() {
        let pools = parse_importable(TEXT).unwrap().pools;
        let row = |pool: &ImportablePool| {
            let disks = pool.vdevs.iter().flat_map(|vdev| &vdev.disks);
            let disks: Vec<&str> = disks.map(|disk| disk.path.as_str()).collect();
            let kinds: Vec<&str> = pool.vdevs.iter().map(|vdev| vdev.kind.as_str()).collect();
            let status = pool.status.as_deref().unwrap_or("-");
            format!("{} {} {} {kinds:?} {disks:?}", pool.name, pool.guid, status)
        };
        let rows: Vec<String> = pools.iter().map(row).collect();
        assert_eq!(
            rows,
            [
                "oldpool 10026826308072242012 - [\"disk\"] [\"/dev/disk/by-id/nvme-QEMU_NVMe_Ctrl_PHX4TC03\"]",
                "quickOS 7744447469041795894 - [\"mirror\"] [\"/dev/disk/by-id/nvme-QEMU_NVMe_Ctrl_PHX2TA01\", \"/dev/disk/by-id/nvme-QEMU_NVMe_Ctrl_PHX2TB02\"]",
                "foreign 7744447469041795893 The pool was last accessed by another system. [\"disk\"] [\"/dev/disk/by-id/loop0\"]",
            ]
        );
        assert_eq!(parse_importable(""), Ok(Importable::default()));
    }

    #[test]
    fn what_is_not_understood_is_no_pool() {
        assert!(parse_importable("nonsense\n").is_err());
        for text in [
            "  pool: tank\n state: ONLINE\nconfig:\n\n\ttank  ONLINE\n",
            "  pool: tank\n    id: 12\nconfig:\n\n\ttank  ONLINE\n",
            "  pool: tank\n    id: 12\n state: ONLINE\nconfig:\n\n\tother  ONLINE\n",
            "  pool: tank\n    id: 12\n state: ONLINE\n",
        ] {
            let found = parse_importable(text).unwrap();
            assert_eq!(found.pools, [], "{text}");
            assert_eq!(found.unread.len(), 1, "{text}");
        }
    }
}
