//! Files of containers, against what the real `pct config` made of them.

use std::collections::{BTreeMap, BTreeSet};

use phoenix_tools::pve::parse_container;
use serde::Deserialize;

/// `pct config --current` of a file.
#[derive(Deserialize)]
struct Recording {
    rc: i32,
    stdout: String,
    stderr: String,
    before: String,
}

fn recordings() -> Vec<Recording> {
    let text = include_str!("../fixtures/container-files.jsonl");
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// `unprivileged` is printed as a number, and a description is put together from comments.
fn printed(key: &str) -> bool {
    !key.starts_with("lxc.") && key != "description" && key != "unprivileged"
}

#[test]
fn every_file_is_read_as_proxmox_reads_it() {
    let mut compared = 0;
    for run in recordings() {
        let conf = parse_container(&run.before);
        let of_pct = run.stdout.lines().filter_map(|line| line.split_once(": "));
        let theirs: BTreeMap<&str, &str> = of_pct.filter(|(key, _)| printed(key)).collect();
        let mine = conf.config.iter();
        let mine: BTreeMap<&str, &str> = mine
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .filter(|(key, _)| printed(key))
            .collect();
        // One value that it cannot use, and `pct config` shows nothing at all.
        if run.rc == 0 {
            assert_eq!(mine, theirs, "{}", run.before);
        }
        compared += 1;
    }
    assert_eq!(compared, 32);
}

/// What the real tool warned of: lines that it could not read, and mount points that it could not
/// use. `[delete]` outside of its section and settings that it does not know are in the table below.
#[test]
fn what_proxmox_cannot_read_is_told_and_nothing_else() {
    let quoted = |line: &str| {
        let rest = line.strip_prefix("vm 101 - unable to parse value of '")?;
        Some(rest.split_once('\'')?.0.to_owned())
    };
    for run in recordings() {
        let conf = parse_container(&run.before);
        let theirs: BTreeSet<_> = run.stderr.lines().filter_map(quoted).collect();
        let theirs = theirs.into_iter().filter(|key| key == "mp0");
        let mine = conf.unusable.keys().cloned();
        assert!(mine.eq(theirs), "{}{:?}", run.before, conf.unusable);
        let unread = |line: &&str| line.starts_with("vm 101 - unable to parse config: ");
        let theirs: BTreeSet<_> = run.stderr.lines().filter(unread).collect();
        let unusable: Vec<_> = conf.unusable.values().collect();
        let mine = conf.unread.iter().filter(|line| {
            let key = line.text.split(':').next().unwrap_or_default();
            !unusable.contains(line) && !matches!(key, "delete" | "lxc.idmap" | "mp00" | "mp256")
        });
        let mine = mine.map(|line| format!("vm 101 - unable to parse config: {}", line.text));
        let mine: BTreeSet<_> = mine.collect();
        assert!(mine.iter().eq(&theirs), "{mine:?} {theirs:?}");
    }
}

/// What nobody recorded: the text, and the lines that have no effect with their reasons.
#[test]
fn lines_without_effect_are_named() {
    const PLAIN: &str = "it is no comment, section or `key: value`";
    for (text, lines) in [
        ("a stray line\nmp0: /a,mp=/b\n", vec![(1, PLAIN)]),
        ("mp0 /a,mp=/data\n", vec![(1, PLAIN)]),
        ("\tmp0: /a,mp=/b\n", vec![(1, "it begins with a blank")]),
        ("mp0 : /a,mp=/b\n", vec![(1, PLAIN)]),
        ("Mp0: /a,mp=/b\n", vec![(1, PLAIN)]),
        ("mp-0: /a,mp=/b\n", vec![(1, PLAIN)]),
        ("mp0:\n", vec![(1, PLAIN)]),
        ("mp0: \n", vec![(1, "it needs a source and `mp=`TARGET")]),
        ("[x]\nmp0: /a,mp=/b\n", vec![(1, PLAIN)]),
        (
            "[1snap]\n[snap 2]\n[]\n",
            vec![(1, PLAIN), (2, PLAIN), (3, PLAIN)],
        ),
        (
            "mp001: /a,mp=/b\n",
            vec![(1, "Proxmox numbers mount points from mp0 to mp255")],
        ),
        (
            "delete: mp0\n",
            vec![(1, "only [pve:pending] can delete keys")],
        ),
        ("lxc.idmap : u 0 1 1\n", vec![(1, PLAIN)]),
        (
            "lxc.idmap: u 0 x 1\nlxc.idmap: q 0 1 1\nlxc.idmap: u 0 1 1 1\n",
            vec![
                (
                    1,
                    "it is no id map, and the container does not start with it",
                ),
                (
                    2,
                    "it is no id map, and the container does not start with it",
                ),
                (
                    3,
                    "it is no id map, and the container does not start with it",
                ),
            ],
        ),
        ("mp0: /a,mp=/b,x=1\nmp0: /a,mp=/b\n", vec![]),
        (
            "mp0: /a,mp=/b\nmp0: /a,mp=/b,x=1\n",
            vec![(2, "`x` is no option of a mount point")],
        ),
        (
            "mp0: /a,mp=/b\n[pve:pending]\nmp0: /a\n[snap]\nnonsense\n",
            vec![(3, "it needs a source and `mp=`TARGET")],
        ),
        (
            "#x\n\n  \nsnapstate: prepare\nlxc.cap.drop = x\nfuture: 1\r\n",
            vec![],
        ),
    ] {
        let conf = parse_container(text);
        let found: Vec<_> = conf
            .unread
            .iter()
            .map(|line| (line.number, line.reason.as_str()))
            .collect();
        assert_eq!(found, lines, "{text:?}");
    }
}

#[test]
fn sections_begin_with_their_names_only() {
    for (head, now, pending) in [
        ("[pve:pending]", "/a,mp=/data", Some("/b,mp=/data")),
        ("[PVE:Pending]  ", "/a,mp=/data", Some("/b,mp=/data")),
        ("[snap]", "/a,mp=/data", None),
        ("[Snap-2_x]\t", "/a,mp=/data", None),
        // No section: what follows counts.
        ("[1snap]", "/b,mp=/data", None),
        (" [snap]", "/b,mp=/data", None),
        ("[a snap]", "/b,mp=/data", None),
    ] {
        let text = format!("mp0: /a,mp=/data\n{head}\nmp0: /b,mp=/data\n");
        let conf = parse_container(&text);
        assert_eq!(conf.config["mp0"], now, "{head}");
        assert_eq!(
            conf.pending.get("mp0").map(String::as_str),
            pending,
            "{head}"
        );
    }
    let text = "[snap]\nmp0: /old,mp=/o\n\n[pve:pending]\nmp1: /b,mp=/b\ndelete: !mp0 mp2;mp3,\n";
    let conf = parse_container(text);
    assert_eq!(conf.mounts().into_keys().collect::<Vec<_>>(), ["mp1"]);
    assert_eq!(Vec::from_iter(&conf.delete), ["mp0", "mp2", "mp3"]);
}

#[test]
fn what_lxc_mounts_by_itself_is_seen() {
    for (value, expected) in [
        (
            "/tank/data srv/data none bind,create=dir 0 0",
            Some(("/tank/data", "/srv/data", true)),
        ),
        (
            "/a\\040b mnt/a\\040b none rbind,ro",
            Some(("/a b", "/mnt/a b", true)),
        ),
        (
            "tmpfs tmp/x/ tmpfs size=1m 0 0",
            Some(("tmpfs", "/tmp/x", false)),
        ),
        (
            "/a /var/lib/lxc/101/rootfs/mnt/b none bind 0 0",
            Some(("/a", "/mnt/b", true)),
        ),
        ("/a /mnt/b none bind 0 0", None),
        ("/a", None),
        ("", None),
    ] {
        let conf = parse_container(&format!("lxc.mount.entry: {value}\n"));
        let found = conf.raw_mounts.first();
        let found = found.map(|it| (it.source.as_str(), it.target.as_str(), it.bind));
        assert_eq!(found, expected, "{value}");
    }
    let other =
        "[pve:pending]\nlxc.mount.entry: /a b none bind\n[snap]\nlxc.mount.entry: /a b none bind\n";
    assert_eq!(parse_container(other).raw_mounts, []);
}

#[test]
fn booleans_are_those_of_perl() {
    for (value, unprivileged) in [
        ("unprivileged: 1", true),
        ("unprivileged: YES", true),
        ("unprivileged: off", false),
        ("unprivileged: 0", false),
        ("unprivileged: maybe", true),
        ("arch: amd64", false),
    ] {
        let conf = parse_container(value);
        assert_eq!(conf.unprivileged(), unprivileged, "{value}");
    }
}
