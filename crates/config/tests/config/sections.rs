//! Top-level keys: what is read, what is left to others, and what looks as if it should be read.

use phoenix_config::load;

use crate::listing;

#[test]
fn misnamed_sections_are_told_and_a_misspelt_zfs_alone() {
    const DATASET: &str = r#"{"pools": [{"name": "t", "raid_level": "single", "disks": ["nvme-x"]}],
        "datasets": [{"pool": "t", "name": "a"}]}"#;
    const EXPORT: &str = r#"{"exports": [{"dataset": "t/a", "clients": ["10.0.0.1"]}]}"#;
    for (text, errors, said) in [
        (
            format!(r#"{{"nfs": {EXPORT}, "zsf": {DATASET}}}"#),
            1,
            &["the section `zsf` is not read; it looks like `zfs`"][..],
        ),
        (
            format!(r#"{{"zsf": {DATASET}}}"#),
            0,
            &["the section `zsf` is not read; it looks like `zfs`"],
        ),
        (
            format!(r#"{{"nfs": {EXPORT}, "ZFS": {DATASET}}}"#),
            1,
            &["the section `ZFS` is not read; it looks like `zfs`"],
        ),
        (
            format!(r#"{{"zfs": {DATASET}, "exports": [], "Mounts": [], "pools": []}}"#),
            0,
            &[
                "the section `exports` is not read; that stands in `nfs.exports`",
                "the section `Mounts` is not read; that stands in `bind_mounts`",
                "the section `pools` is not read; that stands in `zfs.pools`",
            ],
        ),
        (
            format!(r#"{{"zfs": {DATASET}, "nsf": 1, "users": 1, "name": "x"}}"#),
            0,
            &[
                "the section `nsf` is not read; it looks like `nfs`",
                "the section `name` is not read; it looks like `nvme`",
            ],
        ),
        (
            r#"{"format": 1, "id": "x", "node": "pve", "steps": [], "summary": {}}"#.to_owned(),
            1,
            &["this is a saved plan, not a configuration"],
        ),
        (
            "{}".to_owned(),
            0,
            &["no ZFS pools are defined, so ZFS setup is skipped"],
        ),
    ] {
        let loaded = load("test.json", text.as_bytes());
        let messages: Vec<&str> = loaded
            .diagnostics
            .iter()
            .map(|one| one.message.as_str())
            .collect();
        assert_eq!(messages, said, "{text}: {}", listing(&loaded));
        assert_eq!(loaded.error_count(), errors, "{text}");
    }
}

#[test]
fn what_is_read_and_what_is_left_is_told() {
    for (text, read, left) in [
        (
            r#"{"$schema": "x", "zfs": {"pools": []}, "users": [], "bind_mounts": [], "network": {}}"#,
            &["bind_mounts", "zfs"][..],
            &["network", "users"][..],
        ),
        (r#"{"pools": [], "datasets": []}"#, &["zfs"], &[]),
        (r#"{"lxc_configs": {}}"#, &["lxc_configs"], &[]),
        (
            r#"{"name": "x", "version": "1"}"#,
            &[],
            &["name", "version"],
        ),
        ("{}", &[], &[]),
    ] {
        let loaded = load("test.json", text.as_bytes());
        assert_eq!(loaded.sections.read, read, "{text}");
        assert_eq!(loaded.sections.not_read, left, "{text}");
    }
}
