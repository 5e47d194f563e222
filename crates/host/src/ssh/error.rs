//! Why there is no connection, and what to do about it.
//!
//! `ssh` ends with 255 for all of these; only its words tell them apart. They are OpenSSH's and
//! are not translated.

use super::last_line;
use super::target::Target;
use crate::local::process::Stopped;

/// There is no connection to a host.
#[derive(Debug, thiserror::Error)]
#[error("cannot work on {target} over ssh: {problem}")]
pub struct ConnectError {
    target: Target,
    /// Why.
    pub problem: ConnectProblem,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectProblem {
    /// This machine has no `ssh`.
    #[error("the program ssh is not installed on this machine")]
    NoSsh,
    /// `ssh` has never seen this host's key.
    #[error("its host key is not known here")]
    UnknownHostKey,
    /// The host shows another key than before.
    #[error("it shows another host key than before")]
    ChangedHostKey,
    /// The host lets none of the user's keys in.
    #[error("it lets none of your keys in")]
    Denied,
    /// Nobody answers there.
    #[error("nobody answers there ({0})")]
    Unreachable(String),
    /// The machine cannot be worked on.
    #[error("that machine cannot be managed: {0}")]
    Unsuitable(String),
    /// Anything else, in the words of `ssh`.
    #[error("{0}")]
    Other(String),
}

impl ConnectError {
    pub(super) fn new(target: &Target, problem: ConnectProblem) -> Self {
        Self {
            target: target.clone(),
            problem,
        }
    }

    /// The way out.
    pub fn help(&self) -> String {
        let ssh = self.target.command_line();
        match self.problem {
            ConnectProblem::NoSsh => "install the package openssh-client".to_owned(),
            ConnectProblem::UnknownHostKey => format!(
                "connect once by hand and compare the fingerprint with the one on the host's \
                 console: {ssh}"
            ),
            ConnectProblem::ChangedHostKey => format!(
                "if the host was installed anew, run `{ssh}` and do what it says; if not, somebody \
                 else may be answering in its place"
            ),
            ConnectProblem::Denied => format!(
                "phoenix never types a password: make `{ssh} true` work without one, with \
                 ssh-copy-id or an agent"
            ),
            ConnectProblem::Unreachable(_) => {
                format!("check name, port and network; `{ssh} true` has to work")
            }
            ConnectProblem::Unsuitable(_) => {
                "phoenix manages Debian and Proxmox hosts; install what is missing there".to_owned()
            }
            ConnectProblem::Other(_) => format!("make `{ssh} true` work, then run phoenix again"),
        }
    }
}

impl ConnectProblem {
    /// What `ssh` meant, which ended without a connection.
    pub(super) fn of_stderr(stderr: &[u8]) -> Self {
        let text = String::from_utf8_lossy(stderr);
        let says = |words: &str| text.contains(words);
        if says("REMOTE HOST IDENTIFICATION HAS CHANGED") {
            Self::ChangedHostKey
        } else if says("Host key verification failed") {
            Self::UnknownHostKey
        } else if says(": Permission denied (") {
            Self::Denied
        } else if says("Could not resolve hostname") || says("ssh: connect to host ") {
            Self::Unreachable(last_line(stderr))
        } else {
            Self::Other(last_line(stderr))
        }
    }
}

impl From<Stopped> for ConnectProblem {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::TimedOut => Self::Unreachable("it does not answer in time".to_owned()),
            Stopped::TooMuchOutput => Self::Other("it printed more than can be read".to_owned()),
            Stopped::Io(error) => Self::Other(format!("cannot run ssh: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What OpenSSH 9.2 printed.
    #[test]
    fn the_words_of_ssh_are_told_apart() {
        for (stderr, wanted) in [
            (
                "No ED25519 host key is known for [127.0.0.1]:42222 and you have requested strict \
                 checking.\r\nHost key verification failed.\r\n",
                "its host key is not known here",
            ),
            (
                "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\nHost key for \
                 [127.0.0.1]:42222 has changed and you have requested strict checking.\r\nHost \
                 key verification failed.\r\n",
                "it shows another host key than before",
            ),
            (
                "root@127.0.0.1: Permission denied (publickey,password).\r\n",
                "it lets none of your keys in",
            ),
            (
                "ssh: connect to host 127.0.0.1 port 1: Connection refused\r\n",
                "nobody answers there (ssh: connect to host 127.0.0.1 port 1: Connection refused)",
            ),
            (
                "ssh: Could not resolve hostname nosuch.invalid: Name or service not known\r\n",
                "nobody answers there (ssh: Could not resolve hostname nosuch.invalid: Name or \
                 service not known)",
            ),
            ("Bad configuration\r\n", "Bad configuration"),
            ("", "it printed no reason"),
        ] {
            assert_eq!(
                ConnectProblem::of_stderr(stderr.as_bytes()).to_string(),
                wanted
            );
        }
    }
}
