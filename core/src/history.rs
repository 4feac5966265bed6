//! The history: the runs of a process, newest first, and those of a day that are in one state.
//!
//! Invariant: a run keeps its place, since neither its process nor its time ever changes; new ones come in front.

mod daily;

pub use daily::{DayCursor, ShardCursor, of_day};

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::ids::{IdEjecucion, IdProceso};
use crate::instant::{Timestamp, rfc3339_millis, serde_millis};
use crate::registry::{Page, PortError};
use crate::run::{Ejecucion, EstadoDia};

/// The table of runs, as far as it is read.
pub trait History: Send + Sync {
    /// A run, as it is now (a consistent read).
    fn ejecucion(&self, id: IdEjecucion) -> impl Future<Output = Result<Option<Ejecucion>, PortError>> + Send;

    /// Up to `limit` runs of a process before `cursor`, newest first, as the index has them: it may lag behind the table
    /// for a moment.
    fn ejecuciones(
        &self,
        id: &IdProceso,
        cursor: Option<&RunKey>,
        limit: u32,
    ) -> impl Future<Output = Result<Page<Ejecucion, RunKey>, PortError>> + Send;

    /// Up to `limit` runs of a part of a state and a day from `cursor` on, newest first, as the index has them. Runs of the
    /// same instant come in an order of the index's own, which never changes.
    fn shard(
        &self,
        of: EstadoDia,
        shard: u8,
        cursor: Option<ShardCursor>,
        limit: u32,
    ) -> impl Future<Output = Result<Page<Ejecucion, ShardCursor>, PortError>> + Send;
}

/// A run's key in the history of its process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RunKey {
    /// When it was due.
    #[serde(with = "serde_millis")]
    pub fecha_programada: Timestamp,
    /// Its id, which tells runs of the same instant apart.
    pub id_ejecucion: IdEjecucion,
}

impl RunKey {
    /// The key of a run.
    pub const fn of(run: &Ejecucion) -> Self {
        Self {
            fecha_programada: run.fecha_programada,
            id_ejecucion: run.id_ejecucion,
        }
    }
}

impl fmt::Display for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", rfc3339_millis(self.fecha_programada), self.id_ejecucion)
    }
}

/// A text that is not the key of a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not the key of a run: it must be its time and its id")]
pub struct InvalidRunKey(String);

impl FromStr for RunKey {
    type Err = InvalidRunKey;

    fn from_str(text: &str) -> Result<Self, InvalidRunKey> {
        let refused = || InvalidRunKey(text.to_owned());
        let (time, id) = text.split_once(' ').ok_or_else(refused)?;
        Ok(Self {
            fecha_programada: time.parse().map_err(|_| refused())?,
            id_ejecucion: id.parse().map_err(|_| refused())?,
        })
    }
}

/// The newest `limit` runs of a process before `cursor` (of 0, one).
///
/// # Guarantees
/// At most `limit` runs and one more are read. What is in the history from the first page to the last is on one of them,
/// and nothing is on two. A page may be shorter than its limit: only where `next` is none is the end.
pub async fn newest(
    history: &impl History,
    id: &IdProceso,
    cursor: Option<&RunKey>,
    limit: u32,
) -> Result<Page<Ejecucion, RunKey>, PortError> {
    let limit = limit.clamp(1, u32::MAX - 1);
    let page = history.ejecuciones(id, cursor, limit + 1).await?;
    Ok(page.cut(usize::try_from(limit).unwrap_or(usize::MAX), RunKey::of))
}

/// A history in memory, for tests.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<Runs>>);

/// A run's place in a part of a day. As in DynamoDB, runs of one instant are ordered, but not by their ids.
fn place(time: Timestamp, id: IdEjecucion) -> (Reverse<Timestamp>, String) {
    (Reverse(time), id.to_string().chars().rev().collect())
}

/// What a [`Memory`] holds.
#[derive(Debug, Default)]
pub struct Runs {
    /// The runs.
    pub runs: BTreeMap<IdEjecucion, Ejecucion>,
    /// How many runs all calls have read.
    pub items_read: usize,
}

impl Memory {
    /// The history, to look at it or to change it.
    pub fn held(&self) -> MutexGuard<'_, Runs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl History for Memory {
    async fn ejecucion(&self, id: IdEjecucion) -> Result<Option<Ejecucion>, PortError> {
        let mut held = self.held();
        let run = held.runs.get(&id).cloned();
        held.items_read += usize::from(run.is_some());
        Ok(run)
    }

    async fn ejecuciones(
        &self,
        id: &IdProceso,
        cursor: Option<&RunKey>,
        limit: u32,
    ) -> Result<Page<Ejecucion, RunKey>, PortError> {
        let mut held = self.held();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut runs: Vec<Ejecucion> = held
            .runs
            .values()
            .filter(|run| run.id_proceso == *id)
            .cloned()
            .collect();
        runs.retain(|run| cursor.is_none_or(|cursor| RunKey::of(run) < *cursor));
        runs.sort_by_key(|run| Reverse(RunKey::of(run)));
        runs.truncate(limit);
        held.items_read += runs.len();
        // As DynamoDB, which does not look whether anything follows.
        let next = runs.last().filter(|_| runs.len() == limit).map(RunKey::of);
        Ok(Page { items: runs, next })
    }

    async fn shard(
        &self,
        of: EstadoDia,
        shard: u8,
        cursor: Option<ShardCursor>,
        limit: u32,
    ) -> Result<Page<Ejecucion, ShardCursor>, PortError> {
        let mut held = self.held();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut runs: Vec<Ejecucion> = held.runs.values().cloned().collect();
        runs.retain(|run| EstadoDia::of(run) == of && run.id_ejecucion.shard() == shard);
        runs.sort_by_cached_key(|run| place(run.fecha_programada, run.id_ejecucion));
        runs.retain(|run| match cursor {
            None => true,
            Some(ShardCursor {
                fecha_programada,
                id_ejecucion: None,
            }) => run.fecha_programada <= fecha_programada,
            Some(ShardCursor {
                fecha_programada,
                id_ejecucion: Some(id),
            }) => place(run.fecha_programada, run.id_ejecucion) > place(fecha_programada, id),
        });
        runs.truncate(limit);
        held.items_read += runs.len();
        let next = runs.last().filter(|_| runs.len() == limit).map(ShardCursor::after);
        Ok(Page { items: runs, next })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::collections::BTreeSet;

    use futures_util::FutureExt;
    use proptest::prelude::*;

    use super::*;
    use crate::run::EstadoEjecucion;

    fn id(n: u8) -> IdEjecucion {
        format!("00000000-0000-5000-8000-0000000000{n:02x}").parse().unwrap()
    }

    /// Every third run is due with the two before it; every fifth is another process's.
    fn run(n: u8) -> Ejecucion {
        Ejecucion {
            id_ejecucion: id(n),
            id_proceso: if n % 5 == 4 { "proceso-b" } else { "proceso-a" }.parse().unwrap(),
            id_calendarizacion: "calendarizacion-a".parse().unwrap(),
            fecha_programada: Timestamp::from_second(i64::from(n / 3)).unwrap(),
            estado: EstadoEjecucion::EjecutadoOk,
            intentos: 1,
            arrendado_hasta: None,
            dueno: None,
            fecha_inicio: None,
            fecha_termino: None,
            duracion_ms: None,
            respuesta: None,
            error: None,
            ttl: 1,
        }
    }

    proptest! {
        #[test]
        fn what_stays_is_shown_once_whatever_comes_and_goes(
            at_first in prop::collection::btree_set(0_u8..40, 0..30),
            pages in prop::collection::vec((1_u32..6, prop::collection::vec((0_u8..40, any::<bool>()), 0..4)), 40),
        ) {
            let history = Memory::default();
            let owner: IdProceso = "proceso-a".parse().unwrap();
            for n in &at_first {
                history.held().runs.insert(id(*n), run(*n));
            }
            let mut staying: BTreeSet<IdEjecucion> = history.held().runs.keys().copied().collect();
            staying.retain(|id| history.held().runs[id].id_proceso == owner);
            let (mut cursor, mut shown) = (None, Vec::new());
            let mut ended = false;
            for (limit, changes) in pages {
                let before = history.held().items_read;
                let page = newest(&history, &owner, cursor.as_ref(), limit).now_or_never().unwrap().unwrap();
                prop_assert!(history.held().items_read - before <= limit as usize + 1);
                prop_assert!(page.items.len() <= limit as usize);
                prop_assert!(page.items.iter().all(|run| run.id_proceso == owner));
                shown.extend(page.items.iter().map(RunKey::of));
                cursor = page.next;
                if cursor.is_none() {
                    ended = true;
                    break;
                }
                for (n, comes) in changes {
                    if comes {
                        history.held().runs.entry(id(n)).or_insert_with(|| run(n));
                    } else {
                        history.held().runs.remove(&id(n));
                        staying.remove(&id(n));
                    }
                }
            }
            prop_assert!(ended);
            prop_assert!(shown.is_sorted_by(|a, b| a > b), "newest first, and none twice: {shown:?}");
            let shown: BTreeSet<IdEjecucion> = shown.into_iter().map(|place| place.id_ejecucion).collect();
            prop_assert!(staying.is_subset(&shown), "{staying:?} {shown:?}");
        }
    }

    #[test]
    fn a_key_is_read_as_it_is_written() {
        let key = RunKey::of(&run(7));
        assert_eq!(key.to_string(), format!("1970-01-01T00:00:02.000Z {}", id(7)));
        assert_eq!(key.to_string().parse(), Ok(key));
        for bad in ["", "1970-01-01T00:00:02.000Z", "x y", "1970-01-01T00:00:02.000Z y"] {
            assert!(bad.parse::<RunKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_full_last_page_is_known_to_be_the_last() {
        let history = Memory::default();
        for n in 0..4 {
            history.held().runs.insert(id(n), run(n));
        }
        let page = newest(&history, &run(0).id_proceso, None, 4)
            .now_or_never()
            .unwrap()
            .unwrap();
        assert_eq!((page.items.len(), page.next), (4, None));
        let page = newest(&history, &run(0).id_proceso, None, 3)
            .now_or_never()
            .unwrap()
            .unwrap();
        let ids: Vec<IdEjecucion> = page.items.iter().map(|run| run.id_ejecucion).collect();
        assert_eq!(ids, [id(3), id(2), id(1)]);
        assert_eq!(page.next, Some(RunKey::of(&run(1))));
    }
}
