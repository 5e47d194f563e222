//! The entries that a directory's ACL must have, in the host's numbers.
//!
//! The classes that a mode holds are part of an ACL too. They are always stated, and the mask with
//! them, because a mask that `setfacl` works out would change the mode.

use std::collections::BTreeMap;

use phoenix_config::model::{AclWho, Permissions};

use super::ids::{Ids, Kind};
use super::verdict::Stop;

/// Permissions such as `r-x`, by who has them, such as `group:1001:`.
pub(super) type Acl = BTreeMap<String, String>;

const DEFAULT: &str = "default:";

/// Every entry that must be there for the declared ones to mean what they say. A file with an ACL
/// and without a mode is refused before.
///
/// # Errors
///
/// A refusal if a user or group has no number on the host.
pub(super) fn wanted(ids: &Ids<'_>, permissions: &Permissions) -> Result<Acl, Stop> {
    let mut named: BTreeMap<String, u32> = BTreeMap::new();
    let mut stated: BTreeMap<String, u32> = BTreeMap::new();
    for entry in &permissions.acl {
        let prefix = if entry.default { DEFAULT } else { "" };
        let id = |kind, principal| ids.resolve(kind, principal);
        let who = match &entry.who {
            AclWho::User(user) => format!("user:{}:", id(Kind::User, user)?),
            AclWho::Group(group) => format!("group:{}:", id(Kind::Group, group)?),
            AclWho::Owner => "user::".to_owned(),
            AclWho::OwningGroup => "group::".to_owned(),
            AclWho::Mask => "mask::".to_owned(),
            AclWho::Other => "other::".to_owned(),
        };
        let entries = if entry.is_named() {
            &mut named
        } else {
            &mut stated
        };
        entries.insert(format!("{prefix}{who}"), entry.bits);
    }
    let mode = permissions.mode.unwrap_or_default();
    let (defaults, access): (BTreeMap<_, _>, BTreeMap<_, _>) = named
        .into_iter()
        .partition(|(who, _)| who.starts_with(DEFAULT));

    let mut acl = BTreeMap::new();
    if !access.is_empty() {
        acl.extend(classes(mode, ""));
        acl.insert("mask::".to_owned(), mode >> 3);
        acl.extend(access);
    }
    if !(defaults.is_empty() && stated.is_empty()) {
        acl.extend(classes(mode, DEFAULT));
        let group = stated.get("default:group::").copied().unwrap_or(mode >> 3);
        if !defaults.is_empty() {
            let mask = defaults.values().fold(group, |mask, bits| mask | bits);
            acl.insert("default:mask::".to_owned(), mask);
        }
        acl.extend(defaults);
        acl.extend(stated);
    }
    Ok(acl
        .into_iter()
        .map(|(who, bits)| (who, letters(bits)))
        .collect())
}

fn classes(mode: u32, prefix: &str) -> [(String, u32); 3] {
    let class = |who, shift: u32| (format!("{prefix}{who}::"), mode >> shift);
    [class("user", 6), class("group", 3), class("other", 0)]
}

fn letters(bits: u32) -> String {
    let letter = |bit, letter| if bits & bit != 0 { letter } else { '-' };
    [letter(4, 'r'), letter(2, 'w'), letter(1, 'x')]
        .iter()
        .collect()
}

/// Entries as one text, as `setfacl` takes them.
pub(crate) fn text<'a>(entries: impl Iterator<Item = (&'a String, &'a String)>) -> String {
    let entries = entries.map(|(who, permissions)| format!("{who}{permissions}"));
    entries.collect::<Vec<_>>().join(",")
}
