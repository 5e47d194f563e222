//! Questions about properties of which the host's ZFS may not know every name, and what a value means
//! in its release.

use std::collections::BTreeSet;

use camino::Utf8Path;
use phoenix_host::Host;
use phoenix_zfs::version::Version;

use super::PropertyRow;
use crate::parse::ReadError;

/// Where the kernel module tells its release.
const VERSION_FILE: &str = "/sys/module/zfs/version";

/// The release of the host's ZFS; `None` where the module is not loaded or says nothing that can be
/// read.
///
/// # Errors
/// When the host cannot be asked.
pub fn version(host: &dyn Host) -> Result<Option<Version>, ReadError> {
    let text = host.read_file(Utf8Path::new(VERSION_FILE))?;
    Ok(text.and_then(|text| text.trim().parse().ok()))
}

/// Asks for as many of `props` as the host knows: one unknown name fails a whole `zfs get` or `zpool
/// get`. Returns the answer and the names that it does not know.
///
/// # Errors
/// What `ask` returns for another reason.
pub fn ask_for_known<T>(
    props: &[&str],
    mut ask: impl FnMut(&[&str]) -> Result<T, ReadError>,
) -> Result<(T, BTreeSet<String>), ReadError> {
    let mut known = props.to_vec();
    let mut unknown = BTreeSet::new();
    loop {
        let error = match ask(&known) {
            Ok(answer) => return Ok((answer, unknown)),
            Err(error) => error,
        };
        let named = match &error {
            ReadError::Failed(failed) => unknown_name(&failed.stderr).map(str::to_owned),
            _ => None,
        };
        // Each turn takes one name out, so there are no more turns than names.
        let Some(index) = named
            .as_ref()
            .and_then(|named| known.iter().position(|known| known == named))
        else {
            return Err(error);
        };
        known.remove(index);
        unknown.extend(named);
    }
}

/// The name that ZFS does not know, by its own words (`zprop_get_list`, `lib/libzfs/libzfs_util.c`).
fn unknown_name(stderr: &str) -> Option<&str> {
    let (_, rest) = stderr.split_once("bad property list: invalid property '")?;
    rest.split_once('\'').map(|(name, _)| name)
}

/// Puts the one value in place that releases print for different things: `xattr=on` is `dir` up to
/// OpenZFS 2.2 and `sa` since.
pub(super) fn settle_meaning(host: &dyn Host, rows: &mut [PropertyRow]) -> Result<(), ReadError> {
    let mut ambiguous = rows
        .iter_mut()
        .filter(|row| row.property == "xattr" && row.value == "on")
        .peekable();
    if ambiguous.peek().is_none() {
        return Ok(());
    }
    let meaning = phoenix_zfs::version::meaning_of_xattr_on(version(host)?);
    ambiguous.for_each(|row| row.value = meaning.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use phoenix_host::command::{Command, CommandFailed, Output, Program};

    use super::*;

    #[test]
    fn names_that_the_host_does_not_know_are_left_out_one_by_one() {
        let unknown = ["longname", "direct"];
        let mut asked = Vec::new();
        let ask = |names: &[&str]| {
            asked.push(names.join(","));
            let Some(bad) = names.iter().find(|name| unknown.contains(name)) else {
                return Ok(names.len());
            };
            let text = format!("bad property list: invalid property '{bad}'\nusage:\n");
            Err(failed(&text))
        };
        let (count, found) = ask_for_known(&["quota", "direct", "longname", "sync"], ask).unwrap();
        assert_eq!(count, 2);
        assert_eq!(Vec::from_iter(found), ["direct", "longname"]);
        assert_eq!(
            asked,
            [
                "quota,direct,longname,sync",
                "quota,longname,sync",
                "quota,sync"
            ]
        );
        // What is no question of names, and a name that was not asked for, ends it.
        for text in [
            "out of memory\n",
            "bad property list: invalid property 'x'\n",
        ] {
            assert!(ask_for_known(&["quota"], |_| Err::<(), _>(failed(text))).is_err());
        }
    }

    fn failed(stderr: &str) -> ReadError {
        let command = Command::read(Program::Zfs, ["get"]);
        let failed: CommandFailed = Output::failure(2, stderr).check(&command).unwrap_err();
        failed.into()
    }
}
