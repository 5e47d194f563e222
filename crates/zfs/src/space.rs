//! How much of a pool's disks can be used.

use crate::layout::RaidLevel;

/// One top-level data vdev, or for [`RaidLevel::Stripe`] several single disks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataVdev {
    /// How the disks are arranged.
    pub level: RaidLevel,
    /// The sizes of the disks in bytes.
    pub disk_sizes: Vec<u64>,
}
