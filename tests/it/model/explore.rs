//! Explores a world: `stateright` visits every state, and the graph of all steps shows which states each can reach.
//!
//! `stateright` has no property "from every state, this can still be reached", and its `eventually` does not hold on
//! graphs with cycles, such as a lease that is renewed repeatedly. The model therefore records every step during the
//! exploration, and a backwards search does the rest.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use rungs::core::batch::NotificationState;
use stateright::{Checker, HasDiscoveries, Model, Path, Property};

use crate::model::actions::{self, Action};
use crate::model::laws;
use crate::model::setup::{Fault, Setup};
use crate::model::world::World;

/// The properties of a state that are computed backwards from its successors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    /// The batch has ended.
    pub ended: bool,
    /// `true` if the batch has ended and its notification is delivered or given up.
    pub settled: bool,
    /// `true` if the notification was delivered.
    pub delivered: bool,
    /// `true` if the notification was given up, or a sender may still give it up.
    pub hopeless: bool,
}

impl Marks {
    fn of(world: &World) -> Self {
        let ended = laws::has_ended(world);
        let sent = world.workers.iter().any(|it| it.post.is_some_and(|it| it.heard.is_some()));
        Self {
            ended,
            settled: ended && !laws::event_is(world, NotificationState::Pending),
            delivered: laws::event_is(world, NotificationState::Delivered),
            hopeless: laws::event_is(world, NotificationState::GivenUp) || sent,
        }
    }
}

#[derive(Debug, Default)]
struct Noted {
    states: HashMap<u64, Marks>,
    steps: Vec<(u64, u64, Action)>,
}

/// A setup as a model that notes its own graph.
#[derive(Debug)]
pub(crate) struct Checked {
    pub setup: Setup,
    noted: Mutex<Noted>,
}

impl Checked {
    fn noted(&self) -> std::sync::MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Model for Checked {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let world = World::new(&self.setup);
        self.noted().states.insert(world.id(), Marks::of(&world));
        vec![world]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        // Behind a law that a planted mistake broke there is nothing more to learn, and the core's
        // own assertions would stop the check.
        let lawful = || laws::laws().iter().all(|it| (it.condition)(self, world));
        if self.setup.fault == Fault::None || lawful() {
            actions::possible(&self.setup, world, actions);
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let next = actions::after(&self.setup, world, action);
        let mut noted = self.noted();
        noted.states.entry(next.id()).or_insert_with(|| Marks::of(&next));
        noted.steps.push((world.id(), next.id(), action));
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        laws::laws()
    }
}

/// All that can happen in a setup, found to break no law.
#[derive(Debug)]
pub(crate) struct Graph {
    start: u64,
    states: HashMap<u64, Marks>,
    steps: Vec<(u64, u64, Action)>,
}

/// A law that a setup breaks, and a way to it on which no step before the last broke any.
pub(crate) fn counterexample(setup: Setup) -> Option<(&'static str, Vec<Action>)> {
    let model = Checked { setup, noted: Mutex::default() };
    // One thread visits states in the order of their distance, so that a violation has a short path.
    let checker = model.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let found = checker.discoveries().into_iter();
    let ways = found.map(|(law, path): (_, Path<World, Action>)| (law, path.into_actions()));
    ways.min_by_key(|(law, way)| (way.len(), *law))
}

/// Explores everything, and fails with a shortest counterexample if a law does not hold.
pub(crate) fn explore(name: &str, setup: Setup) -> Graph {
    let began = Instant::now();
    let model = Checked { setup, noted: Mutex::default() };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let checker = model.checker().threads(threads).spawn_bfs().join();
    if let Some((law, path)) = checker.discoveries().into_iter().next() {
        panic!("{name}: `{law}` does not hold after {:#?}", path.into_actions());
    }
    let noted = std::mem::take(&mut *checker.model().noted());
    println!(
        "{name}: {} states, {} steps, at most {} deep, {:.1} s",
        checker.unique_state_count(),
        noted.steps.len(),
        checker.max_depth(),
        began.elapsed().as_secs_f64(),
    );
    assert_eq!(noted.states.len(), checker.unique_state_count(), "two states share a number");
    let start = World::new(&checker.model().setup).id();
    Graph { start, states: noted.states, steps: noted.steps }
}

impl Graph {
    /// Returns the number of states with such marks.
    pub(crate) fn count(&self, marks: impl Fn(&Marks) -> bool) -> usize {
        self.states.values().filter(|it| marks(it)).count()
    }

    /// From every state that is `from`, some way leads to one that is `goal`; else a shortest way to
    /// a state from which none does.
    pub(crate) fn stuck(
        &self,
        from: impl Fn(&Marks) -> bool,
        goal: impl Fn(&Marks) -> bool,
    ) -> Option<Vec<Action>> {
        let mut back: HashMap<u64, Vec<u64>> = HashMap::new();
        for &(before, after, _) in &self.steps {
            back.entry(after).or_default().push(before);
        }
        let goals = self.states.iter().filter(|(_, marks)| goal(marks)).map(|(&id, _)| id);
        let mut open: Vec<u64> = goals.collect();
        let mut reaches: HashSet<u64> = open.iter().copied().collect();
        while let Some(state) = open.pop() {
            let before = back.get(&state).into_iter().flatten().copied();
            open.extend(before.filter(|&it| reaches.insert(it)));
        }
        self.way_to(|id, marks| from(marks) && !reaches.contains(&id))
    }

    /// A shortest way from the start to such a state.
    fn way_to(&self, wanted: impl Fn(u64, &Marks) -> bool) -> Option<Vec<Action>> {
        let mut ahead: HashMap<u64, Vec<(u64, Action)>> = HashMap::new();
        for &(before, after, action) in &self.steps {
            ahead.entry(before).or_default().push((after, action));
        }
        let mut came: HashMap<u64, Option<(u64, Action)>> = HashMap::from([(self.start, None)]);
        let mut open = std::collections::VecDeque::from([self.start]);
        while let Some(state) = open.pop_front() {
            if wanted(state, &self.states[&state]) {
                let from = |it: &(u64, Action)| came[&it.0];
                let way = std::iter::successors(came[&state], from).map(|it| it.1);
                let mut way: Vec<_> = way.collect();
                way.reverse();
                return Some(way);
            }
            for &(next, action) in ahead.get(&state).into_iter().flatten() {
                if let std::collections::hash_map::Entry::Vacant(new) = came.entry(next) {
                    new.insert(Some((state, action)));
                    open.push_back(next);
                }
            }
        }
        None
    }
}
