//! Symbolic links on the way to a path, as the kernel resolves it.

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::failed;
use crate::HostError;

/// The first part of an absolute path that is a link, if one is.
pub(super) fn first(path: &Utf8Path) -> Result<Option<Utf8PathBuf>, HostError> {
    match passes_link(path) {
        Ok(false) => return Ok(None),
        Ok(true) => {}
        Err(errno) => return Err(failed("look up", path, errno.into())),
    }
    let mut above: Vec<&Utf8Path> = path.ancestors().collect();
    above.reverse();
    // One that is gone by now was one of them.
    let found = above.into_iter().find(|part| passes_link(part) == Ok(true));
    Ok(Some(found.unwrap_or(path).to_owned()))
}

/// Whether the kernel meets a link when it resolves the whole path. What does not exist, or may
/// not be looked at, is no link.
fn passes_link(path: &Utf8Path) -> Result<bool, Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let links = ResolveFlags::NO_SYMLINKS;
    match rustix::fs::openat2(CWD, path.as_std_path(), flags, Mode::empty(), links) {
        // The last part alone is opened as a link with these flags.
        Ok(found) => {
            let kind = rustix::fs::fstat(&found)?.st_mode;
            Ok(rustix::fs::FileType::from_raw_mode(kind) == rustix::fs::FileType::Symlink)
        }
        Err(Errno::LOOP) => Ok(true),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS) => Ok(false),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_anywhere_on_the_way_is_found() {
        let keep = tempfile::tempdir().unwrap();
        let base = Utf8Path::from_path(keep.path()).unwrap();
        fs::create_dir_all(base.join("real/deep")).unwrap();
        symlink(base.join("real"), base.join("link")).unwrap();
        symlink("deep", base.join("real/last")).unwrap();
        symlink("nowhere", base.join("dangling")).unwrap();
        for (path, link) in [
            ("real/deep", None),
            ("real", None),
            ("none", None),
            ("real/none/deeper", None),
            ("link", Some("link")),
            ("link/deep", Some("link")),
            ("link/last", Some("link")),
            ("real/last", Some("real/last")),
            ("real/../link/deep", Some("real/../link")),
            ("dangling", Some("dangling")),
            ("dangling/below", Some("dangling")),
        ] {
            let wanted = link.map(|link| base.join(link));
            assert_eq!(first(&base.join(path)).unwrap(), wanted, "{path}");
        }
    }
}
