//! One running virtual machine: an overlay on the image, three sparse NVMe drives, a control socket.
//!
//! Each guest lives in a folder of its own under the cache. A pristine guest has empty drives and
//! an untouched system; a power cut and a reboot keep both.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::json;

use crate::LabError;
use crate::contents;
use crate::image::{self, Image};
use crate::qemu::{self, DRIVES};
use crate::qmp::Qmp;
use crate::remote::Remote;

/// The stable path of a drive inside the guest.
pub fn drive_path(serial: &str) -> String {
    format!("/dev/disk/by-id/nvme-QEMU_NVMe_Ctrl_{serial}")
}

/// Half a minute on a quiet machine without hardware virtualisation; several times that beside
/// others.
const BOOT_SECONDS: u64 = 300;

/// One boot of some hundred never answered, in CI, and left nothing that says why. So what a silent
/// guest was at is said aloud, and where it cannot be anything but the emulator, it is started again.
const BOOT_ATTEMPTS: u32 = 3;

/// On the console of every guest as soon as its kernel has started systemd, before anything that
/// phoenix configures: one of its generators complains.
const FIRST_OF_SYSTEMD: &str = "systemd-ssh-generator";

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
    /// One that hangs while its kernel starts is said to on standard error, and started again; what
    /// hangs later may be the doing of what was tested, and is an error at once.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn boot(&self) -> Result<(), LabError> {
        let mut attempt = 1;
        loop {
            self.start()?;
            let Err(silent) = self.wait_for_ssh() else {
                return Ok(());
            };
            let may_be_phoenix = self.console_text().contains(FIRST_OF_SYSTEMD);
            self.stop()?;
            if may_be_phoenix || attempt == BOOT_ATTEMPTS {
                return Err(silent);
            }
            // Not with a macro: the test harness would keep that to itself when the test passes.
            let notice =
                format!("boot {attempt} of {BOOT_ATTEMPTS}: {silent}; starting it again\n");
            std::io::stderr()
                .write_all(notice.as_bytes())
                .map_err(LabError::file("standard error"))?;
            attempt += 1;
        }
    }

    fn start(&self) -> Result<(), LabError> {
        for stale in [qemu::socket(&self.folder), qemu::pid_file(&self.folder)] {
            match fs::remove_file(&stale) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(LabError::file(stale)(error));
                }
                _ => {}
            }
        }
        let port_file = self.folder.join("port");
        fs::write(&port_file, self.remote.port.to_string()).map_err(LabError::file(port_file))?;
        qemu::start(&self.folder, &self.image.folder, self.remote.port)
    }

    /// Cuts the power: QEMU ends at once, whatever the guest was doing.
    ///
    /// # Errors
    /// When QEMU does not end.
    pub fn stop(&self) -> Result<(), LabError> {
        if !self.is_running() {
            return Ok(());
        }
        if let Ok(mut qmp) = Qmp::connect(&qemu::socket(&self.folder)) {
            // QEMU may be gone before it answers; what counts is that it is gone.
            drop(qmp.execute("quit", &json!({})));
        }
        if wait(Duration::from_secs(20), || !self.is_running()) {
            return Ok(());
        }
        if let Some(pid) = self.pid() {
            let killed = Command::new("kill").args(["-9", &pid.to_string()]).output();
            killed.map_err(LabError::file("kill"))?;
        }
        if wait(Duration::from_secs(20), || !self.is_running()) {
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
        let mut qmp = Qmp::connect(&qemu::socket(&self.folder))?;
        qmp.execute("device_del", &json!({ "id": format!("drive-{serial}") }))?;
        Ok(())
    }

    /// What is on a drive, in one short text: whatever the guest has written to it so far. What its kernel
    /// still holds back is not there yet.
    ///
    /// # Errors
    /// When the drive's file cannot be read.
    pub fn drive_contents(&self, serial: &str) -> Result<String, LabError> {
        contents::digest(&qemu::drive_file(&self.folder, serial))
    }

    /// Where the guest's console goes.
    pub fn console(&self) -> Utf8PathBuf {
        qemu::console(&self.folder)
    }

    /// Where a connection that stays open between commands has its socket.
    pub fn socket(&self) -> Utf8PathBuf {
        self.folder.join("ssh.sock")
    }

    fn pid(&self) -> Option<u32> {
        fs::read_to_string(qemu::pid_file(&self.folder))
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
            let path = qemu::drive_file(&self.folder, serial);
            let file = fs::File::create(&path).map_err(LabError::file(&path))?;
            file.set_len(bytes).map_err(LabError::file(&path))?;
        }
        Ok(())
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
            condition: self.condition(),
        })
    }

    /// What can be told from outside of a guest that does not answer: where each of its processors
    /// is, so that a hang can be told from slowness, and how its console ends.
    pub fn condition(&self) -> String {
        format!(
            "{}; its console {} ends with:\n{}",
            self.processors(),
            self.console(),
            self.last_words()
        )
    }

    fn processors(&self) -> String {
        let asked = Qmp::connect(&qemu::socket(&self.folder)).and_then(|mut qmp| {
            let question = json!({ "command-line": "info registers -a" });
            qmp.execute("human-monitor-command", &question)
        });
        let answer = match &asked {
            Ok(answer) => answer.as_str().unwrap_or_default(),
            Err(_) => return "QEMU does not run".to_owned(),
        };
        let words = answer.split_whitespace();
        let at: Vec<_> = words.filter(|word| word.starts_with("RIP=")).collect();
        format!("its processors are at {}", at.join(" "))
    }

    fn console_text(&self) -> String {
        let bytes = fs::read(self.console()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The last lines of the console, without what would move a terminal's cursor.
    fn last_words(&self) -> String {
        let text = self.console_text();
        let skipped = text.lines().count().saturating_sub(5);
        let lines = text.lines().skip(skipped);
        let lines: Vec<_> = lines
            .map(|line| line.replace(char::is_control, ""))
            .collect();
        lines.join("\n")
    }
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
