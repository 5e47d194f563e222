//! Locks of a host at the other end of a connection.
//!
//! A process on the host holds the lock while it is told now and then that somebody is still there.
//! It gives it back when it is told no more: at once when the connection ends, and after a minute
//! when that has died without a word.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use shlex::QuoteError;

use super::connection::last_words;
use super::script::{self, LOCK_SILENCE_SECONDS};
use super::{GRACE, SshHost, limits};
use crate::HostError;
use crate::local::failed;
use crate::local::process::{Resident, Stopped};
use crate::lock::HeldLock;
use crate::store::LockError;

/// One run at a time on a host, wherever the runs were started: the same lock as
/// [`crate::store::RunLock`] takes there. It ends with this value, or with the connection, and with
/// the last command that still changes something there.
#[derive(Debug)]
pub struct RemoteLock {
    _keeper: Keeper,
    /// While it lives, what changes the host shares the lock.
    _path: Arc<Utf8PathBuf>,
}

impl RemoteLock {
    /// Takes the lock, waiting up to `wait` for another run to end. `command` is what others are
    /// told while they wait.
    ///
    /// # Errors
    /// When another run still has the lock after `wait`, or the file cannot be used.
    pub fn acquire(
        host: &SshHost,
        path: &Utf8Path,
        command: &str,
        wait: Duration,
    ) -> Result<Self, LockError> {
        let mark = host.connection.mark();
        let script = script::run_lock(path, command, wait, &mark);
        let (keeper, answer) = ask(host, script, wait).map_err(|source| LockError::File {
            path: path.to_owned(),
            source,
        })?;
        match keeper {
            Some(_keeper) if answer == script::HELD => Ok(Self {
                _keeper,
                _path: host.share_lock(path),
            }),
            _ => Err(LockError::Busy {
                path: path.to_owned(),
                holder: holder(&answer),
            }),
        }
    }
}

/// Takes a lock that other programs of the host respect; see [`crate::Host::lock`].
pub(super) fn shared(
    host: &SshHost,
    path: &Utf8Path,
    wait: Duration,
) -> Result<HeldLock, HostError> {
    let locked = || HostError::Locked {
        path: path.to_owned(),
        seconds: wait.as_secs(),
    };
    let begun = Instant::now();
    let slot = host.connection.lock_slot(wait).ok_or_else(locked)?;
    let left = wait.saturating_sub(begun.elapsed());
    let script = script::shared_lock(path, left, &host.connection.mark());
    let (keeper, answer) =
        ask(host, script, left).map_err(|source| failed("lock", path, source))?;
    match (keeper, answer.as_str()) {
        (Some(keeper), script::HELD) => Ok(HeldLock::new((keeper, slot))),
        (_, script::NOTHING) => Ok(HeldLock::nothing()),
        _ => Err(locked()),
    }
}

/// Runs a script that says one thing and then, if it holds a lock, stays.
fn ask(
    host: &SshHost,
    script: Result<String, QuoteError>,
    wait: Duration,
) -> io::Result<(Option<Keeper>, String)> {
    let script = script.map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mark = host.connection.mark();
    let args = host.connection.exchange();
    let start = host.connection.start(&args, script.as_bytes());
    let is_complete = |stdout: &[u8], _: &[u8]| script::end_mark(stdout, &mark);
    let (resident, said) =
        Resident::start(&start, &limits(wait + GRACE), &is_complete).map_err(|stopped| {
            match stopped {
                Stopped::Io(error) => error,
                Stopped::TimedOut => io::ErrorKind::TimedOut.into(),
                Stopped::TooMuchOutput => io::ErrorKind::InvalidData.into(),
            }
        })?;
    let Some((answer, _)) = script::unframed(&said.stdout, &mark) else {
        return Err(io::Error::other(last_words(&said.stderr)));
    };
    let answer = String::from_utf8_lossy(answer).trim().to_owned();
    Ok((resident.map(Keeper::new), answer))
}

fn holder(answer: &str) -> String {
    let holder = answer.strip_prefix(script::BUSY).unwrap_or(answer).trim();
    // The holder may not have signed yet.
    if holder.is_empty() {
        "an unnamed process".to_owned()
    } else {
        holder.to_owned()
    }
}

/// Keeps a lock by letting the other side know that somebody is still there.
#[derive(Debug)]
struct Keeper {
    /// Ends the thread by being dropped.
    stop: Option<Sender<()>>,
    beat: Option<JoinHandle<()>>,
}

impl Keeper {
    fn new(mut resident: Resident) -> Self {
        const PAUSE: Duration = Duration::from_secs(LOCK_SILENCE_SECONDS / 4);
        let (stop, stopped) = mpsc::channel::<()>();
        let beat = thread::spawn(move || {
            while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                // A lost connection fails whatever is done next; the lock says nothing.
                if resident.feed(b".").is_err() {
                    break;
                }
            }
        });
        Self {
            stop: Some(stop),
            beat: Some(beat),
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(beat) = self.beat.take() {
            // It has nothing to say that anybody could still use.
            let _ = beat.join();
        }
    }
}
