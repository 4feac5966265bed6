//! The registry under stress: 32 callers in eight processes on the local AWS, of which some are killed at any moment and
//! others take their place. In the end every answer was true, the invariant holds, and nothing is left over.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod callers;
mod history;
mod world;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread;
use std::time::Instant;

use callers::{Callers, Outcome};
use history::{Act, Asked, Told, is_explained};
use serde_json::{Value, json};
use world::World;

/// How many processes there are, and how many callers in each.
const PROCESSES: usize = 8;
const CALLERS: usize = 4;
/// How much is asked for, and after how much of it a process is killed.
const ASKED: usize = 2_000;
const BETWEEN_KILLS: usize = 125;
/// How many processes of the registry, on how many schedules.
const NAMES: usize = 40;
const SCHEDULES: usize = 40;

/// Numbers that follow from a seed: SplitMix64.
struct Draw(u64);

impl Draw {
    fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(below).unwrap()).unwrap()
    }
}

/// What the callers share.
struct Stress {
    world: World,
    processes: Vec<RwLock<Arc<Callers>>>,
    /// Counts what is asked.
    asked: AtomicUsize,
    /// Orders questions and answers.
    moments: AtomicUsize,
    histories: Mutex<HashMap<String, Vec<Asked>>>,
    kills: AtomicUsize,
}

#[test]
fn killed_callers_break_nothing_and_every_answer_is_true() {
    let began = Instant::now();
    let world = World::create();
    let start = || RwLock::new(Arc::new(Callers::start(&world.account).unwrap()));
    let processes = (0..PROCESSES).map(|_| start()).collect();
    let stress = Stress {
        world,
        processes,
        asked: AtomicUsize::new(0),
        moments: AtomicUsize::new(0),
        histories: Mutex::default(),
        kills: AtomicUsize::new(0),
    };
    thread::scope(|scope| {
        for caller in 0..PROCESSES * CALLERS {
            let stress = &stress;
            scope.spawn(move || stress.call(caller));
        }
    });
    let asked = began.elapsed();
    stress.world.assert_unbroken("before anything is mended");
    let mended = stress.world.repair_all();
    stress.world.assert_at_rest("after a repair of all");
    let results = stress.assert_explained();
    let left = stress.world.delete_all();
    stress.world.assert_empty();
    eprintln!(
        "registry stress: {ASKED} operations of {} callers in {:.0} s, {} processes killed, results {results:?}, \
         {mended} calendarizaciones repaired, {left} processes deleted in the end, 0 wrong, {:.0} s",
        PROCESSES * CALLERS,
        asked.as_secs_f64(),
        stress.kills.load(Ordering::Relaxed),
        began.elapsed().as_secs_f64()
    );
}

impl Stress {
    /// One caller: asks until enough was asked.
    fn call(&self, caller: usize) {
        let mut draw = Draw(u64::try_from(caller).unwrap());
        loop {
            let number = self.asked.fetch_add(1, Ordering::Relaxed);
            if number >= ASKED {
                return;
            }
            if number % BETWEEN_KILLS == BETWEEN_KILLS - 1 {
                self.kill(draw.below(PROCESSES));
            }
            let nombre = format!("proceso {}", draw.below(NAMES));
            let (act, line) = question(&mut draw, number, &nombre);
            let (began, outcome) = loop {
                let process = Arc::clone(&self.processes[caller % PROCESSES].read().unwrap());
                let began = self.moment();
                match process.ask(number, &line).unwrap() {
                    Outcome::NotAsked => thread::yield_now(),
                    outcome => break (began, outcome),
                }
            };
            let ended = match outcome {
                Outcome::Answer(answer) => Some((self.moment(), Told::read(&answer).unwrap())),
                Outcome::Killed | Outcome::NotAsked => None,
            };
            let mut histories = self.histories.lock().unwrap();
            histories.entry(nombre).or_default().push(Asked { act, began, ended });
        }
    }

    fn moment(&self) -> usize {
        self.moments.fetch_add(1, Ordering::SeqCst)
    }

    /// Kills a process; another takes its place.
    fn kill(&self, process: usize) {
        let fresh = Arc::new(Callers::start(&self.world.account).unwrap());
        let old = std::mem::replace(&mut *self.processes[process].write().unwrap(), fresh);
        old.kill();
        self.kills.fetch_add(1, Ordering::Relaxed);
    }

    /// Checks that every answer is true; how many there are of each.
    fn assert_explained(&self) -> BTreeMap<&'static str, usize> {
        let stored = self.world.stored();
        let histories = self.histories.lock().unwrap();
        let mut results = BTreeMap::new();
        for (nombre, asked) in histories.iter() {
            for one in asked {
                let word = one.ended.as_ref().map_or("killed", |(_, told)| told.word());
                *results.entry(word).or_default() += 1;
                let failed = matches!(one.ended, Some((_, Told::Failed(_))));
                assert!(!failed, "{nombre}: {one:?} failed for no reason");
            }
            assert!(
                is_explained(asked, stored.get(nombre)),
                "{nombre}: no order explains {asked:#?}\nand in the end {:?}",
                stored.get(nombre)
            );
        }
        assert_eq!(results.values().sum::<usize>(), ASKED);
        results
    }
}

/// What is asked next.
fn question(draw: &mut Draw, number: usize, nombre: &str) -> (Act, Value) {
    let (cron, habilitado) = (world::cron(draw.below(SCHEDULES)), draw.below(3) > 0);
    let mark = draw.below(3);
    let id = world::schedule(&cron).id().to_string();
    let small = u8::try_from(mark).unwrap();
    let (word, act) = match draw.below(20) {
        0..9 => ("register", Act::Register(id, habilitado, small)),
        9..14 => ("change", Act::Change(id, habilitado, small)),
        14..17 => ("enable", Act::Enable(habilitado)),
        _ => ("delete", Act::Delete),
    };
    let line = json!({
        "number": number, "act": word, "nombre": nombre, "cron": cron, "habilitado": habilitado, "mark": mark
    });
    (act, line)
}
