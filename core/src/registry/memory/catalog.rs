//! The listings of the world in memory, with an index that may lag behind.

use std::collections::BTreeMap;

use crate::ids::{IdCalendarizacion, IdProceso};
use crate::proceso::Proceso;
use crate::registry::ports::{Catalog, Member, Page, PortError};

use super::{Memory, World, page};

impl Memory {
    /// Lets the index stay as it is now, whatever becomes of the table, until [`Memory::catch_up`].
    pub fn lag(&self) {
        let mut world = self.world();
        world.lagging = Some(world.tables.procesos.clone());
    }

    /// Brings the index up to date.
    pub fn catch_up(&self) {
        self.world().lagging = None;
    }
}

impl Catalog for Memory {
    async fn members(
        &self,
        id: &IdCalendarizacion,
        cursor: Option<&IdProceso>,
        limit: u32,
    ) -> Result<Page<Member, IdProceso>, PortError> {
        self.call(format!("list processes on {id}"), |world| {
            let page = page(&world.index(id), cursor, limit);
            world.items_read += page.items.len();
            page
        })
        .await
    }

    async fn rows(&self, ids: &[IdProceso]) -> Result<Vec<Proceso>, PortError> {
        self.call(format!("read {} processes", ids.len()), |world| {
            let known = ids.iter().filter_map(|id| world.tables.procesos.get(id).cloned());
            let rows: Vec<Proceso> = known.collect();
            world.items_read += rows.len();
            rows
        })
        .await
    }
}

impl World {
    fn index(&self, id: &IdCalendarizacion) -> BTreeMap<IdProceso, Member> {
        let known = self.lagging.as_ref().unwrap_or(&self.tables.procesos);
        let members = known.values().filter(|proceso| proceso.id_calendarizacion == *id);
        members
            .map(|proceso| {
                let member = Member {
                    id_proceso: proceso.id_proceso.clone(),
                    habilitado: proceso.habilitado,
                };
                (member.id_proceso.clone(), member)
            })
            .collect()
    }
}
