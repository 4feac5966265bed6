//! What the registry asks of the world: a store of processes, AWS's scheduler, a clock.
//!
//! Invariant: the rules are in the registry and in [`Write`]; an implementation only carries them out.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use crate::calendarizacion::Calendarizacion;
use crate::ids::{IdCalendarizacion, IdProceso};
use crate::instant::Timestamp;
use crate::proceso::Proceso;

use super::write::Write;

/// The tables of processes and calendarizaciones.
pub trait Store: Send + Sync {
    /// A process, as it is now (a consistent read).
    fn proceso(&self, id: &IdProceso) -> impl Future<Output = Result<Option<Proceso>, PortError>> + Send;

    /// A calendarización, as it is now (a consistent read).
    fn calendarizacion(
        &self,
        id: &IdCalendarizacion,
    ) -> impl Future<Output = Result<Option<Calendarizacion>, PortError>> + Send;

    /// Up to `limit` processes after `cursor`, in an order of the store's own, as they are now.
    fn procesos(
        &self,
        cursor: Option<&IdProceso>,
        limit: u32,
    ) -> impl Future<Output = Result<Page<Proceso, IdProceso>, PortError>> + Send;

    /// Up to `limit` calendarizaciones after `cursor`, in an order of the store's own.
    fn calendarizaciones(
        &self,
        cursor: Option<&IdCalendarizacion>,
        limit: u32,
    ) -> impl Future<Output = Result<Page<Calendarizacion, IdCalendarizacion>, PortError>> + Send;

    /// How many processes are on a calendarización, and how many of them are enabled, counted one by one with
    /// consistent reads. Expensive: only for repairs.
    fn count(&self, id: &IdCalendarizacion) -> impl Future<Output = Result<Count, PortError>> + Send;

    /// The same, as an index says it: cheap, and a moment behind.
    fn count_indexed(&self, id: &IdCalendarizacion) -> impl Future<Output = Result<Count, PortError>> + Send;

    /// The same of every calendarización that has a process, as the index says it.
    fn tally(&self) -> impl Future<Output = Result<BTreeMap<IdCalendarizacion, Count>, PortError>> + Send;

    /// Carries out all writes or none. The same token with the same writes is carried out once, however often it is
    /// asked for within ten minutes.
    fn commit(&self, token: u128, writes: &[Write]) -> impl Future<Output = Result<(), CommitError>> + Send;
}

/// The same tables, for listings by index.
pub trait Catalog: Store {
    /// Up to `limit` processes on a calendarización after `cursor`, by id, as the index has them: it may lag behind the
    /// table for a moment.
    fn members(
        &self,
        id: &IdCalendarizacion,
        cursor: Option<&IdProceso>,
        limit: u32,
    ) -> impl Future<Output = Result<Page<Member, IdProceso>, PortError>> + Send;

    /// The processes with these ids, in their order, as they are now (consistent reads); those that do not exist are left
    /// out.
    fn rows(&self, ids: &[IdProceso]) -> impl Future<Output = Result<Vec<Proceso>, PortError>> + Send;
}

/// A process as the index of its calendarización has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id_proceso: IdProceso,
    /// Whether it runs.
    pub habilitado: bool,
}

/// EventBridge Scheduler, within the installation's group.
///
/// A call ends, one way or the other, within [`super::CALL_LIMIT`]: what it changes, it changes before that.
pub trait Scheduler: Send + Sync {
    /// Creates a schedule, unless there is one of that name.
    fn create(&self, spec: &ScheduleSpec) -> impl Future<Output = Result<Creation, PortError>> + Send;

    /// Makes an existing schedule the given one, in full.
    fn update(&self, spec: &ScheduleSpec) -> impl Future<Output = Result<Found, PortError>> + Send;

    /// Deletes a schedule; that there is none is no error.
    fn delete(&self, id: &IdCalendarizacion) -> impl Future<Output = Result<(), PortError>> + Send;

    /// A schedule as AWS has it; none where there is none.
    fn get(&self, id: &IdCalendarizacion) -> impl Future<Output = Result<Option<HeldSchedule>, PortError>> + Send;
}

/// Time and chance.
pub trait Clock: Send + Sync {
    /// The time.
    fn now(&self) -> Timestamp;
    /// Waits.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send;
    /// 128 random bits.
    fn random(&self) -> u128;
}

/// Part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, C> {
    /// The part.
    pub items: Vec<T>,
    /// Where to go on; none at the end.
    pub next: Option<C>,
}

/// How many processes a calendarización has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// All.
    pub procesos: u64,
    /// The enabled ones.
    pub habilitados: u64,
}

/// What creating a schedule found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// It is new.
    Created,
    /// There was one of that name; nothing was changed.
    Exists,
}

/// What changing a schedule found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// It is as wanted.
    Updated,
    /// There is none of that name.
    Missing,
}

/// A schedule as it is wanted in AWS. Group, target, role, retries and dead-letter queue are the implementation's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleSpec {
    /// The calendarización, whose id is the schedule's name.
    pub id: IdCalendarizacion,
    /// The expression.
    pub expression: String,
    /// The IANA zone.
    pub zone: String,
    /// The flexible window, in minutes.
    pub window_minutes: Option<u16>,
    /// The start; none where it is past, since AWS refuses that, and none of a one-time schedule.
    pub start: Option<Timestamp>,
    /// The end; none of a one-time schedule.
    pub end: Option<Timestamp>,
    /// Whether it fires.
    pub enabled: bool,
    /// The schedule in words.
    pub description: String,
}

/// A schedule as AWS has it. What AWS fills in by itself is filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldSchedule {
    /// The expression.
    pub expression: String,
    /// The IANA zone.
    pub zone: String,
    /// The flexible window, in minutes.
    pub window_minutes: Option<u16>,
    /// The start.
    pub start: Option<Timestamp>,
    /// The end.
    pub end: Option<Timestamp>,
    /// Whether it fires.
    pub enabled: bool,
    /// What is not as every schedule of the installation has it: target, role, input, retries, dead-letter queue.
    pub deviations: Vec<Deviation>,
}

/// A property that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deviation {
    /// The property, by AWS's name or the table's.
    pub property: &'static str,
    /// What it is.
    pub actual: String,
    /// What it should be.
    pub wanted: String,
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} → {}", self.property, self.actual, self.wanted)
    }
}

/// A failure of a port.
#[derive(Debug)]
pub struct PortError {
    /// What may be done about it.
    pub kind: PortErrorKind,
    /// Whether the call may have been carried out although it failed.
    pub ambiguous: bool,
    source: Box<dyn Error + Send + Sync>,
}

/// What may be done about a port's failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortErrorKind {
    /// The same call may succeed in a moment.
    Transient,
    /// A role that was just created is not visible everywhere yet: the same call succeeds within minutes.
    Propagation,
    /// The caller may not do it.
    Denied,
    /// The table, the group, … does not exist: the installation is not there.
    NotFound,
    /// None of these.
    Other,
}

impl PortError {
    /// Wraps what an implementation ran into.
    pub fn new(kind: PortErrorKind, ambiguous: bool, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind,
            ambiguous,
            source: source.into(),
        }
    }

    /// What the implementation ran into, for those who know its type.
    pub fn inner(&self) -> &(dyn Error + Send + Sync + 'static) {
        self.source.as_ref()
    }

    /// Whether trying again in a moment may help.
    pub fn is_transient(&self) -> bool {
        self.kind == PortErrorKind::Transient
    }
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl Error for PortError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // Its text is ours already: no error prints its own source.
        self.source.source()
    }
}

/// Why nothing was written.
#[derive(Debug)]
pub enum CommitError {
    /// The write at this place does not fit what is stored.
    Rejected(usize),
    /// Another transaction on the same items was under way.
    Conflict,
    /// The store failed.
    Port(PortError),
}

impl From<PortError> for CommitError {
    fn from(error: PortError) -> Self {
        Self::Port(error)
    }
}
