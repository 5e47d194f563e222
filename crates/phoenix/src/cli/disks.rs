//! `phoenix disks`: which disks are free, and why the others are not.

use std::collections::BTreeSet;

use phoenix::host::disk::{self, Disk};
use phoenix::host::readonly::ReadOnly;
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
    let failed = |error| Failure::from_error(ExitStatus::Failed, &error);
    let (_, inventory) = disk::look(host).map_err(failed)?;
    Ok(inventory.whole_disks().cloned().collect())
}

/// The path that belongs into a configuration: the by-id link that names model and serial, not a
/// number. The kernel's name where there is none.
fn stable_path(disk: &Disk) -> &str {
    const NUMBERS: [&str; 4] = ["wwn-", "nvme-eui.", "nvme-nvme.", "dm-"];
    let by_id = disk.links.iter().filter_map(|link| {
        let name = link.as_str().strip_prefix("/dev/disk/by-id/")?;
        Some((
            NUMBERS.iter().any(|prefix| name.starts_with(prefix)),
            name.len(),
            link.as_str(),
        ))
    });
    by_id.min().map_or(disk.path.as_str(), |(_, _, link)| link)
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

fn texts(items: &BTreeSet<impl ToString>) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

fn as_json(disk: &Disk) -> Value {
    json!({
        "path": stable_path(disk),
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
            stable_path(disk).to_owned(),
            size::decimal_and_binary(disk.size),
            disk.model.clone().unwrap_or_else(|| "-".to_owned()),
            disk.serial.clone().unwrap_or_else(|| "-".to_owned()),
            state(disk),
        ]);
    }
    aligned(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_called_by_model_and_serial() {
        let disk = |links: &[&str]| Disk {
            path: "/dev/nvme0n1".to_owned(),
            links: links.iter().map(Into::into).collect(),
            ..Disk::default()
        };
        for (links, wanted) in [
            (&[][..], "/dev/nvme0n1"),
            (&["/dev/disk/by-path/pci-1"], "/dev/nvme0n1"),
            (
                &["/dev/disk/by-id/nvme-eui.01"],
                "/dev/disk/by-id/nvme-eui.01",
            ),
            (
                &[
                    "/dev/disk/by-id/nvme-Model_S1_1",
                    "/dev/disk/by-id/nvme-Model_S1",
                    "/dev/disk/by-id/nvme-eui.01",
                ],
                "/dev/disk/by-id/nvme-Model_S1",
            ),
        ] {
            assert_eq!(stable_path(&disk(links)), wanted);
        }
    }
}
