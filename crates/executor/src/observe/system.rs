//! The rest of the machine: its name, memory, users, directories and the limit of the ARC.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use phoenix_host::Host;
use phoenix_planner::observed::{ObservedArc, ObservedDirectory};
use phoenix_planner::wanted::Wanted;
use phoenix_tools::arc::{
    ARCSTATS_FILE, CMDLINE_FILE, MODPROBE_DIR, MODPROBE_ENDING, MODPROBE_FILE, cmdline_limit,
    modprobe_limit, parse_arcstats,
};
use phoenix_tools::drop_ins;
use phoenix_tools::mounts::{MOUNTS_FILE, parse_mounts};
use phoenix_tools::parse::{ParseError, ReadError};
use phoenix_tools::system::{
    DirectoryRow, HOSTNAME_FILE, MEMINFO_FILE, parse_hostname, parse_meminfo, read_directories,
    read_file_sizes, read_groups, read_users,
};

use super::INITRAMFS_PENDING;
use super::pools::Pools;

/// What is read from small files and the user database.
#[derive(Debug, Default)]
pub(super) struct Basics {
    pub(super) node: String,
    pub(super) memory: u64,
    pub(super) users: BTreeMap<String, u32>,
    pub(super) groups: BTreeMap<String, u32>,
    pub(super) arc: ObservedArc,
    pub(super) key_files: BTreeMap<String, u64>,
}

/// Reads [`Basics`].
pub(super) fn basics(host: &dyn Host, wanted: &Wanted) -> Result<Basics, ReadError> {
    Ok(Basics {
        node: node(host)?,
        memory: parse_meminfo(&file(host, MEMINFO_FILE)?.unwrap_or_default())?,
        users: read_users(host, &names(&wanted.users))?,
        groups: read_groups(host, &names(&wanted.groups))?,
        arc: if wanted.arc {
            arc(host)?
        } else {
            ObservedArc::default()
        },
        key_files: read_file_sizes(host, &names(&wanted.key_files))?,
    })
}

fn names(names: &BTreeSet<String>) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

fn file(host: &dyn Host, path: &str) -> Result<Option<String>, ReadError> {
    Ok(host.read_file(Utf8Path::new(path))?)
}

fn node(host: &dyn Host) -> Result<String, ReadError> {
    let text = file(host, HOSTNAME_FILE)?.unwrap_or_default();
    let name = parse_hostname(&text);
    if name.is_empty() {
        let error = ParseError {
            what: HOSTNAME_FILE,
            line: text,
            reason: "it holds no name".to_owned(),
        };
        return Err(error.into());
    }
    Ok(name.to_owned())
}

fn arc(host: &dyn Host) -> Result<ObservedArc, ReadError> {
    let stats = match file(host, ARCSTATS_FILE)? {
        Some(text) => Some(parse_arcstats(&text)?),
        None => None,
    };
    let mut arc = ObservedArc {
        c_max: stats.map(|stats| stats.c_max),
        c_min: stats.map(|stats| stats.c_min),
        ..ObservedArc::default()
    };
    for file in drop_ins::list(host, MODPROBE_DIR, MODPROBE_ENDING)? {
        let text = host.read_foreign(Utf8Path::new(&file))?;
        let text = text.filter(|text| !text.contains(INITRAMFS_PENDING));
        if let Some(limit) = text.as_deref().and_then(modprobe_limit) {
            arc.persistent = Some(limit);
            arc.overruled_by = (file.as_str() > MODPROBE_FILE).then_some(file);
        }
    }
    let cmdline = host.read_foreign(Utf8Path::new(CMDLINE_FILE))?;
    if let Some(limit) = cmdline.as_deref().and_then(cmdline_limit) {
        arc.persistent = Some(limit);
        arc.overruled_by = Some(CMDLINE_FILE.to_owned());
    }
    Ok(arc)
}

/// Looks at the wanted directories, except those on a pool that does not answer: looking would
/// hang.
pub(super) fn directories(
    host: &dyn Host,
    wanted: &Wanted,
    pools: &Pools,
) -> Result<BTreeMap<String, ObservedDirectory>, ReadError> {
    let mounts = parse_mounts(&file(host, MOUNTS_FILE)?.unwrap_or_default())?;
    let answers = |path: &&str| {
        mounts
            .of(Utf8Path::new(path))
            .is_none_or(|mount| mount.fstype != "zfs" || !pools.is_silent(&mount.source))
    };
    let paths: Vec<&str> = wanted
        .directories
        .iter()
        .map(String::as_str)
        .filter(answers)
        .collect();
    let rows = read_directories(host, &paths)?;
    let links = if paths.is_empty() {
        Vec::new()
    } else {
        host.first_links(&paths)?
    };
    let links: BTreeMap<&str, _> = paths.into_iter().zip(links).collect();
    let link = |path: &str| links.get(path).cloned().flatten();
    Ok(rows
        .into_iter()
        .map(|(path, row)| {
            let link = link(&path).map(Utf8PathBuf::into_string);
            (path, directory(row, link))
        })
        .collect())
}

fn directory(row: DirectoryRow, link: Option<String>) -> ObservedDirectory {
    ObservedDirectory {
        link,
        uid: row.uid,
        gid: row.gid,
        mode: row.mode,
        empty: row.empty,
        not_a_directory: row.kind != 'd',
    }
}
