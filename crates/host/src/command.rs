//! Commands as values: what would be run, whether it changes anything, and what came of it.
//!
//! A command is built by the typed modules only (`zfs`, `zpool`, `pve` ...) and never passes a
//! shell. Running is the hosts' business.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Every program that phoenix may run. Closed, so that a host can say in advance what it lacks and
/// a recording can be read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each variant is the program's own name")]
pub enum Program {
    Blkid,
    Exportfs,
    Find,
    Fwupdmgr,
    Getent,
    Getfacl,
    Grep,
    Lsblk,
    Nvme,
    Od,
    Pct,
    Pvesh,
    Pvesm,
    Setfacl,
    Smartctl,
    Systemctl,
    Udevadm,
    UpdateInitramfs,
    Wipefs,
    Zfs,
    Zpool,
}

impl Program {
    /// Every program.
    pub const ALL: [Self; 21] = [
        Self::Blkid,
        Self::Exportfs,
        Self::Find,
        Self::Fwupdmgr,
        Self::Getent,
        Self::Getfacl,
        Self::Grep,
        Self::Lsblk,
        Self::Nvme,
        Self::Od,
        Self::Pct,
        Self::Pvesh,
        Self::Pvesm,
        Self::Setfacl,
        Self::Smartctl,
        Self::Systemctl,
        Self::Udevadm,
        Self::UpdateInitramfs,
        Self::Wipefs,
        Self::Zfs,
        Self::Zpool,
    ];

    /// The name of the executable.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blkid => "blkid",
            Self::Exportfs => "exportfs",
            Self::Find => "find",
            Self::Fwupdmgr => "fwupdmgr",
            Self::Getent => "getent",
            Self::Getfacl => "getfacl",
            Self::Grep => "grep",
            Self::Lsblk => "lsblk",
            Self::Nvme => "nvme",
            Self::Od => "od",
            Self::Pct => "pct",
            Self::Pvesh => "pvesh",
            Self::Pvesm => "pvesm",
            Self::Setfacl => "setfacl",
            Self::Smartctl => "smartctl",
            Self::Systemctl => "systemctl",
            Self::Udevadm => "udevadm",
            Self::UpdateInitramfs => "update-initramfs",
            Self::Wipefs => "wipefs",
            Self::Zfs => "zfs",
            Self::Zpool => "zpool",
        }
    }
}

/// Whether a command can change the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It only looks.
    Read,
    /// It may change something.
    Write,
}

/// One program with its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// Which program.
    pub program: Program,
    /// Its arguments, without the program's name.
    pub args: Vec<String>,
    /// Whether it can change the host.
    pub effect: Effect,
    /// How long it may take, in seconds.
    pub timeout_seconds: u64,
}

impl Command {
    /// A command that only looks, with a timeout of 30 s.
    pub fn read(program: Program, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new(program, args, Effect::Read, 30)
    }

    /// A command that may change the host, with a timeout of 120 s.
    pub fn write(program: Program, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new(program, args, Effect::Write, 120)
    }

    fn new(
        program: Program,
        args: impl IntoIterator<Item = impl Into<String>>,
        effect: Effect,
        timeout_seconds: u64,
    ) -> Self {
        let args = args.into_iter().map(Into::into).collect();
        Self {
            program,
            args,
            effect,
            timeout_seconds,
        }
    }

    /// The same command with another timeout.
    #[must_use]
    pub fn timeout(mut self, seconds: u64) -> Self {
        self.timeout_seconds = seconds;
        self
    }

    /// The timeout as a duration.
    pub fn time_limit(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }

    /// Program and arguments, as they are started.
    pub fn argv(&self) -> Vec<String> {
        std::iter::once(self.program.name().to_owned())
            .chain(self.args.iter().cloned())
            .collect()
    }
}

/// As a person would type it, quoted for a shell where needed. For reading only.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&typed(&self.argv()))
    }
}

/// Program and arguments as a person would type them, quoted for a shell where needed. For reading
/// only: nothing that phoenix runs passes a shell.
pub fn typed(argv: &[String]) -> String {
    let words: Vec<Cow<'_, str>> = argv.iter().map(|word| quoted(word)).collect();
    words.join(" ")
}

/// A word for a shell. `shlex` also quotes commas and equal signs, which no shell minds inside of
/// an argument and which nearly every command of ZFS is full of.
fn quoted(arg: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@%+=:,./_-".contains(&byte);
    if !arg.is_empty() && arg.bytes().all(plain) {
        return Cow::Borrowed(arg);
    }
    // Only a NUL byte cannot be quoted, and no program can be given one.
    shlex::try_quote(arg).unwrap_or_else(|_| Cow::Owned(format!("{arg:?}")))
}

/// What a command that ended has left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "a command may have failed: look at its exit code, or call `check`"]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output; bytes that are no UTF-8 have become U+FFFD.
    pub stdout: String,
    /// Standard error; bytes that are no UTF-8 have become U+FFFD.
    pub stderr: String,
}

/// A command ended with something else than 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{command} {}: {}", ending(*.code), last_words(.stderr))]
pub struct CommandFailed {
    /// The command as a person would type it.
    pub command: String,
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Its standard error, whole.
    pub stderr: String,
}

fn ending(code: Option<i32>) -> String {
    match code {
        Some(code) => format!("failed with exit code {code}"),
        None => "was ended by a signal".to_owned(),
    }
}

fn last_words(stderr: &str) -> &str {
    let trimmed = stderr.trim();
    if trimmed.is_empty() {
        "it printed no reason"
    } else {
        trimmed
    }
}

impl Output {
    /// The output of a command that succeeded.
    pub fn success(stdout: impl Into<String>) -> Self {
        Self {
            code: Some(0),
            stdout: stdout.into(),
            stderr: String::new(),
        }
    }

    /// The output of a command that failed.
    pub fn failure(code: i32, stderr: impl Into<String>) -> Self {
        Self {
            code: Some(code),
            stdout: String::new(),
            stderr: stderr.into(),
        }
    }

    /// Standard output of a command that had to succeed.
    ///
    /// # Errors
    /// When the exit code is not 0.
    pub fn check(&self, command: &Command) -> Result<&str, CommandFailed> {
        if self.code == Some(0) {
            return Ok(&self.stdout);
        }
        Err(CommandFailed {
            command: command.to_string(),
            code: self.code,
            stderr: self.stderr.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_reads_as_it_would_be_typed() {
        for (args, typed) in [
            (
                vec!["get", "-Hp", "-o", "name,value", "a/b"],
                "zfs get -Hp -o name,value a/b",
            ),
            (vec!["set", "quota=1", "tank/x"], "zfs set quota=1 tank/x"),
            (
                vec!["set", "mountpoint=/a b", "x"],
                "zfs set 'mountpoint=/a b' x",
            ),
            (vec!["set", "", "$HOME", "a;b"], "zfs set '' '$HOME' 'a;b'"),
            (vec!["set", "it's"], "zfs set \"it's\""),
        ] {
            let command = Command::write(Program::Zfs, args);
            assert_eq!(command.to_string(), typed);
            assert_eq!(shlex::split(typed).unwrap(), command.argv());
        }
        let odd = Command::write(Program::Zfs, ["a\0b"]);
        assert_eq!(odd.to_string(), "zfs \"a\\0b\"");
    }

    #[test]
    fn a_failure_names_command_code_and_reason() {
        let command = Command::read(Program::Zfs, ["list", "tank"]);
        let output = Output::failure(1, "cannot open 'tank': no such pool\n");
        assert_eq!(
            output.check(&command).unwrap_err().to_string(),
            "zfs list tank failed with exit code 1: cannot open 'tank': no such pool"
        );
    }
}
