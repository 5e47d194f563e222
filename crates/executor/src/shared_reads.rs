//! Single datasets that are looked at by several steps at once are looked at in one command.
//!
//! Every step reads its dataset back, and starting `zfs get` costs ten times what one more name
//! costs it. So a step that has to wait for the command of another one shares the next command
//! with all who wait, as databases commit in groups. Nothing waits for a clock, and nothing is
//! remembered: an answer goes only to those who had asked before its command was started. Steps on
//! different pools share nothing, because a pool that hangs must hold up nobody else.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use camino::Utf8Path;
use phoenix_host::command::{Command, Output};
use phoenix_host::lock::HeldLock;
use phoenix_host::zfs::{self, DatasetQuestion, PropertyRow};
use phoenix_host::{Host, HostError, PermissionChange};

/// A host that answers the same question about several datasets in one command.
pub(crate) struct SharedReads<'a> {
    host: &'a dyn Host,
    desks: Mutex<BTreeMap<Topic, Arc<Desk>>>,
}

/// What a question is about: the pool and the properties.
type Topic = (String, String);

/// Where those who ask about one topic queue up.
#[derive(Default)]
struct Desk {
    /// Held by whoever runs the command.
    turn: Mutex<()>,
    /// Those who have not been asked for yet.
    waiting: Mutex<Arc<Round>>,
}

/// One command for everybody who waited for it.
#[derive(Default)]
struct Round {
    datasets: Mutex<Vec<String>>,
    /// `None` when the command did not answer for all of them.
    rows: OnceLock<Option<Vec<PropertyRow>>>,
}

impl<'a> SharedReads<'a> {
    /// `host`, for one apply.
    pub(crate) fn new(host: &'a dyn Host) -> Self {
        Self {
            host,
            desks: Mutex::default(),
        }
    }

    fn desk(&self, question: &DatasetQuestion<'_>) -> Arc<Desk> {
        let topic = (question.pool().to_owned(), question.properties.to_owned());
        Arc::clone(lock(&self.desks).entry(topic).or_default())
    }

    /// The rows about one dataset, or `None` when it has to be asked for alone.
    fn ask(&self, question: &DatasetQuestion<'_>) -> Option<Vec<PropertyRow>> {
        let desk = self.desk(question);
        let round = {
            let waiting = lock(&desk.waiting);
            lock(&waiting.datasets).push(question.dataset.to_owned());
            Arc::clone(&waiting)
        };
        let turn = lock(&desk.turn);
        let rows = round.rows.get_or_init(|| {
            // From here on newcomers wait for the next round.
            std::mem::take(&mut *lock(&desk.waiting));
            self.run(question.properties, &lock(&round.datasets))
        });
        drop(turn);
        let own = |row: &&PropertyRow| row.name == question.dataset;
        Some(rows.as_ref()?.iter().filter(own).cloned().collect())
    }

    fn run(&self, properties: &str, datasets: &[String]) -> Option<Vec<PropertyRow>> {
        let mut names: Vec<&str> = datasets.iter().map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        let output = self.host.run(&zfs::get(&[properties], &names)).ok()?;
        let complete = output.code == Some(0);
        complete.then(|| zfs::parse_get(&output.stdout).ok())?
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing here is left half done by a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Host for SharedReads<'_> {
    fn run(&self, command: &Command) -> Result<Output, HostError> {
        let rows = zfs::dataset_question(command).and_then(|question| self.ask(&question));
        match rows {
            Some(rows) => Ok(Output::success(zfs::print_get(&rows))),
            None => self.host.run(command),
        }
    }

    fn read_file(&self, path: &Utf8Path) -> Result<Option<String>, HostError> {
        self.host.read_file(path)
    }

    fn write_file(&self, path: &Utf8Path, contents: &str) -> Result<(), HostError> {
        self.host.write_file(path, contents)
    }

    fn write_parameter(&self, path: &Utf8Path, value: &str) -> Result<(), HostError> {
        self.host.write_parameter(path, value)
    }

    fn set_permissions(&self, change: &PermissionChange) -> Result<(), HostError> {
        self.host.set_permissions(change)
    }

    fn lock(&self, path: &Utf8Path, wait: Duration) -> Result<HeldLock, HostError> {
        self.host.lock(path, wait)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread;

    use super::*;

    /// Answers `zfs get` for every dataset but `missing`; the first command waits to be let go.
    struct Slow {
        started: Sender<()>,
        go: Mutex<Option<Receiver<()>>>,
        asked: Mutex<Vec<Vec<String>>>,
    }

    impl Slow {
        fn new() -> (Self, Receiver<()>, Sender<()>) {
            let (started, is_started) = channel();
            let (let_go, go) = channel();
            let host = Self {
                started,
                go: Mutex::new(Some(go)),
                asked: Mutex::default(),
            };
            (host, is_started, let_go)
        }

        /// The datasets of each command, in the order of the commands.
        fn asked(&self) -> Vec<Vec<String>> {
            lock(&self.asked).clone()
        }
    }

    impl Host for Slow {
        fn run(&self, command: &Command) -> Result<Output, HostError> {
            let names = command.args[5..].to_vec();
            lock(&self.asked).push(names.clone());
            let go = lock(&self.go).take();
            if let Some(go) = go {
                self.started.send(()).unwrap();
                go.recv().unwrap();
            }
            let (missing, there): (Vec<_>, Vec<_>) =
                names.iter().partition(|name| name.ends_with("missing"));
            let rows = there
                .iter()
                .map(|name| format!("{name}\tquota\t7\tlocal\n"));
            let failed = missing
                .iter()
                .map(|name| format!("cannot open '{name}': dataset does not exist\n"));
            Ok(Output {
                code: Some(i32::from(!missing.is_empty())),
                stdout: rows.collect(),
                stderr: failed.collect(),
            })
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

    fn names_read(host: &dyn Host, dataset: &str) -> Vec<String> {
        let rows = zfs::read(host, &["quota"], &[dataset]).unwrap();
        rows.into_iter().map(|row| row.name).collect()
    }

    /// Waits until `count` steps queue up for the next command about pool tank.
    fn until_queued(shared: &SharedReads<'_>, count: usize) {
        let topic = ("tank".to_owned(), "quota".to_owned());
        loop {
            let desk = lock(&shared.desks).get(&topic).cloned();
            let queued = desk.map_or(0, |desk| lock(&lock(&desk.waiting).datasets).len());
            if queued == count {
                return;
            }
            thread::yield_now();
        }
    }

    /// One step asks for `tank/a`; while its command runs, one more asks for each of `late`.
    fn asked_while_one_runs(late: &[&str]) -> (Vec<Vec<String>>, Vec<Vec<String>>) {
        let (host, is_started, let_go) = Slow::new();
        let shared = SharedReads::new(&host);
        let answers = thread::scope(|scope| {
            let first = scope.spawn(|| names_read(&shared, "tank/a"));
            is_started.recv().unwrap();
            let (shared, host) = (&shared, &host);
            let others: Vec<_> = late
                .iter()
                .map(|name| scope.spawn(move || names_read(shared, name)))
                .collect();
            until_queued(shared, late.len());
            // Another pool's questions do not wait for this one's.
            assert_eq!(names_read(shared, "other/a"), ["other/a"]);
            assert_eq!(host.asked().len(), 2);
            let_go.send(()).unwrap();
            let others = others.into_iter().map(|other| other.join().unwrap());
            std::iter::once(first.join().unwrap())
                .chain(others)
                .collect()
        });
        (host.asked(), answers)
    }

    #[test]
    fn those_who_wait_share_the_next_command_and_each_gets_its_own_answer() {
        let (asked, answers) = asked_while_one_runs(&["tank/b", "tank/c", "tank/b"]);
        assert_eq!(
            asked,
            [vec!["tank/a"], vec!["other/a"], vec!["tank/b", "tank/c"]]
        );
        assert_eq!(answers, [["tank/a"], ["tank/b"], ["tank/c"], ["tank/b"]]);
    }

    #[test]
    fn a_dataset_that_is_missing_spoils_nobody_elses_answer() {
        let (asked, answers) = asked_while_one_runs(&["tank/b", "tank/missing"]);
        assert_eq!(asked[2], ["tank/b", "tank/missing"]);
        assert_eq!(asked.len(), 5, "each is then asked for alone");
        assert_eq!(answers, [vec!["tank/a"], vec!["tank/b"], vec![]]);
    }
}
