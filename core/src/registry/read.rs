//! What the registry answers without changing anything.

use futures_util::future::try_join;

use crate::calendarizacion::Calendarizacion;
use crate::ids::{IdCalendarizacion, IdProceso};
use crate::proceso::Proceso;

use super::Registry;
use super::error::{RegistryError, While};
use super::ports::{Clock, Page, Scheduler, Store};

/// A process and the calendarización on which it is, which is missing only where somebody deleted its row by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The process.
    pub proceso: Proceso,
    /// Its calendarización.
    pub calendarizacion: Option<Calendarizacion>,
}

/// Which processes a list shows; what is none does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those on a calendarización.
    pub id_calendarizacion: Option<IdCalendarizacion>,
    /// Those that are enabled, or those that are not.
    pub habilitado: Option<bool>,
    /// Those with a target.
    pub arn_proceso: Option<String>,
    /// Those whose name contains this, in any case.
    pub nombre: Option<String>,
}

impl Filter {
    /// Whether the list shows this process.
    pub fn shows(&self, proceso: &Proceso) -> bool {
        let part = |part: &String| proceso.nombre.to_lowercase().contains(&part.to_lowercase());
        self.id_calendarizacion
            .as_ref()
            .is_none_or(|id| *id == proceso.id_calendarizacion)
            && self
                .habilitado
                .is_none_or(|habilitado| habilitado == proceso.habilitado)
            && self.arn_proceso.as_ref().is_none_or(|arn| *arn == proceso.arn_proceso)
            && self.nombre.as_ref().is_none_or(part)
    }
}

/// The least that is asked of the store at once, since a filter may leave little of it.
const PAGE: u32 = 100;

impl<S: Store, C: Scheduler, K: Clock> Registry<S, C, K> {
    /// A process by its id.
    pub async fn get(&self, id: &IdProceso) -> Result<Option<Entry>, RegistryError> {
        match self.proceso(id).await? {
            Some(proceso) => self.entry(proceso).await.map(Some),
            None => Ok(None),
        }
    }

    /// A process by its name; also one that the earlier system registered under its own id.
    pub async fn find_by_nombre(&self, nombre: &str) -> Result<Option<Entry>, RegistryError> {
        match self.find(nombre).await? {
            Some(proceso) => self.entry(proceso).await.map(Some),
            None => Ok(None),
        }
    }

    /// Up to `limit` processes after `cursor`.
    pub async fn list(
        &self,
        filter: &Filter,
        cursor: Option<IdProceso>,
        limit: usize,
    ) -> Result<Page<Proceso, IdProceso>, RegistryError> {
        let mut items: Vec<Proceso> = Vec::new();
        let mut next = cursor;
        loop {
            let size = u32::try_from(limit.saturating_sub(items.len()))
                .unwrap_or(PAGE)
                .clamp(1, PAGE);
            let page = self
                .store
                .procesos(next.as_ref(), size)
                .await
                .doing("listing the processes of", &self.names.app)?;
            items.extend(page.items.into_iter().filter(|proceso| filter.shows(proceso)));
            next = page.next;
            if items.len() >= limit || next.is_none() {
                return Ok(Page { items, next });
            }
        }
    }

    /// A calendarización by its id.
    pub async fn calendarizacion(&self, id: &IdCalendarizacion) -> Result<Option<Calendarizacion>, RegistryError> {
        self.row(id).await
    }

    /// Up to `limit` calendarizaciones after `cursor`.
    pub async fn calendarizaciones(
        &self,
        cursor: Option<&IdCalendarizacion>,
        limit: u32,
    ) -> Result<Page<Calendarizacion, IdCalendarizacion>, RegistryError> {
        let page = self.store.calendarizaciones(cursor, limit).await;
        page.doing("listing the calendarizaciones of", &self.names.app)
    }

    /// The process with a name, under its own id or the earlier system's.
    pub(super) async fn find(&self, nombre: &str) -> Result<Option<Proceso>, RegistryError> {
        let (id, legacy) = (IdProceso::of(nombre), IdProceso::legacy(nombre));
        let (own, earlier) = try_join(self.proceso(&id), self.proceso(&legacy)).await?;
        Ok(own.or(earlier))
    }

    async fn entry(&self, proceso: Proceso) -> Result<Entry, RegistryError> {
        let calendarizacion = self.row(&proceso.id_calendarizacion).await?;
        Ok(Entry {
            proceso,
            calendarizacion,
        })
    }
}
