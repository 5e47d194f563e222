//! Kills phoenix many times at random points of an apply, and counts what came of it.
//!
//! Owns the numbers; what one round does is `phoenix_testing::kills`'s business.

use std::process::ExitCode;
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};
use phoenix_testing::kills::{Round, Tally, any_kill};

/// Arguments of `cargo xtask kills`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many runs have to be really killed.
    #[arg(default_value_t = 1000)]
    kills: usize,
    /// The first seed; every round takes the next one.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The phoenix to kill; without it, the one of this workspace is built.
    #[arg(long)]
    binary: Option<Utf8PathBuf>,
}

/// How many jobs a run may have.
const JOBS: [usize; 3] = [1, 4, 16];

pub(crate) fn run(args: &Args) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let binary = match &args.binary {
        Some(binary) => binary.clone(),
        None => build()?,
    };
    let started = Instant::now();
    let mut tally = Tally::default();
    for seed in args.seed.. {
        let directory = tempfile::tempdir()?;
        let directory: &Utf8Path = directory.path().try_into()?;
        let round = Round::new(seed, any_kill(), &JOBS).play(&binary, directory)?;
        for problem in round.problems.iter().chain(&round.lost) {
            eprintln!("seed {seed}: {problem}");
        }
        tally.add(round);
        if tally.killed >= args.kills {
            break;
        }
    }
    let seconds = started.elapsed().as_secs();
    println!("hosts             {:>6}", tally.rounds);
    println!("runs killed       {:>6}  died of SIGKILL", tally.killed);
    println!(
        "runs stopped      {:>6}  by SIGINT or SIGTERM",
        tally.stopped
    );
    println!(
        "ended before      {:>6}  the signal reached them",
        tally.too_late
    );
    println!(
        "hosts converged   {:>6}  to the end of an undisturbed run",
        tally.converged
    );
    println!("not converged     {:>6}", tally.rounds - tally.converged);
    println!("objects lost      {:>6}", tally.lost.len());
    println!("other problems    {:>6}", tally.problems.len());
    println!("first seed {}, {seconds} s", args.seed);
    let sound =
        tally.converged == tally.rounds && tally.lost.is_empty() && tally.problems.is_empty();
    Ok(if sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Builds phoenix, and says where it is: beside this program.
fn build() -> Result<Utf8PathBuf, Box<dyn std::error::Error>> {
    #[expect(
        clippy::disallowed_methods,
        reason = "asks cargo to build this workspace; no host is involved"
    )]
    let mut cargo = std::process::Command::new(env!("CARGO"));
    let built = cargo
        .args(["build", "--package", "phoenix"])
        .current_dir(super::root())
        .status()?;
    if !built.success() {
        return Err("phoenix does not build".into());
    }
    let own: Utf8PathBuf = std::env::current_exe()?.try_into()?;
    Ok(own.with_file_name("phoenix"))
}
