//! Processes that have block devices open, also without `O_EXCL`, as a running virtual machine has.
//!
//! The kernel shows that nowhere but among every process's files. Only looks.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use phoenix_host::command::{Command, Program};
use phoenix_host::{Host, HostError};

use super::inventory::Use;
use crate::parse::ReadError;

/// Programs that open a disk to look at it and hold nothing that an erase would take from them, those that
/// phoenix itself looks with among them. As the kernel calls them: at most 15 characters.
const ONLY_LOOK: [&str; 21] = [
    "(udev-worker)",
    "systemd-udevd",
    "blkid",
    "fwupd",
    "grub-probe",
    "hddtemp",
    "hdparm",
    "lsblk",
    "lvm",
    "lvs",
    "multipathd",
    "nvme",
    "od",
    "pvs",
    "smartctl",
    "smartd",
    "udisksd",
    "vgs",
    "wipefs",
    "zed",
    "zpool",
];

/// The idle devices that a process has open which does more than look.
pub(super) fn open(host: &dyn Host, idle: &[String]) -> Result<Vec<(Utf8PathBuf, Use)>, ReadError> {
    let paths: Vec<&str> = idle.iter().map(String::as_str).collect();
    // Processes end meanwhile, and not every user may look at all: then find ends with 1.
    let answer = host.run(&holders(&paths))?.stdout;
    let mut found = Vec::new();
    for holder in parse_holders(&answer) {
        let file = name_file(holder.pid);
        let program = match host.read_file(Utf8Path::new(&file)) {
            Ok(Some(program)) => program.trim_end().to_owned(),
            // It has ended.
            Ok(None) | Err(HostError::File { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        if !only_looks(&program) {
            let used = Use::Open {
                program,
                pid: holder.pid,
            };
            found.push((Utf8PathBuf::from(holder.path), used));
        }
    }
    Ok(found)
}

/// A process that has a device open.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Holder {
    /// Its number.
    pid: u32,
    /// The node of the device, as the kernel calls it.
    path: String,
}

/// `find`: which processes have one of these nodes open. Of every process only the directory of its
/// files is entered, and one that ends meanwhile is no error.
fn holders(paths: &[&str]) -> Command {
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
fn parse_holders(text: &str) -> BTreeSet<Holder> {
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
fn name_file(pid: u32) -> String {
    format!("/proc/{pid}/comm")
}

/// Whether the program opens disks only to look at them.
fn only_looks(program: &str) -> bool {
    ONLY_LOOK.contains(&program)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use phoenix_host::local::LocalHost;

    use super::*;

    /// The real `find` on this machine, with a file in place of a device: the kernel shows both alike.
    #[test]
    fn the_real_find_shows_which_process_has_a_file_open() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().canonicalize().unwrap().join("open");
        let (path, other) = (path.to_str().unwrap(), "/dev/there-is-no-such-disk");
        let command = holders(&[other, path]);
        let seen = || {
            let answer = LocalHost::default().run(&command).unwrap();
            parse_holders(&answer.stdout)
        };
        let file = File::create(path).unwrap();
        let own = Holder {
            pid: std::process::id(),
            path: path.to_owned(),
        };
        assert_eq!(seen(), BTreeSet::from([own]));
        drop(file);
        assert_eq!(seen(), BTreeSet::new());
    }
}
