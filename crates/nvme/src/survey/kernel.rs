//! The drives as the kernel lists them, with the sensors that hang on them. No drive is asked for it, so
//! it works whatever a drive, a pool or a disk tool does.

use std::collections::BTreeMap;

use phoenix_host::Host;
use phoenix_tools::parse::ReadError;

use super::kernel_text;
use crate::commands;
use crate::drive::{Drive, Sensor};
use crate::json::plausible_celsius;
use crate::report::natural;

/// `temp1` is the composite temperature, `temp2` to `temp9` are the sensors (Linux
/// `drivers/nvme/host/hwmon.c`).
const SENSORS: std::ops::RangeInclusive<u32> = 1..=9;

/// Links of the kernel by their name: block devices and monitors, and where they hang.
pub(super) struct Devices(BTreeMap<String, String>);

/// Reads the kernel's lists.
///
/// # Errors
/// When `find` cannot be run.
pub(super) fn devices(host: &dyn Host) -> Result<Devices, ReadError> {
    let command = commands::kernel_devices();
    let output = host.run(&command)?;
    let links: BTreeMap<String, String> = output
        .stdout
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, target)| (name.to_owned(), target.to_owned()))
        .collect();
    // A host without monitors lacks a directory; one that lists nothing at all was not read.
    if links.is_empty() {
        output.check(&command)?;
    }
    Ok(Devices(links))
}

/// The names of the NVMe drives of a host.
///
/// # Errors
/// When the kernel's list of block devices cannot be read.
pub fn nvme_drives_of_kernel(host: &dyn Host) -> Result<Vec<String>, ReadError> {
    Ok(devices(host)?.drives())
}

impl Devices {
    /// The names of the NVMe drives, `nvme2n1` before `nvme10n1`.
    pub(super) fn drives(&self) -> Vec<String> {
        let names = self.0.keys().filter(|name| is_namespace(name));
        let mut names: Vec<String> = names.cloned().collect();
        names.sort_by(|a, b| natural(a, b));
        names
    }

    /// Adds where a drive is plugged in, its sensors, and the limits that nobody else has told.
    pub(super) fn add_to(&self, host: &dyn Host, drive: &mut Drive) {
        let Some(path) = self.0.get(&drive.name) else {
            return;
        };
        let parts: Vec<&str> = path.split('/').collect();
        let address = parts.iter().rev().find(|part| is_pci_address(part));
        drive.place = address.map(|part| (*part).to_owned());
        let Some(controller) = parts.iter().rev().find(|part| is_controller(part)) else {
            return;
        };
        let below = format!("/{controller}/");
        let monitor = self
            .0
            .iter()
            .find(|(name, target)| name.starts_with("hwmon") && target.contains(&below));
        let Some((monitor, _)) = monitor else {
            return;
        };
        drive.sensors = SENSORS
            .filter_map(|number| sensor(host, monitor, number))
            .collect();
        if let Some(composite) = drive
            .sensors
            .iter()
            .find(|sensor| sensor.name == "Composite")
        {
            drive.warning_celsius = drive.warning_celsius.or(composite.warning_celsius);
            drive.critical_celsius = drive.critical_celsius.or(composite.critical_celsius);
        }
    }
}

fn sensor(host: &dyn Host, monitor: &str, number: u32) -> Option<Sensor> {
    let file = |what: &str| {
        kernel_text(
            host,
            &format!("/sys/class/hwmon/{monitor}/temp{number}_{what}"),
        )
    };
    let celsius = |what: &str| {
        let thousandths: i64 = file(what)?.parse().ok()?;
        Some(thousandths / 1000).filter(|degrees| plausible_celsius(*degrees))
    };
    // A limit that nobody has set reads as zero or as far beyond what can be.
    let limit = |what: &str| celsius(what).filter(|degrees| *degrees > 0);
    Some(Sensor {
        celsius: celsius("input")?,
        name: file("label").unwrap_or_else(|| format!("temp{number}")),
        warning_celsius: limit("max"),
        critical_celsius: limit("crit"),
    })
}

/// `nvme0n1`, and not `nvme0c0n1` (a path to it) or `nvme0n1p1`.
fn is_namespace(name: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    name.strip_prefix("nvme")
        .and_then(|rest| rest.split_once('n'))
        .is_some_and(|(controller, namespace)| number(controller) && number(namespace))
}

fn is_controller(part: &str) -> bool {
    part.strip_prefix("nvme")
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `0000:01:00.0`
fn is_pci_address(part: &str) -> bool {
    let mut fields = part.split([':', '.']);
    let hex = |text: Option<&str>, length: usize| {
        text.is_some_and(|text| text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    hex(fields.next(), 4)
        && hex(fields.next(), 2)
        && hex(fields.next(), 2)
        && hex(fields.next(), 1)
        && fields.next().is_none()
}
