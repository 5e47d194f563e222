//! Where the value of a property comes from.

use std::fmt;
use std::str::FromStr;

/// Before the name of the dataset that has the value.
const INHERITED: &str = "inherited from ";

/// Where the value of a property comes from, as `zfs get` and `zpool get` tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Somebody set it here: `local`.
    Local,
    /// Nobody set it: `default`.
    Default,
    /// It came with `zfs receive`: `received`.
    Received,
    /// An option of the mount has it so, until the next one: `temporary`.
    Temporary,
    /// The dataset above that has it: `inherited from NAME`.
    Inherited(String),
    /// ZFS computes the property, or fixed it when the dataset was made: `-`.
    None,
}

/// Text that is no source of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a source that ZFS names")]
pub struct UnknownSource;

crate::as_text!(Source);

impl Source {
    /// Whether the value is set on the dataset or pool itself, by somebody or by what it was
    /// received with.
    pub fn is_own(&self) -> bool {
        matches!(self, Self::Local | Self::Received)
    }
}

impl FromStr for Source {
    type Err = UnknownSource;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "local" => Self::Local,
            "default" => Self::Default,
            "received" => Self::Received,
            "temporary" => Self::Temporary,
            "-" => Self::None,
            _ => Self::Inherited(
                text.strip_prefix(INHERITED)
                    .ok_or(UnknownSource)?
                    .to_owned(),
            ),
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local"),
            Self::Default => f.write_str("default"),
            Self::Received => f.write_str("received"),
            Self::Temporary => f.write_str("temporary"),
            Self::Inherited(from) => write!(f, "{INHERITED}{from}"),
            Self::None => f.write_str("-"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_as_they_are_read() {
        for text in [
            "local",
            "default",
            "received",
            "temporary",
            "-",
            "inherited from tank/a b",
        ] {
            assert_eq!(text.parse::<Source>().unwrap().to_string(), text);
        }
        for other in ["", "Local", "inherited", "inherited from"] {
            assert_eq!(other.parse::<Source>(), Err(UnknownSource), "{other:?}");
        }
    }
}
