//! Asking a host: smartctl, then nvme-cli, then the kernel.

use std::sync::Mutex;
use std::time::Duration;

use camino::Utf8Path;
use phoenix_host::command::{Command, Output, Program};
use phoenix_host::lock::HeldLock;
use phoenix_host::{Change, Host, HostError};
use phoenix_nvme::drive::Source;
use phoenix_nvme::history::History;
use phoenix_nvme::{Drive, survey};
use phoenix_sim::SimHost;

use crate::support::{CannedHost, fixture, report};

const NAME: &str = "nvme1n1";

/// The lab's host as recorded, with those tools that `tools` names.
fn host(tools: &[&str]) -> CannedHost {
    let mut host = CannedHost::default();
    for line in fixture("lab/sysfs.tsv").lines() {
        let (path, contents) = line.split_once('\t').unwrap();
        host = host.file(path, contents);
    }
    if tools.contains(&"smartctl") {
        host = host.answer(
            "smartctl -j -i -c -H -A -l error -l selftest /dev/nvme1n1",
            0,
            &fixture("lab/smartctl-nvme1n1.json"),
        );
    }
    if tools.contains(&"nvme") {
        for (what, file) in [
            ("smart-log", "nvme-smart-log"),
            ("id-ctrl", "nvme-id-ctrl"),
            ("id-ns", "nvme-id-ns"),
        ] {
            let command = format!("nvme {what} -o json /dev/nvme1n1");
            host = host.answer(&command, 0, &fixture(&format!("lab/{file}.json")));
        }
    }
    host
}

fn look(host: &CannedHost) -> Drive {
    survey(host, &[NAME.to_owned()]).remove(0)
}

/// What every reader must agree on, as one line.
fn facts(drive: &Drive) -> String {
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        drive.model,
        drive.serial,
        drive.firmware,
        drive.capacity_bytes,
        drive.logical_block_bytes,
        drive.supports_trim,
        drive.controller_state,
    )
}

#[test]
fn every_reader_tells_the_same_identity() {
    let expected = concat!(
        r#"Some("QEMU NVMe Ctrl") Some("PHX4TC03") Some("10.0.2") "#,
        r#"Some(4398046511104) Some(512) Some(true) Some("live")"#
    );
    let cases: [(&[&str], Source); 4] = [
        (&["smartctl", "nvme"], Source::Smartctl),
        (&["smartctl"], Source::Smartctl),
        (&["nvme"], Source::NvmeCli),
        (&[], Source::Sysfs),
    ];
    for (tools, source) in cases {
        let drive = look(&host(tools));
        assert_eq!(drive.source, source, "{tools:?}");
        assert_eq!(facts(&drive), expected, "{tools:?}");
    }
}

#[test]
fn both_tools_tell_the_same_health() {
    let by_smartctl = look(&host(&["smartctl"])).health.unwrap();
    let by_nvme_cli = look(&host(&["nvme"])).health.unwrap();
    assert_eq!(by_smartctl.temperature_celsius, Some(50));
    // Two readings a moment apart: only the reads in between differ.
    let without_reads = |mut health: phoenix_nvme::Health| {
        health.read_bytes = None;
        // smartctl leaves it out while it is zero.
        health.throttled_seconds = None;
        health
    };
    assert_eq!(without_reads(by_smartctl), without_reads(by_nvme_cli));
}

#[test]
fn health_alone_takes_one_question_and_more_only_for_a_drive_that_complains_of_heat() {
    let health = |host: &CannedHost| survey::health(host, &[NAME.to_owned()]).remove(0);
    // Neither smartctl nor the drive's details are there to be asked.
    let quick = health(&host(&["nvme"]));
    assert_eq!(quick.source, Source::NvmeCli);
    assert_eq!(quick.health, look(&host(&["nvme"])).health);
    assert_eq!(quick.firmware.as_deref(), Some("10.0.2"));
    assert_eq!(quick.critical_celsius, None);
    assert_eq!(health(&host(&["smartctl"])).source, Source::Smartctl);

    let cool = fixture("lab/nvme-smart-log.json");
    let hot = cool.replace("\"critical_warning\":0", "\"critical_warning\":2");
    assert_ne!(hot, cool);
    let hot = host(&["nvme"]).answer("nvme smart-log -o json /dev/nvme1n1", 0, &hot);
    assert_eq!(health(&hot).critical_celsius, Some(100));
}

#[test]
fn nvme_cli_adds_limits_and_formats() {
    let drive = look(&host(&["smartctl", "nvme"]));
    assert_eq!(
        (drive.warning_celsius, drive.critical_celsius),
        (Some(70), Some(100))
    );
    assert_eq!(drive.lba_formats.len(), 8);
    assert_eq!(drive.gaps, Vec::<String>::new());
}

#[test]
fn a_host_without_tools_says_what_is_missing() {
    let drive = look(&host(&[]));
    assert_eq!(
        drive.gaps,
        [
            "smartctl is not installed on this host",
            "nvme is not installed on this host"
        ]
    );
}

#[test]
fn a_drive_that_fails_leaves_the_others_alone() {
    let mut host = host(&["smartctl"])
        .answer(
            "smartctl -j -i -c -H -A -l error -l selftest /dev/nvme9n1",
            2,
            &fixture("lab/smartctl-missing.json"),
        )
        .answer(
            "nvme smart-log -o json /dev/nvme9n1",
            1,
            &fixture("lab/nvme-smart-log-missing.json"),
        )
        .answer(
            "smartctl -j -i -c -H -A -l error -l selftest /dev/vda",
            1,
            &fixture("lab/smartctl-vda.json"),
        );
    let silent = Output::failure(1, "Permission denied\n");
    host.answers.insert(
        "smartctl -j -i -c -H -A -l error -l selftest /dev/sda".to_owned(),
        silent,
    );
    let names = ["nvme9n1", "nvme1n1", "vda", "sda"].map(str::to_owned);
    let drives = survey(&host, &names);
    let gaps: Vec<String> = drives
        .iter()
        .map(|drive| format!("{}: {}", drive.name, drive.gaps.join("; ")))
        .collect();
    insta::assert_snapshot!(gaps.join("\n"), @r"
    nvme9n1: smartctl: Smartctl open device: /dev/nvme9n1 failed: No such device; nvme: /dev/nope: No such file or directory
    nvme1n1: 
    vda: smartctl: /dev/vda: Unable to detect device type
    sda: smartctl -j -i -c -H -A -l error -l selftest /dev/sda: Permission denied
    ");
}

#[test]
fn a_controller_of_another_drive_is_not_believed() {
    // Under native multipath nvme1 need not be the controller of nvme1n1.
    let host = host(&["smartctl"])
        .file("/sys/class/nvme/nvme1/serial", "ANOTHER\n")
        .file("/sys/class/nvme/nvme1/state", "dead\n");
    assert_eq!(look(&host).controller_state, None);
}

#[test]
fn a_whole_host_is_surveyed_drives_and_pools() {
    let disk = |serial: &str| format!("/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_{serial}");
    let create = |pool: &str, layout: &[String]| {
        let properties = ["-o", "ashift=12", "-o", "autotrim=on", pool].map(str::to_owned);
        let args = ["create".to_owned()].into_iter().chain(properties);
        Command::write(Program::Zpool, args.chain(layout.iter().cloned()))
    };
    let mirror = [
        "mirror".to_owned(),
        disk("2TB_SIM2TA0001"),
        disk("2TB_SIM2TB0002"),
    ];
    let host = SimHost::fresh();
    for command in [
        create("quickOS", &mirror),
        create("fastData", &[disk("4TB_SIM4TC0003")]),
    ] {
        host.run(&command).unwrap().check(&command).unwrap();
    }

    let survey = survey::whole_host(&host).unwrap();
    assert_eq!(survey.gaps, Vec::<String>::new());
    let report = report(survey.drives, survey.pools, &History::default());
    let mut lines = Vec::new();
    for drive in &report.drives {
        let place = &drive.serves[0];
        let consequence = place.loss.sentence(&place.pool);
        let name = &drive.drive.name;
        lines.push(format!(
            "{name} {} {}: {consequence} ({})",
            place.pool, place.vdev, drive.status
        ));
    }
    for pool in &report.pools {
        lines.push(format!(
            "{} {} {} {:?}",
            pool.name, pool.health, pool.status, pool.findings
        ));
    }
    insta::assert_snapshot!(lines.join("\n"), @r"
    nvme0n1 quickOS mirror-0: quickOS goes on without redundancy (ok)
    nvme1n1 quickOS mirror-0: quickOS goes on without redundancy (ok)
    nvme2n1 fastData nvme2n1: fastData is lost (ok)
    fastData ONLINE ok []
    quickOS ONLINE ok []
    ");
}

/// A host on which every program hangs until its time is over.
#[derive(Default)]
struct Hanging {
    asked: Mutex<Vec<Command>>,
    alive: Option<&'static str>,
}

impl Host for Hanging {
    fn run(&self, command: &Command) -> Result<Output, HostError> {
        if self
            .alive
            .is_some_and(|part| command.to_string().contains(part))
        {
            return Ok(Output::success(KERNEL));
        }
        self.asked.lock().unwrap().push(command.clone());
        Err(HostError::TimedOut {
            command: command.to_string(),
            seconds: command.timeout_seconds,
        })
    }

    fn read_file(&self, _: &Utf8Path) -> Result<Option<String>, HostError> {
        Ok(None)
    }

    fn change(&self, _: &Change) -> Result<(), HostError> {
        unreachable!("reading changes nothing")
    }

    fn lock(&self, _: &Utf8Path, _: Duration) -> Result<HeldLock, HostError> {
        unreachable!("reading locks nothing")
    }
}

const KERNEL: &str = "loop0\t../devices/virtual/block/loop0
nvme0c0n1\t../devices/pci0000:00/0000:00:1d.0/0000:03:00.0/nvme/nvme0/nvme0c0n1
nvme10n1\t../devices/pci0000:00/0000:00:1d.1/0000:04:00.0/nvme/nvme10/nvme10n1
nvme2n1\t../devices/pci0000:00/0000:00:1d.2/0000:05:00.0/nvme/nvme2/nvme2n1
sda\t../devices/pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block/sda
hwmon3\t../../devices/pci0000:00/0000:00:1d.1/0000:04:00.0/nvme/nvme10/hwmon3
";

#[test]
fn a_host_on_which_everything_hangs_is_given_up_within_fifteen_seconds() {
    let host = Hanging {
        alive: Some("/sys/block"),
        ..Hanging::default()
    };
    let survey = survey::whole_host(&host).unwrap();
    let names: Vec<&str> = survey.drives.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["nvme2n1", "nvme10n1"]);
    assert!(!survey.gaps.is_empty());
    let asked = host.asked.into_inner().unwrap();
    // Questions of one drive come one after the other, and so do those of the pools.
    let first = survey::nvme_drives_of_kernel(&Hanging::default()).unwrap_err();
    assert!(first.to_string().contains("2 s") || format!("{first:?}").contains("seconds: 2"));
    for drive in ["/dev/nvme2n1", "/dev/nvme10n1", "zpool", "fwupdmgr"] {
        let of_one = asked.iter().filter(|it| it.to_string().contains(drive));
        let seconds: u64 = of_one.map(|it| it.timeout_seconds).sum();
        assert!((1..=13).contains(&seconds), "{drive}: {seconds} s");
    }
    // What is on disks that are not in use is nobody's business here.
    assert!(
        !asked
            .iter()
            .any(|it| matches!(it.program, Program::Wipefs | Program::Lsblk))
    );
}

#[test]
fn the_kernel_tells_where_a_drive_is_and_what_its_sensors_may_be() {
    let sensor = |file: &str| format!("/sys/class/hwmon/hwmon3/{file}");
    let host = CannedHost::default()
        .answer(
            &phoenix_nvme::commands::kernel_devices().to_string(),
            0,
            KERNEL,
        )
        .file("/sys/block/nvme10n1/device/model", "X")
        .file("/sys/block/nvme10n1/wwid", "eui.0025385b11b2d6c4")
        .file("/sys/block/nvme2n1/wwid", "nvme.1987-30-58-00000001")
        .file("/sys/block/nvme10n1/nsid", "1")
        .file(&sensor("temp1_input"), "45850")
        .file(&sensor("temp1_label"), "Composite")
        .file(&sensor("temp1_max"), "81850")
        .file(&sensor("temp1_crit"), "84850")
        .file(&sensor("temp2_input"), "91850")
        .file(&sensor("temp2_label"), "Sensor 1")
        // Nobody has set this one.
        .file(&sensor("temp2_max"), "65261850");
    let survey = survey::whole_host(&host).unwrap();
    let [other, drive] = &survey.drives[..] else {
        panic!("{survey:?}")
    };
    assert_eq!(drive.place.as_deref(), Some("0000:04:00.0"));
    assert_eq!(drive.eui.as_deref(), Some("eui.0025385b11b2d6c4"));
    assert_eq!(drive.namespace, Some(1));
    assert_eq!(
        (drive.warning_celsius, drive.critical_celsius),
        (Some(81), Some(84))
    );
    let sensors: Vec<String> = drive
        .sensors
        .iter()
        .map(|it| format!("{} {} {:?}", it.name, it.celsius, it.warning_celsius))
        .collect();
    assert_eq!(sensors, ["Composite 45 Some(81)", "Sensor 1 91 None"]);
    // The kernel makes a number up where a drive has none.
    assert_eq!((&other.eui, &other.sensors[..]), (&None, &[][..]));
}
