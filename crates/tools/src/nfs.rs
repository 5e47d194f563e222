//! The NFS server: phoenix's own exports file and what the server really exports.
//!
//! Only exports(5) syntax lives here: which options make sense is decided elsewhere.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::parse::{ParseError, UnreadLine};
use phoenix_host::command::{Command, Program};
use phoenix_host::octal::unescape_octal;

mod lines;

pub use lines::parse_export_lines;

/// The file that phoenix owns. Every other exports file is somebody else's.
pub const EXPORTS_FILE: &str = "/etc/exports.d/phoenix.exports";

/// The administrator's own file. nfs-utils fails when it is missing, whatever else there is.
pub const MAIN_EXPORTS_FILE: &str = "/etc/exports";

/// The directory of further files; only names that end in `.exports` count. Debian's package
/// does not make it.
pub const EXPORTS_DIR: &str = "/etc/exports.d";

/// How the names of its files end that count.
pub const EXPORTS_ENDING: &str = ".exports";

/// Clients with their options, `CLIENT(OPTIONS)` each, by path.
pub type Exports = BTreeMap<String, Vec<String>>;

/// `exportfs -s`: what the NFS server exports now.
pub fn list() -> Command {
    Command::read(Program::Exportfs, ["-s"])
}

/// `exportfs -ra`: makes the server export exactly what the files say. Slow when it has to ask
/// for host names.
pub fn reload() -> Command {
    Command::write(Program::Exportfs, ["-ra"])
}

/// Reads the answer of [`list`]: options by path and client.
///
/// # Errors
/// When a line is not a path and a client with options.
pub fn parse_list(
    text: &str,
) -> Result<BTreeMap<String, BTreeMap<String, BTreeSet<String>>>, ParseError> {
    let mut exports: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for line in text.lines() {
        let entry = line.split_once(' ').and_then(|(path, client)| {
            let (client, options) = split_client(client.trim())?;
            Some((unescape_octal(path), client.to_owned(), options))
        });
        let Some((path, client, options)) = entry else {
            let reason = "it is not a path and a client with options";
            return Err(ParseError::new("the output of exportfs -s", line, reason));
        };
        let options = options.split(',').filter(|option| !option.is_empty());
        exports
            .entry(path)
            .or_default()
            .insert(client, options.map(str::to_owned).collect());
    }
    Ok(exports)
}

/// Splits `CLIENT(OPTIONS)`.
pub fn split_client(text: &str) -> Option<(&str, &str)> {
    let (client, options) = text.strip_suffix(')')?.split_once('(')?;
    Some((client, options))
}

/// One line of an exports file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportLine {
    /// Its number, counted from 1; of a continued line the first.
    pub number: usize,
    /// The exported path.
    pub path: String,
    /// `CLIENT(OPTIONS)` each.
    pub clients: Vec<String>,
}

/// What an exports file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportLines {
    /// Every line that exports something, as far as exportfs reads it.
    pub lines: Vec<ExportLine>,
    /// Lines that exportfs cannot use. At most of them it stops reading the file.
    pub unread: Vec<UnreadLine>,
}

/// Reads an exports file of which nothing may be lost. Lines for the same path are joined.
///
/// # Errors
/// When exportfs could not use a line.
pub fn parse_exports(text: &str) -> Result<Exports, ParseError> {
    let ExportLines { lines, unread } = parse_export_lines(text);
    if let Some(line) = unread.into_iter().next() {
        return Err(ParseError::new("an exports file", &line.text, line.reason));
    }
    Ok(joined(lines))
}

/// Clients by path. Lines for the same path are joined.
pub fn joined(lines: Vec<ExportLine>) -> Exports {
    let mut exports = Exports::new();
    for line in lines {
        exports.entry(line.path).or_default().extend(line.clients);
    }
    exports
}

/// The text of an exports file, one line a path, with a heading that says whose file it is.
pub fn format_exports(exports: &Exports) -> String {
    let heading =
        "# Written by phoenix. Changes to lines that its configuration names are undone.\n";
    let lines = exports
        .iter()
        .filter(|(_, clients)| !clients.is_empty())
        .map(|(path, clients)| {
            let clients: Vec<_> = clients.iter().map(|client| quoted(client)).collect();
            format!("{} {}\n", escape(path), clients.join(" "))
        });
    std::iter::once(heading.to_owned()).chain(lines).collect()
}

/// A client's word, in quotes if it would be read as several words or as a comment. The reader has
/// dropped the quotes that somebody wrote, so it holds none.
fn quoted(client: &str) -> Cow<'_, str> {
    let bare = |character: char| !character.is_whitespace() && !character.is_control();
    if client.chars().all(bare) && !client.starts_with('#') {
        Cow::Borrowed(client)
    } else {
        Cow::Owned(format!("\"{client}\""))
    }
}

/// A path with everything that exports(5) would not take literally as three octal digits. UTF-8
/// passes.
fn escape(path: &str) -> String {
    path.chars()
        .map(|character| match character {
            ' ' | '"' | '\\' | '#' | '\0'..='\x1f' | '\x7f' => {
                format!("\\{:03o}", u32::from(character))
            }
            other => other.to_string(),
        })
        .collect()
}
