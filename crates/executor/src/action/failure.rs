//! Turns what a host said into a failure that names the object, the reason and the way out.
//!
//! Owns the wording only. The tools' own words always stay with the failure as its detail.

use std::error::Error;
use std::io::ErrorKind;

use phoenix_host::HostError;
use phoenix_host::command::{Command, CommandFailed};
use phoenix_tools::parse::{ParseError, ReadError};
use phoenix_tools::zfs::{ZfsFailure, classify};

use crate::code::{FailureCode, StepCode};
use crate::context::StepContext;
use crate::event::Failure;

const RUN_AGAIN: &str = "run phoenix again: it looks at the host anew and plans what is left";

/// What a step was about to do, as the start of a sentence: `cannot create dataset "tank/a"`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Goal<'a>(pub(super) &'a str);

impl Goal<'_> {
    /// Runs a command that must succeed, and gives back what it printed.
    pub(super) fn run(self, host: &StepContext<'_>, command: &Command) -> Result<String, Failure> {
        let output = host.run(command).map_err(|error| self.host(&error))?;
        match output.check(command) {
            Ok(stdout) => Ok(stdout.to_owned()),
            Err(failed) => Err(self.command(&failed)),
        }
    }

    /// A failure with a reason of phoenix's own and the way out.
    pub(super) fn because(
        self,
        code: FailureCode,
        reason: impl AsRef<str>,
        help: impl Into<String>,
    ) -> Failure {
        Failure {
            code: StepCode::Failed(code),
            message: format!("{}: {}", self.0, reason.as_ref()),
            help: Some(help.into()),
            detail: None,
        }
    }

    /// The host is not as it was when the plan was made.
    pub(super) fn moved_on(self, reason: impl AsRef<str>) -> Failure {
        self.because(
            FailureCode::MovedOn,
            format!("{} since the plan was made", reason.as_ref()),
            RUN_AGAIN,
        )
    }

    /// A command was accepted, and yet the host does not show what it should.
    pub(super) fn not_in_force(self, reason: impl AsRef<str>) -> Failure {
        self.because(
            FailureCode::NotInForce,
            reason,
            format!("nothing was undone; {RUN_AGAIN}, and says what still differs"),
        )
    }

    /// A command failed.
    pub(super) fn command(self, failed: &CommandFailed) -> Failure {
        let known = proxmox_meaning(&failed.stderr).or_else(|| meaning(classify(failed)));
        let (code, reason, help) =
            known.unwrap_or_else(|| (FailureCode::Unexplained, last_line(&failed.stderr), None));
        Failure {
            code: StepCode::Failed(code),
            message: format!("{}: {reason}", self.0),
            help,
            detail: Some(format!("{}\n{}", failed.command, failed.stderr.trim_end())),
        }
    }

    /// A command could not be run, or a file not be read or written.
    pub(super) fn host(self, error: &HostError) -> Failure {
        let help = match error {
            HostError::NotInstalled { program } => Some(format!(
                "install the package that brings {program}, then run phoenix again"
            )),
            HostError::TimedOut { .. } => Some(format!(
                "it may still take effect; look whether a pool is suspended or a disk is failing \
                 (zpool status), then {RUN_AGAIN}"
            )),
            HostError::NotMounted { .. } => Some(format!(
                "mount the dataset (zfs mount), or look at what is mounted there; then {RUN_AGAIN}"
            )),
            HostError::File { source, .. } => match source.kind() {
                ErrorKind::ReadOnlyFilesystem => Some(format!(
                    "find out why the file system is read-only (dmesg), make it writable again, \
                     then {RUN_AGAIN}"
                )),
                ErrorKind::StorageFull => Some(format!("free space there, then {RUN_AGAIN}")),
                _ => None,
            },
            HostError::Locked { path, .. } => Some(format!(
                "wait until the other task has ended (fuser -v {path} names it, and so does \
                 Proxmox's list of tasks), then {RUN_AGAIN}"
            )),
            HostError::Disconnected { .. } => Some(format!(
                "whether it was done is not known; once the host can be reached, {RUN_AGAIN}"
            )),
            _ => None,
        };
        Failure {
            code: StepCode::Failed(host_code(error)),
            message: format!("{}: {}", self.0, chain(error)),
            help,
            detail: None,
        }
    }

    /// Facts could not be read.
    pub(super) fn read(self, error: &ReadError) -> Failure {
        match error {
            ReadError::Host(error) => self.host(error),
            ReadError::Failed(failed) => self.command(failed),
            ReadError::Parse(error) => self.parse(error),
        }
    }

    /// A tool's answer makes no sense.
    pub(super) fn parse(self, error: &ParseError) -> Failure {
        self.because(
            FailureCode::NotUnderstood,
            error.to_string(),
            "nothing was changed after that; if the tool is healthy, this is a gap in phoenix: \
             please report it with the line above",
        )
    }
}

/// Tries `attempt` up to seven times while it says that something is busy, pausing in between, as
/// Proxmox does (pve-storage `ZFSPoolPlugin.pm`: six more times, one second apart).
pub(super) fn while_busy<T>(
    pause: std::time::Duration,
    mut attempt: impl FnMut() -> Result<T, Attempt>,
) -> Result<T, Failure> {
    const AGAIN: usize = 6;
    for _ in 0..AGAIN {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(Attempt::Busy(_)) => std::thread::sleep(pause),
            Err(Attempt::Failed(failure)) => return Err(failure),
        }
    }
    attempt().map_err(|error| match error {
        Attempt::Busy(failure) | Attempt::Failed(failure) => failure,
    })
}

/// How one try of a command ended.
#[derive(Debug)]
pub(super) enum Attempt {
    /// Something held the object; that may pass.
    Busy(Failure),
    /// It failed for good.
    Failed(Failure),
}

/// Runs a `zfs` command, trying again while something is busy.
pub(super) fn run_while_busy(
    goal: Goal<'_>,
    host: &StepContext<'_>,
    command: &Command,
    pause: std::time::Duration,
) -> Result<(), Failure> {
    while_busy(pause, || {
        let output = host
            .run(command)
            .map_err(|error| Attempt::Failed(goal.host(&error)))?;
        let Err(failed) = output.check(command) else {
            return Ok(());
        };
        let failure = goal.command(&failed);
        Err(match classify(&failed) {
            ZfsFailure::Busy => Attempt::Busy(failure),
            _ => Attempt::Failed(failure),
        })
    })
}

/// The code, the reason in phoenix's words, and the way out.
type Meaning = (FailureCode, String, Option<String>);

/// What a failure of ZFS means.
fn meaning(failure: ZfsFailure) -> Option<Meaning> {
    let code = zfs_code(&failure);
    let (reason, help) = match failure {
        ZfsFailure::NotFound => ("it does not exist any more", RUN_AGAIN),
        ZfsFailure::ParentMissing => (
            "its parent dataset does not exist",
            "declare the parent in the file, or create it; then run phoenix again",
        ),
        ZfsFailure::Exists => ("something of that name exists already", RUN_AGAIN),
        ZfsFailure::Busy => (
            "something is using it",
            "find out what holds it (fuser -vm MOUNTPOINT, a running container, an NFS client), \
             let go of it, then run phoenix again",
        ),
        ZfsFailure::NoSpace => (
            "the pool, or a quota above it, has no room left",
            "free space, or raise the quota, then run phoenix again",
        ),
        ZfsFailure::BelowUsed => (
            "the new size is less than what is used or reserved already",
            "choose a larger value in the file, or free space first",
        ),
        ZfsFailure::AboveAvailable => (
            "the reservation is larger than what is available",
            "choose a smaller value in the file, or free space first",
        ),
        ZfsFailure::Suspended => (
            "the pool is suspended, because its disks have stopped answering",
            "connect the disks again and run zpool clear, then run phoenix again",
        ),
        ZfsFailure::ReadOnly => (
            "the pool or dataset is read-only",
            "import the pool writable or set readonly=off, then run phoenix again",
        ),
        ZfsFailure::Permission => ("phoenix is not allowed to", "run phoenix as root"),
        ZfsFailure::NotMounted => (
            "it was created but could not be mounted",
            "look at what zfs mount says about it, then run phoenix again: it mounts what is \
             there",
        ),
        ZfsFailure::Key => (
            "its encryption key is not loaded or could not be used",
            "load the key (zfs load-key), then run phoenix again",
        ),
        ZfsFailure::DeviceInUse => (
            "a disk is in use",
            "phoenix disks shows by what; no grant overrules that",
        ),
        ZfsFailure::DeviceMissing => (
            "a disk is not there",
            "check that the drive is connected and that its /dev/disk/by-id link exists",
        ),
        ZfsFailure::DeviceRace => (
            "the disk's partitions did not appear in time",
            "run udevadm settle, then run phoenix again; if it then finds a partition table on a \
             disk that was blank, that is ZFS's own from this attempt: grant it (--allow wipe:DISK)",
        ),
        ZfsFailure::DeviceUnavailable => (
            "the kernel could not open one of its disks",
            "look at the drive's health (phoenix nvme) and at what the kernel says (dmesg), then \
             run phoenix again",
        ),
        ZfsFailure::DirectoryNotEmpty => (
            "the directory where it would be mounted is not empty",
            "move what is in the directory out of the way, then run phoenix again",
        ),
        ZfsFailure::ModuleMissing => (
            "the ZFS kernel module is not loaded",
            "load it (modprobe zfs), then run phoenix again",
        ),
        ZfsFailure::BadProperty { reason } => {
            let help = "correct the property in the file, then run phoenix again";
            return Some((code, reason, Some(help.to_owned())));
        }
        ZfsFailure::BadName { reason } => {
            let help = "choose another name in the file, then run phoenix again";
            return Some((code, reason, Some(help.to_owned())));
        }
        ZfsFailure::NeedsForce { reason } => {
            // A grant erases what phoenix sees, and it has seen nothing that speaks against this.
            let help = "phoenix never uses -f; look at the disks (phoenix disks) and clear what \
                        stands in the way, or name other disks in the file";
            return Some((code, reason, Some(help.to_owned())));
        }
        ZfsFailure::Other => return None,
    };
    Some((code, reason.to_owned(), Some(help.to_owned())))
}

fn zfs_code(failure: &ZfsFailure) -> FailureCode {
    match failure {
        ZfsFailure::NotFound => FailureCode::NotFound,
        ZfsFailure::ParentMissing => FailureCode::ParentMissing,
        ZfsFailure::Exists => FailureCode::Exists,
        ZfsFailure::Busy => FailureCode::Busy,
        ZfsFailure::NoSpace => FailureCode::NoSpace,
        ZfsFailure::BelowUsed => FailureCode::BelowUsed,
        ZfsFailure::AboveAvailable => FailureCode::AboveAvailable,
        ZfsFailure::Suspended => FailureCode::PoolSuspended,
        ZfsFailure::ReadOnly => FailureCode::ReadOnly,
        ZfsFailure::Permission => FailureCode::Permission,
        ZfsFailure::NotMounted => FailureCode::NotMounted,
        ZfsFailure::Key => FailureCode::Key,
        ZfsFailure::DeviceInUse => FailureCode::DiskInUse,
        ZfsFailure::DeviceMissing => FailureCode::DiskMissing,
        ZfsFailure::DeviceRace => FailureCode::DiskSlow,
        ZfsFailure::DeviceUnavailable => FailureCode::DiskUnavailable,
        ZfsFailure::DirectoryNotEmpty => FailureCode::MountpointOccupied,
        ZfsFailure::ModuleMissing => FailureCode::ModuleMissing,
        ZfsFailure::BadProperty { .. } => FailureCode::BadProperty,
        ZfsFailure::BadName { .. } => FailureCode::BadName,
        ZfsFailure::NeedsForce { .. } => FailureCode::NeedsForce,
        ZfsFailure::Other => FailureCode::Unexplained,
    }
}

fn host_code(error: &HostError) -> FailureCode {
    match error {
        HostError::NotInstalled { .. } => FailureCode::ToolMissing,
        HostError::TimedOut { .. } => FailureCode::TimedOut,
        HostError::NotMounted { .. } => FailureCode::NotMounted,
        HostError::InUse { .. } => FailureCode::DiskInUse,
        HostError::Locked { .. } => FailureCode::Locked,
        HostError::Disconnected { .. } => FailureCode::Disconnected,
        HostError::File { source, .. } => match source.kind() {
            ErrorKind::ReadOnlyFilesystem => FailureCode::ReadOnly,
            ErrorKind::StorageFull => FailureCode::NoSpace,
            ErrorKind::PermissionDenied => FailureCode::Permission,
            _ => FailureCode::HostError,
        },
        _ => FailureCode::HostError,
    }
}

/// What `pvesm` says after waiting ten seconds for the lock on `storage.cfg`.
const STORAGE_LOCK: &str = "got lock request timeout";

/// Whether `pvesm` failed for what passes: it has waited in vain for a lock, or the `zfs mount -a`
/// with which it activates a ZFS storage met a dataset that somebody else was mounting. What it does
/// not activate it does not add (pve-storage, `PVE/API2/Storage/Config.pm`, `create`).
pub(super) fn is_pvesm_busy(failed: &CommandFailed) -> bool {
    failed.stderr.contains(STORAGE_LOCK) || classify(failed) == ZfsFailure::Busy
}

/// What Proxmox's tools say about the state of the node (texts as in pve-cluster 8.1 to 9.1 and
/// pve-container 5.3 to 6.1). Their exit codes mean nothing.
fn proxmox_meaning(stderr: &str) -> Option<Meaning> {
    const INVALID: &str = "400 Parameter verification failed.";
    let mut lines = stderr.lines().map(str::trim);
    if lines.any(|line| line == INVALID) {
        // The next line names the option and the reason, the usage follows.
        let reason = lines.next().unwrap_or(INVALID).to_owned();
        return Some((FailureCode::BadOption, reason, None));
    }
    let says = |words: &str| stderr.contains(words);
    let (code, reason, help) = if says(STORAGE_LOCK) {
        (
            FailureCode::Locked,
            "another task holds the cluster's lock on storage.cfg".to_owned(),
            "look for a task that hangs on any node (pvesh get /cluster/tasks, or a pvesm or \
             backup that waits for a dead storage) and end it; the lock of a task that died is \
             free after two minutes; then run phoenix again",
        )
    } else if says("detected modified configuration") {
        (
            FailureCode::ChangedMeanwhile,
            "somebody else is changing Proxmox's storages at the same time".to_owned(),
            "wait until they are done, then run phoenix again",
        )
    } else if says("can't lock file '") {
        (
            FailureCode::Locked,
            "another task holds Proxmox's lock".to_owned(),
            "wait until the task has ended, then run phoenix again",
        )
    } else if says("no quorum") {
        (
            FailureCode::NoQuorum,
            "the cluster has no quorum".to_owned(),
            "bring the other nodes back (pvecm status), then run phoenix again",
        )
    } else if let Some((_, lock)) = stderr.split_once("CT is locked (") {
        let lock = lock.split(')').next().unwrap_or(lock);
        (
            FailureCode::Locked,
            format!("the container is locked ({lock})"),
            "wait until that task has ended, or free a stale lock with pct unlock ID; then run \
             phoenix again",
        )
    } else if says("protection mode enabled") {
        (
            FailureCode::Protected,
            "the container is protected".to_owned(),
            "take the protection away (pct set ID --protection 0), then run phoenix again",
        )
    } else if says("ipcc_send_rec") {
        (
            FailureCode::ClusterSilent,
            "the Proxmox cluster file system does not answer".to_owned(),
            "start it (systemctl start pve-cluster), then run phoenix again",
        )
    } else {
        return None;
    };
    Some((code, reason, Some(help.to_owned())))
}

/// The last words of a tool that phoenix has no words for.
fn last_line(stderr: &str) -> String {
    let last = stderr.lines().rev().map(str::trim);
    last.into_iter()
        .find(|line| !line.is_empty())
        .unwrap_or("it failed without a reason")
        .to_owned()
}

/// An error with everything that caused it.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn failed(stderr: &str) -> CommandFailed {
        CommandFailed {
            command: "zfs set quota=1 tank/a".to_owned(),
            code: Some(255),
            stderr: stderr.to_owned(),
        }
    }

    #[test]
    fn a_known_failure_is_explained_and_keeps_the_tools_words() {
        let stderr = "cannot set property for 'tank/a': \
                      size is less than current used or reserved space\n";
        let failure = Goal("cannot change dataset \"tank/a\"").command(&failed(stderr));
        assert_eq!(
            failure.message,
            "cannot change dataset \"tank/a\": the new size is less than what is used or \
             reserved already"
        );
        assert!(failure.help.unwrap().starts_with("choose a larger value"));
        assert_eq!(
            failure.detail.unwrap(),
            format!("zfs set quota=1 tank/a\n{}", stderr.trim_end())
        );
    }

    #[test]
    fn an_unknown_failure_says_the_last_words_of_the_tool() {
        let failure = Goal("cannot x").command(&failed("first\nodd thing\n\n"));
        assert_eq!(failure.message, "cannot x: odd thing");
        assert_eq!(failure.help, None);
        let silent = Goal("cannot x").command(&failed(""));
        assert_eq!(silent.message, "cannot x: it failed without a reason");
    }

    #[test]
    fn a_file_that_cannot_be_written_says_the_way_out_where_one_is_known() {
        for (kind, help) in [
            (
                ErrorKind::ReadOnlyFilesystem,
                Some("make it writable again"),
            ),
            (ErrorKind::StorageFull, Some("free space there")),
            (ErrorKind::Other, None),
        ] {
            let error = HostError::File {
                verb: "write",
                path: "/etc/exports.d/phoenix.exports".into(),
                source: kind.into(),
            };
            let told = Goal("cannot x").host(&error).help;
            assert_eq!(told.is_some(), help.is_some(), "{kind}");
            assert!(
                help.is_none_or(|help| told.unwrap().contains(help)),
                "{kind}"
            );
        }
    }

    #[test]
    fn busy_is_tried_seven_times_and_no_more() {
        let busy = || Failure {
            code: StepCode::Failed(FailureCode::Busy),
            message: "busy".to_owned(),
            help: None,
            detail: None,
        };
        for (failures, succeeds) in [(0, true), (6, true), (7, false)] {
            let mut left = failures;
            let result = while_busy(Duration::ZERO, || {
                if left == 0 {
                    return Ok(());
                }
                left -= 1;
                Err(Attempt::Busy(busy()))
            });
            assert_eq!(result.is_ok(), succeeds, "{failures}");
        }
    }
}
