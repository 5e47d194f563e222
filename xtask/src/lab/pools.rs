//! `cargo xtask lab pools`: generated new pools, judged by phoenix and by the real `zpool create`.
//!
//! Owns the comparison. The pools come from `phoenix-testing`, the judgement from the planner. In the
//! guest each drive is a sparse file, which ZFS takes as it is: it is as large as the partition that
//! ZFS would make on the drive.
#![expect(
    clippy::print_stdout,
    reason = "a developer's tool: it says what it found"
)]

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::process::ExitCode;

use phoenix_config::model::Config;
use phoenix_lab::guest::Guest;
use phoenix_lab::remote::Remote;
use phoenix_planner::PlanOptions;
use phoenix_testing::pools::{Case, case, creation, observed};
use phoenix_zfs::creation::{SMALLEST_DEVICE, SMALLEST_DISK};

use super::GUEST;

/// Which pools to judge.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many.
    #[arg(long, default_value_t = 300)]
    count: u64,
    /// The number of the first one.
    #[arg(long, default_value_t = 0)]
    first: u64,
}

/// What the real `zpool create` said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Made,
    /// Refused with `-n` already, which phoenix asks before it erases anything.
    RefusedWhenAsked,
    Refused,
}

/// Whether phoenix's plan would make the pool, and ZFS's answer.
type Verdict = (bool, Answer);

/// How many pools go to the guest in one script.
const BATCH: usize = 25;

/// A pool that phoenix has judged.
struct Judged {
    number: u64,
    refusal: Option<String>,
    script: String,
}

/// Judges them all; fails if phoenix would erase a disk for a pool that ZFS refuses.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Box<dyn Error>> {
    let guest = Guest::existing(GUEST)?;
    let remote = guest.remote.kept_open(&guest.socket())?;
    let (mut judged, mut invalid) = (Vec::new(), 0);
    for number in args.first..args.first + args.count {
        match judge(number)? {
            Some(pool) => judged.push(pool),
            None => invalid += 1,
        }
    }
    let mut counts = BTreeMap::<Verdict, u64>::new();
    for batch in judged.chunks(BATCH) {
        for (pool, (answer, said)) in batch.iter().zip(real_answers(&remote, batch)?) {
            let made = pool.refusal.is_none();
            if made != (answer == Answer::Made) {
                println!(
                    "{}: phoenix: {}; zpool: {answer:?} {said}",
                    pool.number,
                    pool.refusal.as_deref().unwrap_or("makes it"),
                );
            }
            *counts.entry((made, answer)).or_default() += 1;
        }
    }
    let count = |verdict| counts.get(&verdict).copied().unwrap_or(0);
    println!(
        "{} pools: both make {}, both refuse {}, only phoenix refuses {}; of those that only ZFS refuses, \
         {} are when asked with -n, and {} for which disks would have been erased; {invalid} files are invalid",
        judged.len(),
        count((true, Answer::Made)),
        count((false, Answer::Refused)) + count((false, Answer::RefusedWhenAsked)),
        count((false, Answer::Made)),
        count((true, Answer::RefusedWhenAsked)),
        count((true, Answer::Refused)),
    );
    Ok(if count((true, Answer::Refused)) == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// `None` for a file that phoenix takes for invalid.
fn judge(number: u64) -> Result<Option<Judged>, Box<dyn Error>> {
    let case = case(number);
    let loaded = phoenix_config::load("pool.json", case.file.to_string().as_bytes());
    let Some(config) = loaded.config() else {
        return Ok(None);
    };
    Ok(Some(Judged {
        number,
        refusal: refusal(config, &case),
        script: script(config, &case)?,
    }))
}

/// Why phoenix would not make the pool.
fn refusal(config: &Config, case: &Case) -> Option<String> {
    let plan = phoenix_planner::plan(config, &observed(case), &PlanOptions::default());
    let refusal = plan.refusals.into_iter().next()?;
    Some(format!("{}: {}", refusal.code.as_str(), refusal.reason))
}

/// What the real `zpool create` says to each. Leaves nothing behind.
fn real_answers(
    remote: &Remote,
    batch: &[Judged],
) -> Result<Vec<(Answer, String)>, Box<dyn Error>> {
    let script: String = batch.iter().map(|pool| pool.script.as_str()).collect();
    let ended = remote.shell(&script)?;
    let answer = |line: &str| {
        let (word, said) = line.split_once(':').unwrap_or((line, ""));
        let answer = match word {
            "made" => Answer::Made,
            "asked" => Answer::RefusedWhenAsked,
            "refused" => Answer::Refused,
            _ => return Err(format!("the guest said: {line}")),
        };
        Ok((answer, said.trim().to_owned()))
    };
    let answers: Vec<_> = ended.stdout.lines().map(answer).collect::<Result<_, _>>()?;
    if answers.len() != batch.len() {
        return Err(format!("{}{}", ended.stdout, ended.stderr).into());
    }
    Ok(answers)
}

/// Shell that makes the drives and the pool, prints one line, and takes everything away again.
fn script(config: &Config, case: &Case) -> Result<String, Box<dyn Error>> {
    /// What ZFS keeps of a drive for itself, in bytes.
    const TABLES: u64 = SMALLEST_DISK - SMALLEST_DEVICE;
    let pool = config.pools.first().ok_or("the case has no pool")?;
    let mut script = String::from("rm -rf /sparse; mkdir /sparse\n");
    for (name, bytes) in &case.drives {
        let size = bytes.saturating_sub(TABLES);
        writeln!(script, "truncate -s {size} /sparse/{name}")?;
    }
    let [ask, create] =
        creation(pool).map(|command| command.to_string().replace("/dev/disk/by-id/", "/sparse/"));
    let name = &pool.name;
    writeln!(
        script,
        "if ! said=$({ask} 2>&1); then echo asked: $said; \
         elif said=$({create} 2>&1); then echo made; zpool destroy {name}; else echo refused: $said; fi; \
         rm -rf /sparse"
    )?;
    Ok(script)
}
