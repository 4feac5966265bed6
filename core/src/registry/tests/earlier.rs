//! What the earlier system registered is read, changed and deleted as it is.

use super::*;
use crate::calendarizacion::EstadoCalendarizacion;
use crate::instant::Timestamp;
use crate::proceso::Proceso;

const CRON: &str = "0 3 * * ? *";

/// Two processes of the earlier system on one schedule in Santiago, one of them disabled.
fn earlier() -> (Memory, InMemory, IdCalendarizacion) {
    let (memory, registry) = world();
    let cal = IdCalendarizacion::legacy(CRON);
    for (nombre, habilitado) in [("Uno", true), ("Dos", false)] {
        let fresh = definition(nombre, HOURLY).create(NOW.parse().unwrap());
        let proceso = Proceso {
            id_proceso: IdProceso::legacy(nombre),
            id_calendarizacion: cal.clone(),
            habilitado,
            version: 0,
            fecha_asignacion: Timestamp::UNIX_EPOCH,
            ..fresh
        };
        let held = &mut memory.world().tables.procesos;
        held.insert(proceso.id_proceso.clone(), proceso);
    }
    let row = serde_json::from_value(serde_json::json!({
        "IdCalendarizacion": cal, "Cron": CRON, "FechaCreacion": "2023-08-14T09:30:00.1234567-04:00"
    }));
    memory
        .world()
        .tables
        .calendarizaciones
        .insert(cal.clone(), row.unwrap());
    let spec = ScheduleSpec {
        id: cal.clone(),
        expression: format!("cron({CRON})"),
        zone: "America/Santiago".into(),
        window_minutes: Some(5),
        start: None,
        end: None,
        enabled: true,
        description: "of theirs".into(),
    };
    memory.world().schedules.insert(cal.clone(), spec);
    (memory, registry, cal)
}

fn in_santiago(nombre: &str, habilitado: bool) -> Definition {
    Definition {
        schedule: Schedule::parse(CRON, Some("America/Santiago"), Some(5), None, None).unwrap(),
        habilitado,
        ..definition(nombre, CRON)
    }
}

#[test]
fn their_schedule_in_aws_says_when_they_fire() {
    let (_, registry, cal) = earlier();
    let entry = run(registry.find_by_nombre("uno")).unwrap().unwrap();
    let row = entry.calendarizacion.unwrap();
    assert_eq!(row.schedule().unwrap(), in_santiago("Uno", true).schedule);
    let page = run(registry.calendarizaciones(None, 10)).unwrap();
    assert_eq!(page.items, [row]);
    assert_eq!(page.items[0].id_calendarizacion, cal);
}

#[test]
fn without_a_schedule_their_id_says_it_in_utc() {
    let (memory, registry, cal) = earlier();
    memory.world().schedules.clear();
    let row = run(registry.calendarizacion(&cal)).unwrap().unwrap();
    assert_eq!(row.schedule().unwrap(), schedule(DAILY));
}

#[test]
fn they_are_registered_already() {
    let (_, registry, _) = earlier();
    let same = run(registry.register(&in_santiago("UNO", true))).unwrap();
    assert!(matches!(same, Registration::Same(held) if held.id_proceso == IdProceso::legacy("Uno")));
    let other = run(registry.register(&definition("Uno", DAILY))).unwrap_err();
    assert!(
        matches!(other, RegistryError::NameTaken { .. }),
        "another zone is another definition"
    );
}

#[test]
fn they_are_enabled_and_disabled_in_their_zone() {
    let (memory, registry, cal) = earlier();
    let uno = IdProceso::legacy("Uno");
    let held = run(registry.set_enabled(&uno, false)).unwrap();
    assert_eq!(held.id_proceso, uno);
    assert_eq!(held.id_calendarizacion, in_santiago("Uno", true).schedule.id());
    run(registry.set_enabled(&IdProceso::legacy("Dos"), true)).unwrap();
    at_rest(&memory, "in the end");
    let world = memory.world();
    assert!(!world.schedules.contains_key(&cal), "nobody is on the earlier one");
    let schedule = &world.schedules[&held.id_calendarizacion];
    assert_eq!(
        (schedule.zone.as_str(), schedule.window_minutes, schedule.enabled),
        ("America/Santiago", Some(5), true)
    );
}

#[test]
fn the_last_one_deleted_takes_its_schedule_along() {
    let (memory, registry, cal) = earlier();
    run(registry.delete(&IdProceso::legacy("Uno"))).unwrap();
    let world = memory.world();
    assert!(
        !world.schedules[&cal].enabled,
        "only a disabled process is on it: {:#?}",
        world.journal
    );
    assert_eq!(world.schedules[&cal].zone, "America/Santiago", "it keeps its time");
    drop(world);
    run(registry.delete(&IdProceso::legacy("Dos"))).unwrap();
    let world = memory.world();
    assert_eq!(world.tables, Tables::default());
    assert!(world.schedules.is_empty());
}

#[test]
fn a_repair_counts_them_and_keeps_their_time() {
    let (memory, registry, cal) = earlier();
    let before = memory.world().schedules[&cal].clone();
    run(registry.repair_all()).unwrap();
    at_rest(&memory, "after the repair");
    let world = memory.world();
    let row = &world.tables.calendarizaciones[&cal];
    assert_eq!((row.cant_procesos, row.cant_habilitados), (2, 1));
    assert_eq!(row.estado, EstadoCalendarizacion::Activa);
    let after = ScheduleSpec {
        description: before.description.clone(),
        ..world.schedules[&cal].clone()
    };
    assert_eq!(after.expression, "cron(0 3 * * ? *)");
    assert_eq!(after, before);
}
