//! What the lines of an exports file mean, so that two spellings of one export are equal, and what
//! a client writes to mount one.
//!
//! The planner compares with it before an apply, the executor after one.

use std::collections::{BTreeMap, BTreeSet};

use phoenix_config::client::canonical;
use phoenix_config::model::Export;

/// What the server assumes when an option is absent, with what `exportfs -s` prints for it
/// (exports(5), nfs-utils `support/nfs/exports.c`). `sync`, `ro` and `no_subtree_check` are not
/// here: phoenix always writes them.
const ASSUMED: [&str; 13] = [
    "acl",
    "anongid=65534",
    "anonuid=65534",
    "auth_nlm",
    "hide",
    "no_all_squash",
    "no_pnfs",
    "nocrossmnt",
    "root_squash",
    "sec=sys",
    "secure",
    "secure_locks",
    "wdelay",
];

/// Whether the NFS server exports exactly what `line` (`CLIENT(OPTIONS)`) says. `active` is what
/// it exports for the path: options by client, as `exportfs -s` prints them.
pub fn is_active(line: &str, active: &BTreeMap<String, BTreeSet<String>>) -> bool {
    let Some((client, options)) = split(line) else {
        return false;
    };
    let live = active
        .get(client)
        .or_else(|| respelled(client, active))
        .or_else(|| completed(client, active));
    live.is_some_and(|live| meaning(live.iter().map(String::as_str)) == meaning(options.split(',')))
}

/// The clients that the NFS server exports a path to although none of `clients` means them.
pub fn strangers<'a>(
    clients: &[&str],
    active: &'a BTreeMap<String, BTreeSet<String>>,
) -> Vec<&'a str> {
    let is = |name: &str, client: &&str| {
        let domain = name.strip_prefix(*client);
        canonical(name) == canonical(client) || domain.is_some_and(|rest| rest.starts_with('.'))
    };
    let names = active.keys().map(String::as_str);
    names
        .filter(|name| !clients.iter().any(|client| is(name, client)))
        .collect()
}

/// The server prints addresses in its own spelling.
fn respelled<'a>(
    client: &str,
    active: &'a BTreeMap<String, BTreeSet<String>>,
) -> Option<&'a BTreeSet<String>> {
    let mut all = active.iter();
    let found = all.find(|(name, _)| canonical(name) == canonical(client));
    found.map(|(_, options)| options)
}

/// The line of a client's fstab that mounts `export` from `server` at the same path.
pub fn fstab_line(server: &str, export: &Export) -> String {
    let options = export.client_options.iter();
    let options: Vec<_> = options.map(|option| option.text.as_str()).collect();
    let options = match options.join(",") {
        none if none.is_empty() => "defaults".to_owned(),
        options => options,
    };
    // mount.nfs takes an IPv6 address in brackets only: what follows it is a colon too.
    let server = match server.parse::<std::net::Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) => server.to_owned(),
    };
    let path = fstab_word(export.path.as_str());
    format!("{server}:{path} {path} nfs {options} 0 0")
}

/// A word as fstab(5) wants it: blanks and backslashes as octal digits.
fn fstab_word(text: &str) -> String {
    text.replace('\\', "\\134")
        .replace(' ', "\\040")
        .replace('\t', "\\011")
}

/// The server completes a plain host name with its domain (nfs-utils `client_lookup`).
fn completed<'a>(
    client: &str,
    active: &'a BTreeMap<String, BTreeSet<String>>,
) -> Option<&'a BTreeSet<String>> {
    let prefix = format!("{client}.");
    let from = active.range(prefix.clone()..).next();
    from.filter(|(name, _)| name.starts_with(&prefix))
        .map(|(_, options)| options)
}

/// Client and options of `CLIENT(OPTIONS)`.
pub(crate) fn split(line: &str) -> Option<(&str, &str)> {
    line.strip_suffix(')')?.split_once('(')
}

/// The options without what the server assumes anyway, in one spelling.
pub(crate) fn meaning<'a>(options: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    options
        .filter(|option| !option.is_empty() && !ASSUMED.contains(option))
        .map(one_spelling)
        .collect()
}

fn one_spelling(option: &str) -> String {
    match option.split_once('=') {
        None if option == "mp" => "mountpoint".to_owned(),
        Some(("mp", path)) => format!("mountpoint={path}"),
        Some(("fsid", "root")) => "fsid=0".to_owned(),
        _ => option.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn export(path: &str, options: &[&str]) -> Export {
        let options: Vec<_> = options
            .iter()
            .map(|option| format!("\"{option}\""))
            .collect();
        let text = format!(
            r#"{{"nfs": {{"exports": [{{"path": "{path}", "clients": ["10.0.0.1"],
                "client_options": [{}]}}]}}}}"#,
            options.join(", ")
        );
        let loaded = phoenix_config::load("test.json", text.as_bytes());
        loaded.config().unwrap().exports[0].clone()
    }

    #[test]
    fn a_client_mounts_with_its_options_and_odd_paths_are_escaped() {
        for (server, path, options, line) in [
            (
                "pve",
                "/srv/a",
                &[][..],
                "pve:/srv/a /srv/a nfs defaults 0 0",
            ),
            (
                "pve",
                "/srv/a",
                &["noatime", "vers=4.2"],
                "pve:/srv/a /srv/a nfs noatime,vers=4.2 0 0",
            ),
            (
                "fd00::1",
                "/srv/a b",
                &[],
                "[fd00::1]:/srv/a\\040b /srv/a\\040b nfs defaults 0 0",
            ),
        ] {
            assert_eq!(fstab_line(server, &export(path, options)), line);
        }
    }

    #[test]
    fn a_client_is_active_in_any_spelling() {
        for (line, active, is) in [
            ("fd00:0:0::1(ro)", "fd00::1", true),
            ("10.0.0.7/24(ro)", "10.0.0.0/255.255.255.0", true),
            ("nas(ro)", "nas.example.org", true),
            ("10.0.0.0/24(ro)", "10.0.1.0/24", false),
        ] {
            let active = BTreeMap::from([(active.to_owned(), BTreeSet::from(["ro".to_owned()]))]);
            assert_eq!(is_active(line, &active), is, "{line}");
        }
    }
}
