//! Calendarizaciones of the earlier system: their rows do not say when they fire, their schedules in AWS do.
//!
//! Invariant: what a schedule says is never replaced by a guess: it is read before anything is written over it.

use crate::calendarizacion::Calendarizacion;
use crate::proceso::{Definition, Proceso};

use super::Registry;
use super::error::{RegistryError, While};
use super::ports::{Clock, Scheduler, Store};

impl<S: Store, C: Scheduler, K: Clock> Registry<S, C, K> {
    /// A row with what its schedule in AWS says, where it is one of the earlier system that nobody has written to since.
    /// Where that schedule does not exist any more the row stays as it is, and its id says the rest.
    pub(super) async fn completed(&self, row: Calendarizacion) -> Result<Calendarizacion, RegistryError> {
        if !row.is_of_earlier_system() {
            return Ok(row);
        }
        let id = &row.id_calendarizacion;
        let held = self.scheduler.get(id).await.doing("reading the schedule", id)?;
        Ok(match held {
            Some(held) => Calendarizacion {
                expresion: held.expression,
                zona_horaria: held.zone,
                ventana_flexible_minutos: held.window_minutes,
                inicio: held.start,
                fin: held.end,
                grupo: self.names.schedule_group(),
                arn: self.names.schedule_arn(id.as_str()),
                ..row
            },
            None => row,
        })
    }

    /// Whether a process is what `definition` defines, be it on a calendarización of the earlier system that fires at the
    /// same times.
    pub(super) async fn is_same(&self, held: &Proceso, definition: &Definition) -> Result<bool, RegistryError> {
        if held.is(definition) {
            return Ok(true);
        }
        let id = &held.id_calendarizacion;
        if id.legacy_expression().is_none() {
            return Ok(false);
        }
        let row = self.row(id).await?;
        let fires_alike = row.is_some_and(|row| row.schedule().is_ok_and(|schedule| schedule == definition.schedule));
        let moved = Proceso {
            id_calendarizacion: definition.schedule.id(),
            ..held.clone()
        };
        Ok(fires_alike && moved.is(definition))
    }
}
