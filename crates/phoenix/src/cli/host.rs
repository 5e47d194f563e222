//! Opens the host that the user chose, and knows where its runs are locked and journalled.

use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use phoenix::code::EndCode;
use phoenix::host::local::LocalHost;
use phoenix::host::lock::HeldLock;
use phoenix::host::ssh::{RemoteLock, SshHost, SshOptions, Target};
use phoenix::host::store::{LockError, RunLock};
use phoenix::{Host, SimHost};

use super::args::{HostArgs, HostChoice};
use super::failure::Failure;

/// The lock of a machine. Not below /run/lock, where every user may make files and so could hold
/// phoenix up.
const LOCK_FILE: &str = "/run/phoenix.lock";

/// An open host.
pub(crate) struct OpenHost {
    /// The host itself. It can write: wrap it where that is not wanted.
    pub(crate) host: Arc<dyn Host>,
    /// Held while something is changed. A host in memory needs none.
    lock: Option<LockPlace>,
}

/// Where the run lock of a host is.
enum LockPlace {
    /// The lock file of this machine.
    Here(Arc<LocalHost>),
    /// A file beside the state of a simulated host.
    Beside(Utf8PathBuf),
    /// The lock file of another machine.
    There(Arc<SshHost>),
}

impl OpenHost {
    /// Takes the run lock of the host; `None` for a host in memory.
    ///
    /// # Errors
    /// When another run still holds it after `wait`, or it cannot be taken.
    pub(crate) fn lock(
        &self,
        command: &str,
        wait: Duration,
    ) -> Result<Option<HeldLock>, LockError> {
        match &self.lock {
            None => Ok(None),
            Some(LockPlace::Here(host)) => host
                .lock_run(Utf8Path::new(LOCK_FILE), command, wait)
                .map(|lock| Some(HeldLock::new(lock))),
            Some(LockPlace::Beside(path)) => {
                RunLock::acquire(path, command, wait).map(|lock| Some(HeldLock::new(lock)))
            }
            Some(LockPlace::There(host)) => {
                RemoteLock::acquire(host, Utf8Path::new(LOCK_FILE), command, wait)
                    .map(|lock| Some(HeldLock::new(lock)))
            }
        }
    }
}

/// Opens a host. A simulated host's state file is made here if it does not exist.
///
/// # Errors
/// When the state of a simulated host cannot be read, or another machine not be reached.
pub(crate) fn open(args: &HostArgs) -> Result<OpenHost, Failure> {
    Ok(match &args.host {
        HostChoice::Local => {
            let host = Arc::new(LocalHost::new());
            OpenHost {
                host: host.clone(),
                lock: Some(LockPlace::Here(host)),
            }
        }
        HostChoice::Ssh(target) => {
            let host = Arc::new(connect(target, args.ssh_config.as_deref())?);
            OpenHost {
                host: host.clone(),
                lock: Some(LockPlace::There(host)),
            }
        }
        HostChoice::Sim(None) => OpenHost {
            host: Arc::new(SimHost::fresh()),
            lock: None,
        },
        HostChoice::Sim(Some(state)) => OpenHost {
            host: Arc::new(
                SimHost::open(state)
                    .map_err(|error| Failure::from_error(EndCode::FileUnreadable, &error))?,
            ),
            lock: Some(LockPlace::Beside(beside(state, "lock"))),
        },
    })
}

/// Says early, and in words, what a hundred tools would say each in its own way.
///
/// # Errors
/// When this machine is to be changed by somebody else than root.
pub(crate) fn require_root(choice: &HostChoice) -> Result<(), Failure> {
    if *choice != HostChoice::Local || rustix::process::geteuid().is_root() {
        return Ok(());
    }
    Err(Failure::new(
        EndCode::NotRoot,
        "phoenix apply must run as root: it makes pools and writes files of this host",
    )
    .help("run it with sudo, or see what it would do with `phoenix plan`"))
}

/// Where the journals of a host go unless the user names a place; `None` for a host in memory.
///
/// # Errors
/// When the user has no home directory to keep those of another machine in.
pub(crate) fn journals(choice: &HostChoice) -> Result<Option<Utf8PathBuf>, Failure> {
    Ok(match choice {
        HostChoice::Local => Some("/var/lib/phoenix/runs".into()),
        HostChoice::Ssh(target) => Some(state_of(target)?.join("runs")),
        HostChoice::Sim(None) => None,
        HostChoice::Sim(Some(state)) => Some(beside(state, "runs")),
    })
}

fn connect(target: &Target, config_file: Option<&Utf8Path>) -> Result<SshHost, Failure> {
    /// What the user's own `ssh` looks at.
    const ENVIRONMENT: [&str; 6] = ["HOME", "LOGNAME", "PATH", "SHELL", "SSH_AUTH_SOCK", "USER"];
    let unusable = |error: std::io::Error| {
        Failure::new(
            EndCode::System,
            format!("cannot find the configuration of ssh: {error}"),
        )
    };
    // Programs are started in the root directory.
    let config_file = config_file
        .map(camino::absolute_utf8)
        .transpose()
        .map_err(unusable)?;
    let environment = ENVIRONMENT
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), environment(name)?)))
        .collect();
    let options = SshOptions {
        config_file,
        environment,
        ..SshOptions::default()
    };
    SshHost::connect(target, &options)
        .map_err(|error| Failure::from_error(EndCode::HostUnreachable, &error).help(error.help()))
}

/// Where this machine keeps what it knows about another one: its journals, and the history of its
/// drives. Here and not there, because a journal has to outlive the connection that it tells of.
///
/// # Errors
/// When the user has no home directory.
pub(crate) fn state_of(target: &Target) -> Result<Utf8PathBuf, Failure> {
    let absolute = |path: &String| path.starts_with('/');
    let base = environment("XDG_STATE_HOME").filter(absolute).or_else(|| {
        environment("HOME")
            .filter(absolute)
            .map(|home| format!("{home}/.local/state"))
    });
    match base {
        Some(base) => Ok(Utf8Path::new(&base)
            .join("phoenix")
            .join(target.to_string())),
        None => Err(Failure::new(
            EndCode::System,
            "neither XDG_STATE_HOME nor HOME says where journals may be kept",
        )
        .help("set HOME to an absolute path")),
    }
}

fn environment(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?.into_string().ok()?;
    (!value.is_empty()).then_some(value)
}

fn beside(state: &Utf8Path, suffix: &str) -> Utf8PathBuf {
    format!("{state}.{suffix}").into()
}
