//! Proxmox storages: what several writers of one file do to one another.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use phoenix_executor::event::Outcome;
use phoenix_host::Host;
use phoenix_host::command::{Command, Output, Program};
use phoenix_sim::SimHost;
use phoenix_sim::state::{State, Storage};

use crate::support::{EVERYTHING, Interposed, config, outcome, plan, run, set_up};

const LOCKED: &str = "trying to acquire cfs lock 'file-storage_cfg' ...\n\
                      cfs-lock 'file-storage_cfg' error: got lock request timeout\n";
const MOUNTING: &str = "create storage failed: could not activate storage 'x', zfs error: cannot mount \
                        'quickOS/a': mountpoint or dataset is busy\n\n";
const NO_QUORUM: &str = "update storage failed: cfs-lock 'file-storage_cfg' error: no quorum!\n";

/// The whole of `EVERYTHING` is there, and the file now wants a larger set of backups kept.
fn drifted() -> (SimHost, phoenix_config::model::Config) {
    let host = SimHost::fresh();
    set_up(&config(EVERYTHING), &host);
    let pruned = EVERYTHING.replace(
        r#""content": ["backup"]"#,
        r#""content": ["backup"], "prune_backups": {"keep_last": 3, "keep_daily": 7}"#,
    );
    (host, config(&pruned))
}

#[test]
fn options_are_set_against_the_state_that_was_seen() {
    let (host, config) = drifted();
    let report = run(&plan(&config, &host), &host);
    assert!(report.is_success());
    let writes = host.writes();
    let set = writes
        .iter()
        .find(|write| write.starts_with("pvesm set"))
        .unwrap();
    let (typed, digest) = set.split_once(" --digest ").unwrap();
    assert_eq!(
        typed,
        "pvesm set fast-backups --prune-backups keep-last=3,keep-daily=7"
    );
    assert_eq!(digest.len(), 40);
    assert!(plan(&config, &host).is_empty());
}

/// A host on which somebody else writes right before each of the first `times` `pvesm set`.
fn meddled(times: usize, meddle: fn(&mut State)) -> (Outcome, String) {
    let (host, config) = drifted();
    let first = plan(&config, &host);
    let seen = AtomicUsize::new(0);
    let meddling = Interposed {
        host: &host,
        answer: |command: &Command| {
            let sets = command.to_string().starts_with("pvesm set");
            if sets && seen.fetch_add(1, Ordering::Relaxed) < times {
                host.edit(meddle).unwrap();
            }
            None
        },
    };
    let report = run(&first, &meddling);
    let outcome = outcome(&report, "storage:fast-backups");
    let error = outcome.error.as_ref();
    (
        outcome.outcome,
        error.map(|error| error.message.clone()).unwrap_or_default(),
    )
}

fn storages(state: &mut State) -> &mut BTreeMap<String, Storage> {
    state.storages.as_mut().unwrap()
}

#[test]
fn a_change_of_another_storage_costs_one_more_look() {
    let another = |state: &mut State| {
        let made = state.files.len() + storages(state).len();
        let local = storages(state).get_mut("local").unwrap();
        let before = local.options.insert("comment".to_owned(), made.to_string());
        local
            .options
            .insert("nodes".to_owned(), format!("{before:?}"));
    };
    assert_eq!(meddled(1, another), (Outcome::Changed, String::new()));
    let (outcome, error) = meddled(2, another);
    assert_eq!(outcome, Outcome::Failed);
    assert_eq!(
        error,
        "cannot change storage \"fast-backups\": somebody else is changing Proxmox's storages at \
         the same time"
    );
}

#[test]
fn a_change_of_the_same_storage_is_not_overwritten() {
    let same = |state: &mut State| {
        let storage = storages(state).get_mut("fast-backups").unwrap();
        let disable = ("disable".to_owned(), "1".to_owned());
        storage.options.extend([disable]);
    };
    let (outcome, error) = meddled(1, same);
    assert_eq!(outcome, Outcome::Failed);
    assert_eq!(
        error,
        "cannot change storage \"fast-backups\": somebody else has changed the storage since the \
         plan was made"
    );
}

#[test]
fn what_passes_is_waited_for_and_lost_quorum_is_not() {
    for (stderr, fails, tries, outcome_then) in [
        (LOCKED, 1, 2, Outcome::Changed),
        (LOCKED, 100, 7, Outcome::Failed),
        (MOUNTING, 2, 3, Outcome::Changed),
        (NO_QUORUM, 1, 1, Outcome::Failed),
    ] {
        let (host, config) = drifted();
        let seen = AtomicUsize::new(0);
        let stubborn = Interposed {
            host: &host,
            answer: |command: &Command| {
                let again = command.program == Program::Pvesm
                    && seen.fetch_add(1, Ordering::Relaxed) < fails;
                again.then(|| Output::failure(255, stderr))
            },
        };
        let report = run(&plan(&config, &host), &stubborn);
        let found = outcome(&report, "storage:fast-backups").outcome;
        assert_eq!(found, outcome_then, "{stderr}");
        assert_eq!(seen.into_inner(), tries, "{stderr}");
    }
}

/// What the file does not name is the same before and after, to the byte.
#[test]
fn storages_and_exports_of_others_stay_as_they_are() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    let storage = |kind: &str, options: &[(&str, &str)]| Storage {
        kind: kind.to_owned(),
        options: options
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
    };
    let others = BTreeMap::from([
        (
            "nas".to_owned(),
            storage(
                "nfs",
                &[
                    ("server", "10.0.0.9"),
                    ("export", "/x"),
                    ("options", "vers=4"),
                ],
            ),
        ),
        (
            "pbs-offsite".to_owned(),
            storage(
                "pbs",
                &[("datastore", "d"), ("server", "s"), ("odd", "a  b")],
            ),
        ),
        (
            "quick-vm2".to_owned(),
            storage("zfspool", &[("pool", "quickOS/vm2"), ("disable", "1")]),
        ),
    ]);
    let own = "/etc/exports";
    let theirs = "/etc/exports.d/site.exports";
    let text = "# by hand\n/var/lib/vz\t10.9.0.0/24(ro,sync,no_subtree_check)   # odd\n";
    host.edit(|state| {
        storages(state).extend(others.clone());
    })
    .unwrap();
    host.write_file(own.into(), text).unwrap();
    host.write_file(theirs.into(), "").unwrap();
    set_up(&config, &host);
    // And once more with every kind of object changed.
    let changed = EVERYTHING
        .replace(r#"["images", "rootdir"]"#, r#"["images"]"#)
        .replace(r#"["rw", "sync"]"#, r#"["rw", "async"]"#);
    set_up(&crate::support::config(&changed), &host);
    let mut after = host.state();
    for (id, storage) in others {
        assert_eq!(storages(&mut after).get(&id), Some(&storage), "{id}");
    }
    assert_eq!(host.read_file(own.into()).unwrap().as_deref(), Some(text));
    assert_eq!(host.read_file(theirs.into()).unwrap().as_deref(), Some(""));
    let served = after.exports.unwrap();
    assert!(served.iter().any(|export| export.path == "/var/lib/vz"));
}
