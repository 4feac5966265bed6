//! Two callers at once, in every order in which their calls can meet.

use super::*;
use crate::registry::operation::signed;

type Act<'a> = std::pin::Pin<Box<dyn Future<Output = Result<(), RegistryError>> + 'a>>;

/// How many of the first turns are tried in every order; after them a hash of the order and the turn decides.
const TURNS: u32 = 11;

/// In every other order somebody stalls until all guards have lapsed, before one of so many turns.
const STALLS: u32 = 24;

/// Whose turn it is.
fn chosen(order: u32, turn: u32) -> bool {
    if turn < TURNS {
        return order >> turn & 1 == 1;
    }
    (u64::from(order) << 32 | u64::from(turn)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 61 & 1 == 1
}

/// Runs two acts in every order; what holds at every moment is checked after each call, what holds at rest at the end.
fn meet(
    before: &[Definition],
    one: impl for<'a> Fn(&'a InMemory) -> Act<'a>,
    two: impl for<'a> Fn(&'a InMemory) -> Act<'a>,
    check: impl Fn(&Memory, [Result<(), RegistryError>; 2]),
) {
    for order in 0..1_u32 << TURNS {
        let (memory, registry) = world();
        for definition in before {
            run(registry.register(definition)).unwrap();
        }
        let mut acts = [Some(one(&registry)), Some(two(&registry))];
        let mut answers = [const { None }; 2];
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut turn = 0_u32;
        while answers.iter().any(Option::is_none) {
            let first = usize::from(chosen(order, turn));
            let who = if acts[first].is_some() { first } else { 1 - first };
            turn += 1;
            if order & 1 == 1 && turn == 1 + (order >> 1) % STALLS {
                let mut world = memory.world();
                world.now = world.now.saturating_add(signed(LEASE)).unwrap();
            }
            if let Some(act) = &mut acts[who]
                && let Poll::Ready(answer) = act.as_mut().poll(&mut context)
            {
                answers[who] = Some(answer);
                acts[who] = None;
            }
            unbroken(&memory, &format!("order {order:b}"));
        }
        drop(acts);
        at_rest(&memory, &format!("order {order:b}"));
        check(&memory, answers.map(Option::unwrap));
    }
}

fn register(registry: &InMemory, definition: Definition) -> Act<'_> {
    Box::pin(async move { registry.register(&definition).await.map(|_| ()) })
}

fn change(registry: &InMemory, definition: Definition) -> Act<'_> {
    Box::pin(async move { registry.change(&id(&definition.nombre), &definition).await.map(|_| ()) })
}

fn delete<'a>(registry: &'a InMemory, nombre: &'a str) -> Act<'a> {
    Box::pin(async move { registry.delete(&id(nombre)).await.map(|_| ()) })
}

fn both_done(_: &Memory, answers: [Result<(), RegistryError>; 2]) {
    for answer in answers {
        answer.unwrap();
    }
}

#[test]
fn two_first_processes_of_one_schedule() {
    meet(
        &[],
        |registry| register(registry, definition("uno", HOURLY)),
        |registry| register(registry, definition("dos", HOURLY)),
        both_done,
    );
}

#[test]
fn an_enabled_and_a_disabled_first_process() {
    meet(
        &[],
        |registry| register(registry, definition("uno", HOURLY)),
        |registry| register(registry, disabled("dos", HOURLY)),
        both_done,
    );
}

#[test]
fn one_name_registered_twice_with_different_definitions() {
    meet(
        &[],
        |registry| register(registry, definition("uno", HOURLY)),
        |registry| register(registry, definition("uno", DAILY)),
        |memory, answers| {
            let refused = answers
                .iter()
                .filter(|answer| matches!(answer, Err(RegistryError::NameTaken { .. })));
            assert_eq!(refused.count(), 1);
            assert_eq!(memory.world().schedules.len(), 1);
        },
    );
}

#[test]
fn the_last_process_goes_while_the_next_one_comes() {
    meet(
        &[definition("uno", HOURLY)],
        |registry| delete(registry, "uno"),
        |registry| register(registry, definition("dos", HOURLY)),
        both_done,
    );
}

#[test]
fn the_last_process_goes_while_a_disabled_one_comes() {
    meet(
        &[definition("uno", HOURLY)],
        |registry| delete(registry, "uno"),
        |registry| register(registry, disabled("dos", HOURLY)),
        |memory, answers| {
            both_done(memory, answers);
            assert_eq!(enabled(memory, HOURLY), Some(false));
        },
    );
}

#[test]
fn one_is_disabled_while_another_is_enabled() {
    meet(
        &[definition("uno", HOURLY), disabled("dos", HOURLY)],
        |registry| change(registry, disabled("uno", HOURLY)),
        |registry| change(registry, definition("dos", HOURLY)),
        |memory, answers| {
            both_done(memory, answers);
            assert_eq!(enabled(memory, HOURLY), Some(true));
        },
    );
}

#[test]
fn two_processes_change_places() {
    meet(
        &[definition("uno", HOURLY), definition("dos", DAILY)],
        |registry| change(registry, definition("uno", DAILY)),
        |registry| change(registry, definition("dos", HOURLY)),
        both_done,
    );
}

#[test]
fn one_process_is_moved_and_deleted() {
    meet(
        &[definition("uno", HOURLY)],
        |registry| change(registry, definition("uno", DAILY)),
        |registry| delete(registry, "uno"),
        |memory, [moved, deleted]| {
            deleted.unwrap();
            assert!(matches!(moved, Ok(()) | Err(RegistryError::NotFound { .. })));
            assert_eq!(memory.world().tables, Tables::default());
        },
    );
}

#[test]
fn one_process_is_deleted_twice() {
    meet(
        &[definition("uno", HOURLY)],
        |registry| delete(registry, "uno"),
        |registry| delete(registry, "uno"),
        |_, answers| assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1),
    );
}
