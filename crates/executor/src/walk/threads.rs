//! The threads that steps run on: a rayon pool of this walk's own.
//!
//! Owns how many threads there are and how a step gets to one. The pool is nobody else's, because a
//! step waits for commands nearly all of its time. A step must neither `join` nor open a `scope` on
//! it: whoever waits there is given another step meanwhile, which may want what the waiting one holds.

use std::io;
use std::thread::{self, JoinHandle};

use rayon::{ThreadBuilder, ThreadPool, ThreadPoolBuilder};

use super::schedule::StepIndex;

/// Calls `hand_out` with the number of steps that can run at once, which is `count` if so many
/// threads can be had, and with a way to give steps to those threads. They do `job` for each step, in
/// the order in which the steps are given. Returns when `hand_out` has returned and every step is
/// done. `job` must not panic.
///
/// Where not even one thread can be had, the caller's own does each step as it is given.
pub(crate) fn with<R>(
    count: usize,
    job: &(impl Fn(StepIndex) + Sync),
    hand_out: impl FnOnce(usize, &dyn Fn(StepIndex)) -> R,
) -> R {
    with_threads(Pool::new(count, &mut start), job, hand_out)
}

fn with_threads<R>(
    pool: Option<Pool>,
    job: &(impl Fn(StepIndex) + Sync),
    hand_out: impl FnOnce(usize, &dyn Fn(StepIndex)) -> R,
) -> R {
    let Some(Pool { pool, threads }) = pool else {
        return hand_out(1, job);
    };
    let result = pool.in_place_scope(|scope| {
        let give = |step| scope.spawn(move |_| job(step));
        hand_out(pool.current_num_threads(), &give)
    });
    drop(pool);
    join(threads);
    result
}

/// A pool, and the threads that end with it.
struct Pool {
    pool: ThreadPool,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// A pool of `count` threads, or of as many as can be had. `None` when that is none.
    fn new(mut count: usize, start: &mut Start) -> Option<Self> {
        while count > 0 {
            let mut threads = Vec::new();
            let started = ThreadPoolBuilder::new()
                .num_threads(count)
                .thread_name(|number| format!("phoenix-step-{number}"))
                .spawn_handler(|thread| start(thread).map(|started| threads.push(started)))
                .build();
            if let Ok(pool) = started {
                return Some(Self { pool, threads });
            }
            // rayon wants all or none, and lets go of those that it got. What they took is free again
            // only when they have ended.
            count = threads.len().min(count - 1);
            join(threads);
        }
        None
    }
}

/// Starts one thread of a pool.
type Start = dyn FnMut(ThreadBuilder) -> io::Result<JoinHandle<()>>;

fn start(pool_thread: ThreadBuilder) -> io::Result<JoinHandle<()>> {
    let name = pool_thread.name().unwrap_or_default().to_owned();
    thread::Builder::new()
        .name(name)
        .spawn(|| pool_thread.run())
}

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        // A job does not panic, and neither does the thread then.
        let _ = thread.join();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Barrier, Mutex};

    use super::*;
    use crate::mutex::lock;

    /// Gives out 100 steps, of which the first `at_once` only end together, on `pool`. Tells how
    /// many can run at once, as it was told, and the threads that did them.
    fn hundred_steps(pool: Option<Pool>, at_once: usize) -> (usize, BTreeSet<String>) {
        // A barrier lets nobody through before all are there.
        let together = Barrier::new(at_once);
        let done = Mutex::new(BTreeSet::new());
        let threads = Mutex::new(BTreeSet::new());
        let job = |step| {
            if step < at_once {
                together.wait();
            }
            lock(&done).insert(step);
            lock(&threads).insert(thread::current().name().unwrap_or_default().to_owned());
        };
        let count = with_threads(pool, &job, |count, give| {
            (0..100).for_each(give);
            count
        });
        assert_eq!(done.into_inner().unwrap(), (0..100).collect());
        (count, threads.into_inner().unwrap())
    }

    #[test]
    fn steps_run_at_once_and_all_of_them_before_the_end() {
        let (count, threads) = hundred_steps(Pool::new(3, &mut start), 3);
        assert_eq!(count, 3);
        assert_eq!(
            threads.into_iter().collect::<Vec<_>>(),
            ["phoenix-step-0", "phoenix-step-1", "phoenix-step-2"]
        );
    }

    #[test]
    fn fewer_threads_than_wanted_do_all_the_same() {
        for (room, count) in [(9, 8), (8, 8), (7, 7), (3, 3), (1, 1), (0, 1)] {
            let living = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&living);
            // A host on which there is room for so many threads and no more.
            let mut start_there = move |thread: ThreadBuilder| {
                if counted.load(Ordering::SeqCst) == room {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                counted.fetch_add(1, Ordering::SeqCst);
                let counted = Arc::clone(&counted);
                thread::Builder::new().spawn(move || {
                    thread.run();
                    counted.fetch_sub(1, Ordering::SeqCst);
                })
            };
            let pool = Pool::new(8, &mut start_there);
            assert_eq!(pool.is_some(), room > 0);
            assert_eq!(hundred_steps(pool, count).0, count, "room for {room}");
            assert_eq!(living.load(Ordering::SeqCst), 0, "all have ended");
        }
    }
}
