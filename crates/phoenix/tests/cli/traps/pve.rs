//! The eighteen traps of Proxmox's storage and container tools.

use phoenix::Host as _;
use phoenix::host::command::{Output, Program};
use phoenix::sim::state::{Entry, EntryKind};
use phoenix::sim::{Fault, FaultKind, SimHost};
use phoenix::{ApplyOptions, Outcome, PlanOptions};

use super::{
    Interposed, add_storage, apply, codes, config, container, file, is_refused, note, plan,
    refusal, set_option, set_up, steps, writes,
};
use crate::scenario::{EXAMPLE, Scenario};

const STORAGE: &str = r#"{"pool": "tank", "name": "vm",
    "storage": {"id": "vm", "type": "zfspool", "content": ["images", "rootdir"]}}"#;
const DIRECTORY: &str = r#"{"pool": "tank", "name": "iso",
    "storage": {"id": "iso", "type": "dir", "content": ["iso", "vztmpl"]}}"#;
const DATA: &str = r#"{"pool": "tank", "name": "data"}"#;

/// Bind mounts of container 101.
fn mounts(mounts: &[&str]) -> String {
    let mounts = mounts
        .iter()
        .map(|mount| format!(r#"{{"container": 101, {mount}}}"#));
    let mounts: Vec<_> = mounts.collect();
    format!(r#", "bind_mounts": [{}]"#, mounts.join(","))
}

fn run_101(host: &SimHost) {
    host.edit(|state| {
        state.running.insert(101);
    })
    .unwrap();
}

/// "`content` and `nodes` come back in random order."
#[test]
fn trap_01_content_and_nodes_come_back_in_random_order() {
    let nodes = STORAGE.replace("\"content\"", r#""nodes": ["pve-sim", "pve2"], "content""#);
    let (text, host) = (file(&nodes, ""), SimHost::fresh());
    apply(&text, &host);
    for (content, nodes) in [
        ("images,rootdir", "pve2,pve-sim"),
        ("rootdir,images", "pve-sim,pve2"),
        ("rootdir,images", "pve2,pve-sim"),
    ] {
        set_option(&host, "vm", "content", content);
        set_option(&host, "vm", "nodes", nodes);
        assert_eq!(steps(&plan(&text, &host)), [""; 0], "{content} {nodes}");
    }
    set_option(&host, "vm", "content", "rootdir");
    assert_eq!(steps(&plan(&text, &host)), ["storage:vm"]);
}

/// "`pvesh get /storage` list order is random too."
#[test]
fn trap_02_storages_come_back_in_random_order() {
    let (text, host) = (
        file(&format!("{STORAGE},{DIRECTORY}"), ""),
        SimHost::fresh(),
    );
    set_up(&text, &host);
    set_option(&host, "vm", "content", "images");
    set_option(&host, "iso", "content", "iso");
    let reversed = Interposed {
        host: &host,
        answer: |command: &phoenix::host::command::Command| {
            let listing = command.program == Program::Pvesh;
            let output = listing.then(|| host.run(command).unwrap())?;
            let mut storages: Vec<serde_json::Value> =
                serde_json::from_str(&output.stdout).unwrap();
            assert!(storages.len() > 2);
            storages.reverse();
            Some(Output::success(serde_json::to_string(&storages).unwrap()))
        },
    };
    let plans = [plan(&text, &host), plan(&text, &reversed)];
    assert_eq!(steps(&plans[0]), ["storage:iso", "storage:vm"]);
    assert_eq!(plans[0].to_json(), plans[1].to_json());
}

/// "`pct config` shows pending values by default."
#[test]
fn trap_03_a_pending_mount_is_not_taken_for_a_live_one() {
    let text = file(
        DATA,
        &mounts(&[r#""dataset": "tank/data", "target": "/data""#]),
    );
    let host = SimHost::fresh();
    set_up(&text, &host);
    run_101(&host);
    let conf = container(&host).replace("mp0: /tank/data,mp=/data\n", "");
    for section in ["[pve:pending]", "[before_upgrade]"] {
        let conf = format!("{conf}\n{section}\nmp0: /tank/data,mp=/data\n");
        host.edit(|state| {
            let path = "/etc/pve/lxc/101.conf".into();
            state.files.insert(path, Entry::file(&conf));
        })
        .unwrap();
        let plan = plan(&text, &host);
        if section == "[pve:pending]" {
            let note = note(&plan, "phoenix::mount::restart-needed");
            assert!(note.contains("restarted"), "{note}");
        } else {
            assert_eq!(
                steps(&plan),
                ["mount:101:/data"],
                "a snapshot's mount was believed"
            );
        }
    }
}

/// "The nonzero exit code is leaked errno: never match on it."
#[test]
fn trap_04_exit_codes_of_proxmox_mean_nothing_but_failure() {
    for code in [1, 2, 4, 13, 25, 111, 255] {
        let host = SimHost::fresh();
        let failing = Interposed {
            host: &host,
            answer: |command: &phoenix::host::command::Command| {
                (command.program == Program::Pvesm)
                    .then(|| Output::failure(code, "create storage failed: no such pool\n"))
            },
        };
        let report = apply(&file(STORAGE, ""), &failing);
        let outcome = &report.outcomes[&"storage:vm".parse().unwrap()];
        assert_eq!(outcome.outcome, Outcome::Failed, "{code}: {outcome:#?}");
        let error = outcome.error.as_ref().unwrap();
        assert!(
            format!("{error:?}").contains("no such pool"),
            "{code}: {error:#?}"
        );
    }
}

/// "No structured errors: read first, then act." What stands there counts, not what the tool says.
#[test]
fn trap_05_a_storage_that_exists_is_judged_by_what_it_is() {
    let (text, config) = (file(STORAGE, ""), config(&file(STORAGE, "")));
    for (pool, outcome) in [("tank/vm", Outcome::Unchanged), ("tank", Outcome::Failed)] {
        let host = SimHost::fresh();
        let observed = phoenix::observe(&config, &host).unwrap();
        let first = phoenix::plan(&config, &observed, &PlanOptions::default());
        // Somebody adds the storage after the plan was made.
        let options = [("pool", pool), ("content", "rootdir,images")];
        host.edit(|state| add_storage(state, "vm", "zfspool", &options))
            .unwrap();
        let before = host.state().storages;
        let options = ApplyOptions {
            freshness: phoenix::Freshness::Assumed,
            ..ApplyOptions::default()
        };
        let report = phoenix::apply(&first, &host, &options, &mut ()).unwrap();
        let storage = &report.outcomes[&"storage:vm".parse().unwrap()];
        assert_eq!(storage.outcome, outcome, "{pool}: {report:#?}");
        assert_eq!(host.state().storages, before);
        let planned = plan(&text, &host);
        assert_eq!(
            planned.refusals.is_empty(),
            outcome == Outcome::Unchanged,
            "{planned:#?}"
        );
        assert!(planned.steps.is_empty(), "{planned:#?}");
    }
}

/// "`pvesm add zfspool` succeeds for a dataset that does not exist."
#[test]
fn trap_06_a_storage_waits_for_its_dataset() {
    let (text, host) = (file(STORAGE, ""), SimHost::fresh());
    let fault = Fault {
        pattern: "zfs create".to_owned(),
        nth: 1,
        kind: FaultKind::Fail,
    };
    host.add_fault(fault).unwrap();
    let report = apply(&text, &host);
    let outcome = &report.outcomes[&"storage:vm".parse().unwrap()];
    assert_eq!(outcome.outcome, Outcome::Blocked, "{report:#?}");
    assert_eq!(writes(&host, "pvesm"), [""; 0]);
}

/// "zfspool's `mountpoint` is captured at add time; a later `zfs set mountpoint` makes it stale."
#[test]
fn trap_07_a_moved_dataset_moves_its_storage() {
    let host = SimHost::fresh();
    set_up(&file(STORAGE, ""), &host);
    let moved = STORAGE.replace(
        "\"name\": \"vm\"",
        r#""name": "vm", "mountpoint": "/srv/vm""#,
    );
    let moved = file(&moved, "");
    set_up(&moved, &host);
    let storage = &host.state().storages.unwrap()["vm"];
    assert_eq!(storage.options["mountpoint"], "/srv/vm");
    assert_eq!(writes(&host, "pvesm set vm").len(), 1);
    // Somebody moves it by hand, and only Proxmox's note is stale.
    set_option(&host, "vm", "mountpoint", "/tank/vm");
    assert_eq!(steps(&plan(&moved, &host)), ["storage:vm"]);
}

/// "Defaults get materialised: the next write of any storage adds `content images,rootdir`."
#[test]
fn trap_08_a_default_that_appears_in_the_file_is_no_difference() {
    let (text, host) = (file(STORAGE, ""), SimHost::fresh());
    set_up(&text, &host);
    host.edit(|state| {
        let storages = state.storages.as_mut().unwrap();
        storages.get_mut("vm").unwrap().options.remove("content");
    })
    .unwrap();
    assert_eq!(steps(&plan(&text, &host)), [""; 0]);
    set_option(&host, "vm", "sparse", "0");
    set_option(&host, "vm", "content", "images,rootdir");
    assert_eq!(steps(&plan(&text, &host)), [""; 0]);
}

/// "Comments and unknown sections of storage.cfg are silently dropped on the next write: never
/// write the file."
#[test]
fn trap_09_nothing_below_etc_pve_is_ever_written_as_a_file() {
    let host = SimHost::fresh();
    set_up(EXAMPLE, &host);
    assert!(!writes(&host, "pvesm add").is_empty());
    assert!(!writes(&host, "pct set").is_empty());
    assert_eq!(writes(&host, "write-file /etc/pve"), [""; 0]);
}

/// "Bind mounts are non-recursive: child datasets under the source are empty directories in the
/// container."
#[test]
fn trap_10_a_mount_that_hides_child_datasets_is_told() {
    let datasets = format!("{DATA}, {}", r#"{"pool": "tank", "name": "data/models"}"#);
    let parent = r#""dataset": "tank/data", "target": "/data""#;
    let child = r#""dataset": "tank/data/models", "target": "/data/models""#;
    let hidden = "phoenix::share::hidden-children";
    assert!(codes(&file(&datasets, &mounts(&[parent]))).contains(&hidden));
    let both = file(&datasets, &mounts(&[parent, child]));
    assert!(!codes(&both).contains(&hidden));
    let host = SimHost::fresh();
    set_up(&both, &host);
    assert_eq!(container(&host).matches("\nmp").count(), 2);
}

/// "mpN mount order is the numeric index: mp1=/a/b, mp2=/a hides mp1."
#[test]
fn trap_11_a_parent_directory_is_mounted_before_what_lies_below_it() {
    let datasets = format!("{DATA}, {}", r#"{"pool": "tank", "name": "other"}"#);
    let text = file(
        &datasets,
        &mounts(&[
            r#""dataset": "tank/other", "target": "/a/b""#,
            r#""dataset": "tank/data", "target": "/a""#,
        ]),
    );
    let host = SimHost::fresh();
    set_up(&text, &host);
    let conf = container(&host);
    assert!(conf.contains("\nmp0: /tank/data,mp=/a\n"), "{conf}");
    assert!(conf.contains("\nmp1: /tank/other,mp=/a/b\n"), "{conf}");

    // A child that took the lowest number leaves no room for its parent.
    let host = SimHost::fresh();
    let child_first = file(
        &datasets,
        &mounts(&[r#""dataset": "tank/other", "target": "/a/b""#]),
    );
    set_up(&child_first, &host);
    let reason = refusal(&plan(&text, &host), "mount:101:/a");
    assert!(reason.contains("before /a/b"), "{reason}");
}

/// "The bind source must exist and have no symlink component; `pct set` checks neither."
#[test]
fn trap_12_a_source_that_would_keep_the_container_from_starting_is_not_mounted() {
    let text = file(
        DATA,
        &mounts(&[r#""host_path": "/srv/models", "target": "/models""#]),
    );
    let host = SimHost::fresh();
    let report = apply(&text, &host);
    assert!(report.is_success(), "{report:#?}");
    let waiting = plan(&text, &host);
    let missing = note(&waiting, "phoenix::mount::source-missing");
    assert!(missing.contains("/srv/models does not exist"), "{missing}");
    host.edit(|state| {
        let mut link = Entry::directory();
        link.kind = EntryKind::Symlink;
        state.files.insert("/srv/models".into(), link);
    })
    .unwrap();
    let reason = refusal(&plan(&text, &host), "mount:101:/models");
    assert!(reason.contains("is a symbolic link"), "{reason}");
    assert_eq!(writes(&host, "pct"), [""; 0]);
}

/// "A path with `=` via `volume=/a=b` is accepted and then bricks the container's config."
#[test]
fn trap_13_paths_that_brick_a_container_are_refused() {
    for path in ["/srv/a,b", "/srv/a=b", "/srv/a\\nb", "/srv/a "] {
        let source = mounts(&[&format!(r#""host_path": "{path}", "target": "/a""#)]);
        assert!(
            is_refused(&file(DATA, &source), "phoenix::mount::invalid-source"),
            "{path}"
        );
    }
    for path in ["/a,b", "/a\\nb", " /a"] {
        let target = mounts(&[&format!(r#""host_path": "/srv", "target": "{path}""#)]);
        assert!(
            is_refused(&file(DATA, &target), "phoenix::mount::invalid-target"),
            "{path}"
        );
    }
}

/// "On a running container changing or deleting an existing mpN only goes to pending, rc 0, no
/// message."
#[test]
fn trap_14_a_change_that_waits_for_a_restart_is_told() {
    let mount = r#""dataset": "tank/data", "target": "/data""#;
    let host = SimHost::fresh();
    set_up(&file(DATA, &mounts(&[mount])), &host);
    run_101(&host);
    let changed = file(DATA, &mounts(&[&format!("{mount}, \"read_only\": true")]));
    for round in ["before", "after"] {
        let plan = plan(&changed, &host);
        let told = note(&plan, "phoenix::mount::restart-needed");
        assert!(
            told.contains("only when it is restarted"),
            "{round}: {told}"
        );
        apply(&changed, &host);
    }
    let commands = writes(&host, "pct set");
    assert_eq!(
        commands.len(),
        2,
        "it was sent again and again: {commands:?}"
    );
}

/// "`mountoptions=discard;noatime` on a bind mount: noatime applied, discard silently ignored."
#[test]
fn trap_15_an_option_that_does_nothing_draws_a_warning() {
    let ineffective = "phoenix::mount::ineffective-option";
    for (options, warns) in [
        (r#"["discard", "noatime"]"#, true),
        (r#"["lazytime"]"#, true),
        (r#"["noatime", "nodev"]"#, false),
    ] {
        let mount = format!(r#""dataset": "tank/data", "target": "/a", "options": {options}"#);
        let text = file(DATA, &mounts(&[&mount]));
        assert_eq!(codes(&text).contains(&ineffective), warns, "{options}");
    }
}

/// "A bind mount without `shared=1` blocks migration": what phoenix does not manage must not be
/// lost when it changes the rest of a mount.
#[test]
fn trap_16_flags_that_somebody_set_on_a_mount_stay() {
    let mount = r#""dataset": "tank/data", "target": "/data""#;
    let text = file(DATA, &mounts(&[mount]));
    let host = SimHost::fresh();
    set_up(&text, &host);
    let conf = container(&host).replace("mp=/data", "mp=/data,replicate=0,shared=1");
    host.edit(|state| {
        let path = "/etc/pve/lxc/101.conf".into();
        state.files.insert(path, Entry::file(&conf));
    })
    .unwrap();
    assert_eq!(steps(&plan(&text, &host)), [""; 0]);
    set_up(
        &file(DATA, &mounts(&[&format!("{mount}, \"read_only\": true")])),
        &host,
    );
    let conf = container(&host);
    assert!(
        conf.contains("mp=/data,replicate=0,ro=1,shared=1\n"),
        "{conf}"
    );
}

/// "pvestatd makes directories below an unmounted dataset under a `dir` storage unless
/// `is_mountpoint` is set."
#[test]
fn trap_17_a_directory_storage_needs_its_dataset_mounted() {
    let (text, host) = (file(DIRECTORY, ""), SimHost::fresh());
    set_up(&text, &host);
    let added = writes(&host, "pvesm add dir iso");
    assert!(added[0].contains("--is_mountpoint yes"), "{added:?}");
    host.edit(|state| {
        let storages = state.storages.as_mut().unwrap();
        storages
            .get_mut("iso")
            .unwrap()
            .options
            .remove("is_mountpoint");
    })
    .unwrap();
    set_up(&text, &host);
    assert_eq!(writes(&host, "pvesm set iso").len(), 1);
}

/// "All PVE CLIs reset PATH": and so does phoenix, so that nothing on a user's PATH is run as root.
#[test]
fn trap_18_programs_are_not_looked_for_on_the_path() {
    let scenario = Scenario::empty();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/traps/path");
    let run = scenario.run_with_env("disks", &[("PATH", path)]);
    assert!(!scenario.path("was-run").exists(), "{run:#?}");
    assert!(!format!("{run:?}").contains("taken from PATH"), "{run:#?}");
}
