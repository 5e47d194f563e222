//! Datasets: names, parents, mountpoints, limits.

use std::collections::BTreeMap;

use camino::Utf8Path;
use phoenix_zfs::{name, size};

use super::index::{self, Index};
use crate::code::Code;
use crate::diagnostic::Finding;
use crate::model::{Dataset, Property};
use crate::suggest;

/// `recordsize` unless somebody sets it (zfsprops(7)), in bytes.
const DEFAULT_RECORDSIZE: u64 = 128 << 10;

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    let mut names: BTreeMap<&str, &Dataset> = BTreeMap::new();
    let mut mountpoints: BTreeMap<&str, &Dataset> = BTreeMap::new();
    for dataset in &index.config.datasets {
        findings.extend(invalid_name(index, dataset));
        findings.extend(unknown_pool(index, dataset));
        findings.extend(parent(index, dataset));
        if let Some(first) = names.get(dataset.name.as_str()) {
            findings.push(duplicate(first, dataset));
            continue;
        }
        names.insert(&dataset.name, dataset);
        if let Some(mountpoint) = dataset.mountpoint.as_deref() {
            findings.extend(root_mountpoint_taken(index, dataset, mountpoint));
            if let Some(first) = mountpoints.get(mountpoint.as_str()) {
                findings.push(mountpoint_taken(first, dataset, mountpoint));
            } else {
                mountpoints.insert(mountpoint.as_str(), dataset);
            }
        }
        reservations(dataset, findings);
        findings.extend(special_small_blocks(index, dataset));
    }
}

fn invalid_name(index: &Index<'_>, dataset: &Dataset) -> Option<Finding> {
    let at = dataset.origin.key("name");
    if dataset.name == dataset.pool {
        let message = format!(
            "\"{}\" is the pool itself, not a dataset in it",
            dataset.name
        );
        return Some(
            Finding::error(Code::DatasetInvalidName, message)
                .help(
                    "set properties of the pool's root dataset with `root_properties` in the pool",
                )
                .at(&at, "names the pool"),
        );
    }
    let error = name::check_dataset(&dataset.name).err()?;
    // An undeclared or ill-named pool is reported as that.
    let pool_is_sound = name::check_pool(&dataset.pool).is_ok();
    if !pool_is_sound && index.pool(&dataset.pool).is_some() {
        return None;
    }
    let message = format!("the dataset name \"{}\" {error}", dataset.name);
    Some(
        Finding::error(Code::DatasetInvalidName, message)
            .help(error.help())
            .at(&at, "not a dataset name"),
    )
}

fn unknown_pool(index: &Index<'_>, dataset: &Dataset) -> Option<Finding> {
    if index.pool(&dataset.pool).is_some() {
        return None;
    }
    let message = format!(
        "the pool \"{}\" of dataset \"{}\" is not declared",
        dataset.pool, dataset.name
    );
    let help = match suggest::nearest(&dataset.pool, index.pool_names()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => "declare it in `zfs.pools`".to_owned(),
    };
    Some(
        Finding::error(Code::DatasetUnknownPool, message)
            .help(help)
            .at(&dataset.origin.key("pool"), "unknown pool"),
    )
}

fn duplicate(first: &Dataset, second: &Dataset) -> Finding {
    let message = format!("the dataset \"{}\" is declared twice", second.name);
    Finding::error(Code::DatasetDuplicate, message)
        .help("keep one of them, or rename one")
        .at(&second.origin.key("name"), "declared again here")
        .at(&first.origin.key("name"), "first declared here")
}

fn parent(index: &Index<'_>, dataset: &Dataset) -> Option<Finding> {
    let parent = index::parent(&dataset.name)?;
    if parent == dataset.pool || name::check_dataset(&dataset.name).is_err() {
        return None;
    }
    let at = dataset.origin.key("name");
    let Some(declared) = index.dataset(parent) else {
        let message = format!(
            "the dataset \"{parent}\", in which \"{}\" lies, is not declared",
            dataset.name
        );
        return Some(
            Finding::error(Code::DatasetMissingParent, message)
                .help(format!(
                    "declare \"{parent}\" too: phoenix creates only what the file names"
                ))
                .at(&at, "its parent is missing"),
        );
    };
    declared.is_volume().then(|| {
        let message = format!(
            "the dataset \"{}\" cannot lie in \"{parent}\", which is a volume",
            dataset.name
        );
        Finding::error(Code::DatasetBelowVolume, message)
            .help("only file systems have children: move it, or make the parent a file system")
            .at(&at, "lies in a volume")
            .at_key(&declared.origin, "the volume")
    })
}

fn mountpoint_taken(first: &Dataset, second: &Dataset, mountpoint: &Utf8Path) -> Finding {
    let message = format!(
        "the datasets \"{}\" and \"{}\" would both be mounted at \"{mountpoint}\"",
        first.name, second.name
    );
    let finding = Finding::error(Code::DatasetMountpointTaken, message)
        .help("one would hide the other: give one of them another `mountpoint`");
    let finding = mountpoint_place(finding, second, "mounted here as well");
    mountpoint_place(finding, first, "mounted here")
}

fn root_mountpoint_taken(
    index: &Index<'_>,
    dataset: &Dataset,
    mountpoint: &Utf8Path,
) -> Option<Finding> {
    let pool = index.root_at(mountpoint)?;
    let message = format!(
        "the dataset \"{}\" would be mounted at \"{mountpoint}\", as the pool \"{}\" itself is",
        dataset.name, pool.name
    );
    let finding = Finding::error(Code::DatasetMountpointTaken, message).help(
        "choose another `mountpoint`, or give the pool `root_properties` with `\"mountpoint\": \
         \"none\"`",
    );
    Some(mountpoint_place(finding, dataset, "the same directory"))
}

/// Points at the mountpoint if the dataset declares one, else at its name.
fn mountpoint_place(finding: Finding, dataset: &Dataset, message: &str) -> Finding {
    match dataset.properties.get("mountpoint") {
        Some(own) => finding.at(&own.origin, message),
        None => finding.at(&dataset.origin.key("name"), message),
    }
}

/// ZFS refuses to reserve more than a limit allows.
fn reservations(dataset: &Dataset, findings: &mut Vec<Finding>) {
    let pairs = [
        ("reservation", "quota"),
        ("refreservation", "refquota"),
        ("refreservation", "quota"),
    ];
    for (reservation, quota) in pairs {
        let property = |name: &str| dataset.properties.get(name);
        let (Some(reserved), Some(limit)) = (property(reservation), property(quota)) else {
            continue;
        };
        let (Some(reserved_bytes), Some(limit_bytes)) = (bytes(reserved), bytes(limit)) else {
            continue;
        };
        if limit_bytes == 0 || reserved_bytes <= limit_bytes {
            continue;
        }
        let message = format!(
            "the {reservation} of dataset \"{}\" ({}) is larger than its {quota} ({})",
            dataset.name,
            size::human(reserved_bytes),
            size::human(limit_bytes)
        );
        findings.push(
            Finding::error(Code::DatasetReservationAboveQuota, message)
                .help(format!("lower the {reservation}, or raise the {quota}"))
                .at(&reserved.origin, "reserved")
                .at(&limit.origin, "allowed"),
        );
    }
}

/// With special vdevs, blocks up to `special_small_blocks` go there; from `recordsize` on that is
/// everything.
fn special_small_blocks(index: &Index<'_>, dataset: &Dataset) -> Option<Finding> {
    let small = dataset.properties.get("special_small_blocks")?;
    if index.pool(&dataset.pool)?.special.is_empty() || dataset.is_volume() {
        return None;
    }
    let record = index.effective(dataset, "recordsize");
    let record_bytes = record.map_or(Some(DEFAULT_RECORDSIZE), bytes)?;
    let small_bytes = bytes(small).filter(|small| *small >= record_bytes)?;
    let message = format!(
        "all data of dataset \"{}\" goes to the special vdev, because special_small_blocks ({}) \
         is not below its recordsize ({})",
        dataset.name,
        size::human(small_bytes),
        size::human(record_bytes)
    );
    let finding = Finding::warning(Code::DatasetSpecialSmallBlocks, message)
        .help("choose a smaller special_small_blocks, such as 16K, or a larger recordsize")
        .at(&small.origin, "every block is this small");
    Some(match record {
        Some(record) if !record.default => finding.at(&record.origin, "the largest block"),
        _ => finding,
    })
}

/// A size property in bytes; `None` for what is no number.
fn bytes(property: &Property) -> Option<u64> {
    property.stored.number()
}
