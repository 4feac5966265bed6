//! What an outsider breaks is found and mended; what is as it should be, or under way, is not called broken.

use proptest::prelude::*;

use super::*;
use crate::calendarizacion::{Calendarizacion, EstadoCalendarizacion, Guardia};
use crate::instant::Timestamp;
use crate::registry::examine::{Examined, IN_SYNC, compare};

/// Two enabled processes and a disabled one on an hourly schedule.
fn three() -> (Memory, InMemory) {
    let (memory, registry) = world();
    for nombre in ["uno", "dos"] {
        run(registry.register(&definition(nombre, HOURLY))).unwrap();
    }
    run(registry.register(&disabled("tres", HOURLY))).unwrap();
    (memory, registry)
}

fn examined(registry: &InMemory, cron: &str) -> Examined {
    run(registry.examine(&schedule(cron).id(), None)).unwrap()
}

/// Somebody breaks it: that is found, told so, found again however it is counted, and mended.
#[track_caller]
fn check(breaks: impl FnOnce(&mut super::super::memory::World, &IdCalendarizacion), status: &str) {
    let (memory, registry) = three();
    assert_eq!(examined(&registry, HOURLY).status(), IN_SYNC);
    breaks(&mut memory.world(), &schedule(HOURLY).id());
    assert_eq!(examined(&registry, HOURLY).status(), status);
    let tally = run(registry.tally()).unwrap();
    let by_tally = run(registry.examine(&schedule(HOURLY).id(), Some(&tally))).unwrap();
    assert_eq!(by_tally.status(), status);
    run(registry.repair_as(&schedule(HOURLY))).unwrap();
    assert_eq!(examined(&registry, HOURLY).status(), IN_SYNC, "after {status}");
    at_rest(&memory, status);
}

fn row<'a>(world: &'a mut super::super::memory::World, id: &IdCalendarizacion) -> &'a mut Calendarizacion {
    world.tables.calendarizaciones.get_mut(id).unwrap()
}

fn held<'a>(world: &'a mut super::super::memory::World, id: &IdCalendarizacion) -> &'a mut ScheduleSpec {
    world.schedules.get_mut(id).unwrap()
}

#[test]
fn whatever_an_outsider_breaks_is_found_and_mended() {
    check(|world, id| drop(world.schedules.remove(id)), "missing: schedule");
    check(
        |world, id| held(world, id).enabled = false,
        "drifted: State: DISABLED → ENABLED",
    );
    check(
        |world, id| held(world, id).expression = "cron(0 4 * * ? *)".into(),
        "drifted: ScheduleExpression: cron(0 4 * * ? *) → cron(0 * * * ? *)",
    );
    check(
        |world, id| held(world, id).zone = "America/Lima".into(),
        "drifted: ScheduleExpressionTimezone: America/Lima → UTC",
    );
    check(
        |world, id| held(world, id).window_minutes = Some(15),
        "drifted: FlexibleTimeWindow: 15 min → OFF",
    );
    check(
        |world, id| held(world, id).start = Some("2027-01-01T00:00:00Z".parse().unwrap()),
        "drifted: StartDate: 2027-01-01T00:00:00.000Z → none",
    );
    check(
        |world, id| held(world, id).end = Some("2027-01-01T00:00:00Z".parse().unwrap()),
        "drifted: EndDate: 2027-01-01T00:00:00.000Z → none",
    );
    check(
        |world, id| row(world, id).cant_procesos = 7,
        "drifted: CantProcesos: 7 → 3",
    );
    check(
        |world, id| row(world, id).cant_habilitados = 0,
        "drifted: CantHabilitados: 0 → 2",
    );
    check(
        |world, id| row(world, id).estado = EstadoCalendarizacion::Eliminando,
        "drifted: Estado: Eliminando → Activa",
    );
    check(
        |world, id| row(world, id).expresion = "cron(0 4 * * ? *)".into(),
        "drifted: Expresion: cron(0 4 * * ? *) → that of its id",
    );
    check(
        |world, id| {
            drop(world.schedules.remove(id));
            row(world, id).cant_procesos = 1;
        },
        "missing: CantProcesos: 1 → 3; schedule",
    );
    check(
        |world, _| drop(world.tables.procesos.remove(&super::id("uno"))),
        "drifted: CantProcesos: 3 → 2; CantHabilitados: 2 → 1",
    );
    check(
        |world, _| {
            world
                .tables
                .procesos
                .values_mut()
                .for_each(|held| held.habilitado = false);
        },
        "drifted: CantHabilitados: 2 → 0; State: ENABLED → DISABLED",
    );
}

#[test]
fn a_row_that_is_gone_is_found_and_comes_back_with_a_change_of_a_process() {
    let (memory, registry) = three();
    memory.world().tables.calendarizaciones.clear();
    assert_eq!(examined(&registry, HOURLY).status(), "missing: row");
    run(registry.change(&id("uno"), &definition("uno", HOURLY))).unwrap();
    assert_eq!(examined(&registry, HOURLY).status(), IN_SYNC);
    at_rest(&memory, "after the change");
}

#[test]
fn examining_changes_nothing_and_takes_three_reads_where_nothing_is_wrong() {
    let (memory, registry) = three();
    let before = memory.world().journal.len();
    let tables = memory.world().tables.clone();
    examined(&registry, HOURLY);
    assert_eq!(memory.world().journal.len() - before, 3);
    let tally = run(registry.tally()).unwrap();
    run(registry.examine(&schedule(HOURLY).id(), Some(&tally))).unwrap();
    assert_eq!(memory.world().journal.len() - before, 3 + 1 + 2);
    memory.world().schedules.clear();
    examined(&registry, HOURLY);
    let world = memory.world();
    let writes = world.journal[before..].iter().filter(|call| {
        let read = ["read ", "ask ", "tally ", "count "]
            .iter()
            .any(|read| call.starts_with(read));
        !read
    });
    assert_eq!(writes.count(), 0, "{:#?}", world.journal);
    assert_eq!(world.tables, tables);
}

#[test]
fn an_index_that_lags_behind_is_not_believed() {
    let (_, registry) = three();
    let behind = run(registry.examine(&schedule(HOURLY).id(), Some(&std::collections::BTreeMap::new()))).unwrap();
    assert_eq!(behind.status(), IN_SYNC);
}

#[test]
fn who_is_at_work_is_waited_for_and_who_crashed_is_not() {
    let (memory, registry) = three();
    let id = schedule(HOURLY).id();
    let hasta = memory
        .world()
        .now
        .saturating_add(jiff::SignedDuration::from_secs(20))
        .unwrap();
    {
        let mut world = memory.world();
        world.schedules.remove(&id);
        row(&mut world, &id).guardia = Some(Guardia {
            dueno: "somebody".into(),
            hasta,
        });
    }
    assert_eq!(examined(&registry, HOURLY).status(), "missing: schedule");
    assert!(memory.world().now > hasta, "it was told while somebody held the guard");
}

#[test]
fn a_count_that_fits_a_row_as_it_was_before_is_not_believed() {
    let repaired = schedule(HOURLY);
    let mut context = Context::from_waker(std::task::Waker::noop());
    for between in 0..20 {
        let (memory, registry) = three();
        // Paused by hand, past the counters; then, between two calls of a repair, enabled again, which is counted.
        memory.world().tables.procesos.get_mut(&id("dos")).unwrap().habilitado = false;
        let mut repair = pin!(registry.repair_as(&repaired));
        for calls in 0.. {
            if calls == between {
                run(registry.change(&id("dos"), &definition("dos", HOURLY))).unwrap();
            }
            if repair.as_mut().poll(&mut context).is_ready() {
                break;
            }
        }
        if memory.world().tables.procesos[&id("dos")].habilitado {
            at_rest(&memory, "after the repair");
        }
    }
}

/// What a row, its schedule and AWS's view of it differ by, at an instant.
#[track_caller]
fn compared(cron: &str, bounds: (Option<&str>, Option<&str>), change: impl FnOnce(&mut HeldSchedule), told: &[&str]) {
    let wanted = Schedule::parse(cron, None, None, bounds.0, bounds.1).unwrap();
    let now: Timestamp = NOW.parse().unwrap();
    let created = now.saturating_sub(jiff::SignedDuration::from_hours(24 * 365)).unwrap();
    let (_, registry) = world();
    let row = Calendarizacion {
        cant_procesos: 1,
        cant_habilitados: 1,
        estado: EstadoCalendarizacion::Activa,
        ..Calendarizacion::new(&wanted, &registry.names, created)
    };
    let mut held = HeldSchedule {
        expression: wanted.expression.to_string(),
        zone: "UTC".into(),
        window_minutes: None,
        start: wanted.start,
        end: wanted.end,
        enabled: true,
        deviations: Vec::new(),
    };
    change(&mut held);
    let count = Count {
        procesos: 1,
        habilitados: 1,
    };
    let found = compare(Some(&row), Some(&held), count, now);
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found, told, "{cron}");
}

#[test]
fn what_aws_keeps_in_another_form_is_no_difference() {
    let (past, future) = ("2025-06-01T00:00:00Z", "2026-06-01T00:00:00.250Z");
    let none = (None, None);
    compared(HOURLY, none, |_| {}, &[]);
    compared(
        HOURLY,
        none,
        |held| held.expression = "cron(0 0-23 ? * * *)".into(),
        &[],
    );
    // A start that has passed was never sent, or is still there.
    compared(HOURLY, (Some(past), None), |_| {}, &[]);
    compared(HOURLY, (Some(past), None), |held| held.start = None, &[]);
    compared(
        HOURLY,
        (Some(past), None),
        |held| held.start = Some("2026-02-01T00:00:00Z".parse().unwrap()),
        &["StartDate: 2026-02-01T00:00:00.000Z → none"],
    );
    // Parts of a second may be lost.
    let whole = || "2026-06-01T00:00:00Z".parse().ok();
    compared(HOURLY, (Some(future), None), |held| held.start = whole(), &[]);
    compared(HOURLY, (None, Some(future)), |held| held.end = whole(), &[]);
    compared(
        HOURLY,
        (None, Some(future)),
        |held| held.end = None,
        &["EndDate: none → 2026-06-01T00:00:00.250Z"],
    );
    // A one-time schedule has no bounds.
    compared(
        ONCE,
        (Some(future), Some("2027-01-01T00:00:00Z")),
        |held| (held.start, held.end) = (None, None),
        &[],
    );
}

#[test]
fn what_never_fires_again_is_not_looked_at() {
    let over = |held: &mut HeldSchedule| {
        held.enabled = false;
        held.deviations.push(Deviation {
            property: "Target.Arn",
            actual: "a".into(),
            wanted: "b".into(),
        });
    };
    compared("at(2025-12-31T23:59:59)", (None, None), over, &[]);
    compared(HOURLY, (None, Some("2025-12-31T00:00:00Z")), over, &[]);
    compared("cron(0 3 * * ? 2025)", (None, None), over, &[]);
    compared(
        ONCE,
        (None, None),
        over,
        &["State: DISABLED → ENABLED", "Target.Arn: a → b"],
    );
}

#[test]
fn a_row_of_the_earlier_system_is_left_alone() {
    let (memory, registry) = three();
    let id = schedule(HOURLY).id();
    row(&mut memory.world(), &id).version = 0;
    row(&mut memory.world(), &id).cant_procesos = 0;
    assert_eq!(examined(&registry, HOURLY).status(), IN_SYNC);
}

/// Something that an outsider can do to the world.
#[derive(Debug, Clone)]
enum Damage {
    DeleteSchedule,
    FlipState,
    OtherExpression,
    OtherZone,
    Counters(u64, u64),
    Estado(EstadoCalendarizacion),
    OtherRow,
    LoseProcess,
    FlipProcess,
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        Just(Damage::DeleteSchedule),
        Just(Damage::FlipState),
        Just(Damage::OtherExpression),
        Just(Damage::OtherZone),
        (0_u64..5, 0_u64..5).prop_map(|(all, enabled)| Damage::Counters(all, enabled)),
        Just(Damage::Estado(EstadoCalendarizacion::Creando)),
        Just(Damage::Estado(EstadoCalendarizacion::Eliminando)),
        Just(Damage::OtherRow),
        Just(Damage::LoseProcess),
        Just(Damage::FlipProcess),
    ]
}

fn damaged(world: &mut super::super::memory::World, id: &IdCalendarizacion, damage: &Damage) {
    let schedule = world.schedules.get_mut(id);
    let row = world.tables.calendarizaciones.get_mut(id).unwrap();
    match damage {
        Damage::DeleteSchedule => drop(world.schedules.remove(id)),
        Damage::FlipState => schedule.into_iter().for_each(|held| held.enabled = !held.enabled),
        Damage::OtherExpression => schedule
            .into_iter()
            .for_each(|held| held.expression = "rate(1 day)".into()),
        Damage::OtherZone => schedule.into_iter().for_each(|held| held.zone = "America/Lima".into()),
        Damage::Counters(all, enabled) => (row.cant_procesos, row.cant_habilitados) = (*all, *enabled),
        Damage::Estado(estado) => row.estado = *estado,
        Damage::OtherRow => row.expresion = "rate(1 day)".into(),
        Damage::LoseProcess => drop(world.tables.procesos.remove(&super::id("uno"))),
        Damage::FlipProcess => {
            let held = world.tables.procesos.get_mut(&super::id("dos")).unwrap();
            held.habilitado = !held.habilitado;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_damage_is_found_exactly_where_it_is_and_mended(damages in prop::collection::vec(damage(), 1..5)) {
        let (memory, registry) = three();
        let id = schedule(HOURLY).id();
        let whole = memory.world().clone();
        for damage in &damages {
            damaged(&mut memory.world(), &id, damage);
        }
        // Several damages may undo each other, or leave what is right: what a lost process is counted for.
        let right = {
            let world = memory.world();
            let says = |held: &ScheduleSpec| (held.expression.clone(), held.zone.clone());
            world.restless().is_empty()
                && world.schedules.get(&id).map(says) == whole.schedules.get(&id).map(says)
                && world.tables.calendarizaciones[&id].expresion == whole.tables.calendarizaciones[&id].expresion
        };
        let status = examined(&registry, HOURLY).status();
        prop_assert_eq!(status == IN_SYNC, right, "{} after {:?}", status, damages);
        run(registry.repair_as(&schedule(HOURLY))).unwrap();
        prop_assert_eq!(examined(&registry, HOURLY).status(), IN_SYNC);
        prop_assert_eq!(memory.world().restless(), Vec::<String>::new());
    }
}
