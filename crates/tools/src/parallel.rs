//! Independent questions to a host at the same time: what they wait for is the host.
//!
//! Threads of their own, and not a pool's: whoever waits in a pool may be given other work of that
//! pool meanwhile, and that work may need what the waiting one holds.

use std::panic::resume_unwind;
use std::thread;

/// Does both at the same time, or one after the other where no second thread can be had.
pub fn both<A: Send, B>(first: impl Fn() -> A + Sync, second: impl FnOnce() -> B) -> (A, B) {
    thread::scope(|scope| {
        let started = thread::Builder::new().spawn_scoped(scope, &first);
        let second = second();
        let first = match started {
            Ok(running) => running.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Err(_) => first(),
        };
        (first, second)
    })
}

/// Does `job` for every item at the same time. The results have the order of the items.
pub fn each<T: Sync, R: Send>(items: &[T], job: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let Some((first, others)) = items.split_first() else {
        return Vec::new();
    };
    let job = &job;
    thread::scope(|scope| {
        let started: Vec<_> = others
            .iter()
            .map(|item| {
                let running = thread::Builder::new().spawn_scoped(scope, move || job(item));
                (item, running)
            })
            .collect();
        let first = job(first);
        let others = started.into_iter().map(|(item, running)| match running {
            Ok(running) => running.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Err(_) => job(item),
        });
        std::iter::once(first).chain(others).collect()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn what_is_independent_meets_and_keeps_its_order() {
        // A barrier lets nobody through before all are there.
        let three = Barrier::new(3);
        let numbers = each(&[1, 2, 3], |number| {
            three.wait();
            number * 10
        });
        assert_eq!(numbers, [10, 20, 30]);
        assert!(each(&[0u8; 0], |number| *number).is_empty());

        let two = Barrier::new(2);
        let met = both(
            || {
                two.wait();
                "a"
            },
            || {
                two.wait();
                "b"
            },
        );
        assert_eq!(met, ("a", "b"));
    }
}
