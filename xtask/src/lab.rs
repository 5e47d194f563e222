//! `cargo xtask lab`: the virtual machine with real OpenZFS, from the shell.
//!
//! Owns the command line only; the machine itself is the package `phoenix-lab`.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a developer's tool: it starts cargo and ssh, and says what it did"
)]

use std::error::Error;
use std::process::{Command, ExitCode};

use camino::Utf8PathBuf;
use clap::Subcommand;
use phoenix_lab::guest::{Guest, drive_path};
use phoenix_lab::qemu::DRIVES;
use phoenix_lab::{conformance, image, requirements};

mod cuts;
mod pools;

/// The guest that `up`, `ssh` and `down` mean; tests use one of their own.
const GUEST: &str = "default";

/// What to do with the lab.
#[derive(Debug, Subcommand)]
pub(crate) enum LabCommand {
    /// Build the guest's image, unless the cache has it (about six minutes on two cores).
    Build,
    /// Print the Debian packages that the lab still needs on this machine, and nothing if none.
    Missing,
    /// Boot a pristine guest with three empty NVMe drives.
    Up {
        /// Boot the last guest again instead, with its drives and system as they were.
        #[arg(long)]
        keep: bool,
    },
    /// Run a command in the guest as root, or open a shell.
    Ssh {
        /// The command.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Build phoenix and run the end-to-end tests, each in a pristine guest.
    Test {
        /// Only tests whose name contains this.
        filter: Option<String>,
    },
    /// Record anew what the real tools answer to the scripts in crates/sim/tests/conformance.
    Record {
        /// The scripts' names; without any, all of them.
        names: Vec<String>,
    },
    /// Cut the power at random moments of `phoenix apply` and count what the next run mends.
    Cuts(cuts::Args),
    /// Have generated pools judged by phoenix and by the real `zpool create`, in the guest that is up.
    Pools(pools::Args),
    /// Stop the guest at once. Its drives stay for `up --keep`.
    Down,
}

/// Runs one lab command.
pub(crate) fn run(command: &LabCommand) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        LabCommand::Build => {
            let image = image::build()?;
            println!("image: {}", image.folder);
        }
        LabCommand::Missing => {
            for package in requirements::missing_packages() {
                println!("{package}");
            }
        }
        LabCommand::Up { keep } => up(*keep)?,
        LabCommand::Ssh { command } => return ssh(command),
        LabCommand::Test { filter } => return test(filter.as_deref()),
        LabCommand::Record { names } => record(names)?,
        LabCommand::Cuts(args) => return cuts::run(args),
        LabCommand::Pools(args) => return pools::run(args),
        LabCommand::Down => Guest::existing(GUEST)?.stop()?,
    }
    Ok(ExitCode::SUCCESS)
}

fn up(keep: bool) -> Result<(), Box<dyn Error>> {
    let guest = if keep {
        let guest = Guest::existing(GUEST)?;
        if !guest.is_running() {
            guest.boot()?;
        }
        guest
    } else {
        Guest::pristine(GUEST)?
    };
    println!(
        "up: ssh on 127.0.0.1:{}, or: cargo xtask lab ssh",
        guest.remote.port
    );
    for (serial, bytes) in DRIVES {
        println!("{} ({bytes} bytes)", drive_path(serial));
    }
    Ok(())
}

fn ssh(command: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    let guest = Guest::existing(GUEST)?;
    let status = guest.remote.ssh().args(command).status()?;
    let code = status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1);
    Ok(ExitCode::from(code))
}

fn record(names: &[String]) -> Result<(), Box<dyn Error>> {
    let names = if names.is_empty() {
        conformance::scripts()?
    } else {
        names.to_vec()
    };
    for name in names {
        let guest = Guest::pristine("record")?;
        let exchanges = conformance::record(&guest.remote, &name)?;
        guest.stop()?;
        let path = conformance::folder().join(format!("{name}.jsonl"));
        std::fs::write(&path, conformance::to_lines(&exchanges))?;
        println!("{name}: {} exchanges", exchanges.len());
    }
    Ok(())
}

fn test(filter: Option<&str>) -> Result<ExitCode, Box<dyn Error>> {
    let image = image::build()?;
    println!("image: {}", image.folder);
    let binary = phoenix_binary()?;
    let status = Command::new("cargo")
        .args([
            "test",
            "--package",
            "phoenix-lab",
            "--features",
            "guest",
            "--",
        ])
        .args(filter)
        .env("PHOENIX_BINARY", binary)
        .status()?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The program under test: what `PHOENIX_BINARY` names, else a release build made now.
pub(crate) fn phoenix_binary() -> Result<Utf8PathBuf, Box<dyn Error>> {
    if let Ok(named) = std::env::var("PHOENIX_BINARY") {
        return Ok(Utf8PathBuf::from(named).canonicalize_utf8()?);
    }
    let built = Command::new("cargo")
        .args(["build", "--release", "--locked", "--package", "phoenix"])
        .status()?;
    if !built.success() {
        return Err("phoenix does not build".into());
    }
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
    Ok(Utf8PathBuf::from(target)
        .join("release/phoenix")
        .canonicalize_utf8()?)
}
