//! Takes out of a described file what phoenix itself finds wrong with it, or would change.
//!
//! A place is the JSON pointer that diagnostics and plans carry. What is taken out is the smallest
//! piece that a file can do without: a property, permissions, a storage, or else the whole object.

use std::collections::BTreeMap;
use std::fmt;

use phoenix_config::Loaded;
use phoenix_config::address::Address;
use phoenix_config::diagnostic::{Diagnostic, Severity};
use phoenix_config::pointer::Pointer;
use phoenix_config::written::{Dataset, File, Pool, Properties};

use super::left_out::LeftOut;
use crate::diff::ROOT;
use crate::plan::{Change, Plan, Step};

/// Something that keeps a file from describing its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    at: Pointer,
    why: String,
}

/// The reason alone: the place is in a file that nobody has seen.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// The errors of a file.
pub fn of_file(loaded: &Loaded) -> Vec<Fault> {
    let errors = loaded.diagnostics.iter();
    let errors = errors.filter(|found| found.severity == Severity::Error);
    let fault = |found: &Diagnostic| Fault {
        at: found
            .labels
            .first()
            .map_or_else(Pointer::root, |label| label.pointer.clone()),
        why: found.message.clone(),
    };
    errors.map(fault).collect()
}

/// What a plan would change or refuses to.
pub fn of_plan(plan: &Plan) -> Vec<Fault> {
    let refusals = plan.refusals.iter().map(|refusal| Fault {
        at: place(&refusal.id, &refusal.origin),
        why: refusal.reason.clone(),
    });
    let steps = plan.steps.iter().flat_map(of_step);
    refusals.chain(steps).collect()
}

/// A fault for each change: it may be about a property that the file can do without. What is to be
/// made without any property is a fault all the same.
fn of_step(step: &Step) -> Vec<Fault> {
    let at = place(&step.id, &step.origin);
    if step.changes.is_empty() {
        let why = format!("phoenix would change {}", step.id);
        return vec![Fault { at, why }];
    }
    // Of any other step it is clear whose field is meant: it is the object that is taken out.
    let owner = match &step.id {
        Address::Nfs => format!(" of {}", Address::Nfs),
        _ => String::new(),
    };
    let fault = |change: &Change| {
        let at = match change.field.strip_prefix(ROOT) {
            Some(property) => at.key("root_properties").key(property),
            None => at.key("properties").key(&change.field),
        };
        let (field, after) = (&change.field, &change.after);
        let why = match &change.before {
            Some(before) => format!("phoenix would change {field}{owner} from {before} to {after}"),
            None => format!("phoenix would set {field}{owner} to {after}"),
        };
        Fault { at, why }
    };
    step.changes.iter().map(fault).collect()
}

/// The start of the NFS server hangs on all exports, although a plan names the first one as its
/// origin.
fn place(id: &Address, origin: &str) -> Pointer {
    match id {
        Address::Nfs => Pointer::new("/nfs"),
        _ => Pointer::new(origin),
    }
}

/// A piece of a file that can be taken out. Those that leave a list come first, so that going
/// backwards never takes out the wrong one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    Pool(usize),
    Dataset(usize),
    Export(usize),
    Mount(usize),
    Arc,
    Layout(usize),
    PoolProperty(usize, String),
    RootProperty(usize, String),
    DatasetProperty(usize, String),
    Permissions(usize),
    Storage(usize),
}

/// Takes out of `file` what the faults are about, and says what that was. Nothing comes back when
/// the file has nothing at those places.
pub fn take_out(file: &mut File, faults: &[Fault]) -> Vec<LeftOut> {
    let mut reasons: BTreeMap<Piece, Vec<&str>> = BTreeMap::new();
    for fault in faults {
        for piece in pieces(file, &fault.at) {
            let whys = reasons.entry(piece).or_default();
            if !whys.contains(&fault.why.as_str()) {
                whys.push(&fault.why);
            }
        }
    }
    let gone = reasons.into_iter().rev();
    gone.filter_map(|(piece, whys)| Some(LeftOut::new(remove(file, &piece)?, whys.join("; "))))
        .collect()
}

fn pieces(file: &File, at: &Pointer) -> Vec<Piece> {
    let segments: Vec<_> = at.segments().collect();
    let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
    let number = |text: &str| text.parse::<usize>().ok();
    let piece = match segments.as_slice() {
        ["zfs", "arc_max", ..] => Some(Piece::Arc),
        ["zfs", "pools", index, rest @ ..] => {
            number(index).map(|index| of_pool(file.zfs.pools.get(index), index, rest))
        }
        ["zfs", "datasets", index, rest @ ..] => {
            number(index).map(|index| of_dataset(file.zfs.datasets.get(index), index, rest))
        }
        ["nfs", "exports", index, ..] => number(index).map(Piece::Export),
        ["nfs", ..] => return (0..file.nfs.exports.len()).map(Piece::Export).collect(),
        ["bind_mounts", index, ..] => number(index).map(Piece::Mount),
        _ => None,
    };
    piece.into_iter().collect()
}

fn of_pool(pool: Option<&Pool>, index: usize, rest: &[&str]) -> Piece {
    let has = |of: fn(&Pool) -> &Properties, name: &str| {
        pool.is_some_and(|pool| of(pool).contains_key(name))
    };
    match rest {
        ["properties", name, ..] if has(|pool| &pool.properties, name) => {
            Piece::PoolProperty(index, (*name).to_owned())
        }
        ["root_properties", name, ..] if has(|pool| &pool.root_properties, name) => {
            Piece::RootProperty(index, (*name).to_owned())
        }
        // A file can do without the disks: the pool is then left as it is, with its datasets.
        _ if pool.is_some_and(Pool::states_layout) => Piece::Layout(index),
        _ => Piece::Pool(index),
    }
}

fn of_dataset(dataset: Option<&Dataset>, index: usize, rest: &[&str]) -> Piece {
    let has = |name: &str| dataset.is_some_and(|dataset| dataset.properties.contains_key(name));
    match rest {
        ["properties", name, ..] if has(name) => Piece::DatasetProperty(index, (*name).to_owned()),
        ["permissions", ..] => Piece::Permissions(index),
        ["storage", ..] => Piece::Storage(index),
        _ => Piece::Dataset(index),
    }
}

/// Takes a piece out and names it; `None` when it is not there.
fn remove(file: &mut File, piece: &Piece) -> Option<String> {
    let File {
        zfs,
        nfs,
        bind_mounts,
    } = file;
    Some(match piece {
        Piece::Arc => zfs.arc_max.take().map(|_| Address::Arc.to_string())?,
        Piece::Pool(index) => Address::Pool(taken(&mut zfs.pools, *index)?.name).to_string(),
        Piece::Layout(index) => {
            let pool = zfs.pools.get_mut(*index)?;
            pool.leave_layout();
            format!("the disks of pool:{}", pool.name)
        }
        Piece::Dataset(index) => {
            let dataset = taken(&mut zfs.datasets, *index)?;
            Address::Dataset(full_name(&dataset)).to_string()
        }
        Piece::Export(index) => {
            let export = taken(&mut nfs.exports, *index)?;
            match export.path {
                Some(path) => Address::Export(path).to_string(),
                None => format!("export of dataset:{}", export.dataset?),
            }
        }
        Piece::Mount(index) => {
            let mount = taken(bind_mounts, *index)?;
            let (container, target) = (mount.container, mount.target);
            Address::Mount { container, target }.to_string()
        }
        Piece::PoolProperty(index, name) => {
            let pool = zfs.pools.get_mut(*index)?;
            pool.properties.remove(name)?;
            format!("{name} of pool:{}", pool.name)
        }
        Piece::RootProperty(index, name) => {
            let pool = zfs.pools.get_mut(*index)?;
            pool.root_properties.remove(name)?;
            format!("{name} of the root dataset of pool:{}", pool.name)
        }
        Piece::DatasetProperty(index, name) => {
            let dataset = zfs.datasets.get_mut(*index)?;
            dataset.properties.remove(name)?;
            format!("{name} of dataset:{}", full_name(dataset))
        }
        Piece::Permissions(index) => {
            let dataset = zfs.datasets.get_mut(*index)?;
            dataset.permissions.take()?;
            Address::Permissions(full_name(dataset)).to_string()
        }
        Piece::Storage(index) => {
            let storage = zfs.datasets.get_mut(*index)?.storage.take()?;
            Address::Storage(storage.id).to_string()
        }
    })
}

fn full_name(dataset: &Dataset) -> String {
    format!("{}/{}", dataset.pool, dataset.name)
}

fn taken<T>(list: &mut Vec<T>, index: usize) -> Option<T> {
    (index < list.len()).then(|| list.remove(index))
}
