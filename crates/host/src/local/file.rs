//! Files of the host: read whole, replaced whole, and kernel parameters.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, fchown};

use camino::{Utf8Component, Utf8Path};
use rustix::fs::{FlockOperation, flock};
use tempfile::NamedTempFile;

/// The largest file that is read, in bytes. What phoenix reads has some kilobytes.
pub(crate) const LIMIT: u64 = 16 * 1024 * 1024;

/// The mode of new files that programs of other users must read.
pub(crate) const NEW_FILE: u32 = 0o644;

/// The mode of a new directory for such files.
pub(crate) const NEW_DIRECTORY: u32 = 0o755;

/// Reads a file; `None` when it does not exist.
pub(crate) fn read(path: &Utf8Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// The bytes of a file as text.
pub(crate) fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(small(bytes)?)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))
}

/// The bytes of a file of others as text.
pub(crate) fn foreign_text(bytes: Vec<u8>) -> io::Result<String> {
    let bytes = small(bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn small(bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    if bytes.len() as u64 > LIMIT {
        return Err(too_large());
    }
    Ok(bytes)
}

/// A file is larger than [`LIMIT`].
pub(crate) fn too_large() -> io::Error {
    let message = format!("it is larger than {LIMIT} bytes");
    io::Error::new(io::ErrorKind::FileTooLarge, message)
}

/// What the names of new files begin and end with until they are whole. Neither exportfs nor
/// modprobe reads hidden files with this ending.
pub(crate) const UNFINISHED: (&str, &str) = (".phoenix-", ".tmp");

/// Replaces a file: whoever reads it, and whatever happens to the machine, sees the old contents
/// or the new ones. Its directory is made if only that is missing. What killed runs have left behind
/// in it is taken away.
pub(crate) fn replace(path: &Utf8Path, contents: &str) -> io::Result<()> {
    let directory = directory_of(path)?;
    let old = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        // A rename would replace a link, not the file that its owner meant.
        Ok(old) if !old.is_file() => return Err(refused("it is not a regular file")),
        old => Some(old?),
    };
    if old.is_none() {
        make_directory(directory)?;
    }
    remove_unfinished(directory)?;
    let mut new = begin(directory)?;
    new.write_all(contents.as_bytes())?;
    let file = new.as_file();
    if let Some(old) = &old {
        fchown(file, Some(old.uid()), Some(old.gid()))?;
    }
    let mode = old.map_or(NEW_FILE, |old| old.mode() & 0o7777);
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()?;
    new.persist(path).map_err(|error| error.error)?;
    File::open(directory)?.sync_all()
}

/// A new file that nobody takes for one that was left behind: it is locked while it is written.
fn begin(directory: &Utf8Path) -> io::Result<NamedTempFile> {
    let (prefix, suffix) = UNFINISHED;
    loop {
        let new = tempfile::Builder::new()
            .prefix(prefix)
            .suffix(suffix)
            .tempfile_in(directory)?;
        let is_mine = flock(new.as_file(), FlockOperation::NonBlockingLockExclusive).is_ok();
        // In between another run may have taken it away.
        if is_mine && new.path().exists() {
            return Ok(new);
        }
    }
}

fn remove_unfinished(directory: &Utf8Path) -> io::Result<()> {
    let (prefix, suffix) = UNFINISHED;
    for entry in directory.read_dir_utf8()? {
        let entry = entry?;
        let name = entry.file_name();
        let is_ours = name.starts_with(prefix) && name.ends_with(suffix);
        if is_ours && entry.file_type()?.is_file() {
            remove_if_left_behind(entry.path())?;
        }
    }
    Ok(())
}

/// Removes a file unless somebody is writing it. Another run may be quicker.
fn remove_if_left_behind(path: &Utf8Path) -> io::Result<()> {
    let Ok(file) = File::open(path) else {
        return Ok(());
    };
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(());
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

fn make_directory(directory: &Utf8Path) -> io::Result<()> {
    match DirBuilder::new().mode(NEW_DIRECTORY).create(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result,
    }
}

/// Writes a value into a file below `/sys` or `/proc` that exists, in one write: the kernel takes
/// each write as a whole value.
pub(crate) fn write_parameter(path: &Utf8Path, value: &str) -> io::Result<()> {
    must_be_parameter(path)?;
    let mut file = OpenOptions::new().write(true).open(path)?;
    let written = file.write(value.as_bytes())?;
    if written == value.len() {
        Ok(())
    } else {
        Err(io::Error::new(
            io::ErrorKind::WriteZero,
            "the kernel took only a part of the value",
        ))
    }
}

/// Confirms that a path can only lead to a kernel parameter.
pub(crate) fn must_be_parameter(path: &Utf8Path) -> io::Result<()> {
    let kernel = path.starts_with("/sys") || path.starts_with("/proc");
    let detour = |part| part == Utf8Component::ParentDir;
    if kernel && !path.components().any(detour) {
        return Ok(());
    }
    Err(refused("it is no kernel parameter below /sys or /proc"))
}

/// The directory that a file is to be replaced in.
pub(crate) fn directory_of(path: &Utf8Path) -> io::Result<&Utf8Path> {
    path.parent()
        .filter(|_| path.is_absolute())
        .ok_or_else(|| refused("its path is not absolute"))
}

fn refused(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}
