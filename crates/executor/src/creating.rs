//! How many datasets are being made in each pool, for steps that would rather ask together.
//!
//! Whoever has made a dataset reads it back, and `zfs get` costs a process, and a look through the
//! kernel's table of mounts, however many datasets it is asked about.
//! So a step waits a little for others of its pool that will soon ask the same.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, PoisonError};

use phoenix_host::command::Command;
use phoenix_tools::zfs::pool_of_create;

use crate::mutex::lock;

/// The commands of one apply that make datasets just now.
#[derive(Debug, Default)]
pub(crate) struct Creating {
    pools: Mutex<BTreeMap<String, usize>>,
    news: Condvar,
}

impl Creating {
    /// Does what `command` asks for, and counts it meanwhile if it makes a dataset.
    pub(crate) fn during<R>(&self, command: &Command, run: impl FnOnce() -> R) -> R {
        let Some(pool) = pool_of_create(command) else {
            return run();
        };
        let _counted = Counted::new(self, pool);
        run()
    }

    /// Tells those who wait that one more has come to ask.
    pub(crate) fn one_more(&self) {
        // Whoever is about to wait holds this, and would miss it otherwise.
        let _pools = lock(&self.pools);
        self.news.notify_all();
    }

    /// Waits while a dataset is being made in `pool` and `is_lonely`. Ends with the last command at
    /// the latest, and every command has a time limit.
    pub(crate) fn wait_for_company(&self, pool: &str, is_lonely: impl Fn() -> bool) {
        let lonely = |pools: &mut BTreeMap<String, usize>| {
            pools.get(pool).is_some_and(|count| *count > 0) && is_lonely()
        };
        let _pools = self
            .news
            .wait_while(lock(&self.pools), lonely)
            .unwrap_or_else(PoisonError::into_inner);
    }
}

/// One command that is counted while this lives.
struct Counted<'a> {
    creating: &'a Creating,
    pool: &'a str,
}

impl<'a> Counted<'a> {
    fn new(creating: &'a Creating, pool: &'a str) -> Self {
        *lock(&creating.pools).entry(pool.to_owned()).or_default() += 1;
        Self { creating, pool }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if let Some(count) = lock(&self.creating.pools).get_mut(self.pool) {
            *count -= 1;
        }
        self.creating.news.notify_all();
    }
}
