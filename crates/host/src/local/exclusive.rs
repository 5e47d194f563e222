//! Block devices that are open for one alone.

use std::fs::File;
use std::time::Duration;

use camino::Utf8Path;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::{failed, process};
use crate::HostError;

/// A device that is open for phoenix alone, until the end of this value.
pub(super) struct Exclusive(Option<File>);

impl Drop for Exclusive {
    fn drop(&mut self) {
        if let Some(file) = self.0.take() {
            process::close(file);
        }
    }
}

/// Opens a block device exclusively (`O_EXCL` without `O_CREAT`, open(2)): refused while the kernel
/// has it, a partition of it, or its disk open for somebody else in that way, and nobody else gets it
/// until the file is closed. Nothing is written.
pub(super) fn open(device: &str) -> Result<Exclusive, HostError> {
    // udev has a disk for itself while it reads the partition table again.
    const TRIES: u32 = 10;
    const PAUSE: Duration = Duration::from_millis(100);
    const FLAGS: OFlags = OFlags::RDONLY
        .union(OFlags::EXCL)
        .union(OFlags::NONBLOCK)
        .union(OFlags::CLOEXEC);
    let try_once = || rustix::fs::open(device, FLAGS, Mode::empty());
    let mut opened = try_once();
    for _ in 1..TRIES {
        if !matches!(opened, Err(Errno::BUSY)) {
            break;
        }
        std::thread::sleep(PAUSE);
        opened = try_once();
    }
    match opened {
        Ok(file) => Ok(Exclusive(Some(File::from(file)))),
        Err(Errno::BUSY) => Err(HostError::InUse {
            device: device.to_owned(),
        }),
        Err(errno) => Err(failed("open", Utf8Path::new(device), errno.into())),
    }
}
