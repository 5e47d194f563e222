//! NFS exports that phoenix's own file makes, and the bind mounts of containers.

use std::collections::BTreeSet;

use phoenix_config::address::Address;
use phoenix_config::written::{BindMount, Export};

use super::left_out::LeftOut;
use super::place::Places;
use crate::diff::{MountValue, unread_lines};
use crate::export::split;
use crate::observed::Observed;

/// Whether phoenix adds the option by itself: the second one where a dataset is exported.
fn is_implied(option: &str, of_dataset: bool) -> bool {
    option == "no_subtree_check" || (option == "mountpoint" && of_dataset)
}

/// The exports, and those that a file cannot state: it has one list of options for a directory.
pub(super) fn exports(observed: &Observed, places: &Places<'_>) -> (Vec<Export>, Vec<LeftOut>) {
    let (mut exports, mut left_out) = (Vec::new(), Vec::new());
    let all = observed.exports.file.iter();
    for (path, lines) in all.filter(|(path, _)| places.counts(path)) {
        let lines = lines.iter().filter_map(|line| split(line));
        let (clients, options): (Vec<_>, BTreeSet<_>) = lines.unzip();
        match Vec::from_iter(options).as_slice() {
            [] => {}
            [options] => exports.push(export(places, path, &clients, options)),
            _ => left_out.push(LeftOut::new(
                Address::Export(path.clone()).to_string(),
                "its clients have different options, and a file has one list for all of them",
            )),
        }
    }
    (exports, left_out)
}

fn export(places: &Places<'_>, path: &str, clients: &[&str], options: &str) -> Export {
    let (dataset, path) = source(places, path);
    let options = options.split(',');
    let stated = options.filter(|option| !is_implied(option, dataset.is_some()));
    Export {
        options: stated.map(str::to_owned).collect(),
        clients: clients.iter().map(|&client| client.to_owned()).collect(),
        dataset,
        path,
    }
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
        Some(LeftOut::new(Address::Export(path.clone()).to_string(), why))
    });
    left_out.collect()
}

/// The mounts of host directories in containers.
pub(super) fn mounts(observed: &Observed, places: &Places<'_>) -> Vec<BindMount> {
    let containers = observed.containers.iter();
    let values = containers.flat_map(|(id, container)| {
        let mounts = container.mounts.iter();
        let usable = mounts.filter(|(key, _)| !container.unusable.contains_key(*key));
        usable.filter_map(move |(_, value)| Some((*id, MountValue::parse(value)?)))
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

/// What LXC mounts past Proxmox.
pub(super) fn raw_mounts(observed: &Observed, places: &Places<'_>) -> Vec<LeftOut> {
    let containers = observed.containers.iter();
    let raw = containers.flat_map(|(id, container)| {
        let mounts = container.raw_mounts.iter();
        mounts.map(move |(target, raw)| (*id, target, raw))
    });
    let counted = raw.filter(|(_, _, raw)| places.counts(&raw.source));
    let left_out = counted.map(|(container, target, raw)| {
        let target = target.clone();
        let why = format!(
            "line {} of {} mounts {} there past Proxmox (lxc.mount.entry): to hand it over, declare it \
             and remove the line",
            raw.line, raw.file, raw.source
        );
        LeftOut::new(Address::Mount { container, target }.to_string(), why)
    });
    left_out.collect()
}

/// Lines without effect.
pub(super) fn unread(observed: &Observed) -> Vec<LeftOut> {
    let lines = unread_lines(observed).into_iter();
    lines
        .map(|line| {
            let why = format!(
                "it has no effect, \"{}\": {}",
                line.text.trim(),
                line.reason
            );
            LeftOut::new(line.place(), why)
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
