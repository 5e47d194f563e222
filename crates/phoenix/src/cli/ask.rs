//! Questions to the user: whether to apply, and whether a disk that carries data may be erased.
//!
//! Answers come from standard input, one line each, typed or piped. Silence is always a no.

use std::collections::BTreeSet;
use std::io::{self, BufRead as _, IsTerminal as _};

use phoenix::config::address::Address;
use phoenix::planner::observed::{ObservedDisk, Obstacle};
use phoenix::zfs::size;
use phoenix::{Config, ExitStatus, Observed, Plan};

use super::failure::Failure;
use super::output::Terminal;

/// Whether somebody could answer a question.
pub(crate) fn somebody_is_there() -> bool {
    io::stdin().is_terminal()
}

/// Asks whether the plan that was just shown is to be applied.
///
/// # Errors
/// When standard input cannot be read.
pub(crate) fn whether_to_apply(terminal: &Terminal) -> Result<bool, Failure> {
    let answer = ask(terminal, "Apply these changes? Only \"yes\" does: ")?;
    Ok(answer == "yes")
}

/// Asks about every disk that is refused only for what is on it, and returns the paths of those
/// that may be erased. A disk in use is not asked about: nothing grants it.
///
/// # Errors
/// When standard input cannot be read.
pub(crate) fn which_disks_to_erase(
    terminal: &Terminal,
    config: &Config,
    observed: &Observed,
    plan: &Plan,
) -> Result<BTreeSet<String>, Failure> {
    let mut granted = BTreeSet::new();
    for (pool, path, disk) in disks_in_question(config, observed, plan) {
        let word = disk.serial.as_deref().unwrap_or("erase");
        let question = format!(
            "\nPool {pool} wants {path}\n  {}\n  on it: {}\n\
             Everything on it would be lost. Type {word} to erase it, or press Enter to leave it: ",
            identity(disk),
            contents(disk),
        );
        if ask(terminal, &question)? == word {
            granted.insert(path.to_owned());
        } else {
            terminal.say("Left alone.\n");
        }
    }
    Ok(granted)
}

/// The disks of refused pools that carry something and that nothing uses, in file order.
fn disks_in_question<'a>(
    config: &'a Config,
    observed: &'a Observed,
    plan: &Plan,
) -> Vec<(&'a str, &'a str, &'a ObservedDisk)> {
    let refused: BTreeSet<&Address> = plan.refusals.iter().map(|refusal| &refusal.id).collect();
    let mut found = Vec::new();
    for pool in &config.pools {
        let absent = !observed.pools.contains_key(&pool.name);
        if !absent || !refused.contains(&Address::Pool(pool.name.clone())) {
            continue;
        }
        for disk in pool.disks() {
            if let Some(seen) = observed.disks.get(&disk.path)
                && carries_only_data(seen)
            {
                found.push((pool.name.as_str(), disk.path.as_str(), seen));
            }
        }
    }
    found
}

fn carries_only_data(disk: &ObservedDisk) -> bool {
    let signature = |obstacle: &Obstacle| matches!(obstacle, Obstacle::Signature { .. });
    !disk.obstacles.is_empty() && disk.obstacles.iter().all(signature)
}

fn identity(disk: &ObservedDisk) -> String {
    let mut parts = Vec::new();
    parts.extend(disk.model.clone());
    parts.extend(
        disk.serial
            .as_ref()
            .map(|serial| format!("serial {serial}")),
    );
    parts.push(size::decimal_and_binary(disk.size));
    parts.push(format!("now {}", disk.kernel_name));
    parts.join(", ")
}

fn contents(disk: &ObservedDisk) -> String {
    let signatures = disk.obstacles.iter().filter_map(|obstacle| match obstacle {
        Obstacle::Signature { what } => Some(what.as_str()),
        Obstacle::InUse { .. } | Obstacle::NotADisk { .. } => None,
    });
    signatures.collect::<Vec<_>>().join(", ")
}

/// One line of standard input, trimmed; empty at its end.
fn ask(terminal: &Terminal, question: &str) -> Result<String, Failure> {
    terminal.say(question);
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(|error| {
        Failure::new(
            ExitStatus::Failed,
            format!("cannot read the answer: {error}"),
        )
    })?;
    if !answer.ends_with('\n') {
        terminal.say("\n");
    }
    Ok(answer.trim().to_owned())
}
