//! The real host, with programs that do what the test says.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use phoenix_host::command::{Command, Effect, Program};
use phoenix_host::local::LocalHost;
use phoenix_host::store::RunLock;
use phoenix_host::{Change, Host, HostError, PermissionChange};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::ssh::wait_until;

/// What `zfs` does in these tests, by its first argument.
const ZFS: &str = r#"#!/bin/sh
case "$1" in
    say) echo out; echo err >&2; exit 3 ;;
    args) shift; for arg; do echo "[$arg]"; done ;;
    env) /usr/bin/env; pwd; /bin/cat ;;
    bytes) printf 'a\377b' ;;
    both) i=0; while [ $i -lt 5000 ]; do echo 0123456789012345678901234567890123456789; \
          echo 0123456789012345678901234567890123456789 >&2; i=$((i+1)); done ;;
    flood) /usr/bin/yes ;;
    hang) /bin/sleep 1000 & echo $! > "$2"; wait ;;
    signal) kill -TERM $$ ;;
    daemon) /bin/sleep 1000 & echo $! ;;
esac
"#;

/// Written once, before any test starts a program: a script that is open for writing while
/// another thread forks cannot be run.
fn host() -> &'static LocalHost {
    &machine().1
}

/// A machine of its own, with the same programs.
fn programs() -> Utf8PathBuf {
    Utf8Path::from_path(machine().0.path()).unwrap().to_owned()
}

fn machine() -> &'static (tempfile::TempDir, LocalHost) {
    static HOST: OnceLock<(tempfile::TempDir, LocalHost)> = OnceLock::new();
    HOST.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap().to_owned();
        for (name, mode) in [("zfs", 0o755), ("zpool", 0o644)] {
            fs::write(path.join(name), ZFS).unwrap();
            fs::set_permissions(path.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::create_dir(path.join("pct")).unwrap();
        let host = LocalHost::with_search_path(&[Utf8Path::new("/nonexistent"), &path]);
        (directory, host)
    })
}

fn zfs(args: &[&str]) -> Command {
    Command::read(Program::Zfs, args.iter().copied())
}

pub(crate) fn temporary() -> (tempfile::TempDir, Utf8PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::try_from(directory.path().to_owned()).unwrap();
    (directory, path)
}

/// Waits until a process has ended; whether it did within a time that is far too long.
fn ends(pid: &str) -> bool {
    let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else {
        return true;
    };
    let limit = Timespec::try_from(Duration::from_secs(20)).unwrap();
    poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&limit)).unwrap() == 1
}

/// Fails unless a process ends by itself.
pub(crate) fn assert_ends(pid: &str) {
    assert!(ends(pid), "{pid}");
}

/// Kills a process.
pub(crate) fn kill(pid: &str) {
    let number = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    kill_process(number, Signal::KILL).unwrap();
    assert_ends(pid);
}

#[test]
fn exit_code_and_both_outputs_come_back() {
    let output = host().run(&zfs(&["say"])).unwrap();
    assert_eq!(
        (output.code, output.stdout.as_str(), output.stderr.as_str()),
        (Some(3), "out\n", "err\n")
    );
    let output = host().run(&zfs(&["signal"])).unwrap();
    assert_eq!(output.code, None);
}

#[test]
fn arguments_pass_no_shell() {
    let odd = ["args", "two words", "$HOME", "*", "; exit 1", "", "\"'"];
    let output = host().run(&zfs(&odd)).unwrap();
    assert_eq!(
        output.stdout,
        "[two words]\n[$HOME]\n[*]\n[; exit 1]\n[]\n[\"']\n"
    );
}

#[test]
fn the_environment_is_clean_and_nobody_types() {
    let output = host().run(&zfs(&["env"])).unwrap();
    // The shell itself adds some.
    let own = |line: &&str| {
        !["PWD=", "OLDPWD=", "SHLVL=", "_="]
            .iter()
            .any(|name| line.starts_with(name))
    };
    let mut lines: Vec<_> = output.stdout.lines().filter(own).collect();
    lines.sort_unstable();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[0], "/");
    assert_eq!(lines[1], "LC_ALL=C.UTF-8");
    assert!(lines[2].starts_with("PATH=/nonexistent:/"), "{lines:?}");
}

#[test]
fn bytes_that_are_no_text_are_marked() {
    assert_eq!(host().run(&zfs(&["bytes"])).unwrap().stdout, "a\u{fffd}b");
}

#[test]
fn both_pipes_are_emptied_while_the_program_runs() {
    let output = host().run(&zfs(&["both"])).unwrap();
    assert_eq!(
        (output.code, output.stdout.len(), output.stderr.len()),
        (Some(0), 205_000, 205_000)
    );
}

#[test]
fn a_flood_is_stopped() {
    let error = host().run(&zfs(&["flood"])).unwrap_err();
    assert!(
        matches!(
            error,
            HostError::TooMuchOutput {
                limit: 16_777_216,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_program_that_hangs_is_killed_with_its_children() {
    let (_keep, directory) = temporary();
    let file = directory.join("pid");
    let start = Instant::now();
    let error = host()
        .run(&zfs(&["hang", file.as_str()]).timeout(1))
        .unwrap_err();
    assert!(
        matches!(error, HostError::TimedOut { seconds: 1, .. }),
        "{error}"
    );
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_ends(&fs::read_to_string(file).unwrap());
}

#[test]
fn a_daemon_that_keeps_the_pipes_open_does_not_hold_its_starter() {
    let start = Instant::now();
    let output = host().run(&zfs(&["daemon"])).unwrap();
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_eq!(output.code, Some(0));
    // It is left alone: daemons that a tool starts are the host's business.
    kill(&output.stdout);
}

#[test]
fn what_cannot_be_run_is_not_installed() {
    for program in [Program::Zpool, Program::Pct, Program::Smartctl] {
        let error = host().run(&Command::read(program, ["x"])).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{} is not installed on this host", program.name())
        );
    }
}

#[test]
fn files_are_read_whole_or_not_at_all() {
    let (_keep, directory) = temporary();
    let read = |name: &str| host().read_file(&directory.join(name));
    fs::write(directory.join("text"), "ä\n").unwrap();
    fs::write(directory.join("bytes"), b"\xff").unwrap();
    fs::File::create(directory.join("huge"))
        .unwrap()
        .set_len(16 * 1024 * 1024 + 1)
        .unwrap();
    assert_eq!(read("text").unwrap().as_deref(), Some("ä\n"));
    assert_eq!(read("none").unwrap(), None);
    for name in ["bytes", "huge", "."] {
        let error = read(name).unwrap_err();
        assert!(
            matches!(error, HostError::File { verb: "read", .. }),
            "{name}: {error}"
        );
    }
    let status = host()
        .read_file(Utf8Path::new("/proc/self/status"))
        .unwrap();
    assert!(status.unwrap().contains("Pid:"));
}

#[test]
fn a_replaced_file_keeps_its_mode_and_leaves_nothing_beside_it() {
    let (_keep, directory) = temporary();
    let path = directory.join("exports.d/phoenix.exports");
    host().write_file(&path, "one").unwrap();
    let mode = |path: &Utf8Path| fs::metadata(path).unwrap().mode() & 0o7777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o644, 0o755));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let before = fs::metadata(&path).unwrap().ino();
    host().write_file(&path, "two").unwrap();
    assert_eq!(
        (fs::read_to_string(&path).unwrap().as_str(), mode(&path)),
        ("two", 0o640)
    );
    assert_ne!(
        fs::metadata(&path).unwrap().ino(),
        before,
        "replaced, not rewritten"
    );
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn what_a_killed_run_has_left_of_a_file_is_taken_away() {
    let (_keep, directory) = temporary();
    let link = directory.join(".phoenix-link.tmp");
    symlink(directory.join("other.tmp"), &link).unwrap();
    for name in [".phoenix-AbCdEf.tmp", "other.tmp", ".phoenix-x"] {
        fs::write(directory.join(name), "half").unwrap();
    }
    // As another run does that is at work.
    let busy = fs::File::create(directory.join(".phoenix-busy.tmp")).unwrap();
    rustix::fs::flock(&busy, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let path = directory.join("file");
    host().write_file(&path, "new").unwrap();
    assert!(!directory.join(".phoenix-AbCdEf.tmp").exists());
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 5);
    assert!(fs::symlink_metadata(&link).is_ok());
}

/// What other tests are just starting may have a copy of the lock for a moment.
const FAR: Duration = Duration::from_secs(60);

/// phoenix is killed, and what it has started goes on.
#[test]
fn the_lock_of_a_run_is_held_by_what_it_has_started_and_still_runs() {
    let (_keep, directory) = temporary();
    let path = directory.join("lock");
    let pid_file = directory.join("pid");
    let local = LocalHost::with_search_path(&[&programs()]);
    for (effect, holds) in [(Effect::Read, false), (Effect::Write, true)] {
        let lock = local
            .lock_run(&path, "phoenix apply", Duration::ZERO)
            .unwrap();
        let args = ["daemon", pid_file.as_str()];
        let command = Command {
            effect,
            ..zfs(&args)
        };
        let pid = local.run(&command).unwrap().stdout;
        let command_line = format!("/proc/{}/cmdline", pid.trim());
        wait_until(|| fs::read(&command_line).unwrap().starts_with(b"/bin/sleep"));
        drop(lock);
        match RunLock::acquire(&path, "next", if holds { Duration::ZERO } else { FAR }) {
            Ok(_lock) => assert!(!holds, "{effect:?}"),
            Err(error) => {
                assert!(holds, "{effect:?}: {error}");
                let words = format!("process {} (/bin/sleep 1000), started by", pid.trim());
                assert!(error.to_string().contains(&words), "{error}");
            }
        }
        kill(&pid);
        RunLock::acquire(&path, "next", FAR).unwrap();
        // Without the lock, nothing is inherited.
        let pid = local.run(&command).unwrap().stdout;
        RunLock::acquire(&path, "next", FAR).unwrap();
        kill(&pid);
    }
}

#[test]
fn what_is_no_regular_file_is_not_replaced() {
    let (_keep, directory) = temporary();
    fs::write(directory.join("real"), "old").unwrap();
    symlink(directory.join("real"), directory.join("link")).unwrap();
    symlink(directory.join("nowhere"), directory.join("dangling")).unwrap();
    fs::create_dir(directory.join("dir")).unwrap();
    for name in ["link", "dangling", "dir", "no/such/file"] {
        let error = host().write_file(&directory.join(name), "new").unwrap_err();
        assert!(
            matches!(error, HostError::File { verb: "write", .. }),
            "{name}: {error}"
        );
    }
    assert!(host().write_file(Utf8Path::new("relative"), "new").is_err());
    assert_eq!(fs::read_to_string(directory.join("real")).unwrap(), "old");
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 4);
}

#[test]
fn parameters_are_written_below_sys_and_proc_only() {
    let adjust = Utf8Path::new("/proc/self/coredump_filter");
    let old = host().read_file(adjust).unwrap().unwrap();
    host()
        .write_parameter(adjust, &format!("0x{}", old.trim()))
        .unwrap();
    assert_eq!(host().read_file(adjust).unwrap().unwrap(), old);
    assert!(host().write_parameter(adjust, "30G").is_err());

    let (_keep, directory) = temporary();
    let file = directory.join("file");
    fs::write(&file, "old").unwrap();
    let detour = Utf8PathBuf::from(format!("/proc/..{file}"));
    for path in [&file, &detour, &"/proc/self/phoenix-none".into()] {
        assert!(host().write_parameter(path, "new").is_err(), "{path}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "old");
}

#[test]
fn permissions_change_only_where_the_dataset_is_mounted() {
    let (_keep, directory) = temporary();
    let before = fs::metadata(&directory).unwrap().mode();
    for path in [
        directory.clone(),
        directory.join("none"),
        "/proc/self/status".into(),
    ] {
        let change = PermissionChange {
            dataset: "tank/data".to_owned(),
            path,
            uid: None,
            gid: None,
            mode: Some(0o777),
            recursive: false,
            acl: std::collections::BTreeMap::new(),
        };
        let error = host()
            .change(&Change::SetPermissions(change.clone()))
            .unwrap_err();
        assert!(matches!(error, HostError::NotMounted { .. }), "{error}");
    }
    assert_eq!(fs::metadata(&directory).unwrap().mode(), before);
}

#[test]
fn a_lock_of_another_program_is_waited_for_and_then_named() {
    let (_keep, directory) = temporary();
    let path = directory.join("pve-diskmanage.lck");
    let held = host().lock(&path, Duration::ZERO).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o644);
    let error = host().lock(&path, Duration::ZERO).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("another program holds the lock {path}, and still did after 0 s")
    );
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| host().lock(&path, Duration::from_secs(60)));
        drop(held);
        waiting.join().unwrap().unwrap();
    });
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "",
        "it is not phoenix's to write into"
    );
}

/// Where there is no such directory there is no such program either. In its own directory, which
/// every user may write to, a link leads nowhere and a pipe holds up nobody.
#[test]
fn a_lock_that_makes_no_sense_is_neither_followed_nor_waited_for() {
    let (_keep, directory) = temporary();
    let wait = Duration::from_secs(60);
    let start = Instant::now();
    host().lock(&directory.join("none/x.lck"), wait).unwrap();
    assert!(!directory.join("none").exists());
    fs::write(directory.join("precious"), "precious").unwrap();
    let _precious = host().lock(&directory.join("precious"), wait).unwrap();
    symlink(directory.join("precious"), directory.join("link")).unwrap();
    let error = host().lock(&directory.join("link"), wait).unwrap_err();
    assert!(
        matches!(error, HostError::File { verb: "lock", .. }),
        "{error}"
    );
    let pipe = directory.join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, pipe.as_std_path(), rustix::fs::Mode::RUSR).unwrap();
    host().lock(&pipe, wait).unwrap();
    assert!(start.elapsed() < Duration::from_secs(20));
}
