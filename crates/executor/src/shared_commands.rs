//! The same question, asked by several steps while nothing changes, is asked once.
//!
//! Two pools that are made at the same time both look at all disks first. Whoever asks while the
//! same command is on its way gets its answer too, unless phoenix has begun or ended a change since
//! that command was started: then the answer may be older than what the step has to see. Nothing is
//! remembered once a command has ended.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use phoenix_host::command::{Command, Output};
use phoenix_host::{Host, HostError};

use crate::mutex::lock;

/// The commands of one apply that are on their way and only look.
#[derive(Default)]
pub(crate) struct SharedCommands {
    flights: Mutex<BTreeMap<Vec<String>, Arc<Flight>>>,
    /// Begins and ends of changes so far.
    changes: AtomicUsize,
}

/// One command and what came of it.
struct Flight {
    /// [`SharedCommands::changes`] before the command was started.
    changes: usize,
    /// `None` when it could not be run.
    answer: OnceLock<Option<Output>>,
}

impl SharedCommands {
    /// Does something that may change the host.
    pub(crate) fn change<R>(&self, change: impl FnOnce() -> R) -> R {
        self.changes.fetch_add(1, Ordering::SeqCst);
        let result = change();
        self.changes.fetch_add(1, Ordering::SeqCst);
        result
    }

    /// Runs a command that only looks, or waits for the answer of the same command.
    ///
    /// # Errors
    /// When it cannot be run. Those who waited then try for themselves.
    pub(crate) fn read(&self, host: &dyn Host, command: &Command) -> Result<Output, HostError> {
        let flight = self.join(command);
        let mut failed = None;
        let answer = flight.answer.get_or_init(|| {
            let result = host.run(command);
            self.land(command, &flight);
            result.map_err(|error| failed = Some(error)).ok()
        });
        match (answer, failed) {
            (Some(output), _) => Ok(output.clone()),
            (None, Some(error)) => Err(error),
            (None, None) => host.run(command),
        }
    }

    /// The command's flight, or a new one.
    fn join(&self, command: &Command) -> Arc<Flight> {
        let mut flights = lock(&self.flights);
        let changes = self.changes.load(Ordering::SeqCst);
        let argv = command.argv();
        if let Some(flight) = flights.get(&argv).filter(|it| it.changes == changes) {
            return Arc::clone(flight);
        }
        let answer = OnceLock::new();
        let flight = Arc::new(Flight { changes, answer });
        flights.insert(argv, Arc::clone(&flight));
        flight
    }

    /// Lets nobody join any more.
    fn land(&self, command: &Command, landed: &Arc<Flight>) {
        let mut flights = lock(&self.flights);
        let argv = command.argv();
        if flights.get(&argv).is_some_and(|it| Arc::ptr_eq(it, landed)) {
            flights.remove(&argv);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use phoenix_tools::zfs;

    use super::*;
    use crate::slow_host::Slow;

    /// Who got an answer of two who ask the same, the second while the first one's command runs and
    /// after `meanwhile`, and how many commands that took. That first command `can_run` or not.
    fn two_ask(can_run: bool, meanwhile: impl Fn(&SharedCommands)) -> ([bool; 2], usize) {
        let (host, is_started, let_go) = Slow::new();
        let shared = SharedCommands::default();
        let question = zfs::get(&["quota"], &["tank/a"]);
        let ask = || shared.read(&host, &question).is_ok();
        let waiting = || {
            let flights = lock(&shared.flights);
            flights.values().map(Arc::strong_count).sum::<usize>()
        };
        let answered = thread::scope(|scope| {
            let first = scope.spawn(ask);
            is_started.recv().unwrap();
            meanwhile(&shared);
            let second = scope.spawn(ask);
            // The map and both who wait, or a command of its own.
            while waiting() != 3 && host.asked().len() != 2 {
                thread::yield_now();
            }
            match can_run {
                true => let_go.send(()).unwrap(),
                false => drop(let_go),
            }
            [first.join().unwrap(), second.join().unwrap()]
        });
        assert_eq!(waiting(), 0, "nothing is remembered");
        (answered, host.asked().len())
    }

    #[test]
    fn the_same_question_is_asked_once_while_nothing_changes() {
        assert_eq!(two_ask(true, |_| {}), ([true, true], 1));
    }

    #[test]
    fn a_change_that_begins_or_ends_meanwhile_makes_it_a_new_question() {
        let change = |shared: &SharedCommands| shared.change(|| {});
        assert_eq!(two_ask(true, change), ([true, true], 2));
    }

    #[test]
    fn who_waited_for_a_command_that_could_not_be_run_asks_alone() {
        assert_eq!(two_ask(false, |_| {}), ([false, true], 2));
    }
}
