//! The ways to do a task, and one timed run of each.

use std::error::Error;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use phoenix_lab::remote::Remote;
use phoenix_lab::setup;

use super::ansible::{Playbook, Playbooks};
use super::table::Run;
use super::task::Task;

/// Where phoenix finds the task.
pub(super) const CONFIG: &str = "/root/bench/phoenix.json";

/// The transaction groups that all imported pools have been through: the last line of each history
/// is the open group (`/proc/spl/kstat/zfs/POOL/txgs`).
const TXGS: &str = "for f in /proc/spl/kstat/zfs/*/txgs; do [ -e $f ] && tail -n 1 $f; done | \
    awk '{ sum += $1 } END { print sum + 0 }'";

/// Who does a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Way {
    Phoenix,
    /// The user's whole plan, with storages, permissions, exports and mounts.
    #[value(skip)]
    PhoenixWhole,
    /// The same with Ansible; no loop of plain commands does that.
    #[value(skip)]
    AnsibleWhole,
    /// One `zfs create` after the other.
    Shell,
    /// `xargs -P 32 zfs create`.
    Xargs,
    /// As it is installed.
    Ansible,
    /// With `pipelining = True`, which saves it a copy of each module to the guest's disk.
    AnsiblePipelined,
}

/// Whether anything is there yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing: everything has to be made.
    First,
    /// Everything: there is nothing to do.
    Again,
}

impl Way {
    pub(super) const ALL: [Self; 5] = [
        Self::Phoenix,
        Self::Shell,
        Self::Xargs,
        Self::Ansible,
        Self::AnsiblePipelined,
    ];

    /// Whether it is Ansible, in one configuration or another.
    pub(super) fn is_ansible(self) -> bool {
        matches!(
            self,
            Self::Ansible | Self::AnsiblePipelined | Self::AnsibleWhole
        )
    }

    /// As the tables name it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Phoenix => "phoenix",
            Self::PhoenixWhole => "phoenix",
            Self::AnsibleWhole => "Ansible",
            Self::Shell => "shell loop",
            Self::Xargs => "`xargs -P 32`",
            Self::Ansible => "Ansible",
            Self::AnsiblePipelined => "Ansible, pipelining on",
        }
    }
}

/// What every run needs.
pub(super) struct Contestant<'a> {
    /// The guest.
    pub(super) remote: &'a Remote,
    /// Ansible, where it takes part.
    pub(super) playbooks: Option<Playbooks>,
    /// Seconds that a run may take.
    pub(super) limit: u64,
}

impl Contestant<'_> {
    /// Puts the task into the guest in everybody's language.
    pub(super) fn prepare(&self, task: &Task) -> Result<(), Box<dyn Error>> {
        let remote = self.remote;
        remote.write(setup::CONFIG, setup::users_plan().as_bytes(), 0o600)?;
        remote.write(CONFIG, task.config().as_bytes(), 0o600)?;
        remote.write("/root/bench/datasets", task.lines().as_bytes(), 0o600)?;
        let pools = |guarded: bool| match task.pools_exist && !guarded {
            true => String::new(),
            false => task.make_pools(guarded),
        };
        let phoenix = format!("phoenix apply {CONFIG} --yes\n");
        let whole = format!("phoenix apply {} --yes\n", setup::CONFIG);
        let scripts = [
            ("phoenix-first", phoenix.clone()),
            ("phoenix-again", phoenix),
            ("whole-first", whole.clone()),
            ("whole-again", whole),
            (
                "shell-first",
                pools(false)
                    + "while read -r line; do zfs create $line; done < /root/bench/datasets\n",
            ),
            (
                "shell-again",
                pools(true)
                    + "while read -r line; do zfs list -H \"${line##* }\" > /dev/null 2>&1 || \
                       zfs create $line; done < /root/bench/datasets\n",
            ),
            (
                "xargs-first",
                pools(false) + "xargs -P 32 -L 1 zfs create < /root/bench/datasets\n",
            ),
            (
                "xargs-again",
                pools(true)
                    + "xargs -P 32 -L 1 sh -c 'for name; do :; done; \
                       zfs list -H \"$name\" > /dev/null 2>&1 || zfs create \"$@\"' guard \
                       < /root/bench/datasets\n",
            ),
        ];
        for (name, script) in scripts {
            remote.write(&format!("/root/bench/{name}"), script.as_bytes(), 0o700)?;
        }
        if let Some(playbooks) = &self.playbooks {
            playbooks.prepare(self.remote, &task.ansible_variables()?)?;
        }
        Ok(())
    }

    /// Empty drives, and the pools if the task begins with them.
    pub(super) fn start_over(&self, task: &Task) -> Result<(), Box<dyn Error>> {
        setup::empty_drives(self.remote)?;
        setup::reset_proxmox(self.remote)?;
        if task.pools_exist {
            self.remote
                .check(&format!("set -e; {}", task.make_pools(false)))?;
        }
        // What the preparation has left to write must not be written on anybody's time.
        self.remote.check("sync; sleep 1")?;
        Ok(())
    }

    /// One timed run.
    ///
    /// # Errors
    /// When it ends with a failure: a run that did not do its work has no time.
    pub(super) fn run(&self, way: Way, turn: Turn) -> Result<Run, Box<dyn Error>> {
        let mut command = match (way, &self.playbooks) {
            (Way::Ansible | Way::AnsibleWhole | Way::AnsiblePipelined, None) => {
                return Err("Ansible was not installed".into());
            }
            (Way::Ansible, Some(it)) => it.command(Playbook::Datasets, self.limit, false),
            (Way::AnsiblePipelined, Some(it)) => it.command(Playbook::Datasets, self.limit, true),
            (Way::AnsibleWhole, Some(it)) => it.command(Playbook::Plan, self.limit, false),
            (Way::Phoenix, _) => self.script("phoenix", turn),
            (Way::PhoenixWhole, _) => self.script("whole", turn),
            (Way::Shell, _) => self.script("shell", turn),
            (Way::Xargs, _) => self.script("xargs", turn),
        };
        let before = self.txgs()?;
        let start = Instant::now();
        let output = command.stdin(Stdio::null()).output()?;
        let seconds = start.elapsed().as_secs_f64();
        match output.status.code() {
            Some(0) => {}
            // What `timeout` says when the time was over.
            Some(124) => return Ok(Run::Over(self.limit)),
            code => return Err(failed(way, code, &output).into()),
        }
        let txgs = self.txgs()?.saturating_sub(before);
        Ok(Run::Ended { seconds, txgs })
    }

    /// Whether the first run has made everything; of the whole plan, phoenix is asked.
    pub(super) fn check(&self, task: &Task, way: Way) -> Result<(), Box<dyn Error>> {
        if matches!(way, Way::PhoenixWhole | Way::AnsibleWhole) {
            let question = format!("phoenix plan {} --detailed-exitcode", setup::CONFIG);
            self.remote.check(&question)?;
        }
        let listed = self.remote.check("zfs list -H -o name | wc -l")?;
        let made: usize = listed.trim().parse()?;
        if made == task.expected() {
            return Ok(());
        }
        let wanted = task.expected();
        Err(format!("{} made {made} datasets, not {wanted}", way.title()).into())
    }

    fn script(&self, name: &str, turn: Turn) -> Command {
        let turn = match turn {
            Turn::First => "first",
            Turn::Again => "again",
        };
        let mut command = self.remote.ssh();
        command.arg(format!(
            "timeout {} sh -e /root/bench/{name}-{turn}",
            self.limit
        ));
        command
    }

    fn txgs(&self) -> Result<u64, Box<dyn Error>> {
        Ok(self.remote.check(TXGS)?.trim().parse()?)
    }
}

fn failed(way: Way, code: Option<i32>, output: &Output) -> String {
    let said = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    let said = said.join("\n");
    let lines: Vec<&str> = said.lines().collect();
    let tail = lines
        .iter()
        .skip(lines.len().saturating_sub(20))
        .copied()
        .collect::<Vec<_>>();
    format!(
        "{} failed (exit {code:?}):\n{}",
        way.title(),
        tail.join("\n")
    )
}
