//! One entry for every reader of text that phoenix did not write itself.
//!
//! An entry takes any bytes and panics when a promise does not hold: that the reader never panics,
//! answers the same twice, keeps what it answers in proportion to what it was given, and gives
//! back what the matching writer has written. `fuzz/` feeds the entries with what a coverage-guided
//! fuzzer comes up with, the tests of this crate with the kept findings.

mod config;
mod host;
mod nvme;
mod saved;
mod zfs;

use std::fmt::{Debug, Display};

/// A reader under test.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, which is also its directory below `fuzz/corpus`.
    pub name: &'static str,
    reader: Reader,
}

#[derive(Debug, Clone, Copy)]
enum Reader {
    /// Takes the bytes as they are.
    Bytes(fn(&[u8])),
    /// Takes the output of a program, which phoenix decodes leniently.
    Text(fn(&str)),
}

impl Target {
    /// Reads the bytes and panics when a promise is broken.
    pub fn run(&self, bytes: &[u8]) {
        match self.reader {
            Reader::Bytes(read) => read(bytes),
            Reader::Text(read) => read(&String::from_utf8_lossy(bytes)),
        }
    }
}

const fn bytes(name: &'static str, read: fn(&[u8])) -> Target {
    let reader = Reader::Bytes(read);
    Target { name, reader }
}

const fn text(name: &'static str, read: fn(&str)) -> Target {
    let reader = Reader::Text(read);
    Target { name, reader }
}

/// Every target, by name.
pub const TARGETS: [Target; 42] = [
    text("arcstats", host::arcstats),
    bytes("config", config::file),
    text("container-conf", host::container_conf),
    text("containers", host::containers),
    text("directories", host::directories),
    text("disk-links", host::disk_links),
    text("dataset-value", zfs::dataset_value),
    text("exports-file", host::exports_file),
    text("exports-files", host::exports_files),
    text("exports-list", host::exports_list),
    text("fwupd", nvme::fwupd),
    text("history", saved::history),
    text("hostname", host::hostname),
    text("ids", host::ids),
    text("journal", saved::journal),
    text("lsblk", host::lsblk),
    bytes("lxc-configs", config::lxc_configs),
    text("meminfo", host::meminfo),
    text("modprobe", host::modprobe),
    text("mount-value", host::mount_value),
    text("mounts", host::mounts),
    text("names", zfs::names),
    text("nvme-controller", nvme::controller),
    text("nvme-namespace", nvme::namespace),
    text("nvme-smart-log", nvme::smart_log),
    text("partition-table", host::partition_table),
    text("plan-file", saved::plan),
    text("pool-value", zfs::pool_value),
    text("revisions", nvme::revisions),
    text("sim-state", saved::sim_state),
    text("size", zfs::size),
    text("smartctl", nvme::smartctl),
    text("storages", host::storages),
    text("swaps", host::swaps),
    text("transcript", saved::transcript),
    text("trim-status", nvme::trim_status),
    text("wipefs", host::wipefs),
    text("zfs-get", host::zfs_get),
    text("zpool-get", host::zpool_get),
    text("zpool-import", host::zpool_import),
    text("zpool-list", host::zpool_list),
    text("zpool-status", host::zpool_status),
];

/// The most characters of an error message: a screenful, however large the text was.
const LONGEST_MESSAGE: usize = 4096;

/// The most bytes that one byte of a text may turn into, in the `Debug` form of what was read: a
/// device of `lsblk` is two bytes when nothing is known of it, and has a dozen fields.
const GROWTH: usize = 400;

/// Reads a text twice: both answers are the same and in proportion to the text, and an error is
/// one sentence of bounded length.
#[track_caller]
fn read<T: Debug, E: Display + Debug>(
    text: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Option<T> {
    let answer = parse(text);
    let shown = format!("{answer:?}");
    assert_eq!(shown, format!("{:?}", parse(text)), "a second look differs");
    match answer {
        Ok(value) => {
            let limit = (text.len() + 1) * GROWTH;
            assert!(
                shown.len() <= limit,
                "{} bytes from {}",
                shown.len(),
                text.len()
            );
            Some(value)
        }
        Err(error) => {
            let message = error.to_string();
            let length = message.chars().count();
            assert!(length > 0, "an error without a message");
            assert!(
                length <= LONGEST_MESSAGE,
                "a message of {length} characters"
            );
            assert!(
                !message.contains('\n'),
                "a message of several lines: {message:?}"
            );
            None
        }
    }
}
