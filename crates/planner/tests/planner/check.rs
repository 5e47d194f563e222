//! `check` finds what is wrong with a plan that somebody or something has damaged.

use phoenix_planner::check;
use phoenix_planner::plan::{Action, Class, Lane, Operation, Plan, Refusal};
use phoenix_planner::refusal::RefusalCode;

use crate::setup::{file, fresh, planned};

/// The places of a fresh plan's steps that the edits below rely on.
const POOL: usize = 2;
const DATA: usize = 3;
const VM: usize = 4;

/// An edit that makes a plan unsound.
type Damage = fn(&mut Plan);

#[test]
fn every_damage_is_found() {
    let plan = planned(&file(), &fresh());
    let ids: Vec<_> = plan.steps.iter().map(|step| step.id.to_string()).collect();
    assert_eq!(
        [&ids[POOL], &ids[DATA], &ids[VM]],
        ["pool:tank", "dataset:tank/data", "dataset:tank/vm"]
    );
    let damages: [(Damage, &str); 14] = [
        (|plan| plan.format = 7, "the format is 7 and not 1"),
        (|plan| plan.id.clear(), "the id does not match the contents"),
        (
            |plan| plan.steps.swap(POOL, DATA),
            "dataset:tank/data needs pool:tank, which does not come before it",
        ),
        (
            |plan| drop(plan.steps.remove(POOL)),
            "dataset:tank/vm needs pool:tank, which does not come before it",
        ),
        (
            |plan| plan.steps.push(plan.steps[POOL].clone()),
            "pool:tank has two steps",
        ),
        (
            |plan| plan.summary.create += 1,
            "the summary says create 11, and there are 10",
        ),
        (
            |plan| plan.summary.delete = 1,
            "the summary says delete 1, and there are 0",
        ),
        (
            |plan| plan.steps[VM].action = Action::Update,
            "dataset:tank/vm has an operation that does not fit its action",
        ),
        (
            |plan| plan.steps[POOL].lane = Some(Lane::Exports),
            "pool:tank is in the wrong lane",
        ),
        (
            |plan| plan.steps[POOL].operation = plan.steps[VM].operation.clone(),
            "pool:tank carries an operation on another object",
        ),
        (
            |plan| plan.refusals.push(refusal(plan, POOL)),
            "pool:tank is refused and has a step",
        ),
        (
            |plan| {
                let mut held = refusal(plan, VM);
                held.because_of = vec![plan.steps[POOL].id.clone()];
                plan.refusals = vec![held];
            },
            "dataset:tank/vm is held up by pool:tank, which is not refused by itself",
        ),
        (wipe_unannounced, "pool:tank is not as dangerous as it says"),
        (
            use_a_disk_twice,
            "pool:other and pool:tank both write to /dev/disk/by-id/nvme-A",
        ),
    ];
    for (damage, problem) in damages {
        let mut damaged = plan.clone();
        damage(&mut damaged);
        let found = check(&damaged);
        assert!(
            found.iter().any(|found| found == problem),
            "{problem}: {found:?}"
        );
    }
}

fn refusal(plan: &Plan, step: usize) -> Refusal {
    Refusal {
        code: RefusalCode::DiskNotEmpty,
        id: plan.steps[step].id.clone(),
        reason: "no".to_owned(),
        help: "no".to_owned(),
        because_of: Vec::new(),
        origin: String::new(),
    }
}

/// The worst that a plan could do: erase a disk without saying so.
fn wipe_unannounced(plan: &mut Plan) {
    assert_eq!(plan.steps[POOL].class, Class::Additive);
    if let Operation::CreatePool(create) = &mut plan.steps[POOL].operation {
        create.vdevs[0].disks[0].wipe = true;
    }
}

fn use_a_disk_twice(plan: &mut Plan) {
    let mut other = plan.steps[POOL].clone();
    other.id = "pool:other".parse().unwrap();
    plan.steps.push(other);
}
