//! The simulated `zfs get`, `list`, `set` and `mount`; `zfs create` is in `zfs_create`.
//!
//! Texts and exit codes are those of OpenZFS 2.3.9.

use std::collections::BTreeSet;

use phoenix_host::command::Output;

use super::props::{self, Shown};
use super::space;
use super::state::{Dataset, Setting, State};

/// Properties that the kernel sets one by one, after all others.
const SPECIAL: [&str; 5] = [
    "quota",
    "refquota",
    "reservation",
    "refreservation",
    "volsize",
];

/// `NAME=VALUE` pairs in order, or what libzfs says.
pub(super) fn parse_assignments(words: &[String]) -> Result<Vec<(String, String)>, Output> {
    let mut assignments: Vec<(String, String)> = Vec::new();
    for word in words {
        let Some((name, value)) = word.split_once('=') else {
            let text = "missing '=' for property=value argument\n";
            return Err(Output::failure(1, text));
        };
        if assignments.iter().any(|(other, _)| other == name) {
            let text = format!("property '{name}' specified multiple times\n");
            return Err(Output::failure(1, text));
        }
        assignments.push((name.to_owned(), value.to_owned()));
    }
    Ok(assignments)
}

/// `zfs get -Hp -o name,property,value,source PROPERTIES DATASET..`
pub(super) fn get(state: &State, args: &[String]) -> Output {
    const USAGE: &str = "\tget [-rHp] [-j [--json-int]] [-d max] [-o \"all\" | field[,...]]\n\
                         \t    [-t type[,...]] [-s source[,...]]\n\
                         \t    <\"all\" | property[,...]> [filesystem|volume|snapshot|bookmark] ...";
    let [
        "-Hp",
        "-o",
        "name,property,value,source",
        properties,
        names @ ..,
    ] = &super::words(args)[..]
    else {
        return super::usage(
            "the simulated zfs get takes -Hp -o name,property,value,source only",
            USAGE,
        );
    };
    let unknown = properties
        .split(',')
        .find(|property| *property != "all" && !props::exists(property));
    if let Some(unknown) = unknown {
        return super::usage(
            &format!("bad property list: invalid property '{unknown}'"),
            USAGE,
        );
    }
    if names.is_empty() {
        return super::usage("the simulated zfs get needs the names of datasets", USAGE);
    }
    let (mut found, mut stderr) = (Vec::new(), String::new());
    for name in names {
        match state.datasets.get_key_value(*name) {
            Some(entry) => found.push(entry),
            None => stderr += &format!("cannot open '{name}': dataset does not exist\n"),
        }
    }
    // libzfs collects what it found in a tree by name.
    found.sort_by_key(|(name, _)| *name);
    found.dedup_by_key(|(name, _)| *name);
    let mut stdout = String::new();
    for (name, dataset) in found {
        for property in properties.split(',') {
            stdout += &rows(state, name, dataset, property);
        }
    }
    Output {
        code: Some(i32::from(!stderr.is_empty())),
        stdout,
        stderr,
    }
}

fn rows(state: &State, name: &str, dataset: &Dataset, property: &str) -> String {
    let row = |property: &str, shown: Shown| {
        format!("{name}\t{property}\t{}\t{}\n", shown.value, shown.source)
    };
    if property != "all" {
        return row(property, any_property(state, name, dataset, property));
    }
    let users = props::user_properties(state, name);
    let all = props::ALL.into_iter().chain(users);
    all.map(|property| (property, any_property(state, name, dataset, property)))
        .filter(|(_, shown)| shown.value != "-")
        .map(|(property, shown)| row(property, shown))
        .collect()
}

/// Computed properties and all others.
fn any_property(state: &State, name: &str, dataset: &Dataset, property: &str) -> Shown {
    let is_volume = dataset.volume.is_some();
    let encrypted = || matches!(props::shown(state, name, dataset, "encryption").value.as_str(), v if v != "off");
    let computed = match property {
        "name" => name.to_owned(),
        "type" => props::dataset_type(dataset).to_string(),
        // The simulated clock stands still.
        "creation" => "1795357469".to_owned(),
        "used" => state.used(name).to_string(),
        "available" => state.available(name).to_string(),
        "referenced" | "usedbydataset" | "written" => dataset.referenced.to_string(),
        "logicalused" | "logicalreferenced" => (dataset.referenced / 2).to_string(),
        "usedbychildren" => state.datasets.used_by_children(name).to_string(),
        "usedbyrefreservation" => dataset.unused_refreservation().to_string(),
        "usedbysnapshots" => "0".to_owned(),
        "compressratio" | "refcompressratio" => "1.00".to_owned(),
        "mounted" if is_volume => "-".to_owned(),
        "mounted" => match state.mounted_at(name) {
            Some(_) => "yes".to_owned(),
            None => "no".to_owned(),
        },
        "guid" => dataset.guid.to_string(),
        "createtxg" | "objsetid" => (dataset.guid % 10_000).to_string(),
        "filesystem_count" if is_volume => "-".to_owned(),
        "filesystem_count" | "snapshot_count" => "none".to_owned(),
        "keystatus" if encrypted() => "available".to_owned(),
        "encryptionroot" if encrypted() => encryption_root(state, name),
        _ => return props::shown(state, name, dataset, property),
    };
    Shown::computed(computed)
}

/// The nearest dataset on the way up whose encryption was asked for.
fn encryption_root(state: &State, name: &str) -> String {
    let mut above = name;
    loop {
        let is_root = state
            .datasets
            .get(above)
            .is_some_and(|dataset| dataset.properties.contains_key("encryption"));
        match above.rsplit_once('/') {
            Some((parent, _)) if !is_root => above = parent,
            _ => return above.to_owned(),
        }
    }
}

/// `zfs list -Hr -t filesystem,volume -o name DATASET..`
pub(super) fn list(state: &State, args: &[String]) -> Output {
    const USAGE: &str = "\tlist [-Hp] [-j [--json-int]] [-r|-d max] [-o property[,...]] \
                         [-s property]...\n\
                         \t    [-S property]... [-t type[,...]] [filesystem|volume|snapshot] ...";
    let ["-Hr", "-t", "filesystem,volume", "-o", "name", names @ ..] = &super::words(args)[..]
    else {
        let reason = "the simulated zfs list takes -Hr -t filesystem,volume -o name only";
        return super::usage(reason, USAGE);
    };
    if names.is_empty() {
        return super::usage("the simulated zfs list needs the names of datasets", USAGE);
    }
    let (mut listed, mut stderr) = (BTreeSet::new(), String::new());
    for top in names {
        if state.datasets.contains_key(*top) {
            listed.insert((*top).to_owned());
            listed.extend(state.descendants(top));
        } else {
            stderr += &format!("cannot open '{top}': dataset does not exist\n");
        }
    }
    Output {
        code: Some(i32::from(!stderr.is_empty())),
        stdout: listed.iter().map(|name| format!("{name}\n")).collect(),
        stderr,
    }
}

/// `zfs set NAME=VALUE.. DATASET`
pub(super) fn set(state: &mut State, args: &[String]) -> Output {
    const USAGE: &str = "\tset [-u] <property=value> ... <filesystem|volume|snapshot> ...";
    if args.is_empty() {
        return super::usage("missing arguments", USAGE);
    }
    if let Some(option) = args.iter().find_map(|word| word.strip_prefix('-')) {
        let letter: String = option.chars().take(1).collect();
        return super::usage(&format!("invalid option '{letter}'"), USAGE);
    }
    let first_name = args.iter().position(|word| !word.contains('='));
    let (words, names) = args.split_at(first_name.unwrap_or(args.len()));
    if let Some(missing) = names
        .iter()
        .find(|name| !state.datasets.contains_key(*name))
    {
        let text = format!("cannot open '{missing}': dataset does not exist\n");
        return Output::failure(1, text);
    }
    let [name] = names else {
        return super::usage("missing dataset name(s)", USAGE);
    };
    if words.is_empty() {
        return super::usage("missing property=value argument(s)", USAGE);
    }
    let assignments = match parse_assignments(words) {
        Ok(assignments) => assignments,
        // `zfs set` answers this one with -1, unlike `zfs create`.
        Err(output) if output.stderr.contains("multiple times") => {
            return Output::failure(255, output.stderr);
        }
        Err(output) => return output,
    };
    let Some(dataset) = state.datasets.get(name) else {
        return Output::failure(1, format!("cannot open '{name}': dataset does not exist\n"));
    };
    let mut stderr = String::new();
    let mut checked = Vec::new();
    let mut refusal = None;
    for (property, written) in &assignments {
        stderr += props::warning(state, name, property);
        match settable(dataset, property, written) {
            Ok(value) => checked.push((property.clone(), value)),
            Err(reason) => {
                refusal = Some(reason);
                break;
            }
        }
    }
    if state
        .pool_of(name)
        .is_some_and(|pool| pool.health == "SUSPENDED")
    {
        refusal = refusal.or(Some("pool I/O is currently suspended".to_owned()));
    }
    if let Some(reason) = refusal {
        stderr += &format!("cannot set property for '{name}': {reason}\n");
        return Output::failure(255, stderr);
    }
    let output = store(state, name, checked);
    Output {
        stderr: stderr + &output.stderr,
        ..output
    }
}

/// The stored value of something that may be set on an existing dataset.
fn settable(dataset: &Dataset, property: &str, written: &str) -> Result<String, String> {
    if phoenix_zfs::property::is_create_only(property) {
        return Err(format!("'{property}' is readonly"));
    }
    let kind = props::dataset_type(dataset);
    let value = props::check(property, written, kind)?;
    match (&dataset.volume, property) {
        (Some(volume), "volsize") => {
            let size: u64 = value.parse().unwrap_or(0);
            if size.is_multiple_of(volume.block_size) {
                Ok(value)
            } else {
                Err(format!(
                    "'volsize' must be a multiple of volume block size ({})",
                    phoenix_zfs::size::human(volume.block_size)
                ))
            }
        }
        (None, "version") if value != "5" => {
            Err("Can not downgrade; already at version 5".to_owned())
        }
        _ => Ok(value),
    }
}

/// Plain properties go in together; then the special ones one by one, and what the kernel refuses
/// does not undo the others.
fn store(state: &mut State, name: &str, checked: Vec<(String, String)>) -> Output {
    let (special, plain): (Vec<_>, Vec<_>) = checked
        .into_iter()
        .partition(|(property, _)| SPECIAL.contains(&property.as_str()));
    let remount = plain.iter().any(|(property, _)| property == "mountpoint");
    let cannot_mount = plain
        .iter()
        .any(|(property, value)| property == "canmount" && value == "off");
    let affected = if remount {
        unmount_all(state, name)
    } else {
        Vec::new()
    };
    for (property, value) in plain {
        put(state, name, &property, value);
    }
    if cannot_mount {
        state.mounts.unmount(name);
    }
    for dataset in affected {
        // A mount that fails here is silent: `zfs set` exits 0 all the same.
        let _ = super::mount::mount(state, &dataset);
    }
    let mut stderr = String::new();
    for (property, value) in special {
        if let Err(reason) = set_special(state, name, &property, &value) {
            stderr += &format!("cannot set property for '{name}': {reason}\n");
        }
    }
    Output {
        code: Some(if stderr.is_empty() { 0 } else { 255 }),
        stdout: String::new(),
        stderr,
    }
}

/// Unmounts a dataset and all that inherit its mountpoint, children first. Returns those that
/// belong back: what was mounted, and what mounts by itself.
fn unmount_all(state: &mut State, name: &str) -> Vec<String> {
    let mut names = vec![name.to_owned()];
    names.extend(state.descendants(name).into_iter().filter(|child| {
        let source = match state.datasets.get(child) {
            Some(dataset) if dataset.volume.is_none() => {
                props::shown(state, child, dataset, "mountpoint").source
            }
            _ => return false,
        };
        // Those that inherit from below `name` have a dataset of their own in between.
        let base = source.strip_prefix("inherited from ");
        source == "default"
            || base.is_some_and(|base| name == base || name.starts_with(&format!("{base}/")))
    }));
    let belongs_back = |state: &State, name: &String| {
        state.mounted_at(name).is_some() || props::value(state, name, "canmount") == "on"
    };
    let back = names
        .iter()
        .filter(|name| belongs_back(state, name))
        .cloned()
        .collect();
    for name in &names {
        state.mounts.unmount(name);
    }
    back
}

/// Sets one limit or size as the kernel does.
pub(super) fn set_special(
    state: &mut State,
    name: &str,
    property: &str,
    value: &str,
) -> Result<(), &'static str> {
    let dataset = state.datasets.get(name);
    let block_size = dataset.and_then(|dataset| Some(dataset.volume.as_ref()?.block_size));
    let current = |state: &State, property: &str| -> u64 {
        props::value(state, name, property).parse().unwrap_or(0)
    };
    if property == "volsize" {
        let block_size = block_size.unwrap_or(1);
        let automatic = space::volume_reservation(current(state, "volsize"), block_size);
        let new: u64 = value.parse().unwrap_or(0);
        if current(state, "refreservation") == automatic {
            let reserved = space::volume_reservation(new, block_size);
            set_limit(state, name, "refreservation", reserved)?;
        }
        put(state, name, property, value.to_owned());
        return Ok(());
    }
    let new = match value {
        "auto" => space::volume_reservation(current(state, "volsize"), block_size.unwrap_or(1)),
        number => number.parse().unwrap_or(0),
    };
    set_limit(state, name, property, new)
}

fn set_limit(state: &mut State, name: &str, property: &str, new: u64) -> Result<(), &'static str> {
    state
        .check_limit(name, property, new)
        .map_err(space::NoSpace::words)?;
    put(state, name, property, new.to_string());
    Ok(())
}

pub(super) fn put(state: &mut State, name: &str, property: &str, value: String) {
    state.datasets.set(name, property, Setting::local(value));
}
