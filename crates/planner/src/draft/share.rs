//! NFS exports that phoenix's own file makes, and the bind mounts of containers.

use std::collections::BTreeMap;

use phoenix_config::written::{BindMount, Export};

use super::place::Places;
use super::{Draft, LeftOut};
use crate::diff::MountValue;
use crate::export::split;
use crate::observed::Observed;

/// What phoenix adds to an export by itself.
const IMPLIED: [&str; 2] = ["mountpoint", "no_subtree_check"];

/// Adds the exports, and says which other files make some.
pub(super) fn exports(observed: &Observed, places: &Places<'_>, draft: &mut Draft) {
    let counts = |path: &str| places.counts(path);
    for (path, lines) in observed
        .exports
        .file
        .iter()
        .filter(|(path, _)| counts(path))
    {
        let (dataset, path) = source(places, path);
        let mut by_options: BTreeMap<Vec<String>, Vec<String>> = BTreeMap::new();
        for (client, options) in lines.iter().filter_map(|line| split(line)) {
            let options = options
                .split(',')
                .filter(|option| !IMPLIED.contains(option) && !option.starts_with("mountpoint="));
            let options = options.map(str::to_owned).collect();
            let clients = by_options.entry(options).or_default();
            clients.push(client.to_owned());
        }
        let exports = by_options.into_iter().map(|(options, clients)| Export {
            dataset: dataset.clone(),
            path: path.clone(),
            clients,
            options,
        });
        draft.file.nfs.exports.extend(exports);
    }
    let foreign = observed.exports.foreign.iter();
    for (path, others) in foreign.filter(|(path, _)| counts(path)) {
        if let Some(first) = others.first() {
            draft.left_out.push(LeftOut::new(
                format!("export:{path}"),
                format!(
                    "line {} of {} makes it, and phoenix has a file of its own: to hand it over, \
                     declare it and remove the line",
                    first.line, first.file
                ),
            ));
        }
    }
}

/// Adds the mounts of host directories.
pub(super) fn mounts(observed: &Observed, places: &Places<'_>, draft: &mut Draft) {
    for (id, container) in &observed.containers {
        let values = container.mounts.values();
        for mount in values.filter_map(|value| MountValue::parse(value)) {
            if !mount.is_bind() || !places.counts(&mount.source) {
                continue;
            }
            let (dataset, host_path) = source(places, &mount.source);
            let mounted = BindMount {
                container: *id,
                dataset,
                host_path,
                target: mount.target.clone(),
                options: mount.mount_options(),
                read_only: mount.read_only(),
                backup: mount.backup(),
            };
            draft.file.bind_mounts.push(mounted);
        }
    }
}

/// `dataset` and, where there is none, the path: what a share states of its directory.
fn source(places: &Places<'_>, path: &str) -> (Option<String>, Option<String>) {
    match places.dataset(path) {
        Some(dataset) => (Some(dataset.to_owned()), None),
        None => (None, Some(path.to_owned())),
    }
}
