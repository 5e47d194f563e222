//! Proxmox's tools, against what they really printed and wrote.

use std::collections::{BTreeMap, BTreeSet};

use phoenix_host::command::{Command, Effect};
use phoenix_tools::pve::{self, IdMap, IdMapKind, parse_mount};
use serde::Deserialize;

use crate::properties;

/// One run of a real tool.
#[derive(Deserialize)]
struct Recording {
    argv: Vec<String>,
    rc: i32,
    stdout: String,
    after: Option<String>,
}

fn recordings() -> Vec<Recording> {
    let text = include_str!("../fixtures/pve-recordings.jsonl");
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn command_lines_are_those_that_proxmox_took() {
    let took = |command: Command| {
        let argv = command.argv();
        let known = recordings();
        assert!(
            known.iter().any(|run| run.rc == 0 && run.argv == argv),
            "no recording of {command}"
        );
        command
    };
    let delete = ["nodes", "blocksize"].map(str::to_owned);
    assert_eq!(took(pve::storages()).effect, Effect::Read);
    // The recordings give options in the order of their author, phoenix sorts them.
    let add = pve::add_storage(
        "dir",
        "d1",
        &properties([("path", "/srv/g1"), ("content", "backup")]),
    );
    assert_eq!(
        add.to_string(),
        "pvesm add dir d1 --content backup --path /srv/g1"
    );
    took(pve::add_storage(
        "zfspool",
        "z3",
        &properties([("pool", "tank/nope")]),
    ));
    took(pve::set_storage(
        "z1",
        &properties([("sparse", "0")]),
        &[],
        None,
    ));
    took(pve::set_storage("z1", &properties([]), &delete, None));
    let all = pve::set_storage(
        "z1",
        &properties([("sparse", "1")]),
        &delete[..1],
        Some("ab"),
    );
    let typed = "pvesm set z1 --sparse 1 --delete nodes --digest ab";
    assert_eq!(all.to_string(), typed);
    took(pve::set_mount(101, "mp0", "/srv/src2,mp=/data"));
    assert_eq!(pve::containers().to_string(), "pct list");
    assert_eq!(pve::container_conf_path(101), "/etc/pve/lxc/101.conf");
}

#[test]
fn storages_are_read_as_sets_and_text() {
    let run = recordings()
        .into_iter()
        .find(|run| run.argv == pve::storages().argv())
        .unwrap();
    let storages = pve::parse_storages(&run.stdout).unwrap();
    insta::assert_debug_snapshot!(storages);
}

#[test]
fn the_nodes_of_a_cluster_are_read() {
    // As pve-cluster 9.1 `status.c` prints them.
    let cluster = "{\n\"nodename\": \"pve1\",\n\"version\": 4,\n\"cluster\": { \"name\": \"lab\", \
                   \"version\": 2, \"nodes\": 2, \"quorate\": 1 },\n\"nodelist\": {\n  \"pve2\": { \"id\": \
                   2, \"online\": 0},\n  \"pve1\": { \"id\": 1, \"online\": 1, \"ip\": \
                   \"10.0.0.1\"}\n  }\n}\n";
    let alone = "{\n\"nodename\": \"pve1\",\n\"version\": 1\n}\n";
    let nodes = |text| Vec::from_iter(pve::parse_members(text).unwrap().nodes);
    let quorate = |text: &str| pve::parse_members(text).unwrap().quorate;
    assert_eq!(nodes(cluster), ["pve1", "pve2"]);
    assert_eq!(nodes(alone), ["pve1"]);
    let down = "{\n\"nodename\": \"pve1\",\n\"version\": 0\n}\n";
    assert!(nodes(down).is_empty());
    assert!(quorate(cluster) && quorate(alone) && !quorate(down));
    assert!(!quorate(
        &cluster.replace("\"quorate\": 1", "\"quorate\": 0")
    ));
    for bad in ["", "{}", "[]"] {
        let error = pve::parse_members(bad).unwrap_err();
        assert!(error.to_string().contains("list of members"), "{error}");
    }
}

#[test]
fn the_forms_of_options_become_text() {
    let text = r#"[{"storage":"d","type":"dir","shared":true,"disable":"1","nodes":"b,a",
        "content-dirs":{"iso":"isos","backup":"bk"},"digest":"x","max-protected-backups":3}]"#;
    let storages = pve::parse_storages(text).unwrap();
    let storage = &storages["d"];
    assert_eq!(
        storage.options,
        properties([
            ("content-dirs", "backup=bk,iso=isos"),
            ("disable", "1"),
            ("max-protected-backups", "3"),
            ("shared", "1"),
        ])
    );
    assert_eq!(
        storage.nodes,
        BTreeSet::from(["a".to_owned(), "b".to_owned()])
    );
    assert!(storage.content.is_empty());
    for bad in [
        "",
        "[",
        "{}",
        "[1]",
        r#"[{"type":"dir"}]"#,
        r#"[{"storage":"d"}]"#,
        r#"[{"storage":"d","type":"dir","path":["/a"]}]"#,
    ] {
        let error = pve::parse_storages(bad).unwrap_err();
        assert!(error.to_string().contains("pvesh get /storage"), "{error}");
    }
}

#[test]
fn containers_are_listed() {
    // The format of pve-container's pct: "%-10s %-10s %-12s %-20s".
    let text = "VMID       Status     Lock         Name                \n\
                101        running                 prod                \n\
                102        stopped    backup       test                \n";
    let rows = pve::parse_containers(text).unwrap();
    let rows: Vec<_> = rows
        .iter()
        .map(|row| (row.id, row.status.as_str()))
        .collect();
    assert_eq!(rows, [(101, "running"), (102, "stopped")]);
    assert_eq!(pve::parse_containers("").unwrap(), []);
    for bad in ["101", "abc running x", "\n"] {
        assert!(pve::parse_containers(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn every_recorded_container_file_is_read_as_pct_printed_it() {
    let mut compared = 0;
    for run in recordings() {
        let argv: Vec<_> = run.argv.iter().map(String::as_str).collect();
        let (["pct", "config", "101", flags @ ..], Some(after)) = (&*argv, &run.after) else {
            continue;
        };
        let conf = pve::parse_container(after);
        let keys: BTreeSet<_> = conf.config.keys().chain(conf.pending.keys()).collect();
        let value = |key: &str| match flags {
            ["--current"] => conf.config.get(key).map(String::as_str),
            _ => conf.effective(key),
        };
        let mine: BTreeMap<_, _> = keys
            .into_iter()
            .filter_map(|key| Some((key.as_str(), value(key)?)))
            .collect();
        let theirs: BTreeMap<_, _> = run
            .stdout
            .lines()
            .filter_map(|line| line.split_once(": "))
            .collect();
        assert_eq!(mine, theirs);
        compared += 1;
    }
    assert_eq!(compared, 3);
}

#[test]
fn snapshots_and_raw_lines_are_not_the_container_s_own() {
    let text = "#mp0: /not,mp=/this\n\
                mp0: /a,mp=/data\n\
                unprivileged: 1\n\
                lxc.idmap: u 0 100000 1000\n\
                lxc.idmap = g 0 200000 65536\n\
                lxc.apparmor.profile: unconfined\n\
                \n\
                [pve:pending]\n\
                delete: mp3,!mp4\n\
                mp0: /b,mp=/data\n\
                \n\
                [before-upgrade]\n\
                mp0: /old,mp=/data\n\
                mp9: /old,mp=/x\n";
    let conf = pve::parse_container(text);
    assert_eq!(
        conf.config,
        properties([("mp0", "/a,mp=/data"), ("unprivileged", "1")])
    );
    assert_eq!(conf.pending, properties([("mp0", "/b,mp=/data")]));
    assert_eq!(Vec::from_iter(&conf.delete), ["mp3", "mp4"]);
    assert_eq!(conf.effective("mp0"), Some("/b,mp=/data"));
    assert_eq!(conf.effective("unprivileged"), Some("1"));
    assert_eq!(conf.effective("mp9"), None);
    let map = |kind, host, count| IdMap {
        kind,
        container: 0,
        host,
        count,
    };
    assert_eq!(
        conf.idmap,
        [
            map(IdMapKind::User, 100_000, 1000),
            map(IdMapKind::Group, 200_000, 65536)
        ]
    );
}

#[test]
fn a_key_that_its_next_stop_removes_has_no_value_any_more() {
    let conf = pve::parse_container("mp3: /a,mp=/x\n\n[pve:pending]\ndelete: mp3\n");
    assert_eq!(conf.effective("mp3"), None);
    assert_eq!(conf.config["mp3"], "/a,mp=/x");
}

#[test]
fn mount_points_are_written_as_proxmox_writes_them_back() {
    let mut compared = 0;
    for run in recordings() {
        let argv: Vec<_> = run.argv.iter().map(String::as_str).collect();
        let (["pct", "set", "101", flag, value], 0, Some(after)) = (&*argv, run.rc, &run.after)
        else {
            continue;
        };
        let Some(key) = flag.strip_prefix("--mp") else {
            continue;
        };
        let conf = pve::parse_container(after);
        let written = conf.effective(&format!("mp{key}")).unwrap();
        assert_eq!(parse_mount(value).unwrap().to_string(), written);
        assert_eq!(parse_mount(value).unwrap(), parse_mount(written).unwrap());
        compared += 1;
    }
    assert_eq!(compared, 5);
}

#[test]
fn mount_points_are_compared_by_meaning() {
    let canonical = "/srv/m,mp=/m,backup=0,mountoptions=discard;noatime,ro=1";
    for text in [
        canonical,
        "/srv/m,mp=/m,ro=on,mountoptions=noatime;discard,backup=no",
        "mp=/m,volume=/srv/m,,backup=false,mountoptions=noatime;discard, ,ro=YES",
    ] {
        assert_eq!(parse_mount(text).unwrap().to_string(), canonical, "{text}");
    }
    let volume = parse_mount("local:101/vm-101-disk-0.raw,mp=/d,size=8G").unwrap();
    assert_eq!(volume.volume, "local:101/vm-101-disk-0.raw");
    for bad in [
        "",
        "/srv/m",
        "mp=/m",
        "/srv/m,mp=",
        "/srv/m,mp=/m,mp=/n",
        "/srv/m,mp=/m,ro=maybe",
        "/srv/a,b,mp=/m",
        "/srv/m,mp=/m,ro=1,ro=0",
        "/srv/m,mp=/m,frob=1",
        "/srv/m,mp=/m,ro",
        "/srv/m,mp=/m, ro=1",
        "/srv/m,mp=/m,mountoptions=",
        "/srv/m,mp=/m,mountoptions=noatime;;discard",
        "/srv/m,mp=/m,mountoptions=sync",
        "/srv/m,mp=/m,idmap=x:0:1:1",
        "/srv/m,mp=/m,size=big",
        "/srv/../m,mp=/m",
        "/srv/m,mp=/m/.",
        "",
        " ",
    ] {
        assert!(parse_mount(bad).is_err(), "{bad}");
    }
}
