//! Which vdevs the simulated `zpool create` takes side by side without `-f`: `check_replication` and
//! `get_replication` of OpenZFS 2.3.9.
//!
//! Written from ZFS's own comparison, one vdev with the one before it, not from phoenix's rule,
//! which is held against it.

use phoenix_zfs::layout::RaidLevel;

use super::device::Device;
use super::state::Class;

/// A vdev as asked for, its devices found.
pub(super) struct Planned {
    pub(super) class: Class,
    /// `disk`, `mirror`, `raidz1`, `draid1:2d:3c:0s`.
    pub(super) kind: String,
    pub(super) devices: Vec<(String, Device)>,
}

/// Members of one vdev may differ from the one before by this much (`ZPOOL_FUZZ`).
const SIZE_TOLERANCE: u64 = 16 << 20;

/// Every complaint at once, below zpool's headline.
pub(super) fn check(planned: &[Planned]) -> Result<(), String> {
    let mut complaints = Vec::new();
    let mut last: Option<&Planned> = None;
    for vdev in planned
        .iter()
        .filter(|vdev| matches!(vdev.class, Class::Data | Class::Special | Class::Dedup))
    {
        let kind = plain_kind(&vdev.kind);
        let sizes: Vec<u64> = vdev.devices.iter().map(|(_, device)| device.size).collect();
        let differ = |pair: &[u64]| matches!(pair, [a, b] if a.abs_diff(*b) > SIZE_TOLERANCE);
        if kind != "disk" && sizes.windows(2).any(differ) {
            complaints.push(format!("{kind} contains devices of different sizes"));
        }
        let reason = last.and_then(|last| mismatch(last, vdev));
        complaints.extend(reason.map(|reason| format!("mismatched replication level: {reason}")));
        last = Some(vdev);
    }
    // With nothing but logs there is nothing to compare; then this is all that is said.
    if complaints.is_empty() && !planned.iter().any(|vdev| vdev.class == Class::Data) {
        complaints.push("at least one general top-level vdev must be specified".to_owned());
    }
    if complaints.is_empty() {
        return Ok(());
    }
    Err(format!(
        "invalid vdev specification\nuse '-f' to override the following errors:\n{}\n",
        complaints.join("\n")
    ))
}

/// What zpool knows of a vdev when it compares: its type, its parity and how many children it has.
fn mismatch(last: &Planned, next: &Planned) -> Option<String> {
    let (a, b) = (plain_kind(&last.kind), plain_kind(&next.kind));
    let (width_a, width_b) = (last.devices.len(), next.devices.len());
    let (parity_a, parity_b) = (parity(last), parity(next));
    let mirrored = match (parity_a, parity_b) {
        (Some(parity), None) if b == "mirror" => Some((a, parity, width_b)),
        (None, Some(parity)) if a == "mirror" => Some((b, parity, width_a)),
        _ => None,
    };
    if let Some((kind, parity, ways)) = mirrored {
        let losses = ways.saturating_sub(1);
        return (parity != losses).then(|| {
            format!(
                "{kind} and mirror vdevs with different redundancy, {parity} vs. {losses} \
                 ({ways}-way) are present"
            )
        });
    }
    if let (Some(first), Some(second)) = (parity_a, parity_b) {
        // `is_raidz_draid` is true of two RAID-Z vdevs as well: their widths are never compared.
        return (first != second).then(|| {
            format!("{a} and {b} vdevs with different redundancy, {first} vs. {second} are present")
        });
    }
    if a != b {
        return Some(format!("both {a} and {b} vdevs are present"));
    }
    (width_a != width_b && a != "disk")
        .then(|| format!("both {width_a}-way and {width_b}-way {a} vdevs are present"))
}

/// `raidz` for `raidz2`, as zpool calls it in these messages.
pub(super) fn plain_kind(kind: &str) -> &str {
    ["raidz", "draid"]
        .into_iter()
        .find(|stem| kind.starts_with(stem))
        .unwrap_or(kind)
}

fn parity(vdev: &Planned) -> Option<usize> {
    match level(&vdev.kind) {
        RaidLevel::Raidz(parity) | RaidLevel::Draid(parity) => Some(usize::from(parity)),
        _ => None,
    }
}

/// The level behind a vdev's name.
pub(super) fn level(kind: &str) -> RaidLevel {
    let name = kind.split(':').next().unwrap_or(kind);
    name.parse().unwrap_or(RaidLevel::Stripe)
}
