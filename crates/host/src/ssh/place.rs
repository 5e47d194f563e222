//! The directory of one connection's socket: nobody else can look into it, its path is short enough
//! for a socket, and those that killed runs have left behind are taken away.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

/// What the directories' names begin with.
const PREFIX: &str = "phoenix-ssh-";

/// Where the directory goes when the usual place has too long a path.
const SHORT: &str = "/tmp";

/// The longest path of a directory of temporary files, in bytes. A socket's whole path has 107 at
/// most (unix(7)), of which `/phoenix-ssh-XXXXXX/socket` takes 26, and ssh itself makes the socket
/// under a name with 17 more before it renames it.
const LONGEST: usize = 64;

/// A directory that ends with this value.
#[derive(Debug)]
pub(super) struct Place {
    directory: TempDir,
    /// Locked while this process lives: how the next one knows that it is in use.
    _alive: File,
}

impl Place {
    /// A new directory in `usual`, the directory of temporary files, or in `/tmp` if that has too
    /// long a path.
    pub(super) fn new(usual: &Path) -> io::Result<Self> {
        let fits = usual.is_absolute() && usual.as_os_str().as_bytes().len() <= LONGEST;
        let base = if fits { usual } else { Path::new(SHORT) };
        remove_leftovers(base);
        loop {
            let directory = tempfile::Builder::new()
                .prefix(PREFIX)
                .permissions(Permissions::from_mode(0o700))
                .tempdir_in(base)?;
            let alive = File::open(directory.path())?;
            flock(&alive, FlockOperation::LockExclusive)?;
            // In between another process may have taken it for one that was left behind.
            if fs::symlink_metadata(directory.path()).is_ok() {
                return Ok(Self {
                    directory,
                    _alive: alive,
                });
            }
        }
    }

    /// The directory's own name, which is nobody else's.
    pub(super) fn name(&self) -> String {
        let name = self.directory.path().file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// The socket's path.
    pub(super) fn socket(&self) -> String {
        let socket = self.directory.path().join("socket");
        socket.to_string_lossy().into_owned()
    }
}

/// Removes the directories of runs that were killed, as far as they are this user's own. One that
/// cannot be removed does no harm.
fn remove_leftovers(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else {
        return;
    };
    let own = rustix::process::geteuid().as_raw();
    for entry in entries.flatten() {
        let is_ours = entry.file_name().as_bytes().starts_with(PREFIX.as_bytes())
            // Not followed: a link of that name is somebody else's trick.
            && entry.metadata().is_ok_and(|meta| meta.is_dir() && meta.uid() == own);
        if is_ours
            && let Ok(directory) = File::open(entry.path())
            && flock(&directory, FlockOperation::NonBlockingLockExclusive).is_ok()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_too_long_for_a_socket_is_not_used() {
        let keep = tempfile::tempdir().unwrap();
        let long = keep.path().join("x".repeat(60));
        fs::create_dir(&long).unwrap();
        for (usual, wanted) in [(keep.path(), keep.path()), (&long, Path::new(SHORT))] {
            let place = Place::new(usual).unwrap();
            assert_eq!(place.directory.path().parent(), Some(wanted));
            assert!(place.socket().len() + 17 <= 107, "{}", place.socket());
            let socket = Path::new(&place.socket()).with_extension("0123456789abcdef");
            std::os::unix::net::UnixListener::bind(socket).unwrap();
        }
    }

    #[test]
    fn what_a_killed_run_has_left_behind_is_taken_away_and_nothing_else() {
        let keep = tempfile::tempdir().unwrap();
        let base = keep.path();
        let at_work = Place::new(base).unwrap();
        fs::create_dir(base.join("phoenix-ssh-killed")).unwrap();
        fs::write(base.join("phoenix-ssh-killed/socket"), "").unwrap();
        fs::create_dir(base.join("other")).unwrap();
        std::os::unix::fs::symlink(base.join("other"), base.join("phoenix-ssh-link")).unwrap();
        let new = Place::new(base).unwrap();
        let exists = |name: &str| fs::symlink_metadata(base.join(name)).is_ok();
        assert!(!exists("phoenix-ssh-killed"));
        for name in [&at_work.name(), &new.name(), "other", "phoenix-ssh-link"] {
            assert!(exists(name), "{name}");
        }
    }
}
