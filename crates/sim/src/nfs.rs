//! The simulated `exportfs -s` and `exportfs -ra` (nfs-utils 2.8.3).
//!
//! Reads `/etc/exports` and `/etc/exports.d/*.exports` with exportfs's grammar: a word that it does
//! not know makes it drop the rest of that file, and exit 1.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use phoenix_host::command::Output;

use super::state::{EntryKind, Export, State};

/// Options without a value that exportfs knows (`support/nfs/exports.c`).
const SWITCHES: [&str; 34] = [
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
    "pnfs",
    "ro",
    "root_squash",
    "rw",
    "secure",
    "secure_locks",
    "security_label",
    "subtree_check",
    "sync",
    "wdelay",
    "rdirplus",
    "nosecurity_label",
    "fsid=0",
    "fsid=root",
];
const FLAVOURS: [&str; 6] = ["sys", "krb5", "krb5i", "krb5p", "none", "null"];

/// The options of one export that exportfs shows.
#[derive(Debug, Clone)]
struct Options {
    synchronous: bool,
    wdelay: bool,
    hide: bool,
    crossmnt: bool,
    subtree_check: bool,
    locks: bool,
    acl: bool,
    rdirplus: bool,
    security_label: bool,
    pnfs: bool,
    fsid: Option<String>,
    mountpoint: Option<String>,
    anonuid: Option<String>,
    anongid: Option<String>,
    flavours: String,
    read_write: bool,
    secure: bool,
    root_squash: bool,
    all_squash: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            synchronous: true,
            wdelay: true,
            hide: true,
            crossmnt: false,
            subtree_check: false,
            locks: true,
            acl: true,
            rdirplus: true,
            security_label: false,
            pnfs: false,
            fsid: None,
            mountpoint: None,
            anonuid: None,
            anongid: None,
            flavours: "sys".to_owned(),
            read_write: false,
            secure: true,
            root_squash: true,
            all_squash: false,
        }
    }
}

/// `exportfs -s`
pub(super) fn list(exports: &[Export]) -> Output {
    let mut sorted: Vec<&Export> = exports.iter().collect();
    // By type of client; within a type in the order of reading.
    sorted.sort_by_key(|export| rank(&export.client));
    let lines = sorted.iter().map(|export| {
        let path = super::mount::escape(&export.path);
        format!("{path}  {}({})\n", export.client, export.options)
    });
    Output::success(lines.collect::<String>())
}

fn rank(client: &str) -> u8 {
    match client {
        "*" => 4,
        _ if client.starts_with('@') => 3,
        _ if client.contains(['*', '?', '[']) => 2,
        _ if client.contains('/') => 1,
        _ => 0,
    }
}

/// `exportfs -ra`
pub(super) fn reload(state: &mut State) -> Output {
    let mut reader = Reader {
        state,
        exports: Vec::new(),
        known: BTreeMap::new(),
        stderr: String::new(),
        failed: false,
    };
    match text(reader.state, Utf8Path::new("/etc/exports")) {
        Some(text) => reader.file("/etc/exports", &text),
        None => {
            reader.stderr += "exportfs: can't open /etc/exports for reading\n";
            reader.failed = true;
        }
    }
    for path in files(reader.state) {
        if let Some(text) = text(reader.state, &path) {
            reader.file(path.as_str(), &text);
        }
    }
    reader.check_paths();
    let Reader {
        exports,
        stderr,
        failed,
        ..
    } = reader;
    state.exports = Some(exports);
    Output {
        code: Some(i32::from(failed)),
        stdout: String::new(),
        stderr,
    }
}

/// The files that count in `/etc/exports.d`, in order.
pub(super) fn files(state: &State) -> Vec<Utf8PathBuf> {
    state
        .files
        .keys()
        .filter(|path| path.parent() == Some(Utf8Path::new("/etc/exports.d")))
        .filter(|path| {
            let name = path.file_name().unwrap_or_default();
            name.ends_with(".exports") && !name.starts_with('.')
        })
        .cloned()
        .collect()
}

fn text(state: &State, path: &Utf8Path) -> Option<String> {
    match &state.entry(path)?.kind {
        EntryKind::File(text) => Some(text.clone()),
        _ => None,
    }
}

struct Reader<'a> {
    state: &'a State,
    exports: Vec<Export>,
    /// Where in `exports` a path for a client is.
    known: BTreeMap<(String, String), usize>,
    stderr: String,
    failed: bool,
}

impl Reader<'_> {
    fn file(&mut self, name: &str, text: &str) {
        for (index, line) in logical_lines(text) {
            let words = split(&line);
            let Some((path, clients)) = words.split_first() else {
                continue;
            };
            let path = match path.trim_end_matches('/') {
                "" => "/",
                path => path,
            };
            if let Err(reason) = self.line(path, clients, &format!("{name}:{}", index + 1)) {
                self.stderr += &format!("exportfs: {reason}\n");
                self.failed = true;
                return;
            }
        }
    }

    fn line(&mut self, path: &str, clients: &[String], place: &str) -> Result<(), String> {
        let mut defaults = Options::default();
        if clients.is_empty() {
            self.stderr +=
                &format!("exportfs: No options for {path} : suggest (sync) to avoid warning\n");
            self.add(path, "*", &defaults);
        }
        for word in clients {
            if let Some(options) = word.strip_prefix('-') {
                parse_options(&mut defaults, options, place)?;
                continue;
            }
            let (client, options) = match word.split_once('(') {
                None => {
                    self.stderr += &format!(
                        "exportfs: No options for {path} {word}: suggest {word}(sync) to avoid \
                         warning\n"
                    );
                    (word.as_str(), "")
                }
                Some((client, rest)) => match rest.strip_suffix(')') {
                    Some(options) => (client, options),
                    None => return Err(format!("{place}: syntax error: bad option list")),
                },
            };
            let mut own = defaults.clone();
            parse_options(&mut own, options, place)?;
            if client.is_empty() {
                self.stderr += &format!(
                    "exportfs: No host name given with {path} {word}, suggest *{word} to avoid \
                     warning\n"
                );
            }
            let client = if client.is_empty() { "*" } else { client };
            if self.is_valid_client(client) {
                self.add(path, client, &own);
            }
        }
        Ok(())
    }

    /// exportfs complains twice about the same client: when it looks it up, and when it adds it.
    fn is_valid_client(&mut self, client: &str) -> bool {
        if client.ends_with(".invalid") {
            self.stderr += &format!("exportfs: Failed to resolve {client}\n").repeat(2);
            return false;
        }
        let Some((address, prefix)) = client.split_once('/') else {
            return true;
        };
        let limit = if address.contains(':') { 128 } else { 32 };
        let bad = match prefix.parse::<u8>() {
            Ok(bits) => bits > limit,
            Err(_) => prefix.parse::<std::net::IpAddr>().is_err(),
        };
        if bad {
            self.stderr += &format!("exportfs: Invalid prefix `{prefix}' for {client}\n").repeat(2);
            self.failed = true;
        }
        !bad
    }

    fn add(&mut self, path: &str, client: &str, options: &Options) {
        let new = Export {
            path: path.to_owned(),
            client: client.to_owned(),
            options: options.shown(),
        };
        let key = (new.path.clone(), new.client.clone());
        let twin = self.known.get(&key).and_then(|at| self.exports.get(*at));
        let Some(twin) = twin else {
            self.known.insert(key, self.exports.len());
            self.exports.push(new);
            return;
        };
        self.failed = true;
        self.stderr += &if twin.options == new.options {
            format!(
                "exportfs: duplicated export entries:\nexportfs: \t{client}:{path}\n\
                 exportfs: \t{client}:{path}\n"
            )
        } else {
            format!(
                "exportfs: incompatible duplicated export entries:\n\
                 exportfs: \t{client}:{path} (0x{:x}) [IGNORED]\n\
                 exportfs: \t{client}:{path} (0x{:x})\n",
                options.flags(),
                flags_of(&twin.options)
            )
        };
    }

    fn check_paths(&mut self) {
        for export in &self.exports {
            let entry = self.state.entry(Utf8Path::new(&export.path));
            let reason = match entry.map(|entry| &entry.kind) {
                Some(EntryKind::Directory) => continue,
                Some(_) => format!(
                    "{} is not a directory. Remote access will fail",
                    export.path
                ),
                None => format!("Failed to stat {}: No such file or directory", export.path),
            };
            self.stderr += &format!("exportfs: {reason}\n");
            self.failed = true;
        }
    }
}

/// Lines with those that belong to them, because of a backslash or of a quote that is open, and
/// their numbers from 0.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (index, line) in text.replace("\\\n", " ").lines().enumerate() {
        match lines.last_mut().filter(|_| open) {
            Some((_, whole)) => *whole = format!("{whole}\n{line}"),
            None => lines.push((index, line.to_owned())),
        }
        let quotes = line.bytes().filter(|byte| *byte == b'"').count();
        open ^= quotes % 2 == 1 && !line.starts_with('#');
    }
    lines
}

/// Words of a line: quotes toggle anywhere, `\ooo` is a byte, `#` begins a comment.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '"' => quoted = !quoted,
            '\\' => match octal(rest) {
                Some(byte) => {
                    word.push(char::from(byte));
                    rest = rest.get(3..).unwrap_or_default();
                }
                None => word.push(c),
            },
            '#' if word.is_empty() && !quoted => break,
            ' ' | '\t' if !quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            _ => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn octal(text: &str) -> Option<u8> {
    u8::from_str_radix(text.get(..3)?, 8).ok()
}

fn parse_options(options: &mut Options, text: &str, place: &str) -> Result<(), String> {
    let text = text.strip_suffix(',').unwrap_or(text);
    for word in text.split(',').filter(|_| !text.is_empty()) {
        let (key, value) = match word.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (word, None),
        };
        let spaced = || {
            place
                .rsplit_once(':')
                .map_or(place.to_owned(), |(f, l)| format!("{f}: {l}"))
        };
        match (key, value) {
            ("anonuid" | "anongid", Some(id)) => {
                if id.parse::<i64>().is_err() {
                    return Err(format!("{}: bad {key} \"{word}\"\n", spaced()));
                }
                let slot = match key {
                    "anonuid" => &mut options.anonuid,
                    _ => &mut options.anongid,
                };
                *slot = Some(id.to_owned());
            }
            ("fsid", Some(id)) => options.fsid = Some(fsid(id, word, &spaced())?),
            ("mountpoint" | "mp", path) => {
                options.mountpoint = Some(path.unwrap_or_default().to_owned());
            }
            ("sec", Some(flavours)) => {
                if let Some(bad) = flavours.split(':').find(|name| !FLAVOURS.contains(name)) {
                    return Err(format!("unknown flavor {bad}\n"));
                }
                options.flavours = flavours.to_owned();
            }
            ("refer" | "replicas", Some(_)) => {}
            (_, None) if SWITCHES.contains(&key) => options.switch(key),
            _ => return Err(format!("{place}: unknown keyword \"{word}\"\n")),
        }
    }
    Ok(())
}

fn fsid(id: &str, word: &str, place: &str) -> Result<String, String> {
    let is_uuid = id.chars().filter(|c| *c != '-').count() == 32
        && id.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    match id {
        "root" => Ok("0".to_owned()),
        _ if id.parse::<u32>().is_ok() || is_uuid => Ok(id.to_owned()),
        _ => Err(format!("{place}: bad fsid \"{word}\"\n")),
    }
}

impl Options {
    fn switch(&mut self, key: &str) {
        match key {
            "sync" | "async" => self.synchronous = key == "sync",
            "wdelay" | "no_wdelay" => self.wdelay = key == "wdelay",
            "hide" | "nohide" => self.hide = key == "hide",
            "crossmnt" | "nocrossmnt" => self.crossmnt = key == "crossmnt",
            "subtree_check" | "no_subtree_check" => self.subtree_check = key == "subtree_check",
            "secure_locks" | "auth_nlm" => self.locks = true,
            "insecure_locks" | "no_auth_nlm" => self.locks = false,
            "acl" | "no_acl" => self.acl = key == "acl",
            "rdirplus" | "nordirplus" => self.rdirplus = key == "rdirplus",
            "security_label" | "nosecurity_label" => self.security_label = key == "security_label",
            "pnfs" | "no_pnfs" => self.pnfs = key == "pnfs",
            "rw" | "ro" => self.read_write = key == "rw",
            "secure" | "insecure" => self.secure = key == "secure",
            "root_squash" | "no_root_squash" => self.root_squash = key == "root_squash",
            "all_squash" | "no_all_squash" => self.all_squash = key == "all_squash",
            _ => {}
        }
    }

    /// As `exportfs -s` prints them, in its order.
    fn shown(&self) -> String {
        let either = |on: bool, yes: &'static str, no: &'static str| if on { yes } else { no };
        let mut words: Vec<String> = vec![
            either(self.synchronous, "sync", "async").into(),
            either(self.wdelay, "wdelay", "no_wdelay").into(),
            either(self.hide, "hide", "nohide").into(),
        ];
        let switches = [
            (self.crossmnt, "crossmnt"),
            (!self.subtree_check, "no_subtree_check"),
            (!self.locks, "insecure_locks"),
            (!self.acl, "no_acl"),
            (!self.rdirplus, "nordirplus"),
            (self.security_label, "security_label"),
            (self.pnfs, "pnfs"),
        ];
        words.extend(
            switches
                .iter()
                .filter(|(on, _)| *on)
                .map(|(_, word)| (*word).into()),
        );
        words.extend(self.fsid.as_ref().map(|id| format!("fsid={id}")));
        words.extend(self.mountpoint.as_ref().map(|path| match path.as_str() {
            "" => "mountpoint".to_owned(),
            path => format!("mountpoint={path}"),
        }));
        words.extend(self.anonuid.as_ref().map(|id| format!("anonuid={id}")));
        words.extend(self.anongid.as_ref().map(|id| format!("anongid={id}")));
        words.push(format!("sec={}", self.flavours));
        words.push(either(self.read_write, "rw", "ro").into());
        words.push(either(self.secure, "secure", "insecure").into());
        words.push(either(self.root_squash, "root_squash", "no_root_squash").into());
        words.push(either(self.all_squash, "all_squash", "no_all_squash").into());
        words.join(",")
    }

    /// The kernel's flags (`NFSEXP_*`), as exportfs shows them for duplicates.
    fn flags(&self) -> u32 {
        flags_of(&self.shown())
    }
}

fn flags_of(shown: &str) -> u32 {
    const FLAGS: [(&str, u32); 9] = [
        ("ro", 0x1),
        ("insecure", 0x2),
        ("root_squash", 0x4),
        ("all_squash", 0x8),
        ("async", 0x10),
        ("wdelay", 0x20),
        ("nohide", 0x200),
        ("no_subtree_check", 0x400),
        ("crossmnt", 0x4000),
    ];
    shown
        .split(',')
        .filter_map(|word| FLAGS.iter().find(|(name, _)| *name == word))
        .map(|(_, flag)| flag)
        .sum()
}
