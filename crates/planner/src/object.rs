//! Every object that a configuration declares, by address.
//!
//! Owns the walk over the configuration and nothing else: how objects depend on one another is
//! `graph`'s business, and how each differs from a host is `diff`'s.

use std::collections::BTreeMap;

use phoenix_config::address::Address;
use phoenix_config::model::{
    ArcLimit, BindMount, Config, Dataset, Export, Permissions, Pool, Storage,
};
use phoenix_config::pointer::Pointer;

/// One declared object. What is attached to a dataset comes with its dataset.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Object<'a> {
    /// The limit of the ZFS read cache.
    Arc(&'a ArcLimit),
    /// When the NFS server starts; with the first export that asks for it.
    Nfs(&'a Export),
    /// A pool.
    Pool(&'a Pool),
    /// A dataset.
    Dataset(&'a Dataset),
    /// Owner, group and mode of a dataset's root directory.
    Permissions(&'a Dataset, &'a Permissions),
    /// A Proxmox storage on a dataset.
    Storage(&'a Dataset, &'a Storage),
    /// An NFS export.
    Export(&'a Export),
    /// A bind mount into a container.
    Mount(&'a BindMount),
}

impl<'a> Object<'a> {
    /// The place in the file that declares the object.
    pub(crate) fn origin(self) -> &'a Pointer {
        match self {
            Self::Arc(arc) => &arc.origin,
            Self::Nfs(export) => &export.origin,
            Self::Pool(pool) => &pool.origin,
            Self::Dataset(dataset) => &dataset.origin,
            Self::Permissions(_, permissions) => &permissions.origin,
            Self::Storage(_, storage) => &storage.origin,
            Self::Export(export) => &export.origin,
            Self::Mount(mount) => &mount.origin,
        }
    }
}

/// All objects, sorted by address.
///
/// The order is also an order in which a host can be built: [`Address`] sorts its kinds in
/// building order, and the name of a parent dataset is a prefix of its children's names.
pub(crate) fn objects(config: &Config) -> BTreeMap<Address, Object<'_>> {
    let mut objects = BTreeMap::new();
    if let Some(arc) = &config.arc {
        objects.insert(Address::Arc, Object::Arc(arc));
    }
    if let Some(export) = config.exports.first() {
        objects.insert(Address::Nfs, Object::Nfs(export));
    }
    for pool in &config.pools {
        objects.insert(pool.address(), Object::Pool(pool));
    }
    for dataset in &config.datasets {
        objects.insert(dataset.address(), Object::Dataset(dataset));
        if let Some(permissions) = &dataset.permissions {
            let object = Object::Permissions(dataset, permissions);
            objects.insert(dataset.permissions_address(), object);
        }
        if let Some(storage) = &dataset.storage {
            objects.insert(storage.address(), Object::Storage(dataset, storage));
        }
    }
    for export in &config.exports {
        objects.insert(export.address(), Object::Export(export));
    }
    for mount in &config.mounts {
        objects.insert(mount.address(), Object::Mount(mount));
    }
    objects
}
