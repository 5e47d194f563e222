//! The simulated `zpool create`: the grammar of vdevs, the checks of devices in zpool's own order,
//! labels and partitions.
//!
//! Texts and exit codes are those of OpenZFS 2.3.9.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use phoenix_zfs::layout::RaidLevel;
use phoenix_zfs::name::{NameError, check_pool};
use phoenix_zfs::property::{DatasetType, pool_property};
use phoenix_zfs::space::{DataVdev, pool_space};

use phoenix_host::command::Output;

use super::device::{Device, SMALLEST_VDEV};
use super::state::{Class, Dataset, Member, Pool, Setting, State, Vdev};
use super::usage;
use super::zfs::parse_assignments;
use super::{mount, props, space, zpool};

const USAGE: &str = "\tcreate [-fnd] [-o property=value] ... \n\
                     \t    [-O file-system-property=value] ... \n\
                     \t    [-m mountpoint] [-R root] <pool> <vdev> ...";
/// Members of one vdev may differ by this much (`ZPOOL_FUZZ`).
const SIZE_TOLERANCE: u64 = 16 << 20;

struct Request {
    force: bool,
    pool_properties: Vec<(String, String)>,
    root_properties: Vec<(String, String)>,
    name: String,
    vdevs: Vec<String>,
}

/// A vdev as asked for, its devices found.
struct Planned {
    class: Class,
    /// `disk`, `mirror`, `raidz1`, `draid1:2d:3c:0s`.
    kind: String,
    devices: Vec<(String, Device)>,
}

/// `zpool create [-f] -o NAME=VALUE.. -O NAME=VALUE.. POOL VDEV..`
pub(super) fn create(state: &mut State, args: &[String]) -> Output {
    let request = match parse(args) {
        Ok(request) => request,
        Err(output) => return output,
    };
    match build(state, &request) {
        Ok(warning) => Output {
            stderr: warning,
            ..Output::success("")
        },
        Err(text) => Output::failure(1, text),
    }
}

fn parse(args: &[String]) -> Result<Request, Output> {
    let (mut force, mut pool, mut root, mut rest) = (false, Vec::new(), Vec::new(), Vec::new());
    let mut words = args.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            _ if !rest.is_empty() => rest.push(word.clone()),
            "-f" => force = true,
            "-o" | "-O" => {
                let list = if word == "-o" { &mut pool } else { &mut root };
                list.extend(words.next().cloned());
            }
            option if option.starts_with('-') => {
                let letter: String = option.chars().skip(1).take(1).collect();
                return Err(usage(&format!("invalid option '{letter}'"), USAGE));
            }
            _ => rest.push(word.clone()),
        }
    }
    let pool_properties = parse_assignments(&pool)?;
    let unknown = pool_properties.iter().find(|(name, _)| {
        pool_property(name).is_none() && !matches!(name.as_str(), "altroot" | "version" | "tname")
    });
    if let Some((name, _)) = unknown {
        let text = format!("property '{name}' is not a valid pool or vdev property\n");
        return Err(Output::failure(1, text));
    }
    let root_properties = parse_assignments(&root)?;
    if let Some((name, _)) = root_properties
        .iter()
        .find(|(name, _)| !props::exists(name))
    {
        let text = format!("property '{name}' is not a valid filesystem property\n");
        return Err(Output::failure(1, text));
    }
    let mut rest = rest.into_iter();
    let Some(name) = rest.next() else {
        return Err(usage("missing pool name argument", USAGE));
    };
    let vdevs: Vec<String> = rest.collect();
    if vdevs.is_empty() && check_pool(&name).is_ok() {
        return Err(usage("missing vdev specification", USAGE));
    }
    Ok(Request {
        force,
        pool_properties,
        root_properties,
        name,
        vdevs,
    })
}

fn build(state: &mut State, request: &Request) -> Result<String, String> {
    let name = &request.name;
    if name.contains('/') {
        return Err(format!(
            "cannot create '{name}': invalid character '/' in pool name\n\
             use 'zfs create' to create a dataset\n"
        ));
    }
    let ashift = ashift(request)?;
    let planned = plan_vdevs(state, &request.vdevs)?;
    check_devices(state, &planned, request.force)?;
    if !request.force {
        check_replication(&planned)?;
    }
    check_mountpoint(state, request)?;
    check_name(name)?;
    let refuse = |reason: String| format!("cannot create '{name}': {reason}\n");
    let mut properties = BTreeMap::new();
    for (property, written) in &request.pool_properties {
        let value = zpool::check(property, written).map_err(refuse)?;
        properties.insert(property.clone(), value);
    }
    let root = root_dataset(state, request)?;
    if state.pools.contains_key(name) {
        return Err(refuse("pool already exists".to_owned()));
    }
    check_identity(name, &planned)?;
    let data: Vec<DataVdev> = planned.iter().filter_map(data_vdev).collect();
    let space = pool_space(&data, ashift);
    let guid = state.next_guid();
    let vdevs = planned
        .into_iter()
        .map(|vdev| write_labels(state, name, guid, vdev))
        .collect();
    let pool = Pool {
        guid,
        size: space.size,
        usable: space.usable,
        health: "ONLINE".to_owned(),
        vdevs,
        properties,
    };
    state.pools.insert(name.clone(), pool);
    state.datasets.insert(name.clone(), root);
    for limit in ["quota", "refquota", "reservation", "refreservation"] {
        let written = request
            .root_properties
            .iter()
            .find(|(name, _)| name == limit);
        if let Some((_, written)) = written {
            let value = props::check(limit, written, DatasetType::Filesystem).map_err(refuse)?;
            if super::zfs::set_special(state, name, limit, &value).is_err() {
                state.pools.remove(name);
                state.datasets.remove(name);
                return Err(refuse("out of space".to_owned()));
            }
        }
    }
    // The pool exists even if its root cannot be mounted; zpool then exits 1.
    match props::value(state, name, "canmount").as_str() {
        "on" => mount::mount(state, name).map(|()| String::new()),
        _ => Ok(String::new()),
    }
}

fn ashift(request: &Request) -> Result<u8, String> {
    let Some((_, written)) = request
        .pool_properties
        .iter()
        .find(|(name, _)| name == "ashift")
    else {
        // Drives that claim sectors of 512 bytes, as most consumer drives do.
        return Ok(9);
    };
    match written.parse() {
        Ok(0) => Ok(9),
        Ok(ashift @ 9..=16) => Ok(ashift),
        _ => Err(format!(
            "invalid 'ashift={written}' property: only values between 9 and 16 are allowed.\n"
        )),
    }
}

/// `construct_spec`: words into vdevs.
fn plan_vdevs(state: &State, words: &[String]) -> Result<Vec<Planned>, String> {
    let invalid = |reason: String| format!("invalid vdev specification: {reason}\n");
    let (mut vdevs, mut class) = (Vec::new(), Class::Data);
    let mut seen = Vec::new();
    let mut rest = words;
    while let [word, tail @ ..] = rest {
        rest = tail;
        if let Some(new) = class_of(word) {
            let once = matches!(new, Class::Log | Class::Cache | Class::Spare);
            if once && seen.contains(&new) {
                return Err(invalid(format!("'{word}' can be specified only once")));
            }
            seen.push(new);
            class = new;
            if matches!(class, Class::Cache | Class::Spare) && next_is_keyword(rest) {
                return Err(invalid(format!("{word} requires at least 1 devices")));
            }
            continue;
        }
        let Some(fewest) = fewest_devices(word) else {
            vdevs.push(Planned {
                class,
                kind: "disk".to_owned(),
                devices: vec![find(state, word)?],
            });
            continue;
        };
        if class == Class::Log && word != "mirror" {
            return Err(invalid(format!("unsupported 'log' device: {word}")));
        }
        let count = rest.iter().take_while(|word| !is_keyword(word)).count();
        let (members, after) = rest.split_at(count);
        rest = after;
        let devices = members
            .iter()
            .map(|path| find(state, path))
            .collect::<Result<Vec<_>, _>>()?;
        if devices.len() < fewest {
            return Err(invalid(format!(
                "{word} requires at least {fewest} devices"
            )));
        }
        vdevs.push(Planned {
            class,
            kind: vdev_kind(word, devices.len()),
            devices,
        });
    }
    Ok(vdevs)
}

fn class_of(word: &str) -> Option<Class> {
    match word {
        "special" => Some(Class::Special),
        "dedup" => Some(Class::Dedup),
        "log" => Some(Class::Log),
        "cache" => Some(Class::Cache),
        "spare" => Some(Class::Spare),
        _ => None,
    }
}

/// How few devices a grouping word takes; `None` when it is no grouping word.
fn fewest_devices(word: &str) -> Option<usize> {
    match word {
        "mirror" => Some(2),
        "raidz" | "raidz1" | "draid" | "draid1" => Some(2),
        "raidz2" | "draid2" => Some(3),
        "raidz3" | "draid3" => Some(4),
        _ => None,
    }
}

fn is_keyword(word: &str) -> bool {
    class_of(word).is_some() || fewest_devices(word).is_some()
}

fn next_is_keyword(rest: &[String]) -> bool {
    rest.first().is_none_or(|word| is_keyword(word))
}

/// The vdev's name without its number; dRAID's name tells its geometry.
fn vdev_kind(word: &str, devices: usize) -> String {
    let level = match word {
        "raidz" => "raidz1",
        "draid" => "draid1",
        other => other,
    };
    match level
        .strip_prefix("draid")
        .and_then(|parity| parity.parse::<usize>().ok())
    {
        Some(parity) => {
            let data = devices.saturating_sub(parity).clamp(1, 8);
            format!("{level}:{data}d:{devices}c:0s")
        }
        None => level.to_owned(),
    }
}

fn find(state: &State, path: &str) -> Result<(String, Device), String> {
    if !path.starts_with('/') {
        return Err(format!(
            "cannot open '{path}': no such device in /dev\n\
             must be a full path or shorthand device name\n"
        ));
    }
    let device = state
        .device(path)
        .ok_or_else(|| format!("cannot resolve path '{path}'\n"))?;
    Ok((path.to_owned(), device))
}

/// `is_device_in_use`: what is open cannot be had at all, what carries a signature only with -f.
fn check_devices(state: &State, planned: &[Planned], force: bool) -> Result<(), String> {
    let (mut busy, mut found) = (String::new(), String::new());
    for (path, device) in planned.iter().flat_map(|vdev| &vdev.devices) {
        if let Some(content) = state.open_by_somebody(device) {
            busy += &format!("{path} is in use and contains a {content} filesystem.\n");
            continue;
        }
        for (place, signature) in state.signatures(device, path) {
            let (kind, label) = (&signature.kind, signature.label.as_deref().unwrap_or(""));
            if kind != "zfs_member" {
                found += &format!("{place} contains a filesystem of type '{kind}'\n");
            } else if state.pools.contains_key(label) {
                found += &format!("{place} is part of active pool '{label}'\n");
            } else {
                found += &format!("{place} is part of exported pool '{label}'\n");
            }
        }
    }
    if busy.is_empty() && (found.is_empty() || force) {
        return Ok(());
    }
    let header = match (found.is_empty(), force) {
        (true, _) => "",
        (false, true) => {
            "invalid vdev specification\nthe following errors must be manually repaired:\n"
        }
        (false, false) => {
            "invalid vdev specification\nuse '-f' to override the following errors:\n"
        }
    };
    Err(format!("{busy}{header}{found}"))
}

/// `check_replication`: data and special vdevs must survive the same number of failures.
fn check_replication(planned: &[Planned]) -> Result<(), String> {
    let override_ = |reason: String| {
        format!(
            "invalid vdev specification\nuse '-f' to override the following errors:\n{reason}\n"
        )
    };
    let data: Vec<&Planned> = planned
        .iter()
        .filter(|vdev| matches!(vdev.class, Class::Data | Class::Special | Class::Dedup))
        .collect();
    if !data.iter().any(|vdev| vdev.class == Class::Data) {
        let text = "at least one general top-level vdev must be specified";
        return Err(override_(text.to_owned()));
    }
    for vdev in &data {
        let sizes = || vdev.devices.iter().map(|(_, device)| device.size);
        let spread = sizes().max().unwrap_or(0) - sizes().min().unwrap_or(0);
        if spread > SIZE_TOLERANCE {
            let kind = plain_kind(&vdev.kind);
            return Err(override_(format!(
                "{kind} contains devices of different sizes"
            )));
        }
    }
    for pair in data.windows(2) {
        if let [last, next] = pair
            && let Some(reason) = mismatch(last, next)
        {
            return Err(override_(format!("mismatched replication level: {reason}")));
        }
    }
    Ok(())
}

fn mismatch(last: &Planned, next: &Planned) -> Option<String> {
    let (a, b) = (plain_kind(&last.kind), plain_kind(&next.kind));
    let (width_a, width_b) = (last.devices.len(), next.devices.len());
    let (redundancy_a, redundancy_b) = (redundancy(last), redundancy(next));
    let mirror_and_raidz = (a == "mirror" && b == "raidz") || (a == "raidz" && b == "mirror");
    if mirror_and_raidz {
        let (raidz, mirror, ways) = match a {
            "raidz" => (redundancy_a, redundancy_b, width_b),
            _ => (redundancy_b, redundancy_a, width_a),
        };
        return (redundancy_a != redundancy_b).then(|| {
            format!(
                "both raidz and mirror vdevs with different redundancy, {raidz} vs. {mirror} \
                 ({ways}-way) are present"
            )
        });
    }
    if a != b {
        return Some(format!("both {a} and {b} vdevs are present"));
    }
    if redundancy_a != redundancy_b && a != "mirror" {
        return Some(format!(
            "both {redundancy_a} and {redundancy_b} device parity {a} vdevs are present"
        ));
    }
    (width_a != width_b && a != "disk")
        .then(|| format!("both {width_a}-way and {width_b}-way {a} vdevs are present"))
}

/// `raidz` for `raidz2`, as zpool calls it in these messages.
fn plain_kind(kind: &str) -> &str {
    ["raidz", "draid"]
        .into_iter()
        .find(|stem| kind.starts_with(stem))
        .unwrap_or(kind)
}

fn redundancy(vdev: &Planned) -> usize {
    level(&vdev.kind).redundancy(vdev.devices.len())
}

fn level(kind: &str) -> RaidLevel {
    let name = kind.split(':').next().unwrap_or(kind);
    name.parse().unwrap_or(RaidLevel::Stripe)
}

fn data_vdev(vdev: &Planned) -> Option<DataVdev> {
    (vdev.class == Class::Data).then(|| DataVdev {
        level: level(&vdev.kind),
        disk_sizes: vdev.devices.iter().map(|(_, device)| device.size).collect(),
    })
}

fn check_mountpoint(state: &State, request: &Request) -> Result<(), String> {
    let asked = request
        .root_properties
        .iter()
        .find(|(name, _)| name == "mountpoint");
    let path = match asked {
        Some((_, path)) if path.starts_with('/') => path.clone(),
        Some(_) => return Ok(()),
        None => format!("/{}", request.name),
    };
    let path = Utf8PathBuf::from(path);
    if mount::is_directory(state, &path) && !state.is_empty(&path) {
        Err(format!(
            "mountpoint '{path}' exists and is not empty\n\
             use '-m' option to provide a different default\n"
        ))
    } else {
        Ok(())
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let reason = match check_pool(name) {
        Ok(()) | Err(NameError::Blank) => return Ok(()),
        Err(NameError::Reserved(_)) => "name is reserved".to_owned(),
        Err(NameError::NoLetter | NameError::Empty) => "name must begin with a letter".to_owned(),
        Err(NameError::TooLong { .. }) => "name is too long".to_owned(),
        Err(NameError::Character(c) | NameError::Delimiter(c)) => {
            format!("invalid character '{c}' in pool name")
        }
        Err(_) => "invalid name".to_owned(),
    };
    Err(format!(
        "cannot create '{name}': {reason}\npool name may have been omitted\n"
    ))
}

fn root_dataset(state: &mut State, request: &Request) -> Result<Dataset, String> {
    let mut properties = BTreeMap::new();
    for (property, written) in &request.root_properties {
        let value = props::check(property, written, DatasetType::Filesystem)
            .map_err(|reason| format!("cannot create '{}': {reason}\n", request.name))?;
        if !matches!(
            property.as_str(),
            "quota" | "refquota" | "reservation" | "refreservation"
        ) {
            properties.insert(property.clone(), Setting::local(value));
        }
    }
    Ok(Dataset {
        guid: state.next_guid(),
        volume: None,
        properties,
        referenced: space::FILESYSTEM_BYTES,
        files: BTreeMap::new(),
    })
}

/// What only the kernel notices, after the disks were labelled.
fn check_identity(name: &str, planned: &[Planned]) -> Result<(), String> {
    let mut kernel_names: Vec<&str> = Vec::new();
    for (_, device) in planned.iter().flat_map(|vdev| &vdev.devices) {
        if device.size < SMALLEST_VDEV {
            return Err(format!(
                "cannot create '{name}': one or more devices is less than the minimum size (64M)\n"
            ));
        }
        if kernel_names.contains(&device.kernel_name.as_str()) {
            return Err(format!(
                "cannot create '{name}': one or more vdevs refer to the same device, or one of\n\
                 the devices is part of an active md or lvm device\n"
            ));
        }
        kernel_names.push(&device.kernel_name);
    }
    Ok(())
}

fn write_labels(state: &mut State, pool: &str, guid: u64, vdev: Planned) -> Vdev {
    let members = vdev
        .devices
        .iter()
        .map(|(path, device)| {
            let (path, device) = state.label(device, path, pool, guid);
            Member {
                path,
                device,
                state: "ONLINE".to_owned(),
            }
        })
        .collect();
    Vdev {
        class: vdev.class,
        kind: vdev.kind,
        members,
    }
}
