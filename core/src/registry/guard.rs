//! The only place that calls Scheduler: always under the guard of the calendarización's row.
//!
//! Invariant: whoever holds the guard is alone in calling Scheduler for it; counters leave zero only under the guard
//! or next to an enabled process, so that nobody disables what somebody else relies on.
//! Invariant: every write of a row raises its version; a guard is given back only after the version was seen again.

use std::time::Duration;

use crate::calendarizacion::{Calendarizacion, EstadoCalendarizacion, Guardia};
use crate::ids::IdCalendarizacion;
use crate::instant::Timestamp;
use crate::schedule::Schedule;

use super::error::{RegistryError, While};
use super::operation::{Operation, signed};
use super::ports::{Clock, CommitError, Creation, Found, ScheduleSpec, Scheduler, Store};
use super::write::{Given, Write};
use super::{CALL_LIMIT, LEASE, Registry, TIDYING};

/// How long [`Registry::put`] waits before it asks again the other way round; each time twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// When a calendarización whose processes became fewer needs a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settle {
    /// Where it is empty, or where an enabled process left it without any.
    Left {
        /// Whether the process that left was enabled.
        enabled: bool,
    },
    /// In any case.
    Always,
    /// In any case, and its processes are counted again before.
    Recounted,
}

/// Whether what was begun under a guard was also ended under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Under {
    Guard,
    Nothing,
}

impl<S: Store, C: Scheduler, K: Clock> Registry<S, C, K> {
    /// Makes a calendarización ready to take a process, and says under which condition the transaction may count it.
    ///
    /// # Expected flow
    /// Where the schedule exists and is as the process needs it, nothing is to be done. Otherwise: take the guard
    /// (adding the row in `Creando` where there is none), call Scheduler, mark the row `Activa`; the transaction that
    /// adds the process gives the guard back.
    ///
    /// # Guarantees
    /// When this returns, the schedule exists, and is enabled if the process is, until the transaction is done or the
    /// guard has lapsed, in which case the transaction is rejected.
    pub(super) async fn join(
        &self,
        op: &mut Operation,
        schedule: &Schedule,
        enabled: bool,
    ) -> Result<Given, RegistryError> {
        let id = schedule.id();
        loop {
            let taken = match self.row(&id).await? {
                Some(row) if is_ready(&row, enabled) => {
                    // A guard that an earlier try of ours took has to be given back.
                    let ours = row.guardia.is_some_and(|guard| guard.dueno == op.owner);
                    return Ok(if ours {
                        Given::Guarded(op.owner.clone())
                    } else {
                        Given::Live
                    });
                }
                Some(row) if row.estado == EstadoCalendarizacion::Activa => self.take(op, &row, row.clone()).await?,
                Some(row) => self.take(op, &row, self.begun_again(&row, schedule)).await?,
                None => self.begin(op, schedule).await?,
            };
            if let Some(held) = taken {
                op.joined = Some(id.clone());
                match self.bring_up(op, held, schedule, enabled).await {
                    Ok(Under::Guard) => return Ok(Given::Guarded(op.owner.clone())),
                    Ok(Under::Nothing) => {}
                    Err(error) if op.may_retry(&self.clock, &error) => {}
                    Err(error) => return Err(error),
                }
            }
            op.pause(&self.clock, &id).await?;
        }
    }

    /// Adds the row of a new calendarización; none where somebody else was faster.
    async fn begin(&self, op: &mut Operation, schedule: &Schedule) -> Result<Option<Calendarizacion>, RegistryError> {
        let row = Calendarizacion {
            version: self.first_version(),
            guardia: Some(self.guard(op)),
            ..Calendarizacion::new(schedule, &self.names, self.now())
        };
        let done = self.commit(op, &[Write::InsertCalendarizacion(row.clone())]).await?;
        Ok(done.is_none().then_some(row))
    }

    /// The version of a row that is new: none that an earlier row of the same id had, for whoever still knows that one.
    pub(super) fn first_version(&self) -> u64 {
        u64::try_from(self.clock.random() & 0xffff_ffff_ffff).unwrap_or_default() + 1
    }

    /// The row of a calendarización that somebody began to create, or to delete, and did not end.
    fn begun_again(&self, row: &Calendarizacion, schedule: &Schedule) -> Calendarizacion {
        let fresh = Calendarizacion::new(schedule, &self.names, self.now());
        let deleted = row.estado == EstadoCalendarizacion::Eliminando;
        Calendarizacion {
            cant_procesos: row.cant_procesos,
            cant_habilitados: row.cant_habilitados,
            fecha_creacion: if deleted {
                fresh.fecha_creacion
            } else {
                row.fecha_creacion
            },
            ..fresh
        }
    }

    /// Creates or enables the schedule of a row that we hold.
    async fn bring_up(
        &self,
        op: &mut Operation,
        held: Calendarizacion,
        schedule: &Schedule,
        enabled: bool,
    ) -> Result<Under, RegistryError> {
        let enabled = enabled || held.cant_habilitados > 0;
        if self.put(&held, schedule, enabled).await? == Under::Nothing {
            return Ok(Under::Nothing);
        }
        if held.estado == EstadoCalendarizacion::Activa {
            return Ok(Under::Guard);
        }
        let version = held.version;
        let active = Calendarizacion {
            estado: EstadoCalendarizacion::Activa,
            version: version + 1,
            guardia: Some(self.guard(op)),
            ..held
        };
        let done = self
            .commit(op, &[Write::ReplaceCalendarizacion { row: active, version }])
            .await?;
        Ok(if done.is_none() { Under::Guard } else { Under::Nothing })
    }

    /// Brings Scheduler and the row of a calendarización in line with its counters: no process, no schedule; no
    /// enabled process, a disabled one. Nothing is done where there is no row.
    pub(super) async fn settle_as(
        &self,
        op: &mut Operation,
        id: &IdCalendarizacion,
        when: Settle,
    ) -> Result<(), RegistryError> {
        loop {
            let Some(row) = self.row(id).await? else { return Ok(()) };
            let ours = row.guardia.as_ref().is_some_and(|guard| guard.dueno == op.owner);
            let empty = row.cant_procesos == 0;
            let needed = match when {
                Settle::Always | Settle::Recounted => true,
                Settle::Left { enabled } => enabled && row.cant_habilitados == 0,
            };
            if !(empty || ours || needed) {
                return Ok(());
            }
            let estado = if empty {
                EstadoCalendarizacion::Eliminando
            } else {
                row.estado
            };
            if let Some(held) = self.take(op, &row, Calendarizacion { estado, ..row.clone() }).await? {
                let done = if empty {
                    self.tear_down(op, held).await
                } else {
                    self.adjust(op, held).await
                };
                match done {
                    Ok(Under::Guard) => return Ok(()),
                    Ok(Under::Nothing) => {}
                    Err(error) if op.may_retry(&self.clock, &error) => {}
                    Err(error) => return Err(error),
                }
            }
            op.pause(&self.clock, id).await?;
        }
    }

    /// Deletes the schedule of an empty row that we hold, then the row.
    async fn tear_down(&self, op: &mut Operation, held: Calendarizacion) -> Result<Under, RegistryError> {
        if !self.has_time(&held) {
            return Ok(Under::Nothing);
        }
        let id = held.id_calendarizacion;
        self.scheduler.delete(&id).await.doing("deleting the schedule", &id)?;
        let delete = Write::DeleteCalendarizacion {
            id,
            version: held.version,
        };
        let done = self.commit(op, &[delete]).await?;
        Ok(if done.is_none() { Under::Guard } else { Under::Nothing })
    }

    /// Enables or disables the schedule of a row that we hold, then gives the guard back, if nothing moved meanwhile.
    async fn adjust(&self, op: &mut Operation, held: Calendarizacion) -> Result<Under, RegistryError> {
        let id = &held.id_calendarizacion;
        // A row that cannot be read as a schedule keeps the schedule that it has; so does one that somebody wrote another
        // expression into, since its name would be another. The earlier system's names are no digests.
        if let Ok(schedule) = held.schedule()
            && (schedule.id() == *id || id.legacy_expression().is_some())
            && self.put(&held, &schedule, held.cant_habilitados > 0).await? == Under::Nothing
        {
            return Ok(Under::Nothing);
        }
        let version = held.version;
        let row = Calendarizacion {
            estado: EstadoCalendarizacion::Activa,
            version: version + 1,
            guardia: None,
            ..held
        };
        let done = self
            .commit(op, &[Write::ReplaceCalendarizacion { row, version }])
            .await?;
        Ok(if done.is_none() { Under::Guard } else { Under::Nothing })
    }

    /// Makes the schedule exist as wanted, whichever way round. A schedule that will never fire again is let be: AWS
    /// refuses times in the past.
    async fn put(&self, held: &Calendarizacion, schedule: &Schedule, enabled: bool) -> Result<Under, RegistryError> {
        let now = self.now();
        if schedule.next_after(now, held.fecha_creacion).is_none() {
            return Ok(Under::Guard);
        }
        let spec = spec(&held.id_calendarizacion, schedule, enabled, now);
        let mut create = held.estado == EstadoCalendarizacion::Creando;
        let mut pause = FIRST_PAUSE;
        while self.has_time(held) {
            let done = if create {
                let created = self
                    .scheduler
                    .create(&spec)
                    .await
                    .doing("creating the schedule", &spec.id)?;
                created == Creation::Created
            } else {
                let found = self
                    .scheduler
                    .update(&spec)
                    .await
                    .doing("updating the schedule", &spec.id)?;
                found == Found::Updated
            };
            if done {
                return Ok(Under::Guard);
            }
            // Somebody deletes it, or AWS has not made up its mind.
            self.clock.sleep(pause).await;
            pause = pause.saturating_mul(2);
            create = !create;
        }
        Ok(Under::Nothing)
    }

    /// Whether a call that is begun now will be over before the guard lapses.
    fn has_time(&self, held: &Calendarizacion) -> bool {
        let ends = self.now().saturating_add(signed(CALL_LIMIT)).unwrap_or(Timestamp::MAX);
        held.guardia.as_ref().is_some_and(|guard| ends <= guard.hasta)
    }

    /// Takes the guard of a row, which becomes `next`; none where somebody else has it, or changed the row meanwhile.
    async fn take(
        &self,
        op: &mut Operation,
        row: &Calendarizacion,
        next: Calendarizacion,
    ) -> Result<Option<Calendarizacion>, RegistryError> {
        if row.is_guarded_against(&op.owner, self.now()) {
            return Ok(None);
        }
        let version = row.version;
        let held = Calendarizacion {
            version: version + 1,
            guardia: Some(self.guard(op)),
            ..next
        };
        let done = self
            .commit(
                op,
                &[Write::ReplaceCalendarizacion {
                    row: held.clone(),
                    version,
                }],
            )
            .await?;
        Ok(done.is_none().then_some(held))
    }

    pub(super) fn guard(&self, op: &Operation) -> Guardia {
        let hasta = self.now().saturating_add(signed(LEASE)).unwrap_or(Timestamp::MAX);
        Guardia {
            dueno: op.owner.clone(),
            hasta,
        }
    }

    /// Puts right what a call that came to nothing made ready.
    pub(super) async fn abandon(&self, op: &mut Operation) {
        if let Some(id) = op.joined.take() {
            self.tidy(op, &id, Settle::Left { enabled: true }).await;
        }
    }

    /// Settles what a call leaves behind, in time of its own. What the call was asked for is decided by then, so that
    /// a failure here is only logged: the next call on the calendarización puts it right, or a repair.
    pub(super) async fn tidy(&self, op: &Operation, id: &IdCalendarizacion, when: Settle) {
        let mut op = op.tidying(&self.clock, TIDYING.min(self.patience / 2));
        loop {
            let done = match when {
                Settle::Recounted => self.mend(&mut op, id).await,
                Settle::Left { .. } | Settle::Always => self.settle_as(&mut op, id, when).await,
            };
            let Err(error) = done else { return };
            if !op.may_retry(&self.clock, &error) || op.pause(&self.clock, id).await.is_err() {
                tracing::warn!(id_calendarizacion = %id, %error, "the calendarización was left as it is");
                return;
            }
        }
    }

    /// Carries out writes with a token of their own, again where the store was busy or its answer was lost.
    ///
    /// Answers with the place of the write that was rejected, or none when all are done.
    pub(super) async fn commit(&self, op: &mut Operation, writes: &[Write]) -> Result<Option<usize>, RegistryError> {
        let token = self.clock.random();
        loop {
            match self.store.commit(token, writes).await {
                Ok(()) => return Ok(None),
                Err(CommitError::Rejected(at)) => return Ok(Some(at)),
                Err(CommitError::Conflict) => {}
                Err(CommitError::Port(error)) => {
                    op.ambiguous |= error.ambiguous;
                    let error = RegistryError::Port {
                        doing: format!("writing \"{}\"", names(writes)),
                        error,
                    };
                    if !op.may_retry(&self.clock, &error) {
                        return Err(error);
                    }
                }
            }
            op.pause(&self.clock, names(writes)).await?;
        }
    }

    pub(super) async fn row(&self, id: &IdCalendarizacion) -> Result<Option<Calendarizacion>, RegistryError> {
        let row = self.store.calendarizacion(id).await;
        match row.doing("reading the calendarización", id)? {
            Some(row) => self.completed(row).await.map(Some),
            None => Ok(None),
        }
    }
}

/// Whether a process can be counted on a row as it is. An empty one may be what a crash left: its schedule may be
/// enabled, so that it is not for a disabled process until it was put right.
fn is_ready(row: &Calendarizacion, enabled: bool) -> bool {
    let used = if enabled {
        row.cant_habilitados
    } else {
        row.cant_procesos
    };
    row.estado == EstadoCalendarizacion::Activa && used > 0
}

/// The schedule as it is sent to AWS: a start in the past is left out, since AWS refuses it; so are the bounds of a
/// one-time schedule, which mean nothing there. One of the earlier system keeps its name.
fn spec(id: &IdCalendarizacion, schedule: &Schedule, enabled: bool, now: Timestamp) -> ScheduleSpec {
    let bounded = schedule.one_time().is_none();
    ScheduleSpec {
        id: id.clone(),
        expression: schedule.expression.to_string(),
        zone: schedule.zone.name().to_owned(),
        window_minutes: schedule.window_minutes,
        start: schedule.start.filter(|start| bounded && *start > now),
        end: schedule.end.filter(|_| bounded),
        enabled,
        description: schedule.describe(),
    }
}

/// What is written, for messages: processes and calendarizaciones by id.
fn names(writes: &[Write]) -> String {
    let ids: Vec<&str> = writes.iter().map(Write::object).collect();
    ids.join("\", \"")
}
