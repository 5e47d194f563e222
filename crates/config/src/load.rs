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
use crate::normalize::Ahead;
use crate::pointer::Pointer;
use crate::schema::Verdict;
use crate::sections::{self, Sections};
use crate::source::{self, SourceFile};
use crate::{check, normalize, schema, stream};

/// The largest file that is read, in bytes: room for a million datasets.
pub const MAX_BYTES: usize = 256 * 1024 * 1024;

/// A file that has been read, right or wrong.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The file, for showing the diagnostics.
    pub source: SourceFile,
    /// Everything that was found, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
    /// Which of its top-level keys are read, as far as it is JSON.
    pub sections: Sections,
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
    load_owned(name, bytes.to_vec())
}

/// As [`load`], for who needs the bytes for nothing else: they are the text of [`Loaded::source`].
pub fn load_owned(name: &str, bytes: Vec<u8>) -> Loaded {
    let source = match source::open(name, bytes) {
        Ok(source) => source,
        Err(stopped) => return stopped_at(*stopped),
    };
    match read_ahead(source.text()) {
        Some(read) => finish(source, Vec::new(), Some(read)),
        None => load_with(source, read),
    }
}

/// Reads a second file, of which only the `mount_points` of its `lxc_configs` count, and adds them
/// to `base` as bind mounts. What `base` declares already in the same words is not added again.
///
/// The diagnostics and the origins of the added mounts are places in the second file.
pub fn load_lxc_configs(name: &str, bytes: &[u8], base: &Config) -> Loaded {
    match source::open(name, bytes.to_vec()) {
        Ok(source) => load_with(source, |document| read_lxc_configs(document, base)),
        Err(stopped) => stopped_at(*stopped),
    }
}

fn stopped_at((source, diagnostic): (SourceFile, Diagnostic)) -> Loaded {
    finish(source, vec![diagnostic], None)
}

/// What a document says, and everything that is wrong with it.
struct Read {
    config: Config,
    findings: Vec<Finding>,
    sections: Sections,
}

/// The thorough way, which finds everything that is wrong.
fn load_with(source: SourceFile, read: impl FnOnce(Value) -> Read) -> Loaded {
    let parsed = source::parse(source);
    let read = parsed.is_json.then(|| read(parsed.value));
    finish(parsed.source, parsed.diagnostics, read)
}

fn finish(source: SourceFile, mut diagnostics: Vec<Diagnostic>, read: Option<Read>) -> Loaded {
    let mut config = None;
    let mut sections = Sections::default();
    if let Some(read) = read {
        let findings = read.findings.into_iter();
        diagnostics.extend(findings.map(|one| resolve(&source, one)));
        config = Some(read.config);
        sections = read.sections;
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
        sections,
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

/// The configuration of a text in which nothing stops anybody, read while its datasets come in.
/// `None` is for everything that has to be looked at as a whole.
fn read_ahead(text: &str) -> Option<Read> {
    let mut ahead = Ahead::default();
    let document = stream::read(text, &mut |index, dataset| ahead.push(index, dataset))?;
    // The first stands for more than it says; the second says something about every dataset.
    if is_bare_zfs(&document) || document.get("proxmox_storage_ids").is_some() {
        return None;
    }
    let mut findings = sections::findings(&document);
    let file = Option::<File>::deserialize(&document).ok()??;
    let config = translated(&document, file, ahead, BTreeSet::new(), &mut findings);
    Some(Read {
        config,
        findings,
        sections: Sections::of(&document),
    })
}

/// The configuration that a JSON document declares, as far as it can be understood.
fn read(mut document: Value) -> Read {
    let mut findings = sections::findings(&document);
    let mut sections = Sections::of(&document);
    let bare = is_bare_zfs(&document);
    if bare {
        findings.clear();
        sections = Sections::bare_zfs();
        document = serde_json::json!({ "zfs": document });
    }
    let Verdict {
        findings: wrong,
        removed,
    } = schema::check(&mut document);
    findings.extend(wrong);
    let file = typed(&document, &mut findings);
    let config = translated(&document, file, Ahead::default(), removed, &mut findings);
    if bare {
        findings = findings.into_iter().map(without_zfs).collect();
        findings.push(bare_zfs());
    }
    Read {
        config,
        findings,
        sections,
    }
}

/// The model of a file, with what is wrong with it when all of it is known.
fn translated(
    document: &Value,
    file: File,
    ahead: Ahead,
    removed: BTreeSet<Pointer>,
    findings: &mut Vec<Finding>,
) -> Config {
    // They could not be read, which has been said.
    let has_pools = mentions_pools(document, &removed);
    let (config, found) = normalize::normalize(file, ahead, removed, default_subnet(document));
    let found = found.into_iter().chain(check::run(&config));
    findings.extend(found.filter(|one| !(has_pools && one.code == Code::PoolNone)));
    sections::without_what_follows(document, findings);
    config
}

/// Nobody owns `network`; historic NFS shares take their clients from it.
fn default_subnet(document: &Value) -> Option<String> {
    let subnet = document.pointer("/network/default_subnet")?;
    subnet.as_str().map(str::to_owned)
}

/// The base configuration with the bind mounts of another document's containers.
fn read_lxc_configs(mut document: Value, base: &Config) -> Read {
    let sections = Sections::of(&document);
    let verdict = schema::check(&mut document);
    let mut findings = verdict.findings;
    let file = typed(&document, &mut findings);
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
    let is_here = |place: &Place| place.pointer.text().starts_with(&*section.text());
    let new = check::run(&config)
        .into_iter()
        .filter(|finding| !known.contains(finding));
    for mut finding in new {
        finding.places.retain(is_here);
        if !finding.places.is_empty() {
            findings.push(finding);
        }
    }
    Read {
        config,
        findings,
        sections,
    }
}

fn what_is_mounted(mount: &BindMount) -> (u32, &str, &Utf8Path) {
    (mount.container, &mount.target, &mount.host_path)
}

/// The document as the file's types; what the schema rejects has been taken out before.
fn typed(document: &Value, findings: &mut Vec<Finding>) -> File {
    // Following the path to every value costs more than reading it, and is hardly ever needed.
    if let Ok(file) = Option::<File>::deserialize(document) {
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
        let pointer = place.pointer.text();
        let moved = pointer.strip_prefix("/zfs").unwrap_or(&pointer);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn thorough(text: &str) -> Loaded {
        load_with(source::open("test.json", text.into()).unwrap(), read)
    }

    /// A file in the styles of several eras, with more datasets than are checked at a time.
    fn historic() -> String {
        let datasets: Vec<_> = (0..200)
            .map(|number| {
                format!(
                    r#"{{"name": "a/d{number}", "properties": "quota=1G,sync=always", "storage_class": "x"}}"#
                )
            })
            .collect();
        format!(
            r#"{{"zfs": {{"datasets": [{}], "pools": [{{"name": "a", "raid_level": "single",
                "disks": ["nvme-A"], "root_properties": "compression=zstd"}}]}}, "nsf": 1}}"#,
            datasets.join(",")
        )
    }

    #[test]
    fn both_ways_through_a_file_find_the_same() {
        let exhaustive = include_str!("../../../schema/examples/exhaustive.json");
        let users = include_str!("../../../schema/examples/quickos-fastdata.json");
        let historic = historic();
        for text in [
            exhaustive,
            users,
            &historic,
            "{}",
            r#"{"zfs": {"pools": []}}"#,
        ] {
            assert!(read_ahead(text).is_some(), "{text}");
            let (short, long) = (load("test.json", text.as_bytes()), thorough(text));
            assert_eq!(short.diagnostics, long.diagnostics, "{text}");
            assert_eq!(short.config(), long.config(), "{text}");
        }
        assert_eq!(thorough(&historic).config().unwrap().datasets.len(), 200);
    }

    #[test]
    fn what_is_odd_goes_the_thorough_way() {
        let text = historic();
        let last = r#""name": "a/d199""#;
        for (odd, code) in [
            (
                text.replace(last, r#""name": 7"#),
                "phoenix::schema::wrong-type",
            ),
            (
                text.replace(last, r#""name": "a/d199", "name": "a/d199""#),
                "phoenix::schema::duplicate-key",
            ),
            (
                text.replace(r#""nsf": 1"#, r#""proxmox_storage_ids": {"a_d1": "x"}"#),
                "phoenix::historic::storage-ids",
            ),
            (
                r#"{"datasets": []}"#.to_owned(),
                "phoenix::historic::bare-zfs",
            ),
            (format!("{text},"), "phoenix::syntax::json"),
        ] {
            assert!(read_ahead(&odd).is_none(), "{code}");
            let loaded = load("test.json", odd.as_bytes());
            assert_eq!(loaded.diagnostics, thorough(&odd).diagnostics);
            let codes = loaded.diagnostics.iter().map(|one| one.code.as_str());
            assert!(codes.into_iter().any(|found| found == code), "{code}");
        }
    }
}
