//! A number of places, of which each is taken by one at a time.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The places.
#[derive(Debug)]
pub(super) struct Slots {
    free: Mutex<usize>,
    freed: Condvar,
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub(super) struct Slot(Arc<Slots>);

impl Slots {
    /// So many places, all of them free.
    pub(super) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self {
            free: Mutex::new(count),
            freed: Condvar::new(),
        })
    }

    /// Waits for a place.
    pub(super) fn take(self: &Arc<Self>) -> Slot {
        let free = self
            .freed
            .wait_while(self.free(), |free| *free == 0)
            .unwrap_or_else(PoisonError::into_inner);
        self.taken(free)
    }

    /// Waits for a place no longer than that.
    pub(super) fn take_within(self: &Arc<Self>, wait: Duration) -> Option<Slot> {
        let (free, _) = self
            .freed
            .wait_timeout_while(self.free(), wait, |free| *free == 0)
            .unwrap_or_else(PoisonError::into_inner);
        (*free > 0).then(|| self.taken(free))
    }

    fn taken(self: &Arc<Self>, mut free: MutexGuard<'_, usize>) -> Slot {
        *free -= 1;
        Slot(Arc::clone(self))
    }

    /// A number is whole whoever panicked while holding it.
    fn free(&self) -> MutexGuard<'_, usize> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        *self.0.free() += 1;
        self.0.freed.notify_one();
    }
}
