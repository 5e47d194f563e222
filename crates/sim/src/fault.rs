//! Faults that a simulated host has in store.

use rustix::process::{Signal, getpid, kill_process};
use serde::{Deserialize, Serialize};

use super::SimError;

/// Something that goes wrong once, at the `nth` command that matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// A part of the command as it would be typed; with `*` in it, a pattern for the whole of it.
    /// Writes that are no command are matched as [`super::SimHost::writes`] tells them.
    pub pattern: String,
    /// Which matching command it is, counted from 1. 0 means 1.
    pub nth: usize,
    /// What happens.
    pub kind: FaultKind,
}

/// See [`Fault::kind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The command changes nothing and exits 1.
    Fail,
    /// The command changes nothing and does not end in time.
    Hang,
    /// The command does its work and still does not end in time.
    Late,
    /// The whole process that uses the host is killed (`SIGKILL`) before the command does anything.
    /// For state files: a host in memory dies with its process.
    Kill,
    /// The process is killed after the command has done its work and before it hears of it.
    KillLate,
}

/// Ends this process as `kill -9` does. What is returned is never seen.
pub(super) fn die() -> SimError {
    let _ = kill_process(getpid(), Signal::KILL);
    SimError::Fault
}

impl Fault {
    /// Whether the fault waits for such a command.
    pub(super) fn matches(&self, typed: &str) -> bool {
        if self.pattern.contains('*') {
            glob(&self.pattern, typed)
        } else {
            typed.contains(&self.pattern)
        }
    }
}

/// Counts the command for every fault that matches it; the first that is due is taken out.
pub(super) fn take(faults: &mut Vec<Fault>, typed: &str) -> Option<FaultKind> {
    let mut due = None;
    faults.retain_mut(|fault| {
        if !fault.matches(typed) {
            return true;
        }
        if fault.nth <= 1 && due.is_none() {
            due = Some(fault.kind);
            return false;
        }
        fault.nth = fault.nth.saturating_sub(1).max(1);
        true
    });
    due
}

/// `*` stands for any text.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(pattern: &str, nth: usize, kind: FaultKind) -> Fault {
        Fault {
            pattern: pattern.to_owned(),
            nth,
            kind,
        }
    }

    #[test]
    fn a_pattern_is_a_part_or_a_glob_of_the_whole() {
        let typed = "zfs create -o quota=1G tank/vm";
        for (pattern, matches) in [
            ("tank/vm", true),
            ("tank/lxc", false),
            ("zfs create*", true),
            ("zfs create*tank/vm", true),
            ("*tank*", true),
            ("zfs*tank", false),
            ("create*", false),
            ("zfs*quota*quota*", false),
            ("*", true),
        ] {
            let fault = fault(pattern, 1, FaultKind::Fail);
            assert_eq!(fault.matches(typed), matches, "{pattern}");
        }
    }

    #[test]
    fn a_fault_fires_once_at_its_nth_command() {
        let mut faults = vec![
            fault("create", 2, FaultKind::Fail),
            fault("create", 2, FaultKind::Hang),
        ];
        let fired: Vec<_> = (0..5).map(|_| take(&mut faults, "zfs create x")).collect();
        assert_eq!(
            fired,
            [
                None,
                Some(FaultKind::Fail),
                Some(FaultKind::Hang),
                None,
                None
            ]
        );
        assert!(faults.is_empty());
    }
}
