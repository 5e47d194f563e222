//! What exports and bind mounts have in common: directories that leave the host.

use camino::Utf8Path;

use super::index::Index;
use crate::code::Code;
use crate::diagnostic::Finding;
use crate::pointer::Pointer;

/// Where the incumbent's files took datasets to be mounted, which they never were.
const INCUMBENT_BASE: &str = "/mnt/pve";
/// How many hidden datasets a message names.
const NAMED: usize = 3;

/// The member of an export or bind mount that says what is shared: `dataset` if it is exactly the
/// mountpoint of one, else the path in `path_key`.
pub(super) fn place(
    index: &Index<'_>,
    origin: &Pointer,
    path: &Utf8Path,
    dataset: Option<&str>,
    path_key: &str,
) -> Pointer {
    let mountpoint = dataset
        .and_then(|name| index.dataset(name))
        .and_then(|dataset| dataset.mountpoint.as_deref());
    let is_whole_dataset = mountpoint == Some(path);
    origin.key(if is_whole_dataset {
        "dataset"
    } else {
        path_key
    })
}

/// A directory outside all declared datasets: phoenix can neither make it nor order it.
pub(super) fn undeclared(
    index: &Index<'_>,
    path: &Utf8Path,
    dataset: Option<&str>,
    at: &Pointer,
) -> Option<Finding> {
    if dataset.is_some() || index.root_at(path).is_some() {
        return None;
    }
    if let Some((name, mountpoint)) = incumbent_dataset(index, path) {
        let message = format!(
            "\"{path}\" is not where the dataset \"{name}\" is mounted: that is \"{mountpoint}\""
        );
        let rest = path
            .strip_prefix(INCUMBENT_BASE)
            .and_then(|rest| rest.strip_prefix(name))
            .unwrap_or(Utf8Path::new(""));
        return Some(
            Finding::warning(Code::ShareUndeclared, message)
                .help(format!("write \"{}\"", join(mountpoint, rest)))
                .at(at, "a directory outside the dataset"),
        );
    }
    let message = format!("\"{path}\" lies in no dataset that this file declares");
    Some(
        Finding::warning(Code::ShareUndeclared, message)
            .help("check the path; phoenix does not make this directory, and waits until it exists")
            .at(at, "no declared dataset"),
    )
}

/// `base` with `rest` below it, without a slash at the end.
fn join(base: &Utf8Path, rest: &Utf8Path) -> String {
    if rest.as_str().is_empty() {
        base.to_string()
    } else {
        base.join(rest).into_string()
    }
}

/// The dataset that `/mnt/pve/POOL/NAME/..` means, with its real mountpoint.
fn incumbent_dataset<'a>(index: &Index<'a>, path: &'a Utf8Path) -> Option<(&'a str, &'a Utf8Path)> {
    path.strip_prefix(INCUMBENT_BASE)
        .ok()?
        .ancestors()
        .filter_map(|name| index.dataset(name.as_str()))
        .find_map(|dataset| Some((dataset.name.as_str(), dataset.mountpoint.as_deref()?)))
}

/// Datasets mounted below a shared directory are other file systems: whoever looks through the
/// share sees empty directories there. `seen` tells which ones are shared by themselves.
pub(super) fn hidden_children(
    index: &Index<'_>,
    path: &Utf8Path,
    at: &Pointer,
    help: &str,
    seen: impl Fn(&Utf8Path) -> bool,
) -> Option<Finding> {
    let mut hidden = index.mounted_below(path).filter(|dataset| {
        dataset
            .mountpoint
            .as_deref()
            .is_some_and(|path| !seen(path))
    });
    let shown: Vec<_> = hidden.by_ref().take(NAMED).collect();
    let first = shown.first()?;
    let names: Vec<_> = shown
        .iter()
        .map(|dataset| format!("\"{}\"", dataset.name))
        .collect();
    let more = if hidden.next().is_some() {
        " and more"
    } else {
        ""
    };
    let what = match names.as_slice() {
        [one] if more.is_empty() => format!("dataset {one} shows up as an empty directory"),
        names => format!(
            "datasets {}{more} show up as empty directories",
            names.join(", ")
        ),
    };
    let message = format!("below \"{path}\" the {what}");
    Some(
        Finding::warning(Code::ShareHiddenChildren, message)
            .help(help)
            .at(at, "ends at the borders of the dataset")
            .at_key(&first.origin, "a file system of its own"),
    )
}
