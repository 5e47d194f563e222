//! Values that may be written as text or as a number, such as sizes and container ids.

use std::fmt;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Visitor};

/// A text, number or boolean.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar {
    /// Text in double quotes.
    Text(String),
    /// A whole number that is not negative.
    Integer(u64),
    /// Any other number, as serde_json prints it.
    Number(String),
    /// `true` or `false`.
    Boolean(bool),
}

impl Scalar {
    /// The value as ZFS reads it on a command line: booleans are `on` and `off`.
    pub(crate) fn word(&self) -> String {
        self.clone().into_word()
    }

    /// As [`Self::word`].
    pub(crate) fn into_word(self) -> String {
        match self {
            Self::Text(text) | Self::Number(text) => text,
            Self::Integer(number) => number.to_string(),
            Self::Boolean(true) => "on".to_owned(),
            Self::Boolean(false) => "off".to_owned(),
        }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, true or false")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar::Boolean(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Scalar, E> {
        Ok(Scalar::Integer(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Scalar, E> {
        Ok(
            u64::try_from(value)
                .map_or_else(|_| Scalar::Number(value.to_string()), Scalar::Integer),
        )
    }

    fn visit_f64<E>(self, value: f64) -> Result<Scalar, E> {
        Ok(Scalar::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Scalar, E> {
        Ok(Scalar::Text(value))
    }
}

/// A size in bytes.
pub(super) fn size_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["string", "integer"], "minimum": 0})
}

/// A whole number that may be written as text.
pub(super) fn id_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["integer", "string"], "minimum": 0})
}
