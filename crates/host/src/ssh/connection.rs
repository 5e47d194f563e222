//! One connection, and many exchanges over it.
//!
//! A master process of `ssh` holds the connection; each exchange is one more `ssh` that goes
//! through the master's socket and never connects by itself, so that a lost connection is noticed
//! instead of mended behind phoenix's back. What is to be done goes to a shell's standard input,
//! never into a command line, where any user of the machine could read it. The answer comes back
//! in a frame: what a login shell prints before it is cut off, and an answer without its end is
//! a lost connection, never an exit code. `ssh` itself ends with 255 in that case, which `pct`
//! does as well.

use std::sync::Arc;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use super::error::{ConnectError, ConnectProblem};
use super::place::Place;
use super::slots::{Slot, Slots};
use super::target::Target;
use super::{SshOptions, last_line, script};
use crate::local::SEARCH_PATH;
use crate::local::process::{self, Limits, NEVER, Start, Stopped};

/// How long the connection may take to come about.
const CONNECT_TIME: Duration = Duration::from_secs(30);

/// Exchanges at the same time. sshd allows ten sessions on one connection (`MaxSessions` in
/// sshd_config(5)); the run lock and a lock of other programs have one each.
const EXCHANGES: usize = 8;

/// An open connection, which is closed with this value.
#[derive(Debug)]
pub(super) struct Connection {
    target: Target,
    ssh: Utf8PathBuf,
    /// Where the socket is.
    place: Place,
    config_file: Option<Utf8PathBuf>,
    environment: Vec<(String, String)>,
    exchanges: Arc<Slots>,
    /// One lock of other programs at a time: those who wait for it have a session each, and whoever
    /// holds it needs more.
    locks: Arc<Slots>,
    /// One holder of disks at a time: it takes the place of an exchange, and needs more of them.
    holders: Arc<Slots>,
}

/// What a script has left behind.
#[derive(Debug)]
pub(super) struct Answer {
    /// The exit code as a shell sees it.
    pub(super) code: i32,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
    /// How long the exchange took.
    pub(super) elapsed: Duration,
}

/// A script did not come to its own end.
#[derive(Debug)]
pub(super) enum Interruption {
    /// It was stopped on this side.
    Local(Stopped),
    /// The answer has no end; the last words of `ssh`.
    Lost(String),
}

impl From<Interruption> for ConnectProblem {
    fn from(interruption: Interruption) -> Self {
        match interruption {
            Interruption::Local(stopped) => stopped.into(),
            Interruption::Lost(reason) => Self::Other(reason),
        }
    }
}

impl Connection {
    /// Connects.
    pub(super) fn open(target: &Target, options: &SshOptions) -> Result<Self, ConnectError> {
        let problem = |problem| ConnectError::new(target, problem);
        let io = |error: std::io::Error| problem(Stopped::Io(error).into());
        let ssh = SEARCH_PATH
            .into_iter()
            .map(|directory| Utf8Path::new(directory).join("ssh"))
            .find(|path| path.exists())
            .ok_or_else(|| problem(ConnectProblem::NoSsh))?;
        let place = Place::new(&std::env::temp_dir()).map_err(io)?;
        let connection = Self {
            target: target.clone(),
            ssh,
            place,
            config_file: options.config_file.clone(),
            environment: options.environment.clone(),
            exchanges: Slots::new(EXCHANGES),
            locks: Slots::new(1),
            holders: Slots::new(1),
        };
        let mut args = vec!["-N".to_owned()];
        args.extend(connection.args(&MASTER, &[]));
        let limits = Limits {
            time: CONNECT_TIME,
            ..Limits::default()
        };
        let ended = process::run(&connection.start(&args, &[]), &limits, NEVER)
            .map_err(|stopped| problem(stopped.into()))?;
        match ended.code {
            Some(0) => Ok(connection),
            _ => Err(problem(ConnectProblem::of_stderr(&ended.stderr))),
        }
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// What frames the answers: a name that no program prints by chance.
    pub(super) fn mark(&self) -> String {
        self.place.name()
    }

    /// The right to wait for a lock of other programs, or to hold it.
    pub(super) fn lock_slot(&self, wait: Duration) -> Option<Slot> {
        self.locks.take_within(wait)
    }

    /// The right to hold disks, and a session for it.
    pub(super) fn hold_slots(&self) -> [Slot; 2] {
        [self.holders.take(), self.exchanges.take()]
    }

    /// Runs a script to its end on the other side.
    pub(super) fn ask(&self, script: &str, limits: &Limits) -> Result<Answer, Interruption> {
        let _slot = self.exchanges.take();
        let mark = self.mark();
        let framed = script::framed(script, &mark);
        let args = self.exchange();
        let is_complete = |stdout: &[u8], stderr: &[u8]| {
            script::end_mark(stdout, &mark) && script::end_mark(stderr, &mark)
        };
        let begun = Instant::now();
        let ended = process::run(&self.start(&args, framed.as_bytes()), limits, &is_complete)
            .map_err(Interruption::Local)?;
        let elapsed = begun.elapsed();
        let lost = || Interruption::Lost(last_words(&ended.stderr));
        let (stdout, code) = script::unframed(&ended.stdout, &mark).ok_or_else(lost)?;
        let (stderr, _) = script::unframed(&ended.stderr, &mark).ok_or_else(lost)?;
        Ok(Answer {
            code,
            stdout: stdout.to_owned(),
            stderr: stderr.to_owned(),
            elapsed,
        })
    }

    /// The arguments of a shell on the other side.
    pub(super) fn exchange(&self) -> Vec<String> {
        self.args(&EXCHANGE, &[SHELL])
    }

    /// What `ssh` is started with.
    pub(super) fn start<'a>(&'a self, args: &'a [String], input: &'a [u8]) -> Start<'a> {
        Start {
            program: &self.ssh,
            args,
            environment: &self.environment,
            input,
            stdin: None,
            inherited: None,
        }
    }

    fn args(&self, options: &[&str], words: &[&str]) -> Vec<String> {
        let mut args: Vec<String> = Vec::new();
        if let Some(file) = &self.config_file {
            args.extend(["-F".to_owned(), file.to_string()]);
        }
        args.extend(["-S".to_owned(), self.place.socket()]);
        for option in COMMON.iter().chain(options) {
            args.extend(["-o".to_owned(), (*option).to_owned()]);
        }
        if let Some(port) = self.target.port {
            args.extend(["-p".to_owned(), port.to_string()]);
        }
        if let Some(user) = &self.target.user {
            args.extend(["-l".to_owned(), user.clone()]);
        }
        args.extend(["--".to_owned(), self.target.host.clone()]);
        args.extend(words.iter().map(|word| (*word).to_owned()));
        args
    }
}

/// Why an exchange did not come about or was cut off, from the last words of `ssh`.
pub(super) fn last_words(stderr: &[u8]) -> String {
    let refused = "Session open refused by peer";
    if String::from_utf8_lossy(stderr).contains(refused) {
        return "sshd there opens no more sessions: raise MaxSessions in its sshd_config to 10"
            .to_owned();
    }
    last_line(stderr)
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut args = vec!["-O".to_owned(), "exit".to_owned()];
        args.extend(self.args(&[], &[]));
        // If the master is gone already, there is nothing to end; if it does not listen, it ends by
        // itself when nothing was asked of it for a while.
        let _ = process::run(&self.start(&args, &[]), &Limits::default(), NEVER);
    }
}

/// The shell that reads scripts. No login shell has to understand more than this word.
const SHELL: &str = "/bin/sh";

/// What holds for every `ssh`, whatever the user's configuration says.
const COMMON: [&str; 10] = [
    // Nobody is there to type a password or to agree to a host key.
    "BatchMode=yes",
    "ClearAllForwardings=yes",
    "ConnectTimeout=10",
    "ForwardAgent=no",
    "ForwardX11=no",
    "LogLevel=ERROR",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "RequestTTY=no",
    // A host that is not known is not trusted with a first look: what it says is planned from, and
    // what is typed on it runs as root.
    "StrictHostKeyChecking=yes",
];

/// The master: goes into the background once it is connected, notices within a quarter of a minute
/// when the other side is gone, and ends a minute after the last exchange if phoenix was killed.
const MASTER: [&str; 4] = [
    "ControlMaster=yes",
    "ControlPersist=60",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
];

/// An exchange: goes through the master, and fails at once when there is none.
const EXCHANGE: [&str; 2] = ["ControlMaster=no", "ProxyCommand=/bin/false"];
