//! Looks at disks again right before they are written, and erases what the user has granted.
//!
//! Steps that come at the same time share one look and one hold of Proxmox's lock. The planner's
//! lane lets pools be made one after the other, so that each has a look of its own.

use std::sync::{Arc, Mutex, OnceLock, Weak};

use camino::Utf8Path;
use phoenix_host::disk::{Disk, Inventory, LOCK_FILE, LOCK_WAIT, erase, look};
use phoenix_host::lock::HeldLock;
use phoenix_host::zpool::ImportedPools;
use phoenix_host::{Host, system};
use phoenix_planner::observed::Obstacle;
use phoenix_planner::plan::PlannedDisk;

use super::failure::Goal;
use crate::event::Failure;
use crate::observe::obstacles;
use crate::shared_reads::lock;

/// The looks at the disks that the steps of one apply take, and the lock under which they do.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    /// The look that is being taken.
    round: Mutex<Option<Arc<Round>>>,
    /// The lock, as long as a step has it.
    lock: Mutex<Weak<HeldLock>>,
}

/// One look for all steps that came while it was taken.
type Round = OnceLock<Result<Look, Failure>>;

/// What the disks were like under Proxmox's lock, which keeps Proxmox's own tools away from them
/// until this and all its clones are gone: from the last look until what was made of the disks was
/// read back.
#[derive(Debug, Clone)]
pub(super) struct Look {
    /// Every imported pool.
    pub(super) pools: Arc<ImportedPools>,
    /// Every block device.
    pub(super) inventory: Arc<Inventory>,
    _lock: Arc<HeldLock>,
}

impl Looks {
    /// Takes the lock and looks at all disks, or shares the look that another step is taking.
    pub(super) fn look(&self, goal: Goal<'_>, host: &dyn Host) -> Result<Look, Failure> {
        let round = Arc::clone(lock(&self.round).get_or_insert_default());
        let mut own = false;
        let shared = round.get_or_init(|| {
            own = true;
            let look = self.look_alone(goal, host);
            // Who comes from here on looks anew: disks may be written to by then.
            *lock(&self.round) = None;
            look
        });
        match shared {
            Err(_) if !own => self.look_alone(goal, host),
            shared => shared.clone(),
        }
    }

    fn look_alone(&self, goal: Goal<'_>, host: &dyn Host) -> Result<Look, Failure> {
        let lock = self.hold(goal, host)?;
        let (pools, inventory) = look_again(goal, host)?;
        Ok(Look {
            pools: Arc::new(pools),
            inventory: Arc::new(inventory),
            _lock: lock,
        })
    }

    fn hold(&self, goal: Goal<'_>, host: &dyn Host) -> Result<Arc<HeldLock>, Failure> {
        let mut held = lock(&self.lock);
        if let Some(held) = held.upgrade() {
            return Ok(held);
        }
        let taken = host
            .lock(Utf8Path::new(LOCK_FILE), LOCK_WAIT)
            .map_err(|error| goal.host(&error))?;
        let taken = Arc::new(taken);
        *held = Arc::downgrade(&taken);
        Ok(taken)
    }
}

/// Makes every disk ready to be written: all are compared with the plan before the first of them
/// is erased, and all must be blank afterwards.
pub(super) fn prepare(
    goal: Goal<'_>,
    host: &dyn Host,
    before: &Look,
    disks: &[&PlannedDisk],
) -> Result<(), Failure> {
    let before = &before.inventory;
    let mut to_erase = Vec::new();
    for planned in disks {
        let disk = same_disk(goal, before, planned)?;
        if must_be_erased(goal, disk, planned)? {
            to_erase.push(disk);
        }
    }
    if to_erase.is_empty() {
        return Ok(());
    }
    for disk in to_erase {
        erase_disk(goal, host, before, disk)?;
    }
    let (_, after) = look_again(goal, host)?;
    for planned in disks {
        let disk = same_disk(goal, &after, planned)?;
        if let Some(left) = obstacles(disk).first() {
            let reason = format!(
                "after erasing, {} still carries {}",
                planned.path,
                text(left)
            );
            return Err(goal.not_in_force(reason));
        }
    }
    Ok(())
}

/// Confirms that every disk is still the one that the plan saw.
pub(super) fn identify(goal: Goal<'_>, look: &Look, disks: &[&PlannedDisk]) -> Result<(), Failure> {
    let mut disks = disks.iter();
    disks.try_for_each(|planned| same_disk(goal, &look.inventory, planned).map(drop))
}

/// All pools and block devices, once udev has caught up with what happened before.
fn look_again(goal: Goal<'_>, host: &dyn Host) -> Result<(ImportedPools, Inventory), Failure> {
    goal.run(host, &system::settle())?;
    look(host).map_err(|error| goal.read(&error))
}

/// The disk that the path leads to, if it is the one that the plan saw.
fn same_disk<'a>(
    goal: Goal<'_>,
    inventory: &'a Inventory,
    planned: &PlannedDisk,
) -> Result<&'a Disk, Failure> {
    let PlannedDisk {
        path, serial, size, ..
    } = planned;
    let disk = inventory
        .find(Utf8Path::new(path))
        .ok_or_else(|| goal.moved_on(format!("disk {path} has disappeared")))?;
    if disk.serial == *serial && disk.size == *size {
        return Ok(disk);
    }
    let name = |serial: &Option<String>| serial.clone().unwrap_or_else(|| "none".to_owned());
    Err(goal.moved_on(format!(
        "{path} leads to another disk (serial {}, {} bytes instead of serial {}, {size} bytes)",
        name(&disk.serial),
        disk.size,
        name(serial),
    )))
}

/// Whether there is something on the disk that has to go and may go.
fn must_be_erased(goal: Goal<'_>, disk: &Disk, planned: &PlannedDisk) -> Result<bool, Failure> {
    let obstacles = obstacles(disk);
    let absolute = |obstacle: &&Obstacle| !matches!(obstacle, Obstacle::Signature { .. });
    if let Some(obstacle) = obstacles.iter().find(absolute) {
        return Err(goal.because(
            format!("disk {} is {}", planned.path, text(obstacle)),
            "phoenix never writes to such a disk; free it or name another one in the file",
        ));
    }
    if obstacles.is_empty() || planned.wipe {
        return Ok(!obstacles.is_empty());
    }
    let found: Vec<String> = obstacles.iter().map(text).collect();
    Err(goal.because(
        format!(
            "disk {} carries {}, and erasing it was not granted",
            planned.path,
            found.join(", ")
        ),
        "make sure that nothing on it is needed, then grant it by name: --allow wipe:DISK",
    ))
}

fn text(obstacle: &Obstacle) -> String {
    match obstacle {
        Obstacle::InUse { by } => format!("in use: {by}"),
        Obstacle::Signature { what } => what.clone(),
        Obstacle::NotADisk { kind } => format!("no whole disk but a {kind}"),
    }
}

/// Erases the partitions before the table that leads to them.
fn erase_disk(
    goal: Goal<'_>,
    host: &dyn Host,
    inventory: &Inventory,
    disk: &Disk,
) -> Result<(), Failure> {
    let partitions: Vec<&str> = disk
        .partitions
        .iter()
        .filter_map(|name| inventory.devices.get(name))
        .map(|partition| partition.path.as_str())
        .collect();
    if !partitions.is_empty() {
        goal.run(host, &erase(&partitions))?;
    }
    goal.run(host, &erase(&[&disk.path]))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread;
    use std::time::Duration;

    use phoenix_host::command::{Command, Output, Program};
    use phoenix_host::sim::SimHost;
    use phoenix_host::{HostError, PermissionChange};

    use super::*;

    /// A simulated host whose first look waits to be let go, and may fail then. Counts looks and
    /// the locks that are held.
    struct Gate {
        host: SimHost,
        started: Sender<()>,
        go: Mutex<Option<Receiver<bool>>>,
        looks: AtomicUsize,
        locks: Arc<AtomicUsize>,
    }

    struct Held(Arc<AtomicUsize>);

    impl Drop for Held {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }

    impl Gate {
        fn new() -> (Self, Receiver<()>, Sender<bool>) {
            let (started, is_started) = channel();
            let (let_go, go) = channel();
            let gate = Self {
                host: SimHost::fresh(),
                started,
                go: Mutex::new(Some(go)),
                looks: AtomicUsize::new(0),
                locks: Arc::default(),
            };
            (gate, is_started, let_go)
        }

        fn looks(&self) -> usize {
            self.looks.load(Ordering::SeqCst)
        }

        fn locks(&self) -> usize {
            self.locks.load(Ordering::SeqCst)
        }
    }

    impl Host for Gate {
        fn run(&self, command: &Command) -> Result<Output, HostError> {
            if command.program == Program::Udevadm {
                self.looks.fetch_add(1, Ordering::SeqCst);
                if let Some(go) = lock(&self.go).take() {
                    self.started.send(()).unwrap();
                    if !go.recv().unwrap() {
                        return Ok(Output::failure(1, "broken on purpose\n"));
                    }
                }
            }
            self.host.run(command)
        }

        fn read_file(&self, path: &Utf8Path) -> Result<Option<String>, HostError> {
            self.host.read_file(path)
        }

        fn write_file(&self, path: &Utf8Path, contents: &str) -> Result<(), HostError> {
            self.host.write_file(path, contents)
        }

        fn write_parameter(&self, path: &Utf8Path, value: &str) -> Result<(), HostError> {
            self.host.write_parameter(path, value)
        }

        fn set_permissions(&self, change: &PermissionChange) -> Result<(), HostError> {
            self.host.set_permissions(change)
        }

        fn lock(&self, _: &Utf8Path, _: Duration) -> Result<HeldLock, HostError> {
            // flock(2) would wait for ever for what its own process holds.
            assert_eq!(self.locks.fetch_add(1, Ordering::SeqCst), 0, "taken twice");
            Ok(HeldLock::new(Held(Arc::clone(&self.locks))))
        }
    }

    /// The looks of two steps, the second of which comes while the first one looks.
    fn together(
        gate: &Gate,
        is_started: &Receiver<()>,
        let_go: &Sender<bool>,
        good: bool,
    ) -> [Result<Look, Failure>; 2] {
        let looks = Looks::default();
        thread::scope(|scope| {
            let first = scope.spawn(|| looks.look(Goal("first"), gate));
            is_started.recv().unwrap();
            let second = scope.spawn(|| looks.look(Goal("second"), gate));
            // Both steps and the desk itself know of the round then.
            while lock(&looks.round).as_ref().map_or(0, Arc::strong_count) < 3 {
                thread::yield_now();
            }
            let_go.send(good).unwrap();
            [first.join().unwrap(), second.join().unwrap()]
        })
    }

    #[test]
    fn steps_that_come_together_share_one_look_and_one_hold_of_the_lock() {
        let (gate, is_started, let_go) = Gate::new();
        let [first, second] = together(&gate, &is_started, &let_go, true);
        let (first, second) = (first.unwrap(), second.unwrap());
        assert!(Arc::ptr_eq(&first.inventory, &second.inventory));
        assert_eq!(gate.looks(), 1);
        drop(first);
        assert_eq!(gate.locks(), 1, "the second step still needs it");
        drop(second);
        assert_eq!(gate.locks(), 0);
    }

    #[test]
    fn a_step_that_comes_later_looks_anew_under_the_same_lock() {
        let (gate, _is_started, let_go) = Gate::new();
        let_go.send(true).unwrap();
        let looks = Looks::default();
        let first = looks.look(Goal("first"), &gate).unwrap();
        let second = looks.look(Goal("second"), &gate).unwrap();
        assert!(!Arc::ptr_eq(&first.inventory, &second.inventory));
        assert_eq!((gate.looks(), gate.locks()), (2, 1));
        drop((first, second));
        looks.look(Goal("third"), &gate).unwrap();
        assert_eq!((gate.looks(), gate.locks()), (3, 0));
    }

    #[test]
    fn a_look_that_fails_is_its_own_steps_failure_only() {
        let (gate, is_started, let_go) = Gate::new();
        let [first, second] = together(&gate, &is_started, &let_go, false);
        let failure = first.unwrap_err();
        assert!(failure.message.starts_with("first: "), "{failure:?}");
        assert!(second.unwrap().inventory.whole_disks().next().is_some());
        assert_eq!(gate.looks(), 2);
    }
}
