//! Advisory locks (`flock(2)`) that phoenix shares with other programs of a host.
//!
//! Owns how a lock is waited for and held. Which file is locked, and why, is the caller's business.

use std::fmt;
use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;

/// A lock that ends with this value, or with its process however that ends.
pub struct HeldLock {
    _guard: Option<Box<dyn Send + Sync>>,
}

impl HeldLock {
    /// A lock that dropping `guard` gives back.
    pub fn new(guard: impl Send + Sync + 'static) -> Self {
        Self {
            _guard: Some(Box::new(guard)),
        }
    }

    /// What a host hands out where there is nothing to lock.
    pub fn nothing() -> Self {
        Self { _guard: None }
    }
}

impl fmt::Debug for HeldLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldLock").finish_non_exhaustive()
    }
}

/// Locks an open file, waiting up to `wait` for whoever has it; whether that succeeded. Closing the
/// file gives the lock back.
///
/// # Errors
/// When the file system cannot lock.
pub(crate) fn wait_for(file: &File, wait: Duration) -> io::Result<bool> {
    const PAUSE: Duration = Duration::from_millis(100);
    let start = Instant::now();
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(true),
            Err(Errno::WOULDBLOCK) => {}
            Err(errno) => return Err(errno.into()),
        }
        match wait.checked_sub(start.elapsed()) {
            Some(left) if !left.is_zero() => std::thread::sleep(PAUSE.min(left)),
            _ => return Ok(false),
        }
    }
}

/// Opens a lock file of another program, making it if only the file is missing; `None` when its
/// directory is. The directory may be one that every user can write to: a link is not followed, a
/// pipe in its place holds up nobody, and a file of another user is opened without `O_CREAT`, which
/// the kernel would refuse there (`fs.protected_regular`).
pub(crate) fn open_shared(path: &Utf8Path) -> io::Result<Option<File>> {
    const FLAGS: OFlags = OFlags::RDONLY
        .union(OFlags::NOFOLLOW)
        .union(OFlags::NONBLOCK)
        .union(OFlags::CLOEXEC);
    // As Proxmox makes its own lock files (`PVE::Tools::lock_file_full`, umask 022).
    const NEW_FILE: Mode = Mode::from_bits_retain(0o644);
    let open = |extra| rustix::fs::open(path.as_std_path(), FLAGS.union(extra), NEW_FILE);
    let opened = match open(OFlags::empty()) {
        Err(Errno::NOENT) => open(OFlags::CREATE),
        opened => opened,
    };
    match opened {
        Ok(file) => Ok(Some(File::from(file))),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}
