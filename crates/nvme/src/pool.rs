//! Pools and what a drive means to them: what is left when it dies, and whether the drives that
//! back each other up will die together.
//!
//! The facts come in as plain data, from whoever has read `zpool status`.

mod judge;

use jiff::civil::DateTime;
use phoenix_zfs::vdev::VdevClass;
use schemars::JsonSchema;
use serde::Serialize;

use crate::trim::{Trim, Trimmed};

pub use judge::judge;

/// An imported pool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolFacts {
    /// Its name.
    pub name: String,
    /// ZFS's word for its health, such as `ONLINE`.
    pub health: String,
    /// The pool property `autotrim`, when it was read.
    pub autotrim: Option<bool>,
    /// The pool property `ashift`, when it was read and is not 0.
    pub ashift: Option<u8>,
    /// What it has trimmed, when that was read.
    pub trimmed: Option<Trimmed>,
    /// Its top-level vdevs, in ZFS's order.
    pub vdevs: Vec<VdevFacts>,
}

impl PoolFacts {
    /// When the last trim by hand came to its end, in the host's local time.
    pub fn last_trim(&self) -> Option<DateTime> {
        let members = self.vdevs.iter().flat_map(|vdev| &vdev.members);
        let ended = members.filter_map(|member| match member.trim {
            Some(Trim::Completed(time)) => Some(time),
            _ => None,
        });
        ended.max()
    }
}

/// A top-level vdev.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VdevFacts {
    /// What it is for.
    pub class: VdevClass,
    /// The part of ZFS's name before the number: `disk`, `mirror`, `raidz1`, `draid2:4d:6c:0s` ...
    pub kind: String,
    /// Its name as ZFS prints it, such as `mirror-0`; the disk's own for a single disk.
    pub name: String,
    /// Its disks.
    pub members: Vec<Member>,
}

/// A disk of a vdev.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The kernel's name of the disk (`nvme0n1`); what ZFS prints if the disk is gone.
    pub disk: String,
    /// ZFS's word for its state, such as `ONLINE`.
    pub state: String,
    /// What is known about TRIM on it.
    pub trim: Option<Trim>,
}

impl Member {
    /// Whether it does its work; a spare is fine when it waits and when it stands in.
    pub fn works(&self) -> bool {
        matches!(self.state.as_str(), "ONLINE" | "AVAIL" | "INUSE")
    }
}

/// What the death of one drive would cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Loss {
    /// A spare: protection only.
    Spare,
    /// Read cache: speed only.
    Cache,
    /// The pool goes on.
    Redundancy {
        /// So many more drives of the vdev may die after it.
        further: usize,
    },
    /// The intent log: what was written synchronously in the last seconds, if power fails as well.
    Log,
    /// The whole pool.
    Pool,
}

impl Loss {
    /// The consequence as a sentence, after "if it dies".
    pub fn sentence(self, pool: &str) -> String {
        match self {
            Self::Spare => format!("{pool} has one spare less"),
            Self::Cache => format!("{pool} goes on, with less read cache"),
            Self::Redundancy { further: 0 } => format!("{pool} goes on without redundancy"),
            Self::Redundancy { further } => format!("{pool} goes on and survives {further} more"),
            Self::Log => {
                format!("{pool} goes on; its last synchronous writes are lost if power fails too")
            }
            Self::Pool => format!("{pool} is lost"),
        }
    }
}

impl VdevFacts {
    /// Whether the pool is lost with the vdev.
    fn carries_the_pool(&self) -> bool {
        matches!(
            self.class,
            VdevClass::Data | VdevClass::Special | VdevClass::Dedup
        )
    }

    /// How many of its disks may die when all of them work.
    pub fn tolerance(&self) -> usize {
        let digit = |prefix: &str| {
            let rest = self.kind.strip_prefix(prefix)?;
            let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
            Some(digits.parse().unwrap_or(1))
        };
        match self.kind.as_str() {
            "mirror" => self.members.len().saturating_sub(1),
            _ => digit("raidz").or_else(|| digit("draid")).unwrap_or(0),
        }
    }

    /// How many more of its disks may die now.
    pub fn survives(&self) -> usize {
        let failed = self.members.iter().filter(|member| !member.works()).count();
        self.tolerance().saturating_sub(failed)
    }

    /// What the death of one of its working disks would cost.
    pub fn loss(&self) -> Loss {
        match (self.class, self.survives()) {
            (VdevClass::Spare, _) => Loss::Spare,
            (VdevClass::Cache, _) => Loss::Cache,
            (VdevClass::Log, 0) => Loss::Log,
            (_, 0) => Loss::Pool,
            (_, survives) => Loss::Redundancy {
                further: survives - 1,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vdev(class: VdevClass, kind: &str, states: &[&str]) -> VdevFacts {
        let member = |state: &&str| Member {
            disk: "nvme0n1".to_owned(),
            state: (*state).to_owned(),
            trim: None,
        };
        VdevFacts {
            class,
            kind: kind.to_owned(),
            name: "vdev".to_owned(),
            members: states.iter().map(member).collect(),
        }
    }

    #[test]
    fn what_is_left_depends_on_level_and_on_who_is_gone_already() {
        const ON: &str = "ONLINE";
        let redundancy = |further| Loss::Redundancy { further };
        let cases: [(VdevClass, &str, &[&str], Loss); 13] = [
            (VdevClass::Data, "disk", &[ON], Loss::Pool),
            (VdevClass::Data, "mirror", &[ON, ON], redundancy(0)),
            (VdevClass::Data, "mirror", &[ON, "FAULTED"], Loss::Pool),
            (VdevClass::Data, "mirror", &[ON, ON, ON], redundancy(1)),
            (VdevClass::Data, "raidz1", &[ON, ON, ON], redundancy(0)),
            (
                VdevClass::Data,
                "raidz2",
                &[ON, ON, ON, "REMOVED"],
                redundancy(0),
            ),
            (VdevClass::Data, "raidz3", &[ON, ON, ON, ON], redundancy(2)),
            (VdevClass::Data, "draid2:4d:8c:0s", &[ON; 8], redundancy(1)),
            (VdevClass::Special, "disk", &[ON], Loss::Pool),
            (VdevClass::Log, "disk", &[ON], Loss::Log),
            (VdevClass::Log, "mirror", &[ON, ON], redundancy(0)),
            (VdevClass::Cache, "disk", &[ON], Loss::Cache),
            (VdevClass::Spare, "disk", &["AVAIL"], Loss::Spare),
        ];
        for (class, kind, states, expected) in cases {
            assert_eq!(
                vdev(class, kind, states).loss(),
                expected,
                "{class:?} {kind} {states:?}"
            );
        }
    }
}
