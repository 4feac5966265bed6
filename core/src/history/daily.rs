//! The runs of a day that are in one state, newest first: the parts of the index by state and day, merged.
//!
//! Invariant: a page reads no more than about three times as many runs as it may show, however they lie in the parts.
//! Invariant: a part goes on exactly where it was left: its order of runs of the same instant is known to the index alone.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;

use futures_util::future::try_join_all;

use super::{History, InvalidRunKey};
use crate::ids::IdEjecucion;
use crate::instant::{Timestamp, rfc3339_millis};
use crate::registry::{Page, PortError};
use crate::run::{Ejecucion, EstadoDia};

const SHARDS: usize = IdEjecucion::SHARDS as usize;

/// Into how many reads a page is divided that comes out of one part alone.
const READS: u32 = 4;

/// Where a part of the index goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardCursor {
    /// With runs that are due then or were before.
    pub fecha_programada: Timestamp,
    /// Of those that are due then, with what comes after this one; with all of them where there is none.
    pub id_ejecucion: Option<IdEjecucion>,
}

impl ShardCursor {
    /// After this run.
    pub const fn after(run: &Ejecucion) -> Self {
        Self {
            fecha_programada: run.fecha_programada,
            id_ejecucion: Some(run.id_ejecucion),
        }
    }
}

/// How far a listing of a day has come: the time of the run that was shown last, and of each part that has shown runs of
/// that time, the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayCursor {
    fecha_programada: Timestamp,
    shown: [Option<IdEjecucion>; SHARDS],
}

impl DayCursor {
    /// After a page that begins at `before`; none after one that shows nothing.
    fn after(page: &[Ejecucion], before: Option<&Self>) -> Option<Self> {
        let fecha_programada = page.last()?.fecha_programada;
        let carried = before.filter(|before| before.fecha_programada == fecha_programada);
        let mut shown = carried.map(|before| before.shown).unwrap_or_default();
        for run in page.iter().filter(|run| run.fecha_programada == fecha_programada) {
            shown[usize::from(run.id_ejecucion.shard())] = Some(run.id_ejecucion);
        }
        Some(Self {
            fecha_programada,
            shown,
        })
    }

    fn of(&self, shard: usize) -> ShardCursor {
        ShardCursor {
            fecha_programada: self.fecha_programada,
            id_ejecucion: self.shown[shard],
        }
    }
}

impl fmt::Display for DayCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&rfc3339_millis(self.fecha_programada))?;
        self.shown.iter().flatten().try_for_each(|id| write!(f, " {id}"))
    }
}

impl FromStr for DayCursor {
    type Err = InvalidRunKey;

    fn from_str(text: &str) -> Result<Self, InvalidRunKey> {
        let refused = || InvalidRunKey(text.to_owned());
        let mut parts = text.split(' ');
        let fecha_programada = parts.next().and_then(|time| time.parse().ok()).ok_or_else(refused)?;
        let mut shown = [None; SHARDS];
        for part in parts {
            let id: IdEjecucion = part.parse().map_err(|_| refused())?;
            if shown[usize::from(id.shard())].replace(id).is_some() {
                return Err(refused());
            }
        }
        Ok(Self {
            fecha_programada,
            shown,
        })
    }
}

/// The newest `limit` runs (of 0, one) of a state and a day from `cursor` on.
///
/// # Guarantees
/// All parts are read at once. What is in the state from the first page to the last is on one of them, and nothing is on
/// two; a run that changes its state meanwhile leaves one listing and comes into another. Only where `next` is none is the
/// end.
pub async fn of_day(
    history: &impl History,
    of: EstadoDia,
    cursor: Option<&DayCursor>,
    limit: u32,
) -> Result<Page<Ejecucion, DayCursor>, PortError> {
    let limit = limit.clamp(1, u32::MAX - 1);
    let (share, limit) = (
        (limit + 1).div_ceil(READS),
        usize::try_from(limit).unwrap_or(usize::MAX),
    );
    let mut shards: [Shard; SHARDS] = std::array::from_fn(|number| Shard {
        number,
        held: VecDeque::new(),
        next: cursor.map_or(Next::Beginning, |cursor| Next::From(cursor.of(number))),
    });
    let mut page = Vec::new();
    loop {
        let dry = shards.iter_mut().filter(|shard| shard.is_dry());
        let reads: Vec<_> = dry.map(|shard| shard.read(history, of, share)).collect();
        try_join_all(reads).await?;
        // A part that may hold more has the newest run of all, as long as nobody has looked.
        while page.len() < limit && !shards.iter().any(Shard::is_dry) {
            let Some(run) = newest(&mut shards) else { break };
            page.push(run);
        }
        let more = shards.iter().any(|shard| !shard.held.is_empty());
        if page.len() == limit && more {
            let next = DayCursor::after(&page, cursor);
            return Ok(Page { items: page, next });
        }
        if !more && !shards.iter().any(Shard::is_dry) {
            return Ok(Page {
                items: page,
                next: None,
            });
        }
    }
}

/// One part of the index, as far as it has been read.
struct Shard {
    number: usize,
    held: VecDeque<Ejecucion>,
    next: Next,
}

/// Where a part goes on.
enum Next {
    Beginning,
    From(ShardCursor),
    End,
}

impl Shard {
    /// Whether nobody knows what it has next.
    fn is_dry(&self) -> bool {
        self.held.is_empty() && !matches!(self.next, Next::End)
    }

    async fn read(&mut self, history: &impl History, of: EstadoDia, limit: u32) -> Result<(), PortError> {
        let cursor = match self.next {
            Next::Beginning => None,
            Next::From(cursor) => Some(cursor),
            Next::End => return Ok(()),
        };
        let number = u8::try_from(self.number).unwrap_or_default();
        let page = history.shard(of, number, cursor, limit).await?;
        self.held.extend(page.items);
        self.next = page.next.map_or(Next::End, Next::From);
        Ok(())
    }
}

/// Takes the newest of all runs that come next; of the same instant, that of the first part.
fn newest(shards: &mut [Shard; SHARDS]) -> Option<Ejecucion> {
    let next = shards.iter().enumerate().rev();
    let next = next.filter_map(|(at, shard)| Some((shard.held.front()?.fecha_programada, at)));
    let (_, at) = next.max_by_key(|(time, _)| *time)?;
    shards[at].held.pop_front()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::collections::BTreeSet;

    use futures_util::FutureExt;
    use proptest::prelude::*;

    use super::super::Memory;
    use super::*;
    use crate::run::EstadoEjecucion;

    /// The run `n`: five are due at each second, in any part, most of them before midnight.
    fn run(n: u8, estado: EstadoEjecucion) -> Ejecucion {
        let scattered = n.wrapping_mul(37);
        Ejecucion {
            id_ejecucion: format!("00000000-0000-5000-8000-0000000000{scattered:02x}")
                .parse()
                .unwrap(),
            id_proceso: "proceso-a".parse().unwrap(),
            id_calendarizacion: "calendarizacion-a".parse().unwrap(),
            fecha_programada: Timestamp::from_second(86_400 - 12 + i64::from(n / 5)).unwrap(),
            estado,
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

    fn failed() -> EstadoDia {
        EstadoDia {
            estado: EstadoEjecucion::ErrorAlEjecutar,
            dia: "1970-01-01".parse().unwrap(),
        }
    }

    fn page(history: &Memory, cursor: Option<&DayCursor>, limit: u32) -> Page<Ejecucion, DayCursor> {
        of_day(history, failed(), cursor, limit)
            .now_or_never()
            .unwrap()
            .unwrap()
    }

    fn put(history: &Memory, run: Ejecucion) {
        history.held().runs.insert(run.id_ejecucion, run);
    }

    proptest! {
        #[test]
        fn what_stays_is_shown_once_whatever_comes_and_goes(
            at_first in prop::collection::btree_map(0_u8..80, any::<bool>(), 0..80),
            pages in prop::collection::vec((1_u32..9, prop::collection::vec((0_u8..80, 0_u8..3), 0..4)), 90),
        ) {
            let history = Memory::default();
            let states = [EstadoEjecucion::EjecutadoOk, EstadoEjecucion::ErrorAlEjecutar];
            for (n, fails) in &at_first {
                put(&history, run(*n, states[usize::from(*fails)]));
            }
            let listed = |run: &Ejecucion| EstadoDia::of(run) == failed();
            let mut staying: BTreeSet<_> = history.held().runs.values().filter(|run| listed(run)).map(|run| run.id_ejecucion).collect();
            let (mut cursor, mut shown) = (None, Vec::new());
            let mut ended = false;
            for (limit, changes) in pages {
                let before = history.held().items_read;
                let page = page(&history, cursor.as_ref(), limit);
                let read = history.held().items_read - before;
                prop_assert!(read <= 3 * limit as usize + 10, "{read} of {limit}");
                prop_assert!(page.items.len() <= limit as usize);
                prop_assert!(page.next.is_none() || page.items.len() == limit as usize);
                prop_assert!(page.items.iter().all(listed));
                shown.extend(page.items.iter().map(|run| (run.fecha_programada, run.id_ejecucion)));
                // As the API hands it on.
                cursor = page.next.map(|cursor| cursor.to_string().parse().unwrap());
                if cursor.is_none() {
                    ended = true;
                    break;
                }
                for (n, what) in changes {
                    let id = run(n, states[0]).id_ejecucion;
                    match what {
                        0 => {
                            history.held().runs.remove(&id);
                            staying.remove(&id);
                        }
                        1 => {
                            put(&history, run(n, states[0]));
                            staying.remove(&id);
                        }
                        _ => put(&history, run(n, states[1])),
                    }
                }
            }
            prop_assert!(ended);
            prop_assert!(shown.is_sorted_by(|a, b| a.0 >= b.0), "newest first: {shown:?}");
            // One that left the state and came back before its place was reached is the same run still.
            let once: BTreeSet<_> = shown.iter().map(|(_, id)| *id).collect();
            prop_assert_eq!(once.len(), shown.len(), "none twice");
            prop_assert!(staying.is_subset(&once), "{staying:?} {once:?}");
        }
    }

    #[test]
    fn a_day_ends_at_midnight_and_states_do_not_mix() {
        let history = Memory::default();
        for n in 0..80 {
            let state = if u8::is_multiple_of(n, 2) {
                EstadoEjecucion::ErrorAlEjecutar
            } else {
                EstadoEjecucion::Omitido
            };
            put(&history, run(n, state));
        }
        // 60 runs are due before midnight, and every other one failed.
        let all = page(&history, None, 100);
        assert_eq!((all.items.len(), all.next), (30, None));
        assert_eq!(all.items[0].fecha_programada, Timestamp::from_second(86_399).unwrap());
    }

    #[test]
    fn a_full_last_page_is_known_to_be_the_last() {
        let history = Memory::default();
        for n in 0..6 {
            put(&history, run(n, EstadoEjecucion::ErrorAlEjecutar));
        }
        assert_eq!(page(&history, None, 6).next, None);
        let first = page(&history, None, 5);
        assert_eq!(first.items.len(), 5);
        let rest = page(&history, first.next.as_ref(), 5);
        assert_eq!((rest.items.len(), rest.next), (1, None));
        assert_eq!(page(&Memory::default(), None, 5).items, []);
    }

    #[test]
    fn runs_that_all_lie_in_one_part_are_read_in_few_steps() {
        let history = Memory::default();
        for n in 0..=31 {
            put(&history, run(n * 8, EstadoEjecucion::ErrorAlEjecutar));
        }
        let one_part: BTreeSet<u8> = history.held().runs.keys().map(|id| id.shard()).collect();
        assert_eq!(one_part.len(), 1);
        let all = EstadoDia {
            dia: "1970-01-02".parse().unwrap(),
            ..failed()
        };
        let page = of_day(&history, all, None, 15).now_or_never().unwrap().unwrap();
        assert_eq!(page.items.len(), 15);
        assert!(history.held().items_read <= 20, "{}", history.held().items_read);
    }

    #[test]
    fn a_cursor_is_read_as_it_is_written() {
        let (one, other) = (run(1, EstadoEjecucion::Omitido), run(2, EstadoEjecucion::Omitido));
        let cursor = DayCursor::after(&[one, other], None).unwrap();
        let text = cursor.to_string();
        assert_eq!(text.split(' ').count(), 3, "{text}");
        assert_eq!(text.parse(), Ok(cursor));
        let (time, ids) = text.split_once(' ').unwrap();
        for bad in ["", "x", ids, &format!("{text} {ids}"), &format!("{time}  {ids}")] {
            assert!(bad.parse::<DayCursor>().is_err(), "{bad}");
        }
    }
}
