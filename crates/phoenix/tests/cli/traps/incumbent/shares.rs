//! Bugs of what was built on datasets: storages, exports, mounts into containers.

use std::collections::BTreeSet;

use phoenix::sim::state::Entry;
use phoenix::sim::{Fault, FaultKind, SimHost};
use phoenix::{Host as _, Outcome};

use super::{DATA, add_foreign_storages, export};
use crate::scenario::EXAMPLE;
use crate::traps::{apply, codes, container, file, is_refused, note, plan, set_up, steps, writes};

/// "Removes storage it does not own, in `safe` mode, without a prompt", and what NFS had added, so
/// that no run ever found the host as it should be.
#[test]
fn bug_02_storages_of_others_stay_and_the_second_run_does_nothing() {
    let host = SimHost::fresh();
    add_foreign_storages(&host);
    let foreign = host.state().storages.unwrap();
    set_up(EXAMPLE, &host);
    let after = host.state().storages.unwrap();
    for (id, storage) in foreign {
        assert_eq!(after[&id], storage);
    }
    assert_eq!(writes(&host, "pvesm remove"), [""; 0]);
    let done = host.writes().len();
    set_up(EXAMPLE, &host);
    assert_eq!(host.writes().len(), done);
}

/// "Prefix match hides missing storage": `shared-sync` exists, so `shared` was never created.
#[test]
fn bug_07_names_are_matched_whole() {
    let dataset = |name: &str| {
        format!(r#"{{"pool": "tank", "name": "{name}", "storage": {{"type": "zfspool"}}}}"#)
    };
    let host = SimHost::fresh();
    set_up(&file(&dataset("shared-sync"), ""), &host);
    let both = file(
        &format!("{}, {}", dataset("shared"), dataset("shared-sync")),
        "",
    );
    assert_eq!(
        steps(&plan(&both, &host)),
        ["dataset:tank/shared", "storage:tank-shared"]
    );
    set_up(&both, &host);
    assert!(host.state().storages.unwrap().contains_key("tank-shared"));
}

/// "LXC mounts are not idempotent": after three runs container 101 had nine mounts for three.
#[test]
fn bug_08_three_runs_make_as_many_mounts_as_one() {
    let mounts = r#", "bind_mounts": [
        {"container": 101, "dataset": "tank/data", "target": "/a"},
        {"container": 101, "dataset": "tank/data", "target": "/b"},
        {"container": 101, "dataset": "tank/data", "target": "/c"}]"#;
    let (text, host) = (file(DATA, mounts), SimHost::fresh());
    for _ in 0..3 {
        set_up(&text, &host);
        assert_eq!(container(&host).matches("\nmp").count(), 3);
    }
    assert_eq!(writes(&host, "pct set").len(), 3);
}

/// "Bind-mount data lands on the root filesystem": paths below /mnt/pve while the dataset is
/// mounted elsewhere, and `mkdir -p` for whatever is missing.
#[test]
fn bug_09_nothing_is_shared_from_below_a_dataset_that_is_not_mounted_there() {
    let elsewhere = r#", "bind_mounts": [
        {"container": 101, "host_path": "/mnt/pve/tank/data/ssl", "target": "/ssl"}]"#;
    let (text, host) = (file(DATA, elsewhere), SimHost::fresh());
    assert!(codes(&text).contains(&"phoenix::share::undeclared"));
    assert!(apply(&text, &host).is_success());
    note(&plan(&text, &host), "phoenix::mount::source-missing");
    assert!(
        !host
            .state()
            .files
            .keys()
            .any(|path| path.starts_with("/mnt/pve"))
    );
    assert_eq!(writes(&host, "pct"), [""; 0]);

    let shares = format!(
        "{}{}",
        export("\"rw\""),
        r#", "bind_mounts": [{"container": 101, "dataset": "tank/data", "target": "/data"}]"#
    );
    let host = SimHost::fresh();
    set_up(&file(DATA, ""), &host);
    // Nobody can mount it: something lies in the way.
    host.edit(|state| {
        state.mounts.retain(|mount| mount.source != "tank/data");
        let root = state.datasets.get_mut("tank").unwrap();
        root.files.insert("data".into(), Entry::directory());
        root.files.insert("data/stray".into(), Entry::file("x"));
    })
    .unwrap();
    let report = apply(&file(DATA, &shares), &host);
    assert!(!report.is_success(), "{report:#?}");
    assert_eq!(writes(&host, "pct"), [""; 0]);
    assert_eq!(writes(&host, "exportfs"), [""; 0]);
}

/// "/etc/exports is truncated before new content is validated."
#[test]
fn bug_10_exports_of_others_stay_and_a_bad_option_changes_nothing() {
    let theirs = "/srv 192.0.2.1(ro,sync,no_subtree_check)\n";
    let host = SimHost::fresh();
    host.edit(|state| {
        state
            .files
            .insert("/etc/exports".into(), Entry::file(theirs));
    })
    .unwrap();
    let exports = || host.read_file("/etc/exports".into()).unwrap().unwrap();
    set_up(&file(DATA, &export("\"rw\"")), &host);
    assert_eq!(exports(), theirs);
    set_up(&file(DATA, r#", "nfs": {"exports": []}"#), &host);
    assert_eq!(exports(), theirs);
    let exported = host.state().exports.unwrap();
    let exported: BTreeSet<_> = exported.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(exported, BTreeSet::from(["/srv", "/tank/data"]));

    let client_option = file(DATA, &export("\"rw\", \"noatime\""));
    assert!(is_refused(&client_option, "phoenix::export::client-option"));
    let unknown = file(DATA, &export("\"rw\", \"fast\""));
    assert!(is_refused(&unknown, "phoenix::export::unknown-option"));
    let old = r#", "network": {"default_subnet": "192.0.2.0/24"},
        "nfs": {"shares": [{"path": "tank/data", "options": "rw,noatime"}]}"#;
    let plan = plan(&file(DATA, old), &host);
    assert_eq!(steps(&plan), ["export:/tank/data"]);
    assert!(
        !serde_json::to_string(&plan.steps)
            .unwrap()
            .contains("noatime"),
        "a client's option became the server's"
    );
}

/// "World-writable + no_root_squash": chmod 777 on every export, every run.
#[test]
fn bug_11_nobody_gets_more_rights_than_the_file_says() {
    let host = SimHost::fresh();
    let text = file(DATA, &export("\"rw\", \"no_root_squash\""));
    assert!(codes(&text).contains(&"phoenix::export::no-root-squash"));
    set_up(&text, &host);
    let root = &host.state().datasets["tank/data"].files;
    assert!(
        root.values()
            .all(|entry| entry.mode == 0o755 && entry.uid == 0),
        "{root:?}"
    );
    assert_eq!(writes(&host, "set-permissions"), [""; 0]);
    let plain = file(DATA, &export("\"rw\""));
    assert!(
        !plan(&plain, &SimHost::fresh())
            .to_json()
            .contains("no_root_squash")
    );
}

/// "The NFS readiness wait does not wait", and matched prefixes of paths: phoenix asks the server
/// what it exports, path by path, and a server that hangs fails its own steps only.
#[test]
fn bug_18_an_export_is_what_the_server_says_and_a_hung_server_is_no_hung_run() {
    let datasets = format!("{DATA}, {}", r#"{"pool": "tank", "name": "data-sync"}"#);
    let both = format!(
        r#", "nfs": {{"exports": [{}, {}]}}"#,
        r#"{"dataset": "tank/data", "clients": ["10.0.0.0/24"], "options": ["ro"]}"#,
        r#"{"dataset": "tank/data-sync", "clients": ["10.0.0.0/24"], "options": ["ro"]}"#
    );
    let (text, host) = (file(&datasets, &both), SimHost::fresh());
    set_up(&text, &host);
    // The server forgets one of them; the other one's path begins with the same letters.
    let forget = |host: &SimHost| {
        host.edit(|state| {
            let exports = state.exports.as_mut().unwrap();
            exports.retain(|export| export.path != "/tank/data");
        })
        .unwrap();
    };
    forget(&host);
    assert_eq!(steps(&plan(&text, &host)), ["export:/tank/data"]);
    host.add_fault(Fault {
        pattern: "exportfs -ra".to_owned(),
        nth: 1,
        kind: FaultKind::Hang,
    })
    .unwrap();
    let report = apply(&text, &host);
    let outcome = &report.outcomes[&"export:/tank/data".parse().unwrap()];
    assert_eq!(outcome.outcome, Outcome::Failed, "{report:#?}");
    set_up(&text, &host);
}

/// "Word-splitting: an export path with a space was silently dropped; of two exports with one
/// basename the second was never added."
#[test]
fn bug_20_a_path_is_one_word_whatever_is_in_it() {
    let datasets = r#"{"pool": "tank", "name": "a/iso"}, {"pool": "tank", "name": "a"},
        {"pool": "tank", "name": "iso"},
        {"pool": "tank", "name": "films", "mountpoint": "/srv/my films; rm -rf $HOME"}"#;
    let exports = ["tank/a/iso", "tank/iso", "tank/films"].map(|dataset| {
        format!(r#"{{"dataset": "{dataset}", "clients": ["10.0.0.7"], "options": ["ro"]}}"#)
    });
    let text = file(
        datasets,
        &format!(r#", "nfs": {{"exports": [{}]}}"#, exports.join(",")),
    );
    let host = SimHost::fresh();
    set_up(&text, &host);
    let exported: BTreeSet<_> = host
        .state()
        .exports
        .unwrap()
        .into_iter()
        .map(|it| it.path)
        .collect();
    let wanted = ["/srv/my films; rm -rf $HOME", "/tank/a/iso", "/tank/iso"];
    assert_eq!(exported, BTreeSet::from(wanted.map(str::to_owned)));
}

/// "`browsable: false` is impossible": jq's `//` turned every false into the default.
#[test]
fn bug_21_false_is_a_value() {
    let text = |sparse: bool, mount: &str| {
        let dataset = format!(
            r#"{{"pool": "tank", "name": "vm",
                "storage": {{"id": "vm", "type": "zfspool", "sparse": {sparse}}}}}"#
        );
        let mount = format!(r#""container": 101, "dataset": "tank/vm", "target": "/a", {mount}"#);
        file(&dataset, &format!(r#", "bind_mounts": [{{{mount}}}]"#))
    };
    let host = SimHost::fresh();
    set_up(&text(true, r#""read_only": true, "backup": true"#), &host);
    let conf = container(&host);
    assert!(conf.contains("mp=/a,backup=1,ro=1\n"), "{conf}");
    set_up(
        &text(false, r#""read_only": false, "backup": false"#),
        &host,
    );
    assert_eq!(host.state().storages.unwrap()["vm"].options["sparse"], "0");
    let conf = container(&host);
    assert!(conf.contains("mp=/a,backup=0\n"), "{conf}");
}

/// "Cross-file drift: mounts into containers that no longer exist, paths on datasets that never
/// existed."
#[test]
fn bug_23_what_is_gone_is_named_and_holds_nothing_up() {
    let mounts = r#", "bind_mounts": [
        {"container": 955, "dataset": "tank/data", "target": "/a"},
        {"container": 101, "dataset": "tank/data", "target": "/a"}]"#;
    let (text, host) = (file(DATA, mounts), SimHost::fresh());
    set_up(&text, &host);
    let missing = note(&plan(&text, &host), "phoenix::mount::container-missing");
    assert!(missing.contains("955"), "{missing}");
    assert!(container(&host).contains("mp0: /tank/data,mp=/a"));
    let unknown = mounts.replace("tank/data", "tank/qdrant");
    assert!(is_refused(
        &file(DATA, &unknown),
        "phoenix::reference::unknown-dataset"
    ));
}
