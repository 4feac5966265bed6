//! Destroying a stack.
//!
//! Invariant: what is not ours is left alone, and what is gone already is no error.

use uuid::Uuid;

use super::{Achieved, Operation, Refused};
use crate::stack::component::Component;
use crate::stack::config::StackConfig;
use crate::stack::marker::{self, Purpose};
use crate::stack::{engine, outputs};

impl Operation {
    /// Destroys the stack. `config` is what the state knows, `earlier` what unfinished changes may have left behind.
    pub async fn destroy(&self, config: &StackConfig, earlier: &[StackConfig], installation: Uuid) -> Achieved {
        match self.take_down(config, earlier, installation).await {
            Ok(achieved) => achieved,
            Err(diagnostics) => Achieved {
                diagnostics,
                ..Achieved::default()
            },
        }
    }

    async fn take_down(
        &self,
        config: &StackConfig,
        earlier: &[StackConfig],
        installation: Uuid,
    ) -> Result<Achieved, Refused> {
        let mut all = self.desired(config);
        all.extend(self.removed(config, earlier));
        let purpose = Purpose::Destroy(installation);
        let shelf = self.shelf(config);
        let found = marker::read(&shelf, &self.context.names)
            .await
            .map_err(|e| self.refused("destroy", &e))?;
        if let Some(found) = &found {
            purpose
                .suits(found, &self.context.names)
                .map_err(|e| self.refused("destroy", &e))?;
        }
        let mut observation = self.observe(&all).await?;
        if found.is_none() && observation.values().all(Option::is_none) {
            return Ok(Achieved {
                complete: true,
                ..Achieved::default()
            });
        }
        let lease = self
            .open(config, purpose)
            .await
            .map_err(|e| self.refused("destroy", &e))?;
        if lease.waited {
            observation = match self.observe(&all).await {
                Ok(observation) => observation,
                Err(mut diagnostics) => {
                    diagnostics.extend(self.close(lease.release().await));
                    return Err(diagnostics);
                }
            };
        }
        // Deleting refuses nothing: what is not ours is left alone.
        let plan = engine::plan(&[], &all, &observation, &[]).unwrap_or_default();
        let report = self.execute(&plan).await;
        if report.is_complete() {
            let diagnostics = self.close(lease.remove().await);
            return Ok(Achieved {
                complete: diagnostics.is_empty(),
                diagnostics,
                ..Achieved::default()
            });
        }
        let mut diagnostics = self.failures("destroy", &all, &report);
        diagnostics.extend(self.close(lease.release().await));
        let left: Vec<Component> = all
            .into_iter()
            .filter(|c| !matches!(report.outcomes.get(&c.name), Some(engine::Outcome::Done { .. })))
            .collect();
        let mut components = outputs::observed(&left, &observation, &self.context);
        components.retain(|_, entry| {
            entry
                .known()
                .is_some_and(|e| e.status.as_str() != Some(outputs::MISSING))
        });
        let entry = self.marker_now(config, Some(installation)).await;
        let components = Some(outputs::with_marker(components, entry));
        Ok(Achieved {
            components,
            installation: Some(installation),
            complete: false,
            diagnostics,
        })
    }
}
