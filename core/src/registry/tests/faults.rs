//! A fault at every call that an operation makes: what it leaves, and that doing it again leads to the same world.

use super::*;

/// An operation and the world that it begins in.
struct Case {
    name: &'static str,
    before: fn(&InMemory),
    act: fn(&InMemory) -> Result<(), RegistryError>,
}

const CASES: &[Case] = &[
    Case {
        name: "register the first",
        before: |_| {},
        act: |registry| register(registry, "uno", HOURLY),
    },
    Case {
        name: "register next to a disabled one",
        before: |registry| add(registry, &disabled("otro", HOURLY)),
        act: |registry| register(registry, "uno", HOURLY),
    },
    Case {
        name: "register next to an enabled one",
        before: |registry| add(registry, &definition("otro", HOURLY)),
        act: |registry| register(registry, "uno", HOURLY),
    },
    Case {
        name: "move alone",
        before: |registry| add(registry, &definition("uno", HOURLY)),
        act: |registry| run(registry.change(&id("uno"), &definition("uno", DAILY))).map(|_| ()),
    },
    Case {
        name: "move away from others to a disabled one",
        before: |registry| {
            add(registry, &definition("uno", HOURLY));
            add(registry, &disabled("otro", HOURLY));
            add(registry, &disabled("ajeno", DAILY));
        },
        act: |registry| run(registry.change(&id("uno"), &definition("uno", DAILY))).map(|_| ()),
    },
    Case {
        name: "disable",
        before: |registry| add(registry, &definition("uno", HOURLY)),
        act: |registry| run(registry.set_enabled(&id("uno"), false)).map(|_| ()),
    },
    Case {
        name: "enable",
        before: |registry| add(registry, &disabled("uno", HOURLY)),
        act: |registry| run(registry.set_enabled(&id("uno"), true)).map(|_| ()),
    },
    Case {
        name: "delete the last",
        before: |registry| add(registry, &definition("uno", HOURLY)),
        act: delete,
    },
    Case {
        name: "delete the last enabled",
        before: |registry| {
            add(registry, &definition("uno", HOURLY));
            add(registry, &disabled("otro", HOURLY));
        },
        act: delete,
    },
];

fn add(registry: &InMemory, definition: &Definition) {
    run(registry.register(definition)).unwrap();
}

fn register(registry: &InMemory, nombre: &str, cron: &str) -> Result<(), RegistryError> {
    run(registry.register(&definition(nombre, cron))).map(|_| ())
}

/// A deletion is repeated by someone who takes *not found* for success.
fn delete(registry: &InMemory) -> Result<(), RegistryError> {
    match run(registry.delete(&id("uno"))) {
        Ok(_) | Err(RegistryError::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The processes without their times and versions.
fn procesos(memory: &Memory) -> Vec<String> {
    let world = memory.world();
    let procesos = world.tables.procesos.values();
    procesos
        .map(|p| format!("{} {} {}", p.nombre, p.habilitado, p.id_calendarizacion))
        .collect()
}

/// What a world is in the end: processes, schedules, counters.
fn outcome(memory: &Memory) -> Vec<String> {
    let procesos = procesos(memory);
    let world = memory.world();
    let schedules = world
        .schedules
        .values()
        .map(|s| format!("{} {}", s.expression, s.enabled));
    let rows = world.tables.calendarizaciones.values();
    let rows = rows.map(|c| {
        format!(
            "{} {}/{} {}",
            c.expresion, c.cant_procesos, c.cant_habilitados, c.estado
        )
    });
    procesos.into_iter().chain(schedules).chain(rows).collect()
}

/// Runs every case once for each call that it makes, with a fault at that call; `check` gets what the act answered.
fn at_every_call(fault: Fault, check: impl Fn(&str, &Memory, &InMemory, &Case, Result<(), RegistryError>)) {
    for case in CASES {
        let mut calls = 0;
        loop {
            let (memory, registry) = world();
            (case.before)(&registry);
            let before = memory.world().journal.len();
            memory.fail_after(calls, fault);
            let answer = (case.act)(&registry);
            if memory.world().journal.len() - before <= calls {
                assert!(calls >= 3, "{}: only {calls} calls", case.name);
                break;
            }
            check(
                &format!("{}, {fault:?} at call {calls}", case.name),
                &memory,
                &registry,
                case,
                answer,
            );
            calls += 1;
        }
    }
}

fn undisturbed(case: &Case) -> Memory {
    let (memory, registry) = world();
    (case.before)(&registry);
    (case.act)(&registry).unwrap();
    at_rest(&memory, case.name);
    memory
}

#[test]
fn after_a_crash_no_enabled_process_is_without_a_schedule_and_doing_it_again_ends_it() {
    for fault in [Fault::CrashBefore, Fault::CrashAfter] {
        at_every_call(fault, |name, memory, registry, case, answer| {
            let wanted = undisturbed(case);
            if answer.is_ok() {
                assert_eq!(
                    procesos(memory),
                    procesos(&wanted),
                    "{name}: success without what was asked for"
                );
            }
            unbroken(memory, name);
            memory.revive();
            (case.act)(registry).unwrap_or_else(|error| unreachable!("{name}: {error}"));
            unbroken(memory, name);
            // What the one who died had begun elsewhere is ended by the next who passes there, or by a repair.
            run(registry.settle(&schedule(HOURLY).id())).unwrap();
            assert_eq!(outcome(memory), outcome(&wanted), "{name}, settled");
            at_rest(memory, name);
        });
    }
}

#[test]
fn a_disabling_that_was_cut_off_is_ended_by_the_same_call_again() {
    let faults = [
        Fault::CrashBefore,
        Fault::CrashAfter,
        Fault::Refused(PortErrorKind::Denied),
    ];
    for fault in faults {
        at_every_call(fault, |name, memory, registry, case, _| {
            if case.name == "disable" {
                memory.revive();
                (case.act)(registry).unwrap_or_else(|error| unreachable!("{name}: {error}"));
                assert_eq!(outcome(memory), outcome(&undisturbed(case)), "{name}, again");
                at_rest(memory, name);
            }
        });
    }
}

#[test]
fn a_crash_is_also_mended_by_a_repair_alone() {
    for fault in [Fault::CrashBefore, Fault::CrashAfter] {
        at_every_call(fault, |name, memory, registry, _, _| {
            memory.revive();
            for cron in [HOURLY, DAILY] {
                run(registry.repair(&schedule(cron).id())).unwrap_or_else(|error| unreachable!("{name}: {error}"));
            }
            at_rest(memory, name);
        });
    }
}

#[test]
fn a_lost_answer_or_a_moments_refusal_is_not_noticed() {
    for fault in [Fault::AnswerLost, Fault::Refused(PortErrorKind::Transient)] {
        at_every_call(fault, |name, memory, _, case, answer| {
            // Reading is not tried again here: the client behind the port does that.
            let read = memory.world().journal.len();
            if let Err(error) = answer {
                let RegistryError::Port { doing, .. } = &error else {
                    unreachable!("{name}: {error}")
                };
                assert!(doing.starts_with("reading"), "{name}: {error} after {read} calls");
                return;
            }
            assert_eq!(outcome(memory), outcome(&undisturbed(case)), "{name}");
            at_rest(memory, name);
        });
    }
}

#[test]
fn what_is_denied_is_a_failure_until_the_process_is_as_wanted_and_success_from_there() {
    at_every_call(
        Fault::Refused(PortErrorKind::Denied),
        |name, memory, registry, case, answer| {
            let wanted = undisturbed(case);
            let done = procesos(memory) == procesos(&wanted);
            assert_eq!(answer.is_ok(), done, "{name}: {answer:?}");
            unbroken(memory, name);
            memory.revive();
            (case.act)(registry).unwrap_or_else(|error| unreachable!("{name}: {error}"));
            run(registry.settle(&schedule(HOURLY).id())).unwrap();
            assert_eq!(outcome(memory), outcome(&wanted), "{name}, again");
            at_rest(memory, name);
        },
    );
}

#[test]
fn a_registration_that_is_denied_its_schedule_leaves_nothing() {
    let (memory, registry) = world();
    memory.fail_after(4, Fault::Refused(PortErrorKind::Denied));
    let refused = register(&registry, "uno", HOURLY).unwrap_err();
    assert!(
        refused
            .to_string()
            .starts_with("creating the schedule \"calendarizacion-"),
        "{refused}"
    );
    assert_eq!(memory.world().tables, Tables::default());
    assert!(memory.world().schedules.is_empty());
}

#[test]
fn a_role_that_is_not_visible_everywhere_yet_is_waited_for() {
    let (memory, registry) = world();
    // Each try reads the row, takes its guard again, and asks Scheduler.
    for call in [4, 7, 10, 13] {
        memory.fail_after(call, Fault::Refused(PortErrorKind::Propagation));
    }
    register(&registry, "uno", HOURLY).unwrap();
    let tries = memory
        .world()
        .journal
        .iter()
        .filter(|call| call.starts_with("create schedule"))
        .count();
    assert_eq!(tries, 5);
    at_rest(&memory, "in the end");
}

#[test]
fn a_process_whose_row_was_lost_is_changed_or_not_whatever_fails() {
    let mut calls = 0;
    let mut changes = 0;
    loop {
        let (memory, registry) = world();
        add(&registry, &definition("uno", HOURLY));
        add(&registry, &definition("dos", HOURLY));
        memory.world().tables.calendarizaciones.clear();
        let before = memory.world().journal.len();
        memory.fail_after(calls, Fault::Refused(PortErrorKind::Denied));
        let wanted = Definition {
            reintentos: 0,
            ..definition("uno", HOURLY)
        };
        let answer = run(registry.change(&id("uno"), &wanted));
        let journal = memory.world().journal[before..].to_vec();
        if journal.len() <= calls {
            break;
        }
        let changed = memory.world().tables.procesos[&id("uno")].version == 2;
        assert_eq!(answer.is_ok(), changed, "call {calls}: {answer:?} after {journal:#?}");
        changes += usize::from(changed);
        memory.revive();
        run(registry.change(&id("uno"), &wanted)).unwrap();
        run(registry.repair(&schedule(HOURLY).id())).unwrap();
        at_rest(&memory, &format!("call {calls}"));
        calls += 1;
    }
    assert!(changes > 0 && calls > changes, "{changes} of {calls}");
}
