//! Who shares what: steps on threads, a host whose first command waits until the test lets it go.

use std::thread;

use super::slow_host::Slow;
use super::*;

const JOBS: NonZeroUsize = NonZeroUsize::new(8).unwrap();

type Seen = Answer<Option<String>>;

/// What a look at one dataset, or path, shows: its own name.
fn seen(shared: &Shared<'_>, name: &str) -> Seen {
    if name.starts_with('/') {
        let row = shared.directory(name)?;
        return Ok(row.map(|_| name.to_owned()));
    }
    let rows = shared.dataset(name, &["quota"])?;
    Ok(rows.map(|rows| rows.iter().map(|row| row.name.clone()).collect()))
}

/// How many subjects wait for the next question of the kind that is asked about `name`.
fn queued(shared: &Shared<'_>, name: &str) -> usize {
    match name.starts_with('/') {
        true => shared.directories.waiting(&Directories::around(name)),
        false => shared.properties.waiting(&Properties::of(name, &["quota"])),
    }
}

fn until(come: impl Fn() -> bool) {
    while !come() {
        thread::yield_now();
    }
}

/// What each command asked about, and what each step saw: one step asks about `first`; while
/// its command runs, one more asks about each of `late`, and one about `elsewhere`, which does
/// not wait for the others.
fn asked_while_one_runs(
    first: &str,
    elsewhere: &str,
    late: &[&str],
) -> (Vec<Vec<String>>, Vec<Seen>) {
    let (host, is_started, let_go) = Slow::new();
    let shared = &Shared::new(&host, JOBS);
    let answers = thread::scope(|scope| {
        let running = scope.spawn(move || seen(shared, first));
        is_started.recv().unwrap();
        let others: Vec<_> = late
            .iter()
            .map(|name| scope.spawn(move || seen(shared, name)))
            .collect();
        until(|| queued(shared, first) == late.len());
        assert_eq!(seen(shared, elsewhere).unwrap().unwrap(), elsewhere);
        assert_eq!(host.asked().len(), 2);
        let_go.send(()).unwrap();
        let others = others.into_iter().map(|other| other.join().unwrap());
        std::iter::once(running.join().unwrap())
            .chain(others)
            .collect()
    });
    (host.asked(), answers)
}

#[test]
fn those_who_wait_share_the_next_command_and_each_gets_its_own_answer() {
    for (place, elsewhere) in [("tank", "other/a"), ("/tank", "/other/a")] {
        let [a, b, missing] = ["a", "b", "missing"].map(|name| format!("{place}/{name}"));
        let (asked, answers) = asked_while_one_runs(&a, elsewhere, &[&b, &missing]);
        assert_eq!(asked, [vec![&*a], vec![elsewhere], vec![&b, &missing]]);
        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers, [Some(a), Some(b), None]);
    }
}

#[test]
fn what_cannot_be_read_spoils_nobody_elses_answer() {
    for (place, elsewhere) in [("tank", "other/a"), ("/tank", "/other/a")] {
        let [a, b, denied] = ["a", "b", "denied"].map(|name| format!("{place}/{name}"));
        let (asked, answers) = asked_while_one_runs(&a, elsewhere, &[&b, &denied]);
        assert_eq!(asked.len(), 5, "each is then asked for alone");
        assert_eq!(answers[1].as_ref().unwrap(), &Some(b));
        assert!(answers[2].is_err());
    }
}

/// Who got an answer of two who ask the very same, the second while the first one's command runs and
/// after `meanwhile`, and how many commands that took. That first command `can_run` or not.
fn two_ask(can_run: bool, meanwhile: impl Fn(&Shared<'_>)) -> ([bool; 2], usize) {
    let (host, is_started, let_go) = Slow::new();
    let shared = &Shared::new(&host, JOBS);
    let answered = thread::scope(|scope| {
        let first = scope.spawn(|| seen(shared, "tank/a").is_ok());
        is_started.recv().unwrap();
        meanwhile(shared);
        let second = scope.spawn(|| seen(shared, "tank/a").is_ok());
        let topic = Properties::of("tank/a", &["quota"]);
        until(|| shared.properties.asking(&topic) == 2 || queued(shared, "tank/a") == 1);
        match can_run {
            true => let_go.send(()).unwrap(),
            false => drop(let_go),
        }
        [first.join().unwrap(), second.join().unwrap()]
    });
    assert!(seen(shared, "tank/a").is_ok(), "nothing is remembered");
    (answered, host.asked().len() - 1)
}

#[test]
fn the_same_question_is_asked_once_while_nothing_changes() {
    assert_eq!(two_ask(true, |_| {}), ([true, true], 1));
    // Asked once and failed once, for both.
    assert_eq!(two_ask(false, |_| {}), ([false, false], 1));
}

#[test]
fn a_change_that_begins_or_ends_meanwhile_makes_it_a_new_question() {
    let change = |shared: &Shared<'_>| shared.change(|_| {});
    assert_eq!(two_ask(true, change), ([true, true], 2));
    assert_eq!(two_ask(false, change), ([false, true], 2));
}

/// What each command asked about when one step after the other asks about `names` while a
/// dataset of `pool` is being made, which ends when all of them wait or have been asked about.
fn asked_while_creating(pool: &str, names: &[&str]) -> Vec<Vec<String>> {
    let (host, _is_started, let_go) = Slow::new();
    let_go.send(()).unwrap();
    let shared = &Shared::new(&host, JOBS);
    thread::scope(|scope| {
        shared.changes.making(&format!("{pool}/new"), || {
            for (index, name) in names.iter().enumerate() {
                scope.spawn(move || seen(shared, name));
                until(|| queued(shared, name) + host.asked().concat().len() > index);
            }
        });
    });
    host.asked()
}

#[test]
fn who_has_made_a_dataset_waits_for_others_of_the_pool_that_will_ask_the_same() {
    let two = ["tank/a", "tank/b"];
    assert_eq!(
        asked_while_creating("tank", &two),
        [vec!["tank/a", "tank/b"]]
    );
    // A pool that hangs holds up nobody else.
    let alone = [vec!["tank/a"], vec!["tank/b"]];
    assert_eq!(asked_while_creating("other", &two), alone);
    // Enough are asked for while the dataset is still being made.
    let enough = JOBS.get() / 2;
    let names: Vec<String> = (0..enough).map(|name| format!("tank/{name:02}")).collect();
    let (host, _is_started, let_go) = Slow::new();
    let_go.send(()).unwrap();
    let shared = &Shared::new(&host, JOBS);
    shared.changes.making("tank/new", || {
        thread::scope(|scope| {
            for name in &names {
                scope.spawn(move || seen(shared, name));
            }
        });
    });
    assert_eq!(host.asked(), [names]);
}

#[test]
fn a_lock_is_held_once_for_all_and_given_back_by_the_last_of_them() {
    let (host, _is_started, let_go) = Slow::new();
    let_go.send(()).unwrap();
    let shared = Shared::new(&host, JOBS);
    let take = |path: &str| shared.lock(Utf8Path::new(path), Duration::ZERO).unwrap();
    let held = || host.locks().1;
    let (first, second) = (take("/a"), take("/a"));
    assert_eq!(held(), 1);
    let other = take("/b");
    assert_eq!(held(), 2, "another file is another lock");
    drop((first, other));
    assert_eq!(held(), 1, "the second step still needs it");
    drop(second);
    assert_eq!(held(), 0);
    let _later = take("/a");
    assert_eq!(held(), 1);
}

#[test]
fn steps_that_want_one_lock_wait_for_it_together_and_hold_up_no_other() {
    for is_free_in_time in [true, false] {
        let (host, is_started, let_go) = Slow::new();
        let shared = &Shared::new(&host, JOBS);
        let path = Utf8Path::new("/a");
        let take = move |path| shared.lock(path, Duration::from_secs(60));
        let taken = thread::scope(|scope| {
            let steps: Vec<_> = (0..5).map(|_| scope.spawn(move || take(path))).collect();
            is_started.recv().unwrap();
            until(|| shared.locks.count(path) == steps.len() || host.locks().0 > 1);
            assert!(take(Utf8Path::new("/b")).is_ok(), "another lock is free");
            match is_free_in_time {
                true => let_go.send(()).unwrap(),
                false => drop(let_go),
            }
            let steps = steps.into_iter().map(|step| step.join().unwrap());
            steps.collect::<Vec<_>>()
        });
        assert!(taken.iter().all(|taken| taken.is_ok() == is_free_in_time));
        assert_eq!(host.locks(), (2, usize::from(is_free_in_time)));
        drop(taken);
        assert!(take(path).is_ok(), "a failure is not remembered");
    }
}
