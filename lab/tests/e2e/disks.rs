//! Drives that carry something are refused, and not one byte of them changes.

use phoenix_lab::guest::drive_path;

use crate::host::Host;

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

/// The places where every file system, pool label and partition table leaves its marks.
fn fingerprint(host: &Host, drive: &str) -> String {
    host.shell(&format!(
        "blockdev --flushbufs {drive}; \
         (head -c 64M {drive}; tail -c 64M {drive}) | sha256sum; wipefs {drive}*"
    ))
}
