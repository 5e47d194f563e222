//! The remote host, against a real sshd on this machine.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use phoenix_host::command::{Command, Program};
use phoenix_host::local::LocalHost;
use phoenix_host::ssh::{ConnectProblem, RemoteLock, SshHost, SshOptions};
use phoenix_host::{Change, Host, HostError, PermissionChange};

use crate::sshd::Sshd;

/// What `zfs` does on the other side, by its first argument.
const ZFS: &str = r#"#!/bin/sh
case "$1" in
    args) shift; for arg; do printf '[%s]\n' "$arg"; done ;;
    say) printf out; printf err >&2; exit "$2" ;;
    env) /usr/bin/env; pwd; /bin/cat ;;
    bytes) printf 'a\377b' ;;
    lines) i=0; while [ $i -lt 5000 ]; do echo 0123456789012345678901234567890123456789; \
           echo 0123456789012345678901234567890123456789 >&2; i=$((i+1)); done ;;
    flood) /usr/bin/yes ;;
    hang) /bin/sleep 1000 & echo $! > "$2"; wait ;;
    signal) kill -"$2" $$ ;;
    daemon) /bin/sleep 1000 & echo $! ;;
    wait) : > "$2/here.$3"; while [ ! -e "$2/go" ]; do /bin/sleep 0.01; done ;;
esac
"#;

/// One machine with one connection to it.
pub(crate) struct Remote {
    pub(crate) host: SshHost,
    pub(crate) sshd: Sshd,
    pub(crate) programs: Utf8PathBuf,
    _keep: tempfile::TempDir,
}

pub(crate) fn remote() -> Remote {
    let sshd = Sshd::start();
    let keep = tempfile::tempdir().unwrap();
    let programs = Utf8PathBuf::try_from(keep.path().to_owned()).unwrap();
    fs::write(programs.join("zfs"), ZFS).unwrap();
    fs::set_permissions(programs.join("zfs"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(programs.join("zpool"), ZFS).unwrap();
    let host = connect(&sshd, &programs).unwrap();
    Remote {
        host,
        sshd,
        programs,
        _keep: keep,
    }
}

pub(crate) fn connect(
    sshd: &Sshd,
    programs: &Utf8Path,
) -> Result<SshHost, phoenix_host::ssh::ConnectError> {
    let options = SshOptions {
        config_file: Some(sshd.client_config()),
        search_path: vec![programs.to_owned()],
        ..SshOptions::default()
    };
    SshHost::connect(&sshd.target().parse().unwrap(), &options)
}

/// Waits for what happens in another process, for a time that is far too long.
pub(crate) fn wait_until(has_happened: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(20);
    while !has_happened() {
        assert!(Instant::now() < limit, "it never happens");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn zfs(args: &[&str]) -> Command {
    Command::read(Program::Zfs, args.iter().copied())
}

#[test]
#[ignore = "needs sshd (Debian package openssh-server)"]
fn arguments_arrive_as_they_were_given() {
    let remote = remote();
    let latin: String = ('\u{a0}'..'\u{7ff}').collect();
    let long = "tank/data ".repeat(10_000);
    let odd = [
        "two words",
        "$HOME",
        "$(reboot)",
        "`id`",
        "*",
        "; exit 1",
        "",
        "\"'",
        "it's",
        "a\nb\n",
        "\\",
        "!!",
        "~",
        "-n",
        "--",
        "{a,b}",
        "ä€🦀",
        "\u{1}\u{7f}",
        &latin,
    ];
    let mut args = vec!["args"];
    args.extend(odd);
    // More than a shell could be given as one argument.
    args.extend([long.as_str(); 3]);
    let output = remote.host.run(&zfs(&args)).unwrap();
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    let mut rest = output.stdout.as_str();
    for arg in &args[1..] {
        let line = format!("[{arg}]\n");
        let start: String = rest.chars().take(80).collect();
        rest = rest
            .strip_prefix(&line)
            .unwrap_or_else(|| panic!("{start:?}"));
    }
    assert_eq!(rest, "");
    let error = remote.host.run(&zfs(&["a\0b"])).unwrap_err();
    assert!(matches!(error, HostError::Spawn { .. }), "{error}");
}

/// 255 is what `ssh` ends with when it has lost its connection, and 137 what a shell says of a
/// program that was killed.
#[test]
#[ignore = "needs sshd (Debian package openssh-server)"]
fn exit_codes_are_those_of_the_program() {
    let remote = remote();
    for code in [0, 1, 3, 124, 128, 132, 192, 255] {
        let output = remote.host.run(&zfs(&["say", &code.to_string()])).unwrap();
        assert_eq!(
            (output.code, output.stdout.as_str(), output.stderr.as_str()),
            (Some(code), "out", "err")
        );
    }
    for signal in ["TERM", "KILL", "ABRT", "SEGV"] {
        let output = remote.host.run(&zfs(&["signal", signal])).unwrap();
        assert_eq!(output.code, None, "{signal}");
    }
}

#[test]
#[ignore = "needs sshd (Debian package openssh-server)"]
fn the_environment_is_clean_and_output_whole() {
    let remote = remote();
    let output = remote.host.run(&zfs(&["env"])).unwrap();
    let own = |line: &&str| {
        !["PWD=", "OLDPWD=", "SHLVL=", "_="]
            .iter()
            .any(|name| line.starts_with(name))
    };
    let mut lines: Vec<_> = output.stdout.lines().filter(own).collect();
    lines.sort_unstable();
    let path = format!("PATH={}", remote.programs);
    assert_eq!(lines, ["/", "LC_ALL=C.UTF-8", &path]);

    assert_eq!(
        remote.host.run(&zfs(&["bytes"])).unwrap().stdout,
        "a\u{fffd}b"
    );
    let output = remote.host.run(&zfs(&["lines"])).unwrap();
    assert_eq!(
        (output.stdout.len(), output.stderr.len()),
        (205_000, 205_000)
    );
    let error = remote.host.run(&zfs(&["flood"])).unwrap_err();
    let limit = 16 * 1024 * 1024;
    assert!(
        matches!(error, HostError::TooMuchOutput { limit: got, .. } if got == limit),
        "{error}"
    );
    let error = remote
        .host
        .run(&Command::read(Program::Zpool, ["x"]))
        .unwrap_err();
    assert!(
        matches!(error, HostError::NotInstalled { .. }),
        "not executable: {error}"
    );
}

#[test]
#[ignore = "needs sshd (Debian package openssh-server)"]
fn a_program_that_hangs_is_killed_over_there() {
    let remote = remote();
    let file = remote.programs.join("pid");
    let start = Instant::now();
    let error = remote
        .host
        .run(&zfs(&["hang", file.as_str()]).timeout(1))
        .unwrap_err();
    assert!(
        matches!(error, HostError::TimedOut { seconds: 1, .. }),
        "{error}"
    );
    assert!(start.elapsed() < Duration::from_secs(20));
    crate::local::assert_ends(&fs::read_to_string(file).unwrap());
}

#[test]
#[ignore = "needs sshd (Debian package openssh-server)"]
fn a_daemon_does_not_hold_its_starter() {
    let remote = remote();
    let start = Instant::now();
    let output = remote.host.run(&zfs(&["daemon"])).unwrap();
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_eq!(output.code, Some(0));
    crate::local::kill(&output.stdout);
}

/// sshd refuses the eleventh session of a connection. Sixteen workers must not notice.
#[test]
#[ignore = "needs sshd (Debian package openssh-server)"]
fn many_commands_share_one_connection() {
    let remote = remote();
    let directory = remote.programs.as_str();
    let wait = &|number: usize| {
        let command = zfs(&["wait", directory, &number.to_string()]);
        remote.host.run(&command).unwrap().code
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..32)
            .map(|number| scope.spawn(move || wait(number)))
            .collect();
        // They are let go only when eight of them run at once.
        wait_until(|| {
            let entries = fs::read_dir(directory).unwrap().flatten();
            let begun = |name: &str| name.starts_with("here.");
            let names = entries.map(|entry| entry.file_name());
            names.filter(|name| begun(&name.to_string_lossy())).count() == 8
        });
        fs::write(remote.programs.join("go"), "").unwrap();
        for worker in workers {
            assert_eq!(worker.join().unwrap(), Some(0));
        }
    });
}

#[test]
#[ignore = "needs sshd (Debian package openssh-server)"]
fn files_are_read_whole_or_not_at_all() {
    let remote = remote();
    let directory = &remote.programs;
    fs::write(directory.join("text"), "ä\n\n").unwrap();
    fs::write(directory.join("-odd 'name'"), "").unwrap();
    fs::write(directory.join("bytes"), b"\xff").unwrap();
    let huge = fs::File::create(directory.join("huge")).unwrap();
    huge.set_len(16 * 1024 * 1024 + 1).unwrap();
    let read = |name: &str| remote.host.read_file(&directory.join(name));
    assert_eq!(read("text").unwrap().as_deref(), Some("ä\n\n"));
    assert_eq!(read("-odd 'name'").unwrap().as_deref(), Some(""));
    assert_eq!(read("none").unwrap(), None);
    for name in ["bytes", "huge", ".", "text/below"] {
        let error = read(name).unwrap_err();
        assert!(
            matches!(error, HostError::File { verb: "read", .. }),
            "{name}: {error}"
        );
    }
    let mounts = remote.host.read_file(Utf8Path::new("/proc/self/mounts"));
    assert!(mounts.unwrap().unwrap().contains(" /proc "));
}

/// The same files, written by both hosts, end up the same.
#[test]
#[ignore = "needs sshd (Debian package openssh-server)"]
fn files_are_replaced_as_on_the_local_host() {
    let remote = remote();
    let local = LocalHost::new();
    let hosts: [(&str, &dyn Host); 2] = [("local", &local), ("remote", &remote.host)];
    for (name, host) in hosts {
        let directory = remote.programs.join(format!("{name} it's"));
        let path = directory.join("exports.d/phoenix.exports");
        fs::create_dir(&directory).unwrap();
        let mode = |path: &Utf8Path| fs::metadata(path).unwrap().mode() & 0o7777;

        host.write_file(&path, "one").unwrap();
        assert_eq!(
            (mode(&path), mode(path.parent().unwrap())),
            (0o644, 0o755),
            "{name}"
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::chown(&path, Some(7), Some(8)).unwrap_or_default();
        let before = fs::metadata(&path).unwrap();
        let text = "$HOME `id` 'quoted' \\n %s ä\n\n".to_owned() + &"long line\n".repeat(20_000);
        host.write_file(&path, &text).unwrap();
        let after = fs::metadata(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "{name}");
        assert_eq!(mode(&path), 0o640, "{name}");
        assert_eq!(
            (after.uid(), after.gid()),
            (before.uid(), before.gid()),
            "{name}"
        );
        assert_ne!(after.ino(), before.ino(), "{name}: replaced, not rewritten");
        host.write_file(&path, "").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "", "{name}");
        assert_eq!(
            fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1,
            "{name}"
        );

        symlink(&path, directory.join("link")).unwrap();
        symlink(directory.join("nowhere"), directory.join("dangling")).unwrap();
        for refused in ["link", "dangling", "exports.d", "no/such/file"] {
            let error = host
                .write_file(&directory.join(refused), "new")
                .unwrap_err();
            assert!(
                matches!(error, HostError::File { verb: "write", .. }),
                "{name} {refused}: {error}"
            );
        }
        assert!(host.write_file(Utf8Path::new("relative"), "new").is_err());
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 3, "{name}");
    }
}

#[test]
#[ignore = "needs sshd (Debian package openssh-server)"]
fn parameters_are_written_below_sys_and_proc_only() {
    let remote = remote();
    let file = remote.programs.join("file");
    fs::write(&file, "old").unwrap();
    // The shell's own setting, which ends with it.
    remote
        .host
        .write_parameter(Utf8Path::new("/proc/self/coredump_filter"), "0x33")
        .unwrap();
    let detour = Utf8PathBuf::from(format!("/proc/..{file}"));
    for path in [&file, &detour, &"/proc/self/phoenix-none".into()] {
        assert!(remote.host.write_parameter(path, "new").is_err(), "{path}");
    }
    let adjust = Utf8Path::new("/proc/self/coredump_filter");
    assert!(remote.host.write_parameter(adjust, "30G").is_err());
    assert_eq!(fs::read_to_string(&file).unwrap(), "old");
}

#[test]
#[ignore = "needs sshd (Debian package openssh-server)"]
fn permissions_change_only_where_the_dataset_is_mounted() {
    let remote = remote();
    for path in [
        remote.programs.clone(),
        remote.programs.join("none"),
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
        let error = remote
            .host
            .change(&Change::SetPermissions(change.clone()))
            .unwrap_err();
        assert!(matches!(error, HostError::NotMounted { .. }), "{error}");
        let tree = PermissionChange {
            recursive: true,
            ..change
        };
        let error = remote
            .host
            .change(&Change::SetPermissions(tree.clone()))
            .unwrap_err();
        assert!(
            matches!(error, HostError::File { verb: "change", .. }),
            "{error}"
        );
    }
}

#[test]
#[ignore = "needs sshd (Debian package openssh-server)"]
fn why_there_is_no_connection_is_said() {
    let sshd = Sshd::start();
    let try_with = |config: Utf8PathBuf, target: &str| {
        let options = SshOptions {
            config_file: Some(config),
            ..SshOptions::default()
        };
        SshHost::connect(&target.parse().unwrap(), &options).unwrap_err()
    };
    let error = try_with(sshd.write_client_config("a", "none", "id"), &sshd.target());
    assert!(
        matches!(error.problem, ConnectProblem::UnknownHostKey),
        "{error}"
    );
    assert!(error.help().contains("fingerprint"), "{}", error.help());
    let error = try_with(sshd.write_client_config("b", "other", "id"), &sshd.target());
    assert!(
        matches!(error.problem, ConnectProblem::ChangedHostKey),
        "{error}"
    );
    let error = try_with(
        sshd.write_client_config("c", "host", "other"),
        &sshd.target(),
    );
    assert!(matches!(error.problem, ConnectProblem::Denied), "{error}");
    let error = try_with(sshd.client_config(), "ssh://127.0.0.1:1");
    assert!(
        matches!(error.problem, ConnectProblem::Unreachable(_)),
        "{error}"
    );
}

/// A shell that greets everybody, as some `.bashrc` do, and a server that allows one session.
#[test]
#[ignore = "needs sshd (Debian package openssh-server)"]
fn chatter_and_narrow_servers_are_survived_or_named() {
    let chatty = "ForceCommand echo hello; echo hello >&2; eval \"$SSH_ORIGINAL_COMMAND\"";
    let sshd = Sshd::with_config(chatty);
    let host = connect(&sshd, Utf8Path::new("/nonexistent")).unwrap();
    let text = host
        .read_file(Utf8Path::new("/proc/sys/kernel/ostype"))
        .unwrap();
    assert_eq!(text.as_deref(), Some("Linux\n"));

    let sshd = Sshd::with_config("MaxSessions 1");
    let host = connect(&sshd, Utf8Path::new("/nonexistent")).unwrap();
    let (_keep, path) = crate::local::temporary();
    let _lock = RemoteLock::acquire(&host, &path.join("lock"), "x", Duration::ZERO).unwrap();
    let error = host.read_file(Utf8Path::new("/etc/hostname")).unwrap_err();
    let words = std::error::Error::source(&error).unwrap().to_string();
    assert!(words.contains("MaxSessions"), "{error}: {words}");
}
