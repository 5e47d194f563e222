//! A host on which every step of a plan succeeds: what the operations mean, in a few lines each.
//!
//! Written from the operations' documentation, not from the planner, so that "the plan after an
//! ideal application is empty" says something.

use phoenix_planner::observed::{
    Observed, ObservedBootOrder, ObservedDataset, ObservedDirectory, ObservedMember, ObservedPool,
    ObservedProperty, ObservedStorage, ObservedVdev, Obstacle,
};
use phoenix_planner::plan::{
    AddStorage, CreateDataset, CreatePool, ImportPool, Operation, Plan, SetArc, SetDataset,
    SetExport, SetMount, SetPermissions, SetPool, SetStorage,
};
use phoenix_zfs::property::{DatasetType, Source, Value};

/// Carries out the whole plan.
pub(crate) fn apply(plan: &Plan, host: &mut Observed) {
    for step in &plan.steps {
        match &step.operation {
            Operation::CreatePool(it) => create_pool(it, host),
            Operation::ImportPool(it) => import_pool(it, host),
            Operation::SetPool(it) => set_pool(it, host),
            Operation::CreateDataset(it) => create_dataset(it, host),
            Operation::SetDataset(it) => set_dataset(it, host),
            Operation::SetPermissions(it) => set_permissions(it, host),
            Operation::AddStorage(it) => add_storage(it, host),
            Operation::SetStorage(it) => set_storage(it, host),
            Operation::SetExport(it) => set_export(it, host),
            Operation::SetBootOrder(it) => {
                host.exports.boot_order = Some(ObservedBootOrder {
                    path: it.path.clone(),
                    text: Some(it.text.clone()),
                    loaded: true,
                });
            }
            Operation::SetMount(it) => set_mount(it, host),
            Operation::SetArc(it) => set_arc(it, host),
        }
        inherit_mountpoints(host);
    }
}

fn local(value: impl Into<Value>) -> ObservedProperty {
    ObservedProperty {
        value: value.into(),
        source: Source::Local,
    }
}

fn default(value: impl Into<Value>) -> ObservedProperty {
    ObservedProperty {
        value: value.into(),
        source: Source::Default,
    }
}

/// A healthy disk of a pool, by the kernel's name.
pub(crate) fn member(name: &str) -> ObservedMember {
    ObservedMember {
        name: name.to_owned(),
        path: format!("/dev/disk/by-id/{name}"),
        state: "ONLINE".to_owned(),
        ..ObservedMember::default()
    }
}

fn create_pool(create: &CreatePool, host: &mut Observed) {
    let mut pool = ObservedPool {
        health: "ONLINE".to_owned(),
        ..ObservedPool::default()
    };
    for vdev in &create.vdevs {
        let mut members = Vec::new();
        for disk in &vdev.disks {
            let by = format!("member of imported pool \"{}\"", create.pool);
            let disk = host.disks.get_mut(&disk.path).expect("the disk is there");
            assert!(disk.obstacles.is_empty() || vdev.disks.iter().any(|disk| disk.wipe));
            disk.obstacles = vec![Obstacle::InUse { by }];
            members.push(member(disk.member_name()));
        }
        let groups = match &vdev.keyword {
            Some(kind) => vec![(kind.clone(), members)],
            None => members
                .into_iter()
                .map(|member| ("disk".to_owned(), vec![member]))
                .collect(),
        };
        pool.vdevs
            .extend(groups.into_iter().map(|(kind, disks)| ObservedVdev {
                name: format!("{kind}-0"),
                guid: None,
                class: vdev.class,
                kind,
                geometry: None,
                disks,
            }));
    }
    for (name, value) in &create.properties {
        pool.properties.insert(name.clone(), local(value.clone()));
    }
    assert!(host.pools.insert(create.pool.clone(), pool).is_none());
    let mut root = ObservedDataset {
        kind: DatasetType::Filesystem,
        mounted: true,
        ..ObservedDataset::default()
    };
    root.properties.insert(
        "mountpoint".to_owned(),
        default(format!("/{}", create.pool)),
    );
    root.properties.insert("canmount".to_owned(), default("on"));
    for (name, value) in &create.root_properties {
        root.properties.insert(name.clone(), local(value.clone()));
    }
    host.datasets.insert(create.pool.clone(), root);
}

/// As if the pool had been made by this plan: what else it holds, nobody has observed.
fn import_pool(import: &ImportPool, host: &mut Observed) {
    assert!(host.importable.remove(&import.pool).is_some());
    for disk in import.vdevs.iter().flat_map(|vdev| &vdev.disks) {
        let disk = host.disks.get_mut(&disk.path).expect("the disk is there");
        disk.obstacles.clear();
    }
    let made = CreatePool {
        pool: import.pool.clone(),
        properties: import.properties.clone(),
        root_properties: import.root_properties.clone(),
        vdevs: import.vdevs.clone(),
    };
    create_pool(&made, host);
}

fn set_pool(set: &SetPool, host: &mut Observed) {
    let pool = host.pools.get_mut(&set.pool).expect("the pool is there");
    for (name, value) in &set.properties {
        pool.properties.insert(name.clone(), local(value.clone()));
    }
    let root = host
        .datasets
        .get_mut(&set.pool)
        .expect("the root dataset is there");
    for (name, value) in &set.root_properties {
        root.properties.insert(name.clone(), local(value.clone()));
    }
}

fn create_dataset(create: &CreateDataset, host: &mut Observed) {
    let (parent, _) = create.dataset.rsplit_once('/').unwrap();
    assert!(
        host.datasets.contains_key(parent),
        "{} before its parent",
        create.dataset
    );
    let mut dataset = ObservedDataset {
        kind: if create.volume.is_some() {
            DatasetType::Volume
        } else {
            DatasetType::Filesystem
        },
        mounted: create.mountpoint.is_some(),
        ..ObservedDataset::default()
    };
    if let Some(volume) = create.volume {
        dataset
            .properties
            .insert("volsize".to_owned(), local(volume.size));
        dataset
            .properties
            .insert("volblocksize".to_owned(), default("16384"));
    } else {
        dataset
            .properties
            .insert("mountpoint".to_owned(), default("inherited below"));
        dataset
            .properties
            .insert("canmount".to_owned(), default("on"));
    }
    for (name, value) in &create.properties {
        dataset
            .properties
            .insert(name.clone(), local(value.clone()));
    }
    assert!(
        host.datasets
            .insert(create.dataset.clone(), dataset)
            .is_none()
    );
    if let Some(path) = &create.mountpoint {
        let fresh = ObservedDirectory {
            mode: 0o755,
            empty: true,
            ..ObservedDirectory::default()
        };
        host.directories.insert(path.clone(), fresh);
    }
}

fn set_dataset(set: &SetDataset, host: &mut Observed) {
    let dataset = host
        .datasets
        .get_mut(&set.dataset)
        .expect("the dataset is there");
    let old = dataset
        .properties
        .get("mountpoint")
        .map(|property| property.value.to_string());
    for (name, value) in &set.properties {
        dataset
            .properties
            .insert(name.clone(), local(value.clone()));
    }
    dataset.mounted |= set.mount.is_some();
    if dataset
        .properties
        .get("canmount")
        .is_some_and(|property| property.value == "off")
    {
        dataset.mounted = false;
    }
    if let (Some(old), Some(new)) = (old, &set.mount) {
        let root = host.directories.get(&old).cloned().unwrap_or_default();
        host.directories.insert(new.clone(), root);
    }
}

/// A dataset without a mountpoint of its own follows its parent.
fn inherit_mountpoints(host: &mut Observed) {
    let names: Vec<_> = host
        .datasets
        .keys()
        .filter(|name| name.contains('/'))
        .cloned()
        .collect();
    for name in names {
        let (parent, last) = name.rsplit_once('/').unwrap();
        let above = host.datasets[parent].properties["mountpoint"]
            .value
            .to_string();
        let value = if above.starts_with('/') {
            format!("{above}/{last}")
        } else {
            above
        };
        let dataset = host.datasets.get_mut(&name).unwrap();
        let Some(own) = dataset.properties.get_mut("mountpoint") else {
            continue;
        };
        if own.source == Source::Local || own.value == *value {
            continue;
        }
        let old = std::mem::replace(&mut own.value, value.as_str().into()).to_string();
        if let Some(root) = host.directories.get(&old).cloned() {
            host.directories.insert(value, root);
        }
    }
}

fn set_permissions(set: &SetPermissions, host: &mut Observed) {
    assert!(
        host.datasets[&set.dataset].mounted,
        "{} is not mounted",
        set.dataset
    );
    let directory = host.directories.entry(set.path.clone()).or_default();
    directory.uid = set.uid.unwrap_or(directory.uid);
    directory.gid = set.gid.unwrap_or(directory.gid);
    directory.mode = set.mode.unwrap_or(directory.mode);
    if set.recursive {
        host.others_below.remove(&set.path);
    }
    if !set.acl.is_empty() {
        let acls = host.acls.get_or_insert_default();
        let acl = acls.entry(set.path.clone()).or_default();
        acl.extend(set.acl.clone());
    }
}

fn set_options(storage: &mut ObservedStorage, options: impl Iterator<Item = (String, String)>) {
    let list = |value: String| value.split(',').map(str::to_owned).collect();
    for (name, value) in options {
        match name.as_str() {
            "content" => storage.content = list(value),
            "nodes" => storage.nodes = list(value),
            _ => {
                storage.options.insert(name, value);
            }
        }
    }
}

fn add_storage(add: &AddStorage, host: &mut Observed) {
    let mut storage = ObservedStorage {
        kind: add.kind.as_str().to_owned(),
        ..ObservedStorage::default()
    };
    set_options(&mut storage, add.options.clone().into_iter());
    // `pvesm add zfspool` looks the mountpoint up.
    if let Some(dataset) = add.options.get("pool") {
        let mountpoint = &host.datasets[dataset].properties["mountpoint"].value;
        storage
            .options
            .insert("mountpoint".to_owned(), mountpoint.to_string());
    }
    let storages = host.storages.as_mut().expect("Proxmox is there");
    assert!(storages.insert(add.storage.clone(), storage).is_none());
}

fn set_storage(set: &SetStorage, host: &mut Observed) {
    let storages = host.storages.as_mut().expect("Proxmox is there");
    let storage = storages
        .get_mut(&set.storage)
        .expect("the storage is there");
    set_options(storage, set.options.clone().into_iter());
    for name in &set.delete {
        storage.options.remove(name);
    }
}

fn set_export(set: &SetExport, host: &mut Observed) {
    if let Some(dataset) = &set.dataset {
        assert!(host.datasets[dataset].mounted, "{dataset} is not mounted");
    }
    host.exports
        .file
        .insert(set.path.clone(), set.clients.clone());
    let active = set.clients.iter().map(|line| {
        let (client, options) = line.strip_suffix(')').unwrap().split_once('(').unwrap();
        // As `exportfs -s` prints it, assumed options and all.
        let assumed = "wdelay,hide,sec=sys,secure,root_squash,no_all_squash".split(',');
        let options = options
            .split(',')
            .chain(assumed)
            .map(str::to_owned)
            .collect();
        (client.to_owned(), options)
    });
    host.exports
        .active
        .insert(set.path.clone(), active.collect());
}

fn set_mount(set: &SetMount, host: &mut Observed) {
    let container = host
        .containers
        .get_mut(&set.container)
        .expect("the container is there");
    container.mounts.insert(set.key.clone(), set.value.clone());
}

fn set_arc(set: &SetArc, host: &mut Observed) {
    if set.runtime {
        host.arc.c_max = Some(set.max);
    }
    if set.persistent {
        host.arc.persistent = Some(set.max);
    }
}
