//! Schedules that would never fire: refused before anything is written, and again after others were waited for.

use super::*;
use crate::calendarizacion::{Calendarizacion, Guardia};

const PAST_YEARS: &str = "cron(0 3 * * ? 2025)";

fn ending(cron: &str, fin: &str) -> Schedule {
    Schedule::parse(cron, None, None, None, Some(fin)).unwrap()
}

fn on(nombre: &str, schedule: &Schedule) -> Definition {
    Definition {
        schedule: schedule.clone(),
        ..definition(nombre, HOURLY)
    }
}

/// Somebody else holds the guard of a calendarización that they began to create, beyond the time of [`ONCE`].
fn held_up(memory: &Memory, registry: &InMemory) {
    let mut world = memory.world();
    world.now = "2026-01-01T00:09:59.900Z".parse().unwrap();
    let row = Calendarizacion {
        guardia: Some(Guardia {
            dueno: "other".into(),
            hasta: "2026-01-01T00:10:05Z".parse().unwrap(),
        }),
        ..Calendarizacion::new(&schedule(ONCE), &registry.names, world.now)
    };
    let id = row.id_calendarizacion.clone();
    world.tables.calendarizaciones.insert(id, row);
}

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, RegistryError>, field: Field) -> Rule {
    match answer {
        Err(RegistryError::Users(mut errors)) => {
            let error = errors.remove(0);
            assert_eq!(error.field, field);
            error.rule
        }
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn neither_a_registration_nor_a_move_begins_a_schedule_that_would_never_fire() {
    let (memory, registry) = world();
    run(registry.register(&definition("uno", HOURLY))).unwrap();
    let before = memory.world().tables.clone();
    for (schedule, field) in [
        (schedule("at(2025-12-31T23:59:59)"), Field::Cron),
        (schedule(PAST_YEARS), Field::Cron),
        (ending(HOURLY, "2025-06-01T00:00:00Z"), Field::Fin),
        (ending(DAILY, "2026-01-01T02:59:59Z"), Field::Fin),
    ] {
        let registered = refused(run(registry.register(&on("dos", &schedule))), field);
        let moved = refused(run(registry.change(&id("uno"), &on("uno", &schedule))), field);
        assert_eq!(registered, moved);
    }
    assert_eq!(memory.world().tables, before);
    at_rest(&memory, "in the end");
}

#[test]
fn a_process_whose_schedule_is_over_can_still_be_changed_and_disabled() {
    let (memory, registry) = world();
    let ending = ending(HOURLY, "2026-01-01T05:00:00Z");
    run(registry.register(&on("uno", &ending))).unwrap();
    memory.world().now = "2026-01-01T06:00:00Z".parse().unwrap();
    run(registry.set_enabled(&id("uno"), false)).unwrap();
    run(registry.delete(&id("uno"))).unwrap();
    assert!(memory.world().schedules.is_empty());
}

#[test]
fn a_registration_whose_time_comes_while_it_waits_is_refused_and_leaves_nothing() {
    let (memory, registry) = world();
    held_up(&memory, &registry);
    let rule = refused(run(registry.register(&definition("uno", ONCE))), Field::Cron);
    assert!(matches!(rule, Rule::AtPast { .. }), "{rule}");
    assert_eq!(memory.world().tables, Tables::default());
    at_rest(&memory, "in the end");
}

#[test]
fn a_move_whose_time_comes_while_it_waits_is_refused_and_changes_nothing() {
    let (memory, registry) = world();
    run(registry.register(&definition("uno", HOURLY))).unwrap();
    let before = memory.world().tables.clone();
    held_up(&memory, &registry);
    let rule = refused(run(registry.change(&id("uno"), &definition("uno", ONCE))), Field::Cron);
    assert!(matches!(rule, Rule::AtPast { .. }), "{rule}");
    assert_eq!(memory.world().tables, before);
    at_rest(&memory, "in the end");
}

#[test]
fn a_one_time_schedule_is_sent_without_its_bounds() {
    let (memory, registry) = world();
    let bounds = [
        (Some("2027-01-01T00:00:00Z"), None),
        (None, Some("2025-01-01T00:00:00Z")),
    ];
    for (inicio, fin) in bounds {
        let once = Schedule::parse(ONCE, None, None, inicio, fin).unwrap();
        run(registry.register(&on("uno", &once))).unwrap();
        {
            let world = memory.world();
            let sent = &world.schedules[&once.id()];
            assert_eq!((sent.start, sent.end), (None, None));
            let row = &world.tables.calendarizaciones[&once.id()];
            assert_eq!((row.inicio, row.fin), (once.start, once.end));
        }
        run(registry.delete(&id("uno"))).unwrap();
    }
}
