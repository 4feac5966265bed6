//! Reading a stack.
//!
//! Invariant: read-only.

use uuid::Uuid;

use super::{Found, Operation, Refused};
use crate::stack::component::Component;
use crate::stack::config::StackConfig;
use crate::stack::kind::Tags;
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
        let mut all: Vec<Component> = desired.iter().chain(&removed).cloned().collect();
        let shelf = self.shelf(config);
        let name = self.context.names.marker();
        let (observation, marker, tags) = tokio::join!(
            self.observe(&all),
            marker::read(&shelf, &self.context.names),
            shelf.tags(&name)
        );
        let (mut observation, marker) = (observation?, marker.map_err(|e| self.refused("read", &e))?);
        if let Some(abandoned) = marker.as_ref().filter(|m| m.is_abandoned()) {
            let traces = self.traces(config, abandoned.fase).await?;
            let mut more = self.removed(config, &[traces]);
            more.retain(|m| !all.iter().any(|c| c.name == m.name));
            all.extend(more.iter().cloned());
            // All of them again: what is new and what was read refer to each other.
            observation = self.observe(&all).await?;
            removed.extend(more);
        }
        if marker.is_none() && observation.values().all(Option::is_none) {
            return Ok(Found {
                components: None,
                installation: None,
                held: None,
            });
        }
        removed.retain(|r| engine::is_removed(r, &desired, &observation));
        let mut components = outputs::observed(&desired, &observation, &self.context);
        super::add_leftovers(&mut components, &removed, &observation, None);
        let tags = match &marker {
            Some(_) => tags.map_err(|e| self.refused("read", &e.into()))?,
            None => Tags::new(),
        };
        let said = marker.as_ref().map(|marker| (marker, &tags));
        let entry = outputs::marker_entry(said, installation, config, &self.context);
        Ok(Found {
            components: Some(outputs::with_marker(components, entry)),
            installation: marker.as_ref().map(|m| m.instalacion),
            held: marker.and_then(|m| m.held()),
        })
    }
}
