//! Which pools the drives serve, out of what ZFS says. Each question has little time, and one that is
//! not answered costs what it asked for and nothing else.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use phoenix_host::command::Command;
use phoenix_host::{Host, HostError};
use phoenix_tools::disk::{self, Inventory};
use phoenix_tools::parallel;
use phoenix_tools::zfs::{ZfsFailure, classify};
use phoenix_tools::zpool::{self, PoolRow, PoolStatus};
use phoenix_zfs::property::Value;

use super::kernel_text;
use crate::commands::{self, asked_of_pools};
use crate::pool::{Member, PoolFacts, VdevFacts};
use crate::trim::{self, Trim};

/// The whole NVMe disks, by kernel name.
pub fn nvme_drives(inventory: &Inventory) -> Vec<String> {
    let disks = inventory.whole_disks().filter(|disk| {
        disk.tran.as_deref() == Some("nvme") || disk.kernel_name.starts_with("nvme")
    });
    disks.map(|disk| disk.kernel_name.clone()).collect()
}

/// The imported pools, their members resolved to whole disks, and what could not be read of them.
/// Properties and TRIM remarks that cannot be read stay unknown.
pub(super) fn read(host: &dyn Host) -> (Vec<PoolFacts>, Vec<String>) {
    let (rows, links) = parallel::both(|| rows(host), || links(host));
    let (rows, mut gaps) = match rows {
        Ok(rows) => (rows, Vec::new()),
        Err(gap) => (Vec::new(), vec![gap]),
    };
    let links = links.unwrap_or_else(|gap| {
        gaps.push(gap);
        BTreeMap::new()
    });
    let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    let (layouts, properties) = parallel::both(
        || parallel::each(&rows, |row| layout(host, &row.name, &links)),
        || properties(host, &names),
    );
    let mut pools = Vec::new();
    for (row, layout) in rows.iter().zip(layouts) {
        let property = |name: &str| properties.get(&(row.name.clone(), name.to_owned()));
        let ashift = property("ashift").and_then(|value| u8::try_from(value.number()?).ok());
        pools.push(PoolFacts {
            name: row.name.clone(),
            health: row.health.clone(),
            autotrim: property("autotrim").map(|value| *value == Value::Switch(true)),
            // 0 means that ZFS chose per vdev.
            ashift: ashift.filter(|ashift| *ashift > 0),
            trimmed: host
                .read_file(&trim::counters_path(&row.name))
                .ok()
                .flatten()
                .and_then(|text| trim::parse_counters(&text)),
            vdevs: layout.unwrap_or_else(|gap| {
                gaps.push(gap);
                Vec::new()
            }),
        });
    }
    (pools, gaps)
}

fn answer(host: &dyn Host, command: &Command) -> Result<String, String> {
    let output = host.run(command).map_err(|error| error.to_string())?;
    match output.check(command) {
        Ok(text) => Ok(text.to_owned()),
        Err(failed) => Err(failed.to_string()),
    }
}

/// A host without ZFS, or without its kernel module, has no pools.
fn rows(host: &dyn Host) -> Result<Vec<PoolRow>, String> {
    let command = asked_of_pools(zpool::list());
    let output = match host.run(&command) {
        Err(HostError::NotInstalled { .. }) => return Ok(Vec::new()),
        output => output.map_err(|error| error.to_string())?,
    };
    match output.check(&command) {
        Ok(text) => zpool::parse_list(text).map_err(|error| error.to_string()),
        Err(failed) if classify(&failed) == ZfsFailure::ModuleMissing => Ok(Vec::new()),
        Err(failed) => Err(failed.to_string()),
    }
}

/// Kernel names by link.
fn links(host: &dyn Host) -> Result<BTreeMap<Utf8PathBuf, String>, String> {
    let command = asked_of_pools(disk::links());
    let output = host.run(&command).map_err(|error| error.to_string())?;
    // Without udev there is no directory, and so no link.
    let without_udev =
        output.code == Some(1) && output.stderr.contains("No such file or directory");
    if !without_udev && let Err(failed) = output.check(&command) {
        return Err(failed.to_string());
    }
    disk::parse_links(&output.stdout).map_err(|error| error.to_string())
}

/// Values by pool and property.
fn properties(host: &dyn Host, pools: &[&str]) -> BTreeMap<(String, String), Value> {
    if pools.is_empty() {
        return BTreeMap::new();
    }
    let command = asked_of_pools(zpool::get(&["autotrim", "ashift"], pools));
    let output = host.run(&command).ok();
    let rows = output
        .and_then(|output| zpool::parse_get(&output.stdout).ok())
        .unwrap_or_default();
    rows.into_iter()
        .map(|row| ((row.name, row.property), row.value))
        .collect()
}

/// A suspended pool is not asked, because that can hang for ever.
fn layout(
    host: &dyn Host,
    pool: &str,
    links: &BTreeMap<Utf8PathBuf, String>,
) -> Result<Vec<VdevFacts>, String> {
    let state = kernel_text(host, &format!("/proc/spl/kstat/zfs/{pool}/state"));
    if state.as_deref() == Some("SUSPENDED") {
        return Err(format!("pool {pool} is suspended"));
    }
    let (status, trims) = parallel::both(
        || answer(host, &asked_of_pools(zpool::status(pool))),
        || answer(host, &commands::trim_status(pool)),
    );
    let trims = trims
        .map(|text| trim::parse_status(&text))
        .unwrap_or_default();
    let layout = zpool::parse_status(&status?).map_err(|error| error.to_string())?;
    Ok(vdevs(&layout, links, &trims))
}

fn vdevs(
    layout: &PoolStatus,
    links: &BTreeMap<Utf8PathBuf, String>,
    trims: &BTreeMap<String, Trim>,
) -> Vec<VdevFacts> {
    let member = |disk: &zpool::DiskStatus| Member {
        disk: whole_disk(Utf8Path::new(&disk.path), links),
        state: disk.state.clone(),
        trim: trims.get(&disk.path).copied(),
    };
    layout
        .vdevs
        .iter()
        .map(|vdev| {
            let members: Vec<Member> = vdev.disks.iter().map(member).collect();
            // A single disk is its own vdev: its short name says more than its path.
            let alone = members.first().filter(|_| vdev.name.starts_with('/'));
            VdevFacts {
                class: vdev.class,
                kind: vdev.kind.clone(),
                name: alone.map_or_else(|| vdev.name.clone(), |member| member.disk.clone()),
                members,
            }
        })
        .collect()
}

/// The kernel's name of the disk that a member lies on. A disk that is gone keeps the last part of the
/// name that ZFS prints.
fn whole_disk(path: &Utf8Path, links: &BTreeMap<Utf8PathBuf, String>) -> String {
    let printed = path.file_name().unwrap_or(path.as_str());
    let Some(device) = links.get(path).map(String::as_str).or_else(|| {
        let below_dev = path.parent().is_some_and(|parent| parent == "/dev");
        below_dev.then_some(printed)
    }) else {
        return printed.to_owned();
    };
    let stem = device.trim_end_matches(|c: char| c.is_ascii_digit());
    let numbered = stem.len() < device.len();
    let of_nvme = stem
        .strip_suffix('p')
        .filter(|disk| disk.ends_with(|c: char| c.is_ascii_digit()));
    match of_nvme {
        Some(disk) if numbered => disk.to_owned(),
        _ if numbered && stem.starts_with("sd") => stem.to_owned(),
        _ => device.to_owned(),
    }
}
