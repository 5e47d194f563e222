//! How QEMU is started: the machine it emulates, the files it uses, and what this machine can speed up.
//!
//! Knows nothing of what runs inside; [`crate::guest`] waits for that.

use std::fs;
use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};

use crate::LabError;

/// Serial number and size in bytes of each drive, as consumer drives of 2 TB and 4 TB have them.
pub const DRIVES: [(&str, u64); 3] = [
    ("PHX2TA01", 2_000_398_934_016),
    ("PHX2TB02", 2_000_398_934_016),
    ("PHX4TC03", 4_000_787_030_016),
];

const PROGRAM: &str = "qemu-system-x86_64";

/// What a guest has written is in this machine's page cache, and outlives QEMU, with or without its
/// flushes reaching a disk. With them the guest pays for what else this machine writes, and stands still
/// when a drive is pulled while one of its flushes waits: QEMU waits for it with the whole machine.
const CACHE: &str = "cache=unsafe";

/// The guest's memory in MiB.
pub const MEMORY_MIB: &str = "4096";

/// The kernel's command line. Systemd says on the console what it waits for, when it has to wait.
const KERNEL_ARGUMENTS: &str = "root=/dev/vda rw console=ttyS0 quiet systemd.show_status=auto \
    net.ifnames=0 mitigations=off nowatchdog init_on_alloc=0";

/// CPU features that emulation is better without. It runs `rep stosb` byte by byte, so those that
/// make the kernel use it are masked; with them, clearing memory dwarfs all other work.
const MASKED: [&str; 6] = ["la57", "erms", "fsrm", "fzrm", "fsrs", "fsrc"];

/// What runs the guest's instructions on this machine, in words.
pub fn accelerator() -> &'static str {
    if hardware_virtualisation() {
        "hardware virtualisation (KVM)"
    } else {
        "emulated instruction by instruction (QEMU TCG), about ten times slower than hardware"
    }
}

/// Starts QEMU in the background with the guest's files in `folder` and the system in `image`; the
/// guest's ssh answers on `port` of 127.0.0.1.
///
/// # Errors
/// When QEMU refuses.
pub(crate) fn start(folder: &Utf8Path, image: &Utf8Path, port: u16) -> Result<(), LabError> {
    let mut command = Command::new(PROGRAM);
    command.args(processor()?);
    system(&mut command, folder, image);
    for (number, (serial, _)) in DRIVES.iter().enumerate() {
        drive(
            &mut command,
            number + 1,
            serial,
            &drive_file(folder, serial),
        );
    }
    surroundings(&mut command, folder, port);
    let output = command.output().map_err(LabError::file(PROGRAM))?;
    if output.status.success() {
        return Ok(());
    }
    Err(LabError::failed("starting QEMU", &output))
}

/// The sparse file behind a drive.
pub(crate) fn drive_file(folder: &Utf8Path, serial: &str) -> Utf8PathBuf {
    folder.join(format!("{serial}.raw"))
}

/// Where the guest's console goes.
pub(crate) fn console(folder: &Utf8Path) -> Utf8PathBuf {
    folder.join("console.log")
}

/// QEMU's control socket.
pub(crate) fn socket(folder: &Utf8Path) -> Utf8PathBuf {
    folder.join("qmp.sock")
}

/// Where QEMU writes its process number.
pub(crate) fn pid_file(folder: &Utf8Path) -> Utf8PathBuf {
    folder.join("qemu.pid")
}

fn processor() -> Result<Vec<String>, LabError> {
    if hardware_virtualisation() {
        return Ok(["-accel", "kvm", "-cpu", "host"]
            .map(str::to_owned)
            .to_vec());
    }
    let cpu = known_features()?
        .into_iter()
        .fold("max".to_owned(), |cpu, feature| {
            format!("{cpu},{feature}=off")
        });
    let accelerator = "tcg,thread=multi,tb-size=512";
    Ok(["-accel", accelerator, "-cpu", &cpu]
        .map(str::to_owned)
        .to_vec())
}

/// Those of the features to mask that this QEMU knows: it refuses to start when one is named that
/// it does not (7.2 of Debian 12 has no `fzrm`).
fn known_features() -> Result<Vec<&'static str>, LabError> {
    let output = Command::new(PROGRAM)
        .args(["-cpu", "help"])
        .output()
        .map_err(LabError::file(PROGRAM))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let known = |feature: &&str| text.split_whitespace().any(|word| word == *feature);
    Ok(MASKED.into_iter().filter(known).collect())
}

fn system(command: &mut Command, folder: &Utf8Path, image: &Utf8Path) {
    let disk = format!("file={folder}/root.qcow2,if=virtio,format=qcow2,{CACHE}");
    command
        .args(["-machine", "q35", "-smp", "2", "-m", MEMORY_MIB])
        .args(["-display", "none", "-vga", "none"])
        .args(["-nodefaults", "-no-user-config"])
        .args(["-kernel", image.join("vmlinuz").as_str()])
        .args(["-initrd", image.join("initrd.img").as_str()])
        .args(["-append", KERNEL_ARGUMENTS])
        .args(["-drive", &disk]);
}

fn drive(command: &mut Command, slot: usize, serial: &str, file: &Utf8Path) {
    let port = format!("pcie-root-port,id=port{slot},chassis={slot},slot={slot}");
    let backing = format!(
        "file={file},if=none,id=file-{serial},format=raw,{CACHE},discard=unmap,detect-zeroes=unmap"
    );
    let nvme = format!("nvme,id=drive-{serial},serial={serial},drive=file-{serial},bus=port{slot}");
    command
        .args(["-device", &port])
        .args(["-drive", &backing])
        .args(["-device", &nvme]);
}

fn surroundings(command: &mut Command, folder: &Utf8Path, port: u16) {
    let network = format!("user,id=net,hostfwd=tcp:127.0.0.1:{port}-:22,restrict=on");
    let console = format!("file:{}", console(folder));
    let control = format!("unix:{},server=on,wait=off", socket(folder));
    command
        .args(["-netdev", &network])
        .args(["-device", "virtio-net-pci,netdev=net"])
        .args(["-device", "virtio-rng-pci"])
        .args(["-serial", &console])
        .args(["-qmp", &control])
        .args(["-pidfile", pid_file(folder).as_str()])
        .arg("-daemonize")
        .stdin(Stdio::null());
}

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
