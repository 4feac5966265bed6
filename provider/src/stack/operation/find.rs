//! Reading a stack.
//!
//! Invariant: read-only.

use uuid::Uuid;

use super::{Found, Operation, Refused};
use crate::stack::component::Component;
use crate::stack::config::StackConfig;
use crate::stack::{engine, marker, outputs};

impl Operation {
    /// Reads the stack. `earlier` is what unfinished changes may have left behind.
    ///
    /// # Errors
    /// Every component that could not be read.
    pub async fn find(
        &self,
        config: &StackConfig,
        earlier: &[StackConfig],
        installation: Option<Uuid>,
    ) -> Result<Found, Refused> {
        let desired = self.desired(config);
        let mut removed = self.removed(config, earlier);
        let all: Vec<Component> = desired.iter().chain(&removed).cloned().collect();
        let shelf = self.shelf(config);
        let (observation, marker) = tokio::join!(self.observe(&all), marker::read(&shelf, &self.context.names));
        let (observation, marker) = (observation?, marker.map_err(|e| self.refused("read", &e))?);
        if marker.is_none() && observation.values().all(Option::is_none) {
            return Ok(Found {
                components: None,
                installation: None,
            });
        }
        removed.retain(|r| engine::is_removed(r, &desired, &observation));
        let mut components = outputs::observed(&desired, &observation, &self.context);
        super::add_leftovers(&mut components, &removed, &observation, None);
        let entry = outputs::marker_entry(marker.as_ref(), installation, config, &self.context);
        Ok(Found {
            components: Some(outputs::with_marker(components, entry)),
            installation: marker.map(|m| m.instalacion),
        })
    }
}
