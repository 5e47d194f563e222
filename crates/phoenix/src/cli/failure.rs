//! Why a command ends early: one sentence, the way out, and a code.

use std::error::Error;

use phoenix::code::EndCode;

/// A command could not go on.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Why, for programs; it also says what the process ends with.
    pub(crate) code: EndCode,
    /// One sentence with its reasons, outermost first.
    pub(crate) message: String,
    /// The way out.
    pub(crate) help: Option<String>,
}

impl Failure {
    /// A failure in its own words.
    pub(crate) fn new(code: EndCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            help: None,
        }
    }

    /// A failure in the words of an error and of everything that caused it.
    pub(crate) fn from_error(code: EndCode, error: &dyn Error) -> Self {
        Self::new(code, with_causes(error))
    }

    /// Puts what was being done before the reason.
    #[must_use]
    pub(crate) fn of(mut self, doing: impl std::fmt::Display) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }

    /// Adds the way out.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// An error followed by its causes, joined with colons. Errors do not repeat their causes
/// themselves.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
