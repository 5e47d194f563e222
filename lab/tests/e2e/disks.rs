//! Drives that carry something are refused, and not one byte of them changes.

use phoenix_lab::guest::drive_path;

use crate::host::{CONFIG, Host};

#[test]
fn a_drive_that_carries_something_is_refused_and_left_alone() {
    let host = Host::pristine();
    let drive = drive_path("PHX4TC03");
    let cases = [
        (
            "ext4",
            format!("mkfs.ext4 -q -F -E nodiscard {drive} 64M"),
            String::new(),
        ),
        (
            "zfs_member",
            format!("wipefs -qa {drive}; zpool create -f oldpool {drive} && zpool export oldpool"),
            String::new(),
        ),
        (
            "gpt",
            format!(
                "zpool import oldpool && zpool destroy oldpool; sgdisk -Z {drive} && sgdisk -n 1:0:+1G {drive} && udevadm settle"
            ),
            String::new(),
        ),
        // Read-only, because ext4 goes on writing to a fresh file system by itself.
        (
            "mounted",
            format!(
                "mkfs.ext4 -q -F -E nodiscard {drive}-part1 && udevadm settle && mkdir -p /mnt/old && mount -o ro {drive}-part1 /mnt/old"
            ),
            "umount /mnt/old".to_owned(),
        ),
    ];
    for (what, prepare, clean_up) in cases {
        host.shell(&format!(
            "({prepare}) >/dev/null 2>&1; udevadm settle; sync"
        ));
        let before = fingerprint(&host, &drive);
        let ended = host.apply();
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert_eq!(ended.code, 6, "{what}: {said}");
        assert!(said.contains(what), "{what} must be named: {said}");
        assert!(said.contains("PHX4TC03"), "{what}: {said}");
        assert_eq!(
            fingerprint(&host, &drive),
            before,
            "{what}: the drive must not change"
        );
        assert_eq!(
            host.shell("zpool list -H -o name").trim(),
            "quickOS",
            "the other pool goes on"
        );
        if !clean_up.is_empty() {
            host.shell(&clean_up);
        }
    }
}

/// Both drives of a mirror may be erased, and only the kernel knows that one of them is in use.
#[test]
fn a_granted_wipe_erases_no_drive_while_the_kernel_keeps_one_of_them() {
    let host = Host::pristine();
    let (free, used) = (drive_path("PHX2TA01"), drive_path("PHX2TB02"));
    host.shell(&format!(
        "mkfs.ext4 -q -F -E nodiscard {free} 64M && sgdisk -Z {used} && sgdisk -n 1:0:+1G {used} && \
         udevadm settle && mkfs.ext4 -q -F -E nodiscard {used}-part1 && udevadm settle && \
         mkdir -p /mnt/elsewhere && sync"
    ));
    let kept = [
        // A service's own mounts show nowhere else.
        (
            "mounted in another namespace",
            format!("unshare -m sh -c 'mount -o ro {used}-part1 /mnt/elsewhere && exec sleep 600'"),
        ),
        (
            "a partition that a program has for itself",
            format!(
                "perl -e 'use Fcntl; sysopen(F, \"{used}-part1\", O_RDONLY|O_EXCL) or die; sleep 600'"
            ),
        ),
        (
            "a drive that a program has for itself",
            format!(
                "perl -e 'use Fcntl; sysopen(F, \"{used}\", O_RDONLY|O_EXCL) or die; sleep 600'"
            ),
        ),
    ];
    for (what, keep) in kept {
        host.shell(&format!(
            "({keep}) >/dev/null 2>&1 </dev/null & echo $! > /run/keeper; sleep 3; kill -0 $(cat /run/keeper)"
        ));
        let before = [&free, &used].map(|drive| fingerprint(&host, drive));
        let ended = host.phoenix(&format!(
            "apply {CONFIG} --yes --target pool:quickOS --allow wipe:PHX2TA01 --allow wipe:PHX2TB02"
        ));
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert_eq!(ended.code, 1, "{what}: {said}");
        assert!(said.contains("no disk was erased"), "{what}: {said}");
        let after = [&free, &used].map(|drive| fingerprint(&host, drive));
        assert_eq!(after, before, "{what}: no drive may change");
        host.shell("pkill -P $(cat /run/keeper); kill $(cat /run/keeper) 2>/dev/null; sleep 1; udevadm settle");
    }
    let ended = host.phoenix(&format!(
        "apply {CONFIG} --yes --target pool:quickOS --allow wipe:PHX2TA01 --allow wipe:PHX2TB02"
    ));
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
}

/// The places where every file system, pool label and partition table leaves its marks.
fn fingerprint(host: &Host, drive: &str) -> String {
    host.shell(&format!(
        "blockdev --flushbufs {drive}; \
         (head -c 64M {drive}; tail -c 64M {drive}) | sha256sum; wipefs {drive}*"
    ))
}
