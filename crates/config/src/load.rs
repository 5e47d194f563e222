//! From bytes to a configuration and everything that is wrong with it.
//!
//! Owns the order of the stages. Only text that is not JSON ends the work early: every later stage
//! takes what the earlier ones found wrong out of its way, so that one run shows all problems.

use std::collections::BTreeSet;

use camino::Utf8Path;
use serde::Deserialize;
use serde_json::Value;

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Finding, Label, Place, Severity};
use crate::file::File;
use crate::model::{BindMount, Config};
use crate::pointer::Pointer;
use crate::schema::Verdict;
use crate::source::{self, SourceFile};
use crate::{check, normalize, schema, suggest};

/// The largest file that is read, in bytes.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;

/// A file that has been read, right or wrong.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The file, for showing the diagnostics.
    pub source: SourceFile,
    /// Everything that was found, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
    config: Option<Config>,
}

impl Loaded {
    /// The configuration; `None` when there is any error.
    pub fn config(&self) -> Option<&Config> {
        self.config.as_ref()
    }

    /// Whether there is no error. Warnings do not count.
    pub fn is_valid(&self) -> bool {
        self.config.is_some()
    }

    /// The number of errors.
    pub fn error_count(&self) -> usize {
        self.count(Severity::Error)
    }

    /// The number of warnings.
    pub fn warning_count(&self) -> usize {
        self.count(Severity::Warning)
    }

    fn count(&self, severity: Severity) -> usize {
        let of_interest = |one: &&Diagnostic| one.severity == severity;
        self.diagnostics.iter().filter(of_interest).count()
    }
}

/// Reads the configuration `bytes`, which messages call `name`.
pub fn load(name: &str, bytes: &[u8]) -> Loaded {
    load_with(name, bytes, read)
}

/// Reads a second file, of which only the `mount_points` of its `lxc_configs` count, and adds them
/// to `base` as bind mounts. What `base` declares already in the same words is not added again.
///
/// The diagnostics and the origins of the added mounts are places in the second file.
pub fn load_lxc_configs(name: &str, bytes: &[u8], base: &Config) -> Loaded {
    load_with(name, bytes, |document| read_lxc_configs(document, base))
}

fn load_with(
    name: &str,
    bytes: &[u8],
    read: impl FnOnce(Value) -> (Config, Vec<Finding>),
) -> Loaded {
    let parsed = source::parse(name, bytes);
    let source = parsed.source;
    let mut diagnostics = parsed.diagnostics;
    let mut config = None;
    if parsed.is_json {
        let (read, findings) = read(parsed.value);
        diagnostics.extend(findings.into_iter().map(|one| resolve(&source, one)));
        config = Some(read);
    }
    diagnostics.sort_by(|a, b| order(a).cmp(&order(b)));
    diagnostics.dedup();
    let is_error = |one: &Diagnostic| one.severity == Severity::Error;
    if diagnostics.iter().any(is_error) {
        config = None;
    }
    Loaded {
        source,
        diagnostics,
        config,
    }
}

fn resolve(source: &SourceFile, finding: Finding) -> Diagnostic {
    let labels = finding.places.iter().map(|place| source.resolve(place));
    let mut labels: Vec<_> = labels.collect();
    if finding.code.is_historic() {
        // All places are alike, and maps have lost the order of the file.
        labels.sort_by_key(|label| label.offset);
    }
    Diagnostic {
        labels,
        code: finding.code,
        severity: finding.severity,
        message: finding.message,
        help: finding.help,
    }
}

/// By place; what has no place comes first.
fn order(diagnostic: &Diagnostic) -> (Option<usize>, Severity, Code, &str) {
    let first: Option<&Label> = diagnostic.labels.first();
    (
        first.map(|label| label.offset),
        diagnostic.severity,
        diagnostic.code,
        &diagnostic.message,
    )
}

/// The configuration that a JSON document declares, as far as it can be understood.
fn read(mut document: Value) -> (Config, Vec<Finding>) {
    let mut findings = near_misses(&document);
    let bare = is_bare_zfs(&document);
    if bare {
        document = serde_json::json!({ "zfs": document });
    }
    let Verdict {
        findings: wrong,
        removed,
    } = schema::check(&mut document);
    findings.extend(wrong);
    // Nobody owns `network`; historic NFS shares take their clients from it.
    let default_subnet = document
        .pointer("/network/default_subnet")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let has_pools = mentions_pools(&document, &removed);
    let file = typed(document, &mut findings);
    let (config, translated) = normalize::normalize(file, removed, default_subnet);
    findings.extend(translated);
    findings.extend(check::run(&config));
    if has_pools {
        // They could not be read, which has been said.
        findings.retain(|one| one.code != Code::PoolNone);
    }
    if bare {
        findings = findings.into_iter().map(without_zfs).collect();
        findings.push(bare_zfs());
    }
    (config, findings)
}

/// The base configuration with the bind mounts of another document's containers.
fn read_lxc_configs(mut document: Value, base: &Config) -> (Config, Vec<Finding>) {
    let verdict = schema::check(&mut document);
    let mut findings = verdict.findings;
    let file = typed(document, &mut findings);
    let (mounts, translated) =
        normalize::lxc_configs(file.lxc_configs, verdict.removed, &base.datasets);
    findings.extend(translated);

    let declared: BTreeSet<_> = base.mounts.iter().map(what_is_mounted).collect();
    let is_new = |mount: &BindMount| !declared.contains(&what_is_mounted(mount));
    let mut config = base.clone();
    config.mounts.extend(mounts.into_iter().filter(is_new));

    // The base has been checked by itself, and its places are in another file.
    let known = check::run(base);
    let section = Pointer::root().key("lxc_configs").key("");
    let is_here = |place: &Place| place.pointer.as_str().starts_with(section.as_str());
    let new = check::run(&config)
        .into_iter()
        .filter(|finding| !known.contains(finding));
    for mut finding in new {
        finding.places.retain(is_here);
        if !finding.places.is_empty() {
            findings.push(finding);
        }
    }
    (config, findings)
}

fn what_is_mounted(mount: &BindMount) -> (u32, &str, &Utf8Path) {
    (mount.container, &mount.target, &mount.host_path)
}

/// The document as the file's types; what the schema rejects has been taken out before.
fn typed(document: Value, findings: &mut Vec<Finding>) -> File {
    // Following the path to every value costs more than reading it, and is hardly ever needed.
    if let Ok(file) = Option::<File>::deserialize(&document) {
        return file.unwrap_or_default();
    }
    match serde_path_to_error::deserialize::<_, Option<File>>(document) {
        Ok(file) => file.unwrap_or_default(),
        Err(error) => {
            findings.push(unreadable(&error));
            File::default()
        }
    }
}

/// Whether the file says something about pools, be it wrong.
fn mentions_pools(document: &Value, removed: &BTreeSet<Pointer>) -> bool {
    let pools = document.pointer("/zfs/pools").and_then(Value::as_array);
    let zfs = Pointer::root().key("zfs");
    pools.is_some_and(|list| !list.is_empty())
        || [Pointer::root(), zfs.key("pools"), zfs]
            .iter()
            .any(|at| removed.contains(at))
}

/// Top-level keys that are no section of phoenix but look like one.
fn near_misses(document: &Value) -> Vec<Finding> {
    const SECTIONS: [&str; 4] = ["bind_mounts", "nfs", "nvme", "zfs"];
    let keys = document.as_object().into_iter().flat_map(|map| map.keys());
    keys.filter(|key| !SECTIONS.contains(&key.as_str()))
        .filter_map(|key| {
            let near = suggest::nearest(key, SECTIONS)?;
            Some(
                Finding::warning(
                    Code::SchemaUnknownKey,
                    format!("the section `{key}` is not read; it looks like `{near}`"),
                )
                .help(format!(
                    "rename it to `{near}` if that is meant; other tools' sections are left alone"
                ))
                .at_key(&Pointer::root().key(key), "not a section of phoenix"),
            )
        })
        .collect()
}

/// Whether the document is the `zfs` section by itself, as one era of scripts piped it.
fn is_bare_zfs(document: &Value) -> bool {
    let has_list = |key| document.get(key).is_some_and(Value::is_array);
    document.get("zfs").is_none() && (has_list("pools") || has_list("datasets"))
}

fn bare_zfs() -> Finding {
    Finding::warning(
        Code::HistoricBareZfs,
        "the file is a bare `zfs` section without the key around it",
    )
    .help("write {\"zfs\": {\"pools\": [..], \"datasets\": [..]}}")
    .at_key(&Pointer::root(), "taken as the `zfs` section")
}

/// Moves the places of a finding from the wrapped document to the one in the file.
fn without_zfs(mut finding: Finding) -> Finding {
    for place in &mut finding.places {
        let pointer = place.pointer.as_str();
        let moved = pointer.strip_prefix("/zfs").unwrap_or(pointer);
        place.pointer = Pointer::new(moved);
    }
    finding
}

/// A value that the schema lets pass and the types do not, such as a number beyond 32 bits.
fn unreadable(error: &serde_path_to_error::Error<serde_json::Error>) -> Finding {
    use serde_path_to_error::Segment;
    let mut pointer = Pointer::root();
    for segment in error.path() {
        pointer = match segment {
            Segment::Seq { index } => pointer.index(*index),
            Segment::Map { key } | Segment::Enum { variant: key } => pointer.key(key),
            Segment::Unknown => pointer,
        };
    }
    Finding::error(
        Code::SchemaInvalidValue,
        format!("this value cannot be read: {}", error.inner()),
    )
    .help("see `phoenix schema` for what is allowed here")
    .at(&pointer, "not readable")
}
