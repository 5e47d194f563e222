//! Somebody at a terminal: phoenix runs on a real pseudo-terminal, and the test reads and types.

use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::process::Child;
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::{Command, Pty, open};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::scenario::{BINARY, Scenario};

/// Longer than any answer of phoenix takes, shorter than anybody's patience with a hung test.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a terminal sends for Ctrl-C and Ctrl-D.
pub(crate) const CTRL_C: &str = "\x03";
pub(crate) const CTRL_D: &str = "\x04";

/// A running phoenix and the other side of its terminal.
pub(crate) struct Person {
    pty: Pty,
    child: Child,
    /// Everything on the screen.
    screen: String,
    /// How much of it was waited for already.
    read: usize,
}

impl Person {
    /// Starts phoenix in the scenario's directory, with arguments separated by blanks.
    pub(crate) fn starts(scenario: &Scenario, args: &str) -> Self {
        Self::starts_as(scenario, args, |command| command)
    }

    /// The same with a standard input or output that is not the terminal.
    pub(crate) fn starts_as(
        scenario: &Scenario,
        args: &str,
        change: impl FnOnce(Command) -> Command,
    ) -> Self {
        let (pty, pts) = open().unwrap();
        pty.resize(Size::new(50, 100)).unwrap();
        let command = Command::new(BINARY)
            .args(args.split_whitespace())
            .current_dir(scenario.path(""))
            .env_clear();
        let child = change(command).spawn(pts).unwrap();
        Self {
            pty,
            child,
            screen: String::new(),
            read: 0,
        }
    }

    /// Waits until `text` is on the screen, after what was waited for before.
    #[track_caller]
    pub(crate) fn sees(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = self.screen[self.read..].find(text) {
                self.read += found + text.len();
                return;
            }
            let more = self.more(deadline);
            assert!(more, "{text:?} never came:\n{}", self.screen);
        }
    }

    /// Types text or control characters.
    pub(crate) fn types(&mut self, keys: &str) {
        self.pty.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits for the end, and returns the exit code and all that was on the screen.
    #[track_caller]
    pub(crate) fn waits(mut self) -> (Option<i32>, String) {
        let deadline = Instant::now() + PATIENCE;
        while self.more(deadline) {}
        assert!(!self.screen.contains("panicked"), "{}", self.screen);
        (self.child.wait().unwrap().code(), self.screen)
    }

    /// Reads what comes next; false when phoenix has closed the terminal.
    #[track_caller]
    fn more(&mut self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).unwrap();
        let mut watched = [PollFd::from_borrowed_fd(self.pty.as_fd(), PollFlags::IN)];
        if poll(&mut watched, Some(&timeout)).unwrap() == 0 {
            let _ = self.child.kill();
            panic!("phoenix hangs after:\n{}", self.screen);
        }
        let mut buffer = [0; 4096];
        // Linux reports the end of a terminal as an input/output error.
        let count = self.pty.read(&mut buffer).unwrap_or(0);
        self.screen
            .push_str(&String::from_utf8_lossy(&buffer[..count]));
        count > 0
    }
}
