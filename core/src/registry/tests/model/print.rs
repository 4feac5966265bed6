//! Values of the registry as numbers: equal values have equal ones, so that a state that was seen is known again.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash};

use super::super::super::memory::World;
use super::super::*;
use crate::calendarizacion::Calendarizacion;

/// What can be told apart by a number.
pub(super) trait Print {
    fn print(&self, hasher: &mut DefaultHasher);
}

impl Print for () {
    fn print(&self, _: &mut DefaultHasher) {}
}

impl<T: Print> Print for Option<T> {
    fn print(&self, hasher: &mut DefaultHasher) {
        self.is_some().hash(hasher);
        if let Some(value) = self {
            value.print(hasher);
        }
    }
}

impl<T: Print, E: Print> Print for Result<T, E> {
    fn print(&self, hasher: &mut DefaultHasher) {
        self.is_ok().hash(hasher);
        match self {
            Ok(value) => value.print(hasher),
            Err(error) => error.print(hasher),
        }
    }
}

impl<T: Print, C: Hash> Print for Page<T, C> {
    fn print(&self, hasher: &mut DefaultHasher) {
        self.items.len().hash(hasher);
        for item in &self.items {
            item.print(hasher);
        }
        self.next.hash(hasher);
    }
}

impl Print for Count {
    fn print(&self, hasher: &mut DefaultHasher) {
        (self.procesos, self.habilitados).hash(hasher);
    }
}

impl Print for BTreeMap<IdCalendarizacion, Count> {
    fn print(&self, hasher: &mut DefaultHasher) {
        for (id, count) in self {
            id.hash(hasher);
            count.print(hasher);
        }
    }
}

impl Print for HeldSchedule {
    fn print(&self, hasher: &mut DefaultHasher) {
        format!("{self:?}").hash(hasher);
    }
}

impl Print for Creation {
    fn print(&self, hasher: &mut DefaultHasher) {
        (*self == Self::Created).hash(hasher);
    }
}

impl Print for Found {
    fn print(&self, hasher: &mut DefaultHasher) {
        (*self == Self::Updated).hash(hasher);
    }
}

impl Print for PortError {
    fn print(&self, hasher: &mut DefaultHasher) {
        (self.is_transient(), self.ambiguous).hash(hasher);
        self.to_string().hash(hasher);
    }
}

impl Print for CommitError {
    fn print(&self, hasher: &mut DefaultHasher) {
        match self {
            Self::Rejected(at) => at.hash(hasher),
            Self::Conflict => "conflict".hash(hasher),
            Self::Port(error) => error.print(hasher),
        }
    }
}

/// All that the cases of the model tell apart: role, target and parameters are the same for all of their processes.
impl Print for Proceso {
    fn print(&self, hasher: &mut DefaultHasher) {
        (
            &self.id_proceso,
            &self.id_calendarizacion,
            self.habilitado,
            self.reintentos,
        )
            .hash(hasher);
        (self.fecha_asignacion, self.fecha_creacion, self.fecha_actualizacion).hash(hasher);
        self.version.hash(hasher);
    }
}

/// Expression, zone and window follow from the id, except in a row that a repair has put there.
impl Print for Calendarizacion {
    fn print(&self, hasher: &mut DefaultHasher) {
        (&self.id_calendarizacion, self.expresion.is_empty(), self.estado).hash(hasher);
        (self.cant_procesos, self.cant_habilitados, self.version).hash(hasher);
        self.fecha_creacion.hash(hasher);
        let guard = self.guardia.as_ref();
        guard.map(|guard| (&guard.dueno, guard.hasta)).hash(hasher);
    }
}

impl Print for World {
    fn print(&self, hasher: &mut DefaultHasher) {
        self.now.hash(hasher);
        for proceso in self.tables.procesos.values() {
            proceso.print(hasher);
        }
        for row in self.tables.calendarizaciones.values() {
            row.print(hasher);
        }
        for (id, schedule) in &self.schedules {
            (id, schedule.enabled).hash(hasher);
        }
    }
}
