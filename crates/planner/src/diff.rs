//! The difference between what a file declares and what a host has, as a plan.
//!
//! Owns what happens to the verdicts on single objects: which steps a step needs, which objects a
//! refusal holds up, and the order of everything. The verdicts are made per kind of object in the
//! modules below; the facts that several of them share are in `facts`, what the user allowed besides in
//! `grants`.

mod acl;
mod arc;
mod boot_order;
mod capacity;
mod dataset;
mod export;
mod facts;
mod grants;
mod ids;
mod mount;
mod mount_value;
mod permissions;
mod placement;
mod pool;
mod property;
mod release;
mod room;
mod select;
mod storage;
mod storage_nodes;
mod unread;
mod verdict;

use phoenix_config::address::Address;
use phoenix_config::code::Code;
use phoenix_config::diagnostic::Severity;
use phoenix_config::model::Config;

use crate::graph::{Graph, graph};
use crate::object::{Object, objects};
use crate::observed::{Observed, digest};
use crate::plan::{Action, ConfigSource, FORMAT, Note, Operation, Plan, Refusal, Step, Summary};
use crate::refusal::RefusalCode;
use crate::wanted::wanted;

pub(crate) use acl::text as acl_text;
pub use grants::{GrantProblem, Grants, grant_problems};
pub(crate) use mount_value::MountValue;
pub(crate) use permissions::{CONTENTS, LIKE_THE_DIRECTORY, mode_text};
pub(crate) use pool::ROOT;
pub use select::unknown_addresses;
pub(crate) use storage::ALL_NODES;
pub(crate) use unread::lines as unread_lines;

use facts::Facts;
use verdict::{Draft, Notes, Stop, Verdict};

/// What a plan may do besides what the file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanOptions {
    /// The file that the configuration came from; the plan carries it for the reader.
    pub source: ConfigSource,
    /// The second file that added the mounts of containers, if there was one.
    pub lxc_source: Option<ConfigSource>,
    /// Which disks may be erased, and which may be used though they are failing.
    pub grants: Grants,
    /// Plan only these objects and what they need; empty means everything.
    pub targets: Vec<Address>,
    /// Leave out these objects and what needs them.
    pub excludes: Vec<Address>,
}

/// What has to be done so that the host matches the file.
///
/// The same input gives the same plan, byte for byte. Only differences become steps; an object
/// that the file does not name is never part of a plan.
pub fn plan(config: &Config, observed: &Observed, options: &PlanOptions) -> Plan {
    let meant = release::meant(config, observed);
    let config = meant.as_ref();
    assemble(config, observed, options).finish(config, observed, options)
}

/// The verdict on every object, with its place among the others.
fn assemble(config: &Config, observed: &Observed, options: &PlanOptions) -> Assembly {
    let graph = graph(config);
    let facts = Facts::new(config, observed, &options.grants);
    let selection = select::Selection::new(&graph, &options.targets, &options.excludes);
    let mut assembly = Assembly::default();
    for (position, (address, object)) in objects(config).into_iter().enumerate() {
        let before = assembly.before(&graph, position);
        let before = if selection.contains(&address) {
            let known = release::check(object, observed);
            let verdict = known.and_then(|()| judge(object, &facts, &mut assembly.notes));
            assembly.add(address, object, verdict, before)
        } else {
            Before::default()
        };
        assembly.before.push(before);
    }
    for (pool, note) in capacity::notes(config, observed) {
        if selection.contains(&pool) {
            assembly.notes.add(note);
        }
    }
    let of_host = [
        no_quorum(&assembly, observed),
        export::left_over(config, &observed.exports),
        unread::note(observed),
    ];
    of_host
        .into_iter()
        .flatten()
        .for_each(|note| assembly.notes.add(note));
    assembly
}

/// Proxmox lets nothing be changed then, and every step on its storages and containers would fail.
fn no_quorum(assembly: &Assembly, observed: &Observed) -> Option<Note> {
    let changes = |step: &Step| {
        matches!(
            step.operation,
            Operation::AddStorage(_) | Operation::SetStorage(_) | Operation::SetMount(_)
        )
    };
    let fails = observed.quorate == Some(false) && assembly.steps.iter().any(changes);
    fails.then(|| Note {
        id: None,
        code: Code::StorageNoQuorum,
        severity: Severity::Warning,
        message:
            "the Proxmox cluster has no quorum: its storages and containers cannot be changed now"
                .to_owned(),
        help: Some("look at what pvecm status says, and apply when the nodes are back".to_owned()),
    })
}

fn judge(object: Object<'_>, facts: &Facts<'_>, notes: &mut Notes) -> Verdict {
    match object {
        Object::Arc(limit) => arc::diff(facts, limit, notes),
        Object::Nfs(_) => boot_order::diff(facts, notes),
        Object::Pool(pool) => pool::diff(facts, pool, notes),
        Object::Dataset(dataset) => dataset::diff(facts, dataset, notes),
        Object::Permissions(dataset, permissions) => permissions::diff(facts, dataset, permissions),
        Object::Storage(dataset, storage) => storage::diff(facts, dataset, storage, notes),
        Object::Export(export) => export::diff(facts, export, notes),
        Object::Mount(mount) => mount::diff(facts, mount, notes),
    }
}

/// A plan while its objects are gone through, dependencies first.
#[derive(Default)]
struct Assembly {
    steps: Vec<Step>,
    refusals: Vec<Refusal>,
    notes: Notes,
    unchanged: usize,
    waiting: usize,
    /// What stands before the dependents of each object, in the order of the graph.
    before: Vec<Before>,
}

/// What a dependent of an object has to know about it. An object without a step of its own hands
/// on what stands before it.
///
/// Numbers are places in the assembly, which are in the order of addresses.
#[derive(Default)]
struct Before {
    /// The nearest steps that must be done first.
    steps: Vec<usize>,
    /// The refusals that stand in the way, those at the root.
    refused: Vec<usize>,
}

impl Assembly {
    /// What dependents of the object have to know.
    fn add(
        &mut self,
        address: Address,
        object: Object<'_>,
        verdict: Verdict,
        mut before: Before,
    ) -> Before {
        let origin = object.origin().to_string();
        match verdict {
            Ok(None) => self.unchanged += 1,
            Err(Stop::Waiting) => self.waiting += 1,
            Err(Stop::Refused {
                code,
                reason,
                help,
                at,
            }) => {
                before.refused.push(self.refusals.len());
                let origin = at.map_or(origin, |at| at.to_string());
                self.refusals.push(Refusal {
                    id: address,
                    code,
                    reason,
                    help,
                    because_of: Vec::new(),
                    origin,
                });
            }
            Ok(Some(_)) if !before.refused.is_empty() => {
                let roots = before.refused.iter();
                let roots = roots.filter_map(|&at| Some(self.refusals.get(at)?.id.clone()));
                let refusal = held_up(address, roots.collect(), origin);
                self.refusals.push(refusal);
            }
            Ok(Some(draft)) => {
                let needs = before.steps.iter();
                let needs = needs.filter_map(|&at| Some(self.steps.get(at)?.id.clone()));
                let needs = needs.collect();
                before.steps = vec![self.steps.len()];
                self.steps.push(step(address, *draft, needs, origin));
            }
        }
        before
    }

    /// What stands before the object at a position of the graph.
    fn before(&self, graph: &Graph, position: usize) -> Before {
        let mut before = Before::default();
        for needed in graph.needed_at(position) {
            if let Some(far) = self.before.get(needed) {
                before.steps.extend(&far.steps);
                before.refused.extend(&far.refused);
            }
        }
        for numbers in [&mut before.steps, &mut before.refused] {
            numbers.sort_unstable();
            numbers.dedup();
        }
        before
    }

    fn finish(self, config: &Config, observed: &Observed, options: &PlanOptions) -> Plan {
        let count = |action| {
            self.steps
                .iter()
                .filter(|step| step.action == action)
                .count()
        };
        let summary = Summary {
            create: count(Action::Create),
            update: count(Action::Update),
            delete: 0,
            refused: self.refusals.len(),
            unchanged: self.unchanged,
            waiting: self.waiting,
        };
        Plan {
            format: FORMAT,
            id: String::new(),
            created_by: concat!("phoenix ", env!("CARGO_PKG_VERSION")).to_owned(),
            node: observed.node.clone(),
            observed: digest(observed),
            config: options.source.clone(),
            lxc_config: options.lxc_source.clone(),
            wanted: wanted(config),
            summary,
            steps: self.steps,
            refusals: self.refusals,
            notes: self.notes.sorted(),
        }
        .seal()
    }
}

fn step(id: Address, draft: Draft, needs: Vec<Address>, origin: String) -> Step {
    Step {
        id,
        action: draft.action,
        class: draft.operation.class(draft.action),
        needs,
        lane: draft.operation.lane(),
        changes: draft.changes,
        origin,
        operation: draft.operation,
    }
}

fn held_up(id: Address, roots: Vec<Address>, origin: String) -> Refusal {
    let names: Vec<_> = roots.iter().map(ToString::to_string).collect();
    let verb = if names.len() == 1 { "is" } else { "are" };
    let names = names.join(" and ");
    Refusal {
        id,
        code: RefusalCode::NeedsRefused,
        reason: format!("it needs {names}, which {verb} refused"),
        help: format!("resolve {names} first"),
        because_of: roots,
        origin,
    }
}
