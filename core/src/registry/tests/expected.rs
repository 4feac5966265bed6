//! Changes and deletions that expect a version: what is not expected stays as it is, and lost answers change nothing.

use super::*;

/// What the tests expect: the first version.
fn fresh(held: &Proceso) -> bool {
    held.version == 1
}

fn registered(habilitado: bool) -> (Memory, InMemory) {
    let (memory, registry) = world();
    let definition = Definition {
        habilitado,
        ..definition("uno", HOURLY)
    };
    run(registry.register(&definition)).unwrap();
    (memory, registry)
}

#[test]
fn what_is_not_expected_is_left_as_it_is() {
    let (memory, registry) = registered(true);
    let changed = run(registry.change_if(&id("uno"), &definition("uno", DAILY), fresh)).unwrap();
    assert_eq!(changed.version, 2);
    for outcome in [
        run(registry.change_if(&id("uno"), &definition("uno", HOURLY), fresh)),
        // Also where nothing would change.
        run(registry.change_if(&id("uno"), &definition("uno", DAILY), fresh)),
        run(registry.delete_if(&id("uno"), fresh)),
    ] {
        match outcome {
            Err(RegistryError::Unexpected { held }) => assert_eq!(*held, changed),
            other => unreachable!("{other:?}"),
        }
    }
    assert_eq!(run(registry.proceso(&id("uno"))).unwrap(), Some(changed));
    assert!(matches!(
        run(registry.change_if(&id("otro"), &definition("otro", DAILY), |_| false)),
        Err(RegistryError::NotFound { .. })
    ));
    run(registry.delete_if(&id("uno"), |held| held.version == 2)).unwrap();
    at_rest(&memory, "expected");
}

/// How many turns an order has before it begins again.
const TURNS: u32 = 6;

type Act<'a> = std::pin::Pin<Box<dyn Future<Output = Result<Proceso, RegistryError>> + 'a>>;

fn change(registry: &InMemory, definition: Definition) -> Act<'_> {
    Box::pin(async move { registry.change_if(&id("uno"), &definition, fresh).await })
}

fn delete(registry: &InMemory) -> Act<'_> {
    Box::pin(async move { registry.delete_if(&id("uno"), fresh).await })
}

#[test]
fn of_two_who_expect_the_same_version_one_is_told_so_in_every_order() {
    let acts: [for<'a> fn(&'a InMemory) -> Act<'a>; 4] = [
        |registry| change(registry, definition("uno", DAILY)),
        |registry| change(registry, disabled("uno", HOURLY)),
        |registry| change(registry, disabled("uno", ONCE)),
        |registry| delete(registry),
    ];
    for (i, one) in acts.iter().enumerate() {
        for two in &acts[i..] {
            for order in 0..1_u32 << TURNS {
                let (memory, registry) = registered(true);
                let mut pair = [Some(one(&registry)), Some(two(&registry))];
                let mut answers = [None, None];
                let mut context = Context::from_waker(std::task::Waker::noop());
                let mut turn = 0;
                while answers.iter().any(Option::is_none) {
                    let first = usize::from(order >> (turn % TURNS) & 1 == 1);
                    let who = if pair[first].is_some() { first } else { 1 - first };
                    turn += 1;
                    if let Some(act) = &mut pair[who]
                        && let Poll::Ready(answer) = act.as_mut().poll(&mut context)
                    {
                        answers[who] = Some(answer);
                        pair[who] = None;
                    }
                }
                drop(pair);
                let lost = |answer: &Option<Result<Proceso, RegistryError>>| {
                    matches!(
                        answer,
                        Some(Err(RegistryError::Unexpected { .. } | RegistryError::NotFound { .. }))
                    )
                };
                let won = |answer: &Option<Result<Proceso, RegistryError>>| matches!(answer, Some(Ok(_)));
                assert!(
                    won(&answers[0]) && lost(&answers[1]) || lost(&answers[0]) && won(&answers[1]),
                    "order {order:b}: {answers:?}"
                );
                at_rest(&memory, &format!("order {order:b}"));
            }
        }
    }
}

#[test]
fn a_lost_answer_is_never_taken_for_somebody_elses_change() {
    let acts: [for<'a> fn(&'a InMemory) -> Act<'a>; 3] = [
        |registry| change(registry, definition("uno", DAILY)),
        |registry| change(registry, disabled("uno", HOURLY)),
        |registry| delete(registry),
    ];
    for act in acts {
        for at in 0..24 {
            let (memory, registry) = registered(true);
            memory.fail_after(at, Fault::AnswerLost);
            let answer = run(act(&registry));
            // A read that failed may be told as such, as long as nothing was written.
            let untouched = memory.world().tables.procesos.get(&id("uno")).is_some_and(fresh);
            let failed = matches!(answer, Err(RegistryError::Port { .. }));
            assert!(answer.is_ok() || untouched && failed, "fault {at}: {answer:?}");
        }
    }
}
