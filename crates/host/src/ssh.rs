//! Another machine, through the system's `ssh` and one connection.
//!
//! What is promised of [`crate::local::LocalHost`] holds here too: programs by absolute path,
//! arguments that pass no shell unquoted, a clean environment, limits of time and output, files
//! replaced as a whole, permissions changed through the opened directory. How each is done on the
//! other side stands in `script`, how the connection is kept in `connection`.
//!
//! The other side needs sshd and what every Debian has (coreutils, util-linux, a POSIX shell);
//! nothing of phoenix is installed there.

mod connection;
mod error;
mod exclusive;
mod lock;
mod place;
mod script;
mod slots;
mod target;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::command::{Command, Effect, Output, Program};
use crate::local::file;
use crate::local::permissions::{MOUNTINFO_FILE, must_be_made, not_mounted};
use crate::local::process::{Limits, Stopped, into_text};
use crate::local::{SEARCH_PATH, failed};
use crate::lock::HeldLock;
use crate::{Change, Host, HostError, PermissionChange};
use connection::{Answer, Connection, Interruption};

pub use error::{ConnectError, ConnectProblem};
pub use lock::RemoteLock;
pub use target::{Target, TargetError};

/// How long a file operation may take.
const FILE_TIME: Duration = Duration::from_secs(30);

/// How much longer than its command a connection is waited for: the other side ends the command
/// itself, and can tell more about it.
const GRACE: Duration = Duration::from_secs(5);

/// How a shell reports a program that SIGKILL ended: 128 and the signal's number.
const KILLED: i32 = 137;

/// How a shell reports the signals that end programs in practice: ABRT, KILL, SEGV and TERM. No
/// program of [`Program`] exits with these by itself; smartctl, whose exit code is a bit mask, has
/// the two lowest bits only without the others.
const SIGNALS: [i32; 4] = [134, KILLED, 139, 143];

/// What the user's own `ssh` would know, and what tests need to be different.
#[derive(Debug, Clone, Default)]
pub struct SshOptions {
    /// A configuration file in place of `~/.ssh/config` and `/etc/ssh/ssh_config` (`ssh -F`).
    pub config_file: Option<Utf8PathBuf>,
    /// The environment of `ssh`: `SSH_AUTH_SOCK` of the user's agent, `PATH` of a `ProxyCommand`.
    pub environment: Vec<(String, String)>,
    /// Where programs are looked for on the other side; empty means the directories of root's
    /// programs, as on the local host.
    pub search_path: Vec<Utf8PathBuf>,
}

/// A host at the other end of a connection, which is closed with this value.
#[derive(Debug)]
pub struct SshHost {
    connection: Connection,
    programs: BTreeMap<Program, Utf8PathBuf>,
    /// What programs get as `PATH`.
    path: String,
    /// Held while a file is replaced.
    replacing: Mutex<()>,
    /// The lock file of the run that changes this host, if there is one.
    run_lock: Mutex<Weak<Utf8PathBuf>>,
}

impl SshHost {
    /// Connects, and looks which programs the other side has. Nothing is asked of the user: the
    /// host's key must be known, and a key of the user's must be let in.
    ///
    /// # Errors
    /// When there is no connection, or the other side is no Linux host with the usual tools.
    pub fn connect(target: &Target, options: &SshOptions) -> Result<Self, ConnectError> {
        let connection = Connection::open(target, options)?;
        let directories: Vec<&str> = if options.search_path.is_empty() {
            SEARCH_PATH.into()
        } else {
            options.search_path.iter().map(|dir| dir.as_str()).collect()
        };
        let problem = |problem| ConnectError::new(target, problem);
        let probe = script::probe(&directories)
            .map_err(|_| problem(ConnectProblem::Other("a directory has a NUL byte".into())))?;
        let answer = connection
            .ask(&probe, &limits(FILE_TIME))
            .map_err(|stopped| problem(stopped.into()))?;
        if answer.code != 0 {
            return Err(problem(ConnectProblem::Unsuitable(last_line(
                &answer.stderr,
            ))));
        }
        let found: Vec<Utf8PathBuf> = into_text(answer.stdout).lines().map(Into::into).collect();
        let path_of = |program: Program| {
            let is_it = |path: &&Utf8PathBuf| path.file_name() == Some(program.name());
            Some((program, found.iter().find(is_it)?.clone()))
        };
        Ok(Self {
            programs: Program::ALL.into_iter().filter_map(path_of).collect(),
            path: directories.join(":"),
            connection,
            replacing: Mutex::default(),
            run_lock: Mutex::default(),
        })
    }

    /// Lets everything that changes the host hold this lock together, until the returned value and
    /// all of it have ended.
    fn share_lock(&self, path: &Utf8Path) -> Arc<Utf8PathBuf> {
        let path = Arc::new(path.to_owned());
        *self.run_lock() = Arc::downgrade(&path);
        path
    }

    /// The script that does this and holds the run's lock meanwhile, if there is one.
    fn changing(
        &self,
        script: Result<String, shlex::QuoteError>,
    ) -> Result<String, shlex::QuoteError> {
        match self.run_lock().upgrade() {
            Some(path) => script::sharing_lock(&path, &script?),
            None => script,
        }
    }

    /// Whoever panicked while holding it has left a whole value.
    fn run_lock(&self) -> MutexGuard<'_, Weak<Utf8PathBuf>> {
        self.run_lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a script of `script` about a file.
    fn ask_file(
        &self,
        verb: &'static str,
        path: &Utf8Path,
        script: Result<String, shlex::QuoteError>,
    ) -> Result<Answer, HostError> {
        let script = script.map_err(|_| {
            let message = "path or contents have a NUL byte";
            let source = io::Error::new(io::ErrorKind::InvalidInput, message);
            failed(verb, path, source)
        })?;
        let interrupted = |interruption| match interruption {
            Interruption::Local(Stopped::TooMuchOutput) => failed(verb, path, file::too_large()),
            Interruption::Local(Stopped::TimedOut) => {
                failed(verb, path, io::ErrorKind::TimedOut.into())
            }
            Interruption::Local(Stopped::Io(source)) => failed(verb, path, source),
            Interruption::Lost(reason) => self.lost(format!("{verb} {path}"), reason),
        };
        self.connection
            .ask(&script, &limits(FILE_TIME))
            .map_err(interrupted)
    }

    fn read_bytes(&self, path: &Utf8Path) -> Result<Option<Vec<u8>>, HostError> {
        let answer = self.ask_file("read", path, script::read(path))?;
        if answer.code == 0 {
            return Ok(Some(answer.stdout));
        }
        let reason = last_line(&answer.stderr);
        if reason.ends_with(": No such file or directory") {
            return Ok(None);
        }
        Err(failed("read", path, io::Error::other(reason)))
    }

    fn lost(&self, what: String, reason: String) -> HostError {
        HostError::Disconnected {
            host: self.connection.target().to_string(),
            what,
            source: io::Error::other(reason),
        }
    }

    fn replace_file(&self, path: &Utf8Path, contents: &str) -> Result<(), HostError> {
        let directory = file::directory_of(path).map_err(|source| failed("write", path, source))?;
        let script = self.changing(script::replace(path, directory, contents));
        // A panic elsewhere leaves an unfinished file at most, which is taken away.
        let _alone = self
            .replacing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        must_succeed("write", path, &self.ask_file("write", path, script)?)
    }

    fn write_in_place(&self, path: &Utf8Path, value: &str) -> Result<(), HostError> {
        file::must_be_parameter(path).map_err(|source| failed("write", path, source))?;
        let script = self.changing(script::write_parameter(path, value));
        must_succeed("write", path, &self.ask_file("write", path, script)?)
    }

    fn set_permissions(&self, change: &PermissionChange) -> Result<(), HostError> {
        // chmod(1) follows links, and whoever can write into the tree could put one in its way.
        if change.recursive {
            let message = "a whole tree is not changed over ssh, where its owner could lead the \
                           change astray through a link; run phoenix on the host itself";
            let source = io::Error::new(io::ErrorKind::Unsupported, message);
            return Err(failed("change", &change.path, source));
        }
        let setfacl = self
            .programs
            .get(&Program::Setfacl)
            .map(Utf8PathBuf::as_path);
        if setfacl.is_none() && !change.acl.is_empty() {
            return Err(HostError::NotInstalled {
                program: Program::Setfacl.name().to_owned(),
            });
        }
        let script = self.changing(script::set_permissions(
            change,
            setfacl,
            Utf8Path::new(MOUNTINFO_FILE),
        ));
        let answer = self.ask_file("change", &change.path, script)?;
        must_succeed("change", &change.path, &answer)?;
        let text = into_text(answer.stdout);
        let Some((uid, gid, mode)) = script::parse_owner_and_mode(&text) else {
            return Err(not_mounted(change));
        };
        must_be_made(change, uid, gid, mode)
    }
}

/// The limits of a whole exchange. The frame around an answer is not the answer's fault.
fn limits(time: Duration) -> Limits {
    const FRAME: usize = 1024;
    let limits = Limits::default();
    Limits {
        time: time + GRACE,
        output: limits.output + FRAME,
        ..limits
    }
}

impl Host for SshHost {
    fn run(&self, command: &Command) -> Result<Output, HostError> {
        let program =
            self.programs
                .get(&command.program)
                .ok_or_else(|| HostError::NotInstalled {
                    program: command.program.name().to_owned(),
                })?;
        let script = script::run(program, command, &self.path);
        let script = match command.effect {
            // What only looks may go on for as long as it likes.
            Effect::Read => script,
            Effect::Write => self.changing(script),
        };
        let script = script.map_err(|_| {
            let message = "an argument has a NUL byte";
            let source = io::Error::new(io::ErrorKind::InvalidInput, message);
            Stopped::Io(source).of(command, &Limits::default())
        })?;
        let answer = self
            .connection
            .ask(&script, &limits(command.time_limit()))
            .map_err(|interruption| match interruption {
                Interruption::Local(stopped) => stopped.of(command, &Limits::default()),
                Interruption::Lost(reason) => self.lost(command.to_string(), reason),
            })?;
        if answer.code == KILLED && answer.elapsed >= command.time_limit() {
            return Err(Stopped::TimedOut.of(command, &Limits::default()));
        }
        Ok(Output {
            code: (!SIGNALS.contains(&answer.code)).then_some(answer.code),
            stdout: into_text(answer.stdout),
            stderr: into_text(answer.stderr),
        })
    }

    fn read_file(&self, path: &Utf8Path) -> Result<Option<String>, HostError> {
        let text = self.read_bytes(path)?.map(file::text).transpose();
        text.map_err(|source| failed("read", path, source))
    }

    fn read_foreign(&self, path: &Utf8Path) -> Result<Option<String>, HostError> {
        let text = self.read_bytes(path)?.map(file::foreign_text).transpose();
        text.map_err(|source| failed("read", path, source))
    }

    fn change(&self, change: &Change) -> Result<(), HostError> {
        match change {
            Change::WriteFile(path, contents) => self.replace_file(path, contents),
            Change::WriteParameter(path, value) => self.write_in_place(path, value),
            Change::SetPermissions(change) => self.set_permissions(change),
        }
    }

    fn first_links(&self, paths: &[&str]) -> Result<Vec<Option<Utf8PathBuf>>, HostError> {
        let Some(first) = paths.first() else {
            return Ok(Vec::new());
        };
        let first = Utf8Path::new(first);
        let answer = self.ask_file("look up", first, script::first_links(paths))?;
        must_succeed("look up", first, &answer)?;
        let text = into_text(answer.stdout);
        let link = |line: &str| (line != script::NO_LINK).then(|| line.into());
        let links: Vec<_> = text.split_terminator('\0').map(link).collect();
        if links.len() == paths.len() {
            return Ok(links);
        }
        let reason = io::Error::other("not all paths were looked at");
        Err(failed("look up", first, reason))
    }

    fn hold_disks(&self, disks: &[&str]) -> Result<Vec<HeldLock>, HostError> {
        exclusive::hold(self, disks)
    }

    fn lock(&self, path: &Utf8Path, wait: Duration) -> Result<HeldLock, HostError> {
        lock::shared(self, path, wait)
    }
}

fn must_succeed(verb: &'static str, path: &Utf8Path, answer: &Answer) -> Result<(), HostError> {
    if answer.code == 0 {
        return Ok(());
    }
    let reason = last_line(&answer.stderr);
    Err(failed(verb, path, io::Error::other(reason)))
}

/// The last words of a program. Before them it may have warned.
fn last_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let last = text.lines().rfind(|line| !line.trim().is_empty());
    last.unwrap_or("it printed no reason").trim().to_owned()
}
