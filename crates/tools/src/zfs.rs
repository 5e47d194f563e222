//! `zfs`: command lines and answers about datasets and their properties.
//!
//! Property values pass through as ZFS stores them; what they mean is `phoenix_zfs`'s business.

mod failure;
mod known;

use std::collections::BTreeMap;

pub use failure::{ZfsFailure, classify, was_made};
pub use known::{ask_for_known, version};
use phoenix_zfs::property::{Source, Value, argument};

use crate::parse::{self, ParseError, ReadError};
use phoenix_host::Host;
use phoenix_host::command::{Command, Program};

/// One property of one dataset or pool as `get -Hp` prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyRow {
    /// The dataset or pool.
    pub name: String,
    /// The property.
    pub property: String,
    /// The stored value: bytes for sizes, `-` where the property does not apply.
    pub value: Value,
    /// Where the value comes from.
    pub source: Source,
}

/// `zfs get -Hp`: the named properties of the named datasets. Never recursive: a dataset that is
/// not mounted costs 8 to 60 times more to look at, and a pool of virtual machines is full of
/// them.
///
/// Without names ZFS would answer for the whole host, so callers with nothing to ask use
/// [`read`], which asks nothing then.
pub fn get(props: &[&str], names: &[&str]) -> Command {
    let fixed = ["get", "-Hp", "-o", "name,property,value,source"];
    let args = fixed.map(str::to_owned).into_iter();
    let args = args.chain([props.join(",")]);
    Command::read(
        Program::Zfs,
        args.chain(names.iter().map(|&name| name.to_owned())),
    )
    .timeout(60)
}

/// Reads the answer of [`get`].
///
/// # Errors
/// When a row is not name, property, value and source.
pub fn parse_get(text: &str) -> Result<Vec<PropertyRow>, ParseError> {
    parse_rows(text, "the output of zfs get")
}

/// `zfs list -Hr`: the file systems and volumes of the named pools, parents before their children.
/// Recursive, so it costs with everything that a pool holds: only for getting to know a host.
pub fn list(pools: &[&str]) -> Command {
    let fixed = ["list", "-Hr", "-t", "filesystem,volume", "-o", "name"];
    Command::read(Program::Zfs, fixed.iter().chain(pools).copied()).timeout(60)
}

/// Reads the answer of [`list`].
pub fn parse_list(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// Reads the rows of `zfs get` and `zpool get`.
///
/// Values may hold tabs and newlines: user properties are free text, and ZFS does not quote. So a
/// row ends where a line ends with a source, and the value is whatever stands between.
pub(crate) fn parse_rows(text: &str, what: &'static str) -> Result<Vec<PropertyRow>, ParseError> {
    let mut rows = Vec::new();
    let mut pending = String::new();
    for line in text.lines() {
        if pending.is_empty() {
            match property_row(line) {
                Some(row) => rows.push(row),
                None => pending.push_str(line),
            }
            continue;
        }
        pending.push('\n');
        pending.push_str(line);
        if let Some(row) = property_row(&pending) {
            if row.name.contains('\n') || row.property.contains('\n') {
                return Err(ParseError::new(what, line, "it has no name or property"));
            }
            rows.push(row);
            pending.clear();
        }
    }
    if pending.is_empty() {
        Ok(rows)
    } else {
        let reason = "it is not name, property, value and source between tabs";
        Err(ParseError::new(what, &pending, reason))
    }
}

fn property_row(text: &str) -> Option<PropertyRow> {
    let (name, rest) = text.split_once('\t')?;
    let (property, rest) = rest.split_once('\t')?;
    let (value, source) = rest.rsplit_once('\t')?;
    Some(PropertyRow {
        name: name.to_owned(),
        property: property.to_owned(),
        value: value.into(),
        source: source.parse().ok()?,
    })
}

/// Asks for properties of datasets, however many there are. Datasets that do not exist have no
/// rows in the answer. `xattr` is `off`, `dir` or `sa`, whatever the host's release prints for them.
///
/// # Errors
/// When `zfs` fails for another reason than a dataset that does not exist, or answers nonsense.
pub fn read(
    host: &dyn Host,
    props: &[&str],
    names: &[&str],
) -> Result<Vec<PropertyRow>, ReadError> {
    let mut rows = Vec::new();
    if props.is_empty() {
        return Ok(rows);
    }
    for chunk in parse::chunks(names) {
        let command = get(props, chunk);
        let output = host.run(&command)?;
        if output.code != Some(0) && !only_missing(&output.stderr) {
            output.check(&command)?;
        }
        rows.extend(parse_get(&output.stdout)?);
    }
    known::settle_meaning(host, &mut rows)?;
    Ok(rows)
}

/// Whether every complaint is about a dataset or pool that does not exist. `zfs get` answers for
/// the others then, and exits with 1.
fn only_missing(stderr: &str) -> bool {
    let missing = |line: &str| {
        line.starts_with("cannot open '")
            && (line.ends_with("': dataset does not exist") || line.ends_with("': no such pool"))
    };
    !stderr.trim().is_empty() && stderr.lines().all(missing)
}

/// `zfs create`: a file system. ZFS mounts it, makes its directory, and takes it back when a
/// property is refused.
pub fn create_filesystem(name: &str, properties: &BTreeMap<String, Value>) -> Command {
    let args = ["create".to_owned()].into_iter();
    Command::write(
        Program::Zfs,
        args.chain(options(properties)).chain([name.to_owned()]),
    )
}

/// `zfs create -V`: a volume of `size` bytes; `sparse` reserves no space for it.
pub fn create_volume(
    name: &str,
    size: u64,
    sparse: bool,
    properties: &BTreeMap<String, Value>,
) -> Command {
    let args = ["create".to_owned()].into_iter();
    let args = args.chain(sparse.then(|| "-s".to_owned()));
    let args = args.chain(["-V".to_owned(), size.to_string()]);
    Command::write(
        Program::Zfs,
        args.chain(options(properties)).chain([name.to_owned()]),
    )
}

/// `zfs set`: several properties in one command, which costs one transaction group instead of one
/// each. Not atomic: when the kernel refuses one, the others may have taken effect.
pub fn set(name: &str, properties: &BTreeMap<String, Value>) -> Command {
    let args = ["set".to_owned()].into_iter();
    let args = args.chain(
        properties
            .iter()
            .map(|(key, value)| format!("{key}={}", argument(key, value))),
    );
    Command::write(Program::Zfs, args.chain([name.to_owned()]))
}

/// `zfs mount`: one dataset at its own mountpoint.
pub fn mount(name: &str) -> Command {
    Command::write(Program::Zfs, ["mount", name])
}

fn options(properties: &BTreeMap<String, Value>) -> impl Iterator<Item = String> {
    let pairs = properties.iter();
    pairs.flat_map(|(key, value)| ["-o".to_owned(), format!("{key}={}", argument(key, value))])
}
