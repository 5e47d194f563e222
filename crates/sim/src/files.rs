//! Files of the simulated host: those that the kernel makes up, and those that were written; with
//! `find` and `getent`.

use camino::{Utf8Path, Utf8PathBuf};

use phoenix_host::command::Output;

use super::state::{Arc, Entry, EntryKind, OpenDevice, State};
use super::{access, disk, health, mount, nfs, zpool};

/// The parameter that limits the read cache.
const ARC_MAX: &str = "/sys/module/zfs/parameters/zfs_arc_max";
const ARC_MIN: &str = "/sys/module/zfs/parameters/zfs_arc_min";

/// The text of a file; `None` if there is none.
pub(super) fn read(state: &State, path: &Utf8Path) -> Option<String> {
    let kstat = path.as_str().strip_prefix("/proc/spl/kstat/zfs/");
    let text = match path.as_str() {
        "/proc/self/mounts" | "/proc/mounts" => mount::table(state),
        "/proc/swaps" => swaps(state),
        // Where a test has said what the kernel was started with.
        "/proc/cmdline" => match &state.files.get(path)?.kind {
            EntryKind::File(text) => text.clone(),
            _ => return None,
        },
        "/proc/meminfo" => meminfo(state.memory),
        "/proc/sys/kernel/hostname" => format!("{}\n", state.node),
        ARC_MAX => format!("{}\n", state.arc.parameter_max),
        ARC_MIN => format!("{}\n", state.arc.parameter_min),
        "/sys/module/zfs/version" => format!("{}\n", state.zfs_version.as_ref()?),
        "/proc/spl/kstat/zfs/arcstats" => arcstats(&state.arc),
        _ => {
            if let Some(program) = program_of_process(state, path) {
                return Some(program);
            }
            let pool = kstat.and_then(|rest| rest.strip_suffix("/state"));
            return match pool {
                Some(pool) => Some(format!("{}\n", zpool::health(state.pools.get(pool)?))),
                None => written(state, path).or_else(|| super::health::sysfs(state, path)),
            };
        }
    };
    Some(text)
}

/// Whether the text has bytes that are no UTF-8: U+FFFD stands for them in a simulated file.
pub(super) fn is_no_utf8(text: &str) -> bool {
    text.contains(char::REPLACEMENT_CHARACTER)
}

/// What the real hosts say of such a file.
pub(super) fn no_utf8() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, "invalid utf-8 sequence")
}

/// `/proc/PID/comm`
fn program_of_process(state: &State, path: &Utf8Path) -> Option<String> {
    let pid = path
        .as_str()
        .strip_prefix("/proc/")?
        .strip_suffix("/comm")?;
    let pid: u32 = pid.parse().ok()?;
    let open = state.open.iter().find(|open| open.pid == pid)?;
    Some(format!("{}\n", open.program))
}

fn written(state: &State, path: &Utf8Path) -> Option<String> {
    match &state.entry(path)?.kind {
        EntryKind::File(text) => Some(text.clone()),
        _ => None,
    }
}

/// Replaces a file; its directory is made if only that is missing. Says why it cannot.
pub(super) fn write(state: &mut State, path: &Utf8Path, text: &str) -> Result<(), &'static str> {
    match state.entry_mut(path) {
        Some(Entry {
            kind: EntryKind::File(old),
            ..
        }) => {
            text.clone_into(old);
            return Ok(());
        }
        Some(_) => return Err("Is a directory"),
        None => {}
    }
    if let Some(parent) = path.parent()
        && state.entry(parent).is_none()
    {
        state.put(parent, Entry::directory())?;
    }
    state.put(path, Entry::file(text))
}

/// Sets a kernel parameter as `arc_tuning_update` does: a value that does not fit is kept in the
/// parameter and changes nothing else. Says why the kernel refuses it.
pub(super) fn write_parameter(
    state: &mut State,
    path: &Utf8Path,
    value: &str,
) -> Result<(), std::io::ErrorKind> {
    const SMALLEST_MAX: u64 = 64 << 20;
    const SMALLEST_MIN: u64 = 32 << 20;
    let parsed = value.trim().parse::<u64>();
    let arc = &mut state.arc;
    match path.as_str() {
        ARC_MAX => {
            arc.parameter_max = parsed.map_err(|_| std::io::ErrorKind::InvalidInput)?;
            let asked = arc.parameter_max;
            if (SMALLEST_MAX..state.memory).contains(&asked) && asked > arc.c_min {
                arc.c_max = asked;
            }
        }
        ARC_MIN => {
            arc.parameter_min = parsed.map_err(|_| std::io::ErrorKind::InvalidInput)?;
            if (SMALLEST_MIN..=arc.c_max).contains(&arc.parameter_min) {
                arc.c_min = arc.parameter_min;
            }
        }
        _ => return Err(std::io::ErrorKind::NotFound),
    }
    Ok(())
}

fn swaps(state: &State) -> String {
    let mut text = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n".to_owned();
    for path in &state.swaps {
        text += &format!("{path:<40}partition\t8388604\t\t0\t\t-2\n");
    }
    text
}

fn meminfo(memory: u64) -> String {
    let kib = memory / 1024;
    format!(
        "MemTotal:       {kib:>8} kB\nMemFree:        {:>8} kB\nMemAvailable:   {:>8} kB\n",
        kib / 2,
        kib / 4 * 3
    )
}

fn arcstats(arc: &Arc) -> String {
    let mut text = "19 1 0x01 148 40256 15189200566 1112410218228\n\
                    name                            type data\n"
        .to_owned();
    let rows = [
        ("hits", 4096),
        ("misses", 128),
        ("c", arc.c_max / 2),
        ("c_min", arc.c_min),
        ("c_max", arc.c_max),
        ("size", arc.c_min),
    ];
    for (name, value) in rows {
        text += &format!("{name:<32}4    {value}\n");
    }
    text
}

/// The forms of `find` that phoenix uses.
pub(super) fn find(state: &State, args: &[String]) -> Output {
    let expanded: Vec<String> = args.iter().map(|word| unescape(word)).collect();
    let words = super::words(&expanded);
    match &words[..] {
        [
            "/sys/block",
            "/sys/class/hwmon",
            "-maxdepth",
            "1",
            "-type",
            "l",
            "-printf",
            "%f\t%l\n",
        ] => Output::success(health::links(state)),
        [
            "/sys/block",
            "/sys/class/nvme",
            "-maxdepth",
            "1",
            "-type",
            "l",
            "-printf",
            "%f\t%l\n",
        ] => Output::success(health::links(state)),
        [
            "/proc",
            "-ignore_readdir_race",
            "-mindepth",
            "1",
            "-maxdepth",
            "3",
            "(",
            names @ ..,
        ] => find_open(state, names),
        [
            paths @ ..,
            "-maxdepth",
            "0",
            "-type",
            "l",
            "-printf",
            "%p\t%l\n",
        ] if !paths.is_empty() => find_links(state, paths),
        ["/dev/disk", "-type", "l", "-printf", "%p\t%l\n"] => Output::success(disk::links(state)),
        [
            directory,
            "-maxdepth",
            "1",
            "-name",
            "*.exports",
            "-printf",
            "%p\n",
        ] => find_exports(state, directory),
        [
            directory,
            "-maxdepth",
            "1",
            "-name",
            "*.conf",
            "-printf",
            "%p\n",
        ] => find_confs(state, directory),
        [
            paths @ ..,
            "-maxdepth",
            "0",
            "(",
            "-empty",
            "-printf",
            "e\t%U\t%G\t%m\t%y\t%p\n",
            "-o",
            "-printf",
            "n\t%U\t%G\t%m\t%y\t%p\n",
            ")",
        ] if !paths.is_empty() => find_directories(state, paths),
        [
            "-L",
            paths @ ..,
            "-maxdepth",
            "0",
            "-type",
            "f",
            "-printf",
            "%s\t%p\n",
        ] if !paths.is_empty() => find_sizes(state, paths),
        [
            directory,
            "-xdev",
            "-mindepth",
            "1",
            tests @ ..,
            "-print",
            "-quit",
        ] => access::find_first(state, directory, tests),
        _ => {
            let text = "find: the simulated find knows only the expressions that phoenix uses\n";
            Output::failure(1, text)
        }
    }
}

/// `-printf` takes a tab as it is or as `\t`.
fn unescape(word: &str) -> String {
    word.replace("\\t", "\t").replace("\\n", "\n")
}

fn missing(path: &str) -> String {
    format!("find: ‘{path}’: No such file or directory\n")
}

fn find_exports(state: &State, directory: &str) -> Output {
    if state.entry(Utf8Path::new(directory)).is_none() {
        return Output::failure(1, missing(directory));
    }
    let paths = match directory {
        "/etc/exports.d" => nfs::files(state),
        _ => Vec::new(),
    };
    Output::success(
        paths
            .iter()
            .map(|path| format!("{path}\n"))
            .collect::<String>(),
    )
}

fn find_confs(state: &State, directory: &str) -> Output {
    if state.entry(Utf8Path::new(directory)).is_none() {
        return Output::failure(1, missing(directory));
    }
    let files = state.files.keys();
    let inside = files.filter(|path| path.parent() == Some(Utf8Path::new(directory)));
    let confs = inside.filter(|path| path.as_str().ends_with(".conf"));
    Output::success(confs.map(|path| format!("{path}\n")).collect::<String>())
}

fn find_directories(state: &State, paths: &[&str]) -> Output {
    let mut output = Output::success("");
    for path in paths {
        let Some(entry) = lookup(state, path) else {
            output.stderr += &missing(path);
            output.code = Some(1);
            continue;
        };
        let (kind, empty) = match &entry.kind {
            EntryKind::Directory => ('d', state.is_empty(&normal(path))),
            EntryKind::Symlink => ('l', false),
            EntryKind::File(text) => ('f', text.is_empty()),
        };
        let mark = if empty { 'e' } else { 'n' };
        let (uid, gid, mode) = (entry.uid, entry.gid, entry.mode);
        output.stdout += &format!("{mark}\t{uid}\t{gid}\t{mode:o}\t{kind}\t{path}\n");
    }
    output
}

/// The files of processes that are one of the named nodes.
fn find_open(state: &State, names: &[&str]) -> Output {
    const FILES_ALONE: [&str; 16] = [
        ")",
        "-printf",
        "%p\t%l\n",
        "-o",
        "-type",
        "d",
        "!",
        "-path",
        "/proc/[0-9]*",
        "-prune",
        "-o",
        "-path",
        "/proc/[0-9]*/*",
        "!",
        "-name",
        "fd",
    ];
    let named = names
        .strip_suffix(&["-prune"])
        .and_then(|names| names.strip_suffix(&FILES_ALONE));
    let Some(named) = named else {
        return Output::failure(1, "find: the simulated find knows another expression\n");
    };
    let asked = |open: &&OpenDevice| {
        let mut tests = named.split(|word| *word == "-o");
        tests.any(|test| test == ["-lname", &open.path])
    };
    let line = |open: &OpenDevice| format!("/proc/{}/fd/9\t{}\n", open.pid, open.path);
    Output::success(
        state
            .open
            .iter()
            .filter(asked)
            .map(line)
            .collect::<String>(),
    )
}

/// Where those of the paths lead that are links.
fn find_links(state: &State, paths: &[&str]) -> Output {
    let mut output = Output::success("");
    for path in paths {
        match state.links.get(&normal(path)) {
            Some(target) => output.stdout += &format!("{path}\t{target}\n"),
            None if lookup(state, path).is_some() => {}
            None => {
                output.stderr += &missing(path);
                output.code = Some(1);
            }
        }
    }
    output
}

fn find_sizes(state: &State, paths: &[&str]) -> Output {
    let mut output = Output::success("");
    for path in paths {
        match lookup(state, path).map(|entry| &entry.kind) {
            Some(EntryKind::File(text)) => {
                output.stdout += &format!("{}\t{path}\n", text.len());
            }
            Some(_) => {}
            None => {
                output.stderr += &missing(path);
                output.code = Some(1);
            }
        }
    }
    output
}

fn lookup<'a>(state: &'a State, path: &str) -> Option<&'a Entry> {
    state.entry(&normal(path))
}

/// Doubled and trailing slashes do not matter to the kernel.
fn normal(path: &str) -> Utf8PathBuf {
    Utf8Path::new(path).components().collect()
}

/// `getent passwd|group NAME..`
pub(super) fn getent(state: &State, args: &[String]) -> Output {
    let [database, names @ ..] = args else {
        return Output::failure(1, "getent: wrong number of arguments\n");
    };
    let known = match database.as_str() {
        "passwd" => &state.users,
        "group" => &state.groups,
        other => return Output::failure(1, format!("Unknown database: {other}\n")),
    };
    if names.is_empty() {
        return Output::failure(1, "getent: the simulated getent needs names\n");
    }
    let mut output = Output::success("");
    for name in names {
        // A number asks for the entry with that id.
        let found = known
            .iter()
            .find(|(known, id)| *known == name || name.parse::<u32>().is_ok_and(|n| n == **id));
        match (found, database.as_str()) {
            (None, _) => output.code = Some(2),
            (Some((name, id)), "passwd") => {
                let home = if *id == 0 { "/root" } else { "/nonexistent" };
                output.stdout += &format!("{name}:x:{id}:{id}:{name}:{home}:/usr/sbin/nologin\n");
            }
            (Some((name, id)), _) => output.stdout += &format!("{name}:x:{id}:\n"),
        }
    }
    output
}
