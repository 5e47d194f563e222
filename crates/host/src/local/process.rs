//! One program from start to end: bounded in time and output, killed with all its children.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use crate::command::Output;

/// How much a program may take.
pub(super) struct Limits {
    /// Time from start to end.
    pub(super) time: Duration,
    /// Bytes, of standard output and of standard error each.
    pub(super) output: usize,
    /// How long to wait for a killed program. One that hangs inside the kernel, on a suspended
    /// pool, cannot be killed; it is left behind then.
    pub(super) grace: Duration,
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

/// Why a program did not come to its own end.
#[derive(Debug)]
pub(super) enum Stopped {
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
pub(super) fn run(
    program: &Utf8Path,
    args: &[String],
    path: &str,
    limits: &Limits,
) -> Result<Output, Stopped> {
    let mut child = spawn(program, args, path)?;
    let result = follow(&mut child, limits);
    if result.is_err() {
        kill(&mut child, limits.grace);
    }
    result
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place of phoenix that starts programs"
)]
fn spawn(program: &Utf8Path, args: &[String], path: &str) -> io::Result<Child> {
    Command::new(program)
        .args(args)
        .env_clear()
        .env("PATH", path)
        // Messages are matched by their English words, file names are UTF-8.
        .env("LC_ALL", "C.UTF-8")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
}

/// Reads what the program prints until it has ended. Its end counts, not the end of its output: a
/// daemon that it leaves behind may hold the pipes open for ever.
fn follow(child: &mut Child, limits: &Limits) -> Result<Output, Stopped> {
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
    }
    let code = child.wait()?.code();
    let [stdout, stderr] = streams.map(Stream::into_text);
    Ok(Output {
        code,
        stdout,
        stderr,
    })
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

    fn into_text(self) -> String {
        String::from_utf8(self.bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}
