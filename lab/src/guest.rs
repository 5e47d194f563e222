//! One running virtual machine: an overlay on the image, three sparse NVMe drives, a control socket.
//!
//! Each guest lives in a folder of its own under the cache. A pristine guest has empty drives and
//! an untouched system; a power cut and a reboot keep both.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::json;

use crate::LabError;
use crate::image::{self, Image};
use crate::qmp::Qmp;
use crate::remote::Remote;

/// Serial number and size in bytes of each drive, as consumer drives of 2 TB and 4 TB have them.
pub const DRIVES: [(&str, u64); 3] = [
    ("PHX2TA01", 2_000_398_934_016),
    ("PHX2TB02", 2_000_398_934_016),
    ("PHX4TC03", 4_000_787_030_016),
];

/// The stable path of a drive inside the guest.
pub fn drive_path(serial: &str) -> String {
    format!("/dev/disk/by-id/nvme-QEMU_NVMe_Ctrl_{serial}")
}

/// Half a minute on a quiet machine without hardware virtualisation; many times that beside others.
const BOOT_SECONDS: u64 = 900;

/// The guest's memory in MiB.
pub const MEMORY_MIB: &str = "4096";

/// What runs the guest's instructions on this machine, in words.
pub fn accelerator() -> &'static str {
    if hardware_virtualisation() {
        "hardware virtualisation (KVM)"
    } else {
        "emulated instruction by instruction (QEMU TCG), about ten times slower than hardware"
    }
}

/// A running guest. It goes on running when this value is dropped; see [`Guest::stop`].
#[derive(Debug)]
pub struct Guest {
    folder: Utf8PathBuf,
    image: Image,
    /// Commands and files inside the guest.
    pub remote: Remote,
}

impl Guest {
    /// Boots the guest `name` with empty drives and an untouched system. One that still runs under
    /// that name is stopped first.
    ///
    /// # Errors
    /// When the image cannot be built or the guest does not come up.
    pub fn pristine(name: &str) -> Result<Self, LabError> {
        let image = image::build()?;
        let folder = image::cache().join("guests").join(name);
        let guest = Self::describe(folder, image)?;
        guest.stop()?;
        if guest.folder.exists() {
            fs::remove_dir_all(&guest.folder).map_err(LabError::file(&guest.folder))?;
        }
        fs::create_dir_all(&guest.folder).map_err(LabError::file(&guest.folder))?;
        guest.make_disks()?;
        guest.boot()?;
        Ok(guest)
    }

    /// The guest `name`, which must have been booted before; it may be stopped.
    ///
    /// # Errors
    /// When there is no such guest.
    pub fn existing(name: &str) -> Result<Self, LabError> {
        let image = image::build()?;
        let folder = image::cache().join("guests").join(name);
        if !folder.join("root.qcow2").exists() {
            return Err(LabError::Failed {
                what: format!("finding guest \"{name}\""),
                detail: "it has never been booted: run `cargo xtask lab up`".to_owned(),
            });
        }
        Self::describe(folder, image)
    }

    fn describe(folder: Utf8PathBuf, image: Image) -> Result<Self, LabError> {
        let port = match fs::read_to_string(folder.join("port"))
            .ok()
            .and_then(|t| t.parse().ok())
        {
            Some(port) => port,
            None => free_port()?,
        };
        let key = image.folder.join("id_ed25519");
        Ok(Self {
            folder,
            image,
            remote: Remote::new(port, key),
        })
    }

    /// Whether QEMU runs.
    pub fn is_running(&self) -> bool {
        self.pid()
            .is_some_and(|pid| Utf8Path::new("/proc").join(pid.to_string()).exists())
    }

    /// Starts the guest again after it was stopped, drives and system as they were, and waits for it.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn boot(&self) -> Result<(), LabError> {
        for stale in ["qmp.sock", "qemu.pid"] {
            match fs::remove_file(self.folder.join(stale)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(LabError::file(self.folder.join(stale))(error));
                }
                _ => {}
            }
        }
        let port_file = self.folder.join("port");
        fs::write(&port_file, self.remote.port.to_string()).map_err(LabError::file(port_file))?;
        let output = self
            .qemu()
            .output()
            .map_err(LabError::file("qemu-system-x86_64"))?;
        if !output.status.success() {
            return Err(LabError::failed("starting QEMU", &output));
        }
        self.wait_for_ssh()
    }

    /// Cuts the power: QEMU ends at once, whatever the guest was doing.
    ///
    /// # Errors
    /// When QEMU does not end.
    pub fn stop(&self) -> Result<(), LabError> {
        if !self.is_running() {
            return Ok(());
        }
        if let Ok(mut qmp) = Qmp::connect(&self.folder.join("qmp.sock")) {
            // QEMU may be gone before it answers; what counts is that it is gone.
            drop(qmp.execute("quit", &json!({})));
        }
        let gone = wait(Duration::from_secs(20), || !self.is_running());
        if gone {
            return Ok(());
        }
        Err(LabError::Failed {
            what: "stopping QEMU".to_owned(),
            detail: "it still runs".to_owned(),
        })
    }

    /// Shuts the guest down in order and starts it again.
    ///
    /// # Errors
    /// When it does not go down or come up.
    pub fn reboot(&self) -> Result<(), LabError> {
        self.remote.shell("systemctl poweroff")?;
        if !wait(Duration::from_secs(180), || !self.is_running()) {
            return Err(LabError::Failed {
                what: "shutting the guest down".to_owned(),
                detail: format!("it still runs; its console is {}", self.console()),
            });
        }
        self.boot()
    }

    /// Pulls a drive out of the running guest.
    ///
    /// # Errors
    /// When there is no such drive or QEMU refuses.
    pub fn unplug(&self, serial: &str) -> Result<(), LabError> {
        let mut qmp = Qmp::connect(&self.folder.join("qmp.sock"))?;
        qmp.execute("device_del", &json!({ "id": format!("drive-{serial}") }))?;
        Ok(())
    }

    /// Where the guest's console goes.
    pub fn console(&self) -> Utf8PathBuf {
        self.folder.join("console.log")
    }

    /// Where a connection that stays open between commands has its socket.
    pub fn socket(&self) -> Utf8PathBuf {
        self.folder.join("ssh.sock")
    }

    fn pid(&self) -> Option<u32> {
        fs::read_to_string(self.folder.join("qemu.pid"))
            .ok()?
            .trim()
            .parse()
            .ok()
    }

    fn make_disks(&self) -> Result<(), LabError> {
        let output = Command::new("qemu-img")
            .args(["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b"])
            .arg(self.image.folder.join("base.qcow2"))
            .arg(self.folder.join("root.qcow2"))
            .output()
            .map_err(LabError::file("qemu-img"))?;
        if !output.status.success() {
            return Err(LabError::failed("making the guest's system disk", &output));
        }
        for (serial, bytes) in DRIVES {
            let path = self.drive_file(serial);
            let file = fs::File::create(&path).map_err(LabError::file(&path))?;
            file.set_len(bytes).map_err(LabError::file(&path))?;
        }
        Ok(())
    }

    fn drive_file(&self, serial: &str) -> Utf8PathBuf {
        self.folder.join(format!("{serial}.raw"))
    }

    fn qemu(&self) -> Command {
        let folder = &self.folder;
        let accelerated = hardware_virtualisation();
        let mut command = Command::new("qemu-system-x86_64");
        command.args(if accelerated { ACCELERATED } else { EMULATED });
        command
            .args(["-machine", "q35", "-smp", "2", "-m", MEMORY_MIB])
            .args([
                "-display",
                "none",
                "-vga",
                "none",
                "-nodefaults",
                "-no-user-config",
            ])
            .arg("-kernel")
            .arg(self.image.folder.join("vmlinuz"))
            .arg("-initrd")
            .arg(self.image.folder.join("initrd.img"))
            .args(["-append", KERNEL_ARGUMENTS])
            .arg("-drive")
            .arg(format!(
                "file={folder}/root.qcow2,if=virtio,format=qcow2,cache=writeback"
            ));
        for (number, (serial, _)) in DRIVES.iter().enumerate() {
            let slot = number + 1;
            command
                .arg("-device")
                .arg(format!(
                    "pcie-root-port,id=port{slot},chassis={slot},slot={slot}"
                ))
                .arg("-drive")
                .arg(format!(
                    "file={},if=none,id=file-{serial},format=raw,discard=unmap,detect-zeroes=unmap",
                    self.drive_file(serial)
                ))
                .arg("-device")
                .arg(format!(
                    "nvme,id=drive-{serial},serial={serial},drive=file-{serial},bus=port{slot}"
                ));
        }
        command
            .arg("-netdev")
            .arg(format!(
                "user,id=net,hostfwd=tcp:127.0.0.1:{}-:22,restrict=on",
                self.remote.port
            ))
            .args([
                "-device",
                "virtio-net-pci,netdev=net",
                "-device",
                "virtio-rng-pci",
            ])
            .arg("-serial")
            .arg(format!("file:{}", self.console()))
            .arg("-qmp")
            .arg(format!("unix:{folder}/qmp.sock,server=on,wait=off"))
            .arg("-pidfile")
            .arg(folder.join("qemu.pid"))
            .arg("-daemonize")
            .stdin(Stdio::null());
        command
    }

    fn wait_for_ssh(&self) -> Result<(), LabError> {
        let answers = || self.remote.shell("true").is_ok_and(|ended| ended.code == 0);
        if wait(Duration::from_secs(BOOT_SECONDS), || {
            answers() || !self.is_running()
        }) && self.is_running()
        {
            return Ok(());
        }
        Err(LabError::Silent {
            seconds: BOOT_SECONDS,
            console: self.console(),
        })
    }
}

const KERNEL_ARGUMENTS: &str = "root=/dev/vda rw console=ttyS0 quiet systemd.show_status=0 \
    net.ifnames=0 mitigations=off nowatchdog init_on_alloc=0";

const ACCELERATED: &[&str] = &["-accel", "kvm", "-cpu", "host"];

/// Emulation runs `rep stosb` byte by byte, so the CPU features that make the kernel use it are
/// masked; without that, clearing memory dwarfs all other work.
const EMULATED: &[&str] = &[
    "-accel",
    "tcg,thread=multi,tb-size=512",
    "-cpu",
    "max,la57=off,erms=off,fsrm=off,fzrm=off,fsrs=off,fsrc=off",
];

/// A `/dev/kvm` on a CPU without `vmx` or `svm` belongs to a paravirtual hypervisor that cannot
/// run a stock kernel, so the CPU is asked and not the device alone.
fn hardware_virtualisation() -> bool {
    let flags = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let capable = flags
        .split_whitespace()
        .any(|flag| flag == "vmx" || flag == "svm");
    capable
        && fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/kvm")
            .is_ok()
}

fn free_port() -> Result<u16, LabError> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(LabError::file("127.0.0.1"))?;
    let address = listener.local_addr().map_err(LabError::file("127.0.0.1"))?;
    Ok(address.port())
}

fn wait(limit: Duration, done: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < limit {
        if done() {
            return true;
        }
        thread::sleep(Duration::from_millis(300));
    }
    false
}
