//! phoenix's own files on the machine where it runs: the lock of a run, and files that only grow.
//!
//! These are never part of the managed host, so they do not pass [`crate::Host`].

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::sync::{Arc, Weak};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{Mode, OFlags};

use crate::lock;

/// The lock could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another phoenix has it.
    #[error("another phoenix is at work here: {holder} holds {path}")]
    Busy {
        /// The lock file.
        path: Utf8PathBuf,
        /// Process id and command, as the holder wrote them; of what it has started if it is gone.
        holder: String,
    },
    /// The lock file cannot be used.
    #[error("cannot lock {path}")]
    File {
        /// The lock file.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// One run at a time: an advisory lock that ends with this value, or with its process however it
/// ends, and with the last program that has inherited it. A file left behind means nothing.
#[derive(Debug)]
pub struct RunLock {
    /// Open is locked: closing gives the lock back.
    file: Arc<File>,
}

impl RunLock {
    /// Takes the lock, waiting up to `wait` for another run to end. `command` is what others are
    /// told while they wait.
    ///
    /// # Errors
    /// When another run still has the lock after `wait`, or the file cannot be used.
    pub fn acquire(path: &Utf8Path, command: &str, wait: Duration) -> Result<Self, LockError> {
        let failed = |source| LockError::File {
            path: path.to_owned(),
            source,
        };
        make_parent(path).map_err(failed)?;
        let mut file = open_lock(path).map_err(failed)?;
        if !lock::wait_for(&file, wait).map_err(failed)? {
            return Err(LockError::Busy {
                path: path.to_owned(),
                holder: holder(&mut file)
                    .map(|signed| lock::at_work(&file, signed))
                    .map_err(failed)?,
            });
        }
        // A full file system keeps the name from those who wait, and nobody from holding the lock.
        let _ = sign(&mut file, command);
        Ok(Self {
            file: Arc::new(file),
        })
    }

    /// What programs inherit while the lock is held.
    pub(crate) fn inheritance(&self) -> Weak<File> {
        Arc::downgrade(&self.file)
    }
}

/// Opens or makes the lock file. Its directory may be one that everybody can write to, so a link,
/// whose target would be overwritten, is refused.
fn open_lock(path: &Utf8Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::open(path.as_std_path(), flags, Mode::RUSR | Mode::WUSR)?;
    Ok(File::from(file))
}

/// Writes who holds the lock, for the message that others get.
fn sign(file: &mut File, command: &str) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "process {} ({command})", std::process::id())
}

fn holder(file: &mut File) -> io::Result<String> {
    /// More than any command line that is worth repeating.
    const LIMIT: u64 = 4096;
    let mut text = Vec::new();
    file.rewind()?;
    file.take(LIMIT).read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    // The holder may not have signed yet.
    Ok(if text.is_empty() {
        "an unnamed process".to_owned()
    } else {
        text
    })
}

/// A file that only grows, line by line.
#[derive(Debug)]
pub struct AppendFile {
    file: File,
    /// Whether the disk may not have all lines yet.
    dirty: bool,
}

impl AppendFile {
    /// Opens or makes a file, readable by its owner only, with the directories above it.
    ///
    /// # Errors
    /// When file or directory cannot be made.
    pub fn create(path: &Utf8Path) -> io::Result<Self> {
        make_parent(path)?;
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)?;
        // The name itself must survive a power cut too.
        if let Some(directory) = parent(path) {
            File::open(directory)?.sync_all()?;
        }
        Ok(Self { file, dirty: false })
    }

    /// Adds one line, which must not hold a line break. It survives phoenix at once, and a power
    /// cut after [`sync`](Self::sync).
    ///
    /// # Errors
    /// When the line could not be written; a part of it may be there.
    pub fn append_line(&mut self, line: &str) -> io::Result<()> {
        self.dirty = true;
        // One call: a reader never sees half a line unless the disk is full or power fails.
        self.file.write_all(format!("{line}\n").as_bytes())
    }

    /// Waits until the disk has all lines. Free when it has them already.
    ///
    /// # Errors
    /// When the disk could not write them.
    pub fn sync(&mut self) -> io::Result<()> {
        if self.dirty {
            self.file.sync_data()?;
            self.dirty = false;
        }
        Ok(())
    }
}

fn make_parent(path: &Utf8Path) -> io::Result<()> {
    match parent(path) {
        Some(directory) => DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory),
        None => Ok(()),
    }
}

fn parent(path: &Utf8Path) -> Option<&Utf8Path> {
    path.parent().filter(|parent| !parent.as_str().is_empty())
}
