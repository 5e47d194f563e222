//! The limit of the ZFS read cache (ARC): now, in the kernel, and for the next boot, in
//! modprobe's configuration.

use crate::parse::ParseError;

/// The running module's limit in bytes; 0 is the module's default. The kernel takes a value that
/// it then ignores (below 64 MiB, above memory, below the floor), so only [`ARCSTATS_FILE`] says
/// what is in force (OpenZFS `module/zfs/arc.c`, `arc_tuning_update`).
pub const ARC_MAX_PARAMETER: &str = "/sys/module/zfs/parameters/zfs_arc_max";

/// The running module's floor in bytes; 0 is the module's default.
pub const ARC_MIN_PARAMETER: &str = "/sys/module/zfs/parameters/zfs_arc_min";

/// What is in force.
pub const ARCSTATS_FILE: &str = "/proc/spl/kstat/zfs/arcstats";

/// The file that tells the module its limit when it is loaded. Proxmox's installer writes it too
/// (pve-docs, `local-zfs.adoc`).
pub const MODPROBE_FILE: &str = "/etc/modprobe.d/zfs.conf";

/// The directory of all such files (modprobe.d(5)). The limit of the last one in the order of their names
/// wins, seen with `modprobe -c` of kmod 30.
pub const MODPROBE_DIR: &str = "/etc/modprobe.d";

/// How the names of its files end that count.
pub const MODPROBE_ENDING: &str = ".conf";

/// What the kernel was started with. modprobe reads it after its files, so that it always wins.
pub const CMDLINE_FILE: &str = "/proc/cmdline";

const OPTION: &str = "zfs_arc_max";

/// The limits in force and the size, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArcStats {
    /// The limit.
    pub c_max: u64,
    /// The floor.
    pub c_min: u64,
    /// What the cache holds.
    pub size: u64,
}

/// Reads [`ARCSTATS_FILE`].
///
/// # Errors
/// When one of the three numbers is missing.
pub fn parse_arcstats(text: &str) -> Result<ArcStats, ParseError> {
    let number = |name: &str| {
        text.lines()
            .map(str::split_whitespace)
            .find_map(|mut fields| (fields.next() == Some(name)).then(|| fields.nth(1)))
            .flatten()
            .and_then(|value| value.parse().ok())
            .ok_or_else(|| {
                let first = text.lines().next().unwrap_or("");
                ParseError::new(ARCSTATS_FILE, first, format!("it has no number {name}"))
            })
    };
    Ok(ArcStats {
        c_max: number("c_max")?,
        c_min: number("c_min")?,
        size: number("size")?,
    })
}

/// The limit that modprobe's configuration sets, in bytes; the last one wins, as in modprobe.
pub fn modprobe_limit(text: &str) -> Option<u64> {
    let value = |word: Word<'_>| number(word.text.strip_prefix(OPTION)?.strip_prefix('=')?);
    zfs_options(text).into_iter().filter_map(value).next_back()
}

/// The limit that the kernel's command line sets, in bytes.
pub fn cmdline_limit(text: &str) -> Option<u64> {
    let value = |word: &str| {
        let (name, value) = word.strip_prefix("zfs.")?.split_once('=')?;
        // The kernel takes either (`kernel/params.c`, `parameq`).
        let ours = name.replace('-', "_") == OPTION;
        ours.then(|| number(value)).flatten()
    };
    text.split_whitespace().filter_map(value).next_back()
}

/// A module parameter as the kernel reads it (`kstrtoull` with base 0), in quotes or not.
fn number(text: &str) -> Option<u64> {
    let text = text.trim_matches('"');
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// modprobe's configuration with another limit. Nothing else changes: comments, other options and
/// their order stay as they are.
pub fn with_modprobe_limit(text: &str, limit: u64) -> String {
    let setting = format!("{OPTION}={limit}");
    let mut result = String::with_capacity(text.len() + setting.len());
    let mut copied = 0;
    for word in zfs_options(text) {
        if word.text.split_once('=').map(|(name, _)| name) == Some(OPTION) {
            result.push_str(text.get(copied..word.start).unwrap_or(""));
            result.push_str(&setting);
            copied = word.start + word.text.len();
        }
    }
    let changed = copied > 0;
    result.push_str(text.get(copied..).unwrap_or(""));
    if !changed {
        if !result.is_empty() && !result.ends_with('\n') {
            result.push('\n');
        }
        if result.trim_end_matches(['\n', '\r']).ends_with('\\') {
            // What follows would be swallowed, by a comment even: comments are continued too
            // (kmod `libkmod-util.c`, `freadline_wrapped`).
            result.push('\n');
        }
        result.push_str("options zfs ");
        result.push_str(&setting);
        result.push('\n');
    }
    result
}

/// A word after `options zfs`, with its place in the file.
struct Word<'a> {
    start: usize,
    text: &'a str,
}

/// The words after `options zfs` in a file, over lines that a backslash continues
/// (`modprobe.d(5)`).
fn zfs_options(text: &str) -> Vec<Word<'_>> {
    let mut found = Vec::new();
    let mut line = Vec::new();
    let mut start = 0;
    for physical in text.split_inclusive('\n') {
        let content = physical.trim_end_matches(['\n', '\r']);
        let (content, continued) = match content.strip_suffix('\\') {
            Some(content) => (content, true),
            None => (content, false),
        };
        line.extend(words_of(content, start));
        start += physical.len();
        if !continued {
            found.extend(options_of_zfs(std::mem::take(&mut line)));
        }
    }
    found.extend(options_of_zfs(line));
    found
}

fn words_of(content: &str, start: usize) -> impl Iterator<Item = Word<'_>> {
    let mut offset = start;
    content.split([' ', '\t']).filter_map(move |text| {
        let word = Word {
            start: offset,
            text,
        };
        offset += text.len() + 1;
        (!text.is_empty()).then_some(word)
    })
}

fn options_of_zfs(line: Vec<Word<'_>>) -> impl Iterator<Item = Word<'_>> {
    let mut words = line.into_iter();
    let ours = words.next().is_some_and(|word| word.text == "options")
        && words.next().is_some_and(|word| word.text == "zfs");
    words.filter(move |_| ours)
}
