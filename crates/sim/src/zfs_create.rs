//! The simulated `zfs create`: all or nothing, except that a mount may fail afterwards.

use std::collections::BTreeMap;

use camino::Utf8Path;
use phoenix_zfs::name::{NameError, check_dataset};
use phoenix_zfs::property::DatasetType;
use phoenix_zfs::size;

use phoenix_host::command::Output;

use super::state::{Dataset, EntryKind, Setting, State, Volume};
use super::usage;
use super::zfs::{parse_assignments, set_special};
use super::{mount, props, space};

const USAGE: &str = "\tcreate [-Pnpuv] [-o property=value] ... <filesystem>\n\
                     \tcreate [-Pnpsv] [-b blocksize] [-o property=value] ... -V <size> <volume>";

/// What the command line asks for.
struct Request {
    name: String,
    /// `-V`, in bytes.
    size: Option<u64>,
    /// `-s`.
    sparse: bool,
    assignments: Vec<(String, String)>,
}

/// `zfs create [-s] [-V BYTES] -o NAME=VALUE.. DATASET`
pub(super) fn create(state: &mut State, args: &[String]) -> Output {
    let request = match parse(args) {
        Ok(request) => request,
        Err(output) => return output,
    };
    let name = request.name.clone();
    let warnings: String = request
        .assignments
        .iter()
        .map(|(property, _)| props::warning(state, &name, property))
        .collect();
    let refuse =
        |reason: &str| Output::failure(1, format!("{warnings}cannot create '{name}': {reason}\n"));
    let dataset = match prepare(state, &request) {
        Ok(dataset) => dataset,
        Err(reason) => return refuse(&reason),
    };
    let warning = small_blocks_warning(&dataset) + &warnings;
    if let Err(reason) = insert(state, &request, dataset) {
        state.datasets.remove(&name);
        return refuse(&reason);
    }
    let mounts = props::value(state, &name, "canmount") == "on" && request.size.is_none();
    match mounts.then(|| mount::mount(state, &name)) {
        Some(Err(text)) => Output::failure(
            1,
            format!("{warning}{text}filesystem successfully created, but not mounted\n"),
        ),
        _ => Output {
            stderr: warning,
            ..Output::success("")
        },
    }
}

fn parse(args: &[String]) -> Result<Request, Output> {
    let (mut size, mut sparse, mut assignments, mut names) = (None, false, Vec::new(), Vec::new());
    let mut words = args.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-s" => sparse = true,
            "-o" | "-V" => {
                let Some(value) = words.next() else {
                    let letter = word.trim_start_matches('-');
                    return Err(usage(&format!("missing '{letter}' argument"), USAGE));
                };
                match word.as_str() {
                    "-o" => assignments.push(value.clone()),
                    _ => size = Some(parse_size(value)?),
                }
            }
            option if option.starts_with('-') => {
                let letter: String = option.chars().skip(1).take(1).collect();
                return Err(usage(&format!("invalid option '{letter}'"), USAGE));
            }
            _ => names.push(word.clone()),
        }
    }
    let assignments = parse_assignments(&assignments)?;
    if sparse && size.is_none() {
        return Err(usage(
            "'-s' and '-b' can only be used when creating a volume",
            USAGE,
        ));
    }
    if size.is_some() && assignments.iter().any(|(name, _)| name == "volsize") {
        let text = "property 'volsize' specified multiple times\n";
        return Err(Output::failure(1, text));
    }
    let kind = if size.is_some() {
        "volume"
    } else {
        "filesystem"
    };
    match <[String; 1]>::try_from(names) {
        Ok([name]) => Ok(Request {
            name,
            size,
            sparse,
            assignments,
        }),
        Err(names) if names.is_empty() => Err(usage(&format!("missing {kind} argument"), USAGE)),
        Err(_) => Err(usage("too many arguments", USAGE)),
    }
}

fn parse_size(text: &str) -> Result<u64, Output> {
    size::parse(text).map_err(|error| {
        let reason = props::size_words(text, &error);
        Output::failure(1, format!("bad volume size '{text}': {reason}\n"))
    })
}

/// Everything that is checked before the kernel is asked.
fn prepare(state: &mut State, request: &Request) -> Result<Dataset, String> {
    let name = &request.name;
    check_name(name)?;
    let kind = match request.size {
        Some(_) => DatasetType::Volume,
        None => DatasetType::Filesystem,
    };
    let pool = name.split('/').next().unwrap_or_default();
    if !state.pools.contains_key(pool) {
        return Err(format!("no such pool '{pool}'"));
    }
    let parent = name.rsplit_once('/').map_or("", |(parent, _)| parent);
    let mut properties = BTreeMap::new();
    for (property, written) in &request.assignments {
        if property == "volsize" && kind == DatasetType::Volume {
            continue;
        }
        let value = props::check(property, written, kind)?;
        properties.insert(property.clone(), Setting::local(value));
    }
    let volume = match request.size {
        Some(0) => return Err("volume size cannot be zero".to_owned()),
        Some(_) => Some(Volume {
            block_size: take_block_size(&mut properties),
            minor: state.datasets.free_minor(),
        }),
        None => None,
    };
    check_encryption(state, parent, &mut properties)?;
    check_names(&mut properties)?;
    if state.datasets.contains_key(name) {
        return Err("dataset already exists".to_owned());
    }
    match state.datasets.get(parent) {
        None => return Err("parent does not exist".to_owned()),
        Some(parent) if parent.volume.is_some() => {
            return Err("parent is not a filesystem".to_owned());
        }
        Some(_) => {}
    }
    if state
        .pool_of(name)
        .is_some_and(|pool| pool.health == "SUSPENDED")
    {
        return Err("pool I/O is currently suspended".to_owned());
    }
    Ok(Dataset {
        guid: state.next_guid(),
        referenced: match volume {
            Some(_) => space::VOLUME_BYTES,
            None => space::FILESYSTEM_BYTES,
        },
        volume,
        properties,
        files: BTreeMap::new(),
    })
}

/// Puts the dataset into the pool, then its limits one by one.
fn insert(state: &mut State, request: &Request, mut dataset: Dataset) -> Result<(), String> {
    let name = &request.name;
    let mut limits = Vec::new();
    for property in ["quota", "refquota", "reservation", "refreservation"] {
        if let Some(setting) = dataset.properties.remove(property) {
            limits.push((property, setting.value));
        }
    }
    if let (Some(size), Some(volume)) = (request.size, &dataset.volume) {
        let rounded = size
            .checked_next_multiple_of(volume.block_size)
            .ok_or("numeric value is too large")?;
        let setting = Setting::local(rounded.to_string());
        dataset.properties.insert("volsize".to_owned(), setting);
        let reserved = limits.iter().any(|(name, _)| *name == "refreservation");
        if !request.sparse && !reserved {
            limits.push(("refreservation", "auto".to_owned()));
        }
    }
    state.datasets.insert(name.clone(), dataset);
    for (property, value) in limits {
        // The new dataset already takes space, so that a quota below that fails like on disk.
        set_special(state, name, property, &value).map_err(|_| "out of space".to_owned())?;
    }
    Ok(())
}

/// The words of `zfs_validate_name`.
fn check_name(name: &str) -> Result<(), String> {
    let words = match check_dataset(name) {
        Ok(()) if !name.contains('/') => "missing dataset name".to_owned(),
        // Blanks are legal in ZFS; only phoenix refuses them.
        Ok(()) | Err(NameError::Blank) => return Ok(()),
        Err(error) => match error {
            NameError::Empty => "missing dataset name".to_owned(),
            NameError::LeadingSlash => "leading slash in name".to_owned(),
            NameError::TrailingSlash => "trailing slash in name".to_owned(),
            NameError::EmptyComponent => {
                "empty component or misplaced '@' or '#' delimiter in name".to_owned()
            }
            NameError::TooLong { .. } => "name is too long".to_owned(),
            NameError::TooDeep => "maximum name nesting depth exceeded".to_owned(),
            NameError::Delimiter('@') => "snapshot delimiter '@' is not expected here".to_owned(),
            NameError::Delimiter(other) => {
                format!("bookmark delimiter '{other}' is not expected here")
            }
            NameError::DotComponent(dots) if dots == "." => {
                "self reference, '.' is found in name".to_owned()
            }
            NameError::DotComponent(_) => "parent reference, '..' is found in name".to_owned(),
            NameError::Character(c) => format!("invalid character '{c}' in name"),
            NameError::NoLetter => "name must begin with a letter".to_owned(),
            NameError::Slash | NameError::Reserved(_) | NameError::Blank => {
                "invalid name".to_owned()
            }
        },
    };
    Err(words)
}

/// `volblocksize` belongs to the volume, not to its properties.
fn take_block_size(properties: &mut BTreeMap<String, Setting>) -> u64 {
    const DEFAULT: u64 = 16_384;
    properties
        .remove("volblocksize")
        .and_then(|setting| setting.value.parse().ok())
        .unwrap_or(DEFAULT)
}

/// What `zfs_valid_proplist` makes of `normalization` and `utf8only` together.
pub(super) fn check_names(properties: &mut BTreeMap<String, Setting>) -> Result<(), String> {
    let is = |name: &str, word: &str| {
        let setting = properties.get(name);
        setting.map(|setting| setting.value == word)
    };
    if is("normalization", "none") != Some(false) {
        return Ok(());
    }
    if is("utf8only", "off") == Some(true) {
        return Err("'utf8only' must be set 'on' if normalization chosen".to_owned());
    }
    properties.insert("utf8only".to_owned(), Setting::local("on"));
    Ok(())
}

/// The rules of `zfs_crypto_create`; `parent` is empty for the root dataset of a pool.
pub(super) fn check_encryption(
    state: &State,
    parent: &str,
    properties: &mut BTreeMap<String, Setting>,
) -> Result<(), String> {
    let value = |name: &str| properties.get(name).map(|setting| setting.value.clone());
    let asked = value("encryption");
    let inherited = props::value(state, parent, "encryption");
    let parent_encrypted = !matches!(inherited.as_str(), "" | "off");
    let encrypted = match asked.as_deref() {
        None => parent_encrypted,
        Some("off") => false,
        Some(_) => true,
    };
    if !encrypted {
        let stray = ["keyformat", "keylocation", "pbkdf2iters"]
            .into_iter()
            .filter_map(|name| Some((name, value(name)?)))
            .any(|(name, value)| name != "keylocation" || value != "none");
        return if stray {
            Err("Encryption must be turned on to set encryption properties.".to_owned())
        } else {
            Ok(())
        };
    }
    let Some(format) = value("keyformat").filter(|format| format != "none") else {
        return if asked.is_some() && !parent_encrypted {
            Err("Keyformat required for new encryption root.".to_owned())
        } else {
            Ok(())
        };
    };
    properties
        .entry("encryption".to_owned())
        .or_insert_with(|| Setting::local("aes-256-gcm"));
    if format != "passphrase" && properties.contains_key("pbkdf2iters") {
        return Err("Cannot specify pbkdf2iters with a non-passphrase keyformat.".to_owned());
    }
    if format == "passphrase" {
        properties
            .entry("pbkdf2iters".to_owned())
            .or_insert_with(|| Setting::local("350000"));
    }
    check_key(state, properties, &format)
}

fn check_key(
    state: &State,
    properties: &BTreeMap<String, Setting>,
    format: &str,
) -> Result<(), String> {
    let location = properties
        .get("keylocation")
        .map_or("prompt", |setting| setting.value.as_str());
    // Nobody answers the prompt of a command without a terminal.
    let Some(path) = location.strip_prefix("file://") else {
        return Err("encryption failure".to_owned());
    };
    let Some(EntryKind::File(key)) = state.entry(Utf8Path::new(path)).map(|entry| &entry.kind)
    else {
        return Err("Failed to open key material file: No such file or directory".to_owned());
    };
    let (expected, key) = match format {
        "raw" => (32, key.as_str()),
        "hex" => (64, key.trim_end_matches('\n')),
        _ => (8, key.trim_end_matches('\n')),
    };
    match key.len() {
        length if length < expected => Err(format!("Key too short (expected {expected}).")),
        length if length > expected && format != "passphrase" => {
            Err(format!("Key too long (expected {expected})."))
        }
        _ => Ok(()),
    }
}

fn small_blocks_warning(dataset: &Dataset) -> String {
    match &dataset.volume {
        Some(volume) if volume.block_size < 16_384 => format!(
            "Warning: volblocksize ({}) is less than the default minimum block size (16384).\n\
             To reduce wasted space a volblocksize of 16384 is recommended.\n",
            volume.block_size
        ),
        _ => String::new(),
    }
}
