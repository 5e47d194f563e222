//! The only crate that runs programs or touches host files.
//!
//! [`Host`] is the narrow waist: one command or one file at a time, at the level of argv. Here are
//! the real, the remote, the recorded and the read-only one; the simulated host is a crate of its own,
//! and so are the typed commands of the tools. Nothing here knows any one tool, configurations or plans.

pub mod change;
pub mod command;
pub mod interposed;
pub mod local;
pub mod lock;
pub mod octal;
pub mod readonly;
pub mod ssh;
pub mod store;
pub mod transcript;

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

pub use change::{Change, PermissionChange};
use command::{Command, Output};
use lock::HeldLock;

/// Everything that phoenix may ask of a machine. Blocking, and shared by worker threads.
pub trait Host: Send + Sync {
    /// Runs one command to its end, within its timeout.
    ///
    /// A non-zero exit is an [`Output`], not an error: `smartctl` answers with a bit mask and
    /// `zfs get` prints useful rows when one name is missing.
    ///
    /// # Errors
    /// When the command could not be started, did not end in time, or printed more than the limit.
    fn run(&self, command: &Command) -> Result<Output, HostError>;

    /// Reads a whole small file; `None` if it does not exist.
    ///
    /// # Errors
    /// When the file exists and cannot be read, is no UTF-8, or is larger than the limit.
    fn read_file(&self, path: &Utf8Path) -> Result<Option<String>, HostError>;

    /// Reads a file of other programs for its lines, so that a byte that is no UTF-8 costs the line
    /// that it stands in: it becomes U+FFFD. What is read so must never be written back.
    ///
    /// # Errors
    /// When the file exists and cannot be read, or is larger than the limit.
    fn read_foreign(&self, path: &Utf8Path) -> Result<Option<String>, HostError> {
        self.read_file(path)
    }

    /// Changes something that is no command's business, and nothing else: see [`Change`].
    ///
    /// # Errors
    /// When it was not changed; what was there before is still there then, apart from a tree of
    /// which only a part could be changed.
    fn change(&self, change: &Change) -> Result<(), HostError>;

    /// Takes a lock (`flock(2)`) that other programs of the host respect, waiting up to `wait` for
    /// them; it is held until the returned value is dropped. Where the directory of the lock does
    /// not exist, those programs are not there either, and there is nothing to lock.
    ///
    /// # Errors
    /// When another program still has the lock after `wait`, or the file cannot be used.
    fn lock(&self, path: &Utf8Path, wait: Duration) -> Result<HeldLock, HostError>;

    /// The first symbolic link on the way to each path, which is absolute, the path itself included;
    /// `None` for a path without one, or to nothing. The kernel itself resolves the path
    /// (`openat2(2)`), so that nobody can change the way between two looks at it; a host over a
    /// connection, where no tool can ask that, looks at one part after the other.
    ///
    /// # Errors
    /// When a path cannot be looked at.
    fn first_links(&self, paths: &[&str]) -> Result<Vec<Option<Utf8PathBuf>>, HostError> {
        Err(HostError::Unsupported {
            what: format!("looking for links on the way to {}", paths.join(", ")),
        })
    }

    /// Opens block devices for this process alone (`O_EXCL`), all of them or none, so that nobody
    /// can mount one or build on it until the value of its place is dropped; over a connection all
    /// end with the first. The kernel knows of users that no list shows: mounts of another
    /// namespace, members of a btrfs, what a driver has opened. A disk is not to be had while a
    /// partition of it is, and the other way round. Only hosts whose disks can be erased have this.
    ///
    /// # Errors
    /// When one of them is in use, or cannot be opened.
    fn hold_disks(&self, disks: &[&str]) -> Result<Vec<HeldLock>, HostError> {
        Err(HostError::Unsupported {
            what: format!("opening {} for nobody else", disks.join(", ")),
        })
    }

    /// [`Change::WriteFile`].
    ///
    /// # Errors
    /// As [`change`](Self::change).
    fn write_file(&self, path: &Utf8Path, contents: &str) -> Result<(), HostError> {
        self.change(&Change::WriteFile(path.to_owned(), contents.to_owned()))
    }

    /// [`Change::WriteParameter`].
    ///
    /// # Errors
    /// As [`change`](Self::change).
    fn write_parameter(&self, path: &Utf8Path, value: &str) -> Result<(), HostError> {
        self.change(&Change::WriteParameter(path.to_owned(), value.to_owned()))
    }
}

/// A borrowed host is a host, so that a guard such as [`readonly::ReadOnly`] can stand before one
/// that its caller keeps.
impl<H: Host + ?Sized> Host for &H {
    fn run(&self, command: &Command) -> Result<Output, HostError> {
        (**self).run(command)
    }

    fn read_file(&self, path: &Utf8Path) -> Result<Option<String>, HostError> {
        (**self).read_file(path)
    }

    fn read_foreign(&self, path: &Utf8Path) -> Result<Option<String>, HostError> {
        (**self).read_foreign(path)
    }

    fn change(&self, change: &Change) -> Result<(), HostError> {
        (**self).change(change)
    }

    fn first_links(&self, paths: &[&str]) -> Result<Vec<Option<Utf8PathBuf>>, HostError> {
        (**self).first_links(paths)
    }

    fn hold_disks(&self, disks: &[&str]) -> Result<Vec<HeldLock>, HostError> {
        (**self).hold_disks(disks)
    }

    fn lock(&self, path: &Utf8Path, wait: Duration) -> Result<HeldLock, HostError> {
        (**self).lock(path, wait)
    }
}

/// A host did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The program is not installed.
    #[error("{program} is not installed on this host")]
    NotInstalled {
        /// The program's name.
        program: String,
    },
    /// The program could not be started or waited for.
    #[error("cannot run {command}")]
    Spawn {
        /// The command as a person would type it.
        command: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The program did not end in time and was killed.
    #[error("{command} did not end within {seconds} s and was stopped")]
    TimedOut {
        /// The command as a person would type it.
        command: String,
        /// The limit.
        seconds: u64,
    },
    /// The program printed more than phoenix is ready to read.
    #[error("{command} printed more than {limit} bytes")]
    TooMuchOutput {
        /// The command as a person would type it.
        command: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// A file could not be read or written.
    #[error("cannot {verb} {path}")]
    File {
        /// `read`, `write`, `change`, `lock`, `open`.
        verb: &'static str,
        /// Which file.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The connection to a remote host was lost; what was asked may or may not have happened.
    #[error("no answer came back from {host} to: {what}")]
    Disconnected {
        /// The host.
        host: String,
        /// The command or file.
        what: String,
        /// The last words of `ssh`.
        #[source]
        source: std::io::Error,
    },
    /// A directory is not the root of the dataset that it should be.
    #[error("{path} is not where dataset {dataset} is mounted")]
    NotMounted {
        /// The directory.
        path: Utf8PathBuf,
        /// The dataset.
        dataset: String,
    },
    /// Another program holds a lock and did not let go of it in time.
    #[error("another program holds the lock {path}, and still did after {seconds} s")]
    Locked {
        /// The lock file.
        path: Utf8PathBuf,
        /// How long phoenix has waited.
        seconds: u64,
    },
    /// The kernel does not give a block device to one alone: somebody has it.
    #[error("{device} is in use: the kernel has it open for somebody else")]
    InUse {
        /// The device.
        device: String,
    },
    /// This kind of host cannot do that.
    #[error("this host cannot do that: {what}")]
    Unsupported {
        /// What was asked.
        what: String,
    },
    /// A recorded host was asked something that the recording does not hold.
    #[error("the recording holds no answer (any more) to: {what}")]
    NotRecorded {
        /// The command or file.
        what: String,
    },
    /// Something that changes the host was asked of a host that may only be read.
    #[error("refused: {what} would change a host that is open for reading only")]
    ReadOnly {
        /// The command or file.
        what: String,
    },
}
