//! One operation on a whole stack: create, change, read or destroy it.
//!
//! Invariant: everything is observed, and what must be refused is refused, before the marker is opened; nothing is written
//! before that, nor without the marker.

mod bring;
mod destroy;
mod find;

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
use super::marker::{self, Lease, MarkerError, Patience, Purpose, Ssm};
use super::model::Components;
use super::outputs;
use super::topology::{self, Codes};
use crate::configuration::Connection;

/// How long an operation may take where the user does not say.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_mins(30);

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
    pub fn new(
        connection: &Connection,
        names: Names,
        codes: Codes,
        stop: &CancellationToken,
        timeout: Duration,
    ) -> Self {
        Self {
            context: Context::new(names, connection.clients.clone()),
            codes,
            limits: Limits::default(),
            stop: stop.child_token(),
            deadline: Instant::now() + timeout,
        }
    }

    /// The value of the API key, where there is one.
    ///
    /// # Errors
    /// A warning: it could not be read.
    pub async fn api_key(&self) -> Result<Option<String>, Diagnostic> {
        let Some(id) = self.context.id(&super::kind::Ref::to("api_key")) else {
            return Ok(None);
        };
        api_key::value(&self.context, &id).await.map_err(|e| {
            let detail = format!("{e}\n\n\"api_key\" is null; the next refresh reads it again.");
            Diagnostic::warning("Cannot read the value of the API key", detail)
        })
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
        engine::observe(components, &self.context.observing(), &self.limits, &self.stop)
            .await
            .map_err(|errors| {
                let summary = format!("Cannot read the stack \"{}\"", self.context.names.app);
                errors
                    .iter()
                    .map(|e| Diagnostic::error(summary.clone(), e.to_string()))
                    .collect()
            })
    }

    fn refused(&self, verb: &str, error: &MarkerError) -> Refused {
        vec![Diagnostic::error(
            format!("Cannot {verb} the stack \"{}\"", self.context.names.app),
            error.to_string(),
        )]
    }

    async fn open(&self, config: &StackConfig, purpose: Purpose) -> Result<Lease<Ssm>, MarkerError> {
        let patience = Patience {
            deadline: self.deadline,
            stop: &self.stop,
        };
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
        closed
            .err()
            .map(|e| Diagnostic::error(summary(), e.to_string()))
            .into_iter()
            .collect()
    }

    /// One error a failed component, and one for what was therefore not tried.
    fn failures(&self, verb: &str, components: &[Component], report: &Report) -> Refused {
        let app = &self.context.names.app;
        let type_of = |name: &str| {
            components
                .iter()
                .find(|c| c.name == name)
                .map_or("", |c| c.node.type_name())
        };
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
}

/// Adds what is left of earlier configurations and was not removed.
fn add_leftovers(
    components: &mut Components,
    removed: &[Component],
    observation: &Observation,
    report: Option<&Report>,
) {
    for component in removed {
        let gone =
            report.is_some_and(|r| matches!(r.outcomes.get(&component.name), Some(engine::Outcome::Done { .. })));
        if let Some(Some(held)) = observation.get(&component.name)
            && held.owner == super::kind::Owner::Ours
            && !gone
        {
            components.insert(component.name.clone(), Attr::Known(outputs::leftover(component, held)));
        }
    }
}
