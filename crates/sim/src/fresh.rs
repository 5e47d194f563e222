//! What a simulated host looks like before anybody touched it.
//!
//! Owns the drives, containers and files of a fresh host; every number here is what a real
//! Proxmox VE 9 node of that size reports.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;

use super::state::{
    Arc, Datasets, Disk, Entry, EntryKind, FORMAT, Mount, Partition, Signature, State, Storage,
};

/// 64 GiB.
const MEMORY: u64 = 64 << 30;
const LINUX_FILESYSTEM: &str = "0fc63daf-8483-4772-8e79-3d69d8477de4";
const ROOT_UUID: &str = "5b1c9f5e-7f0d-4a5c-9a63-1f6f2a3d9b10";

/// The drives of a fresh host by their names below `/dev/disk/by-id`, with their sizes in bytes:
/// two of 2 TB, one of 4 TB.
pub(super) const DRIVES: [(&str, u64); 3] = [
    ("nvme-Samsung_SSD_990_PRO_2TB_SIM2TA0001", 2_000_398_934_016),
    ("nvme-Samsung_SSD_990_PRO_2TB_SIM2TB0002", 2_000_398_934_016),
    ("nvme-Samsung_SSD_990_PRO_4TB_SIM4TC0003", 4_000_787_030_016),
];

/// A host with a small system disk and these NVMe drives.
pub(super) fn host(drives: &[(&str, u64)]) -> State {
    let mut disks = BTreeMap::from([("sda".to_owned(), system_disk())]);
    for (number, (link, size)) in drives.iter().enumerate() {
        disks.insert(format!("nvme{number}n1"), nvme(number, link, *size));
    }
    State {
        format: FORMAT,
        node: "pve-sim".to_owned(),
        zfs_version: None,
        memory: MEMORY,
        disks,
        pools: BTreeMap::new(),
        datasets: Datasets::default(),
        mounts: system_mounts().into(),
        swaps: BTreeSet::new(),
        open: Vec::new(),
        files: files(),
        links: BTreeMap::new(),
        users: names(&[("nobody", 65534), ("root", 0), ("www-data", 33)]),
        groups: names(&[("nogroup", 65534), ("root", 0), ("www-data", 33)]),
        storages: Some(BTreeMap::from([("local".to_owned(), local_storage())])),
        running: BTreeSet::new(),
        exports: Some(Vec::new()),
        units: BTreeMap::new(),
        arc: Arc {
            parameter_max: 0,
            parameter_min: 0,
            // OpenZFS 2.3 `arc_default_max`: all memory but 1 GiB; `arc_c_min`: 1/32 of it.
            c_max: MEMORY - (1 << 30),
            c_min: MEMORY / 32,
        },
        removed: BTreeSet::new(),
        faults: Vec::new(),
        exported: BTreeMap::new(),
        made: 0,
    }
}

/// udev calls a drive `nvme-MODEL_SERIAL`, the same with its namespace, and by its EUI.
fn nvme(number: usize, link: &str, size: u64) -> Disk {
    let name = link.strip_prefix("nvme-").unwrap_or(link);
    let (model, serial) = name.rsplit_once('_').unwrap_or(("NVMe drive", name));
    let eui = format!("eui.0025385{:09x}", 0x0021_5000_usize + number);
    Disk {
        size,
        model: Some(model.replace('_', " ")),
        serial: Some(serial.to_owned()),
        wwn: Some(eui.clone()),
        tran: Some("nvme".to_owned()),
        links: BTreeSet::from([link.to_owned(), format!("{link}_1"), format!("nvme-{eui}")]),
        ..Disk::default()
    }
}

/// 64 GB, one ext4 partition that holds `/`.
fn system_disk() -> Disk {
    const SIZE: u64 = 64_023_257_088;
    let root = Partition {
        size: SIZE - (2 << 20),
        kind: LINUX_FILESYSTEM.to_owned(),
        signatures: vec![Signature {
            kind: "ext4".to_owned(),
            offset: 0x438,
            uuid: Some(ROOT_UUID.to_owned()),
            label: None,
        }],
        ..Partition::default()
    };
    Disk {
        size: SIZE,
        model: Some("SATADOM-SL 3ME3".to_owned()),
        serial: Some("SIMSYS0004".to_owned()),
        wwn: Some("0x5001b448b1a2c3d4".to_owned()),
        tran: Some("sata".to_owned()),
        links: BTreeSet::from([
            "ata-SATADOM-SL_3ME3_SIMSYS0004".to_owned(),
            "wwn-0x5001b448b1a2c3d4".to_owned(),
        ]),
        table: Some("gpt".to_owned()),
        partitions: BTreeMap::from([(1, root)]),
        ..Disk::default()
    }
}

fn system_mounts() -> Vec<Mount> {
    let mount = |source: &str, target: &str, fstype: &str| Mount {
        source: source.to_owned(),
        target: target.into(),
        fstype: fstype.to_owned(),
    };
    vec![
        mount("/dev/sda1", "/", "ext4"),
        mount("sysfs", "/sys", "sysfs"),
        mount("proc", "/proc", "proc"),
        mount("udev", "/dev", "devtmpfs"),
        mount("tmpfs", "/run", "tmpfs"),
    ]
}

fn files() -> BTreeMap<Utf8PathBuf, Entry> {
    let directories = [
        "/",
        "/dev",
        "/etc",
        "/etc/modprobe.d",
        "/etc/pve",
        "/etc/pve/lxc",
        "/etc/systemd",
        "/etc/systemd/system",
        "/home",
        "/mnt",
        "/opt",
        "/proc",
        "/root",
        "/run",
        "/srv",
        "/sys",
        "/tmp",
        "/usr",
        "/usr/local",
        "/var",
        "/var/lib",
        "/var/lib/vz",
        "/var/log",
        "/var/tmp",
    ];
    let mut files: BTreeMap<Utf8PathBuf, Entry> = directories
        .into_iter()
        .map(|path| (path.into(), Entry::directory()))
        .collect();
    let exports = "# /etc/exports: the access control list for filesystems which may be exported\n\
                   #\t\tto NFS clients.  See exports(5).\n#\n";
    files.insert("/etc/exports".into(), Entry::file(exports));
    files.insert("/etc/hostname".into(), Entry::file("pve-sim\n"));
    // A host without a cluster.
    let members = "{\n\"nodename\": \"pve-sim\",\n\"version\": 1\n}\n";
    files.insert("/etc/pve/.members".into(), Entry::file(members));
    // Something in a directory that people like to mount over.
    files.insert("/var/lib/vz/dump".into(), Entry::directory());
    for id in [101, 102] {
        let mut entry = Entry::file(container(id));
        (entry.gid, entry.mode) = (33, 0o640);
        files.insert(format!("/etc/pve/lxc/{id}.conf").into(), entry);
    }
    let mut link = Entry::directory();
    (link.kind, link.mode) = (EntryKind::Symlink, 0o777);
    files.insert("/etc/mtab".into(), link);
    files
}

/// An unprivileged container without mount points, in the order in which Proxmox writes.
fn container(id: u32) -> String {
    format!(
        "arch: amd64\ncores: 2\nhostname: ct{id}\nmemory: 2048\nostype: debian\n\
         rootfs: local:{id}/vm-{id}-disk-0.raw,size=8G\nswap: 512\nunprivileged: 1\n"
    )
}

fn local_storage() -> Storage {
    let options = [("content", "backup,iso,vztmpl"), ("path", "/var/lib/vz")];
    Storage {
        kind: "dir".to_owned(),
        options: options
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
    }
}

fn names(list: &[(&str, u32)]) -> BTreeMap<String, u32> {
    list.iter()
        .map(|(name, id)| ((*name).to_owned(), *id))
        .collect()
}
