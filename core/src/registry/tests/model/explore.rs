//! Every order of a case, or some that are drawn; and what the world must be in the end.
//!
//! Invariant: a state that was reached before, with as much left to happen, is not gone on from again.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hasher};
use std::ops::AddAssign;

use super::super::*;
use super::acts::{Act, book};
use super::machine::{Choice, Machine, Mishaps};
use super::print::Print;
use super::{DAYS, HOURS};
use crate::registry::operation::signed;

/// Callers, what they ask one after the other, and the processes that are there before.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) before: Vec<Definition>,
    pub(super) callers: Vec<Vec<Act>>,
}

/// How far an exploration goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) mishaps: Mishaps,
    /// How many of them happen at most.
    pub(super) at_most: usize,
    /// How often at most a caller that could go on has to wait; none: as often as possible.
    pub(super) preemptions: Option<usize>,
}

/// What an exploration did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) cases: u64,
    /// Orders that were run, to their end or to a state that was known.
    pub(super) runs: u64,
    /// States that differ.
    pub(super) states: u64,
    /// Calls that were made.
    pub(super) steps: u64,
    pub(super) crashes: u64,
    /// Calls that failed, and stalls.
    pub(super) failures: u64,
    /// Worlds that differ and were mended.
    pub(super) mended: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.cases += other.cases;
        self.runs += other.runs;
        self.states += other.states;
        self.steps += other.steps;
        self.crashes += other.crashes;
        self.failures += other.failures;
        self.mended += other.mended;
    }
}

/// What was explored of a case so far.
struct Explorer<'a> {
    case: &'a Case,
    limits: Limits,
    world: Memory,
    /// The states that were gone on from, with the mishaps that were left; and the changes of callers that were.
    known: HashMap<(u64, usize), usize>,
    mended: HashSet<u64>,
    counts: Counts,
}

/// Everything that can happen in a case within the limits.
pub(super) fn explore(case: &Case, limits: Limits) -> Counts {
    let mut explorer = Explorer::new(case, limits);
    let mut open = vec![Vec::new()];
    while let Some(choices) = open.pop() {
        explorer.run(choices, &mut open);
    }
    explorer.counts.cases += 1;
    explorer.counts.states += u64::try_from(explorer.known.len()).unwrap();
    explorer.counts
}

/// One order of a case, drawn with these numbers.
pub(super) fn sample(case: &Case, limits: Limits, draw: &mut impl FnMut(usize) -> usize) -> Counts {
    let mut explorer = Explorer::new(case, limits);
    let mut machine = Machine::new(&explorer.world, &case.callers);
    let mut made = Vec::new();
    let favours = draw(3) == 0;
    loop {
        let steps = machine.steps();
        let Some(first) = steps.first() else { break };
        let mishaps = machine.mishaps(limits.mishaps);
        let left = limits.at_most - machine.mishaps.len();
        let choice = if left > 0 && !mishaps.is_empty() && draw(40) == 0 {
            mishaps[draw(mishaps.len())]
        } else if favours && draw(8) > 0 {
            // Long runs of one caller reach what rare changes lead to.
            Choice::Step(*first)
        } else {
            Choice::Step(steps[draw(steps.len())])
        };
        made.push(choice);
        let broken = machine.apply(choice);
        explorer.check(&machine, &made, &broken);
    }
    explorer.end(&machine, &made);
    explorer.count(&machine);
    explorer.counts.cases += 1;
    explorer.counts
}

impl<'a> Explorer<'a> {
    fn new(case: &'a Case, limits: Limits) -> Self {
        let (world, registry) = world();
        for definition in &case.before {
            run(registry.register(definition)).unwrap();
        }
        world.world().journal.clear();
        Self {
            case,
            limits,
            world,
            known: HashMap::new(),
            mended: HashSet::new(),
            counts: Counts::default(),
        }
    }

    /// Makes the choices again, then goes on with the first choice until the end, or until a state that is known; what
    /// else could have been chosen on the way stays open.
    fn run(&mut self, mut made: Vec<Choice>, open: &mut Vec<Vec<Choice>>) {
        let mut machine = Machine::new(&self.world, &self.case.callers);
        let mut preemptions = 0;
        let again = made.len();
        for (at, choice) in made.clone().into_iter().enumerate() {
            preemptions += usize::from(matches!(choice, Choice::Step(number) if machine.preempts(number)));
            let broken = machine.apply(choice);
            if at + 1 == again {
                self.check(&machine, &made, &broken);
            }
        }
        loop {
            let left = self.limits.at_most - machine.mishaps.len();
            let changes = self.limits.preemptions.map_or(usize::MAX, |most| most - preemptions);
            if !self.is_news(machine.print(self.limits.preemptions.is_some()), left, changes) {
                break;
            }
            let steps = machine.steps();
            if steps.is_empty() {
                self.end(&machine, &made);
                break;
            }
            let steps = steps
                .into_iter()
                .filter(|number| changes > 0 || !machine.preempts(*number));
            let mut choices: Vec<Choice> = steps.map(Choice::Step).collect();
            if left > 0 {
                choices.extend(machine.mishaps(self.limits.mishaps));
            }
            let mut choices = choices.into_iter();
            let Some(first) = choices.next() else { break };
            open.extend(choices.map(|other| made.iter().copied().chain([other]).collect()));
            preemptions += usize::from(matches!(first, Choice::Step(number) if machine.preempts(number)));
            made.push(first);
            let broken = machine.apply(first);
            self.check(&machine, &made, &broken);
        }
        self.count(&machine);
    }

    fn is_news(&mut self, state: u64, left: usize, changes: usize) -> bool {
        let known = |more| self.known.get(&(state, more)).is_some_and(|known| *known >= changes);
        if (left..=self.limits.at_most).any(known) {
            return false;
        }
        self.known.insert((state, left), changes);
        true
    }

    fn count(&mut self, machine: &Machine) {
        self.counts.runs += 1;
        self.counts.steps += machine.steps;
        let crashes = machine.mishaps.iter().filter(|mishap| mishap.is_crash()).count();
        self.counts.crashes += u64::try_from(crashes).unwrap();
        self.counts.failures += u64::try_from(machine.mishaps.len() - crashes).unwrap();
    }

    /// All is over: the answers are true, and the world is at rest; after a mishap, once somebody has mended it.
    fn end(&mut self, machine: &Machine, made: &[Choice]) {
        self.check(machine, made, &machine.untrue());
        if machine.mishaps.is_empty() {
            self.check(machine, made, &restless(&machine.memory, true));
            return;
        }
        let mut print = DefaultHasher::new();
        machine.memory.world().print(&mut print);
        if !self.mended.insert(print.finish()) {
            return;
        }
        self.counts.mended += 1;
        for (way, mend, strict) in MENDING {
            let memory = machine.memory.fork();
            {
                let mut world = memory.world();
                world.now = world.now.saturating_add(signed(LEASE)).unwrap();
            }
            let before = book(&memory);
            let mended = mend(&memory.registry(names()));
            let mut wrong = restless(&memory, *strict);
            wrong.extend(mended.err().map(|error| error.to_string()));
            if before != book(&memory) {
                wrong.push("it has changed the processes".into());
            }
            let wrong: Vec<String> = wrong.into_iter().map(|wrong| format!("after {way}: {wrong}")).collect();
            self.check(machine, made, &wrong);
        }
    }

    #[track_caller]
    fn check(&self, machine: &Machine, made: &[Choice], wrong: &[String]) {
        assert!(
            wrong.is_empty(),
            "{:?}\n{:?}\n{}\nafter {made:?}\n{:#?}",
            self.case.before,
            self.case.callers,
            wrong.join("\n"),
            machine.memory.world().journal
        );
    }
}

type Mend = fn(&InMemory) -> Result<(), RegistryError>;

/// How a world can be brought to rest, and whether lapsed guards are gone as well then.
const MENDING: &[(&str, Mend, bool)] = &[
    ("a repair of all", |registry| run(registry.repair_all()).map(drop), true),
    (
        "settling",
        |registry| {
            run(registry.settle(&schedule(HOURS).id()))?;
            run(registry.settle(&schedule(DAYS).id()))
        },
        false,
    ),
    (
        "the next calls",
        |registry| {
            for cron in [HOURS, DAYS] {
                run(registry.register(&definition("sonda", cron)))?;
                run(registry.delete(&id("sonda")))?;
            }
            Ok(())
        },
        false,
    ),
];

/// What must hold at rest and does not. A guard that has lapsed does no harm: whoever comes next takes it.
fn restless(memory: &Memory, strict: bool) -> Vec<String> {
    let tidied = memory.fork();
    if !strict {
        let mut world = tidied.world();
        let now = world.now;
        for row in world.tables.calendarizaciones.values_mut() {
            row.guardia = row.guardia.take().filter(|guard| guard.hasta > now);
        }
    }
    let world = tidied.world();
    let mut restless = world.restless();
    for (id, row) in &world.tables.calendarizaciones {
        let same = world
            .schedules
            .get(id)
            .is_some_and(|schedule| schedule.expression == row.expresion);
        if !same || row.cant_procesos == 0 {
            restless.push(format!(
                "the row {id} is of {} with {} processes",
                row.expresion, row.cant_procesos
            ));
        }
    }
    restless
}
