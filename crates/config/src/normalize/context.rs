//! What all translations share: the findings so far, and what need not be said again.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use phoenix_zfs::size;

use crate::code::Code;
use crate::diagnostic::{Finding, Part, Place};
use crate::file::{List, Scalar};
use crate::pointer::Pointer;
use crate::suggest;

/// How many places one warning about a historic shape shows. A file written in an old style uses
/// it everywhere; the first few places say it all.
const SHOWN_PLACES: usize = 12;

/// How many words "did you mean" may look at for one file. Enough for thousands of mistakes in a
/// file of normal size; in a huge one, only the first few mistakes get a suggestion.
const COMPARISONS: usize = 1_000_000;

/// Findings, gathered while a file is translated.
#[derive(Debug)]
pub(super) struct Context {
    findings: Vec<Finding>,
    removed: BTreeSet<Pointer>,
    historic: BTreeMap<Code, Historic>,
    comparisons: usize,
}

/// Every use of one historic shape.
#[derive(Debug)]
struct Historic {
    help: String,
    places: Vec<Place>,
    count: usize,
}

impl Context {
    pub(super) fn new(removed: BTreeSet<Pointer>) -> Self {
        Self {
            findings: Vec::new(),
            removed,
            historic: BTreeMap::new(),
            comparisons: COMPARISONS,
        }
    }

    /// Reports a problem.
    pub(super) fn push(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Whether the value at `pointer` was wrong and has been reported.
    pub(super) fn is_removed(&self, pointer: &Pointer) -> bool {
        self.removed.contains(pointer)
    }

    /// Whether the value at `pointer`, or anything in it, was wrong and has been reported.
    pub(super) fn is_incomplete(&self, pointer: &Pointer) -> bool {
        // "/a/" sorts before everything inside "/a".
        let inside = pointer.key("");
        let first = self.removed.range(&inside..).next();
        self.is_removed(pointer) || first.is_some_and(|it| it.text().starts_with(&*inside.text()))
    }

    /// Notes the use of a historic shape. One warning per shape shows all its uses and the modern
    /// form of the first, `modern`.
    pub(super) fn historic(&mut self, code: Code, place: Place, modern: impl FnOnce() -> String) {
        let entry = self.historic.entry(code).or_insert_with(|| Historic {
            help: modern(),
            places: Vec::new(),
            count: 0,
        });
        entry.count += 1;
        if entry.places.len() < SHOWN_PLACES {
            entry.places.push(place);
        }
    }

    /// Reports that no dataset is called `name`; `known` are those that are declared.
    pub(super) fn unknown_dataset<'a>(
        &mut self,
        name: &str,
        known: impl ExactSizeIterator<Item = &'a str>,
        at: &Pointer,
    ) {
        let near = match self.comparisons.checked_sub(known.len()) {
            Some(rest) => {
                self.comparisons = rest;
                suggest::nearest(name, known)
            }
            None => None,
        };
        self.push(
            Finding::error(
                Code::ReferenceUnknownDataset,
                format!("the dataset \"{name}\" is not declared"),
            )
            .help(match near {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => {
                    "declare it in zfs.datasets, and write its full name POOL/NAME here".to_owned()
                }
            })
            .at(at, "unknown dataset"),
        );
    }

    /// Reports that `object` lacks `key`, unless the key is there with a wrong value.
    pub(super) fn missing(&mut self, object: &Pointer, key: &str, what: &str, help: &str) {
        if !self.is_removed(&object.key(key)) {
            self.push(
                Finding::error(
                    Code::SchemaMissingKey,
                    format!("{what} needs the key `{key}`"),
                )
                .help(help)
                .at_key(object, format!("missing `{key}`")),
            );
        }
    }

    /// The bytes that `value` means; `None` after reporting why it means none.
    pub(super) fn bytes(&mut self, value: &Scalar, at: &Pointer, name: &str) -> Option<u64> {
        let text = match value {
            Scalar::Integer(bytes) => return Some(*bytes),
            other => other.word(),
        };
        match size::parse(&text) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.push(
                    Finding::error(
                        Code::SchemaInvalidValue,
                        format!("`{name}`: \"{text}\" {error}"),
                    )
                    .help(error.help())
                    .at(at, "not a size"),
                );
                None
            }
        }
    }

    /// Adds what was found elsewhere, as if it had been found after what is here.
    pub(super) fn append(&mut self, later: Self) {
        self.findings.extend(later.findings);
        for (code, more) in later.historic {
            match self.historic.entry(code) {
                Entry::Vacant(entry) => {
                    entry.insert(more);
                }
                Entry::Occupied(mut entry) => {
                    let first = entry.get_mut();
                    first.count += more.count;
                    first.places.extend(more.places);
                    first.places.truncate(SHOWN_PLACES);
                }
            }
        }
    }

    /// Everything that was found.
    pub(super) fn into_findings(mut self) -> Vec<Finding> {
        for (code, historic) in self.historic {
            let summary = summary(code);
            let message = match historic.count {
                1 => summary.to_owned(),
                count => format!("{summary} ({count} times)"),
            };
            let mut finding = Finding::warning(code, message).help(historic.help);
            finding.places = historic.places;
            self.findings.push(finding);
        }
        self.findings
    }
}

/// A place that shows a whole value.
pub(super) fn value(pointer: &Pointer, message: impl Into<String>) -> Place {
    place(pointer, Part::Value, message)
}

/// A place that shows a member's name.
pub(super) fn key(pointer: &Pointer, message: impl Into<String>) -> Place {
    place(pointer, Part::Key, message)
}

fn place(pointer: &Pointer, part: Part, message: impl Into<String>) -> Place {
    Place {
        pointer: pointer.clone(),
        part,
        message: message.into(),
    }
}

/// The items of a list with their places; those that have been reported are left out.
pub(super) fn items<T>(list: List<T>, at: &Pointer) -> impl Iterator<Item = (Pointer, T)> + use<T> {
    let at = at.clone();
    list.unwrap_or_default()
        .into_iter()
        .enumerate()
        .filter_map(move |(index, item)| Some((at.index(index), item?)))
}

/// What is said about a historic shape.
fn summary(code: Code) -> &'static str {
    match code {
        Code::HistoricArcMaxText => "`arc_max` is a number of bytes written as text",
        Code::HistoricZfsSettings => "`zfs.settings` is not read any more",
        Code::HistoricDatasetName => "the dataset's name contains its pool",
        Code::HistoricPropertiesText => "properties are written as one text",
        Code::HistoricStorageFields => "the Proxmox storage is written in the old flat fields",
        Code::HistoricStorageClass => "`storage_class` has no effect",
        Code::HistoricStorageTypes => "the Proxmox storages are written apart from the datasets",
        Code::HistoricStorageSkipped => {
            "phoenix manages no Proxmox storage of this type, so none is made"
        }
        Code::HistoricStorageIds => "storage ids are written apart from the datasets",
        Code::HistoricNfsShares => "`nfs.shares` is the old form of `nfs.exports`",
        Code::HistoricClientOption => {
            "this is a mount option of clients, which the NFS server does not know; it is only \
             shown to people"
        }
        Code::HistoricSharedVolumes => {
            "`shared_volumes` is the old form of `bind_mounts`: phoenix mounts them, which the last scripts no longer did"
        }
        Code::HistoricSharedVolumeSkipped => {
            "this entry of `shared_volumes` has no `host_path`, so it is no bind mount and skipped"
        }
        Code::HistoricMountPoints => "`mount_points` is the old form of `bind_mounts`",
        Code::HistoricMountOwner => {
            "the owner of a mount point is not applied: ownership belongs to the dataset"
        }
        _ => "this is an old form",
    }
}
