//! The simulated `pct list` and `pct set` (pve-container 6.1): the configuration is the file
//! `/etc/pve/lxc/ID.conf`, as on a real node.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use phoenix_host::command::Output;

use super::mount::is_directory;
use super::state::{EntryKind, State};

const USAGE: &str = "pct set <vmid> [OPTIONS]\n";
const MOUNT_OPTIONS: [&str; 6] = [
    "discard", "lazytime", "noatime", "nodev", "noexec", "nosuid",
];

/// A container's file: the configuration, what waits for a restart, and snapshots as they are.
#[derive(Debug, Default)]
struct Conf {
    comments: Vec<String>,
    options: BTreeMap<String, String>,
    raw: Vec<String>,
    pending: BTreeMap<String, String>,
    delete: Vec<String>,
    snapshots: String,
    /// What the next write drops.
    unread: Vec<String>,
}

/// Where a line of the file belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Current,
    Pending,
    Snapshot,
}

impl Section {
    /// `^\[pve:pending\]\s*$` and `^\[([a-z][a-z0-9_\-]+)\]\s*$`, both in any case.
    fn of(line: &str) -> Option<Self> {
        let name = line.strip_prefix('[')?.trim_end().strip_suffix(']')?;
        if name.eq_ignore_ascii_case("pve:pending") {
            return Some(Self::Pending);
        }
        let letters = name.len() >= 2
            && name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        letters.then_some(Self::Snapshot)
    }
}

/// A line that goes to LXC as it is, with a colon or an equals sign.
fn raw_line(line: &str) -> Option<(&str, &str)> {
    let end = line.find([':', '=', ' ', '\t'])?;
    let (key, rest) = line.split_at_checked(end)?;
    let value = match rest.strip_prefix(':') {
        Some(value) => value,
        None => rest.trim_start().strip_prefix('=')?,
    };
    key.starts_with("lxc.").then_some((key, value.trim()))
}

/// `key: value` at the beginning of the line.
fn setting(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    let word = key.trim_end_matches(|digit: char| digit.is_ascii_digit());
    let known = word.starts_with(|first: char| first.is_ascii_lowercase())
        && word
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    (known && !value.is_empty()).then_some((key, value.trim()))
}

/// `pct list`
pub(super) fn list(state: &State) -> Output {
    let mut text = String::new();
    for path in state.files.keys() {
        let Some(id) = id_of(path) else {
            continue;
        };
        let conf = read(state, path).unwrap_or_default();
        let status = if state.running.contains(&id) {
            "running"
        } else {
            "stopped"
        };
        let of = |key: &str| conf.options.get(key).cloned().unwrap_or_default();
        let (lock, name) = (of("lock"), of("hostname"));
        text += &format!("{id:<10} {status:<10} {lock:<12} {name:<20}\n");
    }
    if text.is_empty() {
        return Output::success("");
    }
    let head = format!(
        "{:<10} {:<10} {:<12} {:<20}\n",
        "VMID", "Status", "Lock", "Name"
    );
    Output::success(head + &text)
}

fn id_of(path: &Utf8Path) -> Option<u32> {
    let name = path.strip_prefix("/etc/pve/lxc").ok()?;
    name.as_str().strip_suffix(".conf")?.parse().ok()
}

fn path_of(id: &str) -> Utf8PathBuf {
    format!("/etc/pve/lxc/{id}.conf").into()
}

/// `pct set ID --mpN VALUE .. --delete mpN,mpM`
pub(super) fn set(state: &mut State, args: &[String]) -> Output {
    let Some((id, options)) = args.split_first() else {
        return Output::failure(255, format!("400 not enough arguments\n{USAGE}"));
    };
    let Some(number) = container_id(id) else {
        return invalid("vmid: invalid format - value does not look like a valid VM ID\n");
    };
    let (assignments, deletions) = match parse(options) {
        Ok(parsed) => parsed,
        Err(output) => return output,
    };
    let mut canonical = Vec::new();
    for (key, value) in &assignments {
        match canonical_mount(key, value) {
            Ok(value) => canonical.push(value),
            Err(reason) => return invalid(&reason),
        }
    }
    let path = path_of(id);
    let Some(mut conf) = read(state, &path) else {
        let place = format!("nodes/{}/lxc/{id}.conf", state.node);
        return Output::failure(2, format!("Configuration file '{place}' does not exist\n"));
    };
    if assignments.is_empty() && deletions.is_empty() {
        return Output::failure(255, "no options specified\n");
    }
    if let Some(lock) = conf.options.get("lock") {
        return Output::failure(255, format!("CT is locked ({lock})\n"));
    }
    if conf
        .options
        .get("protection")
        .is_some_and(|value| value == "1")
    {
        let key = assignments
            .first()
            .map(|(key, _)| key)
            .or(deletions.first());
        let key = key.map_or("", String::as_str);
        let text = format!("can't update CT {id} drive '{key}' - protection mode enabled\n");
        return Output::failure(255, text);
    }
    let running = state.running.contains(&number);
    let mut stderr = conf.complaints(id);
    if let Some((key, reason)) = assignments.iter().find_map(|(key, _)| {
        let old = conf.options.get(key)?;
        Some((key, canonical_mount(key, old).err()?))
    }) {
        let text = format!("{stderr}unable to apply pending change {key} : {reason}{USAGE}");
        return Output::failure(255, text);
    }
    for key in &deletions {
        stderr += &conf.delete(key, running);
    }
    for ((key, raw), canonical) in assignments.iter().zip(&canonical) {
        if running && !conf.options.contains_key(key) {
            let source = canonical.split(',').next().unwrap_or_default();
            if !is_directory(state, Utf8Path::new(source)) {
                return invalid(&format!(
                    "{key}: unable to hotplug {key}: directory '{source}' does not exist\n"
                ));
            }
        }
        conf.assign(key, raw, canonical, running);
    }
    match super::files::write(state, &path, &conf.text()) {
        Ok(()) => Output {
            stderr,
            ..Output::success("")
        },
        Err(reason) => Output::failure(255, format!("unable to open file '{path}' - {reason}\n")),
    }
}

fn invalid(reason: &str) -> Output {
    let text = format!("400 Parameter verification failed.\n{reason}\n{USAGE}");
    Output::failure(255, text)
}

/// Three to nine digits, the first not 0.
fn container_id(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    (digits && (3..=9).contains(&text.len()) && !text.starts_with('0'))
        .then(|| text.parse().ok())
        .flatten()
}

/// Values to set by key, and keys to delete.
type Changes = (Vec<(String, String)>, Vec<String>);

fn parse(options: &[String]) -> Result<Changes, Output> {
    let unable =
        |text: &str| Output::failure(255, format!("{text}400 unable to parse option\n{USAGE}"));
    let (mut assignments, mut deletions) = (Vec::new(), Vec::new());
    let mut words = options.iter();
    while let Some(word) = words.next() {
        let key = word.trim_start_matches('-');
        if key == word || !(is_mount_key(key) || key == "delete") {
            return Err(unable(&format!("Unknown option: {key}\n")));
        }
        let Some(value) = words.next() else {
            return Err(unable(&format!("Option {key} requires an argument\n")));
        };
        if key != "delete" {
            assignments.push((key.to_owned(), value.clone()));
            continue;
        }
        for key in value.split([',', ';', ' ']).filter(|key| !key.is_empty()) {
            if !is_mount_key(key) {
                let text = format!(
                    "400 Parameter verification failed.\ndelete: unknown option '{key}'\n{USAGE}"
                );
                return Err(Output::failure(255, text));
            }
            deletions.push(key.to_owned());
        }
    }
    Ok((assignments, deletions))
}

fn is_mount_key(key: &str) -> bool {
    key.strip_prefix("mp")
        .is_some_and(|number| number.parse::<u8>().is_ok_and(|n| n.to_string() == number))
}

/// `SOURCE,mp=TARGET` and then the other options in order, booleans as 1 and 0; or what pct says.
fn canonical_mount(key: &str, value: &str) -> Result<String, String> {
    let bad = |part: &str, reason: &str| {
        let place = if part.is_empty() {
            key.to_owned()
        } else {
            format!("{key}.{part}")
        };
        format!("{key}: invalid format - format error\n{place}: {reason}\n")
    };
    let (mut source, mut target, mut options) = (None, None, BTreeMap::new());
    for part in value.split(',').filter(|part| !part.trim().is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or(("volume", part));
        if name.is_empty() || value.is_empty() {
            let reason = "missing key in comma-separated list property";
            return Err(format!("{key}: invalid format - {reason}\n\n"));
        }
        match name {
            "volume" => source = Some(value),
            "mp" => target = Some(value),
            "ro" | "backup" | "shared" | "replicate" | "quota" | "acl" | "keepattrs" => {
                let Some(value) = boolean(value) else {
                    let reason = format!("type check ('boolean') failed - got '{value}'");
                    return Err(bad(name, &reason));
                };
                options.insert(name, value);
            }
            "mountoptions" => {
                if value
                    .split(';')
                    .any(|option| !MOUNT_OPTIONS.contains(&option))
                {
                    return Err(bad(name, "value does not match the regex pattern"));
                }
                options.insert(name, value);
            }
            "size" | "idmap" => {
                options.insert(name, value);
            }
            _ => {
                let reason = "property is not defined in schema and the schema does not allow \
                              additional properties";
                return Err(bad(name, reason));
            }
        }
    }
    let missing = "property is missing and it is not optional";
    let source = source.ok_or_else(|| bad("volume", missing))?;
    let target = target.ok_or_else(|| bad("mp", missing))?;
    for (name, path) in [("volume", source), ("mp", target)] {
        let mut parts = path.split('/');
        let dots = parts.next() == Some("..") || parts.any(|part| matches!(part, "." | ".."));
        if dots {
            let reason = format!("invalid format - {path} contains illegal character sequences");
            return Err(bad(name, &reason));
        }
    }
    let options = options
        .iter()
        .map(|(name, value)| format!(",{name}={value}"));
    Ok(format!(
        "{source},mp={target}{}",
        options.collect::<String>()
    ))
}

/// Proxmox's words for true and false.
pub(super) fn boolean(text: &str) -> Option<&'static str> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "on" | "yes" | "true" => Some("1"),
        "0" | "off" | "no" | "false" => Some("0"),
        _ => None,
    }
}

fn read(state: &State, path: &Utf8Path) -> Option<Conf> {
    match &state.entry(path)?.kind {
        EntryKind::File(text) => Some(Conf::parse(text)),
        _ => None,
    }
}

impl Conf {
    /// `parse_pct_config`: a line that is none of the known kinds is left out, with a warning.
    fn parse(text: &str) -> Self {
        let mut conf = Self::default();
        let mut section = Section::Current;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            if let Some(next) = Section::of(line) {
                section = next;
                if section == Section::Snapshot {
                    // What belongs to a snapshot is not looked at, and written back as it is.
                    conf.snapshots += &format!("{}{line}\n", conf.gap());
                }
                continue;
            }
            match section {
                Section::Snapshot => conf.snapshots += &format!("{line}\n"),
                _ if conf.take(section, line) => {}
                _ => conf.unread.push(line.to_owned()),
            }
        }
        conf
    }

    /// Between two snapshots is an empty line.
    fn gap(&self) -> &'static str {
        if self.snapshots.is_empty() { "" } else { "\n" }
    }

    /// Whether the line is one of the known kinds.
    fn take(&mut self, section: Section, line: &str) -> bool {
        if line.starts_with('#') {
            self.comments.push(line.to_owned());
            return true;
        }
        if let Some((key, value)) = raw_line(line) {
            if section == Section::Current {
                self.raw.push(format!("{key}: {value}"));
            }
            return true;
        }
        let Some((key, value)) = setting(line) else {
            return false;
        };
        match (section, key) {
            (_, "snapstate") => {}
            (Section::Pending, "delete") => {
                let keys = value.split([',', ';', ' ']);
                let keys = keys.filter(|key| !key.is_empty());
                self.delete = keys.map(str::to_owned).collect();
                self.delete
                    .sort_by_key(|key| key.trim_start_matches('!').to_owned());
            }
            (_, "delete") => return false,
            (Section::Pending, _) => {
                self.pending.insert(key.to_owned(), value.to_owned());
            }
            _ => {
                let value = match key {
                    "onboot" | "protection" | "template" | "unprivileged" => boolean(value),
                    _ => None,
                }
                .unwrap_or(value);
                self.options.insert(key.to_owned(), value.to_owned());
            }
        }
        true
    }

    /// What pct says of lines that it does not read.
    fn complaints(&self, id: &str) -> String {
        let complaint = |line: &String| match line.strip_prefix("delete:") {
            Some(_) => format!("vm {id} - property 'delete' is only allowed in [pve:pending]\n"),
            None => format!("vm {id} - unable to parse config: {line}\n"),
        };
        self.unread.iter().map(complaint).collect()
    }

    /// Sets a mount point: now when the container is stopped or has none of that key yet, else
    /// when it stops.
    fn assign(&mut self, key: &str, raw: &str, canonical: &str, running: bool) {
        self.delete
            .retain(|other| other.trim_start_matches('!') != key);
        self.pending.remove(key);
        match self.options.get(key) {
            Some(current) if running => {
                // Compared as text: a different order of the same options waits all the same.
                if current != raw {
                    self.pending.insert(key.to_owned(), raw.to_owned());
                }
            }
            _ => {
                self.options.insert(key.to_owned(), canonical.to_owned());
            }
        }
    }

    /// Deletes a mount point, and says what pct says.
    fn delete(&mut self, key: &str, running: bool) -> String {
        self.pending.remove(key);
        if !self.options.contains_key(key) {
            return format!("cannot delete '{key}' - not set in current configuration!\n");
        }
        if !running {
            self.options.remove(key);
        } else if !self.delete.iter().any(|other| other == key) {
            self.delete.push(key.to_owned());
        }
        String::new()
    }

    fn text(&self) -> String {
        let lines = |map: &BTreeMap<String, String>| -> String {
            map.iter()
                .map(|(key, value)| format!("{key}: {value}\n"))
                .collect()
        };
        let verbatim =
            |list: &[String]| -> String { list.iter().map(|line| format!("{line}\n")).collect() };
        let mut text = verbatim(&self.comments) + &lines(&self.options) + &verbatim(&self.raw);
        if !self.pending.is_empty() || !self.delete.is_empty() {
            text += "\n[pve:pending]\n";
            if !self.delete.is_empty() {
                text += &format!("delete: {}\n", self.delete.join(","));
            }
            text += &lines(&self.pending);
        }
        if !self.snapshots.is_empty() {
            text += &format!("\n{}", self.snapshots);
        }
        text
    }
}
