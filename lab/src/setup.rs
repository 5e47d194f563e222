//! Makes a booted guest look like a Proxmox host: phoenix, the stand-ins, two containers, and the
//! user's plan written for the guest's drives.
//!
//! Owns what every test and measurement starts from; it must not make a pool or a dataset.

use camino::Utf8Path;

use crate::LabError;
use crate::guest::drive_path;
use crate::qemu::DRIVES;
use crate::remote::Remote;

const EXAMPLE: &str = include_str!("../../schema/examples/quickos-fastdata.json");
const STAND_IN: &str = include_str!("../stand-ins/pve.py");

/// The drives of the example, in the order of the guest's.
const EXAMPLE_DRIVES: [&str; 3] = [
    "nvme-Samsung_SSD_990_PRO_2TB_SIM2TA0001",
    "nvme-Samsung_SSD_990_PRO_2TB_SIM2TB0002",
    "nvme-Samsung_SSD_990_PRO_4TB_SIM4TC0003",
];

/// Where the configuration lies in the guest.
pub const CONFIG: &str = "/root/phoenix_hypervisor_config.json";

/// The limit of the read cache in bytes: 1 GiB of the guest's 4.
pub const ARC_MAX: &str = "1073741824";

/// Brings every file that phoenix or an alternative may have written back to where a new host has
/// it: one Proxmox storage, two containers, no exports, no limit of the read cache.
const PROXMOX_FILES: &str = "rm -f /etc/exports.d/*.exports /etc/modprobe.d/zfs.conf && \
    mkdir -p /etc/pve/lxc /run/pve-stand-in && \
    printf 'dir: local\\n\\tpath /var/lib/vz\\n\\tcontent backup,iso,vztmpl\\n\\n' > /etc/pve/storage.cfg && \
    for id in 101 102; do printf 'arch: amd64\\nhostname: ct%s\\nostype: debian\\nunprivileged: 1\\n' $id \
    > /etc/pve/lxc/$id.conf; done && exportfs -ra";

/// Installs the program under test and the stand-ins, and makes Proxmox's files.
///
/// # Errors
/// When the guest cannot be reached or the program cannot be read.
pub fn install(remote: &Remote, binary: &Utf8Path) -> Result<(), LabError> {
    remote.push(binary, "/usr/local/sbin/phoenix", 0o755)?;
    remote.write("/usr/sbin/pvesh", STAND_IN.as_bytes(), 0o755)?;
    remote.check("ln -sf pvesh /usr/sbin/pvesm && ln -sf pvesh /usr/sbin/pct")?;
    reset_proxmox(remote)
}

/// Makes Proxmox's files as a new host has them.
///
/// # Errors
/// When the guest cannot be reached.
pub fn reset_proxmox(remote: &Remote) -> Result<(), LabError> {
    remote.check(PROXMOX_FILES)?;
    Ok(())
}

/// Destroys every pool of the guest and leaves its three drives as they came: no label, no
/// partition table. Only for guests; nothing of phoenix calls this.
///
/// # Errors
/// When a pool cannot be destroyed.
pub fn empty_drives(remote: &Remote) -> Result<(), LabError> {
    let drives: Vec<String> = DRIVES
        .iter()
        .map(|(serial, _)| drive_path(serial))
        .collect();
    let drives = drives.join(" ");
    // A label that is left on a partition comes back with the next partition at the same place.
    remote.check(&format!(
        "for pool in $(zpool list -H -o name); do zpool destroy -f $pool || exit 1; done; \
         for drive in {drives}; do \
         if [ -e $drive-part1 ]; then zpool labelclear -f $drive-part1 > /dev/null 2>&1; \
         sgdisk -Z $drive > /dev/null 2>&1; fi; wipefs -qa $drive; done; udevadm settle"
    ))?;
    Ok(())
}

/// The example with the guest's drives and network in place of the simulated ones, and a read cache
/// that fits into its memory.
pub fn users_plan() -> String {
    let mut text = EXAMPLE
        .replace("10.0.0.0/24", "10.0.2.0/24")
        .replace("32212254720", ARC_MAX);
    for (example, (serial, _)) in EXAMPLE_DRIVES.iter().zip(DRIVES) {
        text = text.replace(&format!("/dev/disk/by-id/{example}"), &drive_path(serial));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_drive_of_the_example_is_replaced_by_one_of_the_guest() {
        let text = users_plan();
        assert!(!text.contains("Samsung"), "{text}");
        for (serial, _) in DRIVES {
            assert!(text.contains(&drive_path(serial)), "{serial}");
        }
        assert!(text.contains(ARC_MAX) && text.contains("10.0.2.0/24"));
    }
}
