//! What several steps look at at once is looked at in one command.
//!
//! Every step that makes a dataset looks at its mountpoint before and reads the dataset back
//! after, and starting `find` or `zfs get` costs ten times what one more name costs it. So a step
//! that has to wait for the command of another one shares the next command with all who wait, as
//! databases commit in groups, and a question about a dataset waits for others of its pool while some
//! are being made there. Nothing waits for a clock, and nothing is remembered: an answer
//! goes only to those who had asked before its command was started. Datasets of different pools
//! share nothing, because a pool that hangs must hold up nobody else; nor do paths of different
//! directories. Where pools have mountpoints in one directory, one that hangs holds the others up
//! until the command's time is over; then each is asked about alone.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, OnceLock};

use camino::{Utf8Path, Utf8PathBuf};
use phoenix_host::Host;
use phoenix_host::command::{Command, Output};
use phoenix_tools::{system, zfs};

use crate::creating::Creating;
use crate::mutex::lock;

/// The questions of one apply about datasets and paths that are answered together.
pub(crate) struct SharedReads {
    desks: Mutex<BTreeMap<Topic, Arc<Desk>>>,
    pub(crate) creating: Creating,
    /// How many questions about datasets of one pool are enough for a command while others of the
    /// pool are being made.
    company: usize,
}

/// What those who share a command ask.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Topic {
    /// The same properties of datasets in one pool.
    Properties { pool: String, properties: String },
    /// What stands at paths below one directory, which are mostly of one pool.
    Directories { parent: Utf8PathBuf },
}

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
    subjects: Mutex<BTreeSet<String>>,
    /// `None` when the command did not answer for all of them.
    answers: OnceLock<Option<Answers>>,
}

/// What a command about several datasets or paths has said.
struct Answers {
    /// What it printed about each of them.
    printed: BTreeMap<String, String>,
    code: Option<i32>,
    /// At most that there is nothing at some of the paths.
    stderr: String,
}

impl Topic {
    /// What `command` asks about which dataset or path, if it is a question that can be shared.
    fn of(command: &Command) -> Option<(Self, &str)> {
        if let Some(question) = zfs::dataset_question(command) {
            let topic = Self::Properties {
                pool: question.pool().to_owned(),
                properties: question.properties.to_owned(),
            };
            return Some((topic, question.dataset));
        }
        let path = system::directory_question(command)?;
        let parent = Utf8Path::new(path).parent()?.to_owned();
        Some((Self::Directories { parent }, path))
    }

    fn ask(&self, host: &dyn Host, subjects: &BTreeSet<String>) -> Option<Answers> {
        let subjects: Vec<&str> = subjects.iter().map(String::as_str).collect();
        self.answers(host.run(&self.command(&subjects)).ok()?)
    }

    fn command(&self, subjects: &[&str]) -> Command {
        match self {
            Self::Properties { properties, .. } => zfs::get(&[properties], subjects),
            Self::Directories { .. } => system::directories(subjects),
        }
    }

    /// Sorts what was printed by what it is about. `None` when somebody's question may have
    /// spoiled the answers of the others.
    fn answers(&self, output: Output) -> Option<Answers> {
        let mut printed = BTreeMap::<String, String>::new();
        match self {
            Self::Properties { .. } if output.code == Some(0) => {
                for row in zfs::parse_get(&output.stdout).ok()? {
                    let text = zfs::print_get(std::slice::from_ref(&row));
                    printed.entry(row.name).or_default().push_str(&text);
                }
            }
            Self::Directories { .. }
                if output.code == Some(0) || system::only_missing(&output.stderr) =>
            {
                for (path, row) in system::parse_directories(&output.stdout).ok()? {
                    let text = system::print_directory(&path, &row);
                    printed.insert(path, text);
                }
            }
            _ => return None,
        }
        Some(Answers {
            printed,
            code: output.code,
            stderr: output.stderr,
        })
    }
}

impl SharedReads {
    /// For an apply that does up to `jobs` steps at once: half of them may wait for company while the
    /// other half goes on making datasets.
    pub(crate) fn new(jobs: NonZeroUsize) -> Self {
        Self {
            desks: Mutex::default(),
            creating: Creating::default(),
            company: jobs.get().div_ceil(2),
        }
    }

    /// The answer to `command`, or `None` when it is no question that can be shared or has to be
    /// asked alone.
    pub(crate) fn answer(&self, host: &dyn Host, command: &Command) -> Option<Output> {
        let (topic, subject) = Topic::of(command)?;
        let desk = Arc::clone(lock(&self.desks).entry(topic.clone()).or_default());
        let round = {
            let waiting = lock(&desk.waiting);
            lock(&waiting.subjects).insert(subject.to_owned());
            Arc::clone(&waiting)
        };
        self.creating.one_more();
        let turn = lock(&desk.turn);
        let answers = round.answers.get_or_init(|| {
            if let Topic::Properties { pool, .. } = &topic {
                let is_lonely = || lock(&round.subjects).len() < self.company;
                self.creating.wait_for_company(pool, is_lonely);
            }
            // From here on newcomers wait for the next round.
            std::mem::take(&mut *lock(&desk.waiting));
            topic.ask(host, &lock(&round.subjects))
        });
        drop(turn);
        let answers = answers.as_ref()?;
        Some(Output {
            code: answers.code,
            stdout: answers.printed.get(subject).cloned().unwrap_or_default(),
            stderr: answers.stderr.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use phoenix_tools::parse::ReadError;

    use super::*;
    use crate::shared_host::SharedHost;
    use crate::slow_host::Slow;

    const JOBS: NonZeroUsize = NonZeroUsize::new(8).unwrap();

    type Seen = Result<Vec<String>, ReadError>;

    /// The datasets, or paths, that a look at one of them shows.
    fn seen(host: &dyn Host, name: &str) -> Seen {
        if name.starts_with('/') {
            let rows = system::read_directories(host, &[name])?;
            return Ok(rows.into_keys().collect());
        }
        let rows = zfs::read(host, &["quota"], &[name])?;
        Ok(rows.into_iter().map(|row| row.name).collect())
    }

    /// How many steps queue up for the next command on `topic`.
    fn queued(shared: &SharedHost<'_>, topic: &Topic) -> usize {
        let desk = lock(&shared.reads.desks).get(topic).cloned();
        desk.map_or(0, |desk| lock(&lock(&desk.waiting).subjects).len())
    }

    /// Waits until `count` steps queue up for the next command on `topic`.
    fn until_queued(shared: &SharedHost<'_>, topic: &Topic, count: usize) {
        while queued(shared, topic) != count {
            thread::yield_now();
        }
    }

    /// What each command asked about, and what each step saw: one step asks about `first`; while
    /// its command runs, one more asks about each of `late`, and one about `elsewhere`, which does
    /// not wait for the others.
    fn asked_while_one_runs(
        first: &str,
        elsewhere: &str,
        late: &[&str],
    ) -> (Vec<Vec<String>>, Vec<Seen>) {
        let (host, is_started, let_go) = Slow::new();
        let shared = SharedHost::new(&host, JOBS);
        let question = match first.starts_with('/') {
            true => system::directories(&[first]),
            false => zfs::get(&["quota"], &[first]),
        };
        let (topic, _) = Topic::of(&question).unwrap();
        let answers = thread::scope(|scope| {
            let (shared, host) = (&shared, &host);
            let first = scope.spawn(move || seen(shared, first));
            is_started.recv().unwrap();
            let others: Vec<_> = late
                .iter()
                .map(|name| scope.spawn(move || seen(shared, name)))
                .collect();
            until_queued(shared, &topic, late.len());
            assert_eq!(seen(shared, elsewhere).unwrap(), [elsewhere]);
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
        for (place, elsewhere) in [("tank", "other/a"), ("/tank", "/other/a")] {
            let [a, b, c] = ["a", "b", "c"].map(|name| format!("{place}/{name}"));
            let (asked, answers) = asked_while_one_runs(&a, elsewhere, &[&b, &c]);
            assert_eq!(asked, [vec![&*a], vec![elsewhere], vec![&b, &c]]);
            let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
            assert_eq!(answers, [[a], [b], [c]]);
        }
    }

    #[test]
    fn a_dataset_that_is_missing_spoils_nobody_elses_answer() {
        let late = ["tank/b", "tank/missing"];
        let (asked, answers) = asked_while_one_runs("tank/a", "other/a", &late);
        assert_eq!(asked[2], ["tank/b", "tank/missing"]);
        assert_eq!(asked.len(), 5, "each is then asked for alone");
        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers, [vec!["tank/a"], vec!["tank/b"], vec![]]);
    }

    #[test]
    fn paths_where_nothing_stands_are_shared_and_paths_that_cannot_be_read_are_not() {
        let late = ["/tank/b", "/tank/missing"];
        let (asked, answers) = asked_while_one_runs("/tank/a", "/other/a", &late);
        assert_eq!(asked.len(), 3, "one command answers for both");
        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers, [vec!["/tank/a"], vec!["/tank/b"], vec![]]);

        let late = ["/tank/b", "/tank/denied"];
        let (asked, answers) = asked_while_one_runs("/tank/a", "/other/a", &late);
        assert_eq!(asked.len(), 5, "each is then asked for alone");
        assert_eq!(answers[1].as_ref().unwrap(), &["/tank/b"]);
        assert!(answers[2].is_err());
    }

    /// What each command asked about when one step after the other asks about `names` while a
    /// dataset of `pool` is being made, which ends when all of them wait or have been asked about.
    fn asked_while_creating(pool: &str, names: &[&str]) -> Vec<Vec<String>> {
        let (host, _is_started, let_go) = Slow::new();
        let_go.send(()).unwrap();
        let shared = SharedHost::new(&host, JOBS);
        let (topic, _) = Topic::of(&zfs::get(&["quota"], &["tank/a"])).unwrap();
        let create = zfs::create_filesystem(&format!("{pool}/new"), &BTreeMap::new());
        thread::scope(|scope| {
            shared.reads.creating.during(&create, || {
                for (index, name) in names.iter().enumerate() {
                    let shared = &shared;
                    scope.spawn(move || seen(shared, name));
                    let told = || queued(shared, &topic) + host.asked().concat().len();
                    while told() <= index {
                        thread::yield_now();
                    }
                }
            });
        });
        host.asked()
    }

    #[test]
    fn who_has_made_a_dataset_waits_for_others_of_the_pool_that_will_ask_the_same() {
        let two = ["tank/a", "tank/b"];
        assert_eq!(
            asked_while_creating("tank", &two),
            [vec!["tank/a", "tank/b"]]
        );
        // A pool that hangs holds up nobody else.
        let alone = [vec!["tank/a"], vec!["tank/b"]];
        assert_eq!(asked_while_creating("other", &two), alone);
        // Enough are asked for while the dataset is still being made.
        let enough = JOBS.get() / 2;
        let names: Vec<String> = (0..enough).map(|name| format!("tank/{name:02}")).collect();
        let (host, _is_started, let_go) = Slow::new();
        let_go.send(()).unwrap();
        let shared = SharedHost::new(&host, JOBS);
        let create = zfs::create_filesystem("tank/new", &BTreeMap::new());
        shared.reads.creating.during(&create, || {
            thread::scope(|scope| {
                for name in &names {
                    let shared = &shared;
                    scope.spawn(move || seen(shared, name));
                }
            });
        });
        assert_eq!(host.asked(), [names]);
    }
}
