//! phoenix itself, killed at random points of an apply on a simulated host, and run again.
//!
//! Owns one round: a host, several runs that are killed or stopped, runs to the end, and the
//! comparison with a host on which nobody interfered. How many rounds there are, and what their
//! numbers say, is the caller's business.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use phoenix_executor::journal;
use phoenix_sim::state::State;
use phoenix_sim::{Fault, FaultKind, SimHost};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use rustix::process::{Pid, Signal, kill_process};

use crate::scenario::{Scenario, comparable, host, plan, run, scenario, seeded};

/// How one run is ended from outside.
#[derive(Debug, Clone, Copy)]
pub enum Kill {
    /// `SIGKILL` at one of the commands and writes of the run, before it has an effect.
    Before(Index),
    /// `SIGKILL` after the command has done its work and before phoenix hears of it.
    After(Index),
    /// `SIGKILL` after a part of the time that a run takes.
    Later(Index),
    /// `SIGINT` after a part of the time.
    Interrupt(Index),
    /// `SIGTERM` after a part of the time.
    Terminate(Index),
}

/// What came of one or more rounds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Hosts.
    pub rounds: usize,
    /// Runs that were really killed: the process died of `SIGKILL`.
    pub killed: usize,
    /// Runs that were stopped by `SIGINT` or `SIGTERM` and said so (exit code 130).
    pub stopped: usize,
    /// Runs that ended before the signal reached them.
    pub too_late: usize,
    /// Hosts whose end state is that of an undisturbed run.
    pub converged: usize,
    /// Objects and files that were there before and are gone.
    pub lost: Vec<String>,
    /// Everything else that went wrong, in words.
    pub problems: Vec<String>,
}

impl Tally {
    /// Adds another tally.
    pub fn add(&mut self, other: Self) {
        self.rounds += other.rounds;
        self.killed += other.killed;
        self.stopped += other.stopped;
        self.too_late += other.too_late;
        self.converged += other.converged;
        self.lost.extend(other.lost);
        self.problems.extend(other.problems);
    }
}

/// Kills of every kind.
pub fn any_kill() -> impl Strategy<Value = Kill> {
    let at = any::<Index>;
    prop_oneof![
        3 => at().prop_map(Kill::Before),
        3 => at().prop_map(Kill::After),
        4 => at().prop_map(Kill::Later),
        1 => at().prop_map(Kill::Interrupt),
        1 => at().prop_map(Kill::Terminate),
    ]
}

/// Kills whose place is a number of commands, and so the same in every run with one job.
pub fn counted_kill() -> impl Strategy<Value = Kill> {
    let at = any::<Index>;
    prop_oneof![at().prop_map(Kill::Before), at().prop_map(Kill::After)]
}

/// Everything that a round needs to know, from its seed.
#[derive(Debug, Clone)]
pub struct Round {
    scenario: Scenario,
    kills: Vec<(Kill, usize)>,
}

impl Round {
    /// The round of a seed. Without a choice of `jobs`, every run has one.
    pub fn new(seed: u64, kill: impl Strategy<Value = Kill>, jobs: &[usize]) -> Self {
        let jobs = if jobs.is_empty() { &[1] } else { jobs };
        let kills = vec((kill, select(jobs.to_vec())), 1..6);
        let (scenario, kills) = seeded((scenario(), kills), seed);
        Self { scenario, kills }
    }

    /// Plays the round with the phoenix at `binary`, in an empty directory.
    ///
    /// # Errors
    /// When a process cannot be started or a file not be written.
    pub fn play(&self, binary: &Utf8Path, directory: &Utf8Path) -> std::io::Result<Tally> {
        let before = self.scenario.host().state();
        let mut tally = Tally {
            rounds: 1,
            ..Tally::default()
        };
        let (reference, commands) = self.undisturbed(&before);
        let stage = Stage::set(&self.scenario, binary, directory, &before)?;
        let started = Instant::now();
        // How long a whole run takes: of another host, which is thrown away.
        let rehearsal = Stage::set(
            &self.scenario,
            binary,
            &directory.join("rehearsal"),
            &before,
        )?;
        rehearsal.start(1)?.wait()?;
        let duration = started.elapsed();
        for (kill, jobs) in &self.kills {
            stage.kill(*kill, *jobs, commands, duration, &mut tally)?;
            stage.inspect(&before, &mut tally)?;
        }
        stage.finish(&mut tally)?;
        stage.inspect(&before, &mut tally)?;
        let (wanted, reached) = (comparable(&reference), comparable(&stage.state()?));
        if wanted == reached {
            tally.converged += 1;
        } else {
            let differences = differences(&wanted, &reached);
            tally
                .problems
                .push(format!("another end state:\n{differences}{self:?}"));
        }
        Ok(tally)
    }

    /// The end state without any kill, and how many commands and writes the first run needs.
    fn undisturbed(&self, before: &State) -> (State, usize) {
        let host = host(before.clone());
        let mut commands = 0;
        for _ in 0..RUNS {
            let plan = plan(&self.scenario.config(), &host, &self.scenario.options());
            if plan.steps.is_empty() {
                break;
            }
            run(&plan, &host, 1);
            if commands == 0 {
                commands = host.commands().len();
            }
        }
        (host.state(), commands)
    }
}

/// The lines of two states that differ, those of the wanted one with `-`.
fn differences(wanted: &State, reached: &State) -> String {
    let text = |state| serde_json::to_string_pretty(state).unwrap_or_default();
    let (wanted, reached) = (text(wanted), text(reached));
    let diff = similar::TextDiff::from_lines(&wanted, &reached);
    diff.unified_diff().context_radius(4).to_string()
}

/// How many runs a host may need until nothing is left to do.
const RUNS: usize = 4;

/// A simulated host in a file, a configuration, and phoenix.
struct Stage<'a> {
    binary: &'a Utf8Path,
    state: Utf8PathBuf,
    config: Utf8PathBuf,
    wipe: bool,
}

impl<'a> Stage<'a> {
    fn set(
        scenario: &Scenario,
        binary: &'a Utf8Path,
        directory: &Utf8Path,
        before: &State,
    ) -> std::io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let stage = Self {
            binary,
            state: directory.join("state.json"),
            config: directory.join("config.json"),
            wipe: scenario.wipe,
        };
        std::fs::write(&stage.config, scenario.file.to_string())?;
        stage
            .host()?
            .edit(|state| *state = before.clone())
            .map_err(std::io::Error::other)?;
        Ok(stage)
    }

    fn host(&self) -> std::io::Result<SimHost> {
        SimHost::open(&self.state).map_err(std::io::Error::other)
    }

    fn state(&self) -> std::io::Result<State> {
        Ok(self.host()?.state())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "starts the binary under test; no host is involved"
    )]
    fn start(&self, jobs: usize) -> std::io::Result<Child> {
        let mut phoenix = Command::new(self.binary);
        phoenix
            .args(["apply", "--yes", "--host", &format!("sim:{}", self.state)])
            .args(["-j", &jobs.to_string()])
            .arg(&self.config)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if self.wipe {
            phoenix.args(["--mode", "force-destructive"]);
        }
        phoenix.spawn()
    }

    fn kill(
        &self,
        kill: Kill,
        jobs: usize,
        commands: usize,
        duration: Duration,
        tally: &mut Tally,
    ) -> std::io::Result<()> {
        let status = match kill {
            Kill::Before(at) => self.die_at(FaultKind::Kill, at.index(commands.max(1)), jobs)?,
            Kill::After(at) => self.die_at(FaultKind::KillLate, at.index(commands.max(1)), jobs)?,
            Kill::Later(at) => self.signal(Signal::KILL, at, duration, jobs)?,
            Kill::Interrupt(at) => self.signal(Signal::INT, at, duration, jobs)?,
            Kill::Terminate(at) => self.signal(Signal::TERM, at, duration, jobs)?,
        };
        match (status.signal(), status.code()) {
            (Some(signal), _) if signal == Signal::KILL.as_raw() => tally.killed += 1,
            // A signal that comes before phoenix has begun to apply ends it at once.
            (Some(_), _) | (_, Some(130)) => tally.stopped += 1,
            (_, Some(0 | 6)) => tally.too_late += 1,
            _ => tally
                .problems
                .push(format!("a run ended with {status}: {kill:?}")),
        }
        Ok(())
    }

    /// A run that dies at its n-th command or write.
    fn die_at(&self, kind: FaultKind, index: usize, jobs: usize) -> std::io::Result<ExitStatus> {
        let host = self.host()?;
        let fault = Fault {
            pattern: "*".to_owned(),
            nth: index + 1,
            kind,
        };
        host.add_fault(fault).map_err(std::io::Error::other)?;
        let status = self.start(jobs)?.wait()?;
        let clear = |state: &mut State| state.faults.clear();
        self.host()?.edit(clear).map_err(std::io::Error::other)?;
        Ok(status)
    }

    /// A run that gets a signal after a part of `duration`.
    fn signal(
        &self,
        signal: Signal,
        at: Index,
        duration: Duration,
        jobs: usize,
    ) -> std::io::Result<ExitStatus> {
        let microseconds = usize::try_from(duration.as_micros()).unwrap_or(usize::MAX);
        let wait = at.index(microseconds.max(1)) as u64;
        let mut child = self.start(jobs)?;
        std::thread::sleep(Duration::from_micros(wait));
        // A child that nobody has waited for keeps its number, so this reaches no other process.
        if let Some(process) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(process, signal);
        }
        child.wait()
    }

    /// Runs until everything is done or refused.
    fn finish(&self, tally: &mut Tally) -> std::io::Result<()> {
        for _ in 0..RUNS {
            let before = self.state()?;
            let status = self.start(4)?.wait()?;
            match status.code() {
                Some(0 | 6) if self.state()? == before => return Ok(()),
                Some(0 | 6) => {}
                // 7 is the exit code of a lock that somebody holds.
                _ => tally
                    .problems
                    .push(format!("a run to the end ended with {status}")),
            }
        }
        tally.problems.push(format!("{RUNS} runs were not enough"));
        Ok(())
    }

    /// The state is whole, nothing is gone, and every journal can be read.
    fn inspect(&self, before: &State, tally: &mut Tally) -> std::io::Result<()> {
        let now = self.state()?;
        let pools = before.pools.iter();
        let pools =
            pools.filter(|(name, pool)| now.pools.get(*name).map(|it| it.guid) != Some(pool.guid));
        tally
            .lost
            .extend(pools.map(|(name, _)| format!("pool {name}")));
        for (name, dataset) in &before.datasets {
            let kept = now.datasets.get(name).filter(|it| it.guid == dataset.guid);
            match kept {
                Some(kept) => {
                    let files = dataset
                        .files
                        .keys()
                        .filter(|path| !kept.files.contains_key(*path));
                    tally
                        .lost
                        .extend(files.map(|path| format!("{path} in {name}")));
                }
                None => tally.lost.push(format!("dataset {name}")),
            }
        }
        let files = before
            .files
            .keys()
            .filter(|path| !now.files.contains_key(*path));
        tally.lost.extend(files.map(|path| format!("file {path}")));
        let storages = before.storages.iter().flatten();
        let kept = |id: &String| now.storages.as_ref().is_some_and(|it| it.contains_key(id));
        let storages = storages.filter(|(id, _)| !kept(id));
        tally
            .lost
            .extend(storages.map(|(id, _)| format!("storage {id}")));
        for path in journal::list(&Utf8PathBuf::from(format!("{}.runs", self.state)))? {
            match journal::parse(&std::fs::read_to_string(&path)?) {
                // Killed between making the file and writing its first line.
                Ok(_) | Err(journal::ReadJournalError::Empty) => {}
                Err(error) => tally.problems.push(format!("{path}: {error}")),
            }
        }
        Ok(())
    }
}
