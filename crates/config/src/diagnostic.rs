//! Diagnostics: what is wrong with a file, where, and what to do about it.
//!
//! Owns the data and its order. Drawing is done by whoever shows them; which bytes a pointer
//! stands for is `source`'s business, and which codes exist is `code`'s.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::pointer::Pointer;

/// How serious a diagnostic is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It can never work; nothing will be done.
    Error,
    /// It works and hurts.
    Warning,
    /// Worth knowing.
    Note,
}

/// A problem found by a rule, before its places are turned into bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which rule.
    pub code: Code,
    /// How serious.
    pub severity: Severity,
    /// One clear sentence, without the place.
    pub message: String,
    /// The way out.
    pub help: String,
    /// Where; the first place is the main one.
    pub places: Vec<Place>,
}

/// A place in the file that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The value.
    pub pointer: Pointer,
    /// Which bytes of it.
    pub part: Part,
    /// What stands there, in a few words.
    pub message: String,
}

/// Which bytes of a value a place means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The member's name. A list item has none: there it is the opening bracket of an object or
    /// list, and otherwise the value.
    Key,
    /// The whole value.
    Value,
    /// The first occurrence of this text inside a string value, or the element with this text of a
    /// list of strings; the whole value when the text is not to be found there literally. Historic
    /// files pack several things into one string.
    Within(String),
}

impl Finding {
    /// An error.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, message)
    }

    /// A warning.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, message)
    }

    fn new(code: Code, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            message: message.into(),
            help: String::new(),
            places: Vec::new(),
        }
    }

    /// Adds the way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// Adds a value as a place.
    #[must_use]
    pub fn at(self, pointer: &Pointer, message: impl Into<String>) -> Self {
        self.place(pointer, Part::Value, message)
    }

    /// Adds a member's name as a place.
    #[must_use]
    pub fn at_key(self, pointer: &Pointer, message: impl Into<String>) -> Self {
        self.place(pointer, Part::Key, message)
    }

    /// Adds a piece of a string as a place.
    #[must_use]
    pub fn within(self, pointer: &Pointer, text: &str, message: impl Into<String>) -> Self {
        self.place(pointer, Part::Within(text.to_owned()), message)
    }

    fn place(mut self, pointer: &Pointer, part: Part, message: impl Into<String>) -> Self {
        self.places.push(Place {
            pointer: pointer.clone(),
            part,
            message: message.into(),
        });
        self
    }
}

/// A problem with exact places, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Which rule; `phoenix explain` knows it.
    pub code: Code,
    /// How serious.
    pub severity: Severity,
    /// One clear sentence.
    pub message: String,
    /// The way out.
    pub help: String,
    /// Where; the first label is the main one.
    pub labels: Vec<Label>,
}

/// A place in the file, in bytes and for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Label {
    /// The value's address; empty for the whole document and for text that is not JSON.
    pub pointer: Pointer,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// Distance from the start of the file in bytes.
    pub offset: usize,
    /// Length in bytes.
    pub length: usize,
    /// What stands there, in a few words.
    pub message: String,
}
