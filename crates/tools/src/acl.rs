//! POSIX ACLs of directories: `getfacl` and `setfacl` of Debian's package `acl`.
//!
//! An entry is a key and a value, as `getfacl -n` prints them: `group:1001:` and `rwx`,
//! `default:mask::` and `r-x`. Which entries a directory should have is not decided here.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use crate::parse::{self, ParseError, ReadError};
use crate::system::only_missing;
use phoenix_host::command::{Command, Program};
use phoenix_host::octal::unescape_octal;
use phoenix_host::{Host, HostError};

/// The package that brings the programs. Proxmox does not install it by itself.
pub const PACKAGE: &str = "acl";

/// The entries of one ACL: permissions such as `r-x`, by who has them, such as `group:1001:`.
pub type Acl = BTreeMap<String, String>;

/// `getfacl -pn`: the ACLs of the named absolute paths, with numbers for users and groups.
pub fn get(paths: &[&str]) -> Command {
    Command::read(Program::Getfacl, ["-pn"].iter().chain(paths).copied())
}

/// Reads the answer of [`get`].
///
/// # Errors
/// When a line is neither a comment nor an entry.
pub fn parse(text: &str) -> Result<BTreeMap<Utf8PathBuf, Acl>, ParseError> {
    let mut acls = BTreeMap::new();
    let mut path = Utf8PathBuf::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix("# file: ") {
            // A backslash is printed twice, other odd characters as octal numbers.
            path = unescape_octal(&name.replace("\\\\", "\\134")).into();
            acls.insert(path.clone(), Acl::new());
        } else if !line.starts_with('#') {
            let entry = entry(line).zip(acls.get_mut(&path));
            let ((who, permissions), acl) = entry.ok_or_else(|| {
                let reason = "it is no entry of an ACL";
                ParseError::new("the output of getfacl", line, reason)
            })?;
            acl.insert(who.to_owned(), permissions.to_owned());
        }
    }
    Ok(acls)
}

/// `group:1001:rwx`, with `#effective:r-x` behind it where the mask takes something away.
fn entry(line: &str) -> Option<(&str, &str)> {
    let entry = line.split(['\t', ' ', '#']).next()?;
    let cut = entry.rfind(':')? + 1;
    let (who, permissions) = entry.split_at_checked(cut)?;
    (permissions.len() == 3).then_some((who, permissions))
}

/// The ACLs of those of the named absolute paths that exist; `None` when the programs are not
/// installed.
///
/// # Errors
/// When `getfacl` fails for another reason than a path that does not exist.
pub fn read(
    host: &dyn Host,
    paths: &[&str],
) -> Result<Option<BTreeMap<Utf8PathBuf, Acl>>, ReadError> {
    let mut acls = BTreeMap::new();
    for chunk in parse::chunks(paths) {
        let command = get(chunk);
        let output = match host.run(&command) {
            Err(HostError::NotInstalled { .. }) => return Ok(None),
            output => output?,
        };
        if output.code != Some(0) && !only_missing(&output.stderr) {
            output.check(&command)?;
        }
        acls.extend(self::parse(&output.stdout)?);
    }
    Ok(Some(acls))
}

/// `setfacl -n -m`: sets these entries and leaves all others alone. `-n`: the mask is set only by
/// an entry of its own, never worked out from the others.
pub fn set(path: &str, entries: &Acl) -> Command {
    let entries: Vec<String> = entries
        .iter()
        .map(|(who, permissions)| format!("{who}{permissions}"))
        .collect();
    let entries = entries.join(",");
    Command::write(Program::Setfacl, ["-n", "-m", &entries, path])
}
