//! The simulated `zpool export` and `zpool import`.
//!
//! Texts and exit codes are those of OpenZFS 2.3.9. A pool that is damaged or belongs to another
//! system is not simulated.

use std::fmt::Write as _;

use phoenix_host::command::Output;

use super::mount;
use super::state::{Exported, Pool, State};
use super::usage;
use super::zpool::{Line, vdev_lines};

const FOLDER: &str = "/dev/disk/by-id";
const USAGE: &str =
    "\timport [-d dir] [-D]\n\timport [-d dir | -c cachefile] [-F [-n]] [-l] <pool | id>";

/// `zpool export POOL`
pub(super) fn export(state: &mut State, args: &[String]) -> Output {
    let [name] = args else {
        return usage(
            "the simulated zpool export takes one pool",
            "\texport [-af] <pool> ...",
        );
    };
    let Some(pool) = state.pools.remove(name) else {
        return Output::failure(1, format!("cannot open '{name}': no such pool\n"));
    };
    let mut names = state.descendants(name);
    names.push(name.clone());
    for name in &names {
        state.mounts.unmount(name);
    }
    let datasets = names
        .into_iter()
        .filter_map(|name| Some((name.clone(), state.datasets.remove(&name)?)))
        .collect();
    state
        .exported
        .insert(name.clone(), Exported { pool, datasets });
    Output::success("")
}

/// `zpool import -d /dev/disk/by-id`
pub(super) fn list(state: &State, args: &[String]) -> Output {
    let ["-d", FOLDER] = super::words(args)[..] else {
        return usage("the simulated zpool import takes -d /dev/disk/by-id", USAGE);
    };
    let pools: Vec<String> = state
        .exported
        .iter()
        .filter(|(_, exported)| is_whole(state, &exported.pool))
        .map(|(name, exported)| describe(name, &exported.pool))
        .collect();
    if pools.is_empty() {
        return Output {
            stderr: "no pools available to import\n".to_owned(),
            ..Output::success("")
        };
    }
    Output::success(pools.join("\n"))
}

/// `zpool import -d /dev/disk/by-id POOL|GUID`
pub(super) fn import(state: &mut State, args: &[String]) -> Output {
    let ["-d", FOLDER, wanted] = super::words(args)[..] else {
        return usage(
            "the simulated zpool import takes -d /dev/disk/by-id and one pool",
            USAGE,
        );
    };
    let missing = || {
        Output::failure(
            1,
            format!("cannot import '{wanted}': no such pool available\n"),
        )
    };
    if state.pools.contains_key(wanted) {
        let text = format!(
            "cannot import '{wanted}': a pool with that name already exists\n\
             use the form 'zpool import <pool | id> <newpool>' to give it a new name\n"
        );
        return Output::failure(1, text);
    }
    let named = |(name, exported): &(&String, &Exported)| {
        *name == wanted || exported.pool.guid.to_string() == wanted
    };
    let Some((name, exported)) = state.exported.iter().find(named) else {
        return missing();
    };
    if !is_whole(state, &exported.pool) {
        return missing();
    }
    let name = name.clone();
    let Some(Exported { pool, datasets }) = state.exported.remove(&name) else {
        return missing();
    };
    state.pools.insert(name, pool);
    let names: Vec<String> = datasets.keys().cloned().collect();
    for (name, dataset) in datasets {
        state.datasets.insert(name, dataset);
    }
    let mut output = Output::success("");
    for name in names {
        if super::props::value(state, &name, "canmount") == "on"
            && let Err(text) = mount::mount(state, &name)
        {
            output = Output::failure(1, output.stderr + &text);
        }
    }
    output
}

/// Whether every member still carries the pool's label: what was erased or written over since is
/// no pool any more.
fn is_whole(state: &State, pool: &Pool) -> bool {
    let guid = pool.guid.to_string();
    let labelled = |path: &str| {
        state.device(path).is_some_and(|device| {
            let found = state.signatures(&device, path);
            found
                .iter()
                .any(|(_, signature)| signature.uuid.as_ref() == Some(&guid))
        })
    };
    let mut members = pool.vdevs.iter().flat_map(|vdev| &vdev.members);
    members.all(|member| labelled(&member.path))
}

fn describe(name: &str, pool: &Pool) -> String {
    let rows: Vec<(String, String)> = vdev_lines(name, pool)
        .into_iter()
        .map(|line| match line {
            Line::Vdev(depth, name, state) => {
                (format!("{:1$}{2}", "", depth * 2, short(&name)), state)
            }
            Line::Spare(path) => (format!("  {}", short(&path)), String::new()),
            Line::Heading(heading) => (heading.to_owned(), String::new()),
        })
        .collect();
    let width = rows.iter().map(|(name, _)| name.len()).fold(10, usize::max);
    // A comment moves every label of its pool by one blank.
    let (pad, comment) = match pool.properties.get("comment") {
        Some(comment) => (" ", format!("comment: {comment}\n")),
        None => ("", String::new()),
    };
    let mut text = format!(
        "{pad}  pool: {name}\n{pad}    id: {}\n{pad} state: {}\n{pad}action: The pool can be imported \
         using its name or numeric identifier.\n{comment}{pad}config:\n\n",
        pool.guid, pool.health
    );
    for (name, state) in rows {
        // Writing to a string cannot fail.
        let _ = match state.as_str() {
            "" => writeln!(text, "\t{name}"),
            state => writeln!(text, "\t{name:width$}  {state}"),
        };
    }
    text
}

/// A disk without its folder and the partition that ZFS made on it.
fn short(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix("-part1").unwrap_or(name)
}
