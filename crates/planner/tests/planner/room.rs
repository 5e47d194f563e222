//! What is reserved must be there.

use phoenix_planner::observed::{Observed, digest};
use serde_json::{Value, json};

use crate::setup::{file_with, lines, planned, set, settled};

const GIB: u64 = 1 << 30;

fn with(dataset: Value) -> Value {
    file_with(&[("/zfs/datasets/2", dataset)])
}

fn volume(size: &str, sparse: bool) -> Value {
    with(
        json!({"pool": "tank", "name": "disk", "type": "volume", "volsize": size, "sparse": sparse}),
    )
}

fn reserving(property: &str, size: &str) -> Value {
    with(json!({"pool": "tank", "name": "vm/kept", "properties": {property: size}}))
}

/// A host on which as many gibibytes are left in the pool and below `tank/vm`.
fn left(file: &Value, pool: u64, below: u64) -> Observed {
    let mut host = settled(file);
    set(
        &mut host,
        "tank",
        "available",
        &(pool * GIB).to_string(),
        "-",
    );
    set(
        &mut host,
        "tank/vm",
        "available",
        &(below * GIB).to_string(),
        "-",
    );
    host
}

#[test]
fn what_cannot_be_reserved_is_refused_before_the_run() {
    let nothing = crate::setup::file();
    for (file, refused) in [
        (volume("10G", false), None),
        (
            volume("11G", false),
            Some("tank/disk would reserve 11G, and tank has 10G left"),
        ),
        (volume("11G", true), None),
        (reserving("reservation", "5G"), None),
        (
            reserving("reservation", "6G"),
            Some("tank/vm/kept would reserve 6G, and tank/vm has 5G left"),
        ),
        (
            reserving("refreservation", "6G"),
            Some("tank/vm/kept would reserve 6G, and tank/vm has 5G left"),
        ),
        (reserving("quota", "6G"), None),
    ] {
        let plan = planned(&file, &left(&nothing, 10, 5));
        let reasons: Vec<_> = plan.refusals.iter().map(|it| it.reason.as_str()).collect();
        assert_eq!(reasons, Vec::from_iter(refused), "{file}");
    }
}

#[test]
fn what_is_there_already_is_not_counted_again() {
    let before = reserving("reservation", "6G");
    for (size, used, fits) in [
        ("6G", 0, true),
        ("8G", 0, true),
        ("12G", 0, false),
        ("12G", 8, true),
    ] {
        let mut host = left(&before, 10, 5);
        set(
            &mut host,
            "tank/vm/kept",
            "used",
            &(used * GIB).to_string(),
            "-",
        );
        let plan = planned(&reserving("reservation", size), &host);
        assert_eq!(
            plan.refusals.is_empty(),
            fits,
            "{size} {used}: {:?}",
            lines(&plan)
        );
    }
    // A volume that reserves nothing may promise what is not there.
    let mut host = left(&volume("10G", true), 10, 5);
    set(&mut host, "tank/disk", "refreservation", "0", "default");
    assert_eq!(planned(&volume("90G", true), &host).refusals, []);
    let mut host = left(&volume("10G", false), 10, 5);
    set(
        &mut host,
        "tank/disk",
        "refreservation",
        &(10 * GIB).to_string(),
        "local",
    );
    assert_eq!(planned(&volume("20G", false), &host).refusals, []);
    assert_eq!(planned(&volume("21G", false), &host).refusals.len(), 1);
}

/// A saved plan does not become stale because somebody writes a file.
#[test]
fn how_full_a_dataset_is_is_no_fact_of_a_plan() {
    let file = volume("10G", false);
    assert_eq!(digest(&left(&file, 10, 5)), digest(&left(&file, 9, 5)));
}
