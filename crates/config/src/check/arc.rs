//! The limit of the read cache.

use phoenix_zfs::size;

use super::index::Index;
use crate::code::Code;
use crate::diagnostic::Finding;

/// Below this the kernel ignores the limit (`arc_tuning_update`, OpenZFS `module/zfs/arc.c`).
const MINIMUM: u64 = 64 << 20;

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    let Some(limit) = index.config.arc.as_ref().filter(|arc| arc.max < MINIMUM) else {
        return;
    };
    let message = format!(
        "a read cache of {} is too small: ZFS ignores limits below {}",
        size::human(limit.max),
        size::human(MINIMUM)
    );
    findings.push(
        Finding::error(Code::ArcTooSmall, message)
            .help(
                "check the unit, such as \"30G\"; to leave the limit to ZFS, remove it from the \
                 file",
            )
            .at(&limit.origin, size::decimal_and_binary(limit.max)),
    );
}
