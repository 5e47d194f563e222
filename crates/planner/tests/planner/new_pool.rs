//! New pools: what `zpool create` would refuse, and names that fit more than one disk.

use std::collections::BTreeSet;

use phoenix_planner::observed::{Observed, ObservedSignature, Obstacle, digest};
use phoenix_planner::{GrantProblem, Grants, PlanOptions, grant_problems};

use crate::setup::{
    Case, as_it_is, config, disk, file, file_with, fresh, lines, planned_with, run_fresh, settled,
};

const ROOT: &str = "/zfs/pools/0/root_properties";
const KEYED: &str = r#"{"encryption": "on", "keyformat": "raw",
                        "keylocation": "file:///root/k", "atime": "off", "compression": "lz4"}"#;
const MADE: &str = "create pool:tank: data mirror /dev/disk/by-id/nvme-A /dev/disk/by-id/nvme-B; \
                    disk /dev/disk/by-id/nvme-A, serial SN-nvme0n1, 2.00 TB (1.82 TiB), blank; \
                    disk /dev/disk/by-id/nvme-B, serial SN-nvme1n1, 2.00 TB (1.82 TiB), blank; \
                    ashift 12; autotrim on; root_properties.atime off; \
                    root_properties.compression lz4; root_properties.encryption aes-256-gcm; \
                    root_properties.keyformat raw; root_properties.keylocation file:///root/k";

#[test]
fn what_zpool_create_would_refuse_is_refused_before_a_disk_is_erased() {
    run_fresh(
        "pool:",
        &[
            Case {
                name: "mirrors of two and three",
                file: &[(
                    "/zfs/pools/0",
                    r#"{"name": "tank", "vdevs": [
                        {"raid_level": "mirror", "disks": ["nvme-A", "nvme-B"]},
                        {"raid_level": "mirror", "disks": ["nvme-C", "nvme-D", "nvme-E"]}]}"#,
                )],
                host: as_it_is,
                plan: &[
                    "refuse pool:tank: pool tank cannot be made: a mirror of 2 that survives 1 lost \
                     disks does not go with a mirror of 3 that survives 2",
                ],
            },
            Case {
                name: "a disk of 72 MiB",
                file: &[],
                host: |host| disk(host, "B").size = 72 << 20,
                plan: &[
                    "refuse pool:tank: /dev/disk/by-id/nvme-B is too small: it has 75.50 MB (72.00 \
                     MiB), and ZFS wants 76.56 MB (73.02 MiB) of a disk",
                    "note pool:tank: phoenix::capacity::overcommitted",
                ],
            },
            Case {
                name: "an uneven log is not compared",
                file: &[(
                    "/zfs/pools/0/log",
                    r#"[{"raid_level": "mirror", "disks": ["nvme-C", "nvme-D"]}]"#,
                )],
                host: |host| {
                    disk(host, "D").size = 1 << 40;
                    host.disks.retain(|path, _| !path.ends_with('A'));
                },
                plan: &["refuse pool:tank: there is no disk /dev/disk/by-id/nvme-A"],
            },
            Case {
                name: "a key for no encryption",
                file: &[(ROOT, r#"{"keyformat": "raw"}"#)],
                host: as_it_is,
                plan: &[
                    "refuse pool:tank: pool tank cannot be made: keyformat is set, and encryption \
                     is not turned on",
                ],
            },
            Case {
                name: "no key file",
                file: &[(ROOT, KEYED)],
                host: as_it_is,
                plan: &["refuse pool:tank: pool tank cannot be made: there is no key file /root/k"],
            },
            Case {
                name: "a key file that is too short",
                file: &[(ROOT, KEYED)],
                host: |host| key(host, 31),
                plan: &[
                    "refuse pool:tank: pool tank cannot be made: the key file /root/k holds 31 \
                     bytes, and a raw key has 32",
                ],
            },
            Case {
                name: "a key file",
                file: &[(ROOT, KEYED)],
                host: |host| key(host, 32),
                plan: &[MADE],
            },
            Case {
                name: "more reserved than there is",
                file: &[(ROOT, r#"{"reservation": "3T"}"#)],
                host: as_it_is,
                plan: &[
                    "refuse pool:tank: pool tank cannot be made: reservation is 3.30 TB (3.00 TiB), \
                     and the pool will have 1.93 TB (1.76 TiB)",
                ],
            },
            Case {
                name: "a quota for nothing",
                file: &[(ROOT, r#"{"quota": "10K"}"#)],
                host: as_it_is,
                plan: &[
                    "refuse pool:tank: pool tank cannot be made: quota is 10240 bytes, less than an \
                     empty dataset takes",
                ],
            },
        ],
    );
}

fn key(host: &mut Observed, bytes: u64) {
    host.key_files.insert("/root/k".to_owned(), bytes);
}

#[test]
fn a_pool_that_lives_may_be_what_could_not_be_made() {
    let mixed = file_with(&[(ROOT, serde_json::json!({"special_small_blocks": "16K"}))]);
    let host = settled(&file());
    let plan = planned_with(&mixed, &host, &PlanOptions::default());
    assert_eq!(plan.refusals, [], "{plan:?}");
}

/// Two namespaces of one drive, each with something on it.
fn namespaces() -> Observed {
    let mut host = fresh();
    for (name, other) in [("A", "B"), ("B", "A")] {
        let disk = disk(&mut host, name);
        disk.serial = Some("TWIN".to_owned());
        disk.stable_path = format!("/dev/disk/by-id/nvme-{name}");
        disk.namesakes = BTreeSet::from([format!("/dev/disk/by-id/nvme-{other}")]);
        disk.obstacles = vec![Obstacle::Signature {
            what: "ext4".to_owned(),
        }];
    }
    host
}

fn wipe(names: &[&str]) -> Grants {
    Grants {
        wipe: names.iter().map(|&name| name.to_owned()).collect(),
        ..Grants::default()
    }
}

#[test]
fn a_serial_number_that_two_disks_have_grants_nothing() {
    let host = namespaces();
    let plan = |grants| {
        let options = PlanOptions {
            grants,
            ..PlanOptions::default()
        };
        planned_with(&file(), &host, &options)
    };
    let refused = plan(wipe(&["TWIN"]));
    let refusal = &refused.refusals[0];
    assert!(refusal.reason.contains("carries ext4"), "{refusal:?}");
    // The way out names the disk, not its serial number.
    assert!(
        refusal
            .help
            .ends_with("--allow wipe:/dev/disk/by-id/nvme-A"),
        "{refusal:?}"
    );
    assert_eq!(plan(wipe(&["nvme-A", "nvme-B"])).refusals, []);
    let notes: Vec<_> = lines(&refused)
        .into_iter()
        .filter(|line| line.contains("one-drive"))
        .collect();
    assert_eq!(notes, ["note pool:tank: phoenix::pool::one-drive"]);
    let grants = wipe(&["TWIN", "nvme-B", "nvme-AB"]);
    assert_eq!(
        grant_problems(&config(&file()), &host, &grants),
        [
            GrantProblem::Ambiguous {
                name: "TWIN".to_owned(),
                disks: ["A", "B"]
                    .map(|name| format!("/dev/disk/by-id/nvme-{name}"))
                    .into(),
            },
            GrantProblem::Unknown {
                name: "nvme-AB".to_owned(),
                nearest: Some("nvme-A".to_owned()),
            },
        ]
    );
}

#[test]
fn a_link_that_fits_two_disks_names_neither() {
    let mut host = namespaces();
    let shared = disk(&mut host, "A");
    shared.shared_path = true;
    shared.stable_path = "/dev/disk/by-id/nvme-A_1".to_owned();
    for grants in [Grants::default(), wipe(&["nvme-A", "nvme-B"])] {
        let options = PlanOptions {
            grants,
            ..PlanOptions::default()
        };
        let plan = planned_with(&file(), &host, &options);
        let refusal = &plan.refusals[0];
        assert!(
            refusal.reason.contains("may lead to another disk"),
            "{refusal:?}"
        );
        assert_eq!(refusal.help, "name the disk by /dev/disk/by-id/nvme-A_1");
    }
}

#[test]
fn the_digest_knows_what_is_on_a_disk() {
    let with = |uuid: &str| {
        let mut host = fresh();
        disk(&mut host, "A").signatures.insert(ObservedSignature {
            device: "nvme0n1".to_owned(),
            kind: "ext4".to_owned(),
            label: None,
            uuid: Some(uuid.to_owned()),
            offset: Some(1080),
        });
        digest(&host)
    };
    assert_eq!(with("1"), with("1"));
    assert_ne!(with("1"), with("2"));
}
