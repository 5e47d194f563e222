//! Reads what `smartctl -j` prints of a drive (7.0 and later). Pure.
//!
//! Only keys that 7.0 already had decide about health; later ones (block formats, temperature
//! limits: 7.5) are used where they are. Key names: smartmontools src/nvmeprint.cpp.

use serde_json::Value;

use crate::drive::{Drive, ErrorEntry, Health, LbaFormat, SelfTest, Source};
use crate::json::{counter, data_units, document, plausible_celsius, signed, text, unsigned};

/// The text is no JSON object, so smartctl is older than 7.0, or it is something else.
#[derive(Debug, thiserror::Error)]
#[error("this is not the JSON that smartctl 7.0 or later prints")]
pub struct NotSmartctl(#[source] Option<serde_json::Error>);

/// Bit 0 and 1 of smartctl's exit status: the command line was wrong, the device did not open.
const CANNOT_ASK: u64 = 0b11;
/// Bit 2: some command to the drive failed. Common, because many drives lack a log.
const PARTIAL: u64 = 0b100;

/// Reads one answer. `name` becomes the drive's name.
///
/// smartctl prints JSON also when it fails, and its exit status is a mask of remarks; both are
/// inside the JSON. What could not be read is told in [`Drive::gaps`].
///
/// # Errors
/// When `output` is not smartctl's JSON at all.
pub fn parse(name: &str, output: &str) -> Result<Drive, NotSmartctl> {
    let json: Value =
        serde_json::from_str(document(output)).map_err(|error| NotSmartctl(Some(error)))?;
    let smartctl = json.get("smartctl").ok_or(NotSmartctl(None))?;
    let mut drive = identity(name, &json);
    drive.health = health(&json);
    drive.passed = json
        .pointer("/smart_status/passed")
        .and_then(Value::as_bool);
    drive.self_tests = self_tests(&json);
    drive.errors = errors(&json);
    if drive.health.is_some() {
        drive.source = Source::Smartctl;
    } else {
        drive.gaps = reasons(&json, smartctl);
    }
    Ok(drive)
}

fn identity(name: &str, json: &Value) -> Drive {
    let namespace = json.pointer("/nvme_namespaces/0").unwrap_or(&Value::Null);
    let bytes = |object: Option<&Value>| object.and_then(|object| unsigned(object, "bytes"));
    let limits = json.get("temperature").unwrap_or(&Value::Null);
    Drive {
        name: name.to_owned(),
        model: text(json, "model_name"),
        serial: text(json, "serial_number"),
        firmware: text(json, "firmware_version"),
        capacity_bytes: bytes(json.get("user_capacity"))
            .or_else(|| bytes(namespace.get("size")))
            .or_else(|| unsigned(json, "nvme_total_capacity"))
            .filter(|bytes| *bytes > 0),
        logical_block_bytes: unsigned(json, "logical_block_size")
            .or_else(|| unsigned(namespace, "formatted_lba_size")),
        lba_formats: lba_formats(namespace),
        supports_trim: json
            .pointer("/nvme_optional_nvm_commands/dataset_management")
            .and_then(Value::as_bool),
        namespace: unsigned(namespace, "id"),
        eui: namespace.get("eui64").and_then(eui),
        warning_celsius: signed(limits, "op_limit_max").filter(|c| plausible_celsius(*c)),
        critical_celsius: signed(limits, "critical_limit_max").filter(|c| plausible_celsius(*c)),
        ..Drive::default()
    }
}

/// As the kernel writes it down: maker in 24 bits, number in 40.
fn eui(eui64: &Value) -> Option<String> {
    let (maker, number) = (unsigned(eui64, "oui")?, unsigned(eui64, "ext_id")?);
    (maker != 0 || number != 0).then(|| format!("eui.{maker:06x}{number:010x}"))
}

/// Unused places of the table are null.
fn self_tests(json: &Value) -> Vec<SelfTest> {
    let table = json.pointer("/nvme_self_test_log/table");
    let rows = table.and_then(Value::as_array).into_iter().flatten();
    let test = |row: &Value| {
        Some(SelfTest {
            result: unsigned(row.get("self_test_result")?, "value")?,
            power_on_hours: unsigned(row, "power_on_hours"),
        })
    };
    rows.filter_map(test).collect()
}

fn errors(json: &Value) -> Vec<ErrorEntry> {
    let table = json.pointer("/nvme_error_information_log/table");
    let rows = table.and_then(Value::as_array).into_iter().flatten();
    let error = |row: &Value| {
        let status = row.get("status_field").unwrap_or(&Value::Null);
        let word = unsigned(status, "value");
        Some(ErrorEntry {
            count: unsigned(row, "error_count").filter(|count| *count > 0)?,
            queue: unsigned(row, "submission_queue_id"),
            status_type: unsigned(status, "status_code_type")
                .or_else(|| word.map(|word| word >> 8 & 0x7)),
            status: unsigned(status, "status_code").or_else(|| word.map(|word| word & 0xff)),
        })
    };
    rows.filter_map(error).collect()
}

fn lba_formats(namespace: &Value) -> Vec<LbaFormat> {
    let formats = namespace.get("lba_formats").and_then(Value::as_array);
    let format = |format: &Value| {
        Some(LbaFormat {
            data_bytes: unsigned(format, "data_bytes")?,
            metadata_bytes: unsigned(format, "metadata_bytes")?,
            relative_performance: unsigned(format, "relative_performance")?,
        })
    };
    formats.into_iter().flatten().filter_map(format).collect()
}

fn health(json: &Value) -> Option<Health> {
    let log = json
        .get("nvme_smart_health_information_log")
        .filter(|log| log.as_object().is_some_and(|log| !log.is_empty()))?;
    let throttled = [
        "thermal_mgmt_temperature_1_total_time",
        "thermal_mgmt_temperature_2_total_time",
    ];
    let throttled = throttled.into_iter().filter_map(|key| unsigned(log, key));
    let status_byte = json.pointer("/smart_status/nvme");
    Some(Health {
        critical_warning: unsigned(log, "critical_warning")
            .or_else(|| status_byte.and_then(|status| unsigned(status, "value"))),
        temperature_celsius: signed(log, "temperature").filter(|c| plausible_celsius(*c)),
        available_spare_percent: unsigned(log, "available_spare"),
        available_spare_threshold_percent: unsigned(log, "available_spare_threshold"),
        percentage_used: unsigned(log, "percentage_used"),
        read_bytes: data_units(log, "data_units_read"),
        written_bytes: data_units(log, "data_units_written"),
        busy_minutes: counter(log, "controller_busy_time"),
        power_cycles: counter(log, "power_cycles"),
        power_on_hours: unsigned(log, "power_on_hours"),
        unsafe_shutdowns: counter(log, "unsafe_shutdowns"),
        media_errors: counter(log, "media_errors"),
        error_log_entries: counter(log, "num_err_log_entries"),
        warning_temperature_minutes: unsigned(log, "warning_temp_time"),
        critical_temperature_minutes: unsigned(log, "critical_comp_time"),
        throttled_seconds: throttled.reduce(u64::saturating_add),
    })
}

/// Why there is no health log, in smartctl's words where it has some.
fn reasons(json: &Value, smartctl: &Value) -> Vec<String> {
    let messages = smartctl.get("messages").and_then(Value::as_array);
    let mut reasons: Vec<String> = messages
        .into_iter()
        .flatten()
        .filter(|message| text(message, "severity").as_deref() == Some("error"))
        .filter_map(|message| text(message, "string"))
        .map(|message| format!("smartctl: {message}"))
        .collect();
    let protocol = json.pointer("/device/protocol").and_then(Value::as_str);
    if let Some(protocol) = protocol.filter(|protocol| *protocol != "NVMe") {
        reasons.push(format!("it speaks {protocol}, not NVMe"));
    }
    if reasons.is_empty() {
        reasons.push(without_words(
            unsigned(smartctl, "exit_status").unwrap_or(0),
        ));
    }
    reasons
}

fn without_words(exit_status: u64) -> String {
    if exit_status & CANNOT_ASK != 0 {
        format!("smartctl could not open the drive (exit status {exit_status})")
    } else if exit_status & PARTIAL != 0 {
        format!("the drive refused its health log (smartctl exit status {exit_status})")
    } else {
        "smartctl printed no NVMe health log".to_owned()
    }
}
