//! systemd: drop-ins for units, and whether the running systemd has read them.

use std::collections::BTreeSet;

use crate::parse::ParseError;
use phoenix_host::command::{Command, Program};

/// The NFS server of Debian's nfs-kernel-server.
pub const NFS_SERVER: &str = "nfs-server.service";

/// The drop-in of the NFS server that phoenix owns. Every other one is somebody else's.
pub const NFS_DROP_IN: &str = "/etc/systemd/system/nfs-server.service.d/phoenix.conf";

/// What systemd knows of a unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnitState {
    /// The drop-ins that systemd has read.
    pub drop_ins: BTreeSet<String>,
    /// Whether files of the unit have changed since.
    pub needs_reload: bool,
}

/// `systemctl show`: what systemd knows of a unit.
pub fn show(unit: &str) -> Command {
    let properties = "--property=DropInPaths,NeedDaemonReload";
    Command::read(Program::Systemctl, ["show", properties, unit])
}

/// Reads the answer of [`show`].
///
/// # Errors
/// When one of the two properties is missing.
pub fn parse_show(text: &str) -> Result<UnitState, ParseError> {
    let value = |name: &str| {
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
    };
    match (value("DropInPaths"), value("NeedDaemonReload")) {
        (Some(paths), Some(reload)) => Ok(UnitState {
            drop_ins: paths.split_whitespace().map(str::to_owned).collect(),
            needs_reload: reload == "yes",
        }),
        _ => {
            let reason = "it does not say DropInPaths and NeedDaemonReload";
            Err(ParseError::new(
                "the output of systemctl show",
                text,
                reason,
            ))
        }
    }
}

/// Whether `systemctl` failed because the machine was not started by systemd, as in many containers
/// (systemd `src/shared/bus-util.c`, `bus_log_connect_error`).
pub fn is_absent(stderr: &str) -> bool {
    stderr.contains("System has not been booted with systemd")
}

/// `systemctl daemon-reload`: makes systemd read all unit files again. Starts and stops nothing.
pub fn reload() -> Command {
    Command::write(Program::Systemctl, ["daemon-reload"])
}
