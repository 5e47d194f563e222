//! Containers: which there are, and their configuration files.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;

use crate::parse::ParseError;
use phoenix_host::command::{Command, Program};

/// One container of this node as `pct list` prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerRow {
    /// Its number.
    pub id: u32,
    /// `running` or `stopped`.
    pub status: String,
}

/// `pct list`: the containers of this node.
pub fn containers() -> Command {
    Command::read(Program::Pct, ["list"]).timeout(60)
}

/// Reads the answer of [`containers`]. A node without containers prints nothing at all.
///
/// # Errors
/// When a line does not begin with a number and a status.
pub fn parse_containers(text: &str) -> Result<Vec<ContainerRow>, ParseError> {
    let row = |line: &str| {
        let mut fields = line.split_whitespace();
        Some(ContainerRow {
            id: fields.next()?.parse().ok()?,
            status: fields.next()?.to_owned(),
        })
    };
    let reason = "it does not begin with a container's number and status";
    text.lines()
        .filter(|line| !line.starts_with("VMID"))
        .map(|line| {
            row(line).ok_or_else(|| ParseError::new("the output of pct list", line, reason))
        })
        .collect()
}

/// The configuration file of a container of this node.
pub fn container_conf_path(id: u32) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("/etc/pve/lxc/{id}.conf"))
}

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
}

/// Reads a container's configuration file up to its first snapshot: a reader that went on would
/// take the mount points of a snapshot for the container's own.
///
/// # Errors
/// When a line is neither a comment nor `key: value`.
pub fn parse_container(text: &str) -> Result<ContainerConf, ParseError> {
    const WHAT: &str = "a container's configuration";
    let mut conf = ContainerConf::default();
    let mut pending = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        if trimmed.starts_with('[') {
            // Proxmox writes pending changes before snapshots.
            if !trimmed.eq_ignore_ascii_case("[pve:pending]") {
                break;
            }
            pending = true;
            continue;
        }
        let (key, value) = key_and_value(trimmed)
            .ok_or_else(|| ParseError::new(WHAT, line, "it is not key and value"))?;
        match key {
            "lxc.idmap" | "lxc.id_map" if !pending => conf
                .idmap
                .push(id_map(value).ok_or_else(|| ParseError::new(WHAT, line, "it is no id map"))?),
            "delete" if pending => conf.delete.extend(
                // A leading `!` only says that the deletion was forced.
                value
                    .split([',', ' '])
                    .map(|key| key.trim_start_matches('!'))
                    .filter(|key| !key.is_empty())
                    .map(str::to_owned),
            ),
            _ if key.starts_with("lxc.") => {}
            _ => {
                let section = if pending {
                    &mut conf.pending
                } else {
                    &mut conf.config
                };
                section.insert(key.to_owned(), value.to_owned());
            }
        }
    }
    Ok(conf)
}

/// Splits a line as Proxmox does: raw `lxc.` lines may have `=` in place of the colon.
fn key_and_value(line: &str) -> Option<(&str, &str)> {
    let (key, value) = if line.starts_with("lxc.") {
        line.split_once([':', '='])?
    } else {
        line.split_once(':')?
    };
    let key = key.trim_end();
    let named = !key.is_empty() && !key.contains([' ', ',', '=']);
    named.then_some((key, value.trim()))
}

fn id_map(text: &str) -> Option<IdMap> {
    let mut fields = text.split_whitespace();
    let kind = match fields.next()? {
        "u" => IdMapKind::User,
        "g" => IdMapKind::Group,
        _ => return None,
    };
    Some(IdMap {
        kind,
        container: fields.next()?.parse().ok()?,
        host: fields.next()?.parse().ok()?,
        count: fields.next()?.parse().ok()?,
    })
}

/// `pct set`: one mount point. A running container gets a new one at once; a change of one that
/// it has waits for its next stop.
pub fn set_mount(id: u32, key: &str, value: &str) -> Command {
    let (id, key) = (id.to_string(), format!("--{key}"));
    Command::write(Program::Pct, ["set", id.as_str(), &key, value])
}
