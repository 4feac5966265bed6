//! What the registry asks of Scheduler where it finds there what it did not expect.

use std::sync::Arc;

use super::*;

/// A Scheduler that knows of every schedule when it is to create it, and of none when it is to change it.
#[derive(Clone, Default)]
struct Undecided(Arc<Mutex<usize>>);

impl Undecided {
    /// Each call: nobody asks without end in a time that stands still.
    fn asked(&self) {
        let mut calls = self.0.lock().unwrap();
        *calls += 1;
        assert!(*calls < 1_000, "asked without a pause");
    }
}

impl Scheduler for Undecided {
    async fn create(&self, _: &ScheduleSpec) -> Result<Creation, PortError> {
        self.asked();
        Ok(Creation::Exists)
    }

    async fn update(&self, _: &ScheduleSpec) -> Result<Found, PortError> {
        self.asked();
        Ok(Found::Missing)
    }

    async fn delete(&self, _: &IdCalendarizacion) -> Result<(), PortError> {
        self.asked();
        Ok(())
    }

    async fn get(&self, _: &IdCalendarizacion) -> Result<Option<HeldSchedule>, PortError> {
        self.asked();
        Ok(None)
    }
}

#[test]
fn a_scheduler_that_contradicts_itself_is_asked_less_and_less_often() {
    let (memory, registry) = world();
    let scheduler = Undecided::default();
    let registry = Registry::new(registry.names, memory.clone(), scheduler.clone(), memory.clone());
    let registry = registry.with_patience(Duration::from_secs(1));
    let refused = run(registry.register(&definition("uno", HOURLY))).unwrap_err();
    assert!(matches!(refused, RegistryError::Conflict { .. }), "{refused}");
    let calls = *scheduler.0.lock().unwrap();
    assert!((10..50).contains(&calls), "{calls} calls");
    assert!(memory.world().tables.procesos.is_empty());
}

#[test]
fn a_disabled_process_that_finds_an_empty_calendarizacion_disables_what_a_crash_left_enabled() {
    let (memory, registry) = world();
    run(registry.register(&definition("uno", HOURLY))).unwrap();
    // Whoever registered it, or deleted it, died where the schedule is enabled and nobody is counted.
    {
        let mut world = memory.world();
        world.tables.procesos.clear();
        let row = world.tables.calendarizaciones.values_mut().next().unwrap();
        (row.cant_procesos, row.cant_habilitados) = (0, 0);
    }
    run(registry.register(&disabled("dos", HOURLY))).unwrap();
    assert_eq!(enabled(&memory, HOURLY), Some(false));
    at_rest(&memory, "in the end");
}
