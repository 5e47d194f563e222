//! Datasets: values and their sources, volumes, mounts, permissions.

use phoenix_host::PermissionChange;

use super::*;

#[test]
fn values_are_inherited_received_and_defaulted_as_zfs_shows_them() {
    let host = two_pools();
    all_ok(
        &host,
        &[
            "zfs create -o compression=zstd -o site:owner=prod -o mountpoint=/srv/a quick/a",
            "zfs create -o quota=1.4T quick/a/b",
        ],
    );
    host.edit(|state| {
        let setting = Setting {
            value: "off".to_owned(),
            received: true,
        };
        let dataset = state.datasets.get_mut("quick/a").unwrap();
        dataset.properties.insert("atime".to_owned(), setting);
    })
    .unwrap();
    assert_eq!(
        get(
            &host,
            "compression,site:owner,mountpoint,quota,atime,sync,volsize,mounted",
            "quick/a/b"
        ),
        "quick/a/b\tcompression\tzstd\tinherited from quick/a\n\
         quick/a/b\tsite:owner\tprod\tinherited from quick/a\n\
         quick/a/b\tmountpoint\t/srv/a/b\tinherited from quick/a\n\
         quick/a/b\tquota\t1539316278886\tlocal\n\
         quick/a/b\tatime\toff\tinherited from quick/a\n\
         quick/a/b\tsync\tstandard\tdefault\n\
         quick/a/b\tvolsize\t-\t-\n\
         quick/a/b\tmounted\tyes\t-\n"
    );
    assert_eq!(
        get(&host, "atime", "quick/a"),
        "quick/a\tatime\toff\treceived\n"
    );
}

#[test]
fn what_the_kernel_refuses_does_not_undo_the_rest() {
    let host = prepared("filled");
    let line = "zfs set compression=zstd quota=16M atime=off fastData/shared-bulk-data";
    let output = run(&host, line);
    assert_eq!(output.code, Some(255));
    assert!(
        output.stderr.contains("size is less than current used"),
        "{output:?}"
    );
    let shown = get(
        &host,
        "compression,atime,quota",
        "fastData/shared-bulk-data",
    );
    assert_eq!(
        shown,
        "fastData/shared-bulk-data\tcompression\tzstd\tlocal\n\
         fastData/shared-bulk-data\tatime\toff\tlocal\n\
         fastData/shared-bulk-data\tquota\t1539316278886\tlocal\n"
    );
    // What libzfs itself can see changes nothing at all.
    let output = run(
        &host,
        "zfs set sync=always recordsize=3 fastData/shared-bulk-data",
    );
    assert_eq!(output.code, Some(255));
    assert_eq!(
        get(&host, "sync", "fastData/shared-bulk-data"),
        "fastData/shared-bulk-data\tsync\tstandard\tdefault\n"
    );
}

#[test]
fn volumes_round_reserve_and_grow_as_on_disk() {
    let host = two_pools();
    all_ok(
        &host,
        &[
            "zfs create -V 10485760 quick/v",
            "zfs create -s -V 1000 quick/sparse",
            "zfs set volsize=20971520 quick/v",
        ],
    );
    let shown = get(
        &host,
        "volsize,refreservation,volblocksize",
        "quick/v quick/sparse",
    );
    assert_eq!(
        shown,
        "quick/sparse\tvolsize\t16384\tlocal\n\
         quick/sparse\trefreservation\t0\tdefault\n\
         quick/sparse\tvolblocksize\t16384\tdefault\n\
         quick/v\tvolsize\t20971520\tlocal\n\
         quick/v\trefreservation\t23592960\tlocal\n\
         quick/v\tvolblocksize\t16384\tdefault\n"
    );
    let output = run(&host, "zfs create -V 9T quick/huge");
    assert_eq!(output.stderr, "cannot create 'quick/huge': out of space\n");
    assert!(!host.state().datasets.contains_key("quick/huge"));
}

#[test]
fn mounts_follow_the_mountpoint_and_hide_what_is_below() {
    let host = two_pools();
    host.edit(|state| state.make_directories(Utf8Path::new("/srv/a/old")).unwrap())
        .unwrap();
    let list = "find /srv/a /srv/b -maxdepth 0 '(' -empty -printf 'e\\t%U\\t%G\\t%m\\t%y\\t%p\\n' \
                -o -printf 'n\\t%U\\t%G\\t%m\\t%y\\t%p\\n' ')'";
    all_ok(&host, &["zfs create -o mountpoint=/srv/a quick/a"]);
    assert_eq!(run(&host, list).stdout, "e\t0\t0\t755\td\t/srv/a\n");
    all_ok(&host, &["zfs set mountpoint=/srv/b quick/a"]);
    let output = run(&host, list);
    assert_eq!(
        output.stdout,
        "n\t0\t0\t755\td\t/srv/a\ne\t0\t0\t755\td\t/srv/b\n"
    );
    let mounts = host
        .read_file(Utf8Path::new("/proc/self/mounts"))
        .unwrap()
        .unwrap();
    assert!(
        mounts.ends_with("quick/a /srv/b zfs rw,relatime,xattr,noacl,casesensitive 0 0\n"),
        "{mounts}"
    );
    let output = run(
        &host,
        "zfs create -o overlay=off -o mountpoint=/srv/a quick/c",
    );
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (
            Some(1),
            "cannot mount '/srv/a': directory is not empty\n\
             filesystem successfully created, but not mounted\n"
        )
    );
    assert_eq!(
        get(&host, "mounted", "quick/c"),
        "quick/c\tmounted\tno\t-\n"
    );
}

#[test]
fn permissions_change_the_dataset_and_never_the_directory_below_it() {
    let host = two_pools();
    all_ok(&host, &["zfs create quick/a"]);
    let change = PermissionChange {
        dataset: "quick/a".to_owned(),
        path: "/quick/a".into(),
        uid: Some(100_000),
        gid: None,
        mode: Some(0o2770),
        recursive: false,
        acl: std::collections::BTreeMap::new(),
    };
    host.change(&Change::SetPermissions(change.clone()))
        .unwrap();
    let entry = |host: &SimHost| {
        host.state()
            .entry(Utf8Path::new("/quick/a"))
            .cloned()
            .unwrap()
    };
    assert_eq!((entry(&host).uid, entry(&host).mode), (100_000, 0o2770));
    all_ok(&host, &["zfs set canmount=off quick/a"]);
    let error = host
        .change(&Change::SetPermissions(change.clone()))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "/quick/a is not where dataset quick/a is mounted"
    );
    assert_eq!((entry(&host).uid, entry(&host).mode), (0, 0o755));
}

#[test]
fn a_suspended_pool_takes_no_change() {
    let host = two_pools();
    host.edit(|state| state.pools.get_mut("quick").unwrap().health = "SUSPENDED".to_owned())
        .unwrap();
    let path = Utf8Path::new("/proc/spl/kstat/zfs/quick/state");
    assert_eq!(host.read_file(path).unwrap().unwrap(), "SUSPENDED\n");
    for line in [
        "zfs create quick/a",
        "zfs set atime=off quick",
        "zpool set autotrim=on quick",
    ] {
        let output = run(&host, line);
        assert_ne!(output.code, Some(0), "{line}");
        assert!(
            output.stderr.ends_with("pool I/O is currently suspended\n"),
            "{output:?}"
        );
    }
    all_ok(&host, &["zfs create fast/a"]);
}
