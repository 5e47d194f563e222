//! What a property has, as ZFS stores it.
//!
//! Owns the one typed form of a value and its text. The text of ZFS is read where it comes in and
//! written where it goes out; in between nobody has to read it again.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// The value of a property, as `zfs get -p` and `zpool get -p` print it.
///
/// Every text has exactly one value and every value exactly one text, so values are equal when
/// their texts are.
///
/// ```
/// use phoenix_zfs::property::Value;
/// assert_eq!(Value::from("1073741824"), Value::Number(1 << 30));
/// assert_eq!(Value::from("on"), Value::Switch(true));
/// assert_eq!(Value::from("/srv/data").word(), Some("/srv/data"));
/// assert_eq!(Value::from("007").number(), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A number: bytes, or how many.
    Number(u64),
    /// `on` or `off`.
    Switch(bool),
    /// `none`.
    None,
    /// Anything else: a word, a path, free text, `-` for what is not set. Made by [`From`] only, so
    /// that it is never the text of one of the others.
    #[non_exhaustive]
    Word(Box<str>),
}

crate::as_text!(Value);

impl Value {
    /// The number; `None` for anything else.
    pub fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Switch(_) | Self::None | Self::Word(_) => None,
        }
    }

    /// The text, unless it is a number.
    pub fn word(&self) -> Option<&str> {
        match self {
            Self::Number(_) => None,
            Self::Switch(true) => Some("on"),
            Self::Switch(false) => Some("off"),
            Self::None => Some("none"),
            Self::Word(word) => Some(word),
        }
    }

    /// The text, whatever it is.
    pub fn text(&self) -> Cow<'_, str> {
        match self.word() {
            Some(word) => Cow::Borrowed(word),
            None => Cow::Owned(self.to_string()),
        }
    }

    /// The value as a path; `None` for anything that does not begin with a slash.
    pub fn path(&self) -> Option<&str> {
        self.word().filter(|word| word.starts_with('/'))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        plain(text).unwrap_or_else(|| Self::Word(text.into()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        plain(&text).unwrap_or_else(|| Self::Word(text.into_boxed_str()))
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl FromStr for Value {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::from(text))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.word()) {
            (Self::Number(number), _) => write!(f, "{number}"),
            (_, word) => f.write_str(word.unwrap_or_default()),
        }
    }
}

impl PartialEq<str> for Value {
    fn eq(&self, text: &str) -> bool {
        match self {
            Self::Number(number) => whole(text) == Some(*number),
            _ => self.word() == Some(text),
        }
    }
}

impl PartialEq<&str> for Value {
    fn eq(&self, text: &&str) -> bool {
        *self == **text
    }
}

/// The value of a text that is no mere word.
fn plain(text: &str) -> Option<Value> {
    match text {
        "on" => Some(Value::Switch(true)),
        "off" => Some(Value::Switch(false)),
        "none" => Some(Value::None),
        _ => whole(text).map(Value::Number),
    }
}

/// A number in the one form in which numbers are written: without signs and zeros in front.
fn whole(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let first_counts = text == "0" || !text.starts_with('0');
    text.parse().ok().filter(|_| digits && first_counts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_kind_of_value_is_told_by_its_text() {
        let word = |text: &str| Value::Word(text.into());
        for (text, value) in [
            ("0", Value::Number(0)),
            ("18446744073709551615", Value::Number(u64::MAX)),
            ("on", Value::Switch(true)),
            ("off", Value::Switch(false)),
            ("none", Value::None),
            ("18446744073709551616", word("18446744073709551616")),
            ("007", word("007")),
            ("+7", word("+7")),
            ("-", word("-")),
            ("", word("")),
            ("On", word("On")),
            ("/srv/a b", word("/srv/a b")),
        ] {
            assert_eq!(Value::from(text), value);
            assert_eq!(value.to_string(), text);
            assert!(value == text && value.text() == text, "{text}");
            assert!(value != "another" && value != "00", "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_text_comes_back_as_it_was(text in "[0-9]{0,22}|on|off|none|.{0,8}") {
            prop_assert_eq!(Value::from(text.as_str()).to_string(), text.clone());
            prop_assert_eq!(Value::from(text.clone()), Value::from(&text));
        }
    }
}
