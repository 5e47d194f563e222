//! JSON pointers (RFC 6901): the address of a value inside the file.
//!
//! Owns building and escaping of pointers; which bytes a pointer stands for is `source`'s business.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

/// The place of one value in a JSON document, such as `/zfs/datasets/0/properties/quota`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Pointer(String);

impl Pointer {
    /// The whole document.
    pub fn root() -> Self {
        Self::default()
    }

    /// The pointer that `text` spells, taken as it is.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The member `name` of the object that this pointer stands for.
    #[must_use]
    pub fn key(&self, name: &str) -> Self {
        if name.contains(['~', '/']) {
            return self.below(&name.replace('~', "~0").replace('/', "~1"));
        }
        self.below(name)
    }

    /// The element `index` (from zero) of the array that this pointer stands for.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.below(&index.to_string())
    }

    /// A large file has tens of thousands of pointers: formatting each would be a tenth of the time
    /// that it takes to read it.
    fn below(&self, segment: &str) -> Self {
        let mut text = String::with_capacity(self.0.len() + 1 + segment.len());
        text.push_str(&self.0);
        text.push('/');
        text.push_str(segment);
        Self(text)
    }

    /// The pointer as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The pointer's segments, unescaped, outermost first.
    pub fn segments(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.0.split('/').skip(1).map(|segment| {
            if segment.contains('~') {
                Cow::Owned(segment.replace("~1", "/").replace("~0", "~"))
            } else {
                Cow::Borrowed(segment)
            }
        })
    }

    /// The pointer of the enclosing object or array; `None` for the whole document.
    pub fn parent(&self) -> Option<Self> {
        self.0
            .rfind('/')
            .and_then(|cut| self.0.get(..cut))
            .map(|parent| Self(parent.to_owned()))
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_escaped_and_come_back() {
        let pointer = Pointer::root().key("a/b").key("c~d").index(3);
        assert_eq!(pointer.as_str(), "/a~1b/c~0d/3");
        assert_eq!(pointer.segments().collect::<Vec<_>>(), ["a/b", "c~d", "3"]);
        assert_eq!(pointer.parent(), Some(Pointer::new("/a~1b/c~0d")));
        assert_eq!(Pointer::root().parent(), None);
    }
}
