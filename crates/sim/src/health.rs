//! The simulated `smartctl`, `nvme` and the drives' files in sysfs: healthy drives, a little worn,
//! unless the state says otherwise ([`super::state::DriveHealth`]).
//!
//! Layout and keys are those of smartmontools 7.4 and nvme-cli 2.13.

use camino::Utf8Path;
use serde_json::{Value, json};

use phoenix_host::command::Output;

use super::state::{Disk, State};

/// `smartctl`'s exit status while the critical warning byte is not zero (`FAILSTATUS`, smartctl.h).
const FAILING: i32 = 8;
const WRITTEN_UNITS: u64 = 12_345_678;
const READ_UNITS: u64 = 23_456_789;
const POWER_ON_HOURS: u64 = 4380;

/// `smartctl -j -i -c -H -A -l error -l selftest DEVICE`, and `smartctl -j -x DEVICE`
pub(super) fn smartctl(state: &State, args: &[String]) -> Output {
    let words = super::words(args);
    let (["-j", "-x", path]
    | [
        "-j",
        "-i",
        "-c",
        "-H",
        "-A",
        "-l",
        "error",
        "-l",
        "selftest",
        path,
    ]) = words[..]
    else {
        let text = "the simulated smartctl takes -j with all logs, or -j -x, and a DEVICE\n";
        return Output::failure(1, text);
    };
    let head = |messages: Value, status: i32| {
        let argv = [&["smartctl"][..], &words[..]].concat();
        let mut smartctl = json!({
            "version": [7, 4],
            "pre_release": false,
            "svn_revision": "5530",
            "platform_info": "x86_64-linux-6.14.8-2-pve",
            "build_info": "(local build)",
            "argv": argv,
            "exit_status": status,
        });
        if let (Some(object), Value::Array(_)) = (smartctl.as_object_mut(), &messages) {
            object.insert("messages".to_owned(), messages);
        }
        smartctl
    };
    let Some((name, disk)) = nvme_disk(state, path) else {
        let reason = format!("{path}: Unable to detect device type");
        let messages = json!([{ "string": reason, "severity": "error" }]);
        let answer = json!({ "json_format_version": [1, 0], "smartctl": head(messages, 1) });
        return Output {
            code: Some(1),
            stdout: pretty(&answer),
            stderr: String::new(),
        };
    };
    let blocks = disk.size / 512;
    let health = &disk.health;
    let passed = health.critical_warning == 0;
    let status = if passed { 0 } else { FAILING };
    let answer = json!({
        "json_format_version": [1, 0],
        "smartctl": head(Value::Null, status),
        "device": {
            "name": path,
            "info_name": path,
            "type": "nvme",
            "protocol": "NVMe",
        },
        "model_name": disk.model,
        "serial_number": disk.serial,
        "firmware_version": health.firmware,
        "nvme_controller_id": 1,
        "nvme_version": { "string": "2.0", "value": 131_072 },
        "nvme_number_of_namespaces": 1,
        "nvme_namespaces": [{
            "id": 1,
            "size": { "blocks": blocks, "bytes": disk.size },
            "capacity": { "blocks": blocks, "bytes": disk.size },
            "utilization": { "blocks": blocks / 4, "bytes": disk.size / 4 },
            "formatted_lba_size": 512,
        }],
        "user_capacity": { "blocks": blocks, "bytes": disk.size },
        "logical_block_size": 512,
        "smart_support": { "available": true, "enabled": true },
        "smart_status": { "passed": passed, "nvme": { "value": health.critical_warning } },
        "nvme_smart_health_information_log": {
            "critical_warning": health.critical_warning,
            "temperature": temperature(name),
            "available_spare": health.available_spare,
            "available_spare_threshold": 10,
            "percentage_used": health.percentage_used,
            "data_units_read": READ_UNITS,
            "data_units_written": WRITTEN_UNITS,
            "host_reads": 345_678_901,
            "host_writes": 234_567_890,
            "controller_busy_time": 1234,
            "power_cycles": 42,
            "power_on_hours": POWER_ON_HOURS,
            "unsafe_shutdowns": 5,
            "media_errors": health.media_errors,
            "num_err_log_entries": 0,
            "warning_temp_time": 0,
            "critical_comp_time": 0,
        },
        "temperature": { "current": temperature(name) },
        "power_cycle_count": 42,
        "power_on_time": { "hours": POWER_ON_HOURS },
    });
    Output {
        code: Some(status),
        stdout: pretty(&answer),
        stderr: String::new(),
    }
}

/// `nvme smart-log|id-ctrl|id-ns -o json DEVICE`
pub(super) fn nvme(state: &State, args: &[String]) -> Output {
    let [
        command @ ("smart-log" | "id-ctrl" | "id-ns"),
        "-o",
        "json",
        path,
    ] = super::words(args)[..]
    else {
        let text = "ERROR: the simulated nvme takes smart-log, id-ctrl or id-ns -o json DEVICE\n";
        return Output::failure(1, text);
    };
    let Some((name, disk)) = nvme_disk(state, path) else {
        let answer = json!({ "error": format!("{path}: No such file or directory") });
        return Output {
            code: Some(1),
            stdout: pretty(&answer),
            stderr: format!("Usage: nvme {command} <device> [OPTIONS]\n"),
        };
    };
    let health = &disk.health;
    let answer = match command {
        "smart-log" => json!({
            "critical_warning": health.critical_warning,
            // nvme-cli shows kelvins.
            "temperature": temperature(name) + 273,
            "avail_spare": health.available_spare,
            "spare_thresh": 10,
            "percent_used": health.percentage_used,
            "data_units_read": READ_UNITS,
            "data_units_written": WRITTEN_UNITS,
            "power_cycles": 42,
            "power_on_hours": POWER_ON_HOURS,
            "unsafe_shutdowns": 5,
            "media_errors": health.media_errors,
            "num_err_log_entries": 0,
        }),
        "id-ctrl" => json!({
            "sn": format!("{:20}", disk.serial.as_deref().unwrap_or("")),
            "mn": format!("{:40}", disk.model.as_deref().unwrap_or("")),
            "fr": format!("{:8}", health.firmware),
            "wctemp": 355,
            "cctemp": 358,
            "tnvmcap": disk.size,
            // Bit 2: Dataset Management, which TRIM needs.
            "oncs": 0x5f,
            "frmw": 0x16,
        }),
        _ => json!({
            "nsze": disk.size / 512,
            "ncap": disk.size / 512,
            "nuse": disk.size / 512 / 4,
            "flbas": 0,
            "lbafs": [{ "ms": 0, "ds": 9, "rp": 0 }],
        }),
    };
    Output::success(pretty(&answer))
}

/// The links below `/sys/block` and `/sys/class/hwmon`, as `find -printf '%f\t%l\n'` prints them.
pub(super) fn links(state: &State) -> String {
    let mut text = String::new();
    for (index, (name, disk)) in state.disks.iter().enumerate() {
        let target = match (disk.tran.as_deref(), name.strip_suffix("n1")) {
            (Some("nvme"), Some(controller)) => {
                let place = format!("pci0000:00/0000:00:1d.0/0000:{:02x}:00.0", index + 1);
                format!("../devices/{place}/nvme/{controller}/{name}")
            }
            _ => format!("../devices/virtual/block/{name}"),
        };
        text += &format!("{name}\t{target}\n");
    }
    text
}

/// The files that describe a drive below `/sys/class/nvme` and `/sys/block`.
pub(super) fn sysfs(state: &State, path: &Utf8Path) -> Option<String> {
    let parts: Vec<&str> = path.as_str().split('/').collect();
    let text = match parts[..] {
        ["", "sys", "class", "nvme", device, file]
        | ["", "sys", "block", device, "device", file] => {
            let (_, disk) = nvme_disk(state, &format!("/dev/{device}"))?;
            match file {
                "state" => "live".to_owned(),
                "firmware_rev" => disk.health.firmware.clone(),
                "model" => format!("{:40}", disk.model.as_deref().unwrap_or("")),
                "serial" => format!("{:20}", disk.serial.as_deref().unwrap_or("")),
                _ => return None,
            }
        }
        ["", "sys", "block", name, "nsid"] => {
            nvme_disk(state, &format!("/dev/{name}"))?;
            "1".to_owned()
        }
        ["", "sys", "block", name, "wwid"] => {
            let (_, disk) = nvme_disk(state, &format!("/dev/{name}"))?;
            disk.wwn.clone()?
        }
        ["", "sys", "block", name, "size"] => (state.disks.get(name)?.size / 512).to_string(),
        ["", "sys", "block", name, "queue", file] => {
            state.disks.get(name)?;
            match file {
                "logical_block_size" => "512".to_owned(),
                "discard_max_bytes" => "2199023255040".to_owned(),
                _ => return None,
            }
        }
        _ => return None,
    };
    Some(format!("{text}\n"))
}

/// The NVMe drive behind a namespace, a link to it, or its controller (`/dev/nvme0`).
fn nvme_disk<'a>(state: &'a State, path: &str) -> Option<(&'a str, &'a Disk)> {
    let name = match state.device(path) {
        Some(device) => device.disk,
        None => format!("{}n1", path.strip_prefix("/dev/")?),
    };
    state
        .disks
        .get_key_value(&name)
        .filter(|(_, disk)| disk.tran.as_deref() == Some("nvme"))
        .map(|(name, disk)| (name.as_str(), disk))
}

/// Degrees Celsius, a little different for each drive.
fn temperature(name: &str) -> u64 {
    40 + name.bytes().map(u64::from).sum::<u64>() % 5
}

fn pretty(value: &Value) -> String {
    // Writing a `Value` to a string cannot fail.
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    format!("{text}\n")
}
