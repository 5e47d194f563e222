//! Steps whose way to the goal has a twist.

use std::collections::BTreeMap;

use phoenix_executor::event::Outcome;
use phoenix_host::Host;
use phoenix_host::command::{Command, Output, Program};
use phoenix_sim::state::{Dataset, Mount};
use phoenix_sim::{self as sim, SimHost};

use crate::support::{EVERYTHING, Interposed, config, look, message, outcome, plan, run, set_up};

const ARC: &str = r#"{"zfs": {"arc_max": "1G"}}"#;
const MODPROBE: &str = "/etc/modprobe.d/zfs.conf";

#[test]
fn a_limit_below_the_floor_lowers_the_floor_first() {
    let (config, host) = (config(ARC), SimHost::fresh());
    set_up(&config, &host);
    let arc = look(&config, &host).arc;
    assert_eq!((arc.c_max, arc.persistent), (Some(1 << 30), Some(1 << 30)));
    assert_eq!(
        host.writes(),
        [
            "write-parameter /sys/module/zfs/parameters/zfs_arc_min 536870912",
            "write-parameter /sys/module/zfs/parameters/zfs_arc_max 1073741824",
            "write-file /etc/modprobe.d/zfs.conf",
        ]
    );
}

/// A host with everything, whose pools were exported: as after a power cut, but full of datasets.
fn exported(config: &phoenix_config::model::Config) -> SimHost {
    let host = SimHost::fresh();
    set_up(config, &host);
    for pool in ["quickOS", "fastData"] {
        let argv = ["zpool", "export", pool].map(str::to_owned);
        assert_eq!(sim::run_argv(&host, &argv).code, Some(0));
    }
    host
}

#[test]
fn a_pool_that_lies_on_its_disks_is_imported_with_everything_in_it() {
    let config = config(EVERYTHING);
    let host = exported(&config);
    let held: BTreeMap<_, _> = host
        .state()
        .exported
        .into_values()
        .flat_map(|exported| exported.datasets)
        .collect();
    set_up(&config, &host);
    assert_eq!(host.state().datasets, held, "no dataset may have changed");
    assert!(plan(&config, &host).is_empty(), "nothing is left to do");
}

#[test]
fn a_pool_that_changed_since_the_plan_is_not_imported() {
    let config = config(EVERYTHING);
    let host = exported(&config);
    let plan = plan(&config, &host);
    host.edit(|state| {
        let exported = state.exported.get_mut("fastData").unwrap();
        exported.pool.health = "DEGRADED".to_owned();
    })
    .unwrap();
    let report = run(&plan, &host);
    assert!(
        message(&report, "pool:fastData").contains("the pool on its disks has changed"),
        "{}",
        message(&report, "pool:fastData")
    );
    let imported: Vec<String> = host.state().pools.into_keys().collect();
    assert_eq!(imported, ["quickOS"], "the other pool goes on");
}

/// A host whose root file system is a dataset: the module is loaded from the initramfs.
fn zfs_root() -> SimHost {
    let host = SimHost::fresh();
    host.edit(|state| {
        let inside = |path: &camino::Utf8PathBuf| path.strip_prefix("/").unwrap().to_owned();
        let files = state.files.iter();
        let root = Dataset {
            guid: 1,
            volume: None,
            properties: BTreeMap::new(),
            referenced: 0,
            files: files
                .map(|(path, entry)| (inside(path), entry.clone()))
                .collect(),
        };
        state.datasets.insert("rpool/ROOT/pve-1".to_owned(), root);
        let mount = Mount {
            source: "rpool/ROOT/pve-1".to_owned(),
            target: "/".into(),
            fstype: "zfs".to_owned(),
        };
        state.mounts.edit(|list| list.insert(1, mount));
    })
    .unwrap();
    host
}

#[test]
fn with_root_on_zfs_the_initramfs_takes_the_limit_over_even_after_a_power_cut() {
    let config = config(ARC);
    for cut in 0..5 {
        let host = zfs_root();
        let first = plan(&config, &host);
        host.fail_after(cut);
        run(&first, &host);
        host.fail_after(u64::MAX);
        let before = host.writes().len();
        set_up(&config, &host);
        let text = host.read_file(MODPROBE.into()).unwrap().unwrap();
        assert_eq!(text, "options zfs zfs_arc_max=1073741824\n", "cut {cut}");
        // However the first run ended, the initramfs was made after the limit was written.
        let writes = host.writes();
        let last = |what: &str| writes.iter().rposition(|write| write.starts_with(what));
        assert!(last("update-initramfs").is_some(), "cut {cut}");
        if cut < 4 {
            let again = &writes[before..];
            assert!(
                again.contains(&"update-initramfs -u -k all".to_owned()),
                "cut {cut}"
            );
        }
    }
}

#[test]
fn a_dataset_that_was_made_but_not_mounted_is_a_failure_that_the_next_run_mends() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    let first = plan(&config, &host);
    // OpenZFS 2.4 exits 0 although the mount failed.
    let unmounting = Interposed {
        host: &host,
        answer: |command: &Command| {
            let typed = command.to_string();
            let hit = typed.starts_with("zfs create") && typed.ends_with("quickOS/data");
            hit.then(|| {
                let output = host.run(command).unwrap();
                host.edit(|state| state.mounts.retain(|mount| mount.source != "quickOS/data"))
                    .unwrap();
                output
            })
        },
    };
    let report = run(&first, &unmounting);
    assert_eq!(
        message(&report, "dataset:quickOS/data"),
        "cannot create dataset \"quickOS/data\": it is there, but not mounted at /quickOS/data"
    );
    set_up(&config, &host);
    assert!(host.writes().contains(&"zfs mount quickOS/data".to_owned()));
}

#[test]
fn a_dataset_that_somebody_made_otherwise_is_left_as_it_is() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    let first = plan(&config, &host);
    let meddling = Interposed {
        host: &host,
        answer: |command: &Command| {
            let typed = command.to_string();
            if typed.starts_with("zfs create") && typed.ends_with("quickOS/vm") {
                let other = Command::write(
                    command.program,
                    ["create", "-o", "quota=1048576", "quickOS/vm"],
                );
                assert_eq!(host.run(&other).unwrap(), Output::success(""));
            }
            None
        },
    };
    let report = run(&first, &meddling);
    assert_eq!(
        message(&report, "dataset:quickOS/vm"),
        "cannot create dataset \"quickOS/vm\": the dataset is there, but compression is lz4 \
         instead of zstd, quota is 1048576 instead of 858993459200"
    );
}

#[test]
fn a_mount_point_key_that_was_taken_in_between_is_not_overwritten() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    let first = plan(&config, &host);
    let conf = "/etc/pve/lxc/102.conf";
    let taken = format!(
        "{}mp0: local:102/vm-102-disk-1.raw,mp=/var/lib/data,size=8G\n",
        host.read_file(conf.into()).unwrap().unwrap()
    );
    host.write_file(conf.into(), &taken).unwrap();
    let report = run(&first, &host);
    let failed = message(&report, "mount:102:/mnt/data");
    assert!(failed.contains("mp0 has become local:102"), "{failed}");
    assert_eq!(
        outcome(&report, "mount:101:/mnt/data").outcome,
        Outcome::Changed
    );
    set_up(&config, &host);
    let text = host.read_file(conf.into()).unwrap().unwrap();
    assert!(text.contains("mp0: local:102/vm-102-disk-1.raw"), "{text}");
    assert!(text.contains("mp1: /quickOS/data,mp=/mnt/data"), "{text}");
}

#[test]
fn a_missing_main_exports_file_is_made() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    host.edit(|state| {
        state.files.remove(camino::Utf8Path::new("/etc/exports"));
    })
    .unwrap();
    set_up(&config, &host);
    assert_eq!(
        host.read_file("/etc/exports".into()).unwrap().as_deref(),
        Some("")
    );
}

const DROP_IN: &str = "/etc/systemd/system/nfs-server.service.d/phoenix.conf";

#[test]
fn the_drop_in_of_the_nfs_server_is_written_and_read_by_systemd() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    set_up(&config, &host);
    let text = host.read_file(DROP_IN.into()).unwrap().unwrap();
    assert!(
        text.contains("\nAfter=zfs-import.target zfs-mount.service\n"),
        "{text}"
    );
    let writes = host.writes();
    let at = |what: &str| writes.iter().position(|write| write == what);
    assert!(at(&format!("write-file {DROP_IN}")) < at("systemctl daemon-reload"));
    // A run that ended between the two is finished by the next.
    host.edit(|state| state.units.clear()).unwrap();
    let again = plan(&config, &host);
    assert_eq!(again.steps.len(), 1);
    assert!(run(&again, &host).is_success());
    assert_eq!(host.writes()[writes.len()..], ["systemctl daemon-reload"]);
    assert!(plan(&config, &host).is_empty());
}

#[test]
fn a_drop_in_that_somebody_wrote_in_between_is_left_alone() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    let first = plan(&config, &host);
    let theirs = "[Service]\nRestart=always\n";
    host.write_file(DROP_IN.into(), theirs).unwrap();
    let report = run(&first, &host);
    let failed = message(&report, "host:nfs");
    assert!(failed.contains("somebody else has written"), "{failed}");
    assert_eq!(
        host.read_file(DROP_IN.into()).unwrap().as_deref(),
        Some(theirs)
    );
    assert_eq!(
        outcome(&report, "export:/quickOS/data").outcome,
        Outcome::Changed
    );
}

#[test]
fn a_machine_without_systemd_has_no_drop_in() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    let without = Interposed {
        host: &host,
        answer: |command: &Command| {
            let stderr = "System has not been booted with systemd as init system (PID 1). Can't \
                          operate.\nFailed to connect to bus: Host is down\n";
            (command.program == Program::Systemctl).then(|| Output::failure(1, stderr))
        },
    };
    set_up(&config, &without);
    assert_eq!(host.read_file(DROP_IN.into()).unwrap(), None);
}
