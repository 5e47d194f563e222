//! Diagnostics as people and programs see them.

use miette::{GraphicalReportHandler, GraphicalTheme, NarratableReportHandler};
use phoenix_config::report::{Report, to_json};
use phoenix_config::{Loaded, load};

fn graphical(loaded: &Loaded) -> String {
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor());
    let mut text = String::new();
    for diagnostic in &loaded.diagnostics {
        let report = Report::new(diagnostic, &loaded.source);
        handler
            .clone()
            .with_width(100)
            .render_report(&mut text, &report)
            .unwrap();
    }
    text
}

fn narrated(loaded: &Loaded) -> String {
    let mut text = String::new();
    for diagnostic in &loaded.diagnostics {
        let report = Report::new(diagnostic, &loaded.source);
        let handler = NarratableReportHandler::new();
        handler.render_report(&mut text, &report).unwrap();
    }
    text
}

const TEXT: &str = r#"{
  "zfs": {
    "pools": [{ "name": "tank", "raid_level": "raidz9", "disks": ["nvme-A", "nvme-B", "nvme-C"] }],
    "arc_max": "30G",
    "arc_max": "31G"
  }
}
"#;

#[test]
fn a_problem_is_drawn_on_its_bytes() {
    let loaded = load("host.json", TEXT.as_bytes());
    insta::assert_snapshot!("graphical", graphical(&loaded));
    insta::assert_snapshot!("narrated", narrated(&loaded));
}

#[test]
fn the_end_of_a_file_can_be_shown() {
    for text in ["", "{", "{\"a\": [1,\n", "\u{e9}\u{fffd}"] {
        let loaded = load("cut.json", text.as_bytes());
        assert!(
            graphical(&loaded).contains("phoenix::syntax::json"),
            "{text:?}"
        );
    }
    let loaded = load("binary", b"{\"a\": \xff}");
    assert!(graphical(&loaded).contains("not UTF-8 from here on"));
}

#[test]
fn json_keeps_the_contract() {
    let loaded = load("host.json", TEXT.as_bytes());
    let json = serde_json::to_string_pretty(&to_json(&[loaded])).unwrap();
    insta::assert_snapshot!("contract", json);
}

/// A file without line breaks shows the surroundings of the problem, not all of it.
#[test]
fn a_long_line_is_cut() {
    let datasets: Vec<_> = (0..100)
        .map(|index| format!(r#"{{"pool":"tank","name":"d{index}","description":"ä"}}"#))
        .collect();
    let text = format!(
        r#"{{"zfs":{{"pools":[{{"name":"tank","raid_level":"single","disks":["nvme-A"]}}],"datasets":[{}]}}}}"#,
        datasets
            .join(",")
            .replace(r#""name":"d50""#, r#""nmae":"d50""#)
    );
    let loaded = load("long.json", text.as_bytes());
    insta::assert_snapshot!("long_line", graphical(&loaded));
}

#[test]
fn of_many_places_the_first_are_drawn_and_all_are_in_the_json() {
    let dataset =
        |number| format!(r#"{{"pool":"tank","name":"d{number}","properties":{{"quota":"1T"}}}}"#);
    let datasets = Vec::from_iter((0..40).map(dataset)).join(",\n");
    let text = format!(
        r#"{{"zfs":{{"pools":[{{"name":"tank","raid_level":"single","disks":["nvme-X_2TB_1"]}}],
            "datasets":[{datasets}]}}}}"#
    );
    let loaded = load("many.json", text.as_bytes());
    assert!(graphical(&loaded).contains("(and 28 more places)"));
    let [finding] = loaded.diagnostics.as_slice() else {
        unreachable!("one finding about the sum: {:?}", loaded.diagnostics);
    };
    assert_eq!(finding.labels.len(), 40);
}
