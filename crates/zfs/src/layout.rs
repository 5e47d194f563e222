//! How the disks of a vdev are arranged, in the words that `zpool create` and phoenix use.
//!
//! Owns the grammar of `raid_level` and the minimum number of disks of each level; it does not
//! know which disks exist.

use std::fmt;
use std::str::FromStr;

/// The arrangement of disks inside one or several top-level vdevs.
///
/// `Single` and `Stripe` are both "no redundancy"; `Single` insists on exactly one disk, as
/// Proxmox does (pve-storage `PVE/API2/Disks/ZFS.pm`). `Raid10` is several two-way mirrors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RaidLevel {
    /// One disk, no redundancy.
    Single,
    /// Several disks side by side, no redundancy.
    Stripe,
    /// Every disk holds the same data.
    Mirror,
    /// Mirrors of two, side by side.
    Raid10,
    /// RAID-Z with one to three parity disks.
    Raidz(u8),
    /// Distributed-spare RAID with one to three parity disks.
    Draid(u8),
}

/// A `raid_level` that is none of [`RaidLevel::NAMES`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown raid level \"{0}\"")]
pub struct UnknownRaidLevel(pub String);

impl RaidLevel {
    /// Every accepted spelling in lower case, canonical names first.
    pub const NAMES: [&'static str; 12] = [
        "single", "stripe", "mirror", "raid10", "raidz1", "raidz2", "raidz3", "draid1", "draid2",
        "draid3", "raidz", "draid",
    ];

    /// The fewest disks that make sense: stricter than ZFS, the same as Proxmox
    /// (pve-storage `PVE/API2/Disks/ZFS.pm`).
    pub fn minimum_disks(self) -> usize {
        match self {
            Self::Single => 1,
            Self::Stripe => 1,
            Self::Mirror => 2,
            Self::Raid10 => 4,
            Self::Raidz(parity) | Self::Draid(parity) => usize::from(parity) + 2,
        }
    }

    /// How many disks of one vdev may die without losing data.
    pub fn redundancy(self, disks: usize) -> usize {
        match self {
            Self::Single | Self::Stripe => 0,
            Self::Mirror => disks.saturating_sub(1),
            Self::Raid10 => 1,
            Self::Raidz(parity) | Self::Draid(parity) => usize::from(parity),
        }
    }

    /// The keyword that `zpool create` puts before the disks, if it needs one.
    pub fn keyword(self) -> Option<String> {
        match self {
            Self::Single | Self::Stripe => None,
            Self::Mirror | Self::Raid10 => Some("mirror".to_owned()),
            Self::Raidz(parity) => Some(format!("raidz{parity}")),
            Self::Draid(parity) => Some(format!("draid{parity}")),
        }
    }
}

impl FromStr for RaidLevel {
    type Err = UnknownRaidLevel;

    /// Accepts any case: the incumbent's files say `mirror` and `RAIDZ1`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "single" => Ok(Self::Single),
            "stripe" => Ok(Self::Stripe),
            "mirror" => Ok(Self::Mirror),
            "raid10" => Ok(Self::Raid10),
            "raidz" | "raidz1" => Ok(Self::Raidz(1)),
            "raidz2" => Ok(Self::Raidz(2)),
            "raidz3" => Ok(Self::Raidz(3)),
            "draid" | "draid1" => Ok(Self::Draid(1)),
            "draid2" => Ok(Self::Draid(2)),
            "draid3" => Ok(Self::Draid(3)),
            _ => Err(UnknownRaidLevel(text.to_owned())),
        }
    }
}

impl fmt::Display for RaidLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Single => f.write_str("single"),
            Self::Stripe => f.write_str("stripe"),
            Self::Mirror => f.write_str("mirror"),
            Self::Raid10 => f.write_str("raid10"),
            Self::Raidz(parity) => write!(f, "raidz{parity}"),
            Self::Draid(parity) => write!(f, "draid{parity}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_in_any_case_and_names_itself() {
        for name in RaidLevel::NAMES {
            let level: RaidLevel = name.to_uppercase().parse().unwrap();
            let canonical = level.to_string();
            assert_eq!(canonical.parse::<RaidLevel>().unwrap(), level, "{name}");
        }
        for bad in ["raidz9", "raid5", "", "mirror ", "raidz0"] {
            assert_eq!(
                bad.parse::<RaidLevel>(),
                Err(UnknownRaidLevel(bad.to_owned()))
            );
        }
    }

    #[test]
    fn minimum_disks_leave_room_for_data() {
        for name in RaidLevel::NAMES {
            let level: RaidLevel = name.parse().unwrap();
            let disks = level.minimum_disks();
            assert!(level.redundancy(disks) < disks, "{name}");
        }
    }
}
