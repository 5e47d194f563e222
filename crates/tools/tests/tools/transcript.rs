//! Recordings, and the host that only looks.

use std::time::Duration;

use camino::Utf8Path;
use phoenix_host::command::{Command, Effect, Output, Program};
use phoenix_host::readonly::ReadOnly;
use phoenix_host::transcript::{RecordHost, ReplayHost};
use phoenix_host::{Change, Host, HostError, PermissionChange};
use phoenix_tools::{disk, drop_ins, nfs, pve, system, zfs, zpool};

use crate::{Scripted, properties};

fn list() -> Command {
    zpool::list()
}

#[test]
fn a_recording_answers_as_the_host_did() {
    let status = zpool::status("tank");
    let host = Scripted::default()
        .answers(&list().to_string(), Output::success("tank\t1\t2\tONLINE\n"))
        .hangs(&status.to_string())
        .has_file("/proc/swaps", "Filename\n");
    let recorder = RecordHost::new(host, Vec::new());
    let swaps = Utf8Path::new("/proc/swaps");
    let none = Utf8Path::new("/etc/none");
    let listed = recorder.run(&list()).unwrap();
    assert!(recorder.run(&status).is_err());
    assert!(recorder.read_file(swaps).unwrap().is_some());
    assert_eq!(recorder.read_file(none).unwrap(), None);
    let text = String::from_utf8(recorder.finish().unwrap()).unwrap();
    assert_eq!(text.lines().count(), 4);

    // Another order than that of the recording is fine.
    let replay = ReplayHost::parse(&text).unwrap();
    assert_eq!(replay.read_file(none).unwrap(), None);
    assert_eq!(
        replay.read_file(swaps).unwrap().as_deref(),
        Some("Filename\n")
    );
    let error = replay.run(&status).unwrap_err();
    assert!(
        matches!(error, HostError::TimedOut { seconds: 30, .. }),
        "{error}"
    );
    assert_eq!(replay.run(&list()).unwrap(), listed);

    for error in [
        replay.run(&list()).unwrap_err(),
        replay.run(&nfs::list()).unwrap_err(),
        replay.write_file(swaps, "").unwrap_err(),
    ] {
        assert!(matches!(error, HostError::NotRecorded { .. }), "{error}");
    }
}

#[test]
fn equal_requests_are_answered_in_their_order() {
    let line = |stdout: &str| {
        format!(
            r#"{{"request":{{"run":{}}},"answer":{{"output":{{"code":0,"stdout":"{stdout}","stderr":""}}}}}}"#,
            serde_json::to_string(&list()).unwrap()
        )
    };
    let replay = ReplayHost::parse(&format!("{}\n{}\n", line("first"), line("second"))).unwrap();
    assert_eq!(replay.run(&list()).unwrap().stdout, "first");
    assert_eq!(replay.run(&list()).unwrap().stdout, "second");
    assert!(replay.run(&list()).is_err());

    let error = ReplayHost::parse(&format!("{}\nnonsense\n", line("x"))).unwrap_err();
    assert_eq!(error.line, 2);
}

#[test]
fn a_recording_that_could_not_be_written_is_not_passed_off_as_whole() {
    let host = Scripted::default().answers(&list().to_string(), Output::success(""));
    // Too small for the first line.
    let mut buffer = [0; 10];
    let recorder = RecordHost::new(host, &mut buffer[..]);
    assert!(recorder.run(&list()).is_ok());
    assert!(recorder.finish().is_err());
}

/// Every command that changes something, as the typed modules build it.
fn writes() -> Vec<Command> {
    let none = properties([]);
    vec![
        zfs::create_filesystem("a/b", &none),
        zfs::create_volume("a/b", 1, false, &none),
        zfs::set("a/b", &none),
        zfs::mount("a/b"),
        zpool::create(&zpool::PoolSpec::default()),
        zpool::set("a", "b", &"c".into()),
        zpool::import(1),
        disk::erase(&["/dev/x"]),
        pve::add_storage("dir", "d", &properties([])),
        pve::set_storage("d", &properties([]), &[], None),
        pve::set_mount(101, "mp0", "/a,mp=/b"),
        nfs::reload(),
        system::update_initramfs(),
    ]
}

/// Every command that only looks, as the typed modules build it.
fn reads() -> Vec<Command> {
    vec![
        zfs::list(&["a"]),
        zfs::get(&["type"], &["a"]),
        zpool::list(),
        zpool::status("a"),
        zpool::importable(),
        zpool::get(&["size"], &["a"]),
        disk::lsblk(),
        disk::links(),
        disk::wipefs(&["/dev/x"]),
        pve::storages(),
        pve::containers(),
        nfs::list(),
        drop_ins::files(nfs::EXPORTS_DIR, nfs::EXPORTS_ENDING),
        system::passwd(&["root"]),
        system::group(&["root"]),
        system::directories(&["/"]),
        system::settle(),
    ]
}

#[test]
fn a_read_only_host_passes_reads_and_nothing_else() {
    for command in reads() {
        assert_eq!(command.effect, Effect::Read, "{command}");
        let host = Scripted::default().answers(&command.to_string(), Output::success(""));
        assert!(ReadOnly(host).run(&command).is_ok(), "{command}");
    }
    let host = ReadOnly(Scripted::default());
    for command in writes() {
        assert_eq!(command.effect, Effect::Write, "{command}");
        // Even one that claims to be harmless.
        let disguised = Command {
            effect: Effect::Read,
            ..command.clone()
        };
        for command in [command, disguised] {
            let error = host.run(&command).unwrap_err();
            assert!(matches!(error, HostError::ReadOnly { .. }), "{error}");
            assert!(error.to_string().contains(&command.to_string()), "{error}");
        }
    }
    for (program, args) in [
        (Program::Wipefs, vec!["-J", "-a", "/dev/x"]),
        (Program::Blkid, vec!["/dev/x"]),
        (Program::Find, vec!["/", "-delete"]),
        (Program::Find, vec!["/", "-fprintf", "/etc/passwd", "x"]),
        (Program::Nvme, vec!["format", "/dev/nvme0n1"]),
        (Program::Systemctl, vec!["restart", "nfs-server"]),
        (Program::Zfs, vec!["destroy", "a"]),
        (
            Program::Zpool,
            vec!["import", "-d", "/dev/disk/by-id", "-a"],
        ),
        (Program::Zpool, vec!["import", "-a", "/dev/disk/by-id"]),
        (Program::Smartctl, vec!["-t", "long", "/dev/x"]),
    ] {
        assert!(host.run(&Command::read(program, args)).is_err());
    }
    // What was announced as a change is one, whatever it looks like.
    assert!(host.run(&Command::write(Program::Zfs, ["list"])).is_err());
    let file = Utf8Path::new("/etc/x");
    let change = PermissionChange {
        dataset: "a".to_owned(),
        path: "/a".into(),
        uid: None,
        gid: None,
        mode: Some(0o755),
        recursive: false,
        acl: std::collections::BTreeMap::new(),
    };
    for result in [
        host.write_file(file, ""),
        host.write_parameter(file, ""),
        host.change(&Change::SetPermissions(change.clone())),
        host.lock(file, Duration::ZERO).map(|_| ()),
    ] {
        assert!(matches!(result, Err(HostError::ReadOnly { .. })));
    }
    assert_eq!(host.read_file(file).unwrap(), None);
}
