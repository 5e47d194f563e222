//! NFS exports: clients, options, and what they do to the data.

use std::collections::BTreeMap;

use super::client::{ClientKind, parse as parse_client};
use super::export_option::{self, OptionError};
use super::index::Index;
use super::path;
use crate::client::canonical;
use crate::code::Code;
use crate::diagnostic::Finding;
use crate::model::{Client, Export, MountOption};
use crate::normalize::is_client_option;
use crate::pointer::Pointer;
use crate::suggest;

/// exportfs reads a client with its options into a buffer of this many bytes, the final zero
/// included.
const MAX_CLIENT_BYTES: usize = 512;
/// The longest path that the NFS server takes (`NFS_MAXPATHLEN`), the final zero included.
const MAX_PATH_BYTES: usize = 1024;

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    let mut paths: BTreeMap<&str, &Export> = BTreeMap::new();
    let mut fsids: BTreeMap<&str, &MountOption> = BTreeMap::new();
    for export in &index.config.exports {
        if let Some(first) = paths.get(export.path.as_str()) {
            findings.push(duplicate(first, export));
        } else {
            paths.insert(export.path.as_str(), export);
        }
        findings.extend(invalid_path(index, export));
        clients(export, findings);
        options(export, findings);
        fsid(export, &mut fsids, findings);
        findings.extend(sharenfs(index, export));
        findings.extend(durability(index, export));
        advice(export, findings);
        let at = place(index, export);
        findings.extend(path::undeclared(
            index,
            &export.path,
            export.dataset.as_deref(),
            &at,
        ));
        if !export.has_option("crossmnt") {
            findings.extend(path::hidden_children(
                index,
                &export.path,
                &at,
                "export them too, or add `crossmnt` to export everything below",
                |path| index.is_exported(path),
            ));
        }
    }
}

fn place(index: &Index<'_>, export: &Export) -> Pointer {
    let dataset = export.dataset.as_deref();
    path::place(index, &export.origin, &export.path, dataset, "path")
}

fn duplicate(first: &Export, second: &Export) -> Finding {
    let message = format!("the directory \"{}\" is exported twice", second.path);
    Finding::error(Code::ExportDuplicate, message)
        .help("keep one export, with all clients")
        .at_key(&second.origin, "exported again here")
        .at_key(&first.origin, "first exported here")
}

fn invalid_path(index: &Index<'_>, export: &Export) -> Option<Finding> {
    let text = export.path.as_str();
    let why = if text.chars().any(char::is_control) {
        "contains a control character"
    } else if text.split('/').any(|part| part == "..") {
        "has a component \"..\""
    } else if text.len() >= MAX_PATH_BYTES {
        "is longer than the 1023 bytes that NFS takes"
    } else {
        return None;
    };
    Some(
        Finding::error(
            Code::ExportInvalidPath,
            format!("the path {text:?} cannot be exported: it {why}"),
        )
        .help("export a directory with a plain absolute path")
        .at(&place(index, export), "not exportable"),
    )
}

fn clients(export: &Export, findings: &mut Vec<Finding>) {
    if export.clients.is_empty() {
        let message = format!("the export of \"{}\" names no clients", export.path);
        findings.push(
            Finding::error(Code::ExportNoClients, message)
                .help(
                    "exports without clients are open to the whole world: list them, such as \
                     \"10.0.0.0/24\"",
                )
                .at(&export.origin.key("clients"), "who may mount it?"),
        );
    }
    let mut options = effective_options(export).join(",");
    options.push_str("()");
    let mut seen: BTreeMap<String, &Client> = BTreeMap::new();
    for client in &export.clients {
        if let Some(first) = seen.get(&canonical(&client.text)) {
            findings.push(duplicate_client(export, first, client));
            continue;
        }
        seen.insert(canonical(&client.text), client);
        match parse_client(&client.text) {
            Err(error) => {
                let message = format!("the NFS client \"{}\" {error}", client.text);
                findings.push(
                    Finding::error(Code::ExportInvalidClient, message)
                        .help(
                            "write an address (10.0.0.5, fd00::5), a network (10.0.0.0/24), a host \
                             name, a pattern (*.example.com) or a netgroup (@name)",
                        )
                        .at(&client.origin, "not a client"),
                );
            }
            Ok(ClientKind::World) => findings.push(world(export, &client.text, &client.origin)),
            Ok(ClientKind::Narrow) => {}
        }
        if client.text.len() + options.len() >= MAX_CLIENT_BYTES {
            let message = format!(
                "the client \"{}\" and its options take {} bytes, more than the {} that exportfs \
                 reads",
                client.text,
                client.text.len() + options.len(),
                MAX_CLIENT_BYTES - 1
            );
            findings.push(
                Finding::error(Code::ExportTooLong, message)
                    .help("shorten the options")
                    .at(&client.origin, "this client")
                    .at_key(&export.origin.key("options"), "and these options"),
            );
        }
    }
}

fn duplicate_client(export: &Export, first: &Client, second: &Client) -> Finding {
    let message = format!(
        "the client \"{}\" is named twice for \"{}\"",
        second.text, export.path
    );
    Finding::error(Code::ExportDuplicateClient, message)
        .help("keep one of them: exportfs fails on duplicated entries")
        .at(&second.origin, "again here")
        .at(&first.origin, "first here")
}

/// The options with those that phoenix always writes out.
fn effective_options(export: &Export) -> Vec<&str> {
    let mut options: Vec<&str> = export.options.iter().map(|it| it.text.as_str()).collect();
    let pairs = [
        ("rw", "ro"),
        ("async", "sync"),
        ("subtree_check", "no_subtree_check"),
    ];
    for (option, default) in pairs {
        if !export.has_option(option) && !export.has_option(default) {
            options.push(default);
        }
    }
    options.push("mountpoint");
    options
}

fn world(export: &Export, client: &str, at: &Pointer) -> Finding {
    let may = if export.has_option("rw") {
        "read and change"
    } else {
        "read"
    };
    let message = format!(
        "the client \"{client}\" lets everybody who reaches this host {may} \"{}\"",
        export.path
    );
    Finding::warning(Code::ExportWorld, message)
        .help("name the network or the hosts, such as \"10.0.0.0/24\"")
        .at(at, "the whole world")
}

fn options(export: &Export, findings: &mut Vec<Finding>) {
    let mut seen: BTreeMap<&str, &MountOption> = BTreeMap::new();
    // Options after `sec=` hold for that flavour only, so they may be said again.
    let has_flavours = export.options.iter().any(|it| it.text.starts_with("sec="));
    for option in &export.options {
        findings.extend(unknown_option(option));
        let (name, _) = export_option::split(&option.text);
        let rival = export_option::opposite(&option.text)
            .and_then(|opposite| seen.get(opposite))
            .or_else(|| seen.get(name).filter(|first| first.text != option.text));
        if let Some(first) = rival.filter(|_| !has_flavours) {
            let message = format!(
                "the export options `{}` and `{}` contradict each other",
                first.text, option.text
            );
            findings.push(
                Finding::error(Code::ExportContradiction, message)
                    .help("keep one of them: exportfs would take the last one")
                    .at(&option.origin, "contradicts")
                    .at(&first.origin, "this"),
            );
        }
        seen.entry(name).or_insert(option);
    }
}

fn unknown_option(option: &MountOption) -> Option<Finding> {
    let text = &option.text;
    let error = export_option::check(text).err()?;
    let (name, _) = export_option::split(text);
    Some(match error {
        OptionError::Value(expected) => Finding::error(
            Code::ExportInvalidOption,
            format!("the export option `{text}` is wrong: `{name}` takes {expected}"),
        )
        .help("see exports(5)")
        .at(&option.origin, "exportfs refuses this"),
        OptionError::Unknown if is_client_option(text) => Finding::error(
            Code::ExportClientOption,
            format!("`{text}` is no export option: clients mount with it"),
        )
        .help(format!(
            "move it to `client_options`: `phoenix show clients` prints the clients' fstab lines{}",
            if name == "noatime" {
                ", and `atime=off` on the dataset does the same for all of them"
            } else {
                ""
            }
        ))
        .at(&option.origin, "exportfs refuses this"),
        OptionError::Unknown => {
            let near = suggest::nearest(name, export_option::names());
            Finding::error(
                Code::ExportUnknownOption,
                format!("exportfs knows no option `{text}`"),
            )
            .help(match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "see exports(5) for the options".to_owned(),
            })
            .at(&option.origin, "would stop exportfs here")
        }
    })
}

/// exportfs does not notice that two exports have one identity; clients would see one as the
/// other.
fn fsid<'a>(
    export: &'a Export,
    seen: &mut BTreeMap<&'a str, &'a MountOption>,
    findings: &mut Vec<Finding>,
) {
    for option in &export.options {
        let (name, value) = export_option::split(&option.text);
        let Some(value) = value.filter(|_| name == "fsid") else {
            continue;
        };
        let id = if value == "root" { "0" } else { value };
        if let Some(first) = seen.get(id) {
            findings.push(
                Finding::error(
                    Code::ExportDuplicateFsid,
                    format!("two exports have the file system id \"{id}\""),
                )
                .help("give each export an id of its own, or none: ZFS has ids by itself")
                .at(&option.origin, "used again here")
                .at(&first.origin, "first used here"),
            );
        } else {
            seen.insert(id, option);
        }
    }
}

/// ZFS would write an export of its own for the same directory, and exportfs takes only one.
fn sharenfs(index: &Index<'_>, export: &Export) -> Option<Finding> {
    let dataset = index.mounted_at(&export.path)?;
    let sharenfs = index
        .effective(dataset, "sharenfs")
        .filter(|property| property.stored != "off")?;
    let message = format!(
        "the dataset \"{}\" is exported twice: by its `sharenfs` and by this file's exports",
        dataset.name
    );
    Some(
        Finding::error(Code::ExportSharenfs, message)
            .help("set `\"sharenfs\": \"off\"`, or remove the export")
            .at(&place(index, export), "exported here")
            .at(&sharenfs.origin, "and here"),
    )
}

/// Whether what clients believe to be written is on the disks.
fn durability(index: &Index<'_>, export: &Export) -> Option<Finding> {
    let sync = export
        .dataset
        .as_deref()
        .and_then(|name| index.dataset(name))
        .and_then(|dataset| index.effective(dataset, "sync"));
    let stored = sync.and_then(|property| property.stored.word());
    if let Some(option) = export.options.iter().find(|it| it.text == "async") {
        if !export.has_option("rw") {
            return None;
        }
        if let (Some("always"), Some(sync)) = (stored, sync) {
            let message = format!(
                "`async` and `sync=always` want opposite things for \"{}\"",
                export.path
            );
            return Some(
                Finding::warning(Code::ExportAsyncOnSyncAlways, message)
                    .help("a dataset for databases wants `sync` in the export too")
                    .at(&option.origin, "answers before data is safe")
                    .at(&sync.origin, "waits until data is safe"),
            );
        }
        return Some(asynchronous(export, option));
    }
    let sync = sync.filter(|property| property.stored == "disabled")?;
    let message = format!(
        "`sync=disabled` makes the sync export of \"{}\" as unsafe as an async one",
        export.path
    );
    Some(
        Finding::warning(Code::ExportSyncDisabled, message)
            .help("set `sync` to `standard`, or accept that a crash loses what clients had saved")
            .at(&sync.origin, "nothing waits for the disks")
            .at(&place(index, export), "clients rely on sync"),
    )
}

fn asynchronous(export: &Export, option: &MountOption) -> Finding {
    let is_production = export.path.as_str().contains("prod")
        || export
            .dataset
            .as_deref()
            .is_some_and(|it| it.contains("prod"));
    let what = if is_production {
        "production data that"
    } else {
        "what"
    };
    let message = format!(
        "with `async`, a crash of this host loses {what} clients believe to be saved in \"{}\"",
        export.path
    );
    let help = if is_production {
        "use `sync` for production data; a log vdev on a fast drive makes it quick"
    } else {
        "use `sync`, or keep `async` for data that can be made again"
    };
    Finding::warning(Code::ExportAsync, message)
        .help(help)
        .at(&option.origin, "answers before data is safe")
}

fn advice(export: &Export, findings: &mut Vec<Finding>) {
    for option in &export.options {
        let finding = match option.text.as_str() {
            "no_root_squash" => Finding::warning(
                Code::ExportNoRootSquash,
                format!("root on every client is root on \"{}\"", export.path),
            )
            .help(
                "leave it out unless the clients need it; `anonuid` and `anongid` can name the \
                 owner of the files",
            )
            .at(&option.origin, "trusts the clients' root"),
            "subtree_check" => Finding::warning(
                Code::ExportSubtreeCheck,
                format!(
                    "`subtree_check` makes file handles of \"{}\" go stale on ZFS",
                    export.path
                ),
            )
            .help("use `no_subtree_check`, which is the default")
            .at(&option.origin, "stale file handles"),
            _ => continue,
        };
        findings.push(finding);
    }
}
