//! One test for each trap of Proxmox's tools, and one for each proven bug of the scripts that
//! phoenix replaces, by its number. docs/traps.md is the table of them.
//!
//! They go through the library and a simulated host, or through the binary, and never below.

mod incumbent;
mod pve;

use phoenix::config::address::Address;
use phoenix::host::interposed::Interposed;
use phoenix::sim::state::State;
use phoenix::{ApplyOptions, Config, Host, Plan, PlanOptions, Report, SimHost};
use std::time::Duration;

#[test]
fn the_table_of_the_documentation_names_every_test() {
    let table = include_str!("../../../../docs/traps.md");
    let tests = [
        include_str!("traps/pve.rs"),
        include_str!("traps/incumbent/disks.rs"),
        include_str!("traps/incumbent/runs.rs"),
        include_str!("traps/incumbent/shares.rs"),
    ]
    .concat();
    let names = tests
        .lines()
        .filter_map(|line| line.strip_prefix("fn ")?.split_once("() {"));
    let mut found = 0;
    for (name, _) in names.filter(|(name, _)| name.starts_with("trap_") || name.starts_with("bug_"))
    {
        assert!(table.contains(&format!("| `{name}` |\n")), "{name}");
        found += 1;
    }
    assert_eq!(found, 18 + 24);
    assert_eq!(
        table.matches("| `trap_").count() + table.matches("| `bug_").count(),
        found
    );
}

/// The 4 TB drive of the simulated host.
const DISK: &str = "/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_4TB_SIM4TC0003";

/// A file with the pool `tank` on [`DISK`], these datasets, and these sections after `zfs`, each
/// with a comma before it.
fn file(datasets: &str, sections: &str) -> String {
    format!(
        r#"{{"zfs": {{"pools": [{{"name": "tank", "raid_level": "single", "disks": ["{DISK}"]}}],
             "datasets": [{datasets}]}}{sections}}}"#
    )
}

/// The configuration in a valid file.
#[track_caller]
fn config(text: &str) -> Config {
    let loaded = phoenix::load("test.json", text.as_bytes());
    match loaded.config() {
        Some(config) => config.clone(),
        None => panic!("{text}: {:#?}", loaded.diagnostics),
    }
}

/// The codes that a file draws.
fn codes(text: &str) -> Vec<&'static str> {
    let loaded = phoenix::load("test.json", text.as_bytes());
    let codes = loaded.diagnostics.iter().map(|one| one.code.as_str());
    codes.collect()
}

/// Whether a file is refused for the reason that has this code.
fn is_refused(text: &str, code: &str) -> bool {
    !phoenix::load("test.json", text.as_bytes()).is_valid() && codes(text).contains(&code)
}

/// What would be done.
#[track_caller]
fn plan(text: &str, host: &dyn Host) -> Plan {
    let config = config(text);
    let observed = phoenix::observe(&config, host).unwrap();
    phoenix::plan(&config, &observed, &PlanOptions::default())
}

/// Does what is to be done, whatever comes of it.
#[track_caller]
fn apply(text: &str, host: &dyn Host) -> Report {
    let options = ApplyOptions {
        retry_pause: Duration::ZERO,
        ..ApplyOptions::default()
    };
    phoenix::apply(&plan(text, host), host, &options, &mut ()).unwrap()
}

/// Does what is to be done, all of it.
#[track_caller]
fn set_up(text: &str, host: &dyn Host) {
    let report = apply(text, host);
    assert!(report.is_success(), "{report:#?}");
    let plan = plan(text, host);
    assert!(
        plan.steps.is_empty() && plan.refusals.is_empty(),
        "{plan:#?}"
    );
}

/// The addresses of the steps of a plan.
fn steps(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|step| step.id.to_string()).collect()
}

/// The reason why an object is refused.
#[track_caller]
fn refusal(plan: &Plan, address: &str) -> String {
    let id: Address = address.parse().unwrap();
    match plan.refusals.iter().find(|refusal| refusal.id == id) {
        Some(refusal) => refusal.reason.clone(),
        None => panic!("{address} is not refused: {plan:#?}"),
    }
}

/// The message of a note with this code.
#[track_caller]
fn note(plan: &Plan, code: &str) -> String {
    match plan.notes.iter().find(|note| note.code.as_str() == code) {
        Some(note) => note.message.clone(),
        None => panic!("no note {code}: {plan:#?}"),
    }
}

/// What was done to a host that contains this text.
fn writes(host: &SimHost, text: &str) -> Vec<String> {
    let mut writes = host.writes();
    writes.retain(|write| write.contains(text));
    writes
}

/// The configuration file of container 101.
fn container(host: &SimHost) -> String {
    host.read_file("/etc/pve/lxc/101.conf".into())
        .unwrap()
        .unwrap()
}

/// Sets an option of a storage by hand.
fn set_option(host: &SimHost, storage: &str, option: &str, value: &str) {
    host.edit(|state| {
        let storages = state.storages.as_mut().unwrap();
        let options = &mut storages.get_mut(storage).unwrap().options;
        options.insert(option.to_owned(), value.to_owned());
    })
    .unwrap();
}

/// A storage of somebody else.
fn add_storage(state: &mut State, id: &str, kind: &str, options: &[(&str, &str)]) {
    let options = options
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let storage = phoenix::sim::state::Storage {
        kind: kind.to_owned(),
        options: options.collect(),
    };
    state
        .storages
        .as_mut()
        .unwrap()
        .insert(id.to_owned(), storage);
}
