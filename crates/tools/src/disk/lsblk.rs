//! `lsblk`: the tree of block devices.

use serde::Deserialize;

use crate::parse::ParseError;
use phoenix_host::command::{Command, Program};

const COLUMNS: &str = "NAME,KNAME,PKNAME,PATH,TYPE,SIZE,SERIAL,MODEL,WWN,TRAN,ROTA,FSTYPE,LABEL,\
                       PTTYPE,PARTTYPE,MOUNTPOINTS";

/// Major numbers of devices that are no disks: RAM disks, which `lsblk` itself leaves out unless
/// told something else, and ZFS volumes (OpenZFS `zvol_major`, 230 by default), of which a host of
/// virtual machines may have a thousand. Where the number is another one, volumes are listed and
/// known by their names.
const NO_DISKS: &str = "1,230";

/// `lsblk -J -b`: every block device but RAM disks and ZFS volumes, with what is built on it as its
/// children. A device that is built on several others stands below each of them.
pub fn lsblk() -> Command {
    Command::read(Program::Lsblk, ["-J", "-b", "-e", NO_DISKS, "-o", COLUMNS])
}

/// One block device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct BlockDevice {
    /// Its name, for device-mapper the mapped name.
    pub name: String,
    /// The kernel's name: `nvme0n1p1`, `dm-0`.
    pub kname: String,
    /// Where its node is: `/dev/nvme0n1p1`, `/dev/mapper/pve-root`.
    pub path: String,
    /// `disk`, `part`, `lvm`, `crypt`, `raid1`, `mpath`, `loop`, `rom` ...
    #[serde(rename = "type")]
    pub kind: String,
    /// Bytes.
    pub size: u64,
    /// The drive's serial number.
    pub serial: Option<String>,
    /// The drive's model.
    pub model: Option<String>,
    /// The drive's world-wide name.
    pub wwn: Option<String>,
    /// How it is attached: `nvme`, `sata`, `usb`, `virtio` ...
    pub tran: Option<String>,
    /// The file system or member signature that udev saw.
    pub fstype: Option<String>,
    /// The label that udev saw; for `zfs_member` the pool.
    pub label: Option<String>,
    /// The kind of partition table that it holds, or, for a partition, lies in.
    pub pttype: Option<String>,
    /// For a partition of a GPT, the GUID of its type.
    pub parttype: Option<String>,
    /// Where it is mounted; `[SWAP]` for swap. util-linux 2.38 prints a null for nowhere.
    pub mountpoints: Vec<Option<String>>,
    /// What is built on it.
    #[serde(default)]
    pub children: Vec<Self>,
}

/// Reads the answer of [`lsblk`].
///
/// # Errors
/// When it is not JSON of that shape.
pub fn parse_lsblk(text: &str) -> Result<Vec<BlockDevice>, ParseError> {
    #[derive(Deserialize)]
    struct Answer {
        blockdevices: Vec<BlockDevice>,
    }
    let answer: Answer = serde_json::from_str(text)
        .map_err(|error| ParseError::json("the output of lsblk -J", text, &error))?;
    Ok(answer.blockdevices)
}
