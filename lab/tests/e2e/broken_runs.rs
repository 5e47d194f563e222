//! Runs that do not end: the power goes, a drive is pulled. The next run converges.

use std::thread;
use std::time::Duration;

use phoenix_lab::guest::drive_path;

use crate::host::{CONFIG, Host};

#[test]
fn after_a_power_cut_in_the_middle_the_next_run_converges() {
    let host = Host::pristine();
    // Different instants: in pool creation, among the datasets, among the exports.
    for milliseconds in [1500, 4000, 7000] {
        host.shell(&format!(
            "nohup phoenix apply {CONFIG} --yes > /root/cut.log 2>&1 < /dev/null & exit 0"
        ));
        thread::sleep(Duration::from_millis(milliseconds));
        host.guest.stop().unwrap();
        host.guest.boot().unwrap();
    }
    host.apply_whole();
    host.assert_converged();
}

#[test]
fn a_cut_between_the_partition_table_and_its_mbr_is_made_good() {
    let host = Host::pristine();
    let drive = drive_path("PHX4TC03");
    // What efi_write of OpenZFS leaves before its last write: everything but the first sector.
    let divide = format!(
        "set -e; zpool create old {drive}; zpool export old; \
         dd if=/dev/zero of={drive} bs=512 count=1 conv=notrunc status=none; sync; \
         blockdev --rereadpt {drive}; udevadm settle; [ ! -e {drive}-part1 ]"
    );
    host.shell(&divide);
    // The pool is still there, behind a table that the kernel does not see.
    let ended = host.apply();
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.code, 6, "{said}");
    assert!(
        said.contains("PHX4TC03 is not empty: it carries gpt"),
        "{said}"
    );
    // zpool create writes labels of 256 KiB at both ends of its partition, and had not yet.
    host.shell(&format!(
        "dd if=/dev/zero of={drive} bs=1M seek=1 count=1 conv=notrunc status=none; \
         dd if=/dev/zero of={drive} bs=1M seek=$(($(blockdev --getsize64 {drive}) / 1048576 - 16)) \
         count=8 conv=notrunc status=none; sync; udevadm settle"
    ));
    host.apply_whole();
    host.assert_converged();
}

#[test]
fn a_drive_that_disappears_fails_its_own_branch_only() {
    let host = Host::pristine();
    host.apply_whole();
    let edited = host
        .config
        .replacen("\"500G\"", "\"400G\"", 1)
        .replacen("\"100G\"", "\"90G\"", 1);
    host.write_config(&edited);
    host.guest.unplug("PHX4TC03").unwrap();
    host.shell("for i in $(seq 600); do [ -e /dev/disk/by-id/nvme-QEMU_NVMe_Ctrl_PHX4TC03 ] || exit 0; sleep 0.2; done; exit 1");
    // The pool notices at its next write; a real host would write sooner or later. The writer may
    // never come back from that, so nobody waits for it.
    host.shell(
        "nohup sh -c 'echo x > /fastData/shared-iso/x; sync' > /dev/null 2>&1 < /dev/null & exit 0",
    );
    host.shell("for i in $(seq 600); do grep -q SUSPENDED /proc/spl/kstat/zfs/fastData/state && exit 0; sleep 0.2; done; exit 1");
    let ended = host.apply();
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(
        ended.code == 1 || ended.code == 6,
        "exit {}: {said}",
        ended.code
    );
    assert!(said.contains("fastData"), "{said}");
    let quota = host.shell("zfs get -Hp -o value quota quickOS/shared-prod-data-sync");
    assert_eq!(
        quota.trim(),
        "96636764160",
        "the other pool goes on: {said}"
    );
}
