//! The limit of the read cache, and the switches that stood beside it.

use phoenix_zfs::size;

use super::context::{self, Context};
use crate::code::Code;
use crate::diagnostic::Finding;
use crate::file::Scalar;
use crate::model::ArcLimit;
use crate::pointer::Pointer;

const GIB: u64 = 1 << 30;

/// The limit that `arc_max` or `arc_max_gb` sets.
pub(super) fn limit(
    context: &mut Context,
    bytes: Option<Scalar>,
    gib: Option<u64>,
    zfs: &Pointer,
) -> Option<ArcLimit> {
    let (bytes_at, gib_at) = (zfs.key("arc_max"), zfs.key("arc_max_gb"));
    if bytes.is_some() && gib.is_some() {
        context.push(
            Finding::error(
                Code::SchemaConflict,
                "`arc_max` and `arc_max_gb` both limit the read cache",
            )
            .help("keep one of them")
            .at_key(&bytes_at, "in bytes")
            .at_key(&gib_at, "in GiB"),
        );
        return None;
    }
    if let Some(bytes) = bytes {
        let max = context.bytes(&bytes, &bytes_at, "arc_max")?;
        if let Scalar::Text(text) = &bytes
            && text.bytes().all(|byte| byte.is_ascii_digit())
        {
            let place = context::value(&bytes_at, size::decimal_and_binary(max));
            context.historic(Code::HistoricArcMaxText, place, || {
                format!(
                    "write \"arc_max\": \"{}\", or {max} without quotes",
                    size::human(max)
                )
            });
        }
        return Some(ArcLimit {
            max,
            origin: bytes_at,
        });
    }
    let gib = gib?;
    let max = gib.checked_mul(GIB);
    if max.is_none() {
        context.push(
            Finding::error(
                Code::SchemaInvalidValue,
                format!("`arc_max_gb` is larger than any memory: {gib} GiB"),
            )
            .help("the unit is GiB; to write bytes, use `arc_max`")
            .at(&gib_at, "too large"),
        );
    }
    Some(ArcLimit {
        max: max?,
        origin: gib_at,
    })
}

/// `zfs.settings`, whose one switch let the old scripts wipe disks.
pub(super) fn settings(context: &mut Context, at: &Pointer) {
    let place = context::key(at, "ignored");
    context.historic(Code::HistoricZfsSettings, place, || {
        "remove it; what may be wiped is granted for each run: phoenix apply --allow wipe:DISK"
            .to_owned()
    });
}
