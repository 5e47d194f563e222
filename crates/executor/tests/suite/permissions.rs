//! Whole trees and ACLs: set on request, kept, and never beyond the dataset.

use camino::Utf8Path;
use phoenix_host::Host;
use phoenix_host::command::Program;
use phoenix_planner::plan::Plan;
use phoenix_sim::SimHost;
use phoenix_sim::state::{Entry, EntryKind};
use phoenix_tools::acl;
use phoenix_zfs::property::Value;

use crate::support::{EVERYTHING, config, look, plan, run, set_up};

const ADDRESS: &str = "permissions:quickOS/data";

/// A host on which [`EVERYTHING`] has been set up, with files in a dataset and in its child.
fn settled() -> SimHost {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    set_up(&config, &host);
    host
}

fn put(host: &SimHost, dataset: &str, path: &str, entry: Entry) {
    host.edit(|state| {
        let files = &mut state.datasets.get_mut(dataset).unwrap().files;
        files.insert(path.into(), entry);
    })
    .unwrap();
}

fn file(uid: u32, mode: u32) -> Entry {
    Entry {
        uid,
        gid: uid,
        mode,
        ..Entry::file("x")
    }
}

fn mode_and_owner(host: &SimHost, dataset: &str, path: &str) -> (u32, u32) {
    let state = host.state();
    let dataset = state.datasets.get(dataset);
    let entry = dataset
        .and_then(|it| it.files.get(Utf8Path::new(path)))
        .unwrap();
    (entry.mode, entry.uid)
}

fn changes(plan: &Plan) -> Vec<String> {
    let changes = plan.steps.iter().flat_map(|step| {
        let of_step = step.changes.iter();
        of_step.map(move |change| {
            let before = change
                .before
                .as_ref()
                .map_or_else(|| "-".into(), Value::text);
            format!("{} {}: {before} -> {}", step.id, change.field, change.after)
        })
    });
    changes.collect()
}

#[test]
fn everything_below_becomes_like_the_directory_and_nothing_else_does() {
    let (config, host) = (config(EVERYTHING), settled());
    put(&host, "quickOS/data", "plain", file(0, 0o600));
    put(&host, "quickOS/data", "tool", file(100_000, 0o4700));
    let link = Entry {
        kind: EntryKind::Symlink,
        ..file(0, 0o777)
    };
    put(&host, "quickOS/data", "zlink", link);
    put(&host, "quickOS/data", "logs/hidden", file(7, 0o640));
    put(&host, "quickOS/data/logs", "log", file(7, 0o640));
    put(&host, "fastData/test", "other", file(7, 0o640));

    let drift = plan(&config, &host);
    assert_eq!(
        changes(&drift),
        [
            "owner: 100000 -> 100000",
            "group: 100000 -> 100000",
            "mode: 2775 -> 2775",
            "contents: others, such as /quickOS/data/plain -> like the directory",
        ]
        .map(|change| format!("{ADDRESS} {change}"))
    );
    assert!(run(&drift, &host).is_success());
    for (dataset, path, expected) in [
        ("quickOS/data", "", (0o2775, 100_000)),
        ("quickOS/data", "plain", (0o664, 100_000)),
        ("quickOS/data", "tool", (0o775, 100_000)),
        ("quickOS/data", "zlink", (0o777, 100_000)),
        ("quickOS/data", "logs/hidden", (0o640, 7)),
        ("quickOS/data/logs", "", (0o755, 0)),
        ("quickOS/data/logs", "log", (0o640, 7)),
        ("fastData/test", "other", (0o640, 7)),
    ] {
        let has = mode_and_owner(&host, dataset, path);
        assert_eq!(has, expected, "{dataset} {path}");
    }
    let writes = host.writes().len();
    assert!(plan(&config, &host).is_empty());
    assert_eq!(host.writes().len(), writes);
}

#[test]
fn without_the_word_recursive_only_the_directory_changes() {
    let text = EVERYTHING.replace(r#""recursive": true,"#, "");
    let (config, host) = (config(&text), settled());
    put(&host, "quickOS/data", "plain", file(7, 0o600));
    assert!(plan(&config, &host).is_empty());
    host.edit(|state| {
        let files = &mut state.datasets.get_mut("quickOS/data").unwrap().files;
        files.get_mut(Utf8Path::new("")).unwrap().uid = 0;
    })
    .unwrap();
    set_up(&config, &host);
    assert_eq!(mode_and_owner(&host, "quickOS/data", ""), (0o2775, 100_000));
    assert_eq!(mode_and_owner(&host, "quickOS/data", "plain"), (0o600, 7));
}

#[test]
fn an_acl_is_set_mended_and_leaves_the_entries_of_others_alone() {
    let (config, host) = (config(EVERYTHING), settled());
    let acl = |host: &SimHost| {
        let mut acls = acl::read(host, &["/quickOS/data"]).unwrap().unwrap();
        let acl = acls.remove(Utf8Path::new("/quickOS/data")).unwrap();
        let entries = acl.iter().map(|(who, may)| format!("{who}{may}"));
        entries.collect::<Vec<_>>().join(" ")
    };
    let wanted = "default:group:1001:rwx default:group::rwx default:mask::rwx \
                  default:other::r-x default:user::rwx group:1001:rwx group::rwx mask::rwx \
                  other::r-x user::rwx";
    assert_eq!(acl(&host), wanted);
    // The entries did not disturb the mode.
    assert_eq!(mode_and_owner(&host, "quickOS/data", ""), (0o2775, 100_000));

    let by_hand = [("group:1001:", "r--"), ("user:33:", "r-x")];
    let by_hand = by_hand.map(|(who, may)| (who.to_owned(), may.to_owned()));
    let command = acl::set("/quickOS/data", &by_hand.into());
    assert_eq!(host.run(&command).unwrap().code, Some(0));
    set_up(&config, &host);
    assert_eq!(
        acl(&host),
        format!("{wanted} user:33:r-x").replace("user::rwx user:33:r-x", "user:33:r-x user::rwx")
    );
    assert!(plan(&config, &host).is_empty());

    // chmod of a directory with an ACL changes its mask, and phoenix changes it back.
    host.edit(|state| {
        let files = &mut state.datasets.get_mut("quickOS/data").unwrap().files;
        files.get_mut(Utf8Path::new("")).unwrap().mode = 0o2755;
    })
    .unwrap();
    set_up(&config, &host);
    assert_eq!(mode_and_owner(&host, "quickOS/data", ""), (0o2775, 100_000));
    assert!(plan(&config, &host).is_empty());
}

#[test]
fn without_the_tools_for_acls_the_way_out_names_their_package() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    let planned = plan(&config, &host);
    host.edit(|state| state.removed.extend([Program::Getfacl, Program::Setfacl]))
        .unwrap();
    let refused = plan(&config, &host);
    let refusal = refused
        .refusals
        .iter()
        .find(|refusal| refusal.id.to_string() == ADDRESS)
        .unwrap();
    assert!(refusal.help.contains("apt install acl"), "{refusal:?}");
    // Who has the plan from before learns it from the step.
    let report = run(&planned, &host);
    let error = &report.outcomes[&ADDRESS.parse().unwrap()].error;
    let help = error.as_ref().unwrap().help.as_deref().unwrap();
    assert!(help.contains("apt install acl"), "{help}");
    assert_eq!(look(&config, &host).acls, None);
}
