//! Bind mounts into containers, as Proxmox takes them.

use std::collections::{BTreeMap, BTreeSet};

use super::index::Index;
use super::path;
use crate::code::Code;
use crate::diagnostic::Finding;
use crate::model::{BindMount, MountOption};
use crate::pointer::Pointer;
use crate::suggest;

/// What Proxmox accepts as `mountoptions` (pve-container `PVE/LXC/Config.pm`).
const OPTIONS: [&str; 6] = [
    "discard", "lazytime", "noatime", "nodev", "noexec", "nosuid",
];
/// Options of the whole file system, which a bind mount cannot change: the kernel ignores them.
const INEFFECTIVE: [(&str, &str); 2] = [
    (
        "discard",
        "TRIM is the business of the pool, whose `autotrim` phoenix sets to on",
    ),
    ("lazytime", "it is an option of the whole file system"),
];
/// Directories of the host that no container may see (pct(1)). Below them there may be harmless
/// ones.
const SYSTEM_DIRECTORIES: [&str; 15] = [
    "/", "/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/root", "/run", "/sbin",
    "/sys", "/usr", "/var", "/etc/pve",
];
/// Trees of the kernel. A source below /dev would be passed on as a device.
const SYSTEM_TREES: [&str; 4] = ["/dev", "/etc/pve", "/proc", "/sys"];
/// `pct set` writes some of them as Latin-1 and loses the others, whatever the locale (seen with
/// pve-container 5.3 and 6.1).
const NOT_ASCII: &str =
    "has a letter outside of ASCII, which Proxmox writes into the container's file as another one";
/// Ids of containers: `^[1-9][0-9]{2,8}$` (pve-common `PVE/JSONSchema.pm`).
const CONTAINER_IDS: std::ops::RangeInclusive<u32> = 100..=999_999_999;

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    ineffective_options(index, findings);
    let sources = sources(index);
    let mut targets: BTreeMap<(u32, &str), &BindMount> = BTreeMap::new();
    for mount in &index.config.mounts {
        findings.extend(container(mount));
        findings.extend(target(mount));
        let key = (mount.container, mount.target.trim_end_matches('/'));
        if let Some(first) = targets.get(&key) {
            findings.push(duplicate(first, mount));
        } else {
            targets.insert(key, mount);
        }
        unknown_options(mount, findings);
        let at = place(index, mount);
        let unfit = source(mount, &at).or_else(|| system_directory(mount, &at));
        let (path, dataset) = (&mount.host_path, mount.dataset.as_deref());
        if let Some(unfit) = unfit {
            findings.push(unfit);
            continue;
        }
        findings.extend(path::undeclared(index, path, dataset, &at));
        findings.extend(hidden_children(index, mount, &at, &sources));
    }
}

fn place(index: &Index<'_>, mount: &BindMount) -> Pointer {
    let dataset = mount.dataset.as_deref();
    path::place(index, &mount.origin, &mount.host_path, dataset, "host_path")
}

fn container(mount: &BindMount) -> Option<Finding> {
    if CONTAINER_IDS.contains(&mount.container) {
        return None;
    }
    let message = format!("{} is no id of a container", mount.container);
    Some(
        Finding::error(Code::MountInvalidContainer, message)
            .help("Proxmox numbers containers from 100 to 999999999")
            .at(&mount.origin.key("container"), "not a container"),
    )
}

fn target(mount: &BindMount) -> Option<Finding> {
    let target = &mount.target;
    let why = if !target.starts_with('/') {
        "is not an absolute path"
    } else if target.trim_matches('/').is_empty() {
        "is the container's root directory"
    } else if target.split('/').any(|part| matches!(part, "." | "..")) {
        "has a component \".\" or \"..\""
    } else if target.contains(',') {
        "contains a comma, which separates options in Proxmox's configuration"
    } else if target.chars().any(char::is_control) || target.trim() != target {
        "has a control character, or a blank at its edge"
    } else if !target.is_ascii() {
        NOT_ASCII
    } else {
        return None;
    };
    let message = format!(
        "the target {target:?} in container {} {why}",
        mount.container
    );
    Some(
        Finding::error(Code::MountInvalidTarget, message)
            .help("write a plain absolute path, such as \"/data\"")
            .at(&mount.origin.key("target"), "Proxmox cannot mount here"),
    )
}

fn duplicate(first: &BindMount, second: &BindMount) -> Finding {
    let message = format!(
        "container {} has two mounts at \"{}\"",
        second.container, second.target
    );
    Finding::error(Code::MountDuplicateTarget, message)
        .help("one would hide the other: give one of them another target")
        .at(&second.origin.key("target"), "mounted here as well")
        .at(&first.origin.key("target"), "mounted here")
}

/// What Proxmox cannot store in a container's configuration.
fn source(mount: &BindMount, at: &Pointer) -> Option<Finding> {
    let path = mount.host_path.as_str();
    let why = if path.contains([',', '=']) {
        "contains a comma or an equals sign"
    } else if path.chars().any(char::is_control) || path.trim() != path {
        "has a control character, or a blank at its edge"
    } else if path.split('/').any(|part| part == "..") {
        "has a component \"..\""
    } else if !path.is_ascii() {
        NOT_ASCII
    } else {
        return None;
    };
    let message = format!("Proxmox cannot bind {path:?}, because it {why}");
    Some(
        Finding::error(Code::MountInvalidSource, message)
            .help("give the dataset a plain `mountpoint`, or share another directory")
            .at(at, "not bindable"),
    )
}

fn system_directory(mount: &BindMount, at: &Pointer) -> Option<Finding> {
    let path = &mount.host_path;
    let is_system = SYSTEM_DIRECTORIES.contains(&path.as_str())
        || SYSTEM_TREES.iter().any(|tree| path.starts_with(tree));
    is_system.then(|| {
        let message = format!(
            "\"{path}\" belongs to the host's system and must not be seen by container {}",
            mount.container
        );
        Finding::error(Code::MountSystemDirectory, message)
            .help("share a directory of a dataset")
            .at(at, "the host itself")
    })
}

fn unknown_options(mount: &BindMount, findings: &mut Vec<Finding>) {
    let unknown = |option: &&MountOption| !OPTIONS.contains(&option.text.as_str());
    findings.extend(mount.options.iter().filter(unknown).map(unknown_option));
}

fn unknown_option(option: &MountOption) -> Finding {
    let text = &option.text;
    let known = format!("Proxmox takes {}", OPTIONS.join(", "));
    let help = match text.as_str() {
        "ro" => "write `\"read_only\": true` instead".to_owned(),
        "rw" => "leave it out: a mount is writable unless `read_only` is true".to_owned(),
        _ => match suggest::nearest(text, OPTIONS) {
            Some(near) => format!("did you mean `{near}`? {known}"),
            None => known,
        },
    };
    Finding::error(
        Code::MountUnknownOption,
        format!("Proxmox refuses the mount option `{text}`"),
    )
    .help(help)
    .at(&option.origin, "not a mount option")
}

/// One finding for each option, however many mounts have it.
fn ineffective_options(index: &Index<'_>, findings: &mut Vec<Finding>) {
    let mounts = &index.config.mounts;
    for (name, why) in INEFFECTIVE {
        let options = mounts.iter().flat_map(|mount| &mount.options);
        let mut places = options.filter(|option| option.text == name).peekable();
        if places.peek().is_none() {
            continue;
        }
        let finding = Finding::warning(
            Code::MountIneffectiveOption,
            format!("`{name}` does nothing on the bind mount of a dataset"),
        )
        .help(format!("remove it: {why}"));
        findings.push(places.fold(finding, |finding, option| {
            finding.at(&option.origin, "ignored without a word")
        }));
    }
}

/// Who mounts what already: the sources of each container.
type Sources<'a> = BTreeMap<u32, BTreeSet<&'a str>>;

fn sources<'a>(index: &Index<'a>) -> Sources<'a> {
    let mut sources = Sources::new();
    for mount in &index.config.mounts {
        let of_container = sources.entry(mount.container).or_default();
        of_container.insert(mount.host_path.as_str());
    }
    sources
}

/// Bind mounts are not recursive: a dataset below the source is an empty directory inside, unless
/// it is mounted there by itself.
fn hidden_children(
    index: &Index<'_>,
    mount: &BindMount,
    at: &Pointer,
    sources: &Sources<'_>,
) -> Option<Finding> {
    let bound = sources.get(&mount.container);
    path::hidden_children(
        index,
        &mount.host_path,
        at,
        "give each of them a bind mount of its own",
        |path| bound.is_some_and(|sources| sources.contains(path.as_str())),
    )
}
