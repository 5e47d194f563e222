//! Mutexes whose values are whole whatever happens to their holder.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The value behind a mutex that nobody leaves half changed, not even by a panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
