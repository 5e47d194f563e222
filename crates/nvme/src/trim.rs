//! TRIM: what the drives of a pool were told is free.
//!
//! Owns reading the remarks of `zpool status -t` (OpenZFS cmd/zpool/zpool_main.c,
//! `print_status_trim`) and the kernel's counters.

mod judge;

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use jiff::civil::DateTime;
use schemars::JsonSchema;
use serde::Serialize;

pub use judge::judge;

/// What ZFS knows about TRIM on one disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trim {
    /// Never trimmed by hand since the pool was imported.
    Never,
    /// The last run came to its end at this local time of the host.
    Completed(DateTime),
    /// A run is under way or suspended.
    Running,
    /// The disk takes no TRIM.
    Unsupported,
}

/// What a pool has trimmed since it was imported, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Trimmed {
    /// By autotrim.
    pub automatic_bytes: u64,
    /// By `zpool trim`.
    pub by_hand_bytes: u64,
    /// What autotrim left alone, because the pieces were too small, or failed at.
    pub left_bytes: u64,
}

/// Where the kernel counts what a pool has trimmed (OpenZFS 2.2, `module/zfs/spa_stats.c`).
pub fn counters_path(pool: &str) -> Utf8PathBuf {
    format!("/proc/spl/kstat/zfs/{pool}/iostats").into()
}

/// Reads the file at [`counters_path`]; `None` when it does not count what is trimmed.
pub fn parse_counters(text: &str) -> Option<Trimmed> {
    let rows: BTreeMap<&str, u64> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (name, _type, value) = (words.next()?, words.next()?, words.next()?);
            Some((name, value.parse().ok()?))
        })
        .collect();
    let left = ["autotrim_bytes_skipped", "autotrim_bytes_failed"];
    let left = left.into_iter().filter_map(|name| rows.get(name));
    Some(Trimmed {
        automatic_bytes: *rows.get("autotrim_bytes_written")?,
        by_hand_bytes: *rows.get("trim_bytes_written")?,
        left_bytes: left.copied().fold(0, u64::saturating_add),
    })
}

/// Reads `zpool status -P -t`: what is known per disk path.
pub fn parse_status(output: &str) -> BTreeMap<String, Trim> {
    output.lines().filter_map(disk_line).collect()
}

/// Such as `/dev/disk/by-id/x-part1  ONLINE  0 0 0  (100% trimmed, completed at Sun Nov 22 ...)`.
fn disk_line(line: &str) -> Option<(String, Trim)> {
    let path = line.split_whitespace().next()?;
    if !path.starts_with('/') {
        return None;
    }
    let remarks = line
        .split('(')
        .skip(1)
        .filter_map(|part| part.split(')').next());
    remarks
        .filter_map(remark)
        .next()
        .map(|trim| (path.to_owned(), trim))
}

fn remark(text: &str) -> Option<Trim> {
    match text {
        "untrimmed" => return Some(Trim::Never),
        "trim unsupported" => return Some(Trim::Unsupported),
        "trimming" => return Some(Trim::Running),
        _ => {}
    }
    let (_, progress) = text.split_once("% trimmed, ")?;
    match progress.strip_prefix("completed at ") {
        None => Some(Trim::Running),
        Some(time) => DateTime::strptime("%a %b %e %H:%M:%S %Y", time)
            .ok()
            .map(Trim::Completed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn trim_remarks_of_zpool_status_are_read() {
        let status = "  pool: quickOS
config:

	NAME                                                 STATE     READ WRITE CKSUM
	quickOS                                              ONLINE       0     0     0
	  mirror-0                                           ONLINE       0     0     0
	    /dev/disk/by-id/nvme-A-part1  ONLINE       0     0     0  (100% trimmed, completed at Sun Nov 22 14:25:48 2026)
	    /dev/disk/by-id/nvme-B-part1  ONLINE       0     0     0  (resilvering)  (12% trimmed, started at Sun Nov  1 04:05:06 2026)
	    /dev/disk/by-id/nvme-C-part1  ONLINE       0     0     0  (untrimmed)
	    /dev/disk/by-id/nvme-D-part1  ONLINE       0     0     0  (trim unsupported)
	    /dev/disk/by-id/nvme-E-part1  ONLINE       0     0     0  block size: 512B configured, 4096B native
	    /dev/disk/by-id/nvme-F-part1  ONLINE       0     0     0  (100% trimmed, completed at Sun Nov  1 04:05:06 2026)
";
        let expected = [
            ("A", Trim::Completed(date(2026, 11, 22).at(14, 25, 48, 0))),
            ("B", Trim::Running),
            ("C", Trim::Never),
            ("D", Trim::Unsupported),
            ("F", Trim::Completed(date(2026, 11, 1).at(4, 5, 6, 0))),
        ];
        let expected =
            expected.map(|(disk, trim)| (format!("/dev/disk/by-id/nvme-{disk}-part1"), trim));
        assert_eq!(parse_status(status), BTreeMap::from(expected));
    }
}
