//! Wrong files: every problem of a file in one run, each at its exact bytes.

use std::collections::BTreeSet;

use phoenix_config::load;

use super::{codes, listing, load_file, path};

#[test]
fn every_wrong_file_is_explained() {
    let directory = std::fs::read_dir(path("tests/data/invalid")).unwrap();
    let names: BTreeSet<_> = directory
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.len() >= 8);
    for name in names {
        let loaded = load_file(&format!("tests/data/invalid/{name}"));
        assert!(loaded.error_count() > 0, "{name} is valid");
        insta::assert_snapshot!(name.trim_end_matches(".json"), listing(&loaded));
    }
}

#[test]
fn a_document_that_is_no_object_is_refused() {
    for text in ["[]", "null", "3", "\"zfs\"", "true"] {
        let loaded = load("test.json", text.as_bytes());
        assert_eq!(codes(&loaded), ["phoenix::schema::wrong-type"], "{text}");
        assert_eq!(loaded.diagnostics[0].labels[0].length, text.len(), "{text}");
    }
}

/// Sections of other tools are left alone, whatever is in them; near misses are asked about.
#[test]
fn only_near_misses_of_a_section_are_mentioned() {
    let text =
        r#"{"zfz": {}, "NFS": {}, "dns_server": [], "vms": 3, "hypervisor_health_.check": null}"#;
    let loaded = load("test.json", text.as_bytes());
    assert_eq!(loaded.error_count(), 0);
    let near: Vec<_> = loaded
        .diagnostics
        .iter()
        .filter(|one| one.code.as_str() == "phoenix::schema::unknown-key")
        .map(|one| one.labels[0].pointer.text())
        .collect();
    assert_eq!(near, ["/zfz", "/NFS"]);
}

/// Eight mistakes of eight kinds, found by four stages: one diagnostic each, nothing else.
#[test]
fn all_mistakes_come_out_in_one_run_without_noise() {
    let loaded = load_file("tests/data/invalid/everything-at-once.json");
    let found: Vec<_> = loaded
        .diagnostics
        .iter()
        .map(|one| (one.code.as_str(), one.labels[0].pointer.text()))
        .collect();
    let found: Vec<_> = found.iter().map(|(code, at)| (*code, &**at)).collect();
    assert_eq!(
        found,
        [
            ("phoenix::schema::invalid-value", "/zfs/pools/0/raid_level"),
            ("phoenix::schema::unknown-key", "/zfs/datasets/0/propertys"),
            (
                "phoenix::schema::duplicate-key",
                "/zfs/datasets/1/properties/atime"
            ),
            ("phoenix::dataset::unknown-pool", "/zfs/datasets/2/pool"),
            (
                "phoenix::property::invalid-value",
                "/zfs/datasets/3/properties/quota"
            ),
            (
                "phoenix::storage::impossible-content",
                "/zfs/datasets/4/storage/content"
            ),
            ("phoenix::export::client-option", "/nfs/exports/0/options/2"),
            ("phoenix::mount::unknown-option", "/bind_mounts/0/options/0"),
        ]
    );
}

/// A misspelt key is one mistake: it is not missing as well, and nothing else is said about what
/// it would have held.
#[test]
fn a_misspelt_key_is_not_missing_too() {
    let file = r#"{"zfs": {"pools": [{"name": "a", "raid_level": "mirror", "disks": ["nvme-A", "nvme-B"]}],
        "datasets": [{"pool": "a", "name": "x"}, {"pool": "a", "name": "v", "type": "volume", "volsize": "1G"}]},
        "nfs": {"exports": [{"dataset": "a/x", "clients": ["10.0.0.1"], "options": ["ro"]}]},
        "bind_mounts": [{"container": 101, "dataset": "a/x", "target": "/x"}]}"#;
    assert_eq!(codes(&load("test.json", file.as_bytes())), [""; 0]);
    for key in [
        "disks",
        "raid_level",
        "volsize",
        "clients",
        "container",
        "target",
    ] {
        let wrong = file.replace(&format!("\"{key}\""), &format!("\"{key}x\""));
        let loaded = load("test.json", wrong.as_bytes());
        assert_eq!(
            codes(&loaded),
            ["phoenix::schema::unknown-key"],
            "{}",
            listing(&loaded)
        );
    }
}

#[test]
fn pools_that_cannot_be_read_are_not_said_to_be_absent() {
    for (text, code) in [
        (r#"{"zfs": {"pool": []}}"#, "phoenix::schema::unknown-key"),
        (r#"{"zfs": {"pools": {}}}"#, "phoenix::schema::wrong-type"),
        (
            r#"{"zfs": {"pools": [{}]}}"#,
            "phoenix::schema::missing-key",
        ),
        (r#"{"zfs": []}"#, "phoenix::schema::wrong-type"),
        (r#"{"zfs": {"pools": []}}"#, "phoenix::pool::none"),
    ] {
        assert_eq!(codes(&load("test.json", text.as_bytes())), [code], "{text}");
    }
}
