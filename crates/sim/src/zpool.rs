//! The simulated `zpool list`, `status`, `get` and `set`; `zpool create` is in `zpool_create`.
//!
//! Texts and exit codes are those of OpenZFS 2.3.9.

use std::collections::BTreeSet;

use phoenix_zfs::property::{PropertyError, is_user_property, pool_property, stored_pool_value};

use phoenix_host::command::Output;

use super::props::Shown;
use super::state::{Class, Pool, State, Vdev};
use super::usage;

/// Pool properties that are computed, in the order of `zpool get all`.
const COMPUTED: [&str; 18] = [
    "size",
    "capacity",
    "health",
    "guid",
    "dedupratio",
    "free",
    "allocated",
    "expandsize",
    "freeing",
    "fragmentation",
    "leaked",
    "checkpoint",
    "load_guid",
    "bcloneused",
    "bclonesaved",
    "bcloneratio",
    "dedup_table_size",
    "last_scrubbed_txg",
];

/// Properties that exist and cannot be set with `zpool set`, with what they show.
const FIXED: [(&str, &str, &str); 3] = [
    ("altroot", "-", "default"),
    ("version", "-", "default"),
    ("readonly", "off", "-"),
];

/// Features of OpenZFS 2.3.9 that are in use as soon as a pool exists.
const ACTIVE: [&str; 11] = [
    "empty_bpobj",
    "lz4_compress",
    "spacemap_histogram",
    "enabled_txg",
    "hole_birth",
    "extensible_dataset",
    "embedded_data",
    "userobj_accounting",
    "project_quota",
    "spacemap_v2",
    "log_spacemap",
];

/// The feature flags of OpenZFS 2.3.9.
const FEATURES: [&str; 43] = [
    "async_destroy",
    "empty_bpobj",
    "lz4_compress",
    "multi_vdev_crash_dump",
    "spacemap_histogram",
    "enabled_txg",
    "hole_birth",
    "extensible_dataset",
    "embedded_data",
    "bookmarks",
    "filesystem_limits",
    "large_blocks",
    "large_dnode",
    "sha512",
    "skein",
    "edonr",
    "userobj_accounting",
    "encryption",
    "project_quota",
    "device_removal",
    "obsolete_counts",
    "zpool_checkpoint",
    "spacemap_v2",
    "allocation_classes",
    "resilver_defer",
    "bookmark_v2",
    "redaction_bookmarks",
    "redacted_datasets",
    "bookmark_written",
    "log_spacemap",
    "livelist",
    "device_rebuild",
    "zstd_compress",
    "draid",
    "zilsaxattr",
    "head_errlog",
    "blake3",
    "block_cloning",
    "vdev_zaps_v2",
    "redaction_list_spill",
    "raidz_expansion",
    "fast_dedup",
    "longname",
];

/// `zpool list -Hp -o name,guid,size,health [POOL..]`
pub(super) fn list(state: &State, args: &[String]) -> Output {
    const USAGE: &str = "\tlist [-gHLpPv] [-o property[,...]] [-j [--json-int, --json-pool-key-guid]] ...\n\
                         \t    [-T d|u] [pool] [interval [count]]";
    let ["-Hp", "-o", "name,guid,size,health", names @ ..] = &super::words(args)[..] else {
        let reason = "the simulated zpool list takes -Hp -o name,guid,size,health only";
        return usage(reason, USAGE);
    };
    let row = |name: &str, pool: &Pool| {
        format!("{name}\t{}\t{}\t{}\n", pool.guid, pool.size, health(pool))
    };
    if names.is_empty() {
        let rows = state.pools.iter().map(|(name, pool)| row(name, pool));
        return Output::success(rows.collect::<String>());
    }
    let mut output = Output::success("");
    for name in sorted(names) {
        match state.pools.get(name) {
            Some(pool) => output.stdout += &row(name, pool),
            None => output.stderr += &format!("cannot open '{name}': no such pool\n"),
        }
    }
    output
}

/// zpool collects the pools that it was asked for in a tree by name.
fn sorted<'a>(names: &[&'a str]) -> BTreeSet<&'a str> {
    names.iter().copied().collect()
}

/// How the table of a pool is printed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Paths,
    Trim,
    Numbers,
}

/// The permanent number of a vdev or disk, for ever the same for its name in this pool (FNV-1a).
fn number(pool: &str, name: &str) -> u64 {
    let bytes = pool.bytes().chain([b'/']).chain(name.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// `zpool status -P [-t] POOL`, `zpool status -g POOL`
pub(super) fn status(state: &State, args: &[String]) -> Output {
    const USAGE: &str = "\tstatus [-DdegiLPpstvx] [-c script1[,script2,...]] ...\n\
                         \t    [-j|--json [--json-flat-vdevs] [--json-int] [--json-pool-key-guid]] ...\n\
                         \t    [-T d|u] [--power] [pool] [interval [count]]";
    let (form, names) = match &super::words(args)[..] {
        ["-P", "-t", names @ ..] => (Form::Trim, names.to_vec()),
        ["-P", names @ ..] => (Form::Paths, names.to_vec()),
        ["-g", names @ ..] => (Form::Numbers, names.to_vec()),
        _ => {
            return usage(
                "the simulated zpool status takes -P [-t] or -g, and POOL",
                USAGE,
            );
        }
    };
    let [name] = names[..] else {
        return usage("the simulated zpool status takes one pool", USAGE);
    };
    match state.pools.get(name) {
        Some(pool) => Output::success(describe(name, pool, form)),
        None => Output::failure(1, format!("cannot open '{name}': no such pool\n")),
    }
}

/// `ONLINE` unless the pool or a member says otherwise.
pub(super) fn health(pool: &Pool) -> &str {
    let degraded = pool.health == "ONLINE"
        && pool
            .vdevs
            .iter()
            .filter(|vdev| !matches!(vdev.class, Class::Cache | Class::Spare))
            .any(|vdev| vdev_health(vdev) != "ONLINE");
    if degraded { "DEGRADED" } else { &pool.health }
}

fn vdev_health(vdev: &Vdev) -> &str {
    match &vdev.members[..] {
        [only] => &only.state,
        members if members.iter().all(|member| member.state == "ONLINE") => "ONLINE",
        _ => "DEGRADED",
    }
}

/// One line of the table of vdevs: depth, name, state, or a heading.
pub(super) enum Line {
    Vdev(usize, String, String),
    Spare(String),
    Heading(&'static str),
}

fn describe(pool_name: &str, pool: &Pool, form: Form) -> String {
    let mut lines = vdev_lines(pool_name, pool);
    if form == Form::Numbers {
        for line in &mut lines {
            match line {
                Line::Vdev(depth, name, _) if *depth > 0 => {
                    *name = number(pool_name, name).to_string();
                }
                Line::Spare(path) => *path = number(pool_name, path).to_string(),
                Line::Vdev(..) | Line::Heading(_) => {}
            }
        }
    }
    let width = lines
        .iter()
        .filter_map(|line| match line {
            Line::Vdev(depth, name, _) => Some(depth * 2 + name.len()),
            Line::Spare(path) => Some(2 + path.len()),
            Line::Heading(_) => None,
        })
        .fold("NAME".len(), usize::max);
    let mut text = format!("  pool: {pool_name}\n state: {}\n", health(pool));
    text += explanation(pool);
    text += &format!(
        "config:\n\n\t{:width$}  STATE     READ WRITE CKSUM\n",
        "NAME"
    );
    for line in &lines {
        text += &match line {
            Line::Heading(heading) => format!("\t{heading}\n"),
            Line::Spare(path) => format!("\t{:width$}  AVAIL   \n", format!("  {path}")),
            Line::Vdev(depth, name, state) => {
                let indented = format!("{:indent$}{name}", "", indent = depth * 2);
                let trimmed = if form == Form::Trim && name.starts_with('/') {
                    "  (untrimmed)"
                } else {
                    ""
                };
                format!("\t{indented:width$}  {state:8}     0     0     0{trimmed}\n")
            }
        };
    }
    text + "\nerrors: No known data errors\n"
}

pub(super) fn vdev_lines(name: &str, pool: &Pool) -> Vec<Line> {
    let mut lines = vec![Line::Vdev(0, name.to_owned(), health(pool).to_owned())];
    let numbered: Vec<(usize, &Vdev)> = pool
        .vdevs
        .iter()
        .filter(|vdev| !matches!(vdev.class, Class::Cache | Class::Spare))
        .enumerate()
        .collect();
    // Real zpool ends three of its headings with a tab and two without.
    let headings = [
        (Class::Data, ""),
        (Class::Dedup, "dedup\t"),
        (Class::Special, "special\t"),
        (Class::Log, "logs\t"),
    ];
    for (class, heading) in headings {
        let mut members = numbered
            .iter()
            .filter(|(_, vdev)| vdev.class == class)
            .peekable();
        if class != Class::Data && members.peek().is_some() {
            lines.push(Line::Heading(heading));
        }
        for (id, vdev) in members {
            let mut depth = 1;
            if vdev.kind != "disk" {
                let state = vdev_health(vdev).to_owned();
                lines.push(Line::Vdev(1, format!("{}-{id}", vdev.kind), state));
                depth = 2;
            }
            lines.extend(
                vdev.members
                    .iter()
                    .map(|member| Line::Vdev(depth, member.path.clone(), member.state.clone())),
            );
        }
    }
    let of = |class| {
        pool.vdevs
            .iter()
            .filter(move |vdev: &&Vdev| vdev.class == class)
    };
    if of(Class::Cache).next().is_some() {
        lines.push(Line::Heading("cache"));
    }
    for member in of(Class::Cache).flat_map(|vdev| &vdev.members) {
        lines.push(Line::Vdev(1, member.path.clone(), member.state.clone()));
    }
    if of(Class::Spare).next().is_some() {
        lines.push(Line::Heading("spares"));
    }
    for member in of(Class::Spare).flat_map(|vdev| &vdev.members) {
        lines.push(Line::Spare(member.path.clone()));
    }
    lines
}

/// The paragraphs that zpool prints about a pool that is not well.
fn explanation(pool: &Pool) -> &'static str {
    let any_member = |state: &str| {
        let mut members = pool.vdevs.iter().flat_map(|vdev| &vdev.members);
        members.any(|member| member.state == state)
    };
    if pool.health == "SUSPENDED" {
        "status: One or more devices are faulted in response to IO failures.\n\
         action: Make sure the affected devices are connected, then run 'zpool clear'.\n   \
         see: https://openzfs.github.io/openzfs-docs/msg/ZFS-8000-HC\n"
    } else if any_member("OFFLINE") {
        "status: One or more devices has been taken offline by the administrator.\n\
         \tSufficient replicas exist for the pool to continue functioning in a\n\
         \tdegraded state.\n\
         action: Online the device using 'zpool online' or replace the device with\n\
         \t'zpool replace'.\n"
    } else if any_member("REMOVED") {
        // The quotation mark is missing in the real text too.
        "status: One or more devices have been removed.\n\
         \tSufficient replicas exist for the pool to continue functioning in a\n\
         \tdegraded state.\n\
         action: Online the device using zpool online' or replace the device with\n\
         \t'zpool replace'.\n"
    } else {
        ""
    }
}

/// `zpool get -Hp -o name,property,value,source PROPERTIES POOL..`
pub(super) fn get(state: &State, args: &[String]) -> Output {
    const USAGE: &str = "\tget [-Hp] [-j [--json-int, --json-pool-key-guid]] ...\n\
                         \t    [-o \"all\" | field[,...]] <\"all\" | property[,...]> <pool> ...";
    let [
        "-Hp",
        "-o",
        "name,property,value,source",
        properties,
        names @ ..,
    ] = &super::words(args)[..]
    else {
        let reason = "the simulated zpool get takes -Hp -o name,property,value,source only";
        return usage(reason, USAGE);
    };
    if let Some(unknown) = properties.split(',').find(|property| !exists(property)) {
        return usage(
            &format!("bad property list: invalid property '{unknown}'"),
            USAGE,
        );
    }
    if let [name, "all-vdevs"] = names
        && let Some(pool) = state.pools.get(*name)
    {
        return vdevs_shown(name, pool, properties);
    }
    match names {
        [] => return usage("the simulated zpool get needs the names of pools", USAGE),
        [first, ..] if !state.pools.contains_key(*first) => {
            let text = format!("Cannot get properties of {first}: no such pool available.\n");
            return Output::failure(1, text);
        }
        [first, rest @ ..] => {
            // With a pool first, zpool takes anything unknown after it for one of its vdevs.
            if let Some(other) = rest.iter().find(|name| !state.pools.contains_key(**name)) {
                let reason = format!(
                    "Expected a list of vdevs in \"{first}\", but got:\n\t{other} (unknown)\n"
                );
                return usage(&reason, USAGE);
            }
        }
    }
    let mut stdout = String::new();
    for name in sorted(names) {
        let Some(pool) = state.pools.get(name) else {
            continue;
        };
        for property in properties.split(',') {
            let Shown { value, source } = shown(state, name, pool, property);
            stdout += &format!("{name}\t{property}\t{value}\t{source}\n");
        }
    }
    Output::success(stdout)
}

/// `zpool get ashift POOL all-vdevs`: a disk goes by the last part of its path.
fn vdevs_shown(name: &str, pool: &Pool, properties: &str) -> Output {
    if properties != "ashift" {
        return Output::failure(1, "the simulated vdevs have ashift only\n");
    }
    let ashift = pool
        .properties
        .get("ashift")
        .filter(|ashift| *ashift != "0");
    let ashift = ashift.map_or("12", String::as_str);
    let mut text = "root-0\tashift\t0\t-\n".to_owned();
    for line in vdev_lines(name, pool) {
        if let Line::Vdev(1.., path, _) = line {
            let short = path.rsplit('/').next().unwrap_or(&path);
            let short = short.strip_suffix("-part1").unwrap_or(short);
            text += &format!("{short}\tashift\t{ashift}\t-\n");
        }
    }
    Output::success(text)
}

fn exists(property: &str) -> bool {
    COMPUTED.contains(&property)
        || FIXED.iter().any(|(name, _, _)| *name == property)
        || pool_property(property).is_some()
        || is_user_property(property)
        || feature(property).is_some()
}

/// The name behind `feature@`, if OpenZFS 2.3 has it.
fn feature(property: &str) -> Option<&str> {
    property
        .strip_prefix("feature@")
        .filter(|name| FEATURES.contains(name) || *name == "large_microzap")
}

fn shown(state: &State, name: &str, pool: &Pool, property: &str) -> Shown {
    let allocated = state.used(name);
    let own = pool.properties.get(property);
    let computed = match property {
        "size" => pool.size.to_string(),
        "health" => health(pool).to_owned(),
        "guid" | "load_guid" => pool.guid.to_string(),
        "free" => pool.size.saturating_sub(allocated).to_string(),
        "allocated" => allocated.to_string(),
        "capacity" => {
            let percent = u128::from(allocated) * 100 / u128::from(pool.size.max(1));
            percent.to_string()
        }
        "dedupratio" | "bcloneratio" => "1.00".to_owned(),
        "expandsize" | "checkpoint" => "-".to_owned(),
        _ if COMPUTED.contains(&property) => "0".to_owned(),
        _ => {
            if let Some((_, value, source)) = FIXED.iter().find(|(name, _, _)| *name == property) {
                return Shown::new(*value, *source);
            }
            if let Some(feature) = feature(property) {
                return feature_shown(feature, own);
            }
            let default = pool_property(property).map_or("-", |rule| rule.default);
            // A value that equals the default counts as never set.
            return match own {
                Some(value) if value != default => Shown::new(value.clone(), "local"),
                _ => Shown::new(default, "default"),
            };
        }
    };
    Shown::computed(computed)
}

fn feature_shown(feature: &str, own: Option<&String>) -> Shown {
    let value = match own.map(String::as_str) {
        Some("disabled") => "disabled",
        _ if ACTIVE.contains(&feature) || matches!(feature, "head_errlog" | "vdev_zaps_v2") => {
            "active"
        }
        _ => "enabled",
    };
    Shown::new(value, "local")
}

/// `zpool set NAME=VALUE POOL`
pub(super) fn set(state: &mut State, args: &[String]) -> Output {
    const USAGE: &str = "\tset <property=value> <pool>\n\tset <vdev_property=value> <pool> <vdev>";
    let (assignment, name) = match args {
        [] => return usage("missing property=value argument", USAGE),
        [_] => return usage("missing pool name", USAGE),
        [assignment, name] => (assignment, name),
        [_, second, ..] => {
            // A third word would be a vdev of the pool.
            return Output::failure(22, format!("cannot open '{second}': is not a pool\n"));
        }
    };
    let Some((property, written)) = assignment.split_once('=') else {
        return usage("missing value in property=value argument", USAGE);
    };
    let Some(pool) = state.pools.get_mut(name) else {
        return Output::failure(22, format!("cannot open '{name}': is not a pool\n"));
    };
    let checked = match property {
        "readonly" => Err("property 'readonly' can only be set at import time".to_owned()),
        "altroot" => {
            Err("property 'altroot' can only be set during pool creation or import".to_owned())
        }
        "version" => Err(format!("property 'version' number {written} is invalid.")),
        "ashift" => check(property, written).map_err(|_| {
            format!(
                "property 'ashift' number {written} is invalid, only values between 9 and 16 are \
                 allowed."
            )
        }),
        _ if property.starts_with("feature@") && written != "enabled" => Err(format!(
            "property '{property}' can only be set to 'disabled' at creation time"
        )),
        _ => check(property, written),
    };
    let checked = match pool.health.as_str() {
        "SUSPENDED" => Err("pool I/O is currently suspended".to_owned()),
        _ => checked,
    };
    match checked {
        Ok(value) => {
            pool.properties.insert(property.to_owned(), value);
            Output::success("")
        }
        Err(reason) => Output::failure(1, format!("cannot set property for '{name}': {reason}\n")),
    }
}

/// The stored value of a pool property, or libzfs's words.
pub(super) fn check(property: &str, written: &str) -> Result<String, String> {
    if let Some(name) = property.strip_prefix("feature@") {
        return match feature(property) {
            Some(_) => Ok(written.to_owned()),
            None => Err(format!("feature '{name}' unsupported by kernel")),
        };
    }
    let stored = stored_pool_value(property, written).map(|stored| stored.to_string());
    stored.map_err(|error| match error {
        PropertyError::ReadOnly => format!("'{property}' is readonly"),
        PropertyError::NotAllowed { .. } => {
            let words = match property {
                "failmode" => "wait | continue | panic",
                _ => "on | off",
            };
            format!("'{property}' must be one of '{words}'")
        }
        PropertyError::Invalid { reason, .. } => match property {
            "comment" => "comment must not exceed 32 characters".to_owned(),
            _ => format!("'{property}' {reason}"),
        },
        PropertyError::Size(error) => super::props::size_words(written, &error),
        _ => format!("invalid property '{property}'"),
    })
}
