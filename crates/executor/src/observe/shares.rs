//! Who sees the storage: Proxmox storages, containers and NFS exports.

use std::collections::BTreeMap;

use camino::Utf8Path;
use phoenix_host::command::Command;
use phoenix_host::{Host, HostError};
use phoenix_planner::observed::{
    ForeignExport, IdRange, ObservedBootOrder, ObservedContainer, ObservedExports,
    ObservedRawMount, ObservedStorage, UnreadLine,
};
use phoenix_planner::wanted::Wanted;
use phoenix_tools::drop_ins;
use phoenix_tools::nfs;
use phoenix_tools::parse::{self, ReadError};
use phoenix_tools::pve::{self, Cluster, ContainerConf, IdMapKind, StorageRow};
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

/// The Proxmox storages, or why Proxmox cannot list them.
#[derive(Debug, Default)]
pub(super) struct Storages {
    /// `None` on a host without Proxmox.
    pub(super) list: Option<BTreeMap<String, ObservedStorage>>,
    pub(super) unreadable: Option<String>,
}

/// Every Proxmox storage. One broken section of `storage.cfg` makes Proxmox's own tools fail on all
/// of them: that costs the storages, and nothing else.
pub(super) fn storages(host: &dyn Host, wanted: &Wanted) -> Result<Storages, ReadError> {
    if !wanted.storages {
        return Ok(Storages::default());
    }
    let text = match ask(host, &pve::storages()) {
        Err(ReadError::Failed(failed)) => {
            return Ok(Storages {
                unreadable: Some(failed.to_string()),
                ..Storages::default()
            });
        }
        text => text?,
    };
    let rows = text.as_deref().map(pve::parse_storages).transpose()?;
    let list = rows.map(|rows| rows.into_iter().map(|(id, row)| (id, storage(row))));
    Ok(Storages {
        list: list.map(Iterator::collect),
        unreadable: None,
    })
}

/// The Proxmox cluster; `None` where no cluster file system says so.
pub(super) fn cluster(host: &dyn Host, wanted: &Wanted) -> Result<Option<Cluster>, ReadError> {
    if !wanted.storages && wanted.containers.is_empty() {
        return Ok(None);
    }
    let text = host.read_foreign(Utf8Path::new(pve::MEMBERS_FILE))?;
    // What makes no sense says nothing about the nodes, and stops nobody.
    Ok(text.and_then(|text| pve::parse_members(&text).ok()))
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
            .map(|(key, line)| (key.clone(), unread_line(file, line)))
            .collect(),
        raw_mounts: raw_mounts(file, conf),
        pending: conf.pending_mounts(),
        uids: id_ranges(conf, IdMapKind::User, unprivileged),
        gids: id_ranges(conf, IdMapKind::Group, unprivileged),
        broken_id_map: conf
            .broken_id_map
            .as_ref()
            .map(|line| unread_line(file, line)),
        unread: conf
            .unread
            .iter()
            .map(|line| unread_line(file, line))
            .collect(),
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
pub(super) fn unread_line(file: &str, line: &parse::UnreadLine) -> UnreadLine {
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
    let mut exports = ObservedExports {
        available: active.is_some(),
        active: nfs::parse_list(&active.unwrap_or_default())?,
        boot_order: boot_order(host)?,
        ..ObservedExports::default()
    };
    exports.file = nfs::joined(lines(host, nfs::EXPORTS_FILE, &mut exports.unread)?);
    foreign(host, &mut exports)?;
    Ok(exports)
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
        text: host.read_foreign(Utf8Path::new(path))?,
        loaded: unit.drop_ins.contains(path) && !unit.needs_reload,
    }))
}

/// The lines of an exports file. Those that exportfs cannot use are `unread`.
fn lines(
    host: &dyn Host,
    file: &str,
    unread: &mut Vec<UnreadLine>,
) -> Result<Vec<nfs::ExportLine>, ReadError> {
    let text = host.read_foreign(Utf8Path::new(file))?;
    let found = nfs::parse_export_lines(&text.unwrap_or_default());
    unread.extend(found.unread.iter().map(|line| unread_line(file, line)));
    Ok(found.lines)
}

/// What the files of others export.
fn foreign(host: &dyn Host, exports: &mut ObservedExports) -> Result<(), ReadError> {
    let mut files = vec![nfs::MAIN_EXPORTS_FILE.to_owned()];
    files.extend(drop_ins::list(host, nfs::EXPORTS_DIR, nfs::EXPORTS_ENDING)?);
    files.retain(|file| file != nfs::EXPORTS_FILE);
    for file in files {
        for line in lines(host, &file, &mut exports.unread)? {
            let clients = line.clients.iter().filter_map(|one| nfs::split_client(one));
            let found = clients.map(|(client, _)| ForeignExport {
                file: file.clone(),
                line: line.number,
                client: client.to_owned(),
            });
            exports.foreign.entry(line.path).or_default().extend(found);
        }
    }
    Ok(())
}
