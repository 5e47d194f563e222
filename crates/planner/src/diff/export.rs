//! NFS exports: phoenix's own exports file and what the server really exports must both say what
//! the file says.

use std::collections::{BTreeMap, BTreeSet};

use phoenix_config::client::canonical;
use phoenix_config::code::Code;
use phoenix_config::diagnostic::Severity;
use phoenix_config::model::{Client, Config, Export};
use phoenix_zfs::property::Value;

use super::facts::{Facts, value};
use super::verdict::{Notes, Stop, Verdict, changed_field, refused, to_do};
use crate::export::{fstab_line, is_active, meaning, split, strangers};
use crate::observed::ObservedExports;
use crate::plan::{Action, Change, Note, Operation, SetExport};
use crate::refusal::RefusalCode;

/// The file that ZFS writes for `sharenfs`.
const ZFS_EXPORTS_FILE: &str = "/etc/exports.d/zfs.exports";

pub(super) fn diff(facts: &Facts<'_>, export: &Export, notes: &mut Notes) -> Verdict {
    let live = &facts.observed.exports;
    if !live.available {
        notes.add(no_server());
        return Err(Stop::Waiting);
    }
    let path = export.path.to_string();
    let root = match &export.dataset {
        Some(dataset) => Some(facts.mounted_at(dataset)?),
        None => None,
    };
    let own = export
        .dataset
        .as_deref()
        .filter(|_| root.as_ref() == Some(&path));
    check_sharenfs(facts, export, own)?;
    check_foreign(facts, export, own)?;
    check_links(facts, export)?;
    if root.as_ref() != Some(&path) {
        check_directory(facts, export, notes)?;
    }
    let options = export_options(export, root.as_deref());
    let changes = changes(export, &options, live);
    if changes.is_empty() {
        return Ok(None);
    }
    if !export.client_options.is_empty() {
        notes.add(client_mount(facts, export));
    }
    let action = if live.file.contains_key(&path) {
        Action::Update
    } else {
        Action::Create
    };
    let clients = export.clients.iter();
    let operation = SetExport {
        path,
        dataset: export.dataset.clone(),
        clients: clients
            .map(|client| format!("{}({options})", client.text))
            .collect(),
    };
    to_do(action, changes, Operation::SetExport(operation))
}

/// ZFS would write an export of its own for the same directory, and exportfs takes only one.
fn check_sharenfs(facts: &Facts<'_>, export: &Export, own: Option<&str>) -> Result<(), Stop> {
    let Some(dataset) = own else { return Ok(()) };
    match facts.inheritable(dataset, "sharenfs") {
        None | Some(Value::Switch(false)) => Ok(()),
        Some(unset) if *unset == "-" => Ok(()),
        Some(live) => Err(refused(
            RefusalCode::ExportOtherOwner,
            format!(
                "{} is exported by ZFS already: dataset {dataset} has sharenfs={live} on the host",
                export.path
            ),
            "state \"sharenfs\": \"off\" in the dataset's properties, or remove the export from the \
             file: one directory, one owner",
        )),
    }
}

/// exportfs takes one export for a path and a client, and which one is left to chance.
fn check_foreign(facts: &Facts<'_>, export: &Export, own: Option<&str>) -> Result<(), Stop> {
    let live = own.and_then(|dataset| facts.observed.datasets.get(dataset));
    let sharenfs = live.and_then(|live| value(live, "sharenfs"));
    // The plan turns `sharenfs` off before, and ZFS takes its line away then.
    let goes = |file: &str| {
        file == ZFS_EXPORTS_FILE && sharenfs.is_some_and(|on| *on != Value::Switch(false))
    };
    let foreign = facts.observed.exports.foreign.get(export.path.as_str());
    for other in foreign.into_iter().flatten() {
        let wants = |client: &&Client| canonical(&client.text) == canonical(&other.client);
        let Some(client) = export.clients.iter().find(wants) else {
            continue;
        };
        if goes(&other.file) {
            continue;
        }
        let (path, client) = (&export.path, &client.text);
        let place = format!("line {} of {}", other.line, other.file);
        return Err(refused(
            RefusalCode::ExportOtherOwner,
            format!("{path} is exported to {client} already, by {place}"),
            format!(
                "remove the client from {place}, or from phoenix's file: one client, one owner"
            ),
        ));
    }
    Ok(())
}

/// The note for a host without an NFS server.
pub(super) fn no_server() -> Note {
    Note {
        id: None,
        code: Code::ExportNoServer,
        severity: Severity::Warning,
        message: "this host has no NFS server (exportfs): the exports wait".to_owned(),
        help: Some("install it (apt install nfs-kernel-server) and run phoenix again".to_owned()),
    }
}

/// What the clients of an export that comes or changes have to write.
fn client_mount(facts: &Facts<'_>, export: &Export) -> Note {
    let line = fstab_line(&facts.observed.node, export);
    Note {
        id: Some(export.address()),
        code: Code::ExportClientMount,
        severity: Severity::Note,
        message: format!("fstab of its clients: {line}"),
        help: None,
    }
}

/// Exports that phoenix once made and the file no longer names stay: absence removes nothing.
pub(super) fn left_over(config: &Config, live: &ObservedExports) -> Option<Note> {
    let declared: BTreeSet<_> = config
        .exports
        .iter()
        .map(|export| export.path.as_str())
        .collect();
    let paths = live.file.keys().map(String::as_str);
    let left: Vec<_> = paths.filter(|path| !declared.contains(path)).collect();
    (!left.is_empty()).then(|| Note {
        id: None,
        code: Code::ExportLeftOver,
        severity: Severity::Note,
        message: format!(
            "phoenix's exports file also exports {}, which the file does not name",
            left.join(", ")
        ),
        help: Some(
            "to end it, remove the line from /etc/exports.d/phoenix.exports and run exportfs -ra"
                .to_owned(),
        ),
    })
}

/// The server follows links, also those that somebody with access to a share has put there.
fn check_links(facts: &Facts<'_>, export: &Export) -> Result<(), Stop> {
    let path = &export.path;
    let Some(link) = facts.link_to(path.as_str()) else {
        return Ok(());
    };
    let way = if link == path { "is" } else { "leads through" };
    Err(refused(
        RefusalCode::SymbolicLink,
        format!(
            "{path} {way} a symbolic link{}, and whoever can change that decides what is exported",
            at(link, path.as_str())
        ),
        "export a directory by its real path, without symbolic links",
    ))
}

/// Where a link is that is not the path itself.
pub(super) fn at(link: &str, path: &str) -> String {
    if link == path {
        String::new()
    } else {
        format!(" ({link})")
    }
}

/// A path that is not a dataset's own directory must be there by itself.
fn check_directory(facts: &Facts<'_>, export: &Export, notes: &mut Notes) -> Result<(), Stop> {
    let path = &export.path;
    match facts.observed.directories.get(path.as_str()) {
        Some(found) if found.not_a_directory => Err(refused(
            RefusalCode::NotADirectory,
            format!("{path} is not a directory"),
            "export a directory, by its real path",
        )),
        Some(_) => Ok(()),
        None => {
            notes.about(
                export.address(),
                Severity::Warning,
                Code::ExportPathMissing,
                format!("the directory {path} does not exist: the export waits for it"),
                "make the directory (in its dataset) and run phoenix again",
            );
            Err(Stop::Waiting)
        }
    }
}

/// Client by client: a field for each whose line in the file or whose live export differs.
fn changes(export: &Export, options: &str, live: &ObservedExports) -> Vec<Change> {
    let path = export.path.as_str();
    let lines = live.file.get(path).map(Vec::as_slice).unwrap_or_default();
    let mut in_file: BTreeMap<&str, &str> = lines.iter().filter_map(|line| split(line)).collect();
    let active = live.active.get(path);
    let wanted = meaning(options.split(','));
    let mut changes = Vec::new();
    let mut differs = false;
    for client in &export.clients {
        let has = in_file.remove(client.text.as_str());
        let line = format!("{}({options})", client.text);
        let before = if has.is_none_or(|has| meaning(has.split(',')) != wanted) {
            has
        } else if active.is_some_and(|active| is_active(&line, active)) {
            Some(options)
        } else {
            Some("not active")
        };
        differs |= before != Some(options);
        changes.push(changed_field(
            &client.text,
            before.map(str::to_owned),
            options,
        ));
    }
    let gone = in_file.clone().into_iter();
    let gone = gone.map(|(client, has)| changed_field(client, Some(has.to_owned()), "none"));
    let still = still_active(export, live).into_iter();
    let still = still.filter(|client| !in_file.contains_key(client));
    let still = still.map(|client| {
        let before = Some("active, though in no file".to_owned());
        changed_field(client, before, "none")
    });
    let ends: Vec<_> = gone.chain(still).collect();
    if !differs && ends.is_empty() {
        return ends;
    }
    changes.extend(ends);
    changes
}

/// Clients that the server goes on exporting the path to although no file says so any more: a run
/// that ended between writing the file and `exportfs -ra` leaves them.
fn still_active<'a>(export: &Export, live: &'a ObservedExports) -> Vec<&'a str> {
    let path = export.path.as_str();
    let foreign = live
        .foreign
        .get(path)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let own = export.clients.iter().map(|client| client.text.as_str());
    let others = foreign.iter().map(|other| other.client.as_str());
    let known: Vec<&str> = own.chain(others).collect();
    match live.active.get(path) {
        // A line of another file without a client means everybody, in words of exportfs's own.
        Some(active) if !known.contains(&"") => strangers(&known, active),
        _ => Vec::new(),
    }
}

/// The options that phoenix writes, comma-separated: what decides about safety first and in the
/// open, then the rest as the file orders it.
///
/// `root` is the mountpoint of the dataset that the path lies in. The `mountpoint` option makes
/// the server export nothing, rather than the empty directory below, while it is not mounted.
fn export_options(export: &Export, root: Option<&str>) -> String {
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

/// The words that [`export_options`] says in any case.
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
