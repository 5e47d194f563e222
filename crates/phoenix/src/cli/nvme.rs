//! `phoenix nvme`: how the NVMe drives are, and what that means to the pools.
//!
//! Reads, asks `phoenix::nvme` for the verdict and shows it. Keeps the history where that is asked
//! for; never changes a drive.

use std::process::ExitCode;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use phoenix::code::EndCode;
use phoenix::config::model::NvmePolicy;
use phoenix::host::local::LocalHost;
use phoenix::host::readonly::ReadOnly;
use phoenix::host::store::RunLock;
use phoenix::nvme::firmware::Update;
use phoenix::nvme::history::{self, HISTORY_FILE, History};
use phoenix::nvme::policy::FirmwareRule;
use phoenix::nvme::pool::PoolFacts;
use phoenix::nvme::render::{self, nagios, one, prometheus, svg, table};
use phoenix::nvme::report::{DriveReport, Facts};
use phoenix::nvme::{Drive, Policy, Report, Status, assess, identity, nvme_cli, smartctl, survey};
use phoenix::{ExitStatus, Host as _};

use super::args::{HostChoice, NvmeArgs, NvmeFormat};
use super::failure::Failure;
use super::output::Terminal;
use super::prepare::ValidFile;
use super::{config_file, host};

/// How long the history may be held by another run. Writing it takes a moment.
const HISTORY_WAIT: Duration = Duration::from_secs(30);

/// Runs the command.
///
/// # Errors
/// When the configuration is unusable, the host or a file gives no answer, or a file cannot be
/// written. With `--check` a line says so and the exit code is that of "unknown".
pub(crate) fn run(terminal: &Terminal, args: &NvmeArgs) -> Result<ExitCode, Failure> {
    let result = judge_and_show(terminal, args);
    // Metrics of an earlier run must not pass for those of today.
    if let (Err(_), NvmeFormat::Prometheus, Some(path)) = (&result, args.format, &args.output) {
        replace(path, &prometheus::failed(Timestamp::now()))?;
    }
    match result {
        Err(failure) if args.check => {
            let reason = failure.message.replace('|', "/").replace(['\n', '\r'], " ");
            terminal.data(&format!("NVME UNKNOWN - {reason}\n"))?;
            Ok(Status::Unknown.exit_code().into())
        }
        result => result,
    }
}

fn judge_and_show(terminal: &Terminal, args: &NvmeArgs) -> Result<ExitCode, Failure> {
    let policy = configured_policy(terminal, args)?;
    let before = recorded(args)?;
    let seen = look(args, &before)?;
    let now = Timestamp::now();
    let history = match args.record || args.acknowledge.is_some() {
        true => kept(terminal, args, &seen.drives, now)?,
        false => before,
    };
    let report = assess(Facts {
        drives: seen.drives,
        pools: seen.pools,
        updates: seen.updates,
        gaps: seen.gaps,
        history: &history,
        policy: &policy,
        now,
    });
    if args.check {
        terminal.data(&nagios::render(&report, &policy))?;
        return Ok(report.status.exit_code().into());
    }
    let color = terminal.stdout_color && args.output.is_none();
    let text = match asked_drive(args) {
        Some(wanted) if args.format == NvmeFormat::Text => {
            let drive = named(&report, wanted)?;
            one::render(drive, &history, color)
        }
        _ => rendered(args.format, &report, &history, color),
    };
    match &args.output {
        None => terminal.data(&text)?,
        Some(path) => replace(path, &text)?,
    }
    for bad in &seen.unjudged {
        terminal.talk(&format!("error: {bad}\n"));
    }
    match seen.unjudged.is_empty() {
        true => Ok(ExitStatus::Done.into()),
        false => Ok(ExitStatus::Failed.into()),
    }
}

/// The drive that FILE names: what is no configuration by its ending, and no file.
fn asked_drive(args: &NvmeArgs) -> Option<&str> {
    let path = args.file.file.as_deref()?;
    let is_file = path == "-" || path.extension() == Some("json");
    let is_drive = path.starts_with("/dev") || (!is_file && !path.exists());
    is_drive.then_some(path.as_str())
}

fn rendered(format: NvmeFormat, report: &Report, history: &History, color: bool) -> String {
    match format {
        NvmeFormat::Text if report.drives.is_empty() => "There are no NVMe drives.\n".to_owned(),
        NvmeFormat::Text => table::render(report, color),
        NvmeFormat::Json => render::json(report),
        NvmeFormat::Prometheus => prometheus::render(report),
        NvmeFormat::Svg => svg::render(report, history),
    }
}

/// The thresholds of the configuration, if there is one.
fn configured_policy(terminal: &Terminal, args: &NvmeArgs) -> Result<Policy, Failure> {
    let Some(input) = config_file::read_if_any(
        terminal,
        args.file.path().filter(|_| asked_drive(args).is_none()),
    )?
    else {
        return Ok(Policy::default());
    };
    let file = ValidFile::check(terminal, input)?;
    Ok(policy(&file.config()?.nvme))
}

/// What the configuration says; phoenix's defaults for the rest.
fn policy(configured: &NvmePolicy) -> Policy {
    let defaults = Policy::default();
    let percent =
        |configured: Option<u8>, default| configured.map_or(default, |percent| percent.into());
    let firmware = configured.firmware.iter();
    Policy {
        wear_warning_percent: percent(
            configured.wear_warning_percent,
            defaults.wear_warning_percent,
        ),
        wear_critical_percent: percent(
            configured.wear_critical_percent,
            defaults.wear_critical_percent,
        ),
        temperature_warning_celsius: configured.temperature_warning_celsius.map(i64::from),
        firmware: firmware
            .map(|(model, rule)| (model.clone(), FirmwareRule::parse(rule)))
            .collect(),
        ..defaults
    }
}

/// What is to be judged.
#[derive(Default)]
struct Seen {
    drives: Vec<Drive>,
    pools: Vec<PoolFacts>,
    updates: Vec<Update>,
    /// What could not be read of the pools.
    gaps: Vec<String>,
    /// Why files were not judged.
    unjudged: Vec<String>,
}

fn look(args: &NvmeArgs, history: &History) -> Result<Seen, Failure> {
    let mut seen = if args.from.is_empty() {
        let open = host::open(&args.host)?;
        let survey = survey::whole_host(&ReadOnly(&*open.host))
            .map_err(|error| Failure::from_error(EndCode::HostUnclear, &error))?;
        Seen {
            drives: survey.drives,
            pools: survey.pools,
            updates: survey.updates,
            gaps: survey.gaps,
            unjudged: Vec::new(),
        }
    } else {
        all_saved(&args.from)?
    };
    identity::assign(&mut seen.drives, history);
    Ok(seen)
}

/// The drives of the files that can be judged. One that cannot is told and hides no other.
fn all_saved(paths: &[Utf8PathBuf]) -> Result<Seen, Failure> {
    let mut seen = Seen::default();
    let mut first_failure = None;
    for path in paths {
        match saved(path, paths) {
            Ok(drive) => seen.drives.push(drive),
            Err(failure) => {
                seen.unjudged.push(failure.message.clone());
                seen.drives.push(Drive {
                    name: saved_name(path, paths).to_owned(),
                    gaps: vec![failure.message.clone()],
                    ..Drive::default()
                });
                first_failure = first_failure.or(Some(failure));
            }
        }
    }
    match first_failure {
        Some(failure) if seen.unjudged.len() == paths.len() => Err(failure),
        _ => Ok(seen),
    }
}

/// A file's name, or its path where several files of `all` have that name.
fn saved_name<'a>(path: &'a Utf8Path, all: &[Utf8PathBuf]) -> &'a str {
    let is_namesake = |other: &&Utf8PathBuf| other.file_name() == path.file_name();
    let is_alone = all.iter().filter(is_namesake).count() == 1;
    path.file_name()
        .filter(|_| is_alone)
        .unwrap_or(path.as_str())
}

/// A drive as `smartctl -j` or `nvme smart-log -o json` has described it in a file.
fn saved(path: &Utf8Path, all: &[Utf8PathBuf]) -> Result<Drive, Failure> {
    let name = saved_name(path, all);
    let text = LocalHost::new()
        .read_file(path)
        .map_err(|error| Failure::from_error(EndCode::FileUnreadable, &error))?
        .ok_or_else(|| Failure::new(EndCode::FileUnreadable, format!("there is no file {path}")))?;
    smartctl::parse(name, &text).or_else(|error| {
        nvme_cli::parse(name, &text).map_err(|_neither| {
            let failure = Failure::from_error(EndCode::FileUnreadable, &error);
            let message = format!("cannot judge {path}: {}", failure.message);
            Failure::new(EndCode::FileUnreadable, message).help(
                "save a drive's values with `smartctl -j -x /dev/nvme0n1 > FILE`, \
                 or `nvme smart-log -o json /dev/nvme0n1 > FILE`",
            )
        })
    })
}

/// The history so far.
fn recorded(args: &NvmeArgs) -> Result<History, Failure> {
    match history_path(args)? {
        None => Ok(History::default()),
        Some(path) => history::load(&LocalHost::new(), &path).map_err(|error| unkept(&error)),
    }
}

fn unkept(error: &dyn std::error::Error) -> Failure {
    Failure::from_error(EndCode::FileUnreadable, error)
        .help("--history names another place for the history of the drives")
}

/// The history, with what the user wants to be kept in it.
fn kept(
    terminal: &Terminal,
    args: &NvmeArgs,
    drives: &[Drive],
    now: Timestamp,
) -> Result<History, Failure> {
    let Some(path) = history_path(args)? else {
        let message = "a simulated host without a state file has no history";
        return Err(Failure::new(EndCode::Usage, message)
            .help("name a file for it with --history, or a state with --host sim:STATE.json"));
    };
    let local = LocalHost::new();
    make_directory_of(&path)?;
    // Two runs that add to the history at once must not lose what the other one adds.
    let lock = Utf8PathBuf::from(format!("{path}.lock"));
    let _lock =
        RunLock::acquire(&lock, "phoenix nvme", HISTORY_WAIT).map_err(|error| unkept(&error))?;
    if let Some(wanted) = &args.acknowledge {
        let drive = meant(drives, wanted)?;
        let errors =
            history::acknowledge(&local, &path, drive, now).map_err(|error| unkept(&error))?;
        let name = &drive.name;
        terminal.talk(&format!("Accepted: {name} has {errors} media errors.\n"));
    }
    if args.record {
        history::record(&local, &path, drives, now).map_err(|error| unkept(&error))
    } else {
        history::load(&local, &path).map_err(|error| unkept(&error))
    }
}

/// Where the history is, as an absolute path. Saved outputs have one only if the user names it: they
/// may come from anywhere.
fn history_path(args: &NvmeArgs) -> Result<Option<Utf8PathBuf>, Failure> {
    let path = match (&args.history, &args.host.host) {
        (Some(path), _) => path.clone(),
        (None, _) if !args.from.is_empty() => return Ok(None),
        (None, HostChoice::Local) => HISTORY_FILE.into(),
        (None, HostChoice::Ssh(target)) => host::state_of(target)?.join("nvme.jsonl"),
        (None, HostChoice::Sim(None)) => return Ok(None),
        (None, HostChoice::Sim(Some(state))) => format!("{state}.nvme.jsonl").into(),
    };
    absolute(&path).map(Some)
}

/// The drive of the report that the user means.
fn named<'a>(report: &'a Report, wanted: &str) -> Result<&'a DriveReport, Failure> {
    let drives: Vec<Drive> = report.drives.iter().map(|it| it.drive.clone()).collect();
    let name = &meant(&drives, wanted)?.name;
    let drive = report.drives.iter().find(|it| it.drive.name == *name);
    drive.ok_or_else(|| Failure::new(EndCode::Usage, format!("there is no NVMe drive {wanted}")))
}

/// The drive that the user means: by its name, by what the history calls it, or by a serial number that
/// no other drive has.
fn meant<'a>(drives: &'a [Drive], wanted: &str) -> Result<&'a Drive, Failure> {
    let name = wanted.strip_prefix("/dev/").unwrap_or(wanted);
    let by_name = |drive: &&Drive| drive.name == name || drive.key() == Some(wanted);
    if let Some(drive) = drives.iter().find(by_name) {
        return Ok(drive);
    }
    let namesakes: Vec<&Drive> = drives
        .iter()
        .filter(|drive| drive.serial.as_deref() == Some(wanted))
        .collect();
    match namesakes[..] {
        [drive] => Ok(drive),
        [] => {
            let names: Vec<&str> = drives.iter().map(|drive| drive.name.as_str()).collect();
            let message = format!("there is no NVMe drive {wanted}");
            Err(
                Failure::new(EndCode::Usage, message).help(match names.is_empty() {
                    true => "this host has no NVMe drives".to_owned(),
                    false => format!("this host has {}", names.join(", ")),
                }),
            )
        }
        _ => {
            let names: Vec<&str> = namesakes.iter().map(|drive| drive.name.as_str()).collect();
            let message = format!("{} drives have the serial number {wanted}", names.len());
            Err(Failure::new(EndCode::Usage, message)
                .help(format!("name one of {}", names.join(", "))))
        }
    }
}

/// Replaces a file: whoever reads it sees the old contents or the new ones.
fn replace(path: &Utf8Path, text: &str) -> Result<(), Failure> {
    let written = LocalHost::new().write_file(&absolute(path)?, text);
    written.map_err(|error| Failure::from_error(EndCode::FileUnwritable, &error))
}

fn make_directory_of(path: &Utf8Path) -> Result<(), Failure> {
    let Some(directory) = path.parent() else {
        return Ok(());
    };
    std::fs::create_dir_all(directory).map_err(|error| {
        let message = format!("cannot make the directory {directory}: {error}");
        Failure::new(EndCode::FileUnwritable, message)
            .help("--history names another place for the history of the drives")
    })
}

fn absolute(path: &Utf8Path) -> Result<Utf8PathBuf, Failure> {
    camino::absolute_utf8(path).map_err(|error| {
        let message = format!("cannot find out where {path} is: {error}");
        Failure::new(EndCode::FileUnwritable, message)
    })
}
