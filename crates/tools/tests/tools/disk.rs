//! Disks: the inventory of a real guest, and what must never look free.

use std::collections::BTreeSet;

use camino::Utf8Path;
use phoenix_host::Host;
use phoenix_host::command::{Effect, Output};
use phoenix_tools::disk::{self, Inventory};
use phoenix_tools::parse::ReadError;
use phoenix_tools::zpool::{ImportedPools, PoolRow, parse_status};

use crate::{Scripted, argv};

const LSBLK: &str = include_str!("../fixtures/lsblk.json");
const LINKS: &str = include_str!("../fixtures/find-dev-disk.txt");
const SWAPS: &str = include_str!("../fixtures/proc-swaps.txt");
const WIPEFS: &str = include_str!("../fixtures/wipefs.json");
const STATUS: &str = include_str!("../fixtures/zpool-status-disks.txt");
const PROBE: &str = "wipefs -J /dev/nvme0n1 /dev/nvme1n1 /dev/nvme2n1 \
                     /dev/sde /dev/sde1 /dev/sde9 /dev/sdf";

fn inventory(host: &dyn Host, pools: &ImportedPools) -> Result<Inventory, ReadError> {
    disk::devices(host)?.judge(host, pools)
}

/// A machine without Proxmox, and without processes that have a disk open.
fn machine() -> Scripted {
    let no_guests = ["qemu-server", "lxc", "mapping/pci.cfg"]
        .map(|file| format!("grep: /etc/pve/{file}: No such file or directory\n"))
        .concat();
    Scripted::default()
        .answers_all("grep -r", Output::failure(2, no_guests))
        .answers_all("find /proc", Output::success(""))
}

fn guest() -> Scripted {
    machine()
        .answers(&disk::lsblk().to_string(), Output::success(LSBLK))
        .answers(&disk::links().to_string(), Output::success(LINKS))
        .has_file("/proc/swaps", SWAPS)
}

fn pools() -> ImportedPools {
    let layout = parse_status(STATUS).unwrap();
    let mut pools = ImportedPools::default();
    pools.layouts.insert(layout.name.clone(), layout);
    pools
}

/// One line a whole disk: what uses it, and what is on it.
fn verdicts(inventory: &Inventory) -> String {
    let line = |disk: &disk::Disk| {
        let uses: Vec<_> = disk.uses.iter().map(ToString::to_string).collect();
        let signatures: BTreeSet<_> = disk.signatures.iter().map(ToString::to_string).collect();
        let signatures = Vec::from_iter(signatures);
        format!(
            "{}: [{}] [{}]\n",
            disk.kernel_name,
            uses.join(", "),
            signatures.join(", ")
        )
    };
    inventory.whole_disks().map(line).collect()
}

#[test]
fn command_lines_are_those_that_the_tools_take() {
    for (command, typed) in [
        (
            disk::lsblk(),
            "lsblk -J -b -e 1,230 -o NAME,KNAME,PKNAME,PATH,TYPE,SIZE,SERIAL,MODEL,WWN,TRAN,ROTA,\
             FSTYPE,LABEL,PTTYPE,PARTTYPE,MOUNTPOINTS",
        ),
        (disk::links(), "find /dev/disk -type l -printf '%p\\t%l\\n'"),
        (
            disk::wipefs(&["/dev/a", "/dev/b"]),
            "wipefs -J /dev/a /dev/b",
        ),
        (
            disk::erase(&["/dev/a1", "/dev/a"]),
            "wipefs -a /dev/a1 /dev/a",
        ),
    ] {
        assert_eq!(command.argv(), argv(typed));
        assert_eq!(
            command.effect == Effect::Write,
            typed.starts_with("wipefs -a")
        );
    }
}

#[test]
fn every_disk_of_a_real_guest_is_judged() {
    let host = guest().answers(PROBE, Output::success(WIPEFS));
    let inventory = inventory(&host, &pools()).unwrap();
    insta::assert_snapshot!(verdicts(&inventory));
    assert_eq!(host.asked().len(), 5);
    let blank: Vec<_> = inventory
        .whole_disks()
        .filter(|disk| disk.is_blank())
        .map(|disk| disk.kernel_name.as_str())
        .collect();
    assert_eq!(blank, ["nvme0n1", "nvme1n1", "nvme2n1", "sdf"]);
}

#[test]
fn links_nodes_and_partitions_lead_to_their_disk() {
    let host = guest().answers(PROBE, Output::success(WIPEFS));
    let inventory = inventory(&host, &pools()).unwrap();
    let find = |path: &str| inventory.find(Utf8Path::new(path));
    let whole = |path: &str| {
        let disk = inventory.whole_disk(Utf8Path::new(path))?;
        Some(disk.kernel_name.as_str())
    };
    let nvme = find("/dev/disk/by-id/nvme-QEMU_NVMe_Ctrl_PHX4TC03").unwrap();
    assert_eq!(nvme.serial.as_deref(), Some("PHX4TC03"));
    assert_eq!(nvme.size, 4_398_046_511_104);
    assert_eq!(nvme.tran.as_deref(), Some("nvme"));
    assert!(nvme.links.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(find(&nvme.path).unwrap(), nvme);

    let part = find("/dev/disk/by-id/scsi-33333333000003e80-part1").unwrap();
    assert_eq!(
        (part.kind.as_str(), part.kernel_name.as_str()),
        ("part", "sda1")
    );
    assert_eq!(
        whole("/dev/disk/by-id/scsi-33333333000003e80-part1"),
        Some("sda")
    );
    assert_eq!(whole("/dev/sda9"), Some("sda"));
    assert_eq!(whole("/dev/sda"), Some("sda"));
    assert_eq!(whole("/dev/disk/by-id/none"), None);
    // Partitions that were made after the look: their names say where.
    assert_eq!(
        whole("/dev/disk/by-id/nvme-QEMU_NVMe_Ctrl_PHX4TC03-part1"),
        Some(nvme.kernel_name.as_str())
    );
    assert_eq!(
        whole(&format!("{}p1", nvme.path)),
        Some(nvme.kernel_name.as_str())
    );
    assert_eq!(whole("/dev/sda7"), Some("sda"));
    // A disk that is gone is no partition of one whose name its own begins with.
    for gone in ["nvme-QEMU_NVMe_Ctrl_PHX4TC031", "none-part1"] {
        assert_eq!(whole(&format!("/dev/disk/by-id/{gone}")), None);
    }
    assert_eq!(whole("/dev/nvme0n12"), None);
    assert_eq!(find("/dev/mapper/hst-vol").unwrap().kind, "dm");
}

#[test]
fn the_disks_of_a_pool_that_does_not_answer_stay_in_use() {
    let mut pools = ImportedPools::default();
    pools.silent.insert("hstold".to_owned());
    pools.silent.insert("hstpool".to_owned());
    let probe = PROBE.replace(
        "/dev/sde ",
        "/dev/sda /dev/sda1 /dev/sda9 /dev/sdb /dev/sdb1 /dev/sdb9 /dev/sde ",
    );
    let host = guest().answers(&probe, Output::success(WIPEFS));
    let inventory = inventory(&host, &pools).unwrap();
    for (disk, pool) in [("sda", "hstpool"), ("sdb", "hstpool"), ("sde", "hstold")] {
        let used = disk::Use::Pool(pool.to_owned());
        assert!(inventory.devices[disk].uses.contains(&used), "{disk}");
    }
}

#[test]
fn a_disk_that_cannot_be_probed_is_not_blank_and_hides_no_other() {
    let failure = Output::failure(
        1,
        "wipefs: error: /dev/nvme1n1: probing initialization failed\n",
    );
    let blank = "{ \"signatures\": [ ] }";
    let host = guest()
        .answers(PROBE, failure.clone())
        .answers("wipefs -J /dev/nvme0n1", Output::success(blank))
        .answers("wipefs -J /dev/nvme1n1", failure)
        .hangs("wipefs -J /dev/nvme2n1")
        .answers(
            "wipefs -J /dev/sde /dev/sde1 /dev/sde9",
            Output::success(WIPEFS),
        )
        .answers("wipefs -J /dev/sdf", Output::success(""));
    let inventory = inventory(&host, &pools()).unwrap();
    let blank = |name: &str| inventory.devices[name].is_blank();
    assert!(blank("nvme0n1") && blank("sdf"));
    assert!(!blank("nvme1n1") && !blank("nvme2n1") && !blank("sde"));
}

#[test]
fn swap_counts_even_when_lsblk_does_not_show_it() {
    let lsblk = LSBLK.replace("\"[SWAP]\"", "");
    assert_ne!(lsblk, LSBLK);
    let host = machine()
        .answers(&disk::lsblk().to_string(), Output::success(lsblk))
        .answers(&disk::links().to_string(), Output::success(LINKS))
        .has_file("/proc/swaps", SWAPS)
        .answers(PROBE, Output::success(WIPEFS));
    let inventory = inventory(&host, &pools()).unwrap();
    assert!(inventory.devices["sdc"].uses.contains(&disk::Use::Swap));
}

#[test]
fn answers_that_are_cut_off_are_errors() {
    let cut = |text: &str| text[..text.len() / 2].to_owned();
    assert!(disk::parse_lsblk(&cut(LSBLK)).is_err());
    assert!(disk::parse_wipefs(&cut(WIPEFS)).is_err());
    assert!(disk::parse_links("/dev/disk/by-id/x").is_err());
    assert!(disk::parse_links("/dev/disk/by-id/x\t../../").is_err());
    assert!(disk::parse_swaps("Filename\tType\npartition 1 2\n").is_err());
    assert_eq!(disk::parse_swaps("").unwrap(), [""; 0]);
    // util-linux 2.38 says null for "mounted nowhere".
    let old = LSBLK.replace("\"mountpoints\": []", "\"mountpoints\": [null]");
    assert_ne!(old, LSBLK);
    let places = |text: &str| -> Vec<usize> {
        let devices = disk::parse_lsblk(text).unwrap();
        devices
            .iter()
            .map(|device| device.mountpoints.iter().flatten().count())
            .collect()
    };
    assert_eq!(places(&old), places(LSBLK));
}

#[test]
fn a_machine_without_udev_has_disks_without_links() {
    let missing = Output::failure(1, "find: '/dev/disk': No such file or directory\n");
    let host = guest()
        .answers(&disk::links().to_string(), missing)
        .answers(
            "wipefs -J /dev/nvme0n1 /dev/nvme1n1 /dev/nvme2n1 /dev/sda /dev/sda1 /dev/sda9 \
             /dev/sdb /dev/sdb1 /dev/sdb9 /dev/sde /dev/sde1 /dev/sde9 /dev/sdf",
            Output::success(WIPEFS),
        );
    let found = inventory(&host, &pools()).unwrap();
    assert!(found.whole_disks().all(|disk| disk.links.is_empty()));
    // The members of the imported pool cannot be found by their links; their labels tell.
    for member in ["sda", "sdb"] {
        let uses = &found.devices[member].uses;
        assert!(
            matches!(Vec::from_iter(uses)[..], [disk::Use::Pool(_)]),
            "{member}: {uses:?}"
        );
    }
    let host = guest().answers(
        &disk::links().to_string(),
        Output::failure(1, "find: out of memory\n"),
    );
    inventory(&host, &pools()).unwrap_err();
}

/// Whoever had a disk before has chosen its label, and maybe its firmware's words.
#[test]
fn a_label_cannot_pass_for_more_than_a_label() {
    let hostile = r#""x\" (guid 1)\n\u001b[2Jfree\u202e""#;
    let lsblk = LSBLK.replace(r#""scsi_debug""#, hostile);
    let wipefs = WIPEFS.replace(r#""hstold""#, hostile);
    assert!(lsblk != LSBLK && wipefs != WIPEFS);
    let host = guest()
        .answers(&disk::lsblk().to_string(), Output::success(lsblk))
        .answers(PROBE, Output::success(wipefs));
    let inventory = inventory(&host, &pools()).unwrap();
    let text = verdicts(&inventory);
    let named =
        r#"zfs_member "x\" (guid 1)\n\u{1b}[2Jfree\u{202e}" (guid 1529892785564888122) on sde1"#;
    assert!(text.contains(named), "{text}");
    assert_eq!(text.lines().count(), inventory.whole_disks().count());
    let model = inventory.devices["sda"].model.as_deref();
    assert_eq!(model, Some(r#"x" (guid 1)\n\u{1b}[2Jfree\u{202e}"#));
}

/// A pool is known by its number: one that was renamed on import, or a former member that nobody
/// has cleared, must not look free.
#[test]
fn a_label_with_the_number_of_an_imported_pool_speaks_against_writing() {
    for (guid, uses) in [
        (
            1_529_892_785_564_888_122,
            "[labelled as a member of imported pool \"renamed\" (zpool labelclear frees a former one)]",
        ),
        (1, "[]"),
    ] {
        let mut pools = pools();
        let renamed = PoolRow {
            name: "renamed".to_owned(),
            guid,
            size: None,
            health: "ONLINE".to_owned(),
        };
        pools.pools.insert(renamed.name.clone(), renamed);
        let host = guest().answers(PROBE, Output::success(WIPEFS));
        let verdicts = verdicts(&inventory(&host, &pools).unwrap());
        let line = verdicts
            .lines()
            .find(|line| line.starts_with("sde:"))
            .unwrap();
        assert!(line.starts_with(&format!("sde: {uses} [")), "{line}");
        assert!(
            line.contains("zfs_member \"hstold\" (guid 1529892785564888122) on sde1"),
            "{line}"
        );
    }
}

#[test]
fn a_disk_is_called_by_model_and_serial() {
    let disk = |links: &[&str]| disk::Disk {
        path: "/dev/nvme0n1".to_owned(),
        links: links.iter().map(Into::into).collect(),
        ..disk::Disk::default()
    };
    for (links, wanted) in [
        (&[][..], "/dev/nvme0n1"),
        (&["/dev/disk/by-path/pci-1"], "/dev/disk/by-path/pci-1"),
        (
            &["/dev/disk/by-id/nvme-eui.01"],
            "/dev/disk/by-id/nvme-eui.01",
        ),
        (
            &[
                "/dev/disk/by-id/nvme-Model_S1_1",
                "/dev/disk/by-id/nvme-Model_S1",
                "/dev/disk/by-id/nvme-eui.01",
            ],
            "/dev/disk/by-id/nvme-Model_S1",
        ),
    ] {
        assert_eq!(disk(links).stable_path(), wanted);
    }
}

/// Two disks that say the same of themselves, the links of each, and the path that each is given.
#[test]
fn a_link_that_fits_two_disks_is_no_name() {
    let blank = |name: &str, serial: &str, wwn: &str| {
        format!(
            r#"{{"name":"{name}","kname":"{name}","pkname":null,"path":"/dev/{name}","type":"disk",
                "size":1,"serial":{serial},"model":null,"wwn":{wwn},"tran":null,"rota":false,
                "fstype":null,"label":null,"pttype":null,"parttype":null,"mountpoints":[null]}}"#
        )
    };
    for (name, disks, links, wanted) in [
        (
            "namespaces of one drive",
            [
                ("nvme0n1", "\"S1\"", "\"eui.01\""),
                ("nvme0n2", "\"S1\"", "\"eui.02\""),
            ],
            "by-id/nvme-M_S1 nvme0n2, by-id/nvme-M_S1_1 nvme0n1, by-id/nvme-M_S1_2 nvme0n2, \
             by-id/nvme-eui.01 nvme0n1, by-id/nvme-eui.02 nvme0n2",
            ["by-id/nvme-M_S1_1", "by-id/nvme-M_S1_2"],
        ),
        (
            "bridges that invent a number, one link for both",
            [("sdb", "\"CA\"", "\"0x5\""), ("sdc", "\"CA\"", "\"0x5\"")],
            "by-id/usb-M_CA-0:0 sdc, by-id/wwn-0x5 sdc, by-path/pci-1 sdb, by-path/pci-2 sdc",
            ["by-path/pci-1", "by-path/pci-2"],
        ),
        (
            "units of one bridge",
            [("sdb", "\"CA\"", "null"), ("sdc", "\"CA\"", "null")],
            "by-id/usb-M_CA-0:0 sdb, by-id/usb-M_CA-0:1 sdc",
            ["by-id/usb-M_CA-0:0", "by-id/usb-M_CA-0:1"],
        ),
        (
            "two drives of different numbers",
            [("sdb", "\"S1\"", "\"0x1\""), ("sdc", "\"S2\"", "\"0x2\"")],
            "by-id/ata-M_S1 sdb, by-id/ata-M_S2 sdc, by-id/wwn-0x1 sdb, by-id/wwn-0x2 sdc",
            ["by-id/ata-M_S1", "by-id/ata-M_S2"],
        ),
    ] {
        let devices: Vec<String> = disks
            .iter()
            .map(|(name, serial, wwn)| blank(name, serial, wwn))
            .collect();
        let lsblk = format!(r#"{{"blockdevices": [{}]}}"#, devices.join(","));
        let links: String = links
            .split(", ")
            .map(|link| {
                let (link, name) = link.split_once(' ').unwrap();
                format!("/dev/disk/{link}\t../../{name}\n")
            })
            .collect();
        let host = Scripted::default()
            .answers(&disk::lsblk().to_string(), Output::success(lsblk))
            .answers(&disk::links().to_string(), Output::success(links))
            .has_file("/proc/swaps", "Filename\n");
        let devices = disk::devices(&host).unwrap();
        let found: Vec<&str> = devices
            .found()
            .whole_disks()
            .map(|disk| disk.stable_path())
            .collect();
        let wanted = wanted.map(|path| format!("/dev/disk/{path}"));
        assert_eq!(found, wanted, "{name}");
    }
}

#[test]
fn what_keeps_nothing_or_is_somebodys_volume_is_no_disk_to_offer() {
    let device = |name: &str, kind: &str| {
        format!(
            r#"{{"name": "{name}", "kname": "{name}", "path": "/dev/{name}", "type": "{kind}", "size": 1048576,
                "mountpoints": []}}"#
        )
    };
    for (name, kind, offered) in [
        ("sda", "disk", true),
        ("nvme0n1", "disk", true),
        ("mmcblk0", "disk", true),
        ("vda", "disk", true),
        ("sdzram", "disk", true),
        ("zram0", "disk", false),
        ("ram3", "disk", false),
        ("fd0", "disk", false),
        ("loop0", "loop", false),
        ("loop1", "disk", false),
        ("sr0", "rom", false),
        ("zd16", "disk", false),
        ("nbd0", "disk", false),
        ("rbd12", "disk", false),
        ("mmcblk0boot0", "disk", false),
        ("mtdblock0", "disk", false),
    ] {
        let tree = format!("{{\"blockdevices\": [{}]}}", device(name, kind));
        let host = machine()
            .answers(&disk::lsblk().to_string(), Output::success(tree))
            .answers(&disk::links().to_string(), Output::success(""))
            .answers_all("wipefs -J", Output::success(""));
        let found = inventory(&host, &ImportedPools::default()).unwrap();
        let free = found.whole_disks().any(disk::Disk::is_blank);
        assert_eq!(free, offered, "{name}");
    }
}
