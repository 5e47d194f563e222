//! Asks a host about its drives: smartctl first, nvme-cli where that has no answer, the kernel for
//! what only it knows.
//!
//! A question that fails leaves a gap in the answer and never fails the survey: a drive that has
//! dropped off the bus must not hide the others.

mod kernel;
mod pools;

use std::panic::{AssertUnwindSafe, catch_unwind};

use camino::Utf8PathBuf;
use phoenix_host::Host;
use phoenix_host::command::Command;
use phoenix_tools::parallel;
use phoenix_tools::parse::ReadError;
use phoenix_zfs::text::visible;

use crate::drive::{Drive, Source};
use crate::firmware::{Update, parse_updates};
use crate::pool::PoolFacts;
use crate::{commands, nvme_cli, smartctl};

pub use kernel::nvme_drives_of_kernel;
pub use pools::nvme_drives;

/// Everything that a host was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// The drives, in the kernel's order.
    pub drives: Vec<Drive>,
    /// The imported pools, as far as they could be read.
    pub pools: Vec<PoolFacts>,
    /// The firmware on offer.
    pub updates: Vec<Update>,
    /// What could not be read of the pools, in words. No drive depends on it.
    pub gaps: Vec<String>,
}

/// Asks a host for its drives, and beside that for its pools and for firmware: whatever hangs or fails
/// there, the drives are read.
///
/// # Errors
/// When the kernel's list of block devices cannot be read.
pub fn whole_host(host: &dyn Host) -> Result<Survey, ReadError> {
    let devices = kernel::devices(host)?;
    let names = devices.drives();
    let beside = || parallel::both(|| pools::read(host), || updates(host));
    let ((found, updates), mut drives) = parallel::both(beside, || survey(host, &names));
    for drive in &mut drives {
        devices.add_to(host, drive);
    }
    let (pools, gaps) = found;
    Ok(Survey {
        drives,
        pools,
        updates,
        gaps,
    })
}

/// Reads every drive of `names` (kernel names such as `nvme0n1`), side by side, because a dead one
/// takes its whole timeout. The answer has the order of `names`.
pub fn survey(host: &dyn Host, names: &[String]) -> Vec<Drive> {
    side_by_side(names, |name| look_at(host, name))
}

/// Reads of every drive of `names` only what says whether it is failing or has firmware that is known
/// to harm it: a question to each drive, and the kernel. The answer has the order of `names`.
pub fn health(host: &dyn Host, names: &[String]) -> Vec<Drive> {
    side_by_side(names, |name| health_of(host, name))
}

fn side_by_side(names: &[String], look: impl Fn(&str) -> Drive + Sync) -> Vec<Drive> {
    parallel::each(names, |name| {
        catch_unwind(AssertUnwindSafe(|| look(name))).unwrap_or_else(|_| unread(name))
    })
}

/// The firmware updates that fwupd knows of; none where it is not installed or does not answer.
pub fn updates(host: &dyn Host) -> Vec<Update> {
    ask(host, &commands::fwupd_updates())
        .ok()
        .and_then(|output| parse_updates(&output).ok())
        .unwrap_or_default()
}

fn unread(name: &str) -> Drive {
    Drive {
        name: name.to_owned(),
        gaps: vec!["reading it stopped unexpectedly".to_owned()],
        ..Drive::default()
    }
}

fn look_at(host: &dyn Host, name: &str) -> Drive {
    let mut drive = from_smartctl(host, name);
    if name.starts_with("nvme") {
        if drive.health.is_none() {
            add_smart_log(host, &mut drive);
        }
        add_details(host, &mut drive);
    }
    add_kernel(host, &mut drive);
    drive
}

/// nvme-cli comes first here: it reads the same page of the drive in a quarter of smartctl's time.
fn health_of(host: &dyn Host, name: &str) -> Drive {
    let mut drive = Drive {
        name: name.to_owned(),
        ..Drive::default()
    };
    if name.starts_with("nvme") {
        add_smart_log(host, &mut drive);
    }
    if drive.health.is_none() {
        drive = from_smartctl(host, name);
    }
    // Only a drive that complains about its temperature can be over its own limit.
    let health = drive.health.as_ref();
    if health.is_some_and(|health| health.warnings().temperature()) {
        add_details(host, &mut drive);
    }
    add_kernel(host, &mut drive);
    drive
}

fn from_smartctl(host: &dyn Host, name: &str) -> Drive {
    let gap = |gap: String| Drive {
        name: name.to_owned(),
        gaps: vec![gap],
        ..Drive::default()
    };
    match ask(host, &commands::smartctl(name)) {
        Err(reason) => gap(reason),
        Ok(output) => smartctl::parse(name, &output)
            .unwrap_or_else(|error| gap(format!("smartctl -j {name}: {error}"))),
    }
}

fn add_smart_log(host: &dyn Host, drive: &mut Drive) {
    let answer = ask(host, &commands::nvme_smart_log(&drive.name));
    let parsed = answer
        .and_then(|output| nvme_cli::parse_smart_log(&output).map_err(|error| error.to_string()));
    match parsed {
        Ok(health) => {
            drive.health = Some(health);
            drive.source = Source::NvmeCli;
        }
        Err(reason) => drive.gaps.push(reason),
    }
}

/// Temperature limits, TRIM support and block formats, which smartctl tells from 7.5 on only.
/// Nice to have: no gap is noted where nvme-cli is missing.
fn add_details(host: &dyn Host, drive: &mut Drive) {
    let lacks_controller = drive.supports_trim.is_none() || drive.warning_celsius.is_none();
    if lacks_controller && let Ok(output) = ask(host, &commands::nvme_id_ctrl(&drive.name)) {
        let _no_details = nvme_cli::add_controller(drive, &output);
    }
    if drive.lba_formats.is_empty()
        && let Ok(output) = ask(host, &commands::nvme_id_ns(&drive.name))
    {
        let _no_details = nvme_cli::add_namespace(drive, &output);
    }
}

/// What the kernel knows without asking the drive, so it also answers for a dead one.
fn add_kernel(host: &dyn Host, drive: &mut Drive) {
    let block = |file: &str| kernel_text(host, &format!("/sys/block/{}/{file}", drive.name));
    let model = block("device/model");
    let serial = block("device/serial");
    let firmware = block("device/firmware_rev");
    let size: Option<u64> = block("size").and_then(|sectors| sectors.parse().ok());
    let block_bytes = block("queue/logical_block_size").and_then(|bytes| bytes.parse().ok());
    let discard: Option<u64> =
        block("queue/discard_max_bytes").and_then(|bytes| bytes.parse().ok());
    let state =
        block("device/state").or_else(|| controller_state(host, &drive.name, serial.as_deref()));

    if drive.source == Source::None && model.is_some() {
        drive.source = Source::Sysfs;
    }
    drive.model = drive.model.take().or(model);
    drive.serial = drive.serial.take().or(serial);
    drive.firmware = drive.firmware.take().or(firmware);
    // The kernel counts in units of 512 bytes whatever the drive's block size is.
    let size = size
        .and_then(|sectors| sectors.checked_mul(512))
        .filter(|bytes| *bytes > 0);
    drive.capacity_bytes = drive.capacity_bytes.or(size);
    drive.logical_block_bytes = drive.logical_block_bytes.or(block_bytes);
    drive.supports_trim = drive.supports_trim.or(discard.map(|bytes| bytes > 0));
    drive.controller_state = state;
    drive.namespace = block("nsid")
        .and_then(|number| number.parse().ok())
        .or(drive.namespace);
    // Where a drive has no number of its own the kernel makes one up of maker, serial number and model.
    let number = block("wwid").filter(|number| !number.starts_with("nvme."));
    drive.eui = number.or(drive.eui.take());
}

/// Under native multipath the disk hangs below the subsystem, which has no state. The controller
/// usually has the same number, but not always: it counts only if the serial number agrees.
fn controller_state(host: &dyn Host, name: &str, serial: Option<&str>) -> Option<String> {
    let (controller, _) = name.strip_prefix("nvme")?.split_once('n')?;
    let file = |file: &str| kernel_text(host, &format!("/sys/class/nvme/nvme{controller}/{file}"));
    if serial.is_some() && file("serial").as_deref() == serial {
        return file("state");
    }
    None
}

fn kernel_text(host: &dyn Host, path: &str) -> Option<String> {
    let text = host.read_file(&Utf8PathBuf::from(path)).ok()??;
    let trimmed = text.trim();
    (!trimmed.is_empty()).then(|| visible(trimmed))
}

/// Standard output, whatever the exit code: both tools print JSON when they fail, too.
fn ask(host: &dyn Host, command: &Command) -> Result<String, String> {
    let output = host.run(command).map_err(|error| error.to_string())?;
    if output.stdout.trim().is_empty() {
        let reason = output
            .stderr
            .trim()
            .lines()
            .next()
            .unwrap_or("no output")
            .to_owned();
        return Err(format!("{command}: {reason}"));
    }
    Ok(output.stdout)
}
