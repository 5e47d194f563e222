//! The files of a drop-in directory: `/etc/exports.d`, `/etc/modprobe.d`. What stands in them is the
//! business of the tool that reads them.

use std::collections::BTreeSet;

use phoenix_host::Host;
use phoenix_host::command::{Command, Program};

use crate::parse::ReadError;

/// `find`: the files of a directory whose names end like this (`.conf`).
pub fn files(directory: &str, ending: &str) -> Command {
    let name = format!("*{ending}");
    let args = [
        directory,
        "-maxdepth",
        "1",
        "-name",
        &name,
        "-printf",
        "%p\\n",
    ];
    Command::read(Program::Find, args)
}

/// Reads the answer of [`files`], sorted by name in bytes, as modprobe and nfs-utils read them.
pub fn parse_files(text: &str) -> BTreeSet<String> {
    text.lines().map(str::to_owned).collect()
}

/// The paths of these files; none where the directory does not exist.
///
/// # Errors
/// When the directory cannot be read.
pub fn list(host: &dyn Host, directory: &str, ending: &str) -> Result<BTreeSet<String>, ReadError> {
    let command = files(directory, ending);
    let output = host.run(&command)?;
    let words = output.stderr.trim_end();
    if output.code != Some(0) && words.ends_with(": No such file or directory") {
        return Ok(BTreeSet::new());
    }
    Ok(parse_files(output.check(&command)?))
}
