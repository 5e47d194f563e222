//! Proxmox: storages and containers, through `pvesh`, `pvesm` and `pct`.
//!
//! Proxmox's own files are read, never written: any of its tools rewrites them whole, and only
//! they hold the cluster's lock.

mod cluster;
mod container;
mod container_conf;
mod guest_devices;
mod mount;
mod raw_mount;
mod storage;

pub use cluster::{Cluster, MEMBERS_FILE, parse_members};
pub use container::{ContainerRow, container_conf_path, containers, parse_containers, set_mount};
pub use container_conf::{ContainerConf, IdMap, IdMapKind, parse_container};
pub use guest_devices::{Guest, GuestDevice, Named, guest_devices, parse_guest_devices};
pub use mount::{MountValue, parse_mount};
pub use raw_mount::RawMount;
pub use storage::{StorageRow, add_storage, parse_storages, set_storage, storages};
