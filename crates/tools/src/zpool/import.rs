//! `zpool import`: pools that lie on the disks and are not imported.
//!
//! Never with `-f`, which would take a pool away from another system.

use super::{VdevStatus, status};
use crate::parse::ParseError;
use phoenix_host::command::{Command, Program};

/// Where the disks are looked for. With it ZFS remembers every disk by the name that the file uses,
/// too; without it, by whatever name udev made last.
const FOLDER: &str = "/dev/disk/by-id";

const WHAT: &str = "the output of zpool import";

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
    /// A pool that another system used last always has one.
    pub status: Option<String>,
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

/// Reads the answer of [`importable`].
///
/// # Errors
/// When a paragraph is no pool with number, state and table.
pub fn parse_importable(text: &str) -> Result<Vec<ImportablePool>, ParseError> {
    let mut pools = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.trim().is_empty() {
            continue;
        }
        let unknown = |line: &str, reason: &str| ParseError::new(WHAT, line, reason);
        let name = line
            .trim_start()
            .strip_prefix("pool: ")
            .ok_or_else(|| unknown(line, "it does not begin with a pool"))?;
        let (mut guid, mut state, mut status) = (None, None, None);
        for line in lines.by_ref() {
            let trimmed = line.trim_start();
            if line.starts_with("config:") {
                break;
            } else if let Some(number) = trimmed.strip_prefix("id: ") {
                guid = number.trim().parse().ok();
            } else if let Some(word) = trimmed.strip_prefix("state: ") {
                state = Some(word.trim().to_owned());
            } else if let Some(words) = trimmed.strip_prefix("status: ") {
                status = Some(words.trim().to_owned());
            }
        }
        let (Some(guid), Some(state)) = (guid, state) else {
            return Err(unknown(line, "the pool has no number or no state"));
        };
        while lines.next_if(|line| line.trim().is_empty()).is_some() {}
        let mut table = Vec::new();
        while let Some(line) = lines.next_if(|line| line.starts_with('\t')) {
            table.push(line);
        }
        let own = table.first().is_some_and(|line| {
            let rest = line
                .strip_prefix('\t')
                .and_then(|rest| rest.strip_prefix(name));
            rest.is_some_and(|rest| rest.starts_with(' '))
        });
        if !own {
            return Err(unknown(line, "the pool has no table of disks"));
        }
        pools.push(ImportablePool {
            name: name.to_owned(),
            guid,
            state,
            status,
            vdevs: status::members(WHAT, table.into_iter().skip(1), Some(FOLDER))?,
        });
    }
    Ok(pools)
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
        let pools = parse_importable(TEXT).unwrap();
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
        assert_eq!(parse_importable(""), Ok(Vec::new()));
    }

    #[test]
    fn what_is_not_understood_is_no_pool() {
        for text in [
            "nonsense\n",
            "  pool: tank\n state: ONLINE\nconfig:\n\n\ttank  ONLINE\n",
            "  pool: tank\n    id: 12\nconfig:\n\n\ttank  ONLINE\n",
            "  pool: tank\n    id: 12\n state: ONLINE\nconfig:\n\n\tother  ONLINE\n",
            "  pool: tank\n    id: 12\n state: ONLINE\n",
        ] {
            assert!(parse_importable(text).is_err(), "{text}");
        }
    }
}
