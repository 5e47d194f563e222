//! Limits the ZFS read cache, in the running kernel and for the next boot.

use camino::Utf8Path;
use phoenix_planner::plan::SetArc;
use phoenix_tools::arc::{
    ARC_MAX_PARAMETER, ARC_MIN_PARAMETER, ARCSTATS_FILE, ArcStats, MODPROBE_FILE, modprobe_limit,
    parse_arcstats, with_modprobe_limit,
};
use phoenix_tools::mounts::{MOUNTS_FILE, parse_mounts};
use phoenix_tools::system;

use super::Done;
use super::failure::Goal;
use crate::code::FailureCode;
use crate::context::StepContext;
use crate::event::Failure;
use crate::observe::INITRAMFS_PENDING;

const GOAL: Goal<'_> = Goal("cannot limit the ZFS read cache");

/// Sets the limit in the running module first: what the kernel refuses now, it would ignore at the
/// next boot too.
pub(super) fn set(operation: &SetArc, host: &StepContext<'_>) -> Result<Done, Failure> {
    let mut done = Done::Unchanged;
    if operation.runtime && limit_now(operation.max, host)? == Done::Changed {
        done = Done::Changed;
    }
    if operation.persistent && limit_at_boot(operation.max, host)? == Done::Changed {
        done = Done::Changed;
    }
    Ok(done)
}

fn limit_now(max: u64, host: &StepContext<'_>) -> Result<Done, Failure> {
    let before = stats(host)?;
    if before.c_max == max {
        return Ok(Done::Unchanged);
    }
    if max <= before.c_min {
        // The kernel ignores a limit that is not above the floor. Half of the limit is the floor
        // that the module itself falls back to when it is loaded with a small limit
        // (OpenZFS `module/zfs/arc.c`, `arc_tuning_update` and `arc_init`).
        write(host, ARC_MIN_PARAMETER, max / 2)?;
    }
    write(host, ARC_MAX_PARAMETER, max)?;
    let after = stats(host)?;
    if after.c_max == max {
        return Ok(Done::Changed);
    }
    // The kernel keeps such a value in the parameter and works on with the old limit, so only
    // arcstats tells.
    Err(GOAL.because(
        FailureCode::NotInForce,
        format!(
            "the kernel ignored the limit of {max} bytes and keeps {}",
            after.c_max
        ),
        "choose a limit from 64 MiB to less than the installed memory",
    ))
}

fn stats(host: &StepContext<'_>) -> Result<ArcStats, Failure> {
    let text = host
        .read_file(Utf8Path::new(ARCSTATS_FILE))
        .map_err(|error| GOAL.host(&error))?
        .ok_or_else(|| GOAL.moved_on("the ZFS kernel module has been unloaded"))?;
    parse_arcstats(&text).map_err(|error| GOAL.parse(&error))
}

fn write(host: &StepContext<'_>, parameter: &str, value: u64) -> Result<(), Failure> {
    host.write_parameter(Utf8Path::new(parameter), &value.to_string())
        .map_err(|error| GOAL.host(&error))
}

fn limit_at_boot(max: u64, host: &StepContext<'_>) -> Result<Done, Failure> {
    let path = Utf8Path::new(MODPROBE_FILE);
    let read = || host.read_file(path).map_err(|error| GOAL.host(&error));
    let write = |text: &str| {
        host.write_file(path, text)
            .map_err(|error| GOAL.host(&error))
    };
    let before = read()?.unwrap_or_default();
    let was_pending = before.contains(INITRAMFS_PENDING);
    if modprobe_limit(&before) == Some(max) && !was_pending {
        return Ok(Done::Unchanged);
    }
    let wanted = with_modprobe_limit(&before.replace(INITRAMFS_PENDING, ""), max);
    if root_is_zfs(host)? {
        // The module is loaded from the initramfs then, with the copy of the file that is in it.
        // The mark makes a run that is interrupted before the copy is made do it next time.
        write(&format!("{wanted}{INITRAMFS_PENDING}"))?;
        GOAL.run(host, &system::update_initramfs())?;
    }
    write(&wanted)?;
    if read()?.as_deref().and_then(modprobe_limit) != Some(max) {
        return Err(GOAL.not_in_force(format!("{MODPROBE_FILE} does not say {max} bytes")));
    }
    Ok(Done::Changed)
}

fn root_is_zfs(host: &StepContext<'_>) -> Result<bool, Failure> {
    let text = host
        .read_file(Utf8Path::new(MOUNTS_FILE))
        .map_err(|error| GOAL.host(&error))?
        .unwrap_or_default();
    let mounts = parse_mounts(&text).map_err(|error| GOAL.parse(&error))?;
    Ok(mounts
        .at(Utf8Path::new("/"))
        .is_some_and(|root| root.fstype == "zfs"))
}
