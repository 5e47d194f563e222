//! The user's storage plan, applied whole, used, rebooted, and applied again.

use crate::host::{ARC_MAX, CONFIG, Host};

/// The datasets of the plan once it is done: name, recordsize, compression, sync, quota. The
/// simulated host is held to the same rows (crates/phoenix/tests/cli/seed.rs).
const DATASETS: &str = include_str!("../../quickos-fastdata.tsv");

#[test]
fn the_plan_is_applied_whole_and_the_second_run_changes_nothing() {
    let host = Host::pristine();
    host.apply_whole();
    pools_and_datasets_are_as_asked(&host);
    the_read_cache_is_limited(&host);
    permissions_are_on_the_mounted_dataset(&host);
    an_nfs_client_can_write(&host);
    proxmox_knows_storages_and_mounts(&host);
    the_host_is_described_whole(&host);
    host.assert_converged();
}

#[test]
fn everything_comes_back_after_a_reboot() {
    let host = Host::pristine();
    host.apply_whole();
    host.shell("echo kept > /quickOS/shared-prod-data/file && sync");
    host.guest.reboot().unwrap();
    assert_eq!(
        host.shell("cat /quickOS/shared-prod-data/file").trim(),
        "kept"
    );
    assert!(
        host.shell("exportfs -s")
            .contains("/quickOS/shared-prod-data ")
    );
    let order = host.shell("systemctl show --property=After,NeedDaemonReload nfs-server.service");
    assert!(
        order.contains("zfs-mount.service") && order.contains("NeedDaemonReload=no"),
        "{order}"
    );
    the_read_cache_is_limited(&host);
    host.assert_converged();
}

fn pools_and_datasets_are_as_asked(host: &Host) {
    let pools = host.shell("zpool list -Hp -o name,health,autotrim,ashift");
    assert_eq!(pools, "fastData\tONLINE\ton\t12\nquickOS\tONLINE\ton\t12\n");
    let status = host.shell("zpool status quickOS");
    assert!(status.contains("mirror-0"), "{status}");
    for line in DATASETS.lines() {
        let (dataset, _) = line.split_once('\t').unwrap();
        let row = host.shell(&format!(
            "zfs list -Hp -o name,recordsize,compression,sync,quota {dataset}"
        ));
        assert_eq!(row.trim_end(), line);
    }
}

fn the_read_cache_is_limited(host: &Host) {
    let limit = host.shell("awk '$1 == \"c_max\" { print $3 }' /proc/spl/kstat/zfs/arcstats");
    assert_eq!(limit.trim(), ARC_MAX);
    let persistent = host.shell("cat /etc/modprobe.d/zfs.conf");
    assert!(
        persistent.contains(&format!("zfs_arc_max={ARC_MAX}")),
        "{persistent}"
    );
}

fn permissions_are_on_the_mounted_dataset(host: &Host) {
    let seen = host.shell("stat -c '%u:%g %a' /quickOS/shared-prod-data");
    let asked = host.shell(
        "python3 - <<'P'\nimport json\nc = json.load(open('/root/phoenix_hypervisor_config.json'))\n\
         d = [d for d in c['zfs']['datasets'] if d['name'] == 'shared-prod-data'][0]['permissions']\n\
         print(f\"{d['owner']}:{d['group']} {d['mode'].lstrip('0')}\")\nP",
    );
    assert_eq!(seen, asked);
    let mounted = host.shell("findmnt -n -o SOURCE /quickOS/shared-prod-data");
    assert_eq!(mounted.trim(), "quickOS/shared-prod-data");
}

fn an_nfs_client_can_write(host: &Host) {
    let exports = host.shell("exportfs -s");
    assert!(
        exports.contains("/quickOS/shared-prod-data-sync  10.0.2.0/24(sync,"),
        "{exports}"
    );
    assert!(
        exports.contains("/quickOS/shared-prod-data  10.0.2.0/24(async,"),
        "{exports}"
    );
    host.shell(
        "chmod o+w /quickOS/shared-prod-data && mkdir -p /mnt/client && \
         mount -t nfs -o noatime 10.0.2.15:/quickOS/shared-prod-data /mnt/client && \
         echo through-nfs > /mnt/client/hello && umount /mnt/client && chmod o-w /quickOS/shared-prod-data",
    );
    assert_eq!(
        host.shell("cat /quickOS/shared-prod-data/hello").trim(),
        "through-nfs"
    );
    host.shell("rm /quickOS/shared-prod-data/hello");
    host.apply_whole();
}

fn proxmox_knows_storages_and_mounts(host: &Host) {
    let storages = host.shell("cat /etc/pve/storage.cfg");
    for header in [
        "dir: local",
        "zfspool: quickOS-vm-disks",
        "zfspool: quickOS-lxc-disks",
        "dir: fastData-shared-backups",
        "dir: fastData-shared-iso",
    ] {
        assert!(storages.contains(header), "{header} in:\n{storages}");
    }
    assert_eq!(
        storages.matches("is_mountpoint yes").count(),
        2,
        "{storages}"
    );
    for container in [101, 102] {
        let conf = host.shell(&format!("cat /etc/pve/lxc/{container}.conf"));
        assert_eq!(
            conf.matches("mountoptions=discard;noatime").count(),
            4,
            "{conf}"
        );
    }
}

/// `phoenix import` names every object of the plan, and its file changes nothing.
fn the_host_is_described_whole(host: &Host) {
    const DESCRIBED: &str = "/root/described.json";
    host.shell(
        "zfs create -V 1G quickOS/vm-disks/vm-101-disk-0 && zfs set site:owner=ops quickOS/lxc-disks",
    );
    let ended = host.phoenix(&format!("import > {DESCRIBED}"));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let left_out: Vec<_> = ended.stderr.lines().skip(1).collect();
    assert_eq!(
        left_out,
        [
            "Not in the file:",
            "  1 of guests' volumes in quickOS/vm-disks: Proxmox makes and removes them with its guests"
        ]
    );
    let ended = host.phoenix(&format!("plan --detailed-exitcode {DESCRIBED}"));
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let objects = |file: &str| {
        host.shell(&format!(
            "phoenix apply --graph=json {file} | grep -o '\"id\": \"[^\"]*\"' | sort"
        ))
    };
    assert_eq!(objects(DESCRIBED), objects(CONFIG));
    let described = host.shell(&format!("cat {DESCRIBED}"));
    assert!(described.contains("\"site:owner\": \"ops\""), "{described}");
    host.shell(
        "zfs inherit site:owner quickOS/lxc-disks && zfs destroy quickOS/vm-disks/vm-101-disk-0",
    );
}
