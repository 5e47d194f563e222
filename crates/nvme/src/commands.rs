//! The argv of every question that is put to a host about its drives. All of them only look.

use phoenix_host::command::{Command, Program};

/// A drive that does not answer holds its reader up to this many seconds.
const DRIVE_TIMEOUT_SECONDS: u64 = 20;

/// `smartctl -j -x /dev/NAME`: identity and every log as JSON.
///
/// The namespace (`nvme0n1`) is asked and not the controller (`nvme0`): only then the answer holds
/// the block size, and the two numbers of the names need not agree under native multipath.
pub fn smartctl(name: &str) -> Command {
    read(Program::Smartctl, &["-j", "-x", &device(name)])
}

/// `nvme smart-log -o json /dev/NAME`: the health log alone.
pub fn nvme_smart_log(name: &str) -> Command {
    read(Program::Nvme, &["smart-log", "-o", "json", &device(name)])
}

/// `nvme id-ctrl -o json /dev/NAME`: identity, temperature limits, TRIM support.
pub fn nvme_id_ctrl(name: &str) -> Command {
    read(Program::Nvme, &["id-ctrl", "-o", "json", &device(name)])
}

/// `nvme id-ns -o json /dev/NAME`: the block formats.
pub fn nvme_id_ns(name: &str) -> Command {
    read(Program::Nvme, &["id-ns", "-o", "json", &device(name)])
}

/// `zpool status -P -t POOL`: when each member was trimmed.
pub fn trim_status(pool: &str) -> Command {
    Command::read(Program::Zpool, ["status", "-P", "-t", pool])
}

/// `fwupdmgr get-updates --json`: newer firmware that the vendor service offers. The two flags keep
/// it from asking questions and from going to the network.
pub fn fwupd_updates() -> Command {
    let args = [
        "get-updates",
        "--json",
        "--no-unreported-check",
        "--no-metadata-check",
    ];
    Command::read(Program::Fwupdmgr, args)
}

fn device(name: &str) -> String {
    format!("/dev/{name}")
}

fn read(program: Program, args: &[&str]) -> Command {
    Command::read(program, args.iter().copied()).timeout(DRIVE_TIMEOUT_SECONDS)
}
