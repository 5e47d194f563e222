//! The machine that phoenix runs on.
//!
//! Programs are found once, in directories that only root can write to, and started without a
//! shell and without the caller's environment. No program can hold its caller for longer than its
//! time limit, not even one that hangs inside the kernel.

mod exclusive;
pub(crate) mod file;
mod links;
pub(crate) mod permissions;
pub(crate) mod process;
mod tree;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::command::{Command, Effect, Output, Program};
use crate::lock::{self, HeldLock};
use crate::store::{LockError, RunLock};
use crate::{Change, Host, HostError, PermissionChange};
use process::{Limits, NEVER, Start, Stopped};

/// Where Debian and Proxmox keep the programs of root.
pub(crate) const SEARCH_PATH: [&str; 4] = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];

/// The host itself.
#[derive(Debug)]
pub struct LocalHost {
    programs: BTreeMap<Program, Utf8PathBuf>,
    /// What the programs get.
    environment: Vec<(String, String)>,
    /// The lock of the run that changes this host, if there is one.
    run_lock: Mutex<Weak<File>>,
}

impl LocalHost {
    /// The host with the programs of `/usr/sbin`, `/sbin`, `/usr/bin` and `/bin`.
    pub fn new() -> Self {
        Self::with_search_path(&SEARCH_PATH.map(Utf8Path::new))
    }

    /// The host with the programs of other directories; the first one that has a program counts.
    /// Programs that none of them has now are not installed.
    pub fn with_search_path(directories: &[&Utf8Path]) -> Self {
        let find = |program: Program| {
            let candidates = directories.iter().map(|dir| dir.join(program.name()));
            let found = candidates.into_iter().find(|path| is_executable(path))?;
            Some((program, found))
        };
        let names: Vec<&str> = directories.iter().map(|dir| dir.as_str()).collect();
        Self {
            programs: Program::ALL.into_iter().filter_map(find).collect(),
            environment: environment(&names.join(":")),
            run_lock: Mutex::default(),
        }
    }

    /// Takes the lock of a run, as [`RunLock::acquire`] does. While it is held, programs that may
    /// change the host inherit it: when phoenix is killed, the next run waits for them.
    ///
    /// # Errors
    /// When another run still has the lock after `wait`, or the file cannot be used.
    pub fn lock_run(
        &self,
        path: &Utf8Path,
        command: &str,
        wait: Duration,
    ) -> Result<RunLock, LockError> {
        let lock = RunLock::acquire(path, command, wait)?;
        *self.run_lock() = lock.inheritance();
        Ok(lock)
    }

    /// Runs one command to its end, with `stdin` as its standard input if there is one.
    fn start(&self, command: &Command, stdin: Option<&File>) -> Result<Output, HostError> {
        let program =
            self.programs
                .get(&command.program)
                .ok_or_else(|| HostError::NotInstalled {
                    program: command.program.name().to_owned(),
                })?;
        let limits = Limits {
            time: command.time_limit(),
            ..Limits::default()
        };
        // What only looks may go on for as long as it likes.
        let lock = match command.effect {
            Effect::Read => None,
            Effect::Write => self.run_lock().upgrade(),
        };
        let start = Start {
            program,
            args: &command.args,
            environment: &self.environment,
            input: &[],
            stdin,
            inherited: lock.as_deref(),
        };
        process::run(&start, &limits, NEVER)
            .map(Output::from)
            .map_err(|stopped| stopped.of(command, &limits))
    }

    /// Sets the ACL that a change asks for on the directory that was opened for it.
    fn set_acl(&self, change: &PermissionChange, directory: &File) -> Result<(), HostError> {
        if change.acl.is_empty() {
            return Ok(());
        }
        // setfacl takes a path only; this one leads to what was opened, whatever is at the other.
        let command = change.setfacl("/proc/self/fd/0");
        let output = self.start(&command, Some(directory))?;
        let failed_with = |error| failed("change", &change.path, io::Error::other(error));
        output.check(&command).map(drop).map_err(failed_with)
    }

    /// Whoever panicked while holding it has left a whole value.
    fn run_lock(&self) -> MutexGuard<'_, Weak<File>> {
        self.run_lock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a host's programs get as their environment.
pub(crate) fn environment(path: &str) -> Vec<(String, String)> {
    // Messages are matched by their English words, file names are UTF-8.
    [("PATH", path), ("LC_ALL", "C.UTF-8")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

impl Default for LocalHost {
    fn default() -> Self {
        Self::new()
    }
}

fn is_executable(path: &Utf8Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

impl Host for LocalHost {
    fn run(&self, command: &Command) -> Result<Output, HostError> {
        self.start(command, None)
    }

    fn read_file(&self, path: &Utf8Path) -> Result<Option<String>, HostError> {
        let bytes = file::read(path);
        bytes
            .and_then(|bytes| bytes.map(file::text).transpose())
            .map_err(|source| failed("read", path, source))
    }

    fn read_foreign(&self, path: &Utf8Path) -> Result<Option<String>, HostError> {
        let bytes = file::read(path);
        bytes
            .and_then(|bytes| bytes.map(file::foreign_text).transpose())
            .map_err(|source| failed("read", path, source))
    }

    fn change(&self, change: &Change) -> Result<(), HostError> {
        let wrong = |source| failed(change.verb(), change.path(), source);
        match change {
            Change::WriteFile(path, contents) => file::replace(path, contents).map_err(wrong),
            Change::WriteParameter(path, value) => {
                file::write_parameter(path, value).map_err(wrong)
            }
            Change::SetPermissions(change) => {
                let table = Utf8Path::new(permissions::MOUNTINFO_FILE);
                let mounts =
                    fs::read_to_string(table).map_err(|source| failed("read", table, source))?;
                let directory = permissions::change(&mounts, change)?;
                self.set_acl(change, &directory)
            }
        }
    }

    fn first_links(&self, paths: &[&str]) -> Result<Vec<Option<Utf8PathBuf>>, HostError> {
        let first = |path: &&str| links::first(Utf8Path::new(path));
        paths.iter().map(first).collect()
    }

    fn hold_disks(&self, disks: &[&str]) -> Result<Vec<HeldLock>, HostError> {
        let files = disks.iter().map(|disk| exclusive::open(disk));
        files.map(|file| file.map(HeldLock::new)).collect()
    }

    fn lock(&self, path: &Utf8Path, wait: Duration) -> Result<HeldLock, HostError> {
        let unusable = |source| failed("lock", path, source);
        let Some(file) = lock::open_shared(path).map_err(unusable)? else {
            return Ok(HeldLock::nothing());
        };
        if lock::wait_for(&file, wait).map_err(unusable)? {
            return Ok(HeldLock::new(file));
        }
        Err(HostError::Locked {
            path: path.to_owned(),
            seconds: wait.as_secs(),
        })
    }
}

impl Stopped {
    /// As the error of the command that was run.
    pub(crate) fn of(self, command: &Command, limits: &Limits) -> HostError {
        let command_line = command.to_string();
        match self {
            Self::Io(source) => HostError::Spawn {
                command: command_line,
                source,
            },
            Self::TimedOut => HostError::TimedOut {
                command: command_line,
                seconds: command.timeout_seconds,
            },
            Self::TooMuchOutput => HostError::TooMuchOutput {
                command: command_line,
                limit: limits.output,
            },
        }
    }
}

pub(crate) fn failed(verb: &'static str, path: &Utf8Path, source: io::Error) -> HostError {
    HostError::File {
        verb,
        path: path.to_owned(),
        source,
    }
}
