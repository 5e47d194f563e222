//! How far the changes of one apply are.
//!
//! Owns two counts: of all begins and ends of changes, by which an answer is known to be older than
//! one of them, and of the datasets that are being made in each pool. Whoever has made a dataset reads
//! it back, and `zfs get` costs a process, and a look through the kernel's table of mounts, however
//! many datasets it is asked about. So a step waits a little for others of its pool that will soon ask
//! the same.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use phoenix_zfs::name::pool_of;

use crate::mutex::lock;

/// The changes that are under way, and how many there were.
#[derive(Debug)]
pub(crate) struct Changes {
    begun_and_ended: AtomicUsize,
    /// Datasets that are being made, by pool.
    making: Mutex<BTreeMap<String, usize>>,
    news: Condvar,
    /// How many subjects are enough for a question while more may come.
    company: usize,
}

impl Changes {
    /// For an apply that does up to `jobs` steps at once: half of them may wait for company while the
    /// other half goes on making datasets.
    pub(super) fn new(jobs: NonZeroUsize) -> Self {
        Self {
            begun_and_ended: AtomicUsize::default(),
            making: Mutex::default(),
            news: Condvar::new(),
            company: jobs.get().div_ceil(2),
        }
    }

    /// Does something that may change the host.
    pub(super) fn during<R>(&self, change: impl FnOnce() -> R) -> R {
        self.begun_and_ended.fetch_add(1, Ordering::SeqCst);
        let result = change();
        self.begun_and_ended.fetch_add(1, Ordering::SeqCst);
        result
    }

    /// How many changes have begun and ended, together. An answer to a question that was asked since
    /// this number became what it is, is new enough for everybody.
    pub(super) fn so_far(&self) -> usize {
        self.begun_and_ended.load(Ordering::SeqCst)
    }

    /// Makes `dataset`, and counts it meanwhile.
    pub(crate) fn making<R>(&self, dataset: &str, make: impl FnOnce() -> R) -> R {
        let _counted = Counted::new(self, pool_of(dataset));
        make()
    }

    /// Tells those who wait for company that one more has come to ask.
    pub(super) fn one_more_asks(&self) {
        // Whoever is about to wait holds this, and would miss it otherwise.
        let _making = lock(&self.making);
        self.news.notify_all();
    }

    /// Waits while a dataset is being made in `pool` and `who_ask` are few. Ends with the last
    /// command at the latest, and every command has a time limit.
    pub(super) fn wait_for_company(&self, pool: &str, who_ask: impl Fn() -> usize) {
        let lonely = |making: &mut BTreeMap<String, usize>| {
            making.get(pool).is_some_and(|count| *count > 0) && who_ask() < self.company
        };
        let _making = self
            .news
            .wait_while(lock(&self.making), lonely)
            .unwrap_or_else(PoisonError::into_inner);
    }
}

/// One dataset that is counted while this lives.
struct Counted<'a> {
    changes: &'a Changes,
    pool: &'a str,
}

impl<'a> Counted<'a> {
    fn new(changes: &'a Changes, pool: &'a str) -> Self {
        *lock(&changes.making).entry(pool.to_owned()).or_default() += 1;
        Self { changes, pool }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if let Some(count) = lock(&self.changes.making).get_mut(self.pool) {
            *count -= 1;
        }
        self.changes.news.notify_all();
    }
}
