//! A model of the registry's surroundings, which drives the registry itself: every order in which callers' calls can
//! meet, and crashes, stalls and failures at every one of them.
//!
//! At every moment every enabled process has a live schedule and the counters are true. In the end some order of the
//! acts explains every answer and all processes that are stored, and the world comes to rest.
//! `KAIROS_CASES` says how many orders of three and four callers are drawn; ten thousand or more also explore all pairs
//! of acts instead of some of them, and more mishaps.

mod acts;
mod explore;
mod machine;
mod ports;
mod print;

use super::*;
use acts::{Act, Wanted};
use explore::{Case, Counts, Limits, explore, sample};
use machine::Mishaps;

/// Two expressions. Rates are read a hundred times as fast as the fields of a cron, and are the same to the registry.
const HOURS: &str = "rate(1 hour)";
const DAYS: &str = "rate(1 day)";

/// How many orders of three and four callers are drawn where nobody says otherwise.
const DRAWN: usize = 1_500;

/// What two callers ask of each other's processes.
fn acts() -> Vec<Act> {
    let want = |nombre, cron, habilitado, mark| Wanted {
        nombre,
        cron,
        habilitado,
        mark,
    };
    vec![
        Act::Register(want("uno", HOURS, true, 3)),
        Act::Register(want("uno", HOURS, false, 3)),
        Act::Register(want("uno", DAYS, true, 3)),
        Act::Change(want("uno", HOURS, true, 4)),
        Act::Change(want("uno", HOURS, false, 5)),
        Act::Change(want("uno", DAYS, true, 6)),
        Act::Change(want("uno", DAYS, false, 7)),
        Act::Enable("uno", true),
        Act::Enable("uno", false),
        Act::Delete("uno"),
        Act::Register(want("dos", HOURS, true, 3)),
        Act::Register(want("dos", HOURS, false, 3)),
        Act::Change(want("dos", DAYS, true, 8)),
        Act::Change(want("dos", HOURS, false, 9)),
        Act::Change(want("dos", HOURS, true, 2)),
        Act::Delete("dos"),
        Act::Settle(HOURS),
        Act::Repair(HOURS),
        Act::RepairAll,
    ]
}

/// What there is before the acts.
fn befores() -> Vec<Vec<Definition>> {
    vec![
        vec![],
        vec![definition("uno", HOURS)],
        vec![disabled("uno", HOURS)],
        vec![definition("uno", HOURS), disabled("dos", HOURS)],
        vec![definition("uno", HOURS), definition("dos", DAYS)],
    ]
}

/// The orders that are drawn.
fn drawn() -> usize {
    let set = std::env::var("KAIROS_CASES").ok().and_then(|set| set.parse().ok());
    set.unwrap_or(DRAWN)
}

fn is_large() -> bool {
    drawn() >= 10_000
}

/// All pairs of acts, before everything that there can be.
fn pairs() -> Vec<Case> {
    let mut pairs = Vec::new();
    for before in befores() {
        for (at, one) in acts().into_iter().enumerate() {
            for two in acts().into_iter().skip(at) {
                pairs.push(case(&before, &[&[one], &[two]]));
            }
        }
    }
    pairs
}

fn case(before: &[Definition], callers: &[&[Act]]) -> Case {
    Case {
        before: before.to_vec(),
        callers: callers.iter().map(|acts| acts.to_vec()).collect(),
    }
}

fn on(nombre: &'static str, cron: &'static str) -> Wanted {
    Wanted {
        nombre,
        cron,
        habilitado: true,
        mark: 3,
    }
}

fn off(nombre: &'static str, cron: &'static str) -> Wanted {
    Wanted {
        habilitado: false,
        ..on(nombre, cron)
    }
}

/// Pairs that need each other's guard, schedule or process.
fn meetings() -> Vec<Case> {
    use Act::{Change, Delete, Enable, Register, Repair};
    let (uno, dos) = (definition("uno", HOURS), definition("dos", DAYS));
    let both = [uno.clone(), disabled("dos", HOURS)];
    let one = std::slice::from_ref(&uno);
    vec![
        case(&[], &[&[Register(on("uno", HOURS))], &[Register(on("dos", HOURS))]]),
        case(&[], &[&[Register(on("uno", HOURS))], &[Register(off("dos", HOURS))]]),
        case(&[], &[&[Register(on("uno", HOURS))], &[Register(on("uno", DAYS))]]),
        case(one, &[&[Delete("uno")], &[Register(on("dos", HOURS))]]),
        case(one, &[&[Delete("uno")], &[Register(off("dos", HOURS))]]),
        case(one, &[&[Delete("uno")], &[Delete("uno")]]),
        case(one, &[&[Delete("uno")], &[Change(on("uno", DAYS))]]),
        case(one, &[&[Enable("uno", false)], &[Register(on("dos", HOURS))]]),
        case(one, &[&[Delete("uno")], &[Repair(HOURS)]]),
        case(&both, &[&[Enable("uno", false)], &[Enable("dos", true)]]),
        case(&both, &[&[Delete("uno")], &[Enable("dos", true)]]),
        case(&[uno, dos], &[&[Change(on("uno", DAYS))], &[Change(on("dos", HOURS))]]),
    ]
}

/// Three callers, of whom the third meets what the first two make of it.
fn triples() -> Vec<Case> {
    use Act::{Change, Delete, Enable, Register, RepairAll};
    let both = [definition("uno", HOURS), disabled("dos", HOURS)];
    let one = &both[..1];
    vec![
        case(
            &[],
            &[
                &[Register(on("uno", HOURS))],
                &[Delete("uno")],
                &[Register(on("dos", HOURS))],
            ],
        ),
        case(one, &[&[Delete("uno")], &[Register(on("dos", HOURS))], &[RepairAll]]),
        case(
            &both,
            &[
                &[Enable("uno", false)],
                &[Delete("dos")],
                &[Register(on("tres", HOURS))],
            ],
        ),
        case(
            &both,
            &[&[Change(on("uno", DAYS))], &[Change(on("dos", DAYS))], &[Delete("uno")]],
        ),
    ]
}

fn all(what: &str, cases: impl IntoIterator<Item = Case>, limits: Limits) {
    let mut counts = Counts::default();
    for case in cases {
        counts += explore(&case, limits);
    }
    eprintln!("registry model, {what}: {counts:?}, 0 wrong");
}

/// Draws orders of so many callers: cases, orders and mishaps follow from the seed.
fn draw(what: &str, callers: usize, acts_each: usize, seed: u64) {
    let limits = Limits {
        mishaps: Mishaps::All,
        at_most: 2,
        preemptions: None,
    };
    let mut state = seed;
    let mut draw = move |below: usize| {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(below).unwrap()).unwrap()
    };
    let (befores, acts) = (befores(), acts());
    let mut counts = Counts::default();
    for _ in 0..drawn() {
        let mut some = || (0..=draw(acts_each)).map(|_| acts[draw(acts.len())]).collect();
        let callers = (0..callers).map(|_| some()).collect();
        let before = befores[draw(befores.len())].clone();
        counts += sample(&Case { before, callers }, limits, &mut draw);
    }
    eprintln!("registry model, {what}: {counts:?}, 0 wrong");
}

/// Four callers on one expression and on two.
fn quadruples() -> Vec<Case> {
    use Act::{Change, Delete, Enable, Register};
    let both = [definition("uno", HOURS), disabled("dos", HOURS)];
    vec![
        case(
            &both,
            &[
                &[Delete("uno")],
                &[Enable("dos", true)],
                &[Register(on("tres", HOURS))],
                &[Delete("dos")],
            ],
        ),
        case(
            &both,
            &[
                &[Change(on("uno", DAYS))],
                &[Change(on("dos", DAYS))],
                &[Register(off("tres", DAYS))],
                &[Delete("uno")],
            ],
        ),
    ]
}

fn limits(mishaps: Mishaps, at_most: usize) -> Limits {
    Limits {
        mishaps,
        at_most,
        preemptions: None,
    }
}

#[test]
fn two_callers_in_every_order() {
    let step = if is_large() { 1 } else { 5 };
    let cases = pairs().into_iter().step_by(step);
    all("two callers in every order", cases, limits(Mishaps::All, 0));
}

#[test]
fn two_callers_with_a_crash_at_every_call() {
    let cases = if is_large() { pairs() } else { meetings() };
    all("two callers, a crash at every call", cases, limits(Mishaps::Crashes, 1));
}

#[test]
fn two_callers_that_stall_at_every_call() {
    let cases = if is_large() { pairs() } else { meetings() };
    all("two callers, a stall at every call", cases, limits(Mishaps::Stalls, 1));
}

#[test]
fn two_callers_with_a_failure_at_every_call() {
    let step = if is_large() { 1 } else { 4 };
    let cases = meetings().into_iter().step_by(step);
    all(
        "two callers, a failure at every call",
        cases,
        limits(Mishaps::Failures, 1),
    );
}

#[test]
fn three_callers_that_take_turns_twice() {
    let limits = Limits {
        preemptions: Some(if is_large() { 4 } else { 2 }),
        ..limits(Mishaps::All, 0)
    };
    all("three callers, some changes of turn", triples(), limits);
}

#[test]
fn three_callers_with_a_crash_at_every_call() {
    let limits = Limits {
        preemptions: Some(if is_large() { 2 } else { 0 }),
        ..limits(Mishaps::Crashes, 1)
    };
    all("three callers, a crash at every call", triples(), limits);
}

#[test]
fn four_callers_that_take_turns_once() {
    let limits = Limits {
        preemptions: Some(if is_large() { 2 } else { 1 }),
        ..limits(Mishaps::All, 0)
    };
    all("four callers, some changes of turn", quadruples(), limits);
}

#[test]
fn a_process_that_is_registered_again_is_not_taken_for_the_one_that_was_deleted() {
    use Act::{Change, Delete, Register};
    let before = [disabled("uno", HOURS)];
    let again = [Delete("uno"), Register(on("uno", HOURS))];
    let cases = [
        case(&before, &[&again, &[Change(on("uno", HOURS))]]),
        case(&before, &[&again, &[Delete("uno")]]),
    ];
    let limits = Limits {
        preemptions: Some(3),
        ..limits(Mishaps::All, 0)
    };
    all("a process that is registered again", cases, limits);
}

#[test]
fn three_callers_in_drawn_orders() {
    draw("three callers in drawn orders", 3, 2, 3);
}

#[test]
fn four_callers_in_drawn_orders() {
    draw("four callers in drawn orders", 4, 2, 4);
}
