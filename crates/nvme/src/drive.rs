//! What one drive says about itself, whoever was asked.
//!
//! Plain data: readers fill it, verdicts read it. A value that was not reported is `None`, never 0:
//! a missing number must not look like a healthy or a failing one.

use schemars::JsonSchema;
use serde::Serialize;

/// Everything known about one drive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Drive {
    /// The kernel's name for the disk, such as `nvme0n1`, or the name of the file that was read.
    pub name: String,
    /// Who answered for the health values.
    pub source: Source,
    /// Model, without padding.
    pub model: Option<String>,
    /// Serial number, without padding.
    pub serial: Option<String>,
    /// What history and metrics call the drive: its serial number, with namespace and number or place
    /// behind it where another drive has the same one. See [`crate::identity`].
    pub identity: Option<String>,
    /// The number of the namespace, counted from 1.
    pub namespace: Option<u64>,
    /// The namespace's own worldwide number, such as `eui.0025385b11b2d6c4`.
    pub eui: Option<String>,
    /// Where it is plugged in, as the kernel's PCI address.
    pub place: Option<String>,
    /// Firmware revision in use.
    pub firmware: Option<String>,
    /// Size in bytes.
    pub capacity_bytes: Option<u64>,
    /// Size in bytes of the blocks that the namespace is formatted with.
    pub logical_block_bytes: Option<u64>,
    /// The block formats that the namespace could have.
    pub lba_formats: Vec<LbaFormat>,
    /// Whether the drive takes TRIM (NVMe Dataset Management).
    pub supports_trim: Option<bool>,
    /// The kernel's state of the controller: `live`, `resetting`, `dead` ...
    pub controller_state: Option<String>,
    /// Composite temperature from which the drive itself warns, in degrees Celsius.
    pub warning_celsius: Option<i64>,
    /// Composite temperature that the drive itself calls critical, in degrees Celsius.
    pub critical_celsius: Option<i64>,
    /// Whether the drive passes its own check of its health.
    pub passed: Option<bool>,
    /// The self-tests that it remembers, newest first.
    pub self_tests: Vec<SelfTest>,
    /// What is in its error log, newest first.
    pub errors: Vec<ErrorEntry>,
    /// Its temperature sensors and their limits, as the kernel knows them.
    pub sensors: Vec<Sensor>,
    /// The SMART / Health Information log, when it could be read.
    pub health: Option<Health>,
    /// What could not be read, and why, in words.
    pub gaps: Vec<String>,
}

/// Who answered for the health values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// `smartctl -j -x`.
    Smartctl,
    /// `nvme smart-log -o json`.
    NvmeCli,
    /// Only the kernel: identity, no health values.
    Sysfs,
    /// Nobody.
    #[default]
    None,
}

/// One block format that a namespace supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LbaFormat {
    /// Data bytes in a block.
    pub data_bytes: u64,
    /// Metadata bytes in a block; ZFS needs 0.
    pub metadata_bytes: u64,
    /// The drive's own ranking: 0 is best, 3 is degraded.
    pub relative_performance: u64,
}

/// One self-test in the drive's log (NVMe Base Specification, log page 06h).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SelfTest {
    /// How it ended: 0 well, 1 to 4, 8 and 9 stopped, 5 to 7 failed.
    pub result: u64,
    /// When, in hours that the drive had been on.
    pub power_on_hours: Option<u64>,
}

impl SelfTest {
    /// Whether it came to an end that says something: one that was stopped proves nothing.
    fn is_telling(&self) -> bool {
        self.result == 0 || self.has_failed()
    }

    /// Whether it found something wrong.
    pub fn has_failed(&self) -> bool {
        (5..=7).contains(&self.result)
    }
}

/// One entry of the drive's error log (NVMe Base Specification, log page 01h).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ErrorEntry {
    /// Its number; every error that the drive ever had has its own.
    pub count: u64,
    /// The submission queue: 0 is for administration, the others carry reads and writes.
    pub queue: Option<u64>,
    /// The type of the status: 0 general, 1 of a command, 2 media and data integrity.
    pub status_type: Option<u64>,
    /// The status of that type.
    pub status: Option<u64>,
}

/// One temperature sensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Sensor {
    /// What the kernel calls it: `Composite`, `Sensor 1` ...
    pub name: String,
    /// Degrees Celsius.
    pub celsius: i64,
    /// It is hot from here on, in degrees Celsius.
    pub warning_celsius: Option<i64>,
    /// It must not get as hot as this, in degrees Celsius.
    pub critical_celsius: Option<i64>,
}

impl Drive {
    /// What history and metrics know the drive by; `None` without a serial number.
    pub fn key(&self) -> Option<&str> {
        self.identity.as_deref().or(self.serial.as_deref())
    }

    /// The newest self-test that came to an end.
    pub fn last_self_test(&self) -> Option<&SelfTest> {
        self.self_tests.iter().find(|test| test.is_telling())
    }
}

/// The SMART / Health Information log (NVMe Base Specification, log page 02h).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Health {
    /// The Critical Warning byte, see [`Warnings`].
    pub critical_warning: Option<u64>,
    /// Composite temperature in degrees Celsius.
    pub temperature_celsius: Option<i64>,
    /// Spare capacity that is left, in percent of what it was.
    pub available_spare_percent: Option<u64>,
    /// The drive warns when the spare falls below this many percent.
    pub available_spare_threshold_percent: Option<u64>,
    /// Rated endurance used, in percent. More than 100 is legal; 255 means 255 or more.
    pub percentage_used: Option<u64>,
    /// Bytes that the host has read.
    pub read_bytes: Option<u64>,
    /// Bytes that the host has written.
    pub written_bytes: Option<u64>,
    /// Minutes that the controller was busy.
    pub busy_minutes: Option<u64>,
    /// Times that the drive was switched on.
    pub power_cycles: Option<u64>,
    /// Hours that the drive was on; some drives do not count sleep.
    pub power_on_hours: Option<u64>,
    /// Times that power went away without notice.
    pub unsafe_shutdowns: Option<u64>,
    /// Times that data could not be recovered: the errors that matter.
    pub media_errors: Option<u64>,
    /// Entries that the error log ever had. Grows on healthy drives with every command that they
    /// do not know, so nothing is concluded from the number; what the entries say counts.
    pub error_log_entries: Option<u64>,
    /// Minutes spent above the warning temperature.
    pub warning_temperature_minutes: Option<u64>,
    /// Minutes spent above the critical temperature.
    pub critical_temperature_minutes: Option<u64>,
    /// Seconds in which the drive slowed itself down because of heat.
    pub throttled_seconds: Option<u64>,
}

impl Health {
    /// Whether the drive keeps wear values at all.
    ///
    /// A virtual drive answers the log with zeros (QEMU: `nvme_smart_info` in hw/nvme/ctrl.c). No
    /// real drive has spare 0 % and wear 0 % at once: one without wear still has its spare.
    pub fn reports_wear(&self) -> bool {
        match self.percentage_used {
            None => false,
            Some(0) => self.available_spare_percent.is_some_and(|spare| spare > 0),
            Some(_) => true,
        }
    }

    /// The bits of the Critical Warning byte.
    pub fn warnings(&self) -> Warnings {
        Warnings(self.critical_warning.unwrap_or(0))
    }
}

/// The Critical Warning byte.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Warnings(pub u64);

impl Warnings {
    /// The spare has fallen below its threshold.
    pub fn spare(self) -> bool {
        self.bit(0)
    }

    /// The temperature is above or below its limits.
    pub fn temperature(self) -> bool {
        self.bit(1)
    }

    /// Media or internal errors have made the drive unreliable; several makers also set it when
    /// the rated endurance is used up.
    pub fn unreliable(self) -> bool {
        self.bit(2)
    }

    /// The media take no more writes.
    pub fn read_only(self) -> bool {
        self.bit(3)
    }

    /// The capacitors that save the write cache at a power loss have failed.
    pub fn backup_failed(self) -> bool {
        self.bit(4)
    }

    /// The persistent memory region has become unreliable or read-only.
    pub fn memory_region(self) -> bool {
        self.bit(5)
    }

    fn bit(self, number: u32) -> bool {
        self.0 & (1 << number) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(spare: u64, used: u64) -> Health {
        Health {
            available_spare_percent: Some(spare),
            percentage_used: Some(used),
            ..Health::default()
        }
    }

    #[test]
    fn zeros_everywhere_are_no_wear_data() {
        assert!(!health(0, 0).reports_wear());
        assert!(!Health::default().reports_wear());
    }

    #[test]
    fn new_drives_and_exhausted_drives_report_wear() {
        assert!(health(100, 0).reports_wear());
        assert!(health(0, 255).reports_wear());
    }

    #[test]
    fn each_bit_of_the_warning_byte_has_its_name() {
        let named = |byte| {
            let w = Warnings(byte);
            [
                w.spare(),
                w.temperature(),
                w.unreliable(),
                w.read_only(),
                w.backup_failed(),
                w.memory_region(),
            ]
        };
        for bit in 0..6 {
            let mut only = [false; 6];
            only[bit] = true;
            assert_eq!(named(1 << bit), only);
        }
    }
}
