//! Files of 2025 load without errors and mean what the old scripts meant.

use std::fmt::Write;

use phoenix_config::model::{Config, StorageKind};
use phoenix_config::{Loaded, load, load_lxc_configs};

use super::{codes, listing, load_file};

const FILES: [&str; 4] = [
    "2025-09-oldest",
    "2025-09-object-properties",
    "2025-11-newest",
    "2025-11-lxc_configs",
];

fn historic(name: &str) -> Loaded {
    load_file(&format!("tests/data/historic/{name}.json"))
}

/// How many objects a configuration declares.
fn counts(config: &Config) -> String {
    let storages = config.datasets.iter().filter_map(|it| it.storage.as_ref());
    format!(
        "pools {}, datasets {}, storages {}, exports {}, mounts {}, arc {:?}",
        config.pools.len(),
        config.datasets.len(),
        storages.count(),
        config.exports.len(),
        config.mounts.len(),
        config.arc.as_ref().map(|arc| arc.max),
    )
}

#[test]
fn every_era_loads_with_a_warning_per_old_shape() {
    let mut text = String::new();
    for name in FILES {
        let loaded = historic(name);
        assert_eq!(loaded.error_count(), 0, "{}", listing(&loaded));
        writeln!(text, "{name}: {}", counts(loaded.config().unwrap())).unwrap();
        for diagnostic in &loaded.diagnostics {
            if diagnostic.code.is_historic() {
                writeln!(text, "  {}: {}", diagnostic.code, diagnostic.message).unwrap();
            }
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn comma_texts_become_properties_storages_and_options() {
    let loaded = historic("2025-11-newest");
    let config = loaded.config().unwrap();
    let bulk = config.dataset("fastData/shared-bulk-data").unwrap();
    let properties = bulk.properties.iter();
    let stored: Vec<_> = properties
        .map(|(name, it)| format!("{name}={}", it.stored))
        .collect();
    assert_eq!(
        stored,
        [
            "compression=lz4",
            "quota=1539316278886",
            "recordsize=1048576",
            "sync=standard",
        ]
    );
    let iso = config.dataset("fastData/shared-iso").unwrap();
    let storage = iso.storage.as_ref().unwrap();
    assert_eq!(
        (storage.id.as_str(), storage.kind),
        ("fastData-shared-iso", StorageKind::Dir)
    );
    let content: Vec<_> = storage.content.iter().map(|it| it.as_str()).collect();
    assert_eq!(content, ["vztmpl", "iso"]);
    assert!(
        config
            .dataset("quickOS/portainer_stacks")
            .unwrap()
            .properties
            .is_empty()
    );
}

#[test]
fn shares_become_exports_to_the_local_network() {
    let loaded = historic("2025-09-oldest");
    let config = loaded.config().unwrap();
    let export = &config.exports[0];
    assert_eq!(export.path, "/quickOS/shared-prod-data");
    assert_eq!(export.dataset.as_deref(), Some("quickOS/shared-prod-data"));
    assert_eq!(export.clients[0].text, "192.0.2.0/24");
    let words = |options: &[phoenix_config::model::MountOption]| {
        let words = options.iter().map(|option| option.text.clone());
        words.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(words(&export.options), "rw async no_subtree_check");
    assert_eq!(words(&export.client_options), "noatime");
}

/// The rule of the old scripts: the key is `<pool>_<name with _ for ->`, case-sensitive.
#[test]
fn the_map_of_storage_ids_is_obeyed_where_it_matches() {
    let text = r#"{
        "zfs": {
            "pools": [{"name": "quickOS"}],
            "datasets": [
                {"pool": "quickOS", "name": "vm-disks", "storage": {"type": "zfspool"}},
                {"pool": "quickOS", "name": "lxc-disks", "storage": {"type": "zfspool"}},
                {"pool": "quickOS", "name": "ISO-images", "storage": {"type": "zfspool"}},
                {"pool": "quickOS", "name": "named",
                 "storage": {"type": "zfspool", "id": "explicit"}}
            ]
        },
        "proxmox_storage_ids": {
            "quickOS_vm_disks": "guests",
            "quickos_lxc_disks": "wrong-case",
            "quickOS_ISO_images": "images",
            "quickOS_named": "loses"
        }
    }"#;
    let loaded = load("ids.json", text.as_bytes());
    let config = loaded.config().unwrap();
    let storages = config.datasets.iter().filter_map(|it| it.storage.as_ref());
    let ids: Vec<_> = storages.map(|storage| storage.id.as_str()).collect();
    assert_eq!(ids, ["guests", "quickOS-lxc-disks", "images", "explicit"]);
}

#[test]
fn a_bare_zfs_object_loads_with_places_in_the_file() {
    let text = r#"{"pools": [{"name": "tank", "raid_level": "single", "disks": ["nvme-A"]}],
                   "datasets": [{"pool": "tank", "name": "a", "properties": {"quota": "1e3"}}]}"#;
    let loaded = load("bare.json", text.as_bytes());
    assert_eq!(loaded.error_count(), 1, "{}", listing(&loaded));
    assert_eq!(codes(&loaded)[0], "phoenix::historic::bare-zfs");
    let error = loaded.diagnostics.last().unwrap();
    assert_eq!(
        error.labels[0].pointer.text(),
        "/datasets/0/properties/quota"
    );
    let mended = load("bare.json", text.replace("1e3", "1G").as_bytes());
    let disk = &mended.config().unwrap().pools[0].vdevs[0].disks[0];
    assert_eq!(disk.path, "/dev/disk/by-id/nvme-A");
}

#[test]
fn a_firewall_among_the_volumes_is_skipped() {
    let text = r#"{"shared_volumes": {
        "firewall": {"enabled": true, "global_firewall_rules": []},
        "models": {"host_path": "/srv/models//", "mounts": {"950": "/models", "x": "/y"}}
    }}"#;
    let loaded = load("volumes.json", text.as_bytes());
    let found = codes(&loaded);
    assert!(found.contains(&"phoenix::historic::shared-volume-skipped"));
    assert_eq!(loaded.error_count(), 1, "container x: {}", listing(&loaded));
    let mended = load(
        "volumes.json",
        text.replace(r#", "x": "/y""#, "").as_bytes(),
    );
    let mount = &mended.config().unwrap().mounts[0];
    assert_eq!(
        (mount.container, mount.host_path.as_str()),
        (950, "/srv/models")
    );
    assert_eq!(mount.address().to_string(), "mount:950:/models");
}

#[test]
fn containers_of_a_second_file_see_the_datasets_of_the_first() {
    let base = load(
        "base.json",
        br#"{"zfs": {"pools": [{"name": "tank", "raid_level": "mirror", "disks": ["nvme-A", "nvme-B"]}],
                     "datasets": [{"pool": "tank", "name": "ssl"}]},
             "bind_mounts": [{"container": 101, "dataset": "tank/ssl", "target": "/ssl"}]}"#,
    );
    let base = base.config().unwrap();
    let second = |mounts: &str| {
        let text =
            format!(r#"{{"lxc_configs": {{"101": {{"name": "x", "mount_points": [{mounts}]}}}}}}"#);
        load_lxc_configs("lxc.json", text.as_bytes(), base)
    };
    let loaded = second(
        r#"{"host_path": "/tank/ssl", "container_path": "/ssl"},
           {"host_path": "/tank/ssl/ca", "container_path": "/ca"}"#,
    );
    assert_eq!(codes(&loaded), ["phoenix::historic::mount-points"]);
    let mounts = &loaded.config().unwrap().mounts;
    let mounts: Vec<_> = mounts
        .iter()
        .map(|mount| (mount.target.as_str(), mount.dataset.as_deref()))
        .collect();
    assert_eq!(
        mounts,
        [("/ssl", Some("tank/ssl")), ("/ca", Some("tank/ssl"))]
    );

    let clash = second(r#"{"host_path": "/tank/ssl/other", "container_path": "/ssl"}"#);
    assert_eq!(clash.error_count(), 1, "{}", listing(&clash));
    let labels = clash.diagnostics.iter().flat_map(|one| &one.labels);
    let outside = |label: &&phoenix_config::diagnostic::Label| {
        !label
            .pointer
            .text()
            .starts_with("/lxc_configs/101/mount_points/0")
    };
    assert_eq!(labels.filter(outside).count(), 0);

    // What is wrong with the containers of the first file is not told again of the second.
    let base = load(
        "base.json",
        br#"{"lxc_configs": {"101": {"mount_points": [
               {"host_path": "/elsewhere", "container_path": "/x"}]}}}"#,
    );
    let found = |loaded: &Loaded| {
        codes(loaded)
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let undeclared = "phoenix::share::undeclared".to_owned();
    assert!(found(&base).contains(&undeclared));
    let second = load_lxc_configs(
        "lxc.json",
        br#"{"lxc_configs": {"101": {"mount_points": []}}}"#,
        base.config().unwrap(),
    );
    assert_eq!(found(&second), Vec::<String>::new());

    let real = std::fs::read(super::path("tests/data/historic/2025-11-lxc_configs.json")).unwrap();
    let newest = historic("2025-11-newest");
    let both = load_lxc_configs("lxc.json", &real, newest.config().unwrap());
    assert_eq!(both.error_count(), 0, "{}", listing(&both));
    assert_eq!(both.config().unwrap().mounts.len(), 18);
}
