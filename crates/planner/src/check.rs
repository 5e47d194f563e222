//! What is true of every plan, stated independently of how plans are made.
//!
//! The executor runs it on each plan before the first step, the tests on every plan that they
//! make. A finding is a bug in phoenix or a plan file made by hand.

mod operation;
mod shown;

use std::collections::{BTreeMap, BTreeSet};

use phoenix_config::address::Address;

use crate::diff::MountValue;
use crate::plan::{Action, CreatePool, FORMAT, ImportPool, Operation, Plan, Step};

/// What is wrong with the plan, one sentence each. Empty means sound.
pub fn check(plan: &Plan) -> Vec<String> {
    let mut problems = Vec::new();
    if plan.format != FORMAT {
        problems.push(format!("the format is {} and not {FORMAT}", plan.format));
    }
    if !plan.verify_id() {
        problems.push("the id does not match the contents".to_owned());
    }
    check_order(plan, &mut problems);
    check_refusals(plan, &mut problems);
    check_summary(plan, &mut problems);
    for step in &plan.steps {
        check_step(step, &mut problems);
    }
    check_exclusive(plan, &mut problems);
    problems
}

/// Every step once, after everything that it needs.
fn check_order(plan: &Plan, problems: &mut Vec<String>) {
    let mut done = BTreeSet::new();
    for step in &plan.steps {
        for need in step.needs.iter().filter(|need| !done.contains(need)) {
            problems.push(format!(
                "{} needs {need}, which does not come before it",
                step.id
            ));
        }
        if !done.insert(&step.id) {
            problems.push(format!("{} has two steps", step.id));
        }
    }
}

/// A refused object has no step and one refusal; what it holds up names it as the root.
fn check_refusals(plan: &Plan, problems: &mut Vec<String>) {
    let steps: BTreeSet<_> = plan.steps.iter().map(|step| &step.id).collect();
    let roots = plan
        .refusals
        .iter()
        .filter(|refusal| refusal.because_of.is_empty());
    let roots: BTreeSet<_> = roots.map(|refusal| &refusal.id).collect();
    let mut seen = BTreeSet::new();
    for refusal in &plan.refusals {
        let id = &refusal.id;
        if steps.contains(id) {
            problems.push(format!("{id} is refused and has a step"));
        }
        if !seen.insert(id) {
            problems.push(format!("{id} is refused twice"));
        }
        if refusal.reason.is_empty() || refusal.help.is_empty() {
            problems.push(format!("{id} is refused without a reason or a way out"));
        }
        for cause in refusal
            .because_of
            .iter()
            .filter(|cause| !roots.contains(cause))
        {
            problems.push(format!(
                "{id} is held up by {cause}, which is not refused by itself"
            ));
        }
    }
}

fn check_summary(plan: &Plan, problems: &mut Vec<String>) {
    let count = |action| {
        plan.steps
            .iter()
            .filter(|step| step.action == action)
            .count()
    };
    let summary = &plan.summary;
    for (what, stated, counted) in [
        ("create", summary.create, count(Action::Create)),
        ("update", summary.update, count(Action::Update)),
        ("delete", summary.delete, 0),
        ("refused", summary.refused, plan.refusals.len()),
    ] {
        if stated != counted {
            problems.push(format!(
                "the summary says {what} {stated}, and there are {counted}"
            ));
        }
    }
}

/// One step is about its own object, changes something, and says how dangerous it is.
fn check_step(step: &Step, problems: &mut Vec<String>) {
    let id = &step.id;
    if step.needs.contains(id) {
        problems.push(format!("{id} needs itself"));
    }
    if let Some(why) = operation::impossible(&step.operation) {
        problems.push(format!("{id} does what no file could ask for: it {why}"));
    }
    if let Some(why) = shown::untrue(step) {
        problems.push(format!("{id} is not what the reader is shown: it {why}"));
    }
    if *id != subject(id, &step.operation) {
        problems.push(format!("{id} carries an operation on another object"));
    }
    let says_nothing = step.changes.is_empty() && step.action == Action::Update;
    if says_nothing || is_empty(&step.operation) {
        problems.push(format!("{id} changes nothing"));
    }
    if step.class != step.operation.class(step.action) {
        problems.push(format!("{id} is not as dangerous as it says"));
    }
    if step.lane != step.operation.lane() {
        problems.push(format!("{id} is in the wrong lane"));
    }
    let fixed = match step.operation {
        Operation::CreatePool(_) | Operation::CreateDataset(_) | Operation::AddStorage(_) => {
            Some(Action::Create)
        }
        Operation::ImportPool(_)
        | Operation::SetPool(_)
        | Operation::SetDataset(_)
        | Operation::SetStorage(_) => Some(Action::Update),
        Operation::SetPermissions(_)
        | Operation::SetExport(_)
        | Operation::SetBootOrder(_)
        | Operation::SetMount(_)
        | Operation::SetArc(_) => None,
    };
    if fixed.is_some_and(|fixed| fixed != step.action) {
        problems.push(format!(
            "{id} has an operation that does not fit its action"
        ));
    }
}

/// The address of what the operation is about. A bind mount's target is inside its value, which
/// may spell it another way.
fn subject(id: &Address, operation: &Operation) -> Address {
    match operation {
        Operation::CreatePool(create) => Address::Pool(create.pool.clone()),
        Operation::ImportPool(import) => Address::Pool(import.pool.clone()),
        Operation::SetPool(set) => Address::Pool(set.pool.clone()),
        Operation::CreateDataset(create) => Address::Dataset(create.dataset.clone()),
        Operation::SetDataset(set) => Address::Dataset(set.dataset.clone()),
        Operation::SetPermissions(set) => Address::Permissions(set.dataset.clone()),
        Operation::AddStorage(add) => Address::Storage(add.storage.clone()),
        Operation::SetStorage(set) => Address::Storage(set.storage.clone()),
        Operation::SetExport(set) => Address::Export(set.path.clone()),
        Operation::SetMount(set) => Address::Mount {
            container: set.container,
            target: match (id, MountValue::parse(&set.value)) {
                (Address::Mount { target, .. }, Some(value)) if value.is_at(target) => {
                    target.clone()
                }
                _ => String::new(),
            },
        },
        Operation::SetBootOrder(_) => Address::Nfs,
        Operation::SetArc(_) => Address::Arc,
    }
}

fn is_empty(operation: &Operation) -> bool {
    match operation {
        Operation::CreatePool(create) => create.vdevs.is_empty(),
        Operation::ImportPool(import) => import.vdevs.is_empty(),
        Operation::SetPool(set) => set.properties.is_empty() && set.root_properties.is_empty(),
        Operation::SetDataset(set) => set.properties.is_empty() && set.mount.is_none(),
        Operation::SetPermissions(set) => {
            (set.uid, set.gid, set.mode) == (None, None, None) && set.acl.is_empty()
        }
        Operation::SetStorage(set) => set.options.is_empty() && set.delete.is_empty(),
        Operation::SetExport(set) => set.clients.is_empty(),
        Operation::SetBootOrder(set) => set.text.is_empty(),
        Operation::SetArc(set) => !set.runtime && !set.persistent,
        Operation::CreateDataset(_) | Operation::AddStorage(_) | Operation::SetMount(_) => false,
    }
}

/// No two steps write to one disk or to one mount point of a container.
fn check_exclusive(plan: &Plan, problems: &mut Vec<String>) {
    let mut owners: BTreeMap<String, &Address> = BTreeMap::new();
    for step in &plan.steps {
        let places = match &step.operation {
            Operation::CreatePool(CreatePool { vdevs, .. })
            | Operation::ImportPool(ImportPool { vdevs, .. }) => {
                let disks = vdevs.iter().flat_map(|vdev| &vdev.disks);
                disks.map(|disk| disk.path.clone()).collect()
            }
            Operation::SetMount(set) => vec![format!("{} of container {}", set.key, set.container)],
            _ => Vec::new(),
        };
        for place in places {
            if let Some(other) = owners.insert(place.clone(), &step.id) {
                problems.push(format!("{} and {other} both write to {place}", step.id));
            }
        }
    }
}
