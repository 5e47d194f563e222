//! Reading a host: what is asked, what absence means, and what is an error.

use std::fmt::Write as _;

use phoenix_executor::observe;
use phoenix_host::Host;
use phoenix_host::command::{Command, Output, Program};
use phoenix_planner::observed::{IdRange, Observed};
use phoenix_planner::wanted;
use phoenix_sim::SimHost;
use phoenix_sim::state::DriveHealth;

use crate::support::{EVERYTHING, Interposed, config, look, plan, run, set_up};

#[test]
fn the_number_of_commands_does_not_depend_on_the_number_of_datasets() {
    let count = |datasets: usize| {
        let mut text = r#"{"zfs": {"pools": [{"name": "tank", "raid_level": "single", "disks":
            ["/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_4TB_SIM4TC0003"]}], "datasets": ["#
            .to_owned();
        for number in 0..datasets {
            let comma = if number == 0 { "" } else { "," };
            write!(text, r#"{comma}{{"pool": "tank", "name": "d{number}"}}"#).unwrap();
        }
        text.push_str("]}}");
        let (config, host) = (config(&text), SimHost::fresh());
        set_up(&config, &host);
        let before = host.commands().len();
        assert_eq!(look(&config, &host).datasets.len(), datasets + 1);
        host.commands()[before..]
            .iter()
            .map(|command| command.argv()[..2].join(" "))
            .collect::<Vec<_>>()
    };
    let mut few = count(1);
    let mut many = count(300);
    few.sort_unstable();
    many.sort_unstable();
    assert_eq!(few, many);
}

/// What stands between a drive and a new pool on it, and what does not.
#[test]
fn only_a_drive_that_is_known_to_be_bad_is_unfit_for_a_new_pool() {
    type Change = fn(&mut DriveHealth);
    let cases: [(&str, Change, &str, Option<&str>); 7] = [
        ("healthy", |_| {}, "", None),
        (
            "worn out",
            |drive| drive.percentage_used = 104,
            "",
            Some("104 %"),
        ),
        (
            "worn, by default",
            |drive| drive.percentage_used = 90,
            "",
            Some("90 %"),
        ),
        (
            "worn, as the file allows",
            |drive| drive.percentage_used = 90,
            "150",
            None,
        ),
        (
            "read-only",
            |drive| drive.critical_warning = 8,
            "",
            Some("read-only"),
        ),
        (
            "firmware known to be bad",
            |drive| drive.firmware = "0B2QJXD7".to_owned(),
            "",
            Some("0B2QJXD7"),
        ),
        (
            "virtual",
            |drive| (drive.available_spare, drive.percentage_used) = (0, 0),
            "",
            None,
        ),
    ];
    for (name, change, limit, reason) in cases {
        let mut text = EVERYTHING.to_owned();
        if !limit.is_empty() {
            let section = format!(r#"{{"nvme": {{"wear_critical_percent": {limit}}},"#);
            text = text.replacen('{', &section, 1);
        }
        let (config, host) = (config(&text), SimHost::fresh());
        host.edit(|state| change(&mut state.disks.get_mut("nvme2n1").unwrap().health))
            .unwrap();
        let observed = look(&config, &host);
        for (path, disk) in &observed.disks {
            let unfit = disk.unfit.as_deref();
            match reason.filter(|_| disk.kernel_name == "nvme2n1") {
                None => assert_eq!(unfit, None, "{name}: {path}"),
                Some(reason) => assert!(unfit.unwrap().contains(reason), "{name}: {unfit:?}"),
            }
        }
    }
}

#[test]
fn a_drive_that_does_not_answer_is_not_called_unfit() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    host.edit(|state| {
        let drive = state.disks.get_mut("nvme2n1").unwrap();
        drive.health.critical_warning = 8;
    })
    .unwrap();
    // Neither tool can open the drive.
    let silent = Interposed {
        host: &host,
        answer: |command: &Command| {
            let asks = matches!(command.program, Program::Smartctl | Program::Nvme);
            asks.then(|| Output {
                code: Some(2),
                stdout: String::new(),
                stderr: "Permission denied\n".to_owned(),
            })
        },
    };
    let observed = look(&config, &silent);
    assert_eq!(observed.disks.len(), 3);
    assert!(observed.disks.values().all(|disk| disk.unfit.is_none()));
}

#[test]
fn only_drives_for_new_pools_are_asked_for_their_health() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    let asked = |from: usize| -> Vec<String> {
        let health =
            |command: &&Command| matches!(command.program, Program::Smartctl | Program::Nvme);
        let commands = host.commands();
        let mut drives: Vec<String> = commands[from..]
            .iter()
            .filter(health)
            .filter_map(|command| command.args.last().cloned())
            .collect();
        drives.sort_unstable();
        drives.dedup();
        drives
    };
    look(&config, &host);
    assert_eq!(asked(0), ["/dev/nvme0n1", "/dev/nvme1n1", "/dev/nvme2n1"]);
    set_up(&config, &host);
    host.edit(|state| {
        state.pools.remove("fastData");
    })
    .unwrap();
    let before = host.commands().len();
    look(&config, &host);
    assert_eq!(asked(before), ["/dev/nvme2n1"]);
}

#[test]
fn nothing_is_asked_recursively() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    set_up(&config, &host);
    let recursive = |command: &Command| {
        let is_zfs = matches!(command.program, Program::Zfs | Program::Zpool);
        is_zfs && command.args.iter().any(|arg| arg == "-r")
    };
    assert_eq!(
        host.commands().iter().find(|command| recursive(command)),
        None
    );
}

#[test]
fn a_suspended_pool_is_asked_nothing_and_the_other_goes_on() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    set_up(&config, &host);
    host.edit(|state| state.pools.get_mut("fastData").unwrap().health = "SUSPENDED".to_owned())
        .unwrap();
    let before = host.commands().len();
    let observed = look(&config, &host);
    let pool = &observed.pools["fastData"];
    assert_eq!((pool.health.as_str(), pool.vdevs.len()), ("SUSPENDED", 0));
    assert!(observed.datasets.contains_key("quickOS/data"));
    assert!(!observed.datasets.contains_key("fastData/test"));
    for command in &host.commands()[before..] {
        assert!(!command.to_string().contains("fastData"), "{command}");
    }
    let quota = config_with_larger_quota();
    let report = run(&plan(&quota, &host), &host);
    assert_eq!(report.summary.changed, 1, "{:?}", report.outcomes);
}

fn config_with_larger_quota() -> phoenix_config::model::Config {
    config(&EVERYTHING.replace("800G", "900G"))
}

#[test]
fn what_is_not_installed_is_absent() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    host.edit(|state| {
        state.storages = None;
        state.exports = None;
    })
    .unwrap();
    let observed = look(&config, &host);
    assert_eq!(observed.storages, None);
    assert!(observed.containers.is_empty());
    assert!(!observed.exports.available);
    assert_eq!(observed.node, "pve-sim");
    assert_eq!(observed.memory, 64 << 30);
}

#[test]
fn a_file_without_zfs_does_not_ask_zfs() {
    let host = SimHost::fresh();
    let text = r#"{"bind_mounts": [
        {"container": 101, "host_path": "/srv", "target": "/mnt/srv"}]}"#;
    look(&config(text), &host);
    let programs: Vec<_> = host
        .commands()
        .iter()
        .map(|command| command.program)
        .collect();
    assert!(!programs.contains(&Program::Zpool), "{programs:?}");
    assert!(!programs.contains(&Program::Pvesh), "{programs:?}");
}

/// A host on which commands that begin with `start` end in the middle of their first line.
fn torn<'a>(
    host: &'a SimHost,
    start: &'a str,
) -> Interposed<&'a SimHost, impl Fn(&Command) -> Option<Output>> {
    let answer = move |command: &Command| {
        command.to_string().starts_with(start).then(|| {
            let whole = host.run(command).unwrap().stdout;
            let line = whole.lines().next().unwrap_or_default();
            Output::success(&line[..line.len() / 2])
        })
    };
    Interposed { host, answer }
}

#[test]
fn a_layout_that_cannot_be_read_costs_its_pool_and_no_other() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    set_up(&config, &host);
    let torn = torn(&host, "zpool status -P fastData");
    let plan = plan(&config, &torn);
    assert_eq!(plan.steps, []);
    let roots: Vec<_> = plan
        .refusals
        .iter()
        .filter(|refusal| refusal.because_of.is_empty())
        .collect();
    assert_eq!(roots.len(), 1);
    assert_eq!(roots[0].id.to_string(), "pool:fastData");
    assert!(
        roots[0].reason.contains("the output of zpool status"),
        "{}",
        roots[0].reason
    );
}

#[test]
fn truncated_output_is_an_error_that_names_the_tool() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    set_up(&config, &host);
    let whole = look(&config, &host);
    let writes = host.writes().len();
    for (start, named) in [
        ("zpool list", "zpool list"),
        ("zpool get", "zpool get"),
        ("zfs get", "zfs get"),
        ("lsblk", "lsblk"),
        ("find /dev/disk", "find"),
        ("pvesh get", "pvesh get /storage"),
        ("exportfs -s", "exportfs -s"),
    ] {
        let torn = torn(&host, start);
        let error = observe(&torn, &wanted(&config)).unwrap_err();
        let mut story = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            write!(story, ": {cause}").unwrap();
            source = cause.source();
        }
        assert!(story.contains(named), "{start}: {story}");
        assert!(story.contains("cannot understand"), "{start}: {story}");
    }
    assert_eq!(host.writes().len(), writes);
    assert_eq!(look(&config, &host), whole);
}

#[test]
fn a_pool_that_goes_while_it_is_looked_at_is_an_error() {
    let (config, host) = (config(EVERYTHING), SimHost::fresh());
    set_up(&config, &host);
    let exported = Interposed {
        host: &host,
        answer: |command: &Command| {
            let hit = command.to_string().starts_with("zpool list");
            hit.then(|| Output::success(""))
        },
    };
    let error = observe(&exported, &wanted(&config)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the pool \"fastData\" was imported or exported while phoenix looked at this host"
    );
}

#[test]
fn containers_show_pending_values_and_the_host_ids_of_their_users() {
    let host = SimHost::fresh();
    let conf = "arch: amd64\nmp0: /a,mp=/x\nmp1: /b,mp=/y\nmp2: /c,mp=/z\nunprivileged: 1\n\
                lxc.idmap: u 0 200000 65536\nlxc.idmap = g 0 300000 65536\n\n\
                [pve:pending]\ndelete: mp1\nmp0: /a2,mp=/x\n\n[snap]\nmp2: /old,mp=/z\n";
    host.edit(|state| {
        let entry = phoenix_sim::state::Entry::file(conf);
        state.files.insert("/etc/pve/lxc/101.conf".into(), entry);
    })
    .unwrap();
    let text = r#"{"bind_mounts": [
        {"container": 101, "host_path": "/srv", "target": "/mnt/srv"},
        {"container": 102, "host_path": "/srv", "target": "/mnt/srv"},
        {"container": 999, "host_path": "/srv", "target": "/mnt/srv"}]}"#;
    let Observed { containers, .. } = look(&config(text), &host);
    let first = &containers[&101];
    let mounts: Vec<_> = first
        .mounts
        .iter()
        .map(|(key, value)| format!("{key} {value}"))
        .collect();
    assert_eq!(mounts, ["mp0 /a2,mp=/x", "mp2 /c,mp=/z"]);
    assert_eq!(Vec::from_iter(&first.pending), ["mp0", "mp1"]);
    assert!(!containers.contains_key(&999));
}

#[test]
fn the_ids_of_a_container_are_mapped_as_proxmox_does() {
    const UNPRIVILEGED: &str = "0 100000 65536";
    for (what, conf, users, groups) in [
        (
            "unprivileged",
            "unprivileged: 1\n",
            UNPRIVILEGED,
            UNPRIVILEGED,
        ),
        (
            "privileged",
            "arch: amd64\n",
            "0 0 4294967295",
            "0 0 4294967295",
        ),
        (
            "in pieces",
            "unprivileged: 1\nlxc.idmap: u 0 100000 1000\nlxc.idmap = u 1000 1000 1\n\
             lxc.idmap: g 0 300000 65536\n",
            "0 100000 1000, 1000 1000 1",
            "0 300000 65536",
        ),
        (
            "one line replaces the default for both kinds",
            "unprivileged: 1\nlxc.idmap: u 0 100000 65536\n",
            UNPRIVILEGED,
            "",
        ),
        (
            "lines of a snapshot do not count",
            "unprivileged: 1\n\n[snap]\nlxc.idmap: u 0 7 65536\n",
            UNPRIVILEGED,
            UNPRIVILEGED,
        ),
    ] {
        let host = SimHost::fresh();
        host.write_file("/etc/pve/lxc/101.conf".into(), conf)
            .unwrap();
        let text = r#"{"bind_mounts": [
            {"container": 101, "host_path": "/srv", "target": "/mnt/srv"}]}"#;
        let observed = look(&config(text), &host);
        let shown = |ranges: &[IdRange]| {
            let pieces = ranges
                .iter()
                .map(|it| format!("{} {} {}", it.container, it.host, it.count));
            pieces.collect::<Vec<_>>().join(", ")
        };
        let container = &observed.containers[&101];
        assert_eq!(shown(&container.uids), users, "{what}");
        assert_eq!(shown(&container.gids), groups, "{what}");
    }
}
