//! Up to four callers on one world, of which one at a time makes one call; what else befalls them is chosen too.
//!
//! Invariant: the same choices lead to the same world, whenever and however often they are made.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use super::super::*;
use super::acts::{Act, Answer, Asked, Book, CALLERS, book, is_explained};
use super::ports::{Port, Refusal, Turn, Wait};
use super::print::Print;
use crate::registry::operation::signed;

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// A caller's call is carried out and answered, and it runs until its next one.
    Step(usize),
    /// A caller's call is refused, or its answer is lost.
    Fail(usize, Turn),
    /// A caller dies before its call.
    Kill(usize),
    /// A caller dies after it sent its call, which is carried out at some later time.
    Doom(usize),
    /// Everybody stalls until all guards have lapsed.
    Stall,
}

impl Choice {
    pub(super) fn is_mishap(self) -> bool {
        !matches!(self, Self::Step(_))
    }

    pub(super) fn is_crash(self) -> bool {
        matches!(self, Self::Kill(_) | Self::Doom(_))
    }
}

/// Which mishaps may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mishaps {
    /// Callers die.
    Crashes,
    /// Everybody stalls.
    Stalls,
    /// Calls fail.
    Failures,
    /// All of these.
    All,
}

/// What of a caller is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum State {
    Alive,
    /// Dead, with a call under way.
    Doomed,
    Dead,
    Done,
}

struct Caller {
    port: Port,
    state: State,
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// Whether somebody else made a call that may change the world since this one went to sleep.
    others_wrote: bool,
}

/// The callers and their world.
pub(super) struct Machine {
    pub(super) memory: Memory,
    before: Book,
    callers: Vec<Caller>,
    /// Who made the last call.
    last: Option<usize>,
    pub(super) steps: u64,
    pub(super) mishaps: Vec<Choice>,
}

impl Machine {
    /// One caller for each list of acts, none of whom has begun.
    pub(super) fn new(world: &Memory, callers: &[Vec<Act>]) -> Self {
        let memory = world.fork();
        let mut machine = Self {
            before: book(&memory),
            callers: Vec::new(),
            last: None,
            steps: 0,
            mishaps: Vec::new(),
            memory,
        };
        for acts in callers {
            let caller = Caller::new(machine.callers.len(), acts.clone(), machine.memory.clone());
            machine.callers.push(caller);
            machine.poll(machine.callers.len() - 1);
        }
        machine
    }

    /// What may happen next, without mishaps: first what needs no change of callers. None: it is over.
    pub(super) fn steps(&self) -> Vec<usize> {
        let calls = |number: &usize| self.callers[*number].calls();
        let last = self.last.into_iter().filter(calls);
        let others = (0..self.callers.len()).filter(|number| Some(*number) != self.last);
        let mut steps: Vec<usize> = last.chain(others.filter(calls)).collect();
        steps.extend(self.sleeper());
        steps
    }

    /// Whether a step takes the turn from a caller that could go on.
    pub(super) fn preempts(&self, number: usize) -> bool {
        let last = self.last.map(|last| &self.callers[last]);
        self.last != Some(number)
            && last.is_some_and(|last| last.state == State::Alive && last.calls())
            && self.callers[number].state == State::Alive
    }

    /// The sleeper that is to wake up next, if it may: where nobody changed anything since, others go first.
    fn sleeper(&self) -> Option<usize> {
        let asleep = (0..self.callers.len()).filter_map(|number| Some((self.callers[number].sleeps()?, number)));
        let (until, number) = asleep.min()?;
        let alone = !self
            .callers
            .iter()
            .any(|caller| caller.state == State::Alive && caller.calls());
        let in_time = self.deadline().is_none_or(|deadline| until <= deadline);
        (in_time && (alone || self.callers[number].others_wrote)).then_some(number)
    }

    /// When the first call of Scheduler's that is under way has had its effect.
    fn deadline(&self) -> Option<Timestamp> {
        let deadlines = self.callers.iter().filter_map(|caller| match caller.waits() {
            Some(Wait::Schedule(deadline)) => Some(deadline),
            _ => None,
        });
        deadlines.min()
    }

    /// The mishaps that may happen next.
    pub(super) fn mishaps(&self, which: Mishaps) -> Vec<Choice> {
        let mut mishaps = Vec::new();
        let all = which == Mishaps::All;
        for (number, caller) in self.callers.iter().enumerate() {
            let Some(wait) = caller.waits().filter(|_| caller.state == State::Alive) else {
                continue;
            };
            if all || which == Mishaps::Crashes {
                mishaps.push(Choice::Kill(number));
                if matches!(wait, Wait::Write | Wait::Schedule(_)) {
                    mishaps.push(Choice::Doom(number));
                }
            }
            if all || which == Mishaps::Failures {
                let failures: &[Turn] = match wait {
                    Wait::Until(_) => &[],
                    Wait::Read => &[Turn::Refuse(Refusal::Transient)],
                    Wait::Schedule(_) => &[
                        Turn::Lose,
                        Turn::Refuse(Refusal::Transient),
                        Turn::Refuse(Refusal::Denied),
                    ],
                    Wait::Write => &[
                        Turn::Lose,
                        Turn::Refuse(Refusal::Transient),
                        Turn::Refuse(Refusal::Denied),
                        Turn::Refuse(Refusal::Conflict),
                    ],
                };
                mishaps.extend(failures.iter().map(|turn| Choice::Fail(number, *turn)));
            }
        }
        if (all || which == Mishaps::Stalls) && self.deadline().is_none() && self.is_guarded() {
            mishaps.push(Choice::Stall);
        }
        mishaps
    }

    fn is_guarded(&self) -> bool {
        let world = self.memory.world();
        let mut guards = world
            .tables
            .calendarizaciones
            .values()
            .filter_map(|row| row.guardia.as_ref());
        guards.any(|guard| guard.hasta > world.now)
    }

    /// Lets something happen, and says what must hold at every moment and does not.
    pub(super) fn apply(&mut self, choice: Choice) -> Vec<String> {
        if choice.is_mishap() {
            self.mishaps.push(choice);
        }
        match choice {
            Choice::Step(number) => self.step(number, Turn::Go),
            Choice::Fail(number, turn) => self.step(number, turn),
            Choice::Kill(number) => self.callers[number].end(State::Dead),
            Choice::Doom(number) => self.callers[number].state = State::Doomed,
            Choice::Stall => {
                let mut world = self.memory.world();
                world.now = world.now.saturating_add(signed(LEASE)).unwrap();
            }
        }
        self.memory.world().broken()
    }

    fn step(&mut self, number: usize, turn: Turn) {
        self.steps += 1;
        let caller = &mut self.callers[number];
        if let Some(until) = caller.sleeps() {
            let mut world = self.memory.world();
            world.now = world.now.max(until);
        } else if caller.waits() != Some(Wait::Read) {
            for (other, caller) in self.callers.iter_mut().enumerate() {
                caller.others_wrote |= other != number;
            }
        }
        self.last = Some(number);
        let ended = self.callers.iter().map(Caller::ended).collect::<Vec<_>>();
        let caller = &mut self.callers[number];
        if let Some(asked) = caller.asked().last_mut()
            && asked.after.is_none()
        {
            let mut after = [0; CALLERS];
            after[..ended.len()].copy_from_slice(&ended);
            asked.after = Some(after);
        }
        caller.port.seat().turn = Some(turn);
        self.poll(number);
        let caller = &mut self.callers[number];
        if caller.state == State::Doomed {
            caller.end(State::Dead);
        }
        assert_eq!(
            caller.port.seat().turn,
            None,
            "a caller that has its turn makes its call"
        );
    }

    fn poll(&mut self, number: usize) {
        let caller = &mut self.callers[number];
        caller.port.seat().waits = None;
        caller.others_wrote = false;
        let mut context = Context::from_waker(std::task::Waker::noop());
        let future = caller.future.as_mut().unwrap();
        if future.as_mut().poll(&mut context).is_ready() && caller.state == State::Alive {
            caller.end(State::Done);
        }
    }

    /// A number that is the same where the same can happen from here on. `last` matters where changes of callers count.
    pub(super) fn print(&self, with_last: bool) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.memory.world().print(&mut hasher);
        for caller in &self.callers {
            caller.state.hash(&mut hasher);
            caller.asked().hash(&mut hasher);
            if matches!(caller.state, State::Alive | State::Doomed) {
                let seat = caller.port.seat();
                (seat.seen, seat.waits).hash(&mut hasher);
            }
            (caller.sleeps().is_some() && caller.others_wrote).hash(&mut hasher);
        }
        self.last.filter(|_| with_last).hash(&mut hasher);
        hasher.finish()
    }

    /// What is wrong with the answers once all is over: what no order explains, and failures that nothing had caused.
    pub(super) fn untrue(&self) -> Vec<String> {
        let asked: Vec<Vec<Asked>> = self.callers.iter().map(|caller| caller.asked().clone()).collect();
        let mut untrue = Vec::new();
        let failed = |number: usize| {
            self.mishaps
                .iter()
                .any(|mishap| matches!(mishap, Choice::Fail(who, _) if *who == number))
        };
        for one in asked.iter().flatten() {
            if let Some(Answer::Failed { why, .. }) = &one.answer
                && !failed(one.caller)
            {
                untrue.push(format!("caller {} failed without a reason: {why}", one.caller));
            }
        }
        let after = book(&self.memory);
        if !is_explained(&self.before, &asked, [0; CALLERS], &after) {
            untrue.push(format!(
                "nothing explains {asked:?}\nfrom {:?}\nto {after:?}",
                self.before
            ));
        }
        untrue
    }
}

impl Caller {
    fn new(number: usize, acts: Vec<Act>, memory: Memory) -> Self {
        let port = Port::new(memory, number);
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let registry = Registry::new(names(), port.clone(), port.clone(), port.clone());
        let log = Arc::clone(&asked);
        let live = async move {
            for act in acts {
                let fresh = Asked {
                    caller: number,
                    act,
                    after: None,
                    answer: None,
                };
                log.lock().unwrap().push(fresh);
                let answer = act.ask(&registry).await;
                if let Some(asked) = log.lock().unwrap().last_mut() {
                    asked.answer = Some(answer);
                }
            }
        };
        Self {
            port,
            state: State::Alive,
            future: Some(Box::pin(live)),
            asked,
            others_wrote: false,
        }
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, Vec<Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many of its acts have ended.
    fn ended(&self) -> usize {
        self.asked().iter().filter(|asked| asked.answer.is_some()).count()
    }

    fn end(&mut self, state: State) {
        self.state = state;
        self.future = None;
    }

    fn waits(&self) -> Option<Wait> {
        let under_way = matches!(self.state, State::Alive | State::Doomed);
        self.port.seat().waits.filter(|_| under_way)
    }

    /// Whether a call of its is under way.
    fn calls(&self) -> bool {
        self.waits().is_some_and(|wait| !matches!(wait, Wait::Until(_)))
    }

    fn sleeps(&self) -> Option<Timestamp> {
        match self.waits() {
            Some(Wait::Until(until)) => Some(until),
            _ => None,
        }
    }
}
