//! The top-level keys of a file: which of them phoenix reads, and which look as if it should.
//!
//! A file may hold other tools' sections, so a foreign key is no mistake. But nothing is right by not
//! being read: who compares a file with a host says what of it was read.

use serde_json::Value;

use crate::code::Code;
use crate::diagnostic::{Finding, Severity};
use crate::pointer::Pointer;
use crate::suggest;

/// The sections that a file is written with today.
const SECTIONS: [&str; 4] = ["bind_mounts", "nfs", "nvme", "zfs"];

/// The sections of older files, which are translated.
const HISTORIC: [&str; 3] = ["lxc_configs", "proxmox_storage_ids", "shared_volumes"];

/// What people call sections that phoenix has by another name, with where that stands.
const ELSEWHERE: [(&str, &str); 17] = [
    ("acl", "the `permissions` of a dataset"),
    ("arc", "`zfs.arc_max`"),
    ("arc_max", "`zfs.arc_max`"),
    ("datasets", "`zfs.datasets`"),
    ("exports", "`nfs.exports`"),
    ("mount_points", "`bind_mounts`"),
    ("mountpoints", "`bind_mounts`"),
    ("mounts", "`bind_mounts`"),
    ("nfs_exports", "`nfs.exports`"),
    ("nfs_shares", "`nfs.exports`"),
    ("permissions", "the `permissions` of a dataset"),
    ("pools", "`zfs.pools`"),
    ("proxmox_storages", "the `storage` of a dataset"),
    ("shares", "`nfs.exports`"),
    ("storage", "the `storage` of a dataset"),
    ("storages", "the `storage` of a dataset"),
    ("zpools", "`zfs.pools`"),
];

/// The top-level keys of a file, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sections {
    /// What phoenix reads.
    pub read: Vec<String>,
    /// What it leaves to others. `$schema` is for editors and in neither list.
    pub not_read: Vec<String>,
}

impl Sections {
    /// The sections of a document.
    pub(crate) fn of(document: &Value) -> Self {
        let mut sections = Self::default();
        for key in keys(document).filter(|key| *key != "$schema") {
            let list = if is_read(key) || is_network(document, key) {
                &mut sections.read
            } else {
                &mut sections.not_read
            };
            list.push(key.to_owned());
        }
        sections.read.sort();
        sections.not_read.sort();
        sections
    }

    /// The sections of a file that is the `zfs` section by itself.
    pub(crate) fn bare_zfs() -> Self {
        Self {
            read: vec!["zfs".to_owned()],
            not_read: Vec::new(),
        }
    }
}

fn keys(document: &Value) -> impl Iterator<Item = &str> {
    let map = document.as_object();
    map.into_iter()
        .flat_map(|map| map.keys())
        .map(String::as_str)
}

fn is_read(key: &str) -> bool {
    SECTIONS.contains(&key) || HISTORIC.contains(&key)
}

/// Nobody owns `network`; historic shares take their clients from it.
fn is_network(document: &Value, key: &str) -> bool {
    key == "network" && document.pointer("/network/default_subnet").is_some()
}

/// What is odd about the top-level keys.
pub(crate) fn findings(document: &Value) -> Vec<Finding> {
    if is_saved_plan(document) {
        return vec![saved_plan()];
    }
    keys(document)
        .filter(|key| !is_read(key))
        .filter_map(misnamed)
        .collect()
}

/// A key that looks like a section of phoenix.
fn misnamed(key: &str) -> Option<Finding> {
    let at = Pointer::root().key(key);
    let other_tools = "other tools' sections are left alone";
    if let Some((_, place)) = ELSEWHERE
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(key))
    {
        let message = format!("the section `{key}` is not read; that stands in {place}");
        return Some(
            Finding::warning(Code::SchemaUnknownKey, message)
                .help(format!(
                    "move it to {place} if that is meant; {other_tools}"
                ))
                .at_key(&at, "not a section of phoenix"),
        );
    }
    let near = suggest::nearest(key, SECTIONS)?;
    let message = format!("the section `{key}` is not read; it looks like `{near}`");
    Some(
        Finding::warning(Code::SchemaUnknownKey, message)
            .help(format!(
                "rename it to `{near}` if that is meant; {other_tools}"
            ))
            .at_key(&at, "not a section of phoenix"),
    )
}

/// Takes out what only follows from a misspelt `zfs`, which then counts as the error that it is, or from
/// the file being no configuration.
pub(crate) fn without_what_follows(document: &Value, findings: &mut Vec<Finding>) {
    let misspelt = keys(document).find(|key| is_misspelt_zfs(document, key));
    if misspelt.is_none() && !is_saved_plan(document) {
        return;
    }
    let follows = |one: &Finding| {
        matches!(
            one.code,
            Code::DatasetUnknownPool | Code::ReferenceUnknownDataset
        )
    };
    let at = misspelt.map(|key| Pointer::root().key(key));
    if findings.iter().any(follows) {
        let is_it = |one: &&mut Finding| {
            one.places
                .iter()
                .any(|place| Some(&place.pointer) == at.as_ref())
        };
        for one in findings.iter_mut().filter(is_it) {
            one.severity = Severity::Error;
        }
    }
    findings.retain(|one| !follows(one) && one.code != Code::PoolNone);
}

fn is_misspelt_zfs(document: &Value, key: &str) -> bool {
    document.get("zfs").is_none() && !is_read(key) && suggest::nearest(key, SECTIONS) == Some("zfs")
}

/// Whether the document is what `phoenix plan --out` writes.
fn is_saved_plan(document: &Value) -> bool {
    let keys = ["format", "id", "node", "steps", "summary"];
    keys.iter().all(|key| document.get(key).is_some())
}

fn saved_plan() -> Finding {
    Finding::error(
        Code::SchemaNoConfiguration,
        "this is a saved plan, not a configuration",
    )
    .help(
        "`phoenix apply FILE` carries it out; everything else needs the file that it was made from",
    )
    .at(&Pointer::root(), "a plan of `phoenix plan --out`")
}
