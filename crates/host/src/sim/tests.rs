//! Tests of the simulated host through its public seam. What real tools printed is in
//! `recordings/`; `recordings/README.md` says where from.

use proptest::prelude::*;
use serde::Deserialize;

use super::state::{EntryKind, Partition, Setting, Signature, Storage};
use super::*;

const QUICK: [&str; 2] = [
    "/dev/disk/by-id/nvme-QEMU_NVMe_Ctrl_PHX2TA01",
    "/dev/disk/by-id/nvme-QEMU_NVMe_Ctrl_PHX2TB02",
];
const FAST: &str = "/dev/disk/by-id/nvme-QEMU_NVMe_Ctrl_PHX4TC03";
const SIM: &str = "/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_";

fn argv(line: &str) -> Vec<String> {
    shlex::split(line).unwrap()
}

fn run(host: &SimHost, line: &str) -> Output {
    run_argv(host, &argv(line))
}

/// Runs commands that must succeed without a word of complaint; returns the last one's output.
fn all_ok(host: &SimHost, lines: &[&str]) -> String {
    let mut stdout = String::new();
    for line in lines {
        let output = run(host, line);
        assert_eq!(
            (output.code, output.stderr.as_str()),
            (Some(0), ""),
            "{line}"
        );
        stdout = output.stdout;
    }
    stdout
}

fn get(host: &SimHost, properties: &str, name: &str) -> String {
    let line = format!("zfs get -Hp -o name,property,value,source {properties} {name}");
    run(host, &line).stdout
}

/// The drives of the guest on which the errors were recorded.
fn recorded_host() -> SimHost {
    SimHost::with_drives(&[
        ("nvme-QEMU_NVMe_Ctrl_PHX2TA01", 2_199_023_255_552),
        ("nvme-QEMU_NVMe_Ctrl_PHX2TB02", 2_199_023_255_552),
        ("nvme-QEMU_NVMe_Ctrl_PHX4TC03", 4_398_046_511_104),
    ])
}

fn prepared(kind: &str) -> SimHost {
    let host = recorded_host();
    let [a, b] = QUICK;
    let quick = format!("zpool create -o autotrim=on quickOS mirror {a} {b}");
    let ext4 = Signature {
        kind: "ext4".to_owned(),
        offset: 0x438,
        uuid: None,
        label: None,
    };
    match kind {
        "blank" => {}
        "ext4" => host.add_signature("nvme2n1", "ext4").unwrap(),
        "exported" => host.add_signature("nvme2n1", "zfs_member").unwrap(),
        "mounted" => {
            host.add_signature("nvme2n1", "ext4").unwrap();
            host.edit(|state| {
                state.mounts.push(state::Mount {
                    source: "/dev/nvme2n1".to_owned(),
                    target: "/mnt".into(),
                    fstype: "ext4".to_owned(),
                });
            })
            .unwrap();
        }
        "ext4 partition" | "empty partition" => host
            .edit(|state| {
                let disk = state.disks.get_mut("nvme2n1").unwrap();
                disk.table = Some("gpt".to_owned());
                let signatures = match kind {
                    "ext4 partition" => vec![ext4],
                    _ => Vec::new(),
                };
                let partition = Partition {
                    size: 1 << 30,
                    signatures,
                    ..Partition::default()
                };
                disk.partitions.insert(1, partition);
            })
            .unwrap(),
        "quickOS" => {
            all_ok(&host, &[&quick]);
        }
        _ => {
            all_ok(&host, &[&quick, &format!("zpool create fastData {FAST}")]);
            if kind == "filled" {
                all_ok(
                    &host,
                    &[
                        "zfs create -o quota=800G quickOS/vm-disks",
                        "zfs create quickOS/shared-prod-data",
                        "zfs create -o quota=1.4T fastData/shared-bulk-data",
                    ],
                );
                host.edit(|state| {
                    let dataset = state.datasets.get_mut("fastData/shared-bulk-data").unwrap();
                    dataset.referenced = 50_361_344;
                })
                .unwrap();
            }
        }
    }
    host
}

#[derive(Debug, Deserialize)]
struct Recorded {
    name: String,
    host: String,
    argv: Vec<String>,
    code: i32,
    stdout: String,
    stderr: String,
}

#[test]
fn errors_are_the_real_ones() {
    let mut cases = 0;
    for line in include_str!("recordings/errors.jsonl").lines() {
        let case: Recorded = serde_json::from_str(line).unwrap();
        let output = run_argv(&prepared(&case.host), &case.argv);
        assert_eq!(output.code, Some(case.code), "{}: {output:?}", case.name);
        assert_eq!(output.stdout, case.stdout, "{}", case.name);
        assert_eq!(output.stderr, case.stderr, "{}", case.name);
        cases += 1;
    }
    assert_eq!(cases, 77, "no recording may get lost");
}

#[test]
fn capacities_are_the_real_ones() {
    let host = prepared("pools");
    let list = run(&host, "zpool list -Hp -o name,guid,size,health").stdout;
    let sizes: Vec<&str> = list
        .lines()
        .map(|line| line.split('\t').nth(2).unwrap())
        .collect();
    assert_eq!(sizes, ["4380866641920", "2181843386368"]);
    let state = host.state();
    // What real root datasets showed as used plus available on the same drives.
    assert_eq!(
        state.used("quickOS") + state.available("quickOS"),
        2_114_197_651_456
    );
    assert_eq!(
        state.used("fastData") + state.available("fastData"),
        4_244_501_430_272
    );
}

#[derive(Debug, Deserialize)]
struct RecordedExport {
    line: String,
    code: i32,
    stderr: String,
    exported: Vec<String>,
}

#[test]
fn exportfs_refuses_what_the_real_one_refuses() {
    let mut cases = 0;
    for line in include_str!("recordings/exports.jsonl").lines() {
        let case: RecordedExport = serde_json::from_str(line).unwrap();
        let host = prepared("filled");
        all_ok(&host, &["zfs create 'quickOS/with-space ok'"]);
        let path = Utf8Path::new("/etc/exports.d/phoenix.exports");
        host.write_file(path, &format!("{}\n", case.line)).unwrap();
        let output = run(&host, "exportfs -ra");
        assert_eq!(output.code, Some(case.code), "{}: {output:?}", case.line);
        assert_eq!(output.stderr, case.stderr, "{}", case.line);
        let listed = run(&host, "exportfs -s").stdout;
        let listed: Vec<&str> = listed.lines().collect();
        assert_eq!(listed, case.exported, "{}", case.line);
        cases += 1;
    }
    assert_eq!(cases, 12);
}

#[derive(Debug, Deserialize)]
struct RecordedStorage {
    argv: Vec<String>,
    code: i32,
    stderr: String,
    before: Option<Storage>,
    after: Option<Storage>,
}

#[test]
fn pvesm_changes_storages_as_the_real_one_does() {
    let mut cases = 0;
    for line in include_str!("recordings/storages.jsonl").lines() {
        let case: RecordedStorage = serde_json::from_str(line).unwrap();
        let what = case.argv.join(" ");
        let position = if case.argv[1] == "add" { 3 } else { 2 };
        let id = &case.argv[position];
        let host = SimHost::fresh();
        let disk = format!("{SIM}4TB_SIM4TC0003");
        all_ok(
            &host,
            &[
                &format!("zpool create tank {disk}"),
                "zfs create tank/data",
                "zfs create -o mountpoint=legacy tank/legacy",
            ],
        );
        host.edit(|state| {
            state.node = "pve1".to_owned();
            let storages = state.storages.as_mut().unwrap();
            storages.extend(case.before.map(|before| (id.clone(), before)));
        })
        .unwrap();
        let output = run_argv(&host, &case.argv);
        assert_eq!(output.code, Some(case.code), "{what}: {output:?}");
        assert_eq!(output.stderr, case.stderr, "{what}");
        let storages = host.state().storages.unwrap();
        assert_eq!(storages.get(id), case.after.as_ref(), "{what}");
        cases += 1;
    }
    assert_eq!(cases, 24);
}

#[derive(Debug, Deserialize)]
struct RecordedContainer {
    argv: Vec<String>,
    code: i32,
    stderr: String,
    running: bool,
    before: String,
    after: String,
}

#[test]
fn pct_changes_containers_as_the_real_one_does() {
    let mut cases = 0;
    for line in include_str!("recordings/containers.jsonl").lines() {
        let case: RecordedContainer = serde_json::from_str(line).unwrap();
        let what = case.argv.join(" ");
        let host = SimHost::fresh();
        let path = Utf8Path::new("/etc/pve/lxc/101.conf");
        host.write_file(path, &case.before).unwrap();
        host.edit(|state| {
            if case.running {
                state.running.insert(101);
            }
        })
        .unwrap();
        let output = run_argv(&host, &case.argv);
        assert_eq!(output.code, Some(case.code), "{what}: {output:?}");
        assert_eq!(output.stderr, case.stderr, "{what}");
        assert_eq!(host.read_file(path).unwrap().unwrap(), case.after, "{what}");
        cases += 1;
    }
    assert_eq!(cases, 11);
}

/// The six SCSI disks of the guest on which `tests/fixtures` were recorded: two members of a pool,
/// one with a mounted partition and swap, one below device-mapper, one with an old label, one blank.
fn scsi_host() -> SimHost {
    let host = SimHost::fresh();
    host.edit(|state| {
        state.disks.clear();
        state.mounts[0].source = "/dev/vda".to_owned();
        let serials = ["16000", "14000", "18000", "20000", "22000", "24000"];
        let wwns = ["3e80", "36b0", "4650", "4e20", "55f0", "5dc0"];
        for (letter, (serial, wwn)) in ('a'..).zip(serials.iter().zip(wwns)) {
            let disk = state::Disk {
                size: 128 << 20,
                model: Some("scsi_debug".to_owned()),
                serial: Some((*serial).to_owned()),
                wwn: Some(format!("0x333333300000{wwn}")),
                ..state::Disk::default()
            };
            state.disks.insert(format!("sd{letter}"), disk);
        }
        for (disk, pool, guid) in [
            ("sda", "hstpool", 2_960_537_330_493_178_954),
            ("sdb", "hstpool", 2_960_537_330_493_178_954),
            ("sde", "hstold", 1_529_892_785_564_888_122),
        ] {
            let path = format!("/dev/{disk}");
            let device = state.device(&path).unwrap();
            state.label(&device, &path, pool, guid);
        }
        let sdc = state.disks.get_mut("sdc").unwrap();
        sdc.table = Some("gpt".to_owned());
        for (number, kind, label) in [(1, "ext4", "hstdata"), (2, "swap", "hstswap")] {
            let signature = Signature {
                kind: kind.to_owned(),
                offset: 0,
                uuid: None,
                label: Some(label.to_owned()),
            };
            let partition = Partition {
                size: 40 << 20,
                kind: "0fc63daf-8483-4772-8e79-3d69d8477de4".to_owned(),
                signatures: vec![signature],
                holders: Vec::new(),
            };
            sdc.partitions.insert(number, partition);
        }
        state.mounts.push(state::Mount {
            source: "/dev/sdc1".to_owned(),
            target: "/mnt/hst".into(),
            fstype: "ext4".to_owned(),
        });
        state.swaps.insert("/dev/sdc2".to_owned());
        state
            .disks
            .get_mut("sdd")
            .unwrap()
            .holders
            .push(state::Holder {
                kernel_name: "dm-0".to_owned(),
                name: "hst-vol".to_owned(),
                kind: "dm".to_owned(),
                size: 51_200_000,
            });
    })
    .unwrap();
    host
}

#[test]
fn lsblk_and_wipefs_print_what_the_real_ones_print() {
    let host = scsi_host();
    let columns = "NAME,KNAME,PKNAME,PATH,TYPE,SIZE,SERIAL,MODEL,WWN,TRAN,ROTA,FSTYPE,LABEL,\
                   PTTYPE,PARTTYPE,MOUNTPOINTS";
    let simulated = all_ok(&host, &[&format!("lsblk -J -b -o {columns}")]);
    let real = include_str!("../../tests/fixtures/lsblk.json");
    // After these disks the real guest has others.
    let shared = simulated.strip_suffix("\n   ]\n}\n").unwrap();
    assert_eq!(shared, &real[..shared.len()]);
    let simulated = all_ok(&host, &["wipefs -J /dev/sde /dev/sde1"]);
    assert_eq!(simulated, include_str!("../../tests/fixtures/wipefs.json"));
    let simulated = all_ok(&host, &["wipefs -J /dev/sdf"]);
    assert_eq!(simulated, "{\n   \"signatures\": [\n\n   ]\n}\n");
}

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

/// A fresh host with a mirror and a pool of every other class of vdev.
fn two_pools() -> SimHost {
    let host = SimHost::fresh();
    all_ok(
        &host,
        &[
            &format!(
                "zpool create -o ashift=12 quick mirror {SIM}2TB_SIM2TA0001 {SIM}2TB_SIM2TB0002"
            ),
            &format!("zpool create -o ashift=12 fast {SIM}4TB_SIM4TC0003"),
        ],
    );
    host
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
fn values_are_inherited_received_and_defaulted_as_zfs_shows_them() {
    let host = two_pools();
    all_ok(
        &host,
        &[
            "zfs create -o compression=zstd -o site:owner=prod -o mountpoint=/srv/a quick/a",
            "zfs create -o quota=1.4T quick/a/b",
        ],
    );
    host.edit(|state| {
        let setting = Setting {
            value: "off".to_owned(),
            received: true,
        };
        let dataset = state.datasets.get_mut("quick/a").unwrap();
        dataset.properties.insert("atime".to_owned(), setting);
    })
    .unwrap();
    assert_eq!(
        get(
            &host,
            "compression,site:owner,mountpoint,quota,atime,sync,volsize,mounted",
            "quick/a/b"
        ),
        "quick/a/b\tcompression\tzstd\tinherited from quick/a\n\
         quick/a/b\tsite:owner\tprod\tinherited from quick/a\n\
         quick/a/b\tmountpoint\t/srv/a/b\tinherited from quick/a\n\
         quick/a/b\tquota\t1539316278886\tlocal\n\
         quick/a/b\tatime\toff\tinherited from quick/a\n\
         quick/a/b\tsync\tstandard\tdefault\n\
         quick/a/b\tvolsize\t-\t-\n\
         quick/a/b\tmounted\tyes\t-\n"
    );
    assert_eq!(
        get(&host, "atime", "quick/a"),
        "quick/a\tatime\toff\treceived\n"
    );
}

#[test]
fn what_the_kernel_refuses_does_not_undo_the_rest() {
    let host = prepared("filled");
    let line = "zfs set compression=zstd quota=16M atime=off fastData/shared-bulk-data";
    let output = run(&host, line);
    assert_eq!(output.code, Some(255));
    assert!(
        output.stderr.contains("size is less than current used"),
        "{output:?}"
    );
    let shown = get(
        &host,
        "compression,atime,quota",
        "fastData/shared-bulk-data",
    );
    assert_eq!(
        shown,
        "fastData/shared-bulk-data\tcompression\tzstd\tlocal\n\
         fastData/shared-bulk-data\tatime\toff\tlocal\n\
         fastData/shared-bulk-data\tquota\t1539316278886\tlocal\n"
    );
    // What libzfs itself can see changes nothing at all.
    let output = run(
        &host,
        "zfs set sync=always recordsize=3 fastData/shared-bulk-data",
    );
    assert_eq!(output.code, Some(255));
    assert_eq!(
        get(&host, "sync", "fastData/shared-bulk-data"),
        "fastData/shared-bulk-data\tsync\tstandard\tdefault\n"
    );
}

#[test]
fn volumes_round_reserve_and_grow_as_on_disk() {
    let host = two_pools();
    all_ok(
        &host,
        &[
            "zfs create -V 10485760 quick/v",
            "zfs create -s -V 1000 quick/sparse",
            "zfs set volsize=20971520 quick/v",
        ],
    );
    let shown = get(
        &host,
        "volsize,refreservation,volblocksize",
        "quick/v quick/sparse",
    );
    assert_eq!(
        shown,
        "quick/sparse\tvolsize\t16384\tlocal\n\
         quick/sparse\trefreservation\t0\tdefault\n\
         quick/sparse\tvolblocksize\t16384\tdefault\n\
         quick/v\tvolsize\t20971520\tlocal\n\
         quick/v\trefreservation\t23592960\tlocal\n\
         quick/v\tvolblocksize\t16384\tdefault\n"
    );
    let output = run(&host, "zfs create -V 9T quick/huge");
    assert_eq!(output.stderr, "cannot create 'quick/huge': out of space\n");
    assert!(!host.state().datasets.contains_key("quick/huge"));
}

#[test]
fn mounts_follow_the_mountpoint_and_hide_what_is_below() {
    let host = two_pools();
    host.edit(|state| state.make_directories(Utf8Path::new("/srv/a/old")).unwrap())
        .unwrap();
    let list = "find /srv/a /srv/b -maxdepth 0 '(' -empty -printf 'e\\t%U\\t%G\\t%m\\t%y\\t%p\\n' \
                -o -printf 'n\\t%U\\t%G\\t%m\\t%y\\t%p\\n' ')'";
    all_ok(&host, &["zfs create -o mountpoint=/srv/a quick/a"]);
    assert_eq!(run(&host, list).stdout, "e\t0\t0\t755\td\t/srv/a\n");
    all_ok(&host, &["zfs set mountpoint=/srv/b quick/a"]);
    let output = run(&host, list);
    assert_eq!(
        output.stdout,
        "n\t0\t0\t755\td\t/srv/a\ne\t0\t0\t755\td\t/srv/b\n"
    );
    let mounts = host
        .read_file(Utf8Path::new("/proc/self/mounts"))
        .unwrap()
        .unwrap();
    assert!(
        mounts.ends_with("quick/a /srv/b zfs rw,relatime,xattr,noacl,casesensitive 0 0\n"),
        "{mounts}"
    );
    let output = run(
        &host,
        "zfs create -o overlay=off -o mountpoint=/srv/a quick/c",
    );
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (
            Some(1),
            "cannot mount '/srv/a': directory is not empty\n\
             filesystem successfully created, but not mounted\n"
        )
    );
    assert_eq!(
        get(&host, "mounted", "quick/c"),
        "quick/c\tmounted\tno\t-\n"
    );
}

#[test]
fn permissions_change_the_dataset_and_never_the_directory_below_it() {
    let host = two_pools();
    all_ok(&host, &["zfs create quick/a"]);
    let change = PermissionChange {
        dataset: "quick/a".to_owned(),
        path: "/quick/a".into(),
        uid: Some(100_000),
        gid: None,
        mode: Some(0o2770),
        recursive: false,
    };
    host.set_permissions(&change).unwrap();
    let entry = |host: &SimHost| {
        host.state()
            .entry(Utf8Path::new("/quick/a"))
            .cloned()
            .unwrap()
    };
    assert_eq!((entry(&host).uid, entry(&host).mode), (100_000, 0o2770));
    all_ok(&host, &["zfs set canmount=off quick/a"]);
    let error = host.set_permissions(&change).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/quick/a is not where dataset quick/a is mounted"
    );
    assert_eq!((entry(&host).uid, entry(&host).mode), (0, 0o755));
}

#[test]
fn the_read_cache_ignores_limits_that_do_not_fit() {
    let host = SimHost::fresh();
    let parameter = Utf8Path::new("/sys/module/zfs/parameters/zfs_arc_max");
    let limit = |host: &SimHost| {
        let path = Utf8Path::new("/proc/spl/kstat/zfs/arcstats");
        let text = host.read_file(path).unwrap().unwrap();
        let line = text
            .lines()
            .find(|line| line.starts_with("c_max "))
            .unwrap()
            .to_owned();
        line.split_whitespace()
            .nth(2)
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    let default = limit(&host);
    // Too small, below the floor of 2 GiB, above the memory.
    for ignored in ["1", "1073741824", "99999999999999"] {
        host.write_parameter(parameter, ignored).unwrap();
        assert_eq!(limit(&host), default, "{ignored}");
        assert_eq!(
            host.read_file(parameter).unwrap().unwrap(),
            format!("{ignored}\n")
        );
    }
    host.write_parameter(parameter, "32212254720").unwrap();
    assert_eq!(limit(&host), 32_212_254_720);
    assert!(host.write_parameter(parameter, "30G").is_err());
    assert!(
        host.write_parameter(Utf8Path::new("/proc/nope"), "1")
            .is_err()
    );
}

#[test]
fn files_are_written_below_existing_directories_only() {
    let host = SimHost::fresh();
    let find = r"find /etc/exports.d -maxdepth 1 -name '*.exports' -printf '%p\n'";
    assert_eq!(run(&host, find).code, Some(1));
    let path = Utf8Path::new("/etc/exports.d/phoenix.exports");
    host.write_file(path, "# none\n").unwrap();
    assert_eq!(all_ok(&host, &[find]), "/etc/exports.d/phoenix.exports\n");
    assert_eq!(host.read_file(path).unwrap().unwrap(), "# none\n");
    for bad in [
        "/no/such/dir/file",
        "/etc/hostname/file",
        "/etc",
        "/proc/nope",
    ] {
        assert!(host.write_file(Utf8Path::new(bad), "x").is_err(), "{bad}");
    }
}

#[test]
fn a_dir_storage_needs_its_mount_and_makes_its_directories() {
    let host = two_pools();
    let add = "pvesm add dir backups --path /srv/backups --is_mountpoint 1 --content backup";
    assert_eq!(run(&host, add).code, Some(255));
    all_ok(
        &host,
        &["zfs create -o mountpoint=/srv/backups fast/backups", add],
    );
    assert!(
        host.state()
            .entry(Utf8Path::new("/srv/backups/dump"))
            .is_some()
    );
    let list = all_ok(&host, &["pvesh get /storage --output-format json"]);
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list[0]["storage"], "backups");
    assert_eq!(list[0]["is_mountpoint"], "1");
}

#[test]
fn a_storage_keeps_a_mountpoint_that_does_not_match_with_a_warning() {
    let host = two_pools();
    let output = run(
        &host,
        "pvesm add zfspool z1 --pool quick --mountpoint /elsewhere",
    );
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (
            Some(0),
            "warning for z1 - mountpoint: /elsewhere does not match current mount point: /quick\n"
        )
    );
    assert_eq!(
        host.state().storages.unwrap()["z1"].options["mountpoint"],
        "/elsewhere"
    );
}

#[test]
fn a_running_container_takes_a_new_mount_now_and_another_text_later() {
    let host = two_pools();
    host.edit(|state| {
        state.running.insert(101);
    })
    .unwrap();
    let missing = run(&host, "pct set 101 --mp0 /nowhere,mp=/data");
    assert!(
        missing
            .stderr
            .contains("directory '/nowhere' does not exist"),
        "{missing:?}"
    );
    all_ok(&host, &["pct set 101 --mp0 /quick,ro=on,mp=/data"]);
    let conf = |host: &SimHost| {
        host.read_file(Utf8Path::new("/etc/pve/lxc/101.conf"))
            .unwrap()
            .unwrap()
    };
    assert!(
        conf(&host).contains("\nmp0: /quick,mp=/data,ro=1\n"),
        "{}",
        conf(&host)
    );
    assert!(!conf(&host).contains("pending"));
    // The same mount in another order of words waits for a restart all the same.
    all_ok(&host, &["pct set 101 --mp0 /quick,ro=1,mp=/data"]);
    assert!(conf(&host).ends_with("\n[pve:pending]\nmp0: /quick,ro=1,mp=/data\n"));
    all_ok(&host, &["pct set 101 --mp0 /quick,mp=/data,ro=1"]);
    assert!(!conf(&host).contains("pending"));
    let list = all_ok(&host, &["pct list"]);
    assert_eq!(
        list,
        "VMID       Status     Lock         Name                \n\
         101        running                 ct101               \n\
         102        stopped                 ct102               \n"
    );
}

#[test]
fn a_suspended_pool_takes_no_change() {
    let host = two_pools();
    host.edit(|state| state.pools.get_mut("quick").unwrap().health = "SUSPENDED".to_owned())
        .unwrap();
    let path = Utf8Path::new("/proc/spl/kstat/zfs/quick/state");
    assert_eq!(host.read_file(path).unwrap().unwrap(), "SUSPENDED\n");
    for line in [
        "zfs create quick/a",
        "zfs set atime=off quick",
        "zpool set autotrim=on quick",
    ] {
        let output = run(&host, line);
        assert_ne!(output.code, Some(0), "{line}");
        assert!(
            output.stderr.ends_with("pool I/O is currently suspended\n"),
            "{output:?}"
        );
    }
    all_ok(&host, &["zfs create fast/a"]);
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

#[test]
fn getent_leaves_out_whom_it_does_not_know() {
    let host = SimHost::fresh();
    let output = run(&host, "getent passwd root nosuch 33");
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (
            Some(2),
            "root:x:0:0:root:/root:/usr/sbin/nologin\n\
             www-data:x:33:33:www-data:/nonexistent:/usr/sbin/nologin\n"
        )
    );
    assert_eq!(
        all_ok(&host, &["getent group www-data"]),
        "www-data:x:33:\n"
    );
}

#[test]
fn nothing_outside_the_vocabulary_succeeds() {
    let host = two_pools();
    let before = host.state();
    for line in [
        "zpool destroy quick",
        "zfs destroy quick",
        "zfs",
        "wipefs",
        "wipefs --all /dev/nvme0n1",
        "lsblk",
        "find / -delete",
        "find",
        "pvesh create /storage",
        "pvesm remove local",
        "pct destroy 101",
        "exportfs -u",
        "udevadm trigger",
        "update-initramfs -d",
        "systemctl restart nfs-server",
        "getent hosts x",
        "smartctl -t long /dev/nvme0",
        "nvme format /dev/nvme0",
        "rm -rf /",
        "",
    ] {
        let output = run(&host, line);
        assert_ne!(output.code, Some(0), "{line}");
        assert_ne!(output.stderr, "", "{line}");
    }
    assert_eq!(host.state(), before);
}

#[test]
fn a_command_that_lies_about_its_effect_is_refused() {
    let host = two_pools();
    let command = Command::read(Program::Zfs, ["create", "quick/a"]);
    assert!(matches!(
        host.run(&command),
        Err(HostError::ReadOnly { .. })
    ));
    assert!(!host.state().datasets.contains_key("quick/a"));
}

#[test]
fn faults_fail_hang_and_come_late() {
    let host = two_pools();
    let create = Command::write(Program::Zfs, ["create", "quick/a"]);
    let fault = |kind| Fault {
        pattern: "zfs create*quick/a".to_owned(),
        nth: 1,
        kind,
    };
    host.add_fault(fault(FaultKind::Fail)).unwrap();
    assert_eq!(host.run(&create).unwrap().code, Some(1));
    host.add_fault(fault(FaultKind::Hang)).unwrap();
    assert!(matches!(host.run(&create), Err(HostError::TimedOut { .. })));
    assert!(!host.state().datasets.contains_key("quick/a"));
    host.add_fault(fault(FaultKind::Late)).unwrap();
    assert!(matches!(host.run(&create), Err(HostError::TimedOut { .. })));
    assert!(host.state().datasets.contains_key("quick/a"));
    assert!(host.state().faults.is_empty());
}

#[test]
fn after_the_power_cut_nothing_answers() {
    let host = two_pools();
    host.fail_after(1);
    all_ok(&host, &["exportfs -s", "zfs create quick/a"]);
    for line in ["zfs create quick/b", "exportfs -s"] {
        assert_eq!(run(&host, line).code, Some(126), "{line}");
    }
    assert!(host.read_file(Utf8Path::new("/etc/exports")).is_err());
    assert!(!host.state().datasets.contains_key("quick/b"));
    assert_eq!(host.writes().last().unwrap(), "zfs create quick/a");
}

#[test]
fn two_processes_share_a_state_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(directory.path().join("host.json")).unwrap();
    let one = SimHost::open(&path).unwrap();
    let two = SimHost::open(&path).unwrap();
    all_ok(&one, &[&format!("zpool create quick {SIM}4TB_SIM4TC0003")]);
    all_ok(&two, &["zfs create quick/a"]);
    all_ok(&one, &["zfs create quick/b"]);
    let names: Vec<String> = SimHost::open(&path)
        .unwrap()
        .state()
        .datasets
        .into_keys()
        .collect();
    assert_eq!(names, ["quick", "quick/a", "quick/b"]);

    std::fs::write(&path, "{\"format\": 1}").unwrap();
    let error = SimHost::open(&path).unwrap_err().to_string();
    assert!(
        error.contains("is not the state of a simulated host"),
        "{error}"
    );
    assert_eq!(run(&one, "zfs create quick/c").code, Some(126));
}

/// Words from which a command line of the vocabulary, or something close to one, can arise.
fn word() -> impl Strategy<Value = String> {
    let known = [
        "create",
        "set",
        "get",
        "mount",
        "list",
        "status",
        "add",
        "-a",
        "-J",
        "-P",
        "-Hp",
        "-o",
        "-O",
        "-s",
        "-V",
        "-f",
        "-ra",
        "quick",
        "quick/a",
        "quick/a/b",
        "fast",
        "101",
        "mirror",
        "raidz2",
        "draid1",
        "special",
        "log",
        "cache",
        "spare",
        "quota=1G",
        "quota=none",
        "mountpoint=/srv/x",
        "mountpoint=none",
        "reservation=9E",
        "volsize=1M",
        "ashift=12",
        "10G",
        "16",
        "name,property,value,source",
        "all",
        "used,available,mountpoint",
        "zfspool",
        "dir",
        "z1",
        "--pool",
        "--path",
        "/srv/x",
        "--content",
        "images,bogus",
        "--delete",
        "mp0",
        "--mp0",
        "/srv/x,mp=/x,ro=1",
        "passwd",
        "root",
        "(",
        "-empty",
        "/",
        "",
        "=",
        "a=",
        "encryption=on",
        "keyformat=raw",
        "keylocation=file:///etc/hostname",
        "canmount=off",
        "refreservation=auto",
        "volblocksize=512",
    ];
    prop_oneof![
        8 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned),
        2 => proptest::sample::select(vec!["2TB_SIM2TA0001", "2TB_SIM2TB0002", "4TB_SIM4TC0003"])
            .prop_map(|disk| format!("{SIM}{disk}")),
        1 => "\\PC{0,12}",
    ]
}

fn command_line() -> impl Strategy<Value = Vec<String>> {
    let programs = Program::ALL.map(Program::name).to_vec();
    let first = prop_oneof![
        3 => proptest::sample::select(vec!["zfs", "zpool", "pvesm", "pct"]),
        1 => proptest::sample::select(programs),
    ];
    (first, proptest::collection::vec(word(), 0..8)).prop_map(|(program, mut words)| {
        words.insert(0, program.to_owned());
        words
    })
}

proptest! {
    #[test]
    fn no_command_line_panics_and_any_state_survives_its_file(
        lines in proptest::collection::vec(command_line(), 1..25),
        exports in "\\PC{0,60}",
    ) {
        let host = SimHost::fresh();
        all_ok(&host, &[&format!("zpool create quick {SIM}4TB_SIM4TC0003"), "zfs create quick/a"]);
        host.write_file(Utf8Path::new("/etc/exports"), &exports).unwrap();
        prop_assert!(run(&host, "exportfs -ra").code.is_some());
        for line in &lines {
            let output = run_argv(&host, line);
            // Only getent fails without a word, as the real one does.
            let silent = output.stderr.is_empty() && output.stdout.is_empty();
            prop_assert!(output.code == Some(0) || !silent || line[0] == "getent");
        }
        let state = host.state();
        let text = serde_json::to_string(&state).unwrap();
        prop_assert_eq!(&serde_json::from_str::<State>(&text).unwrap(), &state);
        for name in state.datasets.keys() {
            prop_assert!(state.used(name) >= state.datasets[name].referenced);
        }
        for mount in &state.mounts {
            let directory = state.entry(&mount.target).map(|entry| entry.kind.clone());
            prop_assert!(mount.fstype != "zfs" || directory == Some(EntryKind::Directory));
        }
    }
}
