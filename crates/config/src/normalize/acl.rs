//! Entries of a POSIX ACL, from the words that setfacl(1) takes.

use std::collections::BTreeMap;

use super::context::{Context, items};
use super::principal::principal;
use crate::code::Code;
use crate::diagnostic::Finding;
use crate::file::{List, Scalar};
use crate::model::{AclEntry, AclWho};
use crate::pointer::Pointer;

/// The entries of one directory. Two about the same user or group are an error.
pub(super) fn entries(context: &mut Context, list: List<String>, at: &Pointer) -> Vec<AclEntry> {
    let mut entries: Vec<AclEntry> = Vec::new();
    let mut seen: BTreeMap<(bool, AclWho), Pointer> = BTreeMap::new();
    for (at, text) in items(list, at) {
        let Some(entry) = entry(context, &text, &at) else {
            continue;
        };
        let key = (entry.default, entry.who.clone());
        if let Some(first) = seen.insert(key, at.clone()) {
            context.push(
                Finding::error(
                    Code::SchemaConflict,
                    format!("two entries of the ACL are about the same, the second is \"{text}\""),
                )
                .help("keep one of them")
                .at(&at, "said again")
                .at(&first, "said here"),
            );
        }
        entries.push(entry);
    }
    entries
}

fn entry(context: &mut Context, text: &str, at: &Pointer) -> Option<AclEntry> {
    let mut parts: Vec<&str> = text.split(':').collect();
    let default = matches!(parts.first(), Some(&("default" | "d")));
    if default {
        parts.remove(0);
    }
    let wrong = |reason: &str| {
        Finding::error(
            Code::SchemaInvalidValue,
            format!("\"{text}\" is no entry of an ACL: {reason}"),
        )
        .help(
            "write it as setfacl(1) takes it: \"group:1001:rwx\" for the directory, \
             \"default:group:1001:rwx\" for what is made in it",
        )
        .at(at, "not an entry")
    };
    let [tag, name, permissions] = parts.as_slice() else {
        context.push(wrong("it is not who, name and permissions between colons"));
        return None;
    };
    let Some(bits) = bits(permissions) else {
        context.push(wrong(
            "the permissions are not letters of \"rwx\", or \"-\"",
        ));
        return None;
    };
    let mut named = |word: &str| principal(context, &Scalar::Text((*name).to_owned()), at, word);
    let who = match (*tag, name.is_empty()) {
        ("user" | "u", false) => AclWho::User(named("user")?),
        ("group" | "g", false) => AclWho::Group(named("group")?),
        ("user" | "u", true) => AclWho::Owner,
        ("group" | "g", true) => AclWho::OwningGroup,
        ("mask" | "m", true) => AclWho::Mask,
        ("other" | "o", true) => AclWho::Other,
        _ => {
            context.push(wrong(
                "it begins with none of user, group, mask:: and other::",
            ));
            return None;
        }
    };
    if !default && !matches!(who, AclWho::User(_) | AclWho::Group(_)) {
        context.push(
            Finding::error(
                Code::SchemaConflict,
                format!("\"{text}\" and `mode` both say what the directory's own classes may do"),
            )
            .help("remove it: `mode` sets user::, group::, other:: and, with named entries, mask::")
            .at(at, "`mode` says this"),
        );
        return None;
    }
    Some(AclEntry {
        default,
        who,
        bits,
        origin: at.clone(),
    })
}

/// `rwx`, `r-x`, `rx`, `---`: every letter at most once.
fn bits(text: &str) -> Option<u32> {
    let mut bits = 0;
    for c in text.chars() {
        let bit = match c {
            'r' => 4,
            'w' => 2,
            'x' => 1,
            '-' => continue,
            _ => return None,
        };
        if bits & bit != 0 {
            return None;
        }
        bits |= bit;
    }
    (1..=3).contains(&text.len()).then_some(bits)
}
