//! TRIM and block sizes: whether the drives of a pool are told what is free, and whether pool and
//! drive agree on the size of a block.
//!
//! Owns reading the remarks of `zpool status -t` (OpenZFS cmd/zpool/zpool_main.c,
//! `print_status_trim`).

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use jiff::civil::DateTime;
use phoenix_zfs::vdev::VdevClass;
use schemars::JsonSchema;
use serde::Serialize;

use crate::drive::Drive;
use crate::finding::{Code, Finding, Status};
use crate::pool::{Member, PoolFacts};
use crate::render::units::decimal;

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

/// Everything to say about TRIM and block sizes of a pool. `drives` are by kernel name.
pub fn judge(pool: &PoolFacts, drives: &BTreeMap<&str, &Drive>) -> Vec<Finding> {
    let members: Vec<(&Member, &Drive)> = pool
        .vdevs
        .iter()
        .filter(|vdev| vdev.class != VdevClass::Spare)
        .flat_map(|vdev| &vdev.members)
        .filter_map(|member| Some((member, *drives.get(member.disk.as_str())?)))
        .collect();
    let mut findings = Vec::new();
    findings.extend(autotrim(pool, &members));
    findings.extend(idle_autotrim(pool));
    findings.extend(
        members
            .iter()
            .filter_map(|(_, drive)| block_size(pool, drive)),
    );
    findings
}

fn autotrim(pool: &PoolFacts, members: &[(&Member, &Drive)]) -> Option<Finding> {
    let name = &pool.name;
    let takes_trim = |(member, drive): &&(&Member, &Drive)| {
        member.trim != Some(Trim::Unsupported) && drive.supports_trim == Some(true)
    };
    let refuses = |(member, drive): &&(&Member, &Drive)| {
        member.trim == Some(Trim::Unsupported) || drive.supports_trim == Some(false)
    };
    let list = |members: Vec<&(&Member, &Drive)>| {
        let names: Vec<&str> = members
            .iter()
            .map(|(_, drive)| drive.name.as_str())
            .collect();
        names.join(", ")
    };
    match pool.autotrim? {
        true => {
            let refusing: Vec<_> = members.iter().filter(refuses).collect();
            (!refusing.is_empty()).then(|| {
                let message = format!(
                    "autotrim is on for {name}, but takes no effect on {}",
                    list(refusing)
                );
                Finding::new(Status::Ok, Code::TrimUnsupported, message)
            })
        }
        false => {
            let willing: Vec<_> = members.iter().filter(takes_trim).collect();
            let last = willing.iter().filter_map(|(member, _)| match member.trim {
                Some(Trim::Completed(time)) => Some(time.date()),
                _ => None,
            });
            let by_hand = match last.max() {
                Some(day) => format!("the last trim by hand ended on {day}"),
                None => "no trim by hand is known".to_owned(),
            };
            (!willing.is_empty()).then(|| {
                let message = format!("autotrim is off for {name} ({by_hand}): its drives keep moving data that is long deleted");
                Finding::new(Status::Warning, Code::AutotrimOff, message)
                    .help(format!("zpool set autotrim=on {name}"))
            })
        }
    }
}

/// Autotrim that is on, had something to trim, and has trimmed nothing.
fn idle_autotrim(pool: &PoolFacts) -> Option<Finding> {
    let trimmed = pool.trimmed.filter(|_| pool.autotrim == Some(true))?;
    (trimmed.automatic_bytes == 0 && trimmed.left_bytes > 0).then(|| {
        let name = &pool.name;
        let left = decimal(trimmed.left_bytes);
        let message = format!(
            "autotrim is on for {name} and has trimmed nothing since the pool was imported: it left {left}"
        );
        Finding::new(Status::Warning, Code::AutotrimIdle, message)
            .help(format!("trim it by hand: `zpool trim {name}`"))
    })
}

/// ZFS writes no less than `2^ashift` bytes at once, for good; a drive with larger blocks reads,
/// changes and writes back what lies around.
fn block_size(pool: &PoolFacts, drive: &Drive) -> Option<Finding> {
    let ashift = pool.ashift?;
    let pool_bytes = 1_u64.checked_shl(u32::from(ashift))?;
    let drive_bytes = drive.logical_block_bytes?;
    if pool_bytes < drive_bytes {
        let message = format!(
            "{} has blocks of {drive_bytes} bytes, {} writes {pool_bytes} (ashift={ashift})",
            drive.name, pool.name
        );
        let help = "ashift cannot be changed: make the pool again with ashift=12";
        return Some(Finding::new(Status::Warning, Code::BlockSize, message).help(help));
    }
    if pool_bytes < 4096 {
        let message = format!(
            "{} writes blocks of {pool_bytes} bytes (ashift={ashift}), flash pages are larger: {} writes more than it is asked to",
            pool.name, drive.name
        );
        let help = "ashift cannot be changed: make the pool again with ashift=12";
        return Some(Finding::new(Status::Warning, Code::BlockSize, message).help(help));
    }
    better_format(drive, drive_bytes, pool_bytes)
}

/// A format that the drive itself ranks higher, and that the pool could use. Only a remark: to
/// change it erases the drive.
fn better_format(drive: &Drive, drive_bytes: u64, pool_bytes: u64) -> Option<Finding> {
    let usable = |format: &&crate::drive::LbaFormat| {
        format.metadata_bytes == 0 && format.data_bytes <= pool_bytes
    };
    let formats = || drive.lba_formats.iter().filter(usable);
    let current = formats().find(|format| format.data_bytes == drive_bytes)?;
    let best = formats().min_by_key(|format| format.relative_performance)?;
    (best.relative_performance < current.relative_performance).then(|| {
        let message = format!(
            "{} is formatted with blocks of {drive_bytes} bytes and calls {} faster",
            drive.name, best.data_bytes
        );
        let help = "only before the drive goes into a pool: `nvme format --lbaf` erases it";
        Finding::new(Status::Ok, Code::BlockSize, message).help(help)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn autotrim_that_trims_nothing_is_told() {
        let text = |written: u64, skipped: u64| {
            format!(
                "32 1 0x01 26 7072 6172351345 1209543632951\nname type data\n\
                 trim_extents_written 4 9\ntrim_bytes_written 4 4096\n\
                 autotrim_bytes_written 4 {written}\nautotrim_bytes_skipped 4 {skipped}\n\
                 autotrim_bytes_failed 4 0\n"
            )
        };
        let cases = [
            (0, 65536, true, true),
            (4096, 65536, true, false),
            // Nothing was freed yet, or autotrim is off.
            (0, 0, true, false),
            (0, 65536, false, false),
        ];
        for (written, skipped, on, told) in cases {
            let pool = PoolFacts {
                name: "tank".to_owned(),
                autotrim: Some(on),
                trimmed: parse_counters(&text(written, skipped)),
                ..PoolFacts::default()
            };
            assert_eq!(pool.trimmed.map(|it| it.by_hand_bytes), Some(4096));
            let findings = judge(&pool, &BTreeMap::new());
            let codes: Vec<Code> = findings.iter().map(|it| it.code).collect();
            let expected = if told {
                vec![Code::AutotrimIdle]
            } else {
                vec![]
            };
            assert_eq!(codes, expected, "{written} {skipped} {on}");
        }
        assert_eq!(parse_counters("name type data\narc_read_count 4 1\n"), None);
    }

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
