//! Tests of the simulated host through its public seam. What real tools printed is in
//! `recordings/`; `recordings/README.md` says where from.

mod datasets;
mod disks;
mod machine;
mod proxmox;
mod recordings;
mod vocabulary;

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

/// The six SCSI disks of the guest on which `tests/fixtures` were recorded: two members of a pool,
/// one with a mounted partition and swap, one below device-mapper, one with an old label, one blank.
fn scsi_host() -> SimHost {
    let host = SimHost::fresh();
    host.edit(|state| {
        state.disks.clear();
        state
            .mounts
            .edit(|list| list[0].source = "/dev/vda".to_owned());
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
                ..Partition::default()
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
