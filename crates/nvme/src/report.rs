//! The whole answer: every drive with its verdict, every pool with its own.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::DateTime;
use phoenix_zfs::vdev::VdevClass;
use schemars::JsonSchema;
use serde::Serialize;

use crate::drive::Drive;
use crate::finding::{Code, Finding, Status, sort, worst};
use crate::firmware::{self, Update};
use crate::history::{History, Past, Sample};
use crate::identity;
use crate::policy::{Policy, compare_revisions};
use crate::pool::{self, Loss, PoolFacts};
use crate::trend::{self, Trend};
use crate::trim::Trimmed;
use crate::verdict;

/// The version of the report's JSON.
pub const FORMAT: u32 = 1;

/// What a report is made of.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// The drives, as they were read.
    pub drives: Vec<Drive>,
    /// The imported pools.
    pub pools: Vec<PoolFacts>,
    /// Firmware on offer.
    pub updates: Vec<Update>,
    /// What could not be read beside the drives, in words.
    pub gaps: Vec<String>,
    /// The past.
    pub history: &'a History,
    /// The thresholds.
    pub policy: &'a Policy,
    /// When the drives were read.
    pub now: Timestamp,
}

/// The health of all drives and pools.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Report {
    /// The version of this format: 1.
    pub format: u32,
    /// When the drives were read.
    #[schemars(with = "String")]
    pub time: Timestamp,
    /// The worst of all statuses.
    pub status: Status,
    /// What to know beside the drives and pools that could be read, worst first.
    pub findings: Vec<Finding>,
    /// The drives, by name.
    pub drives: Vec<DriveReport>,
    /// The pools, by name.
    pub pools: Vec<PoolReport>,
}

/// One drive.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DriveReport {
    /// What it says.
    #[serde(flatten)]
    pub drive: Drive,
    /// The worst of its findings.
    pub status: Status,
    /// What to know about it, worst first.
    pub findings: Vec<Finding>,
    /// How it wears; absent without serial number or wear data.
    pub trend: Option<Trend>,
    /// Where it is in use.
    pub serves: Vec<Service>,
}

/// One place in a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Service {
    /// The pool.
    pub pool: String,
    /// The top-level vdev.
    pub vdev: String,
    /// What the vdev is for.
    pub class: VdevClass,
    /// What the death of the drive would cost.
    pub loss: Loss,
}

/// One pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PoolReport {
    /// Its name.
    pub name: String,
    /// ZFS's word for its health.
    pub health: String,
    /// The worst of its own findings and of its drives.
    pub status: Status,
    /// What to know about it as a whole, worst first.
    pub findings: Vec<Finding>,
    /// Whether autotrim is on, when that was read.
    pub autotrim: Option<bool>,
    /// What it has trimmed since it was imported, when that was read.
    pub trimmed: Option<Trimmed>,
    /// When the last trim by hand came to its end, in the host's local time.
    #[schemars(with = "Option<String>")]
    pub last_trim: Option<DateTime>,
    /// Its top-level vdevs.
    pub vdevs: Vec<VdevReport>,
}

/// One top-level vdev.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct VdevReport {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub class: VdevClass,
    /// Its disks, by kernel name.
    pub disks: Vec<String>,
    /// How many more of its disks may die.
    pub survives: usize,
}

/// Judges everything. Same facts, same report.
pub fn assess(facts: Facts<'_>) -> Report {
    let pools = pool_reports(&facts);
    let Facts {
        mut drives,
        updates,
        history,
        policy,
        now,
        gaps,
        pools: pool_facts,
    } = facts;
    identity::assign(&mut drives, history);
    drives.sort_by(|a, b| natural(&a.name, &b.name));
    let findings: Vec<Finding> = gaps.iter().map(|gap| unread_pools(gap)).collect();
    let drives: Vec<DriveReport> = drives
        .into_iter()
        .map(|drive| {
            let past = drive.key().map(|key| history.of(key)).unwrap_or_default();
            let trend = trend_of(&drive, &past, now);
            let mut findings = verdict::judge(&drive, policy, &past, trend.as_ref(), now);
            findings.extend(firmware::judge(&drive, policy, &updates));
            sort(&mut findings);
            let serves = services(&drive.name, &pool_facts);
            DriveReport {
                status: worst(&findings),
                drive,
                findings,
                trend,
                serves,
            }
        })
        .collect();
    let pools = with_members(pools, &drives);
    let statuses = drives
        .iter()
        .map(|drive| drive.status)
        .chain(pools.iter().map(|pool| pool.status));
    // Without a single drive nothing has been found healthy.
    let status = statuses.max().unwrap_or(Status::Unknown);
    Report {
        format: FORMAT,
        time: now,
        status,
        findings,
        drives,
        pools,
    }
}

/// `nvme2n1` before `nvme10n1`.
pub(crate) fn natural(a: &str, b: &str) -> std::cmp::Ordering {
    compare_revisions(a, b).then_with(|| a.cmp(b))
}

/// A remark: what the drives say of themselves holds without it.
fn unread_pools(gap: &str) -> Finding {
    let message = format!("which pools the drives serve is not fully known: {gap}");
    Finding::new(Status::Ok, Code::PoolsUnreadable, message)
        .help("the drives were judged all the same; see `zpool status`")
}

/// The JSON Schema (draft 2020-12) of [`Report`].
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Report).to_value()
}

impl DriveReport {
    /// What speaks against making a new pool on the drive: it is failing, or its firmware is known
    /// to harm it. `None` when nothing does. A user may overrule it by name.
    pub fn unfit(&self) -> Option<&Finding> {
        self.findings.iter().find(|finding| {
            finding.status == Status::Critical || finding.code == crate::Code::FirmwareKnownBad
        })
    }
}

/// The past with the present reading at its end.
fn trend_of(drive: &Drive, past: &Past, now: Timestamp) -> Option<Trend> {
    let present = Sample::of(drive, now)?;
    let mut samples: Vec<Sample> = past
        .samples
        .iter()
        .filter(|sample| sample.time < now)
        .cloned()
        .collect();
    samples.push(present);
    trend::trend(&samples)
}

fn services(name: &str, pools: &[PoolFacts]) -> Vec<Service> {
    let mut services = Vec::new();
    for pool in pools {
        for vdev in &pool.vdevs {
            if vdev.members.iter().any(|member| member.disk == name) {
                services.push(Service {
                    pool: pool.name.clone(),
                    vdev: vdev.name.clone(),
                    class: vdev.class,
                    loss: vdev.loss(),
                });
            }
        }
    }
    services
}

fn pool_reports(facts: &Facts<'_>) -> Vec<PoolReport> {
    let drives: BTreeMap<&str, &Drive> = facts
        .drives
        .iter()
        .map(|drive| (drive.name.as_str(), drive))
        .collect();
    let mut reports: Vec<PoolReport> = facts
        .pools
        .iter()
        .map(|pool| {
            let mut findings = pool::judge(pool, &drives, facts.policy);
            sort(&mut findings);
            PoolReport {
                name: pool.name.clone(),
                health: pool.health.clone(),
                status: worst(&findings),
                findings,
                autotrim: pool.autotrim,
                trimmed: pool.trimmed,
                last_trim: pool.last_trim(),
                vdevs: pool.vdevs.iter().map(vdev_report).collect(),
            }
        })
        .collect();
    reports.sort_by(|a, b| a.name.cmp(&b.name));
    reports
}

fn vdev_report(vdev: &pool::VdevFacts) -> VdevReport {
    VdevReport {
        name: vdev.name.clone(),
        class: vdev.class,
        disks: vdev
            .members
            .iter()
            .map(|member| member.disk.clone())
            .collect(),
        survives: vdev.survives(),
    }
}

fn with_members(mut pools: Vec<PoolReport>, drives: &[DriveReport]) -> Vec<PoolReport> {
    for pool in &mut pools {
        let members = drives
            .iter()
            .filter(|drive| drive.serves.iter().any(|s| s.pool == pool.name));
        let worst_member = members.map(|drive| drive.status).max().unwrap_or_default();
        pool.status = pool.status.max(worst_member);
    }
    pools
}
