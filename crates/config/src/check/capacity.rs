//! Whether what datasets may take fits what the disks hold.
//!
//! Needs the sizes of disks: the planner knows them from the host; a file alone tells them through
//! `disk_size` or the names of its disks.

use std::collections::BTreeMap;

use phoenix_zfs::size;
use phoenix_zfs::space::{self, DataVdev, Space};

use super::index;
use crate::code::Code;
use crate::diagnostic::Finding;
use crate::model::{Config, Dataset, DatasetKind, Pool};
use crate::pointer::Pointer;

/// How many terms of a sum a message shows.
const SHOWN: usize = 12;

/// What one dataset and everything below it may take.
#[derive(Debug)]
struct Claim {
    bytes: u64,
    /// The size as people read it.
    text: String,
    origin: Pointer,
}

/// A pool whose datasets may take more than it has.
#[derive(Debug)]
pub struct Overcommitted<'a> {
    /// The pool.
    pub pool: &'a Pool,
    /// What there is to say about it; the places are missing.
    pub finding: Finding,
    claims: Vec<Claim>,
}

/// Every pool whose datasets may take more than it has. `size_of` gives the size in bytes of the
/// disk with a path, if it is known; pools with an unknown disk are passed over.
pub fn check<'a>(
    config: &'a Config,
    size_of: &dyn Fn(&str) -> Option<u64>,
) -> Vec<Overcommitted<'a>> {
    let mut claims = claims(config);
    config
        .pools
        .iter()
        .filter_map(|pool| {
            let claims = claims.remove(pool.name.as_str())?;
            let vdevs = data_vdevs(pool, size_of)?;
            overcommitted(pool, &vdevs, claims)
        })
        .collect()
}

/// [`check`] with what the file itself tells about its disks, each claim with its place.
pub(super) fn check_offline(config: &Config) -> Vec<Finding> {
    let mut stated: BTreeMap<&str, u64> = BTreeMap::new();
    for pool in &config.pools {
        let disks = pool.vdevs.iter().flat_map(|vdev| &vdev.disks);
        stated.extend(disks.filter_map(|disk| Some((disk.path.as_str(), pool.disk_size?))));
    }
    let size_of = |path: &str| stated.get(path).copied().or_else(|| size_in_name(path));
    let found = check(config, &size_of).into_iter();
    found.map(Overcommitted::placed).collect()
}

impl Overcommitted<'_> {
    fn placed(self) -> Finding {
        self.claims.iter().fold(self.finding, |finding, claim| {
            finding.at(&claim.origin, size::decimal_and_binary(claim.bytes))
        })
    }
}

/// The size that a by-id name states, such as `.._2TB_..`: whole gigabytes as drives are sold.
///
/// Makers agree on the exact number of sectors for each size from 50 GB on (IDEMA LBA1-03).
fn size_in_name(path: &str) -> Option<u64> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let gigabytes = name.split(['_', '-', ' ']).find_map(|word| {
        let upper = word.to_ascii_uppercase();
        let (number, thousandths) = if let Some(number) = upper.strip_suffix("TB") {
            (number, 1_000_000)
        } else {
            (upper.strip_suffix("GB")?, 1000)
        };
        milli(number)?
            .checked_mul(thousandths)?
            .checked_div(1_000_000)
    })?;
    let above_50 = gigabytes
        .checked_sub(50)
        .filter(|_| gigabytes < 1_000_000)?;
    Some((97_696_368 + 1_953_504 * above_50) * 512)
}

/// A decimal number in thousandths: `1.92` is 1920.
fn milli(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > 3 || !digits(whole) || !digits(fraction) {
        return None;
    }
    format!("{whole}{fraction:0<3}").parse().ok()
}

/// What the datasets of each pool may take. A quota covers everything below its dataset.
fn claims(config: &Config) -> BTreeMap<&str, Vec<Claim>> {
    let quotas: BTreeMap<&str, &Dataset> = config
        .datasets
        .iter()
        .filter(|dataset| limit(dataset, "quota").is_some())
        .map(|dataset| (dataset.name.as_str(), dataset))
        .collect();
    let mut claims: BTreeMap<&str, Vec<Claim>> = BTreeMap::new();
    for dataset in &config.datasets {
        if index::ancestors(&dataset.name).any(|ancestor| quotas.contains_key(ancestor)) {
            continue;
        }
        if let Some(claim) = claim(dataset) {
            claims.entry(&dataset.pool).or_default().push(claim);
        }
    }
    claims
}

fn claim(dataset: &Dataset) -> Option<Claim> {
    if let DatasetKind::Volume { size: bytes, .. } = dataset.kind {
        return Some(Claim {
            bytes,
            text: size::human(bytes),
            origin: dataset.origin.key("volsize"),
        });
    }
    ["quota", "refquota"].into_iter().find_map(|name| {
        let bytes = limit(dataset, name)?;
        let property = dataset.properties.get(name)?;
        let is_bare = property.written.bytes().all(|byte| byte.is_ascii_digit());
        Some(Claim {
            bytes,
            text: if is_bare {
                size::human(bytes)
            } else {
                property.written.clone()
            },
            origin: property.origin.clone(),
        })
    })
}

/// A limit in bytes, unless it is "none".
fn limit(dataset: &Dataset, name: &str) -> Option<u64> {
    let stored = dataset.properties.get(name)?.stored.number();
    stored.filter(|bytes| *bytes > 0)
}

fn data_vdevs(pool: &Pool, size_of: &dyn Fn(&str) -> Option<u64>) -> Option<Vec<DataVdev>> {
    let vdevs = pool.vdevs.iter().map(|vdev| {
        let sizes = vdev.disks.iter().map(|disk| size_of(&disk.path));
        let disk_sizes = sizes.collect::<Option<Vec<_>>>()?;
        (!disk_sizes.is_empty()).then_some(DataVdev {
            level: vdev.level,
            disk_sizes,
        })
    });
    vdevs
        .collect::<Option<Vec<_>>>()
        .filter(|vdevs| !vdevs.is_empty())
}

fn overcommitted<'a>(
    pool: &'a Pool,
    vdevs: &[DataVdev],
    claims: Vec<Claim>,
) -> Option<Overcommitted<'a>> {
    let space = space::pool_space(vdevs, pool.ashift);
    let sum = claims
        .iter()
        .fold(0_u64, |sum, claim| sum.saturating_add(claim.bytes));
    if sum <= space.usable {
        return None;
    }
    let finding = Finding::warning(
        Code::CapacityOvercommitted,
        message(pool, vdevs, &space, &claims, sum),
    )
    .help(format!(
        "a quota is a limit, not a reservation, so this works until the disks are full; take {} \
         off the quotas, or use larger disks",
        size::decimal_and_binary(sum - space.usable)
    ));
    Some(Overcommitted {
        pool,
        finding,
        claims,
    })
}

fn message(pool: &Pool, vdevs: &[DataVdev], space: &Space, claims: &[Claim], sum: u64) -> String {
    let mut terms: Vec<String> = claims
        .iter()
        .take(SHOWN)
        .map(|claim| claim.text.clone())
        .collect();
    if let Some(more) = claims.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        terms.push(format!("{more} more"));
    }
    format!(
        "the quotas on pool \"{}\" exceed what its datasets can share by {}: {} = {}, but {} {} \
         {} after {} of slop space",
        pool.name,
        percent(sum - space.usable, space.usable),
        terms.join(" + "),
        size::decimal_and_binary(sum),
        disks(vdevs),
        if vdevs.len() == 1 { "leaves" } else { "leave" },
        size::decimal_and_binary(space.usable),
        size::decimal_and_binary(space.slop),
    )
}

/// The disks in words: `mirror of 2 disks of 2.00 TB (1.82 TiB)`.
fn disks(vdevs: &[DataVdev]) -> String {
    let mut kinds: Vec<(usize, String)> = Vec::new();
    for vdev in vdevs {
        let size = vdev.disk_sizes.iter().min().copied().unwrap_or(0);
        let size = size::decimal_and_binary(size);
        let kind = match vdev.disk_sizes.len() {
            1 => format!("{} disk of {size}", vdev.level),
            count => format!("{} of {count} disks of {size}", vdev.level),
        };
        match kinds.last_mut() {
            Some((count, last)) if *last == kind => *count += 1,
            _ => kinds.push((1, kind)),
        }
    }
    let words = kinds.into_iter().map(|(count, kind)| match count {
        1 => format!("a {kind}"),
        _ => format!("{count} times a {kind}"),
    });
    words.collect::<Vec<_>>().join(" and ")
}

fn percent(part: u64, whole: u64) -> String {
    let tenths = (u128::from(part) * 1000) / u128::from(whole.max(1));
    if tenths == 0 {
        return "less than 0.1 %".to_owned();
    }
    format!("{}.{} %", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_never_told_as_nothing() {
        assert_eq!(percent(1, 1_000_000), "less than 0.1 %");
        assert_eq!(percent(56, 1000), "5.6 %");
        assert_eq!(percent(1, 0), "100.0 %");
    }

    #[test]
    fn names_of_drives_tell_their_size() {
        let cases = [
            (
                "nvme-Samsung_SSD_990_PRO_2TB_SIM2TA0001",
                Some(2_000_398_934_016),
            ),
            (
                "nvme-Samsung_SSD_990_PRO_4TB_SIM4TC0003",
                Some(4_000_787_030_016),
            ),
            ("nvme-SAMSUNG_MZVLB512HBJQ-512GB_S1", Some(512_110_190_592)),
            ("ata-Crucial_CT1000-1tb-x", Some(1_000_204_886_016)),
            ("nvme-INTEL_1.92TB_1", Some(1_920_383_410_176)),
            ("nvme-Samsung_SSD_990_PRO_S1", None),
            ("nvme-x_TB_y", None),
            ("nvme-x_1.2345TB_y", None),
            ("nvme-x_32GB_y", None),
            ("nvme-x_99999999999999999999TB_y", None),
            ("nvme-x_2000000TB_y", None),
        ];
        for (name, bytes) in cases {
            assert_eq!(
                size_in_name(&format!("/dev/disk/by-id/{name}")),
                bytes,
                "{name}"
            );
        }
    }
}
