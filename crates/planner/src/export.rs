//! What the lines of an exports file mean, so that two spellings of one export are equal.
//!
//! The planner compares with it before an apply, the executor after one.

use std::collections::{BTreeMap, BTreeSet};

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
    let live = active.get(client).or_else(|| completed(client, active));
    live.is_some_and(|live| meaning(live.iter().map(String::as_str)) == meaning(options.split(',')))
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
