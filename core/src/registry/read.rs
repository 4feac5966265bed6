//! What the registry answers without changing anything.

use futures_util::future::{try_join, try_join_all};

use crate::calendarizacion::Calendarizacion;
use crate::ids::{IdCalendarizacion, IdProceso};
use crate::proceso::Proceso;

use super::Registry;
use super::error::{RegistryError, While};
use super::ports::{Catalog, Clock, Page, Scheduler, Store};

/// A process and the calendarización on which it is, which is missing only where somebody deleted its row by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The process.
    pub proceso: Proceso,
    /// Its calendarización.
    pub calendarizacion: Option<Calendarizacion>,
}

/// Which processes a listing shows: those that a key or an index finds, or all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Listing {
    /// All.
    #[default]
    All,
    /// The one with a name; one that the earlier system registered is found too.
    Nombre(String),
    /// Those on a calendarización.
    On {
        /// The calendarización.
        id: IdCalendarizacion,
        /// Those that are enabled, or those that are not; none shows both.
        habilitado: Option<bool>,
    },
}

impl Listing {
    /// Whether the listing shows this process.
    pub fn shows(&self, proceso: &Proceso) -> bool {
        match self {
            Self::All => true,
            Self::Nombre(nombre) => IdProceso::of(nombre) == IdProceso::of(&proceso.nombre),
            Self::On { id, habilitado } => {
                *id == proceso.id_calendarizacion && habilitado.is_none_or(|wanted| wanted == proceso.habilitado)
            }
        }
    }
}

impl<T, C> Page<T, C> {
    /// The first `limit` items of a page for which one more was asked, so that the last page is known to be the last.
    #[must_use]
    pub fn cut(mut self, limit: usize, key: impl Fn(&T) -> C) -> Self {
        if self.items.len() > limit {
            self.items.truncate(limit);
            self.next = self.items.last().map(key);
        }
        self
    }
}

impl<S: Store, C: Scheduler, K: Clock> Registry<S, C, K> {
    /// A process by its id.
    pub async fn get(&self, id: &IdProceso) -> Result<Option<Entry>, RegistryError> {
        match self.proceso(id).await? {
            Some(proceso) => self.entry(proceso).await,
            None => Ok(None),
        }
    }

    /// A process by its name; also one that the earlier system registered under its own id.
    pub async fn find_by_nombre(&self, nombre: &str) -> Result<Option<Entry>, RegistryError> {
        match self.find(nombre).await? {
            Some(proceso) => self.entry(proceso).await,
            None => Ok(None),
        }
    }

    /// A calendarización by its id.
    pub async fn calendarizacion(&self, id: &IdCalendarizacion) -> Result<Option<Calendarizacion>, RegistryError> {
        self.row(id).await
    }

    /// The first `limit` calendarizaciones after `cursor` (of 0, one).
    ///
    /// # Guarantees
    /// Those of [`Registry::procesos`].
    pub async fn calendarizaciones(
        &self,
        cursor: Option<&IdCalendarizacion>,
        limit: u32,
    ) -> Result<Page<Calendarizacion, IdCalendarizacion>, RegistryError> {
        let (limit, ask) = sizes(limit);
        let page = self.store.calendarizaciones(cursor, ask).await;
        let page = page.doing("listing the calendarizaciones of", &self.names.app)?;
        let page = page.cut(limit, |row| row.id_calendarizacion.clone());
        let items = page.items.into_iter().map(|row| self.completed(row));
        Ok(Page {
            items: try_join_all(items).await?,
            next: page.next,
        })
    }

    /// The process with a name, under its own id or the earlier system's.
    pub(super) async fn find(&self, nombre: &str) -> Result<Option<Proceso>, RegistryError> {
        let (id, legacy) = (IdProceso::of(nombre), IdProceso::legacy(nombre));
        let (own, earlier) = try_join(self.proceso(&id), self.proceso(&legacy)).await?;
        Ok(own.or(earlier))
    }

    /// A process with its calendarización; none where it was deleted meanwhile.
    async fn entry(&self, mut proceso: Proceso) -> Result<Option<Entry>, RegistryError> {
        loop {
            let calendarizacion = self.row(&proceso.id_calendarizacion).await?;
            if calendarizacion.is_none() {
                // It is gone where its last process has left it since: is that this one?
                let Some(now) = self.proceso(&proceso.id_proceso).await? else {
                    return Ok(None);
                };
                if now.id_calendarizacion != proceso.id_calendarizacion {
                    proceso = now;
                    continue;
                }
            }
            return Ok(Some(Entry {
                proceso,
                calendarizacion,
            }));
        }
    }
}

impl<S: Catalog, C: Scheduler, K: Clock> Registry<S, C, K> {
    /// The first `limit` processes of a listing after `cursor` (of 0, one).
    ///
    /// # Guarantees
    /// - At most `limit` items and one more are read; of those on a calendarización, first the index's entries and then
    ///   as many rows as the page shows.
    /// - A page may be shorter than its limit, even empty, and have a next one: only where `next` is none is the end.
    /// - However the table changes between two pages, what the listing shows all the while is on one of them, and
    ///   nothing is on two: the order is the key's, and a cursor is a place in it, whether or not anything is there.
    ///
    /// # Assumptions
    /// The index lags behind the table, in general by less than a second: what came to a calendarización within that time
    /// may be missing; what left it is not shown, since the rows are read consistently.
    pub async fn procesos(
        &self,
        listing: &Listing,
        cursor: Option<&IdProceso>,
        limit: u32,
    ) -> Result<Page<Proceso, IdProceso>, RegistryError> {
        let (limit, ask) = sizes(limit);
        let key = |proceso: &Proceso| proceso.id_proceso.clone();
        let (id, habilitado) = match listing {
            Listing::All => {
                let page = self.store.procesos(cursor, ask).await;
                let page = page.doing("listing the processes of", &self.names.app)?;
                return Ok(page.cut(limit, key));
            }
            Listing::Nombre(nombre) => {
                let found = self.find(nombre).await?;
                let found = found.filter(|found| cursor.is_none_or(|cursor| found.id_proceso > *cursor));
                return Ok(Page {
                    items: found.into_iter().collect(),
                    next: None,
                });
            }
            Listing::On { id, habilitado } => (id, habilitado),
        };
        let entries = self.store.members(id, cursor, ask).await;
        let entries = entries
            .doing("listing the processes on", id)?
            .cut(limit, |member| member.id_proceso.clone());
        let wanted: Vec<IdProceso> = entries
            .items
            .into_iter()
            .filter(|member| habilitado.is_none_or(|wanted| wanted == member.habilitado))
            .map(|member| member.id_proceso)
            .collect();
        let rows = self.store.rows(&wanted).await;
        let mut items = rows.doing("reading the processes on", id)?;
        items.retain(|proceso| listing.shows(proceso));
        Ok(Page {
            items,
            next: entries.next,
        })
    }
}

/// How many items a page shows, and how many are asked for.
fn sizes(limit: u32) -> (usize, u32) {
    let limit = limit.clamp(1, u32::MAX - 1);
    (usize::try_from(limit).unwrap_or(usize::MAX), limit + 1)
}
