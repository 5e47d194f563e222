//! What a top-level vdev is for.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a top-level vdev is for, in the order in which `zpool create` is given them.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum VdevClass {
    /// Data.
    Data,
    /// Metadata and small blocks.
    Special,
    /// Deduplication tables.
    Dedup,
    /// The intent log.
    Log,
    /// Read cache.
    Cache,
    /// Hot spare.
    Spare,
}

impl VdevClass {
    /// The word that `zpool create` puts before vdevs of this class; data has none.
    pub fn keyword(self) -> Option<&'static str> {
        match self {
            Self::Data => None,
            Self::Special => Some("special"),
            Self::Dedup => Some("dedup"),
            Self::Log => Some("log"),
            Self::Cache => Some("cache"),
            Self::Spare => Some("spare"),
        }
    }

    /// The word for it: `data`, or the keyword.
    pub fn as_str(self) -> &'static str {
        self.keyword().unwrap_or("data")
    }
}

impl fmt::Display for VdevClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
