//! Locks over a connection: who holds them, and for how long.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use phoenix_host::command::{Command, Program};
use phoenix_host::local::LocalHost;
use phoenix_host::ssh::RemoteLock;
use phoenix_host::store::{LockError, RunLock};
use phoenix_host::{Host, HostError};

use crate::ssh::{connect, remote, wait_until, zfs};
use crate::sshd::Sshd;

/// Runs on the host itself and runs from elsewhere keep each other out.
#[test]
#[ignore = "needs sshd (Debian package openssh-server)"]
fn one_lock_holds_local_and_remote_runs_apart() {
    let remote = remote();
    let path = remote.programs.join("lock");
    let acquire = |wait| RemoteLock::acquire(&remote.host, &path, "phoenix apply 'b.json'", wait);
    let local = RunLock::acquire(&path, "phoenix apply a.json", Duration::ZERO).unwrap();
    for wait in [Duration::ZERO, Duration::from_millis(50)] {
        let error = acquire(wait).unwrap_err();
        let LockError::Busy { holder, .. } = &error else {
            panic!("{error:?}");
        };
        assert!(holder.contains("(phoenix apply a.json)"), "{holder}");
    }
    drop(local);
    let first = acquire(Duration::ZERO).unwrap();
    let error = RunLock::acquire(&path, "x", Duration::ZERO).unwrap_err();
    let words = error.to_string();
    assert!(
        words.contains("(phoenix apply 'b.json', over ssh from 127.0.0.1)"),
        "{words}"
    );
    drop(first);
    let _second = RunLock::acquire(&path, "c", Duration::from_secs(20)).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);

    let error = RemoteLock::acquire(
        &remote.host,
        &remote.programs.join("no/lock"),
        "x",
        Duration::ZERO,
    )
    .unwrap_err();
    assert!(matches!(error, LockError::File { .. }), "{error}");
}

/// The connection ends, and what was begun over it goes on.
#[test]
#[ignore = "needs sshd (Debian package openssh-server)"]
fn a_command_of_a_lost_connection_keeps_the_lock_until_its_end() {
    let mut remote = remote();
    let path = remote.programs.join("lock");
    let directory = remote.programs.clone();
    let lock = RemoteLock::acquire(&remote.host, &path, "x", Duration::ZERO).unwrap();
    std::thread::scope(|scope| {
        let command = Command::write(Program::Zfs, ["wait", directory.as_str(), "1"]);
        let host = &remote.host;
        let running = scope.spawn(move || host.run(&command));
        wait_until(|| directory.join("here.1").exists());
        remote.sshd.cut();
        running.join().unwrap().unwrap_err();
    });
    drop(lock);
    let sshd = Sshd::start();
    let again = connect(&sshd, &directory).unwrap();
    let as_remote = || RemoteLock::acquire(&again, &path, "y", Duration::ZERO).unwrap_err();
    let as_local = || RunLock::acquire(&path, "y", Duration::ZERO).unwrap_err();
    // Until the shell that kept the lock has noticed, it is the one that is named.
    wait_until(|| as_local().to_string().contains("which is gone"));
    for error in [as_remote(), as_local()] {
        let words = error.to_string();
        assert!(words.contains("which is gone"), "{words}");
        assert!(words.contains("zfs wait"), "{words}");
    }
    fs::write(directory.join("go"), "").unwrap();
    RemoteLock::acquire(&again, &path, "y", Duration::from_secs(20)).unwrap();
}

/// Proxmox's lock of the disks: held by one, waited for by many, each of whom runs commands.
#[test]
#[ignore = "needs sshd (Debian package openssh-server)"]
fn locks_of_other_programs_are_held_over_there() {
    let remote = remote();
    let path = remote.programs.join("disks.lck");
    let far = Duration::from_secs(60);
    let run_lock = remote.programs.join("run.lock");
    let _run = RemoteLock::acquire(&remote.host, &run_lock, "x", Duration::ZERO).unwrap();
    std::thread::scope(|scope| {
        let work = || {
            let _held = remote.host.lock(&path, far).unwrap();
            remote.host.run(&zfs(&["say", "0"])).unwrap().code
        };
        let workers: Vec<_> = (0..12).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            assert_eq!(worker.join().unwrap(), Some(0));
        }
    });
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o644);

    let local = LocalHost::new();
    let held = remote.host.lock(&path, far).unwrap();
    let error = local.lock(&path, Duration::ZERO).unwrap_err();
    assert!(matches!(error, HostError::Locked { .. }), "{error}");
    let error = remote.host.lock(&path, Duration::ZERO).unwrap_err();
    assert!(matches!(error, HostError::Locked { .. }), "{error}");
    drop(held);
    let held = local.lock(&path, Duration::from_secs(20)).unwrap();
    for wait in [Duration::ZERO, Duration::from_millis(20)] {
        let error = remote.host.lock(&path, wait).unwrap_err();
        assert!(matches!(error, HostError::Locked { .. }), "{error}");
    }
    drop(held);

    // No Proxmox, nothing to lock; and what is no file is not locked.
    remote
        .host
        .lock(&remote.programs.join("no/lock"), Duration::ZERO)
        .unwrap();
    symlink(&path, remote.programs.join("link")).unwrap();
    let error = remote
        .host
        .lock(&remote.programs.join("link"), Duration::ZERO)
        .unwrap_err();
    assert!(
        matches!(error, HostError::File { verb: "lock", .. }),
        "{error}"
    );
}

#[test]
#[ignore = "needs sshd (Debian package openssh-server)"]
fn a_lost_connection_is_no_exit_code_and_gives_the_lock_back() {
    let mut remote = remote();
    let path = remote.programs.join("lock");
    let _lock = RemoteLock::acquire(&remote.host, &path, "x", Duration::ZERO).unwrap();
    let directory = remote.programs.clone();
    std::thread::scope(|scope| {
        let command = zfs(&["wait", directory.as_str(), "1"]);
        let host = &remote.host;
        let running = scope.spawn(move || host.run(&command));
        wait_until(|| directory.join("here.1").exists());
        remote.sshd.cut();
        let error = running.join().unwrap().unwrap_err();
        assert!(matches!(error, HostError::Disconnected { .. }), "{error}");
    });
    fs::write(directory.join("go"), "").unwrap();
    let start = Instant::now();
    for error in [
        remote.host.run(&zfs(&["say", "0"])).unwrap_err(),
        remote
            .host
            .read_file(Utf8Path::new("/etc/hostname"))
            .unwrap_err(),
        remote
            .host
            .write_file(&directory.join("file"), "new")
            .unwrap_err(),
    ] {
        assert!(matches!(error, HostError::Disconnected { .. }), "{error}");
    }
    assert!(start.elapsed() < Duration::from_secs(20));
    assert!(!directory.join("file").exists());
    RunLock::acquire(&path, "next", Duration::from_secs(20)).unwrap();
}
