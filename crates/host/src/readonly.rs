//! A host that can be looked at and not be changed.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::command::{Command, Effect, Output, Program};
use crate::lock::HeldLock;
use crate::{Change, Host, HostError};

/// Passes on what only looks and refuses everything else. Whoever reads a host for a plan, or for a
/// list of its drives, holds it through this.
///
/// A command is passed on when it says that it only reads and is also known to: one that was
/// labelled wrongly by mistake must not get through.
#[derive(Debug)]
pub struct ReadOnly<H>(pub H);

impl<H: Host> Host for ReadOnly<H> {
    fn run(&self, command: &Command) -> Result<Output, HostError> {
        if command.effect == Effect::Read && only_looks(command) {
            return self.0.run(command);
        }
        Err(refused(command.to_string()))
    }

    fn read_file(&self, path: &Utf8Path) -> Result<Option<String>, HostError> {
        self.0.read_file(path)
    }

    fn read_foreign(&self, path: &Utf8Path) -> Result<Option<String>, HostError> {
        self.0.read_foreign(path)
    }

    fn change(&self, change: &Change) -> Result<(), HostError> {
        Err(refused(change.to_string()))
    }

    fn first_links(&self, paths: &[&str]) -> Result<Vec<Option<Utf8PathBuf>>, HostError> {
        self.0.first_links(paths)
    }

    fn hold_disks(&self, disks: &[&str]) -> Result<Vec<HeldLock>, HostError> {
        Err(refused(format!("holding {}", disks.join(", "))))
    }

    fn lock(&self, path: &Utf8Path, _wait: Duration) -> Result<HeldLock, HostError> {
        Err(refused(format!("locking {path}")))
    }
}

fn refused(what: String) -> HostError {
    HostError::ReadOnly { what }
}

/// The arguments with which `zpool import` only lists what could be imported.
const LIST_OF_IMPORTABLE_POOLS: [&str; 3] = ["import", "-d", "/dev/disk/by-id"];

/// Whether a command is one of those that cannot change anything.
fn only_looks(command: &Command) -> bool {
    let first = command.args.first().map_or("", String::as_str);
    let has = |flag: &str| command.args.iter().any(|arg| arg == flag);
    match command.program {
        Program::Lsblk | Program::Getent | Program::Getfacl | Program::Grep | Program::Od => true,
        // Without -p it keeps a cache of what it has found.
        Program::Blkid => first == "-p",
        Program::Zfs => matches!(first, "get" | "list" | "version"),
        Program::Zpool => {
            matches!(first, "get" | "list" | "status" | "version")
                // With one argument more, or one less, it imports.
                || command.args == LIST_OF_IMPORTABLE_POOLS
                // Without -n it makes a pool.
                || matches!(command.args.as_slice(), [create, n, ..] if create == "create" && n == "-n")
        }
        Program::Pvesh => first == "get",
        Program::Pct => first == "list",
        Program::Exportfs => first == "-s",
        Program::Udevadm => matches!(first, "settle" | "info"),
        Program::Systemctl => matches!(first, "show" | "is-active" | "is-enabled"),
        Program::Wipefs => first == "-J" && !has("-a") && !has("--all"),
        Program::Find => !command.args.iter().any(|arg| acts(arg)),
        Program::Fwupdmgr => first == "get-updates",
        Program::Smartctl => !has("-s") && !has("-t"),
        Program::Nvme => {
            matches!(
                first,
                "smart-log" | "id-ctrl" | "id-ns" | "fw-log" | "error-log" | "list"
            )
        }
        Program::Pvesm | Program::Setfacl | Program::UpdateInitramfs => false,
    }
}

/// Whether an argument of `find` is one of its actions that do more than print to standard output.
fn acts(arg: &str) -> bool {
    ["-delete", "-exec", "-ok", "-fprint", "-fls"]
        .iter()
        .any(|action| arg.starts_with(action))
}
