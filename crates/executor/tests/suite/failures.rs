//! A failure keeps back what needs it, says why, and nothing else suffers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use phoenix_executor::apply;
use phoenix_executor::event::{Failure, Outcome};
use phoenix_executor::report::text;
use phoenix_host::Host;
use phoenix_host::command::{Effect, Output};
use phoenix_sim::state::{Export, Partition, State};
use phoenix_sim::{Fault, FaultKind, SimHost};

use crate::support::{
    EVERYTHING, Interposed, config, look, message, options, outcome, plan, run, set_up,
};

fn fault(pattern: &str, kind: FaultKind) -> Fault {
    Fault {
        pattern: pattern.to_owned(),
        nth: 1,
        kind,
    }
}

#[test]
fn a_failed_pool_blocks_its_branch_and_the_other_pool_is_finished() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    host.add_fault(fault("zpool create*fastData*", FaultKind::Fail))
        .unwrap();
    let report = apply(&plan(&config, &host), &host, &options(16), &mut ()).unwrap();
    assert_eq!(report.summary.failed, 1);
    for (id, step) in &report.outcomes {
        let id = id.to_string();
        let of_the_branch = [
            "dataset:fastData/backups",
            "dataset:fastData/test",
            "storage:fast-backups",
            "export:/fastData/test",
            "mount:101:/mnt/test",
        ];
        if id == "pool:fastData" {
            assert_eq!(step.outcome, Outcome::Failed);
        } else if of_the_branch.contains(&id.as_str()) {
            assert_eq!(step.outcome, Outcome::Blocked, "{id}");
            assert_eq!(step.blocked_by, ["pool:fastData".parse().unwrap()], "{id}");
        } else {
            assert_eq!(step.outcome, Outcome::Changed, "{id}: {:?}", step.error);
        }
    }
    let text = text(&report, &|_| None);
    assert!(text.starts_with("failed pool:fastData\n"), "{text}");
    assert!(text.contains("  | simulated failure\n"), "{text}");
    assert!(text.contains("blocked by pool:fastData:\n"), "{text}");
    set_up(&config, &host);
}

#[test]
fn a_panic_in_a_step_is_a_failed_step() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    let first = plan(&config, &host);
    let broken = Interposed {
        host: &host,
        answer: |command: &phoenix_host::command::Command| {
            assert!(
                !command.to_string().ends_with("quickOS/data"),
                "out of order"
            );
            None
        },
    };
    let report = apply(&first, &broken, &options(16), &mut ()).unwrap();
    let failed = message(&report, "dataset:quickOS/data");
    assert!(failed.contains("out of order"), "{failed}");
    assert_eq!(
        outcome(&report, "dataset:quickOS/vm").outcome,
        Outcome::Changed
    );
    assert_eq!(
        outcome(&report, "mount:102:/mnt/data").outcome,
        Outcome::Blocked
    );
    set_up(&config, &host);
}

#[test]
fn a_refused_object_and_its_dependents_are_reported_as_blocked() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    host.add_signature("nvme-Samsung_SSD_990_PRO_4TB_SIM4TC0003", "ext4")
        .unwrap();
    let report = run(&plan(&config, &host), &host);
    let pool = outcome(&report, "pool:fastData");
    assert_eq!(
        (pool.outcome, &pool.blocked_by[..]),
        (Outcome::Blocked, &[][..])
    );
    assert!(message(&report, "pool:fastData").contains("ext4"));
    let dataset = outcome(&report, "dataset:fastData/test");
    assert_eq!(dataset.blocked_by, ["pool:fastData".parse().unwrap()]);
    assert_eq!(report.summary.blocked, 6);
    assert_eq!(report.summary.failed, 0);
}

#[test]
fn a_busy_dataset_is_tried_again_and_then_given_up() {
    let grown = config(&EVERYTHING.replace("800G", "900G"));
    for (busy, outcome_then) in [(6, Outcome::Changed), (7, Outcome::Failed)] {
        let host = SimHost::fresh();
        set_up(&config(EVERYTHING), &host);
        let tries = AtomicUsize::new(0);
        let stubborn = Interposed {
            host: &host,
            answer: |command: &phoenix_host::command::Command| {
                let is_set = command.to_string().starts_with("zfs set");
                let again = is_set && tries.fetch_add(1, Ordering::Relaxed) < busy;
                again.then(|| {
                    Output::failure(
                        255,
                        "cannot set property for 'quickOS/vm': pool or dataset is busy\n",
                    )
                })
            },
        };
        let report = run(&plan(&grown, &host), &stubborn);
        let step = outcome(&report, "dataset:quickOS/vm");
        assert_eq!(step.outcome, outcome_then, "busy {busy} times");
        if outcome_then == Outcome::Failed {
            let help = step.error.as_ref().and_then(|error| error.help.clone());
            assert!(help.unwrap().contains("find out what holds it"));
        }
    }
}

#[test]
fn a_refused_property_says_which_others_took_effect() {
    let host = SimHost::fresh();
    set_up(&config(EVERYTHING), &host);
    host.edit(|state| {
        let used = state.datasets.get_mut("quickOS/vm").unwrap();
        used.referenced = 500 << 30;
    })
    .unwrap();
    let changed = EVERYTHING.replace(
        r#"{"compression": "zstd", "quota": "800G"}"#,
        r#"{"compression": "lz4", "quota": "100G"}"#,
    );
    let report = run(&plan(&config(&changed), &host), &host);
    let message = message(&report, "dataset:quickOS/vm");
    assert_eq!(
        message,
        "cannot change dataset \"quickOS/vm\": the new size is less than what is used or reserved \
         already; compression took effect all the same, and quota is 858993459200 instead of \
         107374182400"
    );
}

/// What `zpool create` leaves on a disk when it gives up before the pool exists.
fn partition(state: &mut State) {
    let disk = state.disks.get_mut("nvme2n1").unwrap();
    let partition = |kind: &str| Partition {
        size: 8 << 20,
        kind: kind.to_owned(),
        signatures: Vec::new(),
        ..Partition::default()
    };
    disk.table = Some("gpt".to_owned());
    disk.partitions = BTreeMap::from([
        (1, partition("6a898cc3-1dd2-11b2-99a6-080020736631")),
        (9, partition("6a945a3b-1dd2-11b2-99a6-080020736631")),
    ]);
}

#[test]
fn a_pool_whose_partitions_lag_behind_is_tried_again_twice() {
    let config = config(EVERYTHING);
    for reason in [
        "no such pool or dataset",
        "one or more devices is currently unavailable",
    ] {
        for (races, outcome_then) in [(2, Outcome::Changed), (3, Outcome::Failed)] {
            let host = SimHost::fresh();
            let tries = AtomicUsize::new(0);
            let slow = Interposed {
                host: &host,
                answer: |command: &phoenix_host::command::Command| {
                    let typed = command.to_string();
                    let creates = typed.starts_with("zpool create") && typed.contains("fastData");
                    let again = creates && tries.fetch_add(1, Ordering::Relaxed) < races;
                    again.then(|| {
                        // ZFS has partitioned the disk by then.
                        host.edit(partition).unwrap();
                        Output::failure(1, format!("cannot create 'fastData': {reason}\n"))
                    })
                },
            };
            let report = run(&plan(&config, &host), &slow);
            let outcome = outcome(&report, "pool:fastData").outcome;
            assert_eq!(outcome, outcome_then, "{reason}, {races} times");
        }
    }
}

/// The failure of `address` when every command that matches `program` fails with `stderr`.
fn failing(text: &str, command: &str, stderr: &str, address: &str) -> Failure {
    let (config, host) = (config(text), SimHost::fresh());
    let first = plan(&config, &host);
    let broken = Interposed {
        host: &host,
        answer: |found: &phoenix_host::command::Command| {
            let hit = found.effect == Effect::Write && found.to_string().starts_with(command);
            hit.then(|| Output::failure(255, stderr))
        },
    };
    let report = run(&first, &broken);
    outcome(&report, address).error.clone().unwrap()
}

#[test]
fn proxmox_failures_are_explained() {
    for (command, stderr, address, message, help) in [
        (
            "pvesm add",
            "create storage failed: cfs-lock 'file-storage_cfg' error: got lock request timeout\n",
            "storage:quick-vm",
            "cannot add storage \"quick-vm\": another task holds the cluster's lock on storage.cfg",
            "pvesh get /cluster/tasks",
        ),
        (
            "pvesm add",
            "create storage failed: cfs-lock 'file-storage_cfg' error: no quorum!\n",
            "storage:quick-vm",
            "cannot add storage \"quick-vm\": the cluster has no quorum",
            "pvecm status",
        ),
        (
            "pct set",
            "CT is locked (backup)\n",
            "mount:101:/mnt/data",
            "cannot set mp0 of container 101: the container is locked (backup)",
            "pct unlock",
        ),
        (
            "pvesm add",
            "400 Parameter verification failed.\nblocksize: value does not match\npvesm add <type> <storage>\n",
            "storage:quick-vm",
            "cannot add storage \"quick-vm\": blocksize: value does not match",
            "",
        ),
    ] {
        let failure = failing(EVERYTHING, command, stderr, address);
        assert_eq!(failure.message, message);
        assert!(failure.help.unwrap_or_default().contains(help), "{message}");
        assert!(failure.detail.unwrap().contains(stderr.trim_end()));
    }
}

#[test]
fn an_exports_file_that_the_server_refuses_is_put_back() {
    let host = SimHost::fresh();
    let before = config(EVERYTHING);
    set_up(&before, &host);
    let path = camino::Utf8Path::new("/etc/exports.d/phoenix.exports");
    let file = phoenix_host::Host::read_file(&host, path).unwrap();
    let exported = look(&before, &host).exports;
    // The server forgets a client's name between check and load, as a resolver may.
    host.add_fault(fault("exportfs -ra", FaultKind::Fail))
        .unwrap();
    let changed = config(&EVERYTHING.replace(r#"["rw", "sync"]"#, r#"["rw", "async"]"#));
    let report = run(&plan(&changed, &host), &host);
    let failed = message(&report, "export:/quickOS/data");
    assert!(
        failed.ends_with("phoenix.exports was put back as it was"),
        "{failed}"
    );
    assert_eq!(phoenix_host::Host::read_file(&host, path).unwrap(), file);
    assert_eq!(look(&before, &host).exports, exported);
    set_up(&changed, &host);
}

#[test]
fn a_line_that_costs_others_their_export_is_taken_back() {
    let (before, host) = (config(EVERYTHING), SimHost::fresh());
    set_up(&before, &host);
    let exported = look(&before, &host).exports;
    let changed = config(&EVERYTHING.replace(r#"["rw", "sync"]"#, r#"["rw", "async"]"#));
    let first = AtomicUsize::new(0);
    // exportfs drops the rest of a file after a line that it does not understand.
    let strict = Interposed {
        host: &host,
        answer: |command: &phoenix_host::command::Command| {
            let reload = command.to_string() == "exportfs -ra";
            (reload && first.fetch_add(1, Ordering::Relaxed) == 0).then(|| {
                let _ = host.run(command).unwrap();
                let keep = |export: &Export| export.path == "/quickOS/data";
                host.edit(|state| state.exports.as_mut().unwrap().retain(keep))
                    .unwrap();
                Output::failure(1, "exportfs: /etc/exports.d/x.exports:2: syntax error\n")
            })
        },
    };
    let report = run(&plan(&changed, &host), &strict);
    let failed = message(&report, "export:/quickOS/data");
    assert!(failed.contains("syntax error"), "{failed}");
    assert_eq!(look(&before, &host).exports, exported);
}

#[test]
fn a_pool_that_came_out_otherwise_is_a_failure() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    let liar = Interposed {
        host: &host,
        answer: |command: &phoenix_host::command::Command| {
            let status = command.to_string() == "zpool status -P quickOS";
            status.then(|| {
                let true_answer = host.run(command).unwrap();
                Output::success(true_answer.stdout.replace("mirror-0", "raidz1-0"))
            })
        },
    };
    let report = run(&plan(&config, &host), &liar);
    let failed = message(&report, "pool:quickOS");
    assert!(failed.contains("it is made of other vdevs"), "{failed}");
    assert_eq!(
        outcome(&report, "dataset:quickOS/vm").outcome,
        Outcome::Blocked
    );
}

#[test]
fn a_new_mountpoint_that_leaves_the_dataset_unmounted_is_a_failure() {
    let host = SimHost::fresh();
    set_up(&config(EVERYTHING), &host);
    let moved = EVERYTHING.replace(
        r#""name": "data/logs","#,
        r#""name": "data/logs", "mountpoint": "/srv/logs","#,
    );
    let first = plan(&config(&moved), &host);
    // Since OpenZFS 2.2 the command succeeds although the mount fails.
    let unmounting = Interposed {
        host: &host,
        answer: |command: &phoenix_host::command::Command| {
            let typed = command.to_string();
            (typed.starts_with("zfs set") && typed.contains("/srv/logs")).then(|| {
                let output = host.run(command).unwrap();
                host.edit(|state| state.mounts.retain(|one| one.source != "quickOS/data/logs"))
                    .unwrap();
                output
            })
        },
    };
    let report = run(&first, &unmounting);
    let failed = message(&report, "dataset:quickOS/data/logs");
    assert!(
        failed.ends_with("zfs set left the dataset unmounted"),
        "{failed}"
    );
    set_up(&config(&moved), &host);
    assert!(look(&config(&moved), &host).datasets["quickOS/data/logs"].mounted);
}

#[test]
fn a_file_system_that_is_read_only_costs_its_own_steps_and_the_next_run_does_them() {
    for (file, address) in [
        ("/etc/exports.d/phoenix.exports", "export:"),
        ("/etc/modprobe.d/zfs.conf", "host:arc"),
    ] {
        let (config, host) = (config(EVERYTHING), SimHost::fresh());
        host.add_fault(fault(&format!("write-file {file}"), FaultKind::Fail))
            .unwrap();
        let report = run(&plan(&config, &host), &host);
        let failed: Vec<_> = report.with_outcome(Outcome::Failed).collect();
        let [(id, step)] = failed.as_slice() else {
            panic!("{:?}", report.outcomes);
        };
        assert!(id.to_string().starts_with(address), "{id}");
        let error = step.error.clone().unwrap();
        assert!(
            error.message.contains(&format!("cannot write {file}: ")),
            "{error:?}"
        );
        assert_eq!(
            outcome(&report, "dataset:fastData/backups").outcome,
            Outcome::Changed
        );
        set_up(&config, &host);
    }
}
