//! Values of real drives are judged right: healthy, worn, failing, half-supported, virtual.

use phoenix_nvme::history::History;
use phoenix_nvme::{Code, Drive, Status, smartctl};

use crate::support::{capture, fixture, report};

/// Status and codes of one drive on its own.
fn verdict(drive: Drive) -> (Status, Vec<Code>) {
    let report = report(vec![drive], vec![], &History::default());
    let drive = &report.drives[0];
    (
        drive.status,
        drive.findings.iter().map(|finding| finding.code).collect(),
    )
}

#[test]
fn real_drives_are_judged_right() {
    use Code::*;
    use Status::*;
    let cases: [(&str, Status, &[Code]); 14] = [
        ("healthy-970-evo-plus", Ok, &[]),
        ("healthy-p4510", Ok, &[]),
        // Spare threshold 0: a fixed limit would alarm for ever.
        ("healthy-optane", Ok, &[]),
        // 8,382 entries in the error log of a healthy drive.
        ("healthy-mp510-many-log-entries", Ok, &[]),
        ("worn-micron-69", Ok, &[]),
        // 75 % in 49,441 hours: years are left at that pace.
        ("worn-p4500-75", Ok, &[]),
        // 73 % in 8,843 hours: months are left.
        ("worn-p4510-73", Warning, &[WearForecast]),
        ("media-errors-970-evo", Warning, &[MediaErrors]),
        ("media-errors-three-old", Warning, &[MediaErrors]),
        ("failing-backup-pm1725a", Critical, &[BackupFailed]),
        (
            "failing-unreliable-pm9a1",
            Critical,
            &[Unreliable, WearExhausted],
        ),
        ("worn-out-mirror-a", Critical, &[WearExhausted]),
        ("worn-out-mirror-b", Critical, &[WearExhausted]),
        ("partial-info-only-kcd6", Unknown, &[Unreadable]),
    ];
    for (name, status, codes) in cases {
        assert_eq!(
            verdict(capture("nvme0n1", name)),
            (status, codes.to_vec()),
            "{name}"
        );
    }
}

/// All of these drives are healthy: the worst is at half of its endurance after six years.
#[test]
fn nothing_is_found_on_healthy_drives_of_many_makers() {
    let text = fixture("captures/public.jsonl");
    let mut count = 0;
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let drive = smartctl::parse("nvme0n1", &line["answer"].to_string()).unwrap();
        assert!(drive.health.is_some(), "{}", line["from"]);
        let (status, codes) = verdict(drive);
        assert_eq!(line["status"], status.word(), "{}: {codes:?}", line["from"]);
        assert_eq!(codes, [], "{}", line["from"]);
        count += 1;
    }
    assert_eq!(count, 48);
}

#[test]
fn virtual_and_missing_drives_are_unknown_and_a_read_only_one_still_fails() {
    use Code::*;
    use Status::*;
    let cases: [(&str, Status, &[Code]); 4] = [
        ("smartctl-nvme1n1", Unknown, &[NoWearData]),
        ("smartctl-vda", Unknown, &[Unreadable]),
        ("smartctl-missing", Unknown, &[Unreadable]),
        ("smartctl-read-only", Critical, &[ReadOnly, NoWearData]),
    ];
    for (name, status, codes) in cases {
        let drive = smartctl::parse("nvme0n1", &fixture(&format!("lab/{name}.json"))).unwrap();
        assert_eq!(verdict(drive), (status, codes.to_vec()), "{name}");
    }
}

#[test]
fn a_file_that_is_something_else_is_refused() {
    for text in [
        "",
        "[]",
        "{}",
        "smartctl 6.6 2017-11-05",
        "\u{fffd}",
        "{\"smartctl\"",
    ] {
        let error = smartctl::parse("x", text).unwrap_err();
        assert_eq!(
            error.to_string(),
            "this is not the JSON that smartctl 7.0 or later prints"
        );
    }
}

#[test]
fn later_smartctl_tells_limits_formats_and_long_counters() {
    let json = r#"{
        "smartctl": {"version": [7, 5], "exit_status": 4},
        "device": {"protocol": "NVMe"},
        "temperature": {"current": 41, "op_limit_max": 82, "critical_limit_max": 85},
        "nvme_optional_nvm_commands": {"dataset_management": true},
        "nvme_namespaces": [{"id": 1, "size": {"bytes": 2000398934016}, "formatted_lba_size": 512,
            "lba_formats": [
                {"formatted": true, "data_bytes": 512, "metadata_bytes": 0, "relative_performance": 2},
                {"data_bytes": 4096, "metadata_bytes": 0, "relative_performance": 1}]}],
        "nvme_smart_health_information_log": {"percentage_used": 1, "available_spare": 100,
            "temperature_sensors": [null, 43],
            "data_units_written": 9007199254740992, "data_units_written_s": "9007199254740993"}
    }"#;
    let drive = smartctl::parse("nvme0n1", json).unwrap();
    assert_eq!(
        (drive.warning_celsius, drive.critical_celsius),
        (Some(82), Some(85))
    );
    assert_eq!(drive.supports_trim, Some(true));
    assert_eq!(
        (drive.capacity_bytes, drive.logical_block_bytes),
        (Some(2_000_398_934_016), Some(512))
    );
    assert_eq!(drive.lba_formats.len(), 2);
    let written = drive.health.unwrap().written_bytes;
    assert_eq!(
        written,
        Some(9_007_199_254_740_993_u64.saturating_mul(512_000))
    );
}

#[test]
fn the_manual_lists_every_code_and_every_bad_firmware() {
    let root = env!("CARGO_MANIFEST_DIR");
    let manual = std::fs::read_to_string(format!("{root}/../../docs/nvme.md")).unwrap();
    let schema = phoenix_nvme::report::schema();
    let codes = schema
        .pointer("/$defs/Code/enum")
        .unwrap()
        .as_array()
        .unwrap();
    let mut missing: Vec<String> = codes
        .iter()
        .map(|code| format!("`{}`", code.as_str().unwrap()))
        .collect();
    for bad in phoenix_nvme::firmware::KNOWN_BAD {
        missing.extend(
            bad.revisions
                .iter()
                .chain(&bad.fixed_in)
                .map(|text| (*text).to_owned()),
        );
    }
    missing.retain(|words| !manual.contains(words));
    assert_eq!(missing, Vec::<String>::new());
}
