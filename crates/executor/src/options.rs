//! How a plan is to be applied.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How many steps run at once unless the caller says otherwise. 200 datasets with four properties
/// cost 600 transaction groups one by one, 122 with 16 steps at once, about 74 with 32, 49 with 64 and
/// 44 with 128, where they take as long as with `xargs -P 32` (measured on OpenZFS 2.3.9 in the lab).
/// A step that creates a dataset waits nearly all of its time.
///
/// Not more: a command takes up to five file descriptors, of which a process has 1,024 unless it asks
/// for more, and about 1.7 MB of memory.
pub const DEFAULT_JOBS: NonZeroUsize = const { NonZeroUsize::new(128).unwrap() };

/// What the caller may choose about an apply; the plan has decided everything else.
#[derive(Debug, Clone)]
pub struct ApplyOptions {
    /// How many steps may run at once. [`DEFAULT_JOBS`], whatever the number of cores: creates that
    /// are in flight together share ZFS transaction groups, and what they wait for is the disks.
    pub jobs: NonZeroUsize,
    /// Whether the first failure keeps every further step from starting. Running steps always end.
    pub fail_fast: bool,
    /// Lets another thread, or a signal handler, stop the apply.
    pub cancel: Cancel,
    /// How long to wait before a command is tried again after a failure that passes by itself, such
    /// as a busy dataset.
    pub retry_pause: Duration,
    /// Whether the host is compared with the plan before anything is done.
    pub freshness: Freshness,
}

impl Default for ApplyOptions {
    fn default() -> Self {
        Self {
            jobs: DEFAULT_JOBS,
            fail_fast: false,
            cancel: Cancel::default(),
            retry_pause: Duration::from_secs(1),
            freshness: Freshness::default(),
        }
    }
}

/// Whether the host may have changed since the plan was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Freshness {
    /// Read the facts of the plan again and refuse to apply a plan that no longer fits them.
    #[default]
    Check,
    /// The caller made the plan a moment ago, under the same run lock. Every step still looks again
    /// before it acts.
    Assumed,
}

/// A switch that stops an apply: no further step starts, running steps end. Clones share the switch.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Throws the switch. Safe to call from a signal handler's thread, any number of times.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the switch was thrown.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
