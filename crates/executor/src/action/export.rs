//! Makes phoenix's exports file, and the NFS server, say what the plan says about one path.
//!
//! One bad line makes nfs-utils drop the rest of the file, so the file is put back when the server
//! does not take it as it is. Exports of other paths are never changed.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use phoenix_planner::export::{is_active, strangers};
use phoenix_planner::plan::SetExport;
use phoenix_tools::nfs::{self, EXPORTS_FILE, Exports, MAIN_EXPORTS_FILE};

use super::Done;
use super::failure::Goal;
use super::mounted::must_be_served;
use crate::code::FailureCode;
use crate::context::StepContext;
use crate::event::Failure;

/// What the server exports: options by path and client.
type Active = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Sets the lines of one path.
pub(super) fn set(operation: &SetExport, host: &StepContext<'_>) -> Result<Done, Failure> {
    let SetExport {
        path,
        dataset,
        clients,
    } = operation;
    let goal = format!("cannot export {path}");
    let goal = Goal(&goal);
    must_be_served(goal, host, path, dataset.as_deref())?;
    let text = read(goal, host, EXPORTS_FILE)?;
    let lines = nfs::parse_exports(text.as_deref().unwrap_or_default())
        .map_err(|error| goal.parse(&error))?;
    let active = active(goal, host)?;
    let in_force = are_active(path, clients, &active) && nobody_else(path, clients, &active);
    if lines.get(path) == Some(clients) && in_force {
        return Ok(Done::Unchanged);
    }
    // Only whether it is there: what stands in it is somebody else's.
    let main_file = host.reader().read_foreign(Utf8Path::new(MAIN_EXPORTS_FILE));
    if main_file.map_err(|error| goal.host(&error))?.is_none() {
        // exportfs fails without it, whatever /etc/exports.d holds.
        write(goal, host, MAIN_EXPORTS_FILE, "")?;
    }
    let mut wanted = lines.clone();
    wanted.insert(path.clone(), clients.clone());
    write(goal, host, EXPORTS_FILE, &nfs::format_exports(&wanted))?;
    let Err(failure) = take_over(goal, host, path, &wanted, &active) else {
        return Ok(Done::Changed);
    };
    // Without a file there was nothing to put back: one without lines means the same.
    let before = text.unwrap_or_else(|| nfs::format_exports(&Exports::new()));
    Err(put_back(goal, host, &before, failure))
}

/// Makes the server read its files again and confirms that it exports `path`, and still exports
/// what it did.
fn take_over(
    goal: Goal<'_>,
    host: &StepContext<'_>,
    path: &str,
    wanted: &Exports,
    before: &Active,
) -> Result<(), Failure> {
    let command = nfs::reload();
    let output = host.run(&command).map_err(|error| goal.host(&error))?;
    let after = active(goal, host)?;
    let lost = |(other, clients): &(&String, &Vec<String>)| {
        let was_active = *other == path || are_active(other, clients, before);
        was_active && !are_active(other, clients, &after)
    };
    let Some((lost, _)) = wanted.iter().find(lost) else {
        // The exit code also counts what is wrong in other people's files.
        return Ok(());
    };
    if let Err(failed) = output.check(&command) {
        return Err(goal.command(&failed));
    }
    let stderr = output.stderr.trim();
    let words = stderr.lines().next().unwrap_or("without a reason");
    let reason = format!(
        "exportfs took the file, but does not export {lost} as it says ({})",
        words.trim_start_matches("exportfs: ")
    );
    let help = "check that the clients' names can be resolved and that exportfs knows the options";
    Err(Failure {
        detail: (!stderr.is_empty()).then(|| stderr.to_owned()),
        ..goal.because(FailureCode::BadOption, reason, help)
    })
}

fn are_active(path: &str, clients: &[String], active: &Active) -> bool {
    let nobody = BTreeMap::new();
    let active = active.get(path).unwrap_or(&nobody);
    clients.iter().all(|line| is_active(line, active))
}

/// Whether the server exports `path` to nobody beside `clients`. Whoever else it exports to may be
/// named by another file; reading all files again does no harm then.
fn nobody_else(path: &str, clients: &[String], active: &Active) -> bool {
    let names = clients.iter().filter_map(|line| line.split('(').next());
    let names: Vec<&str> = names.collect();
    active
        .get(path)
        .is_none_or(|active| strangers(&names, active).is_empty())
}

fn put_back(goal: Goal<'_>, host: &StepContext<'_>, before: &str, failure: Failure) -> Failure {
    let restored = write(goal, host, EXPORTS_FILE, before).and_then(|()| {
        let reloaded = host.run(&nfs::reload());
        reloaded.map(drop).map_err(|error| goal.host(&error))
    });
    let outcome = match restored {
        Ok(()) => format!("{EXPORTS_FILE} was put back as it was"),
        Err(second) => format!(
            "putting {EXPORTS_FILE} back failed too ({})",
            second.message
        ),
    };
    Failure {
        message: format!("{}; {outcome}", failure.message),
        ..failure
    }
}

fn active(goal: Goal<'_>, host: &StepContext<'_>) -> Result<Active, Failure> {
    let text = goal.run(host, &nfs::list())?;
    nfs::parse_list(&text).map_err(|error| goal.parse(&error))
}

fn read(goal: Goal<'_>, host: &StepContext<'_>, file: &str) -> Result<Option<String>, Failure> {
    host.read_file(Utf8Path::new(file))
        .map_err(|error| goal.host(&error))
}

fn write(goal: Goal<'_>, host: &StepContext<'_>, file: &str, text: &str) -> Result<(), Failure> {
    host.write_file(Utf8Path::new(file), text)
        .map_err(|error| goal.host(&error))
}
