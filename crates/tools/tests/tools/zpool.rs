//! `zpool`: command lines and layouts.

use phoenix_host::HostError;
use phoenix_host::command::Output;
use phoenix_tools::zpool::{self, PoolRow, PoolSpec, VdevSpec};
use phoenix_zfs::property::Value;
use phoenix_zfs::vdev::VdevClass;

use crate::{Scripted, argv, properties};

#[test]
fn command_lines_are_those_that_zpool_takes() {
    let vdev = |class, keyword: Option<&str>, disks: &[&str]| VdevSpec {
        class,
        keyword: keyword.map(str::to_owned),
        disks: disks.iter().map(|&disk| disk.to_owned()).collect(),
    };
    let full = PoolSpec {
        name: "tank".to_owned(),
        properties: properties([("ashift", "12"), ("autotrim", "on")]),
        root_properties: properties([("atime", "off"), ("compression", "lz4")]),
        vdevs: vec![
            vdev(VdevClass::Data, Some("mirror"), &["/d/1", "/d/2"]),
            vdev(VdevClass::Data, Some("mirror"), &["/d/3", "/d/4"]),
            vdev(VdevClass::Special, Some("mirror"), &["/d/5", "/d/6"]),
            vdev(VdevClass::Special, Some("mirror"), &["/d/7", "/d/8"]),
            vdev(VdevClass::Log, None, &["/d/9"]),
            vdev(VdevClass::Cache, None, &["/d/10"]),
            vdev(VdevClass::Spare, None, &["/d/11", "/d/12"]),
        ],
    };
    let single = PoolSpec {
        name: "fastData".to_owned(),
        vdevs: vec![vdev(VdevClass::Data, None, &["/d/1"])],
        ..PoolSpec::default()
    };
    // A plain disk behind `mirror a b` would be a third member of that mirror.
    let crossed = PoolSpec {
        name: "tank".to_owned(),
        vdevs: vec![
            vdev(VdevClass::Spare, None, &["/d/8"]),
            vdev(VdevClass::Log, Some("mirror"), &["/d/3", "/d/4"]),
            vdev(VdevClass::Log, None, &["/d/5"]),
            vdev(VdevClass::Special, Some("mirror"), &["/d/6", "/d/7"]),
            vdev(VdevClass::Data, None, &["/d/1"]),
            vdev(VdevClass::Log, None, &["/d/2"]),
        ],
        ..PoolSpec::default()
    };
    for (command, typed) in [
        (zpool::list(), "zpool list -Hp -o name,guid,size,health"),
        (zpool::status("tank"), "zpool status -P tank"),
        (zpool::status_by_number("tank"), "zpool status -g tank"),
        (
            zpool::get_of_vdevs("ashift", "a"),
            "zpool get -Hp -o name,property,value,source ashift a all-vdevs",
        ),
        (
            zpool::get(&["ashift", "autotrim"], &["a", "b"]),
            "zpool get -Hp -o name,property,value,source ashift,autotrim a b",
        ),
        (
            zpool::set("tank", "autotrim", &Value::Switch(true)),
            "zpool set autotrim=on tank",
        ),
        (
            zpool::create(&full),
            "zpool create -o ashift=12 -o autotrim=on -O atime=off -O compression=lz4 tank \
             mirror /d/1 /d/2 mirror /d/3 /d/4 special mirror /d/5 /d/6 mirror /d/7 /d/8 \
             log /d/9 cache /d/10 spare /d/11 /d/12",
        ),
        (zpool::create(&single), "zpool create fastData /d/1"),
        (
            zpool::would_create(&single),
            "zpool create -n fastData /d/1",
        ),
        (
            zpool::create(&crossed),
            "zpool create tank /d/1 special mirror /d/6 /d/7 log /d/5 /d/2 mirror /d/3 /d/4 \
             spare /d/8",
        ),
    ] {
        assert_eq!(command.argv(), argv(typed));
        assert!(!command.args.iter().any(|arg| arg == "-f"));
    }
}

#[test]
fn pools_are_listed_with_or_without_a_size() {
    let text = "hstmix\t1081025573047781451\t503316480\tDEGRADED\ndead\t7\t-\tUNAVAIL\n";
    let row = |name: &str, guid, size, health: &str| PoolRow {
        name: name.to_owned(),
        guid,
        size,
        health: health.to_owned(),
    };
    assert_eq!(
        zpool::parse_list(text).unwrap(),
        [
            row(
                "hstmix",
                1_081_025_573_047_781_451,
                Some(503_316_480),
                "DEGRADED"
            ),
            row("dead", 7, None, "UNAVAIL"),
        ]
    );
    assert_eq!(zpool::parse_list("").unwrap(), []);
    for bad in [
        "tank\t1\t2",
        "tank\t1\t2\tONLINE\tmore",
        "tank\tx\t2\tONLINE",
        "tank\t1\t2K\tONLINE",
    ] {
        assert_eq!(zpool::parse_list(bad).unwrap_err().line, bad);
    }
}

#[test]
fn pool_properties_are_read() {
    let rows = zpool::parse_get(include_str!("../fixtures/zpool-get.txt")).unwrap();
    assert_eq!(rows.len(), 6);
    assert_eq!(
        (rows[0].property.as_str(), &rows[0].value),
        ("ashift", &Value::Number(12))
    );
}

#[test]
fn pools_that_do_not_answer_are_silent_and_hide_no_other() {
    let list = "gone\t1\t2\tONLINE\nodd\t1\t2\tONLINE\nhstmix\t1\t2\tONLINE\nhung\t1\t2\tONLINE\nstopped\t1\t2\tSUSPENDED\n";
    let classes = include_str!("../fixtures/zpool-status-classes.txt");
    let host = Scripted::default()
        .answers(
            "zpool list -Hp -o name,guid,size,health",
            Output::success(list),
        )
        .has_file("/proc/spl/kstat/zfs/stopped/state", "SUSPENDED\n")
        .has_file("/proc/spl/kstat/zfs/hung/state", "ONLINE\n")
        .answers(
            "zpool status -P odd",
            Output::success(classes.replace("mirror-0", "wonder-0")),
        )
        .answers(
            "zpool status -P gone",
            Output::failure(1, "cannot open 'gone': no such pool\n"),
        )
        .answers("zpool status -P hstmix", Output::success(classes))
        .hangs("zpool status -P hung");
    let imported = zpool::imported(&host).unwrap();
    assert_eq!(
        Vec::from_iter(imported.pools.keys()),
        ["gone", "hstmix", "hung", "odd", "stopped"]
    );
    assert_eq!(Vec::from_iter(imported.layouts.keys()), ["hstmix"]);
    assert_eq!(Vec::from_iter(&imported.silent), ["hung", "stopped"]);
    assert_eq!(Vec::from_iter(imported.unread.keys()), ["gone", "odd"]);
}

#[test]
fn a_host_without_zfs_has_no_pools_and_a_broken_one_is_an_error() {
    let list = zpool::list();
    let module =
        "The ZFS modules are not loaded.\nTry running 'modprobe zfs' as root to load them.\n";
    let host = Scripted::default().answers(&list.to_string(), Output::failure(1, module));
    assert_eq!(
        zpool::imported(&host).unwrap(),
        zpool::ImportedPools::default()
    );

    let host = Scripted::default().answers(&list.to_string(), Output::failure(1, "who knows\n"));
    assert!(zpool::imported(&host).is_err());

    let host = phoenix_host::local::LocalHost::with_search_path(&[]);
    let missing = phoenix_host::Host::run(&host, &list).unwrap_err();
    assert!(matches!(missing, HostError::NotInstalled { .. }));
    assert_eq!(
        zpool::imported(&host).unwrap(),
        zpool::ImportedPools::default()
    );
}

#[test]
fn what_zpool_create_n_says_of_disks_that_go_is_told_from_all_else() {
    let paths = ["/dev/disk/by-id/ata-D1", "/dev/sdb"];
    let headline = "invalid vdev specification\nuse '-f' to override the following errors:\n";
    for (text, only) in [
        (
            "/dev/disk/by-id/ata-D1 contains a filesystem of type 'ext4'",
            true,
        ),
        (
            "/dev/disk/by-id/ata-D1-part1 is part of exported pool 'old'",
            true,
        ),
        ("/dev/sdb1 is part of potentially active pool 'old'", true),
        ("/dev/sdb contains a corrupt primary EFI label.", true),
        (
            "/dev/disk/by-id/ata-D2 contains a filesystem of type 'ext4'",
            false,
        ),
        ("/dev/sdb1 is part of active pool 'old'", false),
        ("mirror contains devices of different sizes", false),
        (
            "/dev/sdb contains a filesystem of type 'ext4'\nmirror contains devices of different sizes",
            false,
        ),
    ] {
        let text = format!("{headline}{text}\n");
        assert_eq!(zpool::only_contents(&text, &paths), only, "{text}");
    }
    assert!(!zpool::only_contents("", &paths));
    assert!(!zpool::only_contents(
        "invalid vdev specification: raidz1 requires at least 2 devices\n",
        &paths
    ));
}
