//! Which step may run now: a state machine without threads, clocks or I/O.
//!
//! The coordinator in `walk` asks it what to start and tells it what came of it. A step runs once
//! everything that it needs has succeeded and its lane is free; what waits for a failure is blocked
//! by the failures at the root of it. Nothing here knows what a step does.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use phoenix_config::address::Address;
use phoenix_planner::plan::{self, Plan, Step};

/// A step by its position in [`Plan::steps`].
pub(crate) type StepIndex = usize;

/// The state of one walk over a plan.
#[derive(Debug)]
pub(crate) struct Schedule {
    nodes: Vec<Node>,
    lanes: Vec<Lane>,
    /// Steps that could start now, at most one per lane.
    ready: BTreeSet<StepIndex>,
}

#[derive(Debug)]
struct Node {
    needs: Vec<StepIndex>,
    dependents: Vec<StepIndex>,
    unsettled_needs: usize,
    lane: Option<usize>,
    fate: Fate,
}

/// Steps that the host would make wait for each other anyway.
#[derive(Debug, Default)]
struct Lane {
    busy: bool,
    waiting: BTreeSet<StepIndex>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    Pending,
    Running,
    Succeeded,
    Failed,
    Blocked(BTreeSet<StepIndex>),
}

/// A step that will not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Blocked {
    /// Which step.
    pub(crate) step: StepIndex,
    /// The failed steps at the root of it, never the blocked ones in between.
    pub(crate) by: BTreeSet<StepIndex>,
}

/// What is left when the walk is over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Leftover {
    /// Steps that wait for a failure, beside those that [`Schedule::finished`] told of.
    pub(crate) blocked: Vec<Blocked>,
    /// Steps whose turn did not come because the walk was stopped.
    pub(crate) not_started: Vec<StepIndex>,
}

impl Schedule {
    /// The start of a walk. Relies on what `phoenix_planner::check` has confirmed: every need is a
    /// step of the plan that stands before the step that needs it.
    pub(crate) fn new(plan: &Plan) -> Self {
        let index: BTreeMap<&Address, StepIndex> = plan
            .steps
            .iter()
            .enumerate()
            .map(|(position, step)| (&step.id, position))
            .collect();
        let mut lanes = Lanes::default();
        let mut nodes: Vec<Node> = plan
            .steps
            .iter()
            .map(|step| Node::new(step, &index, &mut lanes))
            .collect();
        for (position, step) in plan.steps.iter().enumerate() {
            for need in step.needs.iter().filter_map(|need| index.get(need)) {
                if let Some(node) = nodes.get_mut(*need) {
                    node.dependents.push(position);
                }
            }
        }
        let mut schedule = Self {
            nodes,
            lanes: lanes.lanes,
            ready: BTreeSet::new(),
        };
        for step in 0..schedule.nodes.len() {
            schedule.offer_if_settled(step);
        }
        schedule
    }

    /// Takes up to `free` steps that may start now, in plan order.
    pub(crate) fn next_ready(&mut self, free: usize) -> Vec<StepIndex> {
        let mut taken = Vec::new();
        while taken.len() < free {
            let Some(step) = self.ready.pop_first() else {
                break;
            };
            self.start(step);
            taken.push(step);
        }
        taken
    }

    /// Records how a started step ended, and returns the steps that can no longer run because of
    /// it, in the order in which they were found.
    ///
    /// A step is given up only when everything that it needs has ended, so that its blame is
    /// complete whatever the timing.
    pub(crate) fn finished(&mut self, step: StepIndex, succeeded: bool) -> Vec<Blocked> {
        let fate = if succeeded {
            Fate::Succeeded
        } else {
            Fate::Failed
        };
        let Some(node) = self.nodes.get_mut(step) else {
            return Vec::new();
        };
        node.fate = fate;
        if let Some(lane) = node.lane {
            self.release(lane);
        }
        self.settle_dependents(step)
    }

    /// Ends the walk: what becomes of the steps that never started, in plan order.
    pub(crate) fn leftover(&mut self) -> Leftover {
        let mut leftover = Leftover::default();
        for step in 0..self.nodes.len() {
            if self.fate(step) != Some(&Fate::Pending) {
                continue;
            }
            let by = self.blame(step);
            if by.is_empty() {
                leftover.not_started.push(step);
            } else {
                self.block(step, by.clone());
                leftover.blocked.push(Blocked { step, by });
            }
        }
        leftover
    }

    fn start(&mut self, step: StepIndex) {
        let Some(node) = self.nodes.get_mut(step) else {
            return;
        };
        node.fate = Fate::Running;
        if let Some(lane) = node.lane.and_then(|lane| self.lanes.get_mut(lane)) {
            lane.busy = true;
            lane.waiting.remove(&step);
        }
    }

    fn release(&mut self, lane: usize) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.busy = false;
            self.ready.extend(lane.waiting.first());
        }
    }

    fn settle_dependents(&mut self, step: StepIndex) -> Vec<Blocked> {
        let mut blocked = Vec::new();
        let mut settled = VecDeque::from([step]);
        while let Some(step) = settled.pop_front() {
            let dependents = self.nodes.get(step).map(|node| node.dependents.clone());
            for dependent in dependents.unwrap_or_default() {
                if let Some(node) = self.nodes.get_mut(dependent) {
                    node.unsettled_needs = node.unsettled_needs.saturating_sub(1);
                }
                if let Some(given_up) = self.offer_if_settled(dependent) {
                    settled.push_back(dependent);
                    blocked.push(given_up);
                }
            }
        }
        blocked
    }

    /// Makes a step startable, or gives it up, once everything that it needs has ended.
    fn offer_if_settled(&mut self, step: StepIndex) -> Option<Blocked> {
        let node = self.nodes.get(step)?;
        if node.unsettled_needs > 0 {
            return None;
        }
        let lane = node.lane;
        let by = self.blame(step);
        if by.is_empty() {
            self.offer(step, lane);
            return None;
        }
        self.block(step, by.clone());
        Some(Blocked { step, by })
    }

    fn offer(&mut self, step: StepIndex, lane: Option<usize>) {
        let Some(lane) = lane.and_then(|lane| self.lanes.get_mut(lane)) else {
            self.ready.insert(step);
            return;
        };
        let first = lane.waiting.first().copied();
        lane.waiting.insert(step);
        if lane.busy || first.is_some_and(|first| first < step) {
            return;
        }
        if let Some(first) = first {
            self.ready.remove(&first);
        }
        self.ready.insert(step);
    }

    fn block(&mut self, step: StepIndex, by: BTreeSet<StepIndex>) {
        if let Some(node) = self.nodes.get_mut(step) {
            node.fate = Fate::Blocked(by);
        }
    }

    /// The failed steps at the root of what keeps `step` from running, as far as is known.
    fn blame(&self, step: StepIndex) -> BTreeSet<StepIndex> {
        let mut by = BTreeSet::new();
        let needs = self.nodes.get(step).map(|node| node.needs.as_slice());
        for need in needs.unwrap_or_default() {
            match self.fate(*need) {
                Some(Fate::Failed) => {
                    by.insert(*need);
                }
                Some(Fate::Blocked(roots)) => by.extend(roots),
                _ => {}
            }
        }
        by
    }

    fn fate(&self, step: StepIndex) -> Option<&Fate> {
        self.nodes.get(step).map(|node| &node.fate)
    }
}

impl Node {
    fn new(step: &Step, index: &BTreeMap<&Address, StepIndex>, lanes: &mut Lanes) -> Self {
        let needs: Vec<StepIndex> = step
            .needs
            .iter()
            .filter_map(|need| index.get(need).copied())
            .collect();
        Self {
            unsettled_needs: needs.len(),
            needs,
            dependents: Vec::new(),
            lane: step.lane.map(|lane| lanes.number(lane)),
            fate: Fate::Pending,
        }
    }
}

/// Gives lanes their numbers while the nodes are made.
#[derive(Debug, Default)]
struct Lanes {
    numbers: BTreeMap<plan::Lane, usize>,
    lanes: Vec<Lane>,
}

impl Lanes {
    fn number(&mut self, lane: plan::Lane) -> usize {
        if let Some(number) = self.numbers.get(&lane) {
            return *number;
        }
        let number = self.lanes.len();
        self.numbers.insert(lane, number);
        self.lanes.push(Lane::default());
        number
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use phoenix_planner::plan::{Action, Class, ConfigSource, Operation, SetArc, Summary};
    use phoenix_planner::wanted::Wanted;
    use proptest::prelude::*;

    use super::*;

    fn address(step: StepIndex) -> Address {
        Address::Dataset(format!("tank/{step:03}"))
    }

    fn plan(steps: &[(Vec<StepIndex>, Option<u8>)]) -> Plan {
        let steps = steps.iter().enumerate().map(|(index, (needs, lane))| Step {
            id: address(index),
            action: Action::Create,
            class: Class::Additive,
            needs: needs.iter().copied().map(address).collect(),
            lane: lane.map(|lane| plan::Lane::Container(lane.into())),
            changes: Vec::new(),
            origin: String::new(),
            operation: Operation::SetArc(SetArc {
                max: 0,
                runtime: false,
                persistent: false,
            }),
        });
        Plan {
            format: phoenix_planner::plan::FORMAT,
            id: String::new(),
            created_by: String::new(),
            node: String::new(),
            observed: String::new(),
            config: ConfigSource::default(),
            lxc_config: None,
            wanted: Wanted::default(),
            summary: Summary::default(),
            steps: steps.collect(),
            refusals: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// How a walk ended: per step `Ok` when it ran, or the roots that kept it from running.
    #[derive(Debug, PartialEq, Eq)]
    struct Walk {
        started: Vec<StepIndex>,
        blocked: BTreeMap<StepIndex, BTreeSet<StepIndex>>,
    }

    /// Walks with `jobs` slots; `pick` chooses which running step ends next.
    fn walk(
        plan: &Plan,
        jobs: NonZeroUsize,
        fails: &BTreeSet<StepIndex>,
        mut pick: impl FnMut(usize) -> usize,
    ) -> Walk {
        let mut schedule = Schedule::new(plan);
        let mut running: Vec<StepIndex> = Vec::new();
        let mut started = Vec::new();
        let mut blocked = BTreeMap::new();
        loop {
            let next = schedule.next_ready(jobs.get() - running.len());
            started.extend(&next);
            running.extend(&next);
            let lanes: Vec<_> = running
                .iter()
                .filter_map(|step| plan.steps[*step].lane.as_ref())
                .collect();
            let distinct: BTreeSet<_> = lanes.iter().collect();
            assert_eq!(lanes.len(), distinct.len(), "two steps share a lane");
            if running.is_empty() {
                break;
            }
            let step = running.swap_remove(pick(running.len()));
            for given_up in schedule.finished(step, !fails.contains(&step)) {
                assert_eq!(blocked.insert(given_up.step, given_up.by), None);
            }
        }
        assert_eq!(schedule.leftover(), Leftover::default());
        Walk { started, blocked }
    }

    /// What must come of it, the slow and plain way: a step runs unless a step that runs and fails
    /// is among its ancestors, and those are to blame.
    fn oracle(
        plan: &[(Vec<StepIndex>, Option<u8>)],
        fails: &BTreeSet<StepIndex>,
    ) -> BTreeMap<StepIndex, BTreeSet<StepIndex>> {
        let mut blame: BTreeMap<StepIndex, BTreeSet<StepIndex>> = BTreeMap::new();
        for (step, (needs, _)) in plan.iter().enumerate() {
            let mut ancestors: BTreeSet<StepIndex> = needs.iter().copied().collect();
            loop {
                let wider: BTreeSet<StepIndex> = ancestors
                    .iter()
                    .flat_map(|ancestor| plan[*ancestor].0.iter().copied())
                    .chain(ancestors.iter().copied())
                    .collect();
                if wider == ancestors {
                    break;
                }
                ancestors = wider;
            }
            let roots: BTreeSet<StepIndex> = ancestors
                .into_iter()
                .filter(|ancestor| fails.contains(ancestor) && !blame.contains_key(ancestor))
                .collect();
            if !roots.is_empty() {
                blame.insert(step, roots);
            }
        }
        blame
    }

    fn graphs() -> impl Strategy<Value = Vec<(Vec<StepIndex>, Option<u8>)>> {
        let step = (
            proptest::collection::vec(any::<proptest::sample::Index>(), 0..4),
            proptest::option::of(0..4u8),
        );
        proptest::collection::vec(step, 1..60).prop_map(|steps| {
            let connect = |(position, (needs, lane)): (usize, (Vec<_>, _))| {
                let needs: BTreeSet<StepIndex> = needs
                    .iter()
                    .filter(|_| position > 0)
                    .map(|need: &proptest::sample::Index| need.index(position))
                    .collect();
                (needs.into_iter().collect(), lane)
            };
            steps.into_iter().enumerate().map(connect).collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn outcome_and_blame_are_those_of_the_oracle(
            graph in graphs(),
            fails in proptest::collection::btree_set(0..60usize, 0..8),
            jobs in 1..17usize,
            picks in proptest::collection::vec(any::<proptest::sample::Index>(), 60),
        ) {
            let plan = plan(&graph);
            let jobs = NonZeroUsize::new(jobs).unwrap();
            let mut picks = picks.into_iter();
            let walk = walk(&plan, jobs, &fails, |running| picks.next().unwrap().index(running));
            let blame = oracle(&graph, &fails);
            prop_assert_eq!(&walk.blocked, &blame);
            let mut started = walk.started.clone();
            started.sort_unstable();
            let expected: Vec<StepIndex> =
                (0..graph.len()).filter(|step| !blame.contains_key(step)).collect();
            prop_assert_eq!(&started, &expected);
            if jobs.get() == 1 {
                prop_assert_eq!(&walk.started, &expected, "one job walks in plan order");
            }
        }
    }

    #[test]
    fn a_stopped_walk_tells_blocked_steps_from_those_whose_turn_did_not_come() {
        // 0 fails; 1 needs 0 and 2; 2 never starts; 3 needs 1; 4 is independent.
        let graph = [
            (vec![], None),
            (vec![], None),
            (vec![0, 1], None),
            (vec![2], None),
            (vec![], None),
        ];
        let mut schedule = Schedule::new(&plan(&graph));
        assert_eq!(schedule.next_ready(1), [0]);
        assert_eq!(schedule.finished(0, false), []);
        let by = BTreeSet::from([0]);
        assert_eq!(
            schedule.leftover(),
            Leftover {
                blocked: vec![
                    Blocked {
                        step: 2,
                        by: by.clone()
                    },
                    Blocked { step: 3, by }
                ],
                not_started: vec![1, 4],
            }
        );
    }

    #[test]
    fn a_lane_serves_its_steps_in_plan_order() {
        let graph = [(vec![], Some(1)), (vec![], Some(1)), (vec![], None)];
        let mut schedule = Schedule::new(&plan(&graph));
        assert_eq!(schedule.next_ready(8), [0, 2]);
        assert_eq!(schedule.next_ready(8), [] as [StepIndex; 0]);
        assert_eq!(schedule.finished(0, true), []);
        assert_eq!(schedule.next_ready(8), [1]);
    }
}
