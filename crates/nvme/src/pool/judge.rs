//! The verdict on one pool.

use std::collections::{BTreeMap, BTreeSet};

use crate::drive::Drive;
use crate::finding::{Code, Finding, Status};
use crate::policy::Policy;
use crate::trim;

use super::{PoolFacts, VdevFacts};

/// Everything to say about a pool as a whole. `drives` are by kernel name.
pub fn judge(pool: &PoolFacts, drives: &BTreeMap<&str, &Drive>, policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(health(pool));
    for vdev in &pool.vdevs {
        findings.extend(failed_members(pool, vdev));
        if vdev.carries_the_pool() && vdev.tolerance() > 0 {
            let worn = members(vdev, drives);
            findings.extend(worn_together(pool, vdev, &worn, policy));
            findings.extend(mixed_firmware(vdev, &worn));
        }
    }
    findings.extend(trim::judge(pool, drives));
    findings
}

fn health(pool: &PoolFacts) -> Option<Finding> {
    let (name, health) = (&pool.name, &pool.health);
    if health == "ONLINE" {
        return None;
    }
    let message = format!("pool {name} is {health}");
    let finding = Finding::new(Status::Critical, Code::PoolHealth, message);
    Some(finding.help(format!("see `zpool status -v {name}`")))
}

/// A drive that is gone answers no question about its health: only ZFS still knows of it.
fn failed_members(pool: &PoolFacts, vdev: &VdevFacts) -> Option<Finding> {
    let failed: Vec<String> = vdev
        .members
        .iter()
        .filter(|member| !member.works())
        .map(|member| format!("{} ({})", member.disk, member.state))
        .collect();
    if failed.is_empty() {
        return None;
    }
    let message = format!(
        "{} of {} does not work: {}",
        vdev.name,
        pool.name,
        failed.join(", ")
    );
    let help = format!("replace it: `zpool replace {} OLD NEW`", pool.name);
    Some(Finding::new(Status::Critical, Code::MemberFailed, message).help(help))
}

fn members<'a>(vdev: &VdevFacts, drives: &BTreeMap<&str, &'a Drive>) -> Vec<&'a Drive> {
    let working = vdev.members.iter().filter(|member| member.works());
    working
        .filter_map(|member| drives.get(member.disk.as_str()).copied())
        .collect()
}

fn used(drive: &Drive) -> Option<u64> {
    drive
        .health
        .as_ref()
        .filter(|health| health.reports_wear())?
        .percentage_used
}

/// Redundancy helps against drives that fail one by one. Drives of one age under the same writes
/// do not: two halves of a mirror were found dead at 104 % and 130 % on the same day
/// (AnalogJ/scrutiny issue 203).
fn worn_together(
    pool: &PoolFacts,
    vdev: &VdevFacts,
    drives: &[&Drive],
    policy: &Policy,
) -> Option<Finding> {
    let mut by_wear: Vec<(u64, &str)> = drives
        .iter()
        .filter_map(|drive| Some((used(drive)?, drive.name.as_str())))
        .collect();
    by_wear.sort_unstable_by(|a, b| b.cmp(a));
    let (most, _) = *by_wear.first()?;
    // The first drive that the vdev could not lose any more.
    let (decisive, _) = *by_wear.get(vdev.survives())?;
    let worn: Vec<String> = by_wear
        .iter()
        .take(vdev.survives() + 1)
        .map(|(used, name)| format!("{name} {used} %"))
        .collect();
    let worn = worn.join(", ");
    let place = format!("{} of {}", vdev.name, pool.name);
    if decisive >= policy.wear_critical_percent {
        let message =
            format!("{place} has worn out as a whole ({worn}): its redundancy protects nothing");
        let help = "replace one drive now and the next after the resilver; back up first";
        return Some(Finding::new(Status::Critical, Code::WornTogether, message).help(help));
    }
    let together = decisive >= policy.worn_together_percent
        && most - decisive <= policy.worn_together_spread_percent;
    together.then(|| {
        let message =
            format!("{place} wears out together ({worn}): its drives are likely to fail together");
        let help = "replace one of them early, so that they no longer age in step";
        Finding::new(Status::Warning, Code::WornTogether, message).help(help)
    })
}

fn mixed_firmware(vdev: &VdevFacts, drives: &[&Drive]) -> Option<Finding> {
    let mut by_model: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for drive in drives {
        if let (Some(model), Some(firmware)) = (&drive.model, &drive.firmware) {
            by_model.entry(model).or_default().insert(firmware);
        }
    }
    let (model, revisions) = by_model
        .into_iter()
        .find(|(_, revisions)| revisions.len() > 1)?;
    let revisions: Vec<&str> = revisions.into_iter().collect();
    let message = format!(
        "the {model} drives of {} run different firmware: {}",
        vdev.name,
        revisions.join(", ")
    );
    let help = "bring them to the same revision, one after the other";
    Some(Finding::new(Status::Warning, Code::FirmwareMismatch, message).help(help))
}
