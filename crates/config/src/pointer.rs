//! JSON pointers (RFC 6901): the address of a value inside the file.
//!
//! Owns building and escaping of pointers; which bytes a pointer stands for is `source`'s business.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// The place of one value in a JSON document, such as `/zfs/datasets/0/properties/quota`.
///
/// A large file has hundreds of thousands of places that nobody ever asks for, most of them members
/// with well-known names. So places share the text of what holds them, and such a name costs
/// nothing.
#[derive(Debug, Clone, Default)]
pub struct Pointer {
    /// The text, but for `member`; `None` for the whole document.
    holder: Option<Arc<str>>,
    /// The last segment, if it was given as a well-known name.
    member: Option<&'static str>,
}

impl Pointer {
    /// The whole document.
    pub fn root() -> Self {
        Self::default()
    }

    /// The pointer that `text` spells, taken as it is.
    pub fn new(text: impl AsRef<str>) -> Self {
        let text = text.as_ref();
        Self {
            holder: (!text.is_empty()).then(|| text.into()),
            member: None,
        }
    }

    /// The member `name` of the object that this pointer stands for.
    #[must_use]
    pub fn key(&self, name: &str) -> Self {
        if name.contains(['~', '/']) {
            return self.below(&name.replace('~', "~0").replace('/', "~1"));
        }
        self.below(name)
    }

    /// As [`Self::key`], for one of the well-known names of phoenix or of ZFS.
    #[must_use]
    pub fn member(&self, name: &'static str) -> Self {
        if self.member.is_some() || name.contains(['~', '/']) {
            return self.key(name);
        }
        Self {
            holder: self.holder.clone(),
            member: Some(name),
        }
    }

    /// The element `index` (from zero) of the array that this pointer stands for.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.below(&index.to_string())
    }

    fn below(&self, segment: &str) -> Self {
        Self::new([&self.text(), "/", segment].concat())
    }

    /// The pointer as text.
    pub fn text(&self) -> Cow<'_, str> {
        let holder = self.holder();
        match self.member {
            None => Cow::Borrowed(holder),
            Some(member) => Cow::Owned([holder, "/", member].concat()),
        }
    }

    fn holder(&self) -> &str {
        self.holder.as_deref().unwrap_or_default()
    }

    /// The bytes of the text, without making it.
    fn bytes(&self) -> impl Iterator<Item = u8> {
        let member = self.member.into_iter();
        let member = member.flat_map(|name| std::iter::once(b'/').chain(name.bytes()));
        self.holder().bytes().chain(member)
    }

    /// The pointer's segments, unescaped, outermost first.
    pub fn segments(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let holder = self.holder().split('/').skip(1);
        holder.chain(self.member).map(|segment| {
            if segment.contains('~') {
                Cow::Owned(segment.replace("~1", "/").replace("~0", "~"))
            } else {
                Cow::Borrowed(segment)
            }
        })
    }

    /// The pointer of the enclosing object or array; `None` for the whole document.
    pub fn parent(&self) -> Option<Self> {
        if self.member.is_some() {
            return Some(Self {
                holder: self.holder.clone(),
                member: None,
            });
        }
        let (parent, _) = self.holder().rsplit_once('/')?;
        Some(Self::new(parent))
    }
}

impl PartialEq for Pointer {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Pointer {}

impl PartialOrd for Pointer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// As text.
impl Ord for Pointer {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes().cmp(other.bytes())
    }
}

impl Serialize for Pointer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_escaped_and_come_back() {
        let pointer = Pointer::root().key("a/b").key("c~d").index(3);
        assert_eq!(pointer.text(), "/a~1b/c~0d/3");
        assert_eq!(pointer.segments().collect::<Vec<_>>(), ["a/b", "c~d", "3"]);
        assert_eq!(pointer.parent(), Some(Pointer::new("/a~1b/c~0d")));
        assert_eq!(Pointer::root().parent(), None);
    }

    #[test]
    fn a_well_known_name_is_a_key_like_any_other() {
        let object = Pointer::root().key("zfs");
        for (name, text) in [("quota", "/zfs/quota"), ("a/b", "/zfs/a~1b")] {
            let (member, key) = (object.member(name), object.key(name));
            assert_eq!((&member, &*member.text()), (&key, text));
            assert_eq!(member.segments().last().as_deref(), Some(name));
            assert_eq!(member.parent(), Some(object.clone()));
            assert_eq!(member.key("x"), key.key("x"));
            assert_eq!(member.member("x"), key.member("x"));
            assert!(object < member && member < object.key("z"));
        }
        assert_eq!(Pointer::root().member("zfs"), object);
        assert_eq!(object.parent(), Some(Pointer::root()));
    }
}
