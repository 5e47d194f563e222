//! Files of the scripts that phoenix replaces, applied to a host that is ready for them: what is
//! done, what is not done and why, and that a second run does nothing.
//!
//! The files are real ones, redacted; see crates/config/tests/data/historic/README.md.

use phoenix::SimHost;
use phoenix::host::Host as _;
use phoenix::sim::state::Entry;

use crate::scenario::Scenario;

/// The drives that the files name.
const DRIVES: [(&str, u64); 3] = [
    (
        "nvme-Samsung_SSD_990_EVO_Plus_2TB_S7U6NJ0Y100001X",
        2_000_398_934_016,
    ),
    (
        "nvme-Samsung_SSD_990_EVO_Plus_2TB_S7U6NJ0Y100002X",
        2_000_398_934_016,
    ),
    (
        "nvme-Samsung_SSD_990_EVO_Plus_4TB_S7U8NJ0Y100003X",
        4_000_787_030_016,
    ),
];

const OLDEST: &str = include_str!("../../../config/tests/data/historic/2025-09-oldest.json");
const OBJECT_PROPERTIES: &str =
    include_str!("../../../config/tests/data/historic/2025-09-object-properties.json");
const NEWEST: &str = include_str!("../../../config/tests/data/historic/2025-11-newest.json");
const CONTAINERS: &str =
    include_str!("../../../config/tests/data/historic/2025-11-lxc_configs.json");

/// A directory with the file, and a host with its drives.
fn scenario(text: &str) -> Scenario {
    let scenario = Scenario::with_config(text);
    let state = SimHost::with_drives(&DRIVES).state();
    let set = |host: &mut phoenix::sim::state::State| *host = state;
    scenario.host("host.json").edit(set).unwrap();
    scenario
}

/// Applies the file, and again: the second run must not touch the host. Returns what the second
/// run says: the warnings of the file, and what is still not as the file says, with the reasons.
#[track_caller]
fn converge(scenario: &Scenario, code: i32) -> String {
    converge_with(scenario, "", code)
}

#[track_caller]
fn converge_with(scenario: &Scenario, args: &str, code: i32) -> String {
    let apply = format!("apply --yes --host sim:host.json {args}");
    scenario.run(&apply).expect_code(code);
    let state = scenario.read("host.json");
    let again = scenario.run(&apply).expect_code(code);
    assert_eq!(scenario.read("host.json"), state, "the second run wrote");
    format!("{}\n{}", again.stderr, again.stdout)
}

#[test]
fn the_shape_of_the_plan_makes_datasets_and_nothing_else() {
    let scenario = scenario(OBJECT_PROPERTIES);
    let said = converge(&scenario, 0);
    snapbox::assert_data_eq!(said, snapbox::file!["historic/object-properties.txt"].raw());
    let state = scenario.host("host.json").state();
    assert_eq!(state.datasets.len(), 2 + 8);
    assert_eq!(Vec::from_iter(state.storages.unwrap().keys()), ["local"]);
    assert_eq!(state.exports, Some(Vec::new()));
}

#[test]
fn the_newest_file_is_set_up_but_for_mounts_into_containers_that_are_gone() {
    let scenario = scenario(NEWEST);
    let said = converge(&scenario, 0);
    snapbox::assert_data_eq!(said, snapbox::file!["historic/newest.txt"].raw());
    let state = scenario.host("host.json").state();
    assert_eq!(state.datasets.len(), 2 + 12);
    assert_eq!(state.storages.unwrap().len(), 1 + 12);
    assert!(!state.files.keys().any(|path| path.starts_with("/mnt/pve")));
}

/// 910 was a certificate consumer once, and is another container now.
#[test]
fn a_container_that_took_over_an_old_number_gets_no_mount_of_a_directory_that_is_not_there() {
    let scenario = scenario(NEWEST);
    let host = scenario.host("host.json");
    let conf = "/etc/pve/lxc/910.conf";
    let text = "arch: amd64\nhostname: another\nunprivileged: 1\n";
    host.edit(|state| {
        state.files.insert(conf.into(), Entry::file(text));
    })
    .unwrap();
    let said = converge(&scenario, 0);
    let reason = "the directory /mnt/pve/quickOS/shared-prod-data/ssl does not exist";
    assert!(said.contains(reason), "{said}");
    let host = scenario.host("host.json");
    assert_eq!(host.read_file(conf.into()).unwrap().unwrap(), text);
}

#[test]
fn the_oldest_file_needs_its_pools_and_says_what_it_does_not_take_over() {
    let bare = scenario(OLDEST);
    let said = converge(&bare, 6);
    snapbox::assert_data_eq!(
        said,
        snapbox::file!["historic/oldest-without-pools.txt"].raw()
    );

    let scenario = scenario(OBJECT_PROPERTIES);
    scenario
        .run("apply --yes --host sim:host.json --target pool:quickOS --target pool:fastData")
        .expect_code(0);
    scenario.write("phoenix_hypervisor_config.json", OLDEST);
    let said = converge(&scenario, 0);
    snapbox::assert_data_eq!(said, snapbox::file!["historic/oldest.txt"].raw());
    let state = scenario.host("host.json").state();
    assert_eq!(state.datasets.len(), 2 + 9);
    assert_eq!(state.storages.unwrap().len(), 1 + 4);
    assert_eq!(state.exports.unwrap().len(), 7);
}

#[test]
fn the_containers_of_the_second_file_get_the_mounts_whose_directories_exist() {
    let scenario = scenario(NEWEST);
    scenario.write("lxc.json", CONTAINERS);
    scenario
        .host("host.json")
        .edit(|state| {
            let mut path = camino::Utf8PathBuf::from("/mnt/pve");
            state.files.insert(path.clone(), Entry::directory());
            for part in ["quickOS", "lxc-persistent-data", "101", "logs"] {
                path.push(part);
                state.files.insert(path.clone(), Entry::directory());
            }
        })
        .unwrap();
    let said = converge_with(&scenario, "--lxc-config lxc.json", 0);
    snapbox::assert_data_eq!(said, snapbox::file!["historic/lxc-configs.txt"].raw());
    let conf = "/etc/pve/lxc/101.conf".into();
    let conf = scenario.host("host.json").read_file(conf).unwrap().unwrap();
    assert_eq!(conf.matches("\nmp").count(), 1, "{conf}");
}
