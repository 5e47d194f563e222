//! Datasets: making them, setting what differs, mounting what should be mounted.
//!
//! What ZFS fixes at creation, and what would cut off or hide data, is refused.

use phoenix_config::code::Code;
use phoenix_config::diagnostic::Severity;
use phoenix_config::model::{Dataset, DatasetKind, Property};
use phoenix_zfs::property::{DatasetType, Source, Value, is_create_only, same_value};
use phoenix_zfs::size;

use super::facts::{Facts, encryption_root, is_locked, value};
use super::property::{Difference, differences, new_properties, rows, stored, values};
use super::room;
use super::verdict::{Notes, Stop, Verdict, changed_field, create, new_field, refused, update};
use crate::observed::{ObservedDataset, ObservedProperty};
use crate::plan::{Change, CreateDataset, Operation, PlannedVolume, SetDataset};
use crate::refusal::RefusalCode;

/// Bytes of a volume's block when nobody says otherwise (`volblocksize`, since OpenZFS 2.2; older
/// versions use half, which divides it).
const DEFAULT_VOLBLOCKSIZE: u64 = 16 << 10;

pub(super) fn diff(facts: &Facts<'_>, dataset: &Dataset, notes: &mut Notes) -> Verdict {
    match facts.observed.datasets.get(&dataset.name) {
        None => missing(facts, dataset),
        Some(live) => existing(facts, dataset, live, notes),
    }
}

fn missing(facts: &Facts<'_>, dataset: &Dataset) -> Verdict {
    let mut changes = Vec::new();
    let volume = match dataset.kind {
        DatasetKind::Filesystem => None,
        DatasetKind::Volume { size, sparse } => {
            let declared = dataset.properties.get("volblocksize");
            let block = declared.and_then(|block| block.stored.number());
            let size = round_up(size, block.unwrap_or(DEFAULT_VOLBLOCKSIZE));
            changes.push(new_field("volsize", size));
            changes.push(new_field("sparse", if sparse { "yes" } else { "no" }));
            Some(PlannedVolume { size, sparse })
        }
    };
    // The parent may be mounted elsewhere on the host than the file implies.
    let mounted = dataset.mountpoint.as_ref();
    let mountpoint = mounted.and_then(|_| facts.mountpoint(&dataset.name));
    let mountpoint = mountpoint.map(str::to_owned);
    if let Some(path) = &mountpoint {
        facts.check_nothing_hidden(path)?;
        facts.check_place_is_free(&dataset.name, path)?;
    }
    room::check(facts, dataset, None)?;
    changes.extend(new_properties(&dataset.properties));
    let operation = CreateDataset {
        dataset: dataset.name.clone(),
        volume,
        properties: stored(&dataset.properties),
        mountpoint,
    };
    create(changes, Operation::CreateDataset(operation))
}

/// Properties that are right only because the parent is as it is, and that the same plan changes
/// there: without a step of their own they would follow the parent.
fn about_to_change(
    facts: &Facts<'_>,
    dataset: &Dataset,
    live: &ObservedDataset,
) -> Vec<Difference> {
    let Some((parent, _)) = dataset.name.rsplit_once('/') else {
        return Vec::new();
    };
    // An inherited mountpoint is the parent's with a name behind it; [`mount`] sees to those.
    let wanted = dataset
        .properties
        .iter()
        .map(|(name, wanted)| (name.as_ref(), wanted))
        .filter(|(name, _)| *name != "mountpoint");
    let difference = |(name, wanted): (&str, &Property)| {
        let there = live.properties.get(name)?;
        let Source::Inherited(origin) = &there.source else {
            return None;
        };
        let above = facts.declared_between(parent, origin, name)?;
        let follows = same_value(name, &there.value, &wanted.stored)
            && !same_value(name, above, &wanted.stored);
        follows.then(|| Difference::new(name, wanted, Some(there)))
    };
    wanted.filter_map(difference).collect()
}

fn existing(
    facts: &Facts<'_>,
    dataset: &Dataset,
    live: &ObservedDataset,
    notes: &mut Notes,
) -> Verdict {
    check_kind(dataset, live)?;
    let mut differing = differences(&dataset.properties, &live.properties);
    check_create_only(dataset, &differing)?;
    room::check(facts, dataset, Some(live))?;
    differing.extend(about_to_change(facts, dataset, live));
    if let DatasetKind::Volume { size, .. } = dataset.kind {
        differing.extend(growth(dataset, live, size)?);
    }
    let properties = values(&differing);
    let moves = properties.contains_key("mountpoint") || properties.contains_key("canmount");
    let mount = mount(facts, dataset, live, moves, notes)?;
    if live.mounted && moves {
        check_storages_stay(facts, dataset, live, mount.as_deref())?;
    }
    let mut changes: Vec<Change> = rows(differing).collect();
    if mount.is_some() && !live.mounted {
        changes.push(changed_field("mounted", Some("no"), "yes"));
    }
    if changes.is_empty() {
        return Ok(None);
    }
    let operation = SetDataset {
        dataset: dataset.name.clone(),
        properties,
        mount,
    };
    update(changes, Operation::SetDataset(operation))
}

fn check_kind(dataset: &Dataset, live: &ObservedDataset) -> Result<(), Stop> {
    let wanted = match dataset.kind {
        DatasetKind::Filesystem => DatasetType::Filesystem,
        DatasetKind::Volume { .. } => DatasetType::Volume,
    };
    if live.kind == wanted {
        return Ok(());
    }
    let (name, has) = (&dataset.name, live.kind);
    Err(refused(
        RefusalCode::DatasetOtherKind,
        format!("{name} is a {has}, and the file declares a {wanted}"),
        format!("correct the type in the file, or rename the existing {has} away (zfs rename)"),
    ))
}

fn check_create_only(dataset: &Dataset, differing: &[Difference]) -> Result<(), Stop> {
    let fixed: Vec<_> = differing
        .iter()
        .filter(|one| is_create_only(&one.name))
        .collect();
    if fixed.is_empty() {
        return Ok(());
    }
    let show = |one: &&Difference| {
        let before = one.before("not set");
        format!("{} is {before} and not {}", one.name, one.value)
    };
    let differences = fixed.iter().map(show).collect::<Vec<_>>().join(", ");
    let fields = fixed
        .iter()
        .map(|one| one.name.as_str())
        .collect::<Vec<_>>()
        .join(", ");
    Err(refused(
        RefusalCode::DatasetPropertyFixed,
        format!(
            "{}: {differences}; ZFS fixes that when a dataset is made",
            dataset.name
        ),
        format!(
            "declare {fields} as on the host, or make a new dataset under another name and copy \
             the data (zfs send, zfs receive)"
        ),
    ))
}

/// The difference in size of a volume. Sizes are compared as ZFS rounds them.
fn growth(
    dataset: &Dataset,
    live: &ObservedDataset,
    size: u64,
) -> Result<Option<Difference>, Stop> {
    let name = &dataset.name;
    let number = |name| value(live, name).and_then(Value::number);
    let (Some(has), Some(block)) = (number("volsize"), number("volblocksize")) else {
        return Err(refused(
            RefusalCode::VolumeSizeUnknown,
            format!(
                "ZFS does not say how large volume {name} is, so that nobody can tell whether it would grow or shrink"
            ),
            format!("look at what zfs get volsize,volblocksize {name} says"),
        ));
    };
    let wanted = round_up(size, block);
    if wanted == has {
        return Ok(None);
    }
    if wanted < has {
        let (has, wanted) = (size::human(has), size::human(wanted));
        return Err(refused(
            RefusalCode::VolumeWouldShrink,
            format!("volume {name} has {has}, and shrinking it to {wanted} would cut off data"),
            format!(
                "declare volsize {has}; to shrink it all the same, first shrink what is inside, then zfs set volsize={wanted} {name}"
            ),
        ));
    }
    Ok(Some(Difference {
        name: "volsize".to_owned(),
        value: Value::Number(wanted),
        live: live.properties.get("volsize").map(|live| ObservedProperty {
            source: Source::None,
            ..live.clone()
        }),
        default: false,
    }))
}

/// Where the dataset has to be mounted, if anything has to be done for it.
fn mount(
    facts: &Facts<'_>,
    dataset: &Dataset,
    live: &ObservedDataset,
    moves: bool,
    notes: &mut Notes,
) -> Result<Option<String>, Stop> {
    let name = &dataset.name;
    let target = facts
        .mountpoint(name)
        .filter(|_| facts.can_mount(name) == "on");
    let Some(target) = target.filter(|_| !dataset.is_volume()) else {
        return Ok(None);
    };
    if live.mounted && !moves {
        return Ok(None);
    }
    if is_locked(live) {
        notes.about(
            dataset.address(),
            Severity::Warning,
            Code::DatasetKeyNotLoaded,
            format!("dataset {name} is encrypted and its key is not loaded, so it is not mounted"),
            format!(
                "load the key (zfs load-key {}) and run phoenix again",
                encryption_root(name, live)
            ),
        );
        return Ok(None);
    }
    let stays = live.mounted && value(live, "mountpoint").is_some_and(|at| *at == *target);
    if !stays {
        facts.check_nothing_hidden(target)?;
        facts.check_place_is_free(name, target)?;
    }
    Ok(Some(target.to_owned()))
}

/// Proxmox never changes the path of a storage, and on the empty directory that a moved dataset leaves
/// behind its guests and backups would be gone.
fn check_storages_stay(
    facts: &Facts<'_>,
    dataset: &Dataset,
    live: &ObservedDataset,
    target: Option<&str>,
) -> Result<(), Stop> {
    let at = value(live, "mountpoint").and_then(Value::path);
    let Some(at) = at.filter(|at| target != Some(*at)) else {
        return Ok(());
    };
    let storages = facts.observed.storages.iter().flatten();
    let mut paths =
        storages.filter_map(|(id, storage)| Some((id, storage.options.get("path")?.as_str())));
    let inside = |path: &str| {
        let rest = path.strip_prefix(at.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let Some((id, path)) = paths.find(|(_, path)| inside(path)) else {
        return Ok(());
    };
    let name = &dataset.name;
    Err(refused(
        RefusalCode::StorageWouldBeLost,
        format!(
            "{name} would no longer be mounted at {at}, but storage {id} lies at {path}, and Proxmox never changes that"
        ),
        format!(
            "keep the mountpoint {at}; or first put what {id} holds on a storage with another id, and remove {id} when nothing needs it"
        ),
    ))
}

/// The next multiple of `block`, as `zfs create -V` rounds (zfs-create(8)).
fn round_up(size: u64, block: u64) -> u64 {
    size.checked_next_multiple_of(block).unwrap_or(size)
}
