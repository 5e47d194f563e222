//! `cargo xtask bench lab`: the same work done by phoenix, shell loops, xargs and Ansible, on one
//! guest with real OpenZFS, round by round; and a run of phoenix with nothing to do beside the bare
//! reads that it consists of.
//!
//! Everybody is started from this machine over one ssh connection that is open before the clock
//! starts, and takes turns at going first.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer's tool: it starts git, and says what it does and measured"
)]

use std::error::Error;
use std::fs;
use std::process::{Command, ExitCode};

use phoenix_lab::guest::Guest;
use phoenix_lab::image;
use phoenix_lab::qemu;
use phoenix_lab::setup;

use self::table::{Contest, Reads, Rounds, Run};
use self::task::Task;
use self::way::{Contestant, Turn, Way};

mod ansible;
mod reads;
mod table;
mod task;
mod way;

/// The guest of the benchmark.
const GUEST: &str = "bench";

/// A way whose first run took longer than this many seconds is not asked again: the next round
/// would tell nothing new and cost as much.
const ONCE_SECONDS: f64 = 300.0;

/// How many runs of a few hundred milliseconds each make one figure of the reads.
const READ_ROUNDS: u32 = 7;

/// Arguments of `cargo xtask bench lab`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to measure; all of it unless named.
    #[arg(long, value_delimiter = ',', value_enum)]
    only: Vec<Subject>,
    /// Who competes; everybody unless named. phoenix always does.
    #[arg(long, value_delimiter = ',', value_enum)]
    ways: Vec<Way>,
    /// How often each run is repeated; the medians count.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Seconds after which a run is stopped and shown as longer than that.
    #[arg(long, default_value_t = 1500)]
    limit: u64,
    /// Use the last guest of the benchmark again instead of a pristine one.
    #[arg(long)]
    keep: bool,
    /// Stop zed first: it answers each event of ZFS with shell scripts, and an emulated guest has
    /// no core to spare for them.
    #[arg(long)]
    without_zed: bool,
    /// Also write the tables into docs/performance-log.md.
    #[arg(long)]
    write: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Subject {
    /// The user's two pools and eight datasets.
    Plan,
    /// Everything of the user's plan. Nobody but Ansible does that as well.
    Whole,
    /// 200 equal datasets in one pool.
    #[value(name = "200")]
    TwoHundred,
    /// 1,000 equal datasets in one pool. Ansible takes 100 minutes for two runs, so only
    /// where `--ways` names it, and with a `--limit` to match.
    #[value(name = "1000")]
    Thousand,
    /// A run with nothing to do beside the reads that it consists of.
    Reads,
}

const SUBJECTS: [Subject; 5] = [
    Subject::Plan,
    Subject::Whole,
    Subject::TwoHundred,
    Subject::Thousand,
    Subject::Reads,
];

pub(crate) fn run(args: &Args) -> Result<ExitCode, Box<dyn Error>> {
    let binary = crate::lab::phoenix_binary()?;
    let ways = args.ways();
    let playbooks = match ways.iter().any(|way| way.is_ansible()) {
        true => Some(ansible::install()?),
        false => None,
    };
    let guest = boot(args.keep)?;
    let remote = guest.remote.kept_open(&guest.socket())?;
    setup::install(&remote, &binary)?;
    let zed = match args.without_zed {
        true => "stop",
        false => "start",
    };
    remote.check(&format!("systemctl {zed} zfs-zed"))?;
    let machine = machine(args.without_zed)?;
    let contestant = Contestant {
        remote: &remote,
        playbooks,
        limit: args.limit,
    };
    let mut contests = Vec::new();
    let mut rows = Vec::new();
    for subject in SUBJECTS {
        if !args.only.is_empty() && !args.only.contains(&subject) {
            continue;
        }
        match subject {
            Subject::Plan => {
                let task = Task::users_plan()?;
                contests.push(contest(
                    "2 pools, 8 datasets",
                    &task,
                    &ways,
                    &contestant,
                    args,
                )?);
            }
            Subject::Whole => {
                let task = Task::users_plan()?;
                let mut whole = vec![Way::PhoenixWhole];
                if ways.contains(&Way::Ansible) {
                    whole.push(Way::AnsibleWhole);
                }
                contests.push(contest("the whole plan", &task, &whole, &contestant, args)?);
            }
            Subject::TwoHundred => {
                let task = Task::many(200);
                contests.push(contest("200 datasets", &task, &ways, &contestant, args)?);
            }
            Subject::Thousand => {
                let task = Task::many(1000);
                let mut ways = ways.clone();
                ways.retain(|way| !way.is_ansible() || args.ways.contains(way));
                contests.push(contest("1,000 datasets", &task, &ways, &contestant, args)?);
            }
            Subject::Reads => rows = reads(&contestant)?,
        }
    }
    guest.stop()?;
    let report = report(&machine, &contests, &rows);
    println!("{report}");
    if args.write {
        write(&report)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn boot(keep: bool) -> Result<Guest, Box<dyn Error>> {
    if !keep {
        eprintln!("booting a pristine guest");
        return Ok(Guest::pristine(GUEST)?);
    }
    let guest = Guest::existing(GUEST)?;
    if !guest.is_running() {
        guest.boot()?;
    }
    Ok(guest)
}

impl Args {
    fn ways(&self) -> Vec<Way> {
        let wanted =
            |way: &Way| *way == Way::Phoenix || self.ways.is_empty() || self.ways.contains(way);
        Way::ALL.into_iter().filter(wanted).collect()
    }
}

/// One task, done by everybody in turn, round after round, each time on empty drives. Each round
/// begins with another one: who goes first on a fresh guest pays for its cold caches.
fn contest(
    title: &str,
    task: &Task,
    ways: &[Way],
    contestant: &Contestant<'_>,
    args: &Args,
) -> Result<Contest, Box<dyn Error>> {
    contestant.prepare(task)?;
    let mut results: Vec<(Way, Rounds)> =
        ways.iter().map(|way| (*way, Rounds::default())).collect();
    for round in 0..args.rounds {
        let first = usize::try_from(round)? % results.len().max(1);
        let (late, early) = results.split_at_mut(first);
        for (way, rounds) in early.iter_mut().chain(late) {
            let title = format!("{title}, round {}, {}", round + 1, way.title());
            run_once(&title, task, *way, contestant, rounds)?;
        }
    }
    let ways = results
        .into_iter()
        .map(|(way, rounds)| (way.title(), rounds))
        .collect();
    Ok(Contest {
        title: title.to_owned(),
        ways,
    })
}

/// One round of one way: a first run and one with nothing to do.
fn run_once(
    title: &str,
    task: &Task,
    way: Way,
    contestant: &Contestant<'_>,
    rounds: &mut Rounds,
) -> Result<(), Box<dyn Error>> {
    let slow = |run: &Run| match run {
        Run::Ended { seconds, .. } => *seconds > ONCE_SECONDS,
        Run::Over(_) => true,
    };
    if rounds.first.iter().any(slow) {
        return Ok(());
    }
    contestant.start_over(task)?;
    let first = contestant.run(way, Turn::First)?;
    eprintln!("{title}: {first:?}");
    rounds.first.push(first);
    if matches!(first, Run::Over(_)) {
        return Ok(());
    }
    contestant.check(task, way)?;
    let again = contestant.run(way, Turn::Again)?;
    eprintln!("{title}, nothing to do: {again:?}");
    rounds.again.push(again);
    Ok(())
}

/// The user's whole plan with nothing to do, alone, beside a pool full of what the file does not
/// name, and with 1,000 declared datasets.
fn reads(contestant: &Contestant<'_>) -> Result<Vec<Reads>, Box<dyn Error>> {
    let remote = contestant.remote;
    let mut rows = Vec::new();
    setup::empty_drives(remote)?;
    setup::reset_proxmox(remote)?;
    remote.write(setup::CONFIG, setup::users_plan().as_bytes(), 0o600)?;
    remote.check(&format!("phoenix apply {} --yes", setup::CONFIG))?;
    rows.push(reads::measure(
        remote,
        "the user's whole plan",
        setup::CONFIG,
        READ_ROUNDS,
    )?);
    eprintln!("{}", table::reads(&rows));
    remote.check(reads::NEIGHBOURS)?;
    let title = "the same, with 1,000 unmounted datasets and 20 volumes that it does not name";
    rows.push(reads::measure(remote, title, setup::CONFIG, READ_ROUNDS)?);
    let task = Task::many(1000);
    contestant.prepare(&task)?;
    contestant.start_over(&task)?;
    contestant.run(Way::Phoenix, Turn::First)?;
    rows.push(reads::measure(
        remote,
        "1,000 declared datasets",
        way::CONFIG,
        READ_ROUNDS,
    )?);
    eprintln!("{}", table::reads(&rows));
    Ok(rows)
}

fn report(machine: &str, contests: &[Contest], rows: &[Reads]) -> String {
    let mut parts = vec![machine.to_owned()];
    if !contests.is_empty() {
        parts.push(table::contests(contests));
    }
    if !rows.is_empty() {
        parts.push(table::reads(rows));
    }
    parts.join("\n")
}

fn write(report: &str) -> Result<(), Box<dyn Error>> {
    let path = crate::root().join("docs/performance-log.md");
    let page = fs::read_to_string(&path)?;
    let page = table::between_markers(&page, report)
        .ok_or_else(|| format!("{path} has lost its markers `<!-- measured: start -->` and end"))?;
    fs::write(&path, page)?;
    println!("wrote {path}");
    Ok(())
}

/// What was measured, on what.
fn machine(without_zed: bool) -> Result<String, Box<dyn Error>> {
    let information = fs::read_to_string("/proc/cpuinfo")?;
    let model = information
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("an unknown CPU", |(_, model)| model);
    let cores = std::thread::available_parallelism()?;
    let load = fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or_default();
    let versions = fs::read_to_string(image::build()?.folder.join("versions.txt"))?;
    let versions: Vec<&str> = versions.lines().collect();
    let revision = Command::new("git")
        .args(["rev-parse", "--short", "HEAD"])
        .output()?;
    let revision = String::from_utf8_lossy(&revision.stdout).trim().to_owned();
    Ok(format!(
        "Machine: {model}, {cores} cores, load {load} before. Guest: {}, 2 CPUs, {} MiB, {} zed; \
         {}. phoenix at {revision}.\n",
        qemu::accelerator(),
        qemu::MEMORY_MIB,
        if without_zed { "without" } else { "with" },
        versions.join(", "),
    ))
}
