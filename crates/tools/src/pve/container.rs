//! Containers: which there are, and how their mount points are set. What their files say is the
//! business of `container_conf`.

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

/// `pct set`: one mount point. A running container gets a new one at once; a change of one that
/// it has waits for its next stop.
pub fn set_mount(id: u32, key: &str, value: &str) -> Command {
    let (id, key) = (id.to_string(), format!("--{key}"));
    Command::write(Program::Pct, ["set", id.as_str(), &key, value])
}
