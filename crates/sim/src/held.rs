//! Devices that phoenix has open for itself alone, as the kernel counts it.

use std::sync::{Arc, Mutex, PoisonError};

use camino::Utf8Path;
use phoenix_host::HostError;
use phoenix_host::command::{Command, Output, Program};
use phoenix_host::lock::HeldLock;

use super::device::Device;
use super::fault::FaultKind;
use super::state::State;
use super::{Inner, file_error};

/// The devices that are held now.
#[derive(Debug, Default, Clone)]
pub(super) struct Held(Arc<Mutex<Vec<Device>>>);

/// A device that is held while this lives.
struct Holder(Held, Device);

impl Held {
    fn with<T>(&self, work: impl FnOnce(&mut Vec<Device>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the command would have to open for itself what is held.
    pub(super) fn keeps_from(&self, state: &State, command: &Command) -> bool {
        let opens = matches!(command.program, Program::Wipefs | Program::Zpool);
        let mut devices = command.args.iter().filter_map(|path| state.device(path));
        self.with(|held| opens && devices.any(|device| conflicts(&device, held)))
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let Self(held, own) = self;
        held.with(|held| held.retain(|device| device != own));
    }
}

/// Whether a device cannot be had while one of the others is held: the same one, or a disk and a
/// part of it.
fn conflicts(device: &Device, held: &[Device]) -> bool {
    let parts = |held: &Device| device.partition.zip(held.partition);
    held.iter()
        .any(|held| held.disk == device.disk && parts(held).is_none_or(|(own, other)| own == other))
}

/// What a program says that cannot open its device.
pub(super) fn busy(command: &Command) -> Output {
    let program = command.program.name();
    Output::failure(1, format!("{program}: Device or resource busy\n"))
}

/// Holds devices, all or none. A fault with the pattern `hold PATH` kills the process.
pub(super) fn hold(
    inner: &mut Inner,
    held: &Held,
    paths: &[&str],
) -> Result<Vec<HeldLock>, HostError> {
    let mut holders = Vec::new();
    for path in paths {
        let what = format!("hold {path}");
        inner.need_power(&what, false)?;
        let unusable = file_error("open", Utf8Path::new(path));
        inner.refresh().map_err(&unusable)?;
        if let Some(FaultKind::KillLate) = inner.take_fault(&what).map_err(&unusable)? {
            return Err(unusable(inner.die()));
        }
        let Some(device) = inner.state.device(path) else {
            let missing = "No such file or directory";
            return Err(file_error("open", Utf8Path::new(path))(missing));
        };
        let is_free = held.with(|held| {
            let is_free = !inner.state.is_busy(&device) && !conflicts(&device, held);
            if is_free {
                held.push(device.clone());
            }
            is_free
        });
        if !is_free {
            return Err(HostError::InUse {
                device: (*path).to_owned(),
            });
        }
        holders.push(Holder(held.clone(), device));
    }
    Ok(holders.into_iter().map(HeldLock::new).collect())
}
