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

use crate::shared_reads::lock;

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
    use std::sync::Condvar;
    use std::thread;
    use std::time::Duration;

    use camino::Utf8Path;
    use phoenix_host::PermissionChange;
    use phoenix_host::command::Program;
    use phoenix_host::lock::HeldLock;

    use super::*;

    /// Answers with the number of the command, and the first one only when it is let go.
    #[derive(Default)]
    struct Counting {
        started: Mutex<usize>,
        may_go: Mutex<bool>,
        changed: Condvar,
        breaks: bool,
    }

    impl Counting {
        fn started(&self) -> usize {
            *lock(&self.started)
        }

        fn let_go(&self) {
            *lock(&self.may_go) = true;
            self.changed.notify_all();
        }
    }

    impl Host for Counting {
        fn run(&self, _: &Command) -> Result<Output, HostError> {
            let number = {
                let mut started = lock(&self.started);
                *started += 1;
                *started
            };
            if number == 1 {
                let waits = |may_go: &mut bool| !*may_go;
                let _gone = self.changed.wait_while(lock(&self.may_go), waits).unwrap();
                if self.breaks {
                    let program = "lsblk".to_owned();
                    return Err(HostError::NotInstalled { program });
                }
            }
            Ok(Output::success(number.to_string()))
        }

        fn read_file(&self, _: &Utf8Path) -> Result<Option<String>, HostError> {
            Ok(None)
        }

        fn write_file(&self, _: &Utf8Path, _: &str) -> Result<(), HostError> {
            Ok(())
        }

        fn write_parameter(&self, _: &Utf8Path, _: &str) -> Result<(), HostError> {
            Ok(())
        }

        fn set_permissions(&self, _: &PermissionChange) -> Result<(), HostError> {
            Ok(())
        }

        fn lock(&self, _: &Utf8Path, _: Duration) -> Result<HeldLock, HostError> {
            Ok(HeldLock::nothing())
        }
    }

    fn until(condition: impl Fn() -> bool) {
        while !condition() {
            thread::yield_now();
        }
    }

    /// What two see who ask the same, the second while the first one's command runs and after
    /// `meanwhile`, and how many commands that took.
    fn two_ask(
        host: &Counting,
        meanwhile: impl Fn(&SharedCommands),
    ) -> ([Option<String>; 2], usize) {
        let shared = SharedCommands::default();
        let lsblk = Command::read(Program::Lsblk, ["-J"]);
        let ask = || shared.read(host, &lsblk).ok().map(|output| output.stdout);
        let waiting = || {
            let flights = lock(&shared.flights);
            flights.values().map(Arc::strong_count).sum::<usize>()
        };
        let answers = thread::scope(|scope| {
            let first = scope.spawn(ask);
            until(|| host.started() == 1);
            meanwhile(&shared);
            let second = scope.spawn(ask);
            // The map and both who wait, or an answer of its own.
            until(|| waiting() == 3 || host.started() == 2);
            host.let_go();
            [first.join().unwrap(), second.join().unwrap()]
        });
        assert_eq!(waiting(), 0, "nothing is remembered");
        (answers, host.started())
    }

    fn seen(numbers: [usize; 2]) -> [Option<String>; 2] {
        numbers.map(|number| Some(number.to_string()))
    }

    #[test]
    fn the_same_question_is_asked_once_while_nothing_changes() {
        let host = Counting::default();
        assert_eq!(two_ask(&host, |_| {}), (seen([1, 1]), 1));
    }

    #[test]
    fn a_change_that_begins_or_ends_meanwhile_makes_it_a_new_question() {
        let host = Counting::default();
        let change = |shared: &SharedCommands| shared.change(|| {});
        assert_eq!(two_ask(&host, change), (seen([1, 2]), 2));
    }

    #[test]
    fn who_waited_for_a_command_that_could_not_be_run_asks_alone() {
        let host = Counting {
            breaks: true,
            ..Counting::default()
        };
        let answers = [None, Some("2".to_owned())];
        assert_eq!(two_ask(&host, |_| {}), (answers, 2));
    }
}
