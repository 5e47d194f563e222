//! Disks and pools: what is in use, what a new pool leaves on its disks, how drives feel.

use super::*;

#[test]
fn what_is_in_use_is_neither_wiped_nor_made_a_pool_of() {
    for (disk, release) in [
        ("sdc", (|state| state.swaps.clear()) as fn(&mut State)),
        ("sdd", |state| {
            state.disks.get_mut("sdd").unwrap().holders.clear();
        }),
    ] {
        let host = scsi_host();
        host.edit(|state| state.mounts.retain(|mount| mount.source != "/dev/sdc1"))
            .unwrap();
        for line in [
            format!("wipefs -a /dev/{disk}"),
            format!("zpool create -f tank /dev/{disk}"),
        ] {
            let output = run(&host, &line);
            assert_eq!(output.code, Some(1), "{line}");
            host.edit(release).unwrap();
            assert_eq!(run(&host, &line).code, Some(0), "{line}");
            host.edit(|state| *state = scsi_host().state()).unwrap();
            host.edit(|state| state.mounts.retain(|mount| mount.source != "/dev/sdc1"))
                .unwrap();
        }
    }
}

#[test]
fn status_shows_every_class_of_vdev_as_zpool_does() {
    let drives: Vec<(String, u64)> = (1..=8).map(|n| (format!("nvme-T_{n}"), 1 << 40)).collect();
    let drives: Vec<(&str, u64)> = drives
        .iter()
        .map(|(name, size)| (name.as_str(), *size))
        .collect();
    let host = SimHost::with_drives(&drives);
    let d: Vec<String> = (1..=8)
        .map(|n| format!("/dev/disk/by-id/nvme-T_{n}"))
        .collect();
    all_ok(
        &host,
        &[&format!(
            "zpool create -o ashift=12 simp raidz1 {} {} {} special mirror {} {} log {} cache {} spare {}",
            d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]
        )],
    );
    let status = run(&host, "zpool status -P simp").stdout;
    // Word for word what zpool 2.3.9 printed for the same layout, with these paths.
    insta::assert_snapshot!(status.replace('\t', "→"), @r"
      pool: simp
     state: ONLINE
    config:

    →NAME                                STATE     READ WRITE CKSUM
    →simp                                ONLINE       0     0     0
    →  raidz1-0                          ONLINE       0     0     0
    →    /dev/disk/by-id/nvme-T_1-part1  ONLINE       0     0     0
    →    /dev/disk/by-id/nvme-T_2-part1  ONLINE       0     0     0
    →    /dev/disk/by-id/nvme-T_3-part1  ONLINE       0     0     0
    →special→
    →  mirror-1                          ONLINE       0     0     0
    →    /dev/disk/by-id/nvme-T_4-part1  ONLINE       0     0     0
    →    /dev/disk/by-id/nvme-T_5-part1  ONLINE       0     0     0
    →logs→
    →  /dev/disk/by-id/nvme-T_6-part1    ONLINE       0     0     0
    →cache
    →  /dev/disk/by-id/nvme-T_7-part1    ONLINE       0     0     0
    →spares
    →  /dev/disk/by-id/nvme-T_8-part1    AVAIL   

    errors: No known data errors
    ");
}

#[test]
fn a_new_pool_shows_in_lsblk_and_below_dev_disk() {
    let host = two_pools();
    let columns = "NAME,KNAME,PKNAME,PATH,TYPE,SIZE,SERIAL,MODEL,WWN,TRAN,ROTA,FSTYPE,LABEL,\
                   PTTYPE,PARTTYPE,MOUNTPOINTS";
    let text = run(&host, &format!("lsblk -J -b -o {columns}")).stdout;
    let tree: serde_json::Value = serde_json::from_str(&text).unwrap();
    let disk = &tree["blockdevices"][2];
    assert_eq!(disk["name"], "nvme2n1");
    assert_eq!(disk["pttype"], "gpt");
    let (first, last) = (&disk["children"][0], &disk["children"][1]);
    assert_eq!(
        (&first["fstype"], &first["label"]),
        (&"zfs_member".into(), &"fast".into())
    );
    assert_eq!(
        (&last["name"], &last["size"]),
        (&"nvme2n1p9".into(), &8_388_608.into())
    );
    let links = run(&host, r"find /dev/disk -type l -printf '%p\t%l\n'").stdout;
    for link in [
        format!("{SIM}4TB_SIM4TC0003\t../../nvme2n1\n"),
        format!("{SIM}4TB_SIM4TC0003_1-part9\t../../nvme2n1p9\n"),
    ] {
        assert!(links.contains(&link), "{links}");
    }
}

#[test]
fn a_disk_in_use_is_not_wiped_and_a_foreign_one_is() {
    let host = two_pools();
    let busy = run(&host, &format!("wipefs -a {SIM}4TB_SIM4TC0003"));
    assert_eq!(busy.code, Some(1));
    assert!(
        busy.stderr.ends_with("Device or resource busy\n"),
        "{busy:?}"
    );

    let host = SimHost::fresh();
    host.add_signature("nvme2n1", "zfs_member").unwrap();
    let create = format!("zpool create fast {SIM}4TB_SIM4TC0003");
    assert_eq!(run(&host, &create).code, Some(1));
    all_ok(&host, &[&format!("wipefs -a {SIM}4TB_SIM4TC0003"), &create]);
    assert_eq!(
        host.add_signature("nvme9n1", "ext4")
            .unwrap_err()
            .to_string(),
        "the simulated host has no disk \"nvme9n1\"; see `phoenix disks --host sim:STATE`"
    );
}

#[test]
fn drives_report_their_health_by_every_name() {
    let host = SimHost::fresh();
    for path in [
        "/dev/nvme2",
        "/dev/nvme2n1",
        &format!("{SIM}4TB_SIM4TC0003"),
    ] {
        let text = all_ok(&host, &[&format!("smartctl -j -x {path}")]);
        let report: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(report["serial_number"], "SIM4TC0003", "{path}");
        assert_eq!(report["smart_status"]["passed"], true, "{path}");
        assert_eq!(
            report["user_capacity"]["bytes"], 4_000_787_030_016_u64,
            "{path}"
        );
        for command in ["smart-log", "id-ctrl", "id-ns"] {
            all_ok(&host, &[&format!("nvme {command} -o json {path}")]);
        }
    }
    host.edit(|state| {
        let health = &mut state.disks.get_mut("nvme2n1").unwrap().health;
        health.critical_warning = 4;
        health.percentage_used = 104;
    })
    .unwrap();
    let failing = run(&host, "smartctl -j -x /dev/nvme2n1");
    let report: serde_json::Value = serde_json::from_str(&failing.stdout).unwrap();
    // As on captures of real drives: the exit status says it, too.
    assert_eq!(failing.code, Some(8));
    assert_eq!(report["smartctl"]["exit_status"], 8);
    assert_eq!(report["smart_status"]["passed"], false);
    assert_eq!(
        report["nvme_smart_health_information_log"]["percentage_used"],
        104
    );
    let none = run(&host, "smartctl -j -x /dev/sda");
    let report: serde_json::Value = serde_json::from_str(&none.stdout).unwrap();
    assert_eq!(
        (none.code, &report["smartctl"]["exit_status"]),
        (Some(1), &1.into())
    );
    for (path, text) in [
        ("/sys/class/nvme/nvme0/state", "live\n"),
        ("/sys/block/nvme0n1/size", "3907029168\n"),
        ("/proc/sys/kernel/hostname", "pve-sim\n"),
    ] {
        assert_eq!(
            host.read_file(Utf8Path::new(path)).unwrap().unwrap(),
            text,
            "{path}"
        );
    }
    assert_eq!(
        host.read_file(Utf8Path::new("/sys/class/nvme/nvme9/state"))
            .unwrap(),
        None
    );
}
