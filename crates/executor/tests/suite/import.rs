//! Describing a host: how pools and values are written, and what is left out with which reason.

use std::collections::BTreeSet;

use phoenix_config::written::{Data, Dataset, File, Pool, Vdev};
use phoenix_executor::import::{Imported, import};
use phoenix_host::Host;
use phoenix_planner::draft::faults::{of_plan, take_out};
use phoenix_sim::state::Entry;
use phoenix_sim::{self as sim, SimHost};
use serde_json::{Value, json};

use crate::support::{EVERYTHING, config, plan, set_up};

/// Five drives, called by one letter each.
const DRIVES: [(&str, u64); 5] = [
    ("nvme-X_A", 2_000_398_934_016),
    ("nvme-X_B", 2_000_398_934_016),
    ("nvme-X_C", 2_000_398_934_016),
    ("nvme-X_D", 2_000_398_934_016),
    ("nvme-X_E", 2_000_398_934_016),
];

fn shell(host: &SimHost, line: &str) {
    let argv: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let output = sim::run_argv(host, &argv);
    assert_eq!(output.code, Some(0), "{line}: {}", output.stderr);
}

fn described(host: &dyn Host, pools: &[&str]) -> Imported {
    let pools: BTreeSet<String> = pools.iter().map(|&pool| pool.to_owned()).collect();
    import(host, &pools).unwrap()
}

fn file(imported: &Imported) -> Value {
    serde_json::from_str(&imported.text).unwrap()
}

/// `WHAT: WHY`, line by line.
fn left_out(imported: &Imported) -> String {
    let lines = imported.left_out.iter();
    lines
        .map(|one| format!("{}: {}\n", one.what, one.why))
        .collect()
}

#[test]
fn a_layout_is_written_the_shortest_way() {
    let vdev = |level: &str, disks: &str| json!({"raid_level": level, "disks": paths(disks)});
    for (vdevs, written) in [
        ("a", vdev("single", "A")),
        ("a b", vdev("stripe", "AB")),
        ("mirror a b c", vdev("mirror", "ABC")),
        ("mirror a b mirror c d", vdev("raid10", "ABCD")),
        ("raidz1 a b c", vdev("raidz1", "ABC")),
        ("draid1 a b c d", vdev("draid1", "ABCD")),
        (
            "mirror a b log mirror c d",
            with(vdev("mirror", "AB"), json!({"log": [vdev("mirror", "CD")]})),
        ),
        (
            "mirror a b log c cache d spare e",
            with(
                vdev("mirror", "AB"),
                json!({"log": paths("C"), "cache": paths("D"), "spares": paths("E")}),
            ),
        ),
        (
            "mirror a b special mirror c d",
            with(
                vdev("mirror", "AB"),
                json!({"special": [vdev("mirror", "CD")]}),
            ),
        ),
    ] {
        let host = SimHost::with_drives(&DRIVES);
        let words = vdevs.split(' ').map(|word| match word.len() {
            1 => format!("/dev/disk/by-id/nvme-X_{}", word.to_uppercase()),
            _ => word.to_owned(),
        });
        let words: Vec<_> = words.collect();
        let options = "-o autotrim=on -o ashift=12 -O compression=lz4 -O atime=off";
        shell(
            &host,
            &format!("zpool create {options} tank {}", words.join(" ")),
        );
        let imported = described(&host, &[]);
        let mut pool = file(&imported)["zfs"]["pools"][0].clone();
        let pool = pool.as_object_mut().unwrap();
        for stated in ["name", "properties", "root_properties"] {
            assert!(pool.remove(stated).is_some(), "{vdevs}: {pool:?}");
        }
        assert_eq!(Value::Object(pool.clone()), written, "{vdevs}");
        assert_eq!(left_out(&imported), "", "{vdevs}");
    }
}

fn paths(letters: &str) -> Value {
    let path = |letter| json!(format!("/dev/disk/by-id/nvme-X_{letter}"));
    letters.chars().map(path).collect()
}

fn with(mut pool: Value, more: Value) -> Value {
    let more = more.as_object().cloned().unwrap_or_default();
    pool.as_object_mut().unwrap().extend(more);
    pool
}

#[test]
fn a_dataset_states_what_is_its_own() {
    let host = SimHost::with_drives(&DRIVES);
    for line in [
        "zpool create -o ashift=13 -o comment=main tank /dev/disk/by-id/nvme-X_A",
        "zfs create -o quota=1.4T -o site:owner=ops -o mountpoint=/srv/a tank/a",
        "zfs create -o casesensitivity=insensitive -o recordsize=1M tank/a/b",
        "zfs create -o canmount=off -o refquota=12345678 tank/c",
        "zfs create -V 10G -o volblocksize=32K tank/v",
        "zfs create -s -V 10G tank/sparse",
    ] {
        shell(&host, line);
    }
    let imported = described(&host, &[]);
    assert_eq!(left_out(&imported), "");
    assert_eq!(
        file(&imported)["zfs"],
        json!({
            "pools": [{
                "name": "tank", "raid_level": "single", "disks": paths("A"), "ashift": 13,
                "properties": {"autotrim": "off", "comment": "main"},
                "root_properties": {"atime": "on", "compression": "on"},
            }],
            "datasets": [
                {"pool": "tank", "name": "a", "mountpoint": "/srv/a",
                 "properties": {"quota": "1.40T", "site:owner": "ops"}},
                {"pool": "tank", "name": "a/b",
                 "properties": {"casesensitivity": "insensitive", "recordsize": "1M"}},
                {"pool": "tank", "name": "c",
                 "properties": {"canmount": "off", "refquota": "12345678"}},
                {"pool": "tank", "name": "sparse", "type": "volume", "volsize": "10G",
                 "sparse": true},
                {"pool": "tank", "name": "v", "type": "volume", "volsize": "10G",
                 "sparse": false, "properties": {"volblocksize": "32K"}},
            ],
        })
    );
}

#[test]
fn what_is_left_out_is_named_with_its_reason() {
    let host = SimHost::fresh();
    set_up(&config(EVERYTHING), &host);
    assert_eq!(left_out(&described(&host, &[])), "");
    for line in [
        "zfs create -V 32G quickOS/vm/vm-101-disk-0",
        "zfs create quickOS/vm/subvol-102-disk-0",
        "zfs create quickOS/vm-notes",
        "pvesm add zfspool whole --pool quickOS --content images",
        "pvesm add zfspool second --pool quickOS/vm --content images",
        "pvesm add dir plain --path /quickOS/data --content iso",
        "pvesm add dir inside --path /quickOS/data/logs/old --content iso",
    ] {
        shell(&host, line);
    }
    host.edit(|state| {
        let line = "/srv/old 10.0.0.9(ro)\n";
        state.files.insert("/etc/exports".into(), Entry::file(line));
        let own = "/etc/exports.d/phoenix.exports".into();
        let lines = "/srv/two 10.0.0.1(ro,sync) 10.0.0.2(rw,sync)\n";
        state.files.insert(own, Entry::file(lines));
        state.arc.c_max = 8 << 30;
        if let Some(pool) = state.pools.get_mut("fastData") {
            pool.health = "SUSPENDED".to_owned();
        }
    })
    .unwrap();
    let imported = described(&host, &[]);
    assert_eq!(
        left_out(&imported),
        "2 of guests' volumes in quickOS/vm: Proxmox makes and removes them with its guests\n\
         export:/srv/old: line 1 of /etc/exports makes it, and phoenix has a file of its own: to \
         hand it over, declare it and remove the line\n\
         export:/srv/two: its clients have different options, and a file has one list for all of \
         them\n\
         host:arc: 8G is in force and 30G is set for the next boot\n\
         pool:fastData: it is SUSPENDED and does not answer\n\
         storage:inside: it stands on /quickOS/data/logs/old, which the file does not declare as a \
         dataset\n\
         storage:plain: phoenix would set is_mountpoint to yes\n\
         storage:second: quickOS/vm carries another one already, and a file has one storage for a \
         dataset\n\
         storage:whole: it stands on quickOS, which the file does not declare as a dataset\n"
    );
    let datasets = file(&imported)["zfs"]["datasets"].clone();
    let names = datasets.as_array().unwrap().iter();
    let names: Vec<_> = names.map(|dataset| dataset["name"].clone()).collect();
    assert_eq!(names, ["data", "data/logs", "swap", "vm", "vm-notes"]);
}

#[test]
fn what_phoenix_would_change_is_left_out() {
    let host = SimHost::fresh();
    set_up(&config(EVERYTHING), &host);
    host.edit(|state| {
        state.mounts.retain(|mount| mount.source != "fastData/test");
        state.units.clear();
        state
            .files
            .retain(|path, _| !path.as_str().ends_with("phoenix.conf"));
    })
    .unwrap();
    let imported = described(&host, &[]);
    let order = "phoenix would set After of host:nfs to zfs-import.target zfs-mount.service";
    assert_eq!(
        left_out(&imported),
        format!(
            "dataset:fastData/test: phoenix would change mounted from no to yes\n\
             export of dataset:quickOS/data: {order}\n\
             export:/fastData/test: {order}\n"
        )
    );
    // Its mount is of a path then: the container has it whatever is mounted there.
    let mounts = &file(&imported)["bind_mounts"];
    assert_eq!(mounts[1]["host_path"], "/fastData/test", "{mounts}");
}

/// The root pool of a Proxmox host: `rpool/ROOT/pve-1` is the running system itself.
#[test]
fn a_root_pool_is_described_without_surprise() {
    let host = SimHost::with_drives(&DRIVES);
    for line in [
        "zpool create -o autotrim=off -O mountpoint=/rpool -O normalization=formD rpool mirror \
         /dev/disk/by-id/nvme-X_A /dev/disk/by-id/nvme-X_B",
        "zfs create rpool/ROOT",
        "zfs create -o mountpoint=/ -o canmount=noauto rpool/ROOT/pve-1",
        "zfs create rpool/data",
        "zfs create -V 32G rpool/data/vm-100-disk-0",
        "pvesm add zfspool local-zfs --pool rpool/data --content images,rootdir --sparse 1",
    ] {
        shell(&host, line);
    }
    let imported = described(&host, &[]);
    assert_eq!(
        left_out(&imported),
        "1 of guests' volumes in rpool/data: Proxmox makes and removes them with its guests\n"
    );
    assert_eq!(
        file(&imported)["zfs"]["pools"][0]["root_properties"],
        json!({"atime": "on", "compression": "on", "mountpoint": "/rpool", "normalization": "formD",
               "utf8only": "on"})
    );
    let dataset = |name: &str| json!({"pool": "rpool", "name": name});
    let system = json!({"mountpoint": "/", "properties": {"canmount": "noauto"}});
    let storage = json!({"storage": {
        "id": "local-zfs", "type": "zfspool", "content": ["images", "rootdir"], "sparse": true,
    }});
    assert_eq!(
        file(&imported)["zfs"]["datasets"],
        json!([
            dataset("ROOT"),
            with(dataset("ROOT/pve-1"), system),
            with(dataset("data"), storage),
        ])
    );
}

#[test]
fn only_the_named_pools_are_described() {
    let host = SimHost::fresh();
    set_up(&config(EVERYTHING), &host);
    for pool in ["fastData", "quickOS"] {
        let imported = described(&host, &[pool]);
        assert_eq!(left_out(&imported), "");
        let file = file(&imported);
        let names: BTreeSet<String> = [
            ("/zfs/pools", "name"),
            ("/zfs/datasets", "pool"),
            ("/nfs/exports", "dataset"),
            ("/bind_mounts", "dataset"),
        ]
        .into_iter()
        .flat_map(|(list, key)| {
            let items = file.pointer(list).and_then(Value::as_array).unwrap();
            items.iter().map(move |item| item[key].as_str().unwrap())
        })
        .map(|name| name.split('/').next().unwrap().to_owned())
        .collect();
        assert_eq!(names, BTreeSet::from([pool.to_owned()]), "{file:#}");
        assert_eq!(file["zfs"]["arc_max"], Value::Null);
    }
    let error = import(&host, &BTreeSet::from(["tank".to_owned()])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the pool \"tank\" is not imported on this host, which has fastData, quickOS"
    );
}

#[test]
fn an_empty_host_is_an_empty_file() {
    let imported = described(&SimHost::fresh(), &[]);
    assert_eq!(
        file(&imported),
        json!({"zfs": {"pools": [], "datasets": []}})
    );
    assert_eq!(left_out(&imported), "");
}

/// A host that changes while it is described, and names that only look like a path.
#[test]
fn every_step_is_a_fault_at_the_smallest_piece() {
    let host = SimHost::with_drives(&DRIVES);
    shell(
        &host,
        "zpool create -o autotrim=on tank /dev/disk/by-id/nvme-X_A",
    );
    shell(&host, "zfs create -o com.example:owner=ops tank/a");
    shell(&host, "zfs create tank/b");
    let dataset = |name: &str, owner: Option<&str>| Dataset {
        pool: "tank".to_owned(),
        name: name.to_owned(),
        properties: owner
            .map(|owner| ("com.example:owner".to_owned(), owner.to_owned()))
            .into_iter()
            .collect(),
        ..Dataset::default()
    };
    let mut file = File::default();
    file.zfs.pools.push(Pool {
        name: "tank".to_owned(),
        data: Data::One(Vdev {
            raid_level: "single".to_owned(),
            disks: vec!["/dev/disk/by-id/nvme-X_A".to_owned()],
        }),
        ..Pool::default()
    });
    let rows = [("a", Some("dev")), ("b", None), ("gone", None)];
    file.zfs.datasets = rows.map(|(name, owner)| dataset(name, owner)).into();
    let plan = plan(&config(&file.to_text().unwrap()), &host);
    let gone = take_out(&mut file, &of_plan(&plan));
    let gone: Vec<_> = gone.iter().map(|one| one.what.as_str()).collect();
    assert_eq!(
        gone,
        ["com.example:owner of dataset:tank/a", "dataset:tank/gone"]
    );
    let left: Vec<_> = file.zfs.datasets.iter().map(|one| &one.name).collect();
    assert_eq!(left, ["a", "b"]);
}
