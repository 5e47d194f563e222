//! The report as text, JSON, metrics, plugin line and picture.

use jiff::SignedDuration;
use phoenix_nvme::history::{Entry, History, Sample};
use phoenix_nvme::pool::{Member, PoolFacts, VdevFacts};
use phoenix_nvme::{Drive, Policy, Report, render, smartctl};
use phoenix_zfs::vdev::VdevClass;

use crate::support::{capture, fixture, now, report};

fn vdev(class: VdevClass, kind: &str, name: &str, disks: &[&str]) -> VdevFacts {
    let member = |disk: &&str| Member {
        disk: (*disk).to_owned(),
        state: "ONLINE".to_owned(),
        trim: None,
    };
    VdevFacts {
        class,
        kind: kind.to_owned(),
        name: name.to_owned(),
        members: disks.iter().map(member).collect(),
    }
}

fn pools() -> Vec<PoolFacts> {
    let pool = |name: &str, vdevs| PoolFacts {
        name: name.to_owned(),
        health: "ONLINE".to_owned(),
        autotrim: Some(true),
        ashift: Some(12),
        trimmed: None,
        vdevs,
    };
    vec![
        pool(
            "quickOS",
            vec![vdev(
                VdevClass::Data,
                "mirror",
                "mirror-0",
                &["nvme0n1", "nvme1n1"],
            )],
        ),
        pool(
            "fastData",
            vec![vdev(VdevClass::Data, "disk", "nvme2n1", &["nvme2n1"])],
        ),
    ]
}

fn qemu() -> Drive {
    smartctl::parse("nvme3n1", &fixture("lab/smartctl-nvme1n1.json")).unwrap()
}

/// A year of weekly samples of the drive in `nvme2n1`, ending at its capture.
fn history() -> History {
    let mut history = History::default();
    for week in 0..52_u64 {
        let back = 52 - week;
        history.push(Entry::Sample(Sample {
            time: now() - SignedDuration::from_hours(24 * 7 * back as i64),
            serial: "CAPTURE05".to_owned(),
            percentage_used: 73 - back / 2,
            written_bytes: Some(5_165_815_292 * 512_000 - back * 700_000_000_000),
            available_spare_percent: Some(99),
            media_errors: Some(0),
            unsafe_shutdowns: Some(7),
            power_on_hours: Some(8843 - back * 168),
            temperature_celsius: Some(36),
            ..Sample::default()
        }));
    }
    history
}

fn everything() -> Report {
    let drives = vec![
        capture("nvme0n1", "worn-out-mirror-a"),
        capture("nvme1n1", "healthy-970-evo-plus"),
        capture("nvme2n1", "worn-p4510-73"),
        qemu(),
    ];
    report(drives, pools(), &history())
}

#[test]
fn the_table_shows_drives_by_pool_and_explains_each_finding() {
    insta::assert_snapshot!(render::table::render(&everything(), false));
}

#[test]
fn colour_changes_no_word() {
    let plain = render::table::render(&everything(), false);
    let mut coloured = render::table::render(&everything(), true);
    assert_ne!(plain, coloured);
    for escape in [
        "\u{1b}[31m",
        "\u{1b}[32m",
        "\u{1b}[33m",
        "\u{1b}[36m",
        "\u{1b}[0m",
    ] {
        coloured = coloured.replace(escape, "");
    }
    assert_eq!(plain, coloured);
}

#[test]
fn a_host_without_drives_is_unknown() {
    let report = report(vec![], vec![], &History::default());
    insta::assert_snapshot!(render::nagios::render(&report, &Policy::default()), @"NVME UNKNOWN - no NVMe drives found");
    assert_eq!(report.status.exit_code(), 3);
}

#[test]
fn the_plugin_line_says_the_worst_first() {
    let report = everything();
    assert_eq!(report.status.exit_code(), 2);
    insta::assert_snapshot!(render::nagios::render(&report, &Policy::default()));
}

#[test]
fn a_healthy_host_is_one_short_line() {
    let report = report(
        vec![capture("nvme1n1", "healthy-970-evo-plus")],
        vec![],
        &History::default(),
    );
    insta::assert_snapshot!(render::nagios::render(&report, &Policy::default()), @"NVME OK - 1 drive healthy | nvme1n1_wear=0%;80;90;0 nvme1n1_spare=100% nvme1n1_celsius=35");
}

#[test]
fn the_metrics_are_complete() {
    insta::assert_snapshot!(render::prometheus::render(&everything()));
}

#[test]
fn a_label_cannot_break_out_of_its_quotes() {
    let mut drive = capture("nvme0n1", "healthy-970-evo-plus");
    drive.serial = Some("a\"b\\c\nd".to_owned());
    let metrics = render::prometheus::render(&report(vec![drive], vec![], &History::default()));
    assert!(
        metrics.contains(r#"phoenix_nvme_wear_ratio{drive="a\"b\\c\nd"} 0"#),
        "{metrics}"
    );
}

#[test]
fn the_json_matches_its_schema() {
    let schema = phoenix_nvme::report::schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let report: serde_json::Value = serde_json::from_str(&render::json(&everything())).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&report)
        .map(|error| error.to_string())
        .collect();
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(report["format"], 1);
    assert_eq!(report["status"], "critical");
    assert_eq!(report["drives"][0]["health"]["percentage_used"], 130);
    assert_eq!(
        report["drives"][2]["trend"]["exhaustion"]["basis"],
        "history"
    );
}

#[test]
fn the_picture_is_well_formed_and_stays_inside_its_frame() {
    let report = everything();
    let svg = render::svg::render(&report, &history());
    assert_eq!(svg.matches('<').count(), svg.matches('>').count());
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    // Three drives; one has a forecast, one is worn out, one is too young for any.
    assert_eq!(svg.matches("<polyline").count(), 4);
    for points in svg.split("points=\"").skip(1) {
        for point in points.split('"').next().unwrap().split(' ') {
            let (x, y) = point.split_once(',').unwrap();
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            assert!(
                (56.0..=640.0).contains(&x) && (24.0..=320.0).contains(&y),
                "{point}"
            );
        }
    }
}

/// So many drives with a year of history each; every second one is the twin of the one before it.
fn many(count: u64) -> (Report, History) {
    let mut all = History::default();
    let mut drives = Vec::new();
    for number in 0..count {
        let mut drive = capture(&format!("nvme{number}n1"), "worn-p4510-73");
        let serial = format!("S{number}");
        drive.serial = Some(serial.clone());
        let used = 5 + number / 2 * 9;
        let written = used * 12_000_000_000_000;
        if let Some(health) = &mut drive.health {
            health.percentage_used = Some(used);
            health.written_bytes = Some(written);
        }
        drives.push(drive);
        for week in 1..52 {
            all.push(Entry::Sample(Sample {
                time: now() - SignedDuration::from_hours(24 * 7 * week),
                serial: serial.clone(),
                percentage_used: used * (52 - week as u64) / 52,
                written_bytes: Some(written / 52 * (52 - week as u64)),
                ..Sample::default()
            }));
        }
    }
    (report(drives, vec![], &all), all)
}

/// The number behind `key="` in a line of a picture.
fn attribute(line: &str, key: &str) -> f64 {
    let (_, rest) = line.split_once(&format!("{key}=\"")).unwrap();
    rest.split('"').next().unwrap().parse().unwrap()
}

#[test]
fn pictures_of_one_three_and_twelve_drives_can_be_read() {
    for count in [1, 3, 12] {
        let (report, history) = many(count);
        let svg = render::svg::render(&report, &history);
        let height = attribute(&svg, "height");
        // The words of the legend stand below each other, inside of the picture.
        let words: Vec<&str> = svg
            .lines()
            .filter(|line| line.starts_with("<text"))
            .collect();
        let legend = words.iter().filter(|line| attribute(line, "x") > 640.0);
        let mut rows: Vec<f64> = legend.map(|line| attribute(line, "y")).collect();
        rows.retain(|y| *y < height - 44.0);
        assert_eq!(rows.len() as u64, 2 * count);
        rows.sort_by(f64::total_cmp);
        for pair in rows.windows(2) {
            assert!(pair[1] - pair[0] >= 13.0, "{count} drives: {pair:?}");
        }
        // Wear never falls, and so no cone does.
        let mut cones = 0;
        for line in svg.lines().filter(|line| line.starts_with("<polygon")) {
            let (_, points) = line.split_once("points=\"").unwrap();
            let points = points.split('"').next().unwrap().split(' ');
            let heights: Vec<f64> = points
                .map(|it| it.split_once(',').unwrap().1.parse().unwrap())
                .collect();
            assert!(heights.iter().all(|y| *y <= heights[0] + 0.05), "{line}");
            cones += 1;
        }
        assert_eq!(cones, count);
        // Twins lie on each other, the one behind is wider than the one before it.
        let widths = svg
            .lines()
            .filter(|line| line.starts_with("<polyline") && line.contains("stroke-width"));
        let widths: Vec<f64> = widths.map(|line| attribute(line, "stroke-width")).collect();
        for twins in widths.chunks(2).filter(|it| it.len() == 2) {
            assert!(twins[0] > twins[1], "{widths:?}");
        }
    }
    let (report, history) = many(1);
    let svg = render::svg::render(&report, &history);
    // A drive at 5 % is no line at the bottom: the axis ends where the data does.
    assert!(!svg.contains("75 %"), "{svg}");
}

#[test]
fn same_facts_same_bytes_whatever_the_order_of_the_drives() {
    let mut drives: Vec<Drive> = everything()
        .drives
        .into_iter()
        .map(|report| report.drive)
        .collect();
    drives.reverse();
    let again = report(drives, pools(), &history());
    assert_eq!(render::json(&again), render::json(&everything()));
}

#[test]
fn words_of_others_cannot_break_the_plugin_line() {
    let drive = Drive {
        name: "nvme0n1".to_owned(),
        gaps: vec!["a | b\nc".to_owned()],
        ..Drive::default()
    };
    let line = render::nagios::render(
        &report(vec![drive], vec![], &History::default()),
        &Policy::default(),
    );
    insta::assert_snapshot!(line, @"NVME UNKNOWN - nvme0n1: its health could not be read: a / b c");
}

#[test]
fn the_committed_schema_is_current() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../schema/nvme.v1.schema.json"
    );
    let committed: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(
        committed,
        phoenix_nvme::report::schema(),
        "run `cargo xtask schema`"
    );
}
