//! Block devices of a host at the other end of a connection, open for one alone.
//!
//! Only a process over there can have them open. A shell has no `O_EXCL`, and Perl is on every Debian.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use camino::Utf8Path;

use super::connection::last_words;
use super::slots::Slot;
use super::{FILE_TIME, SshHost, limits, script};
use crate::HostError;
use crate::local::failed;
use crate::local::process::{Resident, Stopped};
use crate::lock::HeldLock;

/// Opens the devices; all are let go, and have been, when the first of the values is dropped.
pub(super) fn hold(host: &SshHost, disks: &[&str]) -> Result<Vec<HeldLock>, HostError> {
    let Some(first) = disks.first() else {
        return Ok(Vec::new());
    };
    let unusable = |source| failed("open", Utf8Path::new(first), source);
    let slots = host.connection.hold_slots();
    let mark = host.connection.mark();
    let script = script::hold_disks(disks, &mark)
        .map_err(|_| unusable(io::ErrorKind::InvalidInput.into()))?;
    let args = host.connection.exchange();
    let start = host.connection.start(&args, script.as_bytes());
    let is_complete = |stdout: &[u8], _: &[u8]| script::end_mark(stdout, &mark);
    let (resident, ended) = Resident::start(&start, &limits(FILE_TIME), &is_complete).map_err(
        |stopped| match stopped {
            Stopped::Io(error) => unusable(error),
            Stopped::TimedOut => unusable(io::ErrorKind::TimedOut.into()),
            Stopped::TooMuchOutput => unusable(io::ErrorKind::InvalidData.into()),
        },
    )?;
    let Some((answer, _)) = script::unframed(&ended.stdout, &mark) else {
        return Err(unusable(io::Error::other(last_words(&ended.stderr))));
    };
    let answer = String::from_utf8_lossy(answer).into_owned();
    let mut lines = answer.lines();
    match (lines.next(), lines.next(), lines.next(), resident) {
        (Some(script::HELD), None, _, Some(process)) => {
            let holder = Holder {
                process,
                _slots: slots,
            };
            let held = Arc::new(Mutex::new(Some(holder)));
            let part = |_: &&str| HeldLock::new(Part(Arc::clone(&held)));
            Ok(disks.iter().map(part).collect())
        }
        (said, device, reason, resident) => {
            // The devices before the one that is in use are let go with it.
            if let Some(process) = resident {
                process.finish();
            }
            Err(match (said, device, reason) {
                (Some(script::BUSY), Some(device), _) => HostError::InUse {
                    device: device.to_owned(),
                },
                (_, Some(device), Some(reason)) => {
                    let reason = io::Error::other(reason.to_owned());
                    failed("open", Utf8Path::new(device), reason)
                }
                _ => unusable(io::Error::other(last_words(&ended.stderr))),
            })
        }
    }
}

/// One of the devices, which all are held by one process.
struct Part(Arc<Mutex<Option<Holder>>>);

/// The process that has them open, and what it takes of the connection.
struct Holder {
    process: Resident,
    _slots: [Slot; 2],
}

impl Drop for Part {
    fn drop(&mut self) {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(holder) = held {
            holder.process.finish();
        }
    }
}
