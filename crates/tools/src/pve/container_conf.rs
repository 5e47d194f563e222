//! The configuration file of a container, line by line as Proxmox reads it (pve-container 6.1
//! `PVE/LXC/Config.pm`, `parse_pct_config`).
//!
//! Proxmox warns of a line that it cannot read, goes on without it and drops it at the next write.
//! So nothing here fails: such lines are kept with the reason.

use std::collections::{BTreeMap, BTreeSet};

use super::mount::{boolean, parse_mount};
use super::raw_mount::{RawMount, raw_mount};
use crate::parse::UnreadLine;

/// A container's configuration, without its snapshots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerConf {
    /// What the container has now, by key; raw `lxc.` lines are not in it.
    pub config: BTreeMap<String, String>,
    /// What it will have after its next stop.
    pub pending: BTreeMap<String, String>,
    /// Keys that its next stop removes.
    pub delete: BTreeSet<String>,
    /// The raw `lxc.idmap` lines. Without any, an unprivileged container's ids begin at 100000
    /// (pve-container `PVE/LXC.pm`, `parse_id_maps`).
    pub idmap: Vec<IdMap>,
    /// The first `lxc.idmap` line that is none: with one the container does not start.
    pub broken_id_map: Option<UnreadLine>,
    /// Mount points whose value Proxmox cannot use, by key: they are not mounted, and `pct set`
    /// cannot change them.
    pub unusable: BTreeMap<String, UnreadLine>,
    /// What LXC mounts by itself.
    pub raw_mounts: Vec<RawMount>,
    /// All lines without effect: those that Proxmox does not read, and the two kinds above.
    pub unread: Vec<UnreadLine>,
}

/// One `lxc.idmap` line: `count` ids from `container` on are `host` and following on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdMap {
    /// Users or groups.
    pub kind: IdMapKind,
    /// First id inside the container.
    pub container: u32,
    /// First id on the host.
    pub host: u32,
    /// How many.
    pub count: u32,
}

/// What an [`IdMap`] maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdMapKind {
    /// `u`
    User,
    /// `g`
    Group,
}

impl ContainerConf {
    /// The value that a key has after pending changes.
    pub fn effective(&self, key: &str) -> Option<&str> {
        if let Some(value) = self.pending.get(key) {
            return Some(value);
        }
        let current = self.config.get(key).map(String::as_str);
        current.filter(|_| !self.delete.contains(key))
    }

    /// The mount points with pending changes applied, by key. Those that are unusable are among
    /// them: they have their number.
    pub fn mounts(&self) -> BTreeMap<String, String> {
        let keys = self.config.keys().chain(self.pending.keys());
        keys.filter(|key| is_mount(key))
            .filter_map(|key| Some((key.clone(), self.effective(key)?.to_owned())))
            .collect()
    }

    /// The mount points that change when the container stops.
    pub fn pending_mounts(&self) -> BTreeSet<String> {
        let keys = self.pending.keys().chain(&self.delete);
        keys.filter(|key| is_mount(key)).cloned().collect()
    }

    /// Whether its ids are shifted. Perl takes what is no boolean for true.
    pub fn unprivileged(&self) -> bool {
        let value = self.config.get("unprivileged");
        value.is_some_and(|value| boolean(value) != Some(false))
    }
}

/// Whether the key is `mp0` to `mp255`.
fn is_mount(key: &str) -> bool {
    let number = key.strip_prefix("mp");
    number.is_some_and(|text| text.parse::<u8>().is_ok_and(|it| it.to_string() == text))
}

/// Reads a container's configuration file. What belongs to a snapshot is not the container's own.
pub fn parse_container(text: &str) -> ContainerConf {
    let mut reader = Reader::default();
    for (index, line) in text.lines().enumerate() {
        reader.read(index + 1, line);
    }
    reader.finish()
}

/// Where a line belongs.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Section {
    #[default]
    Current,
    Pending,
    Snapshot,
}

#[derive(Debug, Default)]
struct Reader {
    conf: ContainerConf,
    section: Section,
    /// The line that gave a mount point its last value.
    lines: BTreeMap<String, UnreadLine>,
}

impl Reader {
    fn read(&mut self, number: usize, line: &str) {
        if let Some(section) = section(line) {
            self.section = section;
        } else if self.section != Section::Snapshot
            && !is_silent(line)
            && let Err(reason) = self.setting(number, line)
        {
            self.conf.unread.push(UnreadLine::new(number, line, reason));
        }
    }

    fn setting(&mut self, number: usize, line: &str) -> Result<(), String> {
        if let Some((key, value)) = raw(line) {
            if self.section == Section::Current {
                return self.raw_line(number, line, key, value);
            }
            return Ok(());
        }
        let (key, value) = key_and_value(line).ok_or_else(|| no_setting(line))?;
        if key == "delete" {
            return self.deletions(value);
        }
        let number_of = key
            .strip_prefix("mp")
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()));
        if number_of && !is_mount(key) {
            return Err("Proxmox numbers mount points from mp0 to mp255".to_owned());
        }
        if number_of {
            let line = UnreadLine::new(number, line, String::new());
            self.lines.insert(key.to_owned(), line);
        }
        let section = match self.section {
            Section::Pending => &mut self.conf.pending,
            Section::Current | Section::Snapshot => &mut self.conf.config,
        };
        section.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    fn deletions(&mut self, value: &str) -> Result<(), String> {
        if self.section != Section::Pending {
            return Err("only [pve:pending] can delete keys".to_owned());
        }
        // A leading `!` only says that the deletion is forced.
        let keys = value.split(|byte: char| matches!(byte, ',' | ';') || byte.is_whitespace());
        let keys = keys.map(|key| key.strip_prefix('!').unwrap_or(key));
        let keys = keys.filter(|key| !key.is_empty()).map(str::to_owned);
        self.conf.delete = keys.collect();
        Ok(())
    }

    fn raw_line(
        &mut self,
        number: usize,
        line: &str,
        key: &str,
        value: &str,
    ) -> Result<(), String> {
        match key {
            "lxc.idmap" | "lxc.id_map" => match id_map(value) {
                Some(map) => self.conf.idmap.push(map),
                None => {
                    let reason = "it is no id map, and the container does not start with it";
                    let broken = UnreadLine::new(number, line, reason);
                    self.conf.broken_id_map.get_or_insert(broken);
                    return Err(reason.to_owned());
                }
            },
            "lxc.mount.entry" => self.conf.raw_mounts.extend(raw_mount(number, value)),
            _ => {}
        }
        Ok(())
    }

    /// Only the last value of a key counts, so the values are judged at the end.
    fn finish(self) -> ContainerConf {
        let Self {
            mut conf, lines, ..
        } = self;
        let mounts = conf.mounts();
        for (key, mut line) in lines {
            let Some(Err(error)) = mounts.get(&key).map(|value| parse_mount(value)) else {
                continue;
            };
            line.reason = error.reason;
            conf.unread.push(line.clone());
            conf.unusable.insert(key, line);
        }
        conf.unread.sort();
        conf
    }
}

/// A head of a section. Other lines in brackets are lines like any other.
fn section(line: &str) -> Option<Section> {
    let name = line.trim_end().strip_prefix('[')?.strip_suffix(']')?;
    if name.eq_ignore_ascii_case("pve:pending") {
        return Some(Section::Pending);
    }
    let mut letters = name.chars();
    let first = letters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic());
    let rest = letters.as_str();
    let named = rest
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-'));
    (first && !rest.is_empty() && named).then_some(Section::Snapshot)
}

/// Empty lines, comments, and the state of a snapshot that was not finished.
fn is_silent(line: &str) -> bool {
    let state = line.rsplit_once("snapstate:");
    line.trim().is_empty()
        || line.starts_with('#')
        || state.is_some_and(|(_, state)| matches!(state.trim(), "prepare" | "delete"))
}

/// A raw line of LXC's: `^(lxc\.[a-z0-9_\-\.]+)(:|\s*=)\s*(.*?)\s*$`.
fn raw(line: &str) -> Option<(&str, &str)> {
    let of_key = |letter: char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '_' | '-' | '.')
    };
    let end = line.find(|letter| !of_key(letter)).unwrap_or(line.len());
    let (key, rest) = line.split_at_checked(end)?;
    key.strip_prefix("lxc.").filter(|name| !name.is_empty())?;
    let value = rest
        .strip_prefix(':')
        .or_else(|| rest.trim_start().strip_prefix('='))?;
    Some((key, value.trim()))
}

/// `^([a-z][a-z_]*\d*):\s*(.+?)\s*$`, at the very beginning of the line.
fn key_and_value(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    let letters = key.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let named = letters.starts_with(|first: char| first.is_ascii_lowercase())
        && letters
            .chars()
            .all(|letter| letter.is_ascii_lowercase() || letter == '_');
    (named && !value.is_empty()).then_some((key, value.trim()))
}

fn no_setting(line: &str) -> String {
    let indented = line.trim_start();
    let reason = if indented.len() < line.len() && key_and_value(indented).is_some() {
        "it begins with a blank"
    } else {
        "it is no comment, section or `key: value`"
    };
    reason.to_owned()
}

/// `^([ug])\s+(\d+)\s+(\d+)\s+(\d+)\s*$` (`parse_id_maps`).
fn id_map(text: &str) -> Option<IdMap> {
    let mut fields = text.split_whitespace();
    let kind = match fields.next()? {
        "u" => IdMapKind::User,
        "g" => IdMapKind::Group,
        _ => return None,
    };
    let map = IdMap {
        kind,
        container: fields.next()?.parse().ok()?,
        host: fields.next()?.parse().ok()?,
        count: fields.next()?.parse().ok()?,
    };
    fields.next().is_none().then_some(map)
}
