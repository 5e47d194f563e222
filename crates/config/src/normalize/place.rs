//! Which directory a dataset's name stands for, and which dataset a directory lies in.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::context::Context;
use crate::code::Code;
use crate::diagnostic::Finding;
use crate::model::Dataset;
use crate::pointer::Pointer;

/// The mountpoints of all declared datasets.
#[derive(Debug)]
pub(super) struct Mountpoints<'a> {
    by_name: BTreeMap<&'a str, &'a Dataset>,
    by_path: BTreeMap<&'a Utf8Path, &'a str>,
}

/// A directory that something is shared from.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) path: Utf8PathBuf,
    pub(super) dataset: Option<String>,
}

impl<'a> Mountpoints<'a> {
    pub(super) fn new(datasets: &'a [Dataset]) -> Self {
        let names = datasets.iter().map(|it| (it.name.as_str(), it));
        let paths = datasets
            .iter()
            .filter_map(|it| Some((it.mountpoint.as_deref()?, it.name.as_str())));
        Self {
            by_name: names.collect(),
            by_path: paths.collect(),
        }
    }

    /// The directory that `object` names by `dataset` or by the path in its member `path_key`.
    /// Reports what is wrong with it; `what` is the word for the object.
    pub(super) fn directory(
        &self,
        context: &mut Context,
        dataset: Option<&str>,
        path: Option<&str>,
        path_key: &str,
        what: &str,
        object: &Pointer,
    ) -> Option<Directory> {
        let dataset_at = object.key("dataset");
        let path_at = object.key(path_key);
        match (dataset, path) {
            (Some(_), Some(_)) => {
                context.push(
                    Finding::error(
                        Code::SchemaConflict,
                        format!("`dataset` and `{path_key}` both say what is shared"),
                    )
                    .help("keep `dataset` to share its whole mountpoint, or the path to share a directory")
                    .at_key(&dataset_at, "one way")
                    .at_key(&path_at, "the other way"),
                );
                None
            }
            (Some(name), None) => self.of_dataset(context, name, &dataset_at),
            (None, Some(path)) => self.of_path(context, path, &path_at),
            (None, None) => {
                if !context.is_removed(&path_at) {
                    context.missing(
                        object,
                        "dataset",
                        what,
                        &format!("add \"dataset\": \"POOL/NAME\", or \"{path_key}\" with a path"),
                    );
                }
                None
            }
        }
    }

    /// The mountpoint of the dataset `name`; reports why there is none.
    pub(super) fn of_dataset(
        &self,
        context: &mut Context,
        name: &str,
        at: &Pointer,
    ) -> Option<Directory> {
        let Some(dataset) = self.by_name.get(name) else {
            context.unknown_dataset(name, self.by_name.keys().copied(), at);
            return None;
        };
        let Some(path) = &dataset.mountpoint else {
            let why = if dataset.is_volume() {
                "it is a volume, a block device without files"
            } else {
                "its mountpoint or canmount says so"
            };
            context.push(
                Finding::error(
                    Code::ReferenceNotMounted,
                    format!("the dataset \"{name}\" is never mounted: {why}"),
                )
                .help("share a dataset that has a mountpoint, or give this one a mountpoint")
                .at(at, "has no directory")
                .at_key(&dataset.origin, "declared here"),
            );
            return None;
        };
        Some(Directory {
            path: path.clone(),
            dataset: Some(name.to_owned()),
        })
    }

    /// The directory `path` and the dataset that it lies in.
    pub(super) fn of_path(
        &self,
        context: &mut Context,
        path: &str,
        at: &Pointer,
    ) -> Option<Directory> {
        if !path.starts_with('/') {
            let help = if self.by_name.contains_key(path) {
                format!("write \"dataset\": \"{path}\" instead")
            } else {
                format!("write \"/{path}\" if the directory is below /")
            };
            context.push(
                Finding::error(
                    Code::SchemaInvalidValue,
                    format!("\"{path}\" is not an absolute path"),
                )
                .help(help)
                .at(at, "does not begin with /"),
            );
            return None;
        }
        // Slashes that mean nothing are dropped, so that equal directories are equal texts.
        let path: Utf8PathBuf = Utf8Path::new(path).components().collect();
        let dataset = path
            .ancestors()
            .find_map(|ancestor| self.by_path.get(ancestor))
            .map(|name| (*name).to_owned());
        Some(Directory { path, dataset })
    }

    /// Whether a dataset of that name is declared.
    pub(super) fn has_dataset(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }
}
