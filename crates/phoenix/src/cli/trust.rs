//! Whether a file is root's own: whoever can write it decides what root does to the disks.
//!
//! Judges, and leaves it to others what follows from that.

use std::fs::{self, File, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use camino::Utf8Path;

/// Why a file that was opened at `path` may hold somebody else's words; `None` if it cannot, or if
/// phoenix does not run as root. The file itself is judged by what was opened, and every directory
/// that leads to it, by the given path and by its real one.
pub(crate) fn doubt(path: &Utf8Path, file: &File) -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let opened = file.metadata().ok()?;
    if let Some(who) = others(&opened) {
        return Some(format!("{path} {who}"));
    }
    let given = std::path::absolute(path).ok()?;
    let real = fs::canonicalize(path).ok()?;
    [given, real].iter().find_map(|path| {
        let above = path.ancestors().skip(1);
        above
            .filter_map(|directory| Some((directory, directory_of_others(directory)?)))
            .map(|(directory, who)| {
                format!(
                    "{path} can be replaced: {directory} {who}",
                    path = path.display(),
                    directory = directory.display()
                )
            })
            .next()
    })
}

/// Who else than root can change a directory's entries. In one with the sticky bit, as `/tmp`, others
/// can add to them only.
fn directory_of_others(directory: &Path) -> Option<String> {
    let is_sticky = |meta: &Metadata| meta.mode() & 0o1000 != 0;
    let meta = fs::metadata(directory).ok()?;
    if is_sticky(&meta) && meta.uid() == 0 {
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
