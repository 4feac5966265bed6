//! The registry on a world in memory: what it does, what it leaves after faults, and how callers meet.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod earlier;
mod examine;
mod expected;
mod faults;
mod listings;
mod model;
mod past;
mod scheduler;

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{LazyLock, Mutex};
use std::task::{Context, Poll};

use super::memory::{Fault, Memory};
use super::*;
use crate::error::Rule;
use crate::names::Place;
use crate::proceso::InvocationMode;
use crate::schedule::Schedule;

type InMemory = Registry<Memory, Memory, Memory>;

const NOW: &str = "2026-01-01T00:00:00Z";
const HOURLY: &str = "cron(0 * * * ? *)";
const DAILY: &str = "cron(0 3 * * ? *)";
const ONCE: &str = "at(2026-01-01T00:10:00)";

fn world() -> (Memory, InMemory) {
    let memory = Memory::new(NOW.parse().unwrap());
    let registry = memory.registry(names());
    (memory, registry)
}

fn names() -> Names {
    let place = Place {
        partition: "aws".into(),
        account: "123456789012".into(),
        region: "sa-east-1".into(),
    };
    Names::new("Demo", place)
}

/// A schedule, read once: the tests of the orders make thousands of worlds.
fn schedule(cron: &str) -> Schedule {
    static READ: LazyLock<Mutex<HashMap<String, Schedule>>> = LazyLock::new(Mutex::default);
    let mut read = READ.lock().unwrap();
    let parse = || Schedule::parse(cron, None, None, None, None).unwrap();
    read.entry(cron.to_owned()).or_insert_with(parse).clone()
}

fn definition(nombre: &str, cron: &str) -> Definition {
    Definition {
        nombre: nombre.into(),
        schedule: schedule(cron),
        arn_rol: "arn:aws:iam::123456789012:role/demo".into(),
        arn_proceso: "arn:aws:sqs:sa-east-1:123456789012:trabajo".into(),
        parametros: Some("{\"a\": 1}".into()),
        habilitado: true,
        reintentos: 3,
        modo_invocacion: InvocationMode::Event,
        tiempo_maximo_segundos: None,
    }
}

fn disabled(nombre: &str, cron: &str) -> Definition {
    Definition {
        habilitado: false,
        ..definition(nombre, cron)
    }
}

/// Runs a future of ours, which never waits for anything but its own steps.
fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(std::task::Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

#[track_caller]
fn at_rest(memory: &Memory, what: &str) {
    let world = memory.world();
    assert_eq!(world.restless(), Vec::<String>::new(), "{what}: {:#?}", world.journal);
}

#[track_caller]
fn unbroken(memory: &Memory, what: &str) {
    let world = memory.world();
    assert_eq!(world.broken(), Vec::<String>::new(), "{what}: {:#?}", world.journal);
}

fn id(nombre: &str) -> IdProceso {
    IdProceso::of(nombre)
}

#[track_caller]
fn enabled(memory: &Memory, cron: &str) -> Option<bool> {
    memory
        .world()
        .schedules
        .get(&schedule(cron).id())
        .map(|schedule| schedule.enabled)
}

#[test]
fn the_first_process_brings_its_schedule_and_the_last_takes_it_away() {
    let (memory, registry) = world();
    let Registration::New(first) = run(registry.register(&definition("uno", HOURLY))).unwrap() else {
        unreachable!("it is new")
    };
    run(registry.register(&definition("dos", HOURLY))).unwrap();
    assert_eq!(memory.world().schedules.len(), 1);
    at_rest(&memory, "in the end");
    run(registry.delete(&first.id_proceso)).unwrap();
    at_rest(&memory, "in the end");
    assert_eq!(enabled(&memory, HOURLY), Some(true));
    run(registry.delete(&id("dos"))).unwrap();
    assert_eq!(enabled(&memory, HOURLY), None);
    assert_eq!(memory.world().tables, Tables::default());
}

#[test]
fn the_row_stands_before_the_schedule_and_the_schedule_before_the_process() {
    let (memory, registry) = world();
    run(registry.register(&definition("uno", HOURLY))).unwrap();
    let (cal, proc) = (schedule(HOURLY).id().to_string(), id("uno").to_string());
    let changes: Vec<String> = memory
        .world()
        .journal
        .iter()
        .filter(|call| !call.starts_with("read"))
        .cloned()
        .collect();
    assert_eq!(
        changes,
        [
            format!("write {cal}"),
            format!("create schedule {cal}"),
            format!("write {cal}"),
            format!("write {proc}, {cal}")
        ]
    );
}

#[test]
fn a_schedule_is_enabled_while_one_of_its_processes_is() {
    let (memory, registry) = world();
    run(registry.register(&disabled("uno", HOURLY))).unwrap();
    assert_eq!(enabled(&memory, HOURLY), Some(false));
    run(registry.register(&definition("dos", HOURLY))).unwrap();
    assert_eq!(enabled(&memory, HOURLY), Some(true));
    run(registry.set_enabled(&id("dos"), false)).unwrap();
    assert_eq!(enabled(&memory, HOURLY), Some(false));
    at_rest(&memory, "in the end");
    run(registry.set_enabled(&id("uno"), true)).unwrap();
    assert_eq!(enabled(&memory, HOURLY), Some(true));
    run(registry.delete(&id("uno"))).unwrap();
    assert_eq!(enabled(&memory, HOURLY), Some(false));
    at_rest(&memory, "in the end");
}

#[test]
fn a_change_of_schedule_moves_the_process_and_leaves_no_orphan() {
    let (memory, registry) = world();
    run(registry.register(&definition("uno", HOURLY))).unwrap();
    memory.world().now = "2026-01-01T05:00:00Z".parse().unwrap();
    let moved = run(registry.change(&id("uno"), &definition("uno", DAILY))).unwrap();
    assert_eq!(enabled(&memory, HOURLY), None);
    assert_eq!(enabled(&memory, DAILY), Some(true));
    assert_eq!(moved.fecha_asignacion, "2026-01-01T05:00:00Z".parse().unwrap());
    assert_eq!(moved.fecha_creacion, NOW.parse().unwrap());
    assert_eq!(moved.version, 2);
    at_rest(&memory, "in the end");
    // Every other change leaves the assignment as it is, and makes no call to Scheduler.
    let calls = memory.world().journal.len();
    let changed = Definition {
        reintentos: 0,
        ..definition("uno", DAILY)
    };
    let changed = run(registry.change(&id("uno"), &changed)).unwrap();
    assert_eq!((changed.fecha_asignacion, changed.version), (moved.fecha_asignacion, 3));
    assert!(
        !memory.world().journal[calls..]
            .iter()
            .any(|call| call.contains("schedule"))
    );
    at_rest(&memory, "in the end");
}

#[test]
fn the_same_again_is_no_change_and_another_definition_is_refused() {
    let (memory, registry) = world();
    run(registry.register(&definition("Uno dos", HOURLY))).unwrap();
    let same = Definition {
        parametros: Some("{ \"a\":1 }".into()),
        ..definition("UNO  DOS", HOURLY)
    };
    assert!(matches!(run(registry.register(&same)), Ok(Registration::Same(held)) if held.version == 1));
    assert_eq!(run(registry.change(&id("uno dos"), &same)).unwrap().version, 1);
    let other = definition("uno dos", DAILY);
    let refused = run(registry.register(&other)).unwrap_err();
    assert!(
        matches!(&refused, RegistryError::NameTaken { existing } if existing.nombre == "Uno dos"),
        "{refused}"
    );
    at_rest(&memory, "in the end");
}

#[test]
fn a_name_is_permanent_and_what_is_not_there_is_not_found() {
    let (_, registry) = world();
    run(registry.register(&definition("uno", HOURLY))).unwrap();
    let refused = run(registry.change(&id("uno"), &definition("dos", HOURLY))).unwrap_err();
    assert!(matches!(refused, RegistryError::Users(errors) if errors[0].rule == Rule::NameIsPermanent));
    let changed = run(registry.change(&id("dos"), &definition("dos", HOURLY)));
    assert!(matches!(changed, Err(RegistryError::NotFound { .. })));
    assert!(matches!(
        run(registry.delete(&id("dos"))),
        Err(RegistryError::NotFound { .. })
    ));
}

#[test]
fn a_one_time_schedule_is_not_touched_once_its_time_has_come() {
    let (memory, registry) = world();
    run(registry.register(&definition("uno", ONCE))).unwrap();
    memory.world().now = "2026-01-01T01:00:00Z".parse().unwrap();
    let calls = memory.world().journal.len();
    run(registry.set_enabled(&id("uno"), false)).unwrap();
    let changed = Definition {
        reintentos: 0,
        ..definition("uno", ONCE)
    };
    run(registry.change(&id("uno"), &changed)).unwrap();
    assert!(
        !memory.world().journal[calls..]
            .iter()
            .any(|call| call.contains("schedule"))
    );
    let refused = run(registry.register(&definition("dos", ONCE))).unwrap_err();
    assert!(matches!(refused, RegistryError::Users(errors) if matches!(errors[0].rule, Rule::AtPast { .. })));
    run(registry.delete(&id("uno"))).unwrap();
    assert_eq!(enabled(&memory, ONCE), None);
    at_rest(&memory, "in the end");
}

#[test]
fn a_start_in_the_past_stays_in_the_row_and_out_of_the_calls() {
    let (memory, registry) = world();
    let started = Schedule::parse(HOURLY, None, None, Some("2025-06-01T00:00:00Z"), None).unwrap();
    let of = |nombre| Definition {
        schedule: started.clone(),
        ..definition(nombre, HOURLY)
    };
    run(registry.register(&of("uno"))).unwrap();
    run(registry.set_enabled(&id("uno"), false)).unwrap();
    let world = memory.world();
    assert_eq!(world.schedules[&started.id()].start, None);
    assert_eq!(world.tables.calendarizaciones[&started.id()].inicio, started.start);
}

#[test]
fn a_process_of_the_earlier_system_keeps_its_id_and_moves_off_its_calendarizacion() {
    let (memory, registry) = world();
    let old = definition("uno", HOURLY).create(NOW.parse().unwrap());
    let legacy = Proceso {
        id_proceso: IdProceso::legacy("uno"),
        id_calendarizacion: IdCalendarizacion::legacy("0 * * * ? *"),
        version: 0,
        ..old
    };
    memory
        .world()
        .tables
        .procesos
        .insert(legacy.id_proceso.clone(), legacy.clone());
    let taken = run(registry.register(&definition("Uno", HOURLY))).unwrap_err();
    assert!(matches!(&taken, RegistryError::NameTaken { existing } if existing.id_proceso == legacy.id_proceso));
    let moved = run(registry.change(&legacy.id_proceso, &definition("Uno", HOURLY))).unwrap();
    assert_eq!(moved.id_proceso, legacy.id_proceso);
    assert_eq!(run(registry.find_by_nombre("UNO")).unwrap().unwrap().proceso, moved);
    at_rest(&memory, "in the end");
}

#[test]
fn a_repair_corrects_counters_and_schedules() {
    let (memory, registry) = world();
    run(registry.register(&definition("uno", HOURLY))).unwrap();
    let cal = schedule(HOURLY).id();
    {
        let mut world = memory.world();
        world.schedules.clear();
        let row = world.tables.calendarizaciones.get_mut(&cal).unwrap();
        (row.cant_procesos, row.cant_habilitados) = (7, 0);
    }
    assert_eq!(run(registry.repair_all()).unwrap(), 1);
    at_rest(&memory, "in the end");
}

#[test]
fn a_repair_of_all_goes_on_after_one_that_fails_and_tells_it() {
    let (memory, registry) = world();
    run(registry.register(&definition("uno", HOURLY))).unwrap();
    run(registry.register(&definition("dos", DAILY))).unwrap();
    memory.world().schedules.clear();
    // The list is read, and then the first row is not.
    memory.fail_after(1, Fault::Refused(PortErrorKind::Denied));
    let error = run(registry.repair_all()).unwrap_err();
    assert!(matches!(error, RegistryError::Port { .. }), "{error}");
    assert_eq!(memory.world().schedules.len(), 1, "the other one was repaired");
    assert_eq!(run(registry.repair_all()).unwrap(), 2);
    at_rest(&memory, "in the end");
}

#[test]
fn a_repair_deletes_a_schedule_that_belongs_to_nothing() {
    let (memory, registry) = world();
    run(registry.register(&definition("uno", HOURLY))).unwrap();
    memory.world().tables = Tables::default();
    run(registry.repair(&schedule(HOURLY).id())).unwrap();
    assert!(memory.world().schedules.is_empty());
    at_rest(&memory, "in the end");
}

#[test]
fn a_row_that_was_lost_comes_back_with_a_change_of_one_of_its_processes() {
    let (memory, registry) = world();
    run(registry.register(&definition("uno", HOURLY))).unwrap();
    run(registry.register(&definition("dos", HOURLY))).unwrap();
    memory.world().tables.calendarizaciones.clear();
    let refused = run(registry.repair(&schedule(HOURLY).id())).unwrap_err();
    assert!(matches!(refused, RegistryError::Lost { procesos: 2, .. }), "{refused}");
    run(registry.change(&id("uno"), &definition("uno", HOURLY))).unwrap();
    at_rest(&memory, "in the end");
    assert_eq!(
        memory.world().tables.calendarizaciones[&schedule(HOURLY).id()].cant_procesos,
        2
    );
}

#[test]
fn the_last_process_of_a_row_that_was_lost_takes_the_schedule_along() {
    for moves in [true, false] {
        let (memory, registry) = world();
        run(registry.register(&definition("uno", HOURLY))).unwrap();
        run(registry.register(&definition("dos", HOURLY))).unwrap();
        memory.world().tables.calendarizaciones.clear();
        let leave = |nombre| {
            let left = if moves {
                run(registry.change(&id(nombre), &definition(nombre, DAILY)))
            } else {
                run(registry.delete(&id(nombre)))
            };
            left.unwrap();
        };
        leave("uno");
        assert_eq!(enabled(&memory, HOURLY), Some(true), "the other one needs it");
        leave("dos");
        assert_eq!(enabled(&memory, HOURLY), None);
        at_rest(&memory, "in the end");
    }
}

#[test]
fn a_wrong_counter_is_corrected_by_whoever_runs_into_it() {
    let (memory, registry) = world();
    run(registry.register(&definition("uno", HOURLY))).unwrap();
    memory
        .world()
        .tables
        .calendarizaciones
        .get_mut(&schedule(HOURLY).id())
        .unwrap()
        .cant_procesos = 0;
    run(registry.delete(&id("uno"))).unwrap();
    at_rest(&memory, "in the end");
    assert_eq!(memory.world().tables, Tables::default());
}

#[test]
fn futures_of_the_registry_can_be_sent_to_other_threads() {
    fn sendable<T: Send>(value: T) -> T {
        value
    }
    let (_, registry) = world();
    run(sendable(registry.register(&definition("uno", HOURLY)))).unwrap();
    run(sendable(registry.set_enabled(&id("uno"), false))).unwrap();
    run(sendable(registry.repair_all())).unwrap();
    run(sendable(registry.delete(&id("uno")))).unwrap();
}
