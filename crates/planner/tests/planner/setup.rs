//! A small file, a fresh host, and the one helper that all tables of cases go through.

use std::collections::{BTreeMap, BTreeSet};

use phoenix_config::model::Config;
use phoenix_planner::observed::{
    IdRange, Observed, ObservedArc, ObservedBootOrder, ObservedContainer, ObservedDisk,
    ObservedExports, ObservedProperty,
};
use phoenix_planner::plan::{Action, Plan};
use phoenix_planner::{PlanOptions, check, plan};
use serde_json::{Value, json};

use crate::ideal::apply;

/// The file that most cases start from: every kind of object once or twice.
pub(crate) fn file() -> Value {
    json!({
        "zfs": {
            "pools": [
                {"name": "tank", "raid_level": "mirror",
                 "disks": ["/dev/disk/by-id/nvme-A", "/dev/disk/by-id/nvme-B"]},
            ],
            "datasets": [
                {"pool": "tank", "name": "vm", "properties": {"quota": "800G"},
                 "storage": {"id": "tank-vm", "type": "zfspool", "content": ["images"]}},
                {"pool": "tank", "name": "data", "properties": {"quota": "400G"},
                 "permissions": {"owner": 100_000, "group": 100_000, "mode": "2775"},
                 "storage": {"id": "tank-data", "type": "dir", "content": ["backup"]}},
            ],
            "arc_max": 8_589_934_592_u64,
        },
        "nfs": {"exports": [
            {"dataset": "tank/data", "clients": ["10.0.0.0/24"], "options": ["rw", "sync"]},
        ]},
        "bind_mounts": [
            {"container": 101, "dataset": "tank/data", "target": "/data", "options": ["noatime"]},
        ],
    })
}

/// The file with other values at some JSON pointers; a pointer to a missing member adds it.
pub(crate) fn file_with(edits: &[(&str, Value)]) -> Value {
    let mut file = file();
    for (pointer, value) in edits {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        match file.pointer_mut(parent).expect(pointer) {
            Value::Object(members) => {
                members.insert(key.to_owned(), value.clone());
            }
            Value::Array(items) => match key.parse::<usize>().unwrap() {
                index if index < items.len() => items[index] = value.clone(),
                _ => items.push(value.clone()),
            },
            other => panic!("{pointer}: {other}"),
        }
    }
    file
}

pub(crate) fn config(file: &Value) -> Config {
    let text = serde_json::to_vec_pretty(file).unwrap();
    let loaded = phoenix_config::load("test.json", &text);
    let problems: Vec<_> = loaded
        .diagnostics
        .iter()
        .map(|found| &found.message)
        .collect();
    loaded
        .config()
        .unwrap_or_else(|| panic!("{problems:?}"))
        .clone()
}

/// The ids of an unprivileged container.
const UNPRIVILEGED: IdRange = IdRange {
    container: 0,
    host: 100_000,
    count: 65_536,
};

/// Where the drop-in of the NFS server is.
pub(crate) const DROP_IN: &str = "/etc/systemd/system/nfs-server.service.d/phoenix.conf";

/// A Proxmox host with blank disks: two of 2 TB, two of 4 TB, and containers 101 and 102.
pub(crate) fn fresh() -> Observed {
    let disk = |kernel: &str, size| ObservedDisk {
        kernel_name: kernel.to_owned(),
        size,
        serial: Some(format!("SN-{kernel}")),
        ..ObservedDisk::default()
    };
    let disks = [
        ("A", disk("nvme0n1", 2_000_398_934_016)),
        ("B", disk("nvme1n1", 2_000_398_934_016)),
        ("C", disk("nvme2n1", 4_000_787_030_016)),
        ("D", disk("nvme3n1", 4_000_787_030_016)),
    ];
    let container = ObservedContainer {
        unprivileged: true,
        uids: vec![UNPRIVILEGED],
        gids: vec![UNPRIVILEGED],
        ..ObservedContainer::default()
    };
    Observed {
        node: "pve".to_owned(),
        nodes: ["pve".to_owned()].into(),
        memory: 64 << 30,
        disks: disks
            .map(|(name, disk)| (format!("/dev/disk/by-id/nvme-{name}"), disk))
            .into(),
        storages: Some(BTreeMap::new()),
        acls: Some(BTreeMap::new()),
        exports: ObservedExports {
            available: true,
            boot_order: Some(ObservedBootOrder {
                path: DROP_IN.to_owned(),
                text: None,
                loaded: false,
            }),
            ..ObservedExports::default()
        },
        containers: [(101, container.clone()), (102, container)].into(),
        users: [("backup".to_owned(), 34)].into(),
        groups: [("backup".to_owned(), 34)].into(),
        arc: ObservedArc {
            c_max: Some(40 << 30),
            c_min: Some(2 << 30),
            persistent: None,
            overruled_by: None,
        },
        ..Observed::default()
    }
}

/// The host after the plan for `file` has been carried out.
pub(crate) fn settled(file: &Value) -> Observed {
    let mut host = fresh();
    let plan = planned(file, &host);
    assert_eq!(plan.refusals, [], "the starting point is refused");
    apply(&plan, &mut host);
    host
}

/// The plan for `file`, which must be sound.
pub(crate) fn planned(file: &Value, host: &Observed) -> Plan {
    planned_with(file, host, &PlanOptions::default())
}

pub(crate) fn planned_with(file: &Value, host: &Observed, options: &PlanOptions) -> Plan {
    let plan = plan(&config(file), host, options);
    assert_eq!(check(&plan), Vec::<String>::new());
    plan
}

/// A plan in one line per step, refusal and note. What is only held up names its cause.
pub(crate) fn lines(plan: &Plan) -> Vec<String> {
    let steps = plan.steps.iter().map(|step| {
        let word = match step.action {
            Action::Create => "create",
            Action::Update => "update",
        };
        let changes: Vec<_> = step
            .changes
            .iter()
            .map(|change| match &change.before {
                _ if change.is_kept() => format!("{} still {}", change.field, change.after),
                Some(before) => format!("{} {before} -> {}", change.field, change.after),
                None => format!("{} {}", change.field, change.after),
            })
            .collect();
        format!("{word} {}: {}", step.id, changes.join("; "))
    });
    let refusals = plan.refusals.iter().map(|refusal| {
        let causes: Vec<_> = refusal.because_of.iter().map(ToString::to_string).collect();
        match causes.as_slice() {
            [] => format!("refuse {}: {}", refusal.id, refusal.reason),
            causes => format!("hold {} for {}", refusal.id, causes.join(", ")),
        }
    });
    let notes = plan.notes.iter().map(|note| {
        let id = note
            .id
            .as_ref()
            .map_or("host".to_owned(), ToString::to_string);
        format!("note {id}: {}", note.code)
    });
    steps.chain(refusals).chain(notes).collect()
}

/// One row of a table: the host is changed, the file is changed, and the plan must consist of
/// exactly these lines.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// JSON pointers into [`file`] and the JSON to put there.
    pub(crate) file: &'static [(&'static str, &'static str)],
    pub(crate) host: fn(&mut Observed),
    pub(crate) plan: &'static [&'static str],
}

/// Cases that start from the host on which [`file`] has been carried out.
pub(crate) fn run(cases: &[Case]) {
    run_on(&settled(&file()), "", cases);
}

/// Cases that start from a fresh host; only lines about objects of this kind are compared.
pub(crate) fn run_fresh(kind: &str, cases: &[Case]) {
    run_on(&fresh(), kind, cases);
}

fn run_on(base: &Observed, kind: &str, cases: &[Case]) {
    let mut names = BTreeSet::new();
    for case in cases {
        assert!(names.insert(case.name), "{} twice", case.name);
        let mut host = base.clone();
        (case.host)(&mut host);
        let edits = case.file.iter();
        let edits: Vec<_> = edits
            .map(|(pointer, value)| (*pointer, serde_json::from_str(value).expect(value)))
            .collect();
        let plan = planned(&file_with(&edits), &host);
        let about = |line: &String| {
            line.split(' ')
                .nth(1)
                .is_some_and(|id| id.starts_with(kind))
        };
        let lines: Vec<_> = lines(&plan).into_iter().filter(about).collect();
        assert_eq!(lines, case.plan, "{}", case.name);
    }
}

/// Leaves the host as it is.
pub(crate) fn as_it_is(_: &mut Observed) {}

/// Gives a property of a dataset another value.
pub(crate) fn set(host: &mut Observed, dataset: &str, name: &str, value: &str, source: &str) {
    let property = ObservedProperty {
        value: value.into(),
        source: source.parse().unwrap(),
    };
    let dataset = host.datasets.get_mut(dataset).expect(dataset);
    dataset.properties.insert(name.to_owned(), property);
}

/// The disk that a path of the file leads to.
pub(crate) fn disk<'a>(host: &'a mut Observed, name: &str) -> &'a mut ObservedDisk {
    host.disks
        .get_mut(&format!("/dev/disk/by-id/nvme-{name}"))
        .expect(name)
}
