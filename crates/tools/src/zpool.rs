//! `zpool`: command lines and answers about pools.

mod activity;
mod import;
mod status;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;

pub use activity::{Activity, ActivityKind};
pub use import::{
    Importable, ImportablePool, import, importable, parse_importable, read_importable,
};
use phoenix_zfs::property::{Value, argument};
use phoenix_zfs::vdev::VdevClass;
pub use status::{PoolStatus, parse_status};
pub use table::{DiskStatus, ErrorCounts, Role, VdevStatus};

use crate::parallel;
use crate::parse::{ParseError, ReadError};
use crate::zfs::{PropertyRow, ZfsFailure, classify, parse_rows};
use phoenix_host::command::{Command, Program};
use phoenix_host::{Host, HostError};

/// One imported pool as `zpool list` prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolRow {
    /// The pool.
    pub name: String,
    /// Its permanent number.
    pub guid: u64,
    /// Bytes on the data vdevs, parity included; `None` while the pool is not available.
    pub size: Option<u64>,
    /// `ONLINE`, `DEGRADED`, `FAULTED`, `OFFLINE`, `UNAVAIL`, `REMOVED` or `SUSPENDED`.
    pub health: String,
}

/// `zpool list -Hp`: every imported pool.
pub fn list() -> Command {
    Command::read(
        Program::Zpool,
        ["list", "-Hp", "-o", "name,guid,size,health"],
    )
}

/// Reads the answer of [`list`].
///
/// # Errors
/// When a row is not name, number, size and health.
pub fn parse_list(text: &str) -> Result<Vec<PoolRow>, ParseError> {
    let row = |line: &str| {
        let mut fields = line.split('\t');
        let name = fields.next()?.to_owned();
        let guid = fields.next()?.parse().ok()?;
        let size = match fields.next()? {
            "-" => None,
            bytes => Some(bytes.parse().ok()?),
        };
        let health = fields.next()?.to_owned();
        (fields.next().is_none() && !health.is_empty()).then_some(PoolRow {
            name,
            guid,
            size,
            health,
        })
    };
    let what = "the output of zpool list";
    let reason = "it is not name, guid, size and health between tabs";
    text.lines()
        .map(|line| row(line).ok_or_else(|| ParseError::new(what, line, reason)))
        .collect()
}

/// `zpool status -P`: the layout of one pool, disks as full paths. One pool per command, so that a
/// pool that does not answer hides no other.
pub fn status(pool: &str) -> Command {
    Command::read(Program::Zpool, ["status", "-P", pool])
}

/// `zpool status -g`: the table of [`status()`] with numbers for names.
pub fn status_by_number(pool: &str) -> Command {
    Command::read(Program::Zpool, ["status", "-g", pool])
}

/// `zpool get -Hp PROPERTY POOL all-vdevs`: one property of every vdev of a pool, which OpenZFS tells
/// since 2.2.
pub fn get_of_vdevs(prop: &str, pool: &str) -> Command {
    get(&[prop], &[pool, "all-vdevs"])
}

/// `zpool get -Hp`: the named properties of the named pools.
pub fn get(props: &[&str], pools: &[&str]) -> Command {
    let fixed = ["get", "-Hp", "-o", "name,property,value,source"];
    let args = fixed.map(str::to_owned).into_iter();
    let args = args.chain([props.join(",")]);
    Command::read(
        Program::Zpool,
        args.chain(pools.iter().map(|&pool| pool.to_owned())),
    )
}

/// Reads the answer of [`get`].
///
/// # Errors
/// When a row is not name, property, value and source.
pub fn parse_get(text: &str) -> Result<Vec<PropertyRow>, ParseError> {
    parse_rows(text, "the output of zpool get")
}

/// A pool to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolSpec {
    /// Its name.
    pub name: String,
    /// Pool properties, `ashift` included.
    pub properties: BTreeMap<String, Value>,
    /// Properties of the root dataset.
    pub root_properties: BTreeMap<String, Value>,
    /// The vdevs, in any order.
    pub vdevs: Vec<VdevSpec>,
}

/// A vdev to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VdevSpec {
    /// What it is for.
    pub class: VdevClass,
    /// `mirror`, `raidz2` ...; `None` for plain disks.
    pub keyword: Option<String>,
    /// Absolute paths: a bare name that begins with `mirror` would be read as a keyword.
    pub disks: Vec<String>,
}

/// `zpool create`, never with `-f`. May take half a minute while ZFS waits for the partitions that
/// it has made to appear.
pub fn create(spec: &PoolSpec) -> Command {
    Command::write(Program::Zpool, create_args(&["create"], spec)).timeout(300)
}

/// `zpool create -n`: what [`create`] would be told about its words, its vdevs and its devices. It
/// asks neither libzfs about the values of properties nor the kernel about anything.
pub fn would_create(spec: &PoolSpec) -> Command {
    Command::read(Program::Zpool, create_args(&["create", "-n"], spec)).timeout(60)
}

/// Whether all that [`would_create`] speaks against is what is on the named devices: whoever erases
/// them first mends it. A device is named as in the specification, a partition behind it.
pub fn only_contents(stderr: &str, paths: &[&str]) -> bool {
    const HEADLINES: [&str; 2] = [
        "invalid vdev specification",
        "use '-f' to override the following errors:",
    ];
    const CONTENTS: [&str; 4] = [
        " contains a filesystem of type ",
        " is part of exported pool ",
        " is part of potentially active pool ",
        " contains a corrupt primary EFI label.",
    ];
    let is_partition = |rest: &str| {
        let number = rest.strip_prefix("-part").unwrap_or(rest);
        number.chars().all(|c| c.is_ascii_digit())
    };
    let is_content = |line: &str| {
        let mut found = CONTENTS.iter().filter_map(|words| line.split_once(words));
        found.any(|(device, _)| {
            let mut rests = paths.iter().filter_map(|path| device.strip_prefix(path));
            rests.any(is_partition)
        })
    };
    let mut lines = stderr.lines().filter(|line| !line.trim().is_empty());
    let said = !stderr.trim().is_empty();
    said && lines.all(|line| HEADLINES.contains(&line) || is_content(line))
}

fn create_args(words: &[&str], spec: &PoolSpec) -> Vec<String> {
    let mut args: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    for (flag, properties) in [("-o", &spec.properties), ("-O", &spec.root_properties)] {
        for (key, value) in properties {
            args.extend([flag.to_owned(), format!("{key}={}", argument(key, value))]);
        }
    }
    args.push(spec.name.clone());
    let mut class = VdevClass::Data;
    for vdev in in_grammar_order(&spec.vdevs) {
        // ZFS takes `log`, `cache` and `spare` once each: the word holds until the next one.
        if vdev.class != class {
            class = vdev.class;
            args.extend(class.keyword().map(str::to_owned));
        }
        args.extend(vdev.keyword.clone());
        args.extend(vdev.disks.iter().cloned());
    }
    args
}

/// Class by class, and in each of them plain disks first: behind `mirror a b`, zpool would take them
/// for members of that mirror (`construct_spec`, `cmd/zpool/zpool_vdev.c`), which no word ends.
fn in_grammar_order(vdevs: &[VdevSpec]) -> Vec<&VdevSpec> {
    let mut ordered: Vec<&VdevSpec> = vdevs.iter().collect();
    ordered.sort_by_key(|vdev| (vdev.class, vdev.keyword.is_some()));
    ordered
}

/// `zpool set`: one property of one pool.
pub fn set(pool: &str, key: &str, value: &Value) -> Command {
    let pair = format!("{key}={}", argument(key, value));
    Command::write(Program::Zpool, ["set", pair.as_str(), pool])
}

/// The kernel's own word for a pool's health. Reading it takes no lock, so it answers even for a
/// pool that has stopped all input and output.
pub fn state_path(pool: &str) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("/proc/spl/kstat/zfs/{pool}/state"))
}

/// Every imported pool, with the layout of those that answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportedPools {
    /// Every imported pool, by name.
    pub pools: BTreeMap<String, PoolRow>,
    /// Layouts, by pool.
    pub layouts: BTreeMap<String, PoolStatus>,
    /// Pools that are suspended or did not answer in time; their disks are known by label only.
    pub silent: BTreeSet<String>,
    /// Pools whose layout could not be read, with the reason; their disks are known by label only.
    pub unread: BTreeMap<String, String>,
}

/// Reads every imported pool. A host without ZFS, or without its kernel module, has none; a
/// suspended pool is not asked for its layout, because that can hang for ever.
///
/// # Errors
/// When `zpool` fails, or its list of pools makes no sense.
pub fn imported(host: &dyn Host) -> Result<ImportedPools, ReadError> {
    let mut imported = ImportedPools::default();
    let pools = read_list(host)?;
    let layouts = parallel::each(&pools, |pool| read_layout(host, &pool.name));
    for (pool, layout) in pools.into_iter().zip(layouts) {
        let name = pool.name.clone();
        match layout {
            Ok(Some(layout)) => {
                imported.layouts.insert(name.clone(), layout);
            }
            Ok(None) => {
                imported.silent.insert(name.clone());
            }
            // It costs this pool and no other.
            Err(error @ (ReadError::Parse(_) | ReadError::Failed(_))) => {
                imported.unread.insert(name.clone(), error.to_string());
            }
            Err(error) => return Err(error),
        }
        imported.pools.insert(name, pool);
    }
    Ok(imported)
}

fn read_list(host: &dyn Host) -> Result<Vec<PoolRow>, ReadError> {
    let command = list();
    let output = match host.run(&command) {
        Err(HostError::NotInstalled { .. }) => return Ok(Vec::new()),
        output => output?,
    };
    match output.check(&command) {
        Ok(text) => Ok(parse_list(text)?),
        Err(failed) if classify(&failed) == ZfsFailure::ModuleMissing => Ok(Vec::new()),
        Err(failed) => Err(failed.into()),
    }
}

/// The layout of a pool; `None` when it is suspended or does not answer in time.
fn read_layout(host: &dyn Host, pool: &str) -> Result<Option<PoolStatus>, ReadError> {
    let state = host.read_file(&state_path(pool))?;
    if state.as_deref().map(str::trim) == Some("SUSPENDED") {
        return Ok(None);
    }
    let command = status(pool);
    match host.run(&command) {
        Err(HostError::TimedOut { .. }) => Ok(None),
        Err(error) => Err(error.into()),
        Ok(output) => Ok(Some(parse_status(output.check(&command)?)?)),
    }
}
