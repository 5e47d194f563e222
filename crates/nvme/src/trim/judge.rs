//! Whether the drives of a pool are told what is free, and whether pool and drive agree on the size of
//! a block.

use std::collections::BTreeMap;

use phoenix_zfs::size::decimal;
use phoenix_zfs::vdev::VdevClass;

use super::Trim;
use crate::drive::{Drive, LbaFormat};
use crate::finding::{Code, Finding, Status};
use crate::pool::{Member, PoolFacts};

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
    let usable =
        |format: &&LbaFormat| format.metadata_bytes == 0 && format.data_bytes <= pool_bytes;
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
    use super::super::parse_counters;
    use super::*;

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
}
