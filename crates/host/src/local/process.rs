//! One program from start to end: bounded in time and output, killed with all its children.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use crate::command::Output;

/// A program and what it is started with.
pub(crate) struct Start<'a> {
    /// The program's absolute path.
    pub(crate) program: &'a Utf8Path,
    /// Its arguments.
    pub(crate) args: &'a [String],
    /// Its whole environment.
    pub(crate) environment: &'a [(String, String)],
    /// What it can read from standard input.
    pub(crate) input: &'a [u8],
    /// What it has as standard input instead, if anything.
    pub(crate) stdin: Option<&'a File>,
    /// An open file that the program and its children keep open, so that a lock on it ends with
    /// the last of them, whatever becomes of phoenix.
    pub(crate) inherited: Option<&'a File>,
}

/// How much a program may take.
pub(crate) struct Limits {
    /// Time from start to end.
    pub(crate) time: Duration,
    /// Bytes, of standard output and of standard error each.
    pub(crate) output: usize,
    /// How long to wait for a killed program. One that hangs inside the kernel, on a suspended
    /// pool, cannot be killed; it is left behind then.
    pub(crate) grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(30),
            output: 16 * 1024 * 1024,
            grace: Duration::from_secs(2),
        }
    }
}

/// What a program has left behind, as bytes.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// The exit code; `None` when a signal ended it, or when it was not waited for because its
    /// answer was complete.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) stdout: Vec<u8>,
    /// Standard error.
    pub(crate) stderr: Vec<u8>,
}

impl From<Ended> for Output {
    fn from(ended: Ended) -> Self {
        Self {
            code: ended.code,
            stdout: into_text(ended.stdout),
            stderr: into_text(ended.stderr),
        }
    }
}

/// Bytes that are no UTF-8 become U+FFFD.
pub(crate) fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Whether a program has said all that it will say, by its standard output and standard error so
/// far; its end is not waited for then.
pub(crate) type IsComplete<'a> = &'a dyn Fn(&[u8], &[u8]) -> bool;

/// For programs whose end ends their answer.
pub(crate) const NEVER: IsComplete<'static> = &|_, _| false;

/// Why a program did not come to its own end.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// It could not be started or followed.
    Io(io::Error),
    /// Its time was over.
    TimedOut,
    /// It printed too much.
    TooMuchOutput,
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<rustix::io::Errno> for Stopped {
    fn from(errno: rustix::io::Errno) -> Self {
        Self::Io(errno.into())
    }
}

/// Runs a program to its end, in a process group of its own, so that a Ctrl-C on phoenix does not
/// reach it and a kill reaches its children.
pub(crate) fn run(
    start: &Start<'_>,
    limits: &Limits,
    is_complete: IsComplete<'_>,
) -> Result<Ended, Stopped> {
    let input = match start.stdin {
        Some(stdin) => stdin.try_clone()?.into(),
        None if start.input.is_empty() => Stdio::null(),
        None => in_memory(start.input)?.into(),
    };
    let mut child = spawn(start, input)?;
    let result = follow(&mut child, limits, is_complete);
    if !matches!(result, Ok((_, true))) {
        kill(&mut child, limits.grace);
    }
    result.map(|(ended, _)| ended)
}

/// A program that stays after its first answer. It ends with this value.
#[derive(Debug)]
pub(crate) struct Resident {
    child: Child,
    input: Option<ChildStdin>,
    grace: Duration,
}

impl Resident {
    /// Starts a program, feeds it, and reads until its answer is complete. Without a program when
    /// that has ended instead. `input` has to be shorter than a pipe is, which is 64 KiB.
    pub(crate) fn start(
        start: &Start<'_>,
        limits: &Limits,
        is_complete: IsComplete<'_>,
    ) -> Result<(Option<Self>, Ended), Stopped> {
        let mut child = spawn(start, Stdio::piped())?;
        let fed = match child.stdin.take() {
            Some(mut pipe) => pipe.write_all(start.input).map(|()| pipe),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        let followed = follow(&mut child, limits, is_complete);
        match (fed, followed) {
            (Ok(input), Ok((answer, false))) => {
                let grace = limits.grace;
                let resident = Self {
                    child,
                    input: Some(input),
                    grace,
                };
                Ok((Some(resident), answer))
            }
            (_, Ok((ended, true))) => Ok((None, ended)),
            (Err(error), Ok(_)) => {
                kill(&mut child, limits.grace);
                Err(error.into())
            }
            (_, Err(stopped)) => {
                kill(&mut child, limits.grace);
                Err(stopped)
            }
        }
    }

    /// Lets the program read to the end of its input, and waits until it has ended by itself.
    pub(crate) fn finish(mut self) {
        drop(self.input.take());
        let pid = Pid::from_child(&self.child);
        if let Ok(ended) = pidfd_open(pid, PidfdFlags::empty()) {
            // One that does not is killed as this value ends.
            let _ = ready(std::iter::once(ended.as_fd()), self.grace);
        }
    }

    /// Gives the program more to read.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> io::Result<()> {
        let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
        self.input.as_mut().ok_or_else(closed)?.write_all(bytes)
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        kill(&mut self.child, self.grace);
    }
}

/// A file that is nowhere but in memory: a program can read it at its own pace, and nobody has to
/// feed it meanwhile.
fn in_memory(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("phoenix", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

/// Held for writing while a descriptor is open that the next program, and no other, is to inherit,
/// and while one is closed of which no program may have a copy afterwards.
static STARTING: RwLock<()> = RwLock::new(());

/// Closes a file for good: between its start and its first own instruction a program has copies of
/// all files of phoenix, which would keep a device open.
pub(crate) fn close(file: File) {
    let _nobody_starts = STARTING.write().unwrap_or_else(PoisonError::into_inner);
    drop(file);
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place of phoenix that starts programs"
)]
fn spawn(start: &Start<'_>, input: Stdio) -> io::Result<Child> {
    let environment = start.environment.iter().map(|(name, value)| (name, value));
    let mut command = Command::new(start.program);
    command
        .args(start.args)
        .env_clear()
        .envs(environment)
        .current_dir("/")
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let Some(inherited) = start.inherited else {
        let _nobody_inherits = STARTING.read().unwrap_or_else(PoisonError::into_inner);
        return command.spawn();
    };
    let _alone = STARTING.write().unwrap_or_else(PoisonError::into_inner);
    // Unlike all others of phoenix, a plain copy stays open in the program. The program has it when
    // `spawn` returns.
    let _copy = rustix::io::dup(inherited)?;
    command.spawn()
}

/// Reads what the program prints until it has ended. Its end counts, not the end of its output: a
/// daemon that it leaves behind may hold the pipes open for ever. Also whether it has ended.
fn follow(
    child: &mut Child,
    limits: &Limits,
    is_complete: IsComplete<'_>,
) -> Result<(Ended, bool), Stopped> {
    let deadline = Instant::now() + limits.time;
    let ended = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let mut streams = [
        Stream::new(child.stdout.take().map(OwnedFd::from)),
        Stream::new(child.stderr.take().map(OwnedFd::from)),
    ];
    let mut has_ended = false;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Stopped::TimedOut);
        }
        // What the program printed is in the pipes when it has ended: nothing to wait for.
        let wait = if has_ended { Duration::ZERO } else { left };
        let open = streams.iter().filter_map(|stream| stream.pipe.as_ref());
        let fds = std::iter::once(ended.as_fd()).chain(open.map(AsFd::as_fd));
        let ready = ready(fds, wait)?;
        let mut ready = ready.into_iter();
        has_ended |= ready.next() == Some(true);
        let mut idle = true;
        for stream in streams.iter_mut().filter(|stream| stream.pipe.is_some()) {
            if ready.next() == Some(true) {
                idle = false;
                stream.read(limits.output)?;
            }
        }
        if has_ended && idle {
            break;
        }
        let [stdout, stderr] = &streams;
        if !has_ended && is_complete(&stdout.bytes, &stderr.bytes) {
            break;
        }
    }
    let code = if has_ended {
        child.wait()?.code()
    } else {
        None
    };
    let [stdout, stderr] = streams.map(|stream| stream.bytes);
    let ended = Ended {
        code,
        stdout,
        stderr,
    };
    Ok((ended, has_ended))
}

/// Waits until one of the descriptors has something to say; which ones do, in their order.
fn ready<'fd>(
    fds: impl Iterator<Item = std::os::fd::BorrowedFd<'fd>>,
    wait: Duration,
) -> Result<Vec<bool>, Stopped> {
    let mut fds: Vec<_> = fds
        .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
        .collect();
    let wait = Timespec::try_from(wait).map_err(io::Error::other)?;
    match poll(&mut fds, Some(&wait)) {
        // A signal came: nothing is ready, the caller looks at the clock and asks again.
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(errno) => return Err(errno.into()),
    }
    Ok(fds.iter().map(|fd| !fd.revents().is_empty()).collect())
}

/// Kills the program and its children. Its process id cannot have been given to another program:
/// it is kept until somebody has waited for it, which only happens here.
fn kill(child: &mut Child, grace: Duration) {
    let pid = Pid::from_child(child);
    // Both fail only if there is nobody left to kill.
    let _ = kill_process_group(pid, Signal::KILL);
    let Ok(ended) = pidfd_open(pid, PidfdFlags::empty()) else {
        return;
    };
    if let Ok(ready) = ready(std::iter::once(ended.as_fd()), grace)
        && ready.contains(&true)
    {
        let _ = child.wait();
    }
}

/// One of the two outputs of a program.
struct Stream {
    pipe: Option<File>,
    bytes: Vec<u8>,
}

impl Stream {
    fn new(pipe: Option<OwnedFd>) -> Self {
        Self {
            pipe: pipe.map(File::from),
            bytes: Vec::new(),
        }
    }

    /// Takes what is in the pipe now; at its end the pipe is closed.
    fn read(&mut self, limit: usize) -> Result<(), Stopped> {
        let Some(pipe) = &mut self.pipe else {
            return Ok(());
        };
        let mut buffer = [0; 16 * 1024];
        match pipe.read(&mut buffer) {
            Ok(0) => self.pipe = None,
            Ok(count) => self.bytes.extend(buffer.iter().take(count)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
        if self.bytes.len() > limit {
            return Err(Stopped::TooMuchOutput);
        }
        Ok(())
    }
}
