//! `phoenix disks`: which disks are free, and why the others are not.

use std::collections::BTreeSet;

use phoenix::code::EndCode;
use phoenix::host::readonly::ReadOnly;
use phoenix::tools::disk::{self, Disk};
use phoenix::zfs::size;
use phoenix::{ExitStatus, Host};
use serde_json::{Value, json};

use super::args::{DisksArgs, Format};
use super::failure::Failure;
use super::output::Terminal;
use super::table::aligned;
use super::{CommandResult, host};

/// Runs the command.
///
/// # Errors
/// When the host gives no answer.
pub(crate) fn run(terminal: &Terminal, args: &DisksArgs) -> CommandResult {
    let open = host::open(&args.host)?;
    let disks = whole_disks(&ReadOnly(&*open.host))?;
    match args.format.format {
        Format::Json => {
            let disks: Vec<Value> = disks.iter().map(as_json).collect();
            terminal.json(&json!({ "disks": disks }))?;
        }
        Format::Text => terminal.data(&table(&disks))?,
    }
    Ok(ExitStatus::Done)
}

fn whole_disks(host: &dyn Host) -> Result<Vec<Disk>, Failure> {
    let failed = |error| Failure::from_error(EndCode::HostUnclear, &error);
    let (_, inventory) = disk::look(host).map_err(failed)?;
    Ok(inventory.whole_disks().cloned().collect())
}

/// Why a disk is not free: what uses it, and for an idle one what is on it.
fn state(disk: &Disk) -> String {
    let joined = |items: Vec<String>| items.join(", ");
    if !disk.uses.is_empty() {
        return format!("in use: {}", joined(texts(&disk.uses)));
    }
    if !disk.signatures.is_empty() {
        return format!("carries {}", joined(texts(&disk.signatures)));
    }
    "free".to_owned()
}

/// Each text once: a label of ZFS is in four places.
fn texts(items: &BTreeSet<impl ToString>) -> Vec<String> {
    let texts: BTreeSet<String> = items.iter().map(ToString::to_string).collect();
    texts.into_iter().collect()
}

fn as_json(disk: &Disk) -> Value {
    json!({
        "path": disk.stable_path(),
        "kernel_name": disk.kernel_name,
        "size": disk.size,
        "model": disk.model,
        "serial": disk.serial,
        "wwn": disk.wwn,
        "transport": disk.tran,
        "links": disk.links,
        "free": disk.is_blank(),
        "uses": texts(&disk.uses),
        "signatures": texts(&disk.signatures),
    })
}

fn table(disks: &[Disk]) -> String {
    if disks.is_empty() {
        return "This host has no disks.\n".to_owned();
    }
    let mut rows = vec![["DISK", "SIZE", "MODEL", "SERIAL", "STATE"].map(str::to_owned)];
    for disk in disks {
        rows.push([
            disk.stable_path().to_owned(),
            size::decimal_and_binary(disk.size),
            disk.model.clone().unwrap_or_else(|| "-".to_owned()),
            disk.serial.clone().unwrap_or_else(|| "-".to_owned()),
            state(disk),
        ]);
    }
    aligned(&rows)
}
