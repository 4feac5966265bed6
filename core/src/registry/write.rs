//! What the registry writes, as data: each write carries the condition under which it may be done.
//!
//! Invariant: a transaction is a list of these; every implementation of the store carries out exactly this meaning.

use std::collections::BTreeMap;

use crate::calendarizacion::{Calendarizacion, EstadoCalendarizacion};
use crate::ids::{IdCalendarizacion, IdProceso};
use crate::proceso::Proceso;

/// One conditional write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Adds a process, if there is none of that id.
    InsertProceso(Proceso),
    /// Replaces a process, if it is still what was seen.
    ReplaceProceso {
        /// The new one.
        proceso: Proceso,
        /// What was seen.
        was: Was,
    },
    /// Deletes a process, if it is still what was seen.
    DeleteProceso {
        /// Which one.
        id: IdProceso,
        /// What was seen.
        was: Was,
    },
    /// Moves the counters of a calendarización, and its version by one.
    Count {
        /// Which one.
        id: IdCalendarizacion,
        /// How many processes more or less: -1, 0 or 1.
        procesos: i8,
        /// How many enabled processes more or less: -1, 0 or 1.
        habilitados: i8,
        /// Under which condition.
        given: Given,
    },
    /// Adds a calendarización, if there is none of that id.
    InsertCalendarizacion(Calendarizacion),
    /// Replaces a calendarización, if it still has the version.
    ReplaceCalendarizacion {
        /// The new one; its version is one higher.
        row: Calendarizacion,
        /// The version that was seen.
        version: u64,
    },
    /// Deletes a calendarización, if it still has the version.
    DeleteCalendarizacion {
        /// Which one.
        id: IdCalendarizacion,
        /// The version that was seen.
        version: u64,
    },
}

impl Write {
    /// The id of what is written.
    pub fn object(&self) -> &str {
        match self {
            Self::InsertProceso(proceso) | Self::ReplaceProceso { proceso, .. } => proceso.id_proceso.as_str(),
            Self::DeleteProceso { id, .. } => id.as_str(),
            Self::Count { id, .. } | Self::DeleteCalendarizacion { id, .. } => id.as_str(),
            Self::InsertCalendarizacion(row) | Self::ReplaceCalendarizacion { row, .. } => {
                row.id_calendarizacion.as_str()
            }
        }
    }
}

/// What was seen of a process: its version, and how it is counted. Who is deleted and registered again begins with the
/// first version again, so that the version alone does not say how it is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Was {
    /// The version.
    pub version: u64,
    /// Whether it was enabled.
    pub habilitado: bool,
    /// The calendarización on which it was.
    pub id_calendarizacion: IdCalendarizacion,
}

impl From<&Proceso> for Was {
    fn from(seen: &Proceso) -> Self {
        Self {
            version: seen.version,
            habilitado: seen.habilitado,
            id_calendarizacion: seen.id_calendarizacion.clone(),
        }
    }
}

/// The condition of a [`Write::Count`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// Its schedule exists; where an enabled process is added, there is one already, so that the schedule is enabled.
    Live,
    /// Its schedule exists and is as the addition needs it, since this owner has the guard, which the write releases.
    Guarded(String),
    /// It has what is to be taken away.
    Counted,
}

/// The two tables, for stores that keep them in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tables {
    /// The processes.
    pub procesos: BTreeMap<IdProceso, Proceso>,
    /// The calendarizaciones.
    pub calendarizaciones: BTreeMap<IdCalendarizacion, Calendarizacion>,
}

impl Tables {
    /// Carries out all writes or none.
    ///
    /// # Errors
    /// The place of the first write whose condition does not hold.
    pub fn apply(&mut self, writes: &[Write]) -> Result<(), usize> {
        if let Some(rejected) = writes.iter().position(|write| !self.allows(write)) {
            return Err(rejected);
        }
        for write in writes {
            self.write(write);
        }
        Ok(())
    }

    fn allows(&self, write: &Write) -> bool {
        let proceso = |id, was: &Was| self.procesos.get(id).is_some_and(|held| Was::from(held) == *was);
        let row = |id, version| {
            self.calendarizaciones
                .get(id)
                .is_some_and(|held| held.version == version)
        };
        match write {
            Write::InsertProceso(fresh) => !self.procesos.contains_key(&fresh.id_proceso),
            Write::ReplaceProceso { proceso: fresh, was } => proceso(&fresh.id_proceso, was),
            Write::DeleteProceso { id, was } => proceso(id, was),
            Write::Count {
                id,
                procesos,
                habilitados,
                given,
            } => self
                .calendarizaciones
                .get(id)
                .is_some_and(|held| given.holds(held, *procesos, *habilitados)),
            Write::InsertCalendarizacion(fresh) => !self.calendarizaciones.contains_key(&fresh.id_calendarizacion),
            Write::ReplaceCalendarizacion { row: fresh, version } => row(&fresh.id_calendarizacion, *version),
            Write::DeleteCalendarizacion { id, version } => row(id, *version),
        }
    }

    fn write(&mut self, write: &Write) {
        match write {
            Write::InsertProceso(fresh) | Write::ReplaceProceso { proceso: fresh, .. } => {
                self.procesos.insert(fresh.id_proceso.clone(), fresh.clone());
            }
            Write::DeleteProceso { id, .. } => {
                self.procesos.remove(id);
            }
            Write::Count {
                id,
                procesos,
                habilitados,
                given,
            } => {
                if let Some(held) = self.calendarizaciones.get_mut(id) {
                    held.cant_procesos = held.cant_procesos.saturating_add_signed((*procesos).into());
                    held.cant_habilitados = held.cant_habilitados.saturating_add_signed((*habilitados).into());
                    held.version += 1;
                    if matches!(given, Given::Guarded(_)) {
                        held.guardia = None;
                    }
                }
            }
            Write::InsertCalendarizacion(fresh) | Write::ReplaceCalendarizacion { row: fresh, .. } => {
                self.calendarizaciones
                    .insert(fresh.id_calendarizacion.clone(), fresh.clone());
            }
            Write::DeleteCalendarizacion { id, .. } => {
                self.calendarizaciones.remove(id);
            }
        }
    }
}

impl Given {
    /// Whether a calendarización may be counted so.
    pub fn holds(&self, held: &Calendarizacion, procesos: i8, habilitados: i8) -> bool {
        let active = held.estado == EstadoCalendarizacion::Activa;
        match self {
            Self::Live => active && (habilitados <= 0 || held.cant_habilitados > 0),
            Self::Guarded(owner) => active && held.guardia.as_ref().is_some_and(|guard| &guard.dueno == owner),
            Self::Counted => {
                (procesos >= 0 || held.cant_procesos > 0) && (habilitados >= 0 || held.cant_habilitados > 0)
            }
        }
    }
}
