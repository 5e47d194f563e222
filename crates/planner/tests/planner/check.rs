//! `check` finds what is wrong with a plan that somebody or something has damaged.

use phoenix_planner::check;
use phoenix_planner::plan::{Action, Class, Lane, Operation, Plan, Refusal, Step};
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

/// A saved plan is a file, and root applies it.
#[test]
fn a_plan_can_do_only_what_a_file_could() {
    let plan = planned(&file(), &fresh());
    type Tamper = fn(&mut Operation);
    let tampers: [(Tamper, &str); 14] = [
        (
            |it| {
                if let Operation::SetBootOrder(set) = it {
                    set.path = "/etc/cron.d/x".to_owned();
                }
            },
            "writes /etc/cron.d/x",
        ),
        (
            |it| {
                if let Operation::SetBootOrder(set) = it {
                    set.text += "ExecStartPre=/bin/touch /x\n";
                }
            },
            "a text that is not phoenix's own",
        ),
        (
            |it| {
                if let Operation::CreatePool(create) = it {
                    create.vdevs[0].keyword = Some("-f".to_owned());
                }
            },
            "has a vdev of type \"-f\"",
        ),
        (
            |it| {
                if let Operation::CreatePool(create) = it {
                    create.vdevs[0].disks[0].path = "-f".to_owned();
                }
            },
            "names the path \"-f\"",
        ),
        (
            |it| {
                if let Operation::CreatePool(create) = it {
                    create
                        .properties
                        .insert("altroot=/x".to_owned(), "y".into());
                }
            },
            "sets the property \"altroot=/x\"",
        ),
        (
            |it| {
                if let Operation::CreateDataset(create) = it {
                    create.properties.insert("exec=on".to_owned(), "y".into());
                }
            },
            "sets the property \"exec=on\"",
        ),
        (
            |it| {
                if let Operation::CreateDataset(create) = it {
                    create.mountpoint = Some("/tank/../etc".to_owned());
                }
            },
            "names the path \"/tank/../etc\"",
        ),
        (
            |it| {
                if let Operation::SetPermissions(set) = it {
                    set.path = "etc".to_owned();
                }
            },
            "names the path \"etc\"",
        ),
        (
            |it| {
                if let Operation::SetPermissions(set) = it {
                    set.acl
                        .insert("user:0:,user:1:".to_owned(), "rwx".to_owned());
                }
            },
            "sets the ACL entry",
        ),
        (
            |it| {
                if let Operation::AddStorage(add) = it {
                    add.options.insert("options".to_owned(), "x".to_owned());
                }
            },
            "sets the storage's option \"options\"",
        ),
        (
            |it| {
                if let Operation::SetExport(set) = it {
                    set.clients[0] += "\n/ *(rw,no_root_squash)";
                }
            },
            "exports to",
        ),
        (
            |it| {
                if let Operation::SetExport(set) = it {
                    set.clients = vec!["10.0.0.5(rw,frobnicate)".to_owned()];
                }
            },
            "exports to",
        ),
        (
            |it| {
                if let Operation::SetMount(set) = it {
                    set.key = "hookscript".to_owned();
                }
            },
            "sets \"hookscript\" of a container",
        ),
        (
            |it| {
                if let Operation::SetMount(set) = it {
                    set.value += "\nlxc.hook.start: /x";
                }
            },
            "says",
        ),
    ];
    for (tamper, why) in tampers {
        let mut damaged = plan.clone();
        for step in &mut damaged.steps {
            tamper(&mut step.operation);
        }
        assert_ne!(damaged, plan, "{why}: the plan has no such step");
        let found = check(&damaged);
        let told = found
            .iter()
            .any(|found| found.contains("does what no file could ask for") && found.contains(why));
        assert!(told, "{why}: {found:?}");
    }
}

/// The reader agrees to what is shown.
#[test]
fn a_plan_shows_all_that_it_does_and_nothing_else() {
    type Tamper = fn(&mut Step) -> bool;
    let tampers: [(&str, Tamper, &str); 7] = [
        (
            "a pool's property that is set in silence",
            |step| match &mut step.operation {
                Operation::CreatePool(create) => {
                    let properties = &mut create.root_properties;
                    properties
                        .insert("mountpoint".to_owned(), "/etc".into())
                        .is_none()
                }
                _ => false,
            },
            "does not show root_properties.mountpoint /etc",
        ),
        (
            "another vdev than the one that is shown",
            |step| match &mut step.operation {
                Operation::CreatePool(create) => create.vdevs[0].keyword.take().is_some(),
                _ => false,
            },
            "does not show data ",
        ),
        (
            "a value that is shown and not set",
            |step| match &mut step.operation {
                Operation::CreateDataset(create) => create.properties.remove("quota").is_some(),
                _ => false,
            },
            "shows quota ",
        ),
        (
            "a client that is let in in silence",
            |step| match &mut step.operation {
                Operation::SetExport(set) => {
                    set.clients.push("10.6.6.6(rw,sync)".to_owned());
                    true
                }
                _ => false,
            },
            "does not show 10.6.6.6 rw,sync",
        ),
        (
            "a client that is said to be shut out",
            |step| match &step.operation {
                Operation::SetExport(_) => {
                    step.changes[0].after = "none".into();
                    true
                }
                _ => false,
            },
            "does not show ",
        ),
        (
            "another mount",
            |step| match &mut step.operation {
                Operation::SetMount(set) => {
                    set.value += ",ro=1";
                    true
                }
                _ => false,
            },
            "does not show mp",
        ),
        (
            "a mode that is set in silence",
            |step| match &mut step.operation {
                Operation::SetPermissions(set) => set.mode.replace(0o6777) != Some(0o6777),
                _ => false,
            },
            "does not show mode 6777",
        ),
    ];
    let plan = planned(&file(), &fresh());
    for (what, tamper, why) in tampers {
        let mut damaged = plan.clone();
        let steps = damaged.steps.iter_mut();
        let touched = steps.map(tamper).filter(|touched| *touched).count();
        assert!(touched > 0, "{what}: the plan has no such step");
        let found = check(&damaged);
        let told = found
            .iter()
            .any(|found| found.contains("is not what the reader is shown") && found.contains(why));
        assert!(told, "{what}: {found:?}");
    }
}

/// The address of a mount says where in the container; so does its value.
#[test]
fn a_mount_is_where_its_address_says() {
    let mut plan = planned(&file(), &fresh());
    let is_mount = |step: &&mut Step| matches!(step.operation, Operation::SetMount(_));
    let step = plan.steps.iter_mut().find(is_mount).unwrap();
    let Operation::SetMount(set) = &mut step.operation else {
        unreachable!("it was looked for");
    };
    let (source, _) = set.value.split_once(",mp=").unwrap();
    set.value = format!("{source},mp=/elsewhere");
    step.changes[0].after = set.value.as_str().into();
    let words = format!("{} carries an operation on another object", step.id);
    assert!(check(&plan).contains(&words), "{:?}", check(&plan));
}
