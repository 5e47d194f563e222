//! NFS clients as exports(5) reads them.
//!
//! Owns the grammar only; whether a client is wise is `export`'s business.

use std::net::IpAddr;

use crate::client;

/// What a client specification stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ClientKind {
    /// Everybody: `*`, `0.0.0.0/0`, `::/0`.
    World,
    /// Anything narrower.
    Narrow,
}

/// Reads a client specification. The error says what is wrong and reads on after the quoted text.
pub(super) fn parse(text: &str) -> Result<ClientKind, String> {
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    // A blank before the options would give them to the whole world; `[::1]` is taken for a
    // pattern of characters (nfs-utils support/nfs/exports.c).
    if let Some(bad) = text
        .chars()
        .find(|c| c.is_whitespace() || c.is_control() || "()[]{},\"'#\\=".contains(*c))
    {
        return Err(format!("contains {bad:?}"));
    }
    if text == "*" {
        return Ok(ClientKind::World);
    }
    if let Some(group) = text.strip_prefix('@') {
        return narrow(is_word(group), "is no name of a netgroup");
    }
    if text.contains('/') {
        return network(text);
    }
    if text.parse::<IpAddr>().is_ok() {
        return Ok(ClientKind::Narrow);
    }
    if text.contains(':') {
        return Err("is no IPv6 address".to_owned());
    }
    if text.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return Err("is no IPv4 address".to_owned());
    }
    narrow(is_host_pattern(text), "is no host name")
}

fn narrow(valid: bool, otherwise: &str) -> Result<ClientKind, String> {
    if valid {
        Ok(ClientKind::Narrow)
    } else {
        Err(otherwise.to_owned())
    }
}

/// `10.0.0.0/24`, `fd00::/64`, or the netmask written out: `10.0.0.0/255.255.255.0`.
fn network(text: &str) -> Result<ClientKind, String> {
    let net =
        client::net(text).ok_or_else(|| "is no network in the form ADDRESS/PREFIX".to_owned())?;
    Ok(if net.prefix_len() == 0 {
        ClientKind::World
    } else {
        ClientKind::Narrow
    })
}

/// A host name in which `*` and `?` stand for other characters.
fn is_host_pattern(text: &str) -> bool {
    text.len() <= 253 && text.trim_end_matches('.').split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && !label.starts_with('-')
        && label
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*' | '?'))
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_read_as_exports_reads_them() {
        for text in [
            "10.0.0.5",
            "10.0.0.0/24",
            "10.0.0.5/24",
            "10.0.0.0/255.255.255.0",
            "fd00::1",
            "fd00::/64",
            "nas.example.com",
            "nas.example.com.",
            "*.example.com",
            "vm-0?",
            "@trusted",
            "under_score",
            "3com",
        ] {
            assert_eq!(parse(text), Ok(ClientKind::Narrow), "{text}");
        }
        for text in ["*", "0.0.0.0/0", "::/0", "0.0.0.0/0.0.0.0"] {
            assert_eq!(parse(text), Ok(ClientKind::World), "{text}");
        }
        for (text, error) in [
            ("", "is empty"),
            ("10.0.0.5 (rw)", "contains ' '"),
            ("10.0.0.5(rw)", "contains '('"),
            ("[fd00::1]", "contains '['"),
            ("a,b", "contains ','"),
            ("a#b", "contains '#'"),
            ("a\"b", "contains '\"'"),
            ("a\nb", "contains '\\n'"),
            ("rw=10.0.0.1", "contains '='"),
            ("10.0.0.0/33", "is no network in the form ADDRESS/PREFIX"),
            (
                "10.0.0.0/255.0.255.0",
                "is no network in the form ADDRESS/PREFIX",
            ),
            ("fd00::/129", "is no network in the form ADDRESS/PREFIX"),
            ("host/24", "is no network in the form ADDRESS/PREFIX"),
            ("10.0.0.300", "is no IPv4 address"),
            ("10.0.0", "is no IPv4 address"),
            ("fd00::xyz", "is no IPv6 address"),
            ("@", "is no name of a netgroup"),
            ("-host", "is no host name"),
            ("a..b", "is no host name"),
            ("größe", "is no host name"),
        ] {
            assert_eq!(parse(text), Err(error.to_owned()), "{text:?}");
        }
    }
}
