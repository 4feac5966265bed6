//! Creating and changing a stack.
//!
//! Invariant: what is refused is refused before the marker is opened, and then nothing was written.

use super::{Achieved, Operation, Refused, Wish};
use crate::stack::component::Component;
use crate::stack::config::StackConfig;
use crate::stack::engine::{self, Observation, Plan, Report};
use crate::stack::marker::{self, Phase, Purpose};
use crate::stack::{outputs, preflight, topology};
use tfplugin::Diagnostic;

/// What was found out before anything is written.
struct Prepared {
    desired: Vec<Component>,
    prior: Vec<Component>,
    observation: Observation,
    plan: Plan,
    /// Whether the stack has never been complete: its tables are protected only once it is.
    fresh: bool,
}

impl Operation {
    /// Creates or changes the stack.
    pub async fn bring(&self, wish: Wish<'_>) -> Achieved {
        match self.prepare(&wish).await {
            Ok(prepared) => self.carry_out(wish, prepared).await,
            Err(diagnostics) => Achieved {
                diagnostics,
                ..Achieved::default()
            },
        }
    }

    async fn prepare(&self, wish: &Wish<'_>) -> Result<Prepared, Refused> {
        let shelf = self.shelf(wish.config);
        let verb = if wish.purpose == Purpose::Create {
            "create"
        } else {
            "change"
        };
        let found = marker::read(&shelf, &self.context.names)
            .await
            .map_err(|e| self.refused(verb, &e))?;
        if let Some(found) = &found {
            wish.purpose
                .suits(found, &self.context.names)
                .map_err(|e| self.refused(verb, &e))?;
        }
        let problems = preflight::check(wish.config, &self.context).await;
        if !problems.is_empty() {
            return Err(problems.into_iter().map(preflight::Problem::into_error).collect());
        }
        let fresh = found.is_none_or(|m| m.fase != Phase::Completa);
        self.look(wish, fresh).await
    }

    /// Observes and plans.
    async fn look(&self, wish: &Wish<'_>, fresh: bool) -> Result<Prepared, Refused> {
        let unprotected = StackConfig {
            deletion_protection: false,
            ..wish.config.clone()
        };
        let desired = self.desired(if fresh { &unprotected } else { wish.config });
        let mut prior = self.removed(wish.config, wish.prior);
        let all: Vec<Component> = desired.iter().chain(&prior).cloned().collect();
        let observation = self.observe(&all).await?;
        prior.retain(|p| engine::is_removed(p, &desired, &observation));
        let order = wish
            .prior
            .first()
            .map(|p| topology::order(p, wish.config))
            .unwrap_or_default();
        let plan = engine::plan(&desired, &prior, &observation, &order).map_err(|refusals| {
            let summary = format!("Cannot create or change the stack \"{}\"", self.context.names.app);
            let detail = refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            vec![Diagnostic::error(
                summary,
                format!("{detail}\n\nNothing of the stack was created or changed."),
            )]
        })?;
        Ok(Prepared {
            desired,
            prior,
            observation,
            plan,
            fresh,
        })
    }

    async fn carry_out(&self, wish: Wish<'_>, mut prepared: Prepared) -> Achieved {
        let verb = if wish.purpose == Purpose::Create {
            "create"
        } else {
            "change"
        };
        let lease = match self.open(wish.config, wish.purpose).await {
            Ok(lease) => lease,
            Err(error) => {
                return Achieved {
                    diagnostics: self.refused(verb, &error),
                    ..Achieved::default()
                };
            }
        };
        let installation = Some(lease.installation());
        if lease.waited {
            // Whoever held it may have changed everything.
            let fresh = lease.phase() != Phase::Completa;
            match self.look(&wish, fresh).await {
                Ok(again) => prepared = again,
                Err(mut diagnostics) => {
                    diagnostics.extend(self.close(lease.release().await));
                    return Achieved {
                        diagnostics,
                        ..Achieved::default()
                    };
                }
            }
        }
        let mut report = self.execute(&prepared.plan).await;
        if report.is_complete() && prepared.fresh && wish.config.deletion_protection {
            self.protect(&wish, &mut prepared, &mut report).await;
        }
        let complete = report.is_complete();
        let mut diagnostics = self.failures(verb, &prepared.desired, &report);
        diagnostics.extend(self.close(if complete {
            lease.complete(wish.config.deletion_protection).await
        } else {
            lease.release().await
        }));
        let mut components = outputs::achieved(&prepared.desired, &prepared.observation, &report, &self.context);
        super::add_leftovers(&mut components, &prepared.prior, &prepared.observation, Some(&report));
        let marker = marker::read(&self.shelf(wish.config), &self.context.names)
            .await
            .ok()
            .flatten();
        let entry = outputs::marker_entry(marker.as_ref(), installation, wish.config, &self.context);
        Achieved {
            components: Some(outputs::with_marker(components, entry)),
            installation,
            complete: complete && diagnostics.is_empty(),
            diagnostics,
        }
    }

    /// Switches DynamoDB's own protection on: the last thing before a stack is complete.
    async fn protect(&self, wish: &Wish<'_>, prepared: &mut Prepared, report: &mut Report) {
        let is_table = |c: &&Component| c.node.type_name() == "AWS::DynamoDB::Table";
        let tables: Vec<Component> = self.desired(wish.config).iter().filter(is_table).cloned().collect();
        let observation = match self.observe(&tables).await {
            Ok(observation) => observation,
            Err(errors) => {
                for (table, error) in tables.iter().zip(errors) {
                    report
                        .outcomes
                        .insert(table.name.clone(), engine::Outcome::Failed(error.detail));
                }
                return;
            }
        };
        if let Ok(plan) = engine::plan(&tables, &[], &observation, &[]) {
            let protected = self.execute(&plan).await;
            for (name, outcome) in protected.outcomes {
                if outcome != engine::Outcome::Untouched {
                    report.outcomes.insert(name, outcome);
                }
            }
        }
        for table in tables {
            if let Some(place) = prepared.desired.iter_mut().find(|c| c.name == table.name) {
                *place = table;
            }
        }
        prepared.observation.extend(observation);
    }
}
