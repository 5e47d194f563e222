//! Measures how the cost of validate and plan grows with the size of the file.
//!
//! Every size runs in a process of its own, because a process only knows its highest memory use.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use phoenix_host::readonly::ReadOnly;
use phoenix_sim::SimHost;
use serde::{Deserialize, Serialize};

/// Over the columns of [`row`].
const HEADER: &str = " datasets     steps    file KiB  validate s observe s    plan s   peak MiB  \
                      time and memory against the size before";

/// Arguments of `cargo xtask bench scale`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many datasets the measured files declare.
    #[arg(default_values_t = [1_000, 10_000, 100_000])]
    sizes: Vec<usize>,
    /// Measure one size in this process and print it as JSON.
    #[arg(long, hide = true)]
    one: Option<usize>,
}

/// What one size costs.
#[derive(Debug, Serialize, Deserialize)]
struct Sample {
    /// Bytes of the file.
    bytes: usize,
    /// Seconds from text to a checked configuration.
    validate: f64,
    /// Seconds to read a simulated host that has none of it yet.
    observe: f64,
    /// Seconds from configuration and facts to a plan.
    plan: f64,
    /// Steps of the plan.
    steps: usize,
    /// The most memory that the process has used, in KiB.
    peak_kib: u64,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Box<dyn std::error::Error>> {
    if let Some(datasets) = args.one {
        println!("{}", serde_json::to_string(&measure(datasets)?)?);
        return Ok(ExitCode::SUCCESS);
    }
    println!("{HEADER}");
    let mut before: Option<(usize, Sample)> = None;
    for &datasets in &args.sizes {
        let sample = in_own_process(datasets)?;
        println!("{}", row(datasets, &sample, before.as_ref()));
        before = Some((datasets, sample));
    }
    Ok(ExitCode::SUCCESS)
}

fn row(datasets: usize, sample: &Sample, before: Option<&(usize, Sample)>) -> String {
    let mut row = format!(
        "{datasets:>9} {:>9} {:>11} {:>11.3} {:>9.3} {:>9.3} {:>10.1}",
        sample.steps,
        sample.bytes / 1024,
        sample.validate,
        sample.observe,
        sample.plan,
        ratio(sample.peak_kib, 1024),
    );
    if let Some((count, earlier)) = before {
        let time = |sample: &Sample| sample.validate + sample.plan;
        let _ = write!(
            row,
            "  x{:.1} time, x{:.1} memory for x{:.1} datasets",
            time(sample) / time(earlier),
            ratio(sample.peak_kib, earlier.peak_kib),
            ratio(datasets as u64, *count as u64),
        );
    }
    row
}

#[expect(
    clippy::cast_precision_loss,
    reason = "shown with one digit after the point"
)]
fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b as f64
}

fn in_own_process(datasets: usize) -> Result<Sample, Box<dyn std::error::Error>> {
    #[expect(
        clippy::disallowed_methods,
        reason = "starts this program again to measure it; no host is involved"
    )]
    let mut again = std::process::Command::new(std::env::current_exe()?);
    let output = again
        .args(["bench", "scale", "--one", &datasets.to_string()])
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn measure(datasets: usize) -> Result<Sample, Box<dyn std::error::Error>> {
    let text = config(datasets)?;
    let start = Instant::now();
    let loaded = phoenix::load("bench.json", text.as_bytes());
    let config = loaded.config().ok_or("the generated file is invalid")?;
    let validate = start.elapsed().as_secs_f64();

    let start = Instant::now();
    let observed = phoenix::observe(config, &ReadOnly(SimHost::fresh()))?;
    let observe = start.elapsed().as_secs_f64();

    let start = Instant::now();
    let plan = phoenix::plan(config, &observed, &phoenix::PlanOptions::default());
    Ok(Sample {
        bytes: text.len(),
        validate,
        observe,
        plan: start.elapsed().as_secs_f64(),
        steps: plan.steps.len(),
        peak_kib: peak_memory()?,
    })
}

/// A file with one pool on the simulated host's largest disk and so many datasets, a parent for
/// every hundred.
fn config(datasets: usize) -> serde_json::Result<String> {
    let mut list = Vec::with_capacity(datasets);
    for number in 0..datasets {
        let parent = number - number % 100;
        let name = if number == parent {
            format!("group{parent:06}")
        } else {
            format!("group{parent:06}/item{number:06}")
        };
        list.push(serde_json::json!({
            "pool": "fastData",
            "name": name,
            "properties": { "recordsize": "128K", "compression": "lz4", "quota": "1M" },
            "permissions": { "owner": 100_000, "group": 100_000, "mode": "2775" },
        }));
    }
    serde_json::to_string_pretty(&serde_json::json!({
        "zfs": {
            "pools": [{
                "name": "fastData",
                "raid_level": "single",
                "disks": ["/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_4TB_SIM4TC0003"],
            }],
            "datasets": list,
        }
    }))
}

/// `VmHWM` of this process in KiB.
fn peak_memory() -> Result<u64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .ok_or("/proc/self/status has no VmHWM")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
