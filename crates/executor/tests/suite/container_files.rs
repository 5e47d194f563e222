//! Container files as people and other tools leave them: what a plan and an import make of each.

use std::collections::BTreeSet;

use phoenix_executor::import::import;
use phoenix_host::Host;
use phoenix_planner::plan::Plan;
use phoenix_sim::SimHost;

use crate::support::{config, plan, run, set_up};

const DATASET: &str = r#"{"zfs": {"pools": [{"name": "tank", "raid_level": "single",
    "disks": ["/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_4TB_SIM4TC0003"]}],
  "datasets": [{"pool": "tank", "name": "data"}]}"#;

/// A host with a dataset at `/tank/data`, and container 101 whose file has these lines beside those
/// that every file has.
fn host_with(lines: &str) -> SimHost {
    let host = SimHost::fresh();
    set_up(&config(&format!("{DATASET}}}")), &host);
    let text = format!("arch: amd64\nhostname: ct101\n{lines}");
    host.write_file("/etc/pve/lxc/101.conf".into(), &text)
        .unwrap();
    host
}

/// A file that wants the dataset at `/data`.
fn wanted() -> phoenix_config::model::Config {
    config(&format!(
        r#"{DATASET}, "bind_mounts": [{{"container": 101, "dataset": "tank/data", "target": "/data"}}]}}"#
    ))
}

fn lines(plan: &Plan) -> Vec<String> {
    let steps = plan.steps.iter().map(|step| {
        let change = step.changes.first().unwrap();
        format!("{} {}", change.field, change.after)
    });
    let refusals = plan.refusals.iter();
    let refusals = refusals.map(|it| format!("{}: {}", it.code.as_str(), it.reason));
    let notes = plan
        .notes
        .iter()
        .filter(|note| note.code.as_str() == "phoenix::host::unread-line");
    steps
        .chain(refusals)
        .chain(notes.map(|note| note.message.clone()))
        .collect()
}

const SET: &str = "mp0 /tank/data,mp=/data";
const UNUSABLE: &str = "phoenix::refused::container-mount-unusable: Proxmox cannot use mp0 of \
                        container 101, so it is not mounted, and pct set does not replace it: line 3 of \
                        /etc/pve/lxc/101.conf";

/// The lines of the container's file, and the plan. What is to be done is done, and then there is
/// nothing to do.
#[test]
fn each_line_is_judged_as_proxmox_reads_it() {
    let unread = |line: &str, reason: &str| {
        format!("one line has no effect: line 3 of /etc/pve/lxc/101.conf (\"{line}\": {reason})")
    };
    let plain = "it is no comment, section or `key: value`";
    let as_is = Vec::<String>::new;
    for (text, expected) in [
        ("mp0: /tank/data,mp=/data\n", as_is()),
        ("mp0:/tank/data,mp=/data\n", as_is()),
        ("mp0: volume=/tank/data,mp=/data\n", as_is()),
        ("mp0: mp=/data,/tank/data,ro=off\n", as_is()),
        ("mp0: /tank/data,mp=/data,,ro=NO\n", as_is()),
        ("mp0: /tank/data/,mp=/data/\n", as_is()),
        ("mp0: /tank/data,mp=data\n", as_is()),
        ("mp0: /tank/data,mp=/data,size=8G,acl=1,quota=1,replicate=0,shared=1,backup=1\n", as_is()),
        ("mp0: /tank/data,mp=/data,keepattrs=1,idmap=passthrough\n", as_is()),
        ("mp0: /x,mp=/data\nmp0: /tank/data,mp=/data\n", as_is()),
        ("mp0: /tank/data,mp=/data\nsnapstate: prepare\ntemplate: 1\nlock: backup\n", as_is()),
        ("mp0: /tank/data,mp=/data\n\n[snap1]\nmp0: /old,mp=/old\nsnaptime: 1\n", as_is()),
        ("[pve:pending]\nmp0: /tank/data,mp=/data\n", as_is()),
        ("[PVE:PENDING]\nmp0: /tank/data,mp=/data\n", as_is()),
        ("future: 1\nmp0: /tank/data,mp=/data\n", as_is()),
        (
            "mp0: /tank/data,mp=/data\n[pve:pending]\ndelete: !mp0 hostname\n",
            vec![SET.to_owned()],
        ),
        (
            "mp0: /tank/data,mp=/data,ro=on\n",
            vec![SET.to_owned()],
        ),
        (
            "delete: mp0\nmp0: /tank/data,mp=/data\n",
            vec![unread("delete: mp0", "only [pve:pending] can delete keys")],
        ),
        (
            " mp0: /tank/data,mp=/data\n",
            vec![SET.to_owned(), unread("mp0: /tank/data,mp=/data", "it begins with a blank")],
        ),
        (
            "mp0 : /tank/data,mp=/data\n",
            vec![SET.to_owned(), unread("mp0 : /tank/data,mp=/data", plain)],
        ),
        (
            "MP0: /tank/data,mp=/data\n",
            vec![SET.to_owned(), unread("MP0: /tank/data,mp=/data", plain)],
        ),
        (
            "mp256: /tank/data,mp=/data\n",
            vec![
                SET.to_owned(),
                unread("mp256: /tank/data,mp=/data", "Proxmox numbers mount points from mp0 to mp255"),
            ],
        ),
        (
            "[1snap]\nmp0: /tank/data,mp=/data\n",
            vec![unread("[1snap]", plain)],
        ),
        (
            "gr\u{fffd}\u{fffd}e\nmp0: /tank/data,mp=/data\n",
            vec![unread("gr\u{fffd}\u{fffd}e", plain)],
        ),
        (
            "mp0: /tank/data,mp=/gr\u{fffd}\u{fffd}e\n",
            vec!["mp1 /tank/data,mp=/data".to_owned()],
        ),
        (
            "lxc.idmap: u 0 100000\nmp0: /tank/data,mp=/data\n",
            vec![unread(
                "lxc.idmap: u 0 100000",
                "it is no id map, and the container does not start with it",
            )],
        ),
        (
            "mp0: /tank/data,mp=/data,frob=1\n",
            vec![
                format!("{UNUSABLE} (\"mp0: /tank/data,mp=/data,frob=1\": `frob` is no option of a mount point)"),
                unread("mp0: /tank/data,mp=/data,frob=1", "`frob` is no option of a mount point"),
            ],
        ),
        (
            "mp0: /tank/data,mp=/data,ro=maybe\n",
            vec![
                format!("{UNUSABLE} (\"mp0: /tank/data,mp=/data,ro=maybe\": `ro` is neither true nor false, but `maybe`)"),
                unread("mp0: /tank/data,mp=/data,ro=maybe", "`ro` is neither true nor false, but `maybe`"),
            ],
        ),
        (
            "mp0: /other,mp=/other,frob=1\n",
            vec![
                "mp1 /tank/data,mp=/data".to_owned(),
                unread("mp0: /other,mp=/other,frob=1", "`frob` is no option of a mount point"),
            ],
        ),
        (
            "lxc.mount.entry: /tank/data data none bind,create=dir 0 0\n",
            vec![
                "phoenix::refused::container-mount-taken: line 3 of /etc/pve/lxc/101.conf mounts \
                 /tank/data at /data of container 101 by itself (lxc.mount.entry), past Proxmox"
                    .to_owned(),
            ],
        ),
        (
            "lxc.mount.entry: /tank/data srv/data none bind,create=dir 0 0\n",
            vec![SET.to_owned()],
        ),
        (
            "mp0: \"/tank/data\",mp=/data\n",
            vec![
                "phoenix::refused::container-mount-taken: container 101 has \"/tank/data\" at /data \
                 (mp0), which would be detached"
                    .to_owned(),
            ],
        ),
    ] {
        let host = host_with(text);
        let made = plan(&wanted(), &host);
        assert_eq!(lines(&made), expected, "{text}");
        let report = run(&made, &host);
        assert_eq!(report.is_success(), made.refusals.is_empty(), "{text}");
        let steps = plan(&wanted(), &host).steps;
        assert!(steps.is_empty(), "{text}: {steps:?}");
    }
}

/// The lines of the container's file, and what the import of the host says of them.
#[test]
fn an_import_leaves_no_line_out_in_silence() {
    for (text, mounts, left_out) in [
        ("mp0: /tank/data,mp=/data\n", 1, ""),
        (
            "lxc.mount.entry: /tank/data mnt/ph none bind,create=dir 0 0\n",
            0,
            "mount:101:/mnt/ph: line 3 of /etc/pve/lxc/101.conf mounts /tank/data there past Proxmox \
             (lxc.mount.entry): to hand it over, declare it and remove the line\n",
        ),
        (
            " mp0: /tank/data,mp=/data\n",
            0,
            "line 3 of /etc/pve/lxc/101.conf: it has no effect, \"mp0: /tank/data,mp=/data\": it begins \
             with a blank\n",
        ),
        (
            "mp0: /tank/data,mp=/data,frob=1\nmp1: /tank/data,mp=/b\n",
            1,
            "line 3 of /etc/pve/lxc/101.conf: it has no effect, \"mp0: /tank/data,mp=/data,frob=1\": \
             `frob` is no option of a mount point\n",
        ),
        (
            "mp0: /tank/data,mp=/gr\u{f6}\u{df}e\n",
            0,
            "mount:101:/gr\u{f6}\u{df}e: the target \"/gr\u{f6}\u{df}e\" in container 101 has a letter \
             outside of ASCII, which Proxmox writes into the container's file as another one\n",
        ),
    ] {
        let host = host_with(text);
        let imported = import(&host, &BTreeSet::from(["tank".to_owned()])).unwrap();
        let found: String = imported
            .left_out
            .iter()
            .map(|one| format!("{}: {}\n", one.what, one.why))
            .collect();
        assert_eq!(found, left_out, "{text}");
        assert_eq!(
            imported.text.matches("\"target\"").count(),
            mounts,
            "{text}"
        );
    }
}
