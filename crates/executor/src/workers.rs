//! The threads that steps run on.
//!
//! Owns how a step gets to a thread. A step waits for commands nearly all of its time, so these
//! threads sleep until there is one.

use std::io;
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use crate::mutex::lock;
use crate::schedule::StepIndex;

/// Calls `hand_out` with a way to give steps to up to `count` threads, which do `job` for each, in
/// the order in which they are given. Returns when `hand_out` has returned and every step is done.
/// `job` must not panic.
///
/// # Errors
/// When not even one thread can be started. Fewer than `count` are slower, and no less right.
pub(crate) fn with<R>(
    count: usize,
    job: &(impl Fn(StepIndex) + Sync),
    hand_out: impl FnOnce(&dyn Fn(StepIndex)) -> R,
) -> io::Result<R> {
    let (give, queue) = mpsc::channel();
    let queue = &Mutex::new(queue);
    // The sender goes with the closure, whichever way that ends, and its end ends the threads.
    thread::scope(move |scope| {
        for number in 0..count {
            let started = thread::Builder::new()
                .name(format!("phoenix-step-{number}"))
                .spawn_scoped(scope, move || {
                    while let Some(step) = next(queue) {
                        job(step);
                    }
                });
            match started {
                Ok(_) => {}
                Err(error) if number == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(hand_out(&|step| {
            // The queue is there as long as this closure.
            let _ = give.send(step);
        }))
    })
}

/// The next step; `None` when there will be none.
fn next(queue: &Mutex<Receiver<StepIndex>>) -> Option<StepIndex> {
    lock(queue).recv().ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn steps_run_at_once_and_all_of_them_before_the_end() {
        // A barrier lets nobody through before all are there.
        let three = Barrier::new(3);
        let done = Mutex::new(BTreeSet::new());
        let job = |step| {
            if step < 3 {
                three.wait();
            }
            lock(&done).insert(step);
        };
        let answer = with(3, &job, |give| {
            (0..100).for_each(give);
            "all given"
        });
        assert_eq!(answer.unwrap(), "all given");
        assert_eq!(done.into_inner().unwrap(), (0..100).collect());
    }
}
