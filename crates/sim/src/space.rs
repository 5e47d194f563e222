//! Space accounting of simulated pools: used, available, and which limits can be set.
//!
//! Follows `dsl_dir.c` of OpenZFS 2.3 as far as quotas and reservations go. Snapshots, copies and
//! compression do not exist here.

use super::state::{Dataset, State};

/// A `zfs create` of a file system takes this much on a mirror or single disk with 4 KiB sectors.
pub(super) const FILESYSTEM_BYTES: u64 = 24_576;
/// The same for a volume.
pub(super) const VOLUME_BYTES: u64 = 12_288;

/// Why a limit cannot be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoSpace {
    /// A quota below what is used or reserved.
    BelowUsed,
    /// A reservation above what is left.
    AboveAvailable,
}

impl NoSpace {
    /// What `zfs set` says.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::BelowUsed => "size is less than current used or reserved space",
            Self::AboveAvailable => "size is greater than available space",
        }
    }
}

impl State {
    /// Bytes that a dataset and its descendants take, reservations included.
    pub(super) fn used(&self, name: &str) -> u64 {
        let Some(dataset) = self.datasets.get(name) else {
            return 0;
        };
        dataset
            .referenced
            .saturating_add(dataset.unused_refreservation())
            .saturating_add(self.datasets.used_by_children(name))
    }

    /// What `zfs get available` shows.
    pub(super) fn available(&self, name: &str) -> u64 {
        let Some(dataset) = self.datasets.get(name) else {
            return 0;
        };
        let left = self
            .directory_available(name)
            .saturating_add(dataset.unused_refreservation());
        match dataset.number("refquota") {
            0 => left,
            limit => left.min(limit.saturating_sub(dataset.referenced)),
        }
    }

    /// Whether the kernel would take a new value of one of the four limits.
    pub(super) fn check_limit(&self, name: &str, property: &str, new: u64) -> Result<(), NoSpace> {
        let Some(dataset) = self.datasets.get(name) else {
            return Ok(());
        };
        match property {
            "quota" if new > 0 => {
                let floor = self.used(name).max(dataset.number("reservation"));
                require(new >= floor, NoSpace::BelowUsed)
            }
            "refquota" if new > 0 => {
                let floor = dataset.referenced.max(dataset.number("refreservation"));
                require(new >= floor, NoSpace::BelowUsed)
            }
            "reservation" => {
                let used = self.used(name);
                let before = used.max(dataset.number("reservation"));
                let more = used.max(new).saturating_sub(before);
                let quota = dataset.number("quota");
                let left = match name.rsplit_once('/') {
                    Some((parent, _)) => self.directory_available(parent),
                    None => self.directory_available(name),
                };
                require(
                    more <= left && (quota == 0 || new <= quota),
                    NoSpace::AboveAvailable,
                )
            }
            "refreservation" => {
                let before = dataset.referenced.max(dataset.number("refreservation"));
                let more = dataset.referenced.max(new).saturating_sub(before);
                let limit = dataset.number("refquota");
                require(
                    more <= self.directory_available(name) && (limit == 0 || new <= limit),
                    NoSpace::AboveAvailable,
                )
            }
            _ => Ok(()),
        }
    }

    /// `dsl_dir_space_available`: the tightest quota on the way up, and the pool.
    fn directory_available(&self, name: &str) -> u64 {
        let Some(dataset) = self.datasets.get(name) else {
            return 0;
        };
        let used = self.used(name);
        let own = match dataset.number("quota") {
            0 => u64::MAX,
            quota => quota.saturating_sub(used),
        };
        let above = match name.rsplit_once('/') {
            Some((parent, _)) => {
                let promised = dataset.number("reservation").saturating_sub(used);
                self.directory_available(parent).saturating_add(promised)
            }
            None => self
                .pool_of(name)
                .map_or(0, |pool| pool.usable.saturating_sub(used)),
        };
        own.min(above)
    }
}

/// What a volume of this size reserves for itself unless it is sparse
/// (`zvol_volsize_to_reservation`): its data and its indirect blocks, uncompressed, twice.
/// Padding on RAID-Z is not counted.
pub(super) fn volume_reservation(size: u64, block_size: u64) -> u64 {
    const POINTERS_PER_BLOCK: u64 = 1024;
    const INDIRECT_BLOCK: u64 = 131_072;
    let mut level = size / block_size.max(1);
    let mut indirect = 7;
    while level > 1 {
        level = level.div_ceil(POINTERS_PER_BLOCK);
        indirect += level;
    }
    size.saturating_add(indirect * 2 * INDIRECT_BLOCK)
}

impl Dataset {
    /// The part of a `refreservation` that data do not fill yet.
    pub(super) fn unused_refreservation(&self) -> u64 {
        self.number("refreservation")
            .saturating_sub(self.referenced)
    }

    /// A limit of its own in bytes, 0 if it has none.
    pub(super) fn number(&self, property: &str) -> u64 {
        self.properties
            .get(property)
            .and_then(|setting| setting.value.parse().ok())
            .unwrap_or(0)
    }
}

fn require(holds: bool, otherwise: NoSpace) -> Result<(), NoSpace> {
    if holds { Ok(()) } else { Err(otherwise) }
}
