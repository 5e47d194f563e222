//! Pools: raid levels, disks, defaults.

use phoenix_zfs::layout::RaidLevel;
use phoenix_zfs::property::DatasetType;

use super::context::{Context, items};
use super::properties::{Owner, properties, set_default};
use crate::code::Code;
use crate::diagnostic::Finding;
use crate::file::{self, List, VdevItem};
use crate::model::{DEFAULT_ASHIFT, DEFAULT_PROPERTIES, DEFAULT_ROOT_PROPERTIES, Disk, Pool, Vdev};
use crate::pointer::Pointer;
use crate::suggest;

/// How the names in /dev/disk/by-id/ begin (systemd's udev rules `60-persistent-storage.rules`).
const BY_ID_PREFIXES: [&str; 9] = [
    "ata-", "dm-", "md-", "mmc-", "nvme-", "scsi-", "usb-", "virtio-", "wwn-",
];

pub(super) fn pools(context: &mut Context, list: List<file::Pool>, at: &Pointer) -> Vec<Pool> {
    items(list, at)
        .filter_map(|(at, pool)| one(context, pool, &at))
        .collect()
}

fn one(context: &mut Context, mut pool: file::Pool, at: &Pointer) -> Option<Pool> {
    let name = pool.name.take()?;
    let root = Owner::Dataset(DatasetType::Filesystem);
    let mut pool_properties = properties(
        context,
        pool.properties.take(),
        &at.key("properties"),
        Owner::Pool,
    );
    for (name, value) in DEFAULT_PROPERTIES {
        set_default(&mut pool_properties, name, value, at, Owner::Pool);
    }
    if let Some(ashift) = pool_properties.remove("ashift") {
        context.push(
            Finding::error(
                Code::SchemaConflict,
                "`ashift` belongs beside `properties`, not into them",
            )
            .help(format!("write \"ashift\": {} in the pool", ashift.written))
            .at_key(&ashift.origin, "fixed when the pool is created"),
        );
    }
    let mut root_properties = properties(
        context,
        pool.root_properties.take(),
        &at.key("root_properties"),
        root,
    );
    for (name, value) in DEFAULT_ROOT_PROPERTIES {
        set_default(&mut root_properties, name, value, at, root);
    }
    Some(Pool {
        vdevs: data_vdevs(context, &mut pool, &name, at),
        special: vdev_items(context, pool.special.take(), &at.key("special")),
        log: vdev_items(context, pool.log.take(), &at.key("log")),
        cache: disks(pool.cache.take(), &at.key("cache")),
        spares: disks(pool.spares.take(), &at.key("spares")),
        ashift: pool.ashift.unwrap_or(DEFAULT_ASHIFT),
        ashift_default: pool.ashift.is_none(),
        properties: pool_properties,
        root_properties,
        disk_size: pool
            .disk_size
            .and_then(|size| context.bytes(&size, &at.key("disk_size"), "disk_size")),
        origin: at.clone(),
        name,
    })
}

fn data_vdevs(context: &mut Context, pool: &mut file::Pool, name: &str, at: &Pointer) -> Vec<Vdev> {
    let (disks_at, vdevs_at) = (at.key("disks"), at.key("vdevs"));
    let level = pool.raid_level.take();
    if pool.vdevs.is_some() {
        for (key, present) in [
            ("disks", pool.disks.is_some()),
            ("raid_level", level.is_some()),
        ] {
            if present {
                context.push(
                    Finding::error(
                        Code::SchemaConflict,
                        format!("the pool \"{name}\" has both `vdevs` and `{key}`"),
                    )
                    .help("use `vdevs` for several groups of disks, or `raid_level` and `disks` for one")
                    .at_key(&at.key(key), "one way")
                    .at_key(&vdevs_at, "the other way"),
                );
            }
        }
        return items(pool.vdevs.take(), &vdevs_at)
            .flat_map(|(at, vdev)| vdev_group(context, vdev, &at))
            .collect();
    }
    // A pool may be declared by its name alone: then it must exist, and its layout is left alone.
    if pool.disks.is_none() && !context.is_removed(&disks_at) && !context.is_removed(&vdevs_at) {
        return Vec::new();
    }
    if let (None, Some(disks)) = (&level, &pool.disks) {
        let example = if disks.len() == 1 { "single" } else { "mirror" };
        context.missing(
            at,
            "raid_level",
            &format!("the pool \"{name}\""),
            &format!("add \"raid_level\": \"{example}\""),
        );
    }
    group(context, level, pool.disks.take(), at, &disks_at)
}

fn vdev_items(context: &mut Context, list: List<VdevItem>, at: &Pointer) -> Vec<Vdev> {
    items(list, at)
        .flat_map(|(at, item)| match item {
            VdevItem::Disk(path) => vdevs(RaidLevel::Single, vec![disk(path, &at)], &at),
            VdevItem::Vdev(vdev) => vdev_group(context, vdev, &at),
        })
        .collect()
}

fn vdev_group(context: &mut Context, vdev: file::Vdev, at: &Pointer) -> Vec<Vdev> {
    group(context, vdev.raid_level, vdev.disks, at, at)
}

/// The vdevs that `object` declares with `raid_level` and `disks`.
///
/// What is missing or wrong has been reported. So that later rules do not stumble over it as well,
/// the level is then replaced by one that fits the disks that are left.
fn group(
    context: &mut Context,
    level: Option<String>,
    list: List<String>,
    object: &Pointer,
    origin: &Pointer,
) -> Vec<Vdev> {
    let disks_at = object.key("disks");
    let disks = disks(list, &disks_at);
    let fitting = match disks.len() {
        0 | 1 => RaidLevel::Single,
        2 => RaidLevel::Mirror,
        _ => RaidLevel::Raidz(1),
    };
    let level = level.and_then(|text| raid_level(context, &text, &object.key("raid_level")));
    match (level, context.is_incomplete(&disks_at)) {
        (_, true) if disks.is_empty() => Vec::new(),
        (Some(level), false) => vdevs(level, disks, origin),
        (_, _) => vdevs(fitting, disks, origin),
    }
}

fn raid_level(context: &mut Context, text: &str, at: &Pointer) -> Option<RaidLevel> {
    match text.parse() {
        Ok(level) => Some(level),
        Err(error) => {
            let known = format!("allowed here: {}", RaidLevel::NAMES.join(", "));
            context.push(
                Finding::error(Code::SchemaInvalidValue, format!("{error}"))
                    .help(match suggest::nearest(text, RaidLevel::NAMES) {
                        Some(near) => format!("did you mean \"{near}\"? {known}"),
                        None => known,
                    })
                    .at(at, "not a raid level"),
            );
            None
        }
    }
}

/// The vdevs of a group. An uneven `raid10` stays in one piece for `check` to complain about.
fn vdevs(level: RaidLevel, disks: Vec<Disk>, origin: &Pointer) -> Vec<Vdev> {
    let group = |level, disks| Vdev {
        level,
        disks,
        origin: origin.clone(),
    };
    let splits = disks.len() >= level.minimum_disks() && disks.len().is_multiple_of(2);
    match level {
        RaidLevel::Raid10 if splits => disks
            .chunks(2)
            .map(|pair| group(RaidLevel::Mirror, pair.to_vec()))
            .collect(),
        _ => vec![group(level, disks)],
    }
}

fn disks(list: List<String>, at: &Pointer) -> Vec<Disk> {
    items(list, at).map(|(at, path)| disk(path, &at)).collect()
}

fn disk(path: String, at: &Pointer) -> Disk {
    let is_bare = BY_ID_PREFIXES.iter().any(|prefix| path.starts_with(prefix));
    Disk {
        path: if is_bare {
            format!("/dev/disk/by-id/{path}")
        } else {
            path
        },
        origin: at.clone(),
    }
}
