//! NFS exports that phoenix's own file makes, and the bind mounts of containers.

use std::collections::BTreeMap;

use phoenix_config::written::{BindMount, Export};

use super::left_out::LeftOut;
use super::place::Places;
use crate::diff::MountValue;
use crate::export::split;
use crate::observed::Observed;

/// Whether phoenix adds the option by itself: the second one where a dataset is exported.
fn is_implied(option: &str, of_dataset: bool) -> bool {
    option == "no_subtree_check" || (option == "mountpoint" && of_dataset)
}

/// The exports. One directory may give its clients different options; it has several exports then.
pub(super) fn exports(observed: &Observed, places: &Places<'_>) -> Vec<Export> {
    let mut exports = Vec::new();
    let all = observed.exports.file.iter();
    for (path, lines) in all.filter(|(path, _)| places.counts(path)) {
        let (dataset, path) = source(places, path);
        let mut by_options: BTreeMap<Vec<String>, Vec<String>> = BTreeMap::new();
        for (client, options) in lines.iter().filter_map(|line| split(line)) {
            let options = options.split(',');
            let stated = options.filter(|option| !is_implied(option, dataset.is_some()));
            let options = stated.map(str::to_owned).collect();
            let clients = by_options.entry(options).or_default();
            clients.push(client.to_owned());
        }
        exports.extend(by_options.into_iter().map(|(options, clients)| Export {
            dataset: dataset.clone(),
            path: path.clone(),
            clients,
            options,
        }));
    }
    exports
}

/// The exports that other files make.
pub(super) fn foreign_exports(observed: &Observed, places: &Places<'_>) -> Vec<LeftOut> {
    let foreign = observed.exports.foreign.iter();
    let foreign = foreign.filter(|(path, _)| places.counts(path));
    let left_out = foreign.filter_map(|(path, others)| {
        let first = others.first()?;
        let why = format!(
            "line {} of {} makes it, and phoenix has a file of its own: to hand it over, declare it \
             and remove the line",
            first.line, first.file
        );
        Some(LeftOut::new(format!("export:{path}"), why))
    });
    left_out.collect()
}

/// The mounts of host directories in containers.
pub(super) fn mounts(observed: &Observed, places: &Places<'_>) -> Vec<BindMount> {
    let containers = observed.containers.iter();
    let values = containers.flat_map(|(id, container)| {
        let values = container.mounts.values();
        values.filter_map(move |value| Some((*id, MountValue::parse(value)?)))
    });
    let binds = values.filter(|(_, mount)| mount.is_bind() && places.counts(&mount.source));
    binds
        .map(|(container, mount)| {
            let (dataset, host_path) = source(places, &mount.source);
            BindMount {
                container,
                dataset,
                host_path,
                options: mount.mount_options(),
                read_only: mount.read_only(),
                backup: mount.backup(),
                target: mount.target,
            }
        })
        .collect()
}

/// `dataset` and, where there is none, the path: what a share states of its directory.
fn source(places: &Places<'_>, path: &str) -> (Option<String>, Option<String>) {
    match places.dataset(path) {
        Some(dataset) => (Some(dataset.to_owned()), None),
        None => (None, Some(path.to_owned())),
    }
}
