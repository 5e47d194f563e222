//! NFS exports, modern and historic.

use super::context::{self, Context, items};
use super::place::{Directory, Mountpoints};
use crate::code::Code;
use crate::file::{self, List, NfsShare};
use crate::model::{Client, Export, MountOption};
use crate::pointer::Pointer;

/// What nfs(5) and mount(8) call options of a client, as far as people write them into exports:
/// exportfs(8) refuses every one of them.
const CLIENT_OPTIONS: [&str; 35] = [
    "_netdev",
    "ac",
    "actimeo",
    "atime",
    "bg",
    "defaults",
    "diratime",
    "fg",
    "hard",
    "intr",
    "lookupcache",
    "nconnect",
    "nfsvers",
    "noac",
    "noatime",
    "noauto",
    "nodev",
    "nodiratime",
    "noexec",
    "nofail",
    "nolock",
    "norelatime",
    "nosuid",
    "port",
    "proto",
    "relatime",
    "retrans",
    "retry",
    "rsize",
    "soft",
    "strictatime",
    "timeo",
    "v4",
    "vers",
    "wsize",
];

/// Whether `option` is for the client's side of an NFS mount, such as `noatime` or `vers=4.2`.
pub(crate) fn is_client_option(option: &str) -> bool {
    let name = option.split('=').next().unwrap_or(option);
    CLIENT_OPTIONS.contains(&name)
}

pub(super) fn exports(
    context: &mut Context,
    list: List<file::Export>,
    at: &Pointer,
    mountpoints: &Mountpoints<'_>,
) -> Vec<Export> {
    items(list, at)
        .filter_map(|(at, export)| {
            let Directory { path, dataset } = mountpoints.directory(
                context,
                export.dataset.as_deref(),
                export.path.as_deref(),
                "path",
                "the export",
                &at,
            )?;
            // Without clients the schema has complained; "open to the world" would be noise.
            export.clients.as_ref()?;
            let clients = items(export.clients, &at.key("clients"));
            Some(Export {
                path,
                dataset,
                clients: clients
                    .map(|(origin, text)| Client { text, origin })
                    .collect(),
                options: options(export.options, &at.key("options")),
                client_options: options(export.client_options, &at.key("client_options")),
                origin: at,
            })
        })
        .collect()
}

/// Options with their places.
pub(super) fn options(list: List<String>, at: &Pointer) -> Vec<MountOption> {
    items(list, at)
        .map(|(origin, text)| MountOption { text, origin })
        .collect()
}

/// The historic list `nfs.shares`: the client is the local network, and the options are one text
/// in which server and client options are mixed.
pub(super) fn historic_shares(
    context: &mut Context,
    list: List<NfsShare>,
    at: &Pointer,
    default_subnet: Option<&str>,
    mountpoints: &Mountpoints<'_>,
) -> Vec<Export> {
    let mut exports = Vec::new();
    for (at, share) in items(list, at) {
        let Some(path) = share.path else { continue };
        let options_text = share.options.unwrap_or_default();
        context.historic(
            Code::HistoricNfsShares,
            context::key(&at, format!("the export of \"{path}\"")),
            || modern_form(&path, &options_text, default_subnet),
        );
        let path_at = at.key("path");
        let directory = if mountpoints.has_dataset(&path) {
            mountpoints.of_dataset(context, &path, &path_at)
        } else {
            let absolute = format!("/{}", path.trim_start_matches('/'));
            mountpoints.of_path(context, &absolute, &path_at)
        };
        let Some(Directory { path, dataset }) = directory else {
            continue;
        };
        let (client_options, options) = split_options(&options_text, &at.key("options"));
        for option in &client_options {
            let place = context::value(&option.origin, "for the client's mount");
            context.historic(Code::HistoricClientOption, place, || {
                format!("write \"client_options\": [\"{}\"]", option.text)
            });
        }
        let clients = default_subnet.map(|subnet| Client {
            text: subnet.to_owned(),
            origin: Pointer::root().key("network").key("default_subnet"),
        });
        exports.push(Export {
            path,
            dataset,
            clients: clients.into_iter().collect(),
            options,
            client_options,
            origin: at,
        });
    }
    exports
}

/// The options in a comma list, those for clients first.
fn split_options(text: &str, at: &Pointer) -> (Vec<MountOption>, Vec<MountOption>) {
    text.split(',')
        .map(str::trim)
        .filter(|option| !option.is_empty())
        .map(|option| MountOption {
            text: option.to_owned(),
            origin: at.key(option),
        })
        .partition(|option| is_client_option(&option.text))
}

fn modern_form(path: &str, options: &str, default_subnet: Option<&str>) -> String {
    let quoted = |client: bool| {
        let words = options.split(',').map(str::trim);
        let words = words.filter(|word| !word.is_empty() && is_client_option(word) == client);
        let words: Vec<_> = words.map(|word| format!("\"{word}\"")).collect();
        words.join(", ")
    };
    format!(
        "write \"exports\": [{{\"dataset\": \"{}\", \"clients\": [\"{}\"], \"options\": [{}], \"client_options\": [{}]}}]",
        path.trim_start_matches('/'),
        default_subnet.unwrap_or("10.0.0.0/24"),
        quoted(false),
        quoted(true)
    )
}
