//! Where a host lets one step pass at a time.

use std::fmt;
use std::str::FromStr;

/// Before the number of a container.
const CONTAINER: &str = "container:";

/// What a host locks as a whole, so that the steps that change it run one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Proxmox's `storage.cfg`.
    Storages,
    /// Phoenix's exports file and the NFS server.
    Exports,
    /// systemd.
    Systemd,
    /// The configuration of the container with this id.
    Container(u32),
    /// The options of the ZFS module.
    Modprobe,
}

/// Text that is no lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a lane that this phoenix knows")]
pub struct UnknownLane;

phoenix_zfs::as_text!(Lane);

impl FromStr for Lane {
    type Err = UnknownLane;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "storage.cfg" => Ok(Self::Storages),
            "exports" => Ok(Self::Exports),
            "systemd" => Ok(Self::Systemd),
            "modprobe" => Ok(Self::Modprobe),
            _ => {
                let id = text.strip_prefix(CONTAINER).and_then(|id| id.parse().ok());
                id.map(Self::Container).ok_or(UnknownLane)
            }
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storages => f.write_str("storage.cfg"),
            Self::Exports => f.write_str("exports"),
            Self::Systemd => f.write_str("systemd"),
            Self::Modprobe => f.write_str("modprobe"),
            Self::Container(id) => write!(f, "{CONTAINER}{id}"),
        }
    }
}
