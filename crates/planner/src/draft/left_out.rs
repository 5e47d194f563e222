//! What is not in a file.

/// Something of a host that a file does not state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// Its address, or a name for people.
    pub what: String,
    /// Why, as a sentence that goes on after a colon.
    pub why: String,
}

impl LeftOut {
    /// What, and why.
    pub fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            why: why.into(),
        }
    }
}
