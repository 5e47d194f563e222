//! Bind mounts into containers, modern and historic.

use std::collections::BTreeMap;

use super::context::{self, Context, items};
use super::place::{Directory, Mountpoints};
use super::share::options;
use crate::code::Code;
use crate::diagnostic::Finding;
use crate::file::{self, List, LxcConfig, Scalar, SharedVolume};
use crate::model::BindMount;
use crate::pointer::Pointer;

pub(super) fn bind_mounts(
    context: &mut Context,
    list: List<file::BindMount>,
    at: &Pointer,
    mountpoints: &Mountpoints<'_>,
) -> Vec<BindMount> {
    items(list, at)
        .filter_map(|(at, mount)| {
            let directory = mountpoints.directory(
                context,
                mount.dataset.as_deref(),
                mount.host_path.as_deref(),
                "host_path",
                "the bind mount",
                &at,
            );
            let container = container_id(context, &mount.container?, &at.key("container"));
            let Directory { path, dataset } = directory?;
            Some(BindMount {
                container: container?,
                dataset,
                host_path: path,
                target: mount.target?,
                options: options(mount.options, &at.key("options")),
                read_only: mount.read_only.unwrap_or_default(),
                backup: mount.backup,
                origin: at,
            })
        })
        .collect()
}

/// The historic map `shared_volumes`. It also held a `firewall` for a while, which is no volume.
pub(super) fn shared_volumes(
    context: &mut Context,
    volumes: Option<BTreeMap<String, Option<SharedVolume>>>,
    at: &Pointer,
    mountpoints: &Mountpoints<'_>,
) -> Vec<BindMount> {
    let mut mounts = Vec::new();
    for (name, volume) in volumes.unwrap_or_default() {
        let Some(volume) = volume else { continue };
        let at = at.key(&name);
        let path_at = at.key("host_path");
        let Some(host_path) = volume.host_path else {
            if !context.is_removed(&path_at) {
                let place = context::key(&at, "not a volume");
                context.historic(Code::HistoricSharedVolumeSkipped, place, || {
                    "move it out of `shared_volumes`, or remove it".to_owned()
                });
            }
            continue;
        };
        for (id, target) in volume.mounts.unwrap_or_default() {
            let Some(target) = target else { continue };
            let at = at.key("mounts").key(&id);
            context.historic(
                Code::HistoricSharedVolumes,
                context::key(&at, format!("\"{name}\" in container {id}")),
                || modern_form(&id, &host_path, &target),
            );
            mounts.extend(historic_mount(
                context,
                &id,
                &host_path,
                &path_at,
                target,
                &at,
                mountpoints,
            ));
        }
    }
    mounts
}

/// The `mount_points` of containers in `lxc_configs`.
pub(super) fn lxc_configs(
    context: &mut Context,
    configs: Option<BTreeMap<String, Option<LxcConfig>>>,
    at: &Pointer,
    mountpoints: &Mountpoints<'_>,
) -> Vec<BindMount> {
    let mut mounts = Vec::new();
    for (id, config) in configs.unwrap_or_default() {
        let at = at.key(&id).key("mount_points");
        let list = config.and_then(|config| config.mount_points);
        for (at, mount) in items(list, &at) {
            let (Some(host_path), Some(target)) = (mount.host_path, mount.container_path) else {
                continue;
            };
            context.historic(
                Code::HistoricMountPoints,
                context::key(&at, format!("\"{target}\" in container {id}")),
                || modern_form(&id, &host_path, &target),
            );
            for (key, id) in [
                ("owner_uid", mount.owner_uid),
                ("owner_gid", mount.owner_gid),
            ] {
                if let Some(id) = id {
                    let place = context::key(&at.key(key), "not applied");
                    context.historic(Code::HistoricMountOwner, place, || {
                        format!(
                            "give the directory a dataset with \"permissions\": {{\"owner\": {id}, \"ids\": \"container\"}}"
                        )
                    });
                }
            }
            mounts.extend(historic_mount(
                context,
                &id,
                &host_path,
                &at.key("host_path"),
                target,
                &at,
                mountpoints,
            ));
        }
    }
    mounts
}

fn historic_mount(
    context: &mut Context,
    id: &str,
    host_path: &str,
    path_at: &Pointer,
    target: String,
    at: &Pointer,
    mountpoints: &Mountpoints<'_>,
) -> Option<BindMount> {
    let container = container_id(context, &Scalar::Text(id.to_owned()), at);
    let Directory { path, dataset } = mountpoints.of_path(context, host_path, path_at)?;
    Some(BindMount {
        container: container?,
        dataset,
        host_path: path,
        target,
        options: Vec::new(),
        read_only: false,
        backup: None,
        origin: at.clone(),
    })
}

/// The container's number; which numbers Proxmox gives to containers is `check`'s business.
fn container_id(context: &mut Context, value: &Scalar, at: &Pointer) -> Option<u32> {
    let text = value.word();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let id = text
        .parse()
        .ok()
        .filter(|_| is_number && !text.starts_with('0'));
    if id.is_none() {
        context.push(
            Finding::error(
                Code::SchemaInvalidValue,
                format!("\"{text}\" is not the id of a container"),
            )
            .help("write the number that `pct list` shows, such as 101")
            .at(at, "not a container id"),
        );
    }
    id
}

fn modern_form(id: &str, host_path: &str, target: &str) -> String {
    format!(
        "write \"bind_mounts\": [{{\"container\": {id}, \"host_path\": \"{host_path}\", \"target\": \"{target}\"}}]"
    )
}
