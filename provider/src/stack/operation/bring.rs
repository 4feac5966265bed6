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
        let (phase, left_behind) = found.map_or((Phase::Creando, false), |m| (m.fase, m.has_traces()));
        self.look(wish, phase, left_behind).await
    }

    /// Observes and plans. `left_behind` says whether there may be more than any state tells of.
    async fn look(&self, wish: &Wish<'_>, phase: Phase, left_behind: bool) -> Result<Prepared, Refused> {
        let fresh = phase != Phase::Completa;
        let mut earlier = wish.prior.to_vec();
        if left_behind {
            earlier.push(self.traces(wish.config, phase).await?);
        }
        let unprotected = StackConfig {
            deletion_protection: false,
            ..wish.config.clone()
        };
        let desired = self.desired(if fresh { &unprotected } else { wish.config });
        let mut prior = self.removed(wish.config, &earlier);
        let all: Vec<Component> = desired.iter().chain(&prior).cloned().collect();
        let observation = self.observe(&all).await?;
        if let Some(taken) = preflight::taken(wish.config, &self.context).await {
            return Err(vec![taken.into_error()]);
        }
        prior.retain(|p| engine::is_removed(p, &desired, &observation));
        let order = topology::order(topology::held_timeout(&observation), wish.config);
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
            match self.look(&wish, lease.phase(), lease.left_behind).await {
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
        let marked = self.mark(wish.config).await;
        let complete = report.is_complete() && marked.is_empty();
        let parts: Vec<Component> = prepared.desired.iter().chain(&prepared.prior).cloned().collect();
        let mut diagnostics = self.failures(verb, &parts, &report);
        diagnostics.extend(marked);
        diagnostics.extend(self.close(if complete {
            lease.complete(wish.config.deletion_protection).await
        } else {
            lease.release().await
        }));
        let mut components = outputs::achieved(&prepared.desired, &prepared.observation, &report, &self.context);
        super::add_leftovers(&mut components, &prepared.prior, &prepared.observation, Some(&report));
        let entry = self.marker_now(wish.config, installation).await;
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
                let why = errors.iter().map(|e| e.detail.as_str()).collect::<Vec<_>>().join("\n");
                for table in &tables {
                    report
                        .outcomes
                        .insert(table.name.clone(), engine::Outcome::Failed(why.clone()));
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
