//! The rest of the operating system: users, groups, directories, memory, the host's name.

use std::collections::BTreeMap;

use crate::parse::{self, ParseError, ReadError};
use phoenix_host::Host;
use phoenix_host::command::{Command, Program};

/// The host's own name.
pub const HOSTNAME_FILE: &str = "/proc/sys/kernel/hostname";

/// How much memory there is.
pub const MEMINFO_FILE: &str = "/proc/meminfo";

/// `getent passwd`: the named users.
pub fn passwd(names: &[&str]) -> Command {
    getent("passwd", names)
}

/// `getent group`: the named groups.
pub fn group(names: &[&str]) -> Command {
    getent("group", names)
}

fn getent(database: &str, names: &[&str]) -> Command {
    let args = [database].into_iter().chain(names.iter().copied());
    Command::read(Program::Getent, args)
}

/// Reads the answer of [`passwd`] or [`group`]: numeric ids by name.
///
/// # Errors
/// When a line is not an entry of one of the two.
pub fn parse_ids(text: &str) -> Result<BTreeMap<String, u32>, ParseError> {
    let entry = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        Some((name, fields.nth(1)?.parse().ok()?))
    };
    let reason = "it is no entry of passwd(5) or group(5)";
    text.lines()
        .map(|line| {
            entry(line).ok_or_else(|| ParseError::new("the output of getent", line, reason))
        })
        .collect()
}

/// Numeric ids of the users that exist.
///
/// # Errors
/// When `getent` fails for another reason than an unknown name.
pub fn read_users(host: &dyn Host, names: &[&str]) -> Result<BTreeMap<String, u32>, ReadError> {
    read_ids(host, names, passwd)
}

/// Numeric ids of the groups that exist.
///
/// # Errors
/// When `getent` fails for another reason than an unknown name.
pub fn read_groups(host: &dyn Host, names: &[&str]) -> Result<BTreeMap<String, u32>, ReadError> {
    read_ids(host, names, group)
}

fn read_ids(
    host: &dyn Host,
    names: &[&str],
    command: fn(&[&str]) -> Command,
) -> Result<BTreeMap<String, u32>, ReadError> {
    /// `getent(1)`: one or more names could not be found.
    const UNKNOWN_NAME: i32 = 2;
    let mut ids = BTreeMap::new();
    for chunk in parse::chunks(names) {
        let command = command(chunk);
        let output = host.run(&command)?;
        if output.code != Some(UNKNOWN_NAME) {
            output.check(&command)?;
        }
        ids.extend(parse_ids(&output.stdout)?);
    }
    Ok(ids)
}

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryRow {
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permission bits, set-id and sticky included.
    pub mode: u32,
    /// `find`'s letter: `d` directory, `l` symbolic link, `f` file ...
    pub kind: char,
    /// Whether a directory has no entries, or a file no bytes.
    pub empty: bool,
}

/// `find`: owner, mode, kind and emptiness of the named paths, links not followed.
///
/// Without paths `find` would look at its own directory, so callers with nothing to ask use
/// [`read_directories`], which asks nothing then.
pub fn directories(paths: &[&str]) -> Command {
    let tests = [
        "-maxdepth",
        "0",
        "(",
        "-empty",
        "-printf",
        "e\\t%U\\t%G\\t%m\\t%y\\t%p\\n",
        "-o",
        "-printf",
        "n\\t%U\\t%G\\t%m\\t%y\\t%p\\n",
        ")",
    ];
    Command::read(Program::Find, paths.iter().copied().chain(tests))
}

/// Reads the answer of [`directories`].
///
/// # Errors
/// When a line does not have the six fields that were asked for.
pub fn parse_directories(text: &str) -> Result<BTreeMap<String, DirectoryRow>, ParseError> {
    let row = |line: &str| {
        let mut fields = line.splitn(6, '\t');
        let empty = match fields.next()? {
            "e" => true,
            "n" => false,
            _ => return None,
        };
        let row = DirectoryRow {
            empty,
            uid: fields.next()?.parse().ok()?,
            gid: fields.next()?.parse().ok()?,
            mode: u32::from_str_radix(fields.next()?, 8).ok()?,
            kind: fields.next()?.chars().next()?,
        };
        Some((fields.next()?.to_owned(), row))
    };
    let reason = "it is not emptiness, owner, group, mode, kind and path between tabs";
    text.lines()
        .map(|line| row(line).ok_or_else(|| ParseError::new("the output of find", line, reason)))
        .collect()
}

/// What stands at the named absolute paths. Paths where nothing stands are not in the answer.
///
/// # Errors
/// When `find` fails for another reason than a path that does not exist.
pub fn read_directories(
    host: &dyn Host,
    paths: &[&str],
) -> Result<BTreeMap<String, DirectoryRow>, ReadError> {
    let mut rows = BTreeMap::new();
    for chunk in parse::chunks(paths) {
        let command = directories(chunk);
        let output = host.run(&command)?;
        if output.code != Some(0) && !only_missing(&output.stderr) {
            output.check(&command)?;
        }
        rows.extend(parse_directories(&output.stdout)?);
    }
    Ok(rows)
}

/// `find`: the sizes in bytes of those of the named paths that are files, or lead to one.
pub fn file_sizes(paths: &[&str]) -> Command {
    let tests = ["-maxdepth", "0", "-type", "f", "-printf", "%s\\t%p\\n"];
    let args = ["-L"].into_iter().chain(paths.iter().copied());
    Command::read(Program::Find, args.chain(tests))
}

/// The sizes in bytes of the files at the named absolute paths. What is no file is not in the answer.
///
/// # Errors
/// When `find` fails for another reason than a path that does not exist, or answers nonsense.
pub fn read_file_sizes(
    host: &dyn Host,
    paths: &[&str],
) -> Result<BTreeMap<String, u64>, ReadError> {
    let mut sizes = BTreeMap::new();
    for chunk in parse::chunks(paths) {
        let command = file_sizes(chunk);
        let output = host.run(&command)?;
        if output.code != Some(0) && !only_missing(&output.stderr) {
            output.check(&command)?;
        }
        let (what, reason) = ("the output of find", "it is not a size and a path");
        for line in output.stdout.lines() {
            let row = line.split_once('\t');
            let row = row.and_then(|(size, path)| Some((path.to_owned(), size.parse().ok()?)));
            sizes.extend([row.ok_or_else(|| ParseError::new(what, line, reason))?]);
        }
    }
    Ok(sizes)
}

/// Whether all that `find` complains about is that there is nothing at a path.
pub(crate) fn only_missing(stderr: &str) -> bool {
    let missing = |line: &str| {
        line.ends_with(": No such file or directory") || line.ends_with(": Not a directory")
    };
    !stderr.trim().is_empty() && stderr.lines().all(missing)
}

/// Installed memory in bytes, from [`MEMINFO_FILE`].
///
/// # Errors
/// When there is no `MemTotal` in kB.
pub fn parse_meminfo(text: &str) -> Result<u64, ParseError> {
    text.lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok())
        .and_then(|kib| kib.checked_mul(1024))
        .ok_or_else(|| {
            let first = text.lines().next().unwrap_or("");
            ParseError::new(MEMINFO_FILE, first, "it has no MemTotal in kB")
        })
}

/// The host's name without its domain, which is how Proxmox calls the node
/// (pve-common `PVE/INotify.pm`, `nodename`).
pub fn parse_hostname(text: &str) -> &str {
    let name = text.trim();
    name.split_once('.').map_or(name, |(node, _)| node)
}

/// `udevadm settle`: waits until device links stand for what is on the disks. It changes nothing.
pub fn settle() -> Command {
    // udevadm itself gives up after two minutes.
    Command::read(Program::Udevadm, ["settle"]).timeout(130)
}

/// `update-initramfs`: puts modprobe's configuration into what the kernel boots from, which is
/// where ZFS is loaded from when the root file system is on ZFS.
pub fn update_initramfs() -> Command {
    Command::write(Program::UpdateInitramfs, ["-u", "-k", "all"]).timeout(900)
}
