//! From the file to the model: one shape, whatever era the file was written in.
//!
//! Owns everything that can be decided from one object and the objects that it names: sizes,
//! property values, raid levels, mountpoints, and the translation of historic shapes. Rules that
//! compare objects are in `check`.

mod acl;
mod arc;
mod context;
mod dataset;
mod guest;
mod mountpoint;
mod place;
mod pool;
mod principal;
mod properties;
mod share;
mod storage;
mod storage_option;

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Finding;
use crate::file::{self, File, LxcConfig, Nvme};
use crate::model::{BindMount, Config, Dataset, NvmePolicy};
use crate::pointer::Pointer;
use context::Context;
use place::Mountpoints;
pub(crate) use share::is_client_option;

/// Datasets that were translated before the rest of their file was there, and what is wrong or
/// outdated in them. What another section says of them is not known yet.
#[derive(Debug)]
pub(crate) struct Ahead {
    context: Context,
    at: Pointer,
    ids: storage::Ids,
    datasets: Vec<Dataset>,
}

impl Ahead {
    /// Translates the dataset that stands at `index` of the list.
    pub(crate) fn push(&mut self, index: usize, dataset: file::Dataset) {
        let at = self.at.index(index);
        let dataset = dataset::one(&mut self.context, dataset, &at, &self.ids);
        self.datasets.extend(dataset);
    }
}

impl Default for Ahead {
    fn default() -> Self {
        Self {
            context: Context::new(BTreeSet::new()),
            at: Pointer::root().key("zfs").key("datasets"),
            ids: storage::Ids::new(None, &Pointer::root()),
            datasets: Vec::new(),
        }
    }
}

/// The model of a file, as far as the file can be understood, and what is wrong or outdated in it.
///
/// `ahead` are the datasets that `file` has not any more; `removed` are the values that have been
/// reported already; `default_subnet` is `network.default_subnet`, the implied client of historic NFS
/// shares.
pub(crate) fn normalize(
    file: File,
    ahead: Ahead,
    removed: BTreeSet<Pointer>,
    default_subnet: Option<String>,
) -> (Config, Vec<Finding>) {
    let mut context = Context::new(removed);
    let context_ref = &mut context;
    let root = Pointer::root();
    let zfs_at = root.key("zfs");
    let zfs = file.zfs.unwrap_or_default();

    let pools = pool::pools(context_ref, zfs.pools, &zfs_at.key("pools"));
    let ids = storage::Ids::new(file.proxmox_storage_ids, &root.key("proxmox_storage_ids"));
    let mut datasets = ahead.datasets;
    context_ref.append(ahead.context);
    let datasets_at = zfs_at.key("datasets");
    let listed = dataset::datasets(context_ref, zfs.datasets, &datasets_at, &ids);
    datasets.extend(listed);
    let types_at = zfs_at.key("dataset_storage_types");
    storage::historic_types(
        context_ref,
        zfs.dataset_storage_types,
        &types_at,
        &mut datasets,
        &ids,
    );
    ids.report(context_ref);
    if zfs.settings.is_some() {
        arc::settings(context_ref, &zfs_at.key("settings"));
    }
    mountpoint::fill(&pools, &mut datasets);

    let mountpoints = Mountpoints::new(&datasets);
    let nfs = file.nfs.unwrap_or_default();
    let nfs_at = root.key("nfs");
    let mut exports = share::exports(
        context_ref,
        nfs.exports,
        &nfs_at.key("exports"),
        &mountpoints,
    );
    exports.extend(share::historic_shares(
        context_ref,
        nfs.shares,
        &nfs_at.key("shares"),
        default_subnet.as_deref(),
        &mountpoints,
    ));
    let mounts_at = root.key("bind_mounts");
    let mut mounts = guest::bind_mounts(context_ref, file.bind_mounts, &mounts_at, &mountpoints);
    let volumes_at = root.key("shared_volumes");
    mounts.extend(guest::shared_volumes(
        context_ref,
        file.shared_volumes,
        &volumes_at,
        &mountpoints,
    ));
    let guests_at = root.key("lxc_configs");
    mounts.extend(guest::lxc_configs(
        context_ref,
        file.lxc_configs,
        &guests_at,
        &mountpoints,
    ));

    let config = Config {
        arc: arc::limit(context_ref, zfs.arc_max, zfs.arc_max_gb, &zfs_at),
        nvme: nvme(file.nvme.unwrap_or_default()),
        pools,
        datasets,
        exports,
        mounts,
    };
    (config, context.into_findings())
}

/// The bind mounts of containers in a file of their own, over datasets declared elsewhere.
pub(crate) fn lxc_configs(
    configs: Option<BTreeMap<String, Option<LxcConfig>>>,
    removed: BTreeSet<Pointer>,
    datasets: &[Dataset],
) -> (Vec<BindMount>, Vec<Finding>) {
    let mut context = Context::new(removed);
    let at = Pointer::root().key("lxc_configs");
    let mounts = guest::lxc_configs(&mut context, configs, &at, &Mountpoints::new(datasets));
    (mounts, context.into_findings())
}

fn nvme(nvme: Nvme) -> NvmePolicy {
    let firmware = nvme.firmware.unwrap_or_default().into_iter();
    NvmePolicy {
        wear_warning_percent: nvme.wear_warning_percent,
        wear_critical_percent: nvme.wear_critical_percent,
        temperature_warning_celsius: nvme.temperature_warning_celsius,
        firmware: firmware
            .filter_map(|(model, revision)| Some((model, revision?)))
            .collect(),
    }
}
