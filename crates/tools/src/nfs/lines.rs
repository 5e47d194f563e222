//! An exports file as exportfs reads it (nfs-utils `support/nfs/xio.c` and `exports.c`): words between
//! blanks, quotes, octal escapes, comments, `-default,options`.
//!
//! At a word that it cannot use exportfs leaves out the rest of the file, whosoever lines are there.

use std::iter::Peekable;
use std::str::Chars;

use super::{ExportLine, ExportLines, split_client};
use crate::parse::UnreadLine;
use phoenix_host::octal::unescape_octal;

/// Options without a value (`parseopts` of nfs-utils 2.8).
const SWITCHES: [&str; 32] = [
    "acl",
    "all_squash",
    "async",
    "auth_nlm",
    "crossmnt",
    "hide",
    "insecure",
    "insecure_locks",
    "mountpoint",
    "mp",
    "no_acl",
    "no_all_squash",
    "no_auth_nlm",
    "no_pnfs",
    "no_root_squash",
    "no_subtree_check",
    "no_wdelay",
    "nocrossmnt",
    "nohide",
    "nordirplus",
    "nosecurity_label",
    "pnfs",
    "rdirplus",
    "ro",
    "root_squash",
    "rw",
    "secure",
    "secure_locks",
    "security_label",
    "subtree_check",
    "sync",
    "wdelay",
];

/// Options with a value. Whether it makes sense is looked at where exportfs stops over it.
const VALUED: [&str; 10] = [
    "anongid",
    "anonuid",
    "fsid",
    "mountpoint",
    "mp",
    "reexport",
    "refer",
    "replicas",
    "sec",
    "xprtsec",
];

/// Flavours of `sec=` (`flav_map`).
const FLAVOURS: [&str; 7] = ["sys", "unix", "none", "null", "krb5", "krb5i", "krb5p"];

/// Reads an exports file line by line. A path without clients is exported to everybody.
pub fn parse_export_lines(text: &str) -> ExportLines {
    let mut found = ExportLines::default();
    let mut words = Words {
        rest: text.chars().peekable(),
        line: 1,
    };
    while let Some((number, word)) = words.first() {
        let path = unescape_octal(&word);
        let mut clients = Vec::new();
        let read = words.clients(&mut clients);
        let is_path = path.starts_with('/') && !word.contains('\n');
        let mut unread = |number: usize, reason: String| {
            let line = text.lines().nth(number.saturating_sub(1));
            let line = UnreadLine::new(number, line.unwrap_or_default(), reason);
            found.unread.push(line);
        };
        if word.contains('\n') {
            unread(number, "a quote in it has no end".to_owned());
        } else if !is_path {
            unread(number, "its path is not absolute".to_owned());
        }
        if let Err(reason) = &read {
            let reason = format!("{reason}, and exportfs leaves out the rest of the file");
            unread(words.line, reason);
        }
        if is_path && !clients.is_empty() {
            found.lines.push(ExportLine {
                number,
                path,
                clients,
            });
        }
        if read.is_err() {
            break;
        }
    }
    found
}

struct Words<'a> {
    rest: Peekable<Chars<'a>>,
    line: usize,
}

impl Words<'_> {
    /// The first word of the next line that has one, and the number of the line.
    fn first(&mut self) -> Option<(usize, String)> {
        loop {
            self.skip_blanks();
            let number = self.line;
            match self.rest.peek()? {
                '\n' => {
                    self.next();
                }
                _ => return Some((number, self.word())),
            }
        }
    }

    /// The clients up to the end of the line, with their options. What was read before an error
    /// counts.
    fn clients(&mut self, clients: &mut Vec<String>) -> Result<(), String> {
        let mut defaults = String::new();
        loop {
            self.skip_blanks();
            if matches!(self.rest.peek(), None | Some('\n')) {
                if clients.is_empty() {
                    clients.push(with_defaults("*", &defaults));
                }
                return Ok(());
            }
            let word = self.word();
            if let Some(options) = word.strip_prefix('-') {
                check_options(options)?;
                options.clone_into(&mut defaults);
                continue;
            }
            if let Some((_, options)) = word.split_once('(') {
                let Some((options, "")) = options.split_once(')') else {
                    return Err(format!("`{word}` is no client with options in parentheses"));
                };
                check_options(options)?;
            }
            clients.push(with_defaults(&word, &defaults));
        }
    }

    /// A character; a backslash at the end of a line makes one blank of both.
    fn next(&mut self) -> Option<char> {
        let continues = self.continues();
        let character = self.rest.next()?;
        if continues {
            self.rest.next();
        }
        if continues || character == '\n' {
            self.line += 1;
        }
        Some(if continues { ' ' } else { character })
    }

    /// Whether the next line belongs to this one.
    fn continues(&self) -> bool {
        let mut ahead = self.rest.clone();
        ahead.next() == Some('\\') && ahead.next() == Some('\n')
    }

    /// Blanks, and a comment up to the end of its line.
    fn skip_blanks(&mut self) {
        let mut comment = false;
        while let Some(&character) = self.rest.peek() {
            comment |= character == '#';
            let is_blank = matches!(character, ' ' | '\t' | '\r') || self.continues();
            if character == '\n' || !(is_blank || comment) {
                return;
            }
            self.next();
        }
    }

    /// Quotes may stand anywhere and are dropped; between them a blank or a new line is a character
    /// like any other.
    fn word(&mut self) -> String {
        let mut word = String::new();
        let mut quoted = false;
        while let Some(&character) = self.rest.peek() {
            let ends = character.is_ascii_whitespace() || self.continues();
            if ends && !quoted {
                break;
            }
            match self.next() {
                Some('"') => quoted = !quoted,
                Some(character) => word.push(character),
                None => break,
            }
        }
        word
    }
}

fn with_defaults(client: &str, defaults: &str) -> String {
    let (client, options) = split_client(client).unwrap_or((client, ""));
    let both = [defaults, options];
    let options: Vec<_> = both.into_iter().filter(|text| !text.is_empty()).collect();
    format!("{client}({})", options.join(","))
}

/// The first option that exportfs stops at. A comma at the end does no harm.
fn check_options(options: &str) -> Result<(), String> {
    let options = options.strip_suffix(',').unwrap_or(options);
    if options.is_empty() {
        return Ok(());
    }
    let bad = options.split(',').find(|option| !is_option(option));
    bad.map_or(Ok(()), |bad| Err(format!("`{bad}` is no export option")))
}

fn is_option(option: &str) -> bool {
    let Some((name, value)) = option.split_once('=') else {
        return SWITCHES.contains(&option);
    };
    VALUED.contains(&name)
        && match name {
            "anonuid" | "anongid" => value.parse::<i64>().is_ok(),
            "fsid" => is_fsid(value),
            "sec" => value.split(':').all(|flavour| FLAVOURS.contains(&flavour)),
            _ => true,
        }
}

/// `root`, a number, or a UUID with or without its punctuation.
fn is_fsid(value: &str) -> bool {
    let digits = value.chars().filter(char::is_ascii_hexdigit).count();
    let uuid = digits == 32
        && value
            .chars()
            .all(|it| it.is_ascii_hexdigit() || matches!(it, '-' | ':'));
    let number = value.strip_prefix("0x").map_or_else(
        || value.parse::<u32>().is_ok(),
        |hex| u32::from_str_radix(hex, 16).is_ok(),
    );
    value == "root" || uuid || number
}
