//! Ansible in a folder of its own under the lab's cache, and its playbook against the guest.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a developer's tool: it starts pip and Ansible, and says so"
)]

use std::error::Error;
use std::fs;
use std::process::Command;

use camino::Utf8PathBuf;
use phoenix_lab::image;
use phoenix_lab::remote::Remote;
use phoenix_lab::setup;

/// What is installed: the core, and the collections with community.general 11.4.2 among them.
const PACKAGES: [&str; 2] = ["ansible-core==2.19.14", "ansible==12.3.0"];

/// An installed Ansible and the files of one task.
pub(super) struct Playbooks {
    folder: Utf8PathBuf,
}

/// Installs Ansible into the cache, unless it is there (half a minute, from the package index that
/// pip uses).
///
/// # Errors
/// When Python or pip fails.
pub(super) fn install() -> Result<Playbooks, Box<dyn Error>> {
    let folder = image::cache().join("ansible-12.3.0");
    let complete = folder.join("complete");
    if !complete.is_file() {
        eprintln!("installing {} into {folder}", PACKAGES.join(" and "));
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear", folder.as_str()]);
        succeed(
            &mut venv,
            "making a Python environment (apt-get install python3-venv)",
        )?;
        let mut pip = Command::new(folder.join("bin/pip"));
        pip.args(["install", "--quiet"]).args(PACKAGES);
        succeed(&mut pip, "installing Ansible")?;
        fs::write(&complete, "")?;
    }
    Ok(Playbooks { folder })
}

/// What Ansible is to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Playbook {
    /// The pools and datasets of a task.
    Datasets,
    /// Those of the user's plan, and everything else in it.
    Plan,
}

impl Playbook {
    fn file(self) -> &'static str {
        match self {
            Self::Datasets => "datasets.yml",
            Self::Plan => "plan.yml",
        }
    }
}

impl Playbooks {
    /// Writes the inventory and the variables: those of a task, and the user's plan as it is.
    /// Ansible uses the connection that is open.
    pub(super) fn prepare(&self, remote: &Remote, variables: &str) -> Result<(), Box<dyn Error>> {
        let shared = match remote.socket() {
            Some(socket) => format!(" ansible_control_path={socket}"),
            None => String::new(),
        };
        let inventory = format!(
            "guest ansible_host=127.0.0.1 ansible_port={} ansible_user=root \
             ansible_ssh_private_key_file={}{shared}\n",
            remote.port, remote.key
        );
        fs::write(self.folder.join("inventory"), inventory)?;
        fs::write(self.folder.join("variables.json"), variables)?;
        fs::write(self.folder.join("plan.json"), setup::users_plan())?;
        Ok(())
    }

    /// The command line of one run, stopped after `limit` seconds with exit code 124.
    pub(super) fn command(&self, playbook: Playbook, limit: u64, pipelining: bool) -> Command {
        let own = crate::root().join("lab/bench");
        let mut command = Command::new("timeout");
        command
            .arg(limit.to_string())
            .arg(self.folder.join("bin/ansible-playbook"))
            .arg("-i")
            .arg(self.folder.join("inventory"))
            .arg("-e")
            .arg(format!("@{}/variables.json", self.folder))
            .arg("-e")
            .arg(format!("@{}/plan.json", self.folder))
            .arg(own.join(playbook.file()))
            .env("ANSIBLE_CONFIG", own.join("ansible.cfg"))
            .env("ANSIBLE_PIPELINING", pipelining.to_string())
            .env("ANSIBLE_HOME", self.folder.join("home"))
            .env("LC_ALL", "C.UTF-8");
        command
    }
}

fn succeed(command: &mut Command, what: &str) -> Result<(), Box<dyn Error>> {
    let output = command
        .output()
        .map_err(|error| format!("{what}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{what} failed: {}", String::from_utf8_lossy(&output.stderr)).into())
}
