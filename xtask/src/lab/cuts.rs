//! `cargo xtask lab cuts`: the power goes at random moments of `phoenix apply`; the next run has to
//! make everything good, and nothing that was there before may be gone.

#![expect(
    clippy::print_stdout,
    reason = "a developer's tool: it says what it saw"
)]

use std::collections::BTreeMap;
use std::error::Error;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use phoenix_lab::guest::Guest;
use phoenix_lab::remote::Remote;
use phoenix_lab::setup;

/// The guest of the power cuts.
const GUEST: &str = "cuts";

/// Arguments of `cargo xtask lab cuts`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How often the power goes. Each cut costs a boot.
    #[arg(default_value_t = 20)]
    cuts: u32,
    /// The same seed gives the same starts and moments.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// How the host stands before the run that the power cut ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// Nothing is there.
    Empty,
    /// One pool and its datasets are there.
    HalfDone,
    /// Everything was there, and somebody has changed it since.
    Drifted,
    /// Everything was there, and one pool was exported.
    Exported,
}

const STARTS: [Start; 4] = [
    Start::Empty,
    Start::HalfDone,
    Start::Drifted,
    Start::Exported,
];

/// What somebody does to a finished host: a dataset, values, an export and a permission go.
const DRIFT: &str = "zfs destroy -r fastData/shared-iso; \
    zfs set compression=off quickOS/vm-disks; zfs set quota=50G quickOS/shared-prod-data-sync; \
    zpool set autotrim=off fastData; chmod 700 /quickOS/shared-prod-data; \
    rm -f /etc/exports.d/phoenix.exports; exportfs -ra; sed -i /mp1/d /etc/pve/lxc/102.conf";

const EXPORT: &str = "exportfs -ua; zpool export fastData";

/// One line for each file system of the plan that is mounted.
const MOUNTED: &str = "findmnt -n -l -t zfs -o TARGET";

/// Whether the last journal was cut off: it has a beginning and no end.
const UNFINISHED: &str = "last=$(ls -t /var/lib/phoenix/runs/*.jsonl 2>/dev/null | head -n 1); \
    [ -n \"$last\" ] && ! grep -q apply_finished \"$last\"";

/// What came of all cuts.
#[derive(Debug, Default)]
struct Counts {
    cuts: u32,
    in_the_middle: u32,
    converged: u32,
    not_converged: u32,
    lost: usize,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Box<dyn Error>> {
    let binary = super::phoenix_binary()?;
    let guest = Guest::pristine(GUEST)?;
    let remote = &guest.remote;
    setup::install(remote, &binary)?;
    remote.write(setup::CONFIG, setup::users_plan().as_bytes(), 0o600)?;
    println!("seed {}", args.seed);
    let durations = durations(remote)?;
    let mut random = Random(args.seed);
    let mut counts = Counts::default();
    for number in 1..=args.cuts {
        let (start, whole) = random.pick(&durations);
        prepare(remote, start)?;
        let kept = write_files(remote, number)?;
        let moment = whole.mul_f64(random.fraction());
        let middle = cut(&guest, moment)?;
        let ended = remote.shell(&apply())?;
        let again = remote.shell(&apply())?;
        let converged = ended.code == 0 && again.code == 0 && again.stdout.contains("No changes.");
        let lost = lost_files(remote, &kept)?;
        println!(
            "cut {number}: {start:?}, after {:.2} s, {}, {}, {lost} of {} files lost",
            moment.as_secs_f64(),
            if middle {
                "in the middle"
            } else {
                "outside of a run"
            },
            if converged {
                "converged"
            } else {
                "NOT CONVERGED"
            },
            kept.len(),
        );
        if !converged {
            println!(
                "{}{}{}{}",
                ended.stdout, ended.stderr, again.stdout, again.stderr
            );
        }
        counts.cuts += 1;
        counts.in_the_middle += u32::from(middle);
        counts.converged += u32::from(converged);
        counts.not_converged += u32::from(!converged);
        counts.lost += lost;
    }
    guest.stop()?;
    println!(
        "{} power cuts, {} really in the middle of a run: {} converged, {} did not converge, {} files lost",
        counts.cuts, counts.in_the_middle, counts.converged, counts.not_converged, counts.lost
    );
    Ok(match (counts.not_converged, counts.lost) {
        (0, 0) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn apply() -> String {
    format!("phoenix apply {} --yes", setup::CONFIG)
}

/// How long a run from each start takes when nobody disturbs it: what the moments are drawn from.
fn durations(remote: &Remote) -> Result<[(Start, Duration); 4], Box<dyn Error>> {
    let mut durations = STARTS.map(|start| (start, Duration::ZERO));
    for (start, whole) in &mut durations {
        prepare(remote, *start)?;
        let began = Instant::now();
        remote.check(&apply())?;
        *whole = began.elapsed();
        println!("{start:?}: a run takes {:.1} s", whole.as_secs_f64());
    }
    Ok(durations)
}

/// Brings the host to the start, whatever the cut before has left.
fn prepare(remote: &Remote, start: Start) -> Result<(), Box<dyn Error>> {
    remote.check("exportfs -ua")?;
    setup::empty_drives(remote)?;
    setup::reset_proxmox(remote)?;
    match start {
        Start::Empty => {}
        Start::HalfDone => {
            remote.check(&format!(
                "{} --target dataset:quickOS/vm-disks --target export:/quickOS/shared-prod-data",
                apply()
            ))?;
        }
        Start::Drifted => {
            remote.check(&apply())?;
            remote.check(DRIFT)?;
        }
        Start::Exported => {
            remote.check(&apply())?;
            remote.check(EXPORT)?;
        }
    }
    remote.check("sync")?;
    Ok(())
}

/// Writes a file into every mounted dataset and makes sure that it is on the drives. Returns the
/// checksums by path.
fn write_files(remote: &Remote, number: u32) -> Result<BTreeMap<String, String>, Box<dyn Error>> {
    let written = remote.check(&format!(
        "for target in $({MOUNTED}); do head -c 1M /dev/urandom > $target/kept-{number}; \
         sha256sum $target/kept-{number}; done; sync; for pool in $(zpool list -H -o name); do zpool sync $pool; done"
    ))?;
    let pair = |line: &str| {
        let (sum, path) = line.split_once("  ")?;
        Some((path.to_owned(), sum.to_owned()))
    };
    Ok(written.lines().filter_map(pair).collect())
}

/// How many of the files are gone or have changed.
fn lost_files(remote: &Remote, kept: &BTreeMap<String, String>) -> Result<usize, Box<dyn Error>> {
    let sums: String = kept
        .iter()
        .map(|(path, sum)| format!("{sum}  {path}\n"))
        .collect();
    // One line for every file: `PATH: OK`, or what is wrong with it.
    let checked = remote.feed("sha256sum -c - 2> /dev/null", sums.as_bytes())?;
    let same = checked
        .stdout
        .lines()
        .filter(|line| line.ends_with(": OK"))
        .count();
    Ok(kept.len().saturating_sub(same))
}

/// Starts a run, cuts the power after `moment`, boots again. Whether the run was really cut off.
fn cut(guest: &Guest, moment: Duration) -> Result<bool, Box<dyn Error>> {
    guest.remote.check(&format!(
        "rm -f /var/lib/phoenix/runs/*.jsonl; sync; \
         nohup {} > /root/cut.log 2>&1 < /dev/null & exit 0",
        apply()
    ))?;
    thread::sleep(moment);
    guest.stop()?;
    guest.boot()?;
    Ok(guest.remote.shell(UNFINISHED)?.code == 0)
}

/// `SplitMix64` (Steele, Lea, Flood 2014): a seed is all that a repeatable experiment needs.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to but not including 1.
    fn fraction(&mut self) -> f64 {
        let [high, low, ..] = self.next().to_be_bytes();
        f64::from(u16::from_be_bytes([high, low])) / 65536.0
    }

    fn pick<T: Copy>(&mut self, of: &[T; 4]) -> T {
        let [first, second, third, fourth] = *of;
        match self.next() % 4 {
            0 => first,
            1 => second,
            2 => third,
            _ => fourth,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_experiment_and_every_start_occurs() {
        let draw = |seed| {
            let mut random = Random(seed);
            let one = |_| (random.pick(&STARTS), random.fraction());
            (0..40).map(one).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        for start in STARTS {
            assert!(
                draw(1).iter().any(|(drawn, _)| *drawn == start),
                "{start:?}"
            );
        }
        assert!(draw(1).iter().all(|(_, part)| (0.0..1.0).contains(part)));
    }
}
