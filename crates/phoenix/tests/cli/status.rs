//! `phoenix status`: a host that matches its file and is not well all the same.

use serde_json::Value;

use crate::scenario::{EXAMPLE, Scenario};

const STATUS: &str = "status --host sim:host.json";

#[test]
fn a_pool_that_is_not_well_is_told_with_what_mends_it_and_ends_with_2() {
    let scenario = Scenario::with_config(EXAMPLE);
    scenario
        .run("apply --yes --host sim:host.json")
        .expect_code(0);
    scenario.run(STATUS).expect_code(0);
    for (state, told) in [
        ("FAULTED", "zpool replace quickOS "),
        ("OFFLINE", "zpool online quickOS "),
        ("REMOVED", "plug it in again"),
    ] {
        let host = scenario.host("host.json");
        host.edit(|host| {
            let pool = host.pools.get_mut("quickOS").unwrap();
            state.clone_into(&mut pool.vdevs[0].members[1].state);
        })
        .unwrap();
        drop(host);
        let run = scenario.run(STATUS).expect_code(2);
        assert!(run.stdout.contains("the host matches the file"), "{run:#?}");
        assert!(
            run.stdout.contains("health   pool quickOS is DEGRADED"),
            "{run:#?}"
        );
        assert!(
            run.stdout.contains(state) && run.stdout.contains(told),
            "{run:#?}"
        );
        let quiet = scenario.run(&format!("{STATUS} --quiet")).expect_code(2);
        assert!(quiet.stdout.contains("health"), "{quiet:#?}");
        let json = scenario
            .run(&format!("{STATUS} --format json"))
            .expect_code(2)
            .json();
        let codes: Vec<&Value> = json["notes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|note| &note["code"])
            .collect();
        assert!(
            codes.contains(&&Value::from("phoenix::pool::degraded")),
            "{codes:?}"
        );
    }
}

#[test]
fn a_suspended_pool_is_told_and_ends_with_2() {
    let scenario = Scenario::with_config(EXAMPLE);
    scenario
        .run("apply --yes --host sim:host.json")
        .expect_code(0);
    let host = scenario.host("host.json");
    host.edit(|host| {
        let pool = host.pools.get_mut("quickOS").unwrap();
        "SUSPENDED".clone_into(&mut pool.health);
    })
    .unwrap();
    drop(host);
    let run = scenario.run(STATUS).expect_code(2);
    assert!(run.stdout.contains("pool quickOS is SUSPENDED"), "{run:#?}");
    assert!(run.stdout.contains("zpool clear quickOS"), "{run:#?}");
}
