//! The guest as the tests see it: a Proxmox-like host with phoenix installed and the user's plan.

use camino::Utf8Path;
use phoenix_lab::guest::{DRIVES, Guest, drive_path};
use phoenix_lab::remote::Ended;

const EXAMPLE: &str = include_str!("../../../schema/examples/quickos-fastdata.json");
const STAND_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/stand-ins/pve.py");

/// The drives of the example, in the order of the guest's.
const EXAMPLE_DRIVES: [&str; 3] = [
    "nvme-Samsung_SSD_990_PRO_2TB_SIM2TA0001",
    "nvme-Samsung_SSD_990_PRO_2TB_SIM2TB0002",
    "nvme-Samsung_SSD_990_PRO_4TB_SIM4TC0003",
];

/// Where the configuration lies in the guest.
pub(crate) const CONFIG: &str = "/root/phoenix_hypervisor_config.json";

/// The limit of the read cache in bytes: 1 GiB of the guest's 4.
pub(crate) const ARC_MAX: &str = "1073741824";

/// A booted guest with phoenix, the stand-ins, two containers and the user's completed plan.
pub(crate) struct Host {
    pub(crate) guest: Guest,
    pub(crate) config: String,
}

impl Host {
    pub(crate) fn pristine() -> Self {
        let guest = Guest::pristine("e2e").unwrap();
        let host = Self {
            guest,
            config: plan_for_the_guest(),
        };
        host.install();
        host.write_config(&host.config);
        // What a test installs must outlive a power cut that the test makes.
        host.shell("sync");
        host
    }

    fn install(&self) {
        let remote = &self.guest.remote;
        let binary = std::env::var("PHOENIX_BINARY")
            .expect("PHOENIX_BINARY names the program under test: run `cargo xtask lab test`");
        remote
            .push(Utf8Path::new(&binary), "/usr/local/sbin/phoenix", 0o755)
            .unwrap();
        remote
            .push(Utf8Path::new(STAND_IN), "/usr/sbin/pvesh", 0o755)
            .unwrap();
        let script = "ln -sf pvesh /usr/sbin/pvesm && ln -sf pvesh /usr/sbin/pct && \
            mkdir -p /etc/pve/lxc /run/pve-stand-in && \
            printf 'dir: local\\n\\tpath /var/lib/vz\\n\\tcontent backup,iso,vztmpl\\n\\n' > /etc/pve/storage.cfg && \
            for id in 101 102; do printf 'arch: amd64\\nhostname: ct%s\\nostype: debian\\nunprivileged: 1\\n' $id \
            > /etc/pve/lxc/$id.conf; done";
        remote.check(script).unwrap();
    }

    /// Replaces the configuration in the guest.
    pub(crate) fn write_config(&self, text: &str) {
        self.guest
            .remote
            .write(CONFIG, text.as_bytes(), 0o600)
            .unwrap();
    }

    /// Runs a line of shell in the guest that has to succeed.
    pub(crate) fn shell(&self, script: &str) -> String {
        self.guest.remote.check(script).unwrap()
    }

    /// Runs phoenix in the guest, whatever its exit code.
    pub(crate) fn phoenix(&self, arguments: &str) -> Ended {
        self.guest
            .remote
            .shell(&format!("phoenix {arguments}"))
            .unwrap()
    }

    /// Applies the configuration.
    pub(crate) fn apply(&self) -> Ended {
        self.phoenix(&format!("apply {CONFIG} --yes"))
    }

    /// Applies the configuration and insists on success.
    pub(crate) fn apply_whole(&self) -> Ended {
        let ended = self.apply();
        assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
        ended
    }

    /// Insists that nothing is left to do, and that asking changed nothing.
    pub(crate) fn assert_converged(&self) {
        let before = self.footprint();
        let ended = self.apply_whole();
        assert!(
            ended.stdout.contains("No changes."),
            "{}{}",
            ended.stdout,
            ended.stderr
        );
        assert_eq!(
            self.footprint(),
            before,
            "a run with nothing to do must leave no trace"
        );
    }

    /// What every write to a pool, an export or a container would change.
    fn footprint(&self) -> String {
        self.shell(
            "for p in $(zpool list -H -o name); do zpool history -i $p | tail -n 3; done; \
             stat -c '%n %Y %i' /etc/exports.d/* /etc/pve/storage.cfg /etc/pve/lxc/*.conf /etc/modprobe.d/* 2>&1; exportfs -s",
        )
    }
}

/// The example with this guest's drives and network in place of the simulated ones, and a read
/// cache that fits into its memory.
fn plan_for_the_guest() -> String {
    let mut text = EXAMPLE
        .replace("10.0.0.0/24", "10.0.2.0/24")
        .replace("32212254720", ARC_MAX);
    for (example, (serial, _)) in EXAMPLE_DRIVES.iter().zip(DRIVES) {
        text = text.replace(&format!("/dev/disk/by-id/{example}"), &drive_path(serial));
    }
    assert!(
        !text.contains("Samsung"),
        "every drive of the example must have been replaced"
    );
    text
}
