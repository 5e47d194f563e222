//! Shares do not follow symbolic links, whoever has put them there and whenever.

use phoenix_executor::event::Outcome;
use phoenix_sim::SimHost;
use phoenix_sim::state::{Entry, EntryKind, State};

use crate::support::{config, message, outcome, plan, run, set_up};

const DATASET: &str = r#"{"zfs": {
    "pools": [{"name": "tank", "raid_level": "single", "disks": ["/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_4TB_SIM4TC0003"]}],
    "datasets": [{"pool": "tank", "name": "d"}]}"#;

const SHARES: [(&str, &str); 2] = [
    (
        "export:/tank/d/a/b",
        r#""nfs": {"exports": [{"path": "/tank/d/a/b", "clients": ["10.0.0.5"]}]}"#,
    ),
    (
        "mount:101:/x",
        r#""bind_mounts": [{"container": 101, "host_path": "/tank/d/a/b", "target": "/x"}]"#,
    ),
];

/// The part of the path that is to be a link; the rest is what the link leads to.
const LINKS: [&str; 2] = ["a", "a/b"];

/// `/tank/d/a/b`, made of directories.
fn directories(state: &mut State) {
    let files = &mut state.datasets.get_mut("tank/d").unwrap().files;
    for path in ["a", "a/b"] {
        files.insert(path.into(), Entry::directory());
    }
}

/// Puts a link to `/etc` in place of a part of the path, with something of the same name behind it.
fn link(state: &mut State, at: &str) {
    let files = &mut state.datasets.get_mut("tank/d").unwrap().files;
    files.retain(|path, _| !path.starts_with(at));
    let link = Entry {
        kind: EntryKind::Symlink,
        ..Entry::directory()
    };
    files.insert(at.into(), link);
    let from = camino::Utf8Path::new("/tank/d").join(at);
    state.links.insert(from, "/etc".into());
    state.files.insert("/etc/b".into(), Entry::directory());
}

#[test]
fn what_leads_through_a_link_is_refused() {
    for (share, section) in SHARES {
        for at in LINKS {
            let host = SimHost::fresh();
            set_up(&config(&format!("{DATASET}}}")), &host);
            host.edit(|state| {
                directories(state);
                link(state, at);
            })
            .unwrap();
            let plan = plan(&config(&format!("{DATASET}, {section}}}")), &host);
            let refusal = plan
                .refusals
                .iter()
                .find(|refusal| refusal.id.to_string() == share);
            let reason = &refusal.unwrap_or_else(|| panic!("{share} {at}")).reason;
            assert!(reason.contains("symbolic link"), "{share} {at}: {reason}");
        }
    }
}

#[test]
fn a_link_that_came_since_the_plan_was_made_stops_the_step() {
    for (share, section) in SHARES {
        for at in LINKS {
            let host = SimHost::fresh();
            set_up(&config(&format!("{DATASET}}}")), &host);
            host.edit(directories).unwrap();
            let plan = plan(&config(&format!("{DATASET}, {section}}}")), &host);
            host.edit(|state| link(state, at)).unwrap();
            let before = host.state();
            let report = run(&plan, &host);
            let words = message(&report, share);
            assert!(
                words.contains("is a symbolic link"),
                "{share} {at}: {words}"
            );
            assert_eq!(outcome(&report, share).outcome, Outcome::Failed);
            assert_eq!(host.state().exports, before.exports);
        }
    }
}
