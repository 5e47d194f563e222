//! Proxmox: storages and containers, through `pvesh`, `pvesm` and `pct`.
//!
//! Proxmox's own files are read, never written: any of its tools rewrites them whole, and only
//! they hold the cluster's lock.

mod cluster;
mod container;
mod mount;
mod storage;

pub use cluster::{MEMBERS_FILE, parse_members};
pub use container::{
    ContainerConf, ContainerRow, IdMap, IdMapKind, container_conf_path, containers,
    parse_container, parse_containers, set_mount,
};
pub use mount::{MountValue, parse_mount};
pub use storage::{StorageRow, add_storage, parse_storages, set_storage, storages};
