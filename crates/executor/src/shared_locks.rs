//! One hold of a lock for all steps that want it at the same time.
//!
//! `flock(2)` keeps two steps of one process apart like two programs, and pools that are made at the
//! same time would wait for each other. The lock is there to keep other programs away; which step
//! may touch what was settled by the planner, and lanes keep apart those who may not meet.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use phoenix_host::lock::HeldLock;
use phoenix_host::{Host, HostError};

use crate::mutex::lock;

/// The locks that steps of one apply hold.
#[derive(Debug, Default)]
pub(crate) struct SharedLocks {
    held: Mutex<BTreeMap<Utf8PathBuf, Weak<HeldLock>>>,
}

impl SharedLocks {
    /// Takes the lock at `path`, or joins the steps that have it. It is given back when the last of
    /// them is done with it.
    ///
    /// # Errors
    /// When the host cannot lock, or somebody else has not let go after `wait`. The steps that came
    /// in the meantime then try for themselves.
    pub(crate) fn take(
        &self,
        host: &dyn Host,
        path: &Utf8Path,
        wait: Duration,
    ) -> Result<HeldLock, HostError> {
        let mut held = lock(&self.held);
        if let Some(joined) = held.get(path).and_then(Weak::upgrade) {
            return Ok(HeldLock::new(joined));
        }
        let taken = Arc::new(host.lock(path, wait)?);
        held.insert(path.to_owned(), Arc::downgrade(&taken));
        Ok(HeldLock::new(taken))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slow_host::Slow;

    #[test]
    fn a_lock_is_held_once_for_all_and_given_back_by_the_last_of_them() {
        let ((host, _, _), locks) = (Slow::new(), SharedLocks::default());
        let take = |path: &str| locks.take(&host, Utf8Path::new(path), Duration::ZERO);
        let held = || host.held();
        assert!(take("/a").is_err());
        let (first, second) = (take("/a").unwrap(), take("/a").unwrap());
        assert_eq!(held(), 1);
        let other = take("/b").unwrap();
        assert_eq!(held(), 2, "another file is another lock");
        drop((first, other));
        assert_eq!(held(), 1, "the second step still needs it");
        drop(second);
        assert_eq!(held(), 0);
        let _later = take("/a").unwrap();
        assert_eq!(held(), 1);
    }
}
