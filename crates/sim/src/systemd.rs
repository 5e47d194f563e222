//! The simulated `systemctl show` and `systemctl daemon-reload` (systemd 257), for drop-ins only.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use phoenix_host::command::Output;

use super::state::{EntryKind, State};

const DIRECTORY: &str = "/etc/systemd/system";

/// `systemctl show --property=DropInPaths,NeedDaemonReload UNIT`
pub(super) fn show(state: &State, args: &[String]) -> Output {
    let ["--property=DropInPaths,NeedDaemonReload", unit] = super::words(args)[..] else {
        return Output::failure(1, "the simulated systemctl shows drop-ins only\n");
    };
    let of_unit = |files: &BTreeMap<Utf8PathBuf, String>| {
        let directory = format!("{DIRECTORY}/{unit}.d");
        let mut files = files.clone();
        files.retain(|path, _| path.parent().is_some_and(|parent| parent == directory));
        files
    };
    let read = of_unit(&state.units);
    let paths: Vec<_> = read.keys().map(|path| path.as_str()).collect();
    let stale = if read == of_unit(&drop_ins(state)) {
        "no"
    } else {
        "yes"
    };
    Output::success(format!(
        "DropInPaths={}\nNeedDaemonReload={stale}\n",
        paths.join(" ")
    ))
}

/// `systemctl daemon-reload`
pub(super) fn reload(state: &mut State) -> Output {
    state.units = drop_ins(state);
    Output::success("")
}

fn drop_ins(state: &State) -> BTreeMap<Utf8PathBuf, String> {
    let files = state
        .files
        .iter()
        .filter(|(path, _)| path.starts_with(DIRECTORY) && path.extension() == Some("conf"));
    files
        .filter_map(|(path, entry)| match &entry.kind {
            EntryKind::File(text) => Some((path.clone(), text.clone())),
            _ => None,
        })
        .collect()
}
