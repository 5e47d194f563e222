//! The twenty-four proven bugs of the scripts that phoenix replaces. Each test does what set the
//! bug off, and would fail if phoenix did the same.

mod disks;
mod runs;
mod shares;

use phoenix::sim::SimHost;

use super::add_storage;

const DATA: &str = r#"{"pool": "tank", "name": "data"}"#;
const APPLY: &str = "apply --yes --host sim:host.json";

/// An export of tank/data with these options.
fn export(options: &str) -> String {
    format!(
        r#", "nfs": {{"exports": [{{"dataset": "tank/data", "clients": ["10.0.0.0/24"],
             "options": [{options}]}}]}}"#
    )
}

/// Storages that somebody else made.
fn add_foreign_storages(host: &SimHost) {
    host.edit(|state| {
        add_storage(
            state,
            "pbs-offsite",
            "pbs",
            &[("server", "192.0.2.9"), ("datastore", "d")],
        );
        add_storage(
            state,
            "nas-backup",
            "nfs",
            &[("server", "192.0.2.8"), ("export", "/b")],
        );
        add_storage(state, "ceph-rbd", "rbd", &[("pool", "rbd")]);
    })
    .unwrap();
}
