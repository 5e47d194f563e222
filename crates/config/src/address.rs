//! Stable names of everything that a configuration declares.
//!
//! An address is what diagnostics, plans, graphs, journals and `--target` call an object. Owns the
//! spelling only; which objects exist is the model's business.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The stable name of one declared object, such as `dataset:quickOS/vm-disks`.
///
/// The order of the variants is the order in which a host is built, so sorted addresses read
/// naturally.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// The limit of the ZFS read cache: `host:arc`.
    Arc,
    /// When the NFS server starts: `host:nfs`.
    Nfs,
    /// A pool: `pool:quickOS`.
    Pool(String),
    /// A dataset by its full name: `dataset:quickOS/vm-disks`.
    Dataset(String),
    /// Owner, group and mode of a dataset's root directory: `permissions:quickOS/data`.
    Permissions(String),
    /// A Proxmox storage by its id: `storage:quickOS-vm-disks`.
    Storage(String),
    /// An NFS export by its path: `export:/quickOS/data`.
    Export(String),
    /// A bind mount by container and target: `mount:101:/data`.
    Mount {
        /// The container's numeric id.
        container: u32,
        /// The path inside the container.
        target: String,
    },
}

/// Text that is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is not an address: expected host:arc, host:nfs, pool:NAME, dataset:POOL/NAME, \
     permissions:POOL/NAME, storage:ID, export:/PATH or mount:CONTAINER:/TARGET"
)]
pub struct AddressError(pub String);

impl Address {
    /// The word before the first colon: `host`, `pool`, `dataset`, `permissions`, `storage`,
    /// `export` or `mount`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Arc | Self::Nfs => "host",
            Self::Pool(_) => "pool",
            Self::Dataset(_) => "dataset",
            Self::Permissions(_) => "permissions",
            Self::Storage(_) => "storage",
            Self::Export(_) => "export",
            Self::Mount { .. } => "mount",
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Self::Arc => f.write_str("host:arc"),
            Self::Nfs => f.write_str("host:nfs"),
            Self::Pool(name)
            | Self::Dataset(name)
            | Self::Permissions(name)
            | Self::Storage(name)
            | Self::Export(name) => write!(f, "{kind}:{name}"),
            Self::Mount { container, target } => write!(f, "{kind}:{container}:{target}"),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || AddressError(text.to_owned());
        let (kind, rest) = text.split_once(':').ok_or_else(error)?;
        if rest.is_empty() {
            return Err(error());
        }
        let name = || rest.to_owned();
        match kind {
            "host" if rest == "arc" => Ok(Self::Arc),
            "host" if rest == "nfs" => Ok(Self::Nfs),
            "pool" => Ok(Self::Pool(name())),
            "dataset" => Ok(Self::Dataset(name())),
            "permissions" => Ok(Self::Permissions(name())),
            "storage" => Ok(Self::Storage(name())),
            "export" => Ok(Self::Export(name())),
            "mount" => {
                let (container, target) = rest.split_once(':').ok_or_else(error)?;
                let container = container.parse().map_err(|_| error())?;
                Ok(Self::Mount {
                    container,
                    target: target.to_owned(),
                })
            }
            _ => Err(error()),
        }
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Address {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Address".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "The stable name of one declared object, such as dataset:quickOS/vm-disks.",
            "pattern": "^(host:(arc|nfs)|(pool|dataset|permissions|storage|export):.+|mount:[0-9]+:.*)$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_back_as_they_are_written() {
        for text in [
            "host:arc",
            "pool:quickOS",
            "dataset:quickOS/vm-disks",
            "permissions:quickOS/shared-prod-data",
            "storage:quickOS-vm-disks",
            "export:/quickOS/shared-prod-data",
            "mount:101:/data",
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
        for bad in [
            "",
            "pool",
            "pool:",
            "host:x",
            "mount:x:/data",
            "mount:101",
            "disk:a",
        ] {
            assert_eq!(
                bad.parse::<Address>(),
                Err(AddressError(bad.to_owned())),
                "{bad}"
            );
        }
    }
}
