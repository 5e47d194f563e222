//! Drives with one serial number stay as many drives as they are: in history, metrics and verdict.

use camino::Utf8Path;
use phoenix_nvme::history::{History, load, record};
use phoenix_nvme::{Drive, identity, render};

use crate::support::{CannedHost, capture, now, report};

const FILE: &str = "/var/lib/phoenix/nvme/history.jsonl";

fn drive(name: &str, namespace: u64, eui: Option<&str>, place: &str) -> Drive {
    let mut drive = capture(name, "healthy-970-evo-plus");
    drive.serial = Some("0000".to_owned());
    drive.namespace = Some(namespace);
    drive.eui = eui.map(str::to_owned);
    drive.place = Some(place.to_owned());
    drive
}

#[test]
fn namesakes_are_told_apart_by_namespace_number_and_place() {
    let eui = Some("eui.1");
    let cases = [
        // Two namespaces of one drive.
        (
            drive("nvme0n1", 1, None, "01"),
            drive("nvme0n2", 2, None, "01"),
            ["0000/n1", "0000/n2"],
        ),
        (
            drive("nvme0n1", 1, eui, "01"),
            drive("nvme1n1", 1, Some("eui.2"), "02"),
            ["0000/n1/eui.1", "0000/n1/eui.2"],
        ),
        // A maker that gives nothing its own number.
        (
            drive("nvme0n1", 1, eui, "01"),
            drive("nvme1n1", 1, eui, "02"),
            ["0000/n1/01", "0000/n1/02"],
        ),
        (
            drive("nvme0n1", 1, None, "01"),
            drive("nvme1n1", 1, None, "02"),
            ["0000/n1/01", "0000/n1/02"],
        ),
    ];
    for (first, second, expected) in cases {
        let mut drives = [first, second];
        identity::assign(&mut drives, &History::default());
        let names: Vec<&str> = drives.iter().filter_map(Drive::key).collect();
        assert_eq!(names, expected);

        let host = CannedHost::default();
        let path = Utf8Path::new(FILE);
        record(&host, path, &drives, now()).unwrap();
        let history = load(&host, path).unwrap();
        // Each has its sample, and keeps its name when the other one is away.
        for (drive, name) in drives.iter().zip(expected) {
            assert_eq!(history.of(name).samples.len(), 1, "{name}");
            let mut alone = [drive.clone()];
            identity::assign(&mut alone, &history);
            assert_eq!(alone[0].key(), Some(name));
        }
        let metrics = render::prometheus::render(&report(drives.to_vec(), vec![], &history));
        for name in expected {
            let line = format!("phoenix_nvme_wear_ratio{{drive=\"{name}\"}} 0\n");
            assert_eq!(metrics.matches(&line).count(), 1, "{metrics}");
        }
    }
}

#[test]
fn a_drive_without_a_namesake_is_called_by_its_serial_number() {
    let mut drives = [drive("nvme0n1", 1, Some("eui.1"), "01")];
    identity::assign(&mut drives, &History::default());
    assert_eq!(drives[0].key(), Some("0000"));
}
