//! The argv of every question that is put to a host about its drives. All of them only look.

use phoenix_host::command::{Command, Program};

/// How long each question may take, in seconds. A drive is asked four, one after the other, and a host
/// whose programs all hang is given up after fifteen seconds with everything.
const SMARTCTL_SECONDS: u64 = 5;
const NVME_SECONDS: u64 = 2;
const KERNEL_SECONDS: u64 = 2;
const POOL_SECONDS: u64 = 4;
const FWUPD_SECONDS: u64 = 8;

/// `find /sys/block /sys/class/hwmon`: the block devices and the temperature sensors of the kernel, and
/// what each of them hangs on.
pub fn kernel_devices() -> Command {
    let args = [
        "/sys/block",
        "/sys/class/hwmon",
        "-maxdepth",
        "1",
        "-type",
        "l",
        "-printf",
        "%f\\t%l\\n",
    ];
    Command::read(Program::Find, args).timeout(KERNEL_SECONDS)
}

/// `smartctl -j /dev/NAME`: identity, limits, health, and the logs of errors and self-tests as JSON. Not
/// `-x`: what is not needed is not asked for, because a drive may note what it does not know as an error.
///
/// The namespace (`nvme0n1`) is asked and not the controller (`nvme0`): only then the answer holds
/// the block size, and the two numbers of the names need not agree under native multipath.
pub fn smartctl(name: &str) -> Command {
    let args = [
        "-j", "-i", "-c", "-H", "-A", "-l", "error", "-l", "selftest",
    ];
    let args = args.into_iter().map(str::to_owned).chain([device(name)]);
    Command::read(Program::Smartctl, args).timeout(SMARTCTL_SECONDS)
}

/// `nvme smart-log -o json /dev/NAME`: the health log alone.
pub fn nvme_smart_log(name: &str) -> Command {
    nvme(&["smart-log", "-o", "json", &device(name)])
}

/// `nvme id-ctrl -o json /dev/NAME`: identity, temperature limits, TRIM support.
pub fn nvme_id_ctrl(name: &str) -> Command {
    nvme(&["id-ctrl", "-o", "json", &device(name)])
}

/// `nvme id-ns -o json /dev/NAME`: the block formats.
pub fn nvme_id_ns(name: &str) -> Command {
    nvme(&["id-ns", "-o", "json", &device(name)])
}

/// `zpool status -P -t POOL`: when each member was trimmed.
pub fn trim_status(pool: &str) -> Command {
    asked_of_pools(Command::read(Program::Zpool, ["status", "-P", "-t", pool]))
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
    Command::read(Program::Fwupdmgr, args).timeout(FWUPD_SECONDS)
}

/// The same question with the little time that a question about a pool gets here.
pub fn asked_of_pools(command: Command) -> Command {
    command.timeout(POOL_SECONDS)
}

fn device(name: &str) -> String {
    format!("/dev/{name}")
}

fn nvme(args: &[&str]) -> Command {
    Command::read(Program::Nvme, args.iter().copied()).timeout(NVME_SECONDS)
}
