//! Questions to the user: whether to apply, and whether a disk that carries data may be erased.
//!
//! Answers come from the terminal and from nowhere else: standard input may be the configuration,
//! or the lines of a loop that phoenix runs in. Silence is always a no.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::fd::AsFd as _;

use phoenix::code::EndCode;
use phoenix::config::address::Address;
use phoenix::planner::observed::{ObservedDisk, Obstacle};
use phoenix::{Config, Observed, Plan};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::termios::{QueueSelector, tcflush};

use super::failure::Failure;
use super::interrupt::Interrupt;

/// Bytes of an answer that are looked at; more than any answer needs.
const LONGEST_ANSWER: usize = 256;

/// Somebody who can answer.
#[derive(Debug)]
pub(crate) struct Person<'a> {
    terminal: File,
    interrupt: &'a Interrupt,
}

impl<'a> Person<'a> {
    /// The person at the terminal of this process. Nobody is there when neither standard input nor
    /// standard error is a terminal, as under cron: a question that nobody sees is never asked.
    pub(crate) fn at_the_terminal(interrupt: &'a Interrupt) -> Option<Self> {
        let stdin = io::stdin();
        if !stdin.is_terminal() && !io::stderr().is_terminal() {
            return None;
        }
        let own = File::options().read(true).write(true).open("/dev/tty").ok();
        let inherited = || {
            let fd = stdin.as_fd().try_clone_to_owned().ok();
            fd.filter(|_| stdin.is_terminal()).map(File::from)
        };
        let terminal = own.or_else(inherited)?;
        Some(Self {
            terminal,
            interrupt,
        })
    }

    /// Asks whether the plan that was just shown is to be applied.
    ///
    /// # Errors
    /// When the terminal is gone, or the user stops phoenix.
    pub(crate) fn whether_to_apply(&self) -> Result<bool, Failure> {
        self.agrees("Apply these changes? Only \"yes\" does: ")
    }

    /// Asks about each disk and returns the paths of those that may be erased.
    ///
    /// # Errors
    /// When the terminal is gone, or the user stops phoenix.
    pub(crate) fn which_to_erase(
        &self,
        disks: &[DiskInQuestion<'_>],
    ) -> Result<BTreeSet<String>, Failure> {
        let mut granted = BTreeSet::new();
        for disk in disks {
            let question = format!(
                "\nPool {} wants {}\n  {}, now {}\n  on it: {}\n\
                 Everything on it would be lost. Erase it? Only \"yes\" does: ",
                disk.pool,
                disk.path,
                disk.seen.identity(),
                disk.seen.kernel_name,
                disk.seen.contents(),
            );
            if self.agrees(&question)? {
                granted.insert(disk.path.to_owned());
            } else {
                self.say("Left alone.\n")?;
            }
        }
        Ok(granted)
    }

    /// What was typed before the question was there is no answer to it.
    fn agrees(&self, question: &str) -> Result<bool, Failure> {
        tcflush(&self.terminal, QueueSelector::IFlush).map_err(|error| gone(error.into()))?;
        self.say(question)?;
        let answer = self.answer()?;
        Ok(answer.trim_ascii() == b"yes")
    }

    fn say(&self, text: &str) -> Result<(), Failure> {
        (&self.terminal).write_all(text.as_bytes()).map_err(gone)
    }

    /// One line; nothing at the end of the input.
    fn answer(&self) -> Result<Vec<u8>, Failure> {
        let mut answer = Vec::new();
        let mut buffer = [0; LONGEST_ANSWER];
        while !answer.contains(&b'\n') && answer.len() < LONGEST_ANSWER {
            self.wait()?;
            let read = (&self.terminal).read(&mut buffer).map_err(gone)?;
            if read == 0 {
                self.say("\n")?;
                // Half a line is no answer.
                return Ok(Vec::new());
            }
            answer.extend(buffer.iter().take(read));
        }
        Ok(answer)
    }

    /// Waits until there is something to read. Ctrl-C ends the wait.
    fn wait(&self) -> Result<(), Failure> {
        let mut watched = [
            PollFd::new(self.interrupt, PollFlags::IN),
            PollFd::new(&self.terminal, PollFlags::IN),
        ];
        // A signal interrupts the wait before its handler has run; the pipe then tells.
        rustix::io::retry_on_intr(|| poll(&mut watched, None))
            .map_err(|error| gone(error.into()))?;
        let [signals, _] = &watched;
        if signals.revents().is_empty() {
            return Ok(());
        }
        self.say("\n")?;
        Err(Failure::new(
            EndCode::Interrupted,
            "stopped at a question: nothing was changed",
        ))
    }
}

fn gone(error: io::Error) -> Failure {
    Failure::new(
        EndCode::System,
        format!("cannot ask at the terminal: {error}"),
    )
}

/// A disk that is refused only for what is on it. A disk in use is not asked about: nothing grants
/// it.
#[derive(Debug)]
pub(crate) struct DiskInQuestion<'a> {
    pool: &'a str,
    path: &'a str,
    seen: &'a ObservedDisk,
}

/// The disks of refused pools that carry something and that nothing uses, in file order.
pub(crate) fn disks_in_question<'a>(
    config: &'a Config,
    observed: &'a Observed,
    plan: &Plan,
) -> Vec<DiskInQuestion<'a>> {
    let refused: BTreeSet<&Address> = plan.refusals.iter().map(|refusal| &refusal.id).collect();
    let mut found = Vec::new();
    for pool in &config.pools {
        let absent = !observed.pools.contains_key(&pool.name);
        if !absent || !refused.contains(&Address::Pool(pool.name.clone())) {
            continue;
        }
        for disk in pool.disks() {
            if let Some(seen) = observed.disks.get(&disk.path)
                && carries_only_data(seen)
            {
                found.push(DiskInQuestion {
                    pool: &pool.name,
                    path: &disk.path,
                    seen,
                });
            }
        }
    }
    found
}

fn carries_only_data(disk: &ObservedDisk) -> bool {
    let signature = |obstacle: &Obstacle| matches!(obstacle, Obstacle::Signature { .. });
    !disk.obstacles.is_empty() && disk.obstacles.iter().all(signature)
}
