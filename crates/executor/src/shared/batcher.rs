//! One question for all steps that ask about a topic at the same time.
//!
//! Starting `find` or `zfs get` costs ten times what one more name costs it. So a step that has to
//! wait for the command of others shares the next one with all who wait, as databases commit in
//! groups. Who asks the very same while nothing changes need not even wait for the next one.
//!
//! Owns who shares an answer; what is asked is the topic's business. Whoever comes first does it, the
//! others wait for what comes of it, and the next round begins when that is over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};

use phoenix_host::Host;
use phoenix_tools::parse::ReadError;

use super::Answer;
use super::changes::Changes;
use crate::mutex::lock;

/// What there is to say about subjects of a topic.
pub(super) type Answers<T> = BTreeMap<<T as Topic>::Subject, <T as Topic>::Answer>;

/// What can be asked about several subjects at once. Topics share nothing, so that what hangs in one
/// holds up no other.
pub(super) trait Topic: Clone + Ord {
    /// What is asked about.
    type Subject: Clone + Ord;
    /// What there is to say about one subject.
    type Answer: Clone;

    /// Asks about all `subjects`. What is not there has no answer.
    fn ask(
        &self,
        host: &dyn Host,
        subjects: &BTreeSet<Self::Subject>,
    ) -> Result<Answers<Self>, ReadError>;

    /// The pool whose new datasets will soon be asked about.
    fn pool(&self) -> Option<&str> {
        None
    }
}

/// The questions of one apply about topics of one kind.
pub(super) struct Batcher<T: Topic> {
    desks: Mutex<BTreeMap<T, Arc<Desk<T>>>>,
}

/// Where those who ask about one topic queue up.
struct Desk<T: Topic> {
    /// Held by whoever asks the host.
    turn: Mutex<()>,
    rounds: Mutex<Rounds<T>>,
}

struct Rounds<T: Topic> {
    /// The one that is being asked, and how far the changes were when it began.
    asking: Option<(usize, Arc<Round<T>>)>,
    next: Arc<Round<T>>,
}

/// One question for everybody who waits for it.
struct Round<T: Topic> {
    subjects: Mutex<BTreeSet<T::Subject>>,
    /// `None` when one of several subjects has spoiled it for the others.
    answers: OnceLock<Option<Answer<Answers<T>>>>,
}

impl<T: Topic> Batcher<T> {
    /// What there is to say about `subject`, if anything, no older than this call or than the last
    /// change before it.
    pub(super) fn ask(
        &self,
        topic: &T,
        subject: T::Subject,
        host: &dyn Host,
        changes: &Changes,
    ) -> Answer<Option<T::Answer>> {
        let desk = Arc::clone(lock(&self.desks).entry(topic.clone()).or_default());
        let round = desk.join(&subject, changes);
        if topic.pool().is_some() {
            changes.one_more_asks();
        }
        let answers = round.answers.get_or_init(|| {
            let _turn = lock(&desk.turn);
            if let Some(pool) = topic.pool() {
                changes.wait_for_company(pool, || lock(&round.subjects).len());
            }
            let subjects = desk.begin(&round, changes);
            let answers = topic.ask(host, &subjects);
            desk.end();
            match answers {
                Ok(answers) => Some(Ok(answers)),
                Err(error) if subjects.len() == 1 => Some(Err(Arc::new(error))),
                Err(_) => None,
            }
        });
        match answers {
            Some(Ok(answers)) => Ok(answers.get(&subject).cloned()),
            Some(Err(error)) => Err(Arc::clone(error)),
            None => {
                let mut alone = topic.ask(host, &BTreeSet::from([subject.clone()]))?;
                Ok(alone.remove(&subject))
            }
        }
    }

    /// How many subjects wait for the next question about `topic`.
    #[cfg(test)]
    pub(super) fn waiting(&self, topic: &T) -> usize {
        let desk = lock(&self.desks).get(topic).cloned();
        desk.map_or(0, |desk| lock(&lock(&desk.rounds).next.subjects).len())
    }

    /// How many steps wait for the question about `topic` that is being asked, the one who asks
    /// included.
    #[cfg(test)]
    pub(super) fn asking(&self, topic: &T) -> usize {
        let desk = lock(&self.desks).get(topic).cloned();
        let rounds = desk.iter().map(|desk| lock(&desk.rounds));
        let asking = rounds.filter_map(|rounds| rounds.asking.clone());
        // The desk's and the one in this hand are nobody who waits.
        asking.map(|(_, round)| Arc::strong_count(&round) - 2).sum()
    }
}

impl<T: Topic> Desk<T> {
    /// The round that answers for `subject`.
    fn join(&self, subject: &T::Subject, changes: &Changes) -> Arc<Round<T>> {
        let rounds = lock(&self.rounds);
        if let Some((before, round)) = &rounds.asking
            && *before == changes.so_far()
            && lock(&round.subjects).contains(subject)
        {
            return Arc::clone(round);
        }
        lock(&rounds.next.subjects).insert(subject.clone());
        Arc::clone(&rounds.next)
    }

    /// Lets nobody join `round` with another subject any more, and says what it is about.
    fn begin(&self, round: &Arc<Round<T>>, changes: &Changes) -> BTreeSet<T::Subject> {
        let mut rounds = lock(&self.rounds);
        if Arc::ptr_eq(&rounds.next, round) {
            rounds.next = Arc::default();
        }
        rounds.asking = Some((changes.so_far(), Arc::clone(round)));
        lock(&round.subjects).clone()
    }

    /// Lets nobody join the round that was asked.
    fn end(&self) {
        lock(&self.rounds).asking = None;
    }
}

impl<T: Topic> Default for Batcher<T> {
    fn default() -> Self {
        let desks = Mutex::default();
        Self { desks }
    }
}

impl<T: Topic> Default for Desk<T> {
    fn default() -> Self {
        let rounds = Mutex::new(Rounds {
            asking: None,
            next: Arc::default(),
        });
        let turn = Mutex::default();
        Self { turn, rounds }
    }
}

impl<T: Topic> Default for Round<T> {
    fn default() -> Self {
        Self {
            subjects: Mutex::default(),
            answers: OnceLock::new(),
        }
    }
}
