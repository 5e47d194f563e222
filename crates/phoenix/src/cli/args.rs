//! The command line: every argument, its words and its default.
//!
//! Owns parsing only. What an argument does is the business of the command that takes it. The
//! completions and the man page are made from these types.

mod format;

use std::num::NonZeroUsize;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use phoenix::DEFAULT_JOBS;
use phoenix::config::address::Address;
use phoenix::host::ssh::{Target, TargetError};

pub(crate) use format::{Format, FormatArgs, GraphFormat, ReportFormat};

/// Declares, plans and applies the storage of a Proxmox host from one JSON file.
#[derive(Debug, Parser)]
#[command(name = "phoenix", version, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) talk: TalkArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
FILE is the argument, else --config, else $PHOENIX_CONFIG, else $HYPERVISOR_CONFIG_FILE, else
./phoenix_hypervisor_config.json, else
/usr/local/phoenix_hypervisor/etc/phoenix_hypervisor_config.json.

Exit codes: 0 done or nothing to do, 1 failed, 2 changes or drift (only where asked), 3 the file
cannot be used, 6 refused by a safety gate, 7 another run is busy, 64 usage, 130 interrupted.
`nvme --check` answers as a monitoring plugin: 0 ok, 1 warning, 2 critical, 3 unknown.";

/// How much phoenix says, and in which colours.
#[derive(Debug, Args)]
pub(crate) struct TalkArgs {
    /// When to use colour; NO_COLOR is honoured.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: ColorWhen,
    /// Say only what went wrong.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more: the commands that were run.
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check a file, without looking at any host.
    Validate(ValidateArgs),
    /// Show what apply would do, without changing anything.
    Plan(PlanArgs),
    /// Make the host as the file says.
    Apply(ApplyArgs),
    /// Write down what a host has, as a file for which there is nothing to do.
    ///
    /// The file goes to standard output. What cannot be declared, or would be changed by phoenix, is
    /// left out and named on standard error, as are the volumes of guests, which belong to Proxmox.
    /// Nothing is changed.
    Import(ImportArgs),
    /// Say whether the host still is as the file says: exit 0 or 2.
    Status(StatusArgs),
    /// Show which disks are free, and why the others are not.
    Disks(DisksArgs),
    /// Show the health of the NVMe drives and what it means to the pools.
    ///
    /// Thresholds and wanted firmware stand in the `nvme` section of FILE; without a file phoenix's
    /// defaults hold. The name or serial number of a drive in the place of FILE shows that drive whole.
    Nvme(NvmeArgs),
    /// List the runs of apply on a host, or show what one of them did.
    Journal(JournalArgs),
    /// Show what other machines need to know about this host.
    #[command(subcommand)]
    Show(ShowCommand),
    /// Print a JSON Schema.
    Schema(SchemaArgs),
    /// Explain the code of a diagnostic, a refusal or a failure at length.
    Explain(ExplainArgs),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff).
    Man,
}

/// Which file.
#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// The configuration; `-` is standard input. `apply` also takes a plan that `plan --out` saved.
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<Utf8PathBuf>,
    /// The same as FILE.
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    pub(crate) config: Option<Utf8PathBuf>,
}

impl FileArgs {
    /// The file that the command line names, if it names one.
    pub(crate) fn path(&self) -> Option<&Utf8Path> {
        self.file.as_deref().or(self.config.as_deref())
    }
}

/// Which second file.
#[derive(Debug, Args)]
pub(crate) struct LxcConfigArgs {
    /// A second file, of whose containers (`lxc_configs`) the `mount_points` become bind mounts.
    #[arg(long, value_name = "FILE")]
    pub(crate) lxc_config: Option<Utf8PathBuf>,
}

/// Which host.
#[derive(Debug, Args)]
pub(crate) struct HostArgs {
    /// The host: `local`; `ssh://[USER@]HOST[:PORT]` for another machine, over the system's ssh and
    /// its keys; or `sim[:STATE.json]` for the simulated hypervisor, whose state is kept in the file
    /// and made on first use.
    #[arg(long, default_value = "local", value_name = "HOST")]
    pub(crate) host: HostChoice,
    /// The configuration of ssh, in place of ~/.ssh/config (as `ssh -F`).
    #[arg(long, value_name = "FILE")]
    pub(crate) ssh_config: Option<Utf8PathBuf>,
}

/// What to plan.
#[derive(Debug, Args)]
pub(crate) struct ScopeArgs {
    /// Only this object and what it needs, such as dataset:quickOS/vm-disks. Repeatable.
    #[arg(long, value_name = "ADDR", conflicts_with = "exclude")]
    pub(crate) target: Vec<Address>,
    /// Everything but this object and what needs it. Repeatable.
    #[arg(long, value_name = "ADDR")]
    pub(crate) exclude: Vec<Address>,
}

/// What may be erased.
#[derive(Debug, Args)]
pub(crate) struct ConsentArgs {
    /// How disks are treated that carry data: refused, asked about one by one, or erased when the
    /// file names them. A disk in use is never erased.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) mode: Mode,
    /// Allow that this disk is erased (wipe:DISK), or that a new pool is made on it although it is
    /// failing (failing:DISK). By path, by-id name or serial number. Repeatable.
    #[arg(long, value_name = "GRANT:DISK")]
    pub(crate) allow: Vec<Allowance>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Refuse them.
    #[default]
    Safe,
    /// Ask about each one.
    Interactive,
    /// Erase those that the file names.
    ForceDestructive,
}

#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// The configurations; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<Utf8PathBuf>,
    /// The same as FILE.
    #[arg(long, value_name = "FILE", conflicts_with = "files")]
    pub(crate) config: Option<Utf8PathBuf>,
    #[command(flatten)]
    pub(crate) lxc: LxcConfigArgs,
    #[command(flatten)]
    pub(crate) strict: StrictArgs,
    /// For people, for programs, for the annotations of GitHub, or for a code scanner.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ReportFormat,
}

/// How warnings about a file count.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct StrictArgs {
    /// Refuse a file that draws a warning, as if it were invalid.
    #[arg(long)]
    pub(crate) deny_warnings: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) file: FileArgs,
    #[command(flatten)]
    pub(crate) lxc: LxcConfigArgs,
    #[command(flatten)]
    pub(crate) host: HostArgs,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    /// Also save the plan, for `phoenix apply PLAN`.
    #[arg(short, long, value_name = "PLAN")]
    pub(crate) out: Option<Utf8PathBuf>,
    #[command(flatten)]
    pub(crate) strict: StrictArgs,
    /// Exit with 2 when there is something to do.
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    #[command(flatten)]
    pub(crate) file: FileArgs,
    #[command(flatten)]
    pub(crate) lxc: LxcConfigArgs,
    #[command(flatten)]
    pub(crate) host: HostArgs,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    #[command(flatten)]
    pub(crate) strict: StrictArgs,
    /// Print the dependency graph and do nothing else. Needs no host.
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "tree"
    )]
    pub(crate) graph: Option<GraphFormat>,
    /// Do not ask before changing anything.
    #[arg(short, long, visible_alias = "auto-approve")]
    pub(crate) yes: bool,
    /// Show the plan and stop there.
    #[arg(long, env = "PHOENIX_DRY_RUN", value_parser = FalseyValueParser::new())]
    pub(crate) dry_run: bool,
    /// How many steps may run at once. Steps wait for the host, not for a processor.
    #[arg(short, long, default_value_t = DEFAULT_JOBS, value_name = "N")]
    pub(crate) jobs: NonZeroUsize,
    /// Start nothing new once a step has failed.
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// How long to wait for another run to end, such as 30s or 5m.
    #[arg(long, default_value = "30s", value_parser = duration, value_name = "TIME")]
    pub(crate) lock_timeout: Duration,
    /// Where the journal of the run is written [default: /var/lib/phoenix/runs; for another machine
    /// ~/.local/state/phoenix/HOST/runs here; beside the state of a simulated host].
    #[arg(long, value_name = "DIR")]
    pub(crate) journal_dir: Option<Utf8PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    pub(crate) host: HostArgs,
    /// Only this pool and what stands on it. Repeatable.
    #[arg(long, value_name = "NAME")]
    pub(crate) pool: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) file: FileArgs,
    #[command(flatten)]
    pub(crate) lxc: LxcConfigArgs,
    #[command(flatten)]
    pub(crate) host: HostArgs,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
}

#[derive(Debug, Args)]
pub(crate) struct JournalArgs {
    #[command(subcommand)]
    pub(crate) command: Option<JournalCommand>,
    /// Whose runs: `local`, or `sim:STATE.json` for those of a simulated hypervisor.
    #[arg(long, global = true, default_value = "local", value_name = "HOST")]
    pub(crate) host: HostChoice,
    /// Where the journals are [default: /var/lib/phoenix/runs, or beside the state of a simulated
    /// host].
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) journal_dir: Option<Utf8PathBuf>,
    /// For people or for programs.
    #[arg(long, global = true, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// What to do with the journals.
#[derive(Debug, Subcommand)]
pub(crate) enum JournalCommand {
    /// Every run that is kept, oldest first; the default.
    List,
    /// What one run did, object by object, with every command.
    Show {
        /// The run, by its name or the start of it or of its plan's id; `last` is the newest one.
        #[arg(default_value = "last")]
        run: String,
    },
}

/// What to show.
#[derive(Debug, Subcommand)]
pub(crate) enum ShowCommand {
    /// The lines that NFS clients put into their fstab, with the file's client options.
    Clients(ShowClientsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ShowClientsArgs {
    #[command(flatten)]
    pub(crate) file: FileArgs,
    #[command(flatten)]
    pub(crate) host: HostArgs,
    /// What the clients call this host; without it, the host's own name.
    #[arg(long, value_name = "NAME")]
    pub(crate) server: Option<String>,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DisksArgs {
    #[command(flatten)]
    pub(crate) host: HostArgs,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
}

#[derive(Debug, Args)]
pub(crate) struct NvmeArgs {
    #[command(flatten)]
    pub(crate) file: FileArgs,
    #[command(flatten)]
    pub(crate) host: HostArgs,
    /// For people, for programs, for node_exporter's textfile collector, or as a picture.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: NvmeFormat,
    /// Answer as a monitoring plugin does: one line, exit 0 ok, 1 warning, 2 critical, 3 unknown.
    #[arg(long, conflicts_with_all = ["format", "output"])]
    pub(crate) check: bool,
    /// Keep what the drives say now in the history.
    #[arg(long)]
    pub(crate) record: bool,
    /// Where the history is [default: /var/lib/phoenix/nvme/history.jsonl; for another machine
    /// ~/.local/state/phoenix/HOST/nvme.jsonl here; beside the state of a simulated host].
    #[arg(long, value_name = "PATH")]
    pub(crate) history: Option<Utf8PathBuf>,
    /// Judge saved outputs of `smartctl -j -x` instead of asking a host.
    #[arg(long, value_name = "FILE", num_args = 1..,
          conflicts_with_all = ["host", "record", "acknowledge"])]
    pub(crate) from: Vec<Utf8PathBuf>,
    /// Replace this file by the answer, instead of printing it.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<Utf8PathBuf>,
    /// Accept the media errors that this drive has now, by its name or serial number.
    #[arg(long, value_name = "DRIVE")]
    pub(crate) acknowledge: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum NvmeFormat {
    /// A table, and what to know, worst first.
    #[default]
    Text,
    /// For programs; `phoenix schema nvme` describes it.
    Json,
    /// Metrics.
    Prometheus,
    /// The history of wear.
    Svg,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// Of what.
    #[arg(value_enum, default_value_t)]
    pub(crate) of: SchemaChoice,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum SchemaChoice {
    /// The configuration file.
    #[default]
    Config,
    /// A saved plan.
    Plan,
    /// One event of `apply --format json`, and one line of a journal.
    Event,
    /// The health of the drives.
    Nvme,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The code, such as phoenix::schema::unknown-key; without one, all codes are listed.
    pub(crate) code: Option<String>,
}

/// Which machine a command is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HostChoice {
    /// This one.
    Local,
    /// Another one, over ssh.
    Ssh(Target),
    /// The simulated hypervisor, with the file that keeps its state, if any.
    Sim(Option<Utf8PathBuf>),
}

impl std::str::FromStr for HostChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "local" => Ok(Self::Local),
            None if text == "sim" => Ok(Self::Sim(None)),
            Some(("sim", state)) if !state.is_empty() => Ok(Self::Sim(Some(state.into()))),
            Some(("ssh", _)) => text
                .parse()
                .map(Self::Ssh)
                .map_err(|error: TargetError| error.to_string()),
            _ => Err("expected local, ssh://[USER@]HOST[:PORT], sim or sim:STATE.json".to_owned()),
        }
    }
}

/// A grant that holds for one run, by the disk's path, by-id name or serial number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Allowance {
    /// The disk may be erased.
    Wipe(String),
    /// The disk may get a new pool although it is failing.
    Failing(String),
}

impl std::str::FromStr for Allowance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("wipe", disk)) if !disk.is_empty() => Ok(Self::Wipe(disk.to_owned())),
            Some(("failing", disk)) if !disk.is_empty() => Ok(Self::Failing(disk.to_owned())),
            _ => Err("expected wipe:DISK or failing:DISK, such as wipe:nvme-Model_S1".to_owned()),
        }
    }
}

/// Whole seconds, or a number with the unit s, m or h.
fn duration(text: &str) -> Result<Duration, String> {
    let error = || "expected a time such as 30s, 5m or 1h".to_owned();
    let (number, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
        Some(cut) => text.split_at(cut),
        None => (text, "s"),
    };
    let number: u64 = number.parse().map_err(|_| error())?;
    let seconds = match unit {
        "s" => Some(number),
        "m" => number.checked_mul(60),
        "h" => number.checked_mul(3600),
        _ => None,
    };
    seconds.map(Duration::from_secs).ok_or_else(error)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn apply(args: &[&str]) -> Result<ApplyArgs, clap::Error> {
        let argv = ["phoenix", "apply"].iter().chain(args);
        match Cli::try_parse_from(argv)?.command {
            Command::Apply(args) => Ok(args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_graph_is_a_tree_unless_said_otherwise() {
        assert_eq!(apply(&[]).unwrap().graph, None);
        assert_eq!(apply(&["--graph"]).unwrap().graph, Some(GraphFormat::Tree));
        let args = apply(&["--graph=dot", "a.json"]).unwrap();
        assert_eq!(args.graph, Some(GraphFormat::Dot));
        let args = apply(&["--graph", "a.json"]).unwrap();
        assert_eq!(args.file.path(), Some(Utf8Path::new("a.json")));
    }

    #[test]
    fn hosts_are_local_remote_or_simulated() {
        for (text, wanted) in [
            ("local", Some(HostChoice::Local)),
            ("sim", Some(HostChoice::Sim(None))),
            (
                "sim:a:b.json",
                Some(HostChoice::Sim(Some("a:b.json".into()))),
            ),
            ("sim:", None),
            (
                "ssh://root@pve:2222",
                Some(HostChoice::Ssh(Target {
                    user: Some("root".to_owned()),
                    host: "pve".to_owned(),
                    port: Some(2222),
                })),
            ),
            ("ssh:root@pve", None),
            ("ssh://", None),
            ("", None),
        ] {
            assert_eq!(text.parse().ok(), wanted, "{text}");
        }
    }

    #[test]
    fn times_have_units() {
        for (text, wanted) in [
            ("30s", Some(30)),
            ("45", Some(45)),
            ("5m", Some(300)),
            ("1h", Some(3600)),
            ("", None),
            ("s", None),
            ("1d", None),
            ("99999999999999999999s", None),
            ("9999999999999999999h", None),
        ] {
            let seconds = duration(text).ok().map(|time| time.as_secs());
            assert_eq!(seconds, wanted, "{text}");
        }
    }

    #[test]
    fn a_grant_names_its_disk() {
        let disk = || "nvme-x".to_owned();
        for (text, wanted) in [
            ("wipe:nvme-x", Some(Allowance::Wipe(disk()))),
            ("failing:nvme-x", Some(Allowance::Failing(disk()))),
            ("wipe:", None),
            ("nvme-x", None),
            ("destroy:nvme-x", None),
        ] {
            assert_eq!(text.parse().ok(), wanted, "{text}");
        }
    }
}
