//! Everything below an open directory, changed without ever leaving its file system.
//!
//! The kernel itself is asked to resolve each name below the directory, on the same mount and
//! without symbolic links (`openat2(2)`), so that nobody who can write into the tree, such as a
//! container's root, can point the change at something else in between.

use std::fs::{File, Permissions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::fs::{Gid, Uid};
use rustix::io::Errno;

use crate::PermissionChange;
use crate::change::{MODE_BITS, file_mode};

/// Changes everything below `root`, but not `root` itself. What disappears meanwhile is skipped.
pub(super) fn change_below(root: &File, change: &PermissionChange) -> io::Result<()> {
    let device = root.metadata()?.dev();
    let mut pending = vec![PathBuf::from(".")];
    while let Some(path) = pending.pop() {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let Some(directory) = open_below(root.as_fd(), &path, flags)? else {
            continue;
        };
        let directory = File::from(directory);
        if path != Path::new(".") {
            set(&directory, change, |mode, _| mode)?;
        }
        for entry in Dir::read_from(&directory)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let stat = match rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(errno.into()),
            };
            if stat.st_dev != device {
                continue;
            }
            let name = Path::new(std::ffi::OsStr::new(bytes(name)));
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => pending.push(path.join(name)),
                FileType::RegularFile => file(directory.as_fd(), name, change)?,
                _ => link(directory.as_fd(), name, change)?,
            }
        }
    }
    Ok(())
}

fn bytes(name: &std::ffi::CStr) -> &std::ffi::OsStr {
    std::os::unix::ffi::OsStrExt::from_bytes(name.to_bytes())
}

/// `None` for a name that is gone, or that leads somewhere else.
fn open_below(from: BorrowedFd<'_>, name: &Path, flags: OFlags) -> io::Result<Option<OwnedFd>> {
    let inside = ResolveFlags::BENEATH | ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS;
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat2(from, name, flags, Mode::empty(), inside) {
        Ok(found) => Ok(Some(found)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

fn file(directory: BorrowedFd<'_>, name: &Path, change: &PermissionChange) -> io::Result<()> {
    // Without waiting: in place of the file there may be a pipe by now.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    match open_below(directory, name, flags)? {
        Some(file) => set(&File::from(file), change, file_mode),
        None => Ok(()),
    }
}

/// A link, pipe, socket or device: it has an owner, and its mode is left alone.
fn link(directory: BorrowedFd<'_>, name: &Path, change: &PermissionChange) -> io::Result<()> {
    let (uid, gid) = (change.uid.map(Uid::from_raw), change.gid.map(Gid::from_raw));
    if uid.is_none() && gid.is_none() {
        return Ok(());
    }
    match rustix::fs::chownat(directory, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Gives an open file or directory what it lacks; `mode_of` makes its mode from the wanted one and
/// the one that it has.
fn set(file: &File, change: &PermissionChange, mode_of: fn(u32, u32) -> u32) -> io::Result<()> {
    let has = file.metadata()?;
    let differs = |wanted: Option<u32>, has: u32| wanted.is_some_and(|wanted| wanted != has);
    if differs(change.uid, has.uid()) || differs(change.gid, has.gid()) {
        fchown(file, change.uid, change.gid)?;
    }
    let Some(wanted) = change.mode else {
        return Ok(());
    };
    let mode = mode_of(wanted & MODE_BITS, has.mode());
    // Looked at again: changing the owner may have cleared set-id bits.
    if file.metadata()?.mode() & MODE_BITS != mode {
        file.set_permissions(Permissions::from_mode(mode))?;
    }
    Ok(())
}
