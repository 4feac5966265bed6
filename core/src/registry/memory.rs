//! The registry's ports in memory, for tests: one small world, with faults where a test wants them.
//!
//! Invariant: a call has its effect at once and its answer a step later, so that callers interleave at every call.

mod catalog;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use crate::calendarizacion::{Calendarizacion, EstadoCalendarizacion};
use crate::ids::{IdCalendarizacion, IdProceso};
use crate::instant::Timestamp;
use crate::names::Names;
use crate::proceso::Proceso;
use crate::schedule::Schedule;

use super::Registry;
use super::operation::signed;
use super::ports::{
    Clock, CommitError, Count, Creation, Found, HeldSchedule, Page, PortError, PortErrorKind, ScheduleSpec, Scheduler,
    Store,
};
use super::write::{Tables, Write};

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is refused and has no effect.
    Refused(PortErrorKind),
    /// It has its effect, but no answer comes.
    AnswerLost,
    /// The caller dies before the call: nothing works until [`Memory::revive`].
    CrashBefore,
    /// The caller dies after the call.
    CrashAfter,
}

/// What the world is made of.
#[derive(Debug, Clone)]
pub struct World {
    /// The two tables.
    pub tables: Tables,
    /// The schedules in AWS.
    pub schedules: BTreeMap<IdCalendarizacion, ScheduleSpec>,
    /// The time.
    pub now: Timestamp,
    /// Every call that was made, in words, except sleeping.
    pub journal: Vec<String>,
    /// How many items (rows, and entries of the index) all calls have read.
    pub items_read: usize,
    /// What the index by calendarización knows, where it lags behind the table.
    lagging: Option<BTreeMap<IdProceso, Proceso>>,
    faults: BTreeMap<usize, Fault>,
    dead: bool,
    committed: HashMap<u128, Vec<Write>>,
    random: u64,
}

/// Store, scheduler and clock in one.
#[derive(Debug, Clone)]
pub struct Memory(Arc<Mutex<World>>);

impl Memory {
    /// An empty world at an instant.
    pub fn new(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(World {
            tables: Tables::default(),
            schedules: BTreeMap::new(),
            now,
            journal: Vec::new(),
            items_read: 0,
            lagging: None,
            faults: BTreeMap::new(),
            dead: false,
            committed: HashMap::new(),
            random: 0,
        })))
    }

    /// A registry on this world.
    pub fn registry(&self, names: Names) -> Registry<Self, Self, Self> {
        Registry::new(names, self.clone(), self.clone(), self.clone())
    }

    /// The world, to look at it or to change it.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A world of its own that is as this one is now.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self(Arc::new(Mutex::new(self.world().clone())))
    }

    /// Lets the call go wrong that comes after so many others from now on.
    pub fn fail_after(&self, calls: usize, fault: Fault) {
        let mut world = self.world();
        let at = world.journal.len() + calls;
        world.faults.insert(at, fault);
    }

    /// A new caller after a crash; faults that did not happen are forgotten.
    pub fn revive(&self) {
        let mut world = self.world();
        world.dead = false;
        world.faults.clear();
    }

    /// Makes a call: its effect now, its answer a step later.
    async fn call<T>(&self, name: String, effect: impl FnOnce(&mut World) -> T + Send) -> Result<T, PortError>
    where
        T: Send,
    {
        let answer = self.world().call(name, effect);
        step().await;
        answer
    }
}

/// Lets others go first, once.
async fn step() {
    let mut waited = false;
    std::future::poll_fn(|context| {
        if waited {
            return Poll::Ready(());
        }
        waited = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl World {
    fn call<T>(&mut self, name: String, effect: impl FnOnce(&mut Self) -> T) -> Result<T, PortError> {
        let crashed = || PortError::new(PortErrorKind::Other, false, "the caller has crashed");
        if self.dead {
            return Err(crashed());
        }
        let fault = self.faults.remove(&self.journal.len());
        self.journal.push(name);
        match fault {
            None => Ok(effect(self)),
            Some(Fault::Refused(kind)) => Err(PortError::new(kind, false, "refused")),
            Some(Fault::AnswerLost) => {
                effect(self);
                Err(PortError::new(PortErrorKind::Transient, true, "the answer was lost"))
            }
            Some(Fault::CrashBefore) => {
                self.dead = true;
                Err(crashed())
            }
            Some(Fault::CrashAfter) => {
                effect(self);
                self.dead = true;
                Err(crashed())
            }
        }
    }

    /// What must hold at every moment and does not: an enabled process without a live schedule, or a wrong counter.
    pub fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for proceso in self.tables.procesos.values().filter(|proceso| proceso.habilitado) {
            let id = &proceso.id_calendarizacion;
            if !self.schedules.get(id).is_some_and(|schedule| schedule.enabled) {
                broken.push(format!("{} is enabled without a live schedule", proceso.nombre));
            }
        }
        for row in self.tables.calendarizaciones.values() {
            if self.tables.count(&row.id_calendarizacion) != row.count() {
                broken.push(format!("{} has wrong counters", row.expresion));
            }
        }
        broken
    }

    /// What must hold at rest and does not: each schedule has a row and a process, and is enabled as they need it.
    pub fn restless(&self) -> Vec<String> {
        let mut restless = self.broken();
        for (id, schedule) in &self.schedules {
            let row = self.tables.calendarizaciones.get(id);
            if row.is_none_or(|row| row.cant_procesos == 0) {
                restless.push(format!("{} has no process", schedule.expression));
            }
        }
        for (id, row) in &self.tables.calendarizaciones {
            let enabled = self.schedules.get(id).map(|schedule| schedule.enabled);
            if enabled != Some(row.cant_habilitados > 0) {
                restless.push(format!("{} has a schedule that is {enabled:?}", row.expresion));
            }
            if row.estado != EstadoCalendarizacion::Activa || row.guardia.is_some() {
                restless.push(format!(
                    "{} is {} and guarded: {}",
                    row.expresion,
                    row.estado,
                    row.guardia.is_some()
                ));
            }
        }
        restless
    }

    /// AWS takes no times in the past; a start may lie five minutes back.
    fn accepts(&self, spec: &ScheduleSpec) -> Result<(), PortError> {
        let refused = |why| Err(PortError::new(PortErrorKind::Other, false, why));
        let minutes = |n| {
            self.now
                .saturating_sub(jiff::SignedDuration::from_mins(n))
                .unwrap_or(Timestamp::MIN)
        };
        let one_time = spec.expression.starts_with("at(").then(|| {
            let schedule = Schedule::parse(&spec.expression, Some(&spec.zone), None, None, None);
            schedule.ok().and_then(|schedule| schedule.one_time())
        });
        if spec.start.is_some_and(|start| start < minutes(5)) {
            return refused("the start lies in the past");
        }
        if spec.end.is_some_and(|end| end < self.now) || one_time.flatten().is_some_and(|at| at < self.now) {
            return refused("the end lies in the past");
        }
        Ok(())
    }
}

impl Tables {
    fn count(&self, id: &IdCalendarizacion) -> Count {
        let on = self
            .procesos
            .values()
            .filter(|proceso| proceso.id_calendarizacion == *id);
        on.fold(Count::default(), |count, proceso| Count {
            procesos: count.procesos + 1,
            habilitados: count.habilitados + u64::from(proceso.habilitado),
        })
    }
}

impl Calendarizacion {
    fn count(&self) -> Count {
        Count {
            procesos: self.cant_procesos,
            habilitados: self.cant_habilitados,
        }
    }
}

impl Store for Memory {
    async fn proceso(&self, id: &IdProceso) -> Result<Option<Proceso>, PortError> {
        self.call(format!("read {id}"), |world| {
            let found = world.tables.procesos.get(id).cloned();
            world.items_read += usize::from(found.is_some());
            found
        })
        .await
    }

    async fn calendarizacion(&self, id: &IdCalendarizacion) -> Result<Option<Calendarizacion>, PortError> {
        self.call(format!("read {id}"), |world| {
            let found = world.tables.calendarizaciones.get(id).cloned();
            world.items_read += usize::from(found.is_some());
            found
        })
        .await
    }

    async fn procesos(&self, cursor: Option<&IdProceso>, limit: u32) -> Result<Page<Proceso, IdProceso>, PortError> {
        self.call("list processes".into(), |world| {
            let page = page(&world.tables.procesos, cursor, limit);
            world.items_read += page.items.len();
            page
        })
        .await
    }

    async fn calendarizaciones(
        &self,
        cursor: Option<&IdCalendarizacion>,
        limit: u32,
    ) -> Result<Page<Calendarizacion, IdCalendarizacion>, PortError> {
        self.call("list calendarizaciones".into(), |world| {
            let page = page(&world.tables.calendarizaciones, cursor, limit);
            world.items_read += page.items.len();
            page
        })
        .await
    }

    async fn count(&self, id: &IdCalendarizacion) -> Result<Count, PortError> {
        self.call(format!("count {id}"), |world| world.tables.count(id)).await
    }

    async fn count_indexed(&self, id: &IdCalendarizacion) -> Result<Count, PortError> {
        self.call(format!("ask the index for {id}"), |world| world.tables.count(id))
            .await
    }

    async fn tally(&self) -> Result<BTreeMap<IdCalendarizacion, Count>, PortError> {
        self.call("tally the index".into(), |world| {
            let ids = world
                .tables
                .procesos
                .values()
                .map(|held| held.id_calendarizacion.clone());
            let ids: BTreeSet<IdCalendarizacion> = ids.collect();
            ids.into_iter()
                .map(|id| (id.clone(), world.tables.count(&id)))
                .collect()
        })
        .await
    }

    async fn commit(&self, token: u128, writes: &[Write]) -> Result<(), CommitError> {
        let objects: Vec<&str> = writes.iter().map(Write::object).collect();
        let done = self.call(format!("write {}", objects.join(", ")), |world| {
            if world.committed.get(&token).is_some_and(|done| done == writes) {
                return Ok(());
            }
            world.tables.apply(writes)?;
            world.committed.insert(token, writes.to_vec());
            Ok(())
        });
        done.await?.map_err(CommitError::Rejected)
    }
}

fn page<K: Ord + Clone, T: Clone>(map: &BTreeMap<K, T>, cursor: Option<&K>, limit: u32) -> Page<T, K> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut rest = map.iter().filter(|(id, _)| cursor.is_none_or(|cursor| *id > cursor));
    let part: Vec<_> = rest.by_ref().take(limit).collect();
    let next = part
        .last()
        .filter(|_| rest.next().is_some())
        .map(|(id, _)| (*id).clone());
    Page {
        items: part.into_iter().map(|(_, item)| item.clone()).collect(),
        next,
    }
}

impl Scheduler for Memory {
    async fn create(&self, spec: &ScheduleSpec) -> Result<Creation, PortError> {
        self.call(format!("create schedule {}", spec.id), |world| {
            if world.schedules.contains_key(&spec.id) {
                return Ok(Creation::Exists);
            }
            world.accepts(spec)?;
            world.schedules.insert(spec.id.clone(), spec.clone());
            Ok(Creation::Created)
        })
        .await?
    }

    async fn update(&self, spec: &ScheduleSpec) -> Result<Found, PortError> {
        self.call(
            format!("update schedule {} enabled={}", spec.id, spec.enabled),
            |world| {
                world.accepts(spec)?;
                Ok(match world.schedules.get_mut(&spec.id) {
                    Some(held) => {
                        held.clone_from(spec);
                        Found::Updated
                    }
                    None => Found::Missing,
                })
            },
        )
        .await?
    }

    async fn delete(&self, id: &IdCalendarizacion) -> Result<(), PortError> {
        self.call(format!("delete schedule {id}"), |world| {
            world.schedules.remove(id);
        })
        .await
    }

    async fn get(&self, id: &IdCalendarizacion) -> Result<Option<HeldSchedule>, PortError> {
        self.call(format!("read schedule {id}"), |world| {
            world.schedules.get(id).cloned().map(|held| HeldSchedule {
                expression: held.expression,
                zone: held.zone,
                window_minutes: held.window_minutes,
                start: held.start,
                end: held.end,
                enabled: held.enabled,
                deviations: Vec::new(),
            })
        })
        .await
    }
}

impl Clock for Memory {
    fn now(&self) -> Timestamp {
        self.world().now
    }

    async fn sleep(&self, duration: Duration) {
        {
            let mut world = self.world();
            world.now = world.now.saturating_add(signed(duration)).unwrap_or(Timestamp::MAX);
        }
        step().await;
    }

    fn random(&self) -> u128 {
        let mut world = self.world();
        world.random += 1;
        u128::from(world.random) << 64 | u128::from(world.random.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}
