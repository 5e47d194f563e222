//! What phoenix must never do, whatever happens between plan and apply.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use phoenix_executor::event::Outcome;
use phoenix_executor::options::{ApplyOptions, Freshness};
use phoenix_executor::{ApplyError, apply, is_stale};
use phoenix_host::command::{Command, Output};
use phoenix_host::lock::HeldLock;
use phoenix_host::{Change, Host, HostError};
use phoenix_planner::{Grants, PlanOptions};
use phoenix_sim::state::{Entry, HalfTable};
use phoenix_sim::{Fault, FaultKind, SimHost};

use crate::support::{
    EVERYTHING, Interposed, config, look, message, options, outcome, plan, plan_with, run, set_up,
};

const DISK: &str = "nvme-Samsung_SSD_990_PRO_4TB_SIM4TC0003";
const SERIAL: &str = "SIM4TC0003";

#[test]
fn a_stale_plan_is_refused_before_anything_is_written() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    let first = plan(&config, &host);
    host.add_signature(DISK, "ext4").unwrap();
    assert!(is_stale(&first, &look(&config, &host)));
    let checked = ApplyOptions {
        freshness: Freshness::Check,
        ..options(1)
    };
    let refused = apply(&first, &host, &checked, &mut ());
    assert!(
        matches!(refused, Err(ApplyError::Stale { .. })),
        "{refused:?}"
    );
    assert_eq!(host.writes(), [] as [String; 0]);
}

#[test]
fn a_fresh_plan_passes_the_check() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    let checked = ApplyOptions {
        freshness: Freshness::Check,
        ..options(1)
    };
    let report = apply(&plan(&config, &host), &host, &checked, &mut ()).unwrap();
    assert!(report.is_success());
}

#[test]
fn an_unsound_plan_is_refused() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    let mut first = plan(&config, &host);
    first.steps.reverse();
    let refused = apply(&first, &host, &options(1), &mut ());
    assert!(
        matches!(refused, Err(ApplyError::Unsound { .. })),
        "{refused:?}"
    );
    assert_eq!(host.writes(), [] as [String; 0]);
}

#[test]
fn a_disk_that_is_no_longer_the_one_of_the_plan_is_left_alone() {
    type Edit = fn(&mut phoenix_sim::state::State);
    let cases: [(Edit, &str); 5] = [
        (
            |state| disk(state).serial = Some("ANOTHER".to_owned()),
            "leads to another disk (nvme2n1, serial ANOTHER",
        ),
        (|state| disk(state).size -= 512, "leads to another disk"),
        (|state| disk(state).links.clear(), "has disappeared"),
        (
            |state| {
                state.swaps.insert("/dev/nvme2n1".to_owned());
            },
            "in use: swap",
        ),
        (
            |state| disk(state).table = Some("gpt".to_owned()),
            "carries PMBR, gpt, and erasing it was not granted",
        ),
    ];
    for (edit, reason) in cases {
        let (config, host) = (config(EVERYTHING), SimHost::fresh());
        let first = plan(&config, &host);
        host.edit(edit).unwrap();
        let report = run(&first, &host);
        let failed = message(&report, "pool:fastData");
        assert!(failed.contains(reason), "{failed}");
        assert_eq!(outcome(&report, "pool:quickOS").outcome, Outcome::Changed);
        let touched = host.writes().iter().any(|write| write.contains(DISK));
        assert!(!touched, "{reason}");
    }
}

#[test]
fn a_disk_that_zpool_create_had_barely_begun_to_divide_is_blank_unless_something_is_there() {
    let config = config(EVERYTHING);
    let begun = |contents: Option<&str>| {
        let host = SimHost::fresh();
        let contents = contents.map(str::to_owned);
        host.edit(|state| disk(state).half_table = Some(HalfTable { contents }))
            .unwrap();
        host
    };
    let host = begun(None);
    let report = run(&plan(&config, &host), &host);
    assert!(report.is_success(), "{:?}", report.outcomes);
    let host = begun(Some("zfs_member"));
    let report = run(&plan(&config, &host), &host);
    let refused = message(&report, "pool:fastData");
    assert!(refused.contains("carries gpt"), "{refused}");
    let touched = host.writes().iter().any(|write| write.contains(DISK));
    assert!(!touched);
}

fn disk(state: &mut phoenix_sim::state::State) -> &mut phoenix_sim::state::Disk {
    state
        .disks
        .values_mut()
        .find(|disk| disk.serial.as_deref() == Some(SERIAL))
        .unwrap()
}

#[test]
fn a_granted_disk_is_erased_by_name_and_only_that_one() {
    for signature in ["ext4", "gpt", "zfs_member"] {
        let (config, host) = (config(EVERYTHING), SimHost::fresh());
        host.add_signature(DISK, signature).unwrap();
        let granted = PlanOptions {
            grants: Grants {
                wipe: BTreeSet::from([DISK.to_owned()]),
                ..Grants::default()
            },
            ..PlanOptions::default()
        };
        let report = run(&plan_with(&config, &host, &granted), &host);
        assert!(report.is_success(), "{signature}: {:?}", report.outcomes);
        let wipes: Vec<String> = host
            .writes()
            .into_iter()
            .filter(|write| write.starts_with("wipefs"))
            .collect();
        assert_eq!(
            wipes.last().unwrap(),
            "wipefs -a /dev/nvme2n1",
            "{signature}"
        );
        assert!(
            wipes.iter().all(|wipe| wipe.contains("nvme2n1")),
            "{wipes:?}"
        );
        let forced = |write: &String| write.starts_with("zpool create") && write.contains(" -f");
        assert!(!host.writes().iter().any(forced));
        set_up(&config, &host);
    }
}

#[test]
fn a_granted_wipe_does_not_cover_a_disk_that_came_into_use() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    host.add_signature(DISK, "ext4").unwrap();
    let granted = PlanOptions {
        grants: Grants {
            wipe: BTreeSet::from([DISK.to_owned()]),
            wipe_named: true,
            ..Grants::default()
        },
        ..PlanOptions::default()
    };
    let first = plan_with(&config, &host, &granted);
    host.edit(|state| {
        state.mounts.push(phoenix_sim::state::Mount {
            source: "/dev/nvme2n1".to_owned(),
            target: "/mnt/precious".into(),
            fstype: "ext4".to_owned(),
        });
    })
    .unwrap();
    let report = run(&first, &host);
    let failed = message(&report, "pool:fastData");
    assert!(
        failed.contains("in use: mounted at /mnt/precious"),
        "{failed}"
    );
    assert!(
        !host
            .writes()
            .iter()
            .any(|write| write.starts_with("wipefs"))
    );
}

#[test]
fn a_dataset_is_never_mounted_over_files_that_came_in_between() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    let only_pools = PlanOptions {
        targets: vec!["pool:quickOS".parse().unwrap()],
        ..PlanOptions::default()
    };
    run(&plan_with(&config, &host, &only_pools), &host);
    let first = plan(&config, &host);
    host.edit(|state| {
        let root = state.datasets.get_mut("quickOS").unwrap();
        root.files.insert("data".into(), Entry::directory());
        root.files.insert("data/precious".into(), Entry::file("x"));
    })
    .unwrap();
    let report = run(&first, &host);
    let failed = message(&report, "dataset:quickOS/data");
    assert!(failed.contains("/quickOS/data is not empty"), "{failed}");
    assert!(!host.state().datasets.contains_key("quickOS/data"));
}

#[test]
fn nothing_points_at_a_dataset_that_is_not_mounted() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    let pools_and_data = PlanOptions {
        targets: vec!["dataset:quickOS/data".parse().unwrap()],
        ..PlanOptions::default()
    };
    run(&plan_with(&config, &host, &pools_and_data), &host);
    let rest = plan(&config, &host);
    host.edit(|state| state.mounts.retain(|mount| mount.source != "quickOS/data"))
        .unwrap();
    let report = run(&rest, &host);
    let failed = message(&report, "permissions:quickOS/data");
    assert!(
        failed.contains("\"quickOS/data\" is not mounted"),
        "{failed}"
    );
    for dependent in ["export:/quickOS/data", "mount:101:/mnt/data"] {
        assert_eq!(outcome(&report, dependent).outcome, Outcome::Blocked);
    }
    let told =
        |write: &&String| write.contains("/quickOS/data ") || write.contains("/quickOS/data,");
    assert_eq!(host.writes().iter().find(told), None);
}

#[test]
fn what_the_file_does_not_name_stays_as_it_is() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    host.edit(|state| {
        let exports = Entry::file("/srv 10.9.9.9(ro,sync,no_subtree_check)\n");
        state.files.insert("/srv".into(), Entry::directory());
        state.files.insert("/etc/exports".into(), exports);
        let ours = Entry::file("/srv/old 10.9.9.9(ro,sync,no_subtree_check)\n");
        state.files.insert("/srv/old".into(), Entry::directory());
        state
            .files
            .insert("/etc/exports.d".into(), Entry::directory());
        state
            .files
            .insert("/etc/exports.d/phoenix.exports".into(), ours);
        let modprobe = Entry::file("# mine\noptions zfs zfs_txg_timeout=10\n");
        state
            .files
            .insert("/etc/modprobe.d/zfs.conf".into(), modprobe);
    })
    .unwrap();
    set_up(&config, &host);
    let read = |path: &str| {
        phoenix_host::Host::read_file(&host, path.into())
            .unwrap()
            .unwrap()
    };
    assert_eq!(
        read("/etc/modprobe.d/zfs.conf"),
        "# mine\noptions zfs zfs_txg_timeout=10\noptions zfs zfs_arc_max=32212254720\n"
    );
    let ours = read("/etc/exports.d/phoenix.exports");
    assert!(
        ours.contains("/srv/old 10.9.9.9(ro,sync,no_subtree_check)"),
        "{ours}"
    );
    assert_eq!(
        read("/etc/exports"),
        "/srv 10.9.9.9(ro,sync,no_subtree_check)\n"
    );
}

/// A simulated host that notes whether Proxmox's disk lock is held while disks are looked at and
/// written.
struct Watched {
    host: SimHost,
    held: Arc<AtomicBool>,
    unguarded: Mutex<Vec<String>>,
    guarded: Mutex<Vec<String>>,
}

struct Release(Arc<AtomicBool>);

impl Drop for Release {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl Host for Watched {
    fn run(&self, command: &Command) -> Result<Output, HostError> {
        let list = if self.held.load(Ordering::SeqCst) {
            &self.guarded
        } else {
            &self.unguarded
        };
        list.lock().unwrap().push(command.to_string());
        self.host.run(command)
    }

    fn read_file(&self, path: &Utf8Path) -> Result<Option<String>, HostError> {
        self.host.read_file(path)
    }

    fn read_foreign(&self, path: &Utf8Path) -> Result<Option<String>, HostError> {
        self.host.read_foreign(path)
    }

    fn change(&self, change: &Change) -> Result<(), HostError> {
        self.host.change(change)
    }

    fn first_links(&self, paths: &[&str]) -> Result<Vec<Option<Utf8PathBuf>>, HostError> {
        self.host.first_links(paths)
    }

    fn hold_disks(&self, disks: &[&str]) -> Result<Vec<HeldLock>, HostError> {
        self.host.hold_disks(disks)
    }

    fn lock(&self, path: &Utf8Path, _: Duration) -> Result<HeldLock, HostError> {
        assert_eq!(path, "/run/lock/pve-diskmanage.lck");
        assert!(!self.held.swap(true, Ordering::SeqCst), "taken twice");
        Ok(HeldLock::new(Release(Arc::clone(&self.held))))
    }
}

#[test]
fn disks_are_looked_at_and_written_under_proxmox_lock() {
    let host = Watched {
        host: SimHost::fresh(),
        held: Arc::default(),
        unguarded: Mutex::default(),
        guarded: Mutex::default(),
    };
    host.host.add_signature(DISK, "ext4").unwrap();
    let config = config(EVERYTHING);
    let granted = PlanOptions {
        grants: Grants {
            wipe: BTreeSet::from([DISK.to_owned()]),
            ..Grants::default()
        },
        ..PlanOptions::default()
    };
    let first = plan_with(&config, &host, &granted);
    host.unguarded.lock().unwrap().clear();
    let report = apply(&first, &host, &options(16), &mut ()).unwrap();
    assert!(report.is_success(), "{:?}", report.outcomes);
    assert!(!host.held.load(Ordering::SeqCst), "given back");
    let about_disks = |typed: &&String| {
        ["wipefs", "lsblk", "zpool create", "zpool status"]
            .iter()
            .any(|start| typed.starts_with(start))
    };
    assert_eq!(
        host.unguarded.lock().unwrap().iter().find(about_disks),
        None
    );
    let guarded = host.guarded.lock().unwrap();
    // The other pool is made, and read back, at the same time.
    let position = |start: &str, end: &str| {
        let wanted = |typed: &String| typed.starts_with(start) && typed.ends_with(end);
        guarded.iter().position(wanted)
    };
    let order = [
        position("wipefs -J", ""),
        position("zpool create -n", DISK),
        position("wipefs -a", ""),
        position("zpool create -o", DISK),
        position("zpool status", " fastData"),
    ];
    assert!(
        order.iter().all(Option::is_some) && order.is_sorted(),
        "{guarded:#?}"
    );
}

#[test]
fn a_disk_lock_that_another_task_keeps_costs_that_pool_and_nothing_else() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    let first = plan(&config, &host);
    host.add_fault(Fault {
        pattern: "lock /run/lock/pve-diskmanage.lck".to_owned(),
        nth: 1,
        kind: FaultKind::Hang,
    })
    .unwrap();
    let report = run(&first, &host);
    let failed = message(&report, "pool:fastData");
    assert!(
        failed.ends_with(
            "another program holds the lock /run/lock/pve-diskmanage.lck, and still did after 60 s"
        ),
        "{failed}"
    );
    let help = outcome(&report, "pool:fastData")
        .error
        .clone()
        .unwrap()
        .help;
    assert!(
        help.unwrap()
            .contains("fuser -v /run/lock/pve-diskmanage.lck")
    );
    assert_eq!(outcome(&report, "pool:quickOS").outcome, Outcome::Changed);
    set_up(&config, &host);
}

/// Whoever has a disk open for itself shows in no list.
#[test]
fn a_disk_that_the_kernel_does_not_give_away_stops_the_step_before_the_first_erase() {
    let other = "nvme-Samsung_SSD_990_PRO_2TB_SIM2TB0002";
    let in_use: [fn(&mut phoenix_sim::state::State); 2] = [
        |state| state.disks.get_mut("nvme1n1").unwrap().held = true,
        |state| {
            let disk = state.disks.get_mut("nvme1n1").unwrap();
            disk.partitions.get_mut(&1).unwrap().held = true;
        },
    ];
    let first = "nvme-Samsung_SSD_990_PRO_2TB_SIM2TA0001";
    for (edit, device) in in_use
        .into_iter()
        .zip(["/dev/nvme1n1p1 is", "/dev/nvme1n1p1 is"])
    {
        let (config, host) = (config(EVERYTHING), SimHost::fresh());
        for (disk, kind) in [(first, "ext4"), (other, "zfs_member")] {
            host.add_signature(disk, kind).unwrap();
        }
        let granted = PlanOptions {
            grants: Grants {
                wipe: BTreeSet::from([first.to_owned(), other.to_owned()]),
                ..Grants::default()
            },
            ..PlanOptions::default()
        };
        let plan = plan_with(&config, &host, &granted);
        let before = host.state().disks;
        // Somebody takes the disk after ZFS itself has found it free.
        let taken = Interposed {
            host: &host,
            answer: |command: &Command| {
                let typed = command.to_string();
                let asks = typed.starts_with("zpool create -n") && typed.contains("quickOS");
                let output = asks.then(|| host.run(command).unwrap())?;
                host.edit(edit).unwrap();
                Some(output)
            },
        };
        let report = apply(&plan, &taken, &options(1), &mut ()).unwrap();
        let failed = message(&report, "pool:quickOS");
        assert!(failed.contains(device), "{failed}");
        assert!(failed.contains("no disk was erased"), "{failed}");
        host.edit(|state| {
            let disk = state.disks.get_mut("nvme1n1").unwrap();
            disk.held = false;
            disk.partitions
                .values_mut()
                .for_each(|part| part.held = false);
        })
        .unwrap();
        let after = host.state().disks;
        for disk in ["nvme0n1", "nvme1n1"] {
            assert_eq!(before[disk], after[disk], "{failed}");
        }
    }
}

#[test]
fn a_pool_that_fails_after_an_erase_says_so_and_asks_for_no_further_grant() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    host.add_signature(DISK, "ext4").unwrap();
    let granted = PlanOptions {
        grants: Grants {
            wipe: BTreeSet::from([DISK.to_owned()]),
            ..Grants::default()
        },
        ..PlanOptions::default()
    };
    let plan = plan_with(&config, &host, &granted);
    host.add_fault(Fault {
        pattern: "zpool create -o*fastData*".to_owned(),
        nth: 1,
        kind: FaultKind::Fail,
    })
    .unwrap();
    let report = run(&plan, &host);
    let error = outcome(&report, "pool:fastData").error.clone().unwrap();
    let disk = format!("begun to erase /dev/disk/by-id/{DISK}");
    assert!(error.message.contains(&disk), "{}", error.message);
    let help = error.help.unwrap();
    assert!(!help.contains("--allow"), "{help}");
    assert!(help.contains("is gone"), "{help}");
}
