//! The examples, the user's own plan, and what normalisation makes of modern files.

use std::collections::BTreeSet;

use phoenix_config::model::{Config, DatasetKind, IdSpace, Principal};
use phoenix_config::{Loaded, load};

use super::{listing, load_file, path};

fn example(name: &str) -> Loaded {
    load_file(&format!("../../schema/examples/{name}.json"))
}

fn config(text: &str) -> Config {
    let loaded = load("test.json", text.as_bytes());
    let config = loaded.config().cloned();
    config.unwrap_or_else(|| panic!("{}", listing(&loaded)))
}

#[test]
fn every_example_is_valid() {
    let directory = std::fs::read_dir(path("../../schema/examples")).unwrap();
    let names: BTreeSet<_> = directory.map(|file| file.unwrap().file_name()).collect();
    assert!(names.len() >= 3);
    for name in names {
        let name = name.to_str().unwrap().trim_end_matches(".json").to_owned();
        let loaded = example(&name);
        assert_eq!(loaded.error_count(), 0, "{name}: {}", listing(&loaded));
    }
}

#[test]
fn the_minimal_example_draws_no_warning() {
    assert_eq!(listing(&example("minimal")), "");
}

#[test]
fn the_plan_as_written_fails_at_its_typo_and_then_at_its_placeholders() {
    let wrapped = load_file("tests/data/seed/wrapped.json");
    insta::assert_snapshot!("seed_typo", listing(&wrapped));
    let snippet = load_file("tests/data/seed/snippet.txt");
    insta::assert_snapshot!("seed_snippet", listing(&snippet));
    let mended = load_file("tests/data/seed/mended.json");
    assert_eq!(
        wrapped.source.text().replace(":. {", ": {"),
        mended.source.text()
    );
    for placeholder in ["__DISK_ID_1__", "__DISK_ID_2__", "__DISK_ID_3__"] {
        let quoted = format!("\"{placeholder}\"");
        let offset = mended.source.text().find(&quoted).unwrap();
        let mut labels = mended.diagnostics.iter().flat_map(|one| &one.labels);
        assert!(
            labels.any(|label| label.offset == offset && label.length == quoted.len()),
            "{placeholder} is not pointed at: {}",
            listing(&mended)
        );
    }
    assert!(mended.config().is_none());
}

#[test]
fn the_completed_plan_draws_its_warnings() {
    let loaded = example("quickos-fastdata");
    assert_eq!(loaded.error_count(), 0);
    let config = loaded.config().unwrap();
    assert_eq!((config.pools.len(), config.datasets.len()), (2, 8));
    assert_eq!((config.exports.len(), config.mounts.len()), (4, 8));
    let found = loaded.diagnostics.iter();
    let found: Vec<_> = found
        .map(|one| format!("{} {}", one.code, one.labels[0].pointer))
        .collect();
    insta::assert_snapshot!("completed_plan", found.join("\n"));
}

#[test]
fn defaults_are_marked_as_such() {
    let config = config(
        r#"{"zfs": {"pools": [{"name": "tank", "raid_level": "single", "disks": ["/dev/disk/by-id/nvme-A"],
            "root_properties": {"compression": "zstd"}}]}}"#,
    );
    let pool = &config.pools[0];
    assert_eq!((pool.ashift, pool.ashift_default), (12, true));
    let all = pool.properties.iter().chain(&pool.root_properties);
    let all: Vec<_> = all
        .map(|(name, it)| (&**name, it.stored.text(), it.default))
        .collect();
    assert_eq!(
        all,
        [
            ("autotrim", "on".into(), true),
            ("atime", "off".into(), true),
            ("compression", "zstd".into(), false)
        ]
    );
}

#[test]
fn mountpoints_are_inherited_as_zfs_does() {
    let config = config(
        r#"{"zfs": {
            "pools": [
                {"name": "a", "raid_level": "single", "disks": ["nvme-A"]},
                {"name": "b", "raid_level": "single", "disks": ["nvme-B"],
                 "root_properties": {"mountpoint": "/srv/b/"}}
            ],
            "datasets": [
                {"pool": "a", "name": "x/y/z"},
                {"pool": "a", "name": "x/y", "mountpoint": "/deep"},
                {"pool": "a", "name": "x", "properties": {"canmount": false}},
                {"pool": "a", "name": "none", "mountpoint": "none"},
                {"pool": "a", "name": "none/child"},
                {"pool": "a", "name": "none/again", "properties": {"mountpoint": "/again"}},
                {"pool": "a", "name": "off", "properties": {"canmount": "off"}},
                {"pool": "a", "name": "off/child"},
                {"pool": "a", "name": "vol", "type": "volume", "volsize": "1G", "sparse": true},
                {"pool": "b", "name": "plain"},
                {"pool": "b", "name": "legacy", "mountpoint": "legacy"}
            ]}}"#,
    );
    let mountpoints = config.datasets.iter();
    let mountpoints = mountpoints.map(|it| (&*it.name, it.mountpoint.as_ref().map(|p| p.as_str())));
    assert_eq!(
        mountpoints.collect::<Vec<_>>(),
        [
            ("a/x/y/z", Some("/deep/z")),
            ("a/x/y", Some("/deep")),
            ("a/x", None),
            ("a/none", None),
            ("a/none/child", None),
            ("a/none/again", Some("/again")),
            ("a/off", None),
            ("a/off/child", Some("/a/off/child")),
            ("a/vol", None),
            ("b/plain", Some("/srv/b/plain")),
            ("b/legacy", None),
        ]
    );
    let kind = config.dataset("a/vol").unwrap().kind;
    assert_eq!(
        kind,
        DatasetKind::Volume {
            size: 1 << 30,
            sparse: true
        }
    );
}

#[test]
fn a_path_belongs_to_the_nearest_dataset_around_it() {
    let config = config(
        r#"{"zfs": {
            "pools": [{"name": "a", "raid_level": "single", "disks": ["nvme-A"]}],
            "datasets": [{"pool": "a", "name": "x"}, {"pool": "a", "name": "x/y"}]
        },
        "nfs": {"exports": [
            {"path": "/a/x/y/deep/", "clients": ["10.0.0.1"], "options": ["ro"]},
            {"path": "/a/xy", "clients": ["10.0.0.1"], "options": ["ro"]}
        ]},
        "bind_mounts": [
            {"container": "101", "dataset": "a/x", "target": "/x", "read_only": true},
            {"container": 102, "host_path": "/a/x/z", "target": "/z"}
        ]}"#,
    );
    let exports = config.exports.iter();
    let exports: Vec<_> = exports
        .map(|it| (it.path.as_str(), it.dataset.as_deref()))
        .collect();
    assert_eq!(exports, [("/a/x/y/deep", Some("a/x/y")), ("/a/xy", None)]);
    let mounts = config.mounts.iter();
    let mounts: Vec<_> = mounts
        .map(|it| {
            (
                it.container,
                it.host_path.as_str(),
                it.dataset.as_deref(),
                it.read_only,
            )
        })
        .collect();
    assert_eq!(
        mounts,
        [
            (101, "/a/x", Some("a/x"), true),
            (102, "/a/x/z", Some("a/x"), false)
        ]
    );
}

#[test]
fn raid10_is_split_into_mirrors_of_neighbours() {
    let config = config(
        r#"{"zfs": {"pools": [{"name": "a", "raid_level": "RAID10",
            "disks": ["nvme-1", "nvme-2", "nvme-3", "nvme-4"], "log": ["nvme-5", "nvme-6"]}]}}"#,
    );
    let pool = &config.pools[0];
    let shape = |vdevs: &[phoenix_config::model::Vdev]| {
        let names = |vdev: &phoenix_config::model::Vdev| {
            let disks = vdev
                .disks
                .iter()
                .map(|disk| disk.path.rsplit('/').next().unwrap());
            format!("{} {}", vdev.level, disks.collect::<Vec<_>>().join(" "))
        };
        vdevs.iter().map(names).collect::<Vec<_>>()
    };
    assert_eq!(
        shape(&pool.vdevs),
        ["mirror nvme-1 nvme-2", "mirror nvme-3 nvme-4"]
    );
    assert_eq!(shape(&pool.log), ["single nvme-5", "single nvme-6"]);
}

#[test]
fn permissions_and_the_cache_limit_are_read() {
    let text = r#"{"zfs": {
        "pools": [{"name": "a", "raid_level": "single", "disks": ["nvme-A"]}],
        "datasets": [{"pool": "a", "name": "x",
            "permissions": {"owner": "100000", "group": "users", "mode": "2775"}},
            {"pool": "a", "name": "y",
            "permissions": {"owner": 33, "ids": "container", "container": 101}}],
        ARC
    },
    "bind_mounts": [{"container": 101, "dataset": "a/x", "target": "/x"}]}"#;
    let with = |arc: &str| config(&text.replace("ARC", arc));
    let config = with(r#""arc_max": 1073741824"#);
    let permissions = config.datasets[0].permissions.clone().unwrap();
    assert_eq!(permissions.owner, Some(Principal::Id(100_000)));
    assert_eq!(permissions.group, Some(Principal::Name("users".to_owned())));
    assert_eq!(
        (permissions.mode, permissions.ids),
        (Some(0o2775), IdSpace::Host)
    );
    let inside = config.datasets[1].permissions.clone().unwrap();
    assert_eq!(
        (inside.ids, inside.container),
        (IdSpace::Container, Some(101))
    );
    for arc in [
        r#""arc_max": 1073741824"#,
        r#""arc_max": "1073741824""#,
        r#""arc_max": "1G""#,
        r#""arc_max_gb": 1"#,
    ] {
        assert_eq!(with(arc).arc.unwrap().max, 1 << 30, "{arc}");
    }
}

#[test]
fn a_snippet_without_braces_is_judged_as_if_they_were_there() {
    let snippet = load_file("tests/data/seed/snippet.txt");
    let text = snippet.source.text().replace(":. {", ": {");
    let bare = load("bare.json", text.as_bytes());
    let whole = load("whole.json", format!("{{{text}}}").as_bytes());
    let places = |loaded: &Loaded| {
        let labels = loaded.diagnostics.iter().flat_map(|one| {
            one.labels.iter().map(|label| {
                let end = label.offset + label.length;
                let bytes = loaded
                    .source
                    .text()
                    .get(label.offset..end)
                    .unwrap()
                    .to_owned();
                (one.code, label.pointer.clone(), label.line, bytes)
            })
        });
        labels.collect::<Vec<_>>()
    };
    let (braces, rest) = bare.diagnostics.split_first().unwrap();
    assert!(
        braces.help.starts_with("put { at the beginning"),
        "{braces:?}"
    );
    assert_eq!(rest.len(), whole.diagnostics.len());
    assert_eq!(places(&bare)[1..], places(&whole)[..]);
    assert!(bare.config().is_none());
}
