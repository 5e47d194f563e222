//! `zfs`: command lines, answers, and what its refusals mean.

use std::collections::BTreeSet;

use phoenix_host::command::{CommandFailed, Effect, Output};
use phoenix_tools::zfs::{self, ZfsFailure, classify};
use phoenix_zfs::property::Source;

use crate::{Scripted, argv, properties};

#[test]
fn command_lines_are_those_that_zfs_takes() {
    let four = properties([
        ("compression", "lz4"),
        ("quota", "858993459200"),
        ("recordsize", "131072"),
        ("sync", "standard"),
    ]);
    for (command, typed) in [
        (
            zfs::get(&["quota", "type"], &["a/b", "c"]),
            "zfs get -Hp -o name,property,value,source quota,type a/b c",
        ),
        (
            zfs::create_filesystem("quickOS/vm-disks", &four),
            "zfs create -o compression=lz4 -o quota=858993459200 -o recordsize=131072 \
             -o sync=standard quickOS/vm-disks",
        ),
        (
            zfs::create_volume(
                "a/v",
                1 << 30,
                true,
                &properties([("volblocksize", "16384")]),
            ),
            "zfs create -s -V 1073741824 -o volblocksize=16384 a/v",
        ),
        (
            zfs::create_volume("a/v", 4096, false, &properties([])),
            "zfs create -V 4096 a/v",
        ),
        (
            zfs::set(
                "a/b",
                &properties([("quota", "1"), ("x:note", "two words")]),
            ),
            "zfs set quota=1 'x:note=two words' a/b",
        ),
        // ZFS prints 0 for "no quota" and refuses to be told 0.
        (
            zfs::set("a/b", &properties([("quota", "0"), ("reservation", "0")])),
            "zfs set quota=none reservation=0 a/b",
        ),
        (zfs::mount("a/b"), "zfs mount a/b"),
        (
            zfs::list(&["a", "b"]),
            "zfs list -Hr -t filesystem,volume -o name a b",
        ),
    ] {
        assert_eq!(command.argv(), argv(typed));
        let reads = typed.starts_with("zfs get") || typed.starts_with("zfs list");
        assert_eq!(command.effect == Effect::Read, reads, "{typed}");
    }
}

#[test]
fn values_with_tabs_and_newlines_stay_whole() {
    let rows = zfs::parse_get(include_str!("../fixtures/zfs-get.txt")).unwrap();
    assert_eq!(rows.len(), 21);
    let notes: Vec<_> = rows
        .iter()
        .filter(|row| row.property == "org.example:note")
        .map(|row| (row.name.as_str(), row.value.word(), &row.source))
        .collect();
    let inherited = Source::Inherited("hstmix/fs".to_owned());
    assert_eq!(
        notes,
        [
            ("hstmix/fs", Some("a\tb\nc"), &Source::Local),
            ("hstmix/fs/child", Some("a\tb\nc"), &inherited),
            ("hstmix/vol", Some("-"), &Source::None),
        ]
    );
    assert_eq!(rows[0].value, "0");
}

#[test]
fn a_row_that_is_cut_off_is_an_error_that_names_it() {
    for (text, line) in [
        ("a\tquota\t0\tdefault\nb\tquo", "b\tquo"),
        ("a\tquota\t0\tdefaul", "a\tquota\t0\tdefaul"),
        ("no tabs at all", "no tabs at all"),
        ("a\tquota\t0", "a\tquota\t0"),
    ] {
        let error = zfs::parse_get(text).unwrap_err();
        assert_eq!(error.line, line);
        assert!(error.to_string().contains("zfs get"), "{error}");
    }
    // The end of one row cannot become the beginning of the next.
    let stray = "stray\na\tquota\t0\tdefault\n";
    assert!(zfs::parse_get(stray).is_err());
}

#[test]
fn datasets_that_do_not_exist_have_no_rows() {
    let names = [
        "hstmix/none",
        "hstmix/vol",
        "hstmix/fs",
        "hstmix/fs/child",
        "nopool",
        "nopool/x",
    ];
    let props = ["quota", "type"];
    let typed = zfs::get(&props, &names).to_string();
    let answer = Output {
        code: Some(1),
        stdout: include_str!("../fixtures/zfs-get.txt").to_owned(),
        stderr: include_str!("../fixtures/zfs-get.stderr").to_owned(),
    };
    let host = Scripted::default().answers(&typed, answer.clone());
    let rows = zfs::read(&host, &props, &names).unwrap();
    assert!(rows.iter().all(|row| !row.name.contains("no")));
    assert_eq!(rows.len(), 21);

    let worse = Output {
        stderr: answer.stderr + "cannot open 'hstmix/bad': pool I/O is currently suspended\n",
        ..answer
    };
    let host = Scripted::default().answers(&typed, worse);
    let error = zfs::read(&host, &props, &names).unwrap_err();
    assert!(error.to_string().contains("suspended"), "{error}");
}

#[test]
fn without_names_or_properties_nothing_is_asked() {
    let host = Scripted::default();
    assert_eq!(zfs::read(&host, &["quota"], &[]).unwrap(), []);
    assert_eq!(zfs::read(&host, &[], &["a"]).unwrap(), []);
    assert!(host.asked().is_empty());
}

#[test]
fn many_names_are_asked_for_in_several_commands() {
    let names: Vec<String> = (0..1000)
        .map(|number| format!("tank/{number:0>200}"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut host = Scripted::default();
    // 64 KiB hold 318 names of 205 bytes and a blank each.
    for chunk in names.chunks(318) {
        let rows = chunk
            .iter()
            .map(|name| format!("{name}\ttype\tfilesystem\t-\n"));
        let command = zfs::get(&["type"], chunk).to_string();
        host = host.answers(&command, Output::success(rows.collect::<String>()));
    }
    let rows = zfs::read(&host, &["type"], &names).unwrap();
    assert_eq!(rows.len(), 1000);
    assert_eq!(host.asked().len(), 4);
}

/// Every failure that the real programs were made to show, and what phoenix takes it for.
#[test]
fn real_refusals_are_understood() {
    let mut table = Vec::new();
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/errors");
    let mut paths: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() > 70, "{}", paths.len());
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let (_, stderr) = text.split_once("--- stderr\n").unwrap();
        let failed = CommandFailed {
            command: String::new(),
            code: Some(1),
            stderr: stderr.to_owned(),
        };
        let name = path.file_stem().unwrap().to_str().unwrap();
        let meaning = match classify(&failed) {
            ZfsFailure::BadProperty { reason } => {
                let short: String = reason.chars().take(40).collect();
                format!("BadProperty: {short}")
            }
            ZfsFailure::BadName { reason } => format!("BadName: {reason}"),
            ZfsFailure::NeedsForce { reason } => format!("NeedsForce: {reason}"),
            other => format!("{other:?}"),
        };
        table.push(format!("{name}: {meaning}"));
    }
    insta::assert_snapshot!(table.join("\n"));
}

/// The recordings that the simulated host is held against are real too: nothing that was said
/// there is beyond phoenix, but for what has no remedy of its own.
#[test]
fn recorded_refusals_are_understood() {
    let mut others = BTreeSet::new();
    let mut failures = 0;
    for text in [
        include_str!("../../../sim/tests/conformance/datasets.jsonl"),
        include_str!("../../../sim/tests/conformance/pools.jsonl"),
        include_str!("../../../sim/tests/conformance/properties.jsonl"),
    ] {
        for line in text.lines() {
            let run: serde_json::Value = serde_json::from_str(line).unwrap();
            let ours = run["argv"][0] == "zfs" || run["argv"][0] == "zpool";
            if !ours || run["code"] == 0 {
                continue;
            }
            failures += 1;
            let stderr = run["stderr"].as_str().unwrap().to_owned();
            let failed = CommandFailed {
                command: String::new(),
                code: Some(1),
                stderr: stderr.clone(),
            };
            if classify(&failed) == ZfsFailure::Other {
                let reason = stderr.lines().next().unwrap().rsplit_once(": ").unwrap().1;
                others.insert(reason.to_owned());
            }
        }
    }
    assert!(failures > 50, "{failures}");
    insta::assert_snapshot!(Vec::from_iter(others).join("\n"));
}

/// Wordings that the fixtures lack: they need a broken host.
#[test]
fn refusals_of_a_broken_host_are_understood() {
    for (stderr, expected) in [
        (
            "cannot create 'a/b': pool I/O is currently suspended\n",
            ZfsFailure::Suspended,
        ),
        (
            "cannot set property for 'a': pool is read-only\n",
            ZfsFailure::ReadOnly,
        ),
        ("cannot destroy 'a/b': dataset is busy\n", ZfsFailure::Busy),
        (
            "Permission denied the ZFS utilities must be run as root.\n",
            ZfsFailure::Permission,
        ),
        (
            "The ZFS modules are not loaded.\nTry running 'modprobe zfs' as root to load them.\n",
            ZfsFailure::ModuleMissing,
        ),
        (
            "cannot mount '/a': failed to create mountpoint: Read-only file system\n\
             filesystem successfully created, but not mounted\n",
            ZfsFailure::NotMounted,
        ),
        (
            "cannot mount 'a/b': encryption key not loaded\n",
            ZfsFailure::Key,
        ),
        (
            "missing link: nvme0n1 was partitioned but nvme0n1-part1 is missing\n",
            ZfsFailure::DeviceRace,
        ),
        (
            "cannot create 'fastData': no such pool or dataset\n",
            ZfsFailure::DeviceRace,
        ),
        (
            "cannot create 'quickOS': one or more devices is currently unavailable\n",
            ZfsFailure::DeviceUnavailable,
        ),
        (
            "property 'nosuch' is not a valid filesystem property\n",
            ZfsFailure::BadProperty {
                reason: "property 'nosuch' is not a valid filesystem property".to_owned(),
            },
        ),
        (
            "internal error: cannot do it: Invalid argument\n",
            ZfsFailure::Other,
        ),
        ("", ZfsFailure::Other),
    ] {
        let failed = CommandFailed {
            command: String::new(),
            code: Some(1),
            stderr: stderr.to_owned(),
        };
        assert_eq!(classify(&failed), expected, "{stderr}");
    }
}
