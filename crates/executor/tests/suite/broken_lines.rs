//! What others have broken costs itself: the plan names it, and everything else is done.

use std::collections::BTreeSet;

use phoenix_executor::import::import;
use phoenix_host::Host;
use phoenix_host::command::{Command, Output};
use phoenix_planner::plan::Plan;
use phoenix_sim::SimHost;

use crate::support::{Interposed, config, plan, run, set_up};

const EXPORTED: &str = r#"{"zfs": {"pools": [{"name": "tank", "raid_level": "single",
    "disks": ["/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_4TB_SIM4TC0003"]}],
  "datasets": [{"pool": "tank", "name": "data"}, {"pool": "tank", "name": "iso",
    "storage": {"id": "iso", "type": "dir", "content": ["iso"]}}], "arc_max": "8G"},
 "nfs": {"exports": [{"dataset": "tank/data", "clients": ["10.0.0.7"], "options": ["rw"]}]},
 "bind_mounts": [{"container": 101, "dataset": "tank/data", "target": "/data"}]}"#;

fn unread(plan: &Plan) -> Vec<String> {
    let of_host = |code: &str| code == "phoenix::host::unread-line";
    let notes = plan.notes.iter();
    let notes = notes.filter(|note| of_host(note.code.as_str()));
    notes.map(|note| note.message.clone()).collect()
}

/// A file of others, and what is told of it. The rest of the plan is made, and made only once.
#[test]
fn a_broken_line_is_named_and_everything_else_goes_on() {
    let told = |rest: &str| format!("one line has no effect: {rest}");
    for (file, text, expected) in [
        ("/etc/exports", "/tank/iso 10.0.0.1(ro)\n", vec![]),
        (
            "/etc/exports",
            "tank/iso 10.0.0.1(rw)\n",
            vec![told(
                "line 1 of /etc/exports (\"tank/iso 10.0.0.1(rw)\": its path is not absolute)",
            )],
        ),
        (
            "/etc/exports",
            "# mine\n\"/tank/iso 10.0.0.1(rw)\n",
            vec![told(
                "line 2 of /etc/exports (\"\"/tank/iso 10.0.0.1(rw)\": a quote in it has no end)",
            )],
        ),
        // What is dropped with the rest of its file is in nobody's way.
        (
            "/etc/exports",
            "/tank/iso 10.0.0.1(rw,noatime)\n/tank/data 10.0.0.7(ro)\n",
            vec![told(
                "line 1 of /etc/exports (\"/tank/iso 10.0.0.1(rw,noatime)\": `noatime` is no export \
                 option, and exportfs leaves out the rest of the file)",
            )],
        ),
        (
            "/etc/exports.d/other.exports",
            "/tank/iso 10.0.0.1(ro\n",
            vec![told(
                "line 1 of /etc/exports.d/other.exports (\"/tank/iso 10.0.0.1(ro\": `10.0.0.1(ro` is \
                 no client with options in parentheses, and exportfs leaves out the rest of the file)",
            )],
        ),
        ("/etc/exports", "# gr\u{fffd}\u{fffd}e\n", vec![]),
        ("/etc/pve/.members", "{\"nodename\": \n", vec![]),
        (
            "/etc/modprobe.d/zfs.conf",
            "options zfs zfs_arc_max=8589934592 # \u{fffd}\n",
            vec![],
        ),
        (
            "/etc/pve/lxc/101.conf",
            "arch: amd64\nstray\n",
            vec![told(
                "line 2 of /etc/pve/lxc/101.conf (\"stray\": it is no comment, section or `key: value`)",
            )],
        ),
    ] {
        let host = SimHost::fresh();
        host.write_file(file.into(), text).unwrap();
        let wanted = config(EXPORTED);
        let made = plan(&wanted, &host);
        assert_eq!(unread(&made), expected, "{text}");
        assert!(made.refusals.is_empty(), "{text}: {:?}", made.refusals);
        let lines = import(&host, &BTreeSet::new()).unwrap().left_out;
        let named = lines.iter().filter(|one| one.what.contains(file));
        assert_eq!(named.count(), expected.len(), "{text}: {lines:?}");
        let report = run(&made, &host);
        let failed: Vec<_> = report
            .outcomes
            .values()
            .filter_map(|it| it.error.as_ref())
            .collect();
        assert!(report.is_success(), "{text}: {failed:?}");
        let again = plan(&wanted, &host);
        assert!(again.steps.is_empty(), "{text}: {:?}", again.steps);
    }
}

/// `pvesh` fails as a whole when one section lacks what its type needs.
#[test]
fn storages_that_proxmox_cannot_list_cost_the_storages() {
    let sim = SimHost::fresh();
    let host = Interposed {
        host: &sim,
        answer: |command: &Command| {
            let lists = command.to_string().starts_with("pvesh get /storage");
            lists.then(|| Output::failure(255, "missing value for required option 'pool'\n"))
        },
    };
    let made = plan(&config(EXPORTED), &host);
    let refused: Vec<_> = made.refusals.iter().map(|it| it.id.to_string()).collect();
    assert_eq!(refused, ["storage:iso"]);
    let reason = &made.refusals.first().unwrap().reason;
    assert!(
        reason.contains("missing value for required option"),
        "{reason}"
    );
    let outcomes = run(&made, &host).outcomes;
    let failed = outcomes.iter().filter(|(_, it)| it.error.is_some());
    let failed: Vec<_> = failed.map(|(id, _)| id.to_string()).collect();
    assert_eq!(failed, ["storage:iso"]);
    set_up(&config(EXPORTED), &sim);
    let left_out = import(&host, &BTreeSet::new()).unwrap().left_out;
    assert!(
        left_out
            .iter()
            .any(|one| one.what == "the Proxmox storages")
    );
}
