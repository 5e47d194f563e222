//! Ctrl-C and SIGTERM, from the first question to the last step.
//!
//! Owns the signal handler of an apply. A question ends at once, steps that run are let finish:
//! both are told here, and decide for themselves.

use std::io::{PipeReader, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, PoisonError};

use phoenix::Cancel;
use phoenix::code::EndCode;

use super::failure::Failure;
use super::progress::Speaker;

/// Signals that were caught, and whom they concern.
#[derive(Debug)]
pub(crate) struct Interrupt {
    /// Thrown by the first signal.
    pub(crate) cancel: Cancel,
    /// Who tells the user to wait; nobody while there is nothing to wait for.
    speaker: Arc<Mutex<Option<Speaker>>>,
    /// Readable from the first signal on.
    signalled: PipeReader,
}

impl Interrupt {
    /// Catches the signals from here on, instead of ending the process by them.
    ///
    /// # Errors
    /// When the system has no file descriptor left.
    pub(crate) fn catch() -> Result<Self, Failure> {
        let (signalled, mut wake) = std::io::pipe().map_err(|error| {
            Failure::new(EndCode::System, format!("cannot watch for Ctrl-C: {error}"))
        })?;
        let cancel = Cancel::default();
        let speaker: Arc<Mutex<Option<Speaker>>> = Arc::default();
        let (thrown, told) = (cancel.clone(), Arc::clone(&speaker));
        // Only one handler can be set in a process, and this is the only place that sets one.
        let _ = ctrlc::set_handler(move || {
            thrown.cancel();
            // A full pipe is as readable as one can be.
            let _ = wake.write_all(b"!");
            if let Some(speaker) = &*told.lock().unwrap_or_else(PoisonError::into_inner) {
                speaker.say("Stopping: running steps end, nothing new starts.");
            }
        });
        Ok(Self {
            cancel,
            speaker,
            signalled,
        })
    }

    /// Tells the user through `speaker` that a signal was understood, from here on.
    pub(crate) fn answer_through(&self, speaker: Speaker) {
        *self.speaker.lock().unwrap_or_else(PoisonError::into_inner) = Some(speaker);
    }
}

impl AsFd for Interrupt {
    /// What becomes readable with the first signal.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.signalled.as_fd()
    }
}
