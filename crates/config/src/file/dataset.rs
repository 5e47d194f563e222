//! `zfs.datasets`, and what a dataset carries: properties and permissions.

use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::{List, Scalar, Storage, scalar};

/// A ZFS file system or volume.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Dataset {
    /// The pool that holds it.
    #[schemars(extend("examples" = ["quickOS"]))]
    pub(crate) pool: Option<String>,
    /// The name below the pool; may have several components. The parent must be declared too, or
    /// be the pool itself.
    #[schemars(required, extend("examples" = ["vm-disks", "data/models"]))]
    pub(crate) name: Option<String>,
    /// File system (the default) or volume. It cannot be changed later.
    #[serde(rename = "type")]
    pub(crate) kind: Option<DatasetType>,
    /// Size of a volume in bytes, or with a unit. It can grow later, not shrink.
    #[serde(default)]
    #[schemars(schema_with = "scalar::size_schema", extend("examples" = ["32G"]))]
    pub(crate) volsize: Option<Scalar>,
    /// Whether a volume reserves no space. Default false.
    pub(crate) sparse: Option<bool>,
    /// ZFS properties by name. Only those named here are ever set or compared.
    #[schemars(extend("examples" = [{"recordsize": "128K", "quota": "800G"}]))]
    pub(crate) properties: Option<Properties>,
    /// Where it is mounted: an absolute path, `none` or `legacy`. Default: inherited, that is
    /// /POOL/NAME unless a parent says otherwise.
    #[schemars(extend("examples" = ["/srv/data"]))]
    pub(crate) mountpoint: Option<String>,
    /// Free text for people.
    pub(crate) description: Option<String>,
    /// Owner, group and mode of the mounted directory. What is inside is left alone.
    pub(crate) permissions: Option<Permissions>,
    /// The Proxmox storage that stands on the dataset.
    pub(crate) storage: Option<Storage>,
    /// Historic: the storage's type. Write `storage.type`.
    #[schemars(extend("deprecated" = true))]
    pub(crate) proxmox_storage_type: Option<String>,
    /// Historic: the storage's content, separated by commas. Write `storage.content`.
    #[schemars(extend("deprecated" = true))]
    pub(crate) proxmox_content_type: Option<String>,
    /// Historic: without effect. Remove it.
    #[schemars(extend("deprecated" = true))]
    pub(crate) storage_class: Option<String>,
}

/// What a dataset is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DatasetType {
    /// Files and directories.
    Filesystem,
    /// A block device (zvol).
    Volume,
}

/// ZFS properties by name.
#[derive(Debug)]
pub(crate) enum Properties {
    /// `{"quota": "800G"}`
    Map(BTreeMap<String, Option<Scalar>>),
    /// Historic: `"quota=800G,sync=always"`
    Text(String),
}

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PropertiesVisitor)
    }
}

struct PropertiesVisitor;

impl<'de> Visitor<'de> for PropertiesVisitor {
    type Value = Properties;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of properties")
    }

    fn visit_str<E>(self, value: &str) -> Result<Properties, E> {
        Ok(Properties::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Properties, E> {
        Ok(Properties::Text(value))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Properties, A::Error> {
        BTreeMap::deserialize(MapAccessDeserializer::new(map)).map(Properties::Map)
    }
}

impl JsonSchema for Properties {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Properties".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["object", "string"],
            "description": "ZFS properties by name, with values as `zfs set` takes them; true and \
                            false mean on and off. Text such as \"quota=800G,sync=always\" is the \
                            historic form.",
            "additionalProperties": {"type": ["string", "number", "boolean"]},
            "errorMessage": "write an object, such as {\"quota\": \"800G\", \"sync\": \"always\"}",
        })
    }
}

/// Owner, group and mode of a directory.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Permissions {
    /// The owner: a name or a number. Default: left alone.
    #[serde(default)]
    #[schemars(schema_with = "scalar::id_schema", extend("examples" = [100000, "root"]))]
    pub(crate) owner: Option<Scalar>,
    /// The group: a name or a number. Default: left alone.
    #[serde(default)]
    #[schemars(schema_with = "scalar::id_schema", extend("examples" = [100000, "root"]))]
    pub(crate) group: Option<Scalar>,
    /// The permission bits as octal digits in quotes. Default: left alone.
    #[schemars(
        regex(pattern = "^[0-7]{3,4}$"),
        extend(
            "examples" = ["2775", "0750"],
            "errorMessage" = "write three or four octal digits in quotes, such as \"0770\" or \"2775\": JSON numbers are decimal, so 770 would mean mode 1402",
        )
    )]
    pub(crate) mode: Option<String>,
    /// Whose numbers `owner` and `group` are: the host's (the default), or those seen inside the
    /// containers that mount the dataset.
    pub(crate) ids: Option<Ids>,
    /// The container whose numbers are meant with `"ids": "container"`. Needed only when several
    /// containers mount the dataset and map their ids differently.
    #[schemars(range(min = 100, max = 999_999_999), extend("examples" = [101]))]
    pub(crate) container: Option<u32>,
    /// Whether everything below the directory gets the same owner, group and mode. Child datasets
    /// and symbolic links are not followed; files get the mode without set-id and sticky bits, and
    /// are executable only if they were. Default: false, only the directory itself.
    pub(crate) recursive: Option<bool>,
    /// Entries of the directory's POSIX ACL, as setfacl(1) takes them, with `default:` before those
    /// that new files get. Entries that are not listed are left alone. Needs `mode`, and
    /// `acltype=posixacl` on the dataset.
    #[schemars(extend("examples" = [["group:101001:rwx", "default:group:101001:rwx"]]))]
    pub(crate) acl: List<String>,
}

/// Whose user and group numbers are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Ids {
    /// The host's.
    Host,
    /// Those inside the containers.
    Container,
}
