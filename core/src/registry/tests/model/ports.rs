//! The registry's ports as one caller of the model has them: every call waits for its turn, then is [`Memory`]'s.
//!
//! Invariant: what a caller does next follows from what it has seen; all of that is in [`Seat::seen`].

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::*;
use super::print::Print;
use crate::calendarizacion::Calendarizacion;
use crate::registry::operation::signed;

/// What a caller waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Wait {
    /// The answer of a read.
    Read,
    /// The answer of a transaction.
    Write,
    /// The answer of Scheduler, which has its effect before this instant.
    Schedule(Timestamp),
    /// An instant.
    Until(Timestamp),
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Turn {
    /// It is carried out and answered.
    Go,
    /// It is refused and has no effect.
    Refuse(Refusal),
    /// It is carried out, but no answer comes.
    Lose,
}

/// Why a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Refusal {
    Transient,
    Denied,
    /// Another transaction on the same items is under way.
    Conflict,
}

/// An error that says why a call was refused.
trait Refused: Print + From<PortError> {
    fn of(refusal: Refusal) -> Self;
}

impl Refused for PortError {
    fn of(refusal: Refusal) -> Self {
        let kind = match refusal {
            Refusal::Denied => PortErrorKind::Denied,
            Refusal::Transient | Refusal::Conflict => PortErrorKind::Transient,
        };
        Self::new(kind, false, "refused")
    }
}

impl Refused for CommitError {
    fn of(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Conflict => Self::Conflict,
            Refusal::Denied | Refusal::Transient => PortError::of(refusal).into(),
        }
    }
}

/// One caller as the machine sees it.
#[derive(Debug)]
pub(super) struct Seat {
    number: u64,
    /// What it waits for; none while it runs.
    pub(super) waits: Option<Wait>,
    /// Its turn, until it takes it.
    pub(super) turn: Option<Turn>,
    /// All that it was ever told, as a number.
    pub(super) seen: u64,
    draws: u64,
}

/// One caller's way to the world.
#[derive(Debug, Clone)]
pub(super) struct Port {
    pub(super) memory: Memory,
    seat: Arc<Mutex<Seat>>,
}

impl Port {
    pub(super) fn new(memory: Memory, number: usize) -> Self {
        let seat = Seat {
            // Not 0: the world draws such numbers itself.
            number: u64::try_from(number).unwrap() + 1,
            waits: None,
            turn: None,
            seen: 0,
            draws: 0,
        };
        Self {
            memory,
            seat: Arc::new(Mutex::new(seat)),
        }
    }

    pub(super) fn seat(&self) -> MutexGuard<'_, Seat> {
        self.seat.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is this caller's turn.
    async fn turn(&self, wait: Wait) -> Turn {
        std::future::poll_fn(|_| {
            let mut seat = self.seat();
            if let Some(turn) = seat.turn.take() {
                return Poll::Ready(turn);
            }
            seat.waits = Some(wait);
            Poll::Pending
        })
        .await
    }

    async fn call<T, E>(&self, wait: Wait, effect: impl Future<Output = Result<T, E>> + Send) -> Result<T, E>
    where
        T: Print,
        E: Refused,
    {
        let turn = self.turn(wait).await;
        let answer = match turn {
            Turn::Go => run(effect),
            Turn::Lose => run(effect).and(Err(PortError::new(PortErrorKind::Transient, true, "no answer").into())),
            Turn::Refuse(refusal) => Err(E::of(refusal)),
        };
        self.saw(|seen| {
            turn.hash(seen);
            answer.print(seen);
        });
        answer
    }

    /// Adds to what this caller was told; the time is always a part of it.
    fn saw(&self, what: impl FnOnce(&mut DefaultHasher)) {
        let now = self.memory.world().now;
        let mut seat = self.seat();
        let mut seen = DefaultHasher::new();
        (seat.seen, now).hash(&mut seen);
        what(&mut seen);
        seat.seen = seen.finish();
    }

    /// A call of Scheduler's that is begun now.
    fn schedule(&self) -> Wait {
        Wait::Schedule(self.now().saturating_add(signed(CALL_LIMIT)).unwrap())
    }
}

impl Store for Port {
    async fn proceso(&self, id: &IdProceso) -> Result<Option<Proceso>, PortError> {
        self.call(Wait::Read, self.memory.proceso(id)).await
    }

    async fn calendarizacion(&self, id: &IdCalendarizacion) -> Result<Option<Calendarizacion>, PortError> {
        self.call(Wait::Read, self.memory.calendarizacion(id)).await
    }

    async fn procesos(&self, cursor: Option<&IdProceso>, limit: u32) -> Result<Page<Proceso, IdProceso>, PortError> {
        self.call(Wait::Read, self.memory.procesos(cursor, limit)).await
    }

    async fn calendarizaciones(
        &self,
        cursor: Option<&IdCalendarizacion>,
        limit: u32,
    ) -> Result<Page<Calendarizacion, IdCalendarizacion>, PortError> {
        self.call(Wait::Read, self.memory.calendarizaciones(cursor, limit))
            .await
    }

    async fn count(&self, id: &IdCalendarizacion) -> Result<Count, PortError> {
        self.call(Wait::Read, self.memory.count(id)).await
    }

    async fn count_indexed(&self, id: &IdCalendarizacion) -> Result<Count, PortError> {
        self.call(Wait::Read, self.memory.count_indexed(id)).await
    }

    async fn tally(&self) -> Result<BTreeMap<IdCalendarizacion, Count>, PortError> {
        self.call(Wait::Read, self.memory.tally()).await
    }

    async fn commit(&self, token: u128, writes: &[Write]) -> Result<(), CommitError> {
        self.call(Wait::Write, self.memory.commit(token, writes)).await
    }
}

impl Scheduler for Port {
    async fn create(&self, spec: &ScheduleSpec) -> Result<Creation, PortError> {
        self.call(self.schedule(), self.memory.create(spec)).await
    }

    async fn update(&self, spec: &ScheduleSpec) -> Result<Found, PortError> {
        self.call(self.schedule(), self.memory.update(spec)).await
    }

    async fn get(&self, id: &IdCalendarizacion) -> Result<Option<HeldSchedule>, PortError> {
        self.call(Wait::Read, self.memory.get(id)).await
    }

    async fn delete(&self, id: &IdCalendarizacion) -> Result<(), PortError> {
        self.call(self.schedule(), self.memory.delete(id)).await
    }
}

impl Clock for Port {
    fn now(&self) -> Timestamp {
        self.memory.world().now
    }

    async fn sleep(&self, duration: Duration) {
        let until = self.now().saturating_add(signed(duration)).unwrap();
        self.turn(Wait::Until(until)).await;
        self.saw(|_| ());
    }

    /// The same numbers for the same caller in every order.
    fn random(&self) -> u128 {
        let mut seat = self.seat();
        seat.draws += 1;
        let low = (seat.number << 32 | seat.draws).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        u128::from(seat.number << 32 | seat.draws) << 64 | u128::from(low)
    }
}
