//! What holds for every configuration on every host, however often and in whatever way it is
//! applied.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;
use phoenix_planner::check;
use phoenix_planner::plan::Plan;
use phoenix_sim::state::{Dataset, EntryKind, State};
use phoenix_sim::{Fault, FaultKind, SimHost};
use phoenix_testing::scenario::{Scenario, comparable, config, host, plan, run, scenario};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

/// How often a run may be repeated before its host has to be as the file says.
const ATTEMPTS: usize = 4;

fn planned(scenario: &Scenario, host: &SimHost) -> Plan {
    let plan = plan(&scenario.config(), host, &scenario.options());
    assert_eq!(check(&plan), Vec::<String>::new());
    plan
}

/// Runs until nothing is left to do, and says what the last plan refused.
fn settle(scenario: &Scenario, host: &SimHost, jobs: usize) -> Vec<String> {
    let mut last = String::new();
    for _ in 0..ATTEMPTS {
        let plan = planned(scenario, host);
        if plan.steps.is_empty() {
            let refusals = plan.refusals.iter();
            return refusals.map(|refusal| refusal.id.to_string()).collect();
        }
        let report = run(&plan, host, jobs);
        last = phoenix_executor::report::text(&report, &|_| None);
    }
    panic!("{ATTEMPTS} runs were not enough; the last one:\n{last}");
}

/// The host after one undisturbed run, which must have been enough.
fn undisturbed(scenario: &Scenario, before: &State) -> SimHost {
    let host = host(before.clone());
    let first = planned(scenario, &host);
    let report = run(&first, &host, 1);
    let text = phoenix_executor::report::text(&report, &|_| None);
    assert_eq!(report.summary.failed, 0, "{text}");
    host
}

/// The same file with everything in another order, but for disks, options and clients,
/// which are kept as they are written.
fn shuffled(value: &Value, picks: &mut impl Iterator<Item = Index>) -> Value {
    match value {
        Value::Array(items) => {
            let mut left: Vec<_> = items.iter().map(|item| shuffled(item, picks)).collect();
            let mut mixed = Vec::new();
            while !left.is_empty() {
                let pick = picks.next().expect("picks repeat for ever");
                mixed.push(left.swap_remove(pick.index(left.len())));
            }
            Value::Array(mixed)
        }
        Value::Object(members) => {
            let members = members.iter();
            let mixed = members.map(|(key, value)| match key.as_str() {
                "disks" | "options" | "clients" => (key.clone(), value.clone()),
                _ => (key.clone(), shuffled(value, picks)),
            });
            Value::Object(mixed.collect())
        }
        other => other.clone(),
    }
}

/// Names that the file speaks of.
struct Named {
    pools: BTreeSet<String>,
    datasets: BTreeSet<String>,
    storages: BTreeSet<String>,
    exports: BTreeSet<String>,
}

impl Named {
    fn of(scenario: &Scenario) -> Self {
        let config = scenario.config();
        let graph = phoenix_planner::graph(&config);
        let mut named = Self {
            pools: BTreeSet::new(),
            datasets: BTreeSet::new(),
            storages: BTreeSet::new(),
            exports: BTreeSet::new(),
        };
        for node in graph.nodes() {
            let node = node.to_string();
            let (kind, name) = node.split_once(':').unwrap();
            let set = match kind {
                "pool" => &mut named.pools,
                "dataset" => &mut named.datasets,
                "storage" => &mut named.storages,
                "export" => &mut named.exports,
                _ => continue,
            };
            set.insert(name.to_owned());
        }
        // The root of a pool is set up with the pool.
        named.datasets.extend(named.pools.clone());
        named
    }
}

/// A dataset as its owner sees it: where it is mounted may follow its parent.
fn own(dataset: &Dataset) -> Dataset {
    let mut dataset = dataset.clone();
    // Mountpoints of children are made in their parent's root directory.
    dataset
        .files
        .retain(|_, entry| entry.kind != EntryKind::Directory);
    dataset
}

/// Everything that nobody named is byte for byte what it was.
fn assert_rest_untouched(scenario: &Scenario, before: &State, after: &State) {
    let named = Named::of(scenario);
    for (name, dataset) in &before.datasets {
        let now = after.datasets.get(name).expect(name);
        assert_eq!(now.guid, dataset.guid, "{name} was made anew");
        if !named.datasets.contains(name) {
            assert_eq!(own(now), own(dataset), "{name}");
        }
        for (path, entry) in own(dataset).files {
            assert_eq!(now.files.get(&path), Some(&entry), "{path} in {name}");
        }
    }
    for name in after.datasets.keys() {
        let known = before.datasets.contains_key(name) || named.datasets.contains(name);
        assert!(known, "{name} came from nowhere");
    }
    for (name, pool) in &before.pools {
        let now = &after.pools[name];
        assert_eq!((now.guid, &now.vdevs), (pool.guid, &pool.vdevs), "{name}");
        if !named.pools.contains(name) {
            assert_eq!(now, pool, "{name}");
        }
    }
    for (id, storage) in before.storages.iter().flatten() {
        if !named.storages.contains(id) {
            assert_eq!(
                after.storages.as_ref().unwrap().get(id),
                Some(storage),
                "{id}"
            );
        }
    }
    for export in before.exports.iter().flatten() {
        if !named.exports.contains(&export.path) {
            assert!(
                after.exports.as_ref().unwrap().contains(export),
                "{export:?}"
            );
        }
    }
    assert_files_untouched(before, after);
    assert_eq!(before.running, after.running);
    assert_eq!(before.swaps, after.swaps);
}

/// Files stay; in those that phoenix shares with others, every line of the others stays.
fn assert_files_untouched(before: &State, after: &State) {
    let shared = |path: &Utf8PathBuf| {
        path.starts_with("/etc/pve/lxc")
            || path == "/etc/exports.d/phoenix.exports"
            || path == "/etc/modprobe.d/zfs.conf"
    };
    for (path, entry) in &before.files {
        let now = &after.files[path];
        assert_eq!(
            (now.uid, now.gid, now.mode),
            (entry.uid, entry.gid, entry.mode),
            "{path}"
        );
        match (&entry.kind, &now.kind) {
            (EntryKind::File(old), EntryKind::File(new)) if shared(path) => {
                for line in old.lines() {
                    let foreign = path.as_str().starts_with("/etc/pve") && !line.starts_with("mp")
                        || line.starts_with('#') && !line.contains("phoenix")
                        || line.contains("zfs_txg_timeout=10")
                        || line.starts_with("/srv/old")
                        || line.contains("mp=/srv,")
                        || line.contains("mp=/own");
                    assert!(!foreign || new.contains(line), "{path} has lost: {line}");
                }
            }
            (old, new) => assert_eq!(old, new, "{path}"),
        }
    }
}

/// Nothing is destroyed, and only disks that the file names are erased, if they may be at all.
fn assert_nothing_destroyed(scenario: &Scenario, writes: &[String]) {
    let file = scenario.file.to_string();
    for write in writes {
        let mut words = write.split(' ');
        let command = (words.next().unwrap(), words.next().unwrap_or_default());
        let harmless = match command {
            ("zfs", "create" | "set" | "mount") | ("zpool", "set") => true,
            ("zpool", "create") => !write.split(' ').any(|word| word == "-f"),
            ("wipefs", "-a") => scenario.wipe,
            ("pvesm", "add" | "set") | ("pct", "set") => true,
            ("exportfs", "-ra") | ("systemctl", "daemon-reload") => true,
            ("write-file" | "write-parameter" | "set-permissions", _) => true,
            _ => false,
        };
        assert!(harmless, "{write}");
        if command.0 == "wipefs" {
            assert!(
                !write.contains("nvme3") && !write.contains("sda"),
                "{write}"
            );
        }
        if command.0 == "zpool" && command.1 == "create" {
            let disks = write.split(' ').filter(|word| word.starts_with("/dev/"));
            assert!(disks.clone().count() > 0, "{write}");
            for disk in disks {
                assert!(
                    file.contains(disk),
                    "{write}: the file does not name {disk}"
                );
            }
        }
    }
}

fn kinds() -> impl Strategy<Value = FaultKind> {
    select(vec![FaultKind::Fail, FaultKind::Hang, FaultKind::Late])
}

/// A command without the digest that guards a change of Proxmox's storages: it is that of the file
/// at that moment, and so tells what was written before.
fn without_digest(command: &str) -> String {
    match command.split_once(" --digest ") {
        Some((start, rest)) => {
            let rest = rest.split_once(' ').map_or("", |(_, rest)| rest);
            format!("{start} {rest}")
        }
        None => command.to_owned(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn after_an_apply_nothing_is_left_to_do(scenario in scenario()) {
        let before = scenario.host().state();
        let first = planned(&scenario, &scenario.host());
        let host = undisturbed(&scenario, &before);
        // What was refused may have become possible, as when another dataset left its mountpoint.
        let again = planned(&scenario, &host);
        for step in &again.steps {
            let refused = first.refusals.iter().any(|refusal| refusal.id == step.id);
            prop_assert!(refused, "{} was left over", step.id);
        }
        let refused = settle(&scenario, &host, 16);
        let (state, writes) = (host.state(), host.writes().len());
        prop_assert_eq!(settle(&scenario, &host, 16), refused);
        prop_assert_eq!(host.state(), state, "applying twice is applying once");
        prop_assert_eq!(host.writes().len(), writes);
    }

    #[test]
    fn what_the_file_does_not_name_stays_and_nothing_is_destroyed(scenario in scenario()) {
        let before = scenario.host().state();
        let host = undisturbed(&scenario, &before);
        assert_rest_untouched(&scenario, &before, &host.state());
        assert_nothing_destroyed(&scenario, &host.writes());
    }

    #[test]
    fn any_interruption_ends_like_none(
        scenario in scenario(),
        cuts in prop::collection::vec((any::<Index>(), 1..9_usize), 1..4),
    ) {
        let before = scenario.host().state();
        let reference = undisturbed(&scenario, &before);
        settle(&scenario, &reference, 1);
        let writes = reference.writes().len();
        let host = host(before.clone());
        for (cut, jobs) in cuts {
            let plan = planned(&scenario, &host);
            host.fail_after(cut.index(writes + 1) as u64);
            run(&plan, &host, jobs);
            host.fail_after(u64::MAX);
            assert_rest_untouched(&scenario, &before, &host.state());
        }
        settle(&scenario, &host, 4);
        assert_nothing_destroyed(&scenario, &host.writes());
        prop_assert_eq!(comparable(&host.state()), comparable(&reference.state()));
    }

    #[test]
    fn any_fault_ends_like_none(
        scenario in scenario(),
        faults in prop::collection::vec((any::<Index>(), kinds(), 1..3_usize), 1..4),
        jobs in 1..9_usize,
    ) {
        let before = scenario.host().state();
        let reference = undisturbed(&scenario, &before);
        settle(&scenario, &reference, 1);
        let writes = reference.writes();
        prop_assume!(!writes.is_empty());
        let host = host(before.clone());
        for (write, kind, nth) in faults {
            let pattern = write.get(&writes).clone();
            host.add_fault(Fault { pattern, nth, kind }).unwrap();
        }
        run(&planned(&scenario, &host), &host, jobs);
        assert_rest_untouched(&scenario, &before, &host.state());
        host.edit(|state| state.faults.clear()).unwrap();
        settle(&scenario, &host, 4);
        assert_nothing_destroyed(&scenario, &host.writes());
        prop_assert_eq!(comparable(&host.state()), comparable(&reference.state()));
    }

    #[test]
    fn many_jobs_end_like_one(scenario in scenario(), jobs in 2..17_usize) {
        let before = scenario.host().state();
        let serial = undisturbed(&scenario, &before);
        let parallel = host(before);
        let report = run(&planned(&scenario, &parallel), &parallel, jobs);
        prop_assert_eq!(report.summary.failed, 0);
        prop_assert_eq!(comparable(&parallel.state()), comparable(&serial.state()));
        let sorted = |host: &SimHost| {
            let writes = host.writes();
            writes.iter().map(|write| without_digest(write)).collect::<BTreeSet<_>>()
        };
        prop_assert_eq!(sorted(&parallel), sorted(&serial));
    }

    #[test]
    fn the_order_of_a_file_decides_nothing(
        scenario in scenario(),
        picks in prop::collection::vec(any::<Index>(), 16),
    ) {
        let before = scenario.host();
        let mixed = shuffled(&scenario.file, &mut picks.into_iter().cycle());
        let steps = |file: &Value| {
            let plan = plan(&config(file), &before, &scenario.options());
            let told = |step: &phoenix_planner::plan::Step| {
                (step.id.clone(), step.needs.clone(), step.changes.clone(), step.operation.clone())
            };
            let refused: Vec<_> = plan.refusals.iter().map(|it| it.id.clone()).collect();
            (plan.steps.iter().map(told).collect::<Vec<_>>(), refused)
        };
        prop_assert_eq!(steps(&mixed), steps(&scenario.file));
    }

    #[test]
    fn the_same_host_gives_the_same_bytes(scenario in scenario()) {
        let text = planned(&scenario, &scenario.host()).to_json();
        prop_assert_eq!(planned(&scenario, &scenario.host()).to_json(), text);
    }
}
