//! Owners, modes and ACLs of a mounted dataset's files: what the kernel does to them, and `find`,
//! `getfacl` and `setfacl` over them.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use phoenix_host::PermissionChange;
use phoenix_host::command::Output;

use super::props;
use super::state::{Entry, EntryKind, State};

const GROUP: &str = "group::";
const MASK: &str = "mask::";

/// Makes a change of permissions, or says why its ACL cannot be set. `None` if the dataset is not
/// mounted there.
pub(super) fn change(state: &mut State, change: &PermissionChange) -> Option<Result<(), String>> {
    set_permissions(state, change).then(|| set_acl(state, change))
}

/// Changes the root directory of a dataset, or everything in it. False if the dataset is not
/// mounted there.
fn set_permissions(state: &mut State, change: &PermissionChange) -> bool {
    let top = state.mounts.at(&change.path);
    if !top.is_some_and(|mount| mount.fstype == "zfs" && mount.source == change.dataset) {
        return false;
    }
    // What is hidden below a child's mountpoint stays as it is.
    let hidden: Vec<Utf8PathBuf> = state.mounts.targets_below(&change.path);
    let Some(files) = state.datasets.files_mut(&change.dataset) else {
        return false;
    };
    for (path, entry) in files {
        let is_root = path.as_str().is_empty();
        let path = change.path.join(path);
        if is_root || (change.recursive && !hidden.iter().any(|below| path.starts_with(below))) {
            set(entry, change);
        }
    }
    true
}

fn set(entry: &mut Entry, change: &PermissionChange) {
    entry.uid = change.uid.unwrap_or(entry.uid);
    entry.gid = change.gid.unwrap_or(entry.gid);
    if let Some(mode) = change.mode {
        entry.mode = match entry.kind {
            EntryKind::Directory => mode,
            EntryKind::File(_) if entry.mode & 0o111 == 0 => mode & 0o666,
            EntryKind::File(_) => mode & 0o777,
            EntryKind::Symlink => entry.mode,
        };
    }
}

/// `find DIRECTORY -xdev -mindepth 1 [( -path P [-o -path P].. ) -prune -o] ( TESTS ) -print -quit`
pub(super) fn find_first(state: &State, directory: &str, rest: &[&str]) -> Output {
    let pruned = rest.iter().position(|word| *word == "-prune");
    let (pruned, tests) = match pruned.and_then(|at| rest.split_at_checked(at)) {
        Some((pruned, [_, "-o", tests @ ..])) => (pruned, tests),
        Some(_) => return unknown(),
        None => (&[][..], rest),
    };
    let paths: Vec<String> = pruned
        .iter()
        .filter(|word| !matches!(**word, "(" | ")" | "-path" | "-o"))
        .map(|pattern| pattern.replace('\\', ""))
        .collect();
    let ["(", tests @ .., ")"] = tests else {
        return unknown();
    };
    let directory = Utf8Path::new(directory);
    let dataset = state
        .mounts
        .at(directory)
        .and_then(|mount| state.datasets.get(&mount.source));
    let Some(dataset) = dataset else {
        return unknown();
    };
    let mounted = state.mounts.targets_below(directory);
    for path in dataset.files.keys().filter(|path| *path != "") {
        let path = directory.join(path);
        let hidden = mounted
            .iter()
            .any(|target| path.starts_with(target) && path != *target);
        if hidden || paths.iter().any(|pruned| path == *pruned) {
            continue;
        }
        let Some(entry) = state.entry(&path) else {
            continue;
        };
        match tests
            .split(|word| *word == "-o")
            .map(|tests| all_hold(entry, tests))
            .collect::<Option<Vec<bool>>>()
        {
            None => return unknown(),
            Some(held) if held.contains(&true) => return Output::success(format!("{path}\n")),
            Some(_) => {}
        }
    }
    Output::success("")
}

fn unknown() -> Output {
    let text = "find: the simulated find knows only the expressions that phoenix uses\n";
    Output::failure(1, text)
}

/// Whether every test holds; `None` for one that is not known.
fn all_hold(entry: &Entry, mut tests: &[&str]) -> Option<bool> {
    let mut all = true;
    while !tests.is_empty() {
        let (wanted, rest) = match tests {
            ["!", rest @ ..] => (false, rest),
            rest => (true, rest),
        };
        let [test, value, rest @ ..] = rest else {
            return None;
        };
        let octal = |text: &str| u32::from_str_radix(text, 8).ok();
        let holds = match *test {
            "-uid" => entry.uid == value.parse::<u32>().ok()?,
            "-gid" => entry.gid == value.parse::<u32>().ok()?,
            "-type" => match (*value, &entry.kind) {
                ("d", kind) => matches!(kind, EntryKind::Directory),
                ("f", kind) => matches!(kind, EntryKind::File(_)),
                _ => return None,
            },
            "-perm" => match value.strip_prefix('/') {
                Some(any) => entry.mode & octal(any)? != 0,
                None => entry.mode == octal(value)?,
            },
            _ => return None,
        };
        all &= holds == wanted;
        tests = rest;
    }
    Some(all)
}

/// `getfacl -pn PATH..`
pub(super) fn getfacl(state: &State, args: &[String]) -> Output {
    let ["-pn", paths @ ..] = &super::words(args)[..] else {
        return Output::failure(2, "getfacl: the simulated getfacl knows only -pn\n");
    };
    let mut output = Output::success("");
    for path in paths {
        let Some(entry) = state.entry(Utf8Path::new(path)) else {
            output.stderr += &format!("getfacl: {path}: No such file or directory\n");
            output.code = Some(1);
            continue;
        };
        let Entry { uid, gid, .. } = entry;
        output.stdout += &format!("# file: {path}\n# owner: {uid}\n# group: {gid}\n");
        if entry.mode & 0o7000 != 0 {
            let flag = |bit, letter| if entry.mode & bit != 0 { letter } else { '-' };
            let flags = [flag(0o4000, 's'), flag(0o2000, 's'), flag(0o1000, 't')];
            output.stdout += &format!("# flags: {}\n", flags.iter().collect::<String>());
        }
        let acl = whole(entry);
        let mask = acl.get(MASK).cloned();
        let mut lines: Vec<_> = acl.into_iter().collect();
        lines.sort_by_key(|(who, _)| (who.starts_with("default:"), rank(who)));
        for (who, permissions) in lines {
            let limited = mask
                .as_ref()
                .filter(|_| !who.starts_with("default:") && !matches!(rank(&who), 0 | 4 | 5));
            let effective: Option<String> = limited.map(|mask| {
                let pairs = permissions.chars().zip(mask.chars());
                pairs
                    .map(|(has, may)| if may == '-' { '-' } else { has })
                    .collect()
            });
            output.stdout += &format!("{who}{permissions}");
            if let Some(effective) = effective.filter(|it| *it != permissions) {
                output.stdout += &format!("\t\t\t#effective:{effective}");
            }
            output.stdout.push('\n');
        }
        output.stdout.push('\n');
    }
    output
}

/// The order in which getfacl prints entries.
fn rank(who: &str) -> usize {
    match who.strip_prefix("default:").unwrap_or(who) {
        "user::" => 0,
        GROUP => 2,
        MASK => 4,
        "other::" => 5,
        named if named.starts_with("user:") => 1,
        _ => 3,
    }
}

/// Sets the ACL that a change asks for. Says why it cannot.
fn set_acl(state: &mut State, change: &PermissionChange) -> Result<(), String> {
    if change.acl.is_empty() {
        return Ok(());
    }
    let entries = change.acl.iter();
    let entries: Vec<String> = entries
        .map(|(who, permissions)| format!("{who}{permissions}"))
        .collect();
    let args = ["-n", "-m", &entries.join(","), change.path.as_str()].map(str::to_owned);
    let output = setfacl(state, &args);
    if output.code == Some(0) {
        Ok(())
    } else {
        Err(output.stderr.trim_end().to_owned())
    }
}

/// `setfacl -n -m ENTRIES PATH`
pub(super) fn setfacl(state: &mut State, args: &[String]) -> Output {
    let ["-n", "-m", entries, path] = super::words(args)[..] else {
        return Output::failure(2, "setfacl: the simulated setfacl knows only -n -m\n");
    };
    let failed = |reason: &str| Output::failure(1, format!("setfacl: {path}: {reason}\n"));
    let at = Utf8Path::new(path);
    let Some(entry) = state.entry(at) else {
        return failed("No such file or directory");
    };
    let mut acl = whole(entry);
    for text in entries.split(',') {
        let Some((who, permissions)) = text.rfind(':').and_then(|at| text.split_at_checked(at + 1))
        else {
            let text = format!("setfacl: Option -m: Invalid argument near character 1: {text}\n");
            return Output::failure(2, text);
        };
        acl.insert(who.to_owned(), permissions.to_owned());
    }
    let mount = state.mounts.containing(at);
    if let Some(mount) = mount.filter(|mount| mount.fstype == "zfs")
        && props::value(state, &mount.source, "acltype") != "posix"
    {
        return failed("Operation not supported");
    }
    complete(&mut acl);
    if let Some(entry) = state.entry_mut(at) {
        store(entry, acl);
    }
    Output::success("")
}

/// What setfacl 2.3.1 adds so that the ACL is valid: classes of a default ACL that are missing are
/// those of the access ACL, and with `-n` a missing mask is the owning group's entry.
fn complete(acl: &mut BTreeMap<String, String>) {
    let is_default = |who: &String| who.starts_with("default:");
    if acl.keys().any(is_default) {
        for class in ["user::", GROUP, "other::"] {
            let access = acl.get(class).cloned().unwrap_or_default();
            acl.entry(format!("default:{class}")).or_insert(access);
        }
    }
    for prefix in ["", "default:"] {
        let of_kind = |who: &&String| is_default(who) != prefix.is_empty();
        let is_named = acl
            .keys()
            .filter(of_kind)
            .any(|who| matches!(rank(who), 1 | 3));
        if is_named {
            let group = acl.get(&format!("{prefix}{GROUP}")).cloned();
            acl.entry(format!("{prefix}{MASK}"))
                .or_insert(group.unwrap_or_default());
        }
    }
}

/// Every entry of a file's ACL, those that its mode holds included.
fn whole(entry: &Entry) -> BTreeMap<String, String> {
    let class = |shift: u32| letters(entry.mode >> shift & 0o7);
    let mut acl = entry.acl.clone();
    acl.insert("user::".to_owned(), class(6));
    acl.insert("other::".to_owned(), class(0));
    // With a mask, it is what the mode shows in the group's place.
    let group_shows = if acl.contains_key(GROUP) { MASK } else { GROUP };
    acl.insert(group_shows.to_owned(), class(3));
    acl
}

fn store(entry: &mut Entry, mut acl: BTreeMap<String, String>) {
    let owner = acl.remove("user::");
    let other = acl.remove("other::");
    let shown = acl.remove(MASK).or_else(|| acl.remove(GROUP));
    let mut mode = entry.mode & 0o7000;
    for (shift, permissions) in [(6, owner), (3, shown), (0, other)] {
        mode |= bits(&permissions.unwrap_or_default()) << shift;
    }
    entry.mode = mode;
    entry.acl = acl;
}

fn letters(bits: u32) -> String {
    let letter = |bit, letter| if bits & bit != 0 { letter } else { '-' };
    [letter(4, 'r'), letter(2, 'w'), letter(1, 'x')]
        .iter()
        .collect()
}

fn bits(letters: &str) -> u32 {
    letters.chars().fold(0, |bits, letter| {
        bits | match letter {
            'r' => 4,
            'w' => 2,
            'x' => 1,
            _ => 0,
        }
    })
}
