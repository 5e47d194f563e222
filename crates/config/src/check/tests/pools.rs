//! Pools, their disks and their room, and the read cache.

use super::*;

#[test]
fn pools() {
    let name = "/zfs/pools/1/name";
    let disks = "/zfs/pools/0/disks";
    let by_id = |names: &[&str]| json!(names);
    table(&[
        (
            "/zfs/pools/0/raid_level",
            json!("single"),
            &["pool::disk-count | [\"/dev/disk/by-id/nvme-A\",\"/dev/disk/by-id/nvme-B\"]"],
        ),
        ("/zfs/pools/0/raid_level", json!("stripe"), &[]),
        (
            "/zfs/pools/0/raid_level",
            json!("raidz1"),
            &["pool::disk-count | [\"/dev/disk/by-id/nvme-A\",\"/dev/disk/by-id/nvme-B\"]"],
        ),
        (
            disks,
            by_id(&["nvme-A"]),
            &["pool::disk-count | [\"nvme-A\"]"],
        ),
        (disks, by_id(&[]), &["pool::disk-count | []"]),
        (disks, by_id(&["nvme-A", "nvme-B", "nvme-D"]), &[]),
        (
            disks,
            json!(["__DISK_ID_1__", "nvme-B"]),
            &["disk::placeholder | __DISK_ID_1__"],
        ),
        (
            disks,
            json!(["/dev/disk/by-id/<disk>", "nvme-B"]),
            &["disk::placeholder | /dev/disk/by-id/<disk>"],
        ),
        (
            disks,
            json!(["/dev/sda", "nvme-B"]),
            &["disk::unstable-path | /dev/sda"],
        ),
        (
            disks,
            json!(["/dev/nvme0n1", "nvme-B"]),
            &["disk::unstable-path | /dev/nvme0n1"],
        ),
        (disks, json!(["sda", "nvme-B"]), &["disk::not-a-path | sda"]),
        (
            disks,
            json!(["/dev/disk/by-path/pci-0", "/dev/mapper/x"]),
            &[],
        ),
        (
            disks,
            by_id(&["nvme-A", "nvme-A"]),
            &["disk::used-twice | nvme-A | nvme-A"],
        ),
        (
            disks,
            by_id(&["nvme-A", "nvme-C"]),
            &["disk::used-twice | /dev/disk/by-id/nvme-C | nvme-C"],
        ),
        (
            "/zfs/pools/0/spares",
            json!(["nvme-L"]),
            &["disk::used-twice | nvme-L | /dev/disk/by-id/nvme-L"],
        ),
        (
            "/zfs/pools/0/special",
            json!(["nvme-S"]),
            &[
                "pool::mixed-redundancy | nvme-S | [\"/dev/disk/by-id/nvme-A\",\"/dev/disk/by-id/nvme-B\"]",
            ],
        ),
        (
            "/zfs/pools/0/special",
            json!([{"raid_level": "mirror", "disks": ["nvme-S", "nvme-T"]}]),
            &[],
        ),
        (
            "/zfs/pools/0/special",
            json!([{"raid_level": "raidz1", "disks": ["nvme-S", "nvme-T", "nvme-U"]}]),
            &[],
        ),
        (
            "/zfs/pools/0/log",
            json!([{"raid_level": "mirror", "disks": ["nvme-S", "nvme-T"]}]),
            &[],
        ),
        (
            "/zfs/pools/0/root_properties",
            json!({"encryption": "on"}),
            &["pool::cannot-be-made | on"],
        ),
        (
            "/zfs/pools/0/root_properties",
            json!({"sharenfs": "ON"}),
            &["property::invalid-value | ON"],
        ),
        (
            "/zfs/pools",
            json!([]),
            &[
                "pool::none | zfs",
                "dataset::unknown-pool | tank",
                "dataset::unknown-pool | tank",
                "dataset::unknown-pool | tank",
                "dataset::unknown-pool | solo",
                "dataset::unknown-pool | solo",
            ],
        ),
    ]);
    let log = json!([{"raid_level": "raidz1", "disks": ["nvme-S", "nvme-T", "nvme-U"]}]);
    assert_eq!(
        drawn(&[("/zfs/pools/0/log", log)])[0].split(' ').next(),
        Some("pool::log-layout")
    );
    let raid10 = |count: usize| {
        let disks: Vec<_> = (0..count).map(|disk| format!("nvme-{disk}")).collect();
        let changes = [
            ("/zfs/pools/0/raid_level", json!("raid10")),
            (disks_pointer(), json!(disks)),
        ];
        drawn(&changes).len()
    };
    assert_eq!([2, 3, 4, 5, 6].map(raid10), [1, 1, 0, 1, 0]);

    let renamed = |text: &str| {
        drawn(&[
            (name, json!(text)),
            ("/zfs/datasets/3/pool", json!(text)),
            ("/zfs/datasets/4/pool", json!(text)),
        ])
    };
    assert_eq!(renamed("mirrored"), ["pool::invalid-name | mirrored"]);
    assert_eq!(renamed("1st"), ["pool::invalid-name | 1st"]);
    assert_eq!(renamed("my pool"), ["pool::invalid-name | my pool"]);
    assert_eq!(renamed("special"), ["pool::confusing-name | special"]);
    assert_eq!(renamed("rpool"), Vec::<String>::new());
    assert_eq!(renamed("tank"), ["pool::duplicate | tank | tank"]);
}

fn disks_pointer() -> &'static str {
    "/zfs/pools/0/disks"
}

#[test]
fn special_vdevs_survive_as_much_as_data_does() {
    let special = |count: usize| {
        let disks: Vec<_> = (0..count).map(|disk| format!("nvme-S{disk}")).collect();
        let vdev = json!([{"raid_level": "mirror", "disks": disks}]);
        drawn(&[("/zfs/pools/0/special", vdev)]).len()
    };
    assert_eq!([2, 3].map(special), [0, 1]);
}

#[test]
fn read_cache() {
    table(&[
        ("/zfs/arc_max", json!("63M"), &["arc::too-small | 63M"]),
        ("/zfs/arc_max", json!("64M"), &[]),
    ]);
}

#[test]
fn capacity_is_judged_by_what_the_file_tells_of_the_disks() {
    let disks = |size: &str| {
        let names = ["X", "Y"].map(|serial| format!("/dev/disk/by-id/nvme-Drive_{size}_{serial}"));
        ("/zfs/pools/0/disks", json!(names))
    };
    let quota = |quota: &str| ("/zfs/datasets/0/properties/quota", json!(quota));
    assert_eq!(drawn(&[disks("2TB"), quota("1.7T")]), Vec::<String>::new());
    assert_eq!(
        drawn(&[disks("990_PRO"), quota("99T")]),
        Vec::<String>::new()
    );
    // The volume of 32G takes part.
    assert_eq!(
        drawn(&[disks("2TB"), quota("1.73T")]),
        ["capacity::overcommitted | 1.73T | 32G"]
    );
    // A quota covers what lies below.
    let child = json!({"pool": "tank", "name": "data/sub", "properties": {"quota": "99T"}});
    let changes = [
        disks("2TB"),
        quota("1.7T"),
        ("/zfs/datasets/-", child),
        ("/nfs", json!({})),
        ("/bind_mounts", json!([])),
    ];
    assert_eq!(drawn(&changes), Vec::<String>::new());
    assert_eq!(
        drawn(&[("/zfs/pools/1/disk_size", json!("2T"))]),
        ["capacity::overcommitted | 3T"]
    );
}
