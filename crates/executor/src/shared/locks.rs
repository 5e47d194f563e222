//! One hold of a lock, and one wait for it, for all steps that want it at the same time.
//!
//! `flock(2)` keeps two steps of one process apart like two programs, and pools that are made at the
//! same time would wait for each other. The lock is there to keep other programs away; which step
//! may touch what was settled by the planner, and lanes keep apart those who may not meet.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use phoenix_host::lock::HeldLock;
use phoenix_host::{Host, HostError};

use crate::mutex::lock;

/// The locks that steps of one apply hold or wait for.
#[derive(Debug, Default)]
pub(super) struct Locks {
    attempts: Mutex<BTreeMap<Utf8PathBuf, Weak<Attempt>>>,
}

/// One attempt to take a lock, which holds it as long as somebody has this.
type Attempt = OnceLock<Result<HeldLock, Arc<HostError>>>;

impl Locks {
    /// Takes the lock at `path`, or joins the steps that have it or wait for it. It is given back when
    /// the last of them is done with it.
    ///
    /// # Errors
    /// When the host cannot lock, or somebody else has not let go after `wait`: one attempt fails for
    /// all who have joined it, and who comes after it has failed begins another.
    pub(super) fn take(
        &self,
        host: &dyn Host,
        path: &Utf8Path,
        wait: Duration,
    ) -> Result<HeldLock, Arc<HostError>> {
        let attempt = self.join(path);
        match attempt.get_or_init(|| host.lock(path, wait).map_err(Arc::new)) {
            Ok(_) => Ok(HeldLock::new(Arc::clone(&attempt))),
            Err(error) => Err(Arc::clone(error)),
        }
    }

    fn join(&self, path: &Utf8Path) -> Arc<Attempt> {
        let mut attempts = lock(&self.attempts);
        let has_failed = |attempt: &Arc<Attempt>| matches!(attempt.get(), Some(Err(_)));
        let joined = attempts.get(path).and_then(Weak::upgrade);
        joined
            .filter(|attempt| !has_failed(attempt))
            .unwrap_or_else(|| {
                let attempt = Arc::default();
                attempts.insert(path.to_owned(), Arc::downgrade(&attempt));
                attempt
            })
    }

    /// How many steps hold the lock at `path` or wait for it.
    #[cfg(test)]
    pub(super) fn count(&self, path: &Utf8Path) -> usize {
        lock(&self.attempts).get(path).map_or(0, Weak::strong_count)
    }
}
