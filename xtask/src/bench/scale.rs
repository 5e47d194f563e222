//! Measures how the cost of validate and plan grows with the size of the file, beside the tools that
//! do the nearest thing, where they are installed.
//!
//! Whole processes are measured, from start to end: what a user waits for and pays for. Nothing is
//! installed here.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Serialize, Serializer};
use serde_json::ser::PrettyFormatter;
use serde_json::{Value, json};

/// Over the columns of [`Cost::row`].
const HEADER: &str = " datasets    file KiB  process               CPU s   peak MiB";

/// How often a running process is asked for its memory. What it takes in the last moments before it
/// ends is not seen.
const SAMPLING: Duration = Duration::from_millis(2);

/// What the kernel counts processor time in: `USER_HZ`, which is 100 on every Linux that phoenix
/// runs on (proc_pid_stat(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// ajv, given the schema and the file.
const AJV: &str = "
    const Ajv = require('ajv/dist/2020'), { readFileSync } = require('fs');
    const [schema, file] = process.argv.slice(1).map((path) => JSON.parse(readFileSync(path)));
    process.exit(new Ajv({ strict: false }).compile(schema)(file) ? 0 : 1);
";

/// Arguments of `cargo xtask bench scale`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many datasets the measured files declare.
    #[arg(default_values_t = [1_000, 10_000, 100_000, 1_000_000])]
    sizes: Vec<usize>,
    /// How often each process is started; the cheapest run counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The program to measure; without it, one is built (cargo build --release).
    #[arg(long)]
    phoenix: Option<Utf8PathBuf>,
}

/// What one process took.
#[derive(Debug, Clone, Copy)]
struct Cost {
    /// Seconds of all its threads, in the kernel and outside.
    cpu: f64,
    /// The most memory that it was seen to hold, in KiB.
    peak: u64,
}

type Error = Box<dyn std::error::Error>;

pub(crate) fn run(root: &Utf8Path, args: &Args) -> Result<ExitCode, Error> {
    let phoenix = match &args.phoenix {
        Some(given) => given.clone(),
        None => built(root)?,
    };
    let directory = tempfile::tempdir()?;
    let directory = Utf8Path::from_path(directory.path()).ok_or("the directory has no name")?;
    println!("{HEADER}");
    for &datasets in &args.sizes {
        let file = directory.join("file.json");
        write(&file, &config(datasets))?;
        let bytes = std::fs::metadata(&file)?.len();
        for (name, mut process) in processes(root, &phoenix, directory, datasets)? {
            let label = format!("{datasets:>9} {:>11}  {name:<18}", bytes / 1024);
            match cheapest(&mut process, args.rounds)? {
                Some(cost) => println!("{label} {}", cost.row()),
                None => println!("{label}  is not installed, or fails"),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What is measured with one file.
fn processes(
    root: &Utf8Path,
    phoenix: &Utf8Path,
    directory: &Utf8Path,
    datasets: usize,
) -> Result<Vec<(&'static str, Command)>, Error> {
    let file = directory.join("file.json");
    let mut validate = program(phoenix.as_str());
    validate.args(["validate", file.as_str()]);
    let mut ajv = program("node");
    let schema = root.join("schema/phoenix.v1.schema.json");
    ajv.args(["-e", AJV, schema.as_str(), file.as_str()]);
    let mut plan = program(phoenix.as_str());
    plan.args(["plan", "--host", "sim", file.as_str()]);
    let (list, spec) = (directory.join("list.json"), directory.join("spec.json"));
    write(&list, &disko_host())?;
    write(&spec, &disko_spec(datasets))?;
    let mut disko = program("disko-zfs");
    disko.args(["--file", list.as_str(), "plan", "--spec", spec.as_str()]);
    Ok(vec![
        ("phoenix validate", validate),
        ("ajv", ajv),
        ("phoenix plan", plan),
        ("disko-zfs plan", disko),
    ])
}

#[expect(
    clippy::disallowed_methods,
    reason = "starts programs to measure them; no host is involved"
)]
fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn built(root: &Utf8Path) -> Result<Utf8PathBuf, Error> {
    let mut cargo = program(env!("CARGO"));
    cargo.stderr(Stdio::inherit()).current_dir(root);
    let built = cargo.args(["build", "--release", "--quiet", "--package", "phoenix"]);
    if !built.status()?.success() {
        return Err("phoenix cannot be built".into());
    }
    let own: Utf8PathBuf = std::env::current_exe()?.try_into()?;
    let target = own.ancestors().nth(2).ok_or("this program is nowhere")?;
    Ok(target.join("release/phoenix"))
}

/// The run that took the least time; `None` if the process cannot be started or fails.
fn cheapest(process: &mut Command, rounds: usize) -> Result<Option<Cost>, Error> {
    let mut best: Option<Cost> = None;
    for _ in 0..rounds.max(1) {
        let Some(cost) = cost(process)? else {
            return Ok(None);
        };
        best = best.filter(|best| best.cpu <= cost.cpu).or(Some(cost));
    }
    Ok(best)
}

fn cost(process: &mut Command) -> Result<Option<Cost>, Error> {
    let before = children_cpu()?;
    let Ok(mut child) = process.spawn() else {
        return Ok(None);
    };
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        peak = peak.max(peak_of(&child).unwrap_or(0));
        std::thread::sleep(SAMPLING);
    }
    let cpu = children_cpu()? - before;
    Ok(child.wait()?.success().then_some(Cost { cpu, peak }))
}

/// Seconds of processor time of all children that have ended.
fn children_cpu() -> Result<f64, Error> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The second field is a name in parentheses, which may contain anything.
    let (_, fields) = stat.rsplit_once(')').ok_or("/proc/self/stat has no name")?;
    let ticks = fields.split_whitespace().skip(13).take(2);
    let ticks = ticks.map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks / TICKS_PER_SECOND)
}

/// `VmHWM` of a process in KiB.
fn peak_of(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

impl Cost {
    #[expect(
        clippy::cast_precision_loss,
        reason = "shown with one digit after the point"
    )]
    fn row(self) -> String {
        format!("{:>8.2} {:>10.1}", self.cpu, self.peak as f64 / 1024.0)
    }
}

/// Writes indented JSON.
fn write(path: &Utf8Path, value: &impl Serialize) -> Result<(), Error> {
    let mut to = BufWriter::new(File::create(path)?);
    let indented = PrettyFormatter::with_indent(b" ");
    value.serialize(&mut serde_json::Serializer::with_formatter(
        &mut to, indented,
    ))?;
    Ok(to.flush()?)
}

/// A parent for every hundred.
fn name(number: usize) -> String {
    match number - number % 100 {
        parent if parent == number => format!("g{parent:06}"),
        parent => format!("g{parent:06}/d{number:06}"),
    }
}

fn properties() -> Value {
    json!({ "recordsize": "128K", "compression": "lz4", "sync": "standard", "quota": "1M" })
}

/// A file with one pool on the simulated host's largest disk.
fn config(datasets: usize) -> impl Serialize {
    #[derive(Serialize)]
    struct Config {
        zfs: Zfs,
    }
    #[derive(Serialize)]
    struct Zfs {
        pools: Value,
        #[serde(serialize_with = "listed")]
        datasets: usize,
    }
    let disk = "/dev/disk/by-id/nvme-Samsung_SSD_990_PRO_4TB_SIM4TC0003";
    let pools = json!([{ "name": "fast", "raid_level": "single", "disks": [disk] }]);
    Config {
        zfs: Zfs { pools, datasets },
    }
}

/// One after the other: a million of them at once would not fit everywhere.
fn listed<S: Serializer>(datasets: &usize, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(
        (0..*datasets).map(
            |number| json!({ "pool": "fast", "name": name(number), "properties": properties() }),
        ),
    )
}

/// The same datasets as disko-zfs takes them.
fn disko_spec(datasets: usize) -> impl Serialize {
    #[derive(Serialize)]
    struct Spec {
        #[serde(serialize_with = "by_name")]
        datasets: usize,
        ignored_datasets: [(); 0],
        ignored_properties: [(); 0],
    }
    Spec {
        datasets,
        ignored_datasets: [],
        ignored_properties: [],
    }
}

fn by_name<S: Serializer>(datasets: &usize, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map((0..*datasets).map(|number| {
        let name = format!("fast/{}", name(number));
        (name, json!({ "properties": properties() }))
    }))
}

/// An empty pool as `zfs get all --json` shows it: disko-zfs makes no pools.
fn disko_host() -> Value {
    json!({
        "output_version": { "command": "zfs get", "vers_major": 0, "vers_minor": 1 },
        "datasets": {
            "fast": {
                "name": "fast", "type": "FILESYSTEM", "pool": "fast", "createtxg": 1,
                "properties": {},
            },
        },
    })
}
