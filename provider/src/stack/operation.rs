//! One operation on a whole stack: create, change, read or destroy it.
//!
//! Invariant: everything is observed, and what must be refused is refused, before the marker is opened; nothing is written
//! before that, nor without the marker.

use std::time::Duration;

use kairos::names::Names;
use tfplugin::{Attr, CancellationToken, Diagnostic};
use tokio::time::Instant;
use uuid::Uuid;

use super::component::Component;
use super::config::StackConfig;
use super::context::Context;
use super::engine::{self, Limits, Observation, Pace, Plan, Report, Run};
use super::kinds::api_key;
use super::marker::{self, Lease, MarkerError, Patience, Phase, Purpose, Ssm};
use super::model::Components;
use super::outputs;
use super::preflight;
use super::topology::{self, Codes};
use crate::configuration::Connection;

/// How long an operation may take where the user does not say.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// What every operation on a stack works with.
#[derive(Debug)]
pub struct Operation {
    /// Clients, names and ids.
    pub context: Context,
    codes: Codes,
    limits: Limits,
    stop: CancellationToken,
    deadline: Instant,
}

/// What is to be brought about.
#[derive(Debug)]
pub struct Wish<'a> {
    /// The stack as it is wanted.
    pub config: &'a StackConfig,
    /// As it was wanted before, and what earlier, unfinished changes may have left behind.
    pub prior: &'a [StackConfig],
    /// What the marker is opened for.
    pub purpose: Purpose,
}

/// How far an operation came.
#[derive(Debug, Default)]
pub struct Achieved {
    /// The components as they are now; `None` where nothing was done at all.
    pub components: Option<Components>,
    /// The installation, once the marker was opened.
    pub installation: Option<Uuid>,
    /// Whether everything is as wanted.
    pub complete: bool,
    /// What went wrong.
    pub diagnostics: Vec<Diagnostic>,
}

/// What a stack is found to be.
#[derive(Debug)]
pub struct Found {
    /// The components, and what is left of earlier ones; `None` where the stack is gone.
    pub components: Option<Components>,
    /// The installation that the marker names.
    pub installation: Option<Uuid>,
}

type Refused = Vec<Diagnostic>;

impl Operation {
    /// An operation on the stack `names` that ends by itself after `timeout`.
    pub fn new(connection: &Connection, names: Names, codes: Codes, stop: &CancellationToken, timeout: Duration) -> Self {
        Self {
            context: Context::new(names, connection.clients.clone()),
            codes,
            limits: Limits::default(),
            stop: stop.child_token(),
            deadline: Instant::now() + timeout,
        }
    }

    /// Creates or changes the stack.
    pub async fn bring(&self, wish: Wish<'_>) -> Achieved {
        match self.prepare(&wish).await {
            Ok(prepared) => self.carry_out(wish, prepared).await,
            Err(diagnostics) => Achieved { diagnostics, ..Achieved::default() },
        }
    }

    /// Destroys the stack. `config` is what the state knows, `earlier` what unfinished changes may have left behind.
    pub async fn destroy(&self, config: &StackConfig, earlier: &[StackConfig], installation: Uuid) -> Achieved {
        match self.take_down(config, earlier, installation).await {
            Ok(achieved) => achieved,
            Err(diagnostics) => Achieved { diagnostics, ..Achieved::default() },
        }
    }

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
        let removed = self.removed(config, earlier);
        let all: Vec<Component> = desired.iter().chain(&removed).cloned().collect();
        let shelf = self.shelf(config);
        let (observation, marker) = tokio::join!(self.observe(&all), marker::read(&shelf, &self.context.names));
        let (observation, marker) = (observation?, marker.map_err(|e| self.refused("read", &e))?);
        if marker.is_none() && observation.values().all(Option::is_none) {
            return Ok(Found { components: None, installation: None });
        }
        let mut components = outputs::observed(&desired, &observation, &self.context);
        self.add_leftovers(&mut components, &removed, &observation, None);
        let entry = outputs::marker_entry(marker.as_ref(), installation, config, &self.context);
        Ok(Found {
            components: Some(outputs::with_marker(components, entry)),
            installation: marker.map(|m| m.instalacion),
        })
    }

    /// The value of the API key, where there is one.
    ///
    /// # Errors
    /// It could not be read.
    pub async fn api_key(&self) -> Result<Option<String>, Diagnostic> {
        let Some(id) = self.context.id(&super::kind::Ref::to("api_key")) else { return Ok(None) };
        api_key::value(&self.context, &id)
            .await
            .map_err(|e| Diagnostic::error("Cannot read the value of the API key", e.to_string()))
    }

    fn desired(&self, config: &StackConfig) -> Vec<Component> {
        topology::topology(config, &self.context.names, &self.codes)
    }

    /// What earlier configurations had and `config` has not.
    fn removed(&self, config: &StackConfig, earlier: &[StackConfig]) -> Vec<Component> {
        let desired = self.desired(config);
        let mut removed: Vec<Component> = Vec::new();
        for prior in earlier {
            for component in topology::prior(prior, config, &self.context.names, &self.codes) {
                if !desired.iter().chain(&removed).any(|c| c.name == component.name) {
                    removed.push(component);
                }
            }
        }
        removed
    }

    fn shelf(&self, config: &StackConfig) -> Ssm {
        let mut tags = config.tags.clone();
        tags.insert(Names::OWNER_TAG.into(), self.context.names.owner());
        Ssm::new(self.context.clone(), tags)
    }

    async fn observe(&self, components: &[Component]) -> Result<Observation, Refused> {
        engine::observe(components, &self.context, &self.limits, &self.stop).await.map_err(|errors| {
            let summary = format!("Cannot read the stack \"{}\"", self.context.names.app);
            errors.iter().map(|e| Diagnostic::error(summary.clone(), e.to_string())).collect()
        })
    }

    fn refused(&self, verb: &str, error: &MarkerError) -> Refused {
        vec![Diagnostic::error(format!("Cannot {verb} the stack \"{}\"", self.context.names.app), error.to_string())]
    }
}

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
    async fn prepare(&self, wish: &Wish<'_>) -> Result<Prepared, Refused> {
        let shelf = self.shelf(wish.config);
        let verb = if wish.purpose == Purpose::Create { "create" } else { "change" };
        let found = marker::read(&shelf, &self.context.names).await.map_err(|e| self.refused(verb, &e))?;
        if let Some(found) = &found {
            wish.purpose.suits(found, &self.context.names).map_err(|e| self.refused(verb, &e))?;
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
        let unprotected = StackConfig { deletion_protection: false, ..wish.config.clone() };
        let desired = self.desired(if fresh { &unprotected } else { wish.config });
        let prior = self.removed(wish.config, wish.prior);
        let all: Vec<Component> = desired.iter().chain(&prior).cloned().collect();
        let observation = self.observe(&all).await?;
        let order = wish.prior.first().map(|p| topology::order(p, wish.config)).unwrap_or_default();
        let plan = engine::plan(&desired, &prior, &observation, &order).map_err(|refusals| {
            let summary = format!("Cannot create or change the stack \"{}\"", self.context.names.app);
            let detail = refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            vec![Diagnostic::error(summary, format!("{detail}\n\nNothing of the stack was created or changed."))]
        })?;
        Ok(Prepared { desired, prior, observation, plan, fresh })
    }

    async fn carry_out(&self, wish: Wish<'_>, mut prepared: Prepared) -> Achieved {
        let verb = if wish.purpose == Purpose::Create { "create" } else { "change" };
        let lease = match self.open(wish.config, wish.purpose).await {
            Ok(lease) => lease,
            Err(error) => return Achieved { diagnostics: self.refused(verb, &error), ..Achieved::default() },
        };
        let installation = Some(lease.installation());
        if lease.waited {
            // Whoever held it may have changed everything.
            let fresh = lease.phase() != Phase::Completa;
            match self.look(&wish, fresh).await {
                Ok(again) => prepared = again,
                Err(mut diagnostics) => {
                    diagnostics.extend(self.close(lease.release().await));
                    return Achieved { diagnostics, ..Achieved::default() };
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
        self.add_leftovers(&mut components, &prepared.prior, &prepared.observation, Some(&report));
        let marker = marker::read(&self.shelf(wish.config), &self.context.names).await.ok().flatten();
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
                    report.outcomes.insert(table.name.clone(), engine::Outcome::Failed(error.detail));
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
        let found = marker::read(&shelf, &self.context.names).await.map_err(|e| self.refused("destroy", &e))?;
        if let Some(found) = &found {
            purpose.suits(found, &self.context.names).map_err(|e| self.refused("destroy", &e))?;
        }
        let mut observation = self.observe(&all).await?;
        if found.is_none() && observation.values().all(Option::is_none) {
            return Ok(Achieved { complete: true, ..Achieved::default() });
        }
        let lease = self.open(config, purpose).await.map_err(|e| self.refused("destroy", &e))?;
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
            return Ok(Achieved { complete: diagnostics.is_empty(), diagnostics, ..Achieved::default() });
        }
        let mut diagnostics = self.failures("destroy", &all, &report);
        diagnostics.extend(self.close(lease.release().await));
        let left: Vec<Component> =
            all.into_iter().filter(|c| !matches!(report.outcomes.get(&c.name), Some(engine::Outcome::Done { .. }))).collect();
        let mut components = outputs::observed(&left, &observation, &self.context);
        components.retain(|_, entry| entry.known().is_some_and(|e| e.status.as_str() != Some(outputs::MISSING)));
        let marker = marker::read(&shelf, &self.context.names).await.ok().flatten();
        let entry = outputs::marker_entry(marker.as_ref(), Some(installation), config, &self.context);
        let components = Some(outputs::with_marker(components, entry));
        Ok(Achieved { components, installation: Some(installation), complete: false, diagnostics })
    }

    async fn open(&self, config: &StackConfig, purpose: Purpose) -> Result<Lease<Ssm>, MarkerError> {
        let patience = Patience { deadline: self.deadline, stop: &self.stop };
        marker::open(&self.shelf(config), &self.context.names, purpose, &patience, &self.stop).await
    }

    async fn execute(&self, plan: &Plan) -> Report {
        tracing::debug!(stack = self.context.names.app, %plan, "carries out");
        let run = Run {
            context: self.context.clone(),
            limits: self.limits.clone(),
            stop: self.stop.clone(),
            deadline: self.deadline,
            pace: Pace::default(),
        };
        engine::execute(plan, &run).await
    }

    fn close(&self, closed: Result<(), MarkerError>) -> Refused {
        let summary = || format!("Cannot close the marker of the stack \"{}\"", self.context.names.app);
        closed.err().map(|e| Diagnostic::error(summary(), e.to_string())).into_iter().collect()
    }

    /// One error a failed component, and one for what was therefore not tried.
    fn failures(&self, verb: &str, components: &[Component], report: &Report) -> Refused {
        let app = &self.context.names.app;
        let type_of = |name: &str| components.iter().find(|c| c.name == name).map_or("", |c| c.node.type_name());
        let mut diagnostics: Refused = report
            .failures()
            .map(|(name, why)| {
                let summary = format!("Cannot {verb} the component \"{name}\" of the stack \"{app}\"");
                Diagnostic::error(summary, format!("{} (component \"{name}\"): {why}", type_of(name)))
            })
            .collect();
        let skipped: Vec<String> = report.skipped().map(|(name, why)| format!("{name}: {why}")).collect();
        if !skipped.is_empty() {
            let summary = format!("Parts of the stack \"{app}\" were not tried");
            let detail = format!(
                "{}\n\nThe state holds what was achieved: the same command again goes on from there.",
                skipped.join("\n")
            );
            diagnostics.push(Diagnostic::error(summary, detail));
        }
        diagnostics
    }

    fn add_leftovers(
        &self,
        components: &mut Components,
        removed: &[Component],
        observation: &Observation,
        report: Option<&Report>,
    ) {
        for component in removed {
            let gone = report.is_some_and(|r| matches!(r.outcomes.get(&component.name), Some(engine::Outcome::Done { .. })));
            if let Some(Some(held)) = observation.get(&component.name)
                && held.owner == super::kind::Owner::Ours
                && !gone
            {
                components.insert(component.name.clone(), Attr::Known(outputs::leftover(component, held)));
            }
        }
    }
}
