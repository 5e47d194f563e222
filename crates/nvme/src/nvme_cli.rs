//! Reads what `nvme smart-log`, `id-ctrl` and `id-ns` print with `-o json` (nvme-cli 1.x and 2.x).
//! Pure.
//!
//! Names differ from smartctl's, temperatures are in Kelvin, identity texts are padded with spaces.

use serde_json::Value;

use crate::drive::{Drive, Health, LbaFormat, Source};
use crate::json::{counter, data_units, document, plausible_celsius, text, unsigned};

/// The text is not what nvme-cli prints for a drive that answers.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NvmeCliError {
    /// nvme-cli said what is wrong.
    #[error("nvme: {0}")]
    Refused(String),
    /// It is no JSON object with the keys that belong there.
    #[error("this is not the JSON that nvme-cli prints")]
    NotNvmeCli,
}

/// Bit 2 of ONCS: the drive supports Dataset Management, which is NVMe's TRIM.
const ONCS_DATASET_MANAGEMENT: u64 = 1 << 2;
/// 0 degrees Celsius in Kelvin, as the specification rounds it.
const ZERO_CELSIUS: u64 = 273;

/// Reads `nvme smart-log -o json`.
///
/// # Errors
/// When nvme-cli reports an error or the text is something else.
pub fn parse_smart_log(output: &str) -> Result<Health, NvmeCliError> {
    let log = object(output)?;
    let percentage_used =
        unsigned(&log, "percent_used").or_else(|| unsigned(&log, "percentage_used"));
    if percentage_used.is_none() {
        return Err(NvmeCliError::NotNvmeCli);
    }
    let throttled = ["thm_temp1_total_time", "thm_temp2_total_time"];
    let throttled = throttled.into_iter().filter_map(|key| unsigned(&log, key));
    let warning = log.get("critical_warning").unwrap_or(&Value::Null);
    Ok(Health {
        // With --human-readable the byte becomes an object that repeats it under `value`.
        critical_warning: unsigned(&log, "critical_warning").or_else(|| unsigned(warning, "value")),
        temperature_celsius: unsigned(&log, "temperature").and_then(celsius),
        available_spare_percent: unsigned(&log, "avail_spare"),
        available_spare_threshold_percent: unsigned(&log, "spare_thresh"),
        percentage_used,
        read_bytes: data_units(&log, "data_units_read"),
        written_bytes: data_units(&log, "data_units_written"),
        busy_minutes: counter(&log, "controller_busy_time"),
        power_cycles: counter(&log, "power_cycles"),
        power_on_hours: unsigned(&log, "power_on_hours"),
        unsafe_shutdowns: counter(&log, "unsafe_shutdowns"),
        media_errors: counter(&log, "media_errors"),
        error_log_entries: counter(&log, "num_err_log_entries"),
        warning_temperature_minutes: unsigned(&log, "warning_temp_time"),
        critical_temperature_minutes: unsigned(&log, "critical_comp_time"),
        throttled_seconds: throttled.reduce(u64::saturating_add),
    })
}

/// A drive of which only `nvme smart-log -o json` was kept, under a name of the caller's choice.
///
/// # Errors
/// As [`parse_smart_log`].
pub fn parse(name: &str, output: &str) -> Result<Drive, NvmeCliError> {
    Ok(Drive {
        name: name.to_owned(),
        source: Source::NvmeCli,
        health: Some(parse_smart_log(output)?),
        ..Drive::default()
    })
}

/// Fills what `drive` lacks from `nvme id-ctrl -o json`.
///
/// # Errors
/// When nvme-cli reports an error or the text is something else.
pub fn add_controller(drive: &mut Drive, output: &str) -> Result<(), NvmeCliError> {
    let controller = object(output)?;
    let model = text(&controller, "mn").ok_or(NvmeCliError::NotNvmeCli)?;
    let limit = |key| unsigned(&controller, key).and_then(celsius);
    drive.model.get_or_insert(model);
    fill(&mut drive.serial, || text(&controller, "sn"));
    fill(&mut drive.firmware, || text(&controller, "fr"));
    fill(&mut drive.warning_celsius, || limit("wctemp"));
    fill(&mut drive.critical_celsius, || limit("cctemp"));
    fill(&mut drive.supports_trim, || {
        unsigned(&controller, "oncs").map(|oncs| oncs & ONCS_DATASET_MANAGEMENT != 0)
    });
    Ok(())
}

/// Fills what `drive` lacks from `nvme id-ns -o json`.
///
/// # Errors
/// When nvme-cli reports an error or the text is something else.
pub fn add_namespace(drive: &mut Drive, output: &str) -> Result<(), NvmeCliError> {
    let namespace = object(output)?;
    let formats = namespace.get("lbafs").and_then(Value::as_array);
    let formats = formats.ok_or(NvmeCliError::NotNvmeCli)?;
    let in_use = unsigned(&namespace, "flbas")
        .and_then(|flbas| usize::try_from(flbas & 0xf).ok())
        .and_then(|index| formats.get(index))
        .and_then(lba_format);
    fill(&mut drive.logical_block_bytes, || {
        in_use.map(|format| format.data_bytes)
    });
    if drive.lba_formats.is_empty() {
        drive.lba_formats = formats.iter().filter_map(lba_format).collect();
    }
    Ok(())
}

/// An unused slot has the exponent 0 and is no format.
fn lba_format(format: &Value) -> Option<LbaFormat> {
    let exponent = u32::try_from(unsigned(format, "ds")?).ok()?;
    let exponent = Some(exponent).filter(|exponent| *exponent >= 9)?;
    Some(LbaFormat {
        data_bytes: 1_u64.checked_shl(exponent)?,
        metadata_bytes: unsigned(format, "ms")?,
        relative_performance: unsigned(format, "rp")?,
    })
}

fn fill<T>(field: &mut Option<T>, value: impl FnOnce() -> Option<T>) {
    if field.is_none() {
        *field = value();
    }
}

/// 0 Kelvin is how a drive says that it does not report the temperature.
fn celsius(kelvin: u64) -> Option<i64> {
    let kelvin = Some(kelvin).filter(|kelvin| *kelvin > 0)?;
    i64::try_from(kelvin)
        .ok()?
        .checked_sub_unsigned(ZERO_CELSIUS)
        .filter(|degrees| plausible_celsius(*degrees))
}

fn object(output: &str) -> Result<Value, NvmeCliError> {
    let json: Value =
        serde_json::from_str(document(output)).map_err(|_| NvmeCliError::NotNvmeCli)?;
    match text(&json, "error") {
        // The message goes to a terminal, in one line.
        Some(error) => Err(NvmeCliError::Refused(error.replace(char::is_control, " "))),
        None if json.is_object() => Ok(json),
        None => Err(NvmeCliError::NotNvmeCli),
    }
}
