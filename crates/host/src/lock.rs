//! Advisory locks (`flock(2)`) that phoenix shares with other programs of a host.
//!
//! Owns how a lock is waited for, held, and who holds it. Which file is locked, and why, is the caller's business.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
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

/// Who holds the lock of an open file: the process that has `signed` for it, or what that has
/// started if it is gone itself.
pub(crate) fn at_work(file: &File, signed: String) -> String {
    let holders = holders(file).unwrap_or_default();
    let signer = signed.strip_prefix("process ");
    let signer = signer.and_then(|words| words.split(' ').next()?.parse().ok());
    match holders.iter().find(|(_, command)| !is_wrapper(command)) {
        Some((pid, command)) if !holders.iter().any(|(pid, _)| Some(*pid) == signer) => {
            format!("process {pid} ({command}), started by {signed}, which is gone,")
        }
        // Whoever may not look into other processes believes the signature.
        _ => signed,
    }
}

/// What stands around a program that is run over ssh.
fn is_wrapper(command: &str) -> bool {
    command == "/bin/sh" || command.starts_with("timeout ")
}

/// The processes that have the lock of an open file, by their number, with their command lines.
/// What one of them has started has it as well, and comes behind it.
fn holders(file: &File) -> io::Result<Vec<(u32, String)>> {
    let file = file.metadata()?;
    let mut holders = Vec::new();
    for process in fs::read_dir("/proc")?.flatten() {
        let name = process.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if has_lock(&process.path(), &file) {
            let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            holders.push((pid, line.trim().to_owned()));
        }
    }
    holders.sort_unstable();
    Ok(holders)
}

/// Whether one of a process's descriptors is the file and has its lock; those that wait for it have
/// the file open as well. What may not be looked at, or is gone meanwhile, has no lock.
fn has_lock(process: &Path, file: &fs::Metadata) -> bool {
    let Ok(descriptors) = fs::read_dir(process.join("fd")) else {
        return false;
    };
    descriptors.flatten().any(|descriptor| {
        let is_it = fs::metadata(descriptor.path())
            .is_ok_and(|meta| (meta.dev(), meta.ino()) == (file.dev(), file.ino()));
        is_it
            && fs::read_to_string(process.join("fdinfo").join(descriptor.file_name()))
                .is_ok_and(|text| text.contains("FLOCK"))
    })
}
