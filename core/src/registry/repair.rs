//! Mending what a crash, another system or a hand in the tables left behind.
//!
//! Invariant: counters are only corrected if nothing moved while the processes were counted.

use crate::calendarizacion::{Calendarizacion, EstadoCalendarizacion};
use crate::ids::IdCalendarizacion;
use crate::schedule::Schedule;

use super::Registry;
use super::error::{RegistryError, While};
use super::guard::Settle;
use super::operation::Operation;
use super::ports::{Clock, Scheduler, Store};
use super::write::{Given, Write};

impl<S: Store, C: Scheduler, K: Clock> Registry<S, C, K> {
    /// Puts a calendarización right: counts its processes, and makes its schedule what they need. Where there is
    /// neither row nor process, a schedule of that name is deleted. Safe at any time; reads the whole table.
    ///
    /// # Errors
    /// [`RegistryError::Lost`] where it has processes but no row, since nothing else says when they run.
    pub async fn repair(&self, id: &IdCalendarizacion) -> Result<(), RegistryError> {
        self.mend(&mut self.operation(), id).await
    }

    /// The same for a caller who knows the schedule: what the row says of it is put right first.
    ///
    /// # Errors
    /// As [`Registry::repair`].
    pub async fn repair_as(&self, schedule: &Schedule) -> Result<(), RegistryError> {
        let (mut op, id) = (self.operation(), schedule.id());
        while let Some(row) = self.row(&id).await?
            && row.schedule().ok().as_ref() != Some(schedule)
        {
            if !row.is_guarded_against(&op.owner, self.now()) {
                let version = row.version;
                let right = Calendarizacion {
                    cant_procesos: row.cant_procesos,
                    cant_habilitados: row.cant_habilitados,
                    estado: row.estado,
                    version: version + 1,
                    fecha_creacion: row.fecha_creacion,
                    ..Calendarizacion::new(schedule, &self.names, self.now())
                };
                let write = Write::ReplaceCalendarizacion { row: right, version };
                if self.commit(&mut op, &[write]).await?.is_none() {
                    break;
                }
            }
            op.pause(&self.clock, &id).await?;
        }
        self.mend(&mut op, &id).await
    }

    /// Repairs every calendarización of the installation; answers how many there are.
    ///
    /// # Errors
    /// The first of those that one could not be repaired for; the others were, all the same.
    pub async fn repair_all(&self) -> Result<usize, RegistryError> {
        let (mut cursor, mut repaired, mut failed) = (None, 0, None);
        loop {
            let page = self.calendarizaciones(cursor.as_ref(), 100).await?;
            for row in &page.items {
                match self.repair(&row.id_calendarizacion).await {
                    Ok(()) => repaired += 1,
                    Err(error) => {
                        tracing::warn!(id_calendarizacion = %row.id_calendarizacion, %error, "not repaired");
                        failed.get_or_insert(error);
                    }
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                return failed.map_or(Ok(repaired), Err);
            }
        }
    }

    pub(super) async fn mend(&self, op: &mut Operation, id: &IdCalendarizacion) -> Result<(), RegistryError> {
        if self.recount(op, id).await? {
            return self.settle_as(op, id, Settle::Always).await;
        }
        // No row: nobody may create the schedule while we delete it, so a row of our own stands in its place.
        let row = self.tombstone(op, id);
        if self.commit(op, &[Write::InsertCalendarizacion(row)]).await?.is_none() {
            // Whoever registered before the row stood has found none, and begins one: it is not ours to remove.
            self.settle_as(op, id, Settle::Left { enabled: false }).await?;
        }
        Ok(())
    }

    /// Corrects the counters of a row, where they are wrong; false where there is no row and no process.
    async fn recount(&self, op: &mut Operation, id: &IdCalendarizacion) -> Result<bool, RegistryError> {
        loop {
            let row = self.row(id).await?;
            let count = self.store.count(id).await.doing("counting the processes of", id)?;
            let Some(row) = row else {
                return match count.procesos {
                    0 => Ok(false),
                    procesos if self.row(id).await?.is_none() => Err(RegistryError::Lost {
                        id: id.clone(),
                        procesos,
                    }),
                    _ => Ok(true),
                };
            };
            let version = row.version;
            if (row.cant_procesos, row.cant_habilitados) == (count.procesos, count.habilitados) {
                // Equal to what the row was: who changed it meanwhile has moved both sides, or only looked so.
                if self.row(id).await?.is_some_and(|now| now.version == version) {
                    return Ok(true);
                }
                op.pause(&self.clock, id).await?;
                continue;
            }
            let right = Calendarizacion {
                cant_procesos: count.procesos,
                cant_habilitados: count.habilitados,
                version: version + 1,
                ..row
            };
            let write = Write::ReplaceCalendarizacion { row: right, version };
            if self.commit(op, &[write]).await?.is_none() {
                return Ok(true);
            }
            op.pause(&self.clock, id).await?;
        }
    }

    /// After a count was rejected that should have held, the counters are wrong.
    pub(super) async fn recount_if(&self, op: &mut Operation, rejected: Option<&Write>) -> Result<(), RegistryError> {
        match rejected {
            Some(Write::Count {
                id,
                given: Given::Counted,
                ..
            }) => self.recount(op, id).await.map(|_| ()),
            _ => Ok(()),
        }
    }

    fn tombstone(&self, op: &Operation, id: &IdCalendarizacion) -> Calendarizacion {
        let now = self.now();
        Calendarizacion {
            id_calendarizacion: id.clone(),
            expresion: String::new(),
            zona_horaria: String::new(),
            ventana_flexible_minutos: None,
            inicio: None,
            fin: None,
            grupo: self.names.schedule_group(),
            arn: self.names.schedule_arn(id.as_str()),
            cant_procesos: 0,
            cant_habilitados: 0,
            estado: EstadoCalendarizacion::Eliminando,
            version: self.first_version(),
            fecha_creacion: now,
            guardia: Some(self.guard(op)),
        }
    }
}
