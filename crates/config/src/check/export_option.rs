//! Export options as exports(5) and the parser of exportfs know them (nfs-utils
//! `support/nfs/exports.c`).
//!
//! exportfs drops the rest of the file at the first option that it does not know, so nothing
//! unknown may pass. The lists were compared with what exportfs of nfs-utils 2.8.3 takes.

/// Options without a value.
const FLAGS: [&str; 29] = [
    "acl",
    "all_squash",
    "async",
    "auth_nlm",
    "crossmnt",
    "hide",
    "insecure",
    "insecure_locks",
    "no_acl",
    "no_all_squash",
    "no_auth_nlm",
    "no_pnfs",
    "no_root_squash",
    "no_subtree_check",
    "no_wdelay",
    "nocrossmnt",
    "nohide",
    "nordirplus",
    "pnfs",
    "ro",
    "root_squash",
    "rw",
    "secure",
    "secure_locks",
    "security_label",
    "subtree_check",
    "sync",
    "wdelay",
    "mountpoint",
];

/// Options with a value; `mountpoint` and `mp` may do without.
const VALUED: [&str; 10] = [
    "anongid",
    "anonuid",
    "fsid",
    "mountpoint",
    "mp",
    "reexport",
    "refer",
    "replicas",
    "sec",
    "xprtsec",
];

/// Options of which only one of two can hold.
const OPPOSITES: [(&str, &str); 13] = [
    ("rw", "ro"),
    ("sync", "async"),
    ("wdelay", "no_wdelay"),
    ("secure", "insecure"),
    ("root_squash", "no_root_squash"),
    ("all_squash", "no_all_squash"),
    ("subtree_check", "no_subtree_check"),
    ("hide", "nohide"),
    ("crossmnt", "nocrossmnt"),
    ("acl", "no_acl"),
    ("auth_nlm", "no_auth_nlm"),
    ("secure_locks", "insecure_locks"),
    ("pnfs", "no_pnfs"),
];

/// What is wrong with one option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OptionError {
    /// exportfs does not know it.
    Unknown,
    /// Known, but the value is wrong or missing. Holds what would be right.
    Value(&'static str),
}

/// The name before `=`, and the value after it.
pub(super) fn split(option: &str) -> (&str, Option<&str>) {
    match option.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (option, None),
    }
}

/// Whether exportfs takes the option.
pub(super) fn check(option: &str) -> Result<(), OptionError> {
    let (name, value) = split(option);
    match value {
        None if FLAGS.contains(&name) || name == "mp" => Ok(()),
        None if VALUED.contains(&name) => Err(OptionError::Value(expected(name))),
        Some(_) if FLAGS.contains(&name) && !VALUED.contains(&name) => {
            Err(OptionError::Value("nothing after the name"))
        }
        Some(value) if VALUED.contains(&name) => {
            if is_value(name, value) {
                Ok(())
            } else {
                Err(OptionError::Value(expected(name)))
            }
        }
        _ => Err(OptionError::Unknown),
    }
}

/// The option that contradicts `option`, if there is one.
pub(super) fn opposite(option: &str) -> Option<&'static str> {
    OPPOSITES.iter().find_map(|(one, other)| {
        if option == *one {
            Some(*other)
        } else if option == *other {
            Some(*one)
        } else {
            None
        }
    })
}

/// The names of all options, for "did you mean".
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FLAGS.into_iter().chain(VALUED)
}

fn expected(name: &str) -> &'static str {
    match name {
        "anonuid" | "anongid" => "a number",
        "fsid" => "a number, \"root\" or a UUID",
        "mountpoint" | "mp" => "an absolute path",
        "reexport" => "auto-fsidnum or predefined-fsidnum",
        "refer" | "replicas" => "PATH@HOST",
        "sec" => "sys, krb5, krb5i or krb5p, separated by colons",
        "xprtsec" => "none, tls or mtls, separated by colons",
        _ => "a value",
    }
}

fn is_value(name: &str, value: &str) -> bool {
    let all = |allowed: &[&str]| value.split(':').all(|word| allowed.contains(&word));
    match name {
        "anonuid" | "anongid" => value.parse::<u32>().is_ok() || value == "-1",
        "fsid" => value == "root" || value.parse::<u32>().is_ok() || is_uuid(value),
        "mountpoint" | "mp" => value.starts_with('/') && is_token(value),
        "reexport" => ["auto-fsidnum", "predefined-fsidnum"].contains(&value),
        "refer" | "replicas" => value.starts_with('/') && value.contains('@') && is_token(value),
        "sec" => all(&["sys", "krb5", "krb5i", "krb5p", "none", "null"]),
        "xprtsec" => all(&["none", "tls", "mtls"]),
        _ => false,
    }
}

/// exportfs reads hexadecimal digits in any grouping.
fn is_uuid(text: &str) -> bool {
    let digits = text.chars().filter(|c| *c != '-' && *c != ':');
    digits.clone().count() == 32 && digits.clone().all(|c| c.is_ascii_hexdigit())
}

/// Text that cannot end its option early.
fn is_token(text: &str) -> bool {
    !text
        .chars()
        .any(|c| c.is_whitespace() || c.is_control() || "(),\"\\#".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_known_as_exportfs_knows_them() {
        for option in FLAGS {
            assert_eq!(check(option), Ok(()), "{option}");
        }
        for option in [
            "anonuid=65534",
            "anongid=-1",
            "fsid=0",
            "fsid=root",
            "fsid=6b2e6b6c-9d3c-4d53-8b4e-1f0c2b1a7e11",
            "mountpoint=/tank/data",
            "mp",
            "mp=/tank/data",
            "sec=sys",
            "sec=krb5:krb5i:sys",
            "xprtsec=tls:mtls",
            "refer=/x@host",
            "reexport=auto-fsidnum",
        ] {
            assert_eq!(check(option), Ok(()), "{option}");
        }
        for option in ["noatime", "", "RW", "rw ", "vers=4", "no_sync"] {
            assert_eq!(check(option), Err(OptionError::Unknown), "{option}");
        }
        for option in [
            "rw=10.0.0.1",
            "anonuid",
            "anonuid=root",
            "fsid=",
            "fsid=abc",
            "sec=md5",
            "mp=relative",
            "mountpoint=/a b",
            "mp=/a,rw",
            "reexport=remote-devfsid",
        ] {
            assert!(
                matches!(check(option), Err(OptionError::Value(_))),
                "{option}"
            );
        }
    }

    #[test]
    fn opposites_are_mutual_and_known() {
        for (one, other) in OPPOSITES {
            assert_eq!(opposite(one), Some(other));
            assert_eq!(opposite(other), Some(one));
            assert_eq!(check(one).and(check(other)), Ok(()));
        }
        assert_eq!(opposite("noatime"), None);
    }
}
