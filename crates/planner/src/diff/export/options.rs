//! Export options: what phoenix writes, and what two spellings have in common.

use std::collections::BTreeSet;

use phoenix_config::model::Export;

/// What the server assumes when an option is absent, with what `exportfs -s` prints for it
/// (exports(5), nfs-utils `support/nfs/exports.c`). `sync`, `ro` and `no_subtree_check` are not
/// here: phoenix always writes them.
const ASSUMED: [&str; 15] = [
    "acl",
    "anongid=65534",
    "anonuid=65534",
    "auth_nlm",
    "hide",
    "no_all_squash",
    "no_pnfs",
    "no_security_label",
    "nocrossmnt",
    "nordirplus",
    "root_squash",
    "sec=sys",
    "secure",
    "secure_locks",
    "wdelay",
];

/// The options that phoenix writes, comma-separated: what decides about safety first and in the
/// open, then the rest as the file orders it.
///
/// `root` is the mountpoint of the dataset that the path lies in. The `mountpoint` option makes
/// the server export nothing, rather than the empty directory below, while it is not mounted.
pub(super) fn export_options(export: &Export, root: Option<&str>) -> String {
    let has = |name: &str| export.has_option(name);
    let mut options: Vec<String> = vec![
        if has("rw") { "rw" } else { "ro" }.to_owned(),
        if has("async") { "async" } else { "sync" }.to_owned(),
        if has("subtree_check") {
            "subtree_check"
        } else {
            "no_subtree_check"
        }
        .to_owned(),
    ];
    let stated = export
        .options
        .iter()
        .any(|option| is_mountpoint(&option.text));
    match root {
        Some(root) if !stated && root == export.path => options.push("mountpoint".to_owned()),
        Some(root) if !stated => options.push(format!("mountpoint={root}")),
        _ => {}
    }
    for option in &export.options {
        if !options.contains(&option.text) && !is_switch(&option.text) {
            options.push(option.text.clone());
        }
    }
    options.join(",")
}

/// The words that [`export_options`] has said already.
fn is_switch(option: &str) -> bool {
    matches!(
        option,
        "rw" | "ro" | "sync" | "async" | "subtree_check" | "no_subtree_check"
    )
}

fn is_mountpoint(option: &str) -> bool {
    matches!(option, "mountpoint" | "mp")
        || option.starts_with("mountpoint=")
        || option.starts_with("mp=")
}

/// The options without what the server assumes anyway, in one spelling.
pub(super) fn meaning<'a>(options: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
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
