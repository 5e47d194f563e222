//! Why ZFS would refuse a property or a value.

use std::fmt;

use crate::size::{self, SizeError};

use super::DatasetType;

/// A property or a value that ZFS refuses. Each message reads on after the name of the property,
/// as in `property "quotaa" is unknown to ZFS` or `"compression" must be one of off, lz4`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PropertyError {
    /// No such property.
    #[error("is unknown to ZFS")]
    Unknown {
        /// The nearest name that exists, if one is near.
        suggestion: Option<String>,
    },
    /// ZFS computes it.
    #[error("is read-only")]
    ReadOnly,
    /// The dataset's type does not have it.
    #[error("does not apply to a {kind}")]
    WrongType {
        /// What the dataset is.
        kind: DatasetType,
    },
    /// Not one of the accepted words.
    #[error("must be one of {}", Words(allowed))]
    NotAllowed {
        /// The accepted words, in the order of ZFS's own message.
        allowed: Vec<&'static str>,
        /// The accepted word that was probably meant.
        suggestion: Option<&'static str>,
    },
    /// Not a size.
    #[error("{0}")]
    Size(SizeError),
    /// A block size that is not a power of two or out of range.
    #[error("must be a power of two from {} to {}", size::human(*min), size::human(*max))]
    NotPowerOfTwo {
        /// The smallest value in bytes.
        min: u64,
        /// The largest value in bytes.
        max: u64,
    },
    /// A limit of zero.
    #[error("cannot be 0, because ZFS writes \"no limit\" as `none`")]
    UseNone,
    /// Anything else.
    #[error("{reason}")]
    Invalid {
        /// Reads on after the name, as in `must be an absolute path`.
        reason: String,
        /// The way out.
        help: String,
    },
}

impl PropertyError {
    pub(super) fn invalid(reason: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Invalid {
            reason: reason.into(),
            help: help.into(),
        }
    }

    /// The way out.
    pub fn help(&self) -> String {
        match self {
            Self::Unknown {
                suggestion: Some(name),
            } => format!("did you mean `{name}`?"),
            Self::Unknown { suggestion: None } => {
                "see zfsprops(7) and zpoolprops(7); a property of your own has a colon in its \
                 name, such as site:owner"
                    .to_owned()
            }
            Self::ReadOnly => "remove it: ZFS computes this property".to_owned(),
            Self::WrongType {
                kind: DatasetType::Filesystem,
            } => "remove it, or declare the dataset with `\"type\": \"volume\"`".to_owned(),
            Self::WrongType {
                kind: DatasetType::Volume,
            } => "remove it: only file systems have this property".to_owned(),
            Self::NotAllowed {
                suggestion: Some(word),
                ..
            } => format!("did you mean `{word}`?"),
            Self::NotAllowed { .. } => {
                "use one of these words, spelt exactly: ZFS distinguishes upper and lower case"
                    .to_owned()
            }
            Self::Size(error) => error.help(),
            Self::NotPowerOfTwo { .. } => "use a power of two, such as 16K, 128K or 1M".to_owned(),
            Self::UseNone => "write `none`".to_owned(),
            Self::Invalid { help, .. } => help.clone(),
        }
    }
}

/// A list of words in which numbered runs (`gzip-1` to `gzip-9`) are drawn together.
struct Words<'a>(&'a [&'static str]);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        let mut separator = "";
        while let [first, tail @ ..] = rest {
            let run = match numbered(first) {
                Some(stem) => tail
                    .iter()
                    .take_while(|word| numbered(word) == Some(stem))
                    .count(),
                None => 0,
            };
            write!(f, "{separator}{first}")?;
            if let Some(last) = run.checked_sub(1).and_then(|index| tail.get(index)) {
                write!(f, " to {last}")?;
            }
            separator = ", ";
            rest = tail.get(run..).unwrap_or_default();
        }
        Ok(())
    }
}

/// `gzip` for `gzip-9`.
fn numbered(word: &str) -> Option<&str> {
    word.rsplit_once('-')
        .filter(|(_, number)| number.bytes().all(|byte| byte.is_ascii_digit()))
        .map(|(stem, _)| stem)
}
