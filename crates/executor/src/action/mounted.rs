//! What must be true of a directory before something is mounted over it or points at it.

use camino::Utf8Path;
use phoenix_tools::mounts::{MOUNTS_FILE, parse_mounts};
use phoenix_tools::system::DirectoryRow;

use super::failure::Goal;
use crate::code::FailureCode;
use crate::context::StepContext;
use crate::event::Failure;

/// Confirms that a mount at `path` would hide nothing: ZFS mounts over a full directory without a
/// word (`overlay=on`).
pub(super) fn must_hide_nothing(
    goal: Goal<'_>,
    host: &StepContext<'_>,
    path: &str,
) -> Result<(), Failure> {
    let help = "move what is there out of the way, then run phoenix again";
    match directory(goal, host, path)? {
        None => Ok(()),
        Some(row) if row.kind != 'd' => Err(goal.because(
            FailureCode::MountpointOccupied,
            format!("{path} exists and is not a directory"),
            help,
        )),
        Some(row) if !row.empty => Err(goal.because(
            FailureCode::MountpointOccupied,
            format!("{path} is not empty, and the mount would hide what is in it"),
            help,
        )),
        Some(_) => Ok(()),
    }
}

/// Confirms that `path` is a directory that a container or a client can be pointed at and, if a
/// dataset is named, that the dataset is mounted there or above: else they would see, and fill, the
/// empty directory below the mount.
pub(super) fn must_be_served(
    goal: Goal<'_>,
    host: &StepContext<'_>,
    path: &str,
    dataset: Option<&str>,
) -> Result<(), Failure> {
    if let Some(dataset) = dataset
        && !is_on(goal, host, path, dataset)?
    {
        return Err(goal.because(
            FailureCode::NotMounted,
            format!("dataset \"{dataset}\" is not mounted at or above {path}"),
            format!("mount it (zfs mount {dataset}), then run phoenix again"),
        ));
    }
    let links = host.reader().first_links(&[path]);
    let links = links.map_err(|error| goal.host(&error))?;
    if let Some(link) = links.into_iter().flatten().next() {
        return Err(goal.because(
            FailureCode::SymbolicLink,
            format!(
                "{link} on the way to {path} is a symbolic link, and whoever can change it decides \
                 where that leads"
            ),
            "name a directory by its real path, without symbolic links",
        ));
    }
    match directory(goal, host, path)? {
        Some(row) if row.kind == 'd' => Ok(()),
        Some(_) => Err(goal.because(
            FailureCode::NotADirectory,
            format!("{path} is not a directory"),
            "name a directory in the file; symbolic links are not followed",
        )),
        None => Err(goal.because(
            FailureCode::NotADirectory,
            format!("there is no directory {path}"),
            "create it, or declare the dataset that is mounted there; then run phoenix again",
        )),
    }
}

fn is_on(
    goal: Goal<'_>,
    host: &StepContext<'_>,
    path: &str,
    dataset: &str,
) -> Result<bool, Failure> {
    let text = host
        .read_file(Utf8Path::new(MOUNTS_FILE))
        .map_err(|error| goal.host(&error))?
        .unwrap_or_default();
    let mounts = parse_mounts(&text).map_err(|error| goal.parse(&error))?;
    let here = |above: &Utf8Path| {
        mounts
            .at(above)
            .is_some_and(|mount| mount.fstype == "zfs" && mount.source == dataset)
    };
    Ok(Utf8Path::new(path).ancestors().any(here))
}

/// What is at `path`, if anything.
pub(super) fn directory(
    goal: Goal<'_>,
    host: &StepContext<'_>,
    path: &str,
) -> Result<Option<DirectoryRow>, Failure> {
    host.reads
        .directory(path)
        .map_err(|error| goal.read(&error))
}
