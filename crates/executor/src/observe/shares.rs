//! Who sees the storage: Proxmox storages, containers and NFS exports.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use phoenix_host::command::Command;
use phoenix_host::{Host, HostError};
use phoenix_planner::observed::{
    ForeignExport, IdRange, ObservedBootOrder, ObservedContainer, ObservedExports,
    ObservedRawMount, ObservedStorage, UnreadLine,
};
use phoenix_planner::wanted::Wanted;
use phoenix_tools::nfs;
use phoenix_tools::parse::{self, ReadError};
use phoenix_tools::pve::{self, ContainerConf, IdMapKind, StorageRow};
use phoenix_tools::systemd;

/// The ids of an unprivileged container without lines of its own (pve-container `PVE/LXC.pm`,
/// `parse_id_maps`: fixed, `/etc/subuid` is not read).
const UNPRIVILEGED: IdRange = IdRange {
    container: 0,
    host: 100_000,
    count: 65_536,
};

/// A privileged container without lines of its own has the host's ids.
const PRIVILEGED: IdRange = IdRange {
    container: 0,
    host: 0,
    count: u32::MAX,
};

/// What a command prints; `None` when its program is not installed.
pub(crate) fn ask(host: &dyn Host, command: &Command) -> Result<Option<String>, ReadError> {
    match host.run(command) {
        Err(HostError::NotInstalled { .. }) => Ok(None),
        output => Ok(Some(output?.check(command)?.to_owned())),
    }
}

/// Every Proxmox storage; `None` on a host without Proxmox.
pub(super) fn storages(
    host: &dyn Host,
    wanted: &Wanted,
) -> Result<Option<BTreeMap<String, ObservedStorage>>, ReadError> {
    if !wanted.storages {
        return Ok(None);
    }
    let Some(text) = ask(host, &pve::storages())? else {
        return Ok(None);
    };
    let rows = pve::parse_storages(&text)?.into_iter();
    Ok(Some(rows.map(|(id, row)| (id, storage(row))).collect()))
}

/// Every node of the Proxmox cluster; empty where no cluster file system says so.
pub(super) fn nodes(host: &dyn Host, wanted: &Wanted) -> Result<BTreeSet<String>, ReadError> {
    if !wanted.storages {
        return Ok(BTreeSet::new());
    }
    match host.read_file(Utf8Path::new(pve::MEMBERS_FILE))? {
        Some(text) => Ok(pve::parse_members(&text)?),
        None => Ok(BTreeSet::new()),
    }
}

pub(crate) fn storage(row: StorageRow) -> ObservedStorage {
    ObservedStorage {
        kind: row.kind,
        content: row.content,
        nodes: row.nodes,
        options: row.options,
    }
}

/// The wanted containers of this node; none on a host without Proxmox.
pub(super) fn containers(
    host: &dyn Host,
    wanted: &Wanted,
) -> Result<BTreeMap<u32, ObservedContainer>, ReadError> {
    let mut containers = BTreeMap::new();
    if wanted.containers.is_empty() {
        return Ok(containers);
    }
    let Some(text) = ask(host, &pve::containers())? else {
        return Ok(containers);
    };
    for row in pve::parse_containers(&text)? {
        if !wanted.containers.contains(&row.id) {
            continue;
        }
        // A container that is removed between the two reads is not there.
        let path = pve::container_conf_path(row.id);
        let Some(text) = host.read_foreign(&path)? else {
            continue;
        };
        let conf = pve::parse_container(&text);
        let running = row.status == "running";
        containers.insert(row.id, container(path.as_str(), &conf, running));
    }
    Ok(containers)
}

fn container(file: &str, conf: &ContainerConf, running: bool) -> ObservedContainer {
    let unprivileged = conf.unprivileged();
    let unusable = conf.unusable.iter();
    ObservedContainer {
        running,
        unprivileged,
        mounts: conf.mounts(),
        unusable: unusable
            .map(|(key, line)| (key.clone(), unread(file, line)))
            .collect(),
        raw_mounts: raw_mounts(file, conf),
        pending: conf.pending_mounts(),
        uids: id_ranges(conf, IdMapKind::User, unprivileged),
        gids: id_ranges(conf, IdMapKind::Group, unprivileged),
        broken_id_map: conf.broken_id_map.as_ref().map(|line| unread(file, line)),
        unread: conf.unread.iter().map(|line| unread(file, line)).collect(),
    }
}

fn raw_mounts(file: &str, conf: &ContainerConf) -> BTreeMap<String, ObservedRawMount> {
    let mount = |raw: &pve::RawMount| {
        let mount = ObservedRawMount {
            source: raw.source.clone(),
            file: file.to_owned(),
            line: raw.line,
        };
        (raw.target.clone(), mount)
    };
    conf.raw_mounts.iter().map(mount).collect()
}

/// A line of a file of others that costs itself.
pub(super) fn unread(file: &str, line: &parse::UnreadLine) -> UnreadLine {
    UnreadLine {
        file: file.to_owned(),
        line: line.number,
        text: line.text.clone(),
        reason: line.reason.clone(),
    }
}

/// One `lxc.idmap` line, of users or of groups, replaces the default for both (`parse_id_maps`).
fn id_ranges(conf: &ContainerConf, kind: IdMapKind, unprivileged: bool) -> Vec<IdRange> {
    if conf.broken_id_map.is_some() {
        return Vec::new();
    }
    if conf.idmap.is_empty() {
        return vec![if unprivileged {
            UNPRIVILEGED
        } else {
            PRIVILEGED
        }];
    }
    let range = |map: &pve::IdMap| IdRange {
        container: map.container,
        host: map.host,
        count: map.count,
    };
    let of_kind = conf.idmap.iter().filter(|map| map.kind == kind);
    of_kind.map(range).collect()
}

/// What the exports files say and what the NFS server does.
pub(super) fn exports(host: &dyn Host, wanted: &Wanted) -> Result<ObservedExports, ReadError> {
    if !wanted.exports {
        return Ok(ObservedExports::default());
    }
    let active = ask(host, &nfs::list())?;
    Ok(ObservedExports {
        available: active.is_some(),
        file: lines(host, nfs::EXPORTS_FILE)?,
        active: nfs::parse_list(&active.unwrap_or_default())?,
        foreign: foreign(host)?,
        boot_order: boot_order(host)?,
    })
}

fn boot_order(host: &dyn Host) -> Result<Option<ObservedBootOrder>, ReadError> {
    let command = systemd::show(systemd::NFS_SERVER);
    let output = match host.run(&command) {
        Err(HostError::NotInstalled { .. }) => return Ok(None),
        output => output?,
    };
    if output.code != Some(0) && systemd::is_absent(&output.stderr) {
        return Ok(None);
    }
    let path = systemd::NFS_DROP_IN;
    let unit = systemd::parse_show(output.check(&command)?)?;
    Ok(Some(ObservedBootOrder {
        path: path.to_owned(),
        text: host.read_file(Utf8Path::new(path))?,
        loaded: unit.drop_ins.contains(path) && !unit.needs_reload,
    }))
}

fn lines(host: &dyn Host, file: &str) -> Result<nfs::Exports, ReadError> {
    match host.read_file(Utf8Path::new(file))? {
        Some(text) => Ok(nfs::parse_exports(&text)?),
        None => Ok(nfs::Exports::new()),
    }
}

fn foreign(host: &dyn Host) -> Result<BTreeMap<String, Vec<ForeignExport>>, ReadError> {
    let mut files = vec![nfs::MAIN_EXPORTS_FILE.to_owned()];
    files.extend(exports_files(host)?);
    files.retain(|file| file != nfs::EXPORTS_FILE);
    let mut foreign: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for file in files {
        let Some(text) = host.read_file(Utf8Path::new(&file))? else {
            continue;
        };
        for line in nfs::parse_export_lines(&text)? {
            let clients = line.clients.iter().filter_map(|one| nfs::split_client(one));
            let exports = clients.map(|(client, _)| ForeignExport {
                file: file.clone(),
                line: line.number,
                client: client.to_owned(),
            });
            foreign.entry(line.path).or_default().extend(exports);
        }
    }
    Ok(foreign)
}

/// The files in `/etc/exports.d`, a directory that no package makes.
fn exports_files(host: &dyn Host) -> Result<BTreeSet<String>, ReadError> {
    let command = nfs::files();
    let output = host.run(&command)?;
    let no_directory = output
        .stderr
        .trim_end()
        .ends_with(": No such file or directory");
    if output.code != Some(0) && no_directory {
        return Ok(BTreeSet::new());
    }
    Ok(nfs::parse_files(output.check(&command)?))
}
