//! Prepares a simulated host and runs one command on it.
//!
//! Owns the command line of the task; what the simulated host answers is `phoenix_sim`'s
//! business.

use std::process::ExitCode;

use camino::Utf8PathBuf;
use phoenix_sim::{Fault, FaultKind, SimHost, run_argv};

/// Arguments of `cargo xtask sim`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file that keeps the simulated host; made on first use.
    state: Utf8PathBuf,
    /// Put a signature on a disk, such as nvme-Samsung_SSD_990_PRO_2TB_SIM2TA0001=ext4.
    #[arg(long, value_name = "DISK=TYPE", value_parser = signature)]
    signature: Vec<(String, String)>,
    /// Let the N-th command that matches fail (default: the first). A pattern is a part of the
    /// command as typed; with `*` for any text it is the whole of it.
    #[arg(long, value_name = "PATTERN[:N]", value_parser = fault)]
    fail: Vec<(String, usize)>,
    /// Let the N-th command that matches hang until its timeout.
    #[arg(long, value_name = "PATTERN[:N]", value_parser = fault)]
    hang: Vec<(String, usize)>,
    /// Kill the process that uses the host at the N-th command that matches; `write-file PATH`,
    /// `write-parameter PATH` and `set-permissions PATH` count as commands.
    #[arg(long, value_name = "PATTERN[:N]", value_parser = fault)]
    kill: Vec<(String, usize)>,
    /// The command to run, such as `-- zpool list`.
    #[arg(last = true)]
    argv: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let host = SimHost::open(&args.state)?;
    for (disk, kind) in &args.signature {
        host.add_signature(disk, kind)?;
    }
    for (faults, kind) in [
        (&args.fail, FaultKind::Fail),
        (&args.hang, FaultKind::Hang),
        (&args.kill, FaultKind::Kill),
    ] {
        for (pattern, nth) in faults {
            host.add_fault(Fault {
                pattern: pattern.clone(),
                nth: *nth,
                kind,
            })?;
        }
    }
    if args.argv.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let output = run_argv(&host, &args.argv);
    print!("{}", output.stdout);
    eprint!("{}", output.stderr);
    let code = output.code.and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

fn signature(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((disk, kind)) if !disk.is_empty() && !kind.is_empty() => {
            Ok((disk.to_owned(), kind.to_owned()))
        }
        _ => Err("expected DISK=TYPE, such as nvme0n1=ext4".to_owned()),
    }
}

/// A pattern, and after the last colon the number of the match; a colon that no number follows
/// belongs to the pattern.
fn fault(text: &str) -> Result<(String, usize), String> {
    let numbered = text
        .rsplit_once(':')
        .and_then(|(pattern, nth)| Some((pattern, nth.parse().ok()?)));
    let (pattern, nth) = numbered.unwrap_or((text, 1));
    if pattern.is_empty() || nth == 0 {
        return Err("expected PATTERN or PATTERN:N with N from 1".to_owned());
    }
    Ok((pattern.to_owned(), nth))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_a_pattern_with_an_optional_number() {
        assert_eq!(fault("zfs create"), Ok(("zfs create".to_owned(), 1)));
        assert_eq!(fault("zfs create:3"), Ok(("zfs create".to_owned(), 3)));
        assert_eq!(fault("a:b"), Ok(("a:b".to_owned(), 1)));
        assert!(fault("zfs:0").is_err());
        assert!(fault("").is_err());
    }

    #[test]
    fn a_signature_names_disk_and_type() {
        assert!(signature("sda=ext4").is_ok());
        assert!(signature("sda").is_err());
        assert!(signature("=ext4").is_err());
    }
}
