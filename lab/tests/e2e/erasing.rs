//! A pool that cannot be made costs no byte of any disk, though all of them may be erased.
//!
//! Disks with real signatures, every kind of reason that phoenix or the kernel has, and what lies on
//! the disks before and after.

use phoenix_lab::guest::drive_path;
use serde_json::{Value, json};

use crate::host::{CONFIG, Host};

/// All disks of the file may be erased.
fn granted() -> String {
    format!("apply {CONFIG} --yes --mode force-destructive")
}

const SERIALS: [&str; 3] = ["PHX2TA01", "PHX2TB02", "PHX4TC03"];

/// The file with one pool.
fn file(pool: &Value) -> String {
    json!({"zfs": {"pools": [pool]}}).to_string()
}

/// A mirror of the first two drives with properties of its root dataset.
fn mirror(root: &Value) -> String {
    let [first, second, _] = SERIALS.map(drive_path);
    file(
        &json!({"name": "tank", "raid_level": "mirror", "disks": [first, second],
                 "root_properties": root}),
    )
}

/// What phoenix says; it must not succeed, and `contents` must be as they were.
fn refused(host: &Host, text: &str, contents: &dyn Fn() -> Vec<String>) -> String {
    host.write_config(text);
    let before = contents();
    let ended = host.phoenix(&granted());
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert_ne!(ended.code, 0, "{text}: {said}");
    assert_eq!(contents(), before, "{text}: {said}");
    said
}

#[test]
fn a_pool_that_cannot_be_made_costs_no_byte_of_a_drive() {
    let host = Host::pristine();
    let [first, second, third] = SERIALS.map(drive_path);
    host.shell(&format!(
        "exec >/dev/null 2>&1; mkfs.ext4 -q -F -E nodiscard {first} 64M; \
         sgdisk -n 1:0:+64M {second}; udevadm settle; mkfs.ext4 -q -F -E nodiscard {second}-part1; \
         zpool create old {third}; zpool export old; udevadm settle; mkdir -p /mnt/elsewhere"
    ));
    let contents = || {
        host.shell("sync; for d in /dev/nvme?n1*; do blockdev --flushbufs $d; done");
        let drive = |serial| host.guest.drive_contents(serial).unwrap();
        SERIALS.map(drive).to_vec()
    };
    let vdev = |level: &str, disks: &[&String]| json!({"raid_level": level, "disks": disks});
    for (text, reason) in [
        (
            file(&json!({"name": "tank", "vdevs": [
                vdev("mirror", &[&first, &second]), vdev("single", &[&third])]})),
            "survives",
        ),
        (
            file(
                &json!({"name": "tank", "vdevs": [vdev("mirror", &[&first, &second])],
                         "special": [vdev("single", &[&third])]}),
            ),
            "survives",
        ),
        (
            file(
                &json!({"name": "tank", "vdevs": [vdev("single", &[&third])],
                         "special": [vdev("draid1", &[&first, &second])]}),
            ),
            "draid",
        ),
        (mirror(&json!({"sharenfs": "ON"})), "sharenfs"),
        (
            mirror(&json!({"keyformat": "raw"})),
            "encryption is not turned on",
        ),
        (mirror(&json!({"encryption": "on"})), "keyformat"),
        (
            mirror(
                &json!({"encryption": "on", "keyformat": "passphrase", "keylocation": "prompt"}),
            ),
            "keylocation",
        ),
        (
            mirror(&json!({"encryption": "on", "keyformat": "raw",
                           "keylocation": "file:///root/there-is-none"})),
            "no key file",
        ),
        (
            mirror(&json!({"utf8only": "off", "normalization": "formD"})),
            "normalization",
        ),
        (mirror(&json!({"reservation": "3T"})), "reservation"),
    ] {
        let said = refused(&host, &text, &contents);
        assert!(said.contains(reason), "{text}: {said}");
    }
    for (keep, reason) in kept(&first, &second) {
        host.shell(&format!(
            "({keep}) >/dev/null 2>&1 </dev/null & echo $! > /run/keeper; sleep 2; kill -0 $(cat /run/keeper)"
        ));
        let said = refused(&host, &mirror(&json!({})), &contents);
        assert!(said.contains(reason), "{keep}: {said}");
        host.shell("pkill -P $(cat /run/keeper); kill $(cat /run/keeper); sleep 1; udevadm settle");
    }
    host.shell(&format!(
        "mkdir -p /etc/pve/qemu-server; echo 'scsi1: {first}' > /etc/pve/qemu-server/200.conf"
    ));
    let said = refused(&host, &mirror(&json!({})), &contents);
    assert!(said.contains("virtual machine 200"), "{said}");
    host.shell("rm /etc/pve/qemu-server/200.conf");
    // Nothing of that lasts: now the same pool is made of the same drives.
    let ended = host.phoenix(&granted());
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(host.shell("zpool list -H -o name").trim(), "tank");
}

/// Processes that keep a drive or a partition, and what phoenix says to it.
fn kept(first: &str, second: &str) -> [(String, &'static str); 4] {
    let open = |flags: &str, device: &str| {
        format!("exec perl -e 'use Fcntl; sysopen(F, \"{device}\", {flags}) or die; sleep 600'")
    };
    [
        // A service's own mounts show nowhere else.
        (
            format!(
                "exec unshare -m sh -c 'mount -o ro {second}-part1 /mnt/elsewhere; exec sleep 600'"
            ),
            "no disk was erased",
        ),
        (open("O_RDWR", first), "open for perl"),
        (open("O_RDWR", &format!("{second}-part1")), "open for perl"),
        (open("O_RDONLY|O_EXCL", second), "open for perl"),
    ]
}

/// ZFS takes RAID-Z of another width, and no mirror of another width.
#[test]
fn mirrors_of_other_widths_and_disks_that_are_too_small_cost_no_byte_either() {
    let host = Host::pristine();
    for (mib, shape, reason) in [
        (80, &[2, 3][..], "does not go with"),
        (64, &[2][..], "too small"),
    ] {
        let disks = small_disks(&host, shape.iter().sum(), mib);
        let contents = || {
            let paths = disks.join(" ");
            let sums = host.shell(&format!(
                "for d in {paths}; do blockdev --flushbufs $d; md5sum $d; done"
            ));
            sums.lines().map(str::to_owned).collect()
        };
        let mut left = disks.iter();
        let vdevs: Vec<Value> = shape
            .iter()
            .map(|width| {
                let disks: Vec<&String> = left.by_ref().take(*width).collect();
                json!({"raid_level": "mirror", "disks": disks})
            })
            .collect();
        let text = file(&json!({"name": "tank", "vdevs": vdevs}));
        let said = refused(&host, &text, &contents);
        assert!(said.contains(reason), "{said}");
    }
}

/// So many disks of `mib` MiB of the kernel's own, each with a file system.
fn small_disks(host: &Host, count: usize, mib: u32) -> Vec<String> {
    let listed = host.shell(&format!(
        "modprobe -r scsi_debug; \
         modprobe scsi_debug add_host={count} per_host_store=1 dev_size_mb={mib} && udevadm settle && \
         lsblk -dno PATH,MODEL | awk '$2 == \"scsi_debug\" {{ print $1 }}' | while read d; do \
         mkfs.ext4 -q -F $d >/dev/null 2>&1; udevadm settle; \
         udevadm info -q symlink $d | tr ' ' '\\n' | grep -m 1 by-id/scsi-3; done"
    ));
    let disks: Vec<String> = listed.lines().map(|link| format!("/dev/{link}")).collect();
    assert_eq!(disks.len(), count, "{listed}");
    disks
}
