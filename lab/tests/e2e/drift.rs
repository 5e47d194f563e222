//! Changes made by hand are found and mended, and nothing else is touched.

use crate::host::{CONFIG, Host};

#[test]
fn drift_made_by_hand_is_found_and_mended() {
    let host = Host::pristine();
    host.apply_whole();
    let cases = [
        (
            "dataset:quickOS/shared-prod-data",
            "zfs set compression=zstd quickOS/shared-prod-data",
        ),
        (
            "dataset:quickOS/shared-prod-data-sync",
            "zfs inherit sync quickOS/shared-prod-data-sync",
        ),
        (
            "dataset:fastData/shared-iso",
            "zfs set quota=none fastData/shared-iso",
        ),
        (
            "permissions:quickOS/shared-prod-data",
            "chmod 700 /quickOS/shared-prod-data",
        ),
        (
            "export:/fastData/shared-bulk-data",
            "sed -i '/shared-bulk-data/s/rw,/ro,/' /etc/exports.d/phoenix.exports && exportfs -ra",
        ),
        (
            "dataset:fastData/shared-backups",
            "zfs unmount fastData/shared-backups",
        ),
    ];
    for (address, damage) in cases {
        host.shell(damage);
        let status = host.phoenix(&format!("status {CONFIG}"));
        assert_eq!(
            status.code, 2,
            "{damage}: {}{}",
            status.stdout, status.stderr
        );
        let plan = host.phoenix(&format!("plan {CONFIG} --format json"));
        let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
        let steps: Vec<_> = plan["steps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|step| &step["id"])
            .collect();
        assert_eq!(steps, [address], "{damage}");
        host.apply_whole();
        host.assert_converged();
    }
    // What the file does not state of a pool that exists is its owner's.
    host.shell("zpool set autotrim=off quickOS");
    host.assert_converged();
    assert_eq!(
        host.shell("zpool get -H -o value autotrim quickOS").trim(),
        "off"
    );
}

#[test]
fn what_the_file_does_not_name_stays_as_it_is() {
    let host = Host::pristine();
    host.shell(
        "printf '/srv 10.9.9.9(ro,no_subtree_check)\\n' > /etc/exports && \
         printf 'options zfs zfs_txg_timeout=5\\n' > /etc/modprobe.d/zfs.conf && \
         printf 'mp7: /srv,mp=/foreign\\n' >> /etc/pve/lxc/101.conf && \
         printf 'nfs: nas\\n\\texport /x\\n\\tpath /mnt/pve/nas\\n\\tserver nas\\n\\tcontent backup\\n\\n' >> /etc/pve/storage.cfg",
    );
    host.apply_whole();
    assert_eq!(
        host.shell("cat /etc/exports"),
        "/srv 10.9.9.9(ro,no_subtree_check)\n"
    );
    assert!(
        host.shell("cat /etc/modprobe.d/zfs.conf")
            .contains("zfs_txg_timeout=5")
    );
    assert!(
        host.shell("cat /etc/pve/lxc/101.conf")
            .contains("mp7: /srv,mp=/foreign")
    );
    assert!(host.shell("cat /etc/pve/storage.cfg").contains("nfs: nas"));
    host.assert_converged();
}
