//! The lock of a run and the files that only grow.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use camino::Utf8PathBuf;
use phoenix_host::store::{AppendFile, LockError, RunLock};

fn directory() -> (tempfile::TempDir, Utf8PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::try_from(directory.path().to_owned()).unwrap();
    (directory, path)
}

fn mode(path: &Utf8PathBuf) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn the_second_run_is_told_who_has_the_lock() {
    let (_keep, directory) = directory();
    let path = directory.join("run/phoenix.lock");
    let first = RunLock::acquire(&path, "phoenix apply a.json", Duration::ZERO).unwrap();
    assert_eq!(mode(&path), 0o600);
    let error = RunLock::acquire(&path, "phoenix apply b.json", Duration::ZERO).unwrap_err();
    let LockError::Busy { holder, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(
        *holder,
        format!("process {} (phoenix apply a.json)", std::process::id())
    );
    drop(first);
    // The file stays behind and means nothing; the longer old text is gone.
    let _second = RunLock::acquire(&path, "b", Duration::ZERO).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text, format!("process {} (b)\n", std::process::id()));
}

#[test]
fn waiting_ends_when_the_first_run_does() {
    let (_keep, directory) = directory();
    let path = directory.join("phoenix.lock");
    let first = RunLock::acquire(&path, "first", Duration::ZERO).unwrap();
    std::thread::scope(|scope| {
        let second = scope.spawn(|| RunLock::acquire(&path, "second", Duration::from_secs(60)));
        drop(first);
        second.join().unwrap().unwrap();
    });
}

#[test]
fn a_lock_that_cannot_be_made_is_no_busy_lock() {
    let (_keep, directory) = directory();
    fs::write(directory.join("file"), "").unwrap();
    let path = directory.join("file/phoenix.lock");
    let error = RunLock::acquire(&path, "x", Duration::ZERO).unwrap_err();
    assert!(matches!(error, LockError::File { .. }), "{error}");
}

/// In a directory that everybody can write to, a link could lead to any file of root.
#[test]
fn a_link_in_place_of_the_lock_is_refused() {
    let (_keep, directory) = directory();
    let target = directory.join("precious");
    fs::write(&target, "precious").unwrap();
    let path = directory.join("phoenix.lock");
    std::os::unix::fs::symlink(&target, &path).unwrap();
    let error = RunLock::acquire(&path, "x", Duration::ZERO).unwrap_err();
    assert!(matches!(error, LockError::File { .. }), "{error}");
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
}

/// On a full `/run` nobody can be told a name, and everybody can still be kept out.
#[test]
fn a_lock_that_cannot_be_signed_is_held_all_the_same() {
    let path = camino::Utf8Path::new("/dev/full");
    let _lock = RunLock::acquire(path, "x", Duration::ZERO).unwrap();
    let error = RunLock::acquire(path, "y", Duration::ZERO).unwrap_err();
    assert!(matches!(error, LockError::Busy { .. }), "{error}");
}

#[test]
fn lines_are_added_for_the_owner_only() {
    let (_keep, directory) = directory();
    let path = directory.join("lib/phoenix/runs/1.jsonl");
    AppendFile::create(&path)
        .unwrap()
        .append_line("one")
        .unwrap();
    AppendFile::create(&path)
        .unwrap()
        .append_line("two")
        .unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&directory.join("lib/phoenix/runs")), 0o700);
    assert!(AppendFile::create(&directory).is_err());
}
