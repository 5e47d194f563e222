//! Commands and files in the guest, over ssh.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use camino::{Utf8Path, Utf8PathBuf};

use crate::LabError;

/// How long a guest may stand still before a command in it counts as lost. It stands still while
/// the machine around it is too busy with its disk to serve the emulator.
const SILENCE_SECONDS: u32 = 180;

/// How often ssh asks whether the guest is there.
const ALIVE_SECONDS: u32 = 15;

/// What ssh exits with when it failed itself.
pub const SSH_FAILED: i32 = 255;

/// How to reach one guest.
#[derive(Debug, Clone)]
pub struct Remote {
    /// The ssh port on 127.0.0.1.
    pub port: u16,
    /// The private key.
    pub key: Utf8PathBuf,
    /// The socket of a connection that stays open between commands, if there is one.
    socket: Option<Utf8PathBuf>,
}

/// What a command in the guest left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Exit code; [`SSH_FAILED`] also when ssh itself failed.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Remote {
    /// A guest whose ssh port is `port` on 127.0.0.1; every command opens a connection of its own.
    pub fn new(port: u16, key: Utf8PathBuf) -> Self {
        Self {
            port,
            key,
            socket: None,
        }
    }

    /// Opens a connection that all commands of the returned value share, and whoever else uses
    /// `socket` as ssh's `ControlPath`. It ends with the guest.
    ///
    /// # Errors
    /// When the guest cannot be reached.
    pub fn kept_open(&self, socket: &Utf8Path) -> Result<Self, LabError> {
        let shared = Self {
            socket: Some(socket.to_owned()),
            ..self.clone()
        };
        shared.check("true")?;
        Ok(shared)
    }

    /// The socket of the connection that stays open, if there is one.
    pub fn socket(&self) -> Option<&Utf8Path> {
        self.socket.as_deref()
    }

    /// Runs a line of shell as root, whatever its exit code.
    ///
    /// # Errors
    /// When ssh could not be started.
    pub fn shell(&self, script: &str) -> Result<Ended, LabError> {
        let output = self
            .ssh()
            .arg(script)
            .stdin(Stdio::null())
            .output()
            .map_err(LabError::file("ssh"))?;
        Ok(ended(&output))
    }

    /// Runs a line of shell that has to succeed, and returns its standard output.
    ///
    /// # Errors
    /// When it fails.
    pub fn check(&self, script: &str) -> Result<String, LabError> {
        let ended = self.shell(script)?;
        if ended.code == 0 {
            return Ok(ended.stdout);
        }
        Err(LabError::Failed {
            what: format!("`{script}` in the guest (exit {})", ended.code),
            detail: format!("{}{}", ended.stdout, ended.stderr),
        })
    }

    /// Copies a file of this machine into the guest, with its mode.
    ///
    /// # Errors
    /// When either side cannot be used.
    pub fn push(&self, from: &Utf8Path, to: &str, mode: u32) -> Result<(), LabError> {
        let contents = std::fs::read(from).map_err(LabError::file(from))?;
        self.write(to, &contents, mode)
    }

    /// Writes a file in the guest.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, to: &str, contents: &[u8], mode: u32) -> Result<(), LabError> {
        let script =
            format!("mkdir -p \"$(dirname '{to}')\" && cat > '{to}' && chmod {mode:o} '{to}'");
        let ended = self.feed(&script, contents)?;
        if ended.code == 0 {
            return Ok(());
        }
        Err(LabError::Failed {
            what: format!("writing {to} in the guest"),
            detail: ended.stderr,
        })
    }

    /// Runs a line of shell as root with `input` as its standard input, whatever its exit code.
    ///
    /// # Errors
    /// When ssh could not be started or went away.
    pub fn feed(&self, script: &str, input: &[u8]) -> Result<Ended, LabError> {
        let mut child = self
            .ssh()
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(LabError::file("ssh"))?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input).map_err(LabError::file("ssh"))?;
        }
        let output = child.wait_with_output().map_err(LabError::file("ssh"))?;
        Ok(ended(&output))
    }

    /// An ssh command line up to and including the host; callers add the remote command.
    pub fn ssh(&self) -> Command {
        let mut command = Command::new("ssh");
        command
            .args(["-i", self.key.as_str(), "-p", &self.port.to_string()])
            .args([
                "-o",
                "StrictHostKeyChecking=no",
                "-o",
                "UserKnownHostsFile=/dev/null",
                "-o",
                "LogLevel=ERROR",
            ])
            .args([
                "-o",
                "BatchMode=yes",
                "-o",
                "ConnectTimeout=10",
                "-o",
                &format!("ServerAliveInterval={ALIVE_SECONDS}"),
                "-o",
                &format!("ServerAliveCountMax={}", SILENCE_SECONDS / ALIVE_SECONDS),
            ]);
        if let Some(socket) = &self.socket {
            let path = format!("ControlPath={socket}");
            command.args(["-o", "ControlMaster=auto", "-o", "ControlPersist=yes"]);
            command.args(["-o", &path]);
        }
        command.arg("root@127.0.0.1");
        command
    }
}

fn ended(output: &Output) -> Ended {
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
