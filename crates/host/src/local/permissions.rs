//! Owner and mode of a mounted dataset's root directory.
//!
//! A path is looked up once. What was opened is compared with the kernel's table of mounts, and
//! then changed through the open directory: if the dataset goes away in between, the change goes
//! to the dataset or nowhere, never to the empty directory below it.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};

use camino::Utf8Path;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::failed;
use crate::parse::unescape_octal;
use crate::{HostError, PermissionChange};

/// The kernel's table of mounts with device numbers (`proc_pid_mountinfo(5)`).
pub(super) const MOUNTINFO_FILE: &str = "/proc/self/mountinfo";

/// The bits that a mode is compared by.
const MODE_BITS: u32 = 0o7777;

/// Makes the change; `mounts` is the text of [`MOUNTINFO_FILE`].
pub(super) fn change(mounts: &str, change: &PermissionChange) -> Result<(), HostError> {
    let wrong = |source| failed("change", &change.path, source);
    let directory = open(change)?;
    let before = directory.metadata().map_err(wrong)?;
    if !is_root(mounts, &change.dataset, &change.path, before.dev()) {
        return Err(not_mounted(change));
    }
    if change.uid.is_some() || change.gid.is_some() {
        fchown(&directory, change.uid, change.gid).map_err(wrong)?;
    }
    // After the owner: changing an owner may clear the set-id bits.
    if let Some(mode) = change.mode {
        let permissions = Permissions::from_mode(mode & MODE_BITS);
        directory.set_permissions(permissions).map_err(wrong)?;
    }
    let after = directory.metadata().map_err(wrong)?;
    let differs = |wanted: Option<u32>, got: u32| wanted.is_some_and(|wanted| wanted != got);
    if differs(change.uid, after.uid())
        || differs(change.gid, after.gid())
        || differs(change.mode, after.mode() & MODE_BITS)
    {
        let message = format!(
            "it still has owner {}:{} and mode {:04o} afterwards",
            after.uid(),
            after.gid(),
            after.mode() & MODE_BITS
        );
        return Err(wrong(io::Error::other(message)));
    }
    Ok(())
}

fn open(change: &PermissionChange) -> Result<File, HostError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::open(change.path.as_std_path(), flags, Mode::empty()) {
        Ok(directory) => Ok(File::from(directory)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Err(not_mounted(change)),
        Err(errno) => Err(failed("change", &change.path, errno.into())),
    }
}

fn not_mounted(change: &PermissionChange) -> HostError {
    HostError::NotMounted {
        path: change.path.clone(),
        dataset: change.dataset.clone(),
    }
}

/// Whether a device is the dataset that is mounted, whole, at a path.
fn is_root(mounts: &str, dataset: &str, path: &Utf8Path, device: u64) -> bool {
    let device = format!(
        "{}:{}",
        rustix::fs::major(device),
        rustix::fs::minor(device)
    );
    mounts.lines().any(|line| {
        // id parent major:minor root target options [tags...] - type source options
        let Some((front, back)) = line.split_once(" - ") else {
            return false;
        };
        let front: Vec<&str> = front.split(' ').collect();
        let back: Vec<&str> = back.split(' ').collect();
        let ([_, _, number, "/", target, ..], ["zfs", source, ..]) = (&*front, &*back) else {
            return false;
        };
        *number == device
            && Utf8Path::new(&unescape_octal(target)) == path
            && unescape_octal(source) == dataset
    })
}
