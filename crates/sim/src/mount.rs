//! Mounting simulated datasets, and `/proc/self/mounts`.

use camino::{Utf8Path, Utf8PathBuf};

use phoenix_host::command::Output;

use super::props;
use super::state::{Entry, EntryKind, Mount, State};

/// `zfs mount DATASET`
pub(super) fn command(state: &mut State, args: &[String]) -> Output {
    const USAGE: &str = "\tmount [-j]\n\tmount [-flvO] [-o opts] <-a|-R filesystem|filesystem>";
    let [name] = args else {
        return super::usage("the simulated zfs mount takes one dataset", USAGE);
    };
    if let Some(option) = name.strip_prefix('-') {
        let letter: String = option.chars().take(1).collect();
        return super::usage(&format!("invalid option '{letter}'"), USAGE);
    }
    let Some(dataset) = state.datasets.get(name) else {
        return Output::failure(1, format!("cannot open '{name}': dataset does not exist\n"));
    };
    if dataset.volume.is_some() {
        let text =
            format!("cannot open '{name}': operation not applicable to datasets of this type\n");
        return Output::failure(1, text);
    }
    let refuse = |reason: &str| Output::failure(1, format!("cannot mount '{name}': {reason}\n"));
    match props::value(state, name, "mountpoint").as_str() {
        "legacy" => return refuse("legacy mountpoint\nuse mount(8) to mount this filesystem"),
        "none" => return refuse("no mountpoint set"),
        _ => {}
    }
    if props::value(state, name, "canmount") == "off" {
        return refuse("'canmount' property is set to 'off'");
    }
    if state.mounted_at(name).is_some() {
        return refuse("filesystem already mounted");
    }
    match mount(state, name) {
        Ok(()) => Output::success(""),
        Err(text) => Output::failure(1, text),
    }
}

/// Mounts a file system where its properties say; does nothing when they say nowhere.
pub(super) fn mount(state: &mut State, name: &str) -> Result<(), String> {
    let target = props::value(state, name, "mountpoint");
    if !target.starts_with('/')
        || props::value(state, name, "canmount") == "off"
        || state.mounted_at(name).is_some()
    {
        return Ok(());
    }
    let path = Utf8PathBuf::from(&target);
    if let Err(reason) = state.make_directories(&path) {
        return Err(format!(
            "cannot mount '{target}': failed to create mountpoint: {reason}\n"
        ));
    }
    if props::value(state, name, "overlay") == "off" && !state.is_empty(&path) {
        return Err(format!("cannot mount '{target}': directory is not empty\n"));
    }
    if let Some(files) = state.datasets.files_mut(name) {
        files
            .entry(Utf8PathBuf::new())
            .or_insert_with(Entry::directory);
    }
    state.mounts.push(Mount {
        source: name.to_owned(),
        target: path,
        fstype: "zfs".to_owned(),
    });
    Ok(())
}

/// The text of `/proc/self/mounts`.
pub(super) fn table(state: &State) -> String {
    state
        .mounts
        .iter()
        .map(|mount| {
            let options = match mount.fstype.as_str() {
                "zfs" => zfs_options(state, &mount.source),
                "ext4" => "rw,relatime,errors=remount-ro".to_owned(),
                _ => "rw,nosuid,nodev,noexec,relatime".to_owned(),
            };
            let (source, target) = (escape(&mount.source), escape(mount.target.as_str()));
            format!("{source} {target} {} {options} 0 0\n", mount.fstype)
        })
        .collect()
}

/// As the kernel shows them for the properties that the file system has now.
fn zfs_options(state: &State, name: &str) -> String {
    let is = |property: &str, value: &str| props::value(state, name, property) == value;
    let mut options = vec![if is("readonly", "on") { "ro" } else { "rw" }];
    let switches = [
        ("setuid", "nosuid"),
        ("devices", "nodev"),
        ("exec", "noexec"),
    ];
    options.extend(
        switches
            .iter()
            .filter(|(property, _)| is(property, "off"))
            .map(|(_, option)| *option),
    );
    if is("atime", "off") {
        options.push("noatime");
    } else if is("relatime", "on") {
        options.push("relatime");
    }
    options.push(if is("xattr", "off") {
        "noxattr"
    } else {
        "xattr"
    });
    options.push(match props::value(state, name, "acltype").as_str() {
        "posix" => "posixacl",
        "nfsv4" => "nfs4acl",
        _ => "noacl",
    });
    options.push(
        match props::value(state, name, "casesensitivity").as_str() {
            "insensitive" => "caseinsensitive",
            "mixed" => "casemixed",
            _ => "casesensitive",
        },
    );
    options.join(",")
}

/// Blanks, tabs, line breaks and backslashes as octal, as the kernel writes them.
pub(super) fn escape(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            ' ' | '\t' | '\n' | '\\' => format!("\\{:03o}", u32::from(c)),
            _ => c.to_string(),
        })
        .collect()
}

/// Whether a path leads to a directory.
pub(super) fn is_directory(state: &State, path: &Utf8Path) -> bool {
    state
        .entry(path)
        .is_some_and(|entry| entry.kind == EntryKind::Directory)
}
