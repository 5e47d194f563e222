//! `zfs.pools`.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::{List, Properties, Scalar, scalar};

/// A ZFS pool.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Pool {
    /// The pool's name.
    #[schemars(required, extend("examples" = ["quickOS"]))]
    pub(crate) name: Option<String>,
    /// How `disks` are arranged: `single`, `stripe`, `mirror`, `raid10`, `raidz1` to `raidz3`,
    /// `draid1` to `draid3`, in any case. `raid10` makes mirrors of two from the disks in order.
    #[schemars(extend("examples" = ["mirror", "single", "raidz1"]))]
    pub(crate) raid_level: Option<String>,
    /// The disks: paths under /dev/disk/by-id/, or bare names from there. `phoenix disks` lists
    /// them.
    #[schemars(extend("examples" = [["/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_2TB_S1"]]))]
    pub(crate) disks: List<String>,
    /// Several groups of disks, instead of `raid_level` and `disks`.
    pub(crate) vdevs: List<Vdev>,
    /// Vdevs for metadata and small blocks. A disk by itself is a vdev without redundancy.
    pub(crate) special: List<VdevItem>,
    /// Vdevs for the intent log. A disk by itself is a vdev without redundancy.
    pub(crate) log: List<VdevItem>,
    /// Read cache devices.
    pub(crate) cache: List<String>,
    /// Hot spares.
    pub(crate) spares: List<String>,
    /// log2 of the smallest block that the pool writes, in bytes. Default 12, which is 4096 bytes.
    /// It cannot be changed later.
    #[schemars(range(min = 9, max = 16), extend("examples" = [12]))]
    pub(crate) ashift: Option<u8>,
    /// Pool properties. `autotrim` is `on` unless it is set here.
    #[schemars(extend("examples" = [{"autotrim": "on"}]))]
    pub(crate) properties: Option<Properties>,
    /// Properties of the pool's root dataset, which its datasets inherit. `compression` is `lz4`
    /// and `atime` is `off` unless they are set here.
    #[schemars(extend("examples" = [{"compression": "lz4", "atime": "off"}]))]
    pub(crate) root_properties: Option<Properties>,
    /// Size of each data disk in bytes, or with a unit: lets `phoenix validate` compare quotas
    /// with the disks without a host.
    #[serde(default)]
    #[schemars(schema_with = "scalar::size_schema", extend("examples" = [2000398934016u64]))]
    pub(crate) disk_size: Option<Scalar>,
}

/// A group of disks.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Vdev {
    /// How the disks are arranged; the same words as in the pool.
    #[schemars(required, extend("examples" = ["mirror"]))]
    pub(crate) raid_level: Option<String>,
    /// The disks: paths under /dev/disk/by-id/, or bare names from there.
    #[schemars(required)]
    pub(crate) disks: List<String>,
}

/// A group of disks, or one disk by itself.
#[derive(Debug)]
pub(crate) enum VdevItem {
    /// One disk.
    Disk(String),
    /// A group.
    Vdev(Vdev),
}

impl<'de> Deserialize<'de> for VdevItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(VdevItemVisitor)
    }
}

struct VdevItemVisitor;

impl<'de> Visitor<'de> for VdevItemVisitor {
    type Value = VdevItem;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a disk or an object with raid_level and disks")
    }

    fn visit_str<E>(self, value: &str) -> Result<VdevItem, E> {
        Ok(VdevItem::Disk(value.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<VdevItem, A::Error> {
        Vdev::deserialize(MapAccessDeserializer::new(map)).map(VdevItem::Vdev)
    }
}

impl JsonSchema for VdevItem {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "VdevItem".into()
    }

    /// The schema of a vdev that also lets text pass: every keyword but `type` speaks of objects
    /// only, so that a mistake inside the object is reported where it is.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Vdev::json_schema(generator);
        schema.insert("type".into(), serde_json::json!(["object", "string"]));
        let description = "A group of disks, or one disk by itself.";
        schema.insert("description".into(), description.into());
        schema
    }
}
