//! The simulated `zpool create`: the grammar of vdevs, the checks of devices in zpool's own order,
//! labels and partitions.
//!
//! Texts and exit codes are those of OpenZFS 2.3.9.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use phoenix_zfs::name::{NameError, check_pool};
use phoenix_zfs::property::{DatasetType, pool_property};
use phoenix_zfs::space::{DataVdev, pool_space};

use phoenix_host::command::Output;

use super::device::{Device, SMALLEST_VDEV, first_partition_size};
use super::replication::Planned;
use super::state::{Class, Dataset, Member, Pool, Setting, State, Vdev};
use super::usage;
use super::zfs::parse_assignments;
use super::{mount, props, replication, space, zfs_create, zpool};

const USAGE: &str = "\tcreate [-fnd] [-o property=value] ... \n\
                     \t    [-O file-system-property=value] ... \n\
                     \t    [-m mountpoint] [-R root] <pool> <vdev> ...";

struct Request {
    force: bool,
    dry_run: bool,
    pool_properties: Vec<(String, String)>,
    root_properties: Vec<(String, String)>,
    name: String,
    vdevs: Vec<String>,
}

/// `zpool create [-fn] -o NAME=VALUE.. -O NAME=VALUE.. POOL VDEV..`
pub(super) fn create(state: &mut State, args: &[String]) -> Output {
    let request = match parse(args) {
        Ok(request) => request,
        Err(output) => return output,
    };
    match build(state, &request) {
        Ok(output) => output,
        Err(text) => Output::failure(1, text),
    }
}

/// `zpool create -n`, which changes nothing.
pub(super) fn ask(state: &State, args: &[String]) -> Output {
    create(&mut state.clone(), args)
}

fn parse(args: &[String]) -> Result<Request, Output> {
    let (mut force, mut dry_run) = (false, false);
    let (mut pool, mut root, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    let mut words = args.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            _ if !rest.is_empty() => rest.push(word.clone()),
            "-f" => force = true,
            "-n" => dry_run = true,
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
        dry_run,
        pool_properties,
        root_properties,
        name,
        vdevs,
    })
}

fn build(state: &mut State, request: &Request) -> Result<Output, String> {
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
        replication::check(&planned)?;
    }
    check_mountpoint(state, request)?;
    if request.dry_run {
        return Ok(Output::success(layout(name, &planned)));
    }
    check_name(name)?;
    let refuse = |reason: String| format!("cannot create '{name}': {reason}\n");
    let mut properties = BTreeMap::new();
    for (property, written) in &request.pool_properties {
        let value = zpool::check(property, written).map_err(refuse)?;
        properties.insert(property.clone(), value);
    }
    let has_special = planned.iter().any(|vdev| vdev.class == Class::Special);
    let root = root_dataset(state, request, has_special)?;
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
    if props::value(state, name, "canmount") == "on" {
        mount::mount(state, name)?;
    }
    Ok(Output::success(""))
}

/// What `zpool create -n` prints: every vdev, class by class.
fn layout(pool: &str, planned: &[Planned]) -> String {
    let mut text = format!("would create '{pool}' with the following layout:\n\n");
    for (class, heading) in [
        (Class::Data, pool),
        (Class::Dedup, "dedup"),
        (Class::Special, "special"),
        (Class::Log, "logs"),
        (Class::Cache, "cache"),
        (Class::Spare, "spares"),
    ] {
        let vdevs: Vec<&Planned> = planned.iter().filter(|vdev| vdev.class == class).collect();
        if vdevs.is_empty() {
            continue;
        }
        text += &format!("\t{heading}\n");
        for vdev in vdevs {
            let inside = vdev.kind != "disk";
            if inside {
                text += &format!("\t  {}\n", vdev.kind);
            }
            for (path, _) in &vdev.devices {
                let name = path.rsplit('/').next().unwrap_or(path);
                text += &format!("\t  {}{name}\n", if inside { "  " } else { "" });
            }
        }
    }
    text
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
        let aside = matches!(class, Class::Log | Class::Special | Class::Dedup);
        if aside && word != "mirror" {
            let class = if class == Class::Log {
                "log"
            } else {
                "special"
            };
            let word = replication::plain_kind(word);
            return Err(invalid(format!("unsupported '{class}' device: {word}")));
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

fn data_vdev(vdev: &Planned) -> Option<DataVdev> {
    (vdev.class == Class::Data).then(|| DataVdev {
        level: replication::level(&vdev.kind),
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

fn root_dataset(
    state: &mut State,
    request: &Request,
    has_special: bool,
) -> Result<Dataset, String> {
    let refuse = |reason: String| format!("cannot create '{}': {reason}\n", request.name);
    let mut properties = BTreeMap::new();
    for (property, written) in &request.root_properties {
        let value = props::check(property, written, DatasetType::Filesystem).map_err(refuse)?;
        if !matches!(
            property.as_str(),
            "quota" | "refquota" | "reservation" | "refreservation"
        ) {
            properties.insert(property.clone(), Setting::local(value));
        }
    }
    zfs_create::check_names(&mut properties).map_err(refuse)?;
    if properties.contains_key("special_small_blocks") && !has_special {
        let reason = "special_small_blocks property requires a special vdev";
        return Err(refuse(reason.to_owned()));
    }
    zfs_create::check_encryption(state, "", &mut properties).map_err(refuse)?;
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
        let size = match device.partition {
            Some(_) => device.size,
            None => first_partition_size(device.size),
        };
        if size < SMALLEST_VDEV {
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
