//! Drives as members of pools.

use phoenix_nvme::drive::LbaFormat;
use phoenix_nvme::history::History;
use phoenix_nvme::pool::{Member, PoolFacts, VdevFacts};
use phoenix_nvme::trim::Trim;
use phoenix_nvme::{Code, Drive, Health, Report, Status};
use phoenix_zfs::vdev::VdevClass;

use crate::support::{capture, report};

fn drive(name: &str, used: u64) -> Drive {
    let health = Health {
        percentage_used: Some(used),
        available_spare_percent: Some(100),
        available_spare_threshold_percent: Some(10),
        ..Health::default()
    };
    Drive {
        name: name.to_owned(),
        model: Some("Model".to_owned()),
        firmware: Some("1".to_owned()),
        logical_block_bytes: Some(512),
        supports_trim: Some(true),
        health: Some(health),
        ..Drive::default()
    }
}

fn pool(kind: &str, disks: &[(&str, &str)]) -> PoolFacts {
    let member = |(disk, state): &(&str, &str)| Member {
        disk: (*disk).to_owned(),
        state: (*state).to_owned(),
        trim: Some(Trim::Never),
    };
    let vdev = VdevFacts {
        class: VdevClass::Data,
        kind: kind.to_owned(),
        name: format!("{kind}-0"),
        members: disks.iter().map(member).collect(),
    };
    PoolFacts {
        name: "quickOS".to_owned(),
        health: "ONLINE".to_owned(),
        autotrim: Some(true),
        ashift: Some(12),
        trimmed: None,
        vdevs: vec![vdev],
    }
}

fn findings(report: &Report) -> Vec<(Status, Code)> {
    report.pools[0]
        .findings
        .iter()
        .map(|finding| (finding.status, finding.code))
        .collect()
}

fn judged(drives: Vec<Drive>, pool: PoolFacts) -> Vec<(Status, Code)> {
    findings(&report(drives, vec![pool], &History::default()))
}

#[test]
fn halves_of_a_mirror_that_age_in_step_are_told() {
    const STEP: (Status, Code) = (Status::Warning, Code::WornTogether);
    const GONE: (Status, Code) = (Status::Critical, Code::WornTogether);
    type Wear<'a> = &'a [u64];
    type Found<'a> = &'a [(Status, Code)];
    let cases: [(&str, Wear<'_>, Found<'_>); 9] = [
        ("mirror", &[3, 3], &[]),
        ("mirror", &[49, 52], &[]),
        ("mirror", &[52, 55], &[STEP]),
        ("mirror", &[55, 79], &[]),
        ("mirror", &[130, 104], &[GONE]),
        // Two of three are worn: the third still protects.
        ("mirror", &[95, 93, 20], &[]),
        ("raidz1", &[60, 62, 20], &[STEP]),
        ("raidz2", &[60, 62, 20], &[]),
        ("disk", &[130], &[]),
    ];
    for (kind, wear, expected) in cases {
        let names: Vec<String> = (0..wear.len())
            .map(|index| format!("nvme{index}n1"))
            .collect();
        let drives = names
            .iter()
            .zip(wear)
            .map(|(name, used)| drive(name, *used))
            .collect();
        let disks: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "ONLINE")).collect();
        assert_eq!(
            judged(drives, pool(kind, &disks)),
            expected,
            "{kind} {wear:?}"
        );
    }
}

#[test]
fn the_two_drives_that_died_unseen_are_seen() {
    let drives = vec![
        capture("nvme0n1", "worn-out-mirror-a"),
        capture("nvme1n1", "worn-out-mirror-b"),
    ];
    let disks = [("nvme0n1", "ONLINE"), ("nvme1n1", "ONLINE")];
    let report = report(drives, vec![pool("mirror", &disks)], &History::default());
    assert_eq!(report.status, Status::Critical);
    insta::assert_snapshot!(report.pools[0].findings[0].message, @"mirror-0 of quickOS has worn out as a whole (nvme0n1 130 %, nvme1n1 104 %): its redundancy protects nothing");
}

#[test]
fn a_pulled_drive_is_critical_though_it_answers_nothing() {
    let pool = PoolFacts {
        health: "DEGRADED".to_owned(),
        ..pool("mirror", &[("nvme0n1", "ONLINE"), ("1234567", "REMOVED")])
    };
    let report = report(vec![drive("nvme0n1", 3)], vec![pool], &History::default());
    assert_eq!(
        findings(&report),
        [
            (Status::Critical, Code::MemberFailed),
            (Status::Critical, Code::PoolHealth)
        ]
    );
    assert_eq!(report.status, Status::Critical);
    // The drive itself is fine, but everything now hangs on it.
    assert_eq!(report.drives[0].status, Status::Ok);
    assert_eq!(
        report.drives[0].serves[0].loss.sentence("quickOS"),
        "quickOS is lost"
    );
}

#[test]
fn mirror_halves_with_different_firmware_are_told() {
    let mut other = drive("nvme1n1", 3);
    other.firmware = Some("2".to_owned());
    let both = pool("mirror", &[("nvme0n1", "ONLINE"), ("nvme1n1", "ONLINE")]);
    let found = judged(vec![drive("nvme0n1", 3), other.clone()], both.clone());
    assert_eq!(found, [(Status::Warning, Code::FirmwareMismatch)]);
    other.model = Some("Another model".to_owned());
    assert_eq!(judged(vec![drive("nvme0n1", 3), other], both), []);
}

#[test]
fn trim_and_block_sizes_are_checked_against_the_pool() {
    let single = || pool("disk", &[("nvme0n1", "ONLINE")]);
    let healthy = || drive("nvme0n1", 3);
    let format = |data_bytes, relative_performance| LbaFormat {
        data_bytes,
        metadata_bytes: 0,
        relative_performance,
    };
    let cases = [
        (healthy(), single(), None),
        (
            healthy(),
            PoolFacts {
                autotrim: Some(false),
                ..single()
            },
            Some((Status::Warning, Code::AutotrimOff)),
        ),
        // Unknown is not off.
        (
            healthy(),
            PoolFacts {
                autotrim: None,
                ..single()
            },
            None,
        ),
        (
            Drive {
                supports_trim: Some(false),
                ..healthy()
            },
            single(),
            Some((Status::Ok, Code::TrimUnsupported)),
        ),
        (
            Drive {
                supports_trim: Some(false),
                ..healthy()
            },
            PoolFacts {
                autotrim: Some(false),
                ..single()
            },
            None,
        ),
        (
            healthy(),
            PoolFacts {
                ashift: Some(9),
                ..single()
            },
            Some((Status::Warning, Code::BlockSize)),
        ),
        (
            Drive {
                logical_block_bytes: Some(4096),
                ..healthy()
            },
            single(),
            None,
        ),
        (
            Drive {
                lba_formats: vec![format(512, 2), format(4096, 1)],
                ..healthy()
            },
            single(),
            Some((Status::Ok, Code::BlockSize)),
        ),
        // Equal ranks, as on QEMU, and formats that the pool could not use, are no reason.
        (
            Drive {
                lba_formats: vec![format(512, 0), format(4096, 0)],
                ..healthy()
            },
            single(),
            None,
        ),
        (
            Drive {
                lba_formats: vec![format(512, 2), format(8192, 0)],
                ..healthy()
            },
            single(),
            None,
        ),
    ];
    for (index, (drive, pool, expected)) in cases.into_iter().enumerate() {
        assert_eq!(
            judged(vec![drive], pool),
            Vec::from_iter(expected),
            "case {index}"
        );
    }
}

#[test]
fn a_failing_or_bad_drive_is_unfit_for_a_new_pool() {
    let mut bad = drive("nvme1n1", 3);
    bad.model = Some("Samsung SSD 980 PRO 2TB".to_owned());
    bad.firmware = Some("3B2QGXA7".to_owned());
    let drives = vec![drive("nvme0n1", 85), bad, drive("nvme2n1", 91)];
    let report = report(drives, vec![], &History::default());
    let unfit: Vec<Option<Code>> = report
        .drives
        .iter()
        .map(|drive| drive.unfit().map(|f| f.code))
        .collect();
    assert_eq!(
        unfit,
        [None, Some(Code::FirmwareKnownBad), Some(Code::WearHigh)]
    );
}
