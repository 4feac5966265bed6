//! The registry of processes: register, change, enable, disable, delete, and repair.
//!
//! Invariant: at every moment every enabled process has a live schedule; at rest every schedule has a process.
//! Invariant: every call may be made again, after a crash or a lost answer, and leads to the same world once.

mod earlier;
mod error;
pub mod examine;
mod guard;
pub mod memory;
mod operation;
mod ports;
mod read;
mod repair;
#[cfg(test)]
mod tests;
mod write;

pub use error::RegistryError;
pub use ports::{Catalog, Member};
pub use ports::{
    Clock, CommitError, Count, Creation, Deviation, Found, HeldSchedule, Page, PortError, PortErrorKind, ScheduleSpec,
    Scheduler, Store,
};
pub use read::{Entry, Listing};
pub use write::{Given, Tables, Was, Write};

use std::time::Duration;

use crate::error::{Field, Rule, UserError};
use crate::ids::{IdCalendarizacion, IdProceso};
use crate::instant::{Timestamp, to_millis};
use crate::names::Names;
use crate::proceso::{Definition, Proceso};

use error::While;
use guard::Settle;
use operation::Operation;

/// The longest that one call of Scheduler's takes, with all tries of the client behind it.
pub const CALL_LIMIT: Duration = Duration::from_secs(8);
/// For how long a guard is taken: two calls of Scheduler's, and 4 s for clocks that differ.
pub const LEASE: Duration = Duration::from_secs(20);
/// How long a call waits for others, and for IAM to know a role everywhere, where nobody says otherwise.
pub const PATIENCE: Duration = Duration::from_mins(2);
/// How long a call waits for others at most when it tidies up behind itself: longer than a guard of one who crashed.
const TIDYING: Duration = Duration::from_secs(30);

/// The registry of one installation's processes.
///
/// # Expected flow
/// - Adding: the calendarización's row (`Creando`) → its schedule → `Activa` → the transaction that adds the process
///   and counts it.
/// - Taking away: the transaction that removes the process and counts it → `Eliminando`, if none is left → the
///   schedule → the row.
///
/// # Guarantees
/// A crash leaves at worst a schedule without processes, which the next call on that calendarización or
/// [`Registry::repair`] removes; never an enabled process without a schedule.
///
/// # Assumptions
/// A call of Scheduler's has its effect within [`CALL_LIMIT`], and the callers' clocks differ by less than 4 s.
#[derive(Debug)]
pub struct Registry<S, C, K> {
    names: Names,
    store: S,
    scheduler: C,
    clock: K,
    patience: Duration,
}

/// What registering led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registration {
    /// The process is new.
    New(Proceso),
    /// It was there already, with the same definition.
    Same(Proceso),
}

/// How a try ended.
enum Try<T> {
    Done(T),
    Again,
}

impl<S: Store, C: Scheduler, K: Clock> Registry<S, C, K> {
    /// The registry of the installation with these names.
    pub fn new(names: Names, store: S, scheduler: C, clock: K) -> Self {
        Self {
            names,
            store,
            scheduler,
            clock,
            patience: PATIENCE,
        }
    }

    /// The same, waiting no longer than this for others.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Registers a process.
    ///
    /// # Errors
    /// [`RegistryError::NameTaken`] where the name has another definition (the id of the earlier system counts too),
    /// [`RegistryError::Users`] for a schedule that would never fire.
    pub async fn register(&self, definition: &Definition) -> Result<Registration, RegistryError> {
        let mut op = self.operation();
        let result = loop {
            let tried = self.try_register(&mut op, definition).await;
            if let Some(end) = self.ended(&mut op, tried, &definition.nombre).await {
                break end;
            }
        };
        self.abandon(&mut op).await;
        result
    }

    async fn try_register(
        &self,
        op: &mut Operation,
        definition: &Definition,
    ) -> Result<Try<Registration>, RegistryError> {
        if let Some(held) = self.find(&definition.nombre).await? {
            return if self.is_same(&held, definition).await? {
                Ok(Try::Done(Registration::Same(held)))
            } else {
                Err(RegistryError::NameTaken {
                    existing: Box::new(held),
                })
            };
        }
        definition.schedule.check_future(self.now())?;
        let given = self.join(op, &definition.schedule, definition.habilitado).await?;
        // Its time may have come while others were waited for.
        let now = self.now();
        definition.schedule.check_future(now)?;
        let proceso = definition.create(now);
        let count = Write::Count {
            id: proceso.id_calendarizacion.clone(),
            procesos: 1,
            habilitados: i8::from(proceso.habilitado),
            given,
        };
        let rejected = self.commit(op, &[Write::InsertProceso(proceso.clone()), count]).await?;
        if rejected.is_none() || rejected == Some(0) && self.is_stored(op, &proceso).await? {
            op.joined = None;
            return Ok(Try::Done(Registration::New(proceso)));
        }
        Ok(Try::Again)
    }

    /// Makes a process what `definition` says, in one step, also from one calendarización to another.
    ///
    /// # Guarantees
    /// Once the process is changed the answer is success. Scheduler is told of what it left after that: where this
    /// fails, it is logged, and a schedule stays that is enabled or empty without need, which nobody notices, since
    /// disabled processes do not run. The same change again ends it; after a move, the next call on the calendarización
    /// that was left, [`Registry::settle`] or a repair.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`]; [`RegistryError::Users`] where the name is another one, or where it moves to a
    /// schedule that would never fire.
    pub async fn change(&self, id: &IdProceso, definition: &Definition) -> Result<Proceso, RegistryError> {
        self.change_if(id, definition, |_| true).await
    }

    /// The same, if `expected` holds of the process; nobody else can change it between the question and the change.
    ///
    /// # Errors
    /// Also [`RegistryError::Unexpected`], where it does not hold.
    pub async fn change_if(
        &self,
        id: &IdProceso,
        definition: &Definition,
        expected: impl Fn(&Proceso) -> bool + Send + Sync,
    ) -> Result<Proceso, RegistryError> {
        let mut op = self.operation();
        let result = loop {
            let tried = self.try_change(&mut op, id, definition, &expected).await;
            if let Some(end) = self.ended(&mut op, tried, id.as_str()).await {
                break end;
            }
        };
        self.abandon(&mut op).await;
        result
    }

    async fn try_change(
        &self,
        op: &mut Operation,
        id: &IdProceso,
        definition: &Definition,
        expected: &(impl Fn(&Proceso) -> bool + Send + Sync),
    ) -> Result<Try<Proceso>, RegistryError> {
        let held = self
            .proceso(id)
            .await?
            .ok_or_else(|| RegistryError::NotFound { id: id.clone() })?;
        // As it is wanted after an answer of ours was lost: it was us.
        if !(expected(&held) || op.ambiguous && held.is(definition)) {
            return Err(RegistryError::Unexpected { held: Box::new(held) });
        }
        if IdProceso::of(&held.nombre) != IdProceso::of(&definition.nombre) {
            return Err(UserError::new(Field::Nombre, &definition.nombre, Rule::NameIsPermanent).into());
        }
        let now = self.now();
        let mut next = definition.change(&held, now);
        let (old, new) = (&held.id_calendarizacion, &next.id_calendarizacion.clone());
        let row = self.row(old).await?;
        let counted = row.is_some();
        let moved = old != new;
        // Where the row is gone the process is counted anew, and its companions by the repair at the end.
        let arrives = moved || !counted;
        let enables = next.habilitado && (arrives || !held.habilitado);
        let disables = held.habilitado && (moved || !next.habilitado);
        if !arrives && held.is(definition) {
            let unused = row.is_some_and(|row| row.cant_procesos > 0 && row.cant_habilitados == 0);
            if !held.habilitado && unused {
                // Whoever disabled the last one may have died before telling Scheduler.
                self.tidy(op, old, Settle::Left { enabled: true }).await;
            }
            return Ok(Try::Done(held));
        }
        if moved {
            definition.schedule.check_future(now)?;
        }
        let mut counts = Vec::new();
        if arrives || enables {
            let given = self.join(op, &definition.schedule, enables).await?;
            // Others may have been waited for: it is assigned now, and its time may have come.
            let now = self.now();
            next = definition.change(&held, now);
            if moved {
                definition.schedule.check_future(now)?;
            }
            let (procesos, habilitados) = (i8::from(arrives), i8::from(enables));
            counts.push(Write::Count {
                id: new.clone(),
                procesos,
                habilitados,
                given,
            });
        }
        if counted && (moved || disables) {
            let (procesos, habilitados) = (-i8::from(moved), -i8::from(disables));
            counts.push(Write::Count {
                id: old.clone(),
                procesos,
                habilitados,
                given: Given::Counted,
            });
        }
        let replace = Write::ReplaceProceso {
            proceso: next.clone(),
            was: Was::from(&held),
        };
        let writes: Vec<Write> = std::iter::once(replace).chain(counts).collect();
        match self.commit(op, &writes).await? {
            None => {}
            Some(0) if self.is_stored(op, &next).await? => {}
            Some(at) => {
                self.recount_if(op, writes.get(at)).await?;
                return Ok(Try::Again);
            }
        }
        if arrives || enables {
            op.joined = None;
        }
        if !counted {
            // Its row was lost: where it stays its companions are counted again, and where it left nobody the schedule goes.
            self.tidy(op, old, Settle::Recounted).await;
        } else if moved || disables {
            self.tidy(op, old, Settle::Left { enabled: disables }).await;
        }
        Ok(Try::Done(next))
    }

    /// Enables or disables a process, and leaves all else as it is, also what others change at the same time.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`]; [`RegistryError::Lost`] where the row of its calendarización is gone.
    pub async fn set_enabled(&self, id: &IdProceso, habilitado: bool) -> Result<Proceso, RegistryError> {
        let mut op = self.operation();
        loop {
            let entry = self
                .get(id)
                .await?
                .ok_or_else(|| RegistryError::NotFound { id: id.clone() })?;
            let Some(row) = entry.calendarizacion else {
                return Err(RegistryError::Lost {
                    id: entry.proceso.id_calendarizacion,
                    procesos: 1,
                });
            };
            let schedule = row.schedule().map_err(RegistryError::Users)?;
            let definition = Definition {
                habilitado,
                ..entry.proceso.definition(schedule)
            };
            match self.change_if(id, &definition, |held| *held == entry.proceso).await {
                Err(RegistryError::Unexpected { .. }) => op.pause(&self.clock, id).await?,
                ended => return ended,
            }
        }
    }

    /// Deletes a process, and its calendarización where it was the last one.
    ///
    /// # Guarantees
    /// Once the process is deleted the answer is success. Its schedule goes after that: where this fails, it is logged,
    /// and an empty schedule stays until the next call on the calendarización, [`Registry::settle`] or a repair.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`]. A caller for whom that is success, since an earlier call may have crashed halfway,
    /// asks [`Registry::settle`] to end what that one began.
    pub async fn delete(&self, id: &IdProceso) -> Result<Proceso, RegistryError> {
        self.delete_if(id, |_| true).await
    }

    /// The same, if `expected` holds of the process; nobody else can change it between the question and the deletion.
    ///
    /// # Errors
    /// Also [`RegistryError::Unexpected`], where it does not hold.
    pub async fn delete_if(
        &self,
        id: &IdProceso,
        expected: impl Fn(&Proceso) -> bool + Send + Sync,
    ) -> Result<Proceso, RegistryError> {
        let mut op = self.operation();
        let mut seen = None;
        let deleted = loop {
            let tried = self.try_delete(&mut op, id, &mut seen, &expected).await;
            if let Some(end) = self.ended(&mut op, tried, id.as_str()).await {
                break end?;
            }
        };
        let (deleted, when) = deleted;
        self.tidy(&op, &deleted.id_calendarizacion, when).await;
        Ok(deleted)
    }

    async fn try_delete(
        &self,
        op: &mut Operation,
        id: &IdProceso,
        seen: &mut Option<(Proceso, Settle)>,
        expected: &(impl Fn(&Proceso) -> bool + Send + Sync),
    ) -> Result<Try<(Proceso, Settle)>, RegistryError> {
        let Some(held) = self.proceso(id).await? else {
            // Gone after an answer of ours was lost: it was us.
            return match seen.take() {
                Some(deleted) if op.ambiguous => Ok(Try::Done(deleted)),
                _ => Err(RegistryError::NotFound { id: id.clone() }),
            };
        };
        if !expected(&held) {
            return Err(RegistryError::Unexpected { held: Box::new(held) });
        }
        let mut writes = vec![Write::DeleteProceso {
            id: id.clone(),
            was: Was::from(&held),
        }];
        // Where its row was lost, nothing says whether its schedule is needed but the processes themselves.
        let mut when = Settle::Recounted;
        if self.row(&held.id_calendarizacion).await?.is_some() {
            when = Settle::Left {
                enabled: held.habilitado,
            };
            let habilitados = -i8::from(held.habilitado);
            let id = held.id_calendarizacion.clone();
            writes.push(Write::Count {
                id,
                procesos: -1,
                habilitados,
                given: Given::Counted,
            });
        }
        *seen = Some((held.clone(), when));
        match self.commit(op, &writes).await? {
            None => Ok(Try::Done((held, when))),
            Some(at) => {
                self.recount_if(op, writes.get(at)).await?;
                Ok(Try::Again)
            }
        }
    }

    /// Ends what an interrupted call began on a calendarización: removes it where no process is left, and disables it
    /// where none is enabled. Nothing is done where there is none.
    pub async fn settle(&self, id: &IdCalendarizacion) -> Result<(), RegistryError> {
        self.settle_as(&mut self.operation(), id, Settle::Left { enabled: true })
            .await
    }

    fn operation(&self) -> Operation {
        Operation::new(&self.clock, self.patience)
    }

    /// The time, as the tables keep it.
    fn now(&self) -> Timestamp {
        to_millis(self.clock.now())
    }

    /// What a try ended with; none, after a pause, where it is to be made again.
    async fn ended<T: Send>(
        &self,
        op: &mut Operation,
        tried: Result<Try<T>, RegistryError>,
        object: &str,
    ) -> Option<Result<T, RegistryError>> {
        match tried {
            Ok(Try::Done(value)) => Some(Ok(value)),
            Ok(Try::Again) => op.pause(&self.clock, object).await.err().map(Err),
            Err(error) => Some(Err(error)),
        }
    }

    /// Whether what we wrote is there although its answer was lost and the store took the repetition for another.
    async fn is_stored(&self, op: &Operation, written: &Proceso) -> Result<bool, RegistryError> {
        Ok(op.ambiguous && self.proceso(&written.id_proceso).await?.as_ref() == Some(written))
    }

    /// A process by its id, without its calendarización.
    pub async fn proceso(&self, id: &IdProceso) -> Result<Option<Proceso>, RegistryError> {
        self.store.proceso(id).await.doing("reading the process", id)
    }
}
