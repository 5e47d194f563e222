//! Processes that have block devices open, also without `O_EXCL`, as a running virtual machine has.
//!
//! The kernel shows that nowhere but among every process's files. Only looks.

use std::collections::BTreeSet;

use phoenix_host::command::{Command, Program};

/// Programs that open a disk to look at it and hold nothing that an erase would take from them.
/// As the kernel calls them: at most 15 characters.
const ONLY_LOOK: [&str; 16] = [
    "(udev-worker)",
    "systemd-udevd",
    "blkid",
    "fwupd",
    "hdparm",
    "lsblk",
    "lvs",
    "multipathd",
    "nvme",
    "pvs",
    "smartctl",
    "smartd",
    "udisksd",
    "wipefs",
    "zed",
    "zpool",
];

/// A process that has a device open.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Holder {
    /// Its number.
    pub(super) pid: u32,
    /// The node of the device, as the kernel calls it.
    pub(super) path: String,
}

/// `find`: which processes have one of these nodes open. Of every process only the directory of its
/// files is entered, and one that ends meanwhile is no error.
pub(super) fn holders(paths: &[&str]) -> Command {
    let among = [
        "/proc",
        "-ignore_readdir_race",
        "-mindepth",
        "1",
        "-maxdepth",
        "3",
        "(",
    ];
    let others = [
        ")",
        "-printf",
        "%p\\t%l\\n",
        "-o",
        "-type",
        "d",
        "!",
        "-path",
        "/proc/[0-9]*",
        "-prune",
        "-o",
        "-path",
        "/proc/[0-9]*/*",
        "!",
        "-name",
        "fd",
        "-prune",
    ];
    let mut args: Vec<&str> = among.to_vec();
    for (index, path) in paths.iter().enumerate() {
        if index > 0 {
            args.push("-o");
        }
        args.extend(["-lname", *path]);
    }
    args.extend(others);
    Command::read(Program::Find, args)
}

/// Reads the answer of [`holders`]. Other lines are files of processes that have ended.
pub(super) fn parse_holders(text: &str) -> BTreeSet<Holder> {
    let holder = |line: &str| {
        let (file, path) = line.split_once('\t')?;
        let (pid, _) = file.strip_prefix("/proc/")?.split_once("/fd/")?;
        Some(Holder {
            pid: pid.parse().ok()?,
            path: path.to_owned(),
        })
    };
    text.lines().filter_map(holder).collect()
}

/// Where the kernel keeps the name of a process's program.
pub(super) fn name_file(pid: u32) -> String {
    format!("/proc/{pid}/comm")
}

/// Whether the program opens disks only to look at them.
pub(super) fn only_looks(program: &str) -> bool {
    ONLY_LOOK.contains(&program)
}
