//! The limit of the ZFS read cache: the one in force, and the one for the next boot.

use phoenix_config::address::Address;
use phoenix_config::code::Code;
use phoenix_config::diagnostic::Severity;
use phoenix_config::model::ArcLimit;
use phoenix_zfs::size;

use super::facts::Facts;
use super::verdict::{Notes, Verdict, changed_field, refused, to_do};
use crate::plan::{Action, Operation, SetArc};
use crate::refusal::RefusalCode;

/// Where the kernel says what it was started with.
const CMDLINE: &str = "/proc/cmdline";

pub(super) fn diff(facts: &Facts<'_>, limit: &ArcLimit, notes: &mut Notes) -> Verdict {
    let (max, memory) = (limit.max, facts.observed.memory);
    if memory > 0 && max >= memory {
        let (max, memory) = (size::human(max), size::human(memory));
        return Err(refused(
            RefusalCode::ArcAboveMemory,
            format!(
                "arc_max is {max}, but the host has {memory} of memory, and ZFS ignores a limit that is not below it"
            ),
            "lower arc_max: half of the memory or less leaves room for guests",
        ));
    }
    if memory > 0 && max > memory / 2 {
        notes.about(
            Address::Arc,
            Severity::Warning,
            Code::ArcAboveHalfOfMemory,
            format!(
                "arc_max is {} of {} of memory: the read cache competes with the guests",
                size::human(max),
                size::human(memory)
            ),
            "lower arc_max if guests run short of memory",
        );
    }
    let live = &facts.observed.arc;
    // Without the module there is nothing to tell; it will read the file when it is loaded.
    let runtime = live.c_max.is_some_and(|has| has != max);
    let persistent = live.persistent != Some(max);
    if let Some(winner) = live.overruled_by.as_ref().filter(|_| persistent) {
        let set = live.persistent.map_or_else(String::new, size::human);
        return Err(refused(
            RefusalCode::ArcOverruled,
            format!(
                "{winner} sets zfs_arc_max to {set} after /etc/modprobe.d/zfs.conf, so what phoenix writes there would not count"
            ),
            if winner == CMDLINE {
                "take zfs.zfs_arc_max out of the kernel's command line (/etc/kernel/cmdline or GRUB's), or state that limit as arc_max"
                    .to_owned()
            } else {
                format!("take zfs_arc_max out of {winner}, or state that limit as arc_max")
            },
        ));
    }
    let mut changes = Vec::new();
    if runtime {
        changes.push(changed_field("zfs_arc_max (now)", live.c_max, max));
    }
    if persistent {
        changes.push(changed_field(
            "zfs_arc_max (next boot)",
            live.persistent,
            max,
        ));
    }
    if changes.is_empty() {
        return Ok(None);
    }
    let action = if live.persistent.is_none() {
        Action::Create
    } else {
        Action::Update
    };
    let operation = SetArc {
        max,
        runtime,
        persistent,
    };
    to_do(action, changes, Operation::SetArc(operation))
}
