//! Opens the host that the user chose, and knows where its runs are locked and journalled.

use camino::{Utf8Path, Utf8PathBuf};
use phoenix::host::local::LocalHost;
use phoenix::{ExitStatus, Host, SimHost};

use super::args::HostChoice;
use super::failure::Failure;

/// An open host.
pub(crate) struct OpenHost {
    /// The host itself. It can write: wrap it where that is not wanted.
    pub(crate) host: Box<dyn Host>,
    /// Held while something is changed. A host in memory needs none.
    pub(crate) lock: Option<Utf8PathBuf>,
    /// Where journals go unless the user names a place.
    pub(crate) journals: Option<Utf8PathBuf>,
}

/// Opens a host. A simulated host's state file is made here if it does not exist.
///
/// # Errors
/// When the state of a simulated host cannot be read.
pub(crate) fn open(choice: &HostChoice) -> Result<OpenHost, Failure> {
    Ok(match choice {
        HostChoice::Local => OpenHost {
            host: Box::new(LocalHost::new()),
            // Not below /run/lock, where every user may make files and so could hold phoenix up.
            lock: Some("/run/phoenix.lock".into()),
            journals: journals(choice),
        },
        HostChoice::Sim(None) => OpenHost {
            host: Box::new(SimHost::fresh()),
            lock: None,
            journals: journals(choice),
        },
        HostChoice::Sim(Some(state)) => OpenHost {
            host: Box::new(
                SimHost::open(state)
                    .map_err(|error| Failure::from_error(ExitStatus::Failed, &error))?,
            ),
            lock: Some(beside(state, "lock")),
            journals: journals(choice),
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
        ExitStatus::Failed,
        "phoenix apply must run as root: it makes pools and writes files of this host",
    )
    .help("run it with sudo, or see what it would do with `phoenix plan`"))
}

/// Where the journals of a host's runs are, unless the user names a place. A host in memory leaves
/// none.
pub(crate) fn journals(choice: &HostChoice) -> Option<Utf8PathBuf> {
    match choice {
        HostChoice::Local => Some("/var/lib/phoenix/runs".into()),
        HostChoice::Sim(None) => None,
        HostChoice::Sim(Some(state)) => Some(beside(state, "runs")),
    }
}

fn beside(state: &Utf8Path, suffix: &str) -> Utf8PathBuf {
    format!("{state}.{suffix}").into()
}
