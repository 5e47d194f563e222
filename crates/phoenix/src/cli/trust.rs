//! Whether a file is root's own: whoever can write it decides what root does to the disks.
//!
//! Judges, and leaves it to others what follows from that.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use camino::Utf8Path;

/// Why a file that was opened at `path` may hold somebody else's words; `None` if it cannot, or if
/// phoenix does not run as root. The file itself is judged by what was opened.
pub(crate) fn doubt(path: &Utf8Path, file: &File) -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let opened = file.metadata().ok()?;
    if let Some(who) = others(&opened) {
        return Some(format!("{path} {who}"));
    }
    let why = doubt_on_the_way(&std::path::absolute(path).ok()?)?;
    Some(format!("{path} can be replaced: {why}"))
}

/// Who else decides where an absolute path leads: looks at every directory and every link that it
/// passes, one after the other, as the kernel follows them.
fn doubt_on_the_way(path: &Path) -> Option<String> {
    /// As many as the kernel follows.
    const LINKS: usize = 40;
    let (mut here, mut left, mut links) = (PathBuf::from("/"), parts(path), 0);
    while let Some(part) = left.pop() {
        if part == ".." {
            here.pop();
            continue;
        }
        if let Some(who) = directory_of_others(&here) {
            return Some(format!("{} {who}", here.display()));
        }
        let next = here.join(&part);
        let meta = fs::symlink_metadata(&next).ok()?;
        if !meta.is_symlink() {
            here = next;
            continue;
        }
        if meta.uid() != 0 {
            let (link, user) = (next.display(), meta.uid());
            return Some(format!("{link}, a link, belongs to user {user}"));
        }
        links += 1;
        let target = fs::read_link(&next).ok().filter(|_| links <= LINKS)?;
        if target.is_absolute() {
            here = PathBuf::from("/");
        }
        left.extend(parts(&target));
    }
    None
}

/// The parts of a path below the root, the last one first.
fn parts(path: &Path) -> Vec<OsString> {
    let parts = path.components().rev();
    parts
        .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir))
        .map(|part| part.as_os_str().to_owned())
        .collect()
}

/// Who else than root can change a directory's entries. In one with the sticky bit, as `/tmp`, others
/// can add to them only.
fn directory_of_others(directory: &Path) -> Option<String> {
    let meta = fs::metadata(directory).ok()?;
    let is_sticky = meta.mode() & 0o1000 != 0;
    if is_sticky && meta.uid() == 0 {
        return None;
    }
    others(&meta)
}

fn others(meta: &Metadata) -> Option<String> {
    let (uid, gid, mode) = (meta.uid(), meta.gid(), meta.mode());
    if uid != 0 {
        return Some(format!("belongs to user {uid}"));
    }
    if mode & 0o002 != 0 {
        return Some("can be written by everybody".to_owned());
    }
    (mode & 0o020 != 0 && gid != 0).then(|| format!("can be written by group {gid}"))
}
