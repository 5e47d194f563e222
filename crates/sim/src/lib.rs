//! A simulated Proxmox host: real argv in, the real tools' output and exit codes out.
//!
//! Owns the state, the faults that a test or `cargo xtask sim` asked for, and which command goes
//! where. It understands exactly the commands that phoenix runs; anything else is refused, never
//! taken as success. Nothing here uses the parsers and builders of the sibling modules, because
//! the simulator is what they are tested against.
#![expect(
    clippy::format_push_string,
    reason = "answers are built line by line, and a simulator need not save an allocation"
)]

mod access;
mod commands;
mod deed;
mod device;
mod disk;
mod fault;
mod files;
mod fresh;
mod grep;
mod half_table;
mod health;
mod held;
mod mount;
mod nfs;
mod pct;
mod props;
mod pve;
mod replication;
mod space;
pub mod state;
mod store;
mod systemd;
mod tree;
mod zfs;
mod zfs_create;
mod zpool;
mod zpool_create;
mod zpool_import;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use phoenix_host::command::{Command, Effect, Output, Program};
use phoenix_host::lock::HeldLock;
use phoenix_host::{Change, Host, HostError};

pub use fault::{Fault, FaultKind};
pub use store::SimError;

use commands::{act, effect, look};
use deed::Deed;
use held::Held;
use state::State;
use store::Store;

/// A host that exists only as data, in memory or in a file that several processes share.
#[derive(Debug)]
pub struct SimHost {
    inner: Mutex<Inner>,
    /// The devices that are open for their holder alone.
    held: Held,
}

#[derive(Debug)]
struct Inner {
    state: State,
    store: Option<Store>,
    /// Every command that was run, in order.
    commands: Vec<Command>,
    /// What changed or tried to change the host, in order, in words.
    writes: Vec<String>,
    /// How many more writes succeed before the power goes; `None` while nobody pulled the plug.
    power: Option<u64>,
}

impl SimHost {
    /// A fresh host in memory: two NVMe drives of 2 TB and one of 4 TB, containers 101 and 102,
    /// 64 GiB of memory, no pool.
    pub fn fresh() -> Self {
        Self::with_drives(&fresh::DRIVES)
    }

    /// A fresh host in memory with these NVMe drives, `nvme0n1` first: names below
    /// `/dev/disk/by-id` without the namespace (`nvme-MODEL_SERIAL`), and sizes in bytes.
    pub fn with_drives(drives: &[(&str, u64)]) -> Self {
        Self::new(fresh::host(drives), None)
    }

    /// The host in a state file, which is made with a fresh host if it does not exist. Every command
    /// that changes the host is kept before it answers; other processes may use the file meanwhile.
    /// A large host keeps what changed in a journal beside the file until it is closed.
    ///
    /// # Errors
    /// When the file cannot be read, written or understood.
    pub fn open(path: &Utf8Path) -> Result<Self, SimError> {
        let (store, state) = Store::open(path, || fresh::host(&fresh::DRIVES))?;
        Ok(Self::new(state, Some(store)))
    }

    fn new(state: State, store: Option<Store>) -> Self {
        let inner = Inner {
            state,
            store,
            commands: Vec::new(),
            writes: Vec::new(),
            power: None,
        };
        Self {
            inner: Mutex::new(inner),
            held: Held::default(),
        }
    }

    /// A copy of the state.
    pub fn state(&self) -> State {
        self.inner().state.clone()
    }

    /// Changes the state by hand, as somebody at the host's own keyboard would.
    ///
    /// # Errors
    /// When the state file cannot be read or written.
    pub fn edit(&self, change: impl FnOnce(&mut State)) -> Result<(), SimError> {
        self.inner().change(|state| change(state))
    }

    /// Adds a fault, which fires at its command and is gone then.
    ///
    /// # Errors
    /// When the state file cannot be read or written.
    pub fn add_fault(&self, fault: Fault) -> Result<(), SimError> {
        self.edit(|state| state.faults.push(fault))
    }

    /// Puts a foreign signature on a disk, named by path, kernel name or by-id name: `gpt` and
    /// `dos` are partition tables, `zfs_member` is a disk of an exported pool, anything else is a
    /// file system on the bare disk.
    ///
    /// # Errors
    /// When there is no such disk, or the state file cannot be read or written.
    pub fn add_signature(&self, disk: &str, kind: &str) -> Result<(), SimError> {
        self.inner().change(|state| {
            let paths = [
                disk.to_owned(),
                format!("/dev/{disk}"),
                format!("/dev/disk/by-id/{disk}"),
            ];
            let guid = state.next_guid();
            let found = paths.iter().find_map(|path| state.device(path));
            match found.and_then(|device| state.disks.get_mut(&device.disk)) {
                Some(disk) => {
                    device::add_signature(disk, kind, guid);
                    Ok(())
                }
                None => Err(SimError::NoSuchDisk(disk.to_owned())),
            }
        })?
    }

    /// Pulls the plug after `writes` more changes: every later call fails. Lasts as long as this
    /// value, not in the state file.
    pub fn fail_after(&self, writes: u64) {
        self.inner().power = Some(writes);
    }

    /// Every command that was run so far, in order.
    pub fn commands(&self) -> Vec<Command> {
        self.inner().commands.clone()
    }

    /// Everything so far that could change the host, in order: commands as they would be typed,
    /// and the words of each [`Change`].
    pub fn writes(&self) -> Vec<String> {
        self.inner().writes.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A panic in another thread leaves the state as it was before or after its command.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Runs a change on the newest state and keeps the result, also in the file.
    fn change<T>(&mut self, change: impl FnOnce(&mut State) -> T) -> Result<T, SimError> {
        let Some(store) = &mut self.store else {
            return Ok(change(&mut self.state));
        };
        let _guard = store.lock()?;
        store.refresh_locked(&mut self.state)?;
        let result = change(&mut self.state);
        store.save(&self.state)?;
        Ok(result)
    }

    /// The same for a change that can be told in a line; `change` does to the state what `deed` says.
    fn perform<T>(
        &mut self,
        deed: impl FnOnce() -> Deed,
        change: impl FnOnce(&mut State) -> T,
    ) -> Result<T, SimError> {
        let Some(store) = &mut self.store else {
            return Ok(change(&mut self.state));
        };
        let _guard = store.lock()?;
        store.refresh_locked(&mut self.state)?;
        let result = change(&mut self.state);
        store.add(&deed(), &self.state)?;
        Ok(result)
    }

    /// Leaves a state file behind that is plain JSON. Who cannot leaves it to the next one.
    fn leave(&mut self) {
        if let Some(store) = &mut self.store {
            let _ = store.fold(&mut self.state);
        }
    }

    /// Ends this process as `kill -9` does.
    fn die(&mut self) -> SimError {
        self.leave();
        fault::die()
    }

    /// Brings the state up to what other processes have made of the file.
    fn refresh(&mut self) -> Result<(), SimError> {
        match &mut self.store {
            Some(store) => store.refresh(&mut self.state),
            None => Ok(()),
        }
    }

    /// The fault that is due at this command or write, if there is one. A process that is to be
    /// killed before it gets no answer.
    fn take_fault(&mut self, typed: &str) -> Result<Option<FaultKind>, SimError> {
        if !self.state.faults.iter().any(|fault| fault.matches(typed)) {
            return Ok(None);
        }
        let fault = self.perform(
            || Deed::Fault(typed.to_owned()),
            |state| fault::take(&mut state.faults, typed),
        )?;
        match fault {
            Some(FaultKind::Kill) => Err(self.die()),
            fault => Ok(fault),
        }
    }

    /// Counts down to the power cut; `what` is the call that needs power.
    fn need_power(&mut self, what: &str, changes: bool) -> Result<(), HostError> {
        match &mut self.power {
            Some(0) => Err(HostError::Spawn {
                command: what.to_owned(),
                source: std::io::Error::other("the simulated host has no power"),
            }),
            Some(left) => {
                *left -= u64::from(changes);
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Host for SimHost {
    fn run(&self, command: &Command) -> Result<Output, HostError> {
        let typed = command.to_string();
        let mut inner = self.inner();
        let writes = effect(command) == Effect::Write;
        inner.need_power(&typed, writes)?;
        inner.commands.push(command.clone());
        if writes {
            inner.writes.push(typed.clone());
        }
        if writes && command.effect == Effect::Read {
            return Err(HostError::ReadOnly {
                what: format!("{typed} was announced as a command that only looks: it"),
            });
        }
        let lost = |error: SimError| HostError::Spawn {
            command: typed.clone(),
            source: std::io::Error::other(error),
        };
        inner.refresh().map_err(lost)?;
        if inner.state.lacks(command.program) {
            return Err(HostError::NotInstalled {
                program: command.program.name().to_owned(),
            });
        }
        let timed_out = || HostError::TimedOut {
            command: typed.clone(),
            seconds: command.timeout_seconds,
        };
        let fault = inner.take_fault(&typed).map_err(lost)?;
        match fault {
            Some(FaultKind::Fail) => return Ok(Output::failure(1, "simulated failure\n")),
            Some(FaultKind::Hang) => return Err(timed_out()),
            Some(FaultKind::Late | FaultKind::Kill | FaultKind::KillLate) | None => {}
        }
        if writes && self.held.keeps_from(&inner.state, command) {
            return Ok(held::busy(command));
        }
        let output = if writes {
            let deed = || Deed::Run(command.clone());
            inner
                .perform(deed, |state| act(state, command))
                .map_err(lost)?
        } else {
            look(&inner.state, command)
        };
        match fault {
            Some(FaultKind::KillLate) => Err(lost(inner.die())),
            Some(_) => Err(timed_out()),
            None => Ok(output),
        }
    }

    fn read_file(&self, path: &Utf8Path) -> Result<Option<String>, HostError> {
        let mut inner = self.inner();
        inner.need_power(&format!("read-file {path}"), false)?;
        inner.refresh().map_err(file_error("read", path))?;
        let text = files::read(&inner.state, path);
        if text.as_ref().is_some_and(|text| files::is_no_utf8(text)) {
            return Err(file_error("read", path)(files::no_utf8()));
        }
        Ok(text)
    }

    fn read_foreign(&self, path: &Utf8Path) -> Result<Option<String>, HostError> {
        let mut inner = self.inner();
        inner.need_power(&format!("read-file {path}"), false)?;
        inner.refresh().map_err(file_error("read", path))?;
        Ok(files::read(&inner.state, path))
    }

    fn change(&self, change: &Change) -> Result<(), HostError> {
        let mut inner = self.inner();
        let failed = file_error(change.verb(), change.path());
        let fault = inner.begin_write(change.words().join(" "), &failed)?;
        let deed = || Deed::Change(change.clone());
        let made = inner
            .perform(deed, |state| make(state, change))
            .map_err(&failed)?;
        made?;
        inner.end_write(fault, &failed)
    }

    fn first_links(&self, paths: &[&str]) -> Result<Vec<Option<Utf8PathBuf>>, HostError> {
        tree::first_links(&mut self.inner(), paths)
    }

    fn hold_disks(&self, disks: &[&str]) -> Result<Vec<HeldLock>, HostError> {
        held::hold(&mut self.inner(), &self.held, disks)
    }

    /// Nobody else is at work on a simulated host, unless a fault with the pattern `lock PATH` says
    /// so.
    fn lock(&self, path: &Utf8Path, wait: Duration) -> Result<HeldLock, HostError> {
        let mut inner = self.inner();
        let what = format!("lock {path}");
        inner.need_power(&what, false)?;
        let lost = file_error("lock", path);
        inner.refresh().map_err(&lost)?;
        match inner.take_fault(&what).map_err(&lost)? {
            Some(FaultKind::Fail | FaultKind::Hang) => Err(HostError::Locked {
                path: path.to_owned(),
                seconds: wait.as_secs(),
            }),
            Some(FaultKind::KillLate) => Err(lost(inner.die())),
            Some(_) | None => Ok(HeldLock::nothing()),
        }
    }
}

impl Inner {
    /// Counts a write that is no command, and fails it if a fault says so.
    fn begin_write(
        &mut self,
        what: String,
        failed: impl Fn(SimError) -> HostError,
    ) -> Result<Option<FaultKind>, HostError> {
        self.need_power(&what, true)?;
        let fault = self.take_fault(&what).map_err(&failed)?;
        self.writes.push(what);
        match fault {
            Some(FaultKind::Fail | FaultKind::Hang) => Err(failed(SimError::Fault)),
            _ => Ok(fault),
        }
    }

    /// A write that is no command, after it was done.
    fn end_write(
        &mut self,
        fault: Option<FaultKind>,
        failed: impl Fn(SimError) -> HostError,
    ) -> Result<(), HostError> {
        match fault {
            Some(FaultKind::KillLate) => Err(failed(self.die())),
            Some(_) => Err(failed(SimError::Fault)),
            None => Ok(()),
        }
    }
}

/// Makes a change that is no command.
fn make(state: &mut State, change: &Change) -> Result<(), HostError> {
    let wrong = file_error::<&str>(change.verb(), change.path());
    match change {
        Change::WriteFile(path, contents) => files::write(state, path, contents).map_err(wrong),
        Change::WriteParameter(path, value) => {
            files::write_parameter(state, path, value).map_err(|kind| HostError::File {
                verb: change.verb(),
                path: path.clone(),
                source: kind.into(),
            })
        }
        Change::SetPermissions(permissions) => match access::change(state, permissions) {
            Some(done) => done.map_err(file_error(change.verb(), change.path())),
            None => Err(HostError::NotMounted {
                path: permissions.path.clone(),
                dataset: permissions.dataset.clone(),
            }),
        },
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.leave();
    }
}

impl State {
    /// Whether the program is not installed on this host.
    fn lacks(&self, program: Program) -> bool {
        if self.removed.contains(&program) {
            return true;
        }
        match program {
            Program::Pct | Program::Pvesh | Program::Pvesm => self.storages.is_none(),
            Program::Exportfs => self.exports.is_none(),
            Program::Fwupdmgr => true,
            _ => false,
        }
    }
}

fn file_error<E>(verb: &'static str, path: &Utf8Path) -> impl Fn(E) -> HostError
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let path: Utf8PathBuf = path.to_owned();
    move |error| HostError::File {
        verb,
        path: path.clone(),
        source: std::io::Error::other(error),
    }
}

/// Runs an arbitrary command line. A program that phoenix never runs is not found, with the exit
/// code that a shell gives for it.
pub fn run_argv(host: &SimHost, argv: &[String]) -> Output {
    let (name, args) = match argv.split_first() {
        Some((name, args)) => (name.as_str(), args),
        None => ("", argv),
    };
    let Some(program) = Program::ALL
        .into_iter()
        .find(|program| program.name() == name)
    else {
        return Output::failure(127, format!("{name}: command not found\n"));
    };
    let command = Command::write(program, args);
    match host.run(&command) {
        Ok(output) => output,
        Err(HostError::NotInstalled { program }) => {
            Output::failure(127, format!("{program}: command not found\n"))
        }
        // 124 is what timeout(1) exits with.
        Err(HostError::TimedOut { .. }) => Output::failure(124, "timed out\n"),
        Err(error) => Output::failure(126, format!("{error}\n")),
    }
}

/// A usage error of `zfs`: exit code 2.
fn usage(reason: &str, usage: &str) -> Output {
    Output::failure(2, format!("{reason}\nusage:\n{usage}\n"))
}

/// The arguments as `str`, to be matched against.
fn words(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

#[cfg(test)]
mod tests;
